//! Names that look like another's, and tools that are another's under a new name.

use std::collections::BTreeMap;

use super::{Definition, Part, Pinned, Section};

/// How a name looks: letters that are easily taken for each other are one.
///
/// Only what a reader confuses is folded. Names that differ in a word are
/// different names, and honest servers share many.
#[must_use]
pub fn resembles(name: &str) -> String {
    name.chars().map(look).collect()
}

/// Letters of Cyrillic, Greek and full width that look like Latin ones, and the
/// digits that do (Unicode TR 39, confusables, as far as they occur in names).
fn look(letter: char) -> char {
    let full = u32::from(letter).checked_sub(0xfee0).and_then(char::from_u32);
    let letter = match letter {
        '\u{ff01}'..='\u{ff5e}' => full.unwrap_or(letter),
        other => other,
    };
    match letter {
        '0' | 'O' | 'ο' | 'о' | 'О' | 'Ο' | 'օ' => 'o',
        '1' | 'I' | 'l' | 'і' | 'І' | 'ι' | 'Ι' | 'ı' | 'ӏ' | '|' => 'i',
        'а' | 'А' | 'α' | 'Α' | 'ɑ' => 'a',
        'е' | 'Е' | 'Ε' | 'ҽ' => 'e',
        'с' | 'С' | 'ϲ' => 'c',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'Υ' | 'γ' => 'y',
        'ѕ' | 'Ѕ' => 's',
        'ј' | 'Ј' => 'j',
        'һ' | 'Н' | 'Η' => 'h',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'м' | 'М' | 'Μ' => 'm',
        'т' | 'Т' | 'Τ' | 'τ' => 't',
        'в' | 'В' | 'Β' => 'b',
        'ԁ' => 'd',
        'ո' | 'Ν' => 'n',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        '‐' | '‑' | '–' | '—' | '_' => '-',
        other => other.to_ascii_lowercase(),
    }
}

/// A pinned part that `seen` could be taken for: one that it is, under another
/// name, or one whose name looks the same.
#[must_use]
pub fn kin(part: &Part, seen: &Definition, pins: &BTreeMap<Part, Pinned>) -> Option<String> {
    let others =
        || pins.iter().filter(|(other, _)| other.section == part.section && *other != part);
    let look = resembles(&part.name);
    if let Some((other, _)) = others().find(|(other, _)| resembles(&other.name) == look) {
        return Some(format!("its name looks like {other}"));
    }
    if part.section != Section::Tool {
        return None;
    }
    let means = ["description", "inputSchema"];
    let equal = |pinned: &Pinned| {
        let (then, now) = (&pinned.definition.0, &seen.0);
        means.iter().all(|field| {
            then.get(*field).map(|field| &field.digest)
                == now.get(*field).map(|field| &field.digest)
        })
    };
    let told = seen.0.contains_key("description");
    let twin = others().find(|(_, pinned)| told && equal(pinned));
    twin.map(|(other, _)| format!("it is {other} under another name"))
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Tier;
    use portcullis_wire::Json;
    use serde_json::json;

    use super::*;
    use crate::pin::Surroundings;

    #[test]
    fn what_looks_alike_is_alike() {
        for (one, other, expect) in [
            ("read_file", "rеad_file", true),
            ("read_file", "read-file", true),
            ("list_all", "Iist_aIl", true),
            ("get_0", "get_O", true),
            ("read_file", "read_files", false),
            ("read_file", "write_file", false),
        ] {
            assert_eq!(resembles(one) == resembles(other), expect, "{one} {other}");
        }
    }

    #[test]
    fn a_tool_is_known_again_under_another_name() {
        let tool = |name: &str, what: &str| {
            let entry =
                json!({"name": name, "description": what, "inputSchema": {"type": "object"}});
            Definition::of_tool(&Json::from_value(&entry), Tier::Read)
        };
        let pinned =
            Pinned { definition: tool("send", "Sends."), surroundings: Surroundings::default() };
        let pins = BTreeMap::from([(Part::new(Section::Tool, "send"), pinned)]);
        for (name, what, expect) in [
            ("transmit", "Sends.", Some("it is tool `send` under another name")),
            ("ѕend", "Anything.", Some("its name looks like tool `send`")),
            ("transmit", "Transmits.", None),
        ] {
            let part = Part::new(Section::Tool, name);
            assert_eq!(kin(&part, &tool(name, what), &pins).as_deref(), expect, "{name}");
        }
    }
}
