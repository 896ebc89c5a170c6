//! A program of ours confines itself, and then tries to get out.
//!
//! `confine-own` is that program. It needs no namespace and no privilege, so these
//! tests hold for root and an ordinary user alike.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portcullis_confine::{Achieved, Level};

/// A root to read, one to write, a state directory, and a secret beside them.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(common::open_directory());
        for dir in ["ro", "rw", "state"] {
            fs::create_dir(scene.path(dir)).unwrap();
        }
        fs::write(scene.path("ro/note"), "a note").unwrap();
        fs::write(scene.path("outside"), "a secret").unwrap();
        symlink(scene.path("outside"), scene.path("ro/link")).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn words(&self) -> Vec<String> {
        let dir = |word: &str, name: &str| format!("{word}={}", self.path(name).display());
        ["ro", "rw", "state", "outside"].map(|name| dir(name, name)).to_vec()
    }
}

#[expect(clippy::disallowed_methods, reason = "the program confines itself")]
fn start(words: &[String]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_confine-own"));
    program.args(words).stdin(Stdio::null()).output().unwrap()
}

/// Its box, and each attempt's answer: `done …` or `held …`.
fn play(words: &[String]) -> (Achieved, BTreeMap<String, String>) {
    let output = start(words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let achieved = serde_json::from_str(lines.next().unwrap()).unwrap();
    let answers = lines.filter_map(|line| line.split_once(' '));
    (achieved, answers.map(|(name, answer)| (name.to_owned(), answer.to_owned())).collect())
}

fn word<'a>(answers: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    answers.get(name).unwrap_or_else(|| panic!("{name} was not tried: {answers:?}"))
}

#[test]
fn what_was_granted_works_and_nothing_else() {
    let scene = Scene::new();
    let shut = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut words = scene.words();
    words.push(format!("shut={}", shut.local_addr().unwrap().port()));
    let (achieved, answers) = play(&words);
    assert_eq!(achieved.level, Level::Landlock);
    assert!(achieved.selftest.len() >= 14, "{:?}", achieved.selftest);
    assert!(achieved.selftest.iter().all(|attempt| attempt.held), "{:?}", achieved.selftest);
    let works = ["read-root", "write-rw", "rename-rw", "write-state", "thread", "runtime"];
    for name in works {
        assert!(word(&answers, name).starts_with("done"), "{name}: {}", word(&answers, name));
    }
    let open: Vec<_> = answers.iter().filter(|(name, _)| !works.contains(&name.as_str())).collect();
    assert!(open.len() > 25);
    for (name, answer) in open {
        assert!(answer.starts_with("held"), "{name}: {answer}");
    }
    assert_eq!(fs::read_to_string(scene.path("outside")).unwrap(), "a secret");
    assert!(!scene.path("ro/new").exists());
}

#[test]
fn a_port_that_was_granted_is_the_only_one() {
    let scene = Scene::new();
    let [open, shut] = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let mut words = scene.words();
    words.push(format!("port={}", open.local_addr().unwrap().port()));
    words.push(format!("shut={}", shut.local_addr().unwrap().port()));
    let (achieved, answers) = play(&words);
    assert!(word(&answers, "connect-port").starts_with("done"), "{answers:?}");
    let shut =
        ["connect-fast", "datagram", "unix", "raw", "mptcp", "execute", "listen", "new-code"];
    for name in shut {
        assert!(word(&answers, name).starts_with("held"), "{name}: {answers:?}");
    }
    let ports_are_held = !achieved.weak.iter().any(|weak| weak.contains("TCP ports"));
    assert_eq!(word(&answers, "connect-shut").starts_with("held"), ports_are_held);
}

#[test]
fn inherited_descriptors_are_closed_but_those_that_are_kept() {
    let scene = Scene::new();
    let secret = fs::File::open(scene.path("outside")).unwrap();
    // A number that nothing else has: the program's own next file would have a low one again.
    let secret = rustix::io::fcntl_dupfd_cloexec(&secret, 900).unwrap();
    let kept = fs::File::open(scene.path("ro/note")).unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    rustix::io::fcntl_setfd(&kept, rustix::io::FdFlags::empty()).unwrap();
    let mut words = scene.words();
    words.push(format!("inherited={}", secret.as_raw_fd()));
    words.push(format!("keep={}", kept.as_raw_fd()));
    let (_, answers) = play(&words);
    assert!(word(&answers, "descriptor").starts_with("held"), "{answers:?}");
    assert!(word(&answers, "kept").starts_with("done"), "{answers:?}");
}

#[test]
fn inherited_descriptors_may_be_closed_first_of_all() {
    let scene = Scene::new();
    let secret = fs::File::open(scene.path("outside")).unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let mut words = scene.words();
    words.extend(["early=1".to_owned(), format!("inherited={}", secret.as_raw_fd())]);
    let (achieved, answers) = play(&words);
    assert!(word(&answers, "descriptor").starts_with("held"), "{answers:?}");
    assert!(!achieved.weak.iter().any(|weak| weak.contains("inherited")), "{achieved:?}");
}

#[test]
fn with_a_second_thread_nothing_starts() {
    let output = start(&["threads=1".to_owned()]);
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there are 2 threads"));
    assert!(output.stdout.is_empty());
}

/// What cannot be had is not passed over in silence.
#[test]
fn a_kernel_without_landlock_or_filter_is_refused() {
    let dir = common::open_directory();
    for call in ["landlock", "seccomp", "close_range"] {
        let copy = dir.path().join(format!("without-{call}"));
        common::copy_program(env!("CARGO_BIN_EXE_confine-box"), &copy);
        let output = own(&copy, dir.path());
        assert_eq!(output.status.code(), Some(6), "{call}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
    let copy = dir.path().join("without-nothing");
    common::copy_program(env!("CARGO_BIN_EXE_confine-box"), &copy);
    assert_eq!(own(&copy, dir.path()).status.code(), Some(0));
}

#[expect(clippy::disallowed_methods, reason = "the program confines itself")]
fn own(program: &Path, root: &Path) -> Output {
    Command::new(program).arg("own").arg(root).output().unwrap()
}
