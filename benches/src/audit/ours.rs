//! Our auditor, as a person starts it: a program, its report as JSON, and what that took.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;

use super::case::{Case, fits, rank};
use crate::host::command;
use crate::process;
use crate::stats::median;

/// How long a live server may be looked at.
const PATIENCE: &str = "60s";

#[derive(Debug)]
pub(crate) struct Auditor<'a> {
    pub(crate) gateway: &'a Path,
    pub(crate) work: &'a Path,
}

/// One finding, as far as it is counted.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) check: String,
    pub(crate) severity: String,
    pub(crate) confidence: String,
}

/// What was found, and what it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) findings: Vec<Finding>,
    /// From the start to the report, median in seconds.
    pub(crate) wall: f64,
    /// Processor time of the auditor and of what it started, median in seconds.
    pub(crate) cpu: f64,
    /// How many lines of source were read.
    pub(crate) lines: u64,
    /// The evidence, where it was saved.
    pub(crate) evidence: Option<PathBuf>,
    /// A server that was to be started, and was not.
    pub(crate) unstarted: bool,
}

impl Finding {
    /// Whether whoever reads the report is told, and not only whoever asks for every doubt.
    pub(crate) fn told(&self, floor: &str) -> bool {
        self.confidence != "possible" && rank(&self.severity) >= rank(floor)
    }
}

impl Seen {
    /// The checks that find a class at its floor.
    pub(crate) fn finds(&self, class: &str, floor: &str) -> bool {
        self.findings.iter().any(|it| fits(class, &it.check) && it.told(floor))
    }

    /// The same, however little it is made of.
    pub(crate) fn mentions(&self, class: &str) -> bool {
        self.findings.iter().any(|it| {
            fits(class, &it.check)
                && !matches!(
                    it.check.as_str(),
                    "missing-annotations" | "unbounded-input" | "no-timeout"
                )
        })
    }

    /// What is said at high or above, without doubt.
    pub(crate) fn high(&self) -> Vec<&str> {
        let mut checks: Vec<&str> =
            self.findings.iter().filter(|it| it.told("high")).map(|it| it.check.as_str()).collect();
        checks.sort_unstable();
        checks.dedup();
        checks
    }
}

impl Auditor<'_> {
    /// Looks at one case; what is only read is read several times.
    pub(crate) fn case(&self, case: &Case, rounds: usize) -> Result<Seen, String> {
        let mut words: Vec<String> = Vec::new();
        words.extend(case.source.clone());
        words.extend(case.config.clone());
        words.extend(case.url.iter().flat_map(|url| ["--listens-at".to_owned(), url.clone()]));
        if let Some(command) = &case.command {
            words.push("--".to_owned());
            words.extend(command.iter().cloned());
        }
        let rounds = if case.command.is_some() { 1 } else { rounds };
        self.look(&case.folder, &case.name, &words, rounds)
    }

    /// Audits what the words name.
    pub(crate) fn look(
        &self,
        at: &Path,
        name: &str,
        words: &[String],
        rounds: usize,
    ) -> Result<Seen, String> {
        let evidence = self.work.join(format!("{name}.evidence"));
        let mut samples: Vec<(f64, f64)> = Vec::new();
        let mut report = Value::Null;
        for _ in 0..rounds.max(1) {
            let (before, since) = (process::ended_children(), Instant::now());
            let mut start = command(self.gateway);
            start.args([
                "audit",
                "--format",
                "json",
                "--persona",
                "auditor",
                "--timeout",
                PATIENCE,
            ]);
            start.arg("--save-evidence").arg(&evidence).args(words);
            start.current_dir(at).stdin(Stdio::null()).stderr(Stdio::null());
            let output = start.output().map_err(|error| format!("{name}: {error}"))?;
            let cpu = process::ended_children().saturating_sub(before).as_secs_f64();
            samples.push((since.elapsed().as_secs_f64(), cpu));
            report = serde_json::from_slice(&output.stdout)
                .map_err(|error| format!("{name}: the report cannot be read: {error}"))?;
        }
        if let Value::Array(all) = &mut report {
            report = all.pop().unwrap_or_default();
        }
        let findings = report.get("findings").cloned().unwrap_or_default();
        let findings =
            serde_json::from_value(findings).map_err(|error| format!("{name}: {error}"))?;
        let seen: Value = std::fs::read(&evidence)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let files = seen.pointer("/source/files").and_then(Value::as_array);
        let lines = files.into_iter().flatten().filter_map(|it| it.get("lines")?.as_u64()).sum();
        let untested = seen.pointer("/live/untested/0/what").and_then(Value::as_str);
        Ok(Seen {
            findings,
            wall: median(samples.iter().map(|it| it.0)),
            cpu: median(samples.iter().map(|it| it.1)),
            lines,
            evidence: evidence.exists().then_some(evidence),
            unstarted: untested == Some("everything"),
        })
    }
}
