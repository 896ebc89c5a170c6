//! The hosts' own files: which servers a host was told to start or to reach, and how freely.
//!
//! Every host has its own form and its own words for the same thing. [`read`] knows them all
//! ([`SECTIONS`] says where servers stand) and gives one entry for each server. What looks like
//! a secret is replaced before it leaves this room; what is written twice, or could not be
//! understood, is told and not passed over.

mod entry;
mod json;
mod loose;
mod sections;
mod toml;
mod tree;
mod yaml;

pub use entry::{Entry, Given, Way, Word};
pub use loose::{Asks, Loose};
pub use sections::SECTIONS;
pub use tree::{Broken, Spot};

use tree::{Node, Value};

/// In which form a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, with or without comments.
    Json,
    /// YAML.
    Yaml,
    /// TOML.
    Toml,
}

impl Form {
    /// The form that a file's name tells.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        Some(match ending.to_ascii_lowercase().as_str() {
            "json" | "jsonc" | "json5" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            "toml" => Self::Toml,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
        }
    }
}

/// Something about a file that is neither a server nor in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where.
    pub spot: Spot,
    /// Which server it is about, when it is about one.
    pub server: Option<String>,
    /// In words, without a value from the file.
    pub what: String,
}

/// What a host's file says of servers.
#[derive(Debug, Default)]
pub struct HostFile {
    /// Where servers stand in it, as [`SECTIONS`] calls it.
    pub sections: Vec<&'static str>,
    /// Each server, in the order of the file.
    pub entries: Vec<Entry>,
    /// Names that stand twice in one table, which two programs can read in two ways.
    pub twice: Vec<Remark>,
    /// What could not be understood.
    pub unread: Vec<Remark>,
    /// What lets calls or questions through for every server.
    pub loose: Vec<Loose>,
    /// What the host itself says of asking a person.
    pub asks: Asks,
}

/// Reads a file.
///
/// # Errors
/// [`Broken`], with where, when it is not of its form. A file that is of its form and speaks of
/// no server has no entries.
pub fn read(text: &str, form: Form) -> Result<HostFile, Broken> {
    let node = match form {
        Form::Json => json::read(text)?,
        Form::Yaml => yaml::read(text)?,
        Form::Toml => toml::read(text)?,
    };
    let mut file = HostFile::default();
    twice(&node, &mut file.twice);
    for found in sections::find(&node) {
        if !file.sections.contains(&found.section) {
            file.sections.push(found.section);
        }
        entry::entries(&found, &mut file);
    }
    (file.loose, file.asks) = loose::of_host(&node);
    Ok(file)
}

/// Names that stand twice, wherever they are.
fn twice(node: &Node, into: &mut Vec<Remark>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| twice(item, into)),
        Value::Table(members) => {
            let mut names = std::collections::BTreeSet::new();
            for member in members {
                if !names.insert(&member.name) {
                    let what =
                        format!("`{}` stands twice in one table", entry::shown(&member.name));
                    into.push(Remark { spot: member.spot, server: None, what });
                }
                twice(&member.node, into);
            }
        }
        _ => {}
    }
}
