//! A server sends a person only to a host that the operator listed for it, over https,
//! and to an address that can be read in one way (MCP-ELIC-03, -04). We never fetch it.

use portcullis_catalog::control::ELICITATION_LINKS_LISTED;
use portcullis_guard::egress::Reach;
use portcullis_guard::url::visit;
use portcullis_policy::{Decision, Effect, Obligation, ServerName};
use portcullis_wire::Json;

use super::elicitation_judged::{message, not_as_us, only, signed, without_links};

const LINK: &[&str] = &["mode", "message", "url", "elicitationId", "_meta"];
/// Longest name of a question, in bytes.
const LONGEST: usize = 256;

/// The request as it may be shown, and what it lost.
pub(crate) fn judge(
    params: &Json,
    server: &ServerName,
    listed: &Reach,
) -> Result<(Json, Decision), Decision> {
    let no = |why: String| Decision::deny(ELICITATION_LINKS_LISTED, why);
    let mut members = params.object().ok_or_else(|| no("it has no parameters".to_owned()))?;
    let cut = only(&mut members, LINK);
    let url = members.get("url").and_then(Json::as_text);
    let url = url.ok_or_else(|| no("it has no address".to_owned()))?;
    let target = visit(&url, listed).map_err(|why| no(why.to_string()))?;
    let name = members.get("elicitationId").and_then(Json::as_text).unwrap_or_default();
    if name.len() > LONGEST {
        return Err(no("its name is too long".to_owned()));
    }
    let words = message(&members)?;
    not_as_us(params)?;
    members.set("message", Json::string(&words));
    let (whole, links) = without_links(members.to_json());
    let mut members = whole.object().unwrap_or_default();
    let words = members.get("message").and_then(Json::as_text).unwrap_or_default();
    members.set("message", Json::string(&signed(server, &words)));
    let why = format!("it sends the person to `{target}`");
    let told = Decision::because(Effect::Allow, ELICITATION_LINKS_LISTED, why);
    Ok((members.to_json(), cut.and(links).and(told).owing(Obligation::Rewritten)))
}

#[cfg(test)]
mod tests {
    use portcullis_guard::egress::Rule;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_listed_host_is_shown_and_its_address_whole() {
        let rule = Rule::new("login.example.com").expect("a rule");
        let listed = Reach::new(vec![rule]).expect("a list");
        let server = ServerName::new("files").expect("a name");
        let judged = |url: &str| {
            let params = json!({"mode": "url", "message": "Sign in", "url": url, "x": 1});
            judge(&Json::from_value(&params), &server, &listed)
        };
        let (shown, told) = judged("https://login.example.com/a?b=c").expect("listed");
        let expect = json!({
            "mode": "url", "message": "[server `files` asks] Sign in",
            "url": "https://login.example.com/a?b=c",
        });
        assert_eq!((shown.value(), told.effect), (expect, Effect::Allow));
        for url in ["https://evil.test/", "http://login.example.com/", "javascript:alert(1)"] {
            assert!(judged(url).is_err_and(|why| why.names(ELICITATION_LINKS_LISTED)), "{url}");
        }
    }
}
