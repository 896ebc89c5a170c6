//! A server that asks for the model or the person is refused unless the operator
//! opened that for it (`sampling-refused`, `elicitation-refused`).

use portcullis_catalog::ControlId;
use portcullis_catalog::control::{
    APPROVAL_EXACT, CONCURRENCY_CAPPED, ELICITATION_JUDGED, ELICITATION_REFUSED,
    INPUT_REQUESTS_CAPPED, SAMPLING_BOUNDED, SAMPLING_REFUSED, SAMPLING_REVIEWED, SILENCE_IS_NO,
};
use portcullis_policy::{Decision, Opening};
use portcullis_wire::{Json, Outcome, RpcError};
use serde_json::{Value, json};

use super::elicitation_judged::SECRET;
use crate::input::{MODEL, PERSON};
use crate::settings::MayAsk;

/// The denial of a server's question, by its method.
pub(crate) fn judge(method: &str, may: &MayAsk) -> Decision {
    match method {
        MODEL if may.sampling.mode == Opening::Refuse => {
            Decision::deny(SAMPLING_REFUSED, "the server asked for the host's model")
        }
        PERSON if may.elicitation.mode == Opening::Refuse => {
            Decision::deny(ELICITATION_REFUSED, "the server asked the person for input")
        }
        _ => Decision::default(),
    }
}

/// The legacy answer to the server.
///
/// A client that declared sampling answers -1, *user rejected* (client/sampling,
/// Error Handling); one that declared elicitation answers `decline`, which is no
/// error; one that declared neither does not know the method. What does not fit is told
/// in words that help its author.
pub(crate) fn answer(method: &str, claimed: Option<&Value>, why: &Decision) -> Outcome {
    let declared = |name: &str| claimed.and_then(|claimed| claimed.get(name)).is_some();
    match method {
        PERSON if !declared("elicitation") => error(-32601, "method not found"),
        MODEL if !declared("sampling") => error(-32601, "method not found"),
        PERSON if why.because.iter().any(|because| because.why == SECRET) => error(-32602, SECRET),
        PERSON if is_misfit(why, ELICITATION_JUDGED) => {
            error(-32602, "a form has flat fields of primitive types, and little text")
        }
        PERSON => Outcome::Result(Json::from_value(&json!({"action": "decline"}))),
        MODEL if is_misfit(why, SAMPLING_BOUNDED) => {
            error(-32602, "the messages, tools or limits of the request do not fit together")
        }
        MODEL => error(-1, "user rejected the request"),
        _ => error(-32601, "method not found"),
    }
}

/// Whether it was the question itself that did not fit, before anybody could answer it.
fn is_misfit(why: &Decision, control: ControlId) -> bool {
    const LATER: &[ControlId] = &[
        SAMPLING_REFUSED,
        ELICITATION_REFUSED,
        SAMPLING_REVIEWED,
        INPUT_REQUESTS_CAPPED,
        CONCURRENCY_CAPPED,
        APPROVAL_EXACT,
        SILENCE_IS_NO,
    ];
    why.names(control) && !LATER.iter().any(|later| why.names(*later))
}

fn error(code: i64, message: &str) -> Outcome {
    Outcome::Error(RpcError { code, message: message.to_owned(), data: None })
}

#[cfg(test)]
mod tests {
    use portcullis_policy::{Elicitation, Sampling};

    use super::*;

    #[test]
    fn a_server_hears_what_the_host_would_have_said() {
        let all = json!({"sampling": {}, "elicitation": {}});
        let said = |method, claimed, why: &Decision| match answer(method, claimed, why) {
            Outcome::Result(result) => result.value(),
            Outcome::Error(error) => json!(error.code),
        };
        let no = Decision::deny(SAMPLING_REFUSED, "no");
        assert_eq!(said(MODEL, Some(&all), &no), json!(-1));
        assert_eq!(said(PERSON, Some(&all), &no), json!({"action": "decline"}));
        for method in [MODEL, PERSON, "tools/call"] {
            assert_eq!(said(method, None, &no), json!(-32601), "{method}");
        }
        assert_eq!(said(MODEL, Some(&all), &Decision::deny(SAMPLING_BOUNDED, "x")), json!(-32602));
        let form = Decision::deny(ELICITATION_JUDGED, "x");
        assert_eq!(said(PERSON, Some(&all), &form), json!(-32602));
        let silent = form.and(Decision::deny(SILENCE_IS_NO, "x"));
        assert_eq!(said(PERSON, Some(&all), &silent), json!({"action": "decline"}));
    }

    #[test]
    fn only_the_model_and_the_person_are_out_of_reach_until_they_are_opened() {
        let closed = MayAsk::default();
        assert!(judge(MODEL, &closed).names(SAMPLING_REFUSED));
        assert!(judge(PERSON, &closed).names(ELICITATION_REFUSED));
        assert_eq!(judge("roots/list", &closed), Decision::default());
        let open = MayAsk {
            sampling: Sampling { mode: Opening::Ask, ..Sampling::default() },
            elicitation: Elicitation { mode: Opening::Show, ..Elicitation::default() },
            ..MayAsk::default()
        };
        assert_eq!(judge(MODEL, &open).and(judge(PERSON, &open)), Decision::default());
    }
}
