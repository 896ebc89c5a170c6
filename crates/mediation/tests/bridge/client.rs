//! A client of any revision, whatever stands between it and its server: what it says is here,
//! how that travels is somebody else's.

use serde_json::{Value, json};

use crate::server::{MODERN, said};

/// The client. What a page's cells need of whoever carries its messages comes first.
pub(crate) trait Client {
    fn revision(&self) -> &'static str;
    /// The directory that it offers, as a URI.
    fn root(&self) -> String;
    /// An id that was never used.
    fn number(&mut self) -> u64;
    /// Says this, and lets happen what follows from it.
    fn says(&mut self, message: &Value);
    /// Takes the answer to this request; nothing when there is none.
    fn answer_to(&mut self, id: u64) -> Option<Value>;
    /// The first notification of this method that reached it.
    fn told(&mut self, method: &str) -> Option<Value>;
    /// The first message of this method that reached the server.
    fn arrived(&mut self, method: &str) -> Option<Value>;
    /// It is asked this in a result. Whether it answers.
    fn is_asked(&mut self, question: &Value) -> bool;

    fn is_modern(&self) -> bool {
        self.revision() == MODERN
    }

    fn capabilities(&self) -> Value {
        let mut all = json!({"roots": {"listChanged": true}, "sampling": {}});
        if self.revision() >= "2025-06-18" {
            all["elicitation"] = json!({});
        }
        if self.revision() >= "2025-11-25" {
            all["elicitation"] = json!({"form": {}, "url": {}});
        }
        if self.is_modern() {
            all["extensions"] = json!({"io.modelcontextprotocol/tasks": {}});
        }
        all
    }

    /// The handshake of the client's era; what it was answered.
    fn begin(&mut self) -> Value {
        if self.is_modern() {
            return self.request("server/discover", json!({}));
        }
        let opening = self.opening();
        let answer = self.request("initialize", opening);
        if answer.get("result").is_some() {
            self.says(&said("notifications/initialized", &json!({})));
        }
        answer
    }

    fn opening(&self) -> Value {
        let info = json!({"name": "host", "version": "1"});
        json!({
            "protocolVersion": self.revision(), "capabilities": self.capabilities(),
            "clientInfo": info,
        })
    }

    /// Sends a request; its name.
    fn sends(&mut self, method: &str, mut params: Value) -> u64 {
        if self.is_modern() {
            let meta = &mut params["_meta"];
            if meta.is_null() {
                *meta = json!({});
            }
            meta["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
            meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities();
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "host", "version": "1"});
        }
        let id = self.number();
        self.says(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Asks, answers what it is asked meanwhile, and comes back with the answer.
    fn request(&mut self, method: &str, params: Value) -> Value {
        let mut id = self.sends(method, params.clone());
        for _ in 0..20 {
            let Some(answer) = self.answer_to(id) else { return Value::Null };
            if answer["result"]["resultType"] != "input_required" {
                return answer;
            }
            let mut again = params.clone();
            let asked = answer["result"]["inputRequests"].as_object().cloned().unwrap_or_default();
            for (key, asked) in &asked {
                if !self.is_asked(asked) {
                    return answer;
                }
                again["inputResponses"][key] = answered(asked, &self.root());
            }
            again["requestState"] = answer["result"]["requestState"].clone();
            id = self.sends(method, again);
        }
        panic!("the server asks for ever");
    }

    fn call(&mut self, tool: &str) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": {}}))
    }
}

/// What the client answers to any question.
pub(crate) fn answered(asked: &Value, root: &str) -> Value {
    match asked["method"].as_str().unwrap() {
        "sampling/createMessage" => {
            let content = json!({"type": "text", "text": "said"});
            json!({"role": "assistant", "model": "m", "content": content})
        }
        "elicitation/create" if asked["params"]["mode"] == "url" => json!({"action": "accept"}),
        "elicitation/create" => json!({"action": "accept", "content": {"line": 7}}),
        "roots/list" => json!({"roots": [{"uri": root}]}),
        _ => json!({}),
    }
}
