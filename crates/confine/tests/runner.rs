//! Programs run for a server, one box for each call, and nothing of them survives.
//!
//! Each test runs at both levels: with namespaces, and with Landlock and seccomp alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{copy_program, grant, open, open_directory};
use portcullis_confine::runner::{Program, Ran, Run, RunError, Runner, Setup, limits};
use portcullis_confine::{Access, Exit, Level, RootGrant, SpawnError};

fn program(name: &str, path: impl Into<PathBuf>) -> Program {
    Program {
        name: name.to_owned(),
        path: path.into(),
        fixed: Vec::new(),
        env: [("NAMED".to_owned(), "yes".to_owned())].into(),
        writes: false,
        alone: false,
        limits: limits(),
    }
}

/// A root with a note, and a secret beside it.
struct Scene {
    dir: tempfile::TempDir,
    level: Level,
}

impl Scene {
    fn at(level: Level) -> Self {
        let dir = open_directory();
        for name in ["root", "root/below", "other"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            open(&dir.path().join(name));
        }
        for (name, text) in [("root/note", "a note\n"), ("outside", "a secret\n")] {
            fs::write(dir.path().join(name), text).unwrap();
            open(&dir.path().join(name));
        }
        std::os::unix::fs::symlink(dir.path().join("outside"), dir.path().join("root/link"))
            .unwrap();
        Self { dir, level }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn try_runner(&self, programs: Vec<Program>, access: Access) -> Result<Runner, SpawnError> {
        self.start(programs, grant(&self.path("root"), access))
    }

    fn start(&self, programs: Vec<Program>, root: RootGrant) -> Result<Runner, SpawnError> {
        Runner::start(&self.setup(programs, root))
    }

    fn setup(&self, programs: Vec<Program>, root: RootGrant) -> Setup {
        Setup {
            programs,
            roots: vec![root],
            least: self.level,
            most: self.level,
            user: None,
            launcher: Some(env!("CARGO_BIN_EXE_confine-box").into()),
        }
    }

    fn runner(&self, programs: Vec<Program>) -> Runner {
        self.try_runner(programs, Access::ReadWrite).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn call(program: &str, words: &[&str]) -> Run {
    Run {
        program: program.to_owned(),
        words: words.iter().map(|&word| word.to_owned()).collect(),
        directory: None,
        roots: None,
        deadline: Duration::from_secs(60),
        output_bytes: 1 << 16,
    }
}

fn run(runner: &Runner, run: Run) -> Result<Ran, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(runner.run(run))
}

fn ran(runner: &Runner, asked: Run) -> Ran {
    run(runner, asked).unwrap_or_else(|error| panic!("{error}"))
}

fn text(ran: &Ran) -> String {
    String::from_utf8(ran.stdout.kept.clone()).unwrap()
}

/// Whether a process on this machine has this word in its command line.
fn runs(word: &str) -> bool {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.into_iter().any(|line| line.split(|byte| *byte == 0).any(|part| part == word.as_bytes()))
}

/// A length of sleep that nobody else sleeps.
fn unique(seconds: u32) -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("{seconds}.{}{next:03}", std::process::id())
}

fn both(test: impl Fn(&Scene)) {
    for level in [Level::Full, Level::Landlock] {
        if !common::unsupported(level) {
            test(&Scene::at(level));
        }
    }
}

#[test]
fn words_are_passed_as_they_are_and_nothing_is_read() {
    both(|scene| {
        let runner = scene.runner(vec![program("echo", "/bin/echo"), program("cat", "/bin/cat")]);
        assert_eq!(runner.achieved().level, scene.level);
        let words = ["$(id)", "`id`", ";", "a b", "*", "|", "sh", "\u{e9}"];
        let said = ran(&runner, call("echo", &words));
        assert_eq!(text(&said), "$(id) `id` ; a b * | sh \u{e9}\n");
        assert_eq!((said.exit, said.timed_out), (Exit::Code(0), false));
        // Without an argument it reads its standard input, which is at its end.
        let said = ran(&runner, call("cat", &[]));
        assert_eq!((said.exit, text(&said).as_str(), said.timed_out), (Exit::Code(0), "", false));
        let said = ran(&runner, call("cat", &["note"]));
        assert_eq!(text(&said), "a note\n", "it starts in the first root");
    });
}

#[test]
fn the_environment_is_what_was_named() {
    both(|scene| {
        let runner = scene.runner(vec![program("env", "/usr/bin/env")]);
        let said = text(&ran(&runner, call("env", &[])));
        assert!(said.contains("NAMED=yes\n"), "{said}");
        let allowed = [
            "NAMED", "PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "SHELL", "TZ", "LC_ALL",
            "LC_CTYPE",
        ];
        for line in said.lines() {
            let name = line.split('=').next().unwrap();
            assert!(allowed.contains(&name), "{line}");
        }
    });
}

#[test]
fn no_descriptor_is_inherited() {
    both(|scene| {
        let secret = fs::File::open(scene.path("outside")).unwrap();
        rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
        let runner = scene.runner(vec![program("ls", "/bin/ls")]);
        let said = text(&ran(&runner, call("ls", &["/proc/self/fd"])));
        // The fourth is the directory that is being listed.
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    });
}

#[test]
fn the_roots_are_all_there_is() {
    both(|scene| {
        let runner = scene.runner(vec![program("cat", "/bin/cat"), program("sh", "/bin/sh")]);
        for path in ["../outside", "link", "/etc/shadow", "/proc/1/environ"] {
            let said = ran(&runner, call("cat", &[path]));
            assert_eq!((said.exit, text(&said).as_str()), (Exit::Code(1), ""), "{path}");
        }
        let said =
            ran(&runner, call("sh", &["-c", "echo x > new; echo x > $TMPDIR/x && echo made"]));
        assert_eq!(text(&said), "made\n", "{said:?}");
        assert!(!scene.path("root/new").exists(), "it only reads");
        let narrow =
            Run { roots: Some(vec![scene.path("root/below")]), ..call("cat", &["../note"]) };
        assert_eq!(ran(&runner, narrow).exit, Exit::Code(1), "the root was narrowed");
        for elsewhere in [scene.path("other"), scene.path("root/../other"), PathBuf::from("/")] {
            let wide = Run { roots: Some(vec![elsewhere.clone()]), ..call("cat", &["x"]) };
            assert!(matches!(run(&runner, wide), Err(RunError::Refused(_))), "{elsewhere:?}");
            let there = Run { directory: Some(elsewhere), ..call("cat", &["x"]) };
            assert!(matches!(run(&runner, there), Err(RunError::Refused(_))));
        }
    });
}

#[test]
fn what_may_write_writes_in_its_roots() {
    both(|scene| {
        let sh = Program { writes: true, ..program("sh", "/bin/sh") };
        let runner = scene.runner(vec![sh]);
        let script = format!("echo x > new; echo x > {}", scene.path("other/new").display());
        ran(&runner, call("sh", &["-c", &script]));
        assert!(scene.path("root/new").exists() && !scene.path("other/new").exists());
    });
}

/// Whatever tells it to, a file of a stranger's for one.
#[test]
fn what_is_alone_executes_nothing_but_itself() {
    both(|scene| {
        let sh = Program { alone: true, ..program("sh", "/bin/sh") };
        let runner = scene.runner(vec![sh, program("free", "/bin/sh")]);
        let script = "echo one; /bin/ls; /usr/bin/env ls; exec /bin/cat note";
        let alone = ran(&runner, call("sh", &["-c", script]));
        assert_eq!(String::from_utf8_lossy(&alone.stdout.kept), "one\n", "{alone:?}");
        assert_ne!(alone.exit, Exit::Code(0));
        let free = ran(&runner, call("free", &["-c", "/bin/cat note"]));
        assert_eq!(String::from_utf8_lossy(&free.stdout.kept), "a note\n", "{free:?}");
    });
}

/// A client may narrow a root to where its protected place lies, or to that place itself.
#[test]
fn what_is_protected_stays_so_in_a_narrowed_root() {
    both(|scene| {
        for name in [".git", "below/secret", "below/.git"] {
            fs::create_dir(scene.path("root").join(name)).unwrap();
            open(&scene.path("root").join(name));
        }
        let mut root = grant(&scene.path("root"), Access::ReadWrite);
        root.protect.push("below/secret".into());
        let sh = Program { writes: true, ..program("sh", "/bin/sh") };
        let runner = scene.start(vec![sh], root).unwrap_or_else(|error| panic!("{error}"));
        let tried = |at: &str, file: &str| {
            let roots = Some(vec![scene.path(at)]);
            let script = format!("echo x > {file}");
            ran(&runner, Run { roots, ..call("sh", &["-c", &script]) });
            scene.path(at).join(file).exists()
        };
        for at in ["root/.git", "root/below/secret", "root/below/.git"] {
            assert!(!tried(at, "new"), "{at}");
        }
        assert!(tried("root/below", "new"), "the rest is writable");
        // Inside of a root, places are held by mounts alone.
        if scene.level == Level::Full {
            assert!(!tried("root/below", "secret/new") && !tried("root/below", ".git/new"));
        }
    });
}

#[test]
fn nothing_outlives_the_deadline() {
    both(|scene| {
        let runner = scene.runner(vec![program("sh", "/bin/sh")]);
        in_time(|deadline| {
            let (child, orphan, own) = (unique(9001), unique(9002), unique(9003));
            let script = format!(
                "trap '' TERM INT HUP; sleep {child} & (setsid sleep {orphan} &) ; echo up; sleep {own}"
            );
            let said = ran(&runner, Run { deadline, ..call("sh", &["-c", &script]) });
            assert!(said.timed_out, "{said:?}");
            for word in [child, orphan, own] {
                assert!(!runs(&word), "sleep {word} lives");
            }
            text(&said) == "up\n"
        });
    });
}

/// With more time each time, until the program got as far as it had to: how much it needs
/// is the machine's affair, and what must hold holds each time.
fn in_time(try_with: impl Fn(Duration) -> bool) {
    let enough = [2, 8, 32].into_iter().map(Duration::from_secs).any(try_with);
    assert!(enough, "what it said before the deadline is kept");
}

/// A machine that is slow to make a box takes nothing from a program's own time.
#[test]
fn the_deadline_begins_when_the_program_runs() {
    let scene = Scene::at(Level::Landlock);
    let own = common::open_directory();
    let slow = own.path().join("slow-6");
    copy_program(env!("CARGO_BIN_EXE_confine-box"), &slow);
    let root = grant(&scene.path("root"), Access::ReadOnly);
    let setup =
        Setup { launcher: Some(slow), ..scene.setup(vec![program("echo", "/bin/echo")], root) };
    let runner = Runner::start(&setup).unwrap_or_else(|error| panic!("{error}"));
    let said = ran(&runner, Run { deadline: Duration::from_secs(5), ..call("echo", &["x"]) });
    assert_eq!((text(&said).as_str(), said.timed_out), ("x\n", false), "{said:?}");
}

#[test]
fn nothing_outlives_the_program() {
    both(|scene| {
        let runner = scene.runner(vec![program("sh", "/bin/sh")]);
        let orphan = unique(9004);
        let script = format!("(setsid sleep {orphan} &); exit 7");
        let said = ran(&runner, call("sh", &["-c", &script]));
        assert_eq!((said.exit, said.timed_out), (Exit::Code(7), false));
        assert!(!runs(&orphan));
    });
}

#[test]
fn nothing_outlives_a_call_that_is_taken_back() {
    both(|scene| {
        let runner = scene.runner(vec![program("sh", "/bin/sh")]);
        let orphan = unique(9005);
        let script = format!("(setsid sleep {orphan} &); sleep 9006");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let call = runner.run(call("sh", &["-c", &script]));
            tokio::pin!(call);
            let until = Instant::now() + Duration::from_secs(60);
            while !runs(&orphan) {
                assert!(Instant::now() < until, "it never started");
                let _ = tokio::time::timeout(Duration::from_millis(20), &mut call).await;
            }
        });
        let until = Instant::now() + Duration::from_secs(60);
        while runs(&orphan) {
            assert!(Instant::now() < until, "it lives");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn a_flood_is_counted_and_not_kept() {
    both(|scene| {
        let runner = scene.runner(vec![program("yes", "/usr/bin/yes"), program("sh", "/bin/sh")]);
        in_time(|deadline| {
            let said = ran(&runner, Run { deadline, output_bytes: 1000, ..call("yes", &["x"]) });
            assert!(said.timed_out && said.stdout.kept.len() <= 1000, "{said:?}");
            said.stdout.kept.len() == 1000 && said.stdout.truncated()
        });
        let script = "echo out; echo err >&2; kill -9 $$";
        let said = ran(&runner, call("sh", &["-c", script]));
        assert_eq!(said.exit, Exit::Signal(9));
        assert_eq!((text(&said).as_str(), said.stderr.kept.as_slice()), ("out\n", &b"err\n"[..]));
        assert!(!said.stdout.truncated());
    });
}

#[test]
fn a_program_that_the_caller_could_replace_is_refused() {
    both(|scene| {
        let planted = scene.path("root/wc");
        copy_program("/bin/cat", &planted);
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = |programs, access| match scene.try_runner(programs, access) {
            Ok(_) => panic!("it may be run"),
            Err(error) => error.to_string(),
        };
        let why = refused(vec![program("wc", &planted)], Access::ReadWrite);
        assert!(why.contains("writable root"), "{why}");
        let linked = scene.path("root/linked");
        std::os::unix::fs::symlink("/bin/cat", &linked).unwrap();
        let why = refused(vec![program("wc", &linked)], Access::ReadWrite);
        assert!(why.contains("writable root"), "{why}");
        let why = refused(vec![program("wc", "wc")], Access::ReadOnly);
        assert!(why.contains("absolute"), "{why}");
        let why = refused(vec![program("wc", scene.path("none"))], Access::ReadOnly);
        assert!(why.contains("not found"), "{why}");
        let open_to_all = scene.path("other/wc");
        copy_program("/bin/cat", &open_to_all);
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
        let why = refused(vec![program("wc", &open_to_all)], Access::ReadOnly);
        assert!(why.contains("changed by others"), "{why}");
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o775)).unwrap();
        if rustix::process::getegid().is_root() {
            std::os::unix::fs::chown(&open_to_all, None, Some(12_345)).unwrap();
        }
        let why = refused(vec![program("wc", &open_to_all)], Access::ReadOnly);
        let place = format!("permissions of `{}`", open_to_all.display());
        assert!(why.contains(&place), "{why}");
    });
}

#[test]
fn a_program_that_changed_since_the_start_is_not_run() {
    both(|scene| {
        // Whatever TMPDIR is: others may change nothing on the way to this.
        let own = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(own.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = own.path().canonicalize().unwrap().join("tool");
        install(&path, "/bin/echo");
        let runner = scene.runner(vec![program("tool", &path)]);
        assert_eq!(text(&ran(&runner, call("tool", &["x"]))), "x\n");
        install(&own.path().join("other"), "/bin/cat");
        fs::rename(own.path().join("other"), &path).unwrap();
        match run(&runner, call("tool", &["note"])) {
            Err(RunError::Refused(why)) => assert!(why.contains("changed since"), "{why}"),
            other => panic!("{other:?}"),
        }
    });
}

fn install(path: &Path, from: &str) {
    copy_program(from, path);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn only_what_was_named_runs() {
    both(|scene| {
        let runner = scene.runner(vec![program("echo", "/bin/echo")]);
        for name in ["sh", "/bin/sh", "", "echo "] {
            assert!(matches!(run(&runner, call(name, &[])), Err(RunError::Refused(_))), "{name}");
        }
    });
}

#[test]
fn more_than_a_helper_holds_is_refused_and_it_goes_on() {
    let scene = Scene::at(Level::Landlock);
    let runner = scene.runner(vec![program("sleep", "/bin/sleep"), program("echo", "/bin/echo")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let word = unique(9007);
    let (word, runner) = (word.as_str(), &runner);
    let refused = runtime.block_on(async {
        let sleep = || async move {
            let asked = Run { deadline: Duration::from_secs(5), ..call("sleep", &[word]) };
            runner.run(asked).await
        };
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(Box::pin(sleep()));
        }
        let mut refused = 0;
        for ended in join(all).await {
            refused += usize::from(matches!(ended, Err(RunError::Refused(_))));
        }
        refused
    });
    assert_eq!(refused, 4);
    assert_eq!(text(&ran(runner, call("echo", &["still"]))), "still\n");
}

/// All of them at once.
async fn join<F: Future + Unpin>(mut all: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
