//! What a person or a program reads of it all: one report, five forms.

mod baseline;
pub mod comments;
mod few;
pub mod html;
pub mod json;
pub mod markdown;
pub mod sarif;
pub mod text;

pub use baseline::{fingerprint, known_of};

use crate::check::{self, Check};
use crate::checklist::{self, Row};
use crate::evidence::Evidence;
use crate::evidence::source::{Language, LeftOut};
use crate::finding::{Confidence, Finding, Severity};
use crate::guarded::{Outcome, Verdict};

/// One target, judged.
#[derive(Debug)]
pub struct Report {
    /// What was looked at.
    pub evidence: Evidence,
    /// Line by line.
    pub checklist: Vec<Row>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// How many findings the baseline knew.
    pub known: usize,
    /// How many findings comments in the source silenced.
    pub silenced: usize,
    /// Comments in the source that were to silence something, and do not.
    pub void: Vec<comments::Void>,
    /// How many at high or worse the reader did not ask for, being only possible.
    pub doubted: usize,
    /// From A to F; `None` when nothing was tested.
    pub grade: Option<char>,
    /// What came of it behind the gateway, when that was asked for.
    pub guarded: Option<Outcome>,
}

impl Report {
    /// Judges evidence. `baseline` are fingerprints of findings that are known and not to be told again, each as often
    /// as it stands there; `wanted` says which of the others the reader asked for, `obeys` whether comments in the
    /// source silence.
    #[must_use]
    pub fn new(
        evidence: Evidence,
        baseline: &[String],
        obeys: bool,
        wanted: impl Fn(&Finding) -> bool,
    ) -> Self {
        // Comments are the author's words: they are no answer to what was done.
        let silent = |finding: &Finding| {
            obeys
                && finding.confidence < Confidence::Confirmed
                && check::is_silenced(finding, &evidence)
        };
        let (quiet, all): (Vec<Finding>, Vec<Finding>) =
            check::judge(&evidence).into_iter().partition(silent);
        let silenced = quiet.len();
        let checklist = checklist::lines_beside(&evidence, &all, &quiet);
        let mut findings = few::folded(all);
        let known = baseline::forget(&mut findings, baseline, &wanted);
        let grave = findings.iter().filter(|it| it.severity >= Severity::High && !wanted(it));
        let doubted = grave.count();
        findings.retain(&wanted);
        let grade = checklist::grade(&checklist);
        let guarded = Outcome::of(&evidence, &findings);
        let void = comments::void(&evidence);
        Self { evidence, checklist, findings, known, silenced, void, doubted, grade, guarded }
    }

    /// What came of a finding behind the gateway.
    #[must_use]
    pub fn verdict(&self, finding: &Finding) -> Option<&Verdict> {
        self.guarded.as_ref()?.findings.get(&fingerprint(finding))
    }

    /// Why its package could not be brought, when there is one that could not.
    #[must_use]
    pub fn unbrought(&self) -> Option<&str> {
        self.evidence.package.as_ref()?.failed.as_deref()
    }

    /// The worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether anything at all was tested: otherwise there is nothing to believe.
    #[must_use]
    pub fn tested(&self) -> bool {
        self.grade.is_some()
    }

    /// What was not read, of whatever it is.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &LeftOut> {
        let seen = &self.evidence;
        let source = seen.source.iter().flat_map(|it| &it.left_out);
        let config = seen.config.iter().flat_map(|it| &it.unread);
        let package = seen.package.iter().flat_map(|it| &it.unread);
        source.chain(config).chain(package).chain(seen.bundle.iter().flat_map(|it| &it.unread))
    }

    /// What was not read and what could not be asked, in lines: every form for people has them.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let live = self.evidence.live.iter().flat_map(|live| &live.untested);
        let live = live.map(|it| format!("{}: {}", it.what, it.why));
        self.left_out().map(|it| format!("{}: {}", it.file, it.why)).chain(live).collect()
    }

    /// How many findings of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// `2 critical, 1 low`, or `nothing found`, or `nothing new` where a baseline knew all of it; and how many are in
    /// doubt, which is not nothing.
    #[must_use]
    pub fn summary(&self) -> String {
        let parts: Vec<String> = SEVERITIES
            .iter()
            .map(|severity| (self.count(*severity), severity.word()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let found = match (parts.is_empty(), self.known) {
            (true, 0) => "nothing found".to_owned(),
            (true, _) => "nothing new".to_owned(),
            (false, _) => parts.join(", "),
        };
        match self.doubted {
            0 => found,
            some => format!("{found}, {some} in doubt (`--persona pedantic`)"),
        }
    }
}

/// The worst first.
pub(crate) const SEVERITIES: [Severity; 5] =
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Note];

/// The check of a finding.
pub(crate) fn check_of(finding: &Finding) -> Option<&'static Check> {
    Check::find(&finding.check)
}

/// The language in which a finding's example is told.
pub(crate) fn language_of(finding: &Finding, evidence: &Evidence) -> Option<Language> {
    let file = &finding.location.place()?.file;
    let files = evidence.source.iter().flat_map(|source| &source.files);
    files.filter(|it| it.file == *file).map(|it| it.language).next()
}

/// How sure, for a person.
pub(crate) fn sure(confidence: Confidence) -> &'static str {
    confidence.word()
}
