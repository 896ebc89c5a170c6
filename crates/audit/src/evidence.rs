//! What probes bring home: plain data, the whole input of every check.
//!
//! It is written as JSON (`--save-evidence`) and read again (`audit FILE.evidence`). Everything
//! in it that came from a server is a claim or a measurement, never an instruction to us, and
//! every text is bounded before it gets here.

pub mod bundle;
pub mod config;
pub mod guarded;
pub mod http;
pub mod live;
pub mod package;
pub mod source;

use serde::{Deserialize, Serialize};

pub use bundle::Bundle;
pub use config::HostConfig;
pub use guarded::Guarded;
pub use http::Http;
pub use live::Live;
pub use package::Package;
pub use source::Source;

/// The number of this format. It grows when a reader of the old one would misread the new.
pub const FORMAT: u32 = 1;

/// Everything that is known of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: u32,
    /// What was looked at, as a person named it.
    pub target: String,
    /// What the source says, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What the server did, when it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// How it answers over HTTP, when it was asked at an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// What it says of servers, when it is a host's config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<HostConfig>,
    /// Which published package it is, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// The servers that were looked at with it, as they would stand beside each other in a host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    /// What the bundle is, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
}

impl Evidence {
    /// Of a target, of which nothing is known yet.
    #[must_use]
    pub fn of(target: &str) -> Self {
        Self {
            format: FORMAT,
            target: target.to_owned(),
            source: None,
            live: None,
            http: None,
            config: None,
            package: None,
            beside: Vec::new(),
            bundle: None,
        }
    }
}

/// Another server of the same host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Its target.
    pub server: String,
    /// What its tools are called.
    pub tools: Vec<String>,
}

/// Tells each server that was started which others were: what one alone may be called, two may not.
pub fn introduce(all: &mut [Evidence]) {
    let names = |live: &Live| -> Vec<String> {
        let names = live.tools.iter().filter_map(|tool| tool.get("name")?.as_str());
        names.map(str::to_owned).collect()
    };
    let known: Vec<(usize, Beside)> = all
        .iter()
        .enumerate()
        .filter_map(|(at, it)| {
            let tools = names(it.live.as_ref()?);
            Some((at, Beside { server: it.target.clone(), tools }))
        })
        .filter(|(_, beside)| !beside.tools.is_empty())
        .collect();
    // One alone keeps what was saved of the others.
    if known.len() < 2 {
        return;
    }
    for (at, _) in &known {
        let others = known.iter().filter(|(other, _)| other != at);
        let others: Vec<Beside> = others.map(|(_, beside)| beside.clone()).collect();
        if let Some(one) = all.get_mut(*at) {
            one.beside = others;
        }
    }
}

/// A place in a source file. Lines and columns begin at 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The file, relative to the target, with `/`.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
