//! `portcullis demo`: the main job in ten seconds, on this machine.
//!
//! A careless server is run twice by the same scripted host: bare, where it
//! leaks a planted secret in five ways, and behind `portcullis run`, where each
//! way is closed. Our own server is asked for the same, without a gateway. Everything
//! happens in a temporary directory.

mod host;
mod scene;

use std::io::Write as _;

use serde_json::json;

use crate::exit::{Exit, Trouble};
use host::Host;
use scene::{Attack, Scene, Stopped};

/// Runs the demonstration; `yes` answers the question for the person.
pub(super) fn run(yes: bool) -> Result<Exit, Trouble> {
    play(yes).map(|()| Exit::Clean).map_err(|why| Trouble::new(Exit::Failed, why))
}

fn play(yes: bool) -> Result<(), String> {
    let scene = Scene::build()?;
    say("a careless server, a planted secret, and a host that was tricked into asking for it\n");
    say("1. bare: the server runs as it does in most hosts today");
    let leaked = bare(&scene)?;
    say("\n2. behind `portcullis run`: the same server, the same host, the same calls");
    let stopped = guarded(&scene, yes)?;
    say(
        "\n3. `portcullis server`, bare: a server that is asked for the same and has nothing to leak",
    );
    let held = hardened(&scene)?;
    say("\n4. the journal: every decision, sealed");
    let verified = scene.verify()?;
    say(&format!("   {} records verify: hash chain unbroken, checkpoints signed\n", verified));
    let all = scene::ATTACKS.len();
    say(&format!(
        "bare, {leaked} of {all} attacks got the secret; guarded, {} did; hardened, {} did",
        all - stopped,
        all - held
    ));
    if leaked != all {
        return Err(format!(
            "the bare server leaked only {leaked} of {all} times; the demo proves nothing"
        ));
    }
    if stopped != all {
        return Err("the guarded server leaked the secret".to_owned());
    }
    if held != all {
        return Err("the hardened server leaked the secret".to_owned());
    }
    Ok(())
}

fn bare(scene: &Scene) -> Result<usize, String> {
    let mut host = Host::start(&scene.bare_command(), scene)?;
    let mut leaked = 0;
    for attack in scene::ATTACKS {
        let text = host.call(attack.tool, &attack.arguments(scene))?;
        let got_it = text.contains(&scene.secret);
        leaked += usize::from(got_it);
        row(attack, if got_it { "LEAKED" } else { "nothing" }, "");
    }
    host.end();
    Ok(leaked)
}

fn guarded(scene: &Scene, yes: bool) -> Result<usize, String> {
    let mut host = Host::start(&scene.guarded_command(), scene)?;
    let mut stopped = 0;
    for attack in scene::ATTACKS {
        let before = scene.records()?;
        let text = host.call(attack.tool, &attack.arguments(scene))?;
        if text.contains(&scene.secret) {
            row(attack, "LEAKED", "");
            continue;
        }
        stopped += 1;
        let by = match scene.stopped_by(before)? {
            Stopped::Judged(control) => format!("judged: {control}"),
            Stopped::Kernel => "kernel: server-confined, the file is not in the box".to_owned(),
        };
        row(attack, "stopped", &by);
    }
    allowed_read(&mut host, scene)?;
    one_question(&mut host, scene, yes)?;
    host.end();
    Ok(stopped)
}

/// The good example needs no guard; with one, it works the same.
fn hardened(scene: &Scene) -> Result<usize, String> {
    let mut host = Host::start(&scene.hardened_command(), scene)?;
    let mut held = 0;
    for attack in scene::ATTACKS {
        let text = host.call(attack.hardened, &attack.hardened_arguments(scene))?;
        let got_it = text.contains(&scene.secret);
        if !got_it && !text.contains("\"isError\":true") {
            return Err(format!("the hardened server answered something else: {text}"));
        }
        held += usize::from(!got_it);
        row(attack, if got_it { "LEAKED" } else { "refused" }, attack.hardened);
    }
    let text = host.call("read_file", &json!({"path": scene.project.join("notes.txt")}))?;
    if !text.contains("buy milk") {
        return Err(format!("the hardened server's honest read failed: {text}"));
    }
    say("   an honest read of a note          works");
    host.end();
    Ok(held)
}

fn allowed_read(host: &mut Host, scene: &Scene) -> Result<(), String> {
    let note = scene.project.join("notes.txt");
    let text = host.call("read_note", &json!({"path": note}))?;
    if !text.contains("buy milk") {
        return Err(format!("the allowed read failed: {text}"));
    }
    say("   an honest read of a note          works");
    Ok(())
}

/// The server says that `delete_note` only reads; it is asked about all the same.
fn one_question(host: &mut Host, scene: &Scene, yes: bool) -> Result<(), String> {
    let old = scene.project.join("old.txt");
    let arguments = json!({"path": old});
    say("   `delete_note` claims to be read-only; a person is asked about it anyway:");
    let _ = std::io::stdout().flush();
    let answering = yes.then(|| scene.answer_yes());
    let text = host.call("delete_note", &arguments)?;
    if let Some(answering) = answering {
        answering.join().map_err(|_| "the answer could not be given".to_owned())??;
    }
    let gone = !old.exists();
    let outcome = if gone { "approved, once; it ran" } else { "not approved; it did not run" };
    say(&format!("   deleting a note                   {outcome}"));
    match (yes, gone, text.contains("not permitted")) {
        (true, false, _) => Err(format!("the approved call did not run: {text}")),
        (_, true, true) => Err("a refused call ran".to_owned()),
        _ => Ok(()),
    }
}

fn row(attack: &Attack, outcome: &str, by: &str) {
    say(&format!("   {:<33} {outcome:<9} {by}", attack.title));
}

#[expect(clippy::print_stdout, reason = "the demonstration is what the person asked to see")]
fn say(line: &str) {
    println!("{line}");
}
