//! Roots that come and go while the server runs: the attempts dy01 to dy20.
//!
//! As root a change needs a fresh box, so these tests are an ordinary user's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

mod common;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{at, grant, open, profile, unsupported};
use portcullis_confine::{Access, Applied, Custody, Holder, Level, RootGrant, admit_root, spawn};
use tempfile::TempDir;

/// A server that does what it is told, one line of Python at a time.
const AGENT: &str = r"
import sys, os, errno
known = {'os': os}
for line in sys.stdin:
    try:
        try: said = eval(line, known)
        except SyntaxError: exec(line, known); said = 'ok'
    except OSError as error: said = errno.errorcode[error.errno]
    except BaseException as error: said = repr(error)
    print(said, flush=True)
";

struct Agent {
    to: File,
    from: BufReader<File>,
    custody: Custody,
}

impl Agent {
    fn start(roots: &[(&Path, Access)]) -> Self {
        let roots = roots.iter().map(|(path, access)| grant(path, *access));
        Self::with(roots.collect())
    }

    fn with(roots: Vec<RootGrant>) -> Self {
        let mut profile = at(Level::Full, profile(&["python3", "-u", "-c", AGENT]));
        profile.roots = roots;
        profile.cwd = Some("/".into());
        let confined = spawn(&profile).unwrap_or_else(|error| panic!("{error}"));
        let from = BufReader::new(File::from(confined.stdout));
        Self { to: File::from(confined.stdin), from, custody: confined.custody }
    }

    fn does(&mut self, line: &str) -> String {
        writeln!(self.to, "{line}").unwrap();
        let mut said = String::new();
        self.from.read_line(&mut said).unwrap();
        said.trim_end().to_owned()
    }

    fn reads(&mut self, path: &Path) -> String {
        self.does(&format!("open({:?}).read()", path.display().to_string()))
    }

    fn writes(&mut self, path: &Path) -> String {
        self.does(&format!("open({:?}, 'w').write('x')", path.display().to_string()))
    }

    fn grant(&mut self, path: &Path, access: Access) -> Applied {
        self.custody.grant(&grant(path, access)).unwrap()
    }

    fn revoke(&mut self, path: &Path) -> Applied {
        self.custody.revoke(path).unwrap()
    }
}

/// Not below `/tmp`, which in a box is the server's own.
fn scene(names: &[&str]) -> Option<(TempDir, Vec<PathBuf>)> {
    if unsupported(Level::Full) {
        return None;
    }
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: roots change without a restart for an ordinary user only");
        return None;
    }
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    open(dir.path());
    let dirs = names.iter().map(|name| {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        open(&path);
        std::fs::write(path.join("note"), *name).unwrap();
        path.canonicalize().unwrap()
    });
    let dirs = dirs.collect();
    Some((dir, dirs))
}

fn busy(applied: Applied) -> Vec<Holder> {
    match applied {
        Applied::Busy(holders) => holders,
        other => panic!("{other:?}"),
    }
}

fn restarts(applied: &Applied) -> bool {
    matches!(applied, Applied::Restart(_))
}

const RO: Access = Access::ReadOnly;
const RW: Access = Access::ReadWrite;

#[test]
fn dy01_a_root_is_there_between_grant_and_revoke() {
    let Some((dir, dirs)) = scene(&["a"]) else { return };
    let (mut agent, a) = (Agent::start(&[]), &dirs[0]);
    assert_eq!(agent.reads(&a.join("note")), "ENOENT");
    assert_eq!(agent.grant(a, RO), Applied::Live);
    assert_eq!(agent.reads(&a.join("note")), "a");
    assert_eq!(agent.revoke(a), Applied::Live);
    assert_eq!(agent.reads(&a.join("note")), "ENOENT");
    // Nor does the name remain, or that of the directory above.
    let above = format!("os.path.exists({:?})", dir.path().display().to_string());
    assert_eq!(agent.does(&above), "False");
    assert!(matches!(agent.revoke(a), Applied::Refused(_)));
}

#[test]
fn dy02_writing_is_what_was_granted_and_can_be_taken_back() {
    let Some((_dir, dirs)) = scene(&["a", "b"]) else { return };
    let (a, b) = (&dirs[0], &dirs[1]);
    let mut agent = Agent::start(&[(a, RW)]);
    assert_eq!(agent.grant(b, RO), Applied::Live);
    assert_eq!(agent.writes(&b.join("new")), "EROFS");
    assert_eq!(agent.writes(&a.join("new")), "1");
    assert_eq!(agent.custody.set_access(a, RO).unwrap(), Applied::Live);
    assert_eq!(agent.writes(&a.join("new")), "EROFS");
    assert_eq!(agent.custody.set_access(a, RW).unwrap(), Applied::Live);
    assert_eq!(agent.writes(&a.join("new")), "1");
    // Below the same directory nothing else is granted, so the ceiling covers this one too.
    assert_eq!(agent.grant(b, RW), Applied::Live);
    assert_eq!(agent.writes(&b.join("new")), "1");
    assert_eq!(std::fs::read_to_string(b.join("new")).unwrap(), "x");
    // A file that is open for writing keeps its root writable, and is named.
    let held = format!("f = open({:?}, 'w')", a.join("held").display().to_string());
    assert_eq!(agent.does(&held), "ok");
    let holders = busy(agent.custody.set_access(a, RO).unwrap());
    assert!(holders.iter().any(|holder| holder.path.ends_with("/held")), "{holders:?}");
}

#[test]
fn dy03_nothing_is_written_outside_every_ceiling() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let (mut agent, a) = (Agent::start(&[]), &dirs[0]);
    let Applied::Restart(why) = agent.grant(a, RW) else { panic!("it was granted") };
    assert!(why.contains("nothing may be written there"), "{why}");
    assert_eq!(agent.reads(&a.join("note")), "ENOENT");
    assert_eq!(agent.grant(a, RO), Applied::Live);
}

#[test]
fn dy04_to_dy08_what_is_in_use_is_not_taken_and_its_user_is_named() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let a = &dirs[0];
    let (root, note) = (a.display().to_string(), a.join("note").display().to_string());
    let send = format!(
        "import socket; l, r = socket.socketpair(); f = open({note:?}); \
         socket.send_fds(l, [b'x'], [f.fileno()]); f.close()"
    );
    let uses = [
        ("dy04", format!("f = open({note:?})"), "f.close()", Some("open file")),
        ("dy05", format!("f = os.open({root:?}, os.O_PATH)"), "os.close(f)", Some("open file")),
        ("dy06", format!("os.chdir({root:?})"), "os.chdir('/')", Some("working directory")),
        (
            "dy07",
            format!(
                "import mmap; f = open({note:?}); m = mmap.mmap(f.fileno(), 0, prot=1); f.close()"
            ),
            "m.close()",
            Some("mapping"),
        ),
        ("dy08", send, "l.close(); r.close()", None),
    ];
    for access in [RO, RW] {
        let mut agent = Agent::start(&[(a, access)]);
        for (id, begin, end, by) in &uses {
            let begun = agent.does(begin);
            assert!(["ok", "None"].contains(&begun.as_str()), "{id}: {begun}");
            let holders = busy(agent.revoke(a));
            let named: Vec<_> = holders.iter().map(|holder| holder.by.as_str()).collect();
            // Python's mmap keeps a descriptor of its own beside the mapping.
            assert_eq!(named.last().copied(), *by, "{id} {access:?}");
            assert_eq!(agent.reads(&a.join("note")), "a", "{id}: half taken");
            let ended = agent.does(end);
            assert!(["ok", "None"].contains(&ended.as_str()), "{id}: {ended}");
            assert_eq!(agent.revoke(a), Applied::Live, "{id} {access:?}");
            assert_eq!(agent.reads(&a.join("note")), "ENOENT", "{id}");
            assert_eq!(agent.grant(a, access), Applied::Live, "{id}");
        }
    }
}

#[test]
fn dy09_a_held_directory_opens_nothing_after_the_detach() {
    let Some((_dir, dirs)) = scene(&["a", "b"]) else { return };
    for access in [RO, RW] {
        let mut agent = Agent::start(&[(&dirs[0], access)]);
        assert_eq!(agent.grant(&dirs[1], access), Applied::Live);
        for root in &dirs {
            let root_text = root.display().to_string();
            agent.does(&format!("f = os.open({root_text:?}, os.O_PATH); os.chdir({root_text:?})"));
            busy(agent.revoke(root));
            assert_eq!(agent.custody.detach(root).unwrap(), Applied::Live);
            for attempt in [
                "os.open('note', os.O_RDONLY, dir_fd=f)",
                "os.open('note', os.O_RDONLY)",
                "os.open('new', os.O_WRONLY | os.O_CREAT, dir_fd=f)",
                "os.listdir('.')",
                "os.unlink('note', dir_fd=f)",
                "os.chmod('note', 0o777)",
            ] {
                let said = agent.does(attempt);
                assert!(["EACCES", "EROFS"].contains(&said.as_str()), "{attempt}: {said}");
            }
        }
    }
}

#[test]
fn dy10_a_watch_that_no_unmount_notices_needs_a_restart() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let (mut agent, a) = (Agent::start(&[(&dirs[0], RO)]), &dirs[0]);
    let watch = format!(
        "import ctypes; c = ctypes.CDLL(None); i = c.inotify_init(); \
         w = c.inotify_add_watch(i, {:?}.encode(), 0x100)",
        a.display().to_string()
    );
    assert_eq!((agent.does(&watch), agent.does("w > 0")), ("ok".into(), "True".into()));
    let Applied::Restart(why) = agent.revoke(a) else { panic!("it was not noticed") };
    assert!(why.contains("inotify"), "{why}");
}

#[test]
fn dy11_what_was_swapped_since_the_yes_is_refused() {
    let Some((dir, dirs)) = scene(&["a", "b", "c"]) else { return };
    let mut agent = Agent::start(&[]);
    let approved = [grant(&dirs[0], RO), grant(&dirs[1], RO)];
    std::fs::rename(&dirs[0], dir.path().join("aside")).unwrap();
    symlink("/etc", &dirs[0]).unwrap();
    std::fs::rename(&dirs[1], dir.path().join("aside2")).unwrap();
    std::fs::rename(&dirs[2], &dirs[1]).unwrap();
    for root in approved {
        let applied = agent.custody.grant(&root).unwrap();
        assert!(matches!(applied, Applied::Refused(_)), "{applied:?}");
    }
}

#[test]
fn dy12_no_other_path_is_a_root() {
    let Some((dir, dirs)) = scene(&["a"]) else { return };
    let mut agent = Agent::start(&[]);
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let refused = ["/", "/etc", "/proc/self", "/tmp", "file:///etc", "a%2fb", "a\nb"];
    for path in refused.map(PathBuf::from).into_iter().chain([home.clone()]) {
        assert!(admit_root(&path, RO, Some(&home)).is_err(), "{}", path.display());
    }
    // What does not go through the admission is refused where it is mounted.
    for path in ["/", "/etc", "/proc", "/usr/../etc"] {
        let mut root = grant(&dirs[0], RO);
        root.path = path.into();
        let applied = agent.custody.grant(&root).unwrap();
        assert!(!matches!(applied, Applied::Live), "{path}: {applied:?}");
    }
    let dotted = dirs[0].join("../a/");
    assert_eq!(grant(&dotted, RO).path, dirs[0]);
}

#[test]
fn dy13_nothing_is_mounted_where_the_server_could_put_a_link() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let inner = dirs[0].join("inner");
    std::fs::create_dir(&inner).unwrap();
    let mut agent = Agent::start(&[(&dirs[0], RW)]);
    assert!(restarts(&agent.grant(&inner, RO)));
    // Nor below the box's own /tmp.
    let tmp = tempfile::tempdir_in("/tmp").unwrap();
    assert!(restarts(&agent.grant(&tmp.path().canonicalize().unwrap(), RO)));
}

#[test]
fn dy14_a_root_that_comes_later_is_protected_too() {
    let Some((_dir, dirs)) = scene(&["a", "b"]) else { return };
    let (a, b) = (&dirs[0], &dirs[1]);
    std::fs::create_dir_all(b.join(".git/hooks")).unwrap();
    let mut agent = Agent::start(&[(a, RW)]);
    assert_eq!(agent.grant(b, RW), Applied::Live);
    assert_eq!(agent.writes(&b.join(".git/hooks/x")), "EROFS");
    assert_eq!(agent.does(&format!("os.rename('{0}/.git', '{0}/g')", b.display())), "EBUSY");
    assert_eq!(agent.writes(&b.join("fine")), "1");
    // A narrowed root comes back with its protections.
    assert_eq!(agent.grant(b, RO), Applied::Live);
    assert_eq!(agent.grant(b, RW), Applied::Live);
    assert_eq!(agent.writes(&b.join(".git/hooks/x")), "EROFS");
    assert_eq!(agent.revoke(b), Applied::Live);
    std::fs::rename(b.join(".git"), b.join("elsewhere")).unwrap();
    symlink("elsewhere", b.join(".git")).unwrap();
    assert!(matches!(agent.grant(b, RW), Applied::Refused(_)));
    assert_eq!(agent.reads(&b.join("note")), "ENOENT");
}

#[test]
fn dy16_dy19_the_server_cannot_keep_or_widen_a_root_by_itself() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let mut agent = Agent::start(&[(&dirs[0], RO)]);
    agent.does("import ctypes; c = ctypes.CDLL(None, use_errno=True)");
    let call = |agent: &mut Agent, call: &str| {
        agent.does(&format!("(c.{call}, errno.errorcode[ctypes.get_errno()])[1]"))
    };
    agent.does("import errno");
    assert_eq!(call(&mut agent, "unshare(0x10000000)"), "ENOSYS");
    assert_eq!(call(&mut agent, "unshare(0x20000)"), "ENOSYS");
    let attribute = "syscall(442, -100, b'/', 0, ctypes.byref((ctypes.c_ulong*4)(0,1,0,0)), 32)";
    assert_eq!(call(&mut agent, attribute), "EPERM");
    assert_eq!(agent.revoke(&dirs[0]), Applied::Live);
}

/// Bounded in time: the whole takes seconds where a change takes a millisecond.
#[test]
fn dy17_a_thousand_changes_leave_nothing_behind() {
    let Some((_dir, dirs)) = scene(&["a", "b"]) else { return };
    let mut agent = Agent::start(&[(&dirs[1], RW)]);
    std::fs::create_dir_all(dirs[0].join(".git/hooks")).unwrap();
    agent.does("import threading, time");
    let busybody = format!(
        "exec(\"def work():\\n while True:\\n  try: open('{0}/note').close(); os.listdir('{0}')\\n  except OSError: pass\\n  time.sleep(0.0005)\")",
        dirs[0].display()
    );
    assert_eq!(agent.does(&busybody), "None");
    assert_eq!(agent.does("threading.Thread(target=work, daemon=True).start()"), "None");
    let count = "len(open('/proc/self/mountinfo').readlines())";
    let before = agent.does(count);
    let mut taken = 0;
    for cycle in 0..1000 {
        let access = if cycle % 4 == 0 { RW } else { RO };
        assert_eq!(agent.grant(&dirs[0], access), Applied::Live, "cycle {cycle}");
        loop {
            match agent.revoke(&dirs[0]) {
                Applied::Live => break,
                Applied::Busy(_) => taken += 1,
                other => panic!("cycle {cycle}: {other:?}"),
            }
            assert!(taken < 100_000, "never free");
        }
    }
    assert_eq!(agent.does(count), before);
    assert_eq!(agent.reads(&dirs[0].join("note")), "ENOENT");
}

#[test]
fn dy18_dy20_what_one_server_has_is_not_anothers() {
    let Some((_dir, dirs)) = scene(&["a", "b"]) else { return };
    let mut one = Agent::start(&[(&dirs[0], RO)]);
    let mut other = Agent::start(&[(&dirs[0], RO)]);
    assert_eq!(one.grant(&dirs[1], RO), Applied::Live);
    assert_eq!(other.reads(&dirs[1].join("note")), "ENOENT");
    assert_eq!(one.revoke(&dirs[0]), Applied::Live);
    assert_eq!(other.reads(&dirs[0].join("note")), "a");
}

/// Removed outside, the mount goes with its directory or is taken like any other.
#[test]
fn a_root_that_vanished_can_be_revoked_and_come_back() {
    let Some((dir, dirs)) = scene(&["a", "b"]) else { return };
    for access in [RO, RW] {
        let mut agent = Agent::start(&[(&dirs[0], access)]);
        std::fs::remove_dir_all(&dirs[0]).unwrap();
        assert_eq!(agent.revoke(&dirs[0]), Applied::Live);
        std::fs::create_dir(dir.path().join("a")).unwrap();
        open(&dirs[0]);
        std::fs::write(dirs[0].join("note"), "again").unwrap();
        assert_eq!(agent.grant(&dirs[0], access), Applied::Live);
        assert_eq!(agent.reads(&dirs[0].join("note")), "again");
        let wrote = agent.writes(&dirs[0].join("new"));
        assert_eq!(wrote, if access == RW { "1" } else { "EROFS" });
    }
}

/// Git and editors replace a file by renaming a new one over it, outside of the
/// box, where it is no mount point: it is protected again at the next look.
#[test]
fn what_is_replaced_outside_is_protected_again() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let config = dirs[0].join(".git/config");
    std::fs::create_dir_all(dirs[0].join(".git/hooks")).unwrap();
    std::fs::write(&config, "old").unwrap();
    let mut agent = Agent::start(&[(&dirs[0], RW)]);
    assert_eq!(agent.writes(&config), "EROFS");
    for round in ["new", "newer"] {
        std::fs::write(dirs[0].join(".git/config.lock"), round).unwrap();
        std::fs::rename(dirs[0].join(".git/config.lock"), &config).unwrap();
        let opens = format!("os.close(os.open({:?}, os.O_WRONLY))", config.display().to_string());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while agent.does(&opens) != "EROFS" {
            assert!(std::time::Instant::now() < deadline, "it stays writable");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(agent.reads(&config), round);
    }
    assert_eq!(agent.revoke(&dirs[0]), Applied::Live);
    assert_eq!(agent.reads(&config), "ENOENT");
}

/// What was not there at the start is protected once it is, whoever made it.
#[test]
fn what_comes_later_is_protected_within_a_second_or_so() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let mut agent = Agent::start(&[(&dirs[0], RW)]);
    let (envrc, git) = (dirs[0].join(".envrc"), dirs[0].join(".git"));
    assert_eq!(agent.writes(&envrc), "1", "nothing can be mounted over what is not there");
    std::fs::create_dir_all(git.join("hooks")).unwrap();
    open(&git);
    open(&git.join("hooks"));
    for (place, made) in [(&envrc, &envrc), (&git, &git.join("hooks"))] {
        let touches = format!("os.utime({:?})", text(made));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while agent.does(&touches) != "EROFS" {
            assert!(std::time::Instant::now() < deadline, "it stays writable");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let moves = format!("os.rename({:?}, {:?})", text(place), text(&dirs[0].join("mine")));
        assert_eq!(agent.does(&moves), "EBUSY");
    }
    assert_eq!(agent.writes(&git.join("commondir")), "EROFS");
    assert_eq!(agent.revoke(&dirs[0]), Applied::Live);
}

/// So is what stands in a directory that was replaced as a whole, and that
/// directory stays where it is: else a server would put one of its own there.
#[test]
fn a_directory_above_that_is_replaced_outside_is_pinned_again() {
    let Some((_dir, dirs)) = scene(&["a"]) else { return };
    let (git, old) = (dirs[0].join(".git"), dirs[0].join("old"));
    let make = || std::fs::create_dir_all(git.join("hooks")).unwrap();
    make();
    let mut root = grant(&dirs[0], RW);
    root.protect = vec![".git/hooks".into()];
    let mut agent = Agent::with(vec![root]);
    let moves = format!("os.rename({:?}, {:?})", text(&git), text(&dirs[0].join("mine")));
    assert_eq!(agent.does(&moves), "EBUSY");
    std::fs::rename(&git, &old).unwrap();
    make();
    let touches = format!("os.utime({:?})", text(&git.join("hooks")));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while agent.does(&touches) != "EROFS" {
        assert!(std::time::Instant::now() < deadline, "it stays writable");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(agent.does(&moves), "EBUSY");
    assert_eq!(agent.writes(&git.join("index")), "1");
    assert_eq!(agent.revoke(&dirs[0]), Applied::Live);
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
