//! `portcullis approvals watch`: the questions on a whole screen.

use std::path::Path;

use portcullis_console::api::Trouble as Failed;
use portcullis_console::watch::watch;

use super::edit::edited_in;
use crate::args::Places;
use crate::desk::StateDesk;
use crate::exit::{Exit, Trouble};
use crate::state::variable;

pub(super) fn run(state: &Path, places: &Places) -> Result<Exit, Trouble> {
    let desk = StateDesk::open(state, places, "watch")?;
    let mut editor = |id: &str, content: &str| {
        edited_in(state, id, content).map_err(|trouble| Failed(trouble.said.join("; ")))
    };
    // <https://no-color.org>: any value but the empty one switches colour off.
    let coloured = variable("NO_COLOR").is_none();
    watch(&desk, &mut editor, coloured).map_err(|error| Trouble::new(Exit::Usage, error.0))?;
    Ok(Exit::Clean)
}
