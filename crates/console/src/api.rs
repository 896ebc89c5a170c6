//! What the page needs of the world behind it: questions, answers, and what else a person looks at.
//!
//! [`Desk`] is all that the page knows of the state directory, which stays the only truth: nothing
//! that is read here is kept, and an answer is given where every other answer is given, too.

mod look;

use std::fmt;
use std::time::Duration;

use portcullis_mediation::Fingerprint;
use portcullis_mediation::grant::Lasts;

pub use look::{Found, Grant, Line, Record, Seal, Search, Server, Session, Standing, Trust};

/// Whoever brings questions to the page and answers back.
///
/// Each function may block for as long as a file takes to read.
pub trait Desk: fmt::Debug + Send + Sync + 'static {
    /// A number that changes when somebody wrote.
    ///
    /// # Errors
    /// When it cannot be read.
    fn changes(&self) -> Result<u64, Trouble>;

    /// The questions that wait for a person, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn questions(&self) -> Result<Vec<Asked>, Trouble>;

    /// One question, whether it waits or not.
    ///
    /// # Errors
    /// When it cannot be read.
    fn question(&self, id: &str) -> Result<Option<Asked>, Trouble>;

    /// A person's answer. It counts once, and only while the question waits.
    ///
    /// # Errors
    /// When it cannot be stored: then it does not count.
    fn decide(&self, id: &str, answer: Said) -> Result<Decided, Trouble>;

    /// A person's yes to something else in the place of what was asked. The same holds.
    ///
    /// # Errors
    /// When it cannot be stored: then it does not count.
    fn edit(&self, id: &str, content: &str) -> Result<Decided, Trouble>;

    /// The servers that are known here, and what each may do.
    ///
    /// # Errors
    /// When config or state cannot be read.
    fn servers(&self) -> Result<Vec<Server>, Trouble>;

    /// The last sessions, the newest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn sessions(&self) -> Result<Vec<Session>, Trouble>;

    /// Records of the journal.
    ///
    /// # Errors
    /// When it cannot be read.
    fn journal(&self, search: &Search) -> Result<Found, Trouble>;

    /// Whether the journal holds. Unless that is wanted, a long one is not read through.
    fn seal(&self, wanted: bool) -> Seal;

    /// What servers were given beyond one call.
    ///
    /// # Errors
    /// When it cannot be read.
    fn grants(&self) -> Result<Vec<Grant>, Trouble>;

    /// Who decides what.
    ///
    /// # Errors
    /// When config or state cannot be read.
    fn trust(&self) -> Result<Vec<Trust>, Trouble>;

    /// What a client has to see to, and where it stands here.
    ///
    /// # Errors
    /// When config or state cannot be read.
    fn checklist(&self) -> Result<Vec<Line>, Trouble>;
}

/// Something that could not be done, in a sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// A person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// No.
    Deny,
    /// Yes, this once.
    Once,
    /// Yes, and to the calls of a cover for a while.
    Stands {
        /// Which of the covers, from 1.
        cover: usize,
        /// For how long.
        lasts: Lasts,
    },
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It stands.
    Stored,
    /// Somebody was faster, or the question has ended: in which state it is.
    TooLate(String),
    /// That answer cannot be given, and why.
    Refused(String),
    /// Nobody asked that.
    Unknown,
}

/// One question, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub id: String,
    /// Where it stands: `pending` and so on.
    pub state: String,
    /// Whether it waits for an answer.
    pub waits: bool,
    /// What is asked about: a tool's call and so on.
    pub kind: String,
    /// Our name for the server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// The arguments, JSON.
    pub arguments: String,
    /// Our assessment.
    pub risk: String,
    /// Why it is asked.
    pub reasons: Vec<String>,
    /// Who calls.
    pub caller: String,
    /// When it was asked, for people.
    pub asked: String,
    /// When it ends, for people.
    pub until: String,
    /// How long that is from now.
    pub left: Duration,
    /// The definition that the tool had.
    pub definition: String,
    /// The digest of the arguments.
    pub digest: String,
    /// Which calls to come a yes could cover, in words, the narrowest first.
    pub covers: Vec<String>,
    /// What a person put in the place of the content, JSON.
    pub edited: Option<String>,
    /// Who answered, once somebody did.
    pub decided_by: Option<String>,
}

impl Asked {
    /// The digest of all that is shown of it, each part with its length before it: an answer
    /// is to what was shown.
    pub(crate) fn digest_of_all(&self) -> String {
        let mut text = String::new();
        let mut add = |part: &str| {
            text.push_str(&format!("{}:{part},", part.len()));
        };
        let Self { id, state, waits: _, kind, server, tool, arguments, risk, reasons, .. } = self;
        for part in [id, state, kind, server, tool, arguments, risk] {
            add(part);
        }
        reasons.iter().for_each(|reason| add(reason));
        let Self { caller, asked, until, left: _, definition, digest, covers, .. } = self;
        for part in [caller, asked, until, definition, digest] {
            add(part);
        }
        covers.iter().for_each(|cover| add(cover));
        let Self { edited, decided_by, .. } = self;
        add(edited.as_deref().unwrap_or_default());
        add(decided_by.as_deref().unwrap_or_default());
        Fingerprint::of(text.as_bytes()).as_str().to_owned()
    }
}
