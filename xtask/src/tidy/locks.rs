//! Other people's programs are pinned, and locks say what, not where from.

use serde_json::Value;

use super::Complaint;
use crate::repo::{File, Tree};

const RULE: &str = "locks";

/// npm locks beside each `package.json`, and requirements with hashes.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in tree.ending("package.json") {
        let folder = file.path.trim_end_matches("package.json");
        match tree.text(&format!("{folder}package-lock.json")) {
            None => complaints.push(Complaint::new(RULE, &file.path, 0, "no package-lock.json")),
            Some(lock) => complaints.extend(npm(&format!("{folder}package-lock.json"), lock)),
        }
    }
    let requirements = tree.ending(".txt").filter(|file| file.path.starts_with("peers/python/"));
    complaints.extend(requirements.flat_map(python));
    complaints
}

fn npm(path: &str, lock: &str) -> Vec<Complaint> {
    let complain = |what: String| Complaint::new(RULE, path, 0, what);
    let Ok(lock) = serde_json::from_str::<Value>(lock) else {
        return vec![complain("not JSON".to_owned())];
    };
    let packages = lock["packages"].as_object().into_iter().flatten();
    let installed = packages.filter(|(name, _)| !name.is_empty());
    let mut complaints = Vec::new();
    for (name, package) in installed {
        if package.get("resolved").is_some() {
            complaints.push(complain(format!("`{name}` says where it came from (`resolved`)")));
        }
        if package.get("integrity").is_none() {
            complaints.push(complain(format!("`{name}` has no integrity hash")));
        }
    }
    complaints
}

fn python(file: &File) -> Vec<Complaint> {
    let text = file.text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    let wrong = lines.filter(|line| {
        let pinned = line.contains("==") && line.contains("--hash=sha256:");
        !line.is_empty() && !line.starts_with('#') && !pinned
    });
    let what = |line: &str| format!("`{line}` is not pinned with a version and a hash");
    wrong.map(|line| Complaint::new(RULE, &file.path, 0, what(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|complaint| complaint.what).collect()
    }

    #[test]
    fn a_loose_lock_is_found() {
        let package = ("peers/node/package.json", "{}");
        assert_eq!(found(&[package]), ["no package-lock.json"]);
        let lock = r#"{"packages": {"": {}, "a": {"integrity": "sha512-x"}}}"#;
        assert_eq!(found(&[package, ("peers/node/package-lock.json", lock)]), [""; 0]);
        let lock = r#"{"packages": {"a": {"resolved": "x", "integrity": "y"}, "b": {}}}"#;
        assert_eq!(
            found(&[package, ("peers/node/package-lock.json", lock)]),
            ["`a` says where it came from (`resolved`)", "`b` has no integrity hash"]
        );
    }

    #[test]
    fn a_loose_requirement_is_found() {
        let text = "# words\na==1 \\\n    --hash=sha256:00\nb>=2\nc==1\n";
        assert_eq!(
            found(&[("peers/python/x.txt", text)]),
            [
                "`b>=2` is not pinned with a version and a hash",
                "`c==1` is not pinned with a version and a hash"
            ]
        );
    }
}
