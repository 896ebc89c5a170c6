//! An icon is a small picture of a known type, or it is left out (MCP-TOOL-10).
//!
//! The host fetches and draws it without asking anybody: a server without network
//! could send out what it read in the address of an icon, and SVG runs scripts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_catalog::control::ICONS_INERT;
use portcullis_guard::url::{Lead, lead};
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Object, array, elements};

/// Longest `data:` URI (the longest measured in 51 servers has 40 KiB).
const LONGEST: usize = 128 << 10;
/// Icons of one entry.
const MOST: usize = 8;

/// Types that hold a picture and nothing else, and how their bytes begin.
const TYPES: &[(&str, &[u8])] = &[
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/jpg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF8"),
    ("image/webp", b"RIFF"),
];

/// The entry without the icons that may not be shown; `None` when all may.
pub(crate) fn clean(entry: &Object, open_world: bool) -> Option<(Json, Decision)> {
    let written = entry.get("icons")?;
    let icons = elements(written).unwrap_or_default();
    let mut reasons = Vec::new();
    let mut kept = Vec::new();
    for (place, icon) in icons.iter().enumerate() {
        let judged = if place < MOST { judge(icon, open_world) } else { Err("one of too many") };
        match judged {
            Ok(()) => kept.push(icon.clone()),
            Err(why) => reasons.push(why),
        }
    }
    if elements(written).is_none() {
        reasons.push("no list");
    }
    let why = reasons.first()?;
    let mut entry = entry.clone();
    entry.set("icons", array(&kept));
    if kept.is_empty() {
        entry.remove("icons");
    }
    let why = format!("an icon was left out: it is {why}");
    let decision = Decision::because(Effect::Allow, ICONS_INERT, why);
    Some((entry.to_json(), decision.owing(Obligation::Rewritten)))
}

fn judge(icon: &Json, open_world: bool) -> Result<(), &'static str> {
    let members = icon.object().ok_or("no icon")?;
    let src = members.get("src").and_then(Json::as_text).ok_or("without a source")?;
    let claimed = members.get("mimeType").and_then(Json::as_text);
    if claimed.is_some_and(|kind| !TYPES.iter().any(|(known, _)| kind.eq_ignore_ascii_case(known)))
    {
        return Err("of a type that can do more than show");
    }
    if let Some(data) = src.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        return judge_data(src.get(data.len()..).unwrap_or_default());
    }
    if !src.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
        return Err("from nowhere that icons come from");
    }
    if !open_world {
        return Err("from the network, which this server does not have");
    }
    match lead(&src) {
        Lead::Web if !src.split(['?', '#']).next().unwrap_or_default().ends_with(".svg") => Ok(()),
        Lead::Web => Err("of a type that can do more than show"),
        _ => Err("from a place that nobody may be led to"),
    }
}

/// The picture says itself what it is; the label is only a claim.
fn judge_data(data: &str) -> Result<(), &'static str> {
    if data.len() > LONGEST {
        return Err("too large");
    }
    let (kind, body) = data.split_once(";base64,").ok_or("not written in base64")?;
    let known = TYPES.iter().find(|(known, _)| kind.eq_ignore_ascii_case(known));
    let (_, begins) = known.ok_or("of a type that can do more than show")?;
    let bytes = STANDARD.decode(body).map_err(|_| "not written in base64")?;
    if bytes.starts_with(begins) { Ok(()) } else { Err("not what it says it is") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_pass_and_nothing_else_does() {
        let data =
            |kind: &str, bytes: &[u8]| format!("data:{kind};base64,{}", STANDARD.encode(bytes));
        let png = b"\x89PNG\r\n\x1a\nrest";
        for (src, open, passes) in [
            (data("image/png", png), false, true),
            (data("IMAGE/PNG", png), false, true),
            (data("image/gif", b"GIF89a"), false, true),
            (data("image/png", b"<svg onload=x>"), false, false),
            (data("image/svg+xml", b"<svg/>"), false, false),
            (data("text/html", b"<script>"), false, false),
            ("data:image/png,raw".to_owned(), false, false),
            (data("image/png", &[&png[..], &[0; 200_000]].concat()), false, false),
            ("https://example.com/icon.png".to_owned(), true, true),
            ("https://example.com/icon.png?read=secret".to_owned(), false, false),
            ("https://example.com/icon.svg?x".to_owned(), true, false),
            ("http://example.com/icon.png".to_owned(), true, false),
            ("https://127.0.0.1/icon.png".to_owned(), true, false),
            ("https://ada:x@example.com/icon.png".to_owned(), true, false),
            ("javascript:alert(1)".to_owned(), true, false),
            ("file:///etc/passwd".to_owned(), true, false),
        ] {
            let entry = Json::from_value(&json!({"name": "x", "icons": [{"src": src}]}));
            let cleaned = clean(&entry.object().expect("an object"), open);
            assert_eq!(cleaned.is_none(), passes, "{}", src.chars().take(60).collect::<String>());
            if let Some((cleaned, _)) = cleaned {
                assert_eq!(cleaned.value(), json!({"name": "x"}));
            }
        }
    }

    #[test]
    fn a_label_alone_takes_an_icon_out() {
        let src = format!("data:image/png;base64,{}", STANDARD.encode(b"\x89PNG\r\n\x1a\n"));
        let icons = json!([{"src": src, "mimeType": "image/svg+xml"}, {"src": src}]);
        let entry = Json::from_value(&json!({"icons": icons}));
        let (cleaned, _) = clean(&entry.object().expect("an object"), false).expect("one is out");
        assert_eq!(cleaned.value(), json!({"icons": [{"src": src}]}));
    }
}
