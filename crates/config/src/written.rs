//! What the file says: a walk over the parsed tree that accepts what
//! [`crate::definition`] lists and complains about everything else, all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_guard::egress::{Reach, Rule};
use portcullis_guard::secret::SecretString;
use portcullis_guard::{UriLists, UriPattern};
use portcullis_policy::{
    Extension, Flow, Names, Opening, Pattern, Review, Rules, Sampling, ServerName, Treatment,
};
use toml::de::{DeTable, DeValue};

use crate::config::{Account, Config, Network, Root, Source, Sync, Variable};
use crate::definition::{FILE, Key, Kind};
use crate::diagnose::{Diagnoses, Diagnosis};
use crate::input::{SomeElicitation, SomeSampling};
use crate::reader::{Entry, Reader, Section, kind_of};
use crate::secret;
use crate::settings::{Resources, Settings, SomeInspect, SomeLimits};
use crate::values::{self, Unfit};

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

impl Reader<'_, '_> {
    fn file(&mut self, table: &DeTable<'_>) -> Config {
        let file = self.section("the file", table, FILE);
        let sync = self.table(&file, "journal").and_then(|journal| {
            self.word(&journal, "sync", &[("write", Sync::Write), ("always", Sync::Always)])
        });
        let defaults = self.table(&file, "defaults").map(|table| self.settings(&table));
        let servers = self.servers(&file);
        let policy = self.policy(&file);
        let files = self.files(&file);
        let serve = self.serve(&file);
        let queries = self.queries(&file);
        let commands = self.commands(&file);
        let ceiling = self.table(&file, "ceiling").map(|table| self.settings(&table));
        Config {
            sync: sync.unwrap_or_default(),
            defaults: defaults.unwrap_or_default(),
            ceiling: ceiling.unwrap_or_default(),
            policy,
            files,
            serve,
            queries,
            commands,
            servers,
        }
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
            remote: self.remote(section),
            roots: self.roots(section),
            network: self.network(section),
            env: self.variables(section),
            tools: self.table(section, "tools").map(|tools| self.tools(&tools)),
            resources: self.table(section, "resources").map(|lists| self.resources(&lists)),
            prompts: self.table(section, "prompts").map(|lists| self.prompts(&lists)),
            extensions: self.words(section, "extensions", &Extension::ALL),
            ask: self.word(section, "ask", values::ASK),
            ask_at: self.place_of(section, "ask"),
            patience: self.duration(section, "patience"),
            channels: self.channels(section),
            trusted_hosts: self.trusted_hosts(section),
            confinement: self.word(section, "confinement", values::CONFINEMENT),
            user: self.account(section),
            pins: self.word(section, "pins", values::PINS),
            flow: self.word(section, "flow", Flow::WORDS),
            observe: self.flag(section, "observe"),
            inspect: self.inspect(section),
            doorbell: self.flag(section, "doorbell"),
            sampling: self.sampling(section),
            elicitation: self.elicitation(section),
            limits: self.limits(section),
        }
    }

    fn inspect(&mut self, section: &Section<'_>) -> SomeInspect {
        let Some(inspect) = self.table(section, "inspect") else { return SomeInspect::default() };
        SomeInspect {
            hidden: self.treatment(&inspect, "hidden"),
            instructions: self.treatment(&inspect, "instructions"),
            secrets: self.treatment(&inspect, "secrets"),
            definitions: self.treatment(&inspect, "definitions"),
            errors: self.treatment(&inspect, "errors"),
            open_world: self.treatment(&inspect, "open_world"),
        }
    }

    /// One of the words that the key lists: not every treatment fits everywhere.
    fn treatment(&mut self, section: &Section<'_>, name: &str) -> Option<Treatment> {
        let Kind::Word(words) = self.get(section, name)?.key.kind else { return None };
        let fitting: Vec<_> =
            Treatment::ALL.into_iter().filter(|(word, _)| words.contains(word)).collect();
        self.word(section, name, &fitting)
    }

    fn limits(&mut self, section: &Section<'_>) -> SomeLimits {
        let Some(limits) = self.table(section, "limits") else { return SomeLimits::default() };
        let some = SomeLimits {
            calls_per_minute: self.count(&limits, "calls_per_minute"),
            questions_per_hour: self.count(&limits, "questions_per_hour"),
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

    fn resources(&mut self, lists: &Section<'_>) -> Resources {
        let (allow, deny) = (self.uris(lists, "allow"), self.uris(lists, "deny"));
        let (allow, allow_written) = allow.unzip();
        let (deny, deny_written) = deny.unwrap_or_default();
        Resources {
            meant: UriLists { allow, deny, ..UriLists::default() },
            written: Names { allow: allow_written, deny: deny_written, ..Names::default() },
        }
    }

    fn sampling(&mut self, section: &Section<'_>) -> SomeSampling {
        let Some(table) = self.table(section, "sampling") else { return SomeSampling::default() };
        let models = self.patterns(&table, "models");
        SomeSampling {
            mode: self.word(&table, "mode", Sampling::MODES),
            review: self.word(&table, "review", Review::WORDS),
            max_tokens: self.count(&table, "max_tokens"),
            models: models.map(|allow| Names { allow: Some(allow), ..Names::default() }),
            per_minute: self.count(&table, "per_minute"),
            per_hour: self.count(&table, "per_hour"),
        }
    }

    fn elicitation(&mut self, section: &Section<'_>) -> SomeElicitation {
        let Some(table) = self.table(section, "elicitation") else {
            return SomeElicitation::default();
        };
        let urls = self.get(&table, "urls").and_then(|entry| self.reach(entry));
        SomeElicitation {
            mode: self.word(&table, "mode", Opening::WORDS),
            urls,
            per_call: self.count(&table, "per_call"),
            per_hour: self.count(&table, "per_hour"),
        }
    }

    fn prompts(&mut self, lists: &Section<'_>) -> Names {
        Names {
            allow: self.patterns(lists, "allow"),
            deny: self.patterns(lists, "deny").unwrap_or_default(),
            ..Names::default()
        }
    }

    fn uris(
        &mut self,
        section: &Section<'_>,
        name: &str,
    ) -> Option<(Vec<UriPattern>, Vec<Pattern>)> {
        let entry = self.get(section, name)?;
        let (mut uris, mut written) = (Vec::new(), Vec::new());
        for (at, word) in self.texts(entry)? {
            match UriPattern::new(word) {
                Ok(uri) => {
                    uris.push(uri);
                    written.push(Pattern::new(word).at(self.diagnoses.place(&at)));
                }
                Err(bad) => {
                    let what = format!(
                        "`{word}` matches no resource, it is {bad}: write a URI, `*` standing \
                         for anything within a component and `**` for all below"
                    );
                    self.diagnoses.wrong(&at, Some(entry.key), what);
                }
            }
        }
        Some((uris, written))
    }

    fn command(&mut self, section: &Section<'_>) -> Option<Vec<String>> {
        let entry = self.get(section, "command")?;
        let words = self.texts(entry)?;
        let command: Vec<_> = words.iter().map(|(_, word)| (*word).to_owned()).collect();
        if command.first().is_none_or(String::is_empty) {
            self.wrong(entry, "`command` names no program".to_owned());
        }
        for (place, (at, _)) in words.iter().enumerate() {
            if secret::secret_at(&command, place).is_some()
                && let Err(unfit) = secret::refuse_in_command(&command)
            {
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
                    "an empty pattern matches nothing: write a name, `*` standing for anything";
                self.diagnoses.wrong(at, Some(entry.key), what);
            }
        }
        let pattern = |(at, word): &(_, &str)| Pattern::new(word).at(self.diagnoses.place(at));
        Some(words.iter().map(pattern).collect())
    }

    pub(crate) fn roots(&mut self, section: &Section<'_>) -> Option<Vec<Root>> {
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
                let asks = self.flag(&root, "ask").unwrap_or_default();
                let places = self.get(&root, "protect").and_then(|entry| self.texts(entry));
                let protecting = |root: Root| match places {
                    None => Ok(root),
                    Some(places) => {
                        root.protecting(&places.iter().map(|(_, word)| *word).collect::<Vec<_>>())
                    }
                };
                match self.text(&root, "path") {
                    Some(path) => Root::new(path, access)
                        .and_then(protecting)
                        .map(|root| if asks { root.asking() } else { root }),
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
        if !values::is_anchored(root.path()) {
            self.relative(entry, root.path());
        }
        Some(root)
    }

    fn network(&mut self, section: &Section<'_>) -> Option<Network> {
        let entry = self.get(section, "network")?;
        match entry.value.get_ref() {
            DeValue::String(text) => self.fit(entry, values::parse_network(text)),
            DeValue::Array(_) => {
                let rules = self.hosts(entry)?;
                self.fit(entry, values::named(rules))
            }
            other => {
                let what = format!(
                    "`network` is a list of hosts, `\"none\"` or `\"host\"`, not {}",
                    kind_of(other)
                );
                self.wrong(entry, what);
                None
            }
        }
    }

    /// The entries that name hosts; the others are wrong.
    fn hosts(&mut self, entry: Entry<'_>) -> Option<Vec<Rule>> {
        let words = self.texts(entry)?;
        let mut rules = Vec::new();
        for (at, word) in words {
            match values::parse_reach(word) {
                Ok(rule) => rules.push(rule),
                Err(unfit) => self.diagnoses.wrong(&at, Some(entry.key), unfit.to_string()),
            }
        }
        Some(rules)
    }

    fn reach(&mut self, entry: Entry<'_>) -> Option<Reach> {
        let rules = self.hosts(entry)?;
        self.fit(entry, Reach::new(rules).map_err(|wrong| Unfit::new(wrong.to_string())))
    }

    pub(crate) fn variables(&mut self, section: &Section<'_>) -> Vec<Variable> {
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

    pub(crate) fn source(
        &mut self,
        name: &str,
        entry: Entry<'_>,
        keys: &'static [Key],
    ) -> Option<Source> {
        match entry.value.get_ref() {
            DeValue::String(text) => {
                self.fit(entry, secret::refuse_in_value(name, text))?;
                Some(Source::Value(Arc::new(SecretString::new(text.clone().into_owned()))))
            }
            DeValue::Table(table) => {
                let reference = self.section(&format!("the reference of `{name}`"), table, keys);
                let env =
                    self.text(&reference, "env").map(|name| Source::Environment(name.to_owned()));
                let file = self.file_reference(&reference);
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

    pub(crate) fn file_reference(&mut self, reference: &Section<'_>) -> Option<Source> {
        let entry = self.get(reference, "file")?;
        let path = self.text(reference, "file")?;
        if !values::is_anchored(path) {
            self.relative(entry, path);
        }
        Some(Source::File(path.to_owned()))
    }

    fn relative(&mut self, entry: Entry<'_>, path: &str) {
        let what = format!("`{path}` is relative, and to what? write it in full, or from `~/`");
        self.wrong(entry, what);
    }

    fn account(&mut self, section: &Section<'_>) -> Option<Account> {
        let entry = self.get(section, "user")?;
        let text = self.text(section, "user")?;
        self.fit(entry, Account::new(text))
    }
}
