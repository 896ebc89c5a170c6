//! What a mistake of ours says of itself: where it was, and not what it had in hand.
//!
//! A panic's message may hold a piece of what a peer sent, or of a secret, and
//! stderr goes into the logs of hosts.

use std::io::Write as _;
use std::panic::Location;

/// From now on a panic is one line without its message.
pub(crate) fn say_where_and_not_what() {
    std::panic::set_hook(Box::new(|panic| {
        // A panic in here would end the process, and whoever closed stderr must not do that.
        let _ = writeln!(std::io::stderr(), "portcullis: {}", said(panic.location()));
    }));
}

fn said(place: Option<&Location<'_>>) -> String {
    let place = place.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!("this is a mistake of ours, at {place}: please report it")
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn a_crash_names_its_place() {
        let here = std::panic::Location::caller();
        assert!(said(Some(here)).contains("crash.rs:"), "{}", said(Some(here)));
        assert!(!said(None).is_empty());
    }
}
