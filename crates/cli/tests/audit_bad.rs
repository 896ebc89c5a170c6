//! `portcullis audit` of what nobody wrote in good faith: trees that lead in circles, never end, or are nested and doubled
//! until a reader falls over; and servers that flood it. Each ends in a report that says so, within its memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A server with a flaw: where it is still found, the bad file beside it took nothing from it.
const SERVER: &str = "from mcp.server.fastmcp import FastMCP\n\nserver = FastMCP(\"x\")\n\n\n@server.tool()\ndef show(path: str) -> str:\n    return open(path).read()\n";
/// What one target may take, in kilobytes.
const MEMORY: u64 = 512 << 10;

struct Desk(TempDir);

/// How it ended.
struct Done {
    code: Option<i32>,
    out: String,
    said: String,
    /// The most that the process held at once, in kilobytes.
    held: u64,
}

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::create_dir(desk.at("tree")).unwrap();
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.at("tree").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn audit(&self, words: &[&str]) -> Done {
        let mut child = self.start(words);
        let (mut held, end) = (0, Instant::now() + Duration::from_secs(540));
        let code = loop {
            held = held.max(peak(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            if Instant::now() > end {
                child.kill().unwrap();
                panic!("it never came to an end");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let read = |name| String::from_utf8(fs::read(self.at(name)).unwrap()).unwrap();
        Done { code, out: read("out"), said: read("said"), held }
    }

    #[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
    fn start(&self, words: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("audit").args(words).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.0.path());
        let file = |name| fs::File::create(self.at(name)).unwrap();
        command.stdout(file("out")).stderr(file("said")).spawn().unwrap()
    }

    /// The report on the tree; the process ended by itself, and never held too much.
    fn report(&self) -> Value {
        self.judged(&["--json", "--timeout", "8m", "tree"])
    }

    fn judged(&self, words: &[&str]) -> Value {
        let done = self.audit(words);
        assert!(done.code.is_some_and(|it| it != 1), "{:?}: {}", done.code, done.said);
        assert!(done.held > 0 && done.held < MEMORY, "{} kB were held", done.held);
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.said))
    }
}

/// The most that a process has held so far, in kilobytes, as the kernel counts it.
fn peak(process: u32) -> u64 {
    let told = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn left_out(report: &Value) -> Vec<(String, String)> {
    let word = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let all = report["left_out"].as_array().unwrap().iter();
    all.map(|it| (word(it, "file"), word(it, "why"))).collect()
}

#[track_caller]
fn says(report: &Value, file: &str, why: &str) {
    let all = left_out(report);
    assert!(all.contains(&(file.to_owned(), why.to_owned())), "{file}: {why} in {all:?}");
}

#[track_caller]
fn finds(report: &Value) {
    let all = report["findings"].as_array().unwrap();
    assert!(all.iter().any(|it| it["check"] == "path-escape"), "{all:?}");
}

/// Nothing passes by source of which a part is missing.
#[track_caller]
fn passes_nothing(report: &Value) {
    let rows = report["checklist"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["status"] != "pass"), "{rows:#?}");
}

#[test]
fn links_in_circles() {
    let desk = Desk::new();
    desk.put("server.py", SERVER);
    for (to, link) in [(".", "here"), ("b", "a"), ("a", "b"), ("../..", "up"), ("c.py", "c.py")] {
        symlink(to, desk.at("tree").join(link)).unwrap();
    }
    let report = desk.report();
    finds(&report);
    for link in ["here", "a", "b", "up", "c.py"] {
        says(&report, link, "a link");
    }
    symlink("itself", desk.at("itself")).unwrap();
    assert_eq!(desk.audit(&["itself"]).code, Some(3));
}

#[test]
fn pipes_sockets_and_devices() {
    let desk = Desk::new();
    desk.put("server.py", SERVER);
    let pipe = |name: &str| {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, desk.at(name), rustix::fs::FileType::Fifo, mode, 0)
    };
    for name in ["tree/pipe.py", "alone.py", "config.json"] {
        pipe(name).unwrap();
    }
    let _listening = UnixListener::bind(desk.at("tree/socket.js")).unwrap();
    let report = desk.report();
    finds(&report);
    says(&report, "pipe.py", "a pipe, a socket or a device");
    says(&report, "socket.js", "a pipe, a socket or a device");
    // Nobody waits for whoever does not write, and nobody reads what never ends.
    symlink("/dev/zero", desk.at("zero.py")).unwrap();
    for target in ["alone.py", "config.json", "zero.py", "/dev/zero"] {
        let done = desk.audit(&["--timeout", "60s", target]);
        assert_eq!(done.code, Some(3), "{target}: {}{}", done.out, done.said);
        assert!(done.held < MEMORY, "{target}");
    }
}

/// Nobody opens a directory whose path is longer than the system takes, not even root.
#[test]
fn directories_that_cannot_be_read() {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
    let desk = Desk::new();
    desk.put("server.py", SERVER);
    let name = "d".repeat(200);
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = openat(CWD, desk.at("tree"), flags, Mode::empty()).unwrap();
    for _ in 0..25 {
        mkdirat(&at, &*name, Mode::from_raw_mode(0o700)).unwrap();
        at = openat(&at, &*name, flags, Mode::empty()).unwrap();
    }
    let report = desk.report();
    finds(&report);
    passes_nothing(&report);
    assert!(left_out(&report).iter().any(|(_, why)| why == "unreadable"), "{report:#}");
    // The same for those that are closed, where somebody else than root looks.
    let closed = desk.at("tree").join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_err() {
        says(&desk.report(), "closed", "unreadable");
    }
}

#[test]
fn what_is_no_text_and_lines_without_end() {
    let desk = Desk::new();
    desk.put("server.py", SERVER);
    desk.put("latin.py", b"x = '\xe9\xff'\n");
    desk.put("nul.py", b"x = '\0'\n");
    desk.put("long.js", format!("x = \"{}\";\n", "y".repeat(5_000_000)));
    desk.put("wide.js", format!("x = \"{}\";\n", "y".repeat(500_000)));
    let name = std::ffi::OsStr::from_bytes(b"\xff\x1b[2Jname.min.js");
    fs::write(desk.at("tree").join(name), "x").unwrap();
    let report = desk.report();
    finds(&report);
    says(&report, "latin.py", "not UTF-8");
    says(&report, "long.js", "larger than 1 MiB");
    says(&report, "wide.js", "a line of more than 100,000 characters");
    says(&report, "\u{fffd}\u{1b}[2Jname.min.js", "minified");
    // A name speaks to nobody's terminal.
    for form in ["text", "markdown", "html"] {
        let done = desk.audit(&["--verbose", "--format", form, "tree"]);
        assert!(!done.out.contains('\u{1b}') && !done.said.contains('\u{1b}'), "{form}");
    }
    assert!(desk.audit(&["--verbose", "tree"]).out.contains("name.min.js"));
}

#[test]
fn a_hundred_thousand_files() {
    let desk = Desk::new();
    for folder in 0..101 {
        let folder = desk.at("tree").join(format!("{folder:03}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..1_000 {
            fs::write(folder.join(format!("{file}.py")), "").unwrap();
        }
    }
    desk.put("000/server.py", SERVER);
    let report = desk.report();
    finds(&report);
    says(&report, "100", "the budget was used up");
    passes_nothing(&report);
}

/// Each would take a reader's whole stack, if it went down as far as the text does.
#[test]
fn code_that_is_nested_without_end() {
    let lines = |what: &str, times: usize| what.repeat(times);
    let many = 100_000;
    let brackets = |open: &str, close: &str| {
        let wrapped = |it: &str| format!("{}\n", it.repeat(1_000)).repeat(many / 1_000);
        format!("x = {}1{}", wrapped(open), wrapped(close))
    };
    let cases = [
        ("lists.py", format!("{SERVER}{}\n", brackets("[", "]"))),
        ("open.py", format!("{SERVER}x = (\n{}\n", lines("(\n", many))),
        ("elif.py", format!("{SERVER}if a: pass\n{}", lines("elif a: pass\n", 60_000))),
        ("assigned.py", format!("{SERVER}{}1\n", lines("a=\\\n", 200_000))),
        ("called.py", format!("{SERVER}x = (a\n{})\n", lines(".b()\n", many))),
        (
            "deeper.py",
            format!(
                "{SERVER}{}",
                (0..1_000).map(|it| format!("{}if a:\n", " ".repeat(it))).collect::<String>()
            ),
        ),
        ("lists.js", format!("{};\n", brackets("[", "]"))),
        ("calls.ts", format!("{};\n", brackets("(", ")"))),
        ("arrows.js", format!("x = {}1;\n", lines("a =>\n", many))),
        ("else.js", format!("if (a) {{}}\n{}", lines("else if (a) {}\n", 60_000))),
        ("chosen.ts", format!("x = {}1;\n", lines("a ? 1 :\n", many))),
        (
            "types.ts",
            format!("type A = {}string{};\n", lines("Array<\n", many), lines(">\n", many)),
        ),
        (
            "blocks.go",
            format!("package main\nfunc f() {{\n{}{}}}\n", lines("{\n", many), lines("}\n", many)),
        ),
        (
            "cases.go",
            format!(
                "package main\nfunc f() {{ switch {{\n{}}} }}\n",
                lines("case a: b()\n", 60_000)
            ),
        ),
    ];
    for (name, text) in cases {
        let desk = Desk::new();
        desk.put("server.py", SERVER);
        desk.put(name, &text);
        let report = desk.report();
        finds(&report);
        let deep = left_out(&report).into_iter().any(|(file, _)| file == name);
        // These are long and not deep, or it is what no value comes from.
        let flat = ["called.py", "deeper.py", "chosen.ts", "types.ts"];
        assert!(deep || flat.contains(&name), "{name}: {:?}", left_out(&report));
    }
}

/// Each line of it makes what is known twice as large, or each word of it a little larger.
#[test]
fn code_whose_values_grow_without_end() {
    let tool = |lines: &str| {
        format!(
            "import os\nfrom pathlib import Path\nfrom mcp.server.fastmcp import FastMCP\n\nserver = FastMCP(\"x\")\n\n\n@server.tool()\ndef show(path: str) -> str:\n{lines}    return open(path).read()\n"
        )
    };
    let many = |line: &str| line.repeat(2_000);
    let cases = [
        ("doubled", tool(&many("    path = path + path\n")), true),
        ("fixed", tool(&format!("    a = \"x\"\n{}", many("    a = a + a\n"))), true),
        ("words", format!("{SERVER}x = (\n{})\n", "\"a\"\n".repeat(100_000)), true),
        (
            "grown",
            tool(&(0..40_000).map(|it| format!("    path += \"{it}\"\n")).collect::<String>()),
            false,
        ),
        (
            "paths",
            tool(&format!(
                "    path = os.path.realpath(path)\n{}    if path.startswith(\"/x/\"): pass\n",
                many("    path = os.path.join(path, path)\n")
            )),
            false,
        ),
        (
            "listed",
            tool(&format!(
                "    c = [\"x/\"]\n{}    if path in c: pass\n    if path.startswith(tuple(c)): pass\n",
                many("    c = [c, c]\n")
            )),
            false,
        ),
        (
            "started",
            tool(&format!(
                "    c = [path]\n{}    os.execv(\"/bin/x\", c)\n",
                many("    c = [c, c]\n")
            )),
            false,
        ),
        (
            "kept",
            tool(&format!(
                "    c = []\n{}",
                (0..40_000).map(|it| format!("    c.append(path[{it}])\n")).collect::<String>()
            )),
            false,
        ),
    ];
    for (name, text, whole) in cases {
        let desk = Desk::new();
        desk.put("server.py", &text);
        let report = desk.report();
        match whole {
            true => {
                finds(&report);
                assert_eq!(left_out(&report), [], "{name}");
            }
            // What was not followed to its end is said; what was, judges.
            false => assert!(
                left_out(&report).iter().any(|(_, why)| why.contains("used up"))
                    || !report["findings"].as_array().unwrap().is_empty(),
                "{name}: {report:#}"
            ),
        }
    }
}

#[test]
fn more_source_than_the_memory_holds() {
    let desk = Desk::new();
    desk.put("a/server.py", SERVER);
    for file in 0..40 {
        desk.put(&format!("b/{file:02}.py"), "a()\n".repeat(260_000));
    }
    let report = desk.report();
    assert!(left_out(&report).iter().any(|(_, why)| why == "the memory was used up"), "{report:#}");
    // On a machine that is busy the reader may be left behind before it has named them.
    let named = |file: &str| file.starts_with("and ") || file == ".";
    assert!(left_out(&report).iter().any(|(file, _)| named(file)), "{report:#}");
    passes_nothing(&report);
}

#[test]
fn a_file_that_grows_while_it_is_read() {
    let desk = Desk::new();
    desk.put("a.py", SERVER);
    desk.put("grows.py", "x = 1\n".repeat(150_000));
    let (file, over) = (desk.at("tree/grows.py"), std::sync::atomic::AtomicBool::new(false));
    let report = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new().append(true).open(&file).unwrap();
            for _ in 0..20_000 {
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                file.write_all("x = 1\n".repeat(4_000).as_bytes()).unwrap();
            }
        });
        let report = desk.report();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap();
        report
    });
    finds(&report);
    // It was read as it was, or it was too large by then.
    let all = left_out(&report);
    let grown = all.contains(&("grows.py".to_owned(), "larger than 1 MiB".to_owned()));
    assert!(grown || all.is_empty(), "{all:?}");
}

/// Servers that say more than anybody can keep, on either output, and that name themselves for a terminal.
#[test]
fn servers_that_flood() {
    let desk = Desk::new();
    let start = "import json, sys\nhello = json.loads(sys.stdin.readline())\n";
    let shake = r#"
def say(message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
say({"id": hello["id"], "result": {"protocolVersion": hello["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "\u001b[2Jmine", "version": "1"}}})
schema = {"type": "object", "properties": {"path": {"type": "string"}}}
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message: continue
    if message["method"] == "tools/list":
        say({"id": message["id"], "result": {"tools": [{"name": f"t{i}\u001b[2J", "description": "\u001b]0;mine\u0007", "inputSchema": schema} for i in range(TOOLS)]}})
    else: ANSWER
"#;
    let serve = |tools: &str, answer: &str| {
        format!("{start}{}", shake.replace("TOOLS", tools).replace("ANSWER", answer))
    };
    let cases = [
        ("out", format!("{start}while True: sys.stdout.write('x' * 65536)\n")),
        ("err", format!("{start}while True: sys.stderr.write('x' * 65536)\n")),
        ("large", serve("1", "sys.stdout.write('x' * 100_000_000 + '\\n')")),
        ("tools", serve("60000", "say({'id': message['id'], 'result': {}})")),
        (
            "loud",
            serve(
                "200",
                "say({'id': message['id'], 'result': {'content': [{'type': 'text', 'text': '\\x1b[2J' * 900_000}]}})",
            ),
        ),
    ];
    for (name, program) in cases {
        let file = desk.at(&format!("{name}.py"));
        fs::write(&file, program).unwrap();
        let words =
            ["--timeout", "15s", "--verbose", "--", "/usr/bin/python3", file.to_str().unwrap()];
        let done = desk.audit(&words);
        assert!(done.code.is_some_and(|it| it >= 3), "{name}: {:?} {}", done.code, done.said);
        assert!(done.held < MEMORY, "{name}: {} kB", done.held);
        assert!(!done.out.contains('\u{1b}') && !done.said.contains('\u{1b}'), "{name}");
        assert!(done.out.contains("disorderly-conduct"), "{name}: {}{}", done.out, done.said);
    }
}
