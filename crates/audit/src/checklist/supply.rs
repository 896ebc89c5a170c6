//! What has to be seen to in a package or a bundle, before anybody looks at what it does.

use super::{Line, Tested, answering};
use crate::evidence::bundle::{Manifest, Signature};
use crate::evidence::{Bundle, Evidence, Package};

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
        Some(package) => match (&package.failed, package.unread.first()) {
            (Some(_), _) => Tested::Not("the package could not be brought".to_owned()),
            (None, Some(left)) => Tested::Not(format!("{}: {}", left.file, left.why)),
            (None, None) => Tested::Yes(told(package)),
        },
    }
}

pub(super) const BUNDLE: &[Line] = &[
    Line {
        control: "archive-sound",
        statement: "It unpacks to the same files everywhere, and to nothing outside of its directory.",
        checks: &["hostile-archive"],
        tested: |it| {
            unpacked(it, |bundle| Tested::Yes(format!("{} entries were unpacked", bundle.entries)))
        },
    },
    Line {
        control: "bundle-signed",
        statement: "Who made it can be told.",
        checks: &["unsigned-bundle"],
        tested: |it| {
            unpacked(it, |bundle| match bundle.signature {
                Signature::None => Tested::Not("nothing of it was unpacked".to_owned()),
                Signature::Unverified => {
                    Tested::Not("it is signed, and the signature is not verified here".to_owned())
                }
            })
        },
    },
    Line {
        control: "launch-plain",
        statement: "A host starts its own program, of one version, with no more than that needs.",
        checks: &[
            "dangerous-launch",
            "wide-root",
            "floating-version",
            "known-vulnerable",
            "typosquat",
        ],
        tested: |it| {
            said(it, |manifest| match manifest.entry.command.len() {
                0 => Tested::Not("its manifest names no command".to_owned()),
                words => Tested::Yes(format!("{words} words start it")),
            })
        },
    },
    Line {
        control: "settings-kept",
        statement: "What it asks a person for is kept as what it is, and no credential came with it.",
        checks: &["secret-setting", "config-secret"],
        tested: |it| {
            said(it, |manifest| {
                Tested::Yes(format!("{} settings were read", manifest.settings.len()))
            })
        },
    },
    Line {
        control: "tools-declared",
        statement: "It offers the tools that its manifest names, and no others.",
        checks: &["undeclared-tool"],
        tested: |it| {
            said(it, |manifest| match (&manifest.tools, answering(it)) {
                (None, _) => Tested::Not("its manifest names no tools".to_owned()),
                (Some(_), Err(why)) => why,
                (Some(tools), Ok(_)) => {
                    Tested::Yes(format!("{} tools are named, and offered", tools.len()))
                }
            })
        },
    },
];

/// An archive that could be unpacked whole.
fn unpacked(evidence: &Evidence, told: impl Fn(&Bundle) -> Tested) -> Tested {
    match &evidence.bundle {
        None => Tested::Not("it is no bundle".to_owned()),
        Some(bundle) => match bundle.unread.first() {
            Some(left) => Tested::Not(format!("{}: {}", left.file, left.why)),
            None => told(bundle),
        },
    }
}

/// A manifest that was understood.
fn said(evidence: &Evidence, told: impl Fn(&Manifest) -> Tested) -> Tested {
    match evidence.bundle.as_ref().and_then(|bundle| bundle.manifest.as_ref()) {
        None => Tested::Not("its manifest was not understood".to_owned()),
        Some(manifest) => told(manifest),
    }
}
