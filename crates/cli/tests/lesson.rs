//! `portcullis lesson` as a person or a script runs it: real servers, real attacks, and a lesson that
//! notices when one of them is not what it claims to be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory in which one run happens, temporary files included.
struct Run {
    folder: TempDir,
}

impl Run {
    fn new() -> Self {
        let run = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["tmp", "home", "sources"] {
            fs::create_dir(run.path(name)).unwrap();
        }
        run
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// The binary with a scrubbed environment.
    #[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
    fn command(&self, path: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("lesson").args(words).env_clear().env("NO_COLOR", "1");
        command.env("PATH", path).env("HOME", self.path("home"));
        command.env("TMPDIR", self.path("tmp")).stdin(Stdio::null());
        command
    }

    fn lesson(&self, words: &[&str]) -> Output {
        self.lesson_on(Path::new("/usr/bin:/bin"), words)
    }

    /// Nothing of the run is left when this returns.
    fn lesson_on(&self, path: &Path, words: &[&str]) -> Output {
        let output = self.command(path, words).output().unwrap();
        assert_eq!(left_in(&self.path("tmp")), [""; 0], "files are left");
        assert_eq!(processes_of(&self.path("tmp")), [""; 0], "processes are left");
        output
    }

    /// A source with one change in it.
    fn change(&self, file: &str, from: &str, to: &str) {
        let changed = self.path("sources").join(file);
        let original = source("examples/lesson").join(file);
        let text = fs::read_to_string(&changed).or_else(|_| fs::read_to_string(original)).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(changed, text.replace(from, to)).unwrap();
    }

    /// One lesson on one server, with the changed sources.
    fn only(&self, lesson: &str, on: &str) -> (Option<i32>, String) {
        let (sources, python) = (self.path("sources"), python());
        let words =
            ["--all", "--yes", "--only", lesson, "--on", on, "--python", &python, "--sources"];
        let output = self.lesson(&[words.as_slice(), &[sources.to_str().unwrap()]].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// A file of this repository.
fn source(name: &str) -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..").canonicalize().unwrap().join(name)
}

/// The Python of the peers, with the official SDK 1.x.
fn python() -> String {
    let peers = std::env::var_os("PORTCULLIS_PEERS");
    let peers = peers.map_or_else(|| source("target/peers"), PathBuf::from);
    let python = peers.join("python/sdk1/bin/python");
    let missing = python.display();
    assert!(python.exists(), "no {missing}: run `cargo xtask test`, which brings the peers");
    python.display().to_string()
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path().display().to_string()).collect()
}

/// Whoever has the folder in its command line.
fn processes_of(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(folder.to_str().unwrap())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_attack_succeeds_where_it_must_and_nowhere_else() {
    let run = Run::new();
    let output = run.lesson(&["--all", "--yes", "--python", &python()]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{out}");
    for line in [
        "11 of 11 attacks succeeded on careless.py",
        "5 of 11 attacks succeeded on almost.py",
        "0 of 11 attacks succeeded on hardened.py",
        "0 of 11 attacks succeeded on hardened.rs",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "asks an interpreter about a file")]
fn the_shop_is_what_its_source_says() {
    let code = "import sqlite3, sys\n\
        dumps = []\n\
        for database, script in ((sys.argv[1], ''), (':memory:', open(sys.argv[2]).read())):\n\
        \x20   shop = sqlite3.connect(database)\n\
        \x20   shop.executescript(script)\n\
        \x20   dumps.append(list(shop.iterdump()))\n\
        assert dumps[0] == dumps[1] and 'CARD' in str(dumps), dumps\n";
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop.db");
    fs::copy(source("examples/lesson/shop.db"), &shop).unwrap();
    let mut command = Command::new(python());
    command.args(["-c", code]).arg(shop).arg(source("examples/lesson/shop.sql"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_mended_careless_server_proves_nothing() {
    for (lesson, from, to) in [
        ("any-path", "os.path.join(PROJECT, path)", "os.path.join(PROJECT, 'notes.txt')"),
        ("raw-sql", "shop.execute(sql)", "shop.execute('SELECT \\'green tea\\'')"),
        ("shell", "command, shell=True", "command.split()"),
        ("no-validation", "note.readlines()[:lines]", "[note.read()[:200]]"),
        ("stdin", "shell=True,", "shell=True, stdin=subprocess.DEVNULL,"),
    ] {
        let run = Run::new();
        run.change("careless.py", from, to);
        if lesson == "no-validation" {
            run.change("careless.py", "def read_note(path: str,", "def read_note(path: str = '',");
            run.change("careless.py", "with open(", "path = path[:99]\n    with open(");
        }
        let (code, said) = run.only(lesson, "careless.py");
        assert_eq!(code, Some(1), "{lesson}: {said}");
        assert!(said.contains("should have succeeded on careless.py, and did not"), "{said}");
    }
}

#[test]
fn an_almost_server_that_holds_is_another_lesson() {
    for (lesson, from, to) in [
        ("prefix", "startswith(PROJECT)", "startswith(PROJECT + os.sep)"),
        ("starts-with-select", "(SELECT|WITH)\\b", "SELECT name, price FROM products\\b"),
        ("stdin", "capture_output=True,", "capture_output=True, stdin=subprocess.DEVNULL,"),
        (
            "option",
            "if not word.startswith(\"-\"):",
            "if word.startswith(\"--\"): raise ToolError(\"no\")\n        if not word.startswith(\"-\"):",
        ),
    ] {
        let run = Run::new();
        run.change("almost.py", from, to);
        let (code, said) = run.only(lesson, "almost.py");
        assert_eq!(code, Some(1), "{lesson}: {said}");
        assert!(said.contains("almost.py, and did not"), "{lesson}: {said}");
    }
}

#[test]
fn a_hardened_server_with_one_guard_less_falls() {
    let changes: &[(&str, &[(&str, &str)])] = &[
        (
            "any-path",
            &[("any(part in (\"\", \".\", \"..\") for part in (*folders, name))", "False")],
        ),
        ("prefix", &[("any(part in (\"\", \".\", \"..\") for part in (*folders, name))", "False")]),
        ("race", &[("os.O_RDONLY | os.O_NOFOLLOW", "os.O_RDONLY")]),
        (
            "starts-with-select",
            &[
                ("QUERIES[order], [text]", "QUERIES[order].replace('?', \"'\" + text + \"'\")"),
                ("instr(lower(name), lower(?))", "name LIKE '%' || ?"),
                ("shop.set_authorizer(reads_products)", "pass"),
            ],
        ),
        (
            "shell",
            &[(
                "    try:\n        program, *words",
                "    return subprocess.getoutput(f'cd {sys.argv[1]}; {command}')\n    try:\n        program, *words",
            )],
        ),
        (
            "option",
            &[
                ("not PROGRAMS[program].issuperset(options)", "False"),
                ("not 1 <= len", "not 0 <= len"),
                ("cwd=\"/\"", "cwd=sys.argv[1]"),
            ],
        ),
        ("stdin", &[("stdin=subprocess.DEVNULL", "stdin=None"), ("not 1 <= len", "not 0 <= len")]),
        ("no-annotations", &[("server.tool(annotations=READS)", "server.tool()")]),
        (
            "raw-errors",
            &[(
                "there is no such file in the project, or it is a link\")",
                "not in \" + sys.argv[1])",
            )],
        ),
    ];
    for (lesson, changes) in changes {
        let run = Run::new();
        for (from, to) in *changes {
            run.change("hardened.py", from, to);
        }
        let (code, said) = run.only(lesson, "hardened.py");
        assert_eq!(code, Some(1), "{lesson}: {said}");
        assert!(said.contains("hardened.py should have held, and fell"), "{lesson}: {said}");
    }
}

#[test]
fn a_dead_server_is_not_a_safe_one() {
    let run = Run::new();
    run.change("hardened.py", "server.run()", "sys.exit(1)");
    let (code, said) = run.only("any-path", "hardened.py");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("hardened.py does not serve"), "{said}");
    let run = Run::new();
    run.change(
        "hardened.py",
        "return \"\".join(text.splitlines",
        "return \"\" and \"\".join(text.splitlines",
    );
    let (code, said) = run.only("any-path", "hardened.py");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("an honest call of `read_note` failed"), "{said}");
}

#[test]
fn without_a_python_it_says_how_to_get_one() {
    let run = Run::new();
    let output = run.lesson_on(&run.path("home"), &["--all", "--yes"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("pip install 'mcp<2'"), "{said}");
    let out = text(&output.stdout);
    assert!(out.contains("0 of 11 attacks succeeded on hardened.rs"), "what can run runs: {out}");
    assert!(!out.contains("succeeded on careless.py"), "{out}");
    let output = run.lesson(&["--all", "--yes", "--python", "/bin/false"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`/bin/false` is no Python with the package `mcp` 1.x"), "{said}");
}

#[test]
fn a_virtual_environment_is_found_and_a_person_may_stop() {
    let run = Run::new();
    let environment = Path::new(&python()).ancestors().nth(2).unwrap().to_owned();
    let mut command = run.command(Path::new("/usr/bin:/bin"), &[]);
    command.env("VIRTUAL_ENV", environment).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // The sixth lesson, then no more.
    child.stdin.take().unwrap().write_all(b"6\nq\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let out = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{out}");
    assert!(out.contains("6. raw errors (medium)") && out.contains("q to stop"), "{out}");
    assert!(!out.contains("5. no annotations"), "{out}");
    assert!(out.contains("1 of 1 attacks succeeded on careless.py"), "{out}");
}
