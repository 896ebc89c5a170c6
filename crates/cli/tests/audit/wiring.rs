//! Where reports go on their own: SARIF against its schema, the GitHub Action as its runner runs it, and the hooks
//! as pre-commit runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::{Desk, python, source, words};

/// A file among the peers that `cargo xtask peers` installs.
fn peer(path: &str) -> PathBuf {
    python().ancestors().nth(4).unwrap().join(path)
}

#[expect(clippy::disallowed_methods, reason = "what people run the binary from is the subject")]
fn run(desk: &Desk, program: &Path, words: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(words).current_dir(desk.path("work")).stdin(Stdio::null());
    command.env_clear().env("HOME", desk.0.path()).env("TMPDIR", desk.path("tmp"));
    // The program that is installed is the one that is tested.
    let own = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap().to_str().unwrap();
    command.env("PATH", format!("{own}:/usr/local/bin:/usr/bin:/bin"));
    command.envs(env.iter().copied()).output().unwrap()
}

fn said(done: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}\n{}", done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// A YAML file of the repository, read by a reader that is not ours.
fn yaml(desk: &Desk, path: &str) -> Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let file = source(path);
    let python = peer("python/precommit/bin/python");
    let done = run(desk, &python, &["-c", script, file.to_str().unwrap()], &[]);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&done)))
}

fn desk() -> Desk {
    let desk = Desk::new();
    fs::create_dir(desk.path("work")).unwrap();
    desk
}

#[test]
fn each_report_for_code_scanning_is_sarif() {
    let schema = peer("sarif/node_modules/@microsoft/sarif-multitool-linux/sarif-2.1.0.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let desk = desk();
    let careless = source("examples/lesson/careless.py");
    let hardened = source("examples/lesson/hardened.py");
    let config = desk.path("mcp.json");
    let servers = json!({ "mcpServers": { "a": { "command": "npx", "args": ["-y", "b"] } } });
    fs::write(&config, servers.to_string()).unwrap();
    let guarded = [vec!["--guarded".to_owned()], desk.server("careless")].concat();
    let live = words(&guarded);
    let targets: [(&[&str], bool); 5] = [
        (&["mcp.json"], true),
        (&[careless.to_str().unwrap()], true),
        (&[hardened.to_str().unwrap()], false),
        (&[config.to_str().unwrap()], true),
        (&live, true),
    ];
    for (target, finds) in targets {
        let done = desk.audit(&[&["--format", "sarif"], target].concat());
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        let wrong: Vec<_> = schema
            .iter_errors(&report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{target:?}: {wrong:#?}");
        let results = report["runs"][0]["results"].as_array().unwrap();
        assert_eq!(!results.is_empty(), finds, "{target:?}");
    }
    assert!(!schema.is_valid(&json!({ "version": "2.1.0", "runs": [{}] })), "the schema says no");
}

#[test]
fn the_action_reports_what_it_found_and_fails_by_it() {
    let desk = desk();
    let action = yaml(&desk, "action.yml");
    let steps = action["runs"]["steps"].as_array().unwrap();
    for step in steps {
        let run = step["run"].as_str().unwrap();
        assert!(!run.contains("${{"), "what somebody writes into an input is no command: {run}");
    }
    let step = steps.last().unwrap();
    // As the runner fills it in: inputs with what was given, or with their defaults.
    let env = |given: &[(&str, &str)]| -> Vec<(String, String)> {
        let inputs = action["inputs"].as_object().unwrap();
        assert!(given.iter().all(|(name, _)| inputs.contains_key(*name)));
        let filled = |value: &Value| {
            let name = value.as_str().unwrap().strip_prefix("${{ inputs.").unwrap();
            let name = name.strip_suffix(" }}").unwrap();
            let given = given.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
            given.unwrap_or_else(|| inputs[name]["default"].as_str().unwrap()).to_owned()
        };
        let env = step["env"].as_object().unwrap();
        env.iter().map(|(name, value)| (name.clone(), filled(value))).collect()
    };
    let root = source(".");
    let temp = desk.path("runner");
    fs::create_dir_all(temp.join("portcullis-build/release")).unwrap();
    let built = temp.join("portcullis-build/release/portcullis");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_portcullis"), built).unwrap();
    let acts = |given: &[(&str, &str)]| {
        let mut all = env(given);
        for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary")] {
            let _ = fs::remove_file(desk.path(file));
            all.push((name.to_owned(), desk.path(file).to_str().unwrap().to_owned()));
        }
        all.push(("RUNNER_TEMP".to_owned(), temp.to_str().unwrap().to_owned()));
        all.push(("GITHUB_ACTION_PATH".to_owned(), root.to_str().unwrap().to_owned()));
        let all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let bash = Path::new("/bin/bash");
        let words =
            ["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()];
        run(&desk, bash, &words, &all)
    };
    let read = |file: &str| fs::read_to_string(desk.path(file)).unwrap_or_default();

    fs::copy(source("examples/lesson/careless.py"), desk.path("work/careless.py")).unwrap();
    let done = acts(&[]);
    assert_eq!(done.status.code(), Some(15), "{}", said(&done));
    assert_eq!(read("output"), "sarif=portcullis.sarif\n");
    assert!(read("summary").contains("the caller writes SQL"), "{}", read("summary"));
    let report: Value = serde_json::from_str(&read("work/portcullis.sarif")).unwrap();
    assert!(report["runs"][0]["results"].as_array().unwrap().len() >= 6);

    // Below the checkout it is found by its name there.
    fs::create_dir(desk.path("work/sub")).unwrap();
    fs::copy(source("examples/lesson/careless.py"), desk.path("work/sub/careless.py")).unwrap();
    for target in ["sub", "sub/careless.py"] {
        let done = acts(&[("target", target)]);
        assert_eq!(done.status.code(), Some(15), "{}", said(&done));
        let report: Value = serde_json::from_str(&read("work/portcullis.sarif")).unwrap();
        for result in report["runs"][0]["results"].as_array().unwrap() {
            let at = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            assert_eq!(at["uri"], "sub/careless.py", "{result:#}");
        }
    }
    fs::remove_dir_all(desk.path("work/sub")).unwrap();
    fs::create_dir(desk.path("work/.vscode")).unwrap();
    let servers = json!({ "servers": { "a": { "command": "npx", "args": ["-y", "b"] } } });
    fs::write(desk.path("work/.vscode/mcp.json"), servers.to_string()).unwrap();
    let _done = acts(&[("target", ".vscode/mcp.json")]);
    let report: Value = serde_json::from_str(&read("work/portcullis.sarif")).unwrap();
    let first = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(first["artifactLocation"]["uri"], ".vscode/mcp.json", "{report:#}");
    fs::remove_dir_all(desk.path("work/.vscode")).unwrap();

    let hostile = "hardened.py; touch stolen $(touch stolen) \"`touch stolen`";
    fs::copy(source("examples/lesson/hardened.py"), desk.path("work").join(hostile)).unwrap();
    let _gone = fs::remove_file(desk.path("work/careless.py"));
    let done = acts(&[("target", hostile), ("sarif", "to here.sarif")]);
    assert!(!desk.path("work/stolen").exists(), "{}", said(&done));
    assert_ne!(done.status.code(), Some(15), "{}", said(&done));

    let server = desk.server("careless")[1..].join("\n") + "\n";
    let done = acts(&[("target", ""), ("command", &server)]);
    assert_eq!(done.status.code(), Some(15), "{}", said(&done));
    assert!(read("summary").contains("confirmed"), "{}", read("summary"));

    let done = acts(&[("target", "nothing-here")]);
    assert_ne!(done.status.code(), Some(0), "what cannot be read is no pass: {}", said(&done));
    assert_eq!(read("output"), "");
}

#[test]
fn pre_commit_stops_what_the_hooks_find() {
    let desk = desk();
    let git = |folder: &str, words: &[&str]| {
        let folder = desk.path(folder);
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let all = [&["-C", folder.to_str().unwrap()], &who[..], words].concat();
        let done = run(&desk, Path::new("/usr/bin/git"), &all, &[]);
        assert!(done.status.success(), "{}", said(&done));
    };
    fs::create_dir(desk.path("hooks")).unwrap();
    fs::copy(source(".pre-commit-hooks.yaml"), desk.path("hooks/.pre-commit-hooks.yaml")).unwrap();
    for folder in ["hooks", "work"] {
        git(folder, &["init", "-q"]);
    }
    git("hooks", &["add", "-A"]);
    git("hooks", &["commit", "-q", "-m", "hooks"]);
    let tries = |hook: &str| {
        git("work", &["add", "-A"]);
        let hooks = desk.path("hooks");
        let words = ["try-repo", hooks.to_str().unwrap(), hook, "--all-files", "--color=never"];
        run(&desk, &peer("python/precommit/bin/pre-commit"), &words, &[])
    };
    let work = |name: &str| desk.path("work").join(name);
    fs::copy(source("examples/lesson/careless.py"), work("server.py")).unwrap();
    let done = tries("portcullis-audit");
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(said(&done).contains("[raw-sql]"), "{}", said(&done));
    fs::copy(source("examples/lesson/hardened.py"), work("server.py")).unwrap();
    let done = tries("portcullis-audit");
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));

    let entry =
        |words: Value| json!({ "mcpServers": { "files": { "command": "npx", "args": words } } });
    let name = "@modelcontextprotocol/server-filesystem@2026.8.31";
    for (root, code) in [("/", 1), ("/home/ada/project", 0)] {
        fs::write(work(".mcp.json"), entry(json!(["-y", name, root])).to_string()).unwrap();
        let done = tries("portcullis-audit-config");
        assert_eq!(done.status.code(), Some(code), "{root}: {}", said(&done));
        assert!(!said(&done).contains("no files to check"), "{}", said(&done));
    }
}
