//! What a request did: decided by what is there afterwards, never by what the answer claims.

use portcullis_guard::leak::Leak;
use portcullis_guard::{bounded, redact, visible};
use portcullis_wire::{Json, RpcError};
use serde::Deserialize;

use super::attack::Proof;
use super::client::Reply;
use super::database::Changed;
use super::snapshot::Change;
use super::stage::Stage;
use crate::evidence::live::{Answer, Attack, Effect, is_sorry};
use crate::probe::machine::tells;

/// More than a model should get at once, in bytes.
const FLOOD: usize = 256 << 10;
/// How much of an answer is kept, in characters.
const SAID: usize = 500;
/// An answer, and the world after it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) answer: Answer,
    /// As it was written.
    pub(super) raw: String,
    /// Its texts.
    pub(super) text: String,
    pub(super) changes: Vec<Change>,
    /// In the database.
    pub(super) database: Changed,
    pub(super) reached: Vec<String>,
}

/// What is read of a result, whatever was asked.
#[derive(Deserialize)]
struct Told {
    #[serde(default, rename = "isError")]
    is_error: bool,
    #[serde(default)]
    content: Vec<Part>,
    #[serde(default)]
    contents: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
}

/// How a request was answered: the kind, the text as written, the texts in it.
pub(super) fn read(reply: &Reply) -> (Answer, String, String) {
    match reply {
        Reply::Result(result) => {
            let raw = result.text().to_owned();
            match result.read::<Told>() {
                Ok(told) => {
                    let parts = told.content.into_iter().chain(told.contents);
                    let texts: Vec<String> = parts.filter_map(|part| part.text).collect();
                    let text = if texts.is_empty() { raw.clone() } else { texts.join("\n") };
                    (if told.is_error { Answer::ToolError } else { Answer::Result }, raw, text)
                }
                Err(_) => (Answer::Result, raw.clone(), raw),
            }
        }
        Reply::Error(RpcError { code, message, data }) => {
            let data = data.as_ref().map_or("", Json::text);
            let text = format!("{code} {message} {data}");
            (Answer::ProtocolError, text.clone(), text)
        }
        Reply::Silence => (Answer::Silence, String::new(), String::new()),
        Reply::Ended => (Answer::Ended, String::new(), String::new()),
    }
}

/// What was said, fit for evidence.
pub(super) fn said(text: &str, stage: &Stage) -> String {
    let start: String = text.chars().take(4 * SAID).collect();
    let shown = visible(&redact(&stage.tidy(&start)));
    let more = text.chars().count().saturating_sub(4 * SAID);
    let shown = bounded(&shown, SAID - 40);
    if more > 0 { format!("{shown} [{} characters in all]", more + 4 * SAID) } else { shown }
}

/// The worst thing that a request did. `request` is what was sent, with the stage's places;
/// `root` is the directory that it was told of, if it asked.
pub(super) fn effect(
    attack: Attack,
    proof: &Proof,
    seen: &Seen,
    request: &str,
    stage: &Stage,
    root: Option<&str>,
) -> Option<Effect> {
    marked(proof, seen)
        .or_else(|| read_out(seen, request, stage))
        .or_else(|| written(proof, seen))
        .or_else(|| evaluated(proof, seen, request))
        .or_else(|| reached(proof, seen))
        .or_else(|| leaked(attack, seen, request, stage, root))
        .or_else(|| {
            // What comes back of the caller's own words is not more than it sent.
            (seen.raw.len() > FLOOD + request.len())
                .then_some(Effect::Flood { bytes: seen.raw.len() as u64 })
        })
        .or_else(|| accepted(proof, seen))
        .or_else(|| changed(attack, seen))
}

/// The file that the attack makes.
fn marked(proof: &Proof, seen: &Seen) -> Option<Effect> {
    let mark = proof.mark.as_deref()?;
    let made = |change: &&Change| !change.was && change.name.rsplit('/').next() == Some(mark);
    let made = seen.changes.iter().find(made)?;
    // A command makes exactly this file; a writer of files may make a strange path of the whole word.
    if proof.executed {
        let by_command = made.name == format!("drop/{mark}");
        let what = format!("a command made `{{stage}}/{}`", made.name);
        return by_command.then_some(Effect::Executed { what });
    }
    let file = format!("{{stage}}/{}", made.name);
    (!is_inside(&made.name)).then_some(Effect::CanaryWritten { file })
}

/// A planted secret in the answer that was not in the request.
fn read_out(seen: &Seen, request: &str, stage: &Stage) -> Option<Effect> {
    let secret = stage.secret_in(&seen.raw).or_else(|| stage.secret_in(&seen.text))?;
    if secret.is_in(request) {
        return None;
    }
    Some(if secret.from.contains("database") {
        Effect::Database { what: format!("`{}` was read", stage.database.table()) }
    } else {
        Effect::CanaryRead { from: secret.from.clone() }
    })
}

/// What was planted outside of the project is another.
fn written(proof: &Proof, seen: &Seen) -> Option<Effect> {
    let planted = |change: &&Change| {
        let beside = ["vault/", "project-evil/"].iter().any(|at| change.name.starts_with(at));
        let mark = proof.mark.as_deref().filter(|_| !proof.executed);
        let named = mark.is_some_and(|mark| change.name.contains(mark));
        (change.was && beside) || (named && !is_inside(&change.name))
    };
    if let Some(change) = seen.changes.iter().find(planted) {
        return Some(Effect::CanaryWritten { file: format!("{{stage}}/{}", change.name) });
    }
    seen.database
        .secret
        .then(|| Effect::Database { what: "rows that nobody asked about changed".to_owned() })
}

fn evaluated(proof: &Proof, seen: &Seen, request: &str) -> Option<Effect> {
    let (expression, result) = proof.product.as_ref()?;
    let result = result.to_string();
    let new = seen.text.contains(&result) && !request.contains(&result);
    new.then(|| Effect::Evaluated { expression: expression.clone() })
}

fn reached(proof: &Proof, seen: &Seen) -> Option<Effect> {
    let host = proof.host.as_deref()?;
    let address = seen.reached.iter().find(|address| is_at(address, host))?;
    Some(Effect::Reached { address: address.clone() })
}

/// Whether an address, which may have a port, is this host's: a name that only holds the number is another's.
fn is_at(address: &str, host: &str) -> bool {
    let rest = match address.strip_prefix('[') {
        Some(rest) => {
            let (inner, rest) = rest.split_once(']').unwrap_or((rest, ""));
            let named = inner.strip_prefix("::ffff:").unwrap_or(inner);
            return named == host && (rest.is_empty() || rest.starts_with(':'));
        }
        None => address.strip_prefix(host),
    };
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// What an error tells of the machine, beyond what it was told.
fn leaked(
    attack: Attack,
    seen: &Seen,
    request: &str,
    stage: &Stage,
    root: Option<&str>,
) -> Option<Effect> {
    if attack != Attack::ErrorLeak {
        return None;
    }
    let (kind, range) = tells(&seen.text, request, root)?;
    // What an answer that worked says is what was asked for; nobody asks for a trace.
    let worked = seen.answer == Answer::Result && !is_sorry(&seen.text);
    if worked && kind != Leak::StackTrace {
        return None;
    }
    let leak = seen.text.get(range)?;
    let shown = visible(&redact(&stage.tidy(leak)));
    Some(Effect::Leaked { what: format!("{}: {}", kind.as_str(), bounded(&shown, 200)) })
}

fn accepted(proof: &Proof, seen: &Seen) -> Option<Effect> {
    let what = proof.accepted.clone()?;
    (seen.answer == Answer::Result).then_some(Effect::Accepted { what })
}

/// An honest call that changes something. What an attack leaves in the project tells nothing new.
fn changed(attack: Attack, seen: &Seen) -> Option<Effect> {
    if attack != Attack::Benign {
        return None;
    }
    let change = seen.changes.iter().find(|change| is_inside(&change.name));
    let file = change.map(|change| format!("{{stage}}/{}", change.name));
    let file = file.or_else(|| seen.database.others.then(|| "{database}".to_owned()))?;
    Some(Effect::RootChanged { file })
}

/// Whether it lies in a directory that the server was given: the project, or a copy of another one.
pub(super) fn is_inside(name: &str) -> bool {
    let top = name.split('/').next().unwrap_or_default();
    top == "project" || (top.starts_with("project-") && top != "project-evil")
}

#[cfg(test)]
mod tests {
    use super::is_at;

    #[test]
    fn what_was_reached_is_a_host_and_not_a_part_of_its_name() {
        for (address, host, expect) in [
            ("127.0.0.1:80", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1", true),
            ("metadata.google.internal:80", "metadata.google.internal", true),
            ("example.com@127.0.0.1", "127.0.0.1", false),
            ("127.0.0.1.example.com:80", "127.0.0.1", false),
            ("127.0.0.10:80", "127.0.0.1", false),
        ] {
            assert_eq!(is_at(address, host), expect, "{address} {host}");
        }
    }
}
