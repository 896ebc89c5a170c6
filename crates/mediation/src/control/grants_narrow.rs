//! A standing yes counts for the calls that it was given for, and for no others
//! (MCP-APPR-10): the tool's definition, the policy and the reasons for asking are those
//! that the person saw, the arguments are ones that its cover admits, and the tool is
//! none that is asked about one by one. All of it is judged at the call; what the store
//! says of a grant is never enough.

use std::collections::BTreeSet;

use portcullis_catalog::control::{APPROVE_BY_RISK, FLOWS_APART, POLICY_OBEYED};
use portcullis_policy::{Decision, Effect, Flow};
use serde_json::Value;

use crate::Session;
use crate::call::Call;
use crate::cover::{Called, Offered, may_stand, offers};
use crate::grant::{Grant, GrantKey, Standing};
use crate::listing::{Lookup, Tool};

/// The rules that ask about a call. None when something asks that no grant answers:
/// what a person says there is about this moment.
fn asking(decision: &Decision, flow: Flow) -> Option<BTreeSet<String>> {
    let mut rules = BTreeSet::new();
    for because in &decision.because {
        let only_seen = because.control == FLOWS_APART && flow == Flow::Observe;
        if because.wanted.is_some() || only_seen {
            continue;
        }
        let answered = [APPROVE_BY_RISK, POLICY_OBEYED].contains(&because.control);
        rules.insert(because.rule.clone().filter(|_| answered)?);
    }
    (!rules.is_empty()).then_some(rules)
}

impl Session {
    /// What a person may say yes to beyond this call.
    pub(crate) fn standing(&self, call: &Call, decision: &Decision) -> Standing {
        let settings = &self.settings;
        let none = Standing {
            session: settings.session.clone(),
            project: settings.project.clone(),
            ..Standing::default()
        };
        let (Some(tool), Some(answers)) = (self.judged(call), asking(decision, settings.flow))
        else {
            return none;
        };
        let covers = offers(Offered {
            call: self.as_called(call, &tool.input),
            tier: tool.tier,
            changed: tool.changed(),
        });
        Standing { covers, answers, ..none }
    }

    /// The grant that answers for this call, if one does.
    pub(crate) fn granted<'a>(
        &self,
        call: &Call,
        decision: &Decision,
        grants: &'a [Grant],
    ) -> Option<&'a Grant> {
        let tool = self.judged(call)?;
        let answered = asking(decision, self.settings.flow)?;
        if decision.effect != Effect::Ask || !may_stand(tool.tier, tool.changed()) {
            return None;
        }
        let key = GrantKey::from(&self.approval_key(call));
        let called = self.as_called(call, &tool.input);
        let counts = |grant: &&Grant| {
            grant.key == key && answered.is_subset(&grant.answers) && grant.cover.covers(&called)
        };
        grants.iter().find(counts)
    }

    /// The tool of a call, as it was when the call was judged. A call that goes on with
    /// what a server said before is more than its arguments.
    fn judged(&self, call: &Call) -> Option<&Tool> {
        match self.tools.find(&call.tool) {
            Lookup::Known(tool) if tool.pin == call.pin && self.continues(call).is_none() => {
                Some(tool)
            }
            _ => None,
        }
    }

    fn as_called<'a>(&'a self, call: &'a Call, schema: &'a Value) -> Called<'a> {
        Called {
            canonical: &call.canonical,
            schema,
            roots: &self.settings.roots,
            cwd: self.settings.cwd.as_deref(),
        }
    }
}

/// What a record says of a call that a grant answered for.
pub(crate) fn told(grant: &Grant) -> String {
    format!("a person said yes to calls like this: {}", grant.cover.told())
}
