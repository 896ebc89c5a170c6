//! The network by name: what the journal says of it, and what an installer reaches.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage, answering, finish, start};

/// A host that answers every connection with what `answer` makes of its first bytes;
/// its port, and what it heard.
pub(crate) fn host(
    answer: impl Fn(&str) -> Vec<u8> + Send + 'static,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let said = first_words(&stream);
            let answer = answer(&said);
            // Before it is answered: whoever has the answer may look.
            kept.lock().unwrap().push(said);
            let _ = (&stream).write_all(&answer);
        }
    });
    (port, heard)
}

fn first_words(mut stream: &TcpStream) -> String {
    let mut bytes = vec![0; 8192];
    let length = stream.read(&mut bytes).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// Why each denial of a control's was made.
fn reasons(stage: &Stage) -> Vec<String> {
    let because = |record: &Value| record["decision"]["because"][0].clone();
    let denied: Vec<_> = stage.events("denied").iter().map(because).collect();
    assert!(denied.iter().all(|one| one["control"] == "network-by-name"), "{denied:?}");
    denied.iter().map(|one| one["why"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_denial_is_a_record_that_says_what_would_allow_it() {
    let stage = Stage::new();
    let (port, heard) = host(|said| format!("you said {said}").into_bytes());
    let answers = stage.project().join("answers");
    // A shell's own words for a connection, past the proxy and through it.
    let calls = format!(
        "exec >'{}' 2>/dev/null
        exec 3<>/dev/tcp/here.test/8080 && echo hello >&3 && head -n 1 <&3
        exec 4<>/dev/tcp/evil.test/443 || echo no such name
        exec 5<>/dev/tcp/127.0.0.1/3128
        printf 'CONNECT evil.test:443 HTTP/1.1\\r\\n\\r\\n' >&5 && head -n 1 <&5",
        answers.display()
    );
    let script = stage.project().join("calls.bash");
    fs::write(&script, calls).unwrap();
    let before = format!("bash '{}' </dev/null", script.display());
    let listed = format!("here.test:8080=127.0.0.1:{port},*.fine.test");
    let options = ["--root", &stage.root(), "--network", &listed];
    let mut gateway = Gateway::start(stage.run(&options, &answering::server(&before)), None);
    gateway.shakes_hands();
    assert_eq!(gateway.leave().code, 0);
    let answers = fs::read_to_string(answers).unwrap();
    assert_eq!(answers, "you said hello\nno such name\nHTTP/1.1 403 Forbidden\r\n");
    assert_eq!(*heard.lock().unwrap(), ["hello\n"]);
    let reasons = reasons(&stage);
    for asked in ["evil.test", "evil.test:443"] {
        let expect = format!(
            "the server wants `{asked}`: it is not listed; \
             allow it with `--network {asked}` or `network = [\"{asked}\"]`"
        );
        assert!(reasons.contains(&expect), "{reasons:#?}");
    }
    // What was granted stands in the record of the start, the exception in full.
    let started = stage.events("started")[0]["confinement"].to_string();
    assert!(
        started.contains(&format!("by name, through our proxy: {}", listed.replace(',', ", ")))
    );
    stage.verify();
}

#[test]
fn names_are_not_held_by_less_than_a_full_box() {
    let stage = Stage::new();
    for level in ["landlock", "none"] {
        let options = ["--confinement", level, "--network", "here.test"];
        let said = finish(stage.run(&options, &Stage::shell("exit 0")));
        // A full box is possible where `landlock` is the least: then it is one.
        assert_eq!(said.code == 6, level == "none", "{level}: {}", said.err);
    }
}

/// A registry with one package, whose dependency lies where `dependency` says.
fn registry(stage: &Stage, dependency: &str) -> u16 {
    let folder = stage.folder("package", 0o755);
    let mut manifest = json!({"name": "here-package", "version": "1.0.0", "bin": "server.js"});
    if !dependency.is_empty() {
        manifest["dependencies"] = json!({"elsewhere": dependency});
    }
    fs::write(folder.join("package.json"), manifest.to_string()).unwrap();
    // It ends with its input: one that ends before its host has left is a failure.
    let server = "#!/usr/bin/env node\nprocess.stdin.on('end', () => process.exit(0)).resume()\n";
    fs::write(folder.join("server.js"), server).unwrap();
    let mut pack = start("npm");
    stage.scrub(&mut pack);
    pack.args(["pack", "--silent"]).current_dir(&folder);
    let packed = finish(pack);
    assert_eq!(packed.code, 0, "{packed:?}");
    let archive = fs::read(folder.join("here-package-1.0.0.tgz")).unwrap();
    let port = Arc::new(Mutex::new(0));
    let own = Arc::clone(&port);
    let (bound, _) = host(move |said| {
        let body = if said.contains(".tgz") {
            archive.clone()
        } else {
            let mut version = manifest.clone();
            let own = *own.lock().unwrap();
            version["dist"] = json!({"tarball": format!("http://localhost:{own}/p.tgz")});
            let versions = json!({"1.0.0": version});
            json!({"name": "here-package", "dist-tags": {"latest": "1.0.0"}, "versions": versions})
                .to_string()
                .into_bytes()
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    });
    *port.lock().unwrap() = bound;
    bound
}

/// There is no npm here, and the reader is told.
fn no_npm() -> bool {
    let missing =
        !["/usr/bin/npm", "/usr/local/bin/npm", "/bin/npm"].iter().any(|it| Path::new(it).exists());
    if missing {
        eprintln!("skipped: no npm here to install with");
    }
    missing
}

#[test]
fn an_installer_reaches_the_registry_of_the_persons_settings() {
    if no_npm() {
        return;
    }
    let stage = Stage::new();
    let port = registry(&stage, "");
    fs::write(stage.home().join(".npmrc"), format!("registry=http://localhost:{port}/\n")).unwrap();
    let server = ["npx", "-y", "here-package@1.0.0"].map(str::to_owned);
    let said = finish(stage.run(&[], &server));
    // It was installed and ran; that it says nothing is its own affair.
    assert_eq!(said.code, 0, "{said:?}");
    let notices = stage.events("notice");
    let ended = |record: &Value| record["note"] == "the server ended: exit code 0";
    assert!(notices.iter().any(ended), "{notices:?}");
    assert_eq!(reasons(&stage), Vec::<String>::new());
    let started = &stage.events("started")[0]["confinement"];
    assert!(started.to_string().contains("none: an empty network"), "{started}");
}

#[test]
fn an_installer_reaches_nothing_but_its_registry() {
    if no_npm() {
        return;
    }
    let (elsewhere, heard) = host(|_| b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec());
    let hidden = format!("http://127.0.0.1:{elsewhere}/p.tgz");
    // What is local needs no proxy, so the second is not even a question to us.
    for (dependency, said_of_it) in [("http://elsewhere.test/p.tgz", true), (&hidden, false)] {
        let stage = Stage::new();
        let port = registry(&stage, dependency);
        let settings = format!("registry=http://localhost:{port}/\nfetch-retries=0\n");
        fs::write(stage.home().join(".npmrc"), settings).unwrap();
        let server = ["npx", "-y", "here-package@1.0.0"].map(str::to_owned);
        let said = finish(stage.run(&[], &server));
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("installing `here-package@1.0.0` failed"), "{said:?}");
        let told = "its registry is all that it reaches: the server wants `elsewhere.test:80`";
        assert_eq!(said.err.contains(told), said_of_it, "{said:?}");
    }
    assert_eq!(*heard.lock().unwrap(), Vec::<String>::new(), "nothing arrived elsewhere");
}
