//! What the gateway itself gave up, as the kernel tells it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::stage::{Gateway, Stage, answering};

/// The lines of a file below `/proc/PID`, by what stands before the colon.
fn facts(pid: i32, name: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

fn bits(facts: &BTreeMap<String, String>, key: &str) -> u64 {
    u64::from_str_radix(&facts[key], 16).unwrap()
}

/// CAP_NET_RAW, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT, CAP_MKNOD, CAP_NET_ADMIN,
/// CAP_SYS_TIME (linux/capability.h).
const NEVER_NEEDED: [u32; 7] = [13, 16, 17, 22, 27, 12, 25];

#[test]
fn the_gateway_keeps_no_privilege_in_effect() {
    let stage = Stage::new();
    let mut gateway = Gateway::start(stage.run(&[], &answering::server("")), None);
    gateway.shakes_hands();
    let status = facts(gateway.pid(), "status");
    assert_eq!(status["NoNewPrivs"], "1");
    for set in ["CapEff", "CapInh", "CapAmb"] {
        assert_eq!(bits(&status, set), 0, "{set}");
    }
    let permitted = bits(&status, "CapPrm");
    for bit in NEVER_NEEDED {
        assert_eq!(permitted & 1 << bit, 0, "capability {bit} could be woken");
    }
    if rustix::process::geteuid().is_root() {
        let bounds = bits(&status, "CapBnd");
        assert_eq!(bounds & !permitted, 0, "a program that we start could get {bounds:x}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let core: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    // At one the kernel calls no handler either; where there is less, it stays so.
    let ours = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
    assert!(core == ["1", "1"] || ours == Some(0) && core == ["0", "0"], "{core:?}");
    // What cannot be dumped belongs to root, and the same account may not look.
    use std::os::unix::fs::MetadataExt as _;
    let memory = fs::metadata(format!("/proc/{}/environ", gateway.pid())).unwrap();
    assert_eq!(memory.uid(), 0);
    if !rustix::process::geteuid().is_root() {
        assert!(fs::read(format!("/proc/{}/environ", gateway.pid())).is_err());
    }
    assert_eq!(gateway.leave().code, 0);
}

/// The kernel keeps capabilities for each thread.
#[test]
fn no_thread_of_the_gateway_has_one_in_effect() {
    let stage = Stage::new();
    let options = ["--network", "fine.test"];
    let mut gateway = Gateway::start(stage.run(&options, &answering::server("")), None);
    gateway.shakes_hands();
    let mut seen = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap() {
        let task: i32 = task.unwrap().file_name().to_str().unwrap().parse().unwrap();
        let status = facts(task, "status");
        assert_eq!(bits(&status, "CapEff"), 0, "{status:?}");
        seen.insert(status["Name"].clone(), bits(&status, "CapPrm"));
    }
    assert_eq!(seen.get("egress"), Some(&0), "{seen:?}");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn the_doctor_says_what_we_gave_up() {
    let stage = Stage::new();
    let said = stage.says(&["doctor", "--json"]);
    let doctor: Value = serde_json::from_str(&said.out).unwrap();
    let own = doctor["own"].as_array().unwrap();
    assert_eq!(own.len(), 5, "{own:?}");
    for privilege in own {
        assert_eq!(privilege["dropped"], true, "{privilege}");
    }
    let told = stage.says(&["doctor"]).out;
    assert!(told.contains("capabilities in effect"), "{told}");
}

#[test]
fn the_doctor_does_not_take_an_unread_config_for_one_without_secrets() {
    let stage = Stage::new();
    let says = |text: &str| {
        let config = stage.config(text).display().to_string();
        let said = stage.says(&["doctor", "--json", "--config", &config]);
        let doctor: Value = serde_json::from_str(&said.out).unwrap();
        (doctor, said)
    };
    let (whole, weaker) = match says("") {
        (doctor, said) if doctor["level"] == "full" => (said.code, false),
        (_, said) => (said.code, true),
    };
    assert_eq!(whole, if weaker { 6 } else { 0 });
    let unread = if weaker { 6 } else { 2 };

    let (doctor, said) = says("[server.s]\nnetwrok = []\n");
    assert!(doctor["secrets"].is_null() && doctor["level"].is_string(), "{doctor}");
    assert!(doctor["unread"][0].to_string().contains("unknown key `netwrok`"), "{doctor}");
    assert!(said.code == unread && said.err.contains("unknown key `netwrok`"), "{said:?}");

    let token = "[server.s]\ncommand = [\"/bin/true\"]\nenv = { TOKEN = { file = \"/gone\" } }\n";
    let (doctor, said) = says(token);
    let told = "s: the secret `TOKEN` in /gone cannot be looked at";
    assert_eq!(doctor["secrets"], serde_json::json!([]));
    assert!(doctor["unread"][0].as_str().unwrap().starts_with(told), "{doctor}");
    assert!(said.code == unread && said.err.contains(told), "{said:?}");

    let (doctor, _) = says("[server.s]\n");
    let empty = serde_json::json!([]);
    assert_eq!((&doctor["secrets"], &doctor["unread"]), (&empty, &empty));
}

#[test]
fn what_we_keep_is_ours_alone_whatever_the_mask() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    let options = stage.run(&[], &answering::server("echo said >&2"));
    let careless = {
        let mut shell = crate::stage::start("/bin/sh");
        stage.scrub(&mut shell);
        shell.args(["-c", "umask 000; exec \"$@\"", "sh"]).arg(options.get_program());
        shell.args(options.get_args());
        shell
    };
    let mut gateway = Gateway::start(careless, None);
    gateway.shakes_hands();
    let mut open = vec![stage.state()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        // The half of the key that verifies is meant to be handed on.
        let public = if path.ends_with("journal/key.pub") { 0o044 } else { 0 };
        let mode = meta.permissions().mode() & 0o077 & !public;
        assert_eq!(mode, 0, "{} is open to others: {mode:o}", path.display());
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert_eq!(gateway.leave().code, 0);
}
