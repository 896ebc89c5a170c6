//! One line of a case, parsed. The grammar is in [`crate::step`].

use std::time::Duration;

use serde_json::{Value, json};

use crate::step::{Answer, Journal, Received, Sent, Side, What, Word};

/// More repetitions than any story needs.
const MOST: usize = 1_000_000;

/// Reads one line that is neither blank nor a comment, and how often it is meant.
pub(crate) fn repeated(line: &str) -> Result<(usize, What), String> {
    let (subject, rest) = split_word(line);
    let (arrow, rest) = rest.strip_prefix('<').map_or(("", rest), |rest| ("< ", rest.trim_start()));
    let (count, after) = split_word(rest);
    let (Ok(count), ("times", rest)) = (count.parse::<usize>(), split_word(after)) else {
        return Ok((1, parse(line)?));
    };
    if count == 0 || count > MOST || !matches!(subject, "client" | "server") {
        return Err(format!("`{subject} {count} times` makes no sense"));
    }
    Ok(match parse(&format!("{subject} {arrow}{rest}"))? {
        What::Sends(side, Sent::Raw(bytes)) => {
            (1, What::Sends(side, Sent::Raw(bytes.repeat(count))))
        }
        what => (count, what),
    })
}

fn parse(line: &str) -> Result<What, String> {
    let (subject, rest) = split_word(line);
    match subject {
        "client" => peer(Side::Client, rest),
        "server" => peer(Side::Server, rest),
        "person?" if rest.is_empty() => Err("`person?` needs a part of the question".to_owned()),
        "person?" => Ok(What::Asked(Some(rest.to_owned()).filter(|text| text != "nothing"))),
        "person" => answer(rest),
        "wait" => duration(rest).map(What::Wait),
        "journal" => journal(rest).map(What::Journal),
        other => {
            Err(format!("`{other}` is not one of client, server, person?, person, wait, journal"))
        }
    }
}

fn peer(side: Side, rest: &str) -> Result<What, String> {
    match rest.strip_prefix('<') {
        Some(expected) => received(side, expected.trim_start()).map(|it| What::Receives(side, it)),
        None => sent(side, rest).map(|it| What::Sends(side, it)),
    }
}

fn sent(side: Side, text: &str) -> Result<Sent, String> {
    let (word, rest) = split_word(text);
    match (word, side) {
        ("raw", _) => unescape(rest).map(Sent::Raw),
        ("result", _) => value(rest).map(Sent::Result),
        ("error", _) => {
            let (code, message) = error(rest)?;
            Ok(Sent::Error { code, message: message.ok_or("an error that is sent has a text")? })
        }
        ("closes", Side::Client) | ("dies", Side::Server) if rest.is_empty() => Ok(Sent::Ends),
        _ => {
            let (method, params) = message(word, rest)?;
            let told = method.starts_with("notifications/");
            Ok(if told {
                Sent::Notification { method, params }
            } else {
                Sent::Request { method, params }
            })
        }
    }
}

fn received(side: Side, text: &str) -> Result<Received, String> {
    let (word, rest) = split_word(text);
    match (word, side) {
        ("nothing", _) if rest.is_empty() => Ok(Received::Nothing),
        ("batch", _) => {
            let count = rest.parse().map_err(|_| format!("`{rest}` is not a count"))?;
            Ok(Received::Batch(count))
        }
        ("result", _) => value(rest).map(Received::Result),
        ("error", _) => error(rest).map(|(code, text)| Received::Error { code, text }),
        ("refused", Side::Client) => quoted(rest).map(Received::Refused),
        _ => message(word, rest).map(|(method, params)| Received::Message { method, params }),
    }
}

/// A method, and its params: an object, or for `tools/call` a name and arguments.
fn message(method: &str, rest: &str) -> Result<(String, Option<Value>), String> {
    let known = method.contains('/') || matches!(method, "initialize" | "ping");
    if !known {
        return Err(format!("`{method}` is neither a method nor a word of the casebook"));
    }
    if rest.is_empty() {
        return Ok((method.to_owned(), None));
    }
    let params = if method == "tools/call" && !rest.starts_with('{') {
        let (name, arguments) = split_word(rest);
        match arguments {
            "" => json!({ "name": name }),
            arguments => json!({ "name": name, "arguments": value(arguments)? }),
        }
    } else {
        value(rest)?
    };
    Ok((method.to_owned(), Some(params)))
}

fn value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("`{text}` is not JSON: {error}"))
}

fn error(text: &str) -> Result<(i64, Option<String>), String> {
    let (code, rest) = split_word(text);
    let code = code.parse().map_err(|_| format!("`{code}` is not an error code"))?;
    Ok((code, if rest.is_empty() { None } else { Some(quoted(rest)?) }))
}

fn quoted(text: &str) -> Result<String, String> {
    serde_json::from_str(text).map_err(|_| format!("`{text}` is not a text in double quotes"))
}

fn answer(text: &str) -> Result<What, String> {
    match text {
        "approves" => Ok(What::Answers(Answer::Approves)),
        "denies" => Ok(What::Answers(Answer::Denies)),
        "revokes" => Ok(What::Revokes),
        "accepts" => Ok(What::Accepts(None)),
        other => match (other.strip_prefix("accepts "), other.strip_prefix("edits ")) {
            (Some(name), _) => Ok(What::Accepts(Some(name.trim().to_owned()))),
            (_, Some(content)) => Ok(What::Edits(value(content.trim())?)),
            _ => grants(other),
        },
    }
}

/// `grants session 2`: for how long, and which cover.
fn grants(text: &str) -> Result<What, String> {
    let wrong = || {
        format!(
            "a person `approves`, `denies`, `edits`, `grants`, `revokes` or `accepts`, not `{text}`"
        )
    };
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("grants"), Some(lasts), Some(cover), None) => {
            let cover = cover.parse().map_err(|_| wrong())?;
            Ok(What::Grants { lasts: lasts.to_owned(), cover })
        }
        _ => Err(wrong()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let wrong = || format!("`{text}` is not a duration like 60s");
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    count.checked_mul(unit).map(Duration::from_millis).ok_or_else(wrong)
}

fn journal(text: &str) -> Result<Journal, String> {
    match split_word(text) {
        ("nothing", "") => return Ok(Journal::Nothing),
        ("fails", "") => return Ok(Journal::Fails),
        ("lacks", part) if !part.is_empty() => return Ok(Journal::Lacks(part.to_owned())),
        _ => {}
    }
    let (word, rest) = text.split_once(':').unwrap_or((text, ""));
    let word = Word::find(word).ok_or_else(|| format!("the journal has no word `{word}`"))?;
    let (control, note) = match rest.trim().split_once('(') {
        Some((control, note)) => {
            let note = note.strip_suffix(')').ok_or("the text in parentheses is not closed")?;
            (control.trim(), Some(note.to_owned()))
        }
        None => (rest.trim(), None),
    };
    if control.chars().any(|c| !c.is_ascii_lowercase() && c != '-') {
        return Err(format!("`{control}` is not a control's id"));
    }
    let control = Some(control.to_owned()).filter(|id| !id.is_empty());
    Ok(Journal::Says { word, control, text: note })
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('t') => bytes.push(b'\t'),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let hex: String = rest.by_ref().take(2).collect();
                let byte = u8::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 2);
                bytes.push(byte.ok_or_else(|| format!("`\\x{hex}` is not a byte"))?);
            }
            other => return Err(format!("`\\{}` is not an escape", other.unwrap_or(' '))),
        }
    }
    Ok(bytes)
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sends(line: &str) -> Sent {
        match parse(line) {
            Ok(What::Sends(_, sent)) => sent,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn receives(line: &str) -> Received {
        match parse(line) {
            Ok(What::Receives(_, received)) => received,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_peer_asks_and_tells() {
        let list = Sent::Request { method: "tools/list".into(), params: None };
        assert_eq!(sends("client  tools/list"), list);
        let call = Sent::Request {
            method: "tools/call".into(),
            params: Some(json!({"name": "rm", "arguments": {"path": "a b"}})),
        };
        assert_eq!(sends("client  tools/call rm {\"path\": \"a b\"}"), call);
        let same = r#"client tools/call {"name": "rm", "arguments": {"path": "a b"}}"#;
        assert_eq!(sends(same), call);
        let told = Sent::Notification {
            method: "notifications/progress".into(),
            params: Some(json!({"progress": 1})),
        };
        assert_eq!(sends("server  notifications/progress {\"progress\": 1}"), told);
        let bare =
            Sent::Request { method: "tools/call".into(), params: Some(json!({"name": "x"})) };
        assert_eq!(sends("client  tools/call x"), bare);
    }

    #[test]
    fn a_peer_answers_and_ends() {
        assert_eq!(sends("server  result {\"content\": []}"), Sent::Result(json!({"content": []})));
        let error = Sent::Error { code: -32000, message: "boom".into() };
        assert_eq!(sends("server  error -32000 \"boom\""), error);
        assert_eq!(sends("server  dies"), Sent::Ends);
        assert_eq!(sends("client  closes"), Sent::Ends);
        assert!(parse("client  dies").is_err());
        assert!(parse("server  error -32000").is_err());
    }

    #[test]
    fn raw_bytes_are_as_written() {
        assert_eq!(
            sends(r#"client  raw {"a":1,"a":2}\n"#),
            Sent::Raw(b"{\"a\":1,\"a\":2}\n".into())
        );
        assert_eq!(sends(r"server  raw \xff\x00\\é"), Sent::Raw(b"\xff\x00\\\xc3\xa9".into()));
        assert!(parse(r"client  raw \q").is_err());
        assert!(parse(r"client  raw \xf").is_err());
    }

    #[test]
    fn a_peer_receives() {
        assert_eq!(receives("server  < nothing"), Received::Nothing);
        assert_eq!(
            receives("client  < refused \"not permitted\""),
            Received::Refused("not permitted".into())
        );
        let code = Received::Error { code: -32601, text: None };
        assert_eq!(receives("client  < error -32601"), code);
        let text = Received::Error { code: -32601, text: Some("unknown".into()) };
        assert_eq!(receives("client  < error -32601 \"unknown\""), text);
        let called = Received::Message {
            method: "tools/call".into(),
            params: Some(json!({"name": "echo", "arguments": {"a": 1}})),
        };
        assert_eq!(receives("server  < tools/call echo {\"a\": 1}"), called);
        assert!(parse("server  < refused \"x\"").is_err());
        assert!(parse("client  < reslt {}").is_err());
    }

    #[test]
    fn people_time_and_the_journal() {
        assert_eq!(parse("person? Let `rm` run?"), Ok(What::Asked(Some("Let `rm` run?".into()))));
        assert_eq!(parse("person? nothing"), Ok(What::Asked(None)));
        assert_eq!(parse("person  denies"), Ok(What::Answers(Answer::Denies)));
        assert_eq!(parse("person  edits {\"a\": 1}"), Ok(What::Edits(json!({"a": 1}))));
        assert_eq!(parse("person  accepts"), Ok(What::Accepts(None)));
        let grants = What::Grants { lasts: "10m".to_owned(), cover: 2 };
        assert_eq!(parse("person  grants 10m 2"), Ok(grants));
        assert_eq!(parse("person  revokes"), Ok(What::Revokes));
        assert_eq!(parse("person  accepts a b"), Ok(What::Accepts(Some("a b".into()))));
        assert_eq!(parse("wait    60s"), Ok(What::Wait(Duration::from_mins(1))));
        assert_eq!(parse("wait    10ms"), Ok(What::Wait(Duration::from_millis(10))));
        for wrong in [
            "wait soon",
            "wait 1d",
            "person maybe",
            "person grants session",
            "persn approves",
            "person?",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let says = |word, control: Option<&str>, text: Option<&str>| {
            let (control, text) = (control.map(str::to_owned), text.map(str::to_owned));
            Ok(What::Journal(Journal::Says { word, control, text }))
        };
        let line = "journal denied: approve-by-risk (no answer)";
        assert_eq!(parse(line), says(Word::Denied, Some("approve-by-risk"), Some("no answer")));
        assert_eq!(parse("journal allowed"), says(Word::Allowed, None, None));
        assert_eq!(parse("journal notice: (grew)"), says(Word::Notice, None, Some("grew")));
        assert_eq!(parse("journal nothing"), Ok(What::Journal(Journal::Nothing)));
        assert_eq!(parse("journal fails"), Ok(What::Journal(Journal::Fails)));
        let lacks = Journal::Lacks("hunter2 (x)".into());
        assert_eq!(parse("journal lacks hunter2 (x)"), Ok(What::Journal(lacks)));
        for wrong in ["journal refused: x", "journal denied: X Y", "journal denied: a (b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_can_be_meant_often() {
        let ping = What::Sends(Side::Client, Sent::Request { method: "ping".into(), params: None });
        assert_eq!(repeated("client  3 times ping"), Ok((3, ping)));
        let raw = What::Sends(Side::Server, Sent::Raw(b"a\na\n".into()));
        assert_eq!(repeated("server  2 times raw a\\n"), Ok((1, raw)));
        let got = Received::Message { method: "ping".into(), params: None };
        assert_eq!(repeated("server  < 2 times ping"), Ok((2, What::Receives(Side::Server, got))));
        for wrong in ["client 0 times ping", "wait 2 times 1s", "client 2 times"] {
            assert!(repeated(wrong).is_err(), "{wrong}");
        }
    }
}
