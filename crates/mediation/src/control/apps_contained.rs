//! Pages of a server's own that a host shows (SEP-1865): none unless host, server and
//! operator listed them, and then without network and without devices (MCP-TOOL-13).
//!
//! A page is code of the server's in a window of the host's. The host puts it into a
//! sandbox; what the server says of the page asks for openings in it. Nothing here
//! asks: without domains, permissions and an origin of its own the host's strictest
//! policy holds. A call that a page starts comes as any other, and is judged as one.
//!
//! Before there was a standard hosts read names of their own, and some still do. What
//! a name of theirs opens is nobody's either, whatever the standard's name says.

use portcullis_catalog::control::APPS_CONTAINED;
use portcullis_guard::text::{bounded, visible};
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Object};

/// Where a tool, a resource or a result says what page belongs to it.
const PAGE: &str = "ui";
/// The same, flat, as hosts read it before there was a standard.
const FLAT: &str = "ui/";
/// The scheme of pages.
const SCHEME: &str = "ui:";
/// The kind of a list of addresses (RFC 2483, section 5).
const ADDRESSES: &str = "text/uri-list";
/// What a page may say of itself.
const SAID: &[&str] = &["resourceUri", "visibility", "prefersBorder"];
/// The names that one host reads beside the standard's (Apps SDK, *Reference*): what
/// begins like this is about pages, and a whole page may stand in a result's metadata.
const VENDORS: &[&str] = &[
    "openai/widget",
    "openai/outputTemplate",
    "openai/resultCanProduceWidget",
    "openai.com/widget",
];
/// Those of them that name a page.
const NAMES_A_PAGE: &[&str] = &["openai/outputTemplate"];
/// Those that open nothing: a border, a description, that its tools may be called and
/// that there is a page at all. A call that it starts is judged as any other.
const OPENS_NOTHING: &[&str] = &[
    "openai/widgetPrefersBorder",
    "openai/widgetDescription",
    "openai/widgetAccessible",
    "openai/resultCanProduceWidget",
];
/// What holds without any page: for whom a tool is not.
const KEPT: &[&str] = &["visibility"];

/// May the host have this resource?
pub(crate) fn judge(uri: &str, agreed: bool) -> Decision {
    if agreed || !is_page(uri) {
        return Decision::default();
    }
    Decision::deny(APPS_CONTAINED, "a page of the server's own, which not everybody listed")
}

/// May a host have what this says of a resource, or what it brings of one? A page is
/// text: some hosts open the first address of a list in its place.
pub(crate) fn judge_kind(entry: &Object) -> Decision {
    let text = |name: &str| entry.get(name).and_then(Json::as_text).unwrap_or_default();
    let kind = text("mimeType");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let page = is_page(&text("uri")) || is_page(&text("uriTemplate"));
    if !page || !essence.eq_ignore_ascii_case(ADDRESSES) {
        return Decision::default();
    }
    Decision::deny(APPS_CONTAINED, "a page that is somebody's on the network")
}

/// Whether a URI, or a template of some, is a page's.
fn is_page(uri: &str) -> bool {
    uri.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// What has metadata, without what it may not say of pages; `None` when all may stay.
pub(crate) fn clean(entry: &Object, agreed: bool) -> Option<(Object, Decision)> {
    let mut meta = entry.get("_meta").and_then(Json::object)?;
    let mut gone = Vec::new();
    if let Some(page) = meta.get(PAGE).cloned() {
        match cut(&page, agreed, &mut gone) {
            Some(left) => meta.set(PAGE, left),
            None => {
                meta.remove(PAGE);
            }
        }
    }
    let flat =
        meta.iter().filter(|(name, value)| is_flat(name) && !(agreed && may_say(name, value)));
    let flat: Vec<String> = flat.map(|(name, _)| name.to_owned()).collect();
    for name in flat {
        meta.remove(&name);
        gone.push(name);
    }
    if gone.is_empty() {
        return None;
    }
    let mut entry = entry.clone();
    if meta.is_empty() {
        entry.remove("_meta");
    } else {
        entry.set("_meta", meta.to_json());
    }
    let names = visible(&bounded(&gone.join(", "), 200));
    let why = format!("a page of the server's own goes without {names}");
    let decision = Decision::because(Effect::Allow, APPS_CONTAINED, why);
    Some((entry, decision.owing(Obligation::Rewritten)))
}

/// Whether a name is about pages, alone or in one host's words.
fn is_flat(name: &str) -> bool {
    name.starts_with(FLAT) || VENDORS.iter().any(|vendors| name.starts_with(vendors))
}

/// Whether a page that everybody listed may say this.
fn may_say(name: &str, value: &Json) -> bool {
    if name.starts_with(FLAT) || NAMES_A_PAGE.contains(&name) {
        return value.as_text().is_some_and(|uri| is_page(&uri));
    }
    OPENS_NOTHING.contains(&name) && value.object().is_none()
}

/// The metadata of a result itself; a long text is not taken apart in vain.
pub(crate) fn of_result(result: &Json, agreed: bool) -> (Json, Decision) {
    let said = result.text();
    let may_speak = ["\"ui", "\"openai", "\\u"].iter().any(|sign| said.contains(sign));
    let cut = may_speak.then(|| result.object()).flatten().and_then(|it| clean(&it, agreed));
    match cut {
        Some((left, cut)) => (left.to_json(), cut),
        None => (result.clone(), Decision::default()),
    }
}

/// What is left of what is said of a page.
fn cut(page: &Json, agreed: bool, gone: &mut Vec<String>) -> Option<Json> {
    let Some(mut said) = page.object() else {
        gone.push(PAGE.to_owned());
        return None;
    };
    let may = if agreed { SAID } else { KEPT };
    let passes = |name: &str, value: &Json| {
        may.contains(&name)
            && (name != "resourceUri" || value.as_text().is_some_and(|uri| is_page(&uri)))
    };
    let over = said.iter().filter(|(name, value)| !passes(name, value));
    let over: Vec<String> = over.map(|(name, _)| name.to_owned()).collect();
    for name in &over {
        said.remove(name);
    }
    let was_empty = over.is_empty();
    gone.extend(over);
    (was_empty || !said.is_empty()).then(|| said.to_json())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cleaned(meta: &Value, agreed: bool) -> Option<Value> {
        let entry = Json::from_value(&json!({"name": "a", "_meta": meta}));
        let (left, why) = clean(&entry.object().expect("an object"), agreed)?;
        assert!(why.names(APPS_CONTAINED) && why.effect == Effect::Allow);
        Some(left.to_json().value())
    }

    #[test]
    fn a_page_asks_for_nothing() {
        let asks = json!({"ui": {"resourceUri": "ui://a/b", "prefersBorder": true, "domain": "a.example.com",
            "csp": {"connectDomains": ["https://evil.example"]}, "permissions": {"camera": {}}}, "v/n": 1});
        let left = json!({"name": "a", "_meta": {"ui": {"resourceUri": "ui://a/b", "prefersBorder": true}, "v/n": 1}});
        assert_eq!(cleaned(&asks, true), Some(left));
        assert_eq!(cleaned(&asks, false), Some(json!({"name": "a", "_meta": {"v/n": 1}})));
    }

    #[test]
    fn a_page_asks_for_nothing_in_the_words_of_one_host() {
        for (name, value, stays) in [
            ("openai/widgetCSP", json!({"connect_domains": ["https://evil.example"]}), false),
            ("openai/widgetCSP", json!({}), false),
            ("openai/widgetDomain", json!("https://a.example.com"), false),
            ("openai/widgetOfTomorrow", json!(true), false),
            ("openai.com/widget", json!({"resource": {"uri": "ui://a/b", "text": "<p>"}}), false),
            ("openai/outputTemplate", json!("https://evil.example"), false),
            ("openai/outputTemplate", json!({"uri": "ui://a/b"}), false),
            ("openai/outputTemplate", json!("ui://a/b"), true),
            ("openai/widgetDescription", json!({"csp": {}}), false),
            ("openai/widgetDescription", json!("a table"), true),
            ("openai/widgetPrefersBorder", json!(true), true),
            ("openai/widgetAccessible", json!(true), true),
            ("openai/resultCanProduceWidget", json!(true), true),
        ] {
            let meta = json!({name: value});
            let left = if stays { None } else { Some(json!({"name": "a"})) };
            assert_eq!(cleaned(&meta, true), left, "{meta}");
            assert_eq!(cleaned(&meta, false), Some(json!({"name": "a"})), "{meta}");
        }
        let meta = json!({"openai/visibility": "private", "openai/toolInvocation/invoked": "read"});
        assert_eq!(cleaned(&meta, false), None);
    }

    #[test]
    fn what_asks_for_nothing_stays() {
        for (meta, agreed) in [
            (json!({"ui": {"resourceUri": "ui://a/b", "visibility": ["app"]}}), true),
            (json!({"ui/resourceUri": "ui://a/b"}), true),
            (json!({"ui": {"visibility": ["app"]}}), false),
            (json!({"vendor/ui": {"csp": {}}}), false),
        ] {
            assert_eq!(cleaned(&meta, agreed), None, "{meta}");
        }
    }

    #[test]
    fn a_page_is_the_servers_own_or_none() {
        for (meta, agreed) in [
            (json!({"ui": {"resourceUri": "https://evil.example/"}}), true),
            (json!({"ui": "ui://a"}), true),
            (json!({"ui/resourceUri": "https://evil.example/"}), true),
            (json!({"ui/resourceUri": "ui://a/b"}), false),
            (json!({"ui": {"resourceUri": "ui://a/b"}}), false),
        ] {
            assert_eq!(cleaned(&meta, agreed), Some(json!({"name": "a"})), "{meta}");
        }
        for uri in ["ui://a/b", "UI://a/b", "ui:a"] {
            assert!(judge(uri, false).names(APPS_CONTAINED), "{uri}");
            assert_eq!(judge(uri, true), Decision::default());
        }
        assert_eq!(judge("guide://a", false), Decision::default());
    }
}
