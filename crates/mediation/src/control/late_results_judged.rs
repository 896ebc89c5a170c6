//! A result that comes late meets what it would have met at once (MCP-SESS-14): the
//! links and texts in it, the output schema of the tool as it was when it was called,
//! what policies want, and the record.
//!
//! A late result is judged as the answer to the call that began its task: the row
//! that was kept of the call stands for it, under the id of whoever asks now.

use std::time::Instant;

use portcullis_catalog::control::LATE_RESULTS_JUDGED;
use portcullis_journal::Outcome as Ended;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Object, RpcError};

use super::{codes_translated, policy_obeyed, task_questions_judged};
use crate::Session;
use crate::answer::{is_failure, withheld};
use crate::carries::Late;
use crate::correlate::{InFlight, Purpose};
use crate::revise::Revised;

impl Session {
    /// The call that began a task, as if `row`'s answer were its own.
    pub(crate) fn late(&self, row: &InFlight, ours: &str) -> Option<InFlight> {
        let task = self.tasks.find(ours)?;
        let mut late = InFlight {
            id: row.id.clone(),
            purpose: Purpose::ToolCall,
            call: row.call,
            sent: row.sent,
            deadline: row.deadline,
            ceiling: row.ceiling,
            ..task.call.clone()
        };
        late.carries.may_task = false;
        late.carries.late =
            Some(Late { task: ours.to_owned(), method: row.method.clone(), began: task.call.call });
        Some(late)
    }

    /// A result inside of what a task tells of itself.
    pub(crate) fn late_result(
        &mut self,
        late: &InFlight,
        result: Json,
        now: Instant,
    ) -> (Json, Decision) {
        let output = self.judge_output(&result, now);
        let judged = match output.effect {
            Effect::Deny => Err(output),
            _ => self.judge_late(late, result),
        };
        match judged {
            Ok((result, decision)) => {
                self.brought(late, is_failure(&result));
                let told = decision.and(self.arrived(late));
                (result, told)
            }
            Err(why) => {
                let sentence = withheld(&why);
                let mut record = self.ended(late, Ended::Refused, now);
                record.decision = why;
                self.note(record);
                let mut instead = self.tool_error(sentence).object().unwrap_or_default();
                instead.remove("resultType");
                (instead.to_json(), withheld_inside())
            }
        }
    }

    fn judge_late(&mut self, late: &InFlight, result: Json) -> Result<(Json, Decision), Decision> {
        let asks = task_questions_judged::judge_result(&result);
        if asks.effect == Effect::Deny {
            return Err(asks);
        }
        let (result, revised) = match self.revise(late, result) {
            Revised::Passes(result, revised) => (result, revised),
            Revised::Refused(why) | Revised::Missing(why) => return Err(why),
        };
        let (result, owed) = policy_obeyed::result(late, result);
        let (result, seen) = self.inspect_result(late, result);
        let decision = revised.and(owed).and(seen);
        if decision.effect == Effect::Deny { Err(decision) } else { Ok((result, decision)) }
    }

    /// An error inside of what a task tells of itself.
    pub(crate) fn late_error(
        &mut self,
        late: &InFlight,
        error: &Json,
        now: Instant,
    ) -> (Json, Decision) {
        let members = error.object().unwrap_or_default();
        let code = members.get("code").and_then(|code| code.value().as_i64()).unwrap_or(-32603);
        let message = members.get("message").and_then(Json::as_text).unwrap_or_default();
        let data = members.get("data").cloned();
        let (code, translated) = codes_translated::translate(code, self.phase.era());
        let (error, seen) = self.inspect_error(late, RpcError { code, message, data });
        if seen.effect != Effect::Deny {
            return (written(&error), translated.and(seen));
        }
        let sentence = withheld(&seen).to_owned();
        let mut record = self.ended(late, Ended::Refused, now);
        record.decision = seen;
        self.note(record);
        let error = RpcError { code: -32603, message: sentence, data: None };
        (written(&error), withheld_inside())
    }

    /// That a result is there is news for the journal.
    fn arrived(&self, late: &InFlight) -> Decision {
        let began = late.carries.late.as_ref().map_or(0, |late| late.began);
        let why = format!("brings the result of call {began}");
        Decision::because(Effect::Allow, LATE_RESULTS_JUDGED, why)
    }
}

fn withheld_inside() -> Decision {
    let why = "the task's result was withheld, and the host is told so";
    Decision::because(Effect::Allow, LATE_RESULTS_JUDGED, why).owing(Obligation::Rewritten)
}

fn written(error: &RpcError) -> Json {
    let mut members = Object::new();
    members.set("code", Json::from_value(&error.code.into()));
    members.set("message", Json::string(&error.message));
    if let Some(data) = &error.data {
        members.set("data", data.clone());
    }
    members.to_json()
}
