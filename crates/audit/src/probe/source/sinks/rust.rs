//! Where a value can do harm in Rust.

use crate::evidence::source::Sink;

use super::super::taint::World;
use super::super::taint::value::{Id, Node};
use super::Match::{OfPath, Path};
use super::Place::{All, At as Nth};
use super::{Asked, BOTH, FIRST, RECV, Row, TWO, Which};

const ONE: Which = &[Nth(0)];
const SECOND: Which = &[Nth(1)];

#[rustfmt::skip]
pub(super) const RUST: &[Row] = &[
    (Path("fs.read_to_string"), Sink::FileRead, FIRST), (Path("fs.read"), Sink::FileRead, FIRST), (Path("fs.read_dir"), Sink::FileRead, FIRST), (Path("fs.read_link"), Sink::FileRead, FIRST),
    (Path("fs.File.open"), Sink::FileRead, FIRST), (Path("walkdir.WalkDir.new"), Sink::FileRead, FIRST), (Path("ignore.WalkBuilder.new"), Sink::FileRead, FIRST), (Path("ignore.Walk.new"), Sink::FileRead, FIRST),
    (Path("glob.glob"), Sink::FileRead, FIRST), (Path("glob.glob_with"), Sink::FileRead, FIRST), (Path("image.open"), Sink::FileRead, FIRST), (Path("csv.Reader.from_path"), Sink::FileRead, FIRST),
    (Path("cap_std.fs.Dir.open_ambient_dir"), Sink::FileRead, FIRST), (Path("git2.Repository.open"), Sink::FileRead, FIRST), (Path("git2.Repository.discover"), Sink::FileRead, FIRST),
    (OfPath("read_dir"), Sink::FileRead, RECV), (OfPath("read_link"), Sink::FileRead, RECV),
    (Path("fs.write"), Sink::FileWrite, FIRST), (Path("fs.File.create"), Sink::FileWrite, FIRST), (Path("fs.File.create_new"), Sink::FileWrite, FIRST), (Path("fs.create_dir"), Sink::FileWrite, FIRST),
    (Path("fs.create_dir_all"), Sink::FileWrite, FIRST), (Path("fs.remove_file"), Sink::FileWrite, FIRST), (Path("fs.remove_dir"), Sink::FileWrite, FIRST), (Path("fs.remove_dir_all"), Sink::FileWrite, FIRST),
    (Path("fs.rename"), Sink::FileWrite, BOTH), (Path("fs.copy"), Sink::FileWrite, BOTH), (Path("fs.hard_link"), Sink::FileWrite, BOTH), (Path("fs.soft_link"), Sink::FileWrite, BOTH),
    (Path("os.unix.fs.symlink"), Sink::FileWrite, BOTH), (Path("fs.symlink"), Sink::FileWrite, BOTH), (Path("fs.set_permissions"), Sink::FileWrite, FIRST),
    (Path("process.Command.output"), Sink::Process, &[All]), (Path("process.Command.status"), Sink::Process, &[All]), (Path("process.Command.spawn"), Sink::Process, &[All]),
    (Path("process.Command.exec"), Sink::Process, &[All]), (Path("process.Command.group_spawn"), Sink::Process, &[All]), (Path("duct.cmd"), Sink::Process, TWO), (Path("duct.cmd!"), Sink::Process, &[All]),
    (Path("duct_sh.sh"), Sink::Shell, ONE), (Path("duct_sh.sh_dangerous"), Sink::Shell, ONE), (Path("run_script.run"), Sink::Shell, ONE),
    (Path("sqlx.query"), Sink::Sql, ONE), (Path("sqlx.query_as"), Sink::Sql, ONE), (Path("sqlx.query_scalar"), Sink::Sql, ONE), (Path("sqlx.raw_sql"), Sink::Sql, ONE), (Path("sqlx.query_with"), Sink::Sql, ONE),
    (Path("sqlx.query_as_with"), Sink::Sql, ONE), (Path("diesel.sql_query"), Sink::Sql, ONE), (Path("diesel.dsl.sql_query"), Sink::Sql, ONE), (Path("diesel.dsl.sql"), Sink::Sql, ONE),
    (Path("sea_orm.Statement.from_string"), Sink::Sql, SECOND), (Path("sqlx.QueryBuilder.new"), Sink::Sql, ONE),
    (Path("reqwest.get"), Sink::Url, ONE), (Path("reqwest.blocking.get"), Sink::Url, ONE), (Path("hyper.Request.builder().uri"), Sink::Url, ONE), (Path("http.Request.builder().uri"), Sink::Url, ONE),
    (Path("tokio_tungstenite.connect_async"), Sink::Url, ONE), (Path("tungstenite.connect"), Sink::Url, ONE), (Path("git2.Repository.clone"), Sink::Url, ONE),
    (Path("tera.Tera.one_off"), Sink::Template, ONE), (Path("libloading.Library.new"), Sink::Code, ONE), (Path("fancy_regex.Regex.new"), Sink::Pattern, ONE), (Path("pcre2.bytes.Regex.new"), Sink::Pattern, ONE),
    (Path("fancy_regex.RegexBuilder.new"), Sink::Pattern, ONE), (Path("onig.Regex.new"), Sink::Pattern, ONE),
];

/// Crates that speak SQL, or a language like it.
const SPEAKERS: &[&str] = &[
    "rusqlite",
    "sqlx",
    "tokio_postgres",
    "postgres",
    "deadpool_postgres",
    "mysql",
    "mysql_async",
    "duckdb",
    "libsql",
    "sqlite",
    "tiberius",
    "clickhouse",
    "diesel",
    "neo4rs",
    "oracle",
    "odbc_api",
    "tokio_rusqlite",
    "r2d2_sqlite",
    "limbo",
];
/// Their methods that take a statement as text.
const SQL_METHODS: &[&str] = &[
    "execute",
    "execute_batch",
    "prepare",
    "prepare_cached",
    "query",
    "query_one",
    "query_opt",
    "query_row",
    "query_raw",
    "batch_execute",
    "simple_query",
    "query_drop",
    "query_iter",
    "query_first",
    "query_map",
    "exec_drop",
    "exec_iter",
    "exec_first",
    "execute_unprepared",
    "query_and_then",
    "prepare_typed",
];
/// Names of things that speak SQL.
const SQL_NAMES: &[&str] = &[
    "conn",
    "connection",
    "db",
    "database",
    "pool",
    "client",
    "tx",
    "transaction",
    "sqlite",
    "pg",
];
const VERBS: &[&str] = &["get", "post", "put", "patch", "delete", "head"];
/// Engines of templates: the crate, the method, and where the template stands.
const TEMPLATES: &[(&str, &str, Which)] = &[
    ("tera", "render_str", ONE),
    ("tera", "add_raw_template", SECOND),
    ("minijinja", "render_str", ONE),
    ("minijinja", "template_from_str", ONE),
    ("minijinja", "render_named_str", SECOND),
    ("minijinja", "add_template", SECOND),
    ("minijinja", "add_template_owned", SECOND),
    ("handlebars", "render_template", ONE),
    ("handlebars", "register_template_string", SECOND),
    ("liquid", "parse", ONE),
    ("upon", "compile", ONE),
];
/// Languages inside of a program: the crate, and the method that runs a text.
const LANGUAGES: &[(&str, &str)] = &[
    ("rhai", "eval"),
    ("rhai", "eval_with_scope"),
    ("rhai", "run"),
    ("rhai", "eval_expression"),
    ("rhai", "compile"),
    ("mlua", "load"),
    ("rlua", "load"),
    ("boa_engine", "eval"),
    ("rquickjs", "eval"),
    ("deno_core", "execute_script"),
    ("pyo3", "eval"),
    ("pyo3", "run"),
    ("rustpython_vm", "run_code_string"),
    ("v8", "compile"),
];

impl World<'_> {
    /// What is told by the crate and the method, not by a name alone.
    pub(super) fn which_in_rust(&self, asked: &Asked<'_>, root: &str) -> Option<(Sink, Which)> {
        let method = asked.method;
        if asked.path.contains("OpenOptions") && method == "open" {
            let writes = ["write", "append", "create", "truncate", "create_new"];
            let writes = writes.iter().any(|it| asked.path.contains(&format!(".{it}()")));
            return Some((if writes { Sink::FileWrite } else { Sink::FileRead }, ONE));
        }
        if let Some((_, _, which)) = TEMPLATES
            .iter()
            .find(|it| it.1 == method && (it.0 == root || asked.path.contains(it.0)))
        {
            return Some((Sink::Template, which));
        }
        if LANGUAGES.iter().any(|it| (it.0, it.1) == (root, method)) {
            return Some((Sink::Code, ONE));
        }
        self.request_in_rust(asked, root).or_else(|| self.sql_in_rust(asked, root))
    }

    fn request_in_rust(&self, asked: &Asked<'_>, root: &str) -> Option<(Sink, Which)> {
        let client =
            matches!(root, "reqwest" | "ureq" | "surf" | "isahc" | "awc" | "reqwest_middleware");
        let named = || {
            let name = self.name_of(asked.recv?)?;
            (name.contains("http") || name.ends_with("client")).then_some(())
        };
        if !client && named().is_none() || asked.path.contains("headers()") {
            return None;
        }
        let request = matches!(asked.method, "request" | "request_url") && asked.args.len() >= 2;
        match asked.method {
            _ if request => Some((Sink::Url, SECOND)),
            verb if VERBS.contains(&verb) && asked.args.len() == 1 => Some((Sink::Url, ONE)),
            _ => None,
        }
    }

    /// A method that takes SQL, of something that speaks it.
    fn sql_in_rust(&self, asked: &Asked<'_>, root: &str) -> Option<(Sink, Which)> {
        let recv = asked.recv?;
        if asked.path.starts_with("sqlx.query") {
            return None;
        }
        if asked.path.contains("QueryBuilder") {
            return (asked.method == "push").then_some((Sink::Sql, ONE));
        }
        // A statement that was prepared takes values and no SQL.
        let prepared = asked.path.contains(".prepare") && !asked.method.starts_with("prepare");
        if !SQL_METHODS.contains(&asked.method) || prepared || asked.args.is_empty() {
            return None;
        }
        let named = self.speaks_sql
            && self.name_of(recv).is_some_and(|it| {
                SQL_NAMES.iter().any(|name| it == *name || it.ends_with(&format!("_{name}")))
            });
        let which = match asked.method {
            "query_map" if asked.args.len() < 2 => return None,
            _ => ONE,
        };
        (SPEAKERS.contains(&root) || named).then_some((Sink::Sql, which))
    }

    /// The last name of something that is not followed.
    fn name_of(&self, id: Id) -> Option<String> {
        let name = match self.values.get(id) {
            Node::Global(name) => name.rsplit('.').next().unwrap_or_default().to_owned(),
            Node::Member(_, name) => name.to_string(),
            Node::Call(path, ..) => path.rsplit('.').next().unwrap_or_default().to_owned(),
            Node::Phi(alts) => return alts.iter().find_map(|it| self.name_of(it.value)),
            _ => return None,
        };
        Some(name.trim_start_matches(['?', '_']).to_lowercase())
    }
}
