//! What one server says, as it stands beside what others say, and what is said to it, as it knows
//! it: names, addresses and titles, and nothing else of it.

use portcullis_wire::view::lifecycle::{CLIENT_CAPABILITIES, PROGRESS_TOKEN, SERVER_INFO};
use portcullis_wire::{Json, Object, array, elements};

use super::names::Prefix;

/// Lists of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl List {
    pub(super) const ALL: [Self; 4] =
        [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The request for it.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// Where it stands in the answer.
    pub(super) const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// What a server declares that has it.
    pub(super) const fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources | Self::Templates => "resources",
        }
    }

    /// An entry of it, as it stands among others; nothing where it has no name that a host takes.
    pub(super) fn entry(self, entry: &Json, prefix: &Prefix) -> Option<Json> {
        let mut members = entry.object()?;
        match self {
            Self::Tools | Self::Prompts => {
                let own = members.get("name")?.as_text()?;
                members.set("name", Json::string(&prefix.name(&own)?));
            }
            Self::Resources => wrap(&mut members, "uri", prefix),
            Self::Templates => wrap(&mut members, "uriTemplate", prefix),
        }
        if matches!(self, Self::Resources | Self::Templates) {
            named(&mut members);
        }
        title(&mut members, prefix);
        if let Some(mut hints) = members.get("annotations").and_then(Json::object) {
            title(&mut hints, prefix);
            members.set("annotations", hints.to_json());
        }
        if self == Self::Tools {
            // It says how a tool is a task, and there are none here.
            members.remove("execution");
        }
        Some(members.to_json())
    }
}

fn title(members: &mut Object, prefix: &Prefix) {
    if let Some(own) = members.get("title").and_then(Json::as_text) {
        members.set("title", Json::string(&prefix.title(&own)));
    }
}

/// A resource is shown by its title, and without one by a name that anybody may give it.
fn named(members: &mut Object) {
    if members.get("title").and_then(Json::as_text).is_none()
        && let Some(name) = members.get("name").cloned()
    {
        members.set("title", name);
    }
}

/// An address under this name is wrapped.
fn wrap(members: &mut Object, name: &str, prefix: &Prefix) {
    if let Some(own) = members.get(name).and_then(Json::as_text) {
        members.set(name, Json::string(&prefix.address(&own)));
    }
}

/// A result of one server, as it leaves.
pub(super) fn result(method: &str, result: &Json, prefix: &Prefix) -> Json {
    let Some(mut members) = result.object() else { return result.clone() };
    match method {
        "tools/call" => each(&mut members, "content", |part| content(part, prefix)),
        "prompts/get" => each(&mut members, "messages", |message| {
            let mut members = message.object()?;
            let said = members.get("content")?.clone();
            members.set("content", content(&said, prefix)?);
            Some(members.to_json())
        }),
        "resources/read" => each(&mut members, "contents", |part| {
            let mut members = part.object()?;
            wrap(&mut members, "uri", prefix);
            Some(members.to_json())
        }),
        _ => {}
    }
    if let Some(mut meta) = members.get("_meta").and_then(Json::object)
        && meta.get(SERVER_INFO).is_some()
    {
        meta.set(SERVER_INFO, ours());
        members.set("_meta", meta.to_json());
    }
    members.to_json()
}

/// What an array holds, each in its other form where it has one.
fn each(members: &mut Object, name: &str, change: impl Fn(&Json) -> Option<Json>) {
    if let Some(all) = members.get(name).and_then(elements) {
        let all: Vec<Json> = all.iter().map(|it| change(it).unwrap_or(it.clone())).collect();
        members.set(name, array(&all));
    }
}

/// A piece of content that names a resource, or holds one; nothing where it does not.
fn content(part: &Json, prefix: &Prefix) -> Option<Json> {
    let mut members = part.object()?;
    match members.get("type")?.as_text()?.as_str() {
        "resource_link" => {
            wrap(&mut members, "uri", prefix);
            named(&mut members);
            title(&mut members, prefix);
        }
        "resource" => {
            let mut held = members.get("resource")?.object()?;
            wrap(&mut held, "uri", prefix);
            members.set("resource", held.to_json());
        }
        _ => return None,
    }
    Some(members.to_json())
}

/// An error that sends the person somewhere names what the server calls that (2025-11-25, -32042).
pub(super) fn data(data: &Json, prefix: &Prefix) -> Json {
    let Some(mut members) = data.object() else { return data.clone() };
    each(&mut members, "elicitations", |asked| Some(marked(asked, prefix)));
    members.to_json()
}

/// The same in a request and in what is told of it later: another server may call its own so too.
pub(super) fn marked(params: &Json, prefix: &Prefix) -> Json {
    let Some(mut members) = params.object() else { return params.clone() };
    if let Some(own) = members.get("elicitationId").and_then(Json::as_text) {
        members.set("elicitationId", Json::string(&prefix.mark(&own)));
    }
    members.to_json()
}

/// Who writes a log, under the name of its server.
pub(super) fn logged(params: &Json, prefix: &Prefix) -> Json {
    let Some(mut members) = params.object() else { return params.clone() };
    let logger = match members.get("logger").and_then(Json::as_text) {
        Some(own) => prefix.mark(&own),
        None => prefix.as_str().to_owned(),
    };
    members.set("logger", Json::string(&logger));
    members.to_json()
}

/// A resource changed, under the name that it has here.
pub(super) fn updated(params: &Json, prefix: &Prefix) -> Json {
    let Some(mut members) = params.object() else { return params.clone() };
    wrap(&mut members, "uri", prefix);
    members.to_json()
}

/// What a client declares, as servers of an aggregate hear it: what has names of a server's own that
/// nobody here translates (pages, tasks) is not declared, so no server uses it. Nor is sampling: a
/// host knows one server here, and a person's yes for one would be a yes for each.
pub(super) fn declared(capabilities: &Json) -> Json {
    let Some(mut members) = capabilities.object() else { return capabilities.clone() };
    for beyond in ["sampling", "tasks", "extensions", "experimental"] {
        members.remove(beyond);
    }
    members.to_json()
}

/// The parameters of a request on its way to a server: what the client declares in it is cut, and
/// its progress is told by a name of ours, or not at all.
pub(super) fn params(params: Option<&Json>, token: Option<&Json>) -> Option<Json> {
    let mut members = params?.object()?;
    let Some(mut meta) = members.get("_meta").and_then(Json::object) else {
        return params.cloned();
    };
    if let Some(capabilities) = meta.get(CLIENT_CAPABILITIES) {
        let cut = declared(capabilities);
        meta.set(CLIENT_CAPABILITIES, cut);
    }
    if meta.get(PROGRESS_TOKEN).is_some() {
        match token {
            Some(token) => meta.set(PROGRESS_TOKEN, token.clone()),
            None => drop(meta.remove(PROGRESS_TOKEN)),
        }
    }
    members.set("_meta", meta.to_json());
    Some(members.to_json())
}

/// The token that a request wants its progress told by.
pub(super) fn token(params: Option<&Json>) -> Option<Json> {
    params?.object()?.get("_meta")?.object()?.get(PROGRESS_TOKEN).cloned()
}

/// A member with another value.
pub(super) fn with(params: &Json, name: &str, value: Json) -> Json {
    let Some(mut members) = params.object() else { return params.clone() };
    members.set(name, value);
    members.to_json()
}

/// Who answers where several servers do.
pub(super) fn ours() -> Json {
    let info = serde_json::json!({"name": "portcullis", "version": env!("CARGO_PKG_VERSION")});
    Json::from_value(&info)
}
