//! What was asked for once is done once (MCP-APPR-06): no hint of a server, no
//! failure and no restart makes the gateway send a call a second time.
//!
//! A call is moved into its one way to the server and nothing keeps a copy; what a
//! fresh process is told again is what it must know to be who the old one was. This
//! is the list of that, and the last look before anything is said again.

use portcullis_catalog::control::CALLS_SENT_ONCE;
use portcullis_policy::Decision;

/// What changes nothing but what the server knows of its host, and may be said again
/// to a process that takes another's place. Nothing that does something is here, and
/// no hint puts it here.
const AGAIN: &[&str] = &["initialize", "logging/setLevel", "resources/subscribe"];

/// Judges a request that would be sent a second time.
pub(crate) fn judge(method: &str) -> Decision {
    if AGAIN.contains(&method) {
        return Decision::default();
    }
    Decision::deny(CALLS_SENT_ONCE, "what a host asked for is not said twice")
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use portcullis_wire::method::METHODS;

    use super::*;

    #[test]
    fn of_all_methods_three_may_be_said_again() {
        let again = METHODS.iter().filter(|row| judge(row.name).effect == Effect::Allow);
        let again: std::collections::BTreeSet<&str> = again.map(|row| row.name).collect();
        assert_eq!(again.into_iter().collect::<Vec<_>>(), AGAIN);
        assert!(judge("tools/call").names(CALLS_SENT_ONCE));
        assert!(judge("something/new").names(CALLS_SENT_ONCE));
    }
}
