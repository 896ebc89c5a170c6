//! Which arguments a policy reads, told from its text's tree.
//!
//! The tree is Cedar's own JSON form of a policy: `{"like": {"left": …}}`. A
//! kind that was told wrongly is harmless: strict validation refuses the policy.

use serde_json::Value;

use crate::argument::{Kind, Mention, Mentions};

/// Why a policy's use of arguments means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// All of them at once.
    Whole,
    /// No use tells what it is.
    Untold(String),
    /// Two uses tell different things.
    Torn(String, Kind, Kind),
}

impl std::fmt::Display for Unclear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => {
                f.write_str("arguments are read one by one: `context.arguments has NAME`, then `context.arguments.NAME`")
            }
            Self::Untold(path) => write!(
                f,
                "what `{path}` is cannot be told: compare it with a text, a number, true or false, or use `like` or `contains`"
            ),
            Self::Torn(path, one, other) => write!(f, "`{path}` is read as {one} and as {other}"),
        }
    }
}

/// What the conditions of a policy read of `context.arguments`.
pub(crate) fn mentions(policy: &Value) -> Result<Mentions, Unclear> {
    let mut reader = Reader::default();
    for condition in policy.get("conditions").and_then(Value::as_array).into_iter().flatten() {
        if let Some(body) = condition.get("body") {
            reader.read(body, Some(Kind::Flag));
        }
    }
    match reader.unclear {
        Some(unclear) => Err(unclear),
        None => told(&reader.mentions, "").map_or(Ok(reader.mentions), Err),
    }
}

/// Does a policy read an attribute of the context?
pub(crate) fn reads(policy: &Value, attribute: &str) -> bool {
    let is_it = |access: &Value| {
        access.pointer("/left/Var").and_then(Value::as_str) == Some("context")
            && access.get("attr").and_then(Value::as_str) == Some(attribute)
    };
    match policy {
        Value::Object(node) => {
            node.get(".").is_some_and(is_it) || node.values().any(|inner| reads(inner, attribute))
        }
        Value::Array(list) => list.iter().any(|inner| reads(inner, attribute)),
        _ => false,
    }
}

fn told(mentions: &Mentions, before: &str) -> Option<Unclear> {
    mentions.0.iter().find_map(|(name, mention)| {
        let path = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        match mention.kind {
            None => Some(Unclear::Untold(path)),
            Some(Kind::Present) if mention.vague => Some(Unclear::Untold(path)),
            Some(_) => told(&mention.inner, &path),
        }
    })
}

#[derive(Debug, Default)]
struct Reader {
    mentions: Mentions,
    unclear: Option<Unclear>,
}

impl Reader {
    /// Reads an expression that is used as a kind, if that is known.
    fn read(&mut self, node: &Value, kind: Option<Kind>) {
        if let Some(path) = path(node) {
            return self.note(&path, kind);
        }
        let Some((operator, operands)) = node.as_object().and_then(|node| node.iter().next())
        else {
            return;
        };
        let side = |name: &str| operands.get(name).unwrap_or(&Value::Null);
        let (left, right) = (side("left"), side("right"));
        match operator.as_str() {
            "has" => match asked(left, side("attr")) {
                Some(path) => self.note(&path, Some(Kind::Present)),
                None => self.read(left, None),
            },
            "like" => self.read(left, Some(Kind::Text)),
            "==" | "!=" => {
                self.read(left, literal(right));
                self.read(right, literal(left));
            }
            "<" | "<=" | ">" | ">=" | "+" | "-" | "*" => {
                self.read(left, Some(Kind::Number));
                self.read(right, Some(Kind::Number));
            }
            "neg" => self.read(side("arg"), Some(Kind::Number)),
            "!" => self.read(side("arg"), Some(Kind::Flag)),
            "&&" | "||" => {
                self.read(left, Some(Kind::Flag));
                self.read(right, Some(Kind::Flag));
            }
            "contains" => {
                self.read(left, literal(right).and_then(list_of));
                self.read(right, literal(left).and_then(element_of));
            }
            "containsAll" | "containsAny" => {
                self.read(left, literal(right));
                self.read(right, literal(left));
            }
            "isEmpty" => self.read(side("arg"), Some(Kind::Texts)),
            "if-then-else" => {
                self.read(side("if"), Some(Kind::Flag));
                self.read(side("then"), kind);
                self.read(side("else"), kind);
            }
            "Set" => {
                let items = operands.as_array().into_iter().flatten();
                items.for_each(|item| self.read(item, kind.and_then(element_of)));
            }
            // Whatever else there is: its parts may read arguments too.
            _ => self.parts(operands),
        }
    }

    fn parts(&mut self, node: &Value) {
        match node {
            Value::Array(list) => list.iter().for_each(|part| self.read(part, None)),
            Value::Object(parts) => parts.values().for_each(|part| self.read(part, None)),
            _ => {}
        }
    }

    fn note(&mut self, path: &[String], kind: Option<Kind>) {
        let Some((last, above)) = path.split_last() else {
            self.unclear.get_or_insert(Unclear::Whole);
            return;
        };
        let mut mentions = &mut self.mentions;
        let mut torn = None;
        for name in above {
            let (at, clash) = mentions.enter(name, Some(Kind::Object));
            torn = torn.or(clash);
            mentions = &mut at.inner;
        }
        let (_, clash) = mentions.enter(last, kind);
        if let Some((one, other)) = torn.or(clash) {
            self.unclear.get_or_insert(Unclear::Torn(path.join("."), one, other));
        }
    }
}

impl Mentions {
    /// Adds what one use tells of a name; the two kinds when they differ.
    fn enter(&mut self, name: &str, told: Option<Kind>) -> (&mut Mention, Option<(Kind, Kind)>) {
        let fresh = Mention { kind: None, vague: false, inner: Self::default() };
        let mention = self.0.entry(name.to_owned()).or_insert(fresh);
        mention.vague |= told.is_none();
        let clash = match (mention.kind, told) {
            (_, None) | (Some(_), Some(Kind::Present)) => None,
            (None | Some(Kind::Present), told) => {
                mention.kind = told;
                None
            }
            (Some(one), Some(other)) => (one != other).then_some((one, other)),
        };
        (mention, clash)
    }
}

/// `context.arguments.a.b` is `["a", "b"]`.
fn path(node: &Value) -> Option<Vec<String>> {
    let access = node.get(".")?;
    let (left, attribute) = (access.get("left")?, access.get("attr")?.as_str()?);
    if left.get("Var").and_then(Value::as_str) == Some("context") {
        return (attribute == "arguments").then(Vec::new);
    }
    let mut path = path(left)?;
    path.push(attribute.to_owned());
    Some(path)
}

/// `context.arguments has a.b` and `context has arguments.a.b` are `["a", "b"]`.
fn asked(left: &Value, attributes: &Value) -> Option<Vec<String>> {
    let one = attributes.as_str().into_iter();
    let several = attributes.as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names = one.chain(several).map(str::to_owned);
    if left.get("Var").and_then(Value::as_str) == Some("context") {
        let arguments = names.next()? == "arguments";
        let path: Vec<_> = names.collect();
        return (arguments && !path.is_empty()).then_some(path);
    }
    let mut path = path(left)?;
    path.extend(names);
    Some(path)
}

/// The kind of a literal.
fn literal(node: &Value) -> Option<Kind> {
    if let Some(items) = node.get("Set").and_then(Value::as_array) {
        return items.iter().find_map(literal).and_then(list_of);
    }
    match node.get("Value")? {
        Value::String(_) => Some(Kind::Text),
        Value::Number(_) => Some(Kind::Number),
        Value::Bool(_) => Some(Kind::Flag),
        Value::Array(items) => match items.first()? {
            Value::String(_) => Some(Kind::Texts),
            Value::Number(_) => Some(Kind::Numbers),
            _ => None,
        },
        _ => None,
    }
}

fn list_of(element: Kind) -> Option<Kind> {
    match element {
        Kind::Text => Some(Kind::Texts),
        Kind::Number => Some(Kind::Numbers),
        _ => None,
    }
}

fn element_of(list: Kind) -> Option<Kind> {
    match list {
        Kind::Texts => Some(Kind::Text),
        Kind::Numbers => Some(Kind::Number),
        _ => None,
    }
}
