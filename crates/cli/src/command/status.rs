//! `portcullis status`: where what a client has to see to stands here.

use portcullis_guard::text::visible;

use crate::args::{Places, Status};
use crate::checklist;
use crate::documents::InForce;
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style;

pub(super) fn run(_: &Status, places: &Places) -> Result<Exit, Trouble> {
    let in_force = InForce::read(places)?;
    let mut text = String::new();
    for line in checklist::lines(&state_dir(places)?, &in_force)? {
        let (standing, now) = (line.standing.as_str(), visible(&line.now));
        text.push_str(&format!("{}\n  {standing}: {now}\n  how: {}\n", line.what, line.how));
        for (place, test) in line.tests.iter().enumerate() {
            let label = if place == 0 { "shown by:" } else { "         " };
            text.push_str(&format!("  {label} {test}\n"));
        }
    }
    style::print(&text)?;
    Ok(Exit::Clean)
}
