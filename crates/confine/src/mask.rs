//! What a `/proc` of one's own still tells of the machine and its people, and
//! what a server reads there instead.
//!
//! A process namespace hides processes. It does not hide the *names* of the
//! person's keys, which an ordinary user's server would share an id with, nor
//! the number of this start of the machine, by which two servers that know
//! nothing of each other could tell that they are neighbours.

use std::path::Path;

use crate::skeleton::{Kind, Skeleton};
use crate::sys::mount::Forbid;
use crate::trouble::Step;

/// Where our own files hang in the view, for the mounts to be taken from.
const STORE: &str = "/sandbox/mask";

/// What is laid over, and what it says then.
const MASKS: &[(&str, &str, &str)] = &[
    ("/proc/keys", "keys", ""),
    ("/proc/key-users", "key-users", ""),
    // Version 4 of RFC 9562, as programs expect it to look.
    ("/proc/sys/kernel/random/boot_id", "boot_id", "00000000-0000-4000-8000-000000000000\n"),
];

/// Lays the masks over the `/proc` that was mounted just before.
pub(crate) fn hide(skeleton: &Skeleton) -> Step<()> {
    let read_only = Forbid::WRITE.and(Forbid::SUID).and(Forbid::DEVICES).and(Forbid::EXEC);
    for (path, name, text) in MASKS {
        let own = format!("{STORE}/{name}");
        skeleton.write(&own, text.as_bytes(), None)?;
        // A kernel without keys, or without the number, has nothing to hide.
        if skeleton.has(Path::new(path)) {
            let tree = skeleton.clone(Path::new(&own), read_only)?;
            skeleton.mount(Path::new(path), &tree, Kind::File)?;
        }
    }
    Ok(())
}
