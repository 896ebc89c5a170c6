//! Source in Rust: what holds a value and what only looks as if it did, and where values go through macros, files and types.

#![expect(clippy::expect_used, reason = "tests may")]

use std::time::{Duration, Instant};

use portcullis_audit::check::judge;
use portcullis_audit::evidence::source::{FactKind, HandlerKind, LeftOut};
use portcullis_audit::evidence::{Evidence, Source};
use portcullis_audit::probe::source::{Budget, look};
use portcullis_audit::{Confidence, Severity};

mod passed;

const HEAD: &str = r#"
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow, bail, ensure};
use regex::Regex;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, Content};
use rmcp::{ErrorData as McpError, tool, tool_router};
use tokio::fs;
use tokio::process::Command;

const NAMES: &[&str] = &["one", "two"];
static PLAIN: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-z0-9_]+$").unwrap());

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Asked {
    value: String,
    other: Option<String>,
    list: Vec<String>,
    path: PathBuf,
    mode: Mode,
    count: u32,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
enum Mode {
    Short,
    Long,
}

struct Server {
    root: PathBuf,
    pool: sqlx::SqlitePool,
    http: reqwest::Client,
}
"#;

/// A tree of these files.
fn tree(files: &[(&str, &str)]) -> Source {
    let tree = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = tree.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }
    let budget = Budget::until(Instant::now() + Duration::from_secs(60));
    look(tree.path(), &budget).expect("source")
}

/// Which checks speak, at least high and likely.
fn grave(source: Source) -> Vec<String> {
    let evidence = Evidence { source: Some(source), ..Evidence::of("rust") };
    let grave = |it: &portcullis_audit::Finding| {
        it.severity >= Severity::High && it.confidence >= Confidence::Likely
    };
    let mut told: Vec<String> =
        judge(&evidence).into_iter().filter(grave).map(|it| it.check).collect();
    told.sort();
    told.dedup();
    told
}

/// Which checks speak of a tool with this body, and what stands beside it.
fn told(body: &str, beside: &str) -> Vec<String> {
    let text = format!(
        "{HEAD}{beside}\n#[tool_router]\nimpl Server {{\n#[tool(annotations(read_only_hint = false))]\nasync fn look(&self, \
         Parameters(asked): Parameters<Asked>) -> Result<CallToolResult> {{\n{body}\nOk(CallToolResult::success(vec![]))\n}}\n}}\n"
    );
    let source = tree(&[("src/main.rs", &text)]);
    assert!(source.files.iter().all(|it| it.whole), "its grammar does not fit: {body}");
    assert_eq!(source.handlers.len(), 1, "{body}");
    grave(source)
}

fn holds(rows: &[(&[&str], &str, &str)]) {
    let mut wrong = Vec::new();
    for (expected, body, beside) in rows {
        let told = told(body, beside);
        if told != *expected {
            wrong.push(format!("{expected:?}, but {told:?} of {body}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

const NOTHING: &[&str] = &[];
const ESCAPE: &[&str] = &["path-escape"];
const PREFIX: &[&str] = &["path-prefix"];
const OPTION: &[&str] = &["option-injection"];
const PROGRAM: &[&str] = &["free-process"];
const SHELL: &[&str] = &["shell-execution"];
const SQL: &[&str] = &["raw-sql"];
const REQUEST: &[&str] = &["server-side-request"];

#[test]
fn what_holds_a_path() {
    let read = |check: &str| format!("{check}\nlet text = fs::read_to_string(&full).await?;");
    let joined = "let full = self.root.join(&asked.value);";
    let resolved = "let full = self.root.join(&asked.value).canonicalize()?;";
    let refuse = "{ bail!(\"outside\"); }";
    let rows: Vec<(&[&str], String, &str)> = vec![
        (ESCAPE, read(joined), ""),
        (ESCAPE, read(resolved), ""),
        (NOTHING, read(&format!("{resolved}\nif !full.starts_with(&self.root) {refuse}")), ""),
        (ESCAPE, read(&format!("{resolved}\nif full.starts_with(&self.root) {refuse}")), ""),
        (NOTHING, read(&format!("{resolved}\nensure!(full.starts_with(&self.root), \"outside\");")), ""),
        // Letters, not names.
        (
            PREFIX,
            read(&format!("{resolved}\nif !full.to_string_lossy().starts_with(\"/srv/notes\") {refuse}")),
            "",
        ),
        (
            PREFIX,
            read(&format!("{resolved}\nlet text = format!(\"{{}}\", full.display());\nif !text.starts_with(\"/srv/notes\") {refuse}")),
            "",
        ),
        (NOTHING, read(&format!("{resolved}\nif !full.to_string_lossy().starts_with(\"/srv/notes/\") {refuse}")), ""),
        // `..` leads out of what a path begins with as long as nobody resolves it.
        (PREFIX, read(&format!("{joined}\nif !full.starts_with(&self.root) {refuse}")), ""),
        (NOTHING, read(&format!("{resolved}\nfull.strip_prefix(&self.root)?;")), ""),
        (NOTHING, read(&format!("{resolved}\nlet Ok(_) = full.strip_prefix(&self.root) else {refuse};")), ""),
        (NOTHING, read(&format!("{resolved}\nif full.strip_prefix(&self.root).is_err() {refuse}")), ""),
        (ESCAPE, read(&format!("{resolved}\nif full.strip_prefix(&self.root).is_ok() {refuse}")), ""),
        (ESCAPE, read(&format!("{resolved}\nlet _ = full.strip_prefix(&self.root);")), ""),
        // A function of ours that says so, as a result, a bool, an option and inside of another one.
        (NOTHING, read("let full = self.within(&asked.value)?;"), WITHIN),
        (NOTHING, read("let full = self.within(&asked.value).map_err(|_| anyhow!(\"no\"))?;"), WITHIN),
        (NOTHING, read("let full = match self.within(&asked.value) { Ok(full) => full, Err(_) => return Err(anyhow!(\"no\")) };"), WITHIN),
        (NOTHING, read("let Ok(full) = self.within(&asked.value) else { bail!(\"no\") };"), WITHIN),
        (NOTHING, "if let Ok(full) = self.within(&asked.value) { fs::read(&full).await?; }".to_owned(), WITHIN),
        (NOTHING, read(&format!("{resolved}\nif !is_within(&full, &self.root) {refuse}")), "fn is_within(path: &Path, root: &Path) -> bool { path.starts_with(root) }"),
        (ESCAPE, read(&format!("{resolved}\nis_within(&full, &self.root);")), "fn is_within(path: &Path, root: &Path) -> bool { path.starts_with(root) }"),
        (NOTHING, read(&format!("{resolved}\nif !self.roots().iter().any(|root| full.starts_with(root)) {refuse}")), "impl Server { fn roots(&self) -> Vec<PathBuf> { vec![self.root.clone()] } }"),
        // Only names that lead down.
        (NOTHING, read("ensure!(!asked.value.contains(['/', '\\\\']), \"no\");\nensure!(!asked.value.contains(\"..\"), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (NOTHING, read("ensure!(PLAIN.is_match(&asked.value), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (NOTHING, read("ensure!(asked.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), \"no\");\nlet full = self.root.join(format!(\"{}.md\", asked.value));"), ""),
        (ESCAPE, read("ensure!(asked.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '/'), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (ESCAPE, read("ensure!(asked.value.chars().any(|c| c.is_ascii_alphanumeric()), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (NOTHING, read("let name = Path::new(&asked.value).file_name().context(\"no\")?;\nlet full = self.root.join(name);"), ""),
        (NOTHING, read("let full = if NAMES.contains(&asked.value.as_str()) { self.root.join(&asked.value) } else { bail!(\"no\") };"), ""),
        (ESCAPE, read("let full = if asked.count > 3 { self.root.clone() } else { self.root.join(&asked.value) };"), ""),
        (ESCAPE, "fs::write(asked.path, \"x\").await?;".to_owned(), ""),
        // Neither up, nor away from where it is put: what is left are links.
        (NOTHING, read("ensure!(!asked.value.contains(\"..\") && !Path::new(&asked.value).is_absolute(), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (ESCAPE, read("ensure!(!asked.value.contains(\"..\"), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (ESCAPE, read("ensure!(!Path::new(&asked.value).is_absolute(), \"no\");\nlet full = self.root.join(&asked.value);"), ""),
        (NOTHING, read("let value = asked.value.trim_start_matches('/');\nif value.contains(\"..\") { bail!(\"no\"); }\nlet full = self.root.join(value);"), ""),
        (ESCAPE, read("let value = asked.value.trim_start_matches('x');\nif value.contains(\"..\") { bail!(\"no\"); }\nlet full = self.root.join(value);"), ""),
        // By a directory that nothing leads out of.
        (NOTHING, "let dir = cap_std::fs::Dir::open_ambient_dir(\"/srv\", cap_std::ambient_authority())?;\nlet text = dir.read_to_string(&asked.value)?;".to_owned(), ""),
        (ESCAPE, "let file = fs::OpenOptions::new().append(true).open(&asked.value).await?;".to_owned(), ""),
        (NOTHING, read("let full = self.root.join(asked.count.to_string());"), ""),
    ];
    let rows: Vec<(&[&str], &str, &str)> =
        rows.iter().map(|it| (it.0, it.1.as_str(), it.2)).collect();
    holds(&rows);
}

const WITHIN: &str = r#"
impl Server {
    fn within(&self, asked: &str) -> Result<PathBuf> {
        let full = self.root.join(asked).canonicalize().context("no such file")?;
        match full.starts_with(&self.root) {
            true => Ok(full),
            false => Err(anyhow!("outside")),
        }
    }
}
"#;

#[test]
fn a_path_that_is_put_together_again_of_what_leads_down_is_held() {
    let clean = |arm: &str| {
        format!(
            "fn clean(asked: &str) -> Result<PathBuf> {{\nlet mut out = PathBuf::from(\"/srv/notes\");\nfor part in \
             Path::new(asked).components() {{\nmatch part {{\nComponent::Normal(name) => out.push(name),\n{arm}\n}}\n}}\nOk(out)\n}}"
        )
    };
    let read = "let full = clean(&asked.value)?;\nfs::read(full).await?;";
    let (refused, passed) =
        (clean("_ => bail!(\"no\"),"), clean("other => out.push(other.as_os_str()),"));
    holds(&[(NOTHING, read, &refused), (ESCAPE, read, &passed)]);
}

#[test]
fn what_holds_words() {
    let run = |before: &str, words: &str| {
        format!("{before}\nlet out = Command::new(\"git\"){words}.output().await?;")
    };
    let rows: Vec<(&[&str], String)> = vec![
        (OPTION, run("", ".arg(\"log\").arg(&asked.value)")),
        (NOTHING, run("", ".arg(\"log\").arg(\"--\").arg(&asked.value)")),
        (NOTHING, run("", ".args([\"log\", \"--\", &asked.value])")),
        (OPTION, run("", ".args([\"log\"]).args(&asked.list)")),
        (NOTHING, run("", ".arg(\"commit\").arg(\"-m\").arg(&asked.value)")),
        (NOTHING, run("", ".arg(format!(\"refs/heads/{}\", asked.value))")),
        (NOTHING, run("if asked.value.starts_with('-') { bail!(\"no\"); }", ".arg(&asked.value)")),
        (OPTION, run("if asked.value.starts_with('x') { bail!(\"no\"); }", ".arg(&asked.value)")),
        (NOTHING, run("let word = match asked.value.as_str() { \"a\" | \"b\" => asked.value, _ => bail!(\"no\") };", ".arg(word)")),
        (NOTHING, run("let word = match asked.value.as_str() { \"a\" => \"x\", _ => \"y\" };", ".arg(word)")),
        (NOTHING, run("let word = match asked.mode { Mode::Short => \"-s\", Mode::Long => \"-l\" };", ".arg(word)")),
        (OPTION, "let mut git = Command::new(\"git\");\ngit.arg(\"log\").current_dir(\"/srv\");\nif let Some(other) = &asked.other { git.arg(other); }\nlet child = git.stdin(Stdio::null()).spawn()?;".to_owned()),
        (PROGRAM, "let child = Command::new(&asked.value).stdin(Stdio::null()).spawn()?;".to_owned()),
        (NOTHING, "ensure!(NAMES.contains(&asked.value.as_str()), \"no\");\nlet child = Command::new(&asked.value).stdin(Stdio::null()).spawn()?;".to_owned()),
        (NOTHING, "let programs = HashMap::from([(\"a\", \"ls\"), (\"b\", \"date\")]);\nlet program = programs.get(asked.value.as_str()).context(\"no\")?;\nlet child = Command::new(program).output().await?;".to_owned()),
        (SHELL, "let line = format!(\"wc -l {}\", asked.value);\nlet out = Command::new(\"/bin/sh\").args([\"-c\", &line]).output().await?;".to_owned()),
        (SHELL, "let value = &asked.value;\nlet line = format!(\"wc -l {value}\");\nlet out = std::process::Command::new(\"bash\").arg(\"-c\").arg(line).output()?;".to_owned()),
        (NOTHING, "let line = format!(\"sleep {}\", asked.count);\nlet out = Command::new(\"sh\").arg(\"-c\").arg(line).output().await?;".to_owned()),
        (SHELL, "let (shell, flag) = if cfg!(windows) { (\"cmd\", \"/C\") } else { (\"sh\", \"-c\") };\nlet out = Command::new(shell).arg(flag).arg(&asked.value).output().await?;".to_owned()),
    ];
    let rows: Vec<(&[&str], &str, &str)> =
        rows.iter().map(|it| (it.0, it.1.as_str(), "")).collect();
    holds(&rows);
}

#[test]
fn what_holds_statements_and_addresses() {
    let sql = |before: &str, statement: &str| {
        format!("{before}\nlet rows = sqlx::query({statement}).fetch_all(&self.pool).await?;")
    };
    let get = |before: &str, address: &str| {
        format!("{before}\nlet page = self.http.get({address}).send().await?;")
    };
    let rows: Vec<(&[&str], String)> = vec![
        (SQL, sql("", "&format!(\"SELECT * FROM t WHERE a = '{}'\", asked.value)")),
        (NOTHING, sql("", "\"SELECT * FROM t WHERE a = ?\").bind(&asked.value")),
        (NOTHING, sql("", "&format!(\"SELECT * FROM t LIMIT {}\", asked.count)")),
        (SQL, sql("let mut text = String::from(\"SELECT * FROM t WHERE a = '\");\ntext.push_str(&asked.value);", "&text")),
        (SQL, sql("use std::fmt::Write;\nlet mut text = String::new();\nwrite!(text, \"SELECT {}\", asked.value)?;", "&text")),
        (SQL, sql("let text = [\"SELECT\", &asked.value].join(\" \");", "&text")),
        (NOTHING, sql("let order = match asked.value.as_str() { \"name\" => \"name\", _ => \"price\" };", "&format!(\"SELECT * FROM t ORDER BY {order}\")")),
        (&["sql-first-word"], sql("ensure!(asked.value.trim().to_lowercase().starts_with(\"select\"), \"no\");", "&asked.value")),
        (SQL, "let mut all = sqlx::QueryBuilder::new(\"SELECT * FROM t WHERE a = \");\nall.push(&asked.value);".to_owned()),
        (NOTHING, "let mut all = sqlx::QueryBuilder::new(\"SELECT * FROM t WHERE a = \");\nall.push_bind(&asked.value);".to_owned()),
        (SQL, "let db = rusqlite::Connection::open(\"a.db\")?;\ndb.execute_batch(&asked.value)?;".to_owned()),
        (NOTHING, "let db = rusqlite::Connection::open_with_flags(\"a.db\", rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;\nlet mut all = db.prepare(&asked.value)?;".to_owned()),
        (REQUEST, get("", "&asked.value")),
        (NOTHING, get("", "format!(\"https://api.example.org/{}\", asked.value)")),
        (NOTHING, get("let url = reqwest::Url::parse(&asked.value)?;\nensure!(url.host_str() == Some(\"api.example.org\"), \"no\");", "url")),
        (NOTHING, get("let url = reqwest::Url::parse(&asked.value)?;\nlet Some(host) = url.host_str() else { bail!(\"no\") };\nif !NAMES.contains(&host) { bail!(\"no\"); }", "url")),
        (REQUEST, get("let url = reqwest::Url::parse(&asked.value)?;\nensure!(url.scheme() == \"https\", \"no\");", "url")),
    ];
    let rows: Vec<(&[&str], &str, &str)> =
        rows.iter().map(|it| (it.0, it.1.as_str(), "")).collect();
    holds(&rows);
}

#[test]
fn a_value_is_followed_through_what_holds_it() {
    let run = |text: &str| {
        format!("{text}\nlet out = Command::new(\"sh\").arg(\"-c\").arg(line).output().await?;")
    };
    let rows: Vec<(&[&str], String)> = vec![
        (
            SHELL,
            run(
                "let line = asked.list.iter().map(|it| it.trim()).collect::<Vec<_>>().join(\" \");",
            ),
        ),
        (SHELL, run("let line = asked.other.clone().unwrap_or_else(|| \"date\".to_owned());")),
        (SHELL, run("let Some(line) = asked.other else { bail!(\"no\") };")),
        (
            SHELL,
            run(
                "let line = if let Some(other) = &asked.other && !other.is_empty() { other.clone() } else { \"date\".to_owned() };",
            ),
        ),
        (
            SHELL,
            run(
                "let made = serde_json::json!({\"a\": {\"b\": [asked.value]}});\nlet line = made[\"a\"][\"b\"][0].to_string();",
            ),
        ),
        (SHELL, run("let line = async { anyhow::Ok(asked.value.clone()) }.await?;")),
        (SHELL, run("let line = tokio::task::spawn_blocking(move || asked.value).await?;")),
        (SHELL, run("let line = loop { if asked.count > 3 { break asked.value; } };")),
        (SHELL, run("let mut line = String::new();\nfor word in asked.list { line += &word; }")),
        (
            SHELL,
            run(
                "struct Held { inner: String }\nlet held = Held { inner: asked.value };\nlet Held { inner: line } = held;",
            ),
        ),
        (SHELL, run("let pair = (1, asked.value);\nlet (_, line) = pair;")),
        (
            SHELL,
            run(
                "let line = tokio::select! { line = async { asked.value } => line, _ = later() => { return Err(anyhow!(\"late\")); } };",
            ),
        ),
        // What is called the same inside of a block is something else.
        (NOTHING, run("let line = \"date\";\n{ let line = asked.value; drop(line); }")),
        (SHELL, run("let line = asked.value;\n{ let line = \"date\"; drop(line); }")),
        (NOTHING, run("let line = vec![\"a\", \"b\"].join(&asked.count.to_string());")),
    ];
    let rows: Vec<(&[&str], &str, &str)> =
        rows.iter().map(|it| (it.0, it.1.as_str(), "async fn later() {}")).collect();
    holds(&rows);
}

const MAIN: &str = r#"
mod tools;
use rmcp::{ServerHandler, model::*};
use crate::tools::{Store, shell::run_line};

struct Server { store: Store }

impl ServerHandler for Server {
    async fn call_tool(&self, request: CallToolRequestParam, _: RequestContext<RoleServer>) -> Result<CallToolResult, McpError> {
        let args = request.arguments.unwrap_or_default();
        let text = |name: &str| args.get(name).and_then(|it| it.as_str()).map(str::to_owned);
        match request.name.as_ref() {
            "run" => run_line(&text("line").unwrap_or_default()).await,
            "query" => self.store.query(text("sql").ok_or_else(|| missing())?).await,
            "note" => self.store.note(text("name").ok_or_else(|| missing())?).await,
            _ => Err(missing()),
        }
    }

    async fn read_resource(&self, request: ReadResourceRequestParam, _: RequestContext<RoleServer>) -> Result<ReadResourceResult, McpError> {
        let path = request.uri.strip_prefix("note://").unwrap_or_default();
        let text = tokio::fs::read_to_string(path).await.map_err(|_| missing())?;
        Ok(ReadResourceResult { contents: vec![ResourceContents::text(text, request.uri)] })
    }
}

fn missing() -> McpError { McpError::invalid_params("something is missing", None) }
"#;
const STORE: &str = r#"
pub mod shell;
mod paths;
use paths::*;

pub struct Store { pool: sqlx::SqlitePool }

impl Store {
    pub async fn query(&self, sql: String) -> Result<CallToolResult, McpError> {
        let rows = sqlx::query(&sql).fetch_all(&self.pool).await.map_err(|_| super::missing())?;
        Ok(CallToolResult::success(vec![]))
    }

    pub async fn note(&self, name: String) -> Result<CallToolResult, McpError> {
        let text = std::fs::read_to_string(within(&name)?).map_err(|_| super::missing())?;
        Ok(CallToolResult::success(vec![Content::text(text)]))
    }
}

#[cfg(test)]
mod tests {
    #[tool]
    async fn never(&self, Parameters(line): Parameters<Line>) { std::fs::remove_file(line.path); }
}
"#;
const SHELL_FILE: &str = r#"
use std::process::Command as Start;
pub async fn run_line(line: &str) -> Result<CallToolResult, McpError> {
    let out = Start::new("sh").arg("-c").arg(line).output().map_err(|_| crate::missing())?;
    Ok(CallToolResult::success(vec![]))
}
"#;
const PATHS: &str = r#"
use std::path::{Path, PathBuf};
pub(super) fn within(name: &str) -> Result<PathBuf, McpError> {
    let full = Path::new("/srv/notes").join(name).canonicalize().map_err(|_| crate::missing())?;
    if !full.starts_with("/srv/notes") {
        return Err(crate::missing());
    }
    Ok(full)
}
"#;

#[test]
fn a_server_by_hand_is_followed_over_its_files() {
    let source = tree(&[
        ("src/main.rs", MAIN),
        ("src/tools/mod.rs", STORE),
        ("src/tools/shell.rs", SHELL_FILE),
        ("src/tools/paths.rs", PATHS),
        ("tests/server.rs", "fn main() {}"),
        ("build.rs", "fn main() {}"),
    ]);
    let read: Vec<&str> = source.files.iter().map(|it| it.file.as_str()).collect();
    assert_eq!(
        read,
        ["src/main.rs", "src/tools/mod.rs", "src/tools/paths.rs", "src/tools/shell.rs"]
    );
    assert_eq!(source.left_out, [], "all of it is followed");
    let offered: Vec<(HandlerKind, &str)> =
        source.handlers.iter().map(|it| (it.kind, it.name.as_str())).collect();
    let expected = [
        (HandlerKind::Tool, "*"),
        (HandlerKind::Tool, "note"),
        (HandlerKind::Tool, "query"),
        (HandlerKind::Tool, "run"),
        (HandlerKind::Resource, "*"),
    ];
    assert_eq!(offered, expected);
    let evidence = Evidence { source: Some(source), ..Evidence::of("rust") };
    let mut told: Vec<(String, String)> = judge(&evidence)
        .into_iter()
        .filter(|it| it.severity >= Severity::High)
        .map(|it| (it.check, it.title.rsplit('`').nth(1).unwrap_or_default().to_owned()))
        .collect();
    told.sort();
    let told: Vec<(&str, &str)> = told.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    assert_eq!(told, [("path-escape", "*"), ("raw-sql", "query"), ("shell-execution", "run")]);
}

#[test]
fn a_macro_of_the_servers_own_is_said_where_a_value_goes_into_it() {
    let text = |body: &str| {
        format!(
            "macro_rules! run {{ ($x:expr) => {{ start($x) }}; }}\nstruct Server;\n#[tool_router]\nimpl Server {{\n#[tool]\n\
             async fn go(&self, Parameters(asked): Parameters<Asked>) {{ {body} }}\n}}\nstruct Asked {{ line: String }}\n"
        )
    };
    let left = |body: &str| tree(&[("main.rs", &text(body))]).left_out;
    let why = "gives what a client sends to the macro `run!`, which is not followed".to_owned();
    assert_eq!(
        left("run!(asked.line);"),
        [LeftOut { file: "main.rs".to_owned(), why, aside: false }]
    );
    assert_eq!(left("run!(1);"), []);
    assert_eq!(
        left("tokio::select! { a = wait(), if asked.ready => done(a), _ = stop() => {} }"),
        []
    );
    assert_eq!(left("println!(\"{}\", asked.line);"), []);
}

#[test]
fn what_only_tests_know_is_no_credential() {
    let secret = include_str!("../../fixtures/hard-coded-secret/fires.rs");
    let secret: String = secret.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let secrets =
        |source: Source| source.facts.iter().filter(|it| it.kind == FactKind::Secret).count();
    let of = |text: String| secrets(tree(&[("src/lib.rs", &text)]));
    assert_eq!(of(secret.clone()), 1);
    assert_eq!(of(format!("#[cfg(test)]\nmod tests {{\n{secret}}}\n")), 0);
    assert_eq!(of(format!("#[cfg(not(test))]\nmod tests {{\n{secret}}}\n")), 1);
    let beside = [("src/lib.rs", "#[cfg(test)]\nmod known;\n"), ("src/known.rs", secret.as_str())];
    assert_eq!(secrets(tree(&beside)), 0);
}

#[test]
fn what_is_nested_without_end_is_said() {
    let deep = 20_000;
    let around = |before: &str, middle: &str, behind: &str| {
        format!("fn f() {{ {}{middle}{} }}\n", before.repeat(deep), behind.repeat(deep))
    };
    let arms: String = (0..deep).map(|it| format!("{it} => {{ g({it}); }}\n")).collect();
    for text in [
        around("(", "x", ")"),
        around("if a { b } else { ", "x", " }"),
        around("g(|x| ", "x", ")"),
        around("{ ", "let x = 1;", " }"),
        around("match x { _ => ", "x", " }"),
        around("vec![", "x", "]"),
        around("x", "", ".a()"),
        around("x", "", "?"),
        around("mine!(", "x", ")"),
        format!("fn f() {{ let x: {}u8{} = y; }}\n", "Vec<".repeat(deep), ">".repeat(deep)),
        format!("fn f() {{ match x {{ {arms} }} }}\n"),
        format!("fn f() {{ if let A = a {} {{ g() }} }}\n", " && let B = b".repeat(deep)),
        format!("use {}x{};\n", "a::{".repeat(deep), "}".repeat(deep)),
        format!("{}fn f() {{}}{}\n", "mod a { ".repeat(deep), " }".repeat(deep)),
        format!("struct A {{ a: {}u8{} }}\n", "Option<".repeat(deep), ">".repeat(deep)),
        format!("#[a({}b{})]\nfn f() {{}}\n", "(".repeat(deep), ")".repeat(deep)),
    ] {
        // A line each: one that is too long is not even read.
        let text =
            text.replace("{ ", "{\n").replace('(', "(\n").replace("?", "\n?").replace(".a", "\n.a");
        let text =
            text.replace("Vec<", "Vec<\n").replace("[", "[\n").replace("Option<", "Option<\n");
        let text = text.replace("&& ", "&&\n").replace("::{", "::{\n");
        let text = text.replace(')', ")\n").replace('}', "}\n").replace('>', ">\n");
        let begins: String = text.chars().take(60).collect();
        let source = tree(&[("src/main.rs", &text)]);
        assert!(source.files.len() == 1, "{begins}: {:?}", source.left_out);
        let whole = source.files.iter().all(|it| it.whole);
        let said = source.left_out.iter().any(|it| it.file == "src/main.rs");
        // Attributes, types and the names of modules hold nothing that runs.
        let plain = ["#[\na(", "use a::{", "struct A", "fn f(\n)\n {\nlet x: Vec"]
            .iter()
            .any(|it| begins.starts_with(it));
        assert!(plain || !whole && said, "{begins}: {:?}", source.left_out);
    }
}
