//! Which methods exist, in which revision, who may send them, what they need.
//!
//! Source: `schema/<revision>/schema.ts` of the specification, the unions
//! `ClientRequest`, `ClientNotification`, `ServerRequest`, `ServerNotification`.
//! What is not in the table does not exist. Of extensions, tasks are in it
//! (SEP-2663); whether they may be used is not for the table to say.

use std::fmt;

use serde_json::Value;

use crate::revision::Revision::{
    self, V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28,
};
use crate::shape::{Shape, ask, base, lifecycle, notify, prompt, resource, task, tool};

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
pub struct Method {
    /// For example `tools/call`.
    pub name: &'static str,
    /// Whether it wants an answer.
    pub kind: Kind,
    /// Who may send it.
    pub from: Peer,
    /// What must have been declared, and [by whom](Need::of).
    pub needs: Option<Need>,
    /// What it carries.
    pub params: &'static Shape,
    /// What answers it; anything when it wants no answer.
    pub result: &'static Shape,
    /// The first of our revisions that has it.
    pub first: Revision,
    /// The last revision that has it; `None` while it is still there.
    pub last: Option<Revision>,
}

impl fmt::Debug for Method {
    /// Its name; the shapes behind it have no end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.name)
    }
}

impl Method {
    /// Whether this row holds in a revision.
    pub fn in_revision(&self, revision: Revision) -> bool {
        self.first <= revision && self.last.is_none_or(|last| revision <= last)
    }

    const fn new(name: &'static str, kind: Kind, from: Peer, needs: Option<Need>) -> Self {
        let (params, result) = (&base::BARE_REQUEST, &base::BARE_RESULT);
        Self { name, kind, from, needs, params, result, first: V2024_11_05, last: None }
    }

    const fn carries(self, params: &'static Shape) -> Self {
        Self { params, ..self }
    }

    const fn answered(self, result: &'static Shape) -> Self {
        Self { result, ..self }
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
    /// Server: `tasks` (2025-11-25).
    Tasks,
    /// Server: `tasks.list` (2025-11-25).
    TasksList,
    /// Server: `tasks.cancel` (2025-11-25).
    TasksCancel,
    /// Server: the extension `io.modelcontextprotocol/tasks`.
    TasksExtension,
    /// Client: `roots`.
    Roots,
    /// Client: `roots.listChanged`.
    RootsListChanged,
    /// Client: `sampling`.
    Sampling,
    /// Client: `sampling.tools` (2025-11-25).
    SamplingTools,
    /// Client: `sampling.context` (2025-11-25).
    SamplingContext,
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
        Self::Tasks,
        Self::TasksList,
        Self::TasksCancel,
        Self::TasksExtension,
        Self::Roots,
        Self::RootsListChanged,
        Self::Sampling,
        Self::SamplingTools,
        Self::SamplingContext,
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
            | Self::Logging
            | Self::Tasks
            | Self::TasksList
            | Self::TasksCancel
            | Self::TasksExtension => Peer::Server,
            Self::Roots
            | Self::RootsListChanged
            | Self::Sampling
            | Self::SamplingTools
            | Self::SamplingContext
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
            Self::Tasks => "tasks",
            Self::TasksList => "tasks.list",
            Self::TasksCancel => "tasks.cancel",
            Self::TasksExtension => "extensions.io.modelcontextprotocol/tasks",
            Self::Roots => "roots",
            Self::RootsListChanged => "roots.listChanged",
            Self::Sampling => "sampling",
            Self::SamplingTools => "sampling.tools",
            Self::SamplingContext => "sampling.context",
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

/// Our own text of a method's name, when some revision has it.
#[must_use]
pub fn name_of_method(name: &str) -> Option<&'static str> {
    METHODS.iter().find(|method| method.name == name).map(|method| method.name)
}

/// The row of a request that a server may put into `inputRequests` of a result
/// (2026-07-28; the only way a server may ask since then).
pub fn input_request(revision: Revision, name: &str) -> Option<&'static Method> {
    INPUT_REQUESTS.iter().find(|method| method.name == name && method.in_revision(revision))
}

/// The row of a request that may be answered with a task, with that answer.
pub fn task(revision: Revision, name: &str) -> Option<&'static Method> {
    TASKS.iter().find(|method| method.name == name && method.in_revision(revision))
}

const fn asks(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Request, Peer::Client, needs)
}

const fn tells(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Notification, Peer::Client, needs).carries(&base::BARE_NOTIFICATION)
}

const fn server_asks(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Request, Peer::Server, needs)
}

const fn server_tells(name: &'static str, needs: Option<Need>) -> Method {
    Method::new(name, Kind::Notification, Peer::Server, needs).carries(&base::BARE_NOTIFICATION)
}

/// Every method, the client's first.
pub static METHODS: &[Method] = &[
    asks("initialize", None)
        .carries(&lifecycle::INITIALIZE)
        .answered(&lifecycle::INITIALIZED)
        .until(V2025_11_25),
    asks("ping", None).until(V2025_11_25),
    asks("server/discover", None).answered(&lifecycle::DISCOVERED).since(V2026_07_28),
    asks("tools/list", Some(Need::Tools)).carries(&base::PAGED_REQUEST).answered(&tool::LIST),
    asks("tools/call", Some(Need::Tools)).carries(&tool::CALL).answered(&tool::ANSWER),
    asks("prompts/list", Some(Need::Prompts)).carries(&base::PAGED_REQUEST).answered(&prompt::LIST),
    asks("prompts/get", Some(Need::Prompts)).carries(&prompt::GET).answered(&prompt::ANSWER),
    asks("resources/list", Some(Need::Resources))
        .carries(&base::PAGED_REQUEST)
        .answered(&resource::LIST),
    asks("resources/templates/list", Some(Need::Resources))
        .carries(&base::PAGED_REQUEST)
        .answered(&resource::TEMPLATES),
    asks("resources/read", Some(Need::Resources))
        .carries(&resource::READ)
        .answered(&resource::ANSWER),
    asks("resources/subscribe", Some(Need::ResourcesSubscribe))
        .carries(&resource::ADDRESS)
        .until(V2025_11_25),
    asks("resources/unsubscribe", Some(Need::ResourcesSubscribe))
        .carries(&resource::ADDRESS)
        .until(V2025_11_25),
    // 2024-11-05 has completion and no capability for it.
    asks("completion/complete", None)
        .carries(&prompt::COMPLETE)
        .answered(&prompt::COMPLETED)
        .until(V2024_11_05),
    asks("completion/complete", Some(Need::Completions))
        .carries(&prompt::COMPLETE)
        .answered(&prompt::COMPLETED)
        .since(V2025_03_26),
    asks("logging/setLevel", Some(Need::Logging)).carries(&notify::SET_LEVEL).until(V2025_11_25),
    asks("subscriptions/listen", None)
        .carries(&notify::LISTEN)
        .answered(&notify::LISTENED)
        .since(V2026_07_28),
    asks("tasks/get", Some(Need::Tasks))
        .carries(&task::NAMED)
        .answered(&task::STATE)
        .since(V2025_11_25)
        .until(V2025_11_25),
    // What it was a task of says what its result looks like.
    asks("tasks/result", Some(Need::Tasks))
        .carries(&task::NAMED)
        .since(V2025_11_25)
        .until(V2025_11_25),
    asks("tasks/list", Some(Need::TasksList))
        .carries(&base::PAGED_REQUEST)
        .answered(&task::LIST)
        .since(V2025_11_25)
        .until(V2025_11_25),
    asks("tasks/cancel", Some(Need::TasksCancel))
        .carries(&task::NAMED)
        .answered(&task::STATE)
        .since(V2025_11_25)
        .until(V2025_11_25),
    asks("tasks/get", Some(Need::TasksExtension))
        .carries(&task::NAMED)
        .answered(&task::DETAILED)
        .since(V2026_07_28),
    asks("tasks/update", Some(Need::TasksExtension)).carries(&task::UPDATE).since(V2026_07_28),
    asks("tasks/cancel", Some(Need::TasksExtension)).carries(&task::NAMED).since(V2026_07_28),
    tells("notifications/initialized", None).until(V2025_11_25),
    tells("notifications/cancelled", None).carries(&notify::CANCELLED),
    tells("notifications/progress", None).carries(&notify::PROGRESS).until(V2025_11_25),
    tells("notifications/roots/list_changed", Some(Need::RootsListChanged)).until(V2025_11_25),
    server_asks("ping", None).until(V2025_11_25),
    server_asks("roots/list", Some(Need::Roots)).answered(&ask::ROOTS_ANSWER).until(V2025_11_25),
    server_asks("sampling/createMessage", Some(Need::Sampling))
        .carries(&ask::SAMPLING)
        .answered(&ask::SAMPLING_ANSWER)
        .until(V2025_11_25),
    server_asks("elicitation/create", Some(Need::Elicitation))
        .carries(&ask::ELICITATION)
        .answered(&ask::ELICITATION_ANSWER)
        .since(V2025_06_18)
        .until(V2025_11_25),
    server_tells("notifications/cancelled", None).carries(&notify::CANCELLED),
    server_tells("notifications/progress", None).carries(&notify::PROGRESS),
    server_tells("notifications/message", Some(Need::Logging)).carries(&notify::LOG),
    server_tells("notifications/tools/list_changed", Some(Need::ToolsListChanged)),
    server_tells("notifications/prompts/list_changed", Some(Need::PromptsListChanged)),
    server_tells("notifications/resources/list_changed", Some(Need::ResourcesListChanged)),
    server_tells("notifications/resources/updated", Some(Need::ResourcesSubscribe))
        .carries(&notify::UPDATED),
    server_tells("notifications/elicitation/complete", Some(Need::ElicitationUrl))
        .carries(&notify::ELICITED)
        .since(V2025_11_25)
        .until(V2025_11_25),
    server_tells("notifications/subscriptions/acknowledged", None)
        .carries(&notify::ACKNOWLEDGED)
        .since(V2026_07_28),
    server_tells("notifications/tasks/status", Some(Need::Tasks))
        .carries(&task::TOLD)
        .since(V2025_11_25)
        .until(V2025_11_25),
    server_tells("notifications/tasks", Some(Need::TasksExtension))
        .carries(&task::DETAILED_TOLD)
        .since(V2026_07_28),
];

/// What a request is answered with that goes on as a task.
pub static TASKS: &[Method] = &[
    asks("tools/call", Some(Need::Tools))
        .carries(&tool::CALL)
        .answered(&task::CREATED)
        .since(V2025_11_25)
        .until(V2025_11_25),
    asks("tools/call", Some(Need::Tools))
        .carries(&tool::CALL)
        .answered(&task::HANDLE)
        .since(V2026_07_28),
];

/// What a server may ask inside a result.
pub static INPUT_REQUESTS: &[Method] = &[
    server_asks("roots/list", Some(Need::Roots))
        .carries(&ask::ROOTS_INSIDE)
        .answered(&ask::ROOTS_ANSWER)
        .since(V2026_07_28),
    server_asks("sampling/createMessage", Some(Need::Sampling))
        .carries(&ask::SAMPLING_INSIDE)
        .answered(&ask::SAMPLING_ANSWER)
        .since(V2026_07_28),
    server_asks("elicitation/create", Some(Need::Elicitation))
        .carries(&ask::ELICITATION_INSIDE)
        .answered(&ask::ELICITATION_ANSWER)
        .since(V2026_07_28),
];
