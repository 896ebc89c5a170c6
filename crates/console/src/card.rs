//! One question, complete: nothing cut, nothing hidden.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis_guard::text::visible;
use portcullis_mediation::Question;

use crate::visible::visible_json;

/// From this many bytes on, arguments come with their digest.
const LARGE: usize = 1024;

/// A question as a person reads it.
#[derive(Clone, Debug)]
pub struct Card {
    body: String,
    prompt: String,
}

impl Card {
    /// Writes a question that is asked at a moment.
    #[must_use]
    pub fn new(question: &Question, asked: SystemTime) -> Self {
        let key = &question.key;
        let (server, tool) = (visible(key.server.as_str()), visible(&key.tool));
        let mut body = format!("\nportcullis: may `{tool}` of server `{server}` run?\n\n");
        line(&mut body, "server", &server);
        line(&mut body, "tool", &tool);
        line(&mut body, "risk", question.risk.as_str());
        for (place, reason) in question.reasons.iter().enumerate() {
            line(&mut body, if place == 0 { "why" } else { "" }, &visible(reason));
        }
        line(&mut body, "caller", &visible(key.principal.as_str()));
        arguments(&mut body, question);
        line(&mut body, "a yes", "covers this one call with these arguments, once");
        line(&mut body, "no answer", &deadline(asked, question.patience));
        line(&mut body, "approval", question.approval.as_str());
        let prompt = format!("approve `{tool}` of `{server}`? type y or n, then enter: ");
        Self { body, prompt }
    }

    /// Everything to be read before answering.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The line on which the answer is typed.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }
}

fn line(body: &mut String, label: &str, text: &str) {
    let _ = writeln!(body, "  {label:<10} {text}");
}

fn arguments(body: &mut String, question: &Question) {
    let size = question.arguments.len();
    if size >= LARGE {
        let digest = question.key.arguments_digest.as_str();
        line(body, "arguments", &format!("{size} bytes, {digest}, in full:"));
    } else {
        line(body, "arguments", "");
        body.truncate(body.trim_end().len());
        body.push('\n');
    }
    for row in rows(&question.arguments) {
        let _ = writeln!(body, "    {row}");
    }
}

/// JSON text as rows, one member or item each, everything visible; what is
/// inside a string stays on one row, however long.
#[must_use]
pub fn rows(json: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut depth = 0_usize;
    let (mut quoted, mut escaped) = (false, false);
    let mut last = ' ';
    for c in json.chars() {
        let opens = !quoted && matches!(c, '{' | '[');
        let closes = !quoted && matches!(c, '}' | ']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        let stays_empty = closes && matches!(last, '{' | '[') && !quoted;
        if (closes && !stays_empty) || (!closes && matches!(last, '{' | '[') && !quoted) {
            rows.push("  ".repeat(depth));
        }
        push(&mut rows, c);
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
        if opens {
            depth += 1;
        }
        if !quoted && c == ',' {
            rows.push("  ".repeat(depth));
        }
        if !quoted && c == ':' {
            push(&mut rows, ' ');
        }
        last = if quoted { ' ' } else { c };
    }
    rows.iter().map(|row| indent_kept(row)).collect()
}

fn push(rows: &mut [String], c: char) {
    if let Some(row) = rows.last_mut() {
        row.push(c);
    }
}

/// Makes a row visible without counting its own indent as a gap.
fn indent_kept(row: &str) -> String {
    let text = row.trim_start_matches(' ');
    " ".repeat(row.len() - text.len()) + &visible_json(text)
}

fn deadline(asked: SystemTime, patience: Duration) -> String {
    let until = asked + patience;
    let second = until.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let seconds = patience.as_secs();
    format!("is a no, in {seconds}s (at {hour:02}:{minute:02}:{second:02} UTC)")
}

#[cfg(test)]
pub(crate) mod tests {
    use portcullis_mediation::{ApprovalId, ApprovalKey, Fingerprint};
    use portcullis_policy::{Principal, ServerName, Tier};

    use super::*;

    pub(crate) fn question(tool: &str, arguments: &str) -> Question {
        let key = ApprovalKey {
            principal: Principal::user(1000),
            server: ServerName::new("files").unwrap(),
            tool: tool.to_owned(),
            definition_pin: Fingerprint::of(b"definition"),
            arguments_digest: Fingerprint::of(arguments.as_bytes()),
            policy: Fingerprint::of(b"policy"),
        };
        Question {
            approval: ApprovalId::from_entropy(7),
            key,
            arguments: arguments.to_owned(),
            risk: Tier::Destructive,
            reasons: vec!["`delete_file` is in tier destructive".to_owned(), "again".to_owned()],
            patience: Duration::from_secs(120),
        }
    }

    #[test]
    fn a_card_says_everything() {
        let arguments = r#"{"path":"notes.txt","deep":{"a":[1,{"b":"x, {y}"}],"none":[],"no":{}}}"#;
        let asked = UNIX_EPOCH + Duration::from_secs(86_400 + 3_600);
        let card = Card::new(&question("delete_file", arguments), asked);
        let expect = r#"
portcullis: may `delete_file` of server `files` run?

  server     files
  tool       delete_file
  risk       destructive
  why        `delete_file` is in tier destructive
             again
  caller     uid:1000
  arguments
    {
      "path": "notes.txt",
      "deep": {
        "a": [
          1,
          {
            "b": "x, {y}"
          }
        ],
        "none": [],
        "no": {}
      }
    }
  a yes      covers this one call with these arguments, once
  no answer  is a no, in 120s (at 01:02:00 UTC)
  approval   apr_700000000000
"#;
        assert_eq!(card.body(), expect);
        assert_eq!(card.prompt(), "approve `delete_file` of `files`? type y or n, then enter: ");
    }

    #[test]
    fn nothing_hides_and_nothing_is_cut() {
        let long = "z".repeat(5000);
        let arguments =
            format!("{{\"a\\\"b\":\"\u{202e}x\u{1b}[1A{}\",\"z\":\"{long}\"}}", " ".repeat(500));
        let card = Card::new(&question("rm\u{200b}\n", &arguments), UNIX_EPOCH);
        let body = card.body();
        assert!(body.contains("\"a\\\"b\": \"\\u{202e}x\\u{1b}[1A ⟨500 spaces⟩ \","), "{body}");
        assert!(body.contains(&long) && body.contains("rm\\u{200b}\\n"));
        assert!(body.contains(" bytes, sha256:"), "large arguments come with their digest");
        assert!(body.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn what_is_not_json_is_shown_all_the_same() {
        for text in ["", "null", "}}]]", "\"open", "{\"a\":", "[[[["] {
            let shown = rows(text).concat().replace(' ', "");
            assert_eq!(shown, text, "{text}");
        }
    }
}
