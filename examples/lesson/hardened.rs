//! The same three tools, hardened with the kit. `portcullis lesson` attacks it as it attacks those in Python.

use std::{error::Error, io::Read as _, path::Path};

use portcullis_config::{Config, Documents};
use portcullis_confine::{Access, Level, admit_root};
use portcullis_kit::{Call, Hints, Limits, Refusal, Start, Toolbox, TypedTool, UnderRoot};
use portcullis_server::{command::RunCommand, query::Ready};

/// What the shop may be asked, and which programs may run: everything else is refused.
const TABLES: &str = r#"
commands.cat = { program = "/bin/cat", grammar = "cat" }     # lesson: option
commands.wc = { program = "/usr/bin/wc", grammar = "wc" }
databases.shop.file = DATABASE
[queries.query_shop]
database = "shop"
about = "Finds products by a part of their name"
parameters = { text = { max = 64 }, order = { enum = ["name", "price"], optional = true } }
sql = "select name, price from products where instr(name, :text) order by iif(:order = 'price', price, name)" # lesson: raw-sql, starts-with-select
"#;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    path: UnderRoot, // lesson: any-path, prefix, race
    #[schemars(range(min = 1, max = 200))] // lesson: no-validation
    lines: Option<usize>,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Note {
    text: String,
}

#[derive(Debug)]
struct ReadNote;

impl TypedTool for ReadNote {
    type Arguments = Asked;
    type Output = Note;
    const NAME: &'static str = "read_note";
    const TITLE: &'static str = "Read a note";
    const DESCRIPTION: &'static str = "Reads the first lines of a note in the project.";
    const HINTS: Hints = Hints::reads(); // lesson: no-annotations

    async fn run(&self, asked: Asked, call: &Call) -> Result<Note, Refusal> {
        call.blocking(move |_| read(&asked)).await
    }
}

fn read(asked: &Asked) -> Result<Note, Refusal> {
    let file = asked.path.dir().file(asked.path.below());
    let gone = |why| Refusal::new("there is no such note").because(why); // lesson: raw-errors
    let mut bytes = Vec::new();
    let read = file.map_err(gone)?.take(65_536).read_to_end(&mut bytes);
    read.map_err(|why| Refusal::failed("reading the note", why))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(Note { text: text.split_inclusive('\n').take(asked.lines.unwrap_or(200)).collect() })
}

/// Confines itself, then serves: what it was not given here it cannot reach later.
pub(crate) fn serve(project: &Path, database: &Path) -> Result<(), Box<dyn Error>> {
    let tables = TABLES.replace("DATABASE", &serde_json::to_string(database)?);
    let config = Config::read(&tables, "hardened.rs").map_err(|wrong| format!("{wrong:?}"))?;
    let commands = Documents::only(config.clone(), "hardened.rs").commands();
    let commands = commands.map_err(|wrong| format!("{wrong:?}"))?;
    let queries = Ready::of(&config.queries, None, &|_| Err("no references here".into()))?;
    let root = admit_root(project, Access::ReadOnly, None)?;
    let run_command = RunCommand::of(commands, vec![root.clone()], Level::Landlock)?; // lesson: shell, stdin
    let (start, shop) = (Start::new("hardened", "1.0.0").grant(root), queries.needs.read);
    let start = shop.into_iter().fold(start, |it, file| it.own_file(file, Access::ReadOnly));
    let toolbox = start.enter()?.tool(ReadNote).dynamic(run_command);
    let toolbox = toolbox.limits(Limits { calls_per_minute: 30_000, ..Limits::default() });
    Ok(queries.tools.into_iter().fold(toolbox, Toolbox::dynamic).serve_stdio()?)
}
