//! `docs/reference/advisories.md`: the versions that the auditor knows to be vulnerable or malicious; and the end of
//! `docs/attacks.md`: what is done here to each kind of them.

use std::fmt::Write as _;

use portcullis_audit::supply::advisory::{ADVISORIES, Advisory, Harm};

use crate::repo::Tree;

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

pub(super) const ATTACKS: &str = "docs/attacks.md";
/// What is above stands there by hand.
const BELOW: &str = "## Versions with a known flaw\n";
const INTRODUCTION: &str = "
Written by `cargo xtask generate` from `crates/audit/src/supply/advisory.rs`; do not edit below this heading. The versions are in [a table](reference/advisories.md),
by which `portcullis audit` finds them in hosts' configs before anything is started. Here stands what holds such a flaw when the server runs behind `portcullis` all the same.
What a server does with its own powers in its own page, or against the person, nothing around it can tell from its use: for those the table is all there is.

| attack | control | case | verdict |
|---|---|---|---|
";

/// The page as it stands, with its end written anew.
pub(super) fn attacks(tree: &Tree) -> String {
    let page = tree.text(ATTACKS).unwrap_or_default();
    let by_hand = page.split_once(BELOW).map_or(page, |(above, _)| above).trim_end();
    let mut out = format!("{by_hand}\n\n{BELOW}{INTRODUCTION}");
    for advisory in ADVISORIES {
        let Some((control, case, verdict)) = held(advisory.harm) else { continue };
        let _ = writeln!(
            out,
            "| {}, `{}`: {} | `{control}` | `{case}` | {verdict} |",
            advisory.id, advisory.package, advisory.what
        );
    }
    out
}

/// What holds harm of a kind: the control, a test that shows it, and what becomes of it.
const fn held(harm: Harm) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match harm {
        Harm::Programs => (
            "server-confined",
            "crates/confine/tests/jailbreak.rs::full_holds_everything",
            "they run in the box, which has nothing of the person's but what was granted",
        ),
        Harm::Outside => (
            "roots-contained",
            "crates/confine/tests/jailbreak.rs::full_holds_everything",
            "outside of what was granted there are no files",
        ),
        Harm::Pages => (
            "callers-authenticated",
            "crates/transport/tests/http/rebinding.rs::nobody_elses_name_and_nobody_elses_page_reach_us",
            "403 at the door of `serve`; the server's own port is in an empty network",
        ),
        Harm::Addresses => (
            "network-by-name",
            "crates/confine/tests/egress.rs::a_listed_name_does_not_lead_inside",
            "only names that a person listed, and none of them inside",
        ),
        Harm::Tokens => (
            "callers-authenticated",
            "crates/cli/tests/serve/tokens.rs::forged_tokens_are_refused_and_recorded_before_anything_is_started",
            "refused by `serve`, which gives no token of its callers to a server",
        ),
        Harm::Own => return None,
    })
}
