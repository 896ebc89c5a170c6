//! A labelled case: what is wrong with it, how it is run, and which of our checks find that.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `case.toml` in a folder of its own; `benches/README.md` tells the format.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The folder's name.
    #[serde(skip)]
    pub(crate) name: String,
    /// The folder.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// What is wrong, in the list's words; several for a server with several flaws.
    pub(crate) class: Vec<String>,
    pub(crate) expected: Expected,
    /// The least severity that counts as found.
    #[serde(default = "high")]
    pub(crate) floor: String,
    /// In the list's own words.
    #[serde(default)]
    #[expect(dead_code, reason = "for whoever reads the case")]
    pub(crate) about: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for whoever reads the case")]
    pub(crate) licence: String,
    /// Its source.
    pub(crate) source: Option<String>,
    /// How it is started, when it may be.
    pub(crate) command: Option<Vec<String>>,
    /// Where it listens then.
    pub(crate) url: Option<String>,
    /// A host's config.
    pub(crate) config: Option<String>,
    /// The other half of a pair of a vulnerable release and a mended one has the same word.
    pub(crate) pair: Option<String>,
    /// Those of its classes that were exploited by somebody, and are not only signs.
    #[serde(default)]
    pub(crate) proven: Vec<String>,
    /// It is harmful, and read only.
    #[serde(default)]
    pub(crate) never_run: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expected {
    Vulnerable,
    Benign,
}

fn high() -> String {
    "high".to_owned()
}

/// The cases of a folder, by name.
pub(crate) fn read(folder: &Path, only: &str) -> Result<Vec<Case>, String> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.map_err(|error| format!("no cases in {}: {error}", folder.display()))?;
    let mut cases = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let file = entry.path().join("case.toml");
        if !file.exists() || !name.contains(only) {
            continue;
        }
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
        let mut case: Case = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        if case.never_run && case.command.is_some() {
            return Err(format!("{name}: it is never run, and says how"));
        }
        (case.name, case.folder) = (name, entry.path());
        cases.push(case);
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

impl Case {
    pub(crate) fn benign(&self) -> bool {
        self.expected == Expected::Benign
    }
}

/// How bad, as a number.
pub(crate) fn rank(severity: &str) -> usize {
    ["note", "low", "medium", "high", "critical"]
        .iter()
        .position(|it| severity.eq_ignore_ascii_case(it))
        .unwrap_or(0)
}

/// Which checks find a class; none for a class that is a name for many things, which any of them finds.
const FITTING: &[(&str, &[&str])] = &[
    ("path-traversal", &["path-escape", "path-prefix"]),
    (
        "excessive-permission",
        &["path-escape", "path-prefix", "shell-execution", "lying-annotations"],
    ),
    ("path-prefix-collision", &["path-prefix"]),
    ("symlink-escape", &["path-escape"]),
    ("path-validation", &["path-escape", "path-prefix"]),
    ("argument-injection", &["option-injection"]),
    ("arbitrary-resource-read-write", &["path-escape", "path-prefix"]),
    ("command-injection", &["shell-execution", "free-process", "option-injection"]),
    ("code-execution", &["code-execution", "shell-execution"]),
    (
        "unauthorized-code-execution",
        &["code-execution", "unsafe-deserialisation", "shell-execution", "free-process"],
    ),
    (
        "injection-attacks",
        &[
            "shell-execution",
            "free-process",
            "raw-sql",
            "sql-first-word",
            "code-execution",
            "template-injection",
        ],
    ),
    ("raw-sql", &["raw-sql", "sql-first-word"]),
    ("sql-injection", &["raw-sql", "sql-first-word"]),
    ("template-injection", &["template-injection", "code-execution"]),
    ("ssti", &["template-injection"]),
    ("ssrf", &["server-side-request"]),
    ("unauthorized-network-access", &["server-side-request"]),
    // Its text, or what it does behind an honest one.
    (
        "tool-poisoning",
        &[
            "hostile-text",
            "shadowed-tool",
            "definition-drift",
            "undisclosed-sharing",
            "plants-itself",
            "takes-credentials",
        ],
    ),
    ("prompt-injection", &["hostile-text"]),
    ("indirect-prompt-injection", &["hostile-text"]),
    ("goal-manipulation", &["hostile-text"]),
    ("exfil-param", &["hostile-text"]),
    ("tool-shadowing", &["hostile-text", "shadowed-tool"]),
    ("ansi-escape", &["hostile-text"]),
    ("rug-pull", &["definition-drift"]),
    ("secret-in-resource", &["hard-coded-secret"]),
    ("token-leak", &["hard-coded-secret", "raw-errors"]),
    ("dns-rebinding", &["rebinding-unprotected"]),
    // In the source: an open address that starts what it is told.
    ("no-auth", &["callers-unauthenticated", "free-process"]),
    ("no-origin-check", &["foreign-origin", "cors-open"]),
    ("bind-all", &["binds-everywhere"]),
    ("weak-auth", &["hidden-tool", "hard-coded-secret"]),
    ("dos", &["slow-pattern", "unbounded-input"]),
    ("resource-exhaustion", &["slow-pattern", "unbounded-input"]),
    ("oauth", &["server-side-request", "hard-coded-secret"]),
];

/// Whether a check is about a class.
pub(crate) fn fits(class: &str, check: &str) -> bool {
    match FITTING.iter().find(|(name, _)| *name == class) {
        Some((_, checks)) => checks.contains(&check),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_is_never_run_says_no_command() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("one");
        std::fs::create_dir(&at).unwrap();
        let text = "class = [\"backdoor\"]\nexpected = \"vulnerable\"\nnever_run = true\n";
        std::fs::write(at.join("case.toml"), format!("{text}command = [\"sh\"]\n")).unwrap();
        assert!(read(folder.path(), "").is_err());
        std::fs::write(at.join("case.toml"), format!("{text}source = \"tree\"\n")).unwrap();
        let cases = read(folder.path(), "").unwrap();
        assert_eq!(
            (cases.len(), cases[0].name.as_str(), cases[0].floor.as_str()),
            (1, "one", "high")
        );
        assert!(read(folder.path(), "two").unwrap().is_empty());
    }

    #[test]
    fn severities_are_ordered_and_classes_have_their_checks() {
        assert!(rank("CRITICAL") > rank("high") && rank("high") > rank("medium"));
        assert!(fits("ssrf", "server-side-request") && !fits("ssrf", "path-escape"));
        assert!(fits("backdoor", "path-escape"));
    }
}
