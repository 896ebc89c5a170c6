//! Servers that answer by themselves: in shell and sed for tests that kill things, in
//! Python for those that need a call to do something.

use super::Stage;

/// Answers a request of this method with this result.
fn answer(method: &str, result: &str) -> String {
    let id = r#"^{"jsonrpc":"2.0","id":\([0-9]*\),"method":"#;
    format!(r#" -e 's/{id}"{method}".*/{{"jsonrpc":"2.0","id":\1,"result":{result}}}/p'"#)
}

/// A server that shakes hands, lists `read_file` and `delete_file`, and answers
/// every call. `before` is shell, and runs first.
#[must_use]
pub fn server(before: &str) -> Vec<String> {
    Stage::shell(&format!("{before}\nexec {}", sed()))
}

/// The same, and every line that reaches it is kept in a file before it is answered.
#[must_use]
pub fn remembering(file: &std::path::Path) -> Vec<String> {
    Stage::shell(&format!("tee -a '{}' | {}", file.display(), sed()))
}

/// The same, but a call makes it do this, which is shell, and is not answered.
#[must_use]
pub fn stuck(does: &str) -> Vec<String> {
    let answers = format!("printf '%s\\n' \"$line\" | {}", sed());
    Stage::shell(&format!(
        "while read -r line; do case $line in *tools/call*) {does};; *) {answers};; esac; done"
    ))
}

fn sed() -> String {
    let tool = |name: &str| {
        format!(
            r#"{{"name":"{name}","inputSchema":{{"type":"object","properties":{{"path":{{"type":"string"}}}}}}}}"#
        )
    };
    let shake = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"server","version":"1"}}"#;
    let tools = format!(r#"{{"tools":[{},{}]}}"#, tool("read_file"), tool("delete_file"));
    let done = r#"{"content":[{"type":"text","text":"done"}]}"#;
    [
        "sed -u -n".to_owned(),
        answer("initialize", shake),
        answer(r"tools\/list", &tools),
        answer(r"tools\/call", done),
    ]
    .concat()
}

/// A server in Python. What it does is Python too: `TOOLS`, each of them `tool(..)`,
/// and `call(name, arguments)`, which gives a text, or nothing for no answer.
#[must_use]
pub fn python(does: &str, arguments: &[&str]) -> Vec<String> {
    let script = format!("{BEFORE}{does}{LOOP}");
    let words = ["python3", "-u", "-c", script.as_str()].into_iter();
    words.chain(arguments.iter().copied()).map(str::to_owned).collect()
}

const BEFORE: &str = r"
import json, os, socket, sys, time
def tool(name, argument={'name': {'type': 'string'}}, hints={}):
    schema = {'type': 'object', 'properties': argument}
    return {'name': name, 'inputSchema': schema, 'annotations': hints}
";

const LOOP: &str = r"
for line in sys.stdin:
    asked = json.loads(line)
    if 'id' not in asked or 'method' not in asked:
        continue
    result = {}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {'listChanged': True}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    if asked['method'] == 'tools/list':
        result = {'tools': TOOLS}
    if asked['method'] == 'tools/call':
        text = call(asked['params']['name'], asked['params']['arguments'])
        if text is None:
            continue
        result = {'content': [{'type': 'text', 'text': text}]}
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
";
