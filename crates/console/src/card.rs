//! One question, complete: nothing cut, nothing hidden.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis_guard::text::visible;
use portcullis_mediation::{Matter, Question};

use crate::visible::visible_json;
use crate::words::Words;

/// From this many bytes on, the content comes with its digest.
const LARGE: usize = 1024;

/// A question as a person reads it.
#[derive(Clone, Debug)]
pub struct Card {
    body: String,
    prompt: String,
    choices: usize,
    told: &'static str,
}

impl Card {
    /// Writes a question that is asked at a moment.
    #[must_use]
    pub fn new(question: &Question, asked: SystemTime) -> Self {
        let key = &question.key;
        let words = Words::of(key.matter, key.server.as_str(), &key.tool, &question.arguments);
        let mut body = format!("\nportcullis: {}?\n\n", words.asks);
        line(&mut body, "server", &visible(key.server.as_str()));
        line(&mut body, words.what, &visible(&key.tool));
        if let Some(host) = &words.host {
            line(&mut body, "host", host);
        }
        line(&mut body, "risk", question.risk.as_str());
        for (place, reason) in question.reasons.iter().enumerate() {
            line(&mut body, if place == 0 { "why" } else { "" }, &visible(reason));
        }
        line(&mut body, "caller", &visible(key.principal.as_str()));
        content(&mut body, question, words.content);
        line(&mut body, "a yes", words.covers);
        let choices = choices(&mut body, question);
        line(&mut body, "no answer", &deadline(asked, question.patience));
        line(&mut body, "approval", question.approval.as_str());
        let prompt = format!("{}? {}, then enter: ", words.prompt, typed(choices));
        Self { body, prompt, choices, told: words.told }
    }

    /// The same on a screen of so many rows and columns. Who has to scroll to see what is
    /// asked answers for this one call only.
    #[must_use]
    pub fn on(question: &Question, asked: SystemTime, screen: Option<(usize, usize)>) -> Self {
        let card = Self::new(question, asked);
        if card.choices == 0 || screen.is_some_and(|screen| card.fits(screen)) {
            return card;
        }
        let mut once = question.clone();
        once.standing.covers.clear();
        Self::new(&once, asked)
    }

    fn fits(&self, (rows, columns): (usize, usize)) -> bool {
        // A wide character takes two places; what is invisible is written out.
        let needs = |line: &str| {
            let places: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
            places.div_ceil(columns.max(1)).max(1)
        };
        self.body.lines().chain([self.prompt.as_str()]).map(needs).sum::<usize>() <= rows
    }

    /// Everything to be read before answering.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What is said after a yes.
    #[must_use]
    pub fn told(&self) -> &'static str {
        self.told
    }

    /// How many covers may be chosen for the rest of the session.
    #[must_use]
    pub fn choices(&self) -> usize {
        self.choices
    }

    /// The line on which the answer is typed.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }
}

/// What may stand until the session ends, each with the number to type.
fn choices(body: &mut String, question: &Question) -> usize {
    // A yes to a directory lasts until then anyway.
    if question.key.matter == Matter::Root {
        return 0;
    }
    let covers = &question.standing.covers;
    for (at, cover) in covers.iter().enumerate() {
        let label = if at == 0 { "or" } else { "" };
        line(body, label, &format!("{} until the session ends: {}", at + 1, cover.told()));
    }
    covers.len()
}

fn typed(choices: usize) -> String {
    match choices {
        0 => "type y or n".to_owned(),
        1 => "type y, n or 1".to_owned(),
        _ => format!("type y, n or 1 to {choices}"),
    }
}

fn line(body: &mut String, label: &str, text: &str) {
    let _ = writeln!(body, "  {label:<10} {text}");
}

fn content(body: &mut String, question: &Question, label: &str) {
    let size = question.arguments.len();
    if size >= LARGE {
        let digest = question.key.arguments_digest.as_str();
        line(body, label, &format!("{size} bytes, {digest}, in full:"));
    } else {
        line(body, label, "");
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

pub(crate) fn deadline(asked: SystemTime, patience: Duration) -> String {
    let until = asked + patience;
    let second = until.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let seconds = patience.as_secs();
    format!("is a no, in {seconds}s (at {hour:02}:{minute:02}:{second:02} UTC)")
}

#[cfg(test)]
pub(crate) mod tests {
    use portcullis_mediation::grant::Standing;
    use portcullis_mediation::{ApprovalId, ApprovalKey, Fingerprint, Matter};
    use portcullis_policy::{Principal, ServerName, Tier};
    use serde_json::json;

    use super::*;

    pub(crate) fn question(tool: &str, arguments: &str) -> Question {
        let key = ApprovalKey {
            matter: Matter::Tool,
            principal: Principal::user(1000),
            server: ServerName::new("files").unwrap(),
            session: "s".to_owned(),
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
            standing: Standing::default(),
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
    fn what_a_server_wants_of_the_model_is_shown_whole() {
        let request = r#"{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}],"maxTokens":100}"#;
        let mut asked = question("sampling/createMessage", request);
        asked.key.matter = Matter::Sampling;
        let card = Card::new(&asked, UNIX_EPOCH);
        for part in [
            "portcullis: may server `files` ask your model this?",
            "  asks with  sampling/createMessage\n",
            "  request\n    {\n      \"messages\": [",
            "\"text\": \"hi\"",
            "\"maxTokens\": 100",
            "lets your model see this one request",
        ] {
            assert!(card.body().contains(part), "{part}: {}", card.body());
        }
        asked.key.matter = Matter::Elicitation;
        asked.arguments = r#"{"mode":"url","url":"https://login.example.net/x"}"#.to_owned();
        let card = Card::new(&asked, UNIX_EPOCH);
        assert!(card.body().contains("  host       login.example.net\n"), "{}", card.body());
    }

    #[test]
    fn a_directory_has_no_number_for_what_a_yes_is_anyway() {
        let mut asked = question("roots/list", r#"{"access":"ro","directory":"/p/src"}"#);
        let covers = json!([{"directory": {"same": Fingerprint::of(b"x")}}]);
        asked.standing.covers = serde_json::from_value(covers).unwrap();
        assert_eq!(Card::on(&asked, UNIX_EPOCH, Some((60, 100))).choices(), 1);
        asked.key.matter = Matter::Root;
        let card = Card::on(&asked, UNIX_EPOCH, Some((60, 100)));
        assert_eq!((card.choices(), card.told()), (0, "approved, until its session ends"));
    }

    #[test]
    fn what_may_stand_is_numbered_where_all_of_it_fits() {
        let mut asked = question("read_file", r#"{"path":"/p/src/a"}"#);
        let covers =
            json!([{"path": {"same": Fingerprint::of(b"x")}}, {"path": {"below": "/p/src"}}]);
        asked.standing.covers = serde_json::from_value(covers).unwrap();
        let card = Card::on(&asked, UNIX_EPOCH, Some((24, 100)));
        let expect = "\
  a yes      covers this one call with these arguments, once
  or         1 until the session ends: exactly these arguments
             2 until the session ends: `path` in /p/src; nothing else
  no answer";
        assert!(card.body().contains(expect), "{}", card.body());
        assert_eq!(card.choices(), 2);
        assert!(card.prompt().ends_with("type y, n or 1 to 2, then enter: "), "{}", card.prompt());
        // A screen that is too small, and one of which nothing is known.
        for screen in [Some((10, 100)), Some((24, 20)), None] {
            let card = Card::on(&asked, UNIX_EPOCH, screen);
            assert_eq!(card.choices(), 0, "{screen:?}");
            assert!(card.prompt().ends_with("type y or n, then enter: "), "{screen:?}");
            assert!(!card.body().contains("until the session ends"), "{screen:?}");
        }
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
