//! What the operator wrote, understood.
//!
//! Text comes in, meaning goes out; nothing here opens a file or reads the
//! environment. Read in this order: [`definition`] lists every key once,
//! [`settings`] and [`config`] are what they mean, `written` turns one into the other and
//! [`diagnose`] says where a file is wrong. [`precedence`] makes several files into one, key by
//! key in `tighten`. [`input`] is what a server may ask. [`queries`] are what `portcullis server` offers. [`values`] reads single words, for
//! the file and for the command line alike, and [`reference`] prints the manual
//! and the schema from the definition. [`hosts`] reads the files of other people's programs.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod channels;
pub mod commands;
pub mod config;
pub mod definition;
pub mod diagnose;
pub mod files;
pub mod hosts;
pub mod input;
pub mod oauth;
pub mod policy;
pub mod precedence;
pub mod queries;
mod reader;
pub mod reference;
pub mod remote;
pub mod secret;
pub mod serve;
pub mod settings;
mod tighten;
pub mod values;
mod written;

pub use config::{
    Access, Account, Config, Confinement, Network, Pins, Root, Server, Source, Sync, Variable,
};
pub use diagnose::Diagnosis;
pub use files::Files;
pub use oauth::OAuth;
pub use policy::{Example, PolicyTable, Refused, Surprise};
pub use portcullis_guard::secret::SecretString;
pub use precedence::{Document, Documents, Firm, Locate};
pub use remote::{Auth, Header, Remote};
pub use serve::{Listen, Serve, Token};
pub use settings::{Limits, Overrides, Resources, Settings};
pub use tighten::{network_beyond, roots_beyond};
pub use values::{
    Unfit, parse_ask, parse_confinement, parse_duration, parse_env, parse_network, parse_reach,
    parse_root, parse_size, parse_user,
};
