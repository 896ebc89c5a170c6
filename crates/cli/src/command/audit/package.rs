//! Packages by their names: brought, and started when they have one program.

use std::path::{Path, PathBuf};

use portcullis_audit::evidence::Live;
use portcullis_audit::probe::Doing;
use portcullis_audit::probe::live;
use portcullis_audit::probe::package::{self, Asked, Fetched, NotAPackage, Order};

use crate::args::Audit;
use crate::exit::{Exit, Trouble};
use crate::state;

/// Which package a target names. A file of that name is a file.
pub(super) fn asked(target: &Path) -> Option<Result<Asked, NotAPackage>> {
    package::asked(target.to_str()?).filter(|_| !target.exists())
}

/// Each of them, in a place that is thrown away.
pub(super) fn bring(
    args: &Audit,
    targets: &[&PathBuf],
    doing: &Doing,
) -> Result<Vec<Fetched>, Trouble> {
    let one = |target: &&PathBuf| {
        doing.now(format!("bringing {}", target.display()));
        let asked = asked(target).transpose();
        let asked = asked.map_err(|error| Trouble::new(Exit::Usage, error.to_string()))?;
        let order = Order {
            path: std::env::var_os("PATH").unwrap_or_default(),
            home: state::home(),
            launcher: None,
            time: args.timeout,
        };
        let fetched = asked.map(|asked| asked.fetch(&order)).transpose();
        fetched.map_err(|error| Trouble::failed(&error))
    };
    targets.iter().filter_map(|target| one(target).transpose()).collect()
}

/// Whether there is one package, and it has one program.
pub(super) fn starts(brought: &[Fetched]) -> bool {
    matches!(brought, [one] if !one.command.is_empty())
}

/// A command, which a package stands behind when nobody wrote one.
pub(super) fn started(order: live::Order, brought: &[Fetched]) -> live::Order {
    let Some(one) = brought.first() else { return order };
    let command = match order.command.is_empty() {
        true => one.command.clone(),
        false => order.command,
    };
    live::Order { command, packages: Some(one.packages()), ..order }
}

/// The words that start a package that was brought, in place of where it lay: they are still true when that is gone.
pub(super) fn named(live: &mut Live, brought: &[Fetched]) {
    let Some(one) = brought.first().filter(|one| !one.command.is_empty()) else { return };
    let packages = one.packages();
    let program = live.command.iter().position(|word| Path::new(word).starts_with(&packages));
    let launcher = one
        .command
        .first()
        .is_some_and(|it| live.command.first().is_some_and(|word| it == word.as_str()));
    let Some(program) = program.or(launcher.then_some(0)) else { return };
    let words = one.command.iter().map(|word| word.to_string_lossy().into_owned());
    live.command.splice(..=program, words);
}
