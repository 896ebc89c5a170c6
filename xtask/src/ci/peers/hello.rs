//! Says hello to each server, bare: a peer that does not answer by itself proves nothing behind us.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{run, say};

/// Long enough for a cold interpreter on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server: its program below the folder, and whether it wants a directory.
const SERVERS: &[(&str, bool)] = &[
    ("node/node_modules/.bin/mcp-server-everything", false),
    ("node/node_modules/.bin/mcp-server-filesystem", true),
    ("node/node_modules/.bin/mcp-server-memory", false),
    ("node/node_modules/.bin/mcp-server-sequential-thinking", false),
    ("python/servers/bin/mcp-server-fetch", false),
    ("python/servers/bin/mcp-server-git", false),
    ("python/servers/bin/mcp-server-time", false),
    ("python/servers1/bin/mcp-server-sqlite", false),
    ("python/servers1/bin/mcp-shell-server", false),
];

/// Starts each, initializes it, and lets it go.
pub(super) fn all(peers: &Path) -> Result<(), String> {
    for (program, directory) in SERVERS {
        let answer = one(peers, program, *directory).map_err(|why| format!("{program}: {why}"))?;
        let server = &answer["result"]["serverInfo"];
        let (name, version) = (text(&server["name"]), text(&server["version"]));
        say(&format!("{name} {version} speaks {}", text(&answer["result"]["protocolVersion"])));
    }
    Ok(())
}

fn one(peers: &Path, program: &str, directory: bool) -> Result<Value, String> {
    let peers = peers.canonicalize().map_err(|error| error.to_string())?;
    let mut command = run::command(peers.join(program));
    // What a server writes where it stands does not belong to the work tree.
    command.current_dir(&peers);
    if directory {
        command.arg(&peers);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let answer = ask(&mut child);
    // Closing its stdin asks it to go; nobody waits for one that will not.
    drop(child.stdin.take());
    let _ = child.kill();
    let _ = child.wait();
    let answer: Value = serde_json::from_str(&answer?).map_err(|error| error.to_string())?;
    match answer["result"]["protocolVersion"].is_string() {
        true => Ok(answer),
        false => Err(format!("answered {answer}")),
    }
}

fn ask(child: &mut Child) -> Result<String, String> {
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "portcullis-xtask", "version": env!("CARGO_PKG_VERSION")},
    }});
    let stdin = child.stdin.as_mut().ok_or("no pipe")?;
    writeln!(stdin, "{hello}").map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let _ = tell.send(read.map(|_| line));
    });
    let read = told.recv_timeout(PATIENCE).map_err(|_| "no answer to initialize")?;
    read.map_err(|error| error.to_string())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
