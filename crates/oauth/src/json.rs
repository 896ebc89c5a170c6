//! What somebody else answered, as JSON that has one reading.

use portcullis_wire::Json;
use serde_json::Value;

use crate::why::Why;

/// Deeper than any document here.
const DEEPEST: usize = 16;

/// An object, read strictly: no member twice, bounded depth, no byte that is not UTF-8.
pub(crate) fn object(body: &[u8], what: &'static str) -> Result<Value, Why> {
    let text = std::str::from_utf8(body).map_err(|_| Why::Unreadable(what))?;
    let json = Json::parse(text, DEEPEST).map_err(|_| Why::Unreadable(what))?;
    let value = json.value();
    if value.is_object() { Ok(value) } else { Err(Why::Unreadable(what)) }
}

/// A member that is a text, if it is there; anything else under its name is a fault.
pub(crate) fn text<'a>(
    value: &'a Value,
    name: &str,
    what: &'static str,
) -> Result<Option<&'a str>, Why> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Why::Unreadable(what)),
    }
}

/// A member that is a list of texts, if it is there.
pub(crate) fn texts(
    value: &Value,
    name: &str,
    what: &'static str,
) -> Result<Option<Vec<String>>, Why> {
    let Some(list) = value.get(name).filter(|list| !list.is_null()) else { return Ok(None) };
    let list = list.as_array().ok_or(Why::Unreadable(what))?;
    let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
    texts.collect::<Option<Vec<_>>>().map(Some).ok_or(Why::Unreadable(what))
}

/// A member that is `true` or `false`; `false` when it is not there.
pub(crate) fn flag(value: &Value, name: &str, what: &'static str) -> Result<bool, Why> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Why::Unreadable(what)),
    }
}
