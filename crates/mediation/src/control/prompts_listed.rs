//! A prompt that the operator withheld does not exist for the host.

use portcullis_guard::{bounded, visible};
use portcullis_policy::{Decision, Policies};

/// Judges a prompt by its name.
pub(crate) fn judge(name: &str, rules: &Policies) -> Decision {
    rules.judge_prompt(name, &visible(&bounded(name, 128)))
}
