//! `portcullis status`: where what a client has to see to stands here.

use portcullis_console::api::Line;
use portcullis_guard::text::visible;

use crate::args::{Places, Status};
use crate::checklist;
use crate::documents::InForce;
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style;

pub(super) fn run(_: &Status, places: &Places) -> Result<Exit, Trouble> {
    let in_force = InForce::read(places)?;
    let lines = checklist::lines(&state_dir(places)?, &in_force)?;
    style::print(&told(&lines)).map(|()| Exit::Clean)
}

/// Each line, where it stands, and what shows it.
pub(super) fn told(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let (standing, now) = (line.standing.as_str(), visible(&line.now));
        text.push_str(&format!("{}\n  {standing}: {now}\n  how: {}\n", line.what, line.how));
        for (place, test) in line.tests.iter().enumerate() {
            let label = if place == 0 { "shown by:" } else { "         " };
            text.push_str(&format!("  {label} {test}\n"));
        }
    }
    text
}
