//! A form that a server wants filled in is flat, small, asks for no secrets, carries
//! no links and says whose it is (MCP-ELIC-01, -02, -04, -05).
//!
//! Where a server may send a person instead is for `elicitation_links_listed.rs`.

use portcullis_catalog::control::ELICITATION_JUDGED;
use portcullis_guard::secret::asks_for_secret;
use portcullis_guard::text::{folded, visible};
use portcullis_guard::{bounded, secret_name};
use portcullis_policy::{Decision, Effect, Obligation, ServerName};
use portcullis_wire::leaves::{self, Place};
use portcullis_wire::{Json, Object};
use serde_json::{Map, Value};

const FORM: &[&str] = &["mode", "message", "requestedSchema", "_meta"];
/// What stands at the top of a form's schema.
const TOP: &[&str] = &["type", "properties", "required", "$schema", "title", "description"];
/// What one field may say of itself: the flat subset (client/elicitation).
const FIELD: &[&str] = &[
    "type",
    "title",
    "description",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "default",
    "enum",
    "enumNames",
    "oneOf",
    "items",
    "minItems",
    "maxItems",
];
/// What the choices of a field are made of.
const CHOICE: &[&str] = &["type", "enum", "anyOf", "const", "title"];

/// Fields that a person can be asked to fill in at once.
const FIELDS: usize = 32;
/// Longest message, in characters.
const MESSAGE: usize = 4096;

/// The form as it may be shown, and what it lost.
pub(crate) fn judge(params: &Json, server: &ServerName) -> Result<(Json, Decision), Decision> {
    let mut members = params.object().ok_or_else(|| no("it has no parameters"))?;
    let cut = only(&mut members, FORM);
    let message = message(&members)?;
    let schema = members.get("requestedSchema").map(Json::value);
    let schema = schema.as_ref().and_then(Value::as_object).ok_or_else(|| no("it has no form"))?;
    let fields = flat(schema)?;
    no_secrets(&message, schema, fields)?;
    no_links(fields)?;
    not_as_us(params)?;
    members.set("message", Json::string(&message));
    let (whole, links) = without_links(members.to_json());
    let mut members = whole.object().unwrap_or_default();
    let message = members.get("message").and_then(Json::as_text).unwrap_or_default();
    members.set("message", Json::string(&signed(server, &message)));
    Ok((members.to_json(), cut.and(links).owing(Obligation::Rewritten)))
}

/// What a server says to the person, under our name for it.
pub(crate) fn signed(server: &ServerName, message: &str) -> String {
    format!("[server `{server}` asks] {message}")
}

/// Whoever asks is said by us, and by nobody in our words.
pub(crate) fn not_as_us(params: &Json) -> Result<(), Decision> {
    let mut found = false;
    let _unchanged = leaves::replace(params, |leaf| {
        // Quotes, spaces, letters of other alphabets and those without width are no other words.
        found |= folded(&leaf.text).contains("[server");
        None
    });
    if found { Err(no("it speaks as if we said who asks")) } else { Ok(()) }
}

/// The message of either mode.
pub(crate) fn message(members: &Object) -> Result<String, Decision> {
    let message = members.get("message").and_then(Json::as_text);
    let message = message.ok_or_else(|| no("it has no message"))?;
    if message.chars().count() > MESSAGE {
        return Err(no("its message is too long to be shown"));
    }
    Ok(message)
}

/// Takes the members out that are not for the person.
pub(crate) fn only(members: &mut Object, known: &[&str]) -> Decision {
    let names = members.iter().map(|(name, _)| name.to_owned());
    let unknown: Vec<String> = names.filter(|name| !known.contains(&name.as_str())).collect();
    if unknown.is_empty() {
        return Decision::default();
    }
    for name in &unknown {
        members.remove(name);
    }
    let names: String = unknown.join(", ").chars().take(200).collect();
    let why = format!("it carries {}, which is not passed on", visible(&names));
    Decision::because(Effect::Allow, ELICITATION_JUDGED, why).owing(Obligation::Rewritten)
}

/// The fields of a schema that is nothing but fields.
fn flat(schema: &Map<String, Value>) -> Result<&Map<String, Value>, Decision> {
    if let Some(odd) = schema.keys().find(|key| !TOP.contains(&key.as_str())) {
        return Err(no(&format!("its form has `{}`, so it is not flat", shown(odd))));
    }
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(no("its form is no object"));
    }
    let fields = schema.get("properties").and_then(Value::as_object);
    let fields = fields.ok_or_else(|| no("its form has no fields"))?;
    if fields.len() > FIELDS {
        return Err(no("its form has too many fields"));
    }
    for (name, field) in fields {
        let field = field.as_object();
        let field = field.ok_or_else(|| no(&format!("the field `{}` is none", shown(name))))?;
        primitive(field).map_err(|odd| {
            let (name, odd) = (shown(name), shown(&odd));
            no(&format!("the field `{name}` has `{odd}`, so the form is not flat"))
        })?;
    }
    Ok(fields)
}

/// One field; an error names what no field has.
fn primitive(field: &Map<String, Value>) -> Result<(), String> {
    if let Some(odd) = field.keys().find(|key| !FIELD.contains(&key.as_str())) {
        return Err(odd.clone());
    }
    let kinds = ["string", "number", "integer", "boolean", "array"];
    let kind = field.get("type").and_then(Value::as_str).unwrap_or_default();
    if !kinds.contains(&kind) || (kind == "array") != field.contains_key("items") {
        return Err("type".to_owned());
    }
    let items = field.get("items");
    let choices = [field.get("oneOf"), items.and_then(|items| items.get("anyOf"))];
    let choices = choices.into_iter().flatten().filter_map(Value::as_array).flatten();
    for part in choices.chain(items) {
        let part = part.as_object().ok_or("items")?;
        if let Some(odd) = part.keys().find(|key| !CHOICE.contains(&key.as_str())) {
            return Err(odd.clone());
        }
    }
    Ok(())
}

/// A field into which a person writes what they like: all but those whose every value
/// is given.
fn is_free(field: &Value) -> bool {
    if field.get("type").and_then(Value::as_str) == Some("boolean") {
        return false;
    }
    let chosen = |of: &Value| {
        let listed = |key: &str| of.get(key).and_then(Value::as_array).filter(|it| !it.is_empty());
        let given = |one: &Value| one.get("const").is_some() || one.get("enum").is_some();
        listed("enum").is_some()
            || ["oneOf", "anyOf"]
                .iter()
                .any(|key| listed(key).is_some_and(|it| it.iter().all(given)))
    };
    !chosen(field) && !field.get("items").is_some_and(chosen)
}

/// No field asks for a credential or a card, by its name or in words; where something can
/// be typed, nothing that is read beside it does, be it another field's name or a choice.
fn no_secrets(
    message: &str,
    schema: &Map<String, Value>,
    fields: &Map<String, Value>,
) -> Result<(), Decision> {
    let mut free = fields.iter().filter(|(_, field)| is_free(field)).peekable();
    if free.peek().is_none() {
        return Ok(());
    }
    let titles = ["title", "description"].iter().filter_map(|key| schema.get(*key));
    let said = asks_for_secret(message) || titles.chain(fields.values()).any(asks_anywhere);
    let named = fields.keys().any(|name| asks_for_secret(name));
    if said || named || free.any(|(name, _)| secret_name(name)) {
        return Err(no(SECRET));
    }
    Ok(())
}

/// Whether any text of a field asks for one: what it is called, what it begins with, and
/// each of its choices.
fn asks_anywhere(value: &Value) -> bool {
    match value {
        Value::String(text) => asks_for_secret(text),
        Value::Array(items) => items.iter().any(asks_anywhere),
        Value::Object(members) => members.values().any(asks_anywhere),
        _ => false,
    }
}

/// No name or value of a field is a link: they cannot be changed, because the server reads
/// them in the answer.
fn no_links(fields: &Map<String, Value>) -> Result<(), Decision> {
    let texts = ["title", "description"];
    let linked = |(name, field): (&String, &Value)| {
        let mut values = field.as_object().into_iter().flatten();
        is_link(name) || values.any(|(key, it)| !texts.contains(&key.as_str()) && has_link(it))
    };
    match fields.iter().any(linked) {
        true => Err(no("a field or one of its values is a link")),
        false => Ok(()),
    }
}

fn is_link(text: &str) -> bool {
    text.contains("://")
}

/// Whether a value holds one, beside words that are made harmless.
fn has_link(value: &Value) -> bool {
    match value {
        Value::String(text) => is_link(text),
        Value::Array(items) => items.iter().any(has_link),
        Value::Object(members) => members.iter().any(|(key, it)| key != "title" && has_link(it)),
        _ => false,
    }
}

/// What the server reads of it, too: it names no field and no word.
pub(crate) const SECRET: &str = "a form asks for a secret; secrets are given in url mode";

/// Links stand in `url` and nowhere else, so that nobody clicks one in a text.
pub(crate) fn without_links(params: Json) -> (Json, Decision) {
    let of_text = |place: &Place<'_>| {
        place.name().is_some_and(|name| ["message", "title", "description"].contains(&&*name))
    };
    let replaced = leaves::replace(&params, |leaf| {
        let links = !leaf.is_name && of_text(leaf.place) && is_link(&leaf.text);
        links.then(|| leaf.text.replace("://", "[:]//"))
    });
    match replaced {
        Ok(Some(other)) => {
            let why = "a link in a text was made harmless";
            let cut = Decision::because(Effect::Allow, ELICITATION_JUDGED, why);
            (other, cut.owing(Obligation::Rewritten))
        }
        _ => (params, Decision::default()),
    }
}

fn shown(name: &str) -> String {
    visible(&bounded(name, 64))
}

fn no(why: &str) -> Decision {
    Decision::deny(ELICITATION_JUDGED, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(message: &str, fields: Value) -> Result<Value, String> {
        let schema = json!({"type": "object", "properties": fields});
        let params = json!({"message": message, "requestedSchema": schema, "task": {}});
        let server = ServerName::new("files").expect("a name");
        let judged = judge(&Json::from_value(&params), &server);
        judged
            .map(|(json, _)| json.value())
            .map_err(|why| why.because.iter().map(|because| because.why.clone()).collect())
    }

    #[test]
    fn a_flat_form_goes_on_under_our_name() {
        let fields = json!({
            "name": {"type": "string", "title": "Your name", "minLength": 1},
            "age": {"type": "integer", "minimum": 0},
            "share": {"type": "number"},
            "sure": {"type": "boolean", "default": false},
            "colour": {"type": "string", "enum": ["red", "blue"], "enumNames": ["Red", "Blue"]},
            "size": {"type": "string", "oneOf": [{"const": "s", "title": "small"}]},
            "days": {"type": "array", "items": {"type": "string", "enum": ["mo", "tu"]}, "maxItems": 2},
        });
        let shown = judged("See https://x.test, please", fields.clone()).expect("it is flat");
        assert_eq!(shown["message"], "[server `files` asks] See https[:]//x.test, please");
        assert_eq!(shown["requestedSchema"]["properties"], fields);
        assert!(shown.get("task").is_none());
    }

    #[test]
    fn what_is_not_flat_is_no_form() {
        for field in [
            json!({"type": "object", "properties": {}}),
            json!({"type": "string", "$ref": "https://x.test/schema"}),
            json!({"type": "string", "pattern": "(a+)+$"}),
            json!({"type": "array", "items": {"type": "object", "properties": {}}}),
            json!({"type": "array"}),
            json!({"type": "null"}),
            json!({"type": ["string", "null"]}),
            json!({"allOf": []}),
            json!("string"),
            json!({}),
        ] {
            let why = judged("?", json!({"a": field})).expect_err("not flat");
            assert!(why.contains('`'), "{field}: {why}");
        }
        let many: Map<String, Value> =
            (0..=FIELDS).map(|at| (at.to_string(), json!({"type": "boolean"}))).collect();
        assert!(judged("?", many.into()).is_err());
        assert!(judged(&"x".repeat(MESSAGE + 1), json!({})).is_err());
    }

    #[test]
    fn a_form_asks_for_no_secret_in_any_of_its_words() {
        let text = || json!({"type": "string"});
        let beside = |mut choices: Value| {
            choices["type"] = "string".into();
            json!({"a": choices, "b": text()})
        };
        for (message, fields, fits) in [
            ("Who are you?", json!({"name": text()}), true),
            ("Reset the password?", json!({"sure": {"type": "boolean"}}), true),
            ("Reset which password?", json!({"it": {"type": "string", "enum": ["a"]}}), true),
            ("Your password?", json!({"answer": text()}), false),
            ("Sign in", json!({"password": text()}), false),
            ("Sign in", json!({"apiKey": text()}), false),
            ("Sign in", json!({"a": {"type": "string", "title": "Password"}}), false),
            ("Sign in", json!({"a": {"type": "string", "description": "the API key"}}), false),
            ("Pay", json!({"a": {"type": "integer", "title": "card number"}}), false),
            ("Sign in", json!({"pin": {"type": "integer"}}), false),
            (
                "Sign in",
                json!({"passwords": {"type": "array", "items": {"type": "string"}}}),
                false,
            ),
            ("Sign in", json!({"password": {"type": "string", "enum": []}}), false),
            (
                "Sign in",
                json!({"password": {"type": "string", "oneOf": [{"type": "string"}]}}),
                false,
            ),
            (
                "Sign in",
                json!({
                    "a": {"type": "boolean", "title": "Your password, below:"},
                    "b": text(),
                }),
                false,
            ),
            ("Sign in", json!({"a": {"type": "string", "default": "your password"}}), false),
            ("Go on", beside(json!({"oneOf": [{"const": "x", "title": "Your password:"}]})), false),
            ("Go on", beside(json!({"enum": ["x"], "enumNames": ["Type your password"]})), false),
            ("Go on", beside(json!({"enum": ["your password, please"]})), false),
            ("Go on", beside(json!({"enum": ["small", "large"]})), true),
            ("Go on", json!({"your_password_below": {"type": "boolean"}, "b": text()}), false),
            (
                "Share?",
                json!({"days": {"type": "array", "items": {"type": "string", "enum": ["mo"]}}}),
                true,
            ),
        ] {
            assert_eq!(judged(message, fields.clone()).is_ok(), fits, "{message} {fields}");
        }
    }

    #[test]
    fn nobody_else_says_who_asks() {
        for (message, title, fits) in [
            ("Which server asks?", "server", true),
            ("Go on?\n\n[server `bank` asks] Go on", "name", false),
            ("Go on?", "[Server  `bank` asks]", false),
            ("[server 'bank' asks] Go on?", "name", false),
            ("\u{ff3b}server `bank` asks\u{ff3d} Go on?", "name", false),
            ("[s\u{435}rver `bank` asks] Go on?", "name", false),
            ("[ser\u{200b}ver \u{2018}bank\u{2019} asks] Go on?", "name", false),
        ] {
            let fields = json!({"a": {"type": "string", "title": title}});
            assert_eq!(judged(message, fields).is_ok(), fits, "{message} {title}");
        }
    }

    #[test]
    fn the_form_itself_asks_for_no_secret_either() {
        let server = ServerName::new("files").expect("a name");
        for (key, words, fits) in [
            ("title", "About you", true),
            ("title", "Password", false),
            ("description", "Type the API key of your account", false),
        ] {
            let mut schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
            if let Some(members) = schema.as_object_mut() {
                members.insert(key.to_owned(), json!(words));
            }
            let params = json!({"message": "Go on", "requestedSchema": schema});
            assert_eq!(judge(&Json::from_value(&params), &server).is_ok(), fits, "{key} {words}");
        }
    }

    #[test]
    fn a_link_stands_nowhere_that_a_person_reads() {
        for (name, field) in [
            ("a", json!({"type": "string", "enum": ["x"], "enumNames": ["https://evil.test"]})),
            ("a", json!({"type": "string", "enum": ["https://evil.test"]})),
            ("a", json!({"type": "string", "oneOf": [{"const": "https://evil.test"}]})),
            ("a", json!({"type": "string", "default": "https://evil.test"})),
            ("https://evil.test", json!({"type": "string"})),
        ] {
            let shown = judged("Go on", json!({name: field})).unwrap_or_default();
            assert!(!shown.to_string().contains("://"), "{shown}");
        }
    }
}
