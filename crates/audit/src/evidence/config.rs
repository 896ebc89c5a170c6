//! What a host's config says of its servers. No server was started for it, and no secret is in it.

use portcullis_guard::egress::{NotAUrl, Url};
use portcullis_guard::launch::package;
use serde::{Deserialize, Serialize};

use super::Place;
use super::source::LeftOut;

/// What was read of a host's config.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostConfig {
    /// In which form it is written: JSON, YAML, TOML.
    pub form: String,
    /// Where servers stand in it, by the names that hosts use.
    pub sections: Vec<String>,
    /// Each server.
    pub servers: Vec<Entry>,
    /// What could not be read or understood: never silent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<LeftOut>,
    /// Names that stand twice in one table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twice: Vec<Twice>,
    /// What lets calls or questions through for every server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loose: Vec<Loose>,
    /// Whether the host says that a person is asked about calls.
    #[serde(default)]
    pub asks: bool,
}

/// A name that stands twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twice {
    /// Where the second is.
    pub place: Place,
    /// In words.
    pub what: String,
}

/// A setting that lets something through unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loose {
    /// Where it stands.
    pub place: Place,
    /// As the host calls it.
    pub setting: String,
    /// Whether it is about every call, and not about tools that it names.
    pub everything: bool,
    /// Whether it is about a server's requests to the model.
    #[serde(default)]
    pub sampling: bool,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// It is started.
    Started,
    /// It is at an address.
    Reached,
    /// It is part of the host.
    Built,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// As the host calls it.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The project that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// How it is reached.
    pub way: Way,
    /// The program and its arguments; behind `portcullis run`, those of the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Word>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Word>,
    /// The variables that it is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Given>,
    /// The headers that are sent to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Given>,
    /// What is let through unasked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loose: Vec<Loose>,
    /// Whether the host says that a person is asked about its calls.
    #[serde(default)]
    pub asks: bool,
    /// Whether the host does not use it.
    #[serde(default)]
    pub off: bool,
    /// Whether the host itself runs it in a box.
    #[serde(default)]
    pub boxed: bool,
    /// The gateway of ours before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

/// A word; what was a secret in it is covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub text: String,
    /// What kind of secret stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether it certainly was one.
    #[serde(default)]
    pub certain: bool,
}

/// A variable or a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Word,
    /// Whether the value says where to find it, and is not itself it.
    pub reference: bool,
}

/// `portcullis run` before a server, and what it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Its options, each a word.
    pub options: Vec<Word>,
}

impl Guard {
    /// Whether an option was given.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|word| word.text == option || value(&word.text, option).is_some())
    }

    /// The value of an option, the last one when there are several.
    #[must_use]
    pub fn says(&self, option: &str) -> Option<&str> {
        let pairs = self.options.iter().zip(self.options.iter().skip(1).map(Some).chain([None]));
        let said = pairs.filter_map(|(word, next)| {
            value(&word.text, option)
                .or_else(|| next.filter(|_| word.text == option).map(|next| next.text.as_str()))
        });
        said.last()
    }
}

fn value<'w>(word: &'w str, option: &str) -> Option<&'w str> {
    word.strip_prefix(option)?.strip_prefix('=')
}

/// Where an address leads, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// To another machine, encrypted.
    Encrypted,
    /// To this machine.
    Here,
    /// To another machine, for everybody on the way to read.
    Plainly,
    /// Nowhere that could be understood before its variables are known.
    Unclear,
}

/// Where an address leads.
#[must_use]
pub fn leads(address: &str) -> Leads {
    let Some((scheme, rest)) = address.split_once("://") else { return Leads::Unclear };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => "https",
        "http" | "ws" => "http",
        "unix" | "pipe" => return Leads::Here,
        _ => return Leads::Unclear,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match Url::new(&format!("{scheme}://{host}/")) {
        Ok(url) if url.origin().is_this_machine() => Leads::Here,
        Ok(_) => Leads::Encrypted,
        Err(NotAUrl::Plain) => Leads::Plainly,
        Err(_) => Leads::Unclear,
    }
}

/// Programs that reach the server that they are given an address of.
const BRIDGES: &[&str] = &["mcp-remote", "mcp-proxy", "supergateway"];

impl Entry {
    /// The addresses that it is reached at, also by a bridge.
    #[must_use]
    pub fn addresses(&self) -> Vec<&Word> {
        let bridge = package(&self.words()).is_some_and(|it| BRIDGES.contains(&it.name.as_str()));
        let named = self.command.iter().filter(|word| bridge && word.text.contains("://"));
        self.url.iter().chain(named).collect()
    }

    /// The command as words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.command.iter().map(|word| word.text.clone()).collect()
    }

    /// Its place among others, as a report names it.
    #[must_use]
    pub fn called(&self) -> String {
        match &self.scope {
            Some(scope) => format!("{} ({scope})", self.name),
            None => self.name.clone(),
        }
    }
}
