//! What peers do with each other, one function for each line of the table.

use serde_json::{Value, json};

use crate::talk::Talk;

/// A line of the table, and what is tried for it. It works, or the code says why not.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) play: fn(&mut Talk) -> Result<(), String>,
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

fn says(talk: &mut Talk, tool: &str, expected: &str) -> Result<(), String> {
    let answer = talk.call(tool);
    is(&works(&answer)?["content"][0]["text"], expected)
}

fn ping(talk: &mut Talk) -> Result<(), String> {
    works(&talk.request("ping", json!({}))).map(drop)
}

fn tools(talk: &mut Talk) -> Result<(), String> {
    let listed = talk.request("tools/list", json!({}));
    is(&works(&listed)?["tools"][0]["name"], "echo")?;
    says(talk, "echo", "echoed")
}

/// A value that is no object means nothing before 2026-07-28; its text stays.
fn structured(talk: &mut Talk) -> Result<(), String> {
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

fn prompts(talk: &mut Talk) -> Result<(), String> {
    is(&works(&talk.request("prompts/list", json!({})))?["prompts"][0]["name"], "greet")?;
    let got = talk.request("prompts/get", json!({"name": "greet"}));
    is(&works(&got)?["messages"][0]["content"]["text"], "hello")
}

fn resources(talk: &mut Talk) -> Result<(), String> {
    is(&works(&talk.request("resources/list", json!({})))?["resources"][0]["uri"], "notes://a")?;
    let templates = talk.request("resources/templates/list", json!({}));
    is(&works(&templates)?["resourceTemplates"][0]["name"], "n")?;
    let read = talk.request("resources/read", json!({"uri": "notes://a"}));
    is(&works(&read)?["contents"][0]["text"], "note")
}

/// Its code is that of the client's era.
fn missing(talk: &mut Talk) -> Result<(), String> {
    let answer = talk.request("resources/read", json!({"uri": "notes://b"}));
    let expected = if talk.is_modern() { -32602 } else { -32002 };
    match answer["error"]["code"].as_i64() {
        Some(code) if code == expected => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn completion(talk: &mut Talk) -> Result<(), String> {
    let argument = json!({"name": "who", "value": "a"});
    let reference = json!({"type": "ref/prompt", "name": "greet"});
    let params = json!({"ref": reference, "argument": argument});
    let answer = talk.request("completion/complete", params);
    is(&works(&answer)?["completion"]["values"][0], "ada")
}

/// What the client was told, by its method.
fn told<'a>(talk: &'a Talk, method: &str) -> Result<&'a Value, String> {
    let found = talk.told.iter().find(|said| said["method"] == method);
    found.ok_or_else(|| "it was not told".to_owned())
}

fn updates(talk: &mut Talk) -> Result<(), String> {
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

fn changes(talk: &mut Talk) -> Result<(), String> {
    if talk.is_modern() {
        talk.sends("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
        told(talk, "notifications/subscriptions/acknowledged")?;
    }
    works(&talk.request("tools/list", json!({})))?;
    says(talk, "change", "changed")?;
    told(talk, "notifications/tools/list_changed").map(drop)
}

fn logs(talk: &mut Talk) -> Result<(), String> {
    let mut params = json!({"name": "log", "arguments": {}});
    if talk.is_modern() {
        params["_meta"] = json!({"io.modelcontextprotocol/logLevel": "warning"});
    } else {
        works(&talk.request("logging/setLevel", json!({"level": "warning"})))?;
    }
    works(&talk.request("tools/call", params))?;
    is(&told(talk, "notifications/message")?["params"]["level"], "error")
}

fn progress(talk: &mut Talk) -> Result<(), String> {
    let meta = json!({"progressToken": "mine"});
    let params = json!({"name": "progress", "arguments": {}, "_meta": meta});
    works(&talk.request("tools/call", params))?;
    is(&told(talk, "notifications/progress")?["params"]["progressToken"], "mine")
}

fn cancellation(talk: &mut Talk) -> Result<(), String> {
    let id = talk.sends("tools/call", json!({"name": "wait", "arguments": {}}));
    talk.says(&crate::server::said("notifications/cancelled", &json!({"requestId": id})));
    let heard = &talk.server.as_ref().unwrap().heard;
    let call = heard.iter().find(|it| it["method"] == "tools/call").ok_or("it was not called")?;
    let last = heard.last().ok_or("nothing")?;
    let same = last["params"]["requestId"] == call["id"];
    let cancelled = last["method"] == "notifications/cancelled" && same;
    cancelled.then_some(()).ok_or_else(|| format!("{last}"))
}

fn roots(talk: &mut Talk) -> Result<(), String> {
    says(talk, "roots", "file:///p")
}

fn sampling(talk: &mut Talk) -> Result<(), String> {
    says(talk, "model", "said")
}

fn form(talk: &mut Talk) -> Result<(), String> {
    says(talk, "person", "line 7")
}

fn link(talk: &mut Talk) -> Result<(), String> {
    says(talk, "link", "accept")
}

fn sign_in(talk: &mut Talk) -> Result<(), String> {
    says(talk, "sign_in", "signed in")
}

/// A call that is answered with a task, which is then asked about.
fn tasks(talk: &mut Talk) -> Result<(), String> {
    let mut params = json!({"name": "task", "arguments": {}});
    if talk.client == "2025-11-25" {
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
