//! Which part of the product keeps a promise: a promise that is still planned
//! says so together with the part that it waits for.

use super::Promise;

/// A part of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `portcullis run`: the gateway between pipes.
    Run,
    /// What a person is shown and decides beyond a call: sampling, elicitation,
    /// roots, standing grants, a first launch.
    Person,
    /// `portcullis serve`: HTTP, authorization, several servers and people.
    Serve,
    /// `portcullis server` and the kit: what only a server's author can keep.
    Server,
    /// `portcullis audit`.
    Audit,
}

impl Part {
    /// The words printed in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "the stdio gateway",
            Self::Person => "questions to a person",
            Self::Serve => "the HTTP gateway",
            Self::Server => "the server and its kit",
            Self::Audit => "the auditor",
        }
    }
}

/// Whole families, and single promises before them. What neither names is kept
/// by `run`, because most promises are about any conversation.
const PARTS: &[(&str, Part)] = &[
    // A secret that changes is read again by whoever starts a server with it.
    ("MCP-AUTH-25", Part::Run),
    ("MCP-AUTH-", Part::Serve),
    // Strictness, codes and the marks in tools' definitions are the same on a pipe.
    ("MCP-HTTP-06", Part::Run),
    ("MCP-HTTP-11", Part::Run),
    ("MCP-HTTP-13", Part::Run),
    ("MCP-HTTP-21", Part::Run),
    ("MCP-HTTP-22", Part::Run),
    ("MCP-HTTP-", Part::Serve),
    ("MCP-SESS-01", Part::Serve),
    ("MCP-SESS-02", Part::Serve),
    ("MCP-SESS-03", Part::Serve),
    ("MCP-SESS-04", Part::Serve),
    // Whose handle it is matters where several use one process. With `run` a process
    // serves one, so nobody else could use it; see MCP-STDIO-10.
    ("MCP-SESS-06", Part::Serve),
    // Remote servers, servers side by side, and who may read a shared journal.
    ("MCP-ROOT-10", Part::Serve),
    ("MCP-TOOL-08", Part::Serve),
    ("MCP-TRUST-05", Part::Serve),
    ("MCP-LOG-08", Part::Serve),
    // Refused altogether unless the operator opens it.
    ("MCP-SAMP-09", Part::Run),
    ("MCP-SAMP-", Part::Person),
    ("MCP-ELIC-09", Part::Run),
    // Only a server that keeps what it asked for a user who logged in has these to keep.
    ("MCP-ELIC-06", Part::Server),
    ("MCP-ELIC-07", Part::Serve),
    ("MCP-ELIC-08", Part::Server),
    ("MCP-ELIC-11", Part::Server),
    ("MCP-ELIC-", Part::Person),
    ("MCP-APPR-12", Part::Person),
    ("MCP-RES-02", Part::Person),
    ("MCP-ROOT-03", Part::Person),
    ("MCP-SUP-01", Part::Person),
    ("MCP-TOOL-04", Part::Server),
    ("MCP-TRUST-04", Part::Server),
    ("MCP-VAL-08", Part::Server),
    ("MCP-VAL-09", Part::Server),
    ("MCP-VAL-10", Part::Server),
    ("MCP-VAL-11", Part::Server),
    ("MCP-VAL-12", Part::Server),
    ("MCP-VAL-13", Part::Server),
    ("MCP-VAL-14", Part::Server),
    ("MCP-SUP-05", Part::Audit),
    ("MCP-SUP-06", Part::Audit),
    ("MCP-VAL-19", Part::Audit),
];

impl Promise {
    /// The part of the product that keeps it.
    #[must_use]
    pub fn part(&self) -> Part {
        let named = PARTS.iter().find(|(prefix, _)| self.id.starts_with(prefix));
        named.map_or(Part::Run, |(_, part)| *part)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{all, find};
    use super::*;

    #[test]
    fn every_row_decides_something() {
        for (row, (prefix, _)) in PARTS.iter().enumerate() {
            let decided = all().any(|promise| {
                let first = PARTS.iter().position(|(prefix, _)| promise.id.starts_with(prefix));
                first == Some(row)
            });
            assert!(decided, "{prefix} stands behind a row that says it all, or names nothing");
        }
    }

    #[test]
    fn a_single_promise_comes_before_its_family() {
        for (id, part) in [
            ("MCP-AUTH-01", Part::Serve),
            ("MCP-AUTH-25", Part::Run),
            ("MCP-HTTP-21", Part::Run),
            ("MCP-SAMP-01", Part::Person),
            ("MCP-CAP-01", Part::Run),
        ] {
            assert_eq!(find(id).map(Promise::part), Some(part), "{id}");
        }
    }
}
