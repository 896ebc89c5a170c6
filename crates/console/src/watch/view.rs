//! What is on the screen, and what a key does. It touches nothing: it is told the time and
//! the news, and says what shall be done.
//!
//! ```text
//!  list ── enter ──▶ question ── y, after all of it was seen ──▶ confirm ── "yes", enter ──▶ approved
//!                       │  └── a number ──▶ for how long ──────────┘
//!                       ├── n ──▶ denied
//!                       └── e ──▶ the person's editor ──▶ the same question, edited
//! ```

use std::time::{Duration, Instant};

use portcullis_guard::text::visible;
use portcullis_mediation::Matter;
use portcullis_mediation::edit::{judge, may_edit};
use portcullis_mediation::grant::Lasts;

use super::keys::Key;
use super::layout::{short, wrapped};
use super::sheet::{sheet, words};
use crate::api::{Asked, Said};

/// How soon nobody can have read a question.
const READING: Duration = Duration::from_secs(1);
/// What a question needs to be read at all: rows and columns.
const LEAST: (usize, usize) = (6, 20);
/// Rows that are not the question's: its name, what was said, the keys.
const AROUND: usize = 3;
/// What is typed to approve.
const YES: &str = "yes";

/// For how long a yes may stand, with the key for it.
const TIMES: &[(char, Lasts, &str)] = &[
    ('s', Lasts::Session, "until its session ends"),
    ('m', Lasts::Minutes(10), "10 minutes"),
    ('h', Lasts::Minutes(60), "an hour"),
    ('p', Lasts::Project, "in this project"),
    ('a', Lasts::Always, "wherever it is started"),
];

/// How a line looks where colours are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Bar,
}

/// Every row of the screen.
pub(super) type Frame = Vec<(Style, String)>;

/// What shall be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    Leave,
    /// Show this question.
    Open(String),
    /// Let the person edit this content of this question.
    Edit(String, String),
    /// Answer what was shown.
    Decide(Box<Asked>, Said),
    /// Approve this in the place of what was shown.
    Approve(Box<Asked>, String),
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct View {
    waiting: Vec<Asked>,
    chosen: usize,
    open: Option<Open>,
    says: String,
    size: (usize, usize),
}

/// A question that is open.
#[derive(Debug)]
struct Open {
    asked: Asked,
    /// What the person put in the place of its content.
    edited: Option<String>,
    lines: Vec<String>,
    /// The first row that is shown.
    top: usize,
    /// The rows before this one were on the screen.
    reached: usize,
    /// All of it was.
    seen: bool,
    since: Instant,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reading,
    /// A cover was chosen, from 1.
    Times(usize),
    /// So much of the word was typed.
    Confirm(Said, String),
}

impl View {
    pub(super) fn new(waiting: Vec<Asked>) -> Self {
        Self { waiting, chosen: 0, open: None, says: String::new(), size: (24, 80) }
    }

    /// The question that is open.
    pub(super) fn shown(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.asked.id.as_str())
    }

    pub(super) fn say(&mut self, what: &str) {
        self.says = what.to_owned();
    }

    /// Opens a question at its beginning.
    pub(super) fn open(&mut self, asked: Asked, now: Instant) {
        self.says.clear();
        let lines = sheet(&asked, None);
        self.open = Some(Open {
            asked,
            edited: None,
            lines,
            top: 0,
            reached: 0,
            seen: false,
            since: now,
            stage: Stage::Reading,
        });
    }

    /// The person has edited the question that is open: it is another one now, and read
    /// from its beginning.
    pub(super) fn edited(&mut self, text: &str, now: Instant) {
        let Some(open) = &mut self.open else { return };
        let matter = Matter::parse(&open.asked.kind).unwrap_or(Matter::Tool);
        match judge(matter, &open.asked.arguments, text) {
            Ok(content) => {
                open.lines = sheet(&open.asked, Some(&content));
                open.edited = Some(content);
                (open.top, open.reached, open.seen, open.since) = (0, 0, false, now);
                open.stage = Stage::Reading;
                self.says = "edited: read it, then y approves what stands there now".to_owned();
            }
            Err(why) => self.says = format!("not edited: {why}"),
        }
    }

    /// What was said is stored, or does not count.
    pub(super) fn answered(&mut self, told: String) {
        self.open = None;
        self.says = told;
    }

    /// What waits now, and the question that is open as it is now.
    pub(super) fn news(&mut self, waiting: Vec<Asked>, open: Option<Asked>, now: Instant) {
        let id = self.waiting.get(self.chosen).map(|asked| asked.id.clone());
        let place = id.and_then(|id| waiting.iter().position(|asked| asked.id == id));
        self.chosen = place.unwrap_or(self.chosen).min(waiting.len().saturating_sub(1));
        self.waiting = waiting;
        let Some(shown) = &mut self.open else { return };
        match open {
            Some(asked) if !asked.waits => {
                let by = asked.decided_by.as_deref().map(|by| format!(", by {}", visible(by)));
                self.says =
                    format!("{} is {} now{}", asked.id, asked.state, by.unwrap_or_default());
                self.open = None;
            }
            Some(asked) if asked.digest_of_all() == shown.asked.digest_of_all() => {
                shown.asked = asked;
            }
            Some(asked) => {
                self.open(asked, now);
                self.say("the question changed: read it again");
            }
            None => {
                self.open = None;
                self.says = "nobody asks that any more".to_owned();
            }
        }
    }

    /// The screen has this size; what of the question is on it counts as seen. Called before
    /// each frame that is painted, and at no other time.
    pub(super) fn fit(&mut self, size: (usize, usize)) {
        if size != self.size
            && let Some(open) = &mut self.open
        {
            // Its rows are others now.
            (open.reached, open.seen) = (0, false);
        }
        self.size = size;
        self.clamp();
        let (height, fits) = (self.height(), self.is_large_enough());
        let columns = size.1;
        if let Some(open) = self.open.as_mut().filter(|_| fits) {
            let rows = wrapped(open.lines.iter().map(String::as_str), columns).len();
            // What was jumped over was not seen, however often the end was.
            if open.top <= open.reached {
                open.reached = open.reached.max(open.top + height);
            }
            open.seen |= open.reached >= rows;
        }
    }

    /// Keeps the last row on the screen.
    pub(super) fn clamp(&mut self) {
        let (height, columns) = (self.height(), self.size.1);
        if let Some(open) = &mut self.open {
            let rows = wrapped(open.lines.iter().map(String::as_str), columns).len();
            open.top = open.top.min(rows.saturating_sub(height));
        }
    }

    fn height(&self) -> usize {
        self.size.0.saturating_sub(AROUND).max(1)
    }

    fn is_large_enough(&self) -> bool {
        self.size.0 >= LEAST.0 && self.size.1 >= LEAST.1
    }

    /// What a key does.
    pub(super) fn key(&mut self, key: Key, now: Instant) -> Act {
        if key == Key::Interrupt {
            return Act::Leave;
        }
        let height = self.height();
        match &mut self.open {
            None => self.in_list(key),
            Some(open) => match &open.stage {
                Stage::Reading => self.reading(key, height, now),
                Stage::Times(cover) => {
                    let cover = *cover;
                    self.times(key, cover)
                }
                Stage::Confirm(..) => self.confirming(key),
            },
        }
    }

    fn in_list(&mut self, key: Key) -> Act {
        let last = self.waiting.len().saturating_sub(1);
        let page = self.height();
        match key {
            Key::Up | Key::Letter('k') => self.chosen = self.chosen.saturating_sub(1),
            Key::Down | Key::Letter('j') => self.chosen = (self.chosen + 1).min(last),
            Key::PageUp => self.chosen = self.chosen.saturating_sub(page),
            Key::PageDown => self.chosen = (self.chosen + page).min(last),
            Key::Home => self.chosen = 0,
            Key::End => self.chosen = last,
            Key::Letter('q') => return Act::Leave,
            Key::Enter => {
                let chosen = self.waiting.get(self.chosen);
                return chosen.map_or(Act::Nothing, |asked| Act::Open(asked.id.clone()));
            }
            _ => {}
        }
        Act::Nothing
    }

    fn reading(&mut self, key: Key, height: usize, now: Instant) -> Act {
        let Some(open) = &mut self.open else { return Act::Nothing };
        match key {
            Key::Up | Key::Letter('k') => open.top = open.top.saturating_sub(1),
            // `clamp` holds it above the end.
            Key::Down | Key::Letter('j') => open.top += 1,
            Key::PageUp | Key::Letter('b') => open.top = open.top.saturating_sub(height),
            Key::PageDown | Key::Letter(' ') => open.top += height,
            Key::Home => open.top = 0,
            // By pages only: whoever jumps to the end has not seen what is before it.
            Key::Escape => self.open = None,
            Key::Letter('q') => return Act::Leave,
            Key::Letter('n') => return Act::Decide(Box::new(open.asked.clone()), Said::Deny),
            Key::Letter('e') if may_edit(matter(&open.asked)) => {
                let content = open.edited.as_ref().unwrap_or(&open.asked.arguments);
                return Act::Edit(open.asked.id.clone(), content.clone());
            }
            Key::Letter('y') => self.wants(Said::Once, now),
            Key::Letter(number @ '1'..='9') => {
                let cover = number.to_digit(10).and_then(|number| usize::try_from(number).ok());
                let offered = if open.edited.is_none() { open.asked.covers.len() } else { 0 };
                if let Some(cover) = cover.filter(|cover| *cover <= offered) {
                    self.wants(Said::Stands { cover, lasts: Lasts::Session }, now);
                }
            }
            _ => {}
        }
        Act::Nothing
    }

    /// A yes is not one before the question can have been read to its end.
    fn wants(&mut self, said: Said, now: Instant) {
        let Some(open) = &mut self.open else { return };
        if !open.seen {
            self.says = "not yet: go to the end of it first, with space or the arrows".to_owned();
        } else if now.saturating_duration_since(open.since) < READING {
            self.says = "not yet: nobody can have read it so soon".to_owned();
        } else {
            self.says.clear();
            open.stage = match said {
                Said::Stands { cover, .. } => Stage::Times(cover),
                said => Stage::Confirm(said, String::new()),
            };
        }
    }

    fn times(&mut self, key: Key, cover: usize) -> Act {
        let Some(open) = &mut self.open else { return Act::Nothing };
        match key {
            Key::Escape => open.stage = Stage::Reading,
            Key::Letter(letter) => {
                if let Some((_, lasts, _)) = TIMES.iter().find(|(key, ..)| *key == letter) {
                    let said = Said::Stands { cover, lasts: *lasts };
                    open.stage = Stage::Confirm(said, String::new());
                }
            }
            _ => {}
        }
        Act::Nothing
    }

    fn confirming(&mut self, key: Key) -> Act {
        let Some(open) = &mut self.open else { return Act::Nothing };
        let Stage::Confirm(said, typed) = &mut open.stage else { return Act::Nothing };
        match key {
            Key::Escape => open.stage = Stage::Reading,
            Key::Backspace => drop(typed.pop()),
            Key::Letter(letter) if typed.len() < YES.len() + 1 => typed.push(letter),
            Key::Enter if typed == YES => {
                let (said, shown) = (*said, Box::new(open.asked.clone()));
                return match open.edited.clone() {
                    Some(content) => Act::Approve(shown, content),
                    None => Act::Decide(shown, said),
                };
            }
            Key::Enter => {
                open.stage = Stage::Reading;
                self.says = "not approved: that was not the word".to_owned();
            }
            _ => {}
        }
        Act::Nothing
    }

    /// The screen, row by row.
    pub(super) fn frame(&self) -> Frame {
        let (rows, columns) = self.size;
        let mut frame = match (&self.open, self.is_large_enough()) {
            (_, false) => vec![(Style::Plain, short("this window is too small", columns))],
            (Some(open), true) => self.question(open),
            (None, true) => self.list(),
        };
        frame.resize(rows, (Style::Plain, String::new()));
        frame
    }

    fn list(&self) -> Frame {
        let (columns, height) = (self.size.1, self.height());
        let title = match self.waiting.len() {
            0 => "portcullis: no question waits".to_owned(),
            1 => "portcullis: 1 question waits".to_owned(),
            count => format!("portcullis: {count} questions wait"),
        };
        let mut frame = vec![(Style::Strong, short(&title, columns))];
        let first = self.chosen.saturating_sub(height - 1);
        let shown = self.waiting.iter().enumerate().skip(first).take(height);
        for (at, asked) in shown {
            let mark = if at == self.chosen { '>' } else { ' ' };
            let asks = words(asked).asks;
            let left = asked.left.as_secs();
            let line = format!("{mark} {}  {left}s  {}  {asks}?", asked.id, visible(&asked.risk));
            let style = if at == self.chosen { Style::Strong } else { Style::Plain };
            frame.push((style, short(&line, columns)));
        }
        self.below(frame, "enter looks at it · j k or arrows move · q leaves, answering nothing")
    }

    fn question(&self, open: &Open) -> Frame {
        let (columns, height) = (self.size.1, self.height());
        let rows = wrapped(open.lines.iter().map(String::as_str), columns);
        let left = open.asked.left.as_secs();
        let end = (open.top + height).min(rows.len());
        let title = format!(
            "{} · {left}s left · rows {} to {end} of {}",
            open.asked.id,
            open.top + 1,
            rows.len()
        );
        let mut frame = vec![(Style::Strong, short(&title, columns))];
        let shown = rows.into_iter().skip(open.top).take(height);
        frame.extend(shown.map(|row| (Style::Plain, row)));
        let keys = match &open.stage {
            Stage::Confirm(said, typed) => format!(
                "type yes, then enter: {typed} · to {} · escape goes back",
                meant(open, *said)
            ),
            Stage::Times(cover) => {
                let each = TIMES.iter().map(|(key, _, time)| format!("{key} {time}"));
                format!(
                    "choice {cover}, for how long? {} · escape goes back",
                    each.collect::<Vec<_>>().join(" · ")
                )
            }
            Stage::Reading if !open.seen => {
                "space and arrows go on to the end · n denies · escape goes back".to_owned()
            }
            Stage::Reading => keys_for(open),
        };
        self.below(frame, &keys)
    }

    /// What was said last, and the keys, on the last rows.
    fn below(&self, mut frame: Frame, keys: &str) -> Frame {
        let (rows, columns) = self.size;
        frame.resize(rows.saturating_sub(2), (Style::Plain, String::new()));
        frame.push((Style::Plain, short(&self.says, columns)));
        frame.push((Style::Bar, short(keys, columns)));
        frame
    }
}

fn matter(asked: &Asked) -> Matter {
    Matter::parse(&asked.kind).unwrap_or(Matter::Tool)
}

/// What a yes would do, in a few words.
fn meant(open: &Open, said: Said) -> String {
    match said {
        Said::Stands { cover, lasts } => {
            let time = TIMES.iter().find(|(_, it, _)| *it == lasts).map(|(.., time)| *time);
            format!("approve, and choice {cover} {}", time.unwrap_or_default())
        }
        _ if open.edited.is_some() => "approve what you edited, once".to_owned(),
        _ => "approve this, once".to_owned(),
    }
}

fn keys_for(open: &Open) -> String {
    let mut keys = vec!["y approves"];
    if open.edited.is_none() && !open.asked.covers.is_empty() {
        keys.push("a number approves for longer");
    }
    keys.push("n denies");
    if may_edit(matter(&open.asked)) {
        keys.push("e edits");
    }
    keys.push("escape goes back");
    keys.push("q leaves");
    keys.join(" · ")
}

#[cfg(test)]
mod tests;
