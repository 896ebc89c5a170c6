//! What any keeper of pins does, and the words for it.

use std::collections::BTreeMap;
use std::fmt;

use portcullis_journal::Timestamp;
use portcullis_mediation::pin::{Definition, Part, Pinned, Pins, Sighting, Surroundings};

use crate::StoreError;

/// Most parts of one server that are kept: more than a session pins.
pub const MOST_PARTS: usize = 32_768;

/// Where pins are kept. `server` is the server's name in pins.
///
/// `now` is the wall clock. Each function is at most one transaction.
pub trait PinStore: fmt::Debug {
    /// Everything that is pinned of a server.
    ///
    /// # Errors
    /// When it could not be read: then nothing may start.
    fn load(&mut self, server: &str) -> Result<Pins, StoreError>;

    /// Keeps what a session saw: pins what was seen first, notes what drifted.
    /// Returns the pins in force when another process was faster and pinned
    /// something else.
    ///
    /// # Errors
    /// When it could not be stored.
    fn sighted(
        &mut self,
        server: &str,
        sighting: &Sighting,
        now: Timestamp,
    ) -> Result<Option<Pins>, StoreError>;

    /// Every part of a server, for a person to look at. What was shown is what a
    /// later [`PinStore::accept`] takes.
    ///
    /// # Errors
    /// When it could not be read, or not be stored that it was shown.
    fn show(&mut self, server: &str) -> Result<Vec<PinRow>, StoreError>;

    /// A person accepts what was shown last: of everything, or of the parts that are
    /// named. What the server said since is not accepted.
    ///
    /// # Errors
    /// When it could not be stored.
    fn accept(
        &mut self,
        server: &str,
        named: Option<&str>,
        by: &str,
        now: Timestamp,
    ) -> Result<Accepted, StoreError>;

    /// A person said yes to exactly this definition of a part, seen in these surroundings, and
    /// it waits. False when it is another one by now, was seen elsewhere, or waits no more.
    ///
    /// # Errors
    /// When it could not be stored.
    fn answered(
        &mut self,
        server: &str,
        part: &Part,
        seen: (&Definition, &Surroundings),
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Forgets a server: whatever it shows next is seen for the first time.
    /// Returns how many parts were forgotten.
    ///
    /// # Errors
    /// When it could not be stored.
    fn reset(&mut self, server: &str) -> Result<u64, StoreError>;

    /// Every part of every server, in order.
    ///
    /// # Errors
    /// When it could not be read.
    fn rows(&mut self) -> Result<Vec<PinRow>, StoreError>;

    /// The tools that other servers have pinned: by the look of a name, the tool and its server.
    ///
    /// # Errors
    /// When it could not be read.
    fn neighbours(
        &mut self,
        server: &str,
    ) -> Result<BTreeMap<String, (String, String)>, StoreError>;

    /// A number that changes when another process wrote: poll this, then load.
    ///
    /// # Errors
    /// When it could not be read.
    fn changes(&mut self) -> Result<u64, StoreError>;
}

/// What came of an acceptance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// What is pinned now as it was shown.
    pub parts: Vec<Part>,
    /// What nobody was shown in this form, and still waits.
    pub unseen: Vec<Part>,
}

/// One part of a server, as it was approved and as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinRow {
    /// The server's name in pins.
    pub server: String,
    /// Which part.
    pub part: Part,
    /// As it was approved; nothing when it waits for its first acceptance.
    pub pinned: Option<Pinned>,
    /// As it was seen, when that is something else.
    pub seen: Option<(Definition, Surroundings)>,
    /// It is pinned, and the server lists it no more.
    pub gone: bool,
    /// When it was pinned, or seen if it never was.
    pub since: Timestamp,
    /// Who accepted it; nothing when it was seen first.
    pub by: Option<String>,
}
