//! Examples beside a rule: calls of which it says itself that it decides them, or
//! that it does not. A rule that was never seen denying is a guess.
//!
//! ```text
//! @denies("git_push branch=main; git_push branch=master")   it is among what denies, or asks
//! @allows("git_push branch=dev")                             it is not; of a permit: it is what permits
//! ```

use cedar_policy::{ActionConstraint, EntityTypeName, EntityUid, Policy, ResourceConstraint};
use serde_json::{Map, Value};

use crate::decision::{Decision, Effect};
use crate::load::{Rule, Unsound};
use crate::owed::Notes;
use crate::place::Place;
use crate::policies::{CallFacts, Policies};
use crate::rules::{Tier, ToolFacts};
use crate::slice::forbids;

/// A call that stands beside a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    tool: String,
    arguments: Value,
    /// As it was written.
    text: String,
}

/// Reads one annotation: calls with `;` between them, each a tool and its
/// arguments as `NAME=VALUE`. What is JSON is that, anything else a text.
pub(crate) fn read(name: &str, text: &str) -> Result<Vec<Beside>, String> {
    let calls = text.split(';').map(|call| {
        let unfit = || {
            format!("`@{name}({call:?})` is no call: write `TOOL NAME=VALUE`, `;` between calls")
        };
        let mut words = call.split_whitespace();
        let tool = words.next().ok_or_else(unfit)?.to_owned();
        let argument = |word: &str| {
            let (name, value) = word.split_once('=').ok_or_else(unfit)?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            Ok((name.to_owned(), value))
        };
        let arguments = words.map(argument).collect::<Result<Map<_, _>, String>>()?;
        let text = call.trim().to_owned();
        Ok(Beside { tool, arguments: arguments.into(), text })
    });
    calls.collect()
}

/// An example is a call of a tool: what is about something else is never tried, and
/// an example that is never tried says nothing.
pub(crate) fn can_be_tried(policy: &Policy, notes: &Notes) -> Result<(), String> {
    if !notes.has_examples() || (meets_calls(policy) && meets_tools(policy)) {
        return Ok(());
    }
    Err("`@denies` and `@allows` are calls of tools, and this policy is about none: \
         take them away, or let it be about `list` or `call`"
        .to_owned())
}

fn meets_calls(policy: &Policy) -> bool {
    let ours = |action: &EntityUid| matches!(action.id().unescaped(), "list" | "call");
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => ours(&one),
        ActionConstraint::In(some) => some.iter().any(ours),
    }
}

fn meets_tools(policy: &Policy) -> bool {
    let tool = |kind: &EntityTypeName| kind.basename() == "Tool";
    match policy.resource_constraint() {
        ResourceConstraint::Any => true,
        ResourceConstraint::Is(kind) | ResourceConstraint::IsIn(kind, _) => tool(&kind),
        ResourceConstraint::Eq(what) => tool(what.type_name()),
        ResourceConstraint::In(what) => {
            tool(what.type_name()) || what.type_name().basename() == "Server"
        }
    }
}

/// Every example that does not come out as it is written.
pub(crate) fn wrong(policies: &Policies) -> Vec<Unsound> {
    let ours = policies.rules().filter(|rule| policies.concerns(rule));
    ours.flat_map(|rule| {
        let denies = rule.notes.denies.iter().filter_map(|call| told(policies, rule, call, true));
        let allows = rule.notes.allows.iter().filter_map(|call| told(policies, rule, call, false));
        denies.chain(allows)
    })
    .collect()
}

fn told(policies: &Policies, rule: &Rule, call: &Beside, denies: bool) -> Option<Unsound> {
    let decision = judge(policies, call);
    let decides = decision.because.iter().any(|because| because.rule.as_ref() == Some(&rule.id));
    let wanted = decides == (denies == forbids(rule));
    // A forbid that decides makes it no yes; a permit does only when nothing forbids.
    if wanted && (denies || forbids(rule) || decision.effect < Effect::Deny) {
        return None;
    }
    let place = rule.place.clone().unwrap_or(Place { file: "(built in)".to_owned(), line: 0 });
    let (word, text) = (if denies { "denies" } else { "allows" }, &call.text);
    let others: Vec<_> = decision.because.iter().map(|because| because.why.clone()).collect();
    let others = if others.is_empty() { "nothing speaks".to_owned() } else { others.join("; ") };
    let effect = decision.effect.as_str();
    let what =
        format!("`@{word}` of policy `{}` does not hold: `{text}` is {effect} ({others})", rule.id);
    Some(Unsound { place, what })
}

fn judge(policies: &Policies, call: &Beside) -> Decision {
    let tool = ToolFacts {
        name: &call.tool,
        tier: Tier::Read,
        changed: false,
        first_open_world_use: false,
    };
    let (arguments, paths_in_roots, schema_ok, secrets) = (&call.arguments, true, true, false);
    let facts = CallFacts { tool, arguments, paths_in_roots, schema_ok, secrets };
    policies.judge_listing(&call.tool).and(policies.judge_call(facts))
}
