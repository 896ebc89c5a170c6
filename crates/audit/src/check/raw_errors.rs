//! The text of an exception reaches the model.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::{asked, judge};
use crate::evidence::Evidence;
use crate::evidence::http::{Exchange, Http};
use crate::evidence::live::Effect;
use crate::evidence::source::Language;
use crate::finding::Location;
use crate::finding::{Confidence, Finding, Severity};

/// The text of an exception reaches the model.
pub(super) static CHECK: Check = Check {
    id: "raw-errors",
    title: "errors in the server's own words",
    severity: Severity::Medium,
    control: Some(control::ERRORS_SANITISED),
    why: "The text of an exception is written for the developer: it names directories, accounts, tables and versions. The SDK hands it to the model, and from there it goes wherever the model writes.",
    fix: "answer with one sentence that the model can act on and a number; what happened stands in your own log, under that number",
    examples: &[
        (
            Language::Python,
            "except OSError as error:\n    log.error(\"%s: %r\", number, error)\n    raise ToolError(f\"that did not work; the log knows why, as {number}\") from None",
        ),
        (
            Language::TypeScript,
            "} catch (error) {\n  log.error({ number, error });\n  return { isError: true, content: [{ type: \"text\", text: `that did not work (${number})` }] };\n}",
        ),
        (
            Language::JavaScript,
            "} catch (error) {\n  log.error({ number, error });\n  return { isError: true, content: [{ type: \"text\", text: `that did not work (${number})` }] };\n}",
        ),
        (
            Language::Go,
            "if err != nil {\n\tslog.Error(\"read\", \"number\", number, \"error\", err)\n\treturn mcp.NewToolResultError(\"that did not work; the log knows why\"), nil\n}",
        ),
        (
            Language::Rust,
            ".map_err(|error| {\n    tracing::error!(%error, number, \"read\");\n    McpError::internal_error(\"that did not work; the log knows why\", None)\n})?;",
        ),
    ],
    live: true,
    cwe: &[209],
    owasp: &["MCP01:2025", "MCP10:2025"],
    safe_mcp: &["T1604"],
    atlas: &["AML.T0084"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<(String, Finding)> = Vec::new();
    for handler in evidence.source.iter().flat_map(|source| &source.handlers) {
        let Some(place) = &handler.raw_errors else { continue };
        found.push((
            handler.name.clone(),
            Finding {
                check: check.id.to_owned(),
                severity: Severity::Medium,
                confidence: Confidence::Likely,
                title: format!("{}: `{}`", check.title, handler.name),
                location: Location::Source(place.clone()),
                steps: Vec::new(),
                reproducer: None,
                evidence: format!("an error at {place} reaches the client as it is"),
            },
        ));
    }
    let all = evidence.live.iter().flat_map(|live| &live.trials);
    for trial in all.filter(|trial| matches!(trial.effect, Some(Effect::Leaked { .. }))) {
        let Some(effect) = &trial.effect else { continue };
        match found.iter_mut().find(|(tool, _)| *tool == trial.tool) {
            Some((_, finding)) if finding.confidence == Confidence::Confirmed => {}
            Some((_, finding)) => {
                finding.confidence = Confidence::Confirmed;
                finding.reproducer = Some(trial.request.clone());
                finding.evidence = format!("{}; done: {}", finding.evidence, judge::told(effect));
            }
            None => {
                let mut finding = judge::of_trial(check, evidence, trial, effect, Severity::Medium);
                finding.title = format!("{}: `{}`", check.title, trial.tool);
                found.push((trial.tool.clone(), finding));
            }
        }
    }
    let leaks = |http: &'_ Http| {
        let leaking = http.exchanges.iter().find(|it| leak(it).is_some())?;
        let seen = format!("the answer tells `{}`", leak(leaking)?);
        let finding = asked::of(check, evidence, leaking, Severity::Medium, &seen);
        Some(asked::part(finding, "over HTTP"))
    };
    let over_http = asked::http(evidence).filter_map(leaks);
    found.into_iter().map(|(_, finding)| finding).chain(over_http).collect()
}

/// What an answer tells of the server's machine.
fn leak(exchange: &Exchange) -> Option<&str> {
    exchange.answer.as_ref()?.leak.as_deref()
}
