//! The policies that can matter to a question, found by their scopes.
//!
//! Cedar looks at every policy it is given, so what a scope excludes (another
//! server, another action, another tool) is left out before anything is judged.

use std::collections::BTreeMap;

use cedar_policy::{
    ActionConstraint, Authorizer, Decision, Effect, Entities, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, PrincipalConstraint, Request, ResourceConstraint,
};

use crate::argument::Mentions;
use crate::load::Rule;

/// What a session's policies are about.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    pub(crate) principal: EntityUid,
    pub(crate) server: EntityUid,
    /// What is acted on: a tool, a resource or a prompt.
    pub(crate) object: EntityTypeName,
    /// What the names of its objects begin with.
    pub(crate) prefix: String,
}

/// The policies that can matter to one action.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    /// Those about any tool.
    general: Set,
    /// Those about one, by its name.
    specific: BTreeMap<String, Set>,
}

/// Some policies, ready to be evaluated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    policies: PolicySet,
    rules: Vec<usize>,
}

/// What the policies say together.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Every permit that applies; counts when nothing below does.
    pub(crate) permits: Vec<usize>,
    /// Every forbid that applies.
    pub(crate) forbids: Vec<usize>,
    /// Every policy that could not be evaluated: each is a denial.
    pub(crate) errors: Vec<(usize, String)>,
}

impl Slice {
    /// Everything among the rules that an action can meet.
    pub(crate) fn new(rules: &[Rule], parties: &Parties, action: &EntityUid) -> Self {
        let mut slice = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            match about(&rule.policy, parties, action) {
                About::Nothing => {}
                About::Any => slice.general.add(at, &rule.policy),
                About::Tool(name) => slice.specific.entry(name).or_default().add(at, &rule.policy),
            }
        }
        slice
    }

    fn sets(&self, tool: &str) -> impl Iterator<Item = &Set> {
        std::iter::once(&self.general).chain(self.specific.get(tool))
    }

    /// Nothing in it but our own open base: whatever is asked passes.
    pub(crate) fn is_open(&self, rules: &[Rule]) -> bool {
        let mut all = self.all().filter_map(|at| rules.get(at)).peekable();
        all.peek().is_some() && all.all(|rule| rule.generated && !forbids(rule))
    }

    /// Every rule of the slice, whatever tool it is about.
    pub(crate) fn all(&self) -> impl Iterator<Item = usize> {
        let sets = std::iter::once(&self.general).chain(self.specific.values());
        sets.flat_map(|set| set.rules.iter().copied())
    }

    /// Which rules a question about a tool meets.
    pub(crate) fn rules(&self, tool: &str) -> impl Iterator<Item = usize> {
        self.sets(tool).flat_map(|set| set.rules.iter().copied())
    }

    /// Every argument that they read.
    pub(crate) fn mentions(&self, rules: &[Rule], tool: &str) -> Mentions {
        let mut all = Mentions::default();
        self.rules(tool).filter_map(|at| rules.get(at)).for_each(|rule| all.join(&rule.mentions));
        all
    }

    /// What they say to a request.
    pub(crate) fn judge(&self, tool: &str, request: &Request, entities: &Entities) -> Verdict {
        let mut verdict = Verdict::default();
        for set in self.sets(tool) {
            let response = Authorizer::new().is_authorized(request, &set.policies, entities);
            let reasons = response.diagnostics().reason().filter_map(number);
            match response.decision() {
                Decision::Allow => verdict.permits.extend(reasons),
                Decision::Deny => verdict.forbids.extend(reasons),
            }
            for error in response.diagnostics().errors() {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                let at = number(error.policy_id()).unwrap_or(usize::MAX);
                verdict.errors.push((at, error.inner().to_string()));
            }
        }
        verdict
    }
}

impl Set {
    fn add(&mut self, at: usize, policy: &Policy) {
        self.rules.push(at);
        // The name is a number that no other rule has, so it cannot be taken.
        let added = self.policies.add(policy.new_id(PolicyId::new(at.to_string())));
        debug_assert!(added.is_ok(), "a rule's number is its own");
    }
}

/// The rule behind a name that [`Set::add`] gave.
fn number(id: &PolicyId) -> Option<usize> {
    AsRef::<str>::as_ref(id).parse().ok()
}

/// What a policy can be about, as far as its scope tells.
enum About {
    Nothing,
    Any,
    Tool(String),
}

fn about(policy: &Policy, parties: &Parties, action: &EntityUid) -> About {
    let principal = match policy.principal_constraint() {
        PrincipalConstraint::Eq(who) | PrincipalConstraint::In(who) => who == parties.principal,
        PrincipalConstraint::IsIn(_, who) => who == parties.principal,
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => true,
    };
    let acts = match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *action,
        ActionConstraint::In(some) => some.contains(action),
    };
    if !principal || !acts {
        return About::Nothing;
    }
    match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => About::Any,
        ResourceConstraint::In(what) | ResourceConstraint::IsIn(_, what)
            if what == parties.server =>
        {
            About::Any
        }
        ResourceConstraint::Eq(what)
        | ResourceConstraint::In(what)
        | ResourceConstraint::IsIn(_, what) => {
            let is_tool = *what.type_name() == parties.object;
            match what.id().unescaped().strip_prefix(&parties.prefix) {
                Some(name) if is_tool => About::Tool(name.to_owned()),
                _ => About::Nothing,
            }
        }
    }
}

/// A permit or a forbid.
pub(crate) fn forbids(rule: &Rule) -> bool {
    rule.policy.effect() == Effect::Forbid
}
