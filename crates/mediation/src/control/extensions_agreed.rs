//! An extension is used only when host, server and operator listed it (MCP-CAP-12).
//!
//! What the operator did not list is taken out of what either side declares, and
//! the host reads of a server's extensions only those that it listed itself. A
//! request that uses one says so itself (2026-07-28): nothing is remembered for it.
//!
//! Tasks of 2025-11-25 are the exception: they were in the core, where the host says
//! only which tasks it works on itself (basic/utilities/tasks, *Capabilities*), so the
//! word of server and operator is all there is.

use portcullis_catalog::control::EXTENSIONS_AGREED;
use portcullis_guard::text::visible;
use portcullis_policy::{Decision, Effect, Extension, Extensions, Obligation};
use portcullis_wire::view::lifecycle::Meta;
use portcullis_wire::{Json, Method, Need, Request, Revision, RpcError};
use serde_json::{Map, Value, json};

use crate::Session;
use crate::settle::{Answered, Refusal};
use crate::state::Phase;

/// "A feature that the client did not declare" (2026-07-28).
const MISSING_CAPABILITY: i64 = -32021;

/// What of a declaration's extensions may pass: `extensions`, and of a server of
/// 2025-11-25 `tasks`, which was in the core then.
pub(crate) fn clamp(declared: &Value, allowed: &Extensions, revision: Revision) -> Value {
    let mut kept = Map::new();
    let listed = declared.get("extensions").and_then(Value::as_object);
    let passes = |id: &String, settings: &Value| {
        let extension = Extension::parse(id).filter(|extension| allowed.contains(extension));
        settings.is_object() && extension.is_some_and(|extension| is_in(extension, revision))
    };
    let listed = listed.into_iter().flatten().filter(|(id, settings)| passes(id, settings));
    let listed: Map<String, Value> =
        listed.map(|(id, settings)| (id.clone(), settings.clone())).collect();
    if !listed.is_empty() {
        kept.insert("extensions".to_owned(), listed.into());
    }
    Value::Object(kept)
}

/// What a server of 2025-11-25 offers of tasks, and how much of it may pass.
pub(crate) fn core_tasks(
    declared: &Value,
    allowed: &Extensions,
    revision: Revision,
) -> Option<Value> {
    let tasks = declared.get("tasks")?;
    if revision != Revision::V2025_11_25 || !allowed.contains(&Extension::Tasks) {
        return None;
    }
    let mut kept = Map::new();
    for name in ["list", "cancel"] {
        if tasks.get(name).is_some_and(Value::is_object) {
            kept.insert(name.to_owned(), json!({}));
        }
    }
    if tasks.pointer("/requests/tools/call").is_some_and(Value::is_object) {
        kept.insert("requests".to_owned(), json!({"tools": {"call": {}}}));
    }
    Some(kept.into())
}

/// Pages of a server's own are older than the revision that has a place for
/// extensions, and hosts of 2025-11-25 declare them (SEP-1865).
fn is_in(extension: Extension, revision: Revision) -> bool {
    match extension {
        Extension::Tasks => revision >= Revision::V2026_07_28,
        Extension::Ui => revision >= Revision::V2025_11_25,
    }
}

/// A declaration without the extensions that the other side did not list.
pub(crate) fn both(mut declared: Value, other: &Value) -> Value {
    let Some(members) = declared.as_object_mut() else { return declared };
    if let Some(listed) = members.get_mut("extensions").and_then(Value::as_object_mut) {
        listed.retain(|id, _| lists(other, id));
        if listed.is_empty() {
            members.remove("extensions");
        }
    }
    declared
}

/// What was taken out of a declaration, for the record.
pub(crate) fn cut(declared: &Value, kept: &Value, whose: &str) -> Decision {
    let listed = declared.get("extensions").and_then(Value::as_object);
    let mut gone: Vec<&str> = listed.into_iter().flatten().map(|(id, _)| id.as_str()).collect();
    gone.retain(|id| !lists(kept, id));
    if declared.get("tasks").is_some() && kept.get("tasks").is_none() {
        gone.push("tasks");
    }
    if gone.is_empty() {
        return Decision::default();
    }
    let shown: String = gone.join(", ").chars().take(200).collect();
    let why = format!("{whose} lists {}, which not everybody listed", visible(&shown));
    Decision::because(Effect::Allow, EXTENSIONS_AGREED, why).owing(Obligation::Rewritten)
}

/// A request that no longer says that its host takes tasks, because there is no room
/// for one: the server does without, or says that it cannot.
pub(crate) fn without_tasks(declared: &mut Value) -> Decision {
    let listed = declared.get_mut("extensions").and_then(Value::as_object_mut);
    if listed.and_then(|listed| listed.remove(Extension::Tasks.id())).is_none() {
        return Decision::default();
    }
    let why = "the call may not go on as a task, so it does not say that it could";
    Decision::because(Effect::Allow, EXTENSIONS_AGREED, why).owing(Obligation::Rewritten)
}

fn lists(declared: &Value, id: &str) -> bool {
    declared.get("extensions").and_then(|listed| listed.get(id)).is_some_and(Value::is_object)
}

impl Session {
    /// Both sides and the operator listed it.
    pub(crate) fn agreed_on(&self, extension: Extension) -> bool {
        let sides = [self.phase.client_capabilities(), self.phase.server_capabilities()];
        sides.iter().all(|side| side.is_some_and(|declared| lists(declared, extension.id())))
    }

    /// The server takes calls as tasks, in the way of 2025-11-25.
    pub(crate) fn has_core_tasks(&self) -> bool {
        let server = self.phase.server_capabilities();
        server.is_some_and(|declared| declared.pointer("/tasks/requests/tools/call").is_some())
    }

    /// A modern request declares an extension that both sides and the operator listed.
    pub(crate) fn declares(&self, params: Option<&Json>, extension: Extension) -> bool {
        let declared = Meta::read(params).ok().and_then(|meta| self.clamped(&meta));
        self.agreed_on(extension)
            && declared.is_some_and(|declared| lists(&declared, extension.id()))
    }

    /// A method of an extension needs that its request declares the extension.
    pub(crate) fn declared_here(&self, row: &Method, request: &Request) -> Result<(), Refusal> {
        match row.needs {
            Some(Need::TasksExtension) => self.must_declare(request, Extension::Tasks),
            _ => Ok(()),
        }
    }

    /// The answer to a request that uses what it does not declare.
    pub(crate) fn must_declare(
        &self,
        request: &Request,
        extension: Extension,
    ) -> Result<(), Refusal> {
        if self.declares(request.params.as_ref(), extension) {
            return Ok(());
        }
        let why = format!("the request does not declare {extension}");
        let data = json!({"requiredCapabilities": {"extensions": {extension.id(): {}}}});
        let error = RpcError {
            code: MISSING_CAPABILITY,
            message: "missing required client capability".to_owned(),
            data: Some(Json::from_value(&data)),
        };
        let decision = Decision::deny(EXTENSIONS_AGREED, why);
        Err(Refusal { decision, answer: Answered::Error(error) })
    }

    /// What the server may read of the host's extensions: none that it did not list
    /// itself, as soon as we know what it lists.
    pub(crate) fn with_server(&self, declared: Value) -> Value {
        match &self.phase {
            Phase::Modern(modern) => match &modern.server {
                Some(server) => both(declared, server),
                None => declared,
            },
            _ => declared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: &str = "io.modelcontextprotocol/tasks";
    const UI: &str = "io.modelcontextprotocol/ui";

    #[test]
    fn only_what_the_operator_listed_passes() {
        let declared =
            json!({"tools": {}, "extensions": {TASKS: {}, UI: {"a": 1}, "com.example/x": {}}});
        let clamp = |allowed: &[Extension], revision| {
            clamp(&declared, &allowed.iter().copied().collect(), revision)
        };
        assert_eq!(clamp(&[], Revision::V2026_07_28), json!({}));
        let both = [Extension::Tasks, Extension::Ui];
        let all = json!({"extensions": {TASKS: {}, UI: {"a": 1}}});
        assert_eq!(clamp(&both, Revision::V2026_07_28), all);
        assert_eq!(clamp(&both, Revision::V2025_11_25), json!({"extensions": {UI: {"a": 1}}}));
        assert_eq!(clamp(&both, Revision::V2025_06_18), json!({}));
        let odd = json!({"extensions": {TASKS: true}});
        let allowed = both.into_iter().collect();
        assert_eq!(super::clamp(&odd, &allowed, Revision::V2026_07_28), json!({}));
    }

    #[test]
    fn tasks_of_the_core_pass_in_one_revision() {
        let declared = json!({"tasks": {"list": {}, "cancel": true, "requests": {"tools": {"call": {}}, "x": {}}}});
        let allowed = [Extension::Tasks].into_iter().collect();
        let kept = core_tasks(&declared, &allowed, Revision::V2025_11_25);
        assert_eq!(kept, Some(json!({"list": {}, "requests": {"tools": {"call": {}}}})));
        for (allowed, revision) in [
            (Extensions::new(), Revision::V2025_11_25),
            (allowed.clone(), Revision::V2025_06_18),
            (allowed, Revision::V2026_07_28),
        ] {
            assert_eq!(core_tasks(&declared, &allowed, revision), None);
        }
    }

    #[test]
    fn what_one_side_did_not_list_is_nobodys() {
        let server = json!({"tools": {}, "extensions": {TASKS: {}, UI: {}}});
        let host = json!({"extensions": {UI: {}}});
        assert_eq!(both(server.clone(), &host), json!({"tools": {}, "extensions": {UI: {}}}));
        assert_eq!(both(server.clone(), &json!({})), json!({"tools": {}}));
        let why = cut(&server, &both(server.clone(), &host), "the server");
        let told: String = why.because.iter().map(|because| because.why.as_str()).collect();
        assert!(why.names(EXTENSIONS_AGREED) && told.contains(TASKS) && !told.contains(UI));
        assert_eq!(cut(&host, &host, "the host"), Decision::default());
    }
}
