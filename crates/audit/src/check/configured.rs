//! What checks of a host's config share: the servers that it uses, and a finding with its place in the file.

use crate::check::Check;
use crate::evidence::config::{Entry, HostConfig};
use crate::evidence::{Evidence, Place};
use crate::finding::{Confidence, Finding, Location, Severity};

/// The config, when one was read.
pub(super) fn config(evidence: &Evidence) -> impl Iterator<Item = &HostConfig> {
    evidence.config.iter()
}

/// Every server, those that are switched off too, and the one that a bundle has a host start.
pub(super) fn all(evidence: &Evidence) -> impl Iterator<Item = &Entry> {
    let bundled = evidence.bundle.iter().filter_map(|bundle| bundle.manifest.as_ref());
    config(evidence)
        .flat_map(|config| &config.servers)
        .chain(bundled.map(|manifest| &manifest.entry))
}

/// Every server that the host uses.
pub(super) fn used(evidence: &Evidence) -> impl Iterator<Item = &Entry> {
    all(evidence).filter(|entry| !entry.off)
}

/// A finding about a place in the file. `about` is what tells two findings of one check apart.
pub(super) fn at(
    check: &Check,
    place: &Place,
    (severity, confidence): (Severity, Confidence),
    about: &str,
    seen: String,
) -> Finding {
    Finding {
        check: check.id.to_owned(),
        severity,
        confidence,
        title: format!("{}: {about}", check.title),
        location: Location::Source(place.clone()),
        steps: Vec::new(),
        reproducer: None,
        evidence: seen,
    }
}
