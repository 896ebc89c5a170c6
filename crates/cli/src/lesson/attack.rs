//! Plays an attack and looks for its effect: what was done, not what was said.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::book::{During, Effect, Lesson};
use super::host::Host;
use super::scene::Scene;

/// An answer of more bytes than this drowns a conversation.
const FLOOD: usize = 256 * 1024;
/// How often one note is asked for while it is swapped, and for how long at most: a race that is
/// open is won within a few calls, on one core too.
const TRIES: usize = 1_000;
const RACE: Duration = Duration::from_secs(30);
/// How long a server has that answered too late before.
const PATIENT: Duration = Duration::from_secs(60);
const HINTS: &[&str] = &["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];

/// What an attack came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It succeeded; what shows it.
    Effect(String),
    /// Nothing was done.
    Nothing,
    /// Not everything was answered, which a busy machine does too: ask another server, patiently.
    Unclear,
}

/// Plays it; an error when the server cannot be attacked at all.
pub(super) fn play(
    lesson: &Lesson,
    host: &mut Host,
    scene: &Scene,
    patient: bool,
) -> Result<Found, String> {
    let found = match lesson.during {
        _ if lesson.effects.contains(&Effect::Swallowed) => {
            return swallow(lesson, host, scene, patient);
        }
        _ if lesson.effects.contains(&Effect::Hints) => hints(host),
        Some(During::Swap) => race(lesson, host, scene),
        None => plainly(lesson, host, scene),
    };
    found.map(|found| found.map_or(Found::Nothing, Found::Effect))
}

/// One call after the other, until one has an effect.
fn plainly(lesson: &Lesson, host: &mut Host, scene: &Scene) -> Result<Option<String>, String> {
    for call in &lesson.calls {
        let answer = host.call(&call.tool, &scene.arguments(call))?;
        let found = lesson.effects.iter().find_map(|effect| evidence(*effect, &answer, scene));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The same call again and again, while the file changes under it.
fn race(lesson: &Lesson, host: &mut Host, scene: &Scene) -> Result<Option<String>, String> {
    let _swap = scene.swap();
    let start = Instant::now();
    for tries in 1..=TRIES {
        if let Some(found) = plainly(lesson, host, scene)? {
            return Ok(Some(format!("{found}, at try {tries}")));
        }
        if start.elapsed() > RACE {
            break;
        }
    }
    Ok(None)
}

/// What one effect left behind.
fn evidence(effect: Effect, answer: &Value, scene: &Scene) -> Option<String> {
    let text = texts(answer);
    match effect {
        Effect::Secret => scene.secret_in(&text).map(|name| format!("{name} is in the answer")),
        Effect::Canary => scene.has_canary().then(|| "a file was made outside the project".into()),
        Effect::Database => scene.shop_changed().then(|| "the database was changed".into()),
        Effect::Flood => {
            (text.len() > FLOOD).then(|| format!("{} KiB came back", text.len() / 1024))
        }
        Effect::HostPath => {
            let told = text.contains(&*scene.folder.to_string_lossy());
            told.then(|| "the answer names a directory of this machine".into())
        }
        // These two are played differently.
        Effect::Hints | Effect::Swallowed => None,
    }
}

/// Every text of a value, one a line.
fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => members.values().map(texts).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// Whether a tool leaves the host in the dark.
fn hints(host: &mut Host) -> Result<Option<String>, String> {
    let answer = host.ask("tools/list", &json!({}))?;
    let tools = answer["result"]["tools"].as_array().ok_or("no list of tools")?;
    let silent = |tool: &&Value| HINTS.iter().any(|hint| !tool["annotations"][hint].is_boolean());
    let silent = tools.iter().filter(silent).count();
    let all = tools.len();
    Ok((silent > 0 || all == 0).then(|| format!("{silent} of {all} tools do not say what they do")))
}

/// Makes the call, and goes on talking: is everything answered, and by whom was it read?
fn swallow(
    lesson: &Lesson,
    host: &mut Host,
    scene: &Scene,
    patient: bool,
) -> Result<Found, String> {
    let word = format!("spoken-to-the-server-{}", std::process::id());
    let mut questions = Vec::new();
    for call in &lesson.calls {
        let params = json!({"name": call.tool, "arguments": scene.arguments(call)});
        questions.push(host.post("tools/call", &params)?);
    }
    let calls = questions.len();
    for number in 0..3 {
        // One at a time: a reader takes what is there, and only later messages find another reader.
        std::thread::sleep(Duration::from_millis(300));
        questions
            .push(host.post("ping", &json!({"_meta": {"lesson": format!("{word}-{number}")}}))?);
    }
    let patience = if patient { PATIENT } else { Duration::from_secs(2) + 3 * host.started_in };
    let start = Instant::now();
    let left = || patience.saturating_sub(start.elapsed());
    let answered = questions.iter().all(|id| host.answer(*id, left()).is_some());
    if !answered {
        // Whoever reads in the server's place comes to an end now, and tells.
        host.hang_up();
    }
    for id in questions.iter().take(calls) {
        let answer = host.answer(*id, Duration::from_secs(20)).unwrap_or_default();
        if texts(&answer).contains(&word) {
            return Ok(Found::Effect(
                "the host's next message came back as the tool's output".into(),
            ));
        }
    }
    Ok(match (answered, patient) {
        (true, _) => Found::Nothing,
        (false, false) => Found::Unclear,
        (false, true) => Found::Effect("the host's next messages were never answered".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::book::Sources;

    #[test]
    fn words_that_look_alike_are_no_evidence() {
        let scene = Scene::build(&Sources::default()).expect("a stage");
        let folder = scene.folder.display().to_string();
        let key = std::fs::read_to_string(scene.folder.join("vault/key.txt")).expect("a key");
        let table = [
            (Effect::Secret, "KEY-IN-THE-VAULT, leaked, root:x:0:0".to_owned(), false),
            (Effect::Secret, format!("wc: {key}: No such file"), true),
            (Effect::HostPath, "/tmp: no such file in portcullis-lesson".to_owned(), false),
            (Effect::HostPath, format!("[Errno 2] '{folder}/project/x'"), true),
            (Effect::Flood, "x".repeat(FLOOD - 100), false),
            (Effect::Flood, "x".repeat(FLOOD + 1), true),
            (Effect::Canary, "touch: canary made".to_owned(), false),
            (Effect::Database, "0 rows; DELETE done".to_owned(), false),
        ];
        for (effect, text, expect) in table {
            let answer = json!({"result": {"content": [{"type": "text", "text": text}]}});
            assert_eq!(evidence(effect, &answer, &scene).is_some(), expect, "{effect:?}");
        }
    }
}
