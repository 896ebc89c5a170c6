//! An attacker inside real boxes: what each level promises to hold, it holds.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use common::{at, grant, open, open_directory, profile, run, unsupported};
use portcullis_confine::{Access, Level, Limits, Network, Profile};

/// What level *landlock* does not promise. See `payload.rs`, where it says so.
const NOT_LANDLOCK: &[&str] = &[
    "see-host-processes",
    "chmod-in-read-only-root",
    "stat-secret",
    "chmod-secret",
    "fork-bomb",
    "fill-tmp",
    // An ordinary user cannot lower them; no-new-privileges makes them idle.
    "capability-bounds",
];

/// What an attacker may do with a network that was asked for.
const NOT_HOST_NETWORK: &[&str] = &[
    "connect-loopback",
    "connect-loopback-6",
    "connect-internet",
    "connect-metadata",
    "send-datagram",
];

/// The victims: a secret outside, two roots, a listener, a unix socket in a root.
struct Scene {
    dir: tempfile::TempDir,
    tcp: TcpListener,
    _unix: UnixListener,
}

impl Scene {
    fn set() -> Self {
        let dir = open_directory();
        let path = |name: &str| dir.path().join(name);
        for name in ["ro", "rw"] {
            std::fs::create_dir(path(name)).unwrap();
            open(&path(name));
        }
        std::fs::write(path("secret"), "secret").unwrap();
        std::fs::write(path("ro/note"), "note").unwrap();
        open(&path("secret"));
        open(&path("ro/note"));
        symlink(path("secret"), path("ro/to-secret")).unwrap();
        symlink("/etc/shadow", path("ro/to-shadow")).unwrap();
        let unix = UnixListener::bind(path("rw/agent.sock")).unwrap();
        open(&path("rw/agent.sock"));
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { dir, tcp, _unix: unix }
    }

    fn profile(&self) -> Profile {
        let attacker = env!("CARGO_BIN_EXE_confine-probe");
        let path = |name: &str| self.dir.path().join(name);
        let mut profile = profile(&[attacker]);
        profile.code.push(attacker.into());
        profile.roots =
            vec![grant(&path("ro"), Access::ReadOnly), grant(&path("rw"), Access::ReadWrite)];
        profile.limits =
            Limits { processes: 32, file_bytes: 16 << 20, tmp_bytes: 8 << 20, ..Limits::default() };
        let person = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
        for (name, value) in [
            ("SECRET", path("secret").display().to_string()),
            ("RO", path("ro").display().to_string()),
            ("RW", path("rw").display().to_string()),
            ("PERSON", person),
            ("PORT", self.tcp.local_addr().unwrap().port().to_string()),
            ("VICTIM", std::process::id().to_string()),
        ] {
            profile.env.insert(name.to_owned(), value);
        }
        profile
    }
}

/// Name, and what the kernel said, of every attempt that got through.
fn leaks(scene: &Scene, profile: &Profile, accepted: &[&str]) -> (usize, BTreeMap<String, String>) {
    let said = run(profile, "");
    assert!(!scene.dir.path().join("arrived").exists(), "a file arrived outside the roots");
    let lines: Vec<Vec<&str>> = said.out.lines().map(|l| l.split('\t').collect()).collect();
    assert!(said.err.is_empty(), "{}", said.err);
    let leaks = lines.iter().filter(|line| line[1] != "held" && !accepted.contains(&line[0]));
    (lines.len(), leaks.map(|line| (line[0].to_owned(), line[2].to_owned())).collect())
}

#[test]
fn full_holds_everything() {
    if unsupported(Level::Full) {
        return;
    }
    let scene = Scene::set();
    let (tried, leaks) = leaks(&scene, &at(Level::Full, scene.profile()), &[]);
    assert!(tried >= 100, "only {tried} attempts ran");
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn landlock_holds_what_it_promises() {
    if unsupported(Level::Landlock) {
        return;
    }
    let scene = Scene::set();
    let (tried, leaks) = leaks(&scene, &at(Level::Landlock, scene.profile()), NOT_LANDLOCK);
    assert!(tried >= 100, "only {tried} attempts ran");
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn a_network_that_was_asked_for_opens_the_network_only() {
    if unsupported(Level::Full) {
        return;
    }
    let scene = Scene::set();
    let mut profile = at(Level::Full, scene.profile());
    profile.network = Network::Host;
    let (_, leaks) = leaks(&scene, &profile, NOT_HOST_NETWORK);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn without_a_box_the_attacks_work() {
    // Else the tests above would prove nothing. Only what harms nobody.
    let harmless = ["read-secret", "connect-loopback", "unix-socket-in-root", "execute-from-root"];
    let scene = Scene::set();
    let mut profile = at(Level::None, scene.profile());
    profile.command.extend(harmless.map(Into::into));
    let (tried, leaks) = leaks(&scene, &profile, &[]);
    assert_eq!((tried, leaks.len()), (harmless.len(), harmless.len()), "{leaks:#?}");
}
