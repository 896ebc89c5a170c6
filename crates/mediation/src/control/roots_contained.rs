//! A path in an argument or a resource URI lies inside a root, decided by
//! component (MCP-ROOT-09, -11, MCP-VAL-07, -17). The kernel decides again.

use std::borrow::Cow;

use portcullis_catalog::control::ROOTS_CONTAINED;
use portcullis_guard::path::{Access, Root, Roots, path_arguments};
use portcullis_guard::{redact, visible};
use portcullis_policy::Decision;
use serde_json::Value;

use crate::settings::Settings;
use crate::without::Layer;

/// Judges every path-like argument of a call.
fn judge(arguments: &Value, schema: &Value, roots: &Roots, cwd: Option<&str>) -> Decision {
    let places = places(roots, cwd);
    path_arguments(arguments, schema).into_iter().fold(Decision::default(), |decision, found| {
        let (pointer, asked) = found;
        match places.judge(&asked, cwd) {
            Ok(_) => decision,
            Err(escape) => {
                let why = format!("argument `{pointer}` is `{}`, {escape}", shown(&asked));
                decision.and(Decision::deny(ROOTS_CONTAINED, why))
            }
        }
    })
}

impl Settings {
    /// Whether arguments name places inside the roots in force.
    pub(crate) fn contained(&self, arguments: &Value, schema: &Value) -> Decision {
        let decision = judge(arguments, schema, &self.roots, self.cwd.as_deref());
        self.opinion(Layer::Paths, decision)
    }

    /// Whether a URI does.
    pub(crate) fn contained_uri(&self, uri: &str) -> Decision {
        self.opinion(Layer::Paths, judge_uri(uri, &self.roots, self.cwd.as_deref()))
    }
}

/// Without any root, the directory that the server runs in is a private one of
/// its box: it holds nothing of the person's, so relative names may mean it.
fn places<'a>(roots: &'a Roots, cwd: Option<&str>) -> Cow<'a, Roots> {
    let private = cwd.filter(|_| roots.is_empty()).and_then(|cwd| Root::new(cwd).ok());
    let Some(private) = private else { return Cow::Borrowed(roots) };
    let mut places = Roots::new();
    places.add(private, Access::Write);
    Cow::Owned(places)
}

/// What was asked for, as a record may hold it.
fn shown(asked: &str) -> String {
    let bounded: String = asked.chars().take(256).collect();
    visible(&redact(&bounded))
}

/// Judges the URI of a resource: `file:` URIs name places, and so does whatever
/// is no URI at all, for servers that take paths too.
fn judge_uri(uri: &str, roots: &Roots, cwd: Option<&str>) -> Decision {
    if let Some(scheme) = scheme(uri)
        && !scheme.eq_ignore_ascii_case("file")
    {
        return Decision::default();
    }
    match places(roots, cwd).judge(uri, cwd) {
        Ok(_) => Decision::default(),
        Err(escape) => {
            let why = format!("resource `{}` is {escape}", shown(uri));
            Decision::deny(ROOTS_CONTAINED, why)
        }
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

    #[test]
    fn without_roots_only_the_private_directory_is_meant() {
        let judged = |path: &str, cwd: Option<&str>| {
            judge(&serde_json::json!({"path": path}), &Value::Null, &Roots::new(), cwd).effect
        };
        for (path, cwd, expect) in [
            ("owner/repo", Some("/sandbox/home"), Effect::Allow),
            ("../etc/passwd", Some("/sandbox/home"), Effect::Deny),
            ("/etc/passwd", Some("/sandbox/home"), Effect::Deny),
            ("owner/repo", None, Effect::Deny),
        ] {
            assert_eq!(judged(path, cwd), expect, "{path} {cwd:?}");
        }
    }
}
