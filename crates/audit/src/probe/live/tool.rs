//! One tool: an honest call first, then what can be tried on each of its parameters.

use std::collections::BTreeSet;

use portcullis_guard::Schema;
use serde_json::{Map, Value, json};

use super::attack::{Proof, tries};
use super::clock::Clock;
use super::dice::word;
use super::inventory::name_of;
use super::kind::{Carries, Kind, Parameter, learned, parameters};
use super::run::Run;
use super::shape::{plain, sample, type_of};
use crate::evidence::live::{Attack, Effect, is_boxed};

/// Calls for one parameter.
const CALLS: usize = 40;
/// Honest calls until one is answered.
const HONEST: usize = 7;
/// Characters that no text is as long as.
const LONG: usize = 300_000;
/// A number that none is as large as.
const LARGE: i64 = 1_000_000_000;
/// Words in the name of a tool that changes things, whose honest call had better name a new file.
const WRITES: &[&str] = &[
    "write", "create", "save", "append", "edit", "update", "put", "store", "add", "mkdir", "make",
];

/// Words in the name of a tool that takes things away.
const TAKES: &[&str] =
    &["move", "rename", "delete", "remove", "copy", "commit", "init", "checkout", "reset"];

/// A tool that is looked at.
#[derive(Debug)]
pub(super) struct Tool<'t> {
    pub(super) name: &'t str,
    definition: &'t Value,
    schema: Option<Schema>,
    pub(super) parameters: Vec<Parameter>,
    /// Arguments that it answered, or at least that fit.
    pub(super) base: Map<String, Value>,
    /// It answered them.
    pub(super) works: bool,
}

impl<'t> Tool<'t> {
    pub(super) fn read(definition: &'t Value) -> Option<Self> {
        let schema = definition.get("inputSchema").and_then(|schema| Schema::compile(schema).ok());
        let parameters = parameters(definition);
        let name = name_of(definition)?;
        Some(Self { name, definition, schema, parameters, base: Map::new(), works: false })
    }

    /// Everything that is tried on it.
    pub(super) fn try_all(&mut self, run: &mut Run<'_>, share: &Clock) {
        self.honest(run);
        self.large(run);
        self.errors(run);
        for parameter in self.parameters.clone() {
            if share.is_over() {
                run.untested(format!("{}/{}", self.name, parameter.name), "there was no time left");
                continue;
            }
            match parameter.carries {
                Carries::Text(kind) | Carries::List(kind) => {
                    self.attack(run, &parameter, kind, share)
                }
                Carries::Number => self.numbers(run, &parameter),
                Carries::Nothing => {}
            }
            self.invalid(run, &parameter);
        }
        self.extra(run);
    }

    /// Looks for arguments that it answers.
    fn honest(&mut self, run: &mut Run<'_>) {
        let writes =
            portcullis_guard::words(self.name).iter().any(|word| WRITES.contains(&word.as_str()));
        let mut said = String::new();
        for round in 0..HONEST {
            let mut proof = Proof::default();
            let mut arguments = Map::new();
            for parameter in self.parameters.iter().filter(|parameter| parameter.required) {
                let (value, host) = self.value(parameter, round, writes);
                proof.host = proof.host.or(host);
                arguments.insert(parameter.name.clone(), value);
            }
            if round > 0 && arguments == self.base {
                continue;
            }
            self.base = arguments;
            let Some(came) = run.call(Attack::Benign, self.name, "", &self.base, proof) else {
                run.untested(
                    self.name,
                    "there was no time left, or the server does not start any more",
                );
                return;
            };
            self.works = came.is_honest();
            if self.works {
                return;
            }
            if matches!(came.effect, Some(Effect::Reached { .. })) {
                let why = "it reached out as it is meant to, and nothing in the box answers";
                run.untested(format!("what {} does with an answer", self.name), why);
                return;
            }
            if self.parameters.is_empty() {
                self.parameters = learned(self.definition, &came.text);
            }
            said = portcullis_guard::bounded(&came.said, 200);
        }
        let why = match is_boxed(&said, true) {
            true => "it could not do its work in the box, where its own place cannot be written",
            false => "no honest call that we know was answered",
        };
        run.untested(self.name, format!("{why}; the last time it said: {said}"));
    }

    /// Whether its name says that it changes things.
    fn writes(&self) -> bool {
        portcullis_guard::words(self.name).iter().any(|word| WRITES.contains(&word.as_str()))
    }

    /// An honest value, and the host that it names.
    fn value(&self, parameter: &Parameter, round: usize, writes: bool) -> (Value, Option<String>) {
        let root = self.definition.get("inputSchema").unwrap_or(&Value::Null);
        let kind = match parameter.carries {
            Carries::Text(kind) | Carries::List(kind) => kind,
            Carries::Number | Carries::Nothing => return (sample(&parameter.schema, root), None),
        };
        let word = word();
        let new = (kind == Kind::Path && (writes || parameter.is_new()))
            .then(|| format!("new-{word}.txt"));
        let hint = parameter.hint().map(str::to_owned);
        let known = kind.honest().iter().map(|text| text.replace("{word}", &word));
        let fits = |text: &String| {
            let schema = Schema::compile(&parameter.schema).ok();
            let value = carried(parameter, text);
            schema.is_none_or(|schema| schema.validate(&value).is_ok())
        };
        let all: Vec<String> = new.into_iter().chain(hint).chain(known).filter(fits).collect();
        let Some(text) = all.get(round % all.len().max(1)) else {
            return (sample(&parameter.schema, root), None);
        };
        let host = (kind == Kind::Url).then(|| format!("{word}.example"));
        (carried(parameter, text), host)
    }

    /// The honest call, for the largest thing on the stage.
    fn large(&self, run: &mut Run<'_>) {
        let named = portcullis_guard::words(self.name);
        if self.writes() || named.iter().any(|word| TAKES.contains(&word.as_str())) {
            return;
        }
        for parameter in &self.parameters {
            let text = match parameter.carries {
                Carries::Text(Kind::Path) => "large.log",
                Carries::Text(Kind::Command) => "cat large.log",
                _ => continue,
            };
            let _ = run.call(
                Attack::Benign,
                self.name,
                &parameter.name,
                &self.with(parameter, text),
                Proof::default(),
            );
        }
    }

    /// The base with another text in one parameter.
    pub(super) fn with(&self, parameter: &Parameter, text: &str) -> Map<String, Value> {
        self.put(parameter, carried(parameter, text))
    }

    fn put(&self, parameter: &Parameter, value: Value) -> Map<String, Value> {
        let mut arguments = self.base.clone();
        arguments.insert(parameter.name.clone(), value);
        arguments
    }

    /// Errors that an honest mistake provokes.
    fn errors(&self, run: &mut Run<'_>) {
        for parameter in &self.parameters {
            let (Carries::Text(kind) | Carries::List(kind)) = parameter.carries else { continue };
            let mistakes: &[&str] = match kind {
                Kind::Path => &["nothing-here.txt", "notes.txt/below", "\u{0}", ""],
                Kind::Command => &["cat nothing-here.txt", "nothing-here", "'", ""],
                Kind::Sql => &["SELEC 1", "SELECT * FROM nothing_here", "'"],
                Kind::Url => &["http://", "nothing-here"],
                Kind::Code => &["nothing_here(", "1 / 0"],
                Kind::Template | Kind::Text => &["'", "\u{0}", ""],
            };
            for mistake in mistakes {
                let arguments = self.with(parameter, mistake);
                let came = run.call(
                    Attack::ErrorLeak,
                    self.name,
                    &parameter.name,
                    &arguments,
                    Proof::default(),
                );
                if came.is_none_or(|came| matches!(came.effect, Some(Effect::Leaked { .. }))) {
                    break;
                }
            }
        }
    }

    /// Everything that may be hidden in a text. Of each kind no more after one worked.
    fn attack(&self, run: &mut Run<'_>, parameter: &Parameter, kind: Kind, share: &Clock) {
        let honest = match self.base.get(&parameter.name) {
            Some(Value::String(text)) => text.clone(),
            _ => kind.honest().first().copied().unwrap_or("tea").to_owned(),
        };
        let table = run.table();
        let mut confirmed = BTreeSet::new();
        // Whoever speaks HTTP loses nothing to a program that reads its input.
        if kind == Kind::Command && run.order.listens.is_none() {
            super::special::swallow(run, self, parameter);
        }
        for one in tries(kind, &honest, &table).into_iter().take(CALLS) {
            if confirmed.contains(&one.attack) || share.is_over() {
                continue;
            }
            let arguments = self.with(parameter, &one.value);
            let Some(came) =
                run.call(one.attack, self.name, &parameter.name, &arguments, one.proof)
            else {
                run.untested(format!("{}/{}", self.name, parameter.name), "not everything was tried: there was no time left, or the server does not start any more");
                return;
            };
            if came.effect.is_some_and(|effect| proves(&effect)) {
                confirmed.insert(one.attack);
            }
        }
    }

    /// Numbers that nobody needs.
    fn numbers(&self, run: &mut Run<'_>, parameter: &Parameter) {
        let path = self.parameters.iter().find(|other| other.carries == Carries::Text(Kind::Path));
        if let Some(path) = path {
            let mut arguments = self.with(path, "large.log");
            arguments.insert(parameter.name.clone(), json!(LARGE));
            let _ =
                run.call(Attack::Invalid, self.name, &parameter.name, &arguments, Proof::default());
        }
        let bounded =
            |names: [&str; 2]| names.iter().any(|name| parameter.schema.get(name).is_some());
        for (value, names) in
            [(LARGE, ["maximum", "exclusiveMaximum"]), (-LARGE, ["minimum", "exclusiveMinimum"])]
        {
            let free = !bounded(names) && parameter.schema.get("enum").is_none();
            let proof = Proof {
                accepted: free.then(|| format!("{value}, for the schema names no `{}`", names[0])),
                ..Proof::default()
            };
            let arguments = self.put(parameter, json!(value));
            let proof = self.or_forbidden(proof, &arguments, &format!("{value}"));
            let _ = run.call(Attack::Invalid, self.name, &parameter.name, &arguments, proof);
        }
    }

    /// Values that no schema means.
    fn invalid(&self, run: &mut Run<'_>, parameter: &Parameter) {
        let text = matches!(parameter.carries, Carries::Text(_));
        let other = if text { json!({"a": [1]}) } else { json!("no such value") };
        let arguments = self.put(parameter, other);
        let proof = self.or_forbidden(Proof::default(), &arguments, "a value of another type");
        if proof.accepted.is_some() {
            let _ = run.call(Attack::Invalid, self.name, &parameter.name, &arguments, proof);
        }
        if parameter.required {
            let mut arguments = self.base.clone();
            arguments.remove(&parameter.name);
            let proof =
                self.or_forbidden(Proof::default(), &arguments, "a required argument was missing");
            let _ = run.call(Attack::Invalid, self.name, &parameter.name, &arguments, proof);
        }
        if text {
            let free = parameter.schema.get("maxLength").is_none();
            let what = format!("{LONG} characters, for the schema names no `maxLength`");
            let proof = Proof { accepted: free.then_some(what), ..Proof::default() };
            let arguments = self.with(parameter, &"x".repeat(LONG));
            let proof = self.or_forbidden(proof, &arguments, &format!("{LONG} characters"));
            let came = run.call(Attack::Invalid, self.name, &parameter.name, &arguments, proof);
            if came.is_some_and(|came| came.changed) {
                // It was written down somewhere, and would flood the next answers.
                run.dismiss();
            }
        }
    }

    /// One argument more than the schema has.
    fn extra(&self, run: &mut Run<'_>) {
        let mut arguments = self.base.clone();
        arguments.insert("portcullis_extra".to_owned(), json!(1));
        let proof =
            self.or_forbidden(Proof::default(), &arguments, "an argument that the schema forbids");
        if proof.accepted.is_some() {
            let _ = run.call(Attack::Invalid, self.name, "", &arguments, proof);
        }
    }

    /// What it would mean if these arguments were taken: something, if the schema forbids them.
    fn or_forbidden(&self, proof: Proof, arguments: &Map<String, Value>, what: &str) -> Proof {
        let value = Value::Object(arguments.clone());
        let violation = self.schema.as_ref().and_then(|schema| schema.validate(&value).err());
        match violation {
            Some(violation) => {
                Proof { accepted: Some(format!("{what}, although {violation}")), ..proof }
            }
            None => proof,
        }
    }
}

/// A text as the parameter takes it.
fn carried(parameter: &Parameter, text: &str) -> Value {
    match parameter.carries {
        // A list of words, as a shell would make one of them.
        Carries::List(Kind::Command) => text.split(' ').filter(|word| !word.is_empty()).collect(),
        Carries::List(_) => json!([text]),
        _ if type_of(plain(&parameter.schema, &parameter.schema)) == "array" => json!([text]),
        _ => json!(text),
    }
}

/// What ends the search: an honest tool changes its root, and a large answer is another matter.
fn proves(effect: &Effect) -> bool {
    !matches!(
        effect,
        Effect::RootChanged { .. }
            | Effect::Flood { .. }
            | Effect::Leaked { .. }
            | Effect::Accepted { .. }
    )
}
