//! A tool's name is what a person and a model read, so it has letters that look like
//! themselves, and no two tools look alike (MCP-TOOL-07).

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Longest name (2025-11-25, server/tools, Tool Names).
const NAME: usize = 128;

/// What hosts and models know as their own or as everybody's: a tool that looks like
/// one of these, and is none, wants to be taken for it.
const WELL_KNOWN: &[&str] = &[
    "bash",
    "read",
    "write",
    "edit",
    "glob",
    "grep",
    "task",
    "python",
    "shell",
    "terminal",
    "computer",
    "browser",
    "web_search",
    "web_fetch",
    "read_file",
    "write_file",
    "edit_file",
    "list_files",
    "list_directory",
    "delete_file",
    "search_files",
    "run_command",
    "execute_command",
    "send_email",
    "str_replace_editor",
    "todo_write",
    "memory",
];

/// Why a name is none that may be listed.
pub(crate) fn judge(name: &str) -> Option<&'static str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    if name.is_empty() || name.chars().count() > NAME {
        return Some("its name is empty or too long");
    }
    if !name.chars().all(plain) {
        return Some("its name has other letters than A-Z, a-z, 0-9, `_`, `-` and `.`");
    }
    let (spelled, seen) = (folded(name), skeleton(name));
    static LOOKS: LazyLock<BTreeMap<String, &str>> =
        LazyLock::new(|| WELL_KNOWN.iter().rev().map(|known| (skeleton(known), *known)).collect());
    let known = LOOKS.get(&seen);
    known.filter(|known| **known != spelled).map(|_| "its name imitates a well-known one")
}

/// The name as somebody in a hurry reads it; equal for names that look alike.
pub(crate) fn skeleton(name: &str) -> String {
    let folded = folded(name);
    let letters = folded.chars().map(|letter| match letter {
        '0' => 'o',
        '1' | 'i' | '|' => 'l',
        '5' => 's',
        other => other,
    });
    let alike: String = letters.collect();
    alike.replace("rn", "m").replace("vv", "w")
}

/// Without what many hosts do not tell apart: case, and which sign separates.
fn folded(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        '-' | '.' => '_',
        other => other.to_ascii_lowercase(),
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_plain_letters_and_imitate_nobody() {
        let long = "x".repeat(129);
        for (name, fine) in [
            ("read_file", true),
            ("Read-File", true),
            ("admin.tools.list", true),
            ("browser_click", true),
            ("bash", true),
            ("read_fi1e", false),
            ("REA0_FILE", true),
            ("wr1te_file", false),
            ("tenninal", true),
            ("terrninal", false),
            ("ba5h", false),
            ("read file", false),
            ("read_fіle", false),
            ("read_file\u{200b}", false),
            ("rm;ls", false),
            ("", false),
            (long.as_str(), false),
        ] {
            assert_eq!(judge(name).is_none(), fine, "{name}: {:?}", judge(name));
        }
    }

    #[test]
    fn look_alikes_have_one_skeleton() {
        for (a, b, alike) in [
            ("list_files", "List-Files", true),
            ("list_files", "1ist_fi1es", true),
            ("form", "forrn", true),
            ("list_files", "list_file", false),
            ("get_a", "get_b", false),
        ] {
            assert_eq!(skeleton(a) == skeleton(b), alike, "{a} {b}");
        }
    }
}
