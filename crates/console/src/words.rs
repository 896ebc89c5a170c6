//! What is asked, in words: the same on the terminal, in lists and anywhere else.

use portcullis_guard::text::visible;
use portcullis_mediation::Matter;
use serde_json::Value;

/// The words for one question. All of them are safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The question itself, without a mark at its end.
    pub asks: String,
    /// The same, short, for the line on which the answer is typed.
    pub prompt: String,
    /// What is named beside the server: a tool, or what the server asks with.
    pub what: &'static str,
    /// What the content is.
    pub content: &'static str,
    /// What a yes covers.
    pub covers: &'static str,
    /// The button that says yes, and for how long.
    pub yes: &'static str,
    /// The same at a terminal, after it was typed.
    pub told: &'static str,
    /// What a yes that stands lets happen, before for how long.
    pub stands: String,
    /// What is said after a yes, before how long it stands.
    pub approved: String,
    /// What is said after a no.
    pub denied: String,
    /// The host that a person would be sent to, if that is what is asked.
    pub host: Option<String>,
}

/// What a yes to a start covers.
const LOCAL: &str = "starts the server, and starts it again as long as its command, its files and its variables are the same and it is given no more than this";
const REMOTE: &str = "speaks with this server, and again as long as its address and where our credentials come from are the same and it is given no more than this";

impl Words {
    /// The words for a question about `tool` of `server`. `content` is only looked at for
    /// what must be said before everything else.
    #[must_use]
    pub fn of(matter: Matter, server: &str, tool: &str, content: &str) -> Self {
        let (server, tool) = (visible(server), visible(tool));
        match matter {
            Matter::Tool => Self {
                asks: format!("may `{tool}` of server `{server}` run"),
                prompt: format!("approve `{tool}` of `{server}`"),
                what: "tool",
                content: "arguments",
                covers: "covers this one call with these arguments, once",
                yes: "Approve, once",
                told: "approved, this once",
                stands: format!("`{tool}` of `{server}` may run"),
                approved: format!("`{tool}` of `{server}` may run once, with these arguments"),
                denied: format!("`{tool}` of `{server}` does not run"),
                host: None,
            },
            Matter::Sampling => Self {
                asks: format!("may server `{server}` ask your model this"),
                prompt: format!("may `{server}` ask your model"),
                what: "asks with",
                content: "request",
                covers: "lets your model see this one request as it stands here, once",
                yes: "Approve, once",
                told: "approved, this once",
                stands: format!("`{server}` may ask your model this"),
                approved: format!("`{server}` may ask your model this, once"),
                denied: format!("`{server}` does not ask your model"),
                host: None,
            },
            Matter::SamplingAnswer => Self {
                asks: format!("may server `{server}` have this answer of your model"),
                prompt: format!("may `{server}` have the answer"),
                what: "asked with",
                content: "answer",
                covers: "gives the server this one answer as it stands here, once",
                yes: "Approve, once",
                told: "approved, this once",
                stands: format!("`{server}` may have this answer"),
                approved: format!("`{server}` may have this answer, once"),
                denied: format!("`{server}` does not get this answer"),
                host: None,
            },
            Matter::Elicitation => Self::elicitation(&server, content),
            Matter::Root => Self::root(&server, content),
            Matter::Launch => Self::launch(&server, content),
            Matter::Capability => Self {
                asks: format!("may server `{server}` be used as it is now"),
                prompt: format!("accept `{server}` as it is now"),
                what: "changed",
                content: "difference",
                covers: "accepts exactly what is shown here; what changes after it is asked about",
                yes: "Accept, as shown",
                told: "accepted, as shown",
                stands: format!("`{server}` may be used as it was shown"),
                approved: format!("`{server}` may be used as it was shown"),
                denied: format!("what is new of `{server}` stays withheld"),
                host: None,
            },
            Matter::Authorization => Self {
                asks: format!("may your browser go to `{tool}` to sign in for server `{server}`"),
                prompt: format!("may your browser go to `{tool}` for `{server}`"),
                what: "goes to",
                content: "journey",
                covers: "lets the page that is named here send your browser there, once; nothing is opened before you press its button",
                yes: "Approve, once",
                told: "approved, this once",
                stands: format!("your browser may go to `{tool}` for `{server}`"),
                approved: format!(
                    "open the page that the question names, once, and go on to `{tool}` from there"
                ),
                denied: format!(
                    "your browser does not go to `{tool}`, and `{server}` is not used as you"
                ),
                host: None,
            },
        }
    }

    fn launch(server: &str, content: &str) -> Self {
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        let changed = content.get("as approved").is_some();
        let asks = match changed {
            true => format!("may server `{server}` be started although it changed"),
            false => format!("may server `{server}` be started"),
        };
        Self {
            prompt: asks.clone(),
            asks,
            what: "part",
            content: "launch",
            covers: if content.get("url").is_some() { REMOTE } else { LOCAL },
            yes: "Approve, while it stays so",
            told: "approved, while it stays so",
            stands: format!("`{server}` may be started like this"),
            approved: format!(
                "`{server}` may be started like this; start it again if it has ended"
            ),
            denied: format!("`{server}` is not started"),
            host: None,
        }
    }

    fn root(server: &str, content: &str) -> Self {
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default();
        let place = visible(text("directory"));
        let (does, covers) = match text("access") {
            "ro" => (
                "read",
                "shows the server this directory, to read, until its session ends; \
                 it is told of it and finds it there",
            ),
            // What is not understood is the most that it could be.
            _ => (
                "read and write",
                "shows the server this directory, to read and write, until its session ends; \
                 it is told of it and finds it there",
            ),
        };
        Self {
            asks: format!("may server `{server}` {does} in `{place}`"),
            prompt: format!("may `{server}` {does} in `{place}`"),
            what: "offered in",
            content: "directory",
            covers,
            yes: "Approve, until its session ends",
            told: "approved, until its session ends",
            stands: format!("`{server}` may {does} in `{place}`"),
            approved: format!("`{server}` may {does} in `{place}` until its session ends"),
            denied: format!("`{server}` does not see `{place}`"),
            host: None,
        }
    }

    fn elicitation(server: &str, content: &str) -> Self {
        let host = host(content);
        let (asks, covers) = match &host {
            None => (
                format!("may server `{server}` show you this form"),
                "shows you the form, once; you answer it in your host, or decline",
            ),
            Some(host) => (
                format!("may server `{server}` send you to `{host}`"),
                "shows you this one address, once; nothing is opened before you do it",
            ),
        };
        Self {
            prompt: asks.clone(),
            asks,
            what: "asks with",
            content: "request",
            covers,
            yes: "Approve, once",
            told: "approved, this once",
            stands: format!("`{server}` may ask you this"),
            approved: format!("`{server}` may ask you this, once"),
            denied: format!("`{server}` does not ask you"),
            host,
        }
    }
}

/// The host of the address in a request, as the address writes it.
fn host(content: &str) -> Option<String> {
    let content: Value = serde_json::from_str(content).ok()?;
    let url = content.get("url")?.as_str()?;
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let authority = after.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    Some(visible(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_be_visited_is_said_first() {
        for (url, host) in [
            ("https://login.example.net/a?b=c", "login.example.net"),
            ("https://a.test:8443", "a.test:8443"),
            ("https://good.test@evil.test/", "good.test@evil.test"),
            ("https://evil.test\\@good.test", "evil.test"),
            ("evil", "evil"),
        ] {
            let content = serde_json::json!({"mode": "url", "url": url}).to_string();
            let words = Words::of(Matter::Elicitation, "files", "elicitation/create", &content);
            assert_eq!(words.host.as_deref(), Some(host), "{url}");
            assert_eq!(words.asks, format!("may server `files` send you to `{host}`"));
        }
        let form = Words::of(Matter::Elicitation, "files", "elicitation/create", "{}");
        assert_eq!((form.host, form.asks.contains("form")), (None, true));
    }

    #[test]
    fn a_directory_is_named_with_what_could_be_done_there() {
        for (access, does) in [("ro", "read"), ("rw", "read and write"), ("x", "read and write")] {
            let content = serde_json::json!({"directory": "/p/\u{202e}a", "access": access});
            let words = Words::of(Matter::Root, "notes", "roots/list", &content.to_string());
            assert_eq!(words.asks, format!("may server `notes` {does} in `/p/\\u{{202e}}a`"));
            assert_eq!(words.covers.contains("write"), does != "read", "{access}");
        }
    }

    #[test]
    fn once_is_said_of_what_is_once() {
        for matter in Matter::ALL {
            let words = Words::of(matter, "notes", "read_file", "{}");
            let lasts = matches!(matter, Matter::Root | Matter::Launch | Matter::Capability);
            for text in [words.yes, words.told, words.covers] {
                assert_eq!(text.contains("once"), !lasts, "{matter:?}: {text}");
            }
        }
    }

    #[test]
    fn nothing_hides_in_a_name() {
        for matter in Matter::ALL {
            let words = Words::of(matter, "fi\u{202e}les", "a\u{1b}[2J", "{}");
            for text in [words.asks, words.prompt, words.stands, words.approved, words.denied] {
                assert!(text.chars().all(|c| c != '\u{202e}' && c != '\u{1b}'), "{text}");
            }
        }
    }
}
