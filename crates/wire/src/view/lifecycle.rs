//! How a conversation opens: `initialize`, `server/discover`, and the `_meta`
//! that carries both on every modern request.

use serde_json::Value;

use super::{Fields, Misfit};
use crate::json::Json;
use crate::message::Id;

/// `_meta` member: the revision of this request.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// `_meta` member: what the client can do, for this request.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// `_meta` member: who the client says it is.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// `_meta` member of a result: who the server says it is.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// `_meta` member: the least severe log message this request wants.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// `_meta` member: the `subscriptions/listen` a notification belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// `_meta` member: the token to put on progress notifications.
pub const PROGRESS_TOKEN: &str = "progressToken";

/// Who a peer says it is. Unverified: show it, never decide by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implementation {
    /// For programs.
    pub name: String,
    /// In any form.
    pub version: String,
    /// For people.
    pub title: Option<String>,
}

impl Implementation {
    fn read(json: &Json, name: &'static str) -> Result<Self, Misfit> {
        let fields = Fields::open(json, name, &["name", "version", "title"])?;
        Ok(Self {
            name: fields.required_text("name")?,
            version: fields.required_text("version")?,
            title: fields.text("title")?,
        })
    }
}

/// The params of `initialize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialize {
    /// The revision the client wants; maybe none we speak.
    pub protocol_version: String,
    /// What the client can do; an object.
    pub capabilities: Value,
    /// Who it says it is.
    pub client_info: Implementation,
}

impl Initialize {
    /// Reads the params of an `initialize`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let known = ["protocolVersion", "capabilities", "clientInfo", "_meta"];
        let fields = Fields::params(params, &known)?;
        Ok(Self {
            protocol_version: fields.required_text("protocolVersion")?,
            capabilities: fields.required_object("capabilities")?.value(),
            client_info: Implementation::read(
                &fields.required_object("clientInfo")?,
                "clientInfo",
            )?,
        })
    }
}

/// The result of `initialize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialized {
    /// The revision the server chose.
    pub protocol_version: String,
    /// What the server can do; an object.
    pub capabilities: Value,
    /// Who it says it is.
    pub server_info: Implementation,
    /// Text for the model.
    pub instructions: Option<String>,
}

impl Initialized {
    /// Reads the result of an `initialize`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(result: &Json) -> Result<Self, Misfit> {
        let known = ["protocolVersion", "capabilities", "serverInfo", "instructions", "_meta"];
        let fields = Fields::open(result, "result", &known)?;
        Ok(Self {
            protocol_version: fields.required_text("protocolVersion")?,
            capabilities: fields.required_object("capabilities")?.value(),
            server_info: Implementation::read(
                &fields.required_object("serverInfo")?,
                "serverInfo",
            )?,
            instructions: fields.text("instructions")?,
        })
    }
}

/// The result of `server/discover` (2026-07-28).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// Revisions the server speaks; maybe some we do not.
    pub supported_versions: Vec<String>,
    /// What the server can do; an object.
    pub capabilities: Value,
    /// Text for the model.
    pub instructions: Option<String>,
}

impl Discovered {
    /// Reads the result of a `server/discover`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(result: &Json) -> Result<Self, Misfit> {
        let known = ["supportedVersions", "capabilities", "instructions", "_meta"];
        let fields = Fields::open(result, "result", &known)?;
        Ok(Self {
            supported_versions: fields.texts("supportedVersions")?,
            capabilities: fields.required_object("capabilities")?.value(),
            instructions: fields.text("instructions")?,
        })
    }
}

/// The `_meta` of any message, as far as we know its members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// [`PROTOCOL_VERSION`]; present means the peer is modern.
    pub protocol_version: Option<String>,
    /// [`CLIENT_CAPABILITIES`]; an object.
    pub client_capabilities: Option<Value>,
    /// [`CLIENT_INFO`].
    pub client_info: Option<Implementation>,
    /// [`LOG_LEVEL`], as written.
    pub log_level: Option<String>,
    /// [`SUBSCRIPTION_ID`].
    pub subscription_id: Option<Id>,
    /// [`PROGRESS_TOKEN`].
    pub progress_token: Option<Id>,
}

impl Meta {
    /// Reads the `_meta` in `params` (or in a result). Without one, everything
    /// is absent.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let Some(meta) = Fields::params(params, &["_meta"])?.object("_meta")? else {
            return Ok(Self::default());
        };
        let known = [
            PROTOCOL_VERSION,
            CLIENT_CAPABILITIES,
            CLIENT_INFO,
            LOG_LEVEL,
            SUBSCRIPTION_ID,
            PROGRESS_TOKEN,
        ];
        let fields = Fields::open(&meta, "_meta", &known)?;
        let info = fields.object(CLIENT_INFO)?;
        Ok(Self {
            protocol_version: fields.text(PROTOCOL_VERSION)?,
            client_capabilities: fields.object(CLIENT_CAPABILITIES)?.map(|json| json.value()),
            client_info: info.map(|info| Implementation::read(&info, CLIENT_INFO)).transpose()?,
            log_level: fields.text(LOG_LEVEL)?,
            subscription_id: fields.id(SUBSCRIPTION_ID)?,
            progress_token: fields.id(PROGRESS_TOKEN)?,
        })
    }
}
