//! Bundles: unpacked, and started as a host would start them.

use std::path::PathBuf;

use portcullis_audit::evidence::Live;
use portcullis_audit::probe::bundle::{self, HERE, Opened};
use portcullis_audit::probe::live;

use crate::exit::{Exit, Trouble};

/// Each of them, in a place that is thrown away.
pub(super) fn open(targets: &[&PathBuf]) -> Result<Vec<Opened>, Trouble> {
    let one = |target: &&PathBuf| {
        bundle::open(target).map_err(|error| {
            let said = format!("`{}` cannot be read: {error}", target.display());
            Trouble::new(Exit::Nothing, said)
        })
    };
    targets.iter().map(one).collect()
}

/// Whether there is one, and it can be started.
pub(super) fn starts(opened: &[Opened]) -> bool {
    matches!(opened, [one] if !one.command.is_empty())
}

/// A command, which a bundle stands behind when nobody wrote one.
pub(super) fn started(order: live::Order, opened: &[Opened]) -> live::Order {
    let [one] = opened else { return order };
    if !order.command.is_empty() || one.command.is_empty() {
        return order;
    }
    live::Order {
        command: one.command.clone(),
        environment: one.environment.clone(),
        own: Some(one.tree()),
        ..order
    }
}

/// The words as the manifest has them: they are still true when the place is gone.
pub(super) fn named(live: &mut Live, opened: &[Opened]) {
    for one in opened {
        let tree = one.tree();
        let place = tree.to_string_lossy();
        for word in &mut live.command {
            *word = word.replace(&*place, HERE);
        }
    }
}
