//! What is not started: an exit code, one clear line, and no process.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::stage::{Said, Stage, finish};

/// A server that would leave a trace.
fn marking(stage: &Stage) -> Vec<String> {
    Stage::shell(&format!("touch '{}'", stage.project().join("started").display()))
}

/// Nothing ran, nothing was said on stdout, and one line on stderr says why.
fn nothing_started(stage: &Stage, said: &Said, code: i32) {
    assert_eq!((said.code, said.out.as_str()), (code, ""), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(said.err.starts_with("portcullis: "), "{said:?}");
    assert!(!stage.project().join("started").exists(), "{said:?}");
    let journal = stage.state().join("journal");
    let started = journal.is_dir() && !stage.events("started").is_empty();
    assert!(!started, "{said:?}");
}

#[test]
fn a_command_that_is_not_there_is_127() {
    let stage = Stage::new();
    for missing in ["no-such-server-anywhere", "/no/such/server", "./server"] {
        let said = finish(stage.run(&[], &[missing.to_owned()]));
        nothing_started(&stage, &said, 127);
        assert!(said.err.contains(missing) && said.err.contains("not found"), "{said:?}");
    }
}

#[test]
fn a_command_that_cannot_be_executed_is_126() {
    let stage = Stage::new();
    let file = stage.project().join("server");
    fs::write(&file, "#!/bin/sh\ntouch started\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let root = stage.project().display().to_string();
    let said = finish(stage.run(&["--root", &root], &[file.display().to_string()]));
    nothing_started(&stage, &said, 126);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let said = finish(stage.run(&["--root", &root], &[file.display().to_string()]));
    nothing_started(&stage, &said, 126);
    let said = finish(stage.run(&["--root", &root], std::slice::from_ref(&root)));
    nothing_started(&stage, &said, 126);
}

#[test]
fn a_config_that_cannot_be_read_is_told_with_its_place() {
    let stage = Stage::new();
    let folder = stage.folder("config", 0o755).display().to_string();
    let said = finish(stage.run(&["--config", &folder], &marking(&stage)));
    nothing_started(&stage, &said, 2);
    assert!(said.err.contains("cannot be read"), "{said:?}");
    for (toml, place) in [
        ("[server.a]\npatiense = \"2m\"\n", ":2:1: unknown key `patiense`"),
        ("[server.a]\nask = 1\n", ":2:7: `ask` is a text"),
        ("[server.a\n", ":1:"),
    ] {
        let file = stage.config(toml).display().to_string();
        let said = finish(stage.run(&["--config", &file], &marking(&stage)));
        nothing_started(&stage, &said, 2);
        assert!(said.err.contains(&format!("{file}{place}")), "{said:?}");
    }
}

#[test]
fn a_root_that_nobody_shares_is_refused() {
    let stage = Stage::new();
    let link = stage.home().join("link");
    symlink("/etc", &link).unwrap();
    let file = stage.home().join("file");
    fs::write(&file, "").unwrap();
    let state = stage.folder("state", 0o700);
    let all = [
        ("/".into(), "the whole file system"),
        (stage.home(), "the home directory"),
        (stage.path().to_path_buf(), "the home directory"),
        ("/etc".into(), "the system"),
        ("/usr/share".into(), "the system"),
        ("/proc/self".into(), "the system"),
        ("/var".into(), "shared by everything"),
        (link, "the system"),
        (file, "is not a directory"),
        (stage.home().join("missing"), "cannot be opened"),
        (state.clone(), "our own state"),
        (state.join("journal"), "our own state"),
    ];
    for (root, why) in all {
        for access in ["", ":ro", ":rw"] {
            let root = format!("{}{access}", root.display());
            let said = finish(stage.run(&["--root", &root], &marking(&stage)));
            nothing_started(&stage, &said, 2);
            assert!(said.err.contains(why), "{root}: {said:?}");
        }
    }
}

#[test]
fn a_root_that_may_write_our_config_is_refused() {
    let stage = Stage::new();
    let config = stage.project().join("portcullis.toml");
    fs::write(&config, "").unwrap();
    let root = stage.root();
    let config = config.display().to_string();
    let said = finish(stage.run(&["--config", &config, "--root", &root], &marking(&stage)));
    nothing_started(&stage, &said, 2);
    assert!(said.err.contains("our own config"), "{said:?}");
}

#[test]
fn a_server_does_not_write_its_own_policies() {
    let stage = Stage::new();
    let policy = stage.project().join("p.cedar");
    fs::write(&policy, "forbid (principal, action, resource);").unwrap();
    let config = stage.config(&format!("[policy]\nfiles = [\"{}\"]\n", policy.display()));
    let (config, root) = (config.display().to_string(), stage.root());
    let said = finish(stage.run(&["--config", &config, "--root", &root], &marking(&stage)));
    nothing_started(&stage, &said, 2);
    assert!(said.err.contains("is writable and holds the policies in"), "{said:?}");
}

/// We read a secret outside of the box: a server that could put a link in its place
/// would be handed any file of the person's.
#[test]
fn a_server_does_not_choose_the_file_of_its_secret() {
    let stage = Stage::new();
    let (inside, outside) = (stage.project().join(".token"), stage.home().join("token"));
    let (link, way) = (stage.home().join("link"), stage.project().join("way"));
    fs::write(&inside, "value-of-a-token").unwrap();
    fs::write(&outside, "value-of-a-token").unwrap();
    symlink(&outside, &way).unwrap();
    symlink(&way, &link).unwrap();
    let root = stage.root();
    let run = |token: &Path, root: &str| {
        let token = format!("TOKEN=@{}", token.display());
        finish(stage.run(&["--root", root, "--env", &token], &marking(&stage)))
    };
    for token in [&inside, &way, &link] {
        let said = run(token, &root);
        nothing_started(&stage, &said, 2);
        assert!(said.err.contains("which the server could replace"), "{said:?}");
    }
    // What it may only read it cannot replace.
    let readable = format!("{}:ro", stage.project().display());
    for (token, root) in [(&inside, &readable), (&outside, &root)] {
        let said = run(token, root);
        assert!(!said.err.contains("could replace"), "{said:?}");
    }
}

#[test]
fn a_policy_that_is_not_sound_starts_nothing() {
    let stage = Stage::new();
    for (policy, says) in [
        ("forbid (principal, action, resource) when { context.teir };", "p.cedar:1: "),
        ("@stepup(\"approve\") forbid (principal, action, resource);", "no yes could lift it"),
    ] {
        stage.policy("p.cedar", policy);
        let config = stage.config("[policy]\nfiles = [\"p.cedar\"]\n").display().to_string();
        let said = finish(stage.run(&["--config", &config], &marking(&stage)));
        nothing_started(&stage, &said, 2);
        assert!(said.err.contains(says), "{said:?}");
    }
}

#[test]
fn a_secret_among_the_arguments_is_refused_and_not_repeated() {
    let stage = Stage::new();
    let token = ["ghp", "_a1B2c3D4e5F6a7B8c9D0e1F2a3B4c5D6e7F8"].concat();
    for secret in [vec![token.clone()], vec!["--password".to_owned(), "hunter2hunter2".to_owned()]]
    {
        let mut server = marking(&stage);
        server.extend(secret.iter().cloned());
        let said = finish(stage.run(&[], &server));
        nothing_started(&stage, &said, 2);
        assert!(said.err.contains("looks like a secret"), "{said:?}");
        assert!(!said.err.contains(&token) && !said.err.contains("hunter2"), "{said:?}");
    }
}

#[test]
fn a_state_directory_that_cannot_be_starts_nothing() {
    let stage = Stage::new();
    fs::write(stage.state(), "a file").unwrap();
    let root = stage.root();
    let said = finish(stage.run(&["--root", &root], &marking(&stage)));
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.contains("journal cannot be opened"), "{said:?}");
    assert!(!stage.project().join("started").exists());
}

#[test]
fn an_account_that_is_no_account_starts_nothing() {
    let stage = Stage::new();
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root's servers change their account");
        return;
    }
    let said = finish(stage.run(&["--user", "no-such-user-here"], &marking(&stage)));
    nothing_started(&stage, &said, 2);
    assert!(said.err.contains("does not exist"), "{said:?}");
    let said = finish(stage.run(&["--user", "root"], &marking(&stage)));
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("never runs as root"), "{said:?}");
}
