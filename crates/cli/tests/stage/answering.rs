//! A server in shell and sed that answers by itself: for tests that kill things.

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
