//! A server that tries whatever it can think of: nothing of the user's is read, changed or reached, and
//! the person's terminal stays as it is.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use portcullis_audit::evidence::live::Conduct;
use portcullis_audit::probe::live::look;

use crate::stand::{order, python, shown};

const TRIES: &str = include_str!("hostile.py");

#[test]
fn nothing_of_the_users_is_touched() {
    // Not below `/tmp`, of which a box has its own: there, nobody tells what was reached for.
    let home = tempfile::tempdir_in("/var/tmp").unwrap();
    let secret = home.path().join("secret.txt");
    std::fs::write(&secret, "zq8-of-the-users").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();

    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    std::fs::write(home.path().join(".ssh/id_ed25519"), "zq8-of-the-users").unwrap();
    let temporary = format!("/tmp/portcullis-test-{port}");
    let name = SocketAddr::from_abstract_name(format!("portcullis-test-{port}")).unwrap();
    let sockets = [
        UnixListener::bind(home.path().join("bus")).unwrap(),
        UnixListener::bind(&temporary).unwrap(),
        UnixListener::bind_addr(&name).unwrap(),
    ];
    sockets.iter().for_each(|it| it.set_nonblocking(true).unwrap());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.py");
    let lines = TRIES.replace(
        "HOME, PORT, AUDITOR",
        &format!("{:?}, {port}, {}", home.path(), std::process::id()),
    );
    let program = format!("{}\n{lines}", include_str!("server.py"));
    std::fs::write(&file, &program).unwrap();
    let mut order = order(&[&python(), file.to_str().unwrap(), "{project}"]);
    order.home = Some(home.path().to_owned());
    order.time = Duration::from_secs(40);
    let live = look(&order);

    let all = shown(&live);
    let told: serde_json::Value =
        serde_json::from_str(live.instructions.as_deref().unwrap_or_else(|| panic!("{all}")))
            .unwrap();
    for name in [
        "terminal",
        "pushed",
        "auditors",
        "home",
        "list",
        "shadow",
        "passwd",
        "write",
        "remove",
        "connect",
        "source",
        "mount",
        "raw",
        "socket",
        "abstract",
        "temporary",
        "vsock",
        "keys",
        "memory",
        "traced",
        "keyring",
        "handles",
    ] {
        assert!(told[name].as_str().unwrap().starts_with("failed"), "{name}\n{all}");
    }
    let environment = told["environment"].as_str().unwrap();
    assert!(!environment.contains("CARGO") && !environment.contains("PORTCULLIS"), "{environment}");
    // Inside, the number is somebody else's, or nobody's.
    let auditor = told["auditor"].as_str().unwrap();
    assert!(!auditor.contains("CARGO"), "{auditor}");

    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "zq8-of-the-users");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 3, "{all}");
    assert!(sockets.iter().all(|it| it.accept().is_err()), "somebody connected");
    std::fs::remove_file(&temporary).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), program);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(listener.accept().is_err(), "somebody connected");
    let evidence = serde_json::to_string(&live).unwrap();
    assert!(!evidence.contains("zq8-of-the-users"));
    assert!(live.conduct.contains(&Conduct::TerminalCodes), "{all}");
    assert!(live.conduct.iter().any(|it| matches!(it, Conduct::Noise { .. })), "{all}");
    assert!(!evidence.contains("\\u001b]0;"), "an escape is kept as it was");
    let wish = |wish: &portcullis_audit::evidence::live::Wish| {
        wish.what == "open" && wish.object.contains(&*home.path().to_string_lossy())
    };
    assert!(live.wishes.iter().any(wish), "{all}");
    assert_eq!(processes_of(&file.display().to_string()), [""; 0]);
}

/// Whoever has the word in its command line.
fn processes_of(word: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}
