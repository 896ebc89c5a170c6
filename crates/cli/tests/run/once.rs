//! A call whose end nobody saw is not done twice: the server writes down what it
//! does before it answers, and it never answers.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage, answering, kin};

/// A server in Python. `hang_note` writes a line and is never heard of again;
/// `hang_again` is the same and says of itself that it may be repeated; `get_count`
/// tells how many lines there are.
const SERVER: &str = r"
mild = {'readOnlyHint': True, 'idempotentHint': True}
TOOLS = [tool('hang_note'), tool('hang_again', hints=mild), tool('get_count')]
def call(tool, _):
    if tool == 'get_count':
        return str(len(open(sys.argv[1]).readlines()))
    done = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
    os.write(done, (tool + '\n').encode())
    os.close(done)
";

/// A stage with a file that tells what was done.
struct Scene {
    stage: Stage,
    done: PathBuf,
}

impl Scene {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let stage = Stage::new();
        let done = stage.folder("done", 0o777).join("lines");
        std::fs::write(&done, "").unwrap();
        std::fs::set_permissions(&done, std::fs::Permissions::from_mode(0o666)).unwrap();
        Self { stage, done }
    }

    /// A gateway whose server has begun the call of this tool, and the call's id.
    fn in_the_middle(&self, tool: &str) -> (Gateway, u64) {
        let done = self.done.display().to_string();
        let server = answering::python(SERVER, &[&done]);
        let kept = format!("{}:rw", self.done.parent().unwrap().display());
        let project = self.stage.project().display().to_string();
        let options = ["--name", "notes", "--root", &kept, "--root", &project, "--ask", "never"];
        // Nobody is there to ask: what would be asked about passes, and is recorded.
        let config = self.stage.config("[server.notes]\nobserve = true\n").display().to_string();
        let options = [&options[..], &["--config", &config]].concat();
        let mut gateway = Gateway::start(self.stage.run(&options, &server), None);
        gateway.shakes_hands();
        let id = gateway.asks("tools/list", &json!({}));
        gateway.answer(id);
        let call = json!({"name": tool, "arguments": {"name": "note"}});
        let id = gateway.asks("tools/call", &call);
        gateway.until(|_| (!self.lines().is_empty()).then_some(())).expect("it is begun");
        (gateway, id)
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(&self.done).unwrap().lines().map(str::to_owned).collect()
    }
}

fn text(answer: &Value) -> String {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_call_whose_server_is_killed_is_done_once() {
    for tool in ["hang_note", "hang_again"] {
        let scene = Scene::new();
        let (mut gateway, id) = scene.in_the_middle(tool);
        let all = gateway.kin();
        let server = all.iter().find(|kin| kin::name(**kin).starts_with("python"));
        kin::kill(*server.unwrap_or_else(|| panic!("{all:?}")));
        let answer = gateway.answer(id);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert_eq!(gateway.exit().code(), Some(1));
        assert_eq!(scene.lines(), [tool]);
        scene.stage.verify();
    }
}

/// The project is taken back, so another process takes the server's place, in the
/// middle of a call.
#[test]
fn a_call_in_the_middle_of_a_restart_is_done_once() {
    for tool in ["hang_note", "hang_again"] {
        let scene = Scene::new();
        let (mut gateway, id) = scene.in_the_middle(tool);
        let said = scene.stage.says(&["grants", "list", "--json"]);
        let grants: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        let project = scene.stage.project().display().to_string();
        let grant = grants.iter().find(|grant| grant.to_string().contains(&project));
        let grant =
            grant.unwrap_or_else(|| panic!("{grants:?}"))["id"].as_str().unwrap().to_owned();
        assert_eq!(scene.stage.says(&["grants", "revoke", &grant]).code, 0);
        let answer = gateway.answer(id);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(text(&answer).contains("restarted before it answered"), "{answer}");
        // The new process is asked something, and was asked nothing else before.
        let counted = gateway.call("get_count", &json!({}));
        assert_eq!(text(&counted), "1", "{counted}");
        assert!(scene.stage.events("started").len() >= 2, "another process took its place");
        assert_eq!(gateway.leave().code, 0);
        assert_eq!(scene.lines(), [tool]);
        scene.stage.verify();
    }
}
