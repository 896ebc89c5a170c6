//! The real binary with a scrubbed environment: what it prints and how it ends.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use portcullis_journal::{Event, Record, Timestamp};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fingerprint, Matter, Question};
use portcullis_policy::{Principal, ServerName, Tier};
use portcullis_store::{ApprovalStore as _, Approvals, Journal};
use tempfile::TempDir;

/// What one call of the binary came to.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs `portcullis` with a state directory of its own and nothing else.
fn portcullis(state: &Path, line: &str) -> Said {
    portcullis_words(state, &line.split_whitespace().collect::<Vec<_>>())
}

#[expect(clippy::unwrap_used, reason = "a test helper")]
#[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
fn portcullis_words(state: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.env_clear().env("PORTCULLIS_STATE", state).env("NO_COLOR", "1").args(words);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text =
        |bytes| String::from_utf8(bytes).unwrap().replace(&state.display().to_string(), "STATE");
    Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}

/// Asks a question that waits for an hour; returns its name.
#[expect(clippy::unwrap_used, reason = "a test helper")]
fn ask(state: &Path, number: u64, tool: &str, arguments: &str) -> String {
    let question = Question {
        approval: ApprovalId::from_entropy(number),
        key: ApprovalKey {
            matter: Matter::Tool,
            principal: Principal::user(1000),
            server: ServerName::new("files").unwrap(),
            session: "s".to_owned(),
            tool: tool.to_owned(),
            definition_pin: Fingerprint::of(b"definition"),
            arguments_digest: Fingerprint::of(arguments.as_bytes()),
            policy: Fingerprint::of(b"policy"),
        },
        arguments: arguments.to_owned(),
        risk: Tier::Destructive,
        reasons: vec![format!("`{tool}` is in tier destructive")],
        patience: Duration::from_secs(3_600),
        standing: Default::default(),
    };
    Approvals::open(state).unwrap().ask(&question, now()).unwrap();
    question.approval.to_string()
}

#[expect(clippy::unwrap_used, reason = "a test helper")]
fn record(state: &Path, tools: &[&str]) {
    let mut journal = Journal::open(&state.join("journal")).unwrap();
    for tool in tools {
        let server = ServerName::new("files").unwrap();
        let mut record = Record::new(Event::Denied, "s", &server, &Principal::user(1000));
        record.tool = Some((*tool).to_owned());
        let moment = Timestamp::default().after(Duration::from_secs(1_800_000_000));
        portcullis_store::JournalStore::append(&mut journal, &record, moment).unwrap();
    }
}

#[expect(clippy::unwrap_used, reason = "a test helper")]
fn state() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn approvals_are_listed_shown_and_answered_once() {
    let state = state();
    let empty = portcullis(state.path(), "approvals");
    assert_eq!(empty, Said { code: 0, out: "no question is waiting\n".into(), err: String::new() });
    let id = ask(state.path(), 7, "delete_file", r#"{"path":"notes.txt"}"#);
    assert_eq!(id, "apr_700000000000");
    let list = portcullis(state.path(), "approvals list").out;
    assert!(
        list.starts_with(
            "id                state    kind  server  tool         risk         until\n\
             apr_700000000000  pending  tool  files   delete_file  destructive  59m "
        ),
        "{list}"
    );
    let yes = portcullis(state.path(), "approvals approve apr_700000000000");
    assert_eq!(yes.code, 0);
    let expect =
        "approved: `delete_file` of `files` may run once, with these arguments, within 5m\n";
    assert_eq!(yes.out, expect);
    let again = portcullis(state.path(), "approvals deny apr_700000000000");
    let expect = "portcullis: `apr_700000000000` is already approved: a call that is made again is asked again\n";
    assert_eq!(again, Said { code: 2, out: String::new(), err: expect.into() });
    assert_eq!(portcullis(state.path(), "approvals").out, "no question is waiting\n");
    assert!(portcullis(state.path(), "approvals --all").out.contains("approved"));
}

#[test]
fn a_denial_is_said_and_what_is_unknown_too() {
    let state = state();
    let id = ask(state.path(), 9, "delete_file", "{}");
    let no = portcullis(state.path(), &format!("approvals deny {id}"));
    assert_eq!((no.code, no.out.as_str()), (0, "denied: `delete_file` of `files` does not run\n"));
    for (line, said) in [
        (
            "approvals show apr_zzzzzzzzzzzz",
            "portcullis: nobody was asked `apr_zzzzzzzzzzzz` here: see `portcullis approvals list --all`\n",
        ),
        (
            "approvals approve yes",
            "portcullis: `yes` is not the name of an approval, such as apr_7k2m9q4w8x1z: see `portcullis approvals`\n",
        ),
    ] {
        let found = portcullis(state.path(), line);
        assert_eq!(found, Said { code: 2, out: String::new(), err: said.into() }, "{line}");
    }
}

/// What a tree of values would write in another way.
const NUMBERS: &str = "340282366920938463463374607431768211457,1.10,1e2";

#[test]
fn a_question_is_shown_complete_with_nothing_hidden() {
    let state = state();
    let long = "z".repeat(9_000);
    let arguments =
        format!("{{\"a\":{{\"b\":[1,\"\u{202e}x\"]}},\"n\":[{NUMBERS}],\"z\":\"{long}\"}}");
    ask(state.path(), 7, "rm\u{200b}\u{1b}[2J", &arguments);
    let shown = portcullis(state.path(), "approvals show apr_700000000000").out;
    for part in [
        "tool        rm\\u{200b}\\u{1b}[2J\n",
        "risk        destructive\n",
        "caller      uid:1000\n",
        "\"\\u{202e}x\"",
        long.as_str(),
        "340282366920938463463374607431768211457",
        "1.10",
        "1e2",
        "a yes       covers this one call with these arguments, once\n",
        "portcullis approvals approve apr_700000000000\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn scripts_get_json() {
    let state = state();
    let arguments = format!(r#"{{"path":"notes.txt","n":[{NUMBERS}]}}"#);
    ask(state.path(), 7, "delete_file", &arguments);
    for line in ["approvals list --json", "approvals --json", "approvals --json list --all"] {
        let said = portcullis(state.path(), line);
        let numbers: String = said.out.split_whitespace().collect();
        assert!(numbers.contains(NUMBERS), "{}", said.out);
        let rows: serde_json::Value = serde_json::from_str(&said.out).expect(line);
        assert_eq!(rows[0]["id"], "apr_700000000000");
        assert_eq!(rows[0]["arguments"]["path"], "notes.txt");
        assert_eq!(
            (rows[0]["state"].as_str(), rows[0]["kind"].as_str()),
            (Some("pending"), Some("tool"))
        );
    }
    let said = portcullis(state.path(), "approvals show apr_700000000000 --json").out;
    assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
}

#[test]
fn the_journal_is_shown_and_verified() {
    let state = state();
    let missing = portcullis(state.path(), "journal verify");
    let expect = "portcullis: there is no journal in `STATE/journal`: nothing was recorded yet\n";
    assert_eq!(missing, Said { code: 3, out: String::new(), err: expect.into() });
    record(state.path(), &["read_file", "x\u{1b}[2J", "write_file"]);
    let tail = portcullis(state.path(), "journal tail -n 2").out;
    let lines: Vec<_> = tail.lines().collect();
    assert_eq!(lines.len(), 2, "{tail}");
    assert!(lines[0].contains("denied") && lines[0].contains("x\\u{1b}[2J"), "{tail}");
    assert!(lines[1].contains("2027-01-15 08:00:00") && lines[1].ends_with("write_file"), "{tail}");
    let json = portcullis(state.path(), "journal show --since 2 --json").out;
    for line in json.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(record["seq"].as_u64().unwrap() >= 2 && record["hash"].is_string(), "{line}");
    }
    let one = portcullis(state.path(), "journal show 2").out;
    assert!(one.contains("  \"server\": \"files\",\n"), "{one}");
    assert_eq!(portcullis(state.path(), "journal show 99").code, 3);
    let proof = portcullis(state.path(), "journal verify");
    assert!(proof.code == 0 && proof.out.starts_with("the journal verifies: "), "{proof:?}");
    let proof = portcullis(state.path(), "journal verify --json").out;
    assert!(proof.contains("\"verifies\":true"), "{proof}");
}

#[test]
fn a_changed_record_is_exit_code_five() {
    let state = state();
    record(state.path(), &["read_file", "write_file"]);
    let mut changed = 0;
    for file in std::fs::read_dir(state.path().join("journal")).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if text.contains("read_file") {
            std::fs::write(&path, text.replace("read_file", "READ_file")).unwrap();
            changed += 1;
        }
    }
    assert_eq!(changed, 1);
    let proof = portcullis(state.path(), "journal verify");
    assert_eq!((proof.code, proof.out.as_str()), (5, ""));
    assert!(proof.err.starts_with("portcullis: the journal does not verify: segment"), "{proof:?}");
    let proof = portcullis(state.path(), "journal verify --json");
    assert!(proof.code == 5 && proof.out.contains("\"verifies\":false"), "{proof:?}");
}

#[test]
fn mistakes_are_told_in_one_voice() {
    let state = state();
    for (line, start) in [
        ("bogus", "portcullis: unrecognized subcommand `bogus`\n"),
        ("", "portcullis: no command: here is what there is\n"),
        ("run", "portcullis: nothing to guard: put the server's command after `--`"),
        ("run --name files", "portcullis: server `files` has no command: put it after `--`"),
        ("run --name a/b -- x", "portcullis: --name: a server's name is 1 to 64 letters"),
        ("run --network *.com -- x", "portcullis: invalid value `*.com` for `--network"),
        ("run --patience 2 -- x", "portcullis: invalid value `2` for `--patience"),
        ("run --env A-B=hunter2 -- x", "portcullis: --env cannot be read: a variable's name"),
        ("run --config /missing.toml -- x", "portcullis: config `/missing.toml` cannot be read"),
        (
            "run -- server --password hunter2hunter2",
            "portcullis: an argument of the command looks like a secret",
        ),
    ] {
        let said = portcullis(state.path(), line);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{line}: {said:?}");
        assert!(said.err.starts_with(start), "{line}: {said:?}");
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
}

#[test]
fn a_wrong_config_is_told_line_by_line() {
    let state = state();
    let file = state.path().join("p.toml");
    std::fs::write(&file, "[defaults]\npatiense = \"2m\"\nask = 1\n").unwrap();
    let words = ["run", "--config", file.to_str().unwrap(), "--", "server"];
    let said = portcullis_words(state.path(), &words);
    let expect = "portcullis: STATE/p.toml:2:1: unknown key `patiense` in [defaults]; did you mean \
        `patience`: how long a question waits before it is answered no?\n\
        portcullis: STATE/p.toml:3:7: `ask` is a text, not a whole number (which calls a person must approve)\n";
    assert_eq!(said, Said { code: 2, out: String::new(), err: expect.into() });
}

#[test]
fn help_and_completions_go_to_stdout() {
    let state = state();
    for line in ["--help", "run --help", "approvals approve --help", "journal --help", "--version"]
    {
        let said = portcullis(state.path(), line);
        assert!(said.code == 0 && said.err.is_empty() && !said.out.is_empty(), "{line}: {said:?}");
        assert!(line == "--version" || said.out.contains("Example"), "{line}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let said = portcullis(state.path(), &format!("completions {shell}"));
        assert!(said.code == 0 && said.out.contains("approvals"), "{shell}");
    }
}

#[test]
fn a_root_that_holds_our_own_files_is_refused() {
    let (state, root) = (state(), state());
    let at = root.path().canonicalize().unwrap();
    let at = at.display();
    std::fs::write(root.path().join("ours.toml"), "").unwrap();
    for (line, said) in [
        (format!("run --config {at}/ours.toml --root {at}:rw -- true"), "holds our own config"),
        (format!("run --state {at}/below --root {at}:ro -- true"), "overlaps our own state"),
    ] {
        let found = portcullis(state.path(), &line);
        assert_eq!((found.code, found.out.as_str()), (2, ""), "{line}: {}", found.err);
        assert!(found.err.contains(said), "{line}: {}", found.err);
    }
}

/// A client of the server reads what a root holds: no key of ours, and no config that it
/// could write for the next start.
#[test]
fn a_servers_roots_are_apart_from_our_own_files() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path).display().to_string();
    std::fs::create_dir_all(at("project/deep")).unwrap();
    std::fs::write(at("project/portcullis.toml"), "").unwrap();
    let writable = format!("{}:rw", at("project"));
    let refused = |words: &[&str]| {
        let said = portcullis_words(&dir.path().join("elsewhere"), words);
        assert_eq!(said.code, 2, "{words:?}: {}", said.err);
        said.err
    };
    let project = at("project");
    for state in [at("project/state"), at("project"), at(""), at("project/deep/../state")] {
        let said = refused(&["server", "--root", &project, "--state", &state]);
        assert!(said.contains("the journal and its key lie there"), "{said}");
    }
    let config = at("project/portcullis.toml");
    let state = at("state");
    let words = ["server", "--root", &writable, "--state", &state, "--config", &config];
    assert!(refused(&words).contains("the config that decides"), "{words:?}");
}

#[test]
fn a_hidden_command_is_proposed_to_nobody() {
    let dir = state();
    for (typed, proposed) in [("careless", false), ("_careless", false), ("aprovals", true)] {
        let said = portcullis(dir.path(), typed);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(!said.err.contains("__"), "{said:?}");
        assert_eq!(said.err.contains("`approvals`"), proposed, "{said:?}");
    }
}
