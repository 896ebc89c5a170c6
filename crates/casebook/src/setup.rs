//! What stands before a case's first line: the operator's table, what the peers
//! are, and the handshake.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::page::Case;
use crate::step::{Received, Sent, Side, Step, What};

/// The revision whose requests each declare themselves.
const MODERN: &str = "2026-07-28";

/// What there is below a root that ends in `:ask`.
pub const THERE: &[&str] = &["/site", "/docs", "/site/src"];

/// What a case's `toml` block means.
///
/// Its keys are those of a `[server.NAME]` table, and these, which only a case has:
///
/// | key | usual |
/// |---|---|
/// | `revision` | `"2025-11-25"` |
/// | `client_capabilities` | everything that a host may declare |
/// | `server_capabilities` | everything that a server may declare |
/// | `offers`, the server's tools | `read_file` and `delete_file`, each with a `path` |
/// | `policy`, the text of a file of Cedar policies; the server is called `case` | none |
/// | `spoke`, the newest revision that the server is known for from earlier sessions | none |
/// | `initialized` | `true`: the [`opening`](Self::opening) is over when the first line plays |
///
/// Without `pins` it is `note`, so that a case may list what it needs when it needs it.
/// Below a root that ends in `:ask` there is [`THERE`], and nothing else.
/// Without `roots` the server has `/home/ada/project:rw`. The home of a case's
/// person is `/home/ada`; a driver with real directories has it somewhere else,
/// and replaces that prefix in whatever is sent and received.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The revision that both peers speak.
    pub revision: String,
    /// What the client declares.
    pub client: Value,
    /// What the server declares.
    pub server: Value,
    /// The tools that the server lists in the opening.
    pub offers: Vec<Value>,
    /// The opening is played.
    pub initialized: bool,
    /// The operator's Cedar policies.
    pub policy: Option<String>,
    /// The newest revision that the server spoke before.
    pub spoke: Option<String>,
    /// The operator's keys.
    pub table: toml::Table,
}

/// Why a `toml` block means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetup(String);

impl fmt::Display for BadSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSetup {}

impl Setup {
    /// Reads what a case says, or does not say, before its first line.
    ///
    /// # Errors
    /// [`BadSetup`] when the block is not TOML or a key has the wrong type.
    pub fn of(case: &Case) -> Result<Self, BadSetup> {
        let text = case.settings.as_ref().map_or("", |settings| settings.text.as_str());
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| BadSetup(error.message().to_owned()))?;
        let mut take = |key: &str, usual: Value| match table.remove(key) {
            None => Ok(usual),
            Some(value) => serde_json::to_value(value)
                .ok()
                .filter(|value| kind(value) == kind(&usual))
                .ok_or_else(|| BadSetup(format!("`{key}` has the wrong type"))),
        };
        let revision = take("revision", "2025-11-25".into())?;
        let client = take("client_capabilities", every_client_capability())?;
        let server = take("server_capabilities", every_server_capability())?;
        let offers = take("offers", usual_offers())?;
        let initialized = take("initialized", true.into())?;
        let spoke = take("spoke", "".into())?.as_str().unwrap_or_default().to_owned();
        let policy = take("policy", "".into())?.as_str().unwrap_or_default().to_owned();
        let usual = toml::Value::from(vec!["/home/ada/project:rw"]);
        table.entry("roots").or_insert(usual);
        table.entry("pins").or_insert_with(|| "note".into());
        Ok(Self {
            revision: revision.as_str().unwrap_or_default().to_owned(),
            client,
            server,
            offers: offers.as_array().cloned().unwrap_or_default(),
            initialized: initialized == Value::Bool(true),
            policy: (!policy.is_empty()).then_some(policy),
            spoke: (!spoke.is_empty()).then_some(spoke),
            table,
        })
    }

    /// Whether every request of the client declares itself.
    #[must_use]
    pub fn is_modern(&self) -> bool {
        self.revision == MODERN
    }

    /// The `_meta` of a modern client's requests.
    #[must_use]
    pub fn meta(&self) -> Map<String, Value> {
        let mut meta = Map::new();
        if self.is_modern() {
            let name = |last: &str| format!("io.modelcontextprotocol/{last}");
            meta.insert(name("protocolVersion"), MODERN.into());
            meta.insert(name("clientCapabilities"), self.client.clone());
            meta.insert(name("clientInfo"), json!({"name": "host", "version": "1"}));
        }
        meta
    }

    /// The handshake, and the listing that every host begins with, as steps.
    /// Afterwards both mailboxes and the ledger turn a page.
    #[must_use]
    pub fn opening(&self) -> Vec<Step> {
        if !self.initialized {
            return Vec::new();
        }
        let mut steps =
            if self.is_modern() { self.modern_handshake() } else { self.legacy_handshake() };
        if !self.offers.is_empty() && self.server.get("tools").is_some() {
            let listing = json!({"resultType": "complete", "tools": self.offers});
            steps.extend(exchange("tools/list", None, listing));
        }
        let step = |what| Step { line: 0, text: "(opening)".to_owned(), what };
        steps.into_iter().map(step).collect()
    }

    fn legacy_handshake(&self) -> Vec<What> {
        let (host, server) =
            (json!({"name": "host", "version": "1"}), json!({"name": "server", "version": "1"}));
        let params = json!({"protocolVersion": self.revision, "capabilities": self.client, "clientInfo": host});
        let result = json!({"protocolVersion": self.revision, "capabilities": self.server, "serverInfo": server});
        let mut steps = exchange("initialize", Some(params), result);
        let method = "notifications/initialized".to_owned();
        let sent = Sent::Notification { method: method.clone(), params: None };
        steps.push(What::Sends(Side::Client, sent));
        steps.push(What::Receives(Side::Server, Received::Message { method, params: None }));
        steps
    }

    fn modern_handshake(&self) -> Vec<What> {
        let result = json!({
            "resultType": "complete", "supportedVersions": [MODERN], "capabilities": self.server,
            "ttlMs": 0, "cacheScope": "private",
        });
        exchange("server/discover", None, result)
    }
}

/// A request of the client that the server answers.
fn exchange(method: &str, params: Option<Value>, result: Value) -> Vec<What> {
    let method = method.to_owned();
    let arrives = Received::Message { method: method.clone(), params: None };
    vec![
        What::Sends(Side::Client, Sent::Request { method, params }),
        What::Receives(Side::Server, arrives),
        What::Sends(Side::Server, Sent::Result(result)),
        What::Receives(Side::Client, Received::Result(json!({}))),
    ]
}

fn kind(value: &Value) -> std::mem::Discriminant<Value> {
    std::mem::discriminant(value)
}

fn every_client_capability() -> Value {
    json!({"roots": {"listChanged": true}, "sampling": {}, "elicitation": {}})
}

fn every_server_capability() -> Value {
    json!({
        "tools": {"listChanged": true}, "prompts": {"listChanged": true},
        "resources": {"subscribe": true, "listChanged": true}, "logging": {}, "completions": {},
    })
}

fn usual_offers() -> Value {
    let schema =
        json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
    json!([
        {"name": "read_file", "description": "Reads a file.", "inputSchema": schema},
        {"name": "delete_file", "description": "Deletes a file.", "inputSchema": schema},
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page;

    fn setup(toml: &str) -> Result<Setup, BadSetup> {
        let text = format!("# a\nb\n## c\n```toml\n{toml}\n```\n```case\nclient  ping\n```\n");
        Setup::of(&page::read(&text, "page.md").expect("a page").cases[0])
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let usual = setup("").expect("nothing said");
        assert_eq!((usual.revision.as_str(), usual.offers.len()), ("2025-11-25", 2));
        assert_eq!(usual.opening().len(), 10);
        assert!(usual.meta().is_empty());
        let modern = setup("revision = \"2026-07-28\"\nask = \"always\"").expect("modern");
        assert_eq!((modern.opening().len(), modern.meta().len()), (8, 3));
        assert_eq!(modern.table["ask"].as_str(), Some("always"));
        assert!(setup("initialized = false").expect("false").opening().is_empty());
        assert_eq!(setup("offers = []").expect("none").opening().len(), 6);
    }

    #[test]
    fn a_wrong_type_is_refused() {
        assert_eq!(setup("offers = 1").unwrap_err().to_string(), "`offers` has the wrong type");
        assert!(setup("offers =").is_err());
    }
}
