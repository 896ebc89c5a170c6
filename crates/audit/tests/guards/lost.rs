//! Where a caller's value gets lost: no finding is made of it, and no line passes.

use portcullis_audit::checklist::Status;

use super::{In, evidence};

/// What a function that is not known makes of a client's value is no flow, and nobody can say that there is none.
#[test]
fn what_is_lost_in_a_function_passes_no_line() {
    let status = |body: &str| {
        let evidence = evidence(In::Python, body);
        super::kept::status(&evidence, "no-shell")
    };
    let run = |made: &str| format!("\nimport elsewhere\nreturn subprocess.getoutput({made})");
    for lost in [
        "elsewhere.folded(value)",
        "\"ls \" + elsewhere.folded(value)",
        "elsewhere.Several([value]).first()",
    ] {
        assert_eq!(status(&run(lost)), Status::Unknown, "{lost}");
    }
    // What stands elsewhere was not sent, and a number is one.
    for elsewhere in ["open(ROOT + \"/command\").read()", "\"ls \" + str(int(value))", "\"ls\""] {
        assert_ne!(status(&run(elsewhere)), Status::Unknown, "{elsewhere}");
    }
}

/// Whether a shell is asked for, or which function is called, nobody sees: no line passes.
#[test]
fn what_is_decided_where_nobody_sees_it_passes_no_line() {
    let status = |language: In, body: &str| {
        let evidence = evidence(language, body);
        super::kept::status(&evidence, "no-shell")
    };
    let script = |shell: &str| {
        format!(
            "const {{ spawnSync }} = await import(\"node:child_process\"); return spawnSync(\"git\", [\"show\", \"--\", value], {{ shell: {shell} }});"
        )
    };
    assert_eq!(status(In::Script, &script("process.platform === \"win32\"")), Status::Unknown);
    assert_ne!(status(In::Script, &script("false")), Status::Unknown);
    let python = |how: &str| format!("\nimport elsewhere\nreturn {how}");
    assert_eq!(status(In::Python, &python("elsewhere.functions()[other](value)")), Status::Unknown);
    assert_ne!(status(In::Python, &python("elsewhere.function(value)")), Status::Unknown);
    assert_eq!(
        status(In::Python, &python("subprocess.run(f\"show {other}\", **elsewhere.options())")),
        Status::Unknown
    );
    assert_ne!(
        status(
            In::Python,
            &python("subprocess.run([\"show\", \"--\", other], **elsewhere.options())")
        ),
        Status::Unknown
    );
}

/// What a tool writes into a database, another may run.
#[test]
fn what_a_database_gives_back_passes_no_line() {
    let status = |write: &str| {
        let text = format!(
            "import sqlite3, subprocess\nfrom mcp.server.fastmcp import FastMCP\nmcp = FastMCP(\"kept\")\ndb = sqlite3.connect(\"jobs\")\n@mcp.tool()\ndef takes() -> str:\n    row = db.execute(\"SELECT line FROM jobs\").fetchone()\n    return subprocess.getoutput(row[0])\n@mcp.tool()\ndef puts(value: str) -> str:\n    db.execute({write})\n    return \"kept\"\n"
        );
        super::kept::status(&super::kept::read("server.py", &text), "no-shell")
    };
    assert_eq!(status("\"INSERT INTO jobs VALUES (?)\", (value,)"), Status::Unknown);
    assert_ne!(status("\"INSERT INTO jobs VALUES (?)\", (\"ls\",)"), Status::Unknown);
    assert_ne!(status("\"SELECT * FROM jobs WHERE line = ?\", (value,)"), Status::Unknown);
}

/// Who sends a whole question to a database of documents writes its operators, too.
#[test]
fn a_callers_question_to_a_database_of_documents_passes_no_line() {
    let status = |query: &str| {
        let body = format!(
            "\nimport json, pymongo\nusers = pymongo.MongoClient()[\"shop\"][\"users\"]\nreturn str(list(users.{query}))"
        );
        let evidence = evidence(In::Python, &body);
        super::kept::status(&evidence, "queries-parametrised")
    };
    for whole in [
        "find(json.loads(value))",
        "find({**json.loads(value)})",
        "aggregate([{\"$match\": json.loads(value)}])",
        "delete_many(json.loads(value))",
    ] {
        assert_eq!(status(whole), Status::Unknown, "{whole}");
    }
    for part in
        ["find({\"name\": value})", "find({})", "aggregate([{\"$match\": {\"name\": value}}])"]
    {
        assert_ne!(status(part), Status::Unknown, "{part}");
    }
}

/// More than is kept in one place, or kept from tool to tool, is said.
#[test]
fn what_no_longer_fits_is_said() {
    let said = |name: &str, text: &str, why: &str| {
        let source = super::kept::read(name, text).source.expect("source");
        assert!(
            source.left_out.iter().any(|it| it.why.contains(why)),
            "{why}: {:?}",
            source.left_out
        );
    };
    let body = |body: &str| format!("{}{}\n", super::PYTHON, body.replace('\n', "\n    "));
    let words = vec!["\"x\""; 2_000].join(", ");
    let full = format!("\nline = [{words}]\nline.append(value)\nsubprocess.run(line, timeout=3)");
    said("server.py", &body(&full), "in one list than is kept");
    let pairs: String = (0..4_000).map(|at| format!("\"{at}\": 1, ")).collect();
    let full = format!(
        "\nkept = {{{pairs}}}\nkept.setdefault(other, value)\nsubprocess.run(kept[\"a\"], timeout=3)"
    );
    said("server.py", &body(&full), "in one list than is kept");
    // Each finds what the next one keeps.
    let steps: String = (0..6)
        .map(|at| format!("@mcp.tool()\ndef t{at}() -> str:\n    STATE[\"k{at}\"] = STATE.get(\"k{}\", \"\")\n    return \"kept\"\n", at + 1))
        .collect();
    let chain = format!(
        "import subprocess\nfrom mcp.server.fastmcp import FastMCP\nmcp = FastMCP(\"kept\")\nSTATE = {{\"a\": \"b\"}}\n@mcp.tool()\ndef runs() -> str:\n    return subprocess.getoutput(STATE[\"k0\"])\n{steps}@mcp.tool()\ndef puts(value: str) -> str:\n    STATE[\"k6\"] = value\n    return \"kept\"\n"
    );
    let source = super::kept::read("server.py", &chain).source.expect("source");
    let found = source.flows.iter().any(|it| it.handler == "puts");
    let told = source.left_out.iter().any(|it| it.why.contains("keep more for each other"));
    assert!(found || told, "{:?}", source.left_out);
}

/// Each function that somebody else's is given may be called.
#[test]
fn every_function_that_is_handed_over_is_called() {
    let body = "  const { execSync } = await import(\"node:child_process\");\n  const no = () => 1;\n  root.each(no, no, no, no, no, () => execSync(value));\n  return 1;";
    super::holds(In::Script, &[(&["shell-execution"], body)]);
}
