//! What is released: it is built, and has no switch that is only for tests.

use super::Ci;
use crate::run;
use crate::tidy::switch;

/// Builds it and looks inside.
pub(super) fn build(ci: &mut Ci<'_>) -> Result<(), String> {
    run::pass(ci.repo.cargo().args(["build", "--release", "--locked"]))?;
    let program = ci.target.join("release/portcullis");
    let bytes =
        std::fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    if switch::is_in(&bytes) {
        return Err(format!("the release binary reads `{}`, which is for tests", switch::NAME));
    }
    Ok(())
}
