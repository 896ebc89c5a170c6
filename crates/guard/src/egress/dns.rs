//! Questions for names, answered with stand-ins and never passed on.
//!
//! A listed name gets an address out of 198.18.0.0/15 (RFC 2544), which inside the
//! box leads to our own listeners: the connection tells the address, and the address
//! the name. Everything else does not exist. So nothing that a server asks leaves the
//! machine, and DNS carries nothing out.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::bytes::Cursor;
use super::host::HostName;

/// Longest question over UDP; longer ones are nothing that we would answer.
pub const LONGEST: usize = 1232;

/// Most names that get a stand-in: wildcards have no end of their own.
const MOST_NAMES: usize = 4096;

const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 2]);
/// Kind of record: an IPv4 address.
const ADDRESS: u16 = 1;
/// The Internet.
const INTERNET: u16 = 1;
/// Seconds that an answer may be kept. A stand-in stays as long as its box.
const SECONDS: u32 = 60;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    id: u16,
    recursion: u8,
    /// The question's own bytes, repeated in the answer.
    raw: Vec<u8>,
    /// The name as text; what is no text is shown in its place.
    pub name: String,
    kind: u16,
    class: u16,
}

/// What a question is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name has this stand-in.
    StandIn(Ipv4Addr),
    /// There is no such name.
    NoSuchName,
    /// There is no room for more names.
    Failed,
}

impl Question {
    /// Reads a packet; what is not one plain question gets no answer.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet);
        let (id, flags) = (cursor.short()?, cursor.short()?);
        let counts = [cursor.short()?, cursor.short()?, cursor.short()?, cursor.short()?];
        // A question, of the ordinary kind; an OPT record may follow it (RFC 6891).
        if flags & 0xf800 != 0 || !matches!(counts, [1, 0, 0, 0 | 1]) {
            return None;
        }
        let start = packet.len() - cursor.left();
        let mut labels = Vec::new();
        loop {
            // A pointer (RFC 1035 section 4.1.4) has no place in the first name.
            let label = cursor.counted().filter(|label| label.len() < 64)?;
            if label.is_empty() {
                break;
            }
            labels.push(String::from_utf8_lossy(label).into_owned());
        }
        let (kind, class) = (cursor.short()?, cursor.short()?);
        let raw = packet.get(start..packet.len() - cursor.left())?.to_vec();
        let recursion = u8::try_from((flags >> 8) & 1).unwrap_or_default();
        (raw.len() <= 255 + 4).then(|| Self {
            id,
            recursion,
            raw,
            name: labels.join("."),
            kind,
            class,
        })
    }

    /// Writes the answer.
    #[must_use]
    pub fn answered(&self, answer: Answer) -> Vec<u8> {
        let code = match answer {
            Answer::StandIn(_) => 0,
            Answer::Failed => 2,
            Answer::NoSuchName => 3,
        };
        let address = match answer {
            Answer::StandIn(address) if (self.kind, self.class) == (ADDRESS, INTERNET) => {
                Some(address)
            }
            _ => None,
        };
        let mut out = self.id.to_be_bytes().to_vec();
        out.extend([0x80 | self.recursion, 0x80 | code, 0, 1]);
        out.extend([0, u8::from(address.is_some()), 0, 0, 0, 0]);
        out.extend(&self.raw);
        if let Some(address) = address {
            // The name is the question's, twelve bytes from the start.
            out.extend([0xc0, 12, 0, 1, 0, 1]);
            out.extend(SECONDS.to_be_bytes());
            out.extend([0, 4]);
            out.extend(address.octets());
        }
        out
    }
}

/// Which name has which stand-in.
#[derive(Clone, Debug, Default)]
pub struct StandIns {
    names: Vec<HostName>,
    numbers: BTreeMap<HostName, u32>,
}

impl StandIns {
    /// The stand-in of a name, while there is room.
    pub fn of(&mut self, name: &HostName) -> Option<Ipv4Addr> {
        if let Some(number) = self.numbers.get(name) {
            return Some(Ipv4Addr::from(FIRST + number));
        }
        if self.names.len() >= MOST_NAMES {
            return None;
        }
        let number = u32::try_from(self.names.len()).ok()?;
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        Some(Ipv4Addr::from(FIRST + number))
    }

    /// The name behind a stand-in.
    #[must_use]
    pub fn name(&self, address: Ipv4Addr) -> Option<&HostName> {
        let number = u32::from(address).checked_sub(FIRST)?;
        self.names.get(usize::try_from(number).ok()?)
    }
}
