//! How a server answers over HTTP: each request that was sent, and what came back.

use serde::{Deserialize, Serialize};

/// One server at an address. What it offers is in [`super::Live`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Its address.
    pub url: String,
    /// The address begins with `https:`.
    pub encrypted: bool,
    /// The address is one of this machine, or of the box in which we started it.
    pub this_machine: bool,
    /// The names of the headers by which we identified ourselves; their values are nowhere.
    pub identified: Vec<String>,
    /// It speaks HTTP with SSE, as 2024-11-05 has it: a stream for each session, in whose address its name stands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub old: bool,
    /// What its names for sessions are like, when it gives any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Names>,
    /// What was asked, in order.
    pub exchanges: Vec<Exchange>,
}

/// What names for sessions are like; the names themselves are credentials and not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// How many were seen.
    pub seen: u32,
    /// The length of the shortest, in characters.
    pub shortest: u32,
    /// How many bits of chance they can hold at the very most: the letters that differ, by the alphabet that
    /// they are of.
    pub bits: u32,
    /// Two sessions had the same.
    pub repeated: bool,
    /// They count up: what differs is a number that grows by little.
    pub counted: bool,
    /// They are UUIDs made of the clock (RFC 9562, versions 1 and 6).
    pub of_the_clock: bool,
}

/// One request, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What it was to find out.
    pub question: Question,
    /// The request. Secrets stand there as variables: `$AUTHORIZATION`, `$SESSION`.
    pub request: Sent,
    /// What came back; nothing when nothing did.
    pub answer: Option<Answer>,
    /// The program that the request names was started: it left its mark on the stage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub started: bool,
    /// Why nothing came back, or what was seen beside the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// `POST`, `GET` or `DELETE`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Headers, in order, without those that every client adds.
    pub headers: Vec<Header>,
    /// What it carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// Redacted.
    pub value: String,
    /// It ends with a variable that we put in the place of what is secret. What a server chose never
    /// does, whatever it looks like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub variable: bool,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers that say something about who may read it, who must identify himself and how.
    pub headers: Vec<Header>,
    /// What it means in the protocol.
    pub meaning: Meaning,
    /// The start of what it says, redacted.
    pub said: String,
    /// What it tells of the server's machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak: Option<String>,
}

/// What an answer means in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Meaning {
    /// A result: it was done.
    Result,
    /// An error of the protocol.
    Error {
        /// Its code.
        code: i64,
    },
    /// A stream of events was opened.
    Stream,
    /// No message.
    Nothing,
}

/// What a request is to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Whether it answers an honest `initialize`.
    Hello,
    /// The same on 2026-07-28: `server/discover`.
    Discover,
    /// What it offers.
    List,
    /// Whether somebody without a credential is answered.
    NoCredential,
    /// Whether a credential that is none is good enough.
    WrongCredential,
    /// What it says about how to get a credential.
    Metadata,
    /// Whether a page whose name was given this address is answered: another `Host`, and the `Origin` of the same name.
    Rebound,
    /// Whether a page of another origin is answered.
    ForeignOrigin,
    /// Whether a page without an origin (a sandboxed frame, a file) is answered.
    NullOrigin,
    /// Whether a body that says to be no JSON is read as JSON, as a form of any page sends it.
    PlainText,
    /// Whether another address of this machine leads to it.
    OtherAddress,
    /// What it calls a session.
    NewSession,
    /// Whether a request of a session goes on without its name.
    NoSession,
    /// Whether a name that it never gave is one.
    UnknownSession,
    /// Whether the name of a session is a credential.
    SessionAlone,
    /// Whether it ends a session when asked.
    End,
    /// Whether a session that has ended goes on.
    EndedSession,
    /// Whether a revision that does not exist is refused.
    UnknownRevision,
    /// Whether a stream of one session can be taken up in another.
    Resume,
    /// Whether a header that names another method than the body is refused (2026-07-28).
    OtherMethod,
    /// Whether a header that names another revision than the body is refused (2026-07-28).
    OtherRevision,
    /// Whether the header that names the method may be missing (2026-07-28).
    NoMethod,
    /// Whether `GET` is refused (2026-07-28).
    Get,
    /// Whether `DELETE` is refused (2026-07-28).
    Delete,
    /// Whether it starts the program that a query names, for somebody without a credential.
    Starts,
    /// What it says to what is no JSON.
    Broken,
    /// What it says to a method that does not exist.
    UnknownMethod,
    /// What it says to a cursor that it never gave.
    UnknownCursor,
    /// What it says to a call of a tool that does not exist.
    UnknownTool,
}

impl Http {
    /// The exchanges about a question.
    pub fn about(&self, question: Question) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(move |it| it.question == question)
    }

    /// Those about any of these that were done as asked.
    pub fn done<'a>(&'a self, questions: &'a [Question]) -> impl Iterator<Item = &'a Exchange> {
        self.exchanges.iter().filter(|it| questions.contains(&it.question) && it.is_done())
    }

    /// Those about any of these that were answered at all.
    pub fn answered<'a>(&'a self, questions: &'a [Question]) -> impl Iterator<Item = &'a Exchange> {
        self.exchanges.iter().filter(|it| questions.contains(&it.question) && it.answer.is_some())
    }

    /// Those without a credential by which a program was started that they name.
    pub fn starts(&self) -> impl Iterator<Item = &Exchange> {
        self.about(Question::Starts).filter(|it| it.started)
    }

    /// Whether somebody without a credential was answered: `None` when nobody could find out.
    #[must_use]
    pub fn is_open(&self) -> Option<bool> {
        if self.starts().next().is_some() {
            return Some(true);
        }
        let hello: &[Question] = &[Question::Hello, Question::Discover];
        let (asked, ours) = match self.identified.is_empty() {
            true => (hello, true),
            false => (&[Question::NoCredential][..], false),
        };
        let mut refused = None;
        for answered in self.answered(asked) {
            if answered.is_done() {
                return Some(true);
            }
            // Where nobody was ever let in, only these say that it is for want of a credential.
            if !ours || matches!(answered.status(), Some(401 | 403)) {
                refused = Some(false);
            }
        }
        refused
    }
}

impl Exchange {
    /// It was done as asked.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.started || self.answer.as_ref().is_some_and(|it| it.meaning == Meaning::Result)
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|it| it.status)
    }

    /// A header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = &self.answer.as_ref()?.headers;
        headers.iter().find(|it| it.name == name).map(|it| it.value.as_str())
    }

    /// The request as a line for a shell, which does it again.
    #[must_use]
    pub fn again(&self) -> String {
        let sent = &self.request;
        let mut line = format!("curl -sS -i -X {} {}", sent.method, quoted(&sent.url));
        for header in &sent.headers {
            let text = format!("{}: {}", header.name, header.value);
            let word = match header.variable && is_plain(&text) {
                true => format!("\"{text}\""),
                false => quoted(&text),
            };
            line.push_str(&format!(" -H {word}"));
        }
        if let Some(body) = &sent.body {
            line.push_str(&format!(" --data-raw {}", quoted(body)));
        }
        line
    }
}

/// A word for a shell that means itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Whether it ends with a variable, and holds nothing else that a shell knows between double quotes.
fn is_plain(header: &str) -> bool {
    header.rsplit_once('$').is_some_and(|(before, name)| {
        !before.contains(['$', '"', '`', '\\'])
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_can_be_done_again_in_a_shell() {
        let header = |name: &str, value: &str, variable| Header {
            name: name.to_owned(),
            value: value.to_owned(),
            variable,
        };
        let request = Sent {
            method: "POST".to_owned(),
            url: "http://127.0.0.1:1/mcp".to_owned(),
            headers: vec![
                header("host", "it's.test", false),
                header("mcp-session-id", "$SESSION", true),
                // A server that gave this name wants to be sent something.
                header("last-event-id", "1$AWS_SECRET_ACCESS_KEY", false),
            ],
            body: Some("{\"a\":1}".to_owned()),
        };
        let exchange = Exchange {
            question: Question::List,
            request,
            answer: None,
            started: false,
            remark: None,
        };
        assert_eq!(
            exchange.again(),
            "curl -sS -i -X POST 'http://127.0.0.1:1/mcp' -H 'host: it'\\''s.test' \
             -H \"mcp-session-id: $SESSION\" \
             -H 'last-event-id: 1$AWS_SECRET_ACCESS_KEY' --data-raw '{\"a\":1}'"
        );
    }
}
