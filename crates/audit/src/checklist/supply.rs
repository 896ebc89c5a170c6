//! What has to be seen to in a package, before anybody looks at what it does.

use super::{Line, Tested};
use crate::evidence::{Evidence, Package};

pub(super) const SUPPLY: &[Line] = &[
    Line {
        control: "version-sound",
        statement: "Its version has no known flaw, and its name is its own.",
        checks: &["known-vulnerable", "typosquat"],
        tested: |it| {
            brought(it, |package| {
                format!(
                    "`{}` {} stands in no record of the auditor's table, and imitates no name of it",
                    package.name, package.version
                )
            })
        },
    },
    Line {
        control: "installs-quietly",
        statement: "Installing it runs nothing of its own.",
        checks: &["install-script"],
        tested: |it| {
            brought(it, |package| format!("{} packages came, none with a script", package.packages))
        },
    },
];

/// A package that came; else why it did not.
fn brought(evidence: &Evidence, told: impl Fn(&Package) -> String) -> Tested {
    match &evidence.package {
        None => Tested::Not("no package was brought".to_owned()),
        Some(package) => match package.unread.first() {
            Some(left) => Tested::Not(format!("{}: {}", left.file, left.why)),
            None => Tested::Yes(told(package)),
        },
    }
}
