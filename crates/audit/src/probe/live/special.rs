//! Trials that are more than one request: a swallowed message, a burst, a tool that nobody lists.

use std::time::Duration;

use portcullis_wire::Object;
use serde_json::{Map, Value, json};

use super::attack::Proof;
use super::client::Reply;
use super::dice::word;
use super::kind::Parameter;
use super::run::{Ask, Run, filled, object};
use super::tool::Tool;
use crate::evidence::live::{Answer, Attack, Effect, Trial};

/// Calls in a burst.
const BURST: usize = 30;
/// How long a call may take that waits for its input in vain: servers that give up do so after ten seconds.
const LAST: Duration = Duration::from_secs(20);
/// How long a message may wait while something else may read it, and how long a child has to tell what it
/// read, once its input has ended.
const PING: Duration = Duration::from_secs(3);

/// Programs that read standard input when they are given no file.
const READERS: &[&str] = &["cat", "cat -", "sort"];

/// Names of tools that servers keep for themselves.
const HIDDEN: &[&str] = &[
    "admin",
    "debug",
    "eval",
    "exec",
    "shell",
    "run_command",
    "execute_command",
    "read_file",
    "write_file",
    "delete_file",
    "execute_sql",
    "query",
    "set_config",
    "get_config",
];

/// Runs a program that reads standard input, and goes on talking: whoever reads the protocol in the
/// server's place tells what it read, or never lets the server hear it.
pub(super) fn swallow(run: &mut Run<'_>, tool: &Tool<'_>, parameter: &Parameter) {
    for reader in READERS {
        let arguments = tool.with(parameter, reader);
        let mut came = swallowed(run, tool.name, &parameter.name, &arguments, false);
        if came == Some(Heard::Unclear) {
            came = swallowed(run, tool.name, &parameter.name, &arguments, true);
        }
        if came != Some(Heard::All) {
            return;
        }
    }
}

/// Who read our messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// The server.
    All,
    /// Something else.
    Swallowed,
    /// Not everything was answered, which a busy server does too.
    Unclear,
}

/// Impatient, it ends the server's input and looks whether our words come back. Patient, it waits for the
/// call to end and looks whether a message was never answered although a later one was.
fn swallowed(
    run: &mut Run<'_>,
    tool: &str,
    parameter: &str,
    arguments: &Map<String, Value>,
    patient: bool,
) -> Option<Heard> {
    let clock = run.clock;
    let mark = word();
    let session = run.ready()?;
    let params = json!({"name": tool, "arguments": arguments});
    let sent = filled(&params, &|text| session.stage.fill_in(text));
    let client = &mut session.client;
    let call = client.post("tools/call", object(&sent));
    let mut pings = Vec::new();
    for number in 0..3 {
        // One at a time: a reader takes what is there, and only later messages find another reader.
        std::thread::sleep(Duration::from_millis(200));
        let meta = json!({"_meta": {"audit": format!("{mark}-{number}")}});
        pings.push(client.post("ping", object(&meta)));
    }
    let deadline = clock.within(if patient { LAST } else { PING });
    let mut reply = client.answer(call, deadline);
    let unheard = pings.into_iter().filter(|ping| {
        let silent = matches!(client.answer(*ping, deadline), Reply::Silence);
        client.forget(*ping);
        silent
    });
    let unheard = unheard.count();
    let mut heard = if unheard == 0 { Heard::All } else { Heard::Unclear };
    if patient && unheard > 0 {
        let later = client.ask("ping", Object::new(), clock.within(PING));
        if matches!(later, Reply::Result(_)) && !matches!(reply, Reply::Silence) {
            heard = Heard::Swallowed;
        }
    } else if matches!(reply, Reply::Silence) {
        // Whoever reads in the server's place comes to an end now, and tells.
        client.hang_up();
        reply = client.answer(call, clock.within(PING));
    }
    client.forget(call);
    if let Reply::Result(result) = &reply
        && result.text().contains(&mark)
    {
        heard = Heard::Swallowed;
    }
    let ask = Ask {
        attack: Attack::SwallowedInput,
        tool,
        parameter,
        method: "tools/call",
        params,
        proof: Proof::default(),
    };
    run.told(&ask, &sent.to_string(), &reply);
    if heard == Heard::Swallowed
        && let Some(trial) = run.live.trials.last_mut()
    {
        trial.effect = Some(Effect::Swallowed);
    }
    if heard != Heard::All {
        run.dismiss();
    }
    Some(heard)
}

/// Many honest calls at once. What is answered is no harm by itself; what is refused is said.
pub(super) fn burst(run: &mut Run<'_>, tool: &Tool<'_>) {
    let deadline = run.clock.deadline();
    let params = json!({"name": tool.name, "arguments": tool.base});
    let Some(session) = run.ready() else { return };
    let sent = filled(&params, &|text| session.stage.fill_in(text));
    let calls: Vec<i64> =
        (0..BURST).map(|_| session.client.post("tools/call", object(&sent))).collect();
    let (mut results, mut refusals, mut last) = (0_usize, Vec::new(), Answer::Silence);
    for call in calls {
        let reply = session.client.answer(call, deadline);
        session.client.forget(call);
        let (answer, _, text) = super::effect::read(&reply);
        last = answer;
        if answer == Answer::Result {
            results += 1;
        } else if refusals.len() < 3 {
            refusals.push(super::effect::said(&text, &session.stage));
        }
    }
    let mut said = format!("{results} of {BURST} calls at once were answered");
    if let Some(first) = refusals.first() {
        said.push_str(&format!("; another said: {first}"));
    }
    run.live.trials.push(Trial {
        attack: Attack::Rate,
        tool: tool.name.to_owned(),
        parameter: String::new(),
        request: params,
        answer: last,
        said: said.chars().take(500).collect(),
        effect: None,
    });
    if matches!(last, Answer::Silence | Answer::Ended) {
        run.dismiss();
    }
}

/// Tools that are not listed and answer all the same.
pub(super) fn hidden(run: &mut Run<'_>, listed: &[&str]) {
    let made_up = format!("no_such_tool_{}", word());
    let nothing = Map::new();
    let Some(came) = run.call(Attack::Hidden, &made_up, "", &nothing, Proof::default()) else {
        return;
    };
    if came.is_result() {
        run.untested("tools that are not listed", "the server answers a call of any name");
        return;
    }
    let told = run.order.hidden.clone();
    let names = told.iter().map(String::as_str).chain(HIDDEN.iter().copied());
    for name in names.filter(|name| !listed.contains(name)) {
        let proof =
            Proof { accepted: Some(format!("`{name}`, which is not listed")), ..Proof::default() };
        if run.call(Attack::Hidden, name, "", &nothing, proof).is_none() {
            return;
        }
    }
}
