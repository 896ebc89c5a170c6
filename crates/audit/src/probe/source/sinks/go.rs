//! Where a value can do harm in Go.

use crate::evidence::source::Sink;

use super::super::taint::World;
use super::super::taint::value::{Id, Node};
use super::Match::Path;
use super::Place::{All, At as Nth, From, Named};
use super::{Asked, BOTH, FIRST, Row, TWO, Which};

const FIRST_ONLY: Which = &[Nth(0)];
const SECOND: Which = &[Nth(1)];
const THIRD: Which = &[Nth(2)];

#[rustfmt::skip]
pub(super) const GO: &[Row] = &[
    (Path("os.Open"), Sink::FileRead, FIRST), (Path("os.ReadFile"), Sink::FileRead, FIRST), (Path("ioutil.ReadFile"), Sink::FileRead, FIRST),
    (Path("os.ReadDir"), Sink::FileRead, FIRST), (Path("ioutil.ReadDir"), Sink::FileRead, FIRST), (Path("os.Readlink"), Sink::FileRead, FIRST),
    (Path("os.OpenFile"), Sink::FileRead, FIRST), (Path("os.DirFS"), Sink::FileRead, FIRST), (Path("filepath.Walk"), Sink::FileRead, FIRST),
    (Path("filepath.WalkDir"), Sink::FileRead, FIRST), (Path("filepath.Glob"), Sink::FileRead, FIRST), (Path("http.ServeFile"), Sink::FileRead, &[Nth(2)]),
    (Path("os.Create"), Sink::FileWrite, FIRST), (Path("os.WriteFile"), Sink::FileWrite, FIRST), (Path("ioutil.WriteFile"), Sink::FileWrite, FIRST),
    (Path("os.Remove"), Sink::FileWrite, FIRST), (Path("os.RemoveAll"), Sink::FileWrite, FIRST), (Path("os.Mkdir"), Sink::FileWrite, FIRST),
    (Path("os.MkdirAll"), Sink::FileWrite, FIRST), (Path("os.Rename"), Sink::FileWrite, BOTH), (Path("os.Symlink"), Sink::FileWrite, BOTH),
    (Path("os.Link"), Sink::FileWrite, BOTH), (Path("os.Chmod"), Sink::FileWrite, FIRST), (Path("os.Chown"), Sink::FileWrite, FIRST),
    (Path("os.Truncate"), Sink::FileWrite, FIRST), (Path("os.CopyFS"), Sink::FileWrite, FIRST),
    (Path("exec.Command"), Sink::Process, &[All]), (Path("exec.CommandContext"), Sink::Process, &[From(1)]), (Path("os.StartProcess"), Sink::Process, TWO), (Path("exec.Cmd"), Sink::Process, &[Named("Path"), Named("Args")]),
    (Path("syscall.Exec"), Sink::Process, TWO),
    (Path("goja.New().RunString"), Sink::Code, &[Nth(0)]), (Path("goja.New().RunScript"), Sink::Code, SECOND), (Path("otto.New().Run"), Sink::Code, &[Nth(0)]),
    (Path("interp.New().Eval"), Sink::Code, &[Nth(0)]), (Path("lua.NewState().DoString"), Sink::Code, &[Nth(0)]), (Path("plugin.Open"), Sink::Code, &[Nth(0)]),
    (Path("http.Get"), Sink::Url, &[Nth(0)]), (Path("http.Head"), Sink::Url, &[Nth(0)]), (Path("http.Post"), Sink::Url, &[Nth(0)]),
    (Path("http.PostForm"), Sink::Url, &[Nth(0)]), (Path("http.NewRequest"), Sink::Url, SECOND), (Path("http.NewRequestWithContext"), Sink::Url, &[Nth(2)]),
];

/// Packages of things that speak SQL, or a language like it.
const SPEAKERS: &[&str] = &[
    "sql",
    "sqlx",
    "pgx",
    "pgxpool",
    "gorm",
    "bun",
    "sqlite",
    "sqlite3",
    "clickhouse",
    "duckdb",
    "mysql",
    "pq",
    "neo4j",
    "gocql",
    "mssql",
    "sqlitex",
];
const SQL_METHODS: &[&str] = &[
    "Query",
    "QueryRow",
    "Exec",
    "QueryContext",
    "QueryRowContext",
    "ExecContext",
    "Prepare",
    "PrepareContext",
    "Raw",
    "Queryx",
    "QueryxContext",
    "QueryRowx",
    "MustExec",
    "Preparex",
    "NamedExec",
    "NamedQuery",
    "Run",
];
/// The same where its own is not called; here the text stands second.
const INTO: &[&str] = &["Select", "Get", "SelectContext", "GetContext"];
const CLIENTS: &[&str] = &["http", "resty", "req", "retryablehttp", "colly", "fasthttp"];
const VERBS: &[&str] = &["Get", "Head", "Post", "PostForm", "Put", "Patch", "Delete", "Visit"];
/// Functions that give an error, and nothing else.
#[rustfmt::skip]
const ERROR_ONLY: &[&str] = &[
    "os.WriteFile", "ioutil.WriteFile", "os.Remove", "os.RemoveAll", "os.Mkdir", "os.MkdirAll", "os.Rename", "os.Symlink", "os.Link", "os.Chmod", "os.Chown",
    "os.Truncate", "os.CopyFS", "filepath.Walk", "filepath.WalkDir",
];

impl World<'_> {
    /// What is told by the package and the method, not by a name alone.
    pub(super) fn which_in_go(&self, asked: &Asked<'_>, root: &str) -> Option<(Sink, Which)> {
        let of_header = || asked.path.contains(".Header") || asked.path.contains(".Query()");
        if CLIENTS.contains(&root) && VERBS.contains(&asked.method) && !of_header() {
            return Some((Sink::Url, &[Nth(0)]));
        }
        if root == "template" && asked.method == "Parse" {
            return Some((Sink::Template, &[Nth(0)]));
        }
        if !SPEAKERS.contains(&root) || asked.recv.is_none() {
            return None;
        }
        // A statement that was prepared takes values and no SQL.
        let prepared = |it: Id| matches!(self.values.get(it), Node::Call(path, ..) if path.contains(".Prepare"));
        let at = usize::from(asked.args.first().is_some_and(|(_, it)| self.is_context(*it)));
        if SQL_METHODS.contains(&asked.method) && !asked.recv.is_some_and(prepared) {
            return Some((Sink::Sql, [FIRST_ONLY, SECOND].get(at)?));
        }
        let into = INTO.contains(&asked.method) && root == "sqlx";
        into.then_some((Sink::Sql, [SECOND, THIRD].get(at)?))
    }

    /// What a caller gives up with: no argument of the statement's.
    fn is_context(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Unknown(_) => true,
            Node::Call(path, ..) => path.starts_with("context."),
            Node::Global(name) => name.ends_with("ctx") || name.ends_with("Context"),
            Node::Member(_, name) => name.to_lowercase().ends_with("ctx"),
            _ => false,
        }
    }

    /// Whether the error of a call may have the system's own words in it.
    pub(in super::super) fn fails_in_go(&self, path: &str) -> bool {
        let root = path.split(['.', '(']).next().unwrap_or_default();
        GO.iter().any(|row| matches!(row.0, Path(it) if it == path))
            || path.starts_with("exec.Command")
            || root == "http" && path.ends_with(".Do")
            || SPEAKERS.contains(&root)
    }

    /// Whether all that a call gives is an error, or none.
    pub(in super::super) fn only_fails(&self, path: &str) -> bool {
        let run = ["Run", "Start", "Wait"]
            .iter()
            .any(|it| path.strip_prefix("exec.Command().") == Some(it));
        ERROR_ONLY.contains(&path) || run || path == "exec.CommandContext().Run"
    }
}
