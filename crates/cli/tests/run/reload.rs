//! The list of hosts, changed in its file while the server runs.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;

use serde_json::json;

use crate::stage::{Gateway, PATIENCE, Stage, answering};

/// A server in Python that connects to the host it is told, and tells what it heard.
const SERVER: &str = r"
TOOLS = [tool('get_page')]
def call(_, arguments):
    try:
        with socket.create_connection((arguments['name'], 8080), 20) as stream:
            return stream.recv(100).decode() or 'nothing'
    except OSError:
        return 'nothing'
";

struct Scene {
    stage: Stage,
    port: u16,
}

impl Scene {
    /// A host that says hello to whoever comes.
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(b"hello");
            }
        });
        Self { stage: Stage::new(), port }
    }

    fn listed(&self, names: &[&str]) -> String {
        let entry = |name: &&str| format!("\"{name}.test:8080=127.0.0.1:{}\"", self.port);
        format!("[{}]", names.iter().map(entry).collect::<Vec<_>>().join(", "))
    }

    fn write(&self, names: &[&str]) {
        let network = self.listed(names);
        self.stage.config(&format!("[server.s]\nask = \"destructive\"\nnetwork = {network}\n"));
    }

    fn started(&self, options: &[&str]) -> Gateway {
        let config = self.stage.path().join("portcullis.toml").display().to_string();
        let server = answering::python(SERVER, &[]);
        let options = [&["--name", "s", "--config", &config][..], options].concat();
        let mut gateway = Gateway::start(self.stage.run(&options, &server), None);
        gateway.shakes_hands();
        let id = gateway.asks("tools/list", &json!({}));
        gateway.answer(id);
        gateway
    }

    fn told(&self, part: &str) -> bool {
        self.stage.events("notice").iter().any(|record| record.to_string().contains(part))
    }
}

fn reaches(gateway: &mut Gateway, name: &str) -> bool {
    let answer = gateway.call("get_page", &json!({"name": format!("{name}.test")}));
    match answer["result"]["content"][0]["text"].as_str() {
        Some("hello") => true,
        Some("nothing") => false,
        _ => panic!("{answer}"),
    }
}

fn until(gateway: &mut Gateway, name: &str, expect: bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while reaches(gateway, name) != expect {
        assert!(std::time::Instant::now() < deadline, "{name} never became {expect}");
        gateway.wait(std::time::Duration::from_millis(100));
    }
}

#[test]
fn another_list_holds_for_new_connections_without_a_restart() {
    let scene = Scene::new();
    scene.write(&["a", "b"]);
    let mut gateway = scene.started(&[]);
    assert!(
        reaches(&mut gateway, "a") && reaches(&mut gateway, "b") && !reaches(&mut gateway, "c")
    );
    scene.write(&["b", "c"]);
    until(&mut gateway, "c", true);
    assert!(reaches(&mut gateway, "b") && !reaches(&mut gateway, "a"));
    assert!(scene.told("now, it was"));

    // What cannot be read changes nothing.
    scene.stage.config("[server.s]\nnetwrok = []\n");
    scene.stage.until("a word of it", || scene.told("unknown key `netwrok`").then_some(()));
    assert!(reaches(&mut gateway, "c") && !reaches(&mut gateway, "a"));

    // A project tightens, and does not loosen.
    let project = scene.stage.home().join(".portcullis.toml");
    let said = |network: &str| format!("[server.s]\nnetwork = {network}\n");
    scene.write(&["b", "c"]);
    fs::write(&project, said(&scene.listed(&["b"]))).unwrap();
    until(&mut gateway, "c", false);
    assert!(reaches(&mut gateway, "b"));
    fs::write(&project, said("\"host\"")).unwrap();
    let refused = "the project's file";
    scene.stage.until("a refusal", || scene.told(refused).then_some(()));
    assert!(!reaches(&mut gateway, "a") && !reaches(&mut gateway, "c"));
    fs::remove_file(&project).unwrap();
    until(&mut gateway, "c", true);

    // Nothing at all is a list too.
    scene.write(&[]);
    until(&mut gateway, "c", false);
    assert!(!reaches(&mut gateway, "b"));
    assert_eq!(scene.stage.events("started").len(), 1, "the server was not started anew");
    let denied = scene.stage.events("denied").pop().expect("a denial");
    assert!(denied.to_string().contains("network-by-name"), "{denied}");
    assert_eq!(gateway.leave().code, 0);
    scene.stage.verify();
}

#[test]
fn a_yes_does_not_outlive_the_network_that_it_was_given_for() {
    let scene = Scene::new();
    scene.write(&["a"]);
    let mut gateway = scene.started(&["--ask", "always"]);
    let call = json!({"name": "get_page", "arguments": {"name": "a.test"}});
    let id = gateway.asks("tools/call", &call);
    let question = scene
        .stage
        .until("a question", || Some(scene.stage.questions().first()?["id"].as_str()?.to_owned()));
    scene.write(&["a", "b"]);
    scene.stage.until("a word of the list", || scene.told("now, it was").then_some(()));
    assert_eq!(scene.stage.says(&["approvals", "approve", &question]).code, 0);
    let answer = gateway.answer(id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let denied = scene.stage.events("denied").pop().expect("a denial").to_string();
    assert!(denied.contains("what is granted changed while a person was asked"), "{denied}");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn what_the_command_line_says_stays() {
    let scene = Scene::new();
    scene.write(&["a"]);
    let line = format!("a.test:8080=127.0.0.1:{}", scene.port);
    let mut gateway = scene.started(&["--network", &line]);
    scene.write(&["b"]);
    // A mistake in the file is told when it was looked at: by then the list was, too.
    gateway.wait(std::time::Duration::from_millis(2500));
    scene.stage.config("[server.s]\nnetwrok = []\n");
    scene.stage.until("a word of it", || scene.told("unknown key `netwrok`").then_some(()));
    assert!(reaches(&mut gateway, "a") && !reaches(&mut gateway, "b"));
    assert!(!scene.told("now, it was"));
    assert_eq!(gateway.leave().code, 0);
}
