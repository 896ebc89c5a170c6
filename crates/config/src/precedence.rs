//! Several files decide together: whose word counts when they differ.
//!
//! ```text
//! administrator ── fixes ─▶ the person: command line over the person's file ── fixes ─▶ projects
//! ```
//!
//! Whoever stands further right may only tighten. What loosens is refused, with
//! the key and both sides; nothing is quietly taken for something else.
//! `tighten.rs` knows key by key what is tighter.

use portcullis_policy::{Ask, Base, Rules, ServerName};

use crate::config::{Config, Server, Sync};
use crate::policy::{Example, PolicyTable};
use crate::queries::Queries;
use crate::settings::{Overrides, Settings};
use crate::tighten::{Means, Tighten, locate};
use crate::values::Unfit;

/// One file, understood.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file, as its reader named it.
    pub file: String,
    /// What it says.
    pub config: Config,
}

/// Every file that decides.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// The administrator's: it outranks everything.
    pub administrator: Option<Document>,
    /// The person's own.
    pub user: Option<Document>,
    /// Those of projects, which may only tighten; the outermost first.
    pub projects: Vec<Document>,
}

/// What observing must not lift, because an administrator said it.
#[derive(Clone, Debug)]
pub struct Firm {
    /// Its lists.
    pub rules: Rules,
    /// Which calls a person must approve, if that was said.
    pub ask: Option<Ask>,
    /// What holds for a call that no policy speaks of.
    pub base: Base,
}

/// Where a path leads, in the file system of whoever asks: from `/`, and with its
/// links followed where it exists.
pub type Locate<'a> = &'a dyn Fn(&str) -> String;

const COMMAND_LINE: &str = "the command line";

impl Documents {
    /// One file alone, the person's.
    #[must_use]
    pub fn only(config: Config, file: &str) -> Self {
        let user = Some(Document { file: file.to_owned(), config });
        Self { user, ..Self::default() }
    }

    /// Every file, the highest rank first.
    pub fn all(&self) -> impl Iterator<Item = &Document> {
        self.administrator.iter().chain(&self.user).chain(&self.projects)
    }

    /// How durable records are: the strictest word counts.
    #[must_use]
    pub fn sync(&self) -> Sync {
        self.all().map(|document| document.config.sync).max().unwrap_or_default()
    }

    /// Calls with the answer they must get, of every file.
    #[must_use]
    pub fn examples(&self) -> Vec<Example> {
        self.all().flat_map(|document| document.config.policy.examples.iter().cloned()).collect()
    }

    /// Databases and queries: the person's, and the administrator's in their place where
    /// both have one of a name. A project's file cannot add any.
    ///
    /// # Errors
    /// One [`Unfit`] for each project's file that has some.
    pub fn queries(&self) -> Result<Queries, Vec<Unfit>> {
        let is_empty =
            |queries: &Queries| queries.databases.is_empty() && queries.queries.is_empty();
        let adding = self.projects.iter().filter(|file| !is_empty(&file.config.queries));
        let unfit = |file: &Document| {
            Unfit::new(format!("{}: a project's file adds no databases and queries", file.file))
        };
        let wrong: Vec<_> = adding.map(unfit).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut all = Queries::default();
        for document in self.user.iter().chain(&self.administrator) {
            let said = &document.config.queries;
            all.databases.extend(said.databases.clone());
            all.queries.extend(said.queries.clone());
        }
        // An administrator's database keeps the queries that its administrator wrote.
        if let Some(fixed) = &self.administrator {
            let fixed = &fixed.config.queries;
            all.queries.retain(|name, query| {
                !fixed.databases.contains_key(&query.database) || fixed.queries.contains_key(name)
            });
        }
        Ok(all)
    }

    /// With a closed base it is the administrator who permits, and nobody else.
    #[must_use]
    pub fn person_may_permit(&self) -> bool {
        let base = self.administrator.as_ref().and_then(|file| file.config.policy.base);
        base != Some(Base::Deny)
    }

    /// Decides everything about one server.
    ///
    /// # Errors
    /// One [`Unfit`] for each key with which somebody loosens what another fixed,
    /// or for a missing command, a secret in it, and limits that contradict each other.
    pub fn settle(
        &self,
        name: ServerName,
        line: Overrides,
        at: Locate<'_>,
    ) -> Result<Server, Vec<Unfit>> {
        let fixed = self.administrator.as_ref().map(|file| Fixed::of(file, &name, at));
        let empty = Config::default();
        let (file, own) = match &self.user {
            Some(user) => (format!("your file {}", user.file), &user.config),
            None => ("your settings".to_owned(), &empty),
        };
        let line = locate(line, at);
        let written = locate(own.said_of(&name), at);
        let mut wrong = Vec::new();
        let said = line.clone().over(written);
        let own_ceiling = (format!("the ceiling of {file}"), locate(own.ceiling.clone(), at));
        let mut settings = said.clone();
        if let Some(fixed) = &fixed {
            // What the command line said is not held against the file too.
            fixed.hold(line.clone(), COMMAND_LINE, &mut wrong);
            settings = fixed.hold(settings, &file, &mut wrong);
            fixed.not_observed(&settings, &fixed.who, &mut wrong);
        }
        let administrator = fixed.as_ref().map_or(file.as_str(), |fixed| &fixed.who);
        let said = [(line, COMMAND_LINE), (said, &file)];
        settings = under(own_ceiling, said, (settings, administrator), &mut wrong).settled();
        let mut base = self.base(&file, &mut wrong);
        for project in &self.projects {
            let who = format!("the project's file {}", project.file);
            settings = follow(project, &who, &name, (settings, at), &mut wrong);
            base = tighten_base(base, project.config.policy.base, &who, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(wrong.into_iter().map(|(_, unfit)| unfit).collect());
        }
        let policy = PolicyTable { base, examples: self.examples(), ..PolicyTable::default() };
        let mut server = Server::of(name, settings, &policy).map_err(|unfit| vec![unfit])?;
        server.firm = fixed.and_then(Fixed::firm);
        Ok(server)
    }

    fn base(&self, file: &str, wrong: &mut Vec<(&'static str, Unfit)>) -> Option<Base> {
        let said = |document: &Option<Document>| document.as_ref()?.config.policy.base;
        tighten_base(said(&self.administrator), said(&self.user), file, wrong)
    }
}

fn tighten_base(
    outer: Option<Base>,
    inner: Option<Base>,
    who: &str,
    wrong: &mut Vec<(&'static str, Unfit)>,
) -> Option<Base> {
    if (outer, inner) == (Some(Base::Deny), Some(Base::Allow)) {
        let what = format!("`policy.base`: {who} says `allow`, and whoever outranks it `deny`");
        wrong.push(("policy.base", Unfit::new(what)));
    }
    if outer == Some(Base::Deny) { outer } else { inner.or(outer) }
}

/// What is settled, as far as a person's own ceiling lets it be. What the person said
/// beyond it is a mistake; what an administrator gives beyond it is not had.
fn under(
    (who, ceiling): (String, Settings),
    said: [(Settings, &str); 2],
    (settled, by): (Settings, &str),
    wrong: &mut Vec<(&'static str, Unfit)>,
) -> Settings {
    for (said, by) in said {
        Tighten::new(&who, by, Means::Ceiling, wrong).settings(ceiling.clone(), said);
    }
    Tighten::new(&who, by, Means::OwnCeiling, wrong).settings(ceiling, settled)
}

/// A project tightens what is settled, or is refused.
fn follow(
    project: &Document,
    who: &str,
    name: &ServerName,
    (settled, at): (Settings, Locate<'_>),
    wrong: &mut Vec<(&'static str, Unfit)>,
) -> Settings {
    let said = locate(project.config.said_of(name), at);
    let starts = [
        ("command", said.command.is_some()),
        ("url", said.remote.is_some()),
        ("env", !said.env.is_empty()),
        ("user", said.user.is_some()),
    ];
    for (key, said) in starts {
        if said {
            let what = format!("`{key}`: {who} says it, and a project may only tighten");
            wrong.push((key, Unfit::new(what)));
        }
    }
    let said = Settings { command: None, remote: None, env: Vec::new(), user: None, ..said };
    let settled = Tighten::new("you", who, Means::Values, wrong).settings(settled, said);
    let ceiling = locate(project.config.ceiling.clone(), at);
    Tighten::new("you", who, Means::Meeting, wrong).settings(settled, ceiling)
}

/// What the administrator's file says about one server.
struct Fixed {
    who: String,
    values: Settings,
    ceiling: Settings,
    base: Option<Base>,
}

impl Fixed {
    fn of(document: &Document, name: &ServerName, at: Locate<'_>) -> Self {
        let config = &document.config;
        Self {
            who: format!("the administrator's file {}", document.file),
            values: locate(config.said_of(name), at),
            ceiling: locate(config.ceiling.clone(), at),
            base: config.policy.base,
        }
    }

    /// What somebody said, held against what is fixed.
    fn hold(&self, said: Settings, by: &str, wrong: &mut Vec<(&'static str, Unfit)>) -> Settings {
        let said =
            Tighten::new(&self.who, by, Means::Values, wrong).settings(self.values.clone(), said);
        Tighten::new(&self.who, by, Means::Ceiling, wrong).settings(self.ceiling.clone(), said)
    }

    /// Observing lifts more than policies. What an administrator fixed of that can
    /// only be observed when the administrator says so.
    fn not_observed(&self, settings: &Settings, who: &str, wrong: &mut Vec<(&'static str, Unfit)>) {
        let observed = settings.observe == Some(true) && !self.says_observe();
        let fixed = [&self.values, &self.ceiling];
        let lifted = [
            ("pins", fixed.iter().any(|said| said.pins.is_some())),
            ("flow", fixed.iter().any(|said| said.flow.is_some())),
            ("inspect", fixed.iter().any(|said| said.inspect.says_something())),
            (
                "limits.calls_per_minute",
                fixed.iter().any(|said| said.limits.calls_per_minute.is_some()),
            ),
            ("roots", fixed.iter().any(|said| said.roots.is_some())),
        ];
        if let Some((key, _)) = lifted.into_iter().find(|(_, said)| observed && *said) {
            let what = format!("`observe` would lift `{key}`, which {who} fixes");
            wrong.push(("observe", Unfit::new(what)));
        }
    }

    fn says_observe(&self) -> bool {
        self.values.observe == Some(true) || self.ceiling.observe == Some(true)
    }

    /// What holds although somebody observes.
    fn firm(self) -> Option<Firm> {
        if self.says_observe() {
            return None;
        }
        // Both are of one hand, so nobody is told when one loosens the other.
        let mut unheard = Vec::new();
        let said =
            Tighten::new("", "", Means::Values, &mut unheard).settings(self.values, self.ceiling);
        Some(Firm {
            rules: Rules {
                resources: said.resources.unwrap_or_default().written,
                prompts: said.prompts.unwrap_or_default(),
                ..said.tools.unwrap_or_default()
            },
            ask: said.ask,
            base: self.base.unwrap_or_default(),
        })
    }
}
