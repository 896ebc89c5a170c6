//! Programs that run what they are given, in a word or on their input.

use super::kept::{grave, read};
use super::{In, holds};

const SHELL: &[&str] = &["shell-execution"];
const CODE: &[&str] = &["code-execution"];
const OPTION: &[&str] = &["option-injection"];
const NOTHING: &[&str] = &[];

#[test]
fn what_stands_behind_another_program_is_run_all_the_same() {
    let run = |words: &str| {
        format!("\nreturn subprocess.run([{words}], capture_output=True, text=True).stdout")
    };
    let rows: [(&[&str], String); 15] = [
        (SHELL, run("\"env\", \"bash\", \"-c\", value")),
        (SHELL, run("\"sudo\", \"-u\", \"web\", \"sh\", \"-lc\", value")),
        (SHELL, run("\"docker\", \"exec\", \"web\", \"sh\", \"-c\", value")),
        (SHELL, run("\"su\", \"web\", \"-c\", value")),
        (SHELL, run("\"ssh\", \"-p\", \"22\", \"host\", value")),
        (SHELL, run("\"ssh\", \"host\", \"--\", \"cat\", value")),
        (CODE, run("\"python3\", \"-c\", value")),
        (CODE, run("\"timeout\", \"5\", \"node\", \"-e\", value")),
        // Which host it is, no shell reads; it can be an option.
        (OPTION, run("\"ssh\", value, \"uptime\"")),
        (NOTHING, run("\"ssh\", \"host\", \"uptime\"")),
        (NOTHING, run("\"python3\", \"-c\", \"import this\", \"--\", value")),
        (NOTHING, run("\"docker\", \"exec\", \"web\", \"cat\", \"--\", value")),
        (NOTHING, run("\"env\", \"git\", \"show\", \"--\", value")),
        (NOTHING, run("\"grep\", \"-c\", \"-e\", value")),
        (NOTHING, run("\"env\", \"bash\", \"-c\", \"uptime\"")),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(In::Python, &rows);
}

#[test]
fn what_a_started_program_reads_is_run() {
    holds(
        In::Python,
        &[
            (SHELL, "\nreturn subprocess.run([\"bash\", \"-s\"], input=value, text=True)"),
            (
                SHELL,
                "\nstarted = subprocess.Popen([\"sh\"], stdin=subprocess.PIPE)\nstarted.communicate(value.encode())",
            ),
            (
                CODE,
                "\nstarted = subprocess.Popen([\"python3\", \"-\"], stdin=subprocess.PIPE)\nstarted.stdin.write(value.encode())",
            ),
            (
                NOTHING,
                "\nstarted = subprocess.Popen([\"python3\", \"main.py\"], stdin=subprocess.PIPE)\nstarted.communicate(value.encode())",
            ),
            (NOTHING, "\nreturn subprocess.run([\"sh\", \"-c\", \"wc\"], input=value, text=True)"),
            (NOTHING, "\nreturn subprocess.run([\"wc\", \"-c\"], input=value, text=True)"),
        ],
    );
    holds(
        In::Script,
        &[
            (
                SHELL,
                "const { spawn } = await import(\"node:child_process\"); const started = spawn(\"bash\"); started.stdin.end(value);",
            ),
            (
                NOTHING,
                "const { spawn } = await import(\"node:child_process\"); const started = spawn(\"wc\"); started.stdin.end(value);",
            ),
        ],
    );
}

/// Go's commands, before they are started.
#[test]
fn what_a_command_is_made_of_in_go() {
    let run = |made: &str| {
        format!(
            "\t{made}\n\tout, err := command.Output()\n\tif err != nil {{\n\t\treturn nil, errors.New(\"failed\")\n\t}}\n\treturn mcp.NewToolResultText(string(out)), nil\n}}\n"
        )
    };
    let rows: [(&[&str], String); 8] = [
        (
            SHELL,
            run("command := &exec.Cmd{Path: \"/bin/sh\", Args: []string{\"sh\", \"-c\", value}}"),
        ),
        (
            SHELL,
            run(
                "command := exec.Command(\"sh\")\n\tcommand.Args = append(command.Args, \"-c\", value)",
            ),
        ),
        (
            SHELL,
            run(
                "command := exec.CommandContext(ctx, \"bash\", \"-s\")\n\tcommand.Stdin = strings.NewReader(value)",
            ),
        ),
        (
            SHELL,
            run(
                "lines := make(chan string, 1)\n\tlines <- value\n\tcommand := exec.Command(\"sh\", \"-c\", <-lines)",
            ),
        ),
        (
            SHELL,
            run(
                "lines := make(chan string, 1)\n\tlines <- value\n\tline := \"\"\n\tselect {\n\tcase line = <-lines:\n\tdefault:\n\t}\n\tcommand := exec.Command(\"sh\", \"-c\", line)",
            ),
        ),
        (
            NOTHING,
            run("command := exec.Command(\"wc\")\n\tcommand.Stdin = strings.NewReader(value)"),
        ),
        (
            NOTHING,
            run("command := &exec.Cmd{Path: \"/bin/ls\", Args: []string{\"ls\", \"--\", value}}"),
        ),
        (
            NOTHING,
            run(
                "lines := make(chan string, 1)\n\tlines <- value\n\tcommand := exec.Command(\"sh\", \"-c\", \"ls\")",
            ),
        ),
    ];
    let rows: Vec<(&[&str], &str)> =
        rows.iter().map(|(told, body)| (*told, body.as_str())).collect();
    holds(In::Go, &rows);
}

/// Shells and programs of libraries.
#[test]
fn what_libraries_start() {
    let python = |above: &str, body: &str| {
        let body = body.replace('\n', "\n    ");
        grave(&read(
            "server.py",
            &format!(
                "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP(\"programs\")\n{above}\n@mcp.tool()\nasync def look(value: str) -> str:\n    {body}\n"
            ),
        ))
    };
    for (told, above, body) in [
        (SHELL, "import paramiko", "client = paramiko.SSHClient()\nclient.exec_command(value)"),
        (
            NOTHING,
            "import paramiko",
            "client = paramiko.SSHClient()\nclient.exec_command(\"uptime\")",
        ),
        (
            SHELL,
            "import asyncssh",
            "async with asyncssh.connect(\"host\") as there:\n    await there.run(value)",
        ),
        (
            NOTHING,
            "import asyncssh",
            "async with asyncssh.connect(\"host\") as there:\n    await there.run(\"uptime\")",
        ),
        (SHELL, "import sh", "return sh.bash(\"-c\", value)"),
        (NOTHING, "import sh", "return sh.git(\"show\", \"--\", value)"),
        (CODE, "import pandas as pd", "return str(pd.DataFrame({}).query(value))"),
        (CODE, "import code", "code.InteractiveInterpreter().runsource(value)"),
    ] {
        assert_eq!(python(above, body), told, "{above}\n{body}");
    }
    let script = |above: &str, body: &str| {
        grave(&read(
            "server.mjs",
            &format!(
                "import {{ McpServer }} from \"@modelcontextprotocol/sdk/server/mcp.js\";\n{above}\nconst server = new McpServer({{ name: \"programs\", version: \"1.0.0\" }});\nserver.registerTool(\"look\", {{}}, async ({{ value }}) => {{ {body} }});\n"
            ),
        ))
    };
    for (told, above, body) in [
        (SHELL, "import { $ } from \"zx\";", "return await $`bash -c ${value}`;"),
        (NOTHING, "import { $ } from \"zx\";", "return await $`git show -- ${value}`;"),
        (OPTION, "import { $ } from \"zx\";", "return await $`git show ${value}`;"),
        (SHELL, "import { $ } from \"execa\";", "return await $({ shell: true })`echo ${value}`;"),
        (NOTHING, "import { $ } from \"execa\";", "return await $`echo -- ${value}`;"),
        (
            SHELL,
            "import { Client } from \"ssh2\";",
            "const client = new Client(); client.exec(value, () => {});",
        ),
        (
            NOTHING,
            "import { Client } from \"ssh2\";",
            "const client = new Client(); client.exec(\"uptime\", () => {});",
        ),
        (
            SHELL,
            "import { NodeSSH } from \"node-ssh\";",
            "const there = new NodeSSH(); return await there.execCommand(value);",
        ),
    ] {
        assert_eq!(script(above, body), told, "{above}\n{body}");
    }
}

#[test]
fn what_rust_starts_sends_and_locks() {
    const HEAD: &str = r#"
use rmcp::{tool, tool_router, tool_handler, handler::server::wrapper::Parameters, ServerHandler};
use std::process::{Command, Stdio};
use std::io::Write;
pub struct Asked { pub value: String }
static LINE: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
pub struct Tools;
#[tool_router]
impl Tools {
    #[tool(description = "looks")]
    async fn look(&self, Parameters(asked): Parameters<Asked>) -> String {
        BODY
        String::new()
    }
}
#[tool_handler]
impl ServerHandler for Tools {}
"#;
    let run = "Command::new(\"sh\").arg(\"-c\").arg(line).output().ok();";
    for (told, body) in [
        (SHELL, format!("let (into, from) = std::sync::mpsc::channel(); into.send(asked.value).ok(); let line = from.recv().unwrap(); {run}")),
        (NOTHING, format!("let (into, from) = std::sync::mpsc::channel(); into.send(asked.value).ok(); let line = \"ls\"; {run}")),
        (SHELL, format!("*LINE.lock().unwrap() = asked.value; let line = LINE.lock().unwrap().clone(); {run}")),
        (SHELL, format!("let mut held = LINE.lock().unwrap(); *held = asked.value; let line = LINE.lock().unwrap().clone(); {run}")),
        (NOTHING, format!("let mut held = asked.value; held.push('x'); let line = LINE.lock().unwrap().clone(); {run}")),
        (SHELL, "let mut started = Command::new(\"bash\").arg(\"-s\").stdin(Stdio::piped()).spawn().unwrap(); started.stdin.take().unwrap().write_all(asked.value.as_bytes()).unwrap();".to_owned()),
        (NOTHING, "let mut started = Command::new(\"wc\").stdin(Stdio::piped()).spawn().unwrap(); started.stdin.take().unwrap().write_all(asked.value.as_bytes()).unwrap();".to_owned()),
        (SHELL, "duct::cmd!(\"sh\", \"-c\", asked.value).read().ok();".to_owned()),
        (SHELL, "duct_sh::sh_dangerous(asked.value).read().ok();".to_owned()),
        (NOTHING, "duct::cmd!(\"git\", \"show\", \"--\", asked.value).read().ok();".to_owned()),
    ] {
        assert_eq!(grave(&read("main.rs", &HEAD.replace("BODY", &body))), told, "{body}");
    }
}
