//! The lesson, as somebody who teaches it would run it.

use super::{Ci, peers};
use crate::run;

/// Plays all of it with the release binary and the peers' Python.
pub(super) fn plays(ci: &mut Ci<'_>) -> Result<(), String> {
    let python = peers::folder(ci).join("python/sdk1/bin/python");
    let mut lesson = run::command(ci.target.join("release/portcullis"));
    run::pass(lesson.args(["lesson", "--all", "--yes", "--python"]).arg(python))
}
