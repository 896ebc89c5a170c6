//! A caller says where the server sends a request.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A caller says where the server sends a request.
pub(super) static CHECK: Check = Check {
    id: "server-side-request",
    title: "the caller chooses where a request goes",
    severity: Severity::High,
    control: Some(control::NETWORK_BY_NAME),
    why: "The server stands where the caller does not: beside the metadata service, the router and the services of this machine. A look at the name is not enough, for a name can resolve to any address and a redirect leads on.",
    fix: "hold the host against a list, resolve it once, refuse private addresses and follow no redirect unseen",
    examples: &[
        (
            Language::Python,
            "if urlsplit(url).hostname not in HOSTS:\n    raise ToolError(\"that host is not on the list\")\nhttpx.get(url, follow_redirects=False, timeout=10)",
        ),
        (
            Language::TypeScript,
            "if (!hosts.has(new URL(url).hostname)) throw new Error(\"that host is not on the list\");\nawait fetch(url, { redirect: \"error\", signal: AbortSignal.timeout(10_000) });",
        ),
        (
            Language::JavaScript,
            "if (!hosts.has(new URL(url).hostname)) throw new Error(\"that host is not on the list\");\nawait fetch(url, { redirect: \"error\", signal: AbortSignal.timeout(10_000) });",
        ),
        (
            Language::Go,
            "address, err := url.Parse(asked)\nif err != nil || !slices.Contains(hosts, address.Hostname()) {\n\treturn errors.New(\"that host is not on the list\")\n}",
        ),
        (
            Language::Rust,
            "let address = Url::parse(asked)?;\nif !address.host_str().is_some_and(|host| HOSTS.contains(&host)) {\n    return Err(refused());\n}",
        ),
    ],
    live: true,
    cwe: &[918],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1911"],
    atlas: &["AML.T0086"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts = |effect: &Effect| matches!(effect, Effect::Reached { .. });
    judge::both(check, evidence, &[Sink::Url], of_flow, &[Attack::ServerSideRequest], counts)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    // A part of a path behind a host that stands in the source goes to that host.
    let held = [GuardKind::HostList, GuardKind::AllowList, GuardKind::Number];
    if flow.whole { judge::unless(flow, &held, Severity::High) } else { None }
}
