//! What a task asks is judged as if the call itself asked (MCP-SESS-13).
//!
//! The message that carries it says that it is complete, so it is looked for where
//! a task tells of itself, whatever that says of its status, and in the result that
//! it ends with.

use portcullis_catalog::control::TASK_QUESTIONS_JUDGED;
use portcullis_policy::{Decision, Effect};
use portcullis_wire::view::input_request::InputRequired;
use portcullis_wire::{Json, Object};

use crate::Session;
use crate::correlate::InFlight;
use crate::input::Inquiry;

/// The members that ask.
const ASKS: &[&str] = &["inputRequests", "requestState"];

impl Session {
    /// The questions of a task as they may go on, or why it may not ask them.
    pub(crate) fn judge_task_questions(
        &self,
        row: &InFlight,
        asked: Json,
    ) -> Result<Vec<Inquiry>, Decision> {
        let mut result = Object::new();
        result.set("inputRequests", asked);
        let (result, seen) = self.inspect_told(result.to_json());
        let asked = InputRequired::read(&result)
            .map_err(|misfit| Decision::deny(TASK_QUESTIONS_JUDGED, misfit.to_string()))?;
        let mut inquiries = self.judge_questions(row, &asked);
        for inquiry in &mut inquiries {
            inquiry.decision = std::mem::take(&mut inquiry.decision).and(seen.clone());
        }
        let judged = inquiries.iter().map(|inquiry| inquiry.decision.clone());
        let judged = judged.fold(seen, Decision::and);
        if judged.effect == Effect::Deny {
            let why = "the questions of a task meet what direct ones meet";
            return Err(judged.and(Decision::because(Effect::Allow, TASK_QUESTIONS_JUDGED, why)));
        }
        Ok(inquiries)
    }
}

/// A result that is there asks for nothing any more.
pub(crate) fn judge_result(result: &Json) -> Decision {
    let asks =
        result.object().is_some_and(|members| ASKS.iter().any(|name| members.get(name).is_some()));
    if asks {
        return Decision::deny(TASK_QUESTIONS_JUDGED, "a question inside of a task's result");
    }
    Decision::default()
}
