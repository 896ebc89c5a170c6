//! The tables `[commands.NAME]`: programs that `portcullis server` may run, and what
//! each may be given.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_guard::command::{Dashes, Form, Grammar, Group, Kind as ValueKind, ready};
use toml::de::DeValue;

use crate::config::Variable;
use crate::definition::Kind;
use crate::precedence::{Document, Documents};
use crate::reader::{Entry, Reader, Section};
use crate::values::Unfit;

/// A program that may be run.
#[derive(Clone, Debug)]
pub struct Command {
    /// The name by which it is asked for.
    pub name: String,
    /// Its absolute path, or one from `~/`.
    pub program: String,
    /// What it does, for a model.
    pub about: String,
    /// Words that always stand before those of a call.
    pub fixed: Vec<String>,
    /// Variables that it gets beyond the usual ones; later ones win.
    pub env: Vec<Variable>,
    /// Variables that its ready grammar needs.
    pub usual_env: &'static [(&'static str, &'static str)],
    /// What it may be given.
    pub grammar: Grammar,
    /// How long a call may take.
    pub timeout: Duration,
    /// Bytes that are kept of each of its two streams.
    pub output_bytes: u64,
    /// It may write where the server may.
    pub writes: bool,
    /// It has a ready grammar, of a program that starts no other.
    pub alone: bool,
}

/// A table as it was written: its program is only missed when it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    program: Option<String>,
    /// Everything else, with no program.
    rest: Command,
}

impl Command {
    /// How long a call may take unless somebody says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// Bytes that are kept of a stream unless somebody says otherwise.
    pub const OUTPUT_BYTES: u64 = 1 << 20;
}

impl Documents {
    /// The programs that may be run. The administrator's tables stand; the person's add
    /// to them; a project offers none, for whoever writes a repository would choose
    /// what is run.
    ///
    /// # Errors
    /// One [`Unfit`] for each table that is not its file's to write, or names no program.
    pub fn commands(&self) -> Result<Vec<Command>, Vec<Unfit>> {
        let mut all = BTreeMap::new();
        let mut wrong = Vec::new();
        for (document, table) in self.tables(self.administrator.iter().chain(&self.user)) {
            let (file, name) = (&document.file, &table.rest.name);
            let settled = table.settled(file);
            if all.contains_key(name) {
                wrong.push(Unfit::new(format!(
                    "your file {file} has [commands.{name}], which the administrator fixed"
                )));
            } else {
                match settled {
                    Ok(command) => drop(all.insert(name.clone(), command)),
                    Err(unfit) => wrong.push(unfit),
                }
            }
        }
        for (document, table) in self.tables(self.projects.iter()) {
            let (file, name) = (&document.file, &table.rest.name);
            wrong.push(Unfit::new(format!(
                "the project's file {file} has [commands.{name}]: a project may not choose what \
                 is run; put it into your own file"
            )));
        }
        if wrong.is_empty() { Ok(all.into_values().collect()) } else { Err(wrong) }
    }

    fn tables<'a>(
        &'a self,
        documents: impl Iterator<Item = &'a Document>,
    ) -> impl Iterator<Item = (&'a Document, &'a Table)> {
        documents.flat_map(|it| it.config.commands.iter().map(move |table| (it, table)))
    }
}

impl Table {
    fn settled(&self, file: &str) -> Result<Command, Unfit> {
        let name = &self.rest.name;
        let missing = || {
            Unfit::new(format!(
                "[commands.{name}] in {file} names no program: write `program = \"/usr/bin/…\"`"
            ))
        };
        let program = self.program.clone().ok_or_else(missing)?;
        Ok(Command { program, ..self.rest.clone() })
    }
}

impl Reader<'_, '_> {
    /// Every table of a program.
    pub(crate) fn commands(&mut self, file: &Section<'_>) -> Vec<Table> {
        let Some(entry) = self.get(file, "commands") else { return Vec::new() };
        let Kind::Named(keys) = entry.key.kind else { return Vec::new() };
        let what = "a table of tables: [commands.NAME]";
        let Some(tables) = self.expect(entry, what, DeValue::as_table) else { return Vec::new() };
        let mut commands = Vec::new();
        for (name, value) in tables {
            let at = name.span();
            let name: &str = name.get_ref();
            if !is_name(name) {
                let what = "a command's name is 1 to 64 letters of `A-Z a-z 0-9 _ -`";
                self.diagnoses.wrong(&at, Some(entry.key), what.to_owned());
                continue;
            }
            let entry = Entry { key: entry.key, value };
            let Some(table) = self.expect(entry, "a table: [commands.NAME]", DeValue::as_table)
            else {
                continue;
            };
            let section = self.section(&format!("[commands.{name}]"), table, keys);
            commands.extend(self.one_command(name, entry, &section));
        }
        commands
    }

    fn one_command(
        &mut self,
        name: &str,
        entry: Entry<'_>,
        section: &Section<'_>,
    ) -> Option<Table> {
        let ready = match self.get(section, "grammar") {
            None => None,
            Some(entry) => {
                let text = self.text(section, "grammar")?;
                let known = ready(text);
                if known.is_none() {
                    self.wrong(entry, format!("there is no grammar `{text}`"));
                }
                Some(known?)
            }
        };
        let grammar = match ready {
            Some(ready) => {
                self.nothing_beside_a_grammar(section);
                ready.grammar().ok()
            }
            None => self.grammar(entry, section),
        };
        let env = self.variables(section);
        let fixed = match ready {
            Some(ready) => ready.fixed.iter().map(|word| (*word).to_owned()).collect(),
            None => self.list(section, "fixed"),
        };
        let about = self.text(section, "about").or(ready.map(|ready| ready.about));
        let rest = Command {
            name: name.to_owned(),
            program: String::new(),
            about: about.unwrap_or("has no description").to_owned(),
            fixed,
            env,
            alone: ready.is_some(),
            usual_env: ready.map(|ready| ready.env).unwrap_or_default(),
            grammar: grammar?,
            timeout: self.duration(section, "timeout").unwrap_or(Command::TIMEOUT),
            output_bytes: self.size(section, "output").unwrap_or(Command::OUTPUT_BYTES),
            writes: self.flag(section, "writes").unwrap_or_default(),
        };
        Some(Table { program: self.program(section), rest })
    }

    fn program(&mut self, section: &Section<'_>) -> Option<String> {
        let written = self.get(section, "program")?;
        let program = self.text(section, "program")?;
        if crate::values::is_anchored(program) && !program.contains('\0') {
            return Some(program.to_owned());
        }
        let what = format!(
            "`{}` would be looked up, and found by whoever is first: write its absolute path",
            program.escape_debug()
        );
        self.wrong(written, what);
        None
    }

    fn nothing_beside_a_grammar(&mut self, section: &Section<'_>) {
        for name in ["fixed", "options", "first", "arguments", "dashes", "at_words"] {
            if let Some(entry) = self.get(section, name) {
                let what = format!("`{name}` has no place beside `grammar`, which says it all");
                self.wrong(entry, what);
            }
        }
    }

    fn grammar(&mut self, entry: Entry<'_>, section: &Section<'_>) -> Option<Grammar> {
        let first = match self.get(section, "first") {
            None => None,
            Some(entry) => {
                let kind = self.text(section, "first")?;
                Some(Group { kind: self.kind(entry, kind)?, min: 1, max: 1 })
            }
        };
        let rest = match self.table(section, "arguments") {
            None if self.get(section, "arguments").is_some() => return None,
            None => None,
            Some(table) => Some(self.group(&table)?),
        };
        let dashes = [("ends", Dashes::Ends), ("unknown", Dashes::Unknown)];
        let form = Form {
            options: self.list(section, "options"),
            arguments: first.into_iter().chain(rest).collect(),
            after: Vec::new(),
            dashes: self.word(section, "dashes", &dashes).unwrap_or_default(),
            dashed: false,
            at_words: self.flag(section, "at_words").unwrap_or_default(),
        };
        let at = ["options", "arguments"].iter().find_map(|name| self.get(section, name));
        let at = at.unwrap_or(entry);
        self.fit(at, Grammar::new(form).map_err(|bad| Unfit::new(bad.to_string())))
    }

    fn group(&mut self, table: &Section<'_>) -> Option<Group> {
        let kind = match self.get(table, "kind") {
            None => ValueKind::Path,
            Some(entry) => {
                let kind = self.text(table, "kind")?;
                self.kind(entry, kind)?
            }
        };
        let min = self.count(table, "min").unwrap_or(1);
        let max = self.count(table, "max").unwrap_or(min.max(8));
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Some(Group { kind, min: number(min), max: number(max) })
    }

    fn kind(&mut self, entry: Entry<'_>, text: &str) -> Option<ValueKind> {
        self.fit(entry, ValueKind::read(text).map_err(|bad| Unfit::new(bad.to_string())))
    }

    fn list(&mut self, section: &Section<'_>, name: &str) -> Vec<String> {
        let Some(entry) = self.get(section, name) else { return Vec::new() };
        let words = self.texts(entry).unwrap_or_default();
        words.into_iter().map(|(_, word)| word.to_owned()).collect()
    }
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(letter)
}
