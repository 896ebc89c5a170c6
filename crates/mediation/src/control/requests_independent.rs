//! On 2026-07-28 a request is judged by what it says itself (MCP-SESS-05): what an
//! earlier one declared, or another on the same pipe does, gives it nothing.
//!
//! What a request declared travels with it (`carries.rs`), and its answer may ask
//! only for that. Its version is read from it alone (`handshake.rs`), and so is
//! whether it wants log messages. The ceiling of the session only takes away.

use portcullis_catalog::control::REQUESTS_INDEPENDENT;
use portcullis_policy::Decision;
use portcullis_wire::{Need, Revision, input_request};

use crate::carries::Declared;

/// Judges a question in the answer to a request by what that request declared.
pub(crate) fn judge(method: &str, declared: &Declared) -> Decision {
    let need = input_request(Revision::V2026_07_28, method).and_then(|row| row.needs);
    match need {
        Some(need) if !declared.contains(&need) => refused(method, need),
        _ => Decision::default(),
    }
}

fn refused(method: &str, need: Need) -> Decision {
    let why = format!(
        "`{method}` in an answer needs `{}`, which its own request did not declare, \
         whatever others did",
        need.path()
    );
    Decision::deny(REQUESTS_INDEPENDENT, why)
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;

    use super::*;

    #[test]
    fn each_question_needs_its_own_word() {
        let roots = Declared::from([Need::Roots]);
        for (method, declared, expect) in [
            ("roots/list", &roots, Effect::Allow),
            ("roots/list", &Declared::new(), Effect::Deny),
            ("sampling/createMessage", &roots, Effect::Deny),
            ("elicitation/create", &roots, Effect::Deny),
            ("nobody/knows", &roots, Effect::Allow),
        ] {
            assert_eq!(judge(method, declared).effect, expect, "{method} {declared:?}");
        }
    }
}
