//! The mind touches nothing: no crate there may bring the world in, and each
//! links the stricter clippy rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Complaint, house};
use crate::repo::Tree;

const RULE: &str = "mind";
const LINK: &str = "../../clippy-mind.toml";

/// Not as a dependency of its own.
const NOT_DIRECTLY: &[&str] =
    &["tokio", "hyper", "reqwest", "rustix", "libc", "rusqlite", "nix", "mio"];
/// Not through anything else either.
const NOT_AT_ALL: &[&str] = &["tokio", "hyper", "reqwest", "rusqlite", "mio"];

/// Looks at every crate of the two lowest floors.
pub(super) fn check(metadata: &Value, tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let graph = Graph::of(metadata);
    for (name, package) in house::ours(metadata).filter(|(name, _)| house::is_mind(name)) {
        let file = format!("crates/{name}/Cargo.toml");
        let mut complain = |what: String| complaints.push(Complaint::new(RULE, &file, 0, what));
        let direct = graph.direct(package);
        for banned in direct.iter().filter(|it| NOT_DIRECTLY.contains(it)) {
            complain(format!("`{name}` decides and touches nothing: not with `{banned}`"));
        }
        let reached = graph.reached(package);
        for banned in NOT_AT_ALL.iter().filter(|it| reached.contains(*it) && !direct.contains(*it))
        {
            complain(format!("`{name}` reaches `{banned}` through a dependency"));
        }
        let link = format!("crates/{name}/clippy.toml");
        if !tree.links.iter().any(|(path, target)| *path == link && target == LINK) {
            complain(format!("`{link}` must be a link to `{LINK}`"));
        }
    }
    complaints
}

/// Who depends on whom when nothing is tested or built.
struct Graph<'a> {
    names: BTreeMap<&'a str, &'a str>,
    uses: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn of(metadata: &'a Value) -> Self {
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let names = packages.filter_map(|it| Some((it["id"].as_str()?, it["name"].as_str()?)));
        let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
        let uses = nodes.filter_map(|node| {
            let edges = node["deps"].as_array().into_iter().flatten();
            let normal = edges.filter(|edge| {
                let kinds = edge["dep_kinds"].as_array();
                kinds.into_iter().flatten().any(|kind| kind["kind"].is_null())
            });
            Some((node["id"].as_str()?, normal.filter_map(|edge| edge["pkg"].as_str()).collect()))
        });
        Self { names: names.collect(), uses: uses.collect() }
    }

    fn direct(&self, package: &'a Value) -> BTreeSet<&'a str> {
        let id = package["id"].as_str().unwrap_or_default();
        let used = self.uses.get(id).into_iter().flatten();
        used.filter_map(|id| self.names.get(id).copied()).collect()
    }

    fn reached(&self, package: &'a Value) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&str> = package["id"].as_str().into_iter().collect();
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                waiting.extend(self.uses.get(id).into_iter().flatten());
            }
        }
        seen.into_iter().filter_map(|id| self.names.get(id).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(edges: &[(&str, &str, Option<&str>)]) -> Value {
        let ours = json!({"id": "g", "name": "portcullis-guard", "source": null});
        let other = |name: &str| json!({"id": name, "name": name, "source": "registry"});
        let node = |id: &str| {
            let from = edges.iter().filter(|edge| edge.0 == id);
            let deps: Vec<_> = from
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{ "kind": kind }]}))
                .collect();
            json!({"id": id, "deps": deps})
        };
        json!({
            "packages": [ours, other("regex"), other("tokio"), other("libc")],
            "resolve": {"nodes": [node("g"), node("regex"), node("tokio"), node("libc")]},
        })
    }

    fn complaints(edges: &[(&str, &str, Option<&str>)], link: &str) -> Vec<String> {
        let links = vec![("crates/guard/clippy.toml".to_owned(), link.to_owned())];
        let tree = Tree { links, ..Tree::default() };
        check(&metadata(edges), &tree).into_iter().map(|complaint| complaint.what).collect()
    }

    #[test]
    fn the_world_stays_outside() {
        assert_eq!(complaints(&[("g", "regex", None), ("regex", "libc", None)], LINK), [""; 0]);
        assert_eq!(complaints(&[("g", "tokio", Some("dev"))], LINK), [""; 0]);
        let direct = "`guard` decides and touches nothing: not with `libc`";
        assert_eq!(complaints(&[("g", "libc", None)], LINK), [direct]);
        let through = "`guard` reaches `tokio` through a dependency";
        assert_eq!(complaints(&[("g", "regex", None), ("regex", "tokio", None)], LINK), [through]);
    }

    #[test]
    fn the_stricter_rules_are_linked() {
        assert_eq!(complaints(&[], "../../clippy.toml").len(), 1);
    }
}
