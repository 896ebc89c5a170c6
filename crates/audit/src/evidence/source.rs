//! What the source of a server says: its tools, and where what a caller sends flows to.

use serde::{Deserialize, Serialize};

use super::Place;

/// What was read of a source tree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The files that were understood, in order of their names.
    pub files: Vec<SourceFile>,
    /// What was not read, and why. Never silent.
    pub left_out: Vec<LeftOut>,
    /// The handlers that a client can reach.
    pub handlers: Vec<Handler>,
    /// Where a handler's parameters flow to something that can do harm.
    pub flows: Vec<Flow>,
    /// What else was seen on single lines.
    pub facts: Vec<Fact>,
    /// Comments that ask for silence about a check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignores: Vec<Ignore>,
    /// What is written for a model to read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
}

/// A description, a handler's doc string or instructions, as far as they stand in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Where.
    pub place: Place,
    /// Of which tool, resource or prompt, where that stands beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub of: String,
    /// What it says, at most 16,384 characters.
    pub text: String,
}

impl Source {
    /// What is offered by the protocol: no addresses beside it.
    pub fn offered(&self) -> impl Iterator<Item = &Handler> {
        self.handlers.iter().filter(|it| it.kind != HandlerKind::Route)
    }
}

/// A comment `portcullis: ignore[CHECK] REASON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// Where it stands.
    pub place: Place,
    /// The line that it is about: its own, or the next when it stands alone.
    pub covers: u32,
    /// The check's id.
    pub check: String,
    /// Why; empty when nobody wrote it, and then it counts for nothing.
    pub reason: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its name relative to the target.
    pub file: String,
    /// In which language.
    pub language: Language,
    /// How many lines it has.
    pub lines: u32,
    /// Whether its grammar fitted everywhere; what did not fit was not judged.
    pub whole: bool,
}

/// The languages that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Language {
    Python,
    JavaScript,
    TypeScript,
    Go,
    Rust,
}

/// Something that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The file or directory.
    pub file: String,
    /// In words: `larger than 1 MiB`, `a link`, `not UTF-8`.
    pub why: String,
    /// Whether nothing of the server's own program is in it, so that all of it may have been read all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
}

impl LeftOut {
    /// Something of the server's that was not read.
    #[must_use]
    pub const fn of(file: String, why: String) -> Self {
        Self { file, why, aside: false }
    }
}

/// What a client can reach by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the protocol's own words")]
pub enum HandlerKind {
    Tool,
    Resource,
    Prompt,
    /// Not the protocol's: an address of a web server, answered to whoever reaches its port.
    Route,
}

/// A function that answers a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// What it is offered as.
    pub kind: HandlerKind,
    /// The name a client uses; `*` when one function answers for every name.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// What a client may send.
    pub parameters: Vec<Parameter>,
    /// What it says it does, when the registration says so.
    pub annotations: Option<Annotations>,
    /// Whether an error of its body reaches the client in its own words:
    /// the place from which, when it does.
    pub raw_errors: Option<Place>,
}

/// One parameter of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type as written, when it has one.
    pub written: Option<String>,
    /// Whether the schema that a client sees bounds it: a length, a range, a pattern, a list of values, or a type that
    /// has few of them (bool).
    pub bounded: bool,
}

/// A tool's hints as its source states them; what is not stated is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the protocol's own words")]
pub struct Annotations {
    pub read_only: Option<bool>,
    pub destructive: Option<bool>,
    pub idempotent: Option<bool>,
    pub open_world: Option<bool>,
}

/// What a value can do where it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sink {
    /// Names a file that is read or looked at.
    FileRead,
    /// Names a file that is written, moved or removed.
    FileWrite,
    /// Is read by a shell.
    Shell,
    /// Is the program, or one of its words, without a shell.
    Process,
    /// Is text of an SQL statement.
    Sql,
    /// Is run as code.
    Code,
    /// Is the text of a template.
    Template,
    /// Says where a request goes.
    Url,
    /// Is turned into objects that can run code.
    Deserialise,
    /// Is the text of a regular expression.
    Pattern,
    /// Is written to a log.
    Log,
    /// Goes along with a request to an address that the author wrote down, and nobody looks at the answer.
    Sent,
    /// Is written to a hidden file in a directory that every program may write to.
    Kept,
}

/// From a parameter to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The handler's name, as in [`Handler::name`].
    pub handler: String,
    /// The parameter.
    pub parameter: String,
    /// What it can do there.
    pub sink: Sink,
    /// Where.
    pub place: Place,
    /// The call, as written, at most 200 characters.
    pub call: String,
    /// How it got there, from the parameter on.
    pub steps: Vec<Step>,
    /// Every check that a value passes on its way here, on every path: what it holds up is judged by the checks.
    pub guards: Vec<Guard>,
    /// The value is the whole of what arrives, not a part between fixed texts.
    pub whole: bool,
    /// Nobody hears of an error there: of [`Sink::Sent`] and [`Sink::Kept`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// The line's own words, at most 200 characters.
    pub text: String,
}

/// A look at a value before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// What it does.
    pub kind: GuardKind,
    /// Where.
    pub place: Place,
    /// As written, at most 200 characters.
    pub text: String,
}

/// What guards do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardKind {
    /// The path is made absolute and its links are resolved (`realpath`).
    Resolved,
    /// The path is made absolute without looking at links (`abspath`, `path.resolve`).
    Absolute,
    /// The path begins with a directory's name as text, without a separator.
    Prefix,
    /// The path is proven below a directory by whole components.
    Component,
    /// Only the last component is kept (`basename`), or no separator is allowed.
    Name,
    /// `..` is looked for as text.
    Dots,
    /// It is opened beneath a descriptor, following no link.
    Beneath,
    /// The value is one of a fixed list.
    AllowList,
    /// A program's name is one of a fixed list; its words are not.
    ProgramList,
    /// The value matches an anchored expression without wild parts.
    Pattern,
    /// It consists of letters, digits and `_`, `$` or `.` alone: inside of a fixed statement of SQL that is a name.
    Word,
    /// The text begins with a word such as SELECT.
    FirstWord,
    /// Bad characters are looked for.
    DenyList,
    /// It is quoted for a shell.
    Quoted,
    /// It is turned into a number or a bool.
    Number,
    /// The connection is read-only or has an authorizer.
    ReadOnly,
    /// A statement has made the session or the transaction read-only, which the next statement can undo.
    ReadOnlySaid,
    /// The host of a URL is held against a list.
    HostList,
    /// What begins with a dash is refused, or stands after `--`.
    NoOption,
    /// It stands behind a long option, and is its value unless that option stands alone.
    BehindOption,
    /// A function of the server's own says yes or no to it, and why could not be followed.
    Unclear,
    /// The path is no absolute one: it leads on from the directory that it is put behind.
    Relative,
}

/// Something seen on one line, without a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is.
    pub kind: FactKind,
    /// Where.
    pub place: Place,
    /// As written, at most 200 characters, credentials redacted.
    pub text: String,
}

/// What may be seen on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactKind {
    /// A credential is written in the source.
    Secret,
    /// The server listens on every address.
    BindsAll,
    /// A request or a process is waited for without end.
    NoTimeout,
    /// What is waited for here has an end that somebody wrote down.
    Ends,
    /// A child process inherits standard input.
    InheritsInput,
    /// The transport's protection against DNS rebinding is switched off.
    RebindingOff,
    /// Certificates are not verified.
    CertificatesIgnored,
    /// Keys of a person are read, at a place that the author wrote down.
    TakesKeys,
    /// Credentials of other programs are read, at a place that the author wrote down.
    TakesCredentials,
    /// A client's wish asks the address at which a cloud gives a machine its credentials, for these.
    TakesMachines,
    /// The same address is asked for something else.
    AsksMachine,
    /// Something is written where programs are started from.
    Plants,
    /// All variables of the environment go along with a request to another machine, or into a hidden file.
    TakesEnvironment,
    /// A request goes to another machine, at an address that the author wrote down.
    SendsOut,
    /// What arrives at such a place may be a client's value: a function that is not known made it of one, keeps one or is
    /// given one, or whether the place is such a one is not seen.
    Unclear(Sink),
    /// Something of that kind is done for a client, the first of it in the tree, and nothing of a client's was seen in it.
    Done(Sink),
    /// What a handler says of itself is written again while the server runs.
    Redefined,
}
