//! From the text of a file to policies that mean what they say, or every
//! mistake with its place.
//!
//! Cedar skips a policy whose condition errs, and a `forbid` that is skipped
//! allows. So a policy is in force only after strict validation, and what
//! validation cannot see (a question that no yes can answer) is refused here.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use portcullis_catalog::{ControlId, control};

use crate::argument::Mentions;
use crate::examples;
use crate::lists::Generated;
use crate::owed::{self, Notes};
use crate::place::Place;
use crate::reading;
use crate::schema;

/// One file of policies, as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    /// The file, as its reader named it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What its writer may say.
    pub may: May,
    /// Whose it is.
    pub rank: Rank,
}

/// Whose word a file is, the highest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Whoever administers the machine.
    Administrator,
    /// Whoever started us.
    #[default]
    Person,
    /// A project, which may only tighten.
    Project,
}

/// What the writer of a file may say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum May {
    /// Permit and forbid.
    #[default]
    All,
    /// Forbid: a project may only tighten.
    Tighten,
}

/// A policy that cannot be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// Where it was written.
    pub place: Place,
    /// What is wrong, and what would do.
    pub what: String,
}

impl std::fmt::Display for Unsound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for Unsound {}

/// A policy in force.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name: `@id`, or its place.
    pub id: String,
    /// Where an operator wrote it; nothing for what is ours.
    pub place: Option<Place>,
    /// Its text.
    pub text: String,
    /// We wrote it, out of lists and modes.
    pub generated: bool,
    pub(crate) control: ControlId,
    pub(crate) policy: Policy,
    pub(crate) notes: Notes,
    pub(crate) mentions: Mentions,
    pub(crate) reads_secrets: bool,
}

/// Reads every file; all mistakes are told at once.
pub(crate) fn load(
    generated: Vec<Generated>,
    texts: &[PolicyText],
) -> Result<Vec<Rule>, Vec<Unsound>> {
    let mut loader = Loader::default();
    generated.into_iter().for_each(|one| loader.ours(one));
    texts.iter().for_each(|text| loader.file(text));
    if loader.unsound.is_empty() { Ok(loader.rules) } else { Err(loader.unsound) }
}

#[derive(Default)]
struct Loader {
    rules: Vec<Rule>,
    names: BTreeMap<String, Option<Place>>,
    unsound: Vec<Unsound>,
    /// A schema for each shape of arguments: most policies read none.
    validators: BTreeMap<Mentions, Validator>,
}

impl Loader {
    /// What lists and modes say is right by construction, and validated all the same.
    fn ours(&mut self, one: Generated) {
        let Generated { text, control, place } = one;
        let at = place.clone().unwrap_or(Place { file: "(built in)".to_owned(), line: 0 });
        match Policy::parse(None, &text) {
            Ok(policy) => match self.understand(policy, text, &at, May::All, control) {
                Ok(rule) => self.keep(Rule { generated: true, place, ..rule }),
                Err(what) => self.wrong(at, what),
            },
            Err(error) => self.wrong(at, error.to_string()),
        }
    }

    /// Two entries of a list may be the same text; their names differ.
    fn keep(&mut self, mut rule: Rule) {
        let name = rule.id.clone();
        let mut count = 1;
        while self.names.contains_key(&rule.id) {
            count += 1;
            rule.id = format!("{name} #{count}");
        }
        self.names.insert(rule.id.clone(), rule.place.clone());
        self.rules.push(rule);
    }

    fn file(&mut self, text: &PolicyText) {
        let at = |byte| Place::of_byte(&text.file, &text.text, byte);
        let set = match PolicySet::from_str(&text.text) {
            Ok(set) => set,
            Err(errors) => {
                for error in errors.iter() {
                    let told = DetailedError::from(error);
                    let byte = told.source_locations.first().map_or(0, |label| label.loc.start);
                    let help = told.help.map(|help| format!("; {help}")).unwrap_or_default();
                    self.wrong(at(byte), format!("{}{help}", told.message));
                }
                return;
            }
        };
        if set.num_of_templates() > 0 {
            let what = "a template has no principal or resource yet: write them out";
            self.wrong(at(0), what.to_owned());
        }
        let mut policies: Vec<_> = set.policies().map(|policy| (start(policy), policy)).collect();
        policies.sort_by_key(|(byte, _)| *byte);
        for (byte, policy) in policies {
            let source = policy.to_cedar().unwrap_or_default();
            self.add(policy.clone(), source, &at(byte), text.may, control::POLICY_OBEYED);
        }
    }

    fn add(&mut self, policy: Policy, text: String, at: &Place, may: May, control: ControlId) {
        let rule = match self.understand(policy, text, at, may, control) {
            Ok(rule) => rule,
            Err(what) => return self.wrong(at.clone(), what),
        };
        match self.names.get(&rule.id) {
            None => self.keep(rule),
            Some(other) => {
                let other = other.as_ref().map_or("a list or mode".to_owned(), ToString::to_string);
                let what = format!("`{}` is the name of another policy too: {other}", rule.id);
                self.wrong(at.clone(), what);
            }
        }
    }

    fn understand(
        &mut self,
        policy: Policy,
        text: String,
        at: &Place,
        may: May,
        control: ControlId,
    ) -> Result<Rule, String> {
        let notes = owed::read(&policy)?;
        examples::can_be_tried(&policy, &notes)?;
        if may == May::Tighten && policy.effect() == cedar_policy::Effect::Permit {
            return Err("this file may only tighten: it forbids, and permits nothing".to_owned());
        }
        let tree = policy.to_json().map_err(|error| error.to_string())?;
        let asks = reading::reads(&tree, "approved");
        if notes.stepup && !asks {
            return Err(
                "`@stepup` without `unless { context.approved }`: no yes could lift it".to_owned()
            );
        }
        if asks && !notes.stepup {
            return Err(
                "it reads `context.approved` without `@stepup(\"approve\")`: nobody would be asked"
                    .to_owned(),
            );
        }
        let mentions = reading::mentions(&tree).map_err(|unclear| unclear.to_string())?;
        self.validate(&policy, &mentions, control == control::POLICY_OBEYED)?;
        let id = notes.id.clone().unwrap_or_else(|| at.to_string());
        let reads_secrets = reading::reads(&tree, "secrets");
        let place = Some(at.clone());
        Ok(Rule {
            id,
            place,
            text,
            generated: false,
            control,
            policy,
            notes,
            mentions,
            reads_secrets,
        })
    }

    fn validate(
        &mut self,
        policy: &Policy,
        mentions: &Mentions,
        warned: bool,
    ) -> Result<(), String> {
        if !self.validators.contains_key(mentions) {
            let schema: Schema = schema::schema(mentions).map_err(|error| error.to_string())?;
            self.validators.insert(mentions.clone(), Validator::new(schema));
        }
        let Some(validator) = self.validators.get(mentions) else {
            return Err("it cannot be validated".to_owned());
        };
        let mut alone = PolicySet::new();
        alone.add(policy.clone()).map_err(|error| error.to_string())?;
        let found = validator.validate(&alone, ValidationMode::Strict);
        // A policy that never applies, or whose text shows other than it says, is a
        // mistake too; Cedar only warns of it.
        let mut all = found.validation_errors().map(|error| complaint(error, policy.id()));
        let mut never = found.validation_warnings().map(|warning| complaint(warning, policy.id()));
        match all.next().or_else(|| never.next().filter(|_| warned)) {
            None => Ok(()),
            Some(what) => Err(what),
        }
    }

    fn wrong(&mut self, place: Place, what: String) {
        self.unsound.push(Unsound { place, what });
    }
}

/// Where a policy begins in its file, without its annotations' blank lines.
fn start(policy: &Policy) -> usize {
    policy.as_ref().loc().map_or(0, |loc| loc.start())
}

/// Cedar's own words, without the name that we gave the policy while loading.
fn complaint<E>(error: &E, id: &PolicyId) -> String
where
    for<'a> DetailedError: From<&'a E>,
{
    let told = DetailedError::from(error);
    let message = told.message.replace(&format!("for policy `{id}`, "), "");
    match told.help {
        Some(help) => format!("{message}; {help}"),
        None => message,
    }
}
