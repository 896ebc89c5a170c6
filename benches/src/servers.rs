//! Our own server beside the two that people use for the same: CPU for each call, the
//! most memory that was ever held, and a search beside ripgrep.
//!
//! Everybody serves the same files, one after the other, again and again. Each is
//! asked in its own words for the same thing; where one has no words for it, what
//! comes nearest is asked, and the table says so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::{Host, Load, command};
use crate::process;
use crate::stats::{median, shown};
use crate::subject::Places;

const FILES: usize = 100_000;
const ENTRIES: usize = 50_000;
const ROWS: u32 = 1_000;
const HUGE: usize = 64 << 20;

/// Who is asked.
struct Server {
    name: &'static str,
    program: Vec<String>,
}

/// What each is asked, in its own words: a call, or nothing.
struct Question {
    what: &'static str,
    calls: usize,
    words: [Option<String>; 3],
}

/// What was found of one server.
#[derive(Default)]
struct Found {
    start_ms: Vec<f64>,
    start_cpu_ms: Vec<f64>,
    idle_mib: Vec<f64>,
    most_mib: Vec<f64>,
    /// For each question: CPU of one call, in microseconds.
    cpu_us: Vec<Vec<f64>>,
}

/// Runs everything and prints its tables.
pub(crate) fn run(rounds: usize, gateway: Option<&str>) -> Result<String, String> {
    let work = tempfile::Builder::new().prefix("portcullis-bench").tempdir();
    let work = work.map_err(|error| format!("no directory to work in: {error}"))?;
    let stage = Stage::build(work.path())?;
    let places = Places::new(gateway, work.path())?;
    let servers = stage.servers(&places.gateway().display().to_string());
    let questions = stage.questions();
    let mut found: Vec<Found> = servers.iter().map(|_| Found::default()).collect();
    let mut searches = Searches::default();
    for round in 0..rounds {
        for (at, (server, found)) in servers.iter().zip(&mut found).enumerate() {
            eprintln!("round {}: {}", round + 1, server.name);
            found.cpu_us.resize_with(questions.len(), Vec::new);
            stage.measure(at, server, &questions, found)?;
        }
        searches.measure(&stage, &servers[0])?;
    }
    Ok(tables(&servers, &questions, &found, &searches))
}

/// The files that everybody serves.
struct Stage {
    root: PathBuf,
}

impl Stage {
    fn build(work: &Path) -> Result<Self, String> {
        let stage = Self { root: work.to_owned() };
        let write = |path: &str, bytes: &[u8]| {
            let path = work.join(path);
            let above = path.parent().unwrap_or(work);
            std::fs::create_dir_all(above).and_then(|()| std::fs::write(path, bytes))
        };
        let fill = || -> std::io::Result<()> {
            write("files/small.txt", line(1).repeat(16).as_bytes())?;
            write("files/large.txt", line(2).repeat((1 << 20) / 64).as_bytes())?;
            write("files/huge.txt", line(3).repeat(HUGE / 64).as_bytes())?;
            for entry in 0..ENTRIES {
                write(&format!("files/wide/entry-{entry:05}.txt"), b"")?;
            }
            for file in 0..FILES {
                let (above, below) = (file / 1000, file / 20 % 50);
                let needle = if file % 1000 == 7 { "needle in line\n" } else { "" };
                let text = format!("{}{needle}{}", line(file).repeat(8), line(file + 1).repeat(8));
                write(&format!("files/deep/{above}/{below}/f{file}.txt"), text.as_bytes())?;
            }
            Ok(())
        };
        fill().map_err(|error| format!("the files: {error}"))?;
        stage.database()?;
        Ok(stage)
    }

    fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    fn database(&self) -> Result<(), String> {
        let connection = rusqlite::Connection::open(self.path("shop.db"));
        let fill = connection.and_then(|connection| {
            connection.execute_batch("create table items (id integer primary key, name text)")?;
            for id in 0..ROWS {
                connection
                    .execute("insert into items values (?1, ?2)", (id, format!("item {id}")))?;
            }
            Ok(())
        });
        let config = format!(
            "[files]\nread_bytes = \"1MiB\"\n[databases.shop]\nfile = \"{}\"\n[queries.item]\ndatabase = \"shop\"\nabout = \"One item\"\n\
             sql = \"select id, name from items where id = :id\"\n\
             parameters = {{ id = {{ type = \"integer\" }} }}\n",
            self.path("shop.db")
        );
        fill.map_err(|error| format!("the database: {error}"))?;
        std::fs::write(self.path("server.toml"), config).map_err(|error| error.to_string())
    }

    fn servers(&self, gateway: &str) -> [Server; 3] {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let peers = std::env::var("PORTCULLIS_PEERS").unwrap_or_else(|_| "target/peers".to_owned());
        let npm = format!(
            "{peers}/node/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"
        );
        let sqlite = format!("{peers}/python/servers1/bin/mcp-server-sqlite");
        let (files, state) = (self.path("files"), self.path("state"));
        let config = self.path("server.toml");
        let ours = [
            gateway,
            "server",
            "--root",
            &files,
            "--state",
            &state,
            "--config",
            &config,
            "--calls-per-minute",
            "1000000",
        ];
        [
            Server { name: "portcullis server", program: words(&ours) },
            Server { name: "server-filesystem (npm)", program: words(&["node", &npm, &files]) },
            Server {
                name: "mcp-server-sqlite (PyPI)",
                program: words(&[&sqlite, "--db-path", &self.path("shop.db")]),
            },
        ]
    }

    fn questions(&self) -> Vec<Question> {
        let at = |path: &str| self.path(&format!("files/{path}"));
        let call = |tool: &str, arguments: String| {
            Some(format!(
                r#""method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
            ))
        };
        let read = |path: &str, ours: &str, npm: &str| {
            let path = at(path);
            [
                call("read_file", format!(r#"{{"path":"{path}"{ours}}}"#)),
                call("read_text_file", format!(r#"{{"path":"{path}"{npm}}}"#)),
                None,
            ]
        };
        let wide = at("wide");
        let pages = |limit: usize| format!(r#"{{"path":"{wide}","limit":{limit}}}"#);
        let deep = at("deep");
        let item = |sql: &str| format!(r#"{{"query":"{sql}"}}"#);
        vec![
            Question { what: "read 1 KiB", calls: 2000, words: read("small.txt", "", "") },
            Question { what: "read 1 MiB", calls: 40, words: read("large.txt", "", "") },
            Question {
                what: "the last ten lines of 64 MiB",
                calls: 100,
                words: read("huge.txt", r#","tail":10"#, r#","tail":10"#),
            },
            Question {
                what: "64 KiB in the middle of 64 MiB (npm: the first 1,024 lines)",
                calls: 100,
                words: read(
                    "huge.txt",
                    r#","first_byte":33554432,"bytes":65536"#,
                    r#","head":1024"#,
                ),
            },
            Question {
                what: "list 50,000 entries (ours: a page of 10,000, five of them)",
                calls: 1,
                words: [
                    call("list_directory", pages(10_000)),
                    call("list_directory", format!(r#"{{"path":"{wide}"}}"#)),
                    None,
                ],
            },
            Question {
                what: "list 50,000 entries (npm: with their sizes, as ours always has them)",
                calls: 1,
                words: [
                    call("list_directory", pages(10_000)),
                    call("list_directory_with_sizes", format!(r#"{{"path":"{wide}"}}"#)),
                    None,
                ],
            },
            Question {
                what: "find 100 of 100,000 files by name",
                calls: 1,
                words: [
                    call(
                        "search_files",
                        format!(r#"{{"path":"{deep}","glob":["f*007.txt"],"limit":1000}}"#),
                    ),
                    call(
                        "search_files",
                        format!(r#"{{"path":"{deep}","pattern":"**/f*007.txt"}}"#),
                    ),
                    None,
                ],
            },
            Question {
                what: "one row by its key",
                calls: 10_000,
                words: [
                    call("item", r#"{"id":500}"#.to_owned()),
                    None,
                    call("read_query", item("select id, name from items where id = 500")),
                ],
            },
        ]
    }

    fn measure(
        &self,
        at: usize,
        server: &Server,
        questions: &[Question],
        found: &mut Found,
    ) -> Result<(), String> {
        let mut host = Host::start(&server.program, Path::new(&self.path("complaints")))?;
        let family = process::Family::of(host.pid());
        found.start_ms.push(host.started.as_secs_f64() * 1e3);
        found.start_cpu_ms.push(family.ours().total.as_secs_f64() * 1e3);
        let idle = process::memory(host.pid()).unwrap_or_default();
        found.idle_mib.push(mib(idle.rss_kib));
        for (question, cpu) in questions.iter().zip(&mut found.cpu_us) {
            let Some(rest) = question.words.get(at).cloned().flatten() else { continue };
            // Our list comes in pages: what npm answers in one call is five of ours.
            let pages = if at == 0 && question.what.starts_with("list") { 5 } else { 1 };
            let calls = question.calls * pages;
            let begun = std::time::Instant::now();
            let used = if calls == 1 {
                host.asks_once(&rest)?.ours.total
            } else {
                host.asks(&Load { rest, text: 20, calls, window: 1 })?.ours.total
            };
            eprintln!("  {}: {:.1} s", question.what, begun.elapsed().as_secs_f64());
            cpu.push(micros(used) / per(question.calls));
        }
        found.most_mib.push(mib(process::most_kib(host.pid())));
        host.end()
    }
}

/// The text search, ours and ripgrep's, on the same tree.
#[derive(Default)]
struct Searches {
    ours_ms: Vec<f64>,
    ripgrep_ms: Vec<f64>,
}

impl Searches {
    fn measure(&mut self, stage: &Stage, ours: &Server) -> Result<(), String> {
        const TIMES: usize = 3;
        let deep = stage.path("files/deep");
        let rest = format!(
            r#""method":"tools/call","params":{{"name":"search_files","arguments":{{"path":"{deep}","text":"needle in","limit":1000}}}}}}"#
        );
        let mut host = Host::start(&ours.program, Path::new(&stage.path("complaints")))?;
        let series = host.asks(&Load { rest, text: 1000, calls: TIMES, window: 1 })?;
        self.ours_ms.push(micros(series.ours.total) / 1e3 / per(TIMES));
        host.end()?;
        let before = process::ended_children();
        for _ in 0..TIMES {
            let search = command("rg").args(["-n", "needle in", &deep]).output();
            let Ok(search) = search else { return Ok(()) };
            if search.stdout.split(|byte| *byte == b'\n').count() != FILES / 1000 + 1 {
                return Err("ripgrep finds something else".to_owned());
            }
        }
        let used = process::ended_children().saturating_sub(before);
        self.ripgrep_ms.push(micros(used) / 1e3 / per(TIMES));
        Ok(())
    }
}

fn tables(
    servers: &[Server],
    questions: &[Question],
    found: &[Found],
    searches: &Searches,
) -> String {
    let mut out = String::from("| | ");
    let names: Vec<&str> = servers.iter().map(|server| server.name).collect();
    let _ = writeln!(out, "{} | ratio |", names.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(servers.len() + 1));
    let mut row = |what: &str, values: Vec<f64>| {
        let ours = values.first().copied().unwrap_or(f64::NAN);
        // To the first of the others that is asked this.
        let other = values.iter().skip(1).copied().find(|value| value.is_finite());
        let ratio = other.unwrap_or(f64::NAN) / ours;
        let values: Vec<String> = values.into_iter().map(shown).collect();
        let _ = writeln!(out, "| {what} | {} | {} |", values.join(" | "), shown(ratio));
    };
    let of = |pick: fn(&Found) -> &Vec<f64>| {
        found.iter().map(|one| median(pick(one).iter().copied())).collect::<Vec<f64>>()
    };
    row("start to first answer, ms", of(|it| &it.start_ms));
    row("start, CPU ms", of(|it| &it.start_cpu_ms));
    row("resident after the start, MiB", of(|it| &it.idle_mib));
    row("most ever resident, MiB", of(|it| &it.most_mib));
    for (at, question) in questions.iter().enumerate() {
        let values = found.iter().map(|one| median(one.cpu_us[at].iter().copied())).collect();
        row(&format!("{}, CPU µs", question.what), values);
    }
    let (ours, rg) =
        (median(searches.ours_ms.iter().copied()), median(searches.ripgrep_ms.iter().copied()));
    let _ = writeln!(
        out,
        "\nsearch for a text in {FILES} files, CPU ms: ours {}, ripgrep {}, ratio {}",
        shown(ours),
        shown(rg),
        shown(ours / rg)
    );
    out
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn per(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

/// 64 bytes that are not the same everywhere.
fn line(number: usize) -> String {
    format!("{number:>8} the quick brown fox jumps over the lazy dog, and again.\n")
}
