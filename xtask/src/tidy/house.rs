//! Arrows only go down: which crate may depend on which of ours.
//!
//! The table is the one in ARCHITECTURE.md. A change needs a page in
//! `docs/decisions/` first, and then both.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Complaint;
use crate::repo::Tree;

const RULE: &str = "house";
const PLAN: &str = "ARCHITECTURE.md";
const PREFIX: &str = "portcullis-";

/// A crate, its floor, and what it may depend on.
struct Room {
    name: &'static str,
    floor: Floor,
    may_use: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    Words,
    Mind,
    Hands,
    Houses,
    Door,
}

/// Bottom up; `docs/decisions/` says why where an arrow is surprising.
const HOUSE: &[Room] = &[
    room("catalog", Floor::Words, &[]),
    room("wire", Floor::Words, &[]),
    room("casebook", Floor::Words, &[]),
    room("guard", Floor::Mind, &["catalog"]),
    room("policy", Floor::Mind, &["catalog"]),
    room("journal", Floor::Mind, &["catalog", "guard", "policy"]),
    room("config", Floor::Mind, &["catalog", "guard", "policy"]),
    room("oauth", Floor::Mind, &["catalog", "wire", "guard"]),
    room("mediation", Floor::Mind, &["catalog", "wire", "guard", "policy", "journal"]),
    room("transport", Floor::Hands, &["guard", "wire", "policy"]),
    room("confine", Floor::Hands, &["guard"]),
    room("store", Floor::Hands, &["policy", "mediation", "journal"]),
    room("console", Floor::Hands, &["guard", "policy", "mediation", "journal"]),
    room(
        "gateway",
        Floor::Houses,
        &[
            "config",
            "wire",
            "guard",
            "policy",
            "mediation",
            "oauth",
            "journal",
            "transport",
            "confine",
            "store",
            "console",
        ],
    ),
    room("kit", Floor::Houses, &["guard", "policy", "journal", "confine", "store"]),
    room("server", Floor::Houses, &["config", "guard", "confine", "kit"]),
    room("audit", Floor::Houses, &["catalog", "config", "wire", "guard", "transport", "confine"]),
    room(
        "cli",
        Floor::Door,
        &[
            "config",
            "guard",
            "policy",
            "mediation",
            "journal",
            "confine",
            "store",
            "console",
            "gateway",
            "audit",
            "kit",
            "server",
        ],
    ),
    room("xtask", Floor::Door, &["catalog", "casebook", "config", "audit"]),
    room(
        "fuzz",
        Floor::Door,
        &["wire", "guard", "policy", "journal", "mediation", "oauth", "config"],
    ),
    room(
        "bench",
        Floor::Door,
        &["wire", "guard", "policy", "journal", "mediation", "confine", "store"],
    ),
];

const fn room(name: &'static str, floor: Floor, may_use: &'static [&'static str]) -> Room {
    Room { name, floor, may_use }
}

/// The crates that decide and touch nothing.
pub(super) fn is_mind(name: &str) -> bool {
    find(name).is_some_and(|room| matches!(room.floor, Floor::Words | Floor::Mind))
}

/// Our crates in cargo's metadata, each with its name in the house.
pub(super) fn ours(metadata: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(|package| package["source"].is_null()).filter_map(|package| {
        let name = package["name"].as_str()?;
        Some((name.strip_prefix(PREFIX).unwrap_or(name), package))
    })
}

/// Compares what cargo says with the table.
pub(super) fn check(metadata: &Value) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (name, package) in ours(metadata) {
        let file = match name {
            "xtask" => "xtask/Cargo.toml".to_owned(),
            "bench" => "benches/Cargo.toml".to_owned(),
            "fuzz" => "fuzz/Cargo.toml".to_owned(),
            _ => format!("crates/{name}/Cargo.toml"),
        };
        let mut complain = |what: String| complaints.push(Complaint::new(RULE, &file, 0, what));
        let Some(room) = find(name) else {
            complain(format!("`{name}` has no room in the house: xtask/src/tidy/house.rs"));
            continue;
        };
        if !package["manifest_path"].as_str().unwrap_or_default().ends_with(&file) {
            complain(format!("`{name}` does not live there"));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(used) = dependency["name"].as_str().and_then(|it| it.strip_prefix(PREFIX))
            else {
                continue;
            };
            let kind = dependency["kind"].as_str().unwrap_or("normal");
            if !allowed(room, used, kind) {
                complain(format!(
                    "`{name}` may not depend on `{used}` ({kind}): see ARCHITECTURE.md"
                ));
            }
        }
    }
    complaints
}

/// Compares the table with the one that people read; either may be the one that is wrong.
pub(super) fn drawn(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |line, what: String| complaints.push(Complaint::new(RULE, PLAN, line, what));
    let mut seen = BTreeSet::new();
    for (at, line) in tree.text(PLAN).unwrap_or_default().lines().enumerate() {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let name = cells.next().and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
        let Some(room) = name.and_then(find) else { continue };
        let listed: BTreeSet<&str> =
            cells.next().unwrap_or_default().split(", ").filter(|name| *name != "–").collect();
        if seen.insert(room.name) && listed != room.may_use.iter().copied().collect() {
            let rule = room.may_use.join(", ");
            complain(at + 1, format!("`{}` may depend on: {rule}", room.name));
        }
    }
    for room in HOUSE.iter().filter(|room| !seen.contains(room.name)) {
        complain(0, format!("the table has no row for `{}`", room.name));
    }
    complaints
}

fn allowed(room: &Room, used: &str, kind: &str) -> bool {
    match kind {
        "normal" => room.may_use.contains(&used),
        // A test may look at everything that stands below, and play the casebook.
        "dev" => used == "casebook" || below(room).contains(used),
        _ => false,
    }
}

fn below(room: &Room) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    let mut waiting = room.may_use.to_vec();
    while let Some(name) = waiting.pop() {
        if seen.insert(name) {
            waiting.extend(find(name).into_iter().flat_map(|room| room.may_use));
        }
    }
    seen
}

fn find(name: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let folder = name.trim_start_matches(PREFIX);
        let dependencies: Vec<_> =
            dependencies.iter().map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
        json!({
            "name": name, "source": null, "dependencies": dependencies,
            "manifest_path": format!("/somewhere/crates/{folder}/Cargo.toml"),
        })
    }

    fn complaints(package: Value) -> Vec<String> {
        let metadata = json!({ "packages": [package] });
        check(&metadata).into_iter().map(|complaint| complaint.what).collect()
    }

    #[test]
    fn arrows_go_down() {
        let fine = package("portcullis-policy", &[("portcullis-catalog", None), ("serde", None)]);
        assert_eq!(complaints(fine), [""; 0]);
        let up = package("portcullis-policy", &[("portcullis-mediation", None)]);
        let what = "`policy` may not depend on `mediation` (normal): see ARCHITECTURE.md";
        assert_eq!(complaints(up), [what]);
    }

    #[test]
    fn the_casebook_is_for_tests() {
        let fine = package("portcullis-cli", &[("portcullis-casebook", Some("dev"))]);
        assert_eq!(complaints(fine), [""; 0]);
        let wrong = package("portcullis-cli", &[("portcullis-casebook", None)]);
        assert_eq!(complaints(wrong).len(), 1);
        let above = package("portcullis-guard", &[("portcullis-policy", Some("dev"))]);
        assert_eq!(complaints(above).len(), 1);
        let build = package("portcullis-cli", &[("portcullis-config", Some("build"))]);
        assert_eq!(complaints(build).len(), 1);
    }

    #[test]
    fn a_stranger_has_no_room() {
        assert_eq!(complaints(package("portcullis-utils", &[])).len(), 1);
    }

    #[test]
    fn the_table_that_people_read_is_this_one() {
        let row = |room: &Room| match room.may_use {
            [] => format!("| `{}` | – | x |\n", room.name),
            used => format!("| `{}` | {} | x |\n", room.name, used.join(", ")),
        };
        let good: String = HOUSE.iter().map(row).collect();
        assert_eq!(drawn(&Tree::of(&[(PLAN, &good)])), []);
        let wrong = good.replace("| `confine` | guard |", "| `confine` | guard, policy |");
        let found = drawn(&Tree::of(&[(PLAN, &wrong)]));
        assert_eq!(found[0].what, "`confine` may depend on: guard");
        let short = good.replace("| `wire` |", "| wires |");
        let found = drawn(&Tree::of(&[(PLAN, &short)]));
        assert_eq!(found[0].what, "the table has no row for `wire`");
    }

    #[test]
    fn the_table_itself_goes_down() {
        for (at, room) in HOUSE.iter().enumerate() {
            for used in room.may_use {
                let lower = HOUSE.iter().position(|other| other.name == *used);
                assert!(lower.is_some_and(|lower| lower < at), "{} uses {used}", room.name);
            }
        }
    }
}
