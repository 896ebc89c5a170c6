//! `portcullis policy explain`: why a recorded call was judged as it was.
//!
//! Everything comes from the record; nothing is judged again, because today's
//! policies may say something else than those that were in force.

use std::path::Path;

use portcullis_guard::text::visible;
use portcullis_policy::decision::statement_of;
use portcullis_store::read;
use serde_json::{Value, json};

use super::policy::exit_of;
use crate::exit::{Exit, Trouble};
use crate::style;

pub(super) fn run(journal: &Path, seq: u64, as_json: bool) -> Result<Exit, Trouble> {
    let record = find(journal, seq)?;
    let effect = text(&record, "/decision/effect");
    if as_json {
        style::print(&format!("{}\n", explained(&record, seq)))?;
    } else {
        style::print(&format!("{}\n", lines(&record, seq).join("\n")))?;
    }
    Ok(exit_of(&effect))
}

fn find(journal: &Path, seq: u64) -> Result<Value, Trouble> {
    let missing = || {
        let said = format!("there is no record {seq}: see `portcullis journal tail`");
        Trouble::new(Exit::Nothing, said)
    };
    if !journal.is_dir() {
        return Err(missing());
    }
    let entry = read(journal, seq)?.next().transpose()?.filter(|entry| entry.seq == seq);
    let entry = entry.ok_or_else(missing)?;
    serde_json::from_str(&entry.line).map_err(|error| Trouble::failed(&error))
}

fn reasons(record: &Value) -> impl Iterator<Item = &Value> {
    record.pointer("/decision/because").and_then(Value::as_array).into_iter().flatten()
}

fn text(record: &Value, pointer: &str) -> String {
    visible(record.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}

fn explained(record: &Value, seq: u64) -> Value {
    let because: Vec<_> = reasons(record)
        .map(|reason| {
            let control = text(reason, "/control");
            let mut reason = reason.clone();
            if let Some(members) = reason.as_object_mut() {
                members.insert("promise".to_owned(), statement(&control).into());
                members.insert("would_allow_it".to_owned(), way_out(&control).into());
            }
            reason
        })
        .collect();
    json!({
        "record": seq, "event": record.get("event"), "server": record.get("server"),
        "tool": record.get("tool"), "effect": record.pointer("/decision/effect"),
        "because": because, "obligations": record.pointer("/decision/obligations"),
        "approval": record.get("approval"), "grant": record.get("grant"), "policy": record.get("policy"),
    })
}

fn lines(record: &Value, seq: u64) -> Vec<String> {
    let at = |pointer: &str| text(record, pointer);
    let mut lines = vec![format!(
        "record {seq}: {} {} {} on {}, {}",
        at("/event"),
        at("/method"),
        at("/tool"),
        at("/server"),
        at("/time")
    )];
    lines.push(format!("decided: {}", at("/decision/effect")));
    let before = lines.len();
    for reason in reasons(record) {
        let (control, why) = (text(reason, "/control"), text(reason, "/why"));
        lines.push(format!("because {control}: {why}"));
        if let Some(wanted) = reason.get("wanted").and_then(Value::as_str) {
            lines.push(format!("  it wanted {wanted}, and was only observed"));
        }
        match (text(reason, "/rule"), text(reason, "/place")) {
            (rule, _) if rule.is_empty() => {}
            (rule, place) if place.is_empty() => lines.push(format!("  rule {rule}, built in")),
            (rule, place) => lines.push(format!("  rule {rule}, written in {place}")),
        }
        lines.push(format!("  {}", statement(&control)));
        if at("/decision/effect") != "allow" {
            lines.push(format!("  what would allow it: {}", way_out(&control)));
        }
    }
    if lines.len() == before {
        lines.push("nothing spoke against it".to_owned());
    }
    if !at("/note").is_empty() {
        lines.push(format!("note: {}", at("/note")));
    }
    for (name, pointer) in [("approval", "/approval"), ("grant", "/grant"), ("policy", "/policy")] {
        if !at(pointer).is_empty() {
            lines.push(format!("{name}: {}", at(pointer)));
        }
    }
    lines
}

/// The sentence that a control is held to.
fn statement(control: &str) -> &'static str {
    statement_of(control).unwrap_or("this version knows no such control")
}

/// What a person would do to let the same call pass.
fn way_out(control: &str) -> &'static str {
    match control {
        "policy-obeyed" => "another policy in the place that is named",
        "tools-listed" | "resources-listed" | "prompts-listed" => {
            "another list in the place that is named"
        }
        "approve-by-risk" => "a yes to this call (`portcullis approvals`), or a milder `ask`",
        "grants-narrow" => "it let this call through: `portcullis grants`",
        "approval-exact" | "silence-is-no" => {
            "a yes in time, to exactly this call: `portcullis approvals`"
        }
        "roots-contained" => "a root that holds the path: `--root DIR` or `roots`",
        "arguments-match-schema" => "arguments that fit the tool's own schema",
        "calls-per-minute" => "a later call, or a higher `limits.calls_per_minute`",
        "concurrency-capped" => "an answer to what waits already: `portcullis approvals`",
        "launch-pinned" => {
            "a yes to this start (`portcullis approvals`), or `portcullis pins accept`; then start it again"
        }
        "definition-pinned" | "revision-pinned" => {
            "a yes to what changed (`portcullis approvals`), or `portcullis pins accept`"
        }
        "definitions-inspected" => "words that hide and order nothing, or `inspect.definitions`",
        "flows-apart" => "a yes to this call (`portcullis approvals`), or a milder `flow`",
        "roots-asked" | "roots-followed" => {
            "a yes to the directory (`portcullis approvals`), a root that holds it, or \
             `portcullis grants restore` for one that was taken back"
        }
        "network-by-name" => "the host in `--network` or `network`",
        "extensions-agreed" => "the extension in `extensions`",
        "sampling-refused" => "`sampling = { mode = \"ask\" }` for this server",
        "sampling-bounded" => "another bound in `sampling`: `max_tokens`, `models`",
        "sampling-reviewed" | "sampling-edited" => {
            "a yes in time, to what may go on: `portcullis approvals`"
        }
        "elicitation-refused" => "`elicitation = { mode = \"ask\" }` for this server",
        "elicitation-links-listed" => "the host in `elicitation = { urls = [..] }`",
        "input-requests-capped" => {
            "a later question, or more of them in `sampling` or `elicitation`"
        }
        "approved-in-host" => {
            "a yes at another place (`portcullis approvals`), or the host in `trusted_hosts`"
        }
        _ => "nothing that an operator can set: the peer must speak otherwise",
    }
}
