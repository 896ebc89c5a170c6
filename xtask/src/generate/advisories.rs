//! `docs/reference/advisories.md`: the versions that the auditor knows to be vulnerable or malicious.

use std::fmt::Write as _;

use portcullis_audit::supply::advisory::{ADVISORIES, Advisory};

const HEAD: &str = "\
# Versions with a known flaw

Written by `cargo xtask generate` from `crates/audit/src/supply/advisory.rs`; do not edit. [known-vulnerable](../checks/known-vulnerable.md) compares exact versions
in hosts' configs with this table, offline. It is small: what is not in it is not proven to be sound.

| record | package | versions | severity | what whoever attacks it can do, or it does |
|---|---|---|---|---|
";

/// The page.
pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    ADVISORIES.iter().for_each(|advisory| row(&mut page, advisory));
    page
}

fn row(page: &mut String, advisory: &Advisory) {
    let _ = writeln!(
        page,
        "| {} | {:?}: `{}` | {} | {} | {} |",
        advisory.id,
        advisory.registry,
        advisory.package,
        advisory.told(),
        advisory.severity.word(),
        advisory.what
    );
}
