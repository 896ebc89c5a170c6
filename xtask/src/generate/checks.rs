//! `docs/reference/checks.md`: every check of the auditor, and what it rests on.

use std::fmt::Write as _;

use portcullis_audit::check::{CHECKS, Check};
use portcullis_audit::checklist;

const HEAD: &str = "\
# What the auditor looks for

Written by `cargo xtask generate` from `crates/audit/src/check.rs`; do not edit. Each check has a page that says when it speaks and when it keeps silent.
*Worst* is the worst severity that it gives; what is bounded gets less. *Live* means that it also judges what a running server did.

| check | what is wrong | worst | read in | live | CWE | OWASP MCP | SAFE-MCP | ATLAS | held at run time by |
|---|---|---|---|---|---|---|---|---|---|
";

const LINES: &str = "
## The checklist

A line passes only when something was tried or read. What could not be tested is *not testable*, with the reason, and never a pass.

| line | what has to be seen to |
|---|---|
";

const HOST: &str = "
Of a host's config, these:

| line | what has to be seen to |
|---|---|
";

const SUPPLY: &str = "
Of a package, these too:

| line | what has to be seen to |
|---|---|
";

const BUNDLE: &str = "
Of a bundle, these too:

| line | what has to be seen to |
|---|---|
";

const TRANSPORT: &str = "
Of a server that was asked over HTTP, these too:

| line | what has to be seen to |
|---|---|
";

/// The page.
pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    CHECKS.iter().for_each(|check| row(&mut page, check));
    page.push_str(LINES);
    for (name, statement) in checklist::names() {
        let _ = writeln!(page, "| `{name}` | {statement} |");
    }
    page.push_str(HOST);
    for (name, statement) in checklist::client_names() {
        let _ = writeln!(page, "| `{name}` | {statement} |");
    }
    page.push_str(SUPPLY);
    for (name, statement) in checklist::supply_names() {
        let _ = writeln!(page, "| `{name}` | {statement} |");
    }
    page.push_str(BUNDLE);
    for (name, statement) in checklist::bundle_names() {
        let _ = writeln!(page, "| `{name}` | {statement} |");
    }
    page.push_str(TRANSPORT);
    for (name, statement) in checklist::transport_names() {
        let _ = writeln!(page, "| `{name}` | {statement} |");
    }
    page
}

fn row(page: &mut String, check: &Check) {
    let mut languages: Vec<String> =
        check.examples.iter().map(|(language, _)| format!("{language:?}")).collect();
    languages.extend(check.judges_packages().then(|| "packages, bundles".to_owned()));
    languages.extend(check.judges_configs().then(|| "hosts' configs".to_owned()));
    let or_none = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let cwe: Vec<String> = check.cwe.iter().map(ToString::to_string).collect();
    let control = check.control.map(|it| format!("`{it}`")).unwrap_or_default();
    let _ = writeln!(
        page,
        "| [{id}](../checks/{id}.md) | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        check.title,
        check.severity.word(),
        or_none(languages.join(", ")),
        if check.live { "yes" } else { "–" },
        cwe.join(", "),
        check.owasp.join(", "),
        check.safe_mcp.join(", "),
        check.atlas.join(", "),
        or_none(control),
        id = check.id,
    );
}
