//! Which argument of an interpreter is the program it shall run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// An interpreter's options that take the next word with them.
struct Interpreter {
    names: &'static [&'static str],
    with_value: &'static [&'static str],
    /// With one of these, no file follows.
    instead: &'static [&'static str],
    /// Words that may stand before the file.
    verbs: &'static [&'static str],
}

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &["node", "nodejs", "tsx", "ts-node"],
        with_value: &["-r", "--require", "--import", "--loader", "--experimental-loader", "-C"],
        instead: &["-e", "--eval", "-p", "--print", "-i"],
        verbs: &[],
    },
    Interpreter {
        names: &["deno", "bun"],
        with_value: &["-c", "--config", "--import-map", "--lock", "--preload"],
        instead: &["eval", "-e", "--eval"],
        verbs: &["run"],
    },
    Interpreter {
        names: &["python", "pypy"],
        with_value: &["-W", "-X"],
        instead: &["-c", "-m"],
        verbs: &[],
    },
    Interpreter {
        names: &["bash", "sh", "dash", "zsh", "ruby", "perl", "php", "java", "dotnet", "lua"],
        with_value: &["-I", "-cp", "-classpath"],
        instead: &["-c", "-e"],
        verbs: &["-jar", "-f"],
    },
];

/// The position and absolute path of the script, if the program is an
/// interpreter and a file of that name exists.
pub(super) fn argument(program: &Path, args: &[OsString]) -> Option<(usize, PathBuf)> {
    let name = program.file_name()?.to_str()?;
    let interpreter = INTERPRETERS.iter().find(|i| i.names.iter().any(|n| is(name, n)))?;
    let mut skip = false;
    for (at, word) in args.iter().enumerate() {
        let text = word.to_str().unwrap_or("?");
        if std::mem::take(&mut skip) {
            continue;
        }
        if interpreter.instead.contains(&text) {
            return None;
        }
        skip = interpreter.with_value.contains(&text);
        if !skip && !text.starts_with('-') && !interpreter.verbs.contains(&text) {
            return existing(word).map(|file| (at, file));
        }
    }
    None
}

/// `python3.11` is `python`, `nodejs` is not `node`.
fn is(name: &str, interpreter: &str) -> bool {
    name.strip_prefix(interpreter)
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// The box starts elsewhere, so a relative name would mean another file there.
fn existing(word: &OsStr) -> Option<PathBuf> {
    std::path::absolute(word).ok().filter(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_first_word_that_is_no_option() {
        let here = std::env::current_exe().unwrap();
        let file = here.to_str().unwrap();
        for (program, args, expect) in [
            ("/x/node", vec![file, "a"], Some(0)),
            ("/x/node", vec!["--require", "x", file], Some(2)),
            ("/x/node", vec!["-e", file], None),
            ("/x/python3.11", vec!["-X", "utf8", file], Some(2)),
            ("/x/python3", vec!["-m", "server", file], None),
            ("/x/deno", vec!["run", "--allow-read", file], Some(2)),
            ("/x/java", vec!["-jar", file], Some(1)),
            ("/x/grep", vec![file], None),
            ("/x/node", vec!["/nonexistent.js"], None),
        ] {
            let args: Vec<OsString> = args.iter().map(|&a| a.into()).collect();
            let found = argument(Path::new(program), &args).map(|(at, _)| at);
            assert_eq!(found, expect, "{program} {args:?}");
        }
    }
}
