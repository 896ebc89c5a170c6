//! What the file tools say of themselves.

use serde_json::{Value, json};

use crate::talk::Stage;

#[test]
fn every_tool_says_what_it_does_and_takes_nothing_else() {
    let stage = Stage::new();
    let tools = stage.talk().ask("tools/list", json!({}))["result"]["tools"].clone();
    let tools = tools.as_array().unwrap();
    let hints = |tool: &Value| {
        let hint = |name: &str| tool["annotations"][name].as_bool().unwrap();
        (hint("readOnlyHint"), hint("destructiveHint"), hint("idempotentHint"))
    };
    let told: Vec<_> =
        tools.iter().map(|tool| (tool["name"].as_str().unwrap(), hints(tool))).collect();
    let (reads, destroys) = ((true, false, true), (false, true, false));
    assert_eq!(
        told,
        [
            ("create_directory", (false, false, true)),
            ("delete_file", destroys),
            ("edit_file", destroys),
            ("file_info", reads),
            ("list_allowed_directories", reads),
            ("list_directory", reads),
            ("move_file", destroys),
            ("read_file", reads),
            ("read_many", reads),
            ("search_files", reads),
            ("write_file", (false, true, true)),
        ]
    );
    for tool in tools {
        assert_eq!(tool["annotations"]["openWorldHint"], false, "{tool}");
        assert!(tool["description"].as_str().is_some_and(|text| text.len() > 40), "{tool}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
        closed(&tool["inputSchema"], tool["name"].as_str().unwrap());
    }
}

/// Every object takes what it names, every text and list has an end.
fn closed(schema: &Value, at: &str) {
    let Value::Object(members) = schema else { return };
    let is = |kind: &str| {
        let of = &schema["type"];
        of == kind || of.as_array().is_some_and(|all| all.iter().any(|one| one == kind))
    };
    if is("object") {
        assert_eq!(schema["additionalProperties"], false, "{at}");
    }
    if is("string") && schema.get("enum").is_none() && schema.get("const").is_none() {
        assert!(schema["maxLength"].is_u64(), "{at}: {schema}");
    }
    if is("array") {
        assert!(schema["maxItems"].is_u64(), "{at}: {schema}");
    }
    for (name, inner) in members {
        let at = format!("{at}/{name}");
        match inner {
            Value::Array(all) => all.iter().for_each(|one| closed(one, &at)),
            inner => closed(inner, &at),
        }
    }
}

/// Where nothing may be written, nothing that writes is offered.
#[test]
fn tools_that_write_are_offered_where_something_may_be_written() {
    use portcullis_kit::Toolbox;
    use portcullis_server::files::{Settings, offer};
    let names = |writes| {
        let toolbox = offer(Toolbox::new("files", "1"), Settings::default(), writes);
        format!("{toolbox:?}")
    };
    assert!(names(true).contains("write_file") && names(true).contains("delete_file"));
    for tool in ["write_file", "edit_file", "move_file", "delete_file", "create_directory"] {
        assert!(!names(false).contains(&format!("\"{tool}\"")), "{tool}");
    }
}
