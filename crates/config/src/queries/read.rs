//! `[databases]` and `[queries]`, read and held against each other.

use std::collections::BTreeMap;

use portcullis_guard::Schema;
use portcullis_guard::sql::{self, Dialect, Effect};
use toml::de::DeValue;

use super::{Adhoc, Database, Parameter, ParameterKind, Place, Queries, Query};
use crate::config::Source;
use crate::definition::Kind;
use crate::reader::{Entry, Reader, Section};
use crate::values;

/// A table of tables, each with its name.
type Tables<'t> = Vec<(&'t str, Entry<'t>, Section<'t>)>;

impl Reader<'_, '_> {
    pub(crate) fn queries(&mut self, file: &Section<'_>) -> Queries {
        let mut databases = BTreeMap::new();
        for (name, entry, section) in self.named(file, "databases") {
            if let Some(database) = self.database(entry, &section) {
                databases.insert(name.to_owned(), database);
            }
        }
        let mut queries = BTreeMap::new();
        for (name, entry, section) in self.named(file, "queries") {
            if let Some(query) = self.query(entry, &section, &databases) {
                queries.insert(name.to_owned(), query);
            }
        }
        Queries { databases, queries }
    }

    /// The tables of `[WHAT.NAME]`: a name becomes part of a tool's.
    fn named<'t>(&mut self, section: &Section<'t>, what: &str) -> Tables<'t> {
        let Some(all) = self.get(section, what) else { return Vec::new() };
        let Kind::Named(keys) = all.key.kind else { return Vec::new() };
        let Some(tables) = self.expect(all, "a table of tables", DeValue::as_table) else {
            return Vec::new();
        };
        let mut read = Vec::new();
        for (name, value) in tables {
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let written = name.get_ref().as_ref();
            let start = written.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !start || written.len() > 48 || !written.chars().all(letter) {
                let what = "a name has at most 48 of `A-Z a-z 0-9 _`, and no digit in front";
                self.diagnoses.wrong(&name.span(), Some(all.key), what);
                continue;
            }
            let entry = Entry { key: all.key, value };
            if let Some(table) = self.expect(entry, "a table", DeValue::as_table) {
                let inner = self.section(&format!("[{what}.{written}]"), table, keys);
                read.push((written, entry, inner));
            }
        }
        read
    }

    fn database(&mut self, entry: Entry<'_>, section: &Section<'_>) -> Option<Database> {
        let kinds = [
            ("sqlite", Dialect::Sqlite),
            ("postgres", Dialect::Postgres),
            ("mysql", Dialect::MySql),
        ];
        let kind = self.word(section, "kind", &kinds).unwrap_or(Dialect::Sqlite);
        let file = self.text(section, "file");
        let url = self.get(section, "url").map(|url| self.reference(url));
        let place = match (kind, file, url) {
            (Dialect::Sqlite, Some(path), None) => {
                if !values::is_anchored(path) {
                    let what = "`file` is relative, and to what? write it in full, or from `~/`";
                    self.wrong(entry, what.to_owned());
                }
                Some(Place::File(path.to_owned()))
            }
            (Dialect::Postgres | Dialect::MySql, None, Some(source)) => {
                source.map(|source| Place::Server(kind, source))
            }
            (Dialect::Sqlite, ..) => {
                self.wrong(entry, "an SQLite database has a `file` and nothing else".to_owned());
                None
            }
            _ => {
                let what = "a database server has a `url` and nothing else";
                self.wrong(entry, what.to_owned());
                None
            }
        };
        let adhoc = self.word(section, "adhoc", &[("none", Adhoc::None), ("read", Adhoc::Read)]);
        let timeout = self.duration(section, "timeout").unwrap_or(Database::TIMEOUT);
        let rows = self.count(section, "rows").unwrap_or(Database::ROWS);
        let about = self.text(section, "about").map(str::to_owned);
        let adhoc = adhoc.unwrap_or_default();
        place.map(|place| Database { place, about, adhoc, timeout, rows })
    }

    pub(crate) fn reference(&mut self, entry: Entry<'_>) -> Option<Source> {
        let Kind::Reference(keys) = entry.key.kind else { return None };
        let what = "`{ env = \"…\" }` or `{ file = \"…\" }`, for it holds a password";
        let table = self.expect(entry, what, DeValue::as_table)?;
        let reference =
            self.section(&format!("the reference of `{}`", entry.key.name), table, keys);
        let env = self.text(&reference, "env").map(|name| Source::Environment(name.to_owned()));
        let file = self.file_reference(&reference);
        if table.len() != 1 {
            self.wrong(entry, "a reference has one key: `env` or `file`".to_owned());
        }
        env.or(file)
    }

    fn query(
        &mut self,
        entry: Entry<'_>,
        section: &Section<'_>,
        databases: &BTreeMap<String, Database>,
    ) -> Option<Query> {
        let parameters = self.parameters(section);
        let about = self.text(section, "about");
        let named = self.text(section, "database");
        let writes = self.flag(section, "writes").unwrap_or(false);
        let additive = self.flag(section, "additive").unwrap_or(false);
        let rows = self.count(section, "rows");
        let text = self.text(section, "sql");
        let (Some(about), Some(named), Some(text), Some(sql)) =
            (about, named, text, self.get(section, "sql"))
        else {
            self.wrong(entry, "a query has a `database`, `about` and `sql`".to_owned());
            return None;
        };
        if additive && !writes {
            self.wrong(entry, "`additive` is said of a query that `writes`".to_owned());
        }
        let Some(database) = databases.get(named) else {
            self.wrong(entry, format!("there is no database `{named}`"));
            return None;
        };
        let names: Vec<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let judged = match sql::named(database.dialect(), text, &names) {
            Ok(judged) => judged,
            Err(unfit) => {
                let at = self.diagnoses.inside(&sql.value.span(), text, unfit.at());
                self.diagnoses.wrong(&at, Some(sql.key), unfit.to_string());
                return None;
            }
        };
        match (judged.effect(), writes) {
            (Effect::Adds | Effect::Writes, false) => {
                let what = "it changes or locks something: say `writes = true`, or only read";
                self.wrong(sql, what.to_owned());
            }
            (Effect::Reads, true) => {
                self.wrong(entry, "it only reads: `writes` is not needed".to_owned());
            }
            (Effect::Writes, true) if additive => {
                let what = "`additive` is said of what only inserts: this may change or remove \
                            what was there";
                self.wrong(sql, what.to_owned());
            }
            _ => {}
        }
        let (rows, about) = (rows.unwrap_or(database.rows), about.to_owned());
        let query = Query { database: named.to_owned(), about, judged, parameters, additive, rows };
        if let Err(refused) = Schema::compile(&query.input_schema()) {
            self.wrong(entry, format!("its parameters cannot be checked: {refused}"));
        }
        Some(query)
    }

    fn parameters(&mut self, section: &Section<'_>) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for (name, entry, section) in self.named(section, "parameters") {
            parameters.push(Parameter {
                name: name.to_owned(),
                about: self.text(&section, "about").map(str::to_owned),
                kind: self.parameter_kind(entry, &section),
                optional: self.flag(&section, "optional").unwrap_or(false),
            });
        }
        parameters
    }

    fn parameter_kind(&mut self, entry: Entry<'_>, section: &Section<'_>) -> ParameterKind {
        const WORDS: [(&str, u8); 4] =
            [("string", 0), ("integer", 1), ("number", 2), ("boolean", 3)];
        let kind = self.word(section, "type", &WORDS).unwrap_or(0);
        let fitting: &[&str] = match kind {
            0 => &["max", "pattern", "enum"],
            1 | 2 => &["least", "most"],
            _ => &[],
        };
        for bound in ["max", "pattern", "enum", "least", "most"] {
            if self.get(section, bound).is_some() && !fitting.contains(&bound) {
                self.wrong(entry, format!("`{bound}` does not fit its type"));
            }
        }
        let (least, most) = (self.number(section, "least"), self.number(section, "most"));
        match kind {
            0 => ParameterKind::Text {
                max: self.count(section, "max").unwrap_or(Parameter::LONGEST),
                pattern: self.text(section, "pattern").map(str::to_owned),
                one_of: self.strings(section, "enum"),
            },
            1 => ParameterKind::Integer {
                least: least.and_then(|number| self.whole(entry, number)),
                most: most.and_then(|number| self.whole(entry, number)),
            },
            2 => ParameterKind::Number { least, most },
            _ => ParameterKind::Boolean,
        }
    }

    /// A bound of whole numbers, within what a double holds exactly.
    fn whole(&mut self, entry: Entry<'_>, number: f64) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_991.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            self.wrong(entry, "a bound of an integer is a whole number below 2^53".to_owned());
            return None;
        }
        format!("{number:.0}").parse().ok()
    }

    fn number(&mut self, section: &Section<'_>, name: &str) -> Option<f64> {
        let entry = self.get(section, name)?;
        let number = match entry.value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .and_then(|number| number.to_string().parse().ok()),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.wrong(entry, format!("`{name}` is a number"));
        }
        number
    }

    fn strings(&mut self, section: &Section<'_>, name: &str) -> Vec<String> {
        let Some(entry) = self.get(section, name) else { return Vec::new() };
        let words = self.texts(entry).unwrap_or_default();
        if words.is_empty() {
            self.wrong(entry, format!("`{name}` lists nothing"));
        }
        words.into_iter().map(|(_, word)| word.to_owned()).collect()
    }
}
