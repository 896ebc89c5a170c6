//! A listener hears what it asked for, may have, and the server agreed to
//! (MCP-RES-04, -05).

use portcullis_catalog::control::SUBSCRIPTIONS_AGREED;
use portcullis_policy::Decision;
use portcullis_wire::view::subscription::Filter;

/// Resources that one host may listen to at once.
pub(crate) const RESOURCES: usize = 128;
/// Streams that one host may hold open at once (real hosts hold one).
const STREAMS: usize = 8;

/// Judges one more stream beside those that are open.
pub(crate) fn judge(filter: &Filter, streams: usize) -> Decision {
    if streams >= STREAMS {
        return Decision::deny(SUBSCRIPTIONS_AGREED, format!("{streams} streams are open already"));
    }
    if filter.resource_subscriptions.len() > RESOURCES {
        return Decision::deny(SUBSCRIPTIONS_AGREED, "too many resources for one stream");
    }
    Decision::default()
}

/// What both sides want: the part of an agreement that was asked for.
pub(crate) fn both(asked: &Filter, agreed: &Filter) -> Filter {
    let uris = agreed.resource_subscriptions.iter();
    Filter {
        tools_list_changed: asked.tools_list_changed && agreed.tools_list_changed,
        prompts_list_changed: asked.prompts_list_changed && agreed.prompts_list_changed,
        resources_list_changed: asked.resources_list_changed && agreed.resources_list_changed,
        resource_subscriptions: uris
            .filter(|uri| asked.resource_subscriptions.contains(uri))
            .cloned()
            .collect(),
        task_ids: agreed
            .task_ids
            .iter()
            .filter(|id| asked.task_ids.contains(id))
            .cloned()
            .collect(),
    }
}

/// Whether a stream may carry this notification, about a resource or a task.
pub(crate) fn carries(agreed: &Filter, method: &str, about: Option<&str>) -> bool {
    match method {
        "notifications/tools/list_changed" => agreed.tools_list_changed,
        "notifications/prompts/list_changed" => agreed.prompts_list_changed,
        "notifications/resources/list_changed" => agreed.resources_list_changed,
        "notifications/resources/updated" => {
            about.is_some_and(|uri| agreed.resource_subscriptions.iter().any(|it| covers(it, uri)))
        }
        "notifications/tasks" => {
            about.is_some_and(|task| agreed.task_ids.iter().any(|it| it == task))
        }
        _ => false,
    }
}

/// An update may be about a part of what was subscribed to (server/resources).
pub(crate) fn covers(subscribed: &str, updated: &str) -> bool {
    subscribed == updated || portcullis_guard::url::is_below(updated, subscribed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_of_a_part_is_one_of_the_whole() {
        for (subscribed, updated, expect) in [
            ("notes://daily", "notes://daily", true),
            ("notes://daily", "NOTES://daily/monday", true),
            ("file:///p/a", "file:///p/a/b", true),
            ("file:///p/a", "file:///p/ab", false),
            ("file:///p/a", "file:///p/a/../b", false),
            ("notes://daily", "notes://weekly", false),
            ("notes://daily", "notes://daily/%2e%2e/weekly", false),
            ("not a uri", "not a uri", true),
            ("not a uri", "not", false),
        ] {
            assert_eq!(covers(subscribed, updated), expect, "{subscribed} {updated}");
        }
    }

    #[test]
    fn an_agreement_holds_no_more_than_was_asked_for() {
        let asked = Filter {
            tools_list_changed: true,
            resource_subscriptions: vec!["a://x".to_owned()],
            task_ids: vec!["t1".to_owned()],
            ..Filter::default()
        };
        let everything = Filter {
            tools_list_changed: true,
            prompts_list_changed: true,
            resources_list_changed: true,
            resource_subscriptions: vec!["a://x".to_owned(), "a://y".to_owned()],
            task_ids: vec!["t1".to_owned(), "t2".to_owned()],
        };
        assert_eq!(both(&asked, &everything), asked);
        assert!(carries(&asked, "notifications/resources/updated", Some("a://x")));
        assert!(!carries(&asked, "notifications/resources/updated", Some("a://y")));
        assert!(carries(&asked, "notifications/tasks", Some("t1")));
        assert!(!carries(&asked, "notifications/tasks", Some("t2")));
        assert!(!carries(&asked, "notifications/tasks", None));
        assert!(!carries(&asked, "notifications/prompts/list_changed", None));
        assert!(!carries(&asked, "notifications/progress", None));
    }
}
