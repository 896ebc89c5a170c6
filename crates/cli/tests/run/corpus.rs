//! The listings of real servers through the real gateway, with the default
//! policy: what comes out is what went in, but for what a control names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::pins::Words;

/// A method of the corpus, the member of the file, and the section it is pinned as.
const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "tools"),
    ("prompts/list", "prompts", "prompts"),
    ("resources/list", "resources", "resources"),
    ("resources/templates/list", "resourceTemplates", "resourceTemplates"),
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|it| it == "json")).collect();
    files.sort();
    files
}

/// What a server answers, by method; it declares what it has.
fn answers(server: &Value) -> Vec<(&'static str, Value)> {
    let shake = json!({
        "protocolVersion": "2025-11-25", "serverInfo": {"name": "server", "version": "1"},
        "capabilities": {"tools": {}, "prompts": {}, "resources": {}},
    });
    let mut shake = match server.get("initialize") {
        Some(real) => real.clone(),
        None => shake,
    };
    // Older revisions are another file's business: here it is the lists that count.
    shake["protocolVersion"] = json!("2025-11-25");
    let mut answers = vec![("initialize", shake)];
    for (method, member, _) in LISTS {
        let empty = json!([]);
        answers.push((method, json!({member: server.get(member).unwrap_or(&empty)})));
    }
    answers
}

/// A hint that is stricter in the host's copy than in the server's.
fn is_stricter(name: &str, was: &Value, is: &Value) -> bool {
    let mild = name != "destructiveHint";
    let hints = ["readOnlyHint", "destructiveHint", "idempotentHint"];
    hints.contains(&name) && *is == json!(!mild) && (*was == json!(mild) || was.is_null())
}

/// A page of the server's own is not there, because not all three listed it.
fn without_page(tool: &mut Value) {
    let ui = tool.pointer_mut("/_meta/ui").and_then(Value::as_object_mut);
    ui.map(|ui| ui.remove("resourceUri"));
}

/// The host's copy differs from the server's in stricter hints only; whether it does.
fn differs(file: &str, was: &Value, is: &Value) -> bool {
    if was == is {
        return false;
    }
    let (mut bare_was, mut bare_is) = (was.clone(), is.clone());
    without_page(&mut bare_was);
    if bare_was == bare_is {
        return true;
    }
    let take = |tool: &mut Value| tool.as_object_mut().unwrap().remove("annotations");
    let (hints_was, hints_is) = (take(&mut bare_was), take(&mut bare_is));
    assert_eq!(bare_was, bare_is, "{file}: more than hints");
    let (hints_was, hints_is) = (hints_was.unwrap_or_default(), hints_is.unwrap());
    for (name, hint) in hints_is.as_object().unwrap() {
        let was = &hints_was[name];
        assert!(was == hint || is_stricter(name, was, hint), "{file}: {name}: {was} {hint}");
    }
    true
}

/// One session of a real server's words; what the host was shown differs from
/// what was said in hints only, and each of these is in the record.
fn replay(words: &Words, file: &str, server: &Value, setting: (&[&str], &str)) -> usize {
    words.answer(&answers(server));
    let mut gateway = words.start_with(setting);
    let hello = gateway.shakes_hands();
    let declared = &hello["result"]["capabilities"];
    let mut rewritten = 0;
    for (method, member, _) in LISTS {
        let need = if member == "resourceTemplates" { "resources" } else { member };
        if declared.get(need).is_none() {
            continue;
        }
        let id = gateway.asks(method, &json!({}));
        let listed = gateway.answer(id);
        let shown = listed["result"][member].as_array();
        let shown = shown.unwrap_or_else(|| panic!("{file}: {method}: {listed}"));
        let empty = Vec::new();
        let said = server.get(member).and_then(Value::as_array).unwrap_or(&empty);
        let names = |list: &[Value]| -> Vec<String> {
            list.iter().map(|entry| entry["name"].to_string()).collect()
        };
        assert_eq!(names(shown), names(said), "{file}: {method}");
        let pairs = said.iter().zip(shown);
        rewritten += pairs.filter(|(was, is)| differs(file, was, is)).count();
    }
    gateway.leave();
    rewritten
}

/// The records of all sessions so far that speak of drift.
fn drifted(words: &Words) -> Vec<String> {
    words.stage.events("drifted").iter().map(|record| record["note"].to_string()).collect()
}

#[test]
fn lists_of_real_servers_pass_and_their_pins_hold() {
    let (mut servers, mut tools, mut rewritten) = (0, 0, 0);
    for file in files(&corpus()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let server: Value = serde_json::from_str(&read(&file)).unwrap();
        let words = Words::empty();
        servers += 1;
        tools += server["tools"].as_array().unwrap().len();
        rewritten += replay(&words, &name, &server, (&[], "Etc/UTC"));
        // The same words at another start: nothing has drifted.
        replay(&words, &name, &server, (&[], "Etc/UTC"));
        assert_eq!(drifted(&words), [] as [String; 0], "{name}");
        let reasons: BTreeSet<String> = words
            .stage
            .events("outcome")
            .iter()
            .filter_map(|record| record["decision"]["because"].as_array().cloned())
            .flatten()
            .map(|because| because["control"].as_str().unwrap_or_default().to_owned())
            .collect();
        let known =
            ["annotations-rewritten", "capability-frozen", "extensions-agreed", "apps-contained"]
                .map(str::to_owned);
        let more: Vec<_> = reasons.iter().filter(|reason| !known.contains(reason)).collect();
        assert!(more.is_empty(), "{name}: {more:?}");
        // Neither what it offers nor what it asks for was found wanting.
        assert_eq!(words.stage.events("denied"), [] as [Value; 0], "{name}");
    }
    println!("{servers} servers, {tools} tools, hints of {rewritten} made stricter");
    assert_eq!(servers, 35);
}

#[test]
fn another_start_of_a_real_server_in_another_place_has_not_drifted() {
    for file in files(&corpus().join("second")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let words = Words::empty();
        let other = words.stage.folder("home/ada/other", 0o777).display().to_string();
        let (here, there) = (words.stage.project().display().to_string(), format!("{other}:rw"));
        let first = read(&corpus().join(&name)).replace("/home/user/cwd", &here);
        let second = read(&file).replace("/home/user/cwd2", &other);
        assert_ne!(first, second);
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        replay(&words, &name, &parsed(&first), (&[], "Etc/UTC"));
        replay(&words, &name, &parsed(&second), (&["--root", &there], "Asia/Tokyo"));
        assert_eq!(drifted(&words), [] as [String; 0], "{name}");
    }
}
