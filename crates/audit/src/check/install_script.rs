//! Installing a package runs something of its own.

use portcullis_guard::launch::marks;

use crate::check::{Check, asked};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};

/// Installing a package runs something of its own.
pub(super) static CHECK: Check = Check {
    id: "install-script",
    title: "installing it runs a script of its own",
    severity: Severity::High,
    control: None,
    why: "The script runs before anybody has seen the program, with all that whoever installs it may do. That is how most malicious packages get to work, and an honest server seldom needs it.",
    fix: "publish what runs as it is, built; whoever installs it can go without (`npm install --ignore-scripts`, `uv … --no-build`), as `portcullis run` does with npm",
    examples: &[],
    live: false,
    cwe: &[829, 494],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1002"],
    atlas: &["AML.T0010.005"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let Some(package) = &evidence.package else { return Vec::new() };
    let of = |script: &crate::evidence::package::Script| {
        let own = script.package == package.name;
        let told = ["sh", "-c", &script.command].map(str::to_owned);
        let fetches = marks(&told).iter().any(|mark| mark.why == "runs what it downloads");
        let severity = match (own, fetches) {
            (_, true) => Severity::High,
            (true, false) => Severity::Medium,
            (false, false) => Severity::Low,
        };
        let seen = format!("`{}` runs `{}` at {}", script.package, script.command, script.when);
        let finding = asked::whole(check, evidence, severity, Confidence::Likely, &seen);
        asked::part(finding, &format!("{} of `{}`", script.when, script.package))
    };
    package.scripts.iter().map(of).collect()
}
