//! The `[policy]` table: which files hold policies, what holds without them, and
//! the calls that they were written for.

use std::fmt;

use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{
    Base, CallFacts, Decision, Effect, Place, Policies, PolicyText, Principal, Rank, Rules,
    ServerName, Tier, Unsound,
};
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::config::Server;
use crate::definition::Kind;
use crate::reader::{Entry, Reader, Section, kind_of};
use crate::values;

/// What a file says about policies.
#[derive(Clone, Debug, Default)]
pub struct PolicyTable {
    /// Files of Cedar policies; `*` stands for anything in a name.
    pub files: Vec<String>,
    /// What holds for a call that no policy speaks of, if that was said.
    pub base: Option<Base>,
    /// Calls with the answer that they must get.
    pub examples: Vec<Example>,
}

/// A call, and the answer that it must get.
#[derive(Clone, Debug)]
pub struct Example {
    /// Of which server; of every one when nothing is said.
    pub server: Option<ServerName>,
    /// Which tool.
    pub tool: String,
    /// With which arguments.
    pub arguments: Value,
    /// How risky the tool is.
    pub tier: Tier,
    /// What must be decided.
    pub expect: Effect,
    /// The rule that must be among what decides, by name.
    pub rule: Option<String>,
    /// Where it was written.
    pub place: Place,
}

/// An example that came out otherwise.
#[derive(Clone, Debug)]
pub struct Surprise {
    /// The example.
    pub example: Example,
    /// What was decided.
    pub decision: Decision,
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Example { tool, expect, place, .. } = &self.example;
        let (expect, got) = (expect.as_str(), self.decision.effect.as_str());
        write!(f, "{place}: the example `{tool}` expects {expect} and gets {got}")?;
        if let Some(rule) = &self.example.rule {
            write!(f, ", by rule `{rule}`")?;
        }
        let mut before = ": ";
        for because in &self.decision.because {
            write!(f, "{before}{}", because.why)?;
            if let Some(place) = &because.place {
                write!(f, " ({place})")?;
            }
            before = "; ";
        }
        Ok(())
    }
}

impl std::error::Error for Surprise {}

/// Why a server's policies are not in force: none of them is.
#[derive(Clone, Debug)]
pub enum Refused {
    /// These cannot be in force.
    Unsound(Vec<Unsound>),
    /// These examples came out otherwise.
    Surprised(Vec<Surprise>),
}

impl Refused {
    /// One line for each mistake.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Unsound(all) => all.iter().map(ToString::to_string).collect(),
            Self::Surprised(all) => all.iter().map(ToString::to_string).collect(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for Refused {}

impl Example {
    /// What the policies say to it.
    pub fn judge(&self, policies: &Policies) -> Decision {
        let tool = ToolFacts {
            name: &self.tool,
            tier: self.tier,
            changed: false,
            first_open_world_use: false,
        };
        let (paths_in_roots, schema_ok, secrets) = (true, true, false);
        let arguments = &self.arguments;
        let facts = CallFacts { tool, arguments, paths_in_roots, schema_ok, secrets };
        policies.judge_listing(&self.tool).and(policies.judge_call(facts))
    }

    /// It came out as it was written: the effect, and the rule behind it.
    #[must_use]
    pub fn holds(&self, decision: &Decision) -> bool {
        let spoke =
            |rule: &String| decision.because.iter().any(|one| one.rule.as_ref() == Some(rule));
        self.expect == decision.effect && self.rule.as_ref().is_none_or(spoke)
    }

    /// It is about this server, or about every one.
    #[must_use]
    pub fn concerns(&self, server: &ServerName) -> bool {
        self.server.as_ref().is_none_or(|name| name == server)
    }
}

impl Server {
    /// The policies for one principal, compiled, and tried on their examples.
    ///
    /// # Errors
    /// [`Refused`] when a policy is not strictly valid or an example comes out
    /// otherwise; then the server must not start.
    pub fn policies(
        &self,
        principal: &Principal,
        texts: &[PolicyText],
    ) -> Result<Policies, Refused> {
        let policies = Policies::new(principal, &self.name, &self.rules, self.base, texts);
        let policies = policies.map_err(Refused::Unsound)?;
        let ours = self.examples.iter().filter(|example| example.concerns(&self.name));
        let judged = ours.map(|example| (example, example.judge(&policies)));
        let wrong = judged.filter(|(example, decision)| !example.holds(decision));
        let surprises: Vec<_> = wrong
            .map(|(example, decision)| Surprise { example: example.clone(), decision })
            .collect();
        if surprises.is_empty() { Ok(policies) } else { Err(Refused::Surprised(surprises)) }
    }
}

impl Server {
    /// What of them holds although a person only observes: what an administrator said.
    ///
    /// # Errors
    /// As [`Self::policies`].
    pub fn firm_policies(
        &self,
        principal: &Principal,
        texts: &[PolicyText],
    ) -> Result<Option<Policies>, Refused> {
        let Some(firm) = self.firm.as_ref().filter(|_| self.observe) else { return Ok(None) };
        let administrators = texts.iter().filter(|text| text.rank == Rank::Administrator);
        let texts: Vec<_> = administrators.cloned().collect();
        let rules = Rules { mode: self.rules.mode, ..firm.rules.clone() };
        let said = (&rules, firm.ask, firm.base);
        let policies = Policies::firm(principal, &self.name, said, &texts);
        policies.map(Some).map_err(Refused::Unsound)
    }
}

const BASE: &[(&str, Base)] = &[("allow", Base::Allow), ("deny", Base::Deny)];
const EFFECTS: &[(&str, Effect)] =
    &[("allow", Effect::Allow), ("ask", Effect::Ask), ("deny", Effect::Deny)];
const TIERS: &[(&str, Tier)] = &[
    ("read", Tier::Read),
    ("write", Tier::Write),
    ("unknown", Tier::Unknown),
    ("destructive", Tier::Destructive),
    ("exec", Tier::Exec),
];

impl Reader<'_, '_> {
    pub(crate) fn policy(&mut self, file: &Section<'_>) -> PolicyTable {
        let Some(section) = self.table(file, "policy") else { return PolicyTable::default() };
        PolicyTable {
            files: self.policy_files(&section),
            base: self.word(&section, "base", BASE),
            examples: self.examples(&section),
        }
    }

    fn policy_files(&mut self, section: &Section<'_>) -> Vec<String> {
        let Some(entry) = self.get(section, "files") else { return Vec::new() };
        let words = self.texts(entry).unwrap_or_default();
        for (at, word) in &words {
            let name = word.rsplit('/').next().unwrap_or(word);
            let folder = word.strip_suffix(name).unwrap_or_default();
            if !name.ends_with(".cedar") || folder.contains('*') {
                let what = format!(
                    "`{word}` is no file of policies: write `policy/*.cedar`, a `*` in the name alone"
                );
                self.diagnoses.wrong(at, Some(entry.key), what);
            }
        }
        words.into_iter().map(|(_, word)| word.to_owned()).collect()
    }

    fn examples(&mut self, section: &Section<'_>) -> Vec<Example> {
        let Some(list) = self.get(section, "example") else { return Vec::new() };
        let Kind::Examples(keys) = list.key.kind else { return Vec::new() };
        let Some(items) =
            self.expect(list, "a list of tables: [[policy.example]]", DeValue::as_array)
        else {
            return Vec::new();
        };
        let entries = items.iter().map(|value| Entry { key: list.key, value });
        let mut examples = Vec::new();
        for entry in entries {
            let table = self.expect(entry, "a table: [[policy.example]]", DeValue::as_table);
            let Some(table) = table else { continue };
            let example = self.section("[[policy.example]]", table, keys);
            examples.extend(self.example(entry, &example));
        }
        examples
    }

    fn example(&mut self, entry: Entry<'_>, section: &Section<'_>) -> Option<Example> {
        let server = match self.get(section, "server") {
            None => None,
            Some(named) => {
                let text = self.text(section, "server")?;
                let name = ServerName::new(text);
                Some(self.fit(named, name.map_err(|bad| values::Unfit::new(bad.to_string())))?)
            }
        };
        let (tool, expect) = (self.text(section, "tool"), self.word(section, "expect", EFFECTS));
        for name in ["tool", "expect"] {
            if self.get(section, name).is_none() {
                self.wrong(entry, format!("an example says which `{name}`"));
            }
        }
        let arguments = match self.get(section, "args") {
            None => Value::Object(Map::new()),
            Some(args) => {
                let table = self.expect(args, "a table of arguments", DeValue::as_table)?;
                self.json(args, table)?
            }
        };
        let tier = self.word(section, "tier", TIERS).unwrap_or(Tier::Read);
        let place = self.diagnoses.place(&entry.value.span());
        let rule = self.text(section, "rule").map(str::to_owned);
        let tool = tool?.to_owned();
        Some(Example { server, tool, arguments, tier, expect: expect?, rule, place })
    }

    fn json(&mut self, entry: Entry<'_>, table: &DeTable<'_>) -> Option<Value> {
        let mut members = Map::new();
        for (name, value) in table {
            let value = Entry { key: entry.key, value };
            members.insert(name.get_ref().clone().into_owned(), self.json_value(value)?);
        }
        Some(members.into())
    }

    fn json_value(&mut self, entry: Entry<'_>) -> Option<Value> {
        let value = match entry.value.get_ref() {
            DeValue::String(text) => Some(Value::from(text.as_ref())),
            DeValue::Boolean(flag) => Some(Value::from(*flag)),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from)
            }
            DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
            DeValue::Array(items) => {
                let items = items.iter().map(|value| Entry { key: entry.key, value });
                return items
                    .map(|item| self.json_value(item))
                    .collect::<Option<Vec<_>>>()
                    .map(Value::from);
            }
            DeValue::Table(table) => return self.json(entry, table),
            DeValue::Datetime(_) => None,
        };
        if value.is_none() {
            let found = kind_of(entry.value.get_ref());
            self.wrong(entry, format!("an argument is what JSON can say, not {found}"));
        }
        value
    }
}
