//! A flood through the network by name, in a process of its own: it counts the
//! descriptors of the process, which other tests beside it would move.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;
#[path = "egress/outside.rs"]
#[allow(dead_code, reason = "shared with `egress.rs`, which uses all of it")]
mod outside;

use common::unsupported;
use outside::{Inside, Outside};
use portcullis_confine::Level;

const PROXY: &str = "127.0.0.1:3128";
const GET: &str = "GET / HTTP/1.1\\r\\nHost: ok.test\\r\\n\\r\\n";

/// Open descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_flood_is_bounded_and_passes() {
    if unsupported(Level::Full) {
        return;
    }
    let outside = Outside::new();
    let mut inside =
        Inside::start(&outside.rules(&["ok.test:80=127.0.0.1:PORT"]), outside.resolver());
    // Half a head on each: more than there are slots, so honest calls wait, and then go.
    let before = descriptors();
    assert_eq!(inside.does(&format!("hold {PROXY}\t100\tGET ")), "100 held", "nt43");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let taken = descriptors().saturating_sub(before);
    assert!(taken <= 80, "{taken} descriptors for one server");
    let through = format!("say {PROXY}\tCONNECT ok.test:80 HTTP/1.1\\r\\n\\r\\n\t{GET}");
    let mut patient = String::new();
    for _ in 0..10 {
        patient = inside.does(&through);
        if patient.contains("200 OK") {
            break;
        }
    }
    assert!(patient.contains("200 OK"), "{patient}");
    // Unlisted names without end: told up to a bound, counted beyond.
    for n in 0..200 {
        inside.does(&format!("ask {n}.evil.test\t1\tudp"));
    }
    let told = inside.leave();
    assert!(told.len() <= 70, "{} records", told.len());
    assert!(told.last().unwrap().contains("not kept apart"), "{told:#?}");
}
