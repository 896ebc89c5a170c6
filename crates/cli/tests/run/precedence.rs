//! Several files decide together: the administrator's, the person's, the project's.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::stage::{Gateway, Said, Stage, answering, finish, start};

/// The same command in a mount namespace of its own, where `/etc` is a copy in
/// which an administrator wrote these files. Nothing less than root can do that,
/// which is the point; elsewhere the test says so.
fn administered(stage: &Stage, files: &[(&str, &str)], command: &Command) -> Option<Command> {
    const SCRIPT: &str = r#"etc=$1; shift; mount --bind "$etc" /etc && exec "$@""#;
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/unshare").exists() {
        eprintln!("skipped: only root can stand for an administrator");
        return None;
    }
    let etc = stage.folder("etc", 0o755);
    let mut copy = start("/bin/cp");
    copy.args(["-a", "/etc/."]).arg(&etc);
    assert_eq!(finish(copy).code, 0);
    let ours = stage.folder("etc/portcullis", 0o755);
    for (name, text) in files {
        fs::write(ours.join(name), text).unwrap();
    }
    let mut inside = start("/usr/bin/unshare");
    inside.args(["--mount", "--", "/bin/sh", "-c", SCRIPT, "sh"]).arg(&etc);
    inside.arg(command.get_program()).args(command.get_args());
    inside.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            inside.env(name, value);
        }
    }
    inside.current_dir(command.get_current_dir().unwrap());
    Some(inside)
}

fn policy(stage: &Stage, words: &[&str]) -> Command {
    let mut command = stage.portcullis();
    command.arg("policy").args(words);
    command
}

fn calls(command: Command, tools: &[&str]) -> (Vec<bool>, Said) {
    let mut gateway = Gateway::start(command, None);
    gateway.shakes_hands();
    let id = gateway.asks("tools/list", &json!({}));
    gateway.answer(id);
    let passes = |answer: Value| answer["result"]["content"][0]["text"] == "done";
    let all = tools.iter().map(|tool| passes(gateway.call(tool, &json!({})))).collect();
    (all, gateway.leave())
}

#[test]
fn an_administrators_forbid_holds_although_a_person_observes() {
    let stage = Stage::new();
    let config = stage.config("[defaults]\nask = \"never\"\n[server.s]\nobserve = true\ntools = { deny = [\"read_*\"] }\n");
    let config = config.display().to_string();
    let run = stage.run(&["--name", "s", "--config", &config], &answering::server("true"));
    // Alone, the person observes everything.
    let again = stage.run(&["--name", "s", "--config", &config], &answering::server("true"));
    assert_eq!(calls(again, &["read_file", "delete_file"]).0, [true, true]);
    let forbid = "@id(\"no-deleting\")\nforbid (principal, action == Action::\"call\", resource)\n\
                  when { resource.name == \"delete_file\" };\n\
                  @id(\"two\")\n@rate(\"2/h\")\npermit (principal, action == Action::\"call\", resource);\n";
    let files = [
        (
            "portcullis.toml",
            "[policy]\nfiles = [\"policy.cedar\"]\n[ceiling]\nnetwork = \"none\"\n",
        ),
        ("policy.cedar", forbid),
    ];
    let Some(run) = administered(&stage, &files, &run) else { return };
    // So does what it counts: a third call is one too many.
    let three = ["read_file", "delete_file", "read_file", "read_file"];
    assert_eq!(calls(run, &three).0, [true, false, true, false]);
    let because = stage.events("denied").pop().unwrap()["decision"]["because"].to_string();
    assert!(because.contains("2 in 3600 s"), "{because}");
    let because = stage.events("denied")[0]["decision"]["because"].to_string();
    assert!(because.contains("no-deleting"), "{because}");
    assert!(because.contains("/etc/portcullis/policy.cedar:1"), "{because}");
    stage.verify();

    // Each line says whose it is.
    let show = policy(&stage, &["show", "--server", "s", "--config", &config]);
    let said = finish(administered(&stage, &files, &show).unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "// /etc/portcullis/policy.cedar:1 (the administrator's)\n@id(\"no-deleting\")".to_owned(),
        format!("// from the lists and modes in {config}:5 (yours)\n@id(\"tools.deny[read_*]\")"),
        format!("// from the lists and modes in {config}:2 (yours)\n@id(\"ask.tier\")"),
        "// built in".to_owned(),
    ] {
        assert!(said.out.contains(&part), "{part}\n{}", said.out);
    }
}

/// A server in Python that has every resource.
const SHELF: &str = r#"
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if 'id' not in asked or 'method' not in asked:
        continue
    result = {'contents': [{'uri': asked.get('params', {}).get('uri'), 'text': 'here'}]}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'resources': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
"#;

#[test]
fn an_administrators_list_of_resources_holds_although_a_person_observes() {
    let stage = Stage::new();
    let config =
        stage.config("[server.s]\nobserve = true\nresources = { deny = [\"db://test/**\"] }\n");
    let config = config.display().to_string();
    let server = ["python3", "-u", "-c", SHELF].map(str::to_owned);
    let run = stage.run(&["--name", "s", "--config", &config], &server);
    let files = [("portcullis.toml", "[ceiling]\nresources = { deny = [\"db://prod/**\"] }\n")];
    let Some(run) = administered(&stage, &files, &run) else { return };
    let mut gateway = Gateway::start(run, None);
    gateway.shakes_hands();
    for (uri, passes) in [("db://test/x", true), ("db://prod/x", false), ("db://%70rod/x", false)] {
        let id = gateway.asks("resources/read", &json!({"uri": uri}));
        let answer = gateway.answer(id);
        assert_eq!(answer.get("result").is_some(), passes, "{uri} {answer}");
    }
    assert_eq!(gateway.leave().code, 0);
    let because = stage.events("denied").pop().unwrap()["decision"]["because"].to_string();
    assert!(because.contains("/etc/portcullis/portcullis.toml:2"), "{because}");
}

#[test]
fn nobody_loosens_what_an_administrator_fixed() {
    let stage = Stage::new();
    let files =
        [("portcullis.toml", "[ceiling]\nnetwork = [\"here.test\"]\nconfinement = \"full\"\n")];
    let server = answering::server("true");
    for (options, expect) in [
        (&["--network", "host"][..], "`network`: the command line says `host`"),
        (&["--network", "else.test"], "`network`: the command line says `else.test`"),
        (&["--confinement", "none"], "`confinement`: the command line says `none`"),
    ] {
        let Some(run) = administered(&stage, &files, &stage.run(options, &server)) else { return };
        let said = finish(run);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(expect), "{said:?}");
        assert!(said.err.contains("the administrator's file /etc/portcullis/portcullis.toml"));
    }
    assert!(!stage.state().join("journal").exists(), "nothing was started");
    // One that others may write starts nothing at all, whatever it says.
    let run = stage.run(&[], &server);
    let open = administered(&stage, &files, &run).unwrap();
    let file = stage.path().join("etc/portcullis/portcullis.toml");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let said = finish(open);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("does not count") && said.err.contains("chmod go-w"), "{said:?}");
}

#[test]
fn a_project_tightens_and_its_server_cannot_undo_it() {
    let stage = Stage::new();
    let file = stage.project().join(".portcullis.toml");
    let below = stage.folder("home/ada/project/deep", 0o777);
    fs::write(&file, "[ceiling]\ntools = { deny = [\"read_*\"] }\n").unwrap();
    fs::write(below.join(".portcullis.toml"), "[policy]\nfiles = [\"p.cedar\"]\n").unwrap();
    fs::write(below.join("p.cedar"), "@id(\"ours\") forbid (principal, action == Action::\"call\", resource) when { context.changed };").unwrap();
    // What the person protects is one thing, what a project says another.
    let config = stage.config(&format!(
        "[server.s]\nask = \"never\"\nroots = [{{ path = \"{}\", access = \"rw\", protect = [] }}]\n",
        stage.project().display()
    ));
    let config = config.display().to_string();
    let undo = format!(
        "cd '{}'
        for file in .portcullis.toml deep/.portcullis.toml deep/p.cedar
        do cat /dev/null >\"$file\"; rm -f \"$file\"; done 2>/dev/null
        echo ran >done",
        stage.project().display()
    );
    let server = answering::server(&undo);
    let mut run = stage.run(&["--name", "s", "--config", &config], &server);
    run.current_dir(&below);
    let (passes, said) = calls(run, &["read_file"]);
    assert_eq!(passes, [false], "{said:?}");
    assert!(stage.project().join("done").exists(), "the server could write");
    for kept in [&file, &below.join(".portcullis.toml"), &below.join("p.cedar")] {
        assert!(fs::metadata(kept).unwrap().len() > 0, "{}", kept.display());
    }
    // Only mounts protect a file in what is writable.
    let weaker = ["--name", "s", "--config", &config, "--confinement", "landlock"];
    let mut run = stage.run(&weaker, &server);
    run.current_dir(&below);
    let said = finish(run);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("which only a full box protects"), "{said:?}");
    let mut show = policy(&stage, &["show", "--server", "s", "--config", &config]);
    show.current_dir(&below);
    let said = finish(show);
    for part in ["p.cedar:1 (the project's)", ".portcullis.toml:2 (the project's)"] {
        assert!(said.out.contains(part), "{part}\n{said:?}");
    }
}

/// A `.git` below a project's file does not switch it off: a server could make one.
#[test]
fn a_repository_that_a_server_makes_does_not_end_the_search() {
    let stage = Stage::new();
    let below = stage.folder("home/ada/project/deep", 0o777);
    let tighter = "[ceiling]\ntools = { deny = [\"read_*\"] }\n";
    fs::write(stage.project().join(".portcullis.toml"), tighter).unwrap();
    let make = format!("mkdir -p '{0}/.git'; echo >'{0}/.portcullis.toml'", below.display());
    let root = format!("{}:rw", stage.project().display());
    for is_made in [false, true] {
        assert_eq!(below.join(".git").exists(), is_made);
        let options = ["--name", "s", "--ask", "never", "--root", &root];
        let mut run = stage.run(&options, &answering::server(&make));
        run.current_dir(&below);
        let (passes, said) = calls(run, &["read_file"]);
        assert_eq!(passes, [false], "{said:?}");
    }
}

/// What a server is granted through a link has that name in its box, too.
#[test]
fn a_root_keeps_the_name_that_it_was_given() {
    let stage = Stage::new();
    fs::write(stage.project().join("note"), "hello").unwrap();
    let way = stage.home().join("way");
    std::os::unix::fs::symlink(stage.project(), &way).unwrap();
    // Held against another file, so that it matters where it leads.
    let ceiling = format!("[ceiling]\nroots = [\"{}:rw\"]\n", stage.project().display());
    let config = stage.config(&ceiling).display().to_string();
    let way = way.display();
    let server = answering::server(&format!("cp '{way}/note' '{way}/copy'"));
    let root = format!("{way}:rw");
    let mut gateway =
        Gateway::start(stage.run(&["--config", &config, "--root", &root], &server), None);
    gateway.shakes_hands();
    assert_eq!(gateway.leave().code, 0);
    assert_eq!(fs::read_to_string(stage.project().join("copy")).unwrap(), "hello");
}

#[test]
fn what_a_project_loosens_starts_nothing_and_names_the_key() {
    let stage = Stage::new();
    let file = stage.project().join(".portcullis.toml");
    for (text, expect) in [
        ("[defaults]\nask = \"destructive\"\n", "`ask`: the project's file"),
        ("[server.s]\nnetwork = \"host\"\n", "`network`: the project's file"),
        ("[server.s]\ncommand = [\"evil\"]\n", "`command`: the project's file"),
        ("[server.s]\nenv = { LD_PRELOAD = \"evil.so\" }\n", "`env`: the project's file"),
        ("[server.s]\nroots = [\"/\"]\n", "`roots`: the project's file"),
        ("[server.s]\nobserve = true\n", "`observe`: the project's file"),
        (
            "[defaults.limits]\ncalls_per_minute = 9000\n",
            "`limits.calls_per_minute`: the project's file",
        ),
        ("[policy]\nbase = \"allow\"\nfiles = [\"p.cedar\"]\n", "permits nothing"),
    ] {
        fs::write(&file, text).unwrap();
        fs::write(stage.project().join("p.cedar"), "permit (principal, action, resource);")
            .unwrap();
        let mut run =
            stage.run(&["--name", "s", "--root", &stage.root()], &answering::server("true"));
        run.current_dir(stage.project());
        let said = finish(run);
        assert_eq!(said.code, 2, "{text}{said:?}");
        assert!(said.err.contains(expect), "{text}{said:?}");
    }
}
