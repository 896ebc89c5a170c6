//! What judges: one file for each check, each a pure function of evidence.
//!
//! A check is a `static` that says what it is called, what it rests on and how it is mended;
//! [`CHECKS`] is the list. Its page is `docs/checks/ID.md`, its fixtures are in
//! `crates/audit/fixtures/ID/`. `judge.rs` has what many of them share: one finding for each
//! parameter, from source and from what was tried together; `asked.rs` what those of HTTP share.

mod approval_bypassed;
mod asked;
mod binds_everywhere;
mod callers_unauthenticated;
mod certificates_ignored;
mod challenge_incomplete;
mod code_execution;
mod config_ambiguous;
mod config_secret;
mod configured;
mod cors_open;
mod dangerous_launch;
mod definition_drift;
mod disorderly_conduct;
mod floating_version;
mod foreign_origin;
mod free_process;
mod hard_coded_secret;
mod headers_unchecked;
mod hidden_tool;
mod hostile_archive;
mod hostile_text;
mod inherited_input;
mod install_script;
mod judge;
mod known_vulnerable;
mod loose_requests;
mod lying_annotations;
mod missing_annotations;
mod no_timeout;
mod option_injection;
mod path_escape;
mod path_prefix;
mod plain_http;
mod plants_itself;
mod raw_errors;
mod raw_sql;
mod rebinding_unprotected;
mod secret_setting;
mod server_side_request;
mod session_guessable;
mod session_unchecked;
mod shadowed_server;
mod shadowed_tool;
mod shell_execution;
mod slow_pattern;
mod sql_first_word;
mod stream_crossed;
mod takes_credentials;
mod template_injection;
mod typosquat;
mod unbounded_input;
mod undeclared_tool;
mod undisclosed_sharing;
mod unsafe_deserialisation;
mod unsigned_bundle;
mod wide_root;

use portcullis_catalog::ControlId;

use crate::evidence::Evidence;
use crate::evidence::source::Language;
use crate::finding::{Finding, Severity};

/// One thing that the auditor looks for.
#[derive(Debug)]
pub struct Check {
    /// Its name, in kebab case; never changes and is never reused.
    pub id: &'static str,
    /// What is wrong when it fires, in a few words.
    pub title: &'static str,
    /// The worst that it says.
    pub severity: Severity,
    /// What stops it at run time, when the server is not mended.
    pub control: Option<ControlId>,
    /// Why it matters: two sentences.
    pub why: &'static str,
    /// What to do instead.
    pub fix: &'static str,
    /// The same in code, in the server's language. The languages are those in whose source the check is made.
    pub examples: &'static [(Language, &'static str)],
    /// Whether it also judges what a running server did.
    pub live: bool,
    /// Numbers of the Common Weakness Enumeration.
    pub cwe: &'static [u16],
    /// Rows of the OWASP MCP Top 10, with their year.
    pub owasp: &'static [&'static str],
    /// Techniques of SAFE-MCP.
    pub safe_mcp: &'static [&'static str],
    /// Techniques of MITRE ATLAS.
    pub atlas: &'static [&'static str],
    /// Judges.
    pub run: fn(&Check, &Evidence) -> Vec<Finding>,
}

impl Check {
    /// The example in a language, or the first there is.
    #[must_use]
    pub fn example(&self, language: Option<Language>) -> Option<(Language, &'static str)> {
        let own = self.examples.iter().find(|(known, _)| Some(*known) == language);
        own.or_else(|| self.examples.first()).copied()
    }

    /// Whether it judges a host's config.
    #[must_use]
    pub fn judges_configs(&self) -> bool {
        OF_CONFIGS.iter().any(|check| check.id == self.id)
    }

    /// Whether it judges what a package or a bundle is.
    #[must_use]
    pub fn judges_packages(&self) -> bool {
        OF_PACKAGES.iter().any(|check| check.id == self.id)
    }

    /// Finds a check by its id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        CHECKS.iter().copied().find(|check| check.id == id)
    }
}

/// Those that judge a host's config: `crates/audit/fixtures/ID/` has one on which each speaks, and one on which it is silent.
pub const OF_CONFIGS: &[&Check] = &[
    &known_vulnerable::CHECK,
    &dangerous_launch::CHECK,
    &wide_root::CHECK,
    &typosquat::CHECK,
    &config_secret::CHECK,
    &approval_bypassed::CHECK,
    &shadowed_server::CHECK,
    &plain_http::CHECK,
    &floating_version::CHECK,
    &config_ambiguous::CHECK,
];

/// Those that judge what a package or a bundle is: their fixtures are evidence that was saved.
pub const OF_PACKAGES: &[&Check] = &[
    &install_script::CHECK,
    &hostile_archive::CHECK,
    &secret_setting::CHECK,
    &undeclared_tool::CHECK,
    &unsigned_bundle::CHECK,
];

/// Every check, the worst first.
pub const CHECKS: &[&Check] = &[
    &path_escape::CHECK,
    &path_prefix::CHECK,
    &shell_execution::CHECK,
    &free_process::CHECK,
    &option_injection::CHECK,
    &raw_sql::CHECK,
    &sql_first_word::CHECK,
    &code_execution::CHECK,
    &unsafe_deserialisation::CHECK,
    &callers_unauthenticated::CHECK,
    &known_vulnerable::CHECK,
    &dangerous_launch::CHECK,
    &template_injection::CHECK,
    &server_side_request::CHECK,
    &inherited_input::CHECK,
    &hostile_text::CHECK,
    &shadowed_tool::CHECK,
    &hidden_tool::CHECK,
    &definition_drift::CHECK,
    &lying_annotations::CHECK,
    &hard_coded_secret::CHECK,
    &plants_itself::CHECK,
    &takes_credentials::CHECK,
    &undisclosed_sharing::CHECK,
    &wide_root::CHECK,
    &typosquat::CHECK,
    &config_secret::CHECK,
    &approval_bypassed::CHECK,
    &shadowed_server::CHECK,
    &install_script::CHECK,
    &hostile_archive::CHECK,
    &rebinding_unprotected::CHECK,
    &foreign_origin::CHECK,
    &cors_open::CHECK,
    &session_guessable::CHECK,
    &session_unchecked::CHECK,
    &stream_crossed::CHECK,
    &plain_http::CHECK,
    &certificates_ignored::CHECK,
    &floating_version::CHECK,
    &config_ambiguous::CHECK,
    &secret_setting::CHECK,
    &undeclared_tool::CHECK,
    &unbounded_input::CHECK,
    &raw_errors::CHECK,
    &headers_unchecked::CHECK,
    &challenge_incomplete::CHECK,
    &binds_everywhere::CHECK,
    &unsigned_bundle::CHECK,
    &disorderly_conduct::CHECK,
    &missing_annotations::CHECK,
    &loose_requests::CHECK,
    &no_timeout::CHECK,
    &slow_pattern::CHECK,
];

/// Everything that is wrong with what was seen, the worst first; the same evidence gives the same findings.
#[must_use]
pub fn judge(evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        CHECKS.iter().flat_map(|check| (check.run)(check, evidence)).collect();
    found.sort_by(|a, b| {
        let rank =
            |it: &Finding| (std::cmp::Reverse(it.severity), std::cmp::Reverse(it.confidence));
        rank(a)
            .cmp(&rank(b))
            .then_with(|| (&a.check, &a.location, &a.title).cmp(&(&b.check, &b.location, &b.title)))
    });
    found
}

/// Whether a comment asks for silence: `portcullis: ignore[ID] REASON` on the line, or alone on the line before it. Without a reason it counts
/// for nothing. Comments are the author's words: a report says how many findings they silenced.
#[must_use]
pub fn is_silenced(finding: &Finding, evidence: &Evidence) -> bool {
    let (Some(place), Some(source)) = (finding.location.place(), &evidence.source) else {
        return false;
    };
    source.ignores.iter().any(|it| {
        it.check == finding.check
            && !it.reason.is_empty()
            && it.place.file == place.file
            && it.covers == place.line
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{CHECKS, Check};

    #[test]
    fn ids_are_unique_and_every_check_says_what_it_rests_on() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for check in CHECKS {
            let judges = check.live
                || !check.examples.is_empty()
                || check.judges_configs()
                || check.judges_packages();
            assert!(judges, "{} judges nothing", check.id);
            assert!(
                !check.cwe.is_empty() && !check.owasp.is_empty(),
                "{} rests on nothing",
                check.id
            );
            assert!(
                check.why.matches(". ").count() == 1 && check.why.ends_with('.'),
                "{}: two sentences",
                check.id
            );
            assert!(
                check.owasp.iter().all(|row| row.ends_with(":2025")),
                "{}: with the year",
                check.id
            );
            assert!(Check::find(check.id).is_some());
        }
    }
}
