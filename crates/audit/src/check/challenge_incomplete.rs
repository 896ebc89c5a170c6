//! A refusal does not say which credential is wanted, or says it of another server.

use serde_json::Value;

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Exchange, Http, Question};
use crate::finding::{Finding, Severity};

/// A refusal does not say which credential is wanted, or says it of another server.
pub(super) static CHECK: Check = Check {
    id: "challenge-incomplete",
    title: "who is refused is not told how to get in",
    severity: Severity::Medium,
    control: None,
    why: "A client learns from the challenge and from the metadata of the resource which authorization server to ask, and for whom its token is. What is missing is guessed, and a token that names another resource opens that one.",
    fix: "answer 401 with `WWW-Authenticate` and `resource_metadata`, and publish metadata whose `resource` is the address of the server",
    examples: &[],
    live: true,
    cwe: &[287],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    asked::http(evidence).flat_map(|http| of(check, evidence, http)).collect()
}

fn of(check: &Check, evidence: &Evidence, http: &Http) -> Vec<Finding> {
    let mut found = Vec::new();
    let refused = || http.exchanges.iter().filter(|it| it.status() == Some(401));
    if let Some(mute) = refused().find(|it| it.header("www-authenticate").is_none()) {
        let seen = "a request was refused without saying which credential is wanted";
        found.push(asked::of(check, evidence, mute, Severity::Low, seen));
    }
    let named = refused().any(|it| {
        it.header("www-authenticate").is_some_and(|said| said.contains("resource_metadata"))
    });
    let told = http.about(Question::Metadata).find(|it| it.status() == Some(200));
    match (told, http.about(Question::Metadata).next()) {
        (Some(told), _) => found.extend(wrong(http, told).map(|seen| {
            asked::part(asked::of(check, evidence, told, Severity::Medium, &seen), "metadata")
        })),
        (None, Some(missing)) if named => {
            let seen = "the metadata that the challenge names are not there";
            found.push(asked::part(
                asked::of(check, evidence, missing, Severity::Low, seen),
                "metadata",
            ));
        }
        _ => {}
    }
    found
}

/// What is wrong with the metadata of a resource (RFC 9728, section 3.3).
fn wrong(http: &Http, told: &Exchange) -> Option<String> {
    let said: Value = serde_json::from_str(&told.answer.as_ref()?.said).ok()?;
    let resource = said.get("resource").and_then(Value::as_str).unwrap_or_default();
    let ours = http.url.strip_prefix(resource.trim_end_matches('/'));
    if resource.is_empty()
        || !ours.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    {
        return Some(format!("the metadata are of `{resource}`, and this is `{}`", http.url));
    }
    let servers = said.get("authorization_servers").and_then(Value::as_array);
    servers
        .is_none_or(Vec::is_empty)
        .then(|| "the metadata name no authorization server".to_owned())
}
