//! Which methods exist, in which revision, who may send them, what they need.
//!
//! Source: `schema/<revision>/schema.ts` of the specification, the unions
//! `ClientRequest`, `ClientNotification`, `ServerRequest`, `ServerNotification`.
//! What is not in the table does not exist. Tasks and extensions are not in it.

use serde_json::Value;

use crate::revision::Revision::{self, V2025_06_18, V2025_11_25, V2026_07_28};

/// Which of the two sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The host's side.
    Client,
    /// The side that offers tools.
    Server,
}

impl Peer {
    /// The one at the other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Whether a method wants an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It does.
    Request,
    /// It does not.
    Notification,
}

/// One row: a method as one peer may send it.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// For example `tools/call`.
    pub name: &'static str,
    /// Whether it wants an answer.
    pub kind: Kind,
    /// Who may send it.
    pub from: Peer,
    /// What must have been declared, and [by whom](Need::of).
    pub needs: Option<Need>,
    /// The first of our revisions that has it.
    pub first: Revision,
    /// The last revision that has it; `None` while it is still there.
    pub last: Option<Revision>,
}

impl Method {
    /// Whether this row holds in a revision.
    pub fn in_revision(&self, revision: Revision) -> bool {
        self.first <= revision && self.last.is_none_or(|last| revision <= last)
    }

    const fn new(name: &'static str, kind: Kind, from: Peer, needs: Option<Need>) -> Self {
        Self { name, kind, from, needs, first: V2025_06_18, last: None }
    }

    const fn since(self, first: Revision) -> Self {
        Self { first, ..self }
    }

    const fn until(self, last: Revision) -> Self {
        Self { last: Some(last), ..self }
    }
}

/// A capability that must have been declared before a method may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Server: `tools`.
    Tools,
    /// Server: `tools.listChanged`.
    ToolsListChanged,
    /// Server: `prompts`.
    Prompts,
    /// Server: `prompts.listChanged`.
    PromptsListChanged,
    /// Server: `resources`.
    Resources,
    /// Server: `resources.listChanged`.
    ResourcesListChanged,
    /// Server: `resources.subscribe`.
    ResourcesSubscribe,
    /// Server: `completions`.
    Completions,
    /// Server: `logging`.
    Logging,
    /// Client: `roots`.
    Roots,
    /// Client: `roots.listChanged`.
    RootsListChanged,
    /// Client: `sampling`.
    Sampling,
    /// Client: `sampling.tools` (2025-11-25).
    SamplingTools,
    /// Client: `elicitation`, in whatever mode.
    Elicitation,
    /// Client: `elicitation.form`, or an `elicitation` that names no mode.
    ElicitationForm,
    /// Client: `elicitation.url` (2025-11-25).
    ElicitationUrl,
}

impl Need {
    /// Every need.
    pub const ALL: &'static [Self] = &[
        Self::Tools,
        Self::ToolsListChanged,
        Self::Prompts,
        Self::PromptsListChanged,
        Self::Resources,
        Self::ResourcesListChanged,
        Self::ResourcesSubscribe,
        Self::Completions,
        Self::Logging,
        Self::Roots,
        Self::RootsListChanged,
        Self::Sampling,
        Self::SamplingTools,
        Self::Elicitation,
        Self::ElicitationForm,
        Self::ElicitationUrl,
    ];

    /// Who must have declared it.
    pub const fn of(self) -> Peer {
        match self {
            Self::Tools
            | Self::ToolsListChanged
            | Self::Prompts
            | Self::PromptsListChanged
            | Self::Resources
            | Self::ResourcesListChanged
            | Self::ResourcesSubscribe
            | Self::Completions
            | Self::Logging => Peer::Server,
            Self::Roots
            | Self::RootsListChanged
            | Self::Sampling
            | Self::SamplingTools
            | Self::Elicitation
            | Self::ElicitationForm
            | Self::ElicitationUrl => Peer::Client,
        }
    }

    /// The path of the member in a `capabilities` object, dots between names.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::ToolsListChanged => "tools.listChanged",
            Self::Prompts => "prompts",
            Self::PromptsListChanged => "prompts.listChanged",
            Self::Resources => "resources",
            Self::ResourcesListChanged => "resources.listChanged",
            Self::ResourcesSubscribe => "resources.subscribe",
            Self::Completions => "completions",
            Self::Logging => "logging",
            Self::Roots => "roots",
            Self::RootsListChanged => "roots.listChanged",
            Self::Sampling => "sampling",
            Self::SamplingTools => "sampling.tools",
            Self::Elicitation => "elicitation",
            Self::ElicitationForm => "elicitation.form",
            Self::ElicitationUrl => "elicitation.url",
        }
    }

    /// Whether `capabilities` declares it: a capability is declared by an object
    /// (an empty one will do), `listChanged` and `subscribe` by `true`.
    pub fn declared(self, capabilities: &Value) -> bool {
        let (group, part) = self.path().split_once('.').unwrap_or((self.path(), ""));
        let Some(group) = capabilities.get(group).filter(|group| group.is_object()) else {
            return false;
        };
        let object = |name: &str| group.get(name).is_some_and(Value::is_object);
        match part {
            "" => true,
            "listChanged" | "subscribe" => group.get(part) == Some(&Value::Bool(true)),
            // Before 2025-11-25 there was only the form, and no way to name it.
            "form" => object("form") || group.get("url").is_none(),
            _ => object(part),
        }
    }
}

/// The row of a method that `from` sends, if `revision` has it.
pub fn method(revision: Revision, from: Peer, kind: Kind, name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| {
        method.name == name
            && method.from == from
            && method.kind == kind
            && method.in_revision(revision)
    })
}

/// The row of a request that a server may put into `inputRequests` of a result
/// (2026-07-28; the only way a server may ask since then).
pub fn input_request(revision: Revision, name: &str) -> Option<&'static Method> {
    INPUT_REQUESTS.iter().find(|method| method.name == name && method.in_revision(revision))
}

const fn ask(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Request, Peer::Client, needs)
}

const fn tell(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Notification, Peer::Client, needs)
}

const fn server_asks(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Request, Peer::Server, needs)
}

const fn server_tells(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Notification, Peer::Server, needs)
}

/// Every method, the client's first.
pub static METHODS: &[Method] = &[
    ask("initialize", None).until(V2025_11_25),
    ask("ping", None).until(V2025_11_25),
    ask("server/discover", None).since(V2026_07_28),
    ask("tools/list", Some(Need::Tools)),
    ask("tools/call", Some(Need::Tools)),
    ask("prompts/list", Some(Need::Prompts)),
    ask("prompts/get", Some(Need::Prompts)),
    ask("resources/list", Some(Need::Resources)),
    ask("resources/templates/list", Some(Need::Resources)),
    ask("resources/read", Some(Need::Resources)),
    ask("resources/subscribe", Some(Need::ResourcesSubscribe)).until(V2025_11_25),
    ask("resources/unsubscribe", Some(Need::ResourcesSubscribe)).until(V2025_11_25),
    ask("completion/complete", Some(Need::Completions)),
    ask("logging/setLevel", Some(Need::Logging)).until(V2025_11_25),
    ask("subscriptions/listen", None).since(V2026_07_28),
    tell("notifications/initialized", None).until(V2025_11_25),
    tell("notifications/cancelled", None),
    tell("notifications/progress", None).until(V2025_11_25),
    tell("notifications/roots/list_changed", Some(Need::RootsListChanged)).until(V2025_11_25),
    server_asks("ping", None).until(V2025_11_25),
    server_asks("roots/list", Some(Need::Roots)).until(V2025_11_25),
    server_asks("sampling/createMessage", Some(Need::Sampling)).until(V2025_11_25),
    server_asks("elicitation/create", Some(Need::Elicitation)).until(V2025_11_25),
    server_tells("notifications/cancelled", None),
    server_tells("notifications/progress", None),
    server_tells("notifications/message", Some(Need::Logging)),
    server_tells("notifications/tools/list_changed", Some(Need::ToolsListChanged)),
    server_tells("notifications/prompts/list_changed", Some(Need::PromptsListChanged)),
    server_tells("notifications/resources/list_changed", Some(Need::ResourcesListChanged)),
    server_tells("notifications/resources/updated", Some(Need::ResourcesSubscribe)),
    server_tells("notifications/elicitation/complete", Some(Need::ElicitationUrl))
        .since(V2025_11_25)
        .until(V2025_11_25),
    server_tells("notifications/subscriptions/acknowledged", None).since(V2026_07_28),
];

/// What a server may ask inside a result.
pub static INPUT_REQUESTS: &[Method] = &[
    server_asks("roots/list", Some(Need::Roots)).since(V2026_07_28),
    server_asks("sampling/createMessage", Some(Need::Sampling)).since(V2026_07_28),
    server_asks("elicitation/create", Some(Need::Elicitation)).since(V2026_07_28),
];
