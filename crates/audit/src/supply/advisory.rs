//! Versions of servers that are known to be vulnerable or malicious: small, offline, each with its record.
//!
//! `docs/reference/advisories.md`, and the end of `docs/attacks.md`, are written from here. A row is added with the id under which
//! the record is public; versions are those of the registry that is named.

use std::cmp::Ordering;

use portcullis_guard::launch::Registry;

use crate::finding::Severity;

/// One record.
#[derive(Debug)]
pub struct Advisory {
    /// The id of the public record.
    pub id: &'static str,
    /// Whose package it is.
    pub registry: Registry,
    /// The package.
    pub package: &'static str,
    /// From, and before which version that is no longer true; an empty text is no bound.
    pub versions: &'static [(&'static str, &'static str)],
    /// How bad.
    pub severity: Severity,
    /// What whoever uses it can do.
    pub what: &'static str,
    /// Of which kind that is.
    pub harm: Harm,
}

/// Kinds of harm, by what holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Programs of somebody's choice run.
    Programs,
    /// Files outside of what was granted are reached.
    Outside,
    /// A page in a browser, or a stranger, gives commands.
    Pages,
    /// Requests go where somebody else wants them.
    Addresses,
    /// A token is good where it was not meant for.
    Tokens,
    /// What the server is for, done against the person, or in its own page: nothing around it tells that from its use.
    Own,
}

const fn row(
    id: &'static str,
    harm: Harm,
    registry: Registry,
    package: &'static str,
    versions: &'static [(&'static str, &'static str)],
    severity: Severity,
    what: &'static str,
) -> Advisory {
    Advisory { id, registry, package, versions, severity, what, harm }
}

use Harm::{Addresses, Outside, Own, Pages, Programs, Tokens};
use Registry::{Npm, Python};
use Severity::{Critical, High, Medium};

const FILES: &str = "@modelcontextprotocol/server-filesystem";

/// Every record, by package.
pub const ADVISORIES: &[Advisory] = &[
    row(
        "CVE-2025-53107",
        Programs,
        Npm,
        "@cyanheads/git-mcp-server",
        &[("", "2.1.5")],
        High,
        "arguments of its tools reach a shell",
    ),
    row(
        "CVE-2025-49596",
        Pages,
        Npm,
        "@modelcontextprotocol/inspector",
        &[("", "0.14.1")],
        Critical,
        "any page in a browser starts programs through its proxy, which asks nobody who they are",
    ),
    row(
        "CVE-2025-58444",
        Own,
        Npm,
        "@modelcontextprotocol/inspector",
        &[("", "0.16.6")],
        High,
        "a server that it connects to runs code through its page",
    ),
    row(
        "CVE-2025-53109",
        Outside,
        Npm,
        FILES,
        &[("", "0.6.4"), ("2025", "2025.7.1")],
        High,
        "a link inside of an allowed directory leads out of it",
    ),
    row(
        "CVE-2025-53110",
        Outside,
        Npm,
        FILES,
        &[("", "0.6.4"), ("2025", "2025.7.1")],
        High,
        "a directory whose name begins like an allowed one is allowed too",
    ),
    row(
        "CVE-2025-9611",
        Pages,
        Npm,
        "@playwright/mcp",
        &[("", "0.0.40")],
        High,
        "any page in a browser commands it: it looks at no Host and no Origin",
    ),
    row(
        "CVE-2025-53967",
        Programs,
        Npm,
        "figma-developer-mcp",
        &[("", "0.6.3")],
        High,
        "an address that a model names reaches a shell",
    ),
    row(
        "CVE-2025-6514",
        Programs,
        Npm,
        "mcp-remote",
        &[("0.0.5", "0.1.16")],
        Critical,
        "a server that it connects to runs commands on this machine",
    ),
    row(
        "CVE-2025-53355",
        Programs,
        Npm,
        "mcp-server-kubernetes",
        &[("", "2.5.0")],
        High,
        "arguments of its tools reach a shell",
    ),
    row(
        "CVE-2025-66404",
        Programs,
        Npm,
        "mcp-server-kubernetes",
        &[("", "2.9.8")],
        Medium,
        "a command for a pod reaches a shell",
    ),
    row(
        "postmark-mcp",
        Own,
        Npm,
        "postmark-mcp",
        &[("1.0.16", "")],
        Critical,
        "it sends a copy of every mail to somebody else",
    ),
    row(
        "CVE-2025-69196",
        Tokens,
        Python,
        "fastmcp",
        &[("", "2.14.2")],
        High,
        "a token for one server is good for another",
    ),
    row(
        "CVE-2026-27124",
        Own,
        Python,
        "fastmcp",
        &[("", "3.2.0")],
        High,
        "another's consent is taken for the person's own",
    ),
    row(
        "CVE-2026-32871",
        Addresses,
        Python,
        "fastmcp",
        &[("", "3.2.0")],
        High,
        "arguments lead its requests elsewhere",
    ),
    row(
        "CVE-2026-27825",
        Outside,
        Python,
        "mcp-atlassian",
        &[("", "0.17.0")],
        Critical,
        "an attachment is written anywhere on this machine",
    ),
    row(
        "CVE-2026-27826",
        Addresses,
        Python,
        "mcp-atlassian",
        &[("", "0.17.0")],
        High,
        "whoever reaches it leads its requests anywhere",
    ),
    row(
        "CVE-2025-59377",
        Programs,
        Python,
        "mcp-kubernetes-server",
        &[("", "0.1.12")],
        Critical,
        "arguments of its tools reach a shell",
    ),
    row(
        "CVE-2025-68143",
        Outside,
        Python,
        "mcp-server-git",
        &[("", "2025.9.25")],
        High,
        "it makes repositories anywhere on this machine",
    ),
    row(
        "CVE-2025-68144",
        Outside,
        Python,
        "mcp-server-git",
        &[("", "2025.12.18")],
        High,
        "an argument of a tool is an option of git",
    ),
    row(
        "CVE-2025-68145",
        Outside,
        Python,
        "mcp-server-git",
        &[("", "2025.12.18")],
        High,
        "the repository that it was given is not the only one that it opens",
    ),
    row(
        "CVE-2026-27735",
        Outside,
        Python,
        "mcp-server-git",
        &[("", "2026.1.14")],
        Medium,
        "files from outside of the repository are put into it",
    ),
];

/// The records that are about a version of a package.
pub fn about<'a>(
    registry: Registry,
    package: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'static Advisory> + 'a {
    let meant = move |it: &&Advisory| it.registry == registry && it.package == package;
    ADVISORIES.iter().filter(meant).filter(move |it| it.covers(version))
}

impl Advisory {
    /// Whether a version is one of those.
    #[must_use]
    pub fn covers(&self, version: &str) -> bool {
        self.versions.iter().any(|(from, before)| {
            let after = from.is_empty() || order(version, from) != Ordering::Less;
            after && (before.is_empty() || order(version, before) == Ordering::Less)
        })
    }

    /// The versions in words.
    #[must_use]
    pub fn told(&self) -> String {
        let one = |(from, before): &(&str, &str)| match (from.is_empty(), before.is_empty()) {
            (true, _) => format!("before {before}"),
            (false, true) => format!("from {from}"),
            (false, false) => format!("from {from}, before {before}"),
        };
        self.versions.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

/// Which of two versions is older: number by number; what has `-` behind its numbers is older than the numbers alone, as
/// is a pre-release of Python.
fn order(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    let longest = one.0.len().max(other.0.len());
    let number = |parts: &[u64], at: usize| parts.get(at).copied().unwrap_or_default();
    let numbers = (0..longest).map(|at| number(&one.0, at).cmp(&number(&other.0, at)));
    let first = numbers.into_iter().find(|it| *it != Ordering::Equal);
    first.unwrap_or_else(|| other.1.cmp(&one.1))
}

/// The numbers of a version, and whether it comes before them.
fn parts(version: &str) -> (Vec<u64>, bool) {
    let version = version.trim_start_matches(['v', '=']);
    let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(version.len());
    let (core, tail) = version.split_at_checked(end).unwrap_or((version, ""));
    let numbers = core.split('.').map(|number| number.parse().unwrap_or_default()).collect();
    let later = tail.is_empty() || tail.starts_with('+') || tail.starts_with("post");
    (numbers, !later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        for (one, other, expect) in [
            ("1.2.3", "1.2.3", Ordering::Equal),
            ("1.2.10", "1.2.9", Ordering::Greater),
            ("0.6.3", "0.6.4", Ordering::Less),
            ("2025.7.01", "2025.7.1", Ordering::Equal),
            ("1.0", "1.0.0", Ordering::Equal),
            ("1.0.0-beta.1", "1.0.0", Ordering::Less),
            ("1.0.0rc1", "1.0.0", Ordering::Less),
            ("1.0.0+build", "1.0.0", Ordering::Equal),
            ("1.0.0.post1", "1.0.0", Ordering::Equal),
            ("18446744073709551616.0", "1", Ordering::Less),
        ] {
            assert_eq!(order(one, other), expect, "{one} {other}");
        }
    }

    #[test]
    fn a_range_ends_where_it_was_mended() {
        let ids = |registry, package, version| -> Vec<&str> {
            about(registry, package, version).map(|it| it.id).collect()
        };
        assert_eq!(ids(Npm, "mcp-remote", "0.1.15"), ["CVE-2025-6514"]);
        for (package, version) in [
            ("mcp-remote", "0.1.16"),
            ("mcp-remote", "0.0.4"),
            (FILES, "0.6.4"),
            (FILES, "2025.7.1"),
            ("postmark-mcp", "1.0.15"),
        ] {
            assert!(ids(Npm, package, version).is_empty(), "{package} {version}");
        }
        for version in ["0.6.2", "2025.1.14", "2025.3.28"] {
            assert_eq!(ids(Npm, FILES, version), ["CVE-2025-53109", "CVE-2025-53110"], "{version}");
        }
        assert_eq!(ids(Python, "mcp-server-git", "2025.7.1").len(), 4);
        assert_eq!(ids(Python, "mcp-server-git", "2025.9.25").len(), 3);
        assert!(ids(Python, "mcp-remote", "0.1.0").is_empty());
    }
}
