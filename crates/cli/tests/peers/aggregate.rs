//! Two servers that people use at one address, for hosts made with the official SDKs.

use serde_json::{Value, json};

use crate::calls::{self, Subject};
use crate::clients::{fails, increases, succeeds};
use crate::gateway::Gateway;
use crate::host::{
    Host, PYTHON_1, PYTHON_2_AUTO, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1,
    TYPESCRIPT_2_AUTO, TYPESCRIPT_2_LEGACY, TYPESCRIPT_2_MODERN,
};
use crate::left::assert_nobody_names;
use crate::yard::Yard;

const OUTSIDE: &str = "not permitted: a path lies outside the directories that were granted";

macro_rules! each_host {
    ($($name:ident: $host:expr;)*) => {
        $(
            #[test]
            fn $name() {
                at_one_address($host);
            }
        )*
    };
}

each_host! {
    http_aggregate_python_1: PYTHON_1;
    http_aggregate_python_2: PYTHON_2_LEGACY;
    http_aggregate_python_2_asks_first: PYTHON_2_AUTO;
    http_aggregate_python_2_modern: PYTHON_2_MODERN;
    http_aggregate_typescript_1: TYPESCRIPT_1;
    http_aggregate_typescript_2: TYPESCRIPT_2_LEGACY;
    http_aggregate_typescript_2_asks_first: TYPESCRIPT_2_AUTO;
    http_aggregate_typescript_2_modern: TYPESCRIPT_2_MODERN;
}

fn at_one_address(host: Host) {
    let yard = Yard::new();
    let (files, everything) = (calls::filesystem(&yard), calls::everything(&yard));
    yard.file("elsewhere/secret.txt", "SECRET");
    let roots = json!([yard.text("project")]);
    let command = |subject: &Subject| json!(subject.server).to_string();
    let config = format!(
        "[serve]\nlisten = \"127.0.0.1:0\"\naggregate = [\"files\", \"every-thing\"]\n\
         [server.files]\ncommand = {}\nroots = {roots}\n\
         [server.every-thing]\ncommand = {}\n",
        command(&files),
        command(&everything),
    );
    let config = yard.file("serve.toml", config).display().to_string();
    let gateway = Gateway::start(&yard.text("state"), &config);
    let url = format!("http://127.0.0.1:{}/mcp", gateway.port());
    let long = "every-thing__trigger-long-running-operation";
    let steps = json!([
        {"call": "files__read_text_file", "arguments": {"path": yard.text("project/docs/guide.md")}},
        {"call": "every-thing__echo", "arguments": {"message": "here"}},
        {"call": "files__read_text_file", "arguments": {"path": yard.text("elsewhere/secret.txt")}},
        {"call": "echo", "arguments": {"message": "whose?"}},
        {"call": long, "arguments": {"duration": 0.6, "steps": 3}, "progress": true},
        {"call": long, "arguments": {"duration": 300, "steps": 3000}, "cancel": true},
        {"call": "every-thing__echo", "arguments": {"message": "still here"}},
    ]);
    let facts = host.drive_to(&url, &steps);
    gateway.ends();
    assert_nobody_names(&yard.text(""));

    let tools: Vec<&str> =
        facts["tools"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let ours = |name: &&str| name.starts_with("files__") || name.starts_with("every-thing__");
    assert!(tools.iter().all(ours), "{tools:?}");
    assert!(tools.contains(&"files__read_text_file") && tools.contains(&"every-thing__echo"));
    let steps = facts["steps"].as_array().unwrap();
    let [inside, echo, outside, nobodys, done, cancelled, after] = &steps[..] else {
        panic!("{facts}");
    };
    succeeds(inside, "# Guide\n\nÜber alles: nothing.\n");
    succeeds(echo, "Echo: here");
    fails(outside, OUTSIDE);
    assert_eq!(nobodys["code"], -32602, "{nobodys}");
    succeeds(done, "Long running operation completed. Duration: 0.6 seconds, Steps: 3.");
    increases(&done["progress"], 3);
    assert_eq!(cancelled["cancelled"], true, "{cancelled}");
    succeeds(after, "Echo: still here");
    // Each is recorded as the server and the tool that it is.
    let denied = yard
        .journal()
        .into_iter()
        .find(|it| it["tool"] == "read_text_file" && it["event"] == "denied");
    assert_eq!(denied.map(|it| it["server"].clone()), Some(json!("files")));
}
