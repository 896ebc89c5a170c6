//! What else a person looks at: servers, sessions, the journal, grants, and who decides what.
//!
//! All of it is text for people already; whoever shows it writes out what hides in it.

/// A server, and what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Our name for it.
    pub name: String,
    /// Each thing that it may, in words.
    pub facts: Vec<(&'static str, String)>,
    /// What of it is weaker than it could be.
    pub weak: Vec<String>,
    /// The tools that are pinned of it, each with where it stands.
    pub tools: Vec<(String, String)>,
}

/// One conversation with a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Its name, random.
    pub name: String,
    /// With which server.
    pub server: String,
    /// For whom.
    pub caller: String,
    /// Its first record.
    pub began: String,
    /// Its last one.
    pub last: String,
    /// How many messages were let through.
    pub passed: u64,
    /// How many were denied.
    pub denied: u64,
    /// How many times a person was asked.
    pub asked: u64,
    /// How it ended, when it did.
    pub ended: Option<String>,
}

/// What is looked for in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// A text that a record has, in any letters; empty for all.
    pub text: String,
    /// Only records before this number.
    pub before: Option<u64>,
}

/// What was found, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The records.
    pub records: Vec<Record>,
    /// Where to go on; nothing at the beginning of the journal.
    pub next: Option<u64>,
}

/// One record of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// When.
    pub time: String,
    /// What kind of thing happened.
    pub event: String,
    /// With which server.
    pub server: String,
    /// The method, and the tool if there is one.
    pub what: String,
    /// Outcome, reasons, and anything else to be read.
    pub says: String,
    /// All of it, JSON.
    pub whole: String,
}

/// Whether the journal is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// It is.
    Holds(String),
    /// It is not, or that could not be found out.
    Broken(String),
    /// Nobody has looked.
    Unknown(String),
}

/// Something that a server was given beyond one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Its name.
    pub id: String,
    /// The server.
    pub server: String,
    /// What.
    pub what: String,
    /// Where it stands.
    pub state: String,
    /// Since when.
    pub since: String,
    /// The command that changes it.
    pub change: String,
}

/// Who decides what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Who.
    pub who: &'static str,
    /// What they decide.
    pub decides: &'static str,
    /// What they cannot.
    pub not: &'static str,
    /// Where that stands on this machine.
    pub here: String,
}

/// A line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What a client has to see to.
    pub what: String,
    /// How it is seen to.
    pub how: String,
    /// Where it stands here.
    pub standing: Standing,
    /// Why.
    pub now: String,
    /// The tests that show it.
    pub tests: Vec<String>,
}

/// Where a line of the checklist stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As it should be.
    Good,
    /// A person should look.
    Look,
    /// Not as it should be.
    Bad,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "in order",
            Self::Look => "to be looked at",
            Self::Bad => "not in order",
        }
    }
}
