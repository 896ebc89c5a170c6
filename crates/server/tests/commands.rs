//! `run_command` as a client meets it: a server that has confined itself, real programs,
//! and the attacks that fooled other servers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The tables that these tests run with.
const TABLES: &str = r#"
[commands.wc]
program = "/usr/bin/wc"
grammar = "wc"
[commands.cat]
program = "/bin/cat"
grammar = "cat"
[commands.sort]
program = "/usr/bin/sort"
grammar = "sort"
[commands.grep]
program = "/bin/grep"
grammar = "grep"
[commands.find]
program = "/usr/bin/find"
grammar = "find"
[commands.git-log]
program = "/usr/bin/git"
grammar = "git-log"
[commands.git-diff]
program = "/usr/bin/git"
grammar = "git-diff"
[commands.git-status]
program = "/usr/bin/git"
grammar = "git-status"
[commands.say]
program = "/bin/echo"
about = "says it"
dashes = "unknown"
arguments = { kind = "text 200", min = 1, max = 4 }
[commands.flood]
program = "/usr/bin/yes"
about = "never ends"
dashes = "unknown"
arguments = { kind = "text 9", min = 0 }
timeout = "2s"
output = "1KiB"
[commands.longer-flood]
program = "/usr/bin/yes"
about = "never ends"
dashes = "unknown"
arguments = { kind = "text 9", min = 0 }
timeout = "30s"
output = "1KiB"
"#;

/// A root with some files, and a secret beside it.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        open(scene.0.path());
        fs::create_dir(scene.path("root")).unwrap();
        open(&scene.path("root"));
        scene.write("root/notes.txt", "one two\nthree\n");
        scene.write("outside.txt", "a secret\n");
        scene.write("portcullis.toml", TABLES);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o666)).unwrap();
    }
}

/// As root, programs run as `nobody`, who shall see what an ordinary user would.
fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// One client of one server.
struct Client {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "the server is this test's own")]
    fn of(scene: &Scene, access: &str) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_command-host"))
            .arg(format!("{}{access}", scene.path("root").display()))
            .arg(scene.path("portcullis.toml"))
            .arg(scene.path("state"))
            .env("CANARY", "zq8-canary")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (server.stdin.take(), server.stdout.take().unwrap());
        let mut client = Self { server, input, output: BufReader::new(output), next: 0 };
        let greeting = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "0" }
        });
        client.ask("initialize", greeting);
        client.say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn say(&mut self, message: Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.say(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server is gone");
            let mut answer: Value = serde_json::from_str(&line).unwrap();
            if answer.get("id") == Some(&json!(id)) {
                assert!(answer.get("error").is_none(), "{answer}");
                return answer["result"].take();
            }
        }
    }

    fn call(&mut self, program: &str, words: &[&str], directory: Option<&str>) -> Value {
        let mut arguments = json!({ "program": program, "arguments": words });
        if let Some(directory) = directory {
            arguments["directory"] = directory.into();
        }
        self.ask("tools/call", json!({ "name": "run_command", "arguments": arguments }))
    }

    /// What a program said, which went well.
    #[track_caller]
    fn said(&mut self, program: &str, words: &[&str]) -> String {
        let answer = self.call(program, words, None);
        assert_ne!(answer["isError"], true, "{answer}");
        let said = &answer["structuredContent"];
        assert_eq!(said["exit_code"], 0, "{said}");
        said["stdout"].as_str().unwrap().to_owned()
    }

    /// Why it was not run, in words that name nothing outside.
    #[track_caller]
    fn refused(&mut self, program: &str, words: &[&str]) -> String {
        why(&self.call(program, words, None))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.server.wait();
    }
}

#[track_caller]
fn why(answer: &Value) -> String {
    assert_eq!(answer["isError"], true, "it ran: {answer}");
    let text = answer["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(!text.contains("secret") && !text.contains("helper"), "{text}");
    text
}

#[test]
fn the_tool_tells_what_may_be_run() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, "");
    let listed = client.ask("tools/list", json!({}));
    let tools = listed["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "run_command").unwrap();
    assert_eq!(tool["annotations"]["readOnlyHint"], true);
    assert_eq!(tool["annotations"]["openWorldHint"], false);
    let input = &tool["inputSchema"];
    assert_eq!(input["additionalProperties"], false);
    assert_eq!(input["properties"]["program"]["enum"].as_array().unwrap().len(), 11);
    assert_eq!(input["properties"]["arguments"]["items"]["maxLength"], 4096);
    let output = &tool["outputSchema"];
    for name in ["exit_code", "stdout", "stderr", "truncated", "timed_out"] {
        assert!(output["required"].as_array().unwrap().contains(&json!(name)), "{output}");
    }
    let description = tool["description"].as_str().unwrap();
    assert!(description.contains("wc: counts lines") && description.contains("--max-line-length"));
}

#[test]
fn programs_run_on_files_in_the_root() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, "");
    let notes = scene.path("root/notes.txt");
    assert_eq!(client.said("wc", &["-l", "notes.txt"]), format!("2 {}\n", notes.display()));
    assert_eq!(client.said("sort", &["-r", "notes.txt"]), "three\none two\n");
    assert_eq!(client.said("grep", &["-c", "t", "notes.txt"]), "2\n");
    assert_eq!(client.said("find", &[".", "-name", "*.txt"]), format!("{}\n", notes.display()));
    let answer = client.call("cat", &["missing"], None);
    assert_ne!(answer["isError"], true);
    assert_eq!(answer["structuredContent"]["exit_code"], 1, "a program's no is its answer");
}

#[test]
fn options_that_name_files_reach_no_program() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, ":rw");
    let outside = scene.path("outside.txt");
    let outside = outside.to_str().unwrap();
    scene.write("root/list", "notes.txt\0");
    let from = format!("--files0-from={outside}");
    let file = format!("--file={outside}");
    for (program, words) in [
        ("wc", vec![from.as_str()]),
        ("wc", vec!["--files0-from", outside]),
        ("wc", vec!["--files0-from=list"]),
        ("wc", vec!["--files0-f=list"]),
        ("sort", vec!["-o", "notes.txt", "list"]),
        ("sort", vec!["-onotes.txt", "list"]),
        ("sort", vec!["--output=notes.txt", "list"]),
        ("grep", vec!["-f", outside, "x", "notes.txt"]),
        ("grep", vec![file.as_str(), "x", "notes.txt"]),
        ("find", vec![".", "-exec", "sh", "-c", "id", ";"]),
        ("find", vec![".", "-fprint", "made"]),
        ("find", vec![".", "-delete"]),
    ] {
        let why = client.refused(program, &words);
        assert!(why.contains("is not among those allowed"), "{program} {words:?}: {why}");
    }
    assert_eq!(fs::read_to_string(scene.path("root/notes.txt")).unwrap(), "one two\nthree\n");
    assert!(!scene.path("root/made").exists());
}

#[test]
fn cat_without_arguments_does_not_swallow_the_protocol() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, "");
    assert!(client.refused("cat", &[]).contains("at least 1"));
    assert!(client.refused("cat", &["-"]).contains("standard input"));
    assert!(client.refused("cat", &["-n", "--", "-"]).contains("`-`"));
    let stdin = client.refused("cat", &["/dev/stdin"]);
    assert!(stdin.contains("not a path"), "{stdin}");
    assert_eq!(client.said("cat", &["notes.txt"]), "one two\nthree\n");
}

#[test]
fn a_shells_characters_reach_no_shell() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, ":rw");
    let name = "a; touch made; $(touch made) `touch made` | touch made && touch made";
    scene.write(&format!("root/{name}"), "x\n");
    assert!(client.said("wc", &["-l", name]).starts_with("1 "));
    let words = ["$(touch made)", "`touch made`", "; touch made"];
    assert_eq!(client.said("say", &words), format!("{}\n", words.join(" ")));
    assert!(!scene.path("root/made").exists());
}

/// A URL that a client was told by a server, passed to a shell to be opened.
#[test]
fn cve_2025_6514_a_url_is_a_word_and_never_a_command_line() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, ":rw");
    let url = "http://a$(touch made)b/?x=`touch made`&touch made";
    assert_eq!(client.said("say", &[url]), format!("{url}\n"));
    assert!(client.refused("wc", &[url]).contains("not a path"));
    assert!(!scene.path("root/made").exists());
}

/// mcp-server-git: a repository made anywhere, arguments that are options, a repository
/// outside of the one that was allowed.
#[test]
fn cve_2025_68143_68144_68145_git_stays_in_its_root_and_gets_no_options() {
    let scene = Scene::new();
    repository(&scene.path("root"));
    repository(&scene.path("elsewhere"));
    let mut client = Client::of(&scene, ":rw");
    assert!(client.said("git-log", &["--oneline", "-n", "1"]).contains("first"));
    assert_eq!(client.said("git-status", &["--short"]), " M notes.txt\n");
    assert!(client.said("git-diff", &["--stat", "--", "notes.txt"]).contains("notes.txt"));
    let overwrite = format!("--output={}", scene.path("root/notes.txt").display());
    for words in [vec![overwrite.as_str()], vec!["--output", "made"], vec!["-omade"]] {
        let why = client.refused("git-diff", &words);
        assert!(why.contains("is not among those allowed"), "{why}");
    }
    assert!(client.refused("git-diff", &["--", overwrite.as_str()]).contains("starts with `-`"));
    let elsewhere = scene.path("elsewhere");
    let outside = client.call("git-log", &[], elsewhere.to_str());
    assert!(why(&outside).contains("outside every root"));
    let dots = client.call("git-log", &[], Some("../elsewhere"));
    assert!(why(&dots).contains("outside every root"));
    let no_init = client.ask(
        "tools/call",
        json!({ "name": "run_command", "arguments": { "program": "git-init", "arguments": [] } }),
    );
    assert_eq!(no_init["isError"], true, "{no_init}");
    let git_dir = format!("--git-dir={}", elsewhere.join(".git").display());
    assert!(client.refused("git-log", &[&git_dir]).contains("is not among those allowed"));
    assert_eq!(fs::read_to_string(scene.path("root/notes.txt")).unwrap(), "changed\n");
}

/// A repository is a stranger's: its config names programs.
#[test]
fn a_repositorys_own_config_starts_nothing() {
    let scene = Scene::new();
    repository(&scene.path("root"));
    let hostile = "[core]\n\tfsmonitor = \"echo hacked >&2 ;\"\n\tpager = echo hacked\n\
        [diff]\n\texternal = echo hacked\n[diff \"x\"]\n\ttextconv = echo hacked\n\
        \tcommand = echo hacked\n[log]\n\tshowSignature = true\n[gpg]\n\tprogram = echo hacked\n\
        [alias]\n\tlog = !echo hacked\n\tstatus = !echo hacked\n";
    let config = scene.path("root/.git/config");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}{hostile}")).unwrap();
    scene.write("root/.gitattributes", "*.txt diff=x\n");
    let mut client = Client::of(&scene, "");
    for (program, words) in
        [("git-status", vec![]), ("git-log", vec!["-p"]), ("git-diff", vec!["--unified=1"])]
    {
        let answer = client.call(program, &words, None);
        assert_eq!(answer["structuredContent"]["exit_code"], 0, "{answer}");
        assert!(!answer.to_string().contains("hacked"), "{program}: {answer}");
    }
}

/// A program that may write is told to write where the file tools would, and nowhere else.
#[test]
fn what_is_protected_is_no_place_for_a_programs_output() {
    let scene = Scene::new();
    let touch = "[commands.touch]\nprogram = \"/usr/bin/touch\"\nabout = \"makes files\"\n\
        writes = true\narguments = { kind = \"output\", min = 1, max = 1 }\n";
    scene.write("portcullis.toml", &format!("{TABLES}{touch}"));
    for name in ["root/sub", "root/sub/.git", "root/plain"] {
        fs::create_dir(scene.path(name)).unwrap();
        open(&scene.path(name));
    }
    scene.write("root/sub/.git/config", "[core]\n");
    symlink(scene.path("root/sub/.git"), scene.path("root/absolute")).unwrap();
    symlink("sub/.git", scene.path("root/door")).unwrap();
    let mut client = Client::of(&scene, ":rw");
    for place in [".envrc", "sub/.envrc", "sub/.GIT/hook", "sub/.git/config", "sub/.git/new"] {
        assert!(client.refused("touch", &[place]).contains("protected"), "{place}");
    }
    // Where there is nothing yet, a program could make it.
    for place in ["plain/.git/hooks/x", "plain/deep/.git", "deep/er/.vscode/tasks.json"] {
        assert!(client.refused("touch", &[place]).contains("protected"), "{place}");
    }
    assert!(client.refused("touch", &["door/config"]).contains("protected"));
    assert!(client.refused("touch", &["absolute/new"]).contains("outside"));
    for place in ["new", "plain/new", "sub/new"] {
        client.said("touch", &[place]);
        assert!(scene.path("root").join(place).exists(), "{place}");
    }
    for place in [".envrc", "sub/.envrc", "sub/.GIT", "sub/.git/new"] {
        assert!(!scene.path("root").join(place).exists(), "{place}");
    }
}

/// Filters, signatures' programs, and a directory that is a repository by what it holds.
#[test]
fn a_repository_that_names_a_shell_starts_none() {
    let scene = Scene::new();
    repository(&scene.path("root"));
    let mark = scene.path("root/mark");
    let shell = format!("sh -c 'echo hacked >&2; echo > {}; cat'", mark.display());
    let hostile = format!(
        "[filter \"x\"]\n\tclean = {shell:?}\n[format]\n\tpretty = %GG\n[gpg]\n\tprogram = /bin/ls\n"
    );
    let config = scene.path("root/.git/config");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}{hostile}")).unwrap();
    fs::create_dir_all(scene.path("root/.git/info")).unwrap();
    scene.write("root/.git/info/attributes", "* filter=x\n");
    scene.write("root/.gitattributes", "* filter=x\n");
    // The same without a `.git`: the checkout holds what looks like one.
    for name in ["objects", "refs"] {
        fs::create_dir_all(scene.path("root/bare").join(name)).unwrap();
    }
    scene.write("root/bare/HEAD", "ref: refs/heads/main\n");
    let bare = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n";
    scene.write("root/bare/config", &format!("{bare}{hostile}"));
    scene.write("root/bare/.gitattributes", "* filter=x\n");
    let mut client = Client::of(&scene, "");
    for (program, words) in
        [("git-status", vec![]), ("git-log", vec!["-p"]), ("git-diff", vec!["--unified=1"])]
    {
        for directory in [None, Some("bare")] {
            let answer = client.call(program, &words, directory);
            let said = &answer["structuredContent"];
            for stream in ["stdout", "stderr"] {
                let mut lines = said[stream].as_str().unwrap_or_default().lines();
                // That it could not be started may name it.
                assert!(!lines.any(|line| line == "hacked" || line.contains("keyid")), "{answer}");
            }
            assert!(!mark.exists(), "{program} {directory:?}");
        }
    }
}

#[test]
fn links_and_pipes_in_the_root_lead_nowhere() {
    let scene = Scene::new();
    symlink(scene.path("outside.txt"), scene.path("root/link")).unwrap();
    symlink(scene.path(""), scene.path("root/up")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.path("root/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .unwrap();
    let mut client = Client::of(&scene, "");
    for path in ["link", "up/outside.txt", "up/root/../outside.txt"] {
        let why = client.refused("cat", &[path]);
        assert!(why.contains("outside"), "{path}: {why}");
    }
    assert!(client.refused("cat", &["pipe"]).contains("pipe"));
    for path in ["/etc/passwd", "../outside.txt", "/proc/self/environ", "~/x", "file:///etc/passwd"]
    {
        let why = client.refused("cat", &[path]);
        assert!(why.contains("not a path that this program may be given"), "{path}: {why}");
    }
    // What no word names, a program may still meet.
    let found = client.call("grep", &["-r", "secret", "."], None);
    assert!(!found.to_string().contains("a secret"), "{found}");
}

#[test]
fn a_flood_ends_at_the_deadline_and_the_server_goes_on() {
    let scene = Scene::new();
    let mut client = Client::of(&scene, "");
    // How much of a flood comes in some time is the machine's affair.
    let flooded = ["flood", "longer-flood"].into_iter().any(|program| {
        let answer = client.call(program, &[], None);
        let said = &answer["structuredContent"];
        assert_eq!(said["timed_out"], true, "{said}");
        said["truncated"] == true && said["stdout"].as_str().unwrap().len() == 1024
    });
    assert!(flooded);
    assert!(client.said("wc", &["notes.txt"]).contains("notes.txt"));
}

#[test]
fn the_servers_environment_is_not_the_programs() {
    let scene = Scene::new();
    let tables = "[commands.env]\nprogram = \"/usr/bin/env\"\n\
        arguments = { kind = \"text 9\", min = 0 }\nenv = { NAMED = \"yes\" }\n";
    scene.write("portcullis.toml", tables);
    let mut client = Client::of(&scene, "");
    let said = client.said("env", &[]);
    assert!(said.contains("NAMED=yes\n") && !said.contains("canary"), "{said}");
}

#[test]
fn a_program_in_a_writable_root_is_no_program() {
    let scene = Scene::new();
    let planted = scene.path("root/wc");
    fs::copy("/bin/cat", &planted).unwrap();
    let tables = format!("[commands.wc]\nprogram = \"{}\"\ngrammar = \"wc\"\n", planted.display());
    scene.write("portcullis.toml", &tables);
    #[expect(clippy::disallowed_methods, reason = "the server is this test's own")]
    let started = Command::new(env!("CARGO_BIN_EXE_command-host"))
        .arg(format!("{}:rw", scene.path("root").display()))
        .arg(scene.path("portcullis.toml"))
        .arg(scene.path("state"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!started.status.success());
    assert!(String::from_utf8_lossy(&started.stderr).contains("writable root"), "{started:?}");
}

/// One commit, and a change since.
fn repository(at: &Path) {
    fs::create_dir_all(at).unwrap();
    let file = at.join("notes.txt");
    fs::write(&file, "first\n").unwrap();
    for words in [
        &["init", "-q", "-b", "main"][..],
        &["add", "notes.txt"],
        &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first"],
    ] {
        #[expect(clippy::disallowed_methods, reason = "the repository is this test's own")]
        let made = Command::new("/usr/bin/git")
            .args(words)
            .current_dir(at)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(made.status.success(), "{words:?}: {made:?}");
    }
    fs::write(&file, "changed\n").unwrap();
    spread(at);
}

fn spread(at: &Path) {
    for entry in fs::read_dir(at).unwrap().flatten() {
        let mode = if entry.path().is_dir() { 0o777 } else { 0o666 };
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
        if entry.path().is_dir() {
            spread(&entry.path());
        }
    }
}
