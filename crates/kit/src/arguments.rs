//! Types for arguments that cannot hold anything but what was judged.
//!
//! Each implements `Deserialize` and `JsonSchema`, so that a tool's schema says what
//! its type enforces; none can be had but judged. What must be judged against the
//! roots of the conversation ([`UnderRoot`]) is judged while it is read, inside a call.

mod argv;
mod bounded;
mod named_query;
mod safe_url;
mod under_root;

use std::sync::Arc;

pub use argv::{Argv, Program};
pub use bounded::Bounded;
pub use named_query::{NamedQuery, Query};
pub use safe_url::{Listed, SafeUrl};
pub use under_root::{Looking, UnderRoot, Use, Writing};

use crate::roots::Roots;

tokio::task_local! {
    /// The roots in force for the call whose arguments are being read.
    static IN_FORCE: Arc<Roots>;
}

/// Reads arguments of a call that these roots are in force for.
pub(crate) fn in_force<T>(roots: Arc<Roots>, read: impl FnOnce() -> T) -> T {
    IN_FORCE.sync_scope(roots, read)
}

/// Does whatever a call does with these roots in force.
pub(crate) async fn while_in_force<F: Future>(roots: Arc<Roots>, work: F) -> F::Output {
    IN_FORCE.scope(roots, work).await
}

/// The roots in force; none outside of a call.
fn roots() -> Option<Arc<Roots>> {
    IN_FORCE.try_with(Arc::clone).ok()
}
