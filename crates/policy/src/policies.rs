//! The policies in force for one conversation, and what they say.
//!
//! Cedar answers allow or deny; asking a person is a step up: when everything
//! that forbids is marked `@stepup`, and nothing would forbid after a yes, the
//! decision is *ask*. What cannot be evaluated is a denial, never a policy less.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use portcullis_catalog::control;
use serde_json::Value;

use crate::decision::{Because, Decision, Effect};
use crate::examples;
use crate::lists::{self, Base};
use crate::load::{PolicyText, Rule, Unsound, load};
use crate::place::Place;
use crate::request::{Principal, ServerName};
use crate::rules::{Ask, Rules, ToolFacts};
use crate::slice::{Parties, Slice, Verdict, forbids};

/// Answers that are remembered at once.
const REMEMBERED: usize = 1_024;
/// Longest question whose answer is remembered, in bytes.
const QUESTION: usize = 4_096;

/// Everything that decides about a server's tools, compiled.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Shared by all that are cloned of one.
    rules: Arc<[Rule]>,
    mode: Ask,
    parties: Parties,
    list: Asked,
    call: Asked,
    read: Asked,
    get: Asked,
    reads_secrets: bool,
    /// What was asked before; each answer depends on its question alone.
    remembered: RefCell<BTreeMap<String, Decision>>,
}

/// An action with what can matter to it.
#[derive(Clone, Debug)]
struct Asked {
    action: EntityUid,
    object: EntityTypeName,
    slice: Arc<Slice>,
}

/// What is known about one reading of a resource's URI.
#[derive(Clone, Copy, Debug)]
pub struct ResourceFacts<'a> {
    /// The reading.
    pub uri: &'a str,
    /// Entries of allow lists that mean it.
    pub allowed_by: &'a [String],
    /// Entries of deny lists that mean it.
    pub denied_by: &'a [String],
    /// What a person reads of it.
    pub shown: &'a str,
}

/// What is known about one call.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts<'a> {
    /// About its tool.
    pub tool: ToolFacts<'a>,
    /// What it is called with.
    pub arguments: &'a Value,
    /// Every path in the arguments lies inside a root.
    pub paths_in_roots: bool,
    /// The arguments fit the tool's own schema.
    pub schema_ok: bool,
    /// Something in the arguments looks like a secret; see [`Policies::reads_secrets`].
    pub secrets: bool,
}

impl Policies {
    /// Compiles lists, modes and policies for one server and one principal.
    ///
    /// # Errors
    /// Every policy that is not strictly valid, with its place: then none is in force.
    pub fn new(
        principal: &Principal,
        server: &ServerName,
        rules: &Rules,
        base: Base,
        texts: &[PolicyText],
    ) -> Result<Self, Vec<Unsound>> {
        Self::compile(principal, server, (rules, Some(rules.mode), base), texts)
    }

    /// The part of lists and policies that holds although everything else is only
    /// observed. Its own mode need not be said; policies read the one in force.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn firm(
        principal: &Principal,
        server: &ServerName,
        said: (&Rules, Option<Ask>, Base),
        texts: &[PolicyText],
    ) -> Result<Self, Vec<Unsound>> {
        Self::compile(principal, server, said, texts)
    }

    fn compile(
        principal: &Principal,
        server: &ServerName,
        (rules, asked, base): (&Rules, Option<Ask>, Base),
        texts: &[PolicyText],
    ) -> Result<Self, Vec<Unsound>> {
        let mode = rules.mode;
        let rules = load(lists::generated(rules, asked, base), texts)?;
        let parties = Parties {
            principal: uid(kind("Principal")?, principal.as_str()),
            server: uid(kind("Server")?, server.as_str()),
            object: kind("Tool")?,
            prefix: format!("{server}/"),
        };
        let asked = |name, object| {
            let (action, object) = (uid(kind("Action")?, name), kind(object)?);
            let parties = Parties { object: object.clone(), ..parties.clone() };
            let slice = Arc::new(Slice::new(&rules, &parties, &action));
            Ok::<_, Vec<Unsound>>(Asked { action, object, slice })
        };
        let (list, call) = (asked("list", "Tool")?, asked("call", "Tool")?);
        let (read, get) = (asked("read", "Resource")?, asked("get", "Prompt")?);
        let reads_secrets = rules.iter().any(|rule| rule.reads_secrets);
        let remembered = RefCell::default();
        let policies = Self {
            rules: rules.into(),
            mode,
            parties,
            list,
            call,
            read,
            get,
            reads_secrets,
            remembered,
        };
        let wrong = examples::wrong(&policies);
        if wrong.is_empty() { Ok(policies) } else { Err(wrong) }
    }

    /// Some policy here owes this for what it lets through.
    #[must_use]
    pub fn owes(&self, obligation: &crate::Obligation) -> bool {
        self.rules.iter().any(|rule| rule.notes.owes.contains(obligation))
    }

    /// Every policy in force, ours first.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Rules with calls beside them that could not be tried here: they are about
    /// another server, or about somebody else.
    pub fn untried(&self) -> impl Iterator<Item = &Rule> {
        self.rules().filter(|rule| rule.notes.has_examples() && !self.concerns(rule))
    }

    /// It can have a say in a call of this server.
    pub(crate) fn concerns(&self, rule: &Rule) -> bool {
        let mut met = self.list.slice.all().chain(self.call.slice.all());
        met.any(|at| self.rules.get(at).is_some_and(|other| other.id == rule.id))
    }

    /// Some policy asks whether arguments hold secrets: looking costs time.
    #[must_use]
    pub fn reads_secrets(&self) -> bool {
        self.reads_secrets
    }

    /// Some tools may not be listed here, so a list is not everybody's.
    #[must_use]
    pub fn withholds(&self) -> bool {
        !self.list.slice.is_open(&self.rules)
    }

    /// Some resources may not be had here.
    #[must_use]
    pub fn withholds_resources(&self) -> bool {
        !self.read.slice.is_open(&self.rules)
    }

    /// Some prompts may not be had here.
    #[must_use]
    pub fn withholds_prompts(&self) -> bool {
        !self.get.slice.is_open(&self.rules)
    }

    /// May the host have this resource, in this reading? (MCP-CAP-06)
    pub fn judge_resource(&self, facts: ResourceFacts<'_>) -> Decision {
        if !self.withholds_resources() {
            return Decision::default();
        }
        let ResourceFacts { uri, allowed_by, denied_by, shown } = facts;
        self.recall(format!("read {uri:?} {allowed_by:?} {denied_by:?}"), || {
            let texts = |all: &[String]| {
                let all = all.iter().map(|text| RestrictedExpression::new_string(text.clone()));
                RestrictedExpression::new_set(all)
            };
            let context = [("allowed_by", texts(allowed_by)), ("denied_by", texts(denied_by))];
            let context = context.map(|(name, value)| (name.to_owned(), value)).into();
            self.judge_named(&self.read, uri, context, shown)
        })
    }

    /// May the host have this prompt?
    pub fn judge_prompt(&self, name: &str, shown: &str) -> Decision {
        if !self.withholds_prompts() {
            return Decision::default();
        }
        self.recall(format!("get {name}"), || self.judge_named(&self.get, name, Vec::new(), shown))
    }

    fn judge_named(
        &self,
        asked: &Asked,
        name: &str,
        context: Vec<(String, RestrictedExpression)>,
        shown: &str,
    ) -> Decision {
        let judge = || {
            let request = self.request(asked, name, context)?;
            Some(asked.slice.judge(name, &request, &self.entities(asked, name)?))
        };
        let decision = match judge() {
            Some(verdict) => self.conclude(&verdict, None, shown, ""),
            None => unjudged(&format!("`{shown}` cannot be judged")),
        };
        // What is owed is owed for calls; and that nothing speaks against it is no news.
        match decision.effect {
            Effect::Allow => Decision::default(),
            _ => Decision { obligations: BTreeSet::new(), ..decision },
        }
    }

    /// Is this tool there at all? (MCP-CAP-05)
    pub fn judge_listing(&self, tool: &str) -> Decision {
        self.recall(format!("list {tool}"), || {
            let judge = || {
                let request = self.request(&self.list, tool, Vec::new())?;
                Some(self.list.slice.judge(tool, &request, &self.entities(&self.list, tool)?))
            };
            match judge() {
                Some(verdict) => self.conclude(&verdict, None, tool, ""),
                None => unjudged("the tool's name cannot be judged"),
            }
        })
    }

    /// May this call run without a person? (MCP-APPR-01 to 05)
    pub fn judge_call(&self, facts: CallFacts<'_>) -> Decision {
        self.recall(self.question(&facts), || self.evaluate(&facts))
    }

    fn evaluate(&self, facts: &CallFacts<'_>) -> Decision {
        let tool = facts.tool.name;
        let unread = self.unread(facts);
        if unread.effect == Effect::Deny {
            return unread;
        }
        let judge = |approved| {
            let request = self.request(&self.call, tool, self.context(facts, approved)?)?;
            Some(self.call.slice.judge(tool, &request, &self.entities(&self.call, tool)?))
        };
        let Some(verdict) = judge(false) else { return unjudged("the call cannot be judged") };
        let asks = !verdict.forbids.is_empty() && verdict.forbids.iter().all(|at| self.lifts(*at));
        let after = if asks { judge(true) } else { None };
        self.conclude(&verdict, after.as_ref(), tool, facts.tool.tier.as_str())
    }

    /// An argument that is there in another kind than a policy reads it.
    fn unread(&self, facts: &CallFacts<'_>) -> Decision {
        let rules = self.call.slice.rules(facts.tool.name).filter_map(|at| self.rules.get(at));
        let wrong = rules.filter_map(|rule| Some((rule, rule.mentions.mismatch(facts.arguments)?)));
        wrong.fold(Decision::default(), |decision, (rule, mismatch)| {
            let (path, kind, id) = (mismatch.path, mismatch.reads, &rule.id);
            let why =
                format!("argument `{path}` is not {kind}, and policy `{id}` reads it as that");
            decision.and(spoken(rule, Effect::Deny, why))
        })
    }

    fn lifts(&self, at: usize) -> bool {
        self.rules.get(at).is_some_and(|rule| rule.notes.stepup)
    }

    /// Folds what the policies say into one decision.
    fn conclude(&self, now: &Verdict, after: Option<&Verdict>, tool: &str, tier: &str) -> Decision {
        let mut decision = Decision::default();
        for (at, error) in &now.errors {
            let why = format!("it cannot be judged: {error}");
            decision = decision.and(match self.rules.get(*at) {
                Some(rule) => spoken(rule, Effect::Deny, why),
                None => unjudged(&why),
            });
        }
        // A yes that would not let it pass is not asked for.
        let lifted = after.is_some_and(|after| {
            after.errors.is_empty() && after.forbids.is_empty() && !after.permits.is_empty()
        });
        let effect = if lifted { Effect::Ask } else { Effect::Deny };
        for rule in now.forbids.iter().filter_map(|at| self.rules.get(*at)) {
            decision = decision.and(spoken(rule, effect, why(rule, tool, tier)));
        }
        let permits = match (now.forbids.is_empty(), after) {
            (false, Some(after)) => &after.permits,
            _ => &now.permits,
        };
        if permits.is_empty() && now.forbids.is_empty() {
            return decision.and(unjudged(&format!("no policy permits `{tool}`")));
        }
        if decision.effect < Effect::Deny {
            for rule in permits.iter().filter_map(|at| self.rules.get(*at)) {
                if !rule.generated {
                    decision = decision.and(spoken(rule, Effect::Allow, why(rule, tool, tier)));
                }
                decision.obligations.extend(rule.notes.owes.iter().copied());
            }
        }
        decision
    }

    fn request(
        &self,
        asked: &Asked,
        tool: &str,
        context: Vec<(String, RestrictedExpression)>,
    ) -> Option<Request> {
        let context = Context::from_pairs(context).ok()?;
        let (principal, action) = (self.parties.principal.clone(), asked.action.clone());
        Request::new(principal, action, self.object(asked, tool), context, None).ok()
    }

    fn object(&self, asked: &Asked, name: &str) -> EntityUid {
        uid(asked.object.clone(), &format!("{}{name}", self.parties.prefix))
    }

    fn entities(&self, asked: &Asked, tool: &str) -> Option<Entities> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let server = self.parties.server.id().unescaped();
        let attributes = [("name".to_owned(), text(tool)), ("server".to_owned(), text(server))];
        let parents = std::iter::once(self.parties.server.clone()).collect();
        let tool = Entity::new(self.object(asked, tool), attributes.into_iter().collect(), parents)
            .ok()?;
        Entities::from_entities([tool], None).ok()
    }

    fn context(
        &self,
        facts: &CallFacts<'_>,
        approved: bool,
    ) -> Option<Vec<(String, RestrictedExpression)>> {
        let tool = &facts.tool;
        let mentions = self.call.slice.mentions(&self.rules, tool.name);
        let arguments = RestrictedExpression::new_record(mentions.project(facts.arguments)).ok()?;
        let flag = RestrictedExpression::new_bool;
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let pairs = [
            ("approved", flag(approved)),
            ("ask", text(self.mode.as_str())),
            ("changed", flag(tool.changed)),
            ("first_open_world_use", flag(tool.first_open_world_use)),
            ("paths_in_roots", flag(facts.paths_in_roots)),
            ("schema_ok", flag(facts.schema_ok)),
            ("secrets", flag(facts.secrets)),
            ("tier", text(tool.tier.as_str())),
            ("arguments", arguments),
        ];
        Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Everything that the answer to a call depends on, as text.
    fn question(&self, facts: &CallFacts<'_>) -> String {
        let CallFacts { tool, arguments, paths_in_roots, schema_ok, secrets } = facts;
        let flags =
            [tool.changed, tool.first_open_world_use, *paths_in_roots, *schema_ok, *secrets];
        let flags = flags.iter().map(|flag| if *flag { '1' } else { '0' }).collect::<String>();
        // A tool's name has no bounds of its own: it comes last but for the arguments, quoted.
        let mut question = format!("call {} {flags} {:?} ", tool.tier, tool.name);
        self.call.slice.mentions(&self.rules, tool.name).key(arguments, &mut question);
        question
    }

    fn recall(&self, question: String, answer: impl FnOnce() -> Decision) -> Decision {
        if let Some(decision) = self.remembered.borrow().get(&question) {
            return decision.clone();
        }
        let decision = answer();
        if question.len() <= QUESTION {
            let mut remembered = self.remembered.borrow_mut();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(question, decision.clone());
        }
        decision
    }

    /// Everything that decides, as one text: other policies, another text.
    #[must_use]
    pub fn canonical(&self) -> String {
        let texts = self
            .rules
            .iter()
            .map(|rule| serde_json::json!([rule.id, rule.control.as_str(), rule.text]).to_string());
        let head = [self.mode.as_str().to_owned(), self.parties.prefix.clone()];
        head.into_iter().chain(texts).collect::<Vec<_>>().join("\n")
    }
}

/// What one policy says.
fn spoken(rule: &Rule, effect: Effect, why: String) -> Decision {
    let because = Because {
        control: rule.control,
        wanted: None,
        why,
        rule: Some(rule.id.clone()),
        place: rule.place.clone(),
    };
    Decision { effect, because: [because].into(), ..Decision::default() }
}

/// A denial that no policy is behind: there was none, or it could not speak.
fn unjudged(why: &str) -> Decision {
    Decision::deny(control::POLICY_OBEYED, why)
}

/// A policy's reason, in its own words if it has some.
fn why(rule: &Rule, tool: &str, tier: &str) -> String {
    let usual = if forbids(rule) {
        "policy `{rule}` forbids `{tool}`"
    } else {
        "policy `{rule}` permits `{tool}`"
    };
    let words = rule.notes.why.as_deref().unwrap_or(usual);
    words.replace("{rule}", &rule.id).replace("{tier}", tier).replace("{tool}", tool)
}

fn uid(kind: EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

/// A kind of the schema's.
fn kind(name: &str) -> Result<EntityTypeName, Vec<Unsound>> {
    name.parse().map_err(|error: cedar_policy::ParseErrors| {
        let place = Place { file: "(built in)".to_owned(), line: 0 };
        vec![Unsound { place, what: error.to_string() }]
    })
}
