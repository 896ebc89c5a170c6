//! `subscriptions/listen` and its acknowledgement (2026-07-28).

use super::{Fields, Misfit};
use crate::json::{Json, Object, array};

/// The notifications a client opts in to, or a server agrees to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `notifications/tools/list_changed`.
    pub tools_list_changed: bool,
    /// `notifications/prompts/list_changed`.
    pub prompts_list_changed: bool,
    /// `notifications/resources/list_changed`.
    pub resources_list_changed: bool,
    /// `notifications/resources/updated` for these URIs.
    pub resource_subscriptions: Vec<String>,
    /// `notifications/tasks` for these tasks (extension `io.modelcontextprotocol/tasks`).
    pub task_ids: Vec<String>,
}

impl Filter {
    /// Reads `notifications` in the params of `subscriptions/listen` or of
    /// `notifications/subscriptions/acknowledged`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let filter = Fields::params(params, &["notifications", "_meta"])?
            .required_object("notifications")?;
        let known = [
            "toolsListChanged",
            "promptsListChanged",
            "resourcesListChanged",
            "resourceSubscriptions",
            "taskIds",
        ];
        let fields = Fields::open(&filter, "notifications", &known)?;
        let texts = |name| match fields.any(name) {
            Some(_) => fields.texts(name),
            None => Ok(Vec::new()),
        };
        Ok(Self {
            tools_list_changed: fields.flag("toolsListChanged")?.unwrap_or(false),
            prompts_list_changed: fields.flag("promptsListChanged")?.unwrap_or(false),
            resources_list_changed: fields.flag("resourcesListChanged")?.unwrap_or(false),
            resource_subscriptions: texts("resourceSubscriptions")?,
            task_ids: texts("taskIds")?,
        })
    }
    /// Writes `notifications`, with the members that say something.
    pub fn to_json(&self) -> Json {
        let mut filter = Object::new();
        let flags = [
            ("toolsListChanged", self.tools_list_changed),
            ("promptsListChanged", self.prompts_list_changed),
            ("resourcesListChanged", self.resources_list_changed),
        ];
        for (name, _) in flags.into_iter().filter(|(_, wanted)| *wanted) {
            filter.set(name, Json::from_value(&true.into()));
        }
        for (name, list) in
            [("resourceSubscriptions", &self.resource_subscriptions), ("taskIds", &self.task_ids)]
        {
            if !list.is_empty() {
                let list: Vec<Json> = list.iter().map(|text| Json::string(text)).collect();
                filter.set(name, array(&list));
            }
        }
        filter.to_json()
    }
}
