//! A server that asks for the model or the person is refused until we can put
//! that question to a person ourselves (`sampling-refused`, `elicitation-refused`).

use portcullis_catalog::control::{ELICITATION_REFUSED, SAMPLING_REFUSED};
use portcullis_policy::Decision;
use portcullis_wire::{Json, Outcome, RpcError};
use serde_json::{Value, json};

/// The denial of a server's question, by its method.
pub(crate) fn judge(method: &str) -> Decision {
    match method {
        "sampling/createMessage" => {
            Decision::deny(SAMPLING_REFUSED, "the server asked for the host's model")
        }
        "elicitation/create" => {
            Decision::deny(ELICITATION_REFUSED, "the server asked the person for input")
        }
        _ => Decision::default(),
    }
}

/// The legacy answer to the server.
///
/// A client that declared sampling answers -1, *user rejected* (client/sampling,
/// Error Handling); one that declared elicitation answers `decline`, which is no
/// error; one that declared neither does not know the method.
pub(crate) fn answer(method: &str, claimed: Option<&Value>) -> Outcome {
    let declared = |name: &str| claimed.and_then(|claimed| claimed.get(name)).is_some();
    match method {
        "elicitation/create" if declared("elicitation") => {
            Outcome::Result(Json::from_value(&json!({"action": "decline"})))
        }
        "sampling/createMessage" if declared("sampling") => error(-1, "user rejected the request"),
        _ => error(-32601, "method not found"),
    }
}

fn error(code: i64, message: &str) -> Outcome {
    Outcome::Error(RpcError { code, message: message.to_owned(), data: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_hears_what_the_host_would_have_said() {
        let all = json!({"sampling": {}, "elicitation": {}});
        let said = |method, claimed| match answer(method, claimed) {
            Outcome::Result(result) => result.value(),
            Outcome::Error(error) => json!(error.code),
        };
        assert_eq!(said("sampling/createMessage", Some(&all)), json!(-1));
        assert_eq!(said("elicitation/create", Some(&all)), json!({"action": "decline"}));
        for method in ["sampling/createMessage", "elicitation/create", "tools/call"] {
            assert_eq!(said(method, None), json!(-32601), "{method}");
        }
    }

    #[test]
    fn only_the_model_and_the_person_are_out_of_reach() {
        assert!(judge("sampling/createMessage").names(SAMPLING_REFUSED));
        assert!(judge("elicitation/create").names(ELICITATION_REFUSED));
        assert_eq!(judge("roots/list"), Decision::default());
    }
}
