//! A page: a title, a statement, and cases.
//!
//! `# control-id` opens the page and its first paragraph is the statement. Each
//! `## Title` opens a case: prose, at most one `toml` block with settings, and
//! exactly one `case` block whose lines are steps. Other fenced blocks belong to
//! the prose.

use std::fmt;

use crate::{line, step::Step};

/// The cases of one control.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The control's id, from the title.
    pub control: String,
    /// The first paragraph, on one line.
    pub statement: String,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One story that two drivers play.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Where its heading stands, from 1.
    pub line: usize,
    /// The heading.
    pub title: String,
    /// What a link to it ends with, after `#`.
    pub anchor: String,
    /// The prose.
    pub story: String,
    /// What the operator wrote for this server, and what the peers declare.
    pub settings: Option<Settings>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// The text of a case's `toml` block; [`Setup`](crate::Setup) says what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The line of its first key, from 1.
    pub line: usize,
    /// TOML.
    pub text: String,
}

/// Why a page cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

impl std::error::Error for Malformed {}

/// Reads a page; `file` is only for messages.
///
/// # Errors
/// The first line that is not what a page has there.
pub fn read(text: &str, file: &str) -> Result<Page, Malformed> {
    let mut reader = Reader { file, page: None, open: None, fence: None };
    for (at, line) in text.lines().enumerate() {
        reader.line(at + 1, line)?;
    }
    reader.finish(text.lines().count().max(1))
}

/// The anchor that Markdown hosts give a heading.
#[must_use]
pub fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

struct Reader<'a> {
    file: &'a str,
    page: Option<Page>,
    open: Option<Open>,
    fence: Option<Fence>,
}

/// A case whose end has not been seen.
struct Open {
    case: Case,
    played: bool,
}

/// A fenced block whose end has not been seen.
struct Fence {
    line: usize,
    kind: Kind,
    mark: String,
}

#[derive(PartialEq)]
enum Kind {
    Case,
    Settings,
    Prose,
}

impl Reader<'_> {
    fn line(&mut self, at: usize, line: &str) -> Result<(), Malformed> {
        if let Some(fence) = self.fence.take() {
            return self.fenced(fence, at, line);
        }
        let mark: String = line.chars().take_while(|c| *c == '`').collect();
        if mark.len() >= 3 {
            let kind = line.trim_start_matches('`').trim();
            return self.opens(at, kind, mark, line);
        }
        if let Some(title) = line.strip_prefix("## ") {
            return self.case(at, title.trim());
        }
        if let Some(title) = line.strip_prefix("# ") {
            return self.title(at, title.trim());
        }
        self.prose(at, line)
    }

    fn title(&mut self, at: usize, title: &str) -> Result<(), Malformed> {
        if self.page.is_some() {
            return Err(self.malformed(at, "a page has one title"));
        }
        if title.is_empty() || title.chars().any(|c| !c.is_ascii_lowercase() && c != '-') {
            return Err(self.malformed(at, format!("`{title}` is not a control's id")));
        }
        self.page =
            Some(Page { control: title.to_owned(), statement: String::new(), cases: Vec::new() });
        Ok(())
    }

    fn case(&mut self, at: usize, title: &str) -> Result<(), Malformed> {
        self.close(at)?;
        match &self.page {
            None => return Err(self.malformed(at, "a case before the page's title")),
            Some(page) if page.statement.trim().is_empty() => {
                return Err(self.malformed(at, "no paragraph says what the control promises"));
            }
            Some(page) if page.cases.iter().any(|case| case.anchor == anchor(title)) => {
                return Err(self.malformed(at, format!("two cases are called `{title}`")));
            }
            Some(_) => {}
        }
        let case = Case {
            line: at,
            title: title.to_owned(),
            anchor: anchor(title),
            story: String::new(),
            settings: None,
            steps: Vec::new(),
        };
        self.open = Some(Open { case, played: false });
        Ok(())
    }

    fn opens(&mut self, at: usize, kind: &str, mark: String, line: &str) -> Result<(), Malformed> {
        let kind = match (kind, &self.open) {
            ("case" | "toml", None) => {
                return Err(self.malformed(at, format!("a `{kind}` block outside of a case")));
            }
            ("case", Some(open)) if open.played => {
                return Err(self.malformed(at, "a case has one `case` block"));
            }
            ("toml", Some(open)) if open.case.settings.is_some() => {
                return Err(self.malformed(at, "a case has one `toml` block"));
            }
            ("case", _) => Kind::Case,
            ("toml", _) => Kind::Settings,
            _ => Kind::Prose,
        };
        if let Some(open) = &mut self.open {
            match kind {
                Kind::Case => open.played = true,
                Kind::Settings => {
                    let settings = Settings { line: at + 1, text: String::new() };
                    open.case.settings = Some(settings);
                }
                Kind::Prose => {}
            }
        }
        if kind == Kind::Prose {
            self.prose(at, line)?;
        }
        self.fence = Some(Fence { line: at, kind, mark });
        Ok(())
    }

    fn fenced(&mut self, fence: Fence, at: usize, line: &str) -> Result<(), Malformed> {
        if line.trim_end() == fence.mark {
            return if fence.kind == Kind::Prose { self.prose(at, line) } else { Ok(()) };
        }
        match (&fence.kind, &mut self.open) {
            (Kind::Case, Some(open)) => {
                let text = line.trim();
                if !text.is_empty() && !text.starts_with('#') {
                    let file = self.file.to_owned();
                    let (times, what) =
                        line::repeated(text).map_err(|why| Malformed { file, line: at, why })?;
                    let step = Step { line: at, text: text.to_owned(), what };
                    open.case.steps.extend(std::iter::repeat_n(step, times));
                }
            }
            (Kind::Settings, Some(open)) => {
                if let Some(settings) = &mut open.case.settings {
                    settings.text.push_str(line);
                    settings.text.push('\n');
                }
            }
            _ => self.prose(at, line)?,
        }
        self.fence = Some(fence);
        Ok(())
    }

    fn prose(&mut self, at: usize, line: &str) -> Result<(), Malformed> {
        match (&mut self.open, &mut self.page) {
            (Some(open), _) => push_line(&mut open.case.story, line),
            (None, Some(page)) => {
                // The statement ends with the first blank line after it began.
                let ended = page.statement.ends_with('\n');
                match line.trim() {
                    "" if !page.statement.is_empty() && !ended => page.statement.push('\n'),
                    text if !text.is_empty() && !ended => {
                        let space = if page.statement.is_empty() { "" } else { " " };
                        page.statement.push_str(space);
                        page.statement.push_str(text);
                    }
                    _ => {}
                }
            }
            (None, None) if line.trim().is_empty() => {}
            (None, None) => return Err(self.malformed(at, "a page opens with `# control-id`")),
        }
        Ok(())
    }

    /// Ends the case that is open.
    fn close(&mut self, at: usize) -> Result<(), Malformed> {
        let Some(Open { mut case, .. }) = self.open.take() else { return Ok(()) };
        if case.steps.is_empty() {
            return Err(self.malformed(at, format!("the case `{}` has no steps", case.title)));
        }
        case.story = case.story.trim().to_owned();
        if let Some(page) = &mut self.page {
            page.cases.push(case);
        }
        Ok(())
    }

    fn finish(mut self, last: usize) -> Result<Page, Malformed> {
        if let Some(fence) = &self.fence {
            return Err(self.malformed(fence.line, "this block is not closed"));
        }
        self.close(last)?;
        let file = self.file;
        let malformed =
            |why: &str| Malformed { file: file.to_owned(), line: last, why: why.into() };
        let mut page = self.page.ok_or_else(|| malformed("a page opens with `# control-id`"))?;
        page.statement.truncate(page.statement.trim_end().len());
        if page.cases.is_empty() {
            return Err(malformed("the page has no case"));
        }
        Ok(page)
    }

    fn malformed(&self, line: usize, why: impl Into<String>) -> Malformed {
        Malformed { file: self.file.to_owned(), line, why: why.into() }
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
