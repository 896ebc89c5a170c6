//! What is seen on single lines: credentials, open doors, endless waits.

mod ends;
mod rust;

use std::collections::BTreeMap;

use portcullis_guard::secret::{self, SecretKind};

use crate::evidence::Place;
use crate::evidence::source::{Fact, FactKind};

use super::ir::{At, Word};
use super::sinks::Asked;
use super::taint::World;
use super::taint::value::{Id, Node};
use super::walk::File;

/// How many facts are kept of one tree.
const MOST: usize = 2_000;

/// What calls tell, by kind and place.
pub(super) type Noted = BTreeMap<(FactKind, At), String>;

const WAITING: &[&str] =
    &["subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"];
const STARTING: &[&str] =
    &["subprocess.Popen", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"];
const REQUESTS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options", "request"];
const SCRIPT_WAITING: &[&str] = &[
    "child_process.exec",
    "child_process.execSync",
    "child_process.execFile",
    "child_process.execFileSync",
    "child_process.spawnSync",
];
/// Functions of Go's that wait as long as it takes.
const GO_WAITING: &[&str] =
    &["exec.Command", "http.Get", "http.Head", "http.Post", "http.PostForm"];
/// Hosts that stand for every address, before the colon of a port.
const EVERYWHERE: &[&str] = &["", "0.0.0.0", "[::]"];
const LISTENING: &[&str] = &[
    "ListenAndServe",
    "ListenAndServeTLS",
    "Listen",
    "Start",
    "Server",
    "run",
    "run_async",
    "listen",
    "serve",
    "bind",
    "start",
    "FastMCP",
    "MCPServer",
    "Config",
    "create_server",
    "run_http_async",
    "add_argument",
    "getenv",
    "get",
    "TCPSite",
    "bind_with_config",
    "try_bind",
];

/// What stands behind the colon of an address.
fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

impl World<'_> {
    /// Looks at a call of somebody else's function.
    pub(super) fn note_facts(&mut self, asked: &Asked<'_>) {
        if asked.at.line == 0 {
            return;
        }
        let mut kinds = self.facts_of(asked);
        if !kinds.contains(&FactKind::NoTimeout) && self.ends_by_itself(asked) {
            kinds.push(FactKind::Ends);
        }
        for kind in kinds {
            if kind == FactKind::NoTimeout && self.is_rust(asked.at) {
                self.note_endless(asked);
            }
            if self.noted.len() >= MOST {
                let why = "more is seen in it than is kept".to_owned();
                let _new = self.unfollowed.insert((asked.at.file, why));
                return;
            }
            let text = self.call_text(asked.at);
            let _new = self.noted.entry((kind, asked.at)).or_insert(text);
        }
    }

    fn facts_of(&self, asked: &Asked<'_>) -> Vec<FactKind> {
        let mut found = Vec::new();
        if LISTENING.contains(&asked.method)
            && asked.args.iter().any(|(_, it)| self.is_everywhere(*it, asked.at, 4))
            || self.listens_nowhere_in_particular(asked)
        {
            found.push(FactKind::BindsAll);
        }
        if self.is_rust(asked.at) {
            found.extend(self.facts_in_rust(asked));
            return found;
        }
        if self
            .turns_off(asked, &["enable_dns_rebinding_protection", "enableDnsRebindingProtection"])
        {
            found.push(FactKind::RebindingOff);
        }
        if self.turns_off(
            asked,
            &["verify", "verify_ssl", "rejectUnauthorized", "strictSSL", "check_hostname"],
        ) || asked.path == "ssl._create_unverified_context"
            || asked.path == "tls.Config" && self.switches_on(asked, "InsecureSkipVerify")
        {
            found.push(FactKind::CertificatesIgnored);
        }
        if self.waits_without_end(asked) {
            found.push(FactKind::NoTimeout);
        }
        if self.inherits_input(asked) {
            found.push(FactKind::InheritsInput);
        }
        found
    }

    /// `app.listen(3000)`: without a host, Node listens on every address.
    fn listens_nowhere_in_particular(&self, asked: &Asked<'_>) -> bool {
        let root = asked.path.split(['.', '(']).next().unwrap_or_default();
        let server = asked.method == "listen" && matches!(root, "express" | "http" | "https");
        if !server || !self.is_script(asked.at) {
            return false;
        }
        let mut args = asked.args.iter().map(|(_, it)| *it);
        let port = args.next().is_some_and(|it| match self.values.get(it) {
            Node::Map(_) => self.option(it, "host").is_none() && self.option(it, "path").is_none(),
            // The path of a socket.
            Node::Text(text) => is_port(text),
            _ => true,
        });
        port && args.all(|it| self.is_function(it))
    }

    fn is_everywhere(&self, id: Id, at: At, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Text(text) => {
                let address = text.rsplit_once(':').filter(|(_, port)| is_port(port));
                let whole = self.is_go(at) || self.is_rust(at);
                let go = whole && address.is_some_and(|(host, _)| EVERYWHERE.contains(&host));
                go || matches!(text.as_ref(), "0.0.0.0" | "::")
            }
            // What is put together, such as `":" + port`.
            Node::Parts(parts) if self.is_go(at) || self.is_rust(at) => {
                let first = parts.first().and_then(|it| self.values.text(*it));
                let host = parts.first().filter(|_| self.is_rust(at));
                host.is_some_and(|it| self.is_everywhere(*it, at, left))
                    || first.is_some_and(|it| {
                        it.strip_suffix(':').is_some_and(|it| EVERYWHERE.contains(&it))
                    })
            }
            _ if self.is_rust(at) && self.is_everywhere_in_rust(id) => true,
            Node::List(items) => items.iter().any(|(_, it)| self.is_everywhere(*it, at, left)),
            Node::Map(entries) => entries.iter().any(|(_, it)| self.is_everywhere(*it, at, left)),
            Node::Phi(alts) => alts.iter().any(|it| self.is_everywhere(it.value, at, left)),
            Node::Or(values) => values.iter().any(|it| self.is_everywhere(*it, at, left)),
            _ => false,
        }
    }

    /// Whether an option of one of these names is false.
    fn turns_off(&self, asked: &Asked<'_>, names: &[&str]) -> bool {
        let off = |id: Id| *self.values.get(id) == Node::Bool(false);
        asked.args.iter().any(|(name, id)| {
            name.as_deref().is_some_and(|it| names.contains(&it)) && off(*id)
                || names.iter().any(|it| self.option(*id, it).is_some_and(off))
        })
    }

    fn switches_on(&self, asked: &Asked<'_>, name: &str) -> bool {
        let on = |(word, id): &(Option<Word>, Id)| {
            word.as_deref() == Some(name) && *self.values.get(*id) == Node::Bool(true)
        };
        asked.args.iter().any(on)
    }

    fn option(&self, id: Id, name: &str) -> Option<Id> {
        self.field_of(id, &Word::from(name))
    }

    fn has(&self, asked: &Asked<'_>, names: &[&str]) -> bool {
        asked.args.iter().any(|(name, id)| match name.as_deref() {
            // What is spread may be anything.
            Some("*" | "**") => true,
            Some(name) => names.contains(&name) && *self.values.get(*id) != Node::Nothing,
            None => names.iter().any(|it| self.option(*id, it).is_some()),
        })
    }

    fn waits_without_end(&self, asked: &Asked<'_>) -> bool {
        let request = asked.path.strip_prefix("requests.").is_some_and(|it| REQUESTS.contains(&it));
        let never = asked.path.starts_with("httpx.")
            && asked.args.iter().any(|(name, it)| {
                name.as_deref() == Some("timeout") && *self.values.get(*it) == Node::Nothing
            });
        let waits =
            request || WAITING.contains(&asked.path) || SCRIPT_WAITING.contains(&asked.path);
        if self.is_go(asked.at) {
            return GO_WAITING.contains(&asked.path);
        }
        never || waits && !self.has(asked, &["timeout", "signal"])
    }

    fn inherits_input(&self, asked: &Asked<'_>) -> bool {
        if WAITING.contains(&asked.path) || STARTING.contains(&asked.path) {
            return !self.has(asked, &["stdin", "input"]);
        }
        let starts = asked.path.starts_with("child_process.") || asked.path.starts_with("execa");
        starts
            && asked.args.iter().any(|(_, id)| {
                let stdio = self.option(*id, "stdio");
                stdio.is_some_and(|it| match self.values.get(it) {
                    Node::Text(text) => text.as_ref() == "inherit",
                    Node::List(items) => items.first().is_some_and(|(_, it)| {
                        self.values.text(*it).is_some_and(|it| it.as_ref() == "inherit")
                    }),
                    _ => false,
                })
            })
    }

    /// Every fact that calls told.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let fact = |((kind, at), text): (&(FactKind, At), &String)| Fact {
            kind: *kind,
            place: self.place_of(*at),
            text: secret::redact(text).into_owned(),
        };
        self.noted.iter().map(fact).collect()
    }
}

/// Words that stand where a credential would.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "your",
    "xxx",
    "changeme",
    "placeholder",
    "dummy",
    "sample",
    "redacted",
    "insert",
    "replace",
    "${",
    "{{",
    "<",
    "...",
    "***",
    "abc123",
    "123456",
];
/// Where made-up credentials live.
const MADE_UP: &[&str] = &["test", "tests", "__tests__", "fixtures", "spec", "mocks", "__mocks__"];

/// Credentials that are written in a file.
pub(super) fn secrets(file: &File) -> Vec<Fact> {
    let folder = |part: &str| {
        MADE_UP.contains(&part)
            || part.starts_with("test_")
            || part.contains(".test.")
            || part.contains(".spec.")
    };
    if file.name.split('/').any(folder) {
        return Vec::new();
    }
    let hits = secret::find_certain(&file.text).into_iter();
    let believed = hits.filter(|hit| {
        let text = file.text.get(hit.range.clone()).unwrap_or_default().to_lowercase();
        let plain = matches!(hit.kind, SecretKind::HighEntropy | SecretKind::Bearer);
        !plain && !PLACEHOLDERS.iter().any(|it| text.contains(it))
    });
    believed.take(100).map(|hit| fact_at(file, hit.range.start)).collect()
}

fn fact_at(file: &File, byte: usize) -> Fact {
    let before = file.text.get(..byte).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |it| it.saturating_add(1));
    let line = file.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    let place = Place {
        file: file.name.clone(),
        line: number(before.matches('\n').count().saturating_add(1)),
        column: number(column.saturating_add(1)),
    };
    let text = secret::redact(line).trim().chars().take(200).collect();
    Fact { kind: FactKind::Secret, place, text }
}
