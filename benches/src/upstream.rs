//! The server behind the gateway: it echoes, it produces text of any length,
//! and it lists as many other tools as it is told to.
//!
//! It tells progress once where a request wants that. Else it does as little as a server can, so that what is measured is the gateway.

use std::io::{BufRead as _, BufReader, Write as _};

use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest text that `read_bytes` produces.
const LONGEST: usize = 1 << 20;

/// Prose without characters that JSON escapes: its length is its length on the wire.
const PROSE: &str =
    "The quick brown fox jumps over the lazy dog, 0123456789 times; then it rests. ";

/// What the server has ready before the first message.
#[derive(Debug)]
pub(crate) struct Upstream {
    tools: String,
    text: String,
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Call<'a> {
    name: &'a str,
    #[serde(borrow)]
    arguments: Arguments<'a>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    bytes: Option<usize>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    progress: Option<&'a RawValue>,
}

impl Upstream {
    /// A server with `fillers` tools beside its own two.
    pub(crate) fn new(fillers: usize) -> Self {
        Self { tools: tools(fillers), text: prose(LONGEST) }
    }

    /// What is said to a line, without a newline: nothing, an answer, or progress and an answer.
    pub(crate) fn says(&self, line: &[u8]) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
        let asked: Asked<'_> = serde_json::from_slice(line).ok()?;
        let id = asked.id?.get();
        let mut out = format!(r#"{{"jsonrpc":"2.0","id":{id},"#).into_bytes();
        let mut progress = None;
        match asked.method? {
            "tools/call" => progress = self.call(asked.params, &mut out),
            "tools/list" => write(&mut out, &[r#""result":{"tools":"#, &self.tools, "}"]),
            "initialize" => write(&mut out, &[INITIALIZED]),
            "ping" => write(&mut out, &[r#""result":{}"#]),
            _ => write(&mut out, &[r#""error":{"code":-32601,"message":"no such method"}"#]),
        }
        out.push(b'}');
        Some((progress, out))
    }

    fn call(&self, params: Option<&RawValue>, out: &mut Vec<u8>) -> Option<Vec<u8>> {
        const BEFORE: &str = r#""result":{"content":[{"type":"text","text":"#;
        const AFTER: &str = r#"}],"isError":false}"#;
        let call = params.and_then(|params| serde_json::from_str::<Call<'_>>(params.get()).ok());
        match call.as_ref().map(|call| (call.name, &call.arguments)) {
            Some(("echo", Arguments { text: Some(text), .. })) => {
                write(out, &[BEFORE, text.get(), AFTER]);
            }
            Some(("read_bytes", Arguments { bytes: Some(bytes), .. })) => {
                let text = self.text.get(..*bytes).unwrap_or(&self.text);
                write(out, &[BEFORE, "\"", text, "\"", AFTER]);
            }
            _ => write(out, &[r#""error":{"code":-32602,"message":"unknown tool"}"#]),
        }
        let token = call.and_then(|call| call.meta?.progress)?.get();
        let said = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        );
        Some(said.into_bytes())
    }
}

const INITIALIZED: &str = concat!(
    r#""result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"#,
    r#""serverInfo":{"name":"bench","version":"1"}}"#
);

fn write(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

/// Prose of exactly `bytes` bytes.
pub(crate) fn prose(bytes: usize) -> String {
    PROSE.chars().cycle().take(bytes).collect()
}

/// The two tools that are called, and fillers of about 450 bytes each.
fn tools(fillers: usize) -> String {
    let mut list = String::from(concat!(
        r#"[{"name":"echo","description":"Say the text again.","annotations":{"readOnlyHint":true},"#,
        r#""inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"#,
        r#""required":["text"],"additionalProperties":false}},"#,
        r#"{"name":"read_bytes","description":"A text of this many bytes.","#,
        r#""annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","#,
        r#""properties":{"bytes":{"type":"integer","minimum":0,"maximum":1048576}},"#,
        r#""required":["bytes"],"additionalProperties":false}}"#
    ));
    for number in 0..fillers {
        list.push_str(&format!(
            r#",{{"name":"find_{number:04}","description":"Filler {number}: looks up records in the warehouse by key and returns the matching rows, at most limit of them, newest first. It never writes.","annotations":{{"readOnlyHint":true}},"inputSchema":{{"type":"object","properties":{{"key":{{"type":"string","description":"Record key"}},"limit":{{"type":"integer","minimum":1,"maximum":100,"description":"Row limit"}},"verbose":{{"type":"boolean"}}}},"required":["key"],"additionalProperties":false}}}}"#
        ));
    }
    list.push(']');
    list
}

/// Serves standard input until it ends.
pub(crate) fn serve(fillers: usize) -> Result<(), String> {
    let upstream = Upstream::new(fillers);
    let mut input = BufReader::with_capacity(1 << 18, std::io::stdin().lock());
    let mut output = std::io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(|error| error.to_string())? == 0 {
            return Ok(());
        }
        let Some((progress, answer)) = upstream.says(&line) else { continue };
        for mut said in progress.into_iter().chain([answer]) {
            said.push(b'\n');
            let written = output.write_all(&said).and_then(|()| output.flush());
            written.map_err(|error| error.to_string())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(asked: Value) -> Value {
        let line = asked.to_string();
        let answer = Upstream::new(3).says(line.as_bytes()).unwrap().1;
        serde_json::from_slice(&answer).unwrap()
    }

    fn call(name: &str, arguments: Value) -> Value {
        let params = json!({"name": name, "arguments": arguments});
        let asked = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        answer(asked)["result"]["content"][0]["text"].clone()
    }

    #[test]
    fn it_echoes_and_produces() {
        assert_eq!(call("echo", json!({"text": "a \"b\" é"})), "a \"b\" é");
        let text = call("read_bytes", json!({"bytes": 100_000}));
        assert_eq!(text.as_str().unwrap().len(), 100_000);
        assert_eq!(call("gone", json!({})), Value::Null);
    }

    #[test]
    fn it_lists_its_tools() {
        let listed = answer(json!({"id": 1, "method": "tools/list"}));
        let names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().collect();
        assert_eq!(
            (names.len(), &names[0]["name"], &names[4]["name"]),
            (5, &json!("echo"), &json!("find_0002"))
        );
        assert_eq!(prose(100).len(), 100);
    }

    #[test]
    fn a_notification_gets_no_answer() {
        assert_eq!(Upstream::new(0).says(br#"{"method":"notifications/initialized"}"#), None);
    }
}
