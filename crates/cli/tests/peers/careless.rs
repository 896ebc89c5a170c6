//! The history of attacks, on a server with every mistake and on ours: each reaches
//! something there, and nothing here.
//!
//! What counts is an effect: the secret in an answer, a file that was not there, a
//! table that changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::talk::Talk;
use crate::yard::{PORTCULLIS, Yard, command, source};

const SECRET: &str = "the-planted-secret";

/// What an attack wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// The secret in an answer.
    Secret,
    /// A file of this name outside of the project.
    File,
    /// Another table than there was.
    Table,
}

/// An attack, as each of the two is asked.
struct Attack {
    name: &'static str,
    wants: Wants,
    careless: (&'static str, Value),
    ours: (&'static str, Value),
}

#[test]
fn every_path_attack_falls_the_careless_server_and_not_ours() {
    fall(|yard| {
        let project = yard.text("project");
        let outside = yard.text("outside");
        let up = format!("{project}/..");
        [
            ("CVE-2025-53109: a link that leads out", format!("{project}/link")),
            ("CVE-2025-53109: a directory that leads out", format!("{project}/door/secret.txt")),
            (
                "CVE-2025-53110: a sibling with the same prefix",
                format!("{project}-evil/secret.txt"),
            ),
            ("two dots", format!("{up}/outside/secret.txt")),
            ("two dots among others", format!("{project}/./deep/.././../outside/./secret.txt")),
            ("an encoded slash", format!("{project}/..%2foutside%2fsecret.txt")),
            ("encoded dots", format!("{project}/%2e%2e/outside/secret.txt")),
            ("overlong UTF-8", format!("{project}/%c0%ae%c0%ae/outside/secret.txt")),
            ("an overlong slash", format!("{project}/..%c0%afoutside%c0%afsecret.txt")),
            ("a file URI", format!("file://{outside}/secret.txt")),
            ("a file URI with a host", format!("file://localhost{outside}/secret.txt")),
            ("a zero that ends the name", format!("{up}/outside/secret.txt\0.md")),
            ("an encoded zero", format!("{up}/outside/secret.txt%00.md")),
        ]
        .into_iter()
        .map(|(name, path)| Attack {
            name,
            wants: Wants::Secret,
            careless: ("read", json!({ "path": path })),
            ours: ("read_file", json!({ "path": path })),
        })
        .collect()
    });
}

#[test]
fn every_argument_attack_falls_the_careless_server_and_not_ours() {
    fall(|yard| {
        let secret = yard.text("outside/secret.txt");
        let made = yard.text("outside/made");
        let words = |wants, name, program: &str, ours: &str, words: Vec<String>| Attack {
            name,
            wants,
            careless: ("run", json!({"program": program, "arguments": words})),
            ours: ("run_command", json!({"program": ours, "arguments": words})),
        };
        let text = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let (from, output) = (format!("--files0-from={secret}"), format!("--output={made}"));
        let (shell, url) = (format!("notes.txt; cat {secret}"), format!("x$(cat {secret})"));
        vec![
            words(Wants::Secret, "wc --files0-from", "wc", "wc", text(&[&from])),
            words(
                Wants::Secret,
                "grep -f",
                "grep",
                "grep",
                text(&["-f", "/dev/null", "-v", "x", &secret]),
            ),
            words(
                Wants::Secret,
                "a path as an argument",
                "grep",
                "grep",
                text(&["secret", &secret]),
            ),
            words(Wants::File, "sort -o", "sort", "sort", text(&["-o", &made, "notes.txt"])),
            words(
                Wants::File,
                "CVE-2025-68144: an option where a revision is asked for",
                "git",
                "git-diff",
                text(&["diff", "--no-index", &output, "notes.txt", "other.txt"]),
            ),
            words(
                Wants::File,
                "CVE-2025-68143: a repository made anywhere",
                "git",
                "git-status",
                text(&["init", &made]),
            ),
            words(
                Wants::Secret,
                "CVE-2025-68145: another repository than the one that was granted",
                "git",
                "git-log",
                text(&["-C", &yard.text("outside/repository"), "log", "-p"]),
            ),
            Attack {
                name: "a shell metacharacter",
                wants: Wants::Secret,
                careless: ("shell", json!({ "line": shell })),
                ours: ("run_command", json!({"program": "wc", "arguments": [shell]})),
            },
            Attack {
                name: "CVE-2025-6514's class: an address that a shell reads",
                wants: Wants::Secret,
                careless: ("fetch", json!({ "url": url })),
                ours: ("run_command", json!({"program": "wc", "arguments": [url]})),
            },
        ]
    });
}

#[test]
fn every_sql_attack_falls_the_careless_server_and_not_ours() {
    fall(|yard| {
        let other = yard.text("outside/other.db");
        let (made, library) = (yard.text("outside/made"), yard.text("outside/library.so"));
        [
            (Wants::Table, "stacked", "select 1; delete from orders".to_owned()),
            (
                Wants::Table,
                "behind a comment",
                "select 1 -- only reads\n; delete from orders".to_owned(),
            ),
            (
                Wants::Table,
                "a CTE that writes",
                "with x as (select 1) delete from orders".to_owned(),
            ),
            (
                Wants::Table,
                "a pragma",
                "pragma writable_schema = on; delete from orders".to_owned(),
            ),
            (Wants::Secret, "ATTACH", format!("attach '{other}' as o; select text from o.secrets")),
            (Wants::File, "VACUUM INTO", format!("vacuum into '{made}'")),
            (Wants::File, "load_extension", format!("select load_extension('{library}')")),
        ]
        .into_iter()
        .filter(|(_, name, _)| *name != "load_extension" || loads())
        .map(|(wants, name, sql)| Attack {
            name,
            wants,
            careless: ("query", json!({ "sql": sql })),
            ours: ("query_shop", json!({ "sql": sql })),
        })
        .collect()
    });
}

/// Each attack on a fresh stage for each of the two servers.
fn fall(attacks: impl Fn(&Yard) -> Vec<Attack>) {
    let count = attacks(&Yard::new()).len();
    for at in 0..count {
        let mut fell = [false; 2];
        let mut name = "";
        for (who, fell) in fell.iter_mut().enumerate() {
            let yard = stage();
            let attack = &attacks(&yard)[at];
            name = attack.name;
            let mut talk = Talk::start(server(&yard, who == 0), None);
            let (tool, arguments) = if who == 0 { &attack.careless } else { &attack.ours };
            let answer = talk.call(tool, arguments).to_string();
            *fell = match attack.wants {
                Wants::Secret => answer.contains(SECRET),
                Wants::File => yard.path("outside/made").exists(),
                Wants::Table => rows(&yard) != 2,
            };
            if who == 1 {
                // No mistake of the test's: the tool is there, and answers.
                assert!(answer.contains("\"result\""), "{name}: {answer}");
            }
            assert!(talk.leave().success(), "{name}");
        }
        assert_eq!(fell, [true, false], "{name}: on the careless server, on ours");
    }
}

fn server(yard: &Yard, careless: bool) -> std::process::Command {
    let (project, database) = (yard.text("project"), yard.text("tables/shop.db"));
    if careless {
        let mut python = command(python());
        python.arg(source("peers/servers/careless.py")).args([&project, &database]);
        return python;
    }
    let mut ours = command(PORTCULLIS);
    ours.args(["server", "--root", &format!("{project}:rw"), "--state", &yard.text("state")]);
    ours.args(["--config", &yard.text("tables/portcullis.toml")]);
    ours
}

/// A Python whose SQLite can load code, where there is one: Debian's can.
fn python() -> &'static str {
    let debian = "/usr/bin/python3";
    if Path::new(debian).exists() { debian } else { "python3" }
}

/// Whether the careless server can make the mistake at all.
fn loads() -> bool {
    let mut look = command(python());
    look.args(["-c", "import sqlite3; sqlite3.Connection.enable_load_extension"]);
    let loads = look.output().unwrap().status.success();
    if !loads {
        eprintln!("skipped: this Python's SQLite loads no code, so nobody can be fallen by it");
    }
    loads
}

fn rows(yard: &Yard) -> i64 {
    let shop = rusqlite::Connection::open(yard.path("tables/shop.db")).unwrap();
    shop.query_row("select count(*) from orders", [], |row| row.get(0)).unwrap()
}

const TABLES: &str = r#"
[databases.shop]
file = "TABLES/shop.db"
adhoc = "read"

[commands]
wc = { program = "/usr/bin/wc", grammar = "wc" }
grep = { program = "/usr/bin/grep", grammar = "grep" }
sort = { program = "/usr/bin/sort", grammar = "sort" }
git-diff = { program = "/usr/bin/git", grammar = "git-diff" }
git-log = { program = "/usr/bin/git", grammar = "git-log" }
git-status = { program = "/usr/bin/git", grammar = "git-status" }
"#;

fn stage() -> Yard {
    let yard = Yard::new();
    for (name, text) in [
        ("project/notes.txt", "one\n"),
        ("project/other.txt", "two\n"),
        ("project/deep/x.txt", "x\n"),
        ("project-evil/secret.txt", SECRET),
        ("outside/secret.txt", SECRET),
        ("outside/repository/secret.txt", SECRET),
        ("tables/portcullis.toml", &TABLES.replace("TABLES", &yard.text("tables"))),
    ] {
        yard.file(name, text);
    }
    symlink(yard.path("outside/secret.txt"), yard.path("project/link")).unwrap();
    symlink(yard.path("outside"), yard.path("project/door")).unwrap();
    let repository = yard.text("outside/repository");
    for words in [
        &["init", "-q"][..],
        &["add", "."],
        &["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"],
    ] {
        let mut git = command("git");
        let done =
            git.args(["-C", &repository, "-c", "safe.directory=*"]).args(words).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let database = |name: &str, script: &str| {
        let connection = rusqlite::Connection::open(yard.path(name)).unwrap();
        connection.execute_batch(script).unwrap();
    };
    database(
        "tables/shop.db",
        "create table orders (id integer); insert into orders values (1), (2)",
    );
    let secrets =
        format!("create table secrets (text text); insert into secrets values ('{SECRET}')");
    database("outside/other.db", &secrets);
    library(&yard);
    fs::create_dir_all(yard.path("state")).unwrap();
    yard
}

/// Code that a database would load: it makes a file.
fn library(yard: &Yard) {
    let made = yard.text("outside/made");
    let source = yard.file(
        "outside/library.c",
        format!(
            "#include <fcntl.h>\n__attribute__((constructor)) static void load(void) \
             {{ open(\"{made}\", O_CREAT | O_WRONLY, 0600); }}\n"
        ),
    );
    let mut compiler = command("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(yard.path("outside/library.so")).arg(source);
    let done = compiler.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
