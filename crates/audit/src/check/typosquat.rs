//! A package has almost the name of a known one.

use portcullis_guard::launch::{Registry, package};
use portcullis_guard::text::folded;

use crate::check::{Check, asked, configured};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};
use crate::supply::known;

/// A package has almost the name of a known one.
pub(super) static CHECK: Check = Check {
    id: "typosquat",
    title: "almost the name of another package",
    severity: Severity::High,
    control: None,
    why: "A name with one letter changed is how somebody else's program is started in place of the one that was meant. Nobody sees the difference in a list.",
    fix: "compare the name with the one on the project's own page; when it is meant, say so in a baseline",
    examples: &[],
    live: false,
    cwe: &[1007, 829],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1002", "T1004"],
    atlas: &["AML.T0010.005"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let imitating = configured::used(evidence).filter_map(|entry| {
        let words = entry.words();
        let package = package(&words)?;
        let (meant, how, sure) = imitated(&package.name, names(package.registry))?;
        let word = entry.command.iter().find(|word| word.text.contains(&package.written));
        let place = word.map_or(&entry.place, |word| &word.place);
        let about = format!("`{}` of `{}`", package.name, entry.called());
        let seen = format!("`{}` is not `{meant}`: {how}", package.name);
        Some(configured::at(check, place, (Severity::High, sure), &about, seen))
    });
    imitating.chain(of_package(check, evidence)).collect()
}

/// A package that was looked at by its name.
fn of_package(check: &Check, evidence: &Evidence) -> Option<Finding> {
    let package = evidence.package.as_ref()?;
    let (meant, how, sure) = imitated(&package.name, names(package.published.registry()))?;
    let seen = format!("`{}` is not `{meant}`: {how}", package.name);
    let finding = asked::whole(check, evidence, Severity::High, sure, &seen);
    Some(asked::part(finding, &format!("`{}`", package.name)))
}

/// The names that somebody would imitate there.
fn names(registry: Registry) -> &'static [&'static str] {
    match registry {
        Registry::Npm => known::NPM,
        Registry::Python => known::PYTHON,
        Registry::Image => known::IMAGES,
        Registry::Address => &[],
    }
}

/// The known name that a name imitates, in which way, and how sure that is.
fn imitated(
    name: &str,
    known: &'static [&'static str],
) -> Option<(&'static str, &'static str, Confidence)> {
    let small = name.to_ascii_lowercase();
    if known.contains(&small.as_str()) || known::NEIGHBOURS.contains(&small.as_str()) {
        return None;
    }
    let of = |is: &dyn Fn(&str) -> bool| known.iter().copied().find(|other| is(other));
    if let Some(meant) = of(&|other| !name.is_ascii() && folded(name) == folded(other)) {
        return Some((meant, "letters of another alphabet look like its own", Confidence::Likely));
    }
    if let Some(meant) = of(&|other| bare(other) == bare(&small)) {
        // A scope of one's own is a registry's answer to this, and an honest name may look so.
        let scoped = meant.starts_with('@') != name.starts_with('@');
        let sure = if scoped { Confidence::Possible } else { Confidence::Likely };
        return Some((meant, "the same letters, parted otherwise", sure));
    }
    if let Some(meant) = of(&|other| is_one_slip(&small, other)) {
        return Some((meant, "one letter is different", Confidence::Likely));
    }
    None
}

/// The letters of a name, without what parts them.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
}

/// Whether one letter is missing, too many, another, or two are exchanged. Numbers tell versions and languages apart, and
/// short names are near to everything.
fn is_one_slip(one: &str, other: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if a.len().min(b.len()) < known::SHORTEST || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (shorter, longer) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if shorter.len() < longer.len() {
        let extra = longer.get(head).copied().unwrap_or('0');
        return head.saturating_add(tail) >= shorter.len() && extra.is_ascii_alphabetic();
    }
    let differ = || a.iter().zip(&b).filter(|(x, y)| x != y);
    let letters = || differ().all(|(x, y)| x.is_ascii_alphabetic() && y.is_ascii_alphabetic());
    let exchanged = a.get(head) == b.get(head.saturating_add(1))
        && a.get(head.saturating_add(1)) == b.get(head)
        && differ().count() == 2;
    (differ().count() == 1 || exchanged) && letters()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter() {
        for (name, expect) in [
            ("@modelcontextprotocol/server-filesystm", true),
            ("@modelcontextprotcol/server-filesystem", true),
            ("@modelcontextprotocol/server-fielsystem", true),
            ("modelcontextprotocol-server-filesystem", true),
            ("@modelcontextprotocol/server-filesystem", false),
            ("@modelcontextprotocol/server-files", false),
            ("@someone/server-filesystem", false),
            ("@playwrlght/mcp", true),
            ("mcp-remote", false),
            ("mcp-remote2", false),
            ("@pl\u{430}ywright/mcp", true),
        ] {
            assert_eq!(imitated(name, known::NPM).is_some(), expect, "{name}");
        }
    }
}
