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

/// Judges the URI of a resource: `file:` URIs name places, and so does whatever
/// is no URI at all, for servers that take paths too.
pub(crate) fn judge_uri(uri: &str, roots: &Roots, cwd: Option<&str>) -> Decision {
    if let Some(scheme) = scheme(uri)
        && !scheme.eq_ignore_ascii_case("file")
    {
        return Decision::default();
    }
    match roots.judge(uri, cwd) {
        Ok(_) => Decision::default(),
        Err(escape) => Decision::deny(ROOTS_CONTAINED, format!("resource: {escape}")),
    }
}

/// The scheme, if this is a URI (RFC 3986, 3.1). One letter is a drive.
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let letters = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (letters && scheme.len() > 1).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use portcullis_guard::path::{Access, Root};
    use portcullis_policy::Effect;

    use super::*;

    #[test]
    fn resources_by_uri() {
        let mut roots = Roots::new();
        roots.add(Root::new("/p").expect("a root"), Access::Read);
        for (uri, expect) in [
            ("file:///p/a", Effect::Allow),
            ("file:///etc/passwd", Effect::Deny),
            ("FILE:///etc/passwd", Effect::Deny),
            (" file:///etc/passwd", Effect::Deny),
            ("/etc/passwd", Effect::Deny),
            ("../etc/passwd", Effect::Deny),
            ("C:/windows", Effect::Deny),
            ("a.txt", Effect::Allow),
            ("notes://today", Effect::Allow),
            ("git+ssh://x/y", Effect::Allow),
        ] {
            assert_eq!(judge_uri(uri, &roots, Some("/p")).effect, expect, "{uri}");
        }
    }
}
