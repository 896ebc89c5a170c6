//! Which arguments are paths.
//!
//! Three signs, from 913 tools of 51 servers: the name, the schema's `format`
//! (6 parameters in all), and the shape of the value. A value wrongly taken for a
//! relative path costs nothing where there is a root: it is contained. Where there
//! is none, it is refused.

use serde_json::Value;

use super::reading::trimmed;
use crate::words::words;

/// Words that make a name the name of a path.
const PATH_WORDS: &[&str] = &[
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "filenames",
    "filepath",
    "filepaths",
    "dir",
    "dirs",
    "directory",
    "directories",
    "dirname",
    "folder",
    "folders",
    "cwd",
    "rootdir",
    "basedir",
    "worktree",
    "workdir",
    "outfile",
    "infile",
    "pathname",
    "basepath",
];

/// Words that do so only at the end: a `target` is a path, a `target_timezone` is none.
const PATH_ENDS: &[&str] = &[
    "root",
    "roots",
    "source",
    "src",
    "destination",
    "dest",
    "dst",
    "target",
    "targets",
    "workspace",
    "repo",
    "repository",
];

/// Words that make a value text, whatever it looks like.
const CONTENT_WORDS: &[&str] = &[
    "content",
    "contents",
    "text",
    "body",
    "message",
    "query",
    "prompt",
    "description",
    "pattern",
    "patterns",
    "regex",
    "regexp",
    "code",
    "script",
    "sql",
    "comment",
    "title",
    "summary",
    "html",
    "markdown",
    "diff",
    "instructions",
    "expression",
    "question",
    "thought",
];

/// Deeper arguments than these never come through the wire.
const DEEPEST: usize = 128;

/// Whether an argument is a path: by the schema's `format`, by its name, or by
/// its shape (one line that is absolute, starts in a home, is a `file:` URI or
/// climbs with `..`). A name that says content is believed over the shape.
pub fn path_like(name: &str, schema: &Value, value: &str) -> bool {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    if matches!(format, "path" | "file-path" | "directory-path" | "file_path") || is_file_uri(value)
    {
        return true;
    }
    let words = words(name);
    let ends = |list: &[&str]| words.last().is_some_and(|last| list.contains(&last.as_str()));
    if ends(CONTENT_WORDS) {
        return false;
    }
    let named = words.iter().any(|word| PATH_WORDS.contains(&word.as_str())) || ends(PATH_ENDS);
    if is_other_uri(value) {
        // A server that knows no URI takes the scheme for a directory, and climbs out of it.
        return named && climbs(value);
    }
    named || path_shaped(value)
}

/// Every path in the arguments of a call, with the JSON Pointer (RFC 6901) to it.
/// Walks nested objects and arrays; the elements of an array go by its name.
/// Names of members count too where they have the shape of a path.
pub fn path_arguments(arguments: &Value, schema: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk("", arguments, schema, &mut String::new(), DEEPEST, &mut found);
    found
}

fn walk(
    name: &str,
    value: &Value,
    schema: &Value,
    pointer: &mut String,
    depth: usize,
    found: &mut Vec<(String, String)>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let here = pointer.len();
    match value {
        Value::String(text) if path_like(name, schema, text) => {
            found.push((pointer.clone(), text.clone()));
        }
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            for (at, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{at}"));
                walk(name, item, schema, pointer, depth, found);
                pointer.truncate(here);
            }
        }
        Value::Object(members) => {
            let properties = schema.get("properties");
            for (member, item) in members {
                pointer.push('/');
                pointer.push_str(&member.replace('~', "~0").replace('/', "~1"));
                if path_shaped(member) {
                    found.push((pointer.clone(), member.clone()));
                }
                let schema = properties.and_then(|all| all.get(member)).unwrap_or(&Value::Null);
                walk(member, item, schema, pointer, depth, found);
                pointer.truncate(here);
            }
        }
        _ => {}
    }
}

fn is_file_uri(value: &str) -> bool {
    let value = trimmed(value);
    value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
        && !value.contains('\n')
}

/// `https://…` and the like are judged as URLs, not here.
fn is_other_uri(value: &str) -> bool {
    trimmed(value).split_once("://").is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !scheme.eq_ignore_ascii_case("file")
    })
}

fn climbs(value: &str) -> bool {
    value.split(['/', '\\']).any(|component| component == "..")
}

fn path_shaped(value: &str) -> bool {
    let value = trimmed(value);
    if value.contains('\n') || is_other_uri(value) {
        return false;
    }
    let mut letters = value.chars();
    let start = (letters.next(), letters.next(), letters.next());
    let rooted = match start {
        (Some('/'), Some(next), _) => !next.is_whitespace(),
        (Some('\\'), Some('\\'), _) => true,
        (Some('~'), None | Some('/'), _) => true,
        (Some(drive), Some(':'), Some('\\' | '/')) => drive.is_ascii_alphabetic(),
        _ => false,
    };
    rooted || is_file_uri(value) || climbs(value)
}
