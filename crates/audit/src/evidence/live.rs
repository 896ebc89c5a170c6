//! What a server did when it was started, in a box with nothing of the user's in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Guarded;

/// One server, started and talked to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// The words it was started with, credentials redacted; or its URL.
    pub command: Vec<String>,
    /// What we changed about these words so that nothing of the user's was touched, one sentence each:
    /// what was copied, what was appended because the server would not start without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staging: Vec<String>,
    /// What of the person's own the places in its words were copies of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Given>,
    /// The names of its variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// How strong the box was: `full`, `landlock`, `none`; `remote` for a URL.
    pub box_level: String,
    /// The revision that was agreed on, when it answered.
    pub revision: Option<String>,
    /// What it calls itself: `name version`.
    pub server: Option<String>,
    /// Its instructions to the model.
    pub instructions: Option<String>,
    /// The definitions of its tools as it sent them, in its order.
    pub tools: Vec<Value>,
    /// Resources and templates as it sent them.
    pub resources: Vec<Value>,
    /// Prompts as it sent them.
    pub prompts: Vec<Value>,
    /// Tools whose definition was another at the second launch, or in a second list of the same session.
    pub drifted: Vec<String>,
    /// What was tried, in order.
    pub trials: Vec<Trial>,
    /// What it reached for outside of its box, as the kernel told.
    pub wishes: Vec<Wish>,
    /// How it behaved as a program.
    pub conduct: Vec<Conduct>,
    /// Whether it wrote something to stderr, or sent a log message, when a tool was called.
    #[serde(default)]
    pub logs_calls: bool,
    /// Questions that could not be asked, and why.
    pub untested: Vec<Untested>,
    /// The same probes again, behind the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarded: Option<Box<Guarded>>,
}

/// Something of the person's, of which the stage had a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// What the copy is called: `{project}` and the like.
    pub place: String,
    /// The path of the original.
    pub from: String,
}

/// One request, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What was tried.
    pub attack: Attack,
    /// The tool (or `resource`, `prompt`).
    pub tool: String,
    /// The parameter that carried it.
    pub parameter: String,
    /// The whole request's `params`: send it again and it happens again. `{project}` and the like stand for our
    /// throw-away directories.
    pub request: Value,
    /// How it was answered.
    pub answer: Answer,
    /// What the answer said, redacted, at most 500 characters.
    pub said: String,
    /// What happened that had not happened otherwise.
    pub effect: Option<Effect>,
}

impl Trial {
    /// Whether it failed for what our box does, and not for what was sent.
    #[must_use]
    pub fn is_boxed(&self) -> bool {
        let failed = matches!(self.answer, Answer::ToolError | Answer::ProtocolError)
            || is_sorry(&self.said);
        failed && is_boxed(&self.said, self.attack == Attack::Benign)
    }

    /// Whether it was a call as it is meant, and worked as far as the server says.
    #[must_use]
    pub fn worked(&self) -> bool {
        self.attack == Attack::Benign && self.answer == Answer::Result && !is_sorry(&self.said)
    }
}

/// Whether an answer begins by saying in words that it is none, as servers do that know no other way.
#[must_use]
pub fn is_sorry(said: &str) -> bool {
    let start: String = said.chars().take(40).collect::<String>().to_lowercase();
    let sorry = ["error", "fail", "invalid", "not allowed", "denied", "unknown"];
    sorry.iter().any(|word| start.contains(word))
}

/// Whether an answer tells of a place that only our box made unwritable: it says nothing of how a server refuses.
#[must_use]
pub fn is_boxed(said: &str, honest: bool) -> bool {
    let said = said.to_lowercase();
    let told = |words: &[&str]| words.iter().any(|word| said.contains(word));
    // Of an attack, a no of the system's may be what held it.
    told(&["erofs", "read-only file system"])
        || honest && told(&["eacces", "permission denied", "eperm", "operation not permitted"])
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// A call as it is meant, to see that the tool works at all.
    Benign,
    /// A path out of the root: absolute, or with `..`.
    Traversal,
    /// A path to the directory next door whose name begins like the root's.
    Neighbour,
    /// A link inside the root that leads out.
    Symlink,
    /// A second command in a command.
    CommandInjection,
    /// A path hidden in an option.
    OptionInjection,
    /// A statement that writes, or a second statement.
    SqlWrite,
    /// A statement that reads what the tool is not about.
    SqlRead,
    /// An expression of a language's own.
    CodeInjection,
    /// An expression of a template.
    TemplateInjection,
    /// A URL of our own sink.
    ServerSideRequest,
    /// A value of the wrong type, a missing one, one too many, or one far too long.
    Invalid,
    /// An error is provoked, to see what it tells.
    ErrorLeak,
    /// A tool that is not listed.
    Hidden,
    /// Many calls at once. That all of them were answered is no effect: what was said tells how many were.
    Rate,
    /// A program that reads standard input swallows the protocol.
    SwallowedInput,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A result.
    Result,
    /// A result that says it is an error.
    ToolError,
    /// A JSON-RPC error.
    ProtocolError,
    /// Nothing within the time it had.
    Silence,
    /// The server ended.
    Ended,
}

/// What proves that something happened. Words in an answer prove nothing; a planted secret in it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// A secret that we planted outside of the root came back.
    CanaryRead {
        /// Where it was planted, with `{project}` and the like.
        from: String,
    },
    /// A file appeared or changed outside of the root.
    CanaryWritten {
        /// Which.
        file: String,
    },
    /// A file changed inside of the root.
    RootChanged {
        /// Which.
        file: String,
    },
    /// The planted database changed, or a table that was not asked about came back.
    Database {
        /// What, in words.
        what: String,
    },
    /// A program that we planted was run, or a word was run as a command.
    Executed {
        /// What, in words.
        what: String,
    },
    /// The sink was reached.
    Reached {
        /// The address.
        address: String,
    },
    /// An expression came back evaluated: random numbers, multiplied.
    Evaluated {
        /// What we sent.
        expression: String,
    },
    /// Paths, accounts or a stack of the server's own machine are in the answer.
    Leaked {
        /// Which, redacted.
        what: String,
    },
    /// The answer is larger than a model should get.
    Flood {
        /// Its size in bytes.
        bytes: u64,
    },
    /// What the schema forbids was accepted.
    Accepted {
        /// What, in words.
        what: String,
    },
    /// A message of ours was never answered, because something else read it.
    Swallowed,
}

/// What a server reached for and did not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// `open`, `run` or `connect`; `ask` for a request to the client's model or person.
    pub what: String,
    /// The file or address.
    pub object: String,
    /// During which trial (index into [`Live::trials`]); `None` when it started.
    pub during: Option<usize>,
}

/// How a server behaved as a program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Conduct {
    /// It could not be started.
    NotStarted {
        /// Why, in our words.
        why: String,
    },
    /// It was started, and nobody listened where it was said to.
    NotListening {
        /// Where, and what is known of it, in our words.
        why: String,
    },
    /// It never answered the handshake.
    NeverAnswered,
    /// It wrote something that is no message on its output.
    Noise {
        /// The first of it, at most 200 characters.
        first: String,
    },
    /// It wrote more than we take.
    Flooded {
        /// How much, in bytes.
        bytes: u64,
    },
    /// It ended by itself.
    Crashed {
        /// With which code or signal.
        how: String,
    },
    /// It was ended, for it used more than it may.
    OverBudget {
        /// What of: `time`, `memory`, `disk`.
        of: String,
    },
    /// It wrote control characters for a terminal.
    TerminalCodes,
    /// It listed without end.
    EndlessList,
}

/// What was not looked at where a server never said which tools it has.
pub const TOOLS: &str = "its tools";

/// A question that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Untested {
    /// What: a tool, a parameter, a kind of attack.
    pub what: String,
    /// Why.
    pub why: String,
}
