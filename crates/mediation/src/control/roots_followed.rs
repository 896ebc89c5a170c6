//! The roots in force are what the operator granted, is there, and the host still
//! offers (MCP-ROOT-04, -06, -07): growth only inside the ceiling, and a
//! root that went is gone for the next judgement already.

use std::collections::BTreeSet;

use portcullis_catalog::control::ROOTS_FOLLOWED;
use portcullis_guard::path::{Access, Root, Roots, narrow};
use portcullis_policy::{Decision, Effect};
use portcullis_wire::Json;
use portcullis_wire::view::resource;

use crate::approval::Fingerprint;

/// What decides which roots are in force.
#[derive(Debug)]
pub(crate) struct Scope {
    /// What the operator granted, as far as it is there.
    ceiling: Roots,
    /// What the host said last. Until it said anything, the ceiling speaks alone.
    host: Option<Json>,
    /// The working directory of a server that has one in a root.
    cwd: Option<String>,
    /// The policy with the roots as they were granted.
    policy: Fingerprint,
    granted: Roots,
    /// The network, when it is not the one that was granted.
    network: Option<String>,
    /// We asked the host, and it has not answered.
    pub(crate) asking: bool,
    /// It said by itself that they changed.
    pub(crate) announced: bool,
    /// It said so once more before it answered.
    pub(crate) again: bool,
}

impl Scope {
    pub(crate) fn new(granted: &Roots, cwd: Option<&str>, policy: &Fingerprint) -> Self {
        Self {
            ceiling: granted.clone(),
            host: None,
            cwd: cwd.map(str::to_owned),
            policy: policy.clone(),
            granted: granted.clone(),
            network: None,
            asking: false,
            announced: false,
            again: false,
        }
    }

    pub(crate) fn ceiling(&self) -> &Roots {
        &self.ceiling
    }

    pub(crate) fn set_ceiling(&mut self, ceiling: Roots) {
        self.ceiling = ceiling;
    }

    /// What the host said last, if it is still what it would say.
    pub(crate) fn host(&self) -> Option<&Json> {
        self.host.as_ref().filter(|_| !self.asking)
    }

    /// The host says what it offers; nothing, if nobody can read it.
    pub(crate) fn heard(&mut self, answer: Json) {
        self.host = Some(answer);
    }

    /// The roots in force.
    pub(crate) fn in_force(&self) -> Roots {
        let Some(host) = &self.host else { return self.ceiling.clone() };
        let offered = resource::roots(host).unwrap_or_default();
        let offered: Vec<String> = offered.into_iter().map(|root| root.uri).collect();
        narrow(&self.ceiling, &offered)
    }

    /// Where relative paths start. A directory that was taken from the server is
    /// not the private one that a server without roots has.
    pub(crate) fn cwd(&self, in_force: &Roots) -> Option<String> {
        let lost = in_force.is_empty() && !self.granted.is_empty();
        self.cwd.clone().filter(|_| !lost)
    }

    /// The network is this one now; nothing, when it is as it was granted.
    pub(crate) fn set_network(&mut self, network: Option<String>) {
        self.network = network;
    }

    /// The policy of the start, whatever changed since.
    pub(crate) fn given_policy(&self) -> &Fingerprint {
        &self.policy
    }

    /// Other roots or another network, another policy: a yes that was given under the one does not
    /// count under the other.
    pub(crate) fn policy(&self, in_force: &Roots) -> Fingerprint {
        let mut text = self.policy.as_str().to_owned();
        if *in_force != self.granted {
            text = format!("{text} {}", listed(in_force));
        }
        if let Some(network) = &self.network {
            text = format!("{text} network {network}");
        }
        if text == self.policy.as_str() {
            return self.policy.clone();
        }
        Fingerprint::of(text.as_bytes())
    }
}

/// What a change comes to, in words for the journal.
pub(crate) fn told(before: &Roots, after: &Roots) -> Decision {
    let set = |roots: &Roots| roots.iter().map(shown).collect::<BTreeSet<_>>();
    let (before, after) = (set(before), set(after));
    let list = |some: &mut dyn Iterator<Item = &String>| {
        some.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let mut decision = Decision::default();
    for (word, some) in [
        ("taken away", list(&mut before.difference(&after))),
        ("there now", list(&mut after.difference(&before))),
    ] {
        if !some.is_empty() {
            let why = format!("roots {word}: {some}");
            decision = decision.and(Decision::because(Effect::Allow, ROOTS_FOLLOWED, why));
        }
    }
    decision
}

fn listed(roots: &Roots) -> String {
    roots.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn shown((root, access): (&Root, Access)) -> String {
    let word = if access == Access::Write { "rw" } else { "ro" };
    format!("{}:{word}", portcullis_guard::text::visible(&root.path()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope(granted: &[(&str, Access)]) -> Scope {
        let mut roots = Roots::new();
        for (path, access) in granted {
            roots.add(Root::new(path).expect("a root"), *access);
        }
        Scope::new(&roots, Some("/p"), &Fingerprint::of(b"policy"))
    }

    #[test]
    fn the_host_narrows_and_never_widens() {
        let granted = [("/p", Access::Write), ("/p/docs", Access::Read), ("/q", Access::Read)];
        for (offered, expect) in [
            (vec!["file:///p", "file:///q"], "/p:rw, /p/docs:ro, /q:ro"),
            (vec!["file:///"], "/p:rw, /p/docs:ro, /q:ro"),
            (vec!["file:///q", "file:///p"], "/p:rw, /p/docs:ro, /q:ro"),
            (vec!["file:///p/src"], "/p/src:rw"),
            (vec!["file:///p/docs/a"], "/p/docs/a:ro"),
            (vec!["file:///p-evil", "file:///etc", "http://x"], ""),
            (vec![], ""),
        ] {
            let mut scope = scope(&granted);
            let roots: Vec<_> = offered.iter().map(|uri| json!({"uri": uri})).collect();
            scope.heard(Json::from_value(&json!({"roots": roots})));
            assert_eq!(listed(&scope.in_force()), expect, "{offered:?}");
        }
    }

    #[test]
    fn what_was_taken_is_no_private_directory() {
        let mut taken = scope(&[("/p", Access::Write)]);
        let policy = taken.policy(&taken.in_force());
        assert_eq!(taken.cwd(&taken.in_force()).as_deref(), Some("/p"));
        taken.set_ceiling(Roots::new());
        assert_eq!(taken.cwd(&taken.in_force()), None);
        assert_ne!(taken.policy(&taken.in_force()), policy);
        let never = scope(&[]);
        assert_eq!(never.cwd(&never.in_force()).as_deref(), Some("/p"));
    }
}
