//! What peers do with each other, one function for each line of the table.

use serde_json::{Value, json};

use crate::client::Client;

/// A line of the table, and what is tried for it. It works, or the code says why not.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) play: fn(&mut dyn Client) -> Result<(), String>,
}

/// Every line, in the order of the page.
pub(crate) const FEATURES: &[Feature] = &[
    Feature { name: "ping", play: ping },
    Feature { name: "tools", play: tools },
    Feature { name: "structured results", play: structured },
    Feature { name: "prompts", play: prompts },
    Feature { name: "resources", play: resources },
    Feature { name: "a resource that is not there", play: missing },
    Feature { name: "completion", play: completion },
    Feature { name: "updates of a resource", play: updates },
    Feature { name: "changes of a list", play: changes },
    Feature { name: "log messages", play: logs },
    Feature { name: "progress", play: progress },
    Feature { name: "cancellation", play: cancellation },
    Feature { name: "roots", play: roots },
    Feature { name: "sampling", play: sampling },
    Feature { name: "elicitation with a form", play: form },
    Feature { name: "elicitation with a link", play: link },
    Feature { name: "a call that needs a link first", play: sign_in },
    Feature { name: "tasks", play: tasks },
];

/// The result, or why there is none.
fn works(answer: &Value) -> Result<&Value, String> {
    if let Some(code) = answer["error"]["code"].as_i64() {
        return Err(format!("refused {code}"));
    }
    match &answer["result"] {
        Value::Null => Err("no answer".to_owned()),
        result if result["isError"] == true => Err("refused isError".to_owned()),
        result => Ok(result),
    }
}

fn is(found: &Value, expected: &str) -> Result<(), String> {
    let found = found.as_str().unwrap_or_default();
    if found == expected { Ok(()) } else { Err(format!("{found:?} in place of {expected:?}")) }
}

fn says(talk: &mut dyn Client, tool: &str, expected: &str) -> Result<(), String> {
    let answer = talk.call(tool);
    is(&works(&answer)?["content"][0]["text"], expected)
}

fn ping(talk: &mut dyn Client) -> Result<(), String> {
    works(&talk.request("ping", json!({}))).map(drop)
}

fn tools(talk: &mut dyn Client) -> Result<(), String> {
    let listed = talk.request("tools/list", json!({}));
    is(&works(&listed)?["tools"][0]["name"], "echo")?;
    says(talk, "echo", "echoed")
}

/// A value that is no object means nothing before 2026-07-28; its text stays.
fn structured(talk: &mut dyn Client) -> Result<(), String> {
    let answer = talk.call("structured");
    let result = works(&answer)?;
    is(&result["content"][0]["text"], "[1]")?;
    match &result["structuredContent"] {
        Value::Array(_) if talk.is_modern() => Ok(()),
        Value::Object(_) => Ok(()),
        Value::Null => Err("text only".to_owned()),
        other => Err(format!("{other}")),
    }
}

fn prompts(talk: &mut dyn Client) -> Result<(), String> {
    is(&works(&talk.request("prompts/list", json!({})))?["prompts"][0]["name"], "greet")?;
    let got = talk.request("prompts/get", json!({"name": "greet"}));
    is(&works(&got)?["messages"][0]["content"]["text"], "hello")
}

fn resources(talk: &mut dyn Client) -> Result<(), String> {
    is(&works(&talk.request("resources/list", json!({})))?["resources"][0]["uri"], "notes://a")?;
    let templates = talk.request("resources/templates/list", json!({}));
    is(&works(&templates)?["resourceTemplates"][0]["name"], "n")?;
    let read = talk.request("resources/read", json!({"uri": "notes://a"}));
    is(&works(&read)?["contents"][0]["text"], "note")
}

/// Its code is that of the client's era.
fn missing(talk: &mut dyn Client) -> Result<(), String> {
    let answer = talk.request("resources/read", json!({"uri": "notes://b"}));
    let expected = if talk.is_modern() { -32602 } else { -32002 };
    match answer["error"]["code"].as_i64() {
        Some(code) if code == expected => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn completion(talk: &mut dyn Client) -> Result<(), String> {
    let argument = json!({"name": "who", "value": "a"});
    let reference = json!({"type": "ref/prompt", "name": "greet"});
    let params = json!({"ref": reference, "argument": argument});
    let answer = talk.request("completion/complete", params);
    is(&works(&answer)?["completion"]["values"][0], "ada")
}

/// What the client was told, by its method.
fn told(talk: &mut dyn Client, method: &str) -> Result<Value, String> {
    talk.told(method).ok_or_else(|| format!("{method}: it was not told"))
}

fn updates(talk: &mut dyn Client) -> Result<(), String> {
    if talk.is_modern() {
        talk.sends(
            "subscriptions/listen",
            json!({"notifications": {"resourceSubscriptions": ["notes://a"]}}),
        );
        told(talk, "notifications/subscriptions/acknowledged")?;
    } else {
        works(&talk.request("resources/subscribe", json!({"uri": "notes://a"})))?;
    }
    says(talk, "update", "updated")?;
    is(&told(talk, "notifications/resources/updated")?["params"]["uri"], "notes://a")
}

fn changes(talk: &mut dyn Client) -> Result<(), String> {
    if talk.is_modern() {
        talk.sends("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
        told(talk, "notifications/subscriptions/acknowledged")?;
    }
    works(&talk.request("tools/list", json!({})))?;
    says(talk, "change", "changed")?;
    told(talk, "notifications/tools/list_changed").map(drop)
}

fn logs(talk: &mut dyn Client) -> Result<(), String> {
    let mut params = json!({"name": "log", "arguments": {}});
    if talk.is_modern() {
        params["_meta"] = json!({"io.modelcontextprotocol/logLevel": "warning"});
    } else {
        works(&talk.request("logging/setLevel", json!({"level": "warning"})))?;
    }
    works(&talk.request("tools/call", params))?;
    is(&told(talk, "notifications/message")?["params"]["level"], "error")
}

fn progress(talk: &mut dyn Client) -> Result<(), String> {
    let meta = json!({"progressToken": "mine"});
    let params = json!({"name": "progress", "arguments": {}, "_meta": meta});
    works(&talk.request("tools/call", params))?;
    is(&told(talk, "notifications/progress")?["params"]["progressToken"], "mine")
}

fn cancellation(talk: &mut dyn Client) -> Result<(), String> {
    let id = talk.sends("tools/call", json!({"name": "wait", "arguments": {}}));
    let call = talk.arrived("tools/call").ok_or("it was not called")?;
    talk.says(&crate::server::said("notifications/cancelled", &json!({"requestId": id})));
    let taken_back = talk.arrived("notifications/cancelled").ok_or("the server was not told")?;
    let same = taken_back["params"]["requestId"] == call["id"];
    same.then_some(()).ok_or_else(|| format!("{taken_back}"))
}

fn roots(talk: &mut dyn Client) -> Result<(), String> {
    let root = talk.root();
    says(talk, "roots", &root)
}

fn sampling(talk: &mut dyn Client) -> Result<(), String> {
    says(talk, "model", "said")
}

fn form(talk: &mut dyn Client) -> Result<(), String> {
    says(talk, "person", "line 7")
}

fn link(talk: &mut dyn Client) -> Result<(), String> {
    says(talk, "link", "accept")
}

fn sign_in(talk: &mut dyn Client) -> Result<(), String> {
    says(talk, "sign_in", "signed in")
}

/// A call that is answered with a task, which is then asked about.
fn tasks(talk: &mut dyn Client) -> Result<(), String> {
    let mut params = json!({"name": "task", "arguments": {}});
    if talk.revision() == "2025-11-25" {
        params["task"] = json!({});
    }
    let answer = talk.request("tools/call", params);
    let result = works(&answer)?;
    let task = [&result["taskId"], &result["task"]["taskId"]].into_iter().find(|id| id.is_string());
    let unknown = talk.request("tasks/get", json!({"taskId": "x"}));
    match task {
        Some(_) => Ok(()),
        None => works(&unknown).map(drop),
    }
}
