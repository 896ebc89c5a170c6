//! The keys of `[commands.NAME]`.

use super::{HOUR, KIB, Key, Kind, MIB, REFERENCE, key, quoted};
use crate::commands::Command;
use crate::values::{show_duration, show_size};

pub(super) static COMMAND: &[Key] = &[
    key(
        "program",
        Kind::Text,
        "the program's absolute path; it may be nobody's to change but ours",
    )
    .such_as(r#""/usr/bin/wc""#),
    key("about", Kind::Text, "what it does, for the model").such_as(r#""counts lines""#),
    key("grammar", Kind::Word(GRAMMARS), "what it may be given, for programs that everybody has")
        .such_as(r#""wc""#),
    key("fixed", Kind::Command, "words that always stand before those of a call")
        .usually("[]")
        .such_as(r#"["--no-color"]"#),
    key(
        "options",
        Kind::Command,
        "an option each, with the kind of its value if it has one; every other is refused",
    )
    .usually("[]")
    .such_as(r#"["-l, --lines", "-n = number 1..1000", "--sort = one of name, size"]"#),
    key("first", Kind::Text, "the kind of one argument that stands before the others")
        .such_as(r#""text 200""#),
    key("arguments", Kind::Table(ARGUMENTS), "what may stand there that is no option"),
    key(
        "dashes",
        Kind::Word(&["ends", "unknown"]),
        "what `--` means to it: the end of options, or nothing, as to find",
    )
    .usually(r#""ends""#)
    .such_as(r#""unknown""#),
    key("at_words", Kind::Flag, "words may start with `@`: it knows no files of further words")
        .usually("false")
        .such_as("true"),
    key("timeout", Kind::Duration(100..=HOUR), "how long a call may take")
        .computed(|| quoted(&show_duration(Command::TIMEOUT)))
        .such_as(r#""30s""#),
    key(
        "output",
        Kind::Size(KIB..=16 * MIB),
        "how much is kept of what it says, and of its errors",
    )
    .computed(|| quoted(&show_size(Command::OUTPUT_BYTES)))
    .such_as(r#""256KiB""#),
    key("env", Kind::Variables(REFERENCE), "variables it gets; all others of ours are withheld")
        .usually("{}")
        .such_as(r#"{ LC_ALL = "C" }"#),
    key(
        "writes",
        Kind::Flag,
        "it may write in roots that are `rw`, else it reads only; a machine without namespaces holds no protected place from it",
    )
        .usually("false")
        .such_as("true"),
];

static ARGUMENTS: &[Key] = &[
    key(
        "kind",
        Kind::Text,
        "`path`, `output`, `number 1..100`, `one of a, b`, `text 80` or `text 80 PATTERN`",
    )
    .usually(r#""path""#)
    .such_as(r#""text 80 [a-z]+""#),
    key("min", Kind::Count(0..=256), "as many at least; without a file many read what we read")
        .usually("1")
        .such_as("0"),
    key("max", Kind::Count(1..=256), "as many at most").usually("8").such_as("2"),
];

/// The ready grammars, as `guard` has them.
static GRAMMARS: &[&str] = &[
    "cat",
    "cut",
    "diff",
    "du",
    "file",
    "find",
    "git-diff",
    "git-log",
    "git-status",
    "grep",
    "head",
    "ls",
    "sha256sum",
    "sort",
    "stat",
    "tail",
    "uniq",
    "wc",
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_ready_grammar_may_be_named() {
        let ready = portcullis_guard::command::READY.iter().map(|ready| ready.name);
        assert_eq!(ready.collect::<Vec<_>>(), super::GRAMMARS);
    }
}
