//! The address of a server on another machine begins with `http:`.

use crate::check::Check;
use crate::check::{asked, configured};
use crate::evidence::Evidence;
use crate::evidence::config::{Leads, leads};
use crate::evidence::http::Http;
use crate::finding::{Confidence, Finding, Severity};

/// The address of a server on another machine begins with `http:`.
pub(super) static CHECK: Check = Check {
    id: "plain-http",
    title: "nothing is encrypted on the way",
    severity: Severity::High,
    control: None,
    why: "Everybody on the way reads the token and the answers, and can put other answers in their place. Nothing is sent to such an address, so nothing else about it is known.",
    fix: "put TLS before the server, and answer plain HTTP with nothing but a redirect",
    examples: &[],
    live: true,
    cwe: &[319],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let plain = asked::http(evidence).filter(|http| !http.encrypted && !http.this_machine);
    let of = |http: &Http| {
        let seen = format!("the address is `{}`", http.url);
        asked::whole(check, evidence, Severity::High, Confidence::Likely, &seen)
    };
    let configured = configured::used(evidence).flat_map(|entry| {
        let plain = entry.addresses().into_iter().filter(|it| leads(&it.text) == Leads::Plainly);
        let of = |word: &crate::evidence::config::Word| {
            let about = format!("`{}`", entry.called());
            let seen = format!("the address is `{}`", word.text);
            let weight = (Severity::High, Confidence::Likely);
            configured::at(check, &word.place, weight, &about, seen)
        };
        plain.map(of).collect::<Vec<_>>()
    });
    plain.map(of).chain(configured).collect()
}
