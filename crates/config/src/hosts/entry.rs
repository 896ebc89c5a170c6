//! One server of a host's file: what is started or reached, and what it is given.

use portcullis_guard::secret::{find, find_certain, redact, secret_name};
use portcullis_guard::text::bounded;

use super::loose::{self, Asks, Loose};
use super::sections::Found;
use super::tree::{Member, Node, Spot, Value};
use super::{HostFile, Remark};
use crate::secret::secret_at;

/// The longest word that is kept, in characters.
const LONGEST: usize = 1000;

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is started, and spoken to over pipes.
    Started,
    /// It is at an address.
    Reached,
    /// It is part of the host.
    Built,
}

/// A word of a file. What was a secret in it is not here any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it stands.
    pub spot: Spot,
    /// What it says, without secrets.
    pub text: String,
    /// What kind of secret stood there.
    pub secret: Option<&'static str>,
    /// Whether it certainly was one.
    pub certain: bool,
}

/// A variable or a header, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Word,
    /// Whether the value says where to find it, and is not itself it.
    pub reference: bool,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the host calls it.
    pub name: String,
    /// Where it stands.
    pub spot: Spot,
    /// The project that it is for, when it is for one.
    pub scope: Option<String>,
    /// How it is reached.
    pub way: Way,
    /// The program and its arguments.
    pub command: Vec<Word>,
    /// Its address.
    pub url: Option<Word>,
    /// The variables that it is given.
    pub variables: Vec<Given>,
    /// The headers that are sent to it.
    pub headers: Vec<Given>,
    /// What is let through unasked.
    pub loose: Vec<Loose>,
    /// What the host says of asking about its calls.
    pub asks: Asks,
    /// Whether the host does not use it.
    pub off: bool,
    /// Whether the host itself runs it in a box.
    pub boxed: bool,
}

const COMMAND: &[&str] = &["command", "cmd", "path"];
const ARGUMENTS: &[&str] = &["args", "arguments"];
const VARIABLES: &[&str] = &["env", "envs", "environment"];
const HEADERS: &[&str] = &["headers", "http_headers"];
const URL: &[&str] = &["url", "serverUrl", "httpUrl", "uri", "endpoint"];

/// Every server of a section.
pub(super) fn entries(found: &Found<'_>, file: &mut HostFile) {
    match &found.node.value {
        Value::Table(members) => {
            members.iter().for_each(|it| entry(found, &it.name, it.spot, &it.node, file));
        }
        // Continue and Vibe keep a list, and the name in each.
        Value::List(items) => {
            for item in items {
                let name = item.get("name").and_then(Node::text).unwrap_or("(without a name)");
                entry(found, name, item.spot, item, file);
            }
        }
        _ => file.unread.push(Remark {
            spot: found.node.spot,
            server: None,
            what: format!("`{}` is neither a table nor a list", found.section),
        }),
    }
}

fn entry(found: &Found<'_>, name: &str, spot: Spot, node: &Node, file: &mut HostFile) {
    let name = shown(name);
    let mut odd = |spot: Spot, what: String| {
        file.unread.push(Remark { spot, server: Some(name.clone()), what });
    };
    if !node.is_table() {
        return odd(spot, "it is no table".to_owned());
    }
    let command = match words(node) {
        Ok(command) => command,
        Err(at) => return odd(at, "its command is not made of texts".to_owned()),
    };
    let url = match node.any(URL) {
        None => None,
        Some(url) if url.text().is_some() => Some(address(url)),
        Some(url) => return odd(url.spot, "its address is no text".to_owned()),
    };
    let built = matches!(
        node.get("type").and_then(Node::text),
        Some("builtin" | "platform" | "frontend" | "inline_python")
    );
    let way = match (&url, command.is_empty(), built) {
        (_, true, true) => Way::Built,
        (Some(_), true, _) => Way::Reached,
        (_, false, _) => Way::Started,
        (None, true, false) => {
            return odd(spot, "it has neither a command nor an address".to_owned());
        }
    };
    let mut given = |names: &[&str]| {
        let (given, unread) = givens(node, names);
        unread.into_iter().for_each(|at| odd(at, "a value that it is given is no text".to_owned()));
        given
    };
    let (variables, mut headers) = (given(VARIABLES), given(HEADERS));
    // Continue keeps them one deeper.
    let options = node.get("requestOptions").map(|it| givens(it, HEADERS).0);
    headers.extend(options.into_iter().flatten());
    let (loose, asks) = loose::of_server(node);
    let says = |name: &str, is: bool| node.get(name).and_then(Node::flag) == Some(is);
    file.entries.push(Entry {
        name,
        spot,
        scope: found.scope.map(shown),
        way,
        command,
        url,
        variables,
        headers,
        loose,
        asks,
        off: says("disabled", true) || says("enabled", false),
        boxed: says("sandboxEnabled", true),
    });
}

/// The program and its arguments, secrets covered; else where something is that is no text.
fn words(node: &Node) -> Result<Vec<Word>, Spot> {
    let mut nodes: Vec<&Node> = Vec::new();
    let mut arguments = node.any(ARGUMENTS);
    if let Some(command) = node.any(COMMAND) {
        match &command.value {
            Value::List(items) => nodes.extend(items),
            // An older Zed.
            Value::Table(_) => {
                nodes.extend(command.get("path"));
                arguments = command.any(ARGUMENTS).or(arguments);
            }
            Value::Nothing => {}
            _ => nodes.push(command),
        }
    }
    match arguments.map(|node| &node.value) {
        None | Some(Value::Nothing) => {}
        Some(Value::List(items)) if !nodes.is_empty() => nodes.extend(items),
        Some(Value::List(_)) => {}
        Some(_) => return Err(arguments.map(|node| node.spot).unwrap_or_default()),
    }
    let texts: Vec<String> =
        nodes.iter().map(|node| node.word().ok_or(node.spot)).collect::<Result<_, _>>()?;
    let word = |(at, node): (usize, &&Node)| {
        let text = texts.get(at).map(String::as_str).unwrap_or_default();
        let option = at.checked_sub(1).and_then(|before| texts.get(before));
        argument(node.spot, text, secret_at(&texts, at), option)
    };
    Ok(nodes.iter().enumerate().map(word).collect())
}

/// A word of a command; `secret` is what it looks like beside its neighbour.
fn argument(spot: Spot, text: &str, secret: Option<&'static str>, option: Option<&String>) -> Word {
    if is_reference(text) {
        return plain(spot, text);
    }
    let covered = redact(text);
    let beside = option.map(|option| format!("{}={text}", option.trim_start_matches('-')));
    let certain = !find_certain(text).is_empty()
        || beside.is_some_and(|line| secret.is_some() && !find_certain(&line).is_empty());
    let text = match (secret, covered != text) {
        (Some(kind), false) => format!("<redacted:{kind}>"),
        _ => covered.into_owned(),
    };
    Word { spot, text: shown(&text), secret, certain }
}

/// An address: its login and its query may open something.
fn address(node: &Node) -> Word {
    let text = node.text().unwrap_or_default();
    let mut word = argument(node.spot, text, find(text).first().map(|hit| hit.kind.as_str()), None);
    let Some((_, query)) = text.split_once('?') else { return word };
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if secret_name(name) && value.len() >= 8 && !is_reference(value) {
            word.text = word.text.replace(value, "<redacted:assignment>");
            word.secret = word.secret.or(Some("assignment"));
            word.certain = true;
        }
    }
    word
}

fn givens(node: &Node, names: &[&str]) -> (Vec<Given>, Vec<Spot>) {
    let (mut given, mut unread) = (Vec::new(), Vec::new());
    for name in names {
        let table = node.get(name).map(Node::members).unwrap_or_default();
        for member in table {
            match member.node.word() {
                Some(text) => given.push(value(member, &text)),
                None if matches!(member.node.value, Value::Nothing) => {}
                None => unread.push(member.node.spot),
            }
        }
    }
    (given, unread)
}

/// A value beside its name, which says what it is.
fn value(member: &Member, text: &str) -> Given {
    let (name, spot) = (shown(&member.name), member.node.spot);
    if is_reference(text) {
        return Given { name, value: plain(spot, text), reference: true };
    }
    let line = format!("{}={text}", member.name);
    let hit = find(text).first().or(find(&line).first()).map(|hit| hit.kind.as_str());
    let named = secret_name(&member.name) && looks_given(text);
    let secret = hit.or(named.then_some("assignment"));
    let certain = !find_certain(text).is_empty() || !find_certain(&line).is_empty();
    let text = match secret {
        Some(kind) => format!("<redacted:{kind}>"),
        None => text.to_owned(),
    };
    let value = Word { spot, text: shown(&text), secret, certain };
    Given { name, value, reference: false }
}

/// Beside a name that says so: no placeholder, no file, no switch.
fn looks_given(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    let signs = ["your", "example", "changeme", "placeholder", "xxx", "<", "todo", "insert"];
    text.len() >= 8
        && !signs.iter().any(|sign| small.contains(sign))
        && !text.starts_with(['/', '~', '.'])
        && !text.contains("://")
}

/// `${TOKEN}`, `$TOKEN`, `%TOKEN%`, `{env:TOKEN}`, `${input:token}`, `{{TOKEN}}`: where it is, not what it is. A scheme may
/// stand before it.
fn is_reference(text: &str) -> bool {
    let text = text.trim();
    let bare =
        ["Bearer ", "bearer ", "Basic ", "token "].iter().find_map(|it| text.strip_prefix(it));
    let text = bare.unwrap_or(text).trim();
    let name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_:.- ".contains(c))
    };
    let between = |head: &str, tail: &str| {
        text.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)).is_some_and(name)
    };
    between("${", "}") || between("{{", "}}") || between("{", "}") || between("%", "%") || {
        text.strip_prefix('$').is_some_and(name)
    }
}

fn plain(spot: Spot, text: &str) -> Word {
    Word { spot, text: shown(text), secret: None, certain: false }
}

/// A name or a word, of a length that a person reads.
pub(super) fn shown(text: &str) -> String {
    bounded(text, LONGEST)
}
