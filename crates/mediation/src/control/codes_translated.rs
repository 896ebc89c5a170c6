//! An error code means what the revision says, or nothing (MCP-HTTP-22).

use portcullis_catalog::control::CODES_TRANSLATED;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::Era;

/// "Resource not found" until 2025-11-25 (server/resources, Error Handling).
const RESOURCE_NOT_FOUND: i64 = -32002;

/// The code of a server's error as the client may see it.
///
/// 2026-07-28 (basic/index, Error Codes) gives a meaning to three codes of the
/// range that JSON-RPC leaves to servers, reserves the rest up to -32099, and
/// lets nobody read anything into -32000 to -32019. Earlier revisions leave the
/// range to each server, so there a code stays.
pub(crate) fn translate(code: i64, era: Era) -> (i64, Decision) {
    let translated = match (era, code) {
        (Era::Legacy, _) | (Era::Modern, -32022..=-32020) => code,
        (Era::Modern, RESOURCE_NOT_FOUND) => -32602,
        (Era::Modern, -32099..=-32000) => -32603,
        (Era::Modern, _) => code,
    };
    if translated == code {
        return (code, Decision::default());
    }
    let why = format!("the server's {code} has no meaning here and became {translated}");
    let decision = Decision::because(Effect::Allow, CODES_TRANSLATED, why);
    (translated, decision.owing(Obligation::Rewritten))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_what_the_era_says() {
        for (code, legacy, modern) in [
            (-32700, -32700, -32700),
            (-32602, -32602, -32602),
            (-32000, -32000, -32603),
            (-32002, -32002, -32602),
            (-32019, -32019, -32603),
            (-32020, -32020, -32020),
            (-32021, -32021, -32021),
            (-32022, -32022, -32022),
            (-32023, -32023, -32603),
            (-32042, -32042, -32603),
            (-32099, -32099, -32603),
            (-32100, -32100, -32100),
            (7, 7, 7),
        ] {
            assert_eq!(translate(code, Era::Legacy).0, legacy, "{code}");
            let (found, decision) = translate(code, Era::Modern);
            assert_eq!(found, modern, "{code}");
            assert_eq!(decision.names(CODES_TRANSLATED), found != code, "{code}");
        }
    }
}
