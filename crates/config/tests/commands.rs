//! `[commands.NAME]`: what may be written, whose word counts, and what is wrong where.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::time::Duration;

use portcullis_config::commands::Command;
use portcullis_config::{Config, Document, Documents};

fn document(file: &str, text: &str) -> Document {
    let config = Config::read(text, file).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    Document { file: file.to_owned(), config }
}

fn commands(text: &str) -> Vec<Command> {
    let user = Some(document("x", text));
    Documents { user, ..Documents::default() }.commands().unwrap()
}

#[test]
fn a_ready_grammar_says_it_all() {
    let text = "[commands.log]\nprogram = \"/usr/bin/git\"\ngrammar = \"git-log\"\n";
    let commands = commands(text);
    let [log] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!((log.name.as_str(), log.program.as_str()), ("log", "/usr/bin/git"));
    assert!(log.fixed.contains(&"--no-ext-diff".to_owned()) && !log.usual_env.is_empty());
    assert!(log.about.contains("history") && !log.writes);
    assert_eq!((log.timeout, log.output_bytes), (Duration::from_secs(10), 1 << 20));
    assert!(log.grammar.options().any(|(name, _)| name == "--oneline"));
}

#[test]
fn a_grammar_may_be_written() {
    let text = r#"
        [commands.tool]
        program = "~/bin/tool"
        about = "does it"
        fixed = ["--quiet"]
        options = ["-l, --lines", "--sort = one of name, size", "-n = number 1..9"]
        first = "text 20 [a-z]+"
        arguments = { kind = "path", min = 0, max = 3 }
        timeout = "30s"
        output = "64KiB"
        env = { LC_ALL = "C" }
        writes = true
    "#;
    let commands = commands(text);
    let tool = commands.first().unwrap();
    let options: Vec<String> = tool
        .grammar
        .options()
        .map(|(name, kind)| format!("{name} {}", kind.map_or(String::new(), ToString::to_string)))
        .collect();
    assert_eq!(options, ["--lines ", "--sort one of name, size", "-l ", "-n number 1..9"]);
    let groups: Vec<_> = tool.grammar.groups().map(|group| (group.min, group.max)).collect();
    assert_eq!(groups, [(1, 1), (0, 3)]);
    assert!(tool.writes && tool.env.len() == 1 && tool.output_bytes == 64 << 10);
}

#[test]
fn mistakes_are_found_where_they_are() {
    let cases = [
        ("program = \"wc\"", "found by whoever is first"),
        ("program = \"bin/wc\"", "found by whoever is first"),
        ("grammar = \"sh\"", "sh"),
        ("grammar = \"wc\"\noptions = [\"-x\"]", "no place beside `grammar`"),
        ("options = [\"lines\"]", "is no option"),
        ("options = [\"-l\", \"-l\"]", "stands there twice"),
        ("options = [\"-l = file\"]", "is no kind"),
        ("options = [\"-l = text 9 (\"]", "is no pattern"),
        ("first = \"words\"", "is no kind"),
        ("arguments = { min = 3, max = 1 }", "no number of them"),
        ("arguments = { kind = \"number 9..1\" }", "is no range"),
        ("timeout = \"2h\"", "lies between"),
        ("env = { TOKEN = \"ghp_0123456789abcdefghijABCDEFGHIJ012345\" }", "TOKEN"),
        ("shell = true", "shell"),
    ];
    for (line, expect) in cases {
        let text = format!("[commands.x]\n{line}\n");
        let Err(wrong) = Config::read(&text, "x") else { panic!("{text} reads") };
        let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|one| one.contains(expect)), "{text} {all:?}");
        assert!(wrong.iter().all(|one| one.line >= 2), "{all:?}");
    }
    let Err(wrong) = Config::read("[commands.\"a b\"]\nprogram = \"/x\"\n", "x") else {
        panic!("a name with a blank reads")
    };
    assert!(wrong.first().unwrap().to_string().contains("64 letters"));
}

#[test]
fn a_table_without_a_program_runs_nothing() {
    let user = Some(document("mine", "[commands.wc]\ngrammar = \"wc\"\n"));
    let wrong = Documents { user, ..Documents::default() }.commands().unwrap_err();
    assert!(wrong.first().unwrap().to_string().contains("names no program"));
}

/// Whoever writes a repository must not choose what is run.
#[test]
fn a_project_offers_no_programs_and_nobody_replaces_the_administrators() {
    let wc = "[commands.wc]\nprogram = \"/usr/bin/wc\"\ngrammar = \"wc\"\n";
    let cat = "[commands.cat]\nprogram = \"/bin/cat\"\ngrammar = \"cat\"\n";
    let administrator = Some(document("admin", wc));
    let documents = Documents {
        administrator: administrator.clone(),
        user: Some(document("mine", cat)),
        projects: Vec::new(),
    };
    let names: Vec<String> =
        documents.commands().unwrap().into_iter().map(|command| command.name).collect();
    assert_eq!(names, ["cat", "wc"]);
    let replaced = Documents {
        administrator,
        user: Some(document("mine", wc)),
        projects: vec![document("theirs", cat)],
    };
    let wrong: Vec<String> =
        replaced.commands().unwrap_err().iter().map(ToString::to_string).collect();
    assert!(wrong.iter().any(|one| one.contains("mine has [commands.wc]")), "{wrong:?}");
    assert!(wrong.iter().any(|one| one.contains("theirs has [commands.cat]")), "{wrong:?}");
}

/// The guide's tables are read as they stand there.
#[test]
fn the_guide_is_right() {
    let page = include_str!("../../../docs/guide/commands.md");
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let text: String = blocks.collect();
    let names: Vec<String> = commands(&text).into_iter().map(|command| command.name).collect();
    assert_eq!(names, ["history", "lint", "wc"]);
    for ready in portcullis_guard::command::READY {
        assert!(page.contains(&format!("`{}`", ready.name)), "{}", ready.name);
    }
}
