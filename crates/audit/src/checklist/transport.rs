//! What has to be seen to in a server over HTTP, line by line.

use super::{Line, Tested};
use crate::evidence::http::{Exchange, Http, Meaning, Question};
use crate::evidence::{Evidence, Live};

pub(super) const TRANSPORT: &[Line] = &[
    Line {
        control: "https-remote",
        statement: "A server on another machine is reached by HTTPS.",
        checks: &["plain-http"],
        tested: encrypted,
    },
    Line {
        control: "origin-checked",
        statement: "Origin and Host are looked at on every request.",
        checks: &["rebinding-unprotected", "foreign-origin", "cors-open", "loose-requests"],
        tested: pages,
    },
    Line {
        control: "loopback-bound",
        statement: "A server for one machine listens on loopback.",
        checks: &["binds-everywhere"],
        tested: bound,
    },
    Line {
        control: "callers-authenticated",
        statement: "Whoever calls shows who they are, on every request.",
        checks: &["callers-unauthenticated", "challenge-incomplete"],
        tested: callers,
    },
    Line {
        control: "sessions-random",
        statement: "Names of sessions cannot be guessed, are no credential, and end.",
        checks: &["session-guessable", "session-unchecked", "stream-crossed"],
        tested: sessions,
    },
    Line {
        control: "headers-agree",
        statement: "What headers say is held against the body.",
        checks: &["headers-unchecked"],
        tested: headers,
    },
];

/// A server that spoke with us; else why it did not.
fn spoken(evidence: &Evidence) -> Result<&Http, Tested> {
    let live: Option<&Live> = evidence.live.as_ref();
    match &evidence.http {
        Some(http) if live.is_some_and(|live| live.revision.is_some()) => Ok(http),
        Some(_) => {
            let why = live.and_then(|live| live.untested.first()).map(|it| it.why.clone());
            Err(Tested::Not(why.unwrap_or_else(|| "it never answered".to_owned())))
        }
        None => Err(Tested::Not("it was not asked over HTTP".to_owned())),
    }
}

fn encrypted(evidence: &Evidence) -> Tested {
    match (spoken(evidence), &evidence.http) {
        (_, Some(http)) if http.this_machine => {
            Tested::Nothing("its address is one of this machine, so nothing leaves it")
        }
        (Ok(_), _) => Tested::Yes("TLS was spoken, and its certificate is good".to_owned()),
        (Err(why), _) => why,
    }
}

fn pages(evidence: &Evidence) -> Tested {
    let http = match spoken(evidence) {
        Ok(http) => http,
        Err(why) => return why,
    };
    let mut asked = vec![Question::ForeignOrigin, Question::NullOrigin, Question::PlainText];
    // With a certificate, a page of another name gets no connection at all.
    asked.extend((!http.encrypted).then_some(Question::Rebound));
    match http.answered(&asked).count() {
        0 => Tested::Not("no such request was answered at all".to_owned()),
        some => {
            Tested::Yes(format!("{some} requests of pages that have no business here were refused"))
        }
    }
}

fn bound(evidence: &Evidence) -> Tested {
    let http = match spoken(evidence) {
        Ok(http) => http,
        Err(why) => return why,
    };
    match http.about(Question::OtherAddress).next() {
        Some(_) => Tested::Yes("another address of the machine does not lead to it".to_owned()),
        None if http.this_machine => Tested::Not("no other address could be asked".to_owned()),
        None => Tested::Nothing("it is a server for other machines"),
    }
}

fn callers(evidence: &Evidence) -> Tested {
    match evidence.http.as_ref().map(Http::is_open) {
        Some(Some(false)) => Tested::Yes("a request without a credential is refused".to_owned()),
        _ => spoken(evidence).err().unwrap_or(Tested::Not("nobody else was answered".to_owned())),
    }
}

fn sessions(evidence: &Evidence) -> Tested {
    let http = match spoken(evidence) {
        Ok(http) => http,
        Err(why) => return why,
    };
    let refused = [Question::EndedSession, Question::UnknownSession, Question::SessionAlone];
    match &http.names {
        None => Tested::Nothing("it gives no names to sessions"),
        Some(names) => Tested::Yes(format!(
            "{} names of {} characters have nothing in common; {} requests with a name that should open nothing opened nothing",
            names.seen,
            names.shortest,
            http.answered(&refused).count()
        )),
    }
}

fn headers(evidence: &Evidence) -> Tested {
    let http = match spoken(evidence) {
        Ok(http) if http.old => {
            return Tested::Nothing("it speaks HTTP with SSE, which has no such headers");
        }
        Ok(http) => http,
        Err(why) => return why,
    };
    let asked = [
        Question::UnknownRevision,
        Question::OtherMethod,
        Question::OtherRevision,
        Question::NoMethod,
    ];
    match http.answered(&asked).count() {
        0 => Tested::Not("no such request was answered at all".to_owned()),
        some => Tested::Yes(format!("{some} requests that contradict themselves were refused")),
    }
}

/// Answers over HTTP that are errors.
pub(super) fn errors(evidence: &Evidence) -> usize {
    let is_error = |it: &&Exchange| {
        it.answer.as_ref().is_some_and(|answer| {
            matches!(answer.meaning, Meaning::Error { .. }) || answer.status >= 400
        })
    };
    evidence.http.iter().flat_map(|http| &http.exchanges).filter(is_error).count()
}
