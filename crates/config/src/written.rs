//! What the file says: a walk over the parsed tree that accepts what
//! [`crate::definition`] lists and complains about everything else, all at once.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use portcullis_policy::{Pattern, Rules, ServerName};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{Account, Config, Network, Root, Settings, SomeLimits, Source, Sync, Variable};
use crate::definition::{FILE, Key, Kind};
use crate::diagnose::{Diagnoses, Diagnosis};
use crate::secret::{self, SecretString};
use crate::values;

/// Reads a whole file.
pub(crate) fn read(text: &str, file: &str) -> Result<Config, Vec<Diagnosis>> {
    let mut diagnoses = Diagnoses::new(text, file);
    let (tree, broken) = DeTable::parse_recoverable(text);
    for error in &broken {
        diagnoses.wrong(&error.span().unwrap_or_default(), None, error.message().to_lowercase());
    }
    if !broken.is_empty() {
        return diagnoses.finish().map(|()| Config::default());
    }
    let config = Reader { diagnoses: &mut diagnoses }.file(tree.get_ref());
    diagnoses.finish()?;
    Ok(config)
}

/// A table together with the keys that it may hold.
struct Section<'t> {
    name: String,
    table: &'t DeTable<'t>,
    keys: &'static [Key],
}

/// A value together with its key.
#[derive(Clone, Copy)]
struct Entry<'t> {
    key: &'static Key,
    value: &'t Spanned<DeValue<'t>>,
}

struct Reader<'r, 'a> {
    diagnoses: &'r mut Diagnoses<'a>,
}

impl Reader<'_, '_> {
    fn file(&mut self, table: &DeTable<'_>) -> Config {
        let file = self.section("the file", table, FILE);
        let sync = self.table(&file, "journal").and_then(|journal| {
            self.word(&journal, "sync", &[("write", Sync::Write), ("always", Sync::Always)])
        });
        let defaults = self.table(&file, "defaults").map(|table| self.settings(&table));
        let servers = self.servers(&file);
        Config::new(sync.unwrap_or_default(), defaults.unwrap_or_default(), servers)
    }

    fn servers(&mut self, file: &Section<'_>) -> BTreeMap<ServerName, Settings> {
        let mut servers = BTreeMap::new();
        let Some(entry) = self.get(file, "server") else { return servers };
        let Kind::Named(keys) = entry.key.kind else { return servers };
        let Some(tables) =
            self.expect(entry, "a table of tables: [server.NAME]", DeValue::as_table)
        else {
            return servers;
        };
        for (name, value) in tables {
            let server = match ServerName::new(name.get_ref()) {
                Ok(server) => server,
                Err(bad) => {
                    self.diagnoses.wrong(&name.span(), Some(entry.key), bad.to_string());
                    continue;
                }
            };
            let entry = Entry { key: entry.key, value };
            if let Some(table) = self.expect(entry, "a table: [server.NAME]", DeValue::as_table) {
                let section = self.section(&format!("[server.{server}]"), table, keys);
                servers.insert(server, self.settings(&section));
            }
        }
        servers
    }

    /// `[defaults]` and `[server.NAME]`: the keys that only one of them has are
    /// unknown in the other, so asking for all of them finds nothing there.
    fn settings(&mut self, section: &Section<'_>) -> Settings {
        Settings {
            command: self.command(section),
            roots: self.roots(section),
            network: self.network(section),
            env: self.variables(section),
            tools: self.table(section, "tools").map(|tools| self.tools(&tools)),
            ask: self.word(section, "ask", values::ASK),
            patience: self.duration(section, "patience"),
            confinement: self.word(section, "confinement", values::CONFINEMENT),
            user: self.account(section),
            observe: self.flag(section, "observe"),
            limits: self.limits(section),
        }
    }

    fn limits(&mut self, section: &Section<'_>) -> SomeLimits {
        let Some(limits) = self.table(section, "limits") else { return SomeLimits::default() };
        let some = SomeLimits {
            calls_per_minute: self.count(&limits, "calls_per_minute"),
            call_timeout: self.duration(&limits, "call_timeout"),
            call_ceiling: self.duration(&limits, "call_ceiling"),
            message_bytes: self.size(&limits, "message_bytes"),
            processes: self.count(&limits, "processes"),
            memory_bytes: self.size(&limits, "memory_bytes"),
            file_bytes: self.size(&limits, "file_bytes"),
            tmp_bytes: self.size(&limits, "tmp_bytes"),
        };
        if let (Err(unfit), Some(entry)) =
            (some.clone().settle(), self.get(&limits, "call_ceiling"))
        {
            self.wrong(entry, unfit.to_string());
        }
        some
    }

    fn tools(&mut self, tools: &Section<'_>) -> Rules {
        Rules {
            allow: self.patterns(tools, "allow"),
            ask: self.patterns(tools, "ask").unwrap_or_default(),
            deny: self.patterns(tools, "deny").unwrap_or_default(),
            ..Rules::default()
        }
    }

    fn command(&mut self, section: &Section<'_>) -> Option<Vec<String>> {
        let entry = self.get(section, "command")?;
        let words = self.texts(entry)?;
        let command: Vec<_> = words.iter().map(|(_, word)| (*word).to_owned()).collect();
        if command.first().is_none_or(String::is_empty) {
            self.wrong(entry, "`command` names no program".to_owned());
        }
        for (at, word) in &words {
            if let Err(unfit) = secret::refuse_in_command(&[(*word).to_owned()]) {
                self.diagnoses.wrong(at, Some(entry.key), unfit.to_string());
            }
        }
        Some(command)
    }

    fn patterns(&mut self, section: &Section<'_>, name: &str) -> Option<Vec<Pattern>> {
        let entry = self.get(section, name)?;
        let words = self.texts(entry)?;
        for (at, word) in &words {
            if word.is_empty() {
                let what =
                    "an empty pattern matches no tool: write a name, `*` standing for anything";
                self.diagnoses.wrong(at, Some(entry.key), what);
            }
        }
        Some(words.iter().map(|(_, word)| Pattern::new(word)).collect())
    }

    fn roots(&mut self, section: &Section<'_>) -> Option<Vec<Root>> {
        let list = self.get(section, "roots")?;
        let Kind::Roots(keys) = list.key.kind else { return None };
        let items = self.expect(list, "a list of directories", DeValue::as_array)?;
        let entries = items.iter().map(|value| Entry { key: list.key, value });
        Some(entries.filter_map(|entry| self.root(entry, keys)).collect())
    }

    fn root(&mut self, entry: Entry<'_>, keys: &'static [Key]) -> Option<Root> {
        let read = match entry.value.get_ref() {
            DeValue::String(text) => values::parse_root(text),
            DeValue::Table(table) => {
                let root = self.section("a root", table, keys);
                let access = self.word(&root, "access", values::ACCESS).unwrap_or_default();
                match self.text(&root, "path") {
                    Some(path) => Root::new(path, access),
                    None if self.get(&root, "path").is_some() => return None,
                    None => Root::new("", access),
                }
            }
            other => {
                let what = format!("a root is a text or a table, not {}", kind_of(other));
                self.wrong(entry, what);
                return None;
            }
        };
        let root = self.fit(entry, read)?;
        if !root.is_anchored() {
            self.wrong(entry, format!("root `{}` is relative, and nobody knows to what: write it in full, or from `~/`", root.path()));
        }
        Some(root)
    }

    fn network(&mut self, section: &Section<'_>) -> Option<Network> {
        let entry = self.get(section, "network")?;
        match entry.value.get_ref() {
            DeValue::String(text) => self.fit(entry, values::parse_network(text)),
            DeValue::Array(list) if list.is_empty() => Some(Network::None),
            DeValue::Array(_) => {
                self.wrong(
                    entry,
                    "names of hosts are not supported by this version: write `[]` or `\"host\"`"
                        .to_owned(),
                );
                None
            }
            other => {
                self.wrong(
                    entry,
                    format!("`network` is `[]` or `\"host\"`, not {}", kind_of(other)),
                );
                None
            }
        }
    }

    fn variables(&mut self, section: &Section<'_>) -> Vec<Variable> {
        let Some(entry) = self.get(section, "env") else { return Vec::new() };
        let Kind::Variables(keys) = entry.key.kind else { return Vec::new() };
        let Some(table) = self.expect(entry, "a table of variables", DeValue::as_table) else {
            return Vec::new();
        };
        let mut variables = Vec::new();
        for (name, value) in table {
            let entry = Entry { key: entry.key, value };
            let Some(source) = self.source(name.get_ref(), entry, keys) else { continue };
            match Variable::new(name.get_ref(), source) {
                Ok(variable) => variables.push(variable),
                Err(unfit) => {
                    self.diagnoses.wrong(&name.span(), Some(entry.key), unfit.to_string())
                }
            }
        }
        variables
    }

    fn source(&mut self, name: &str, entry: Entry<'_>, keys: &'static [Key]) -> Option<Source> {
        match entry.value.get_ref() {
            DeValue::String(text) => {
                self.fit(entry, values::refuse_secret(name, text))?;
                Some(Source::Value(SecretString::new(text.as_ref())))
            }
            DeValue::Table(table) => {
                let reference = self.section(&format!("the reference of `{name}`"), table, keys);
                let env =
                    self.text(&reference, "env").map(|name| Source::Environment(name.to_owned()));
                let file = self.text(&reference, "file").map(|path| Source::File(path.to_owned()));
                if table.len() != 1 {
                    self.wrong(entry, "a reference has one key: `env` or `file`".to_owned());
                }
                env.or(file)
            }
            other => {
                let what = format!(
                    "`{name}` is a text, `{{ env = \"…\" }}` or `{{ file = \"…\" }}`, not {}",
                    kind_of(other)
                );
                self.wrong(entry, what);
                None
            }
        }
    }

    fn account(&mut self, section: &Section<'_>) -> Option<Account> {
        let entry = self.get(section, "user")?;
        let text = self.text(section, "user")?;
        self.fit(entry, Account::new(text))
    }

    fn flag(&mut self, section: &Section<'_>, name: &str) -> Option<bool> {
        let entry = self.get(section, name)?;
        self.expect(entry, "`true` or `false`", DeValue::as_bool)
    }

    fn text<'t>(&mut self, section: &Section<'t>, name: &str) -> Option<&'t str> {
        let entry = self.get(section, name)?;
        self.expect(entry, "a text", DeValue::as_str)
    }

    fn word<T: Copy>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let entry = self.get(section, name)?;
        let text = self.text(section, name)?;
        self.fit(entry, values::choose(text, &format!("a value of `{name}`"), words))
    }

    fn duration(&mut self, section: &Section<'_>, name: &str) -> Option<Duration> {
        let entry = self.get(section, name)?;
        let Kind::Duration(range) = &entry.key.kind else { return None };
        let text = self.expect(entry, "a duration such as \"2m\"", DeValue::as_str)?;
        let duration = self.fit(entry, values::parse_duration(text))?;
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let show = |number: u64| values::show_duration(Duration::from_millis(number));
        self.within(entry, milliseconds, range, show).map(Duration::from_millis)
    }

    fn size(&mut self, section: &Section<'_>, name: &str) -> Option<u64> {
        let entry = self.get(section, name)?;
        let Kind::Size(range) = &entry.key.kind else { return None };
        let text = self.expect(entry, "a size such as \"4MiB\"", DeValue::as_str)?;
        let bytes = self.fit(entry, values::parse_size(text))?;
        self.within(entry, bytes, range, values::show_size)
    }

    fn count(&mut self, section: &Section<'_>, name: &str) -> Option<u32> {
        let entry = self.get(section, name)?;
        let Kind::Count(range) = &entry.key.kind else { return None };
        let number = self.expect(entry, "a whole number", DeValue::as_integer)?;
        let number = i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX);
        let number = u64::try_from(number).unwrap_or(0);
        let number = self.within(entry, number, range, |number| number.to_string())?;
        u32::try_from(number).ok()
    }

    fn within(
        &mut self,
        entry: Entry<'_>,
        number: u64,
        range: &RangeInclusive<u64>,
        show: impl Fn(u64) -> String,
    ) -> Option<u64> {
        if range.contains(&number) {
            return Some(number);
        }
        let (least, most) = (show(*range.start()), show(*range.end()));
        self.wrong(entry, format!("`{}` lies between {least} and {most}", entry.key.name));
        None
    }

    fn texts<'t>(&mut self, entry: Entry<'t>) -> Option<Vec<(Range<usize>, &'t str)>> {
        let list = self.expect(entry, "a list of texts", DeValue::as_array)?;
        let items = list.iter().map(|value| Entry { key: entry.key, value });
        let read = items.map(|item| {
            let text = self.expect(item, "a list of texts", DeValue::as_str)?;
            Some((item.value.span(), text))
        });
        read.collect::<Vec<_>>().into_iter().collect()
    }

    fn table<'t>(&mut self, section: &Section<'t>, name: &str) -> Option<Section<'t>> {
        let entry = self.get(section, name)?;
        let Kind::Table(keys) = entry.key.kind else { return None };
        let table = self.expect(entry, "a table", DeValue::as_table)?;
        let inner = match section.name.trim_matches(['[', ']']) {
            "the file" => format!("[{name}]"),
            outer => format!("[{outer}.{name}]"),
        };
        Some(self.section(&inner, table, keys))
    }

    /// Opens a table: whatever it holds that is not among the keys is wrong.
    fn section<'t>(
        &mut self,
        name: &str,
        table: &'t DeTable<'t>,
        keys: &'static [Key],
    ) -> Section<'t> {
        for written in table.keys() {
            match keys.iter().find(|key| key.name == written.get_ref().as_ref()) {
                None => self.diagnoses.unknown(&written.span(), written.get_ref(), name, keys),
                Some(key) if matches!(key.kind, Kind::Later) => {
                    let what = format!("`{}` in {name} is not supported by this version", key.name);
                    self.diagnoses.wrong(&written.span(), Some(key), what);
                }
                Some(_) => {}
            }
        }
        Section { name: name.to_owned(), table, keys }
    }

    fn get<'t>(&self, section: &Section<'t>, name: &str) -> Option<Entry<'t>> {
        let key = section.keys.iter().find(|key| key.name == name)?;
        let (_, value) = section.table.iter().find(|(written, _)| written.get_ref() == name)?;
        Some(Entry { key, value })
    }

    fn expect<'t, T>(
        &mut self,
        entry: Entry<'t>,
        what: &str,
        read: impl Fn(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = read(entry.value.get_ref());
        if value.is_none() {
            let found = kind_of(entry.value.get_ref());
            self.wrong(entry, format!("`{}` is {what}, not {found}", entry.key.name));
        }
        value
    }

    fn fit<T>(&mut self, entry: Entry<'_>, read: Result<T, values::Unfit>) -> Option<T> {
        read.map_err(|unfit| self.wrong(entry, unfit.to_string())).ok()
    }

    fn wrong(&mut self, entry: Entry<'_>, what: String) {
        self.diagnoses.wrong(&entry.value.span(), Some(entry.key), what);
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
