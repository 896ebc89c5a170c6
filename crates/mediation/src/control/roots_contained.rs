//! A path in an argument or a resource URI lies inside a root, decided by
//! component (MCP-ROOT-09, -11, MCP-VAL-07, -17). The kernel decides again.

use portcullis_catalog::control::ROOTS_CONTAINED;
use portcullis_guard::path::{Roots, path_arguments};
use portcullis_policy::Decision;
use serde_json::Value;

/// Judges every path-like argument of a call.
pub(crate) fn judge(
    arguments: &Value,
    schema: &Value,
    roots: &Roots,
    cwd: Option<&str>,
) -> Decision {
    path_arguments(arguments, schema).into_iter().fold(Decision::default(), |decision, found| {
        let (pointer, asked) = found;
        match roots.judge(&asked, cwd) {
            Ok(_) => decision,
            Err(escape) => {
                let why = format!("argument `{pointer}`: {escape}");
                decision.and(Decision::deny(ROOTS_CONTAINED, why))
            }
        }
    })
}

/// Judges the URI of a resource: only `file:` URIs name places.
pub(crate) fn judge_uri(uri: &str, roots: &Roots) -> Decision {
    let scheme = uri.split(':').next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("file") {
        return Decision::default();
    }
    match roots.judge(uri, None) {
        Ok(_) => Decision::default(),
        Err(escape) => Decision::deny(ROOTS_CONTAINED, format!("resource: {escape}")),
    }
}
