//! A question in the words in which a host shows it, in a form or beside a link.
//!
//! Hosts show forms in a few lines, some of them as Markdown, and cut what is long. So what
//! is long is not given to them, and what a peer wrote stands apart, as a block of text.

use std::time::SystemTime;

use portcullis_guard::text::visible;
use portcullis_mediation::{Place, Question, Shown};

use crate::card::{deadline, rows};
use crate::words::Words;

/// More lines, or a longer one, are not seen at once.
const LINES: usize = 40;
const LINE: usize = 160;

/// How a host may show a question. `place` is where our console says which one waits.
#[must_use]
pub fn in_host(question: &Question, asked: SystemTime, place: Option<&str>) -> Shown {
    let place = place.map(|url| Place { message: pointer(question), url: url.to_owned() });
    Shown { form: form(question, asked), place }
}

/// Everything that a view shows of a question; nothing when it cannot be seen at once.
fn form(question: &Question, asked: SystemTime) -> Option<String> {
    let key = &question.key;
    let words = Words::of(key.matter, key.server.as_str(), &key.tool, &question.arguments);
    let mut lines = vec![format!("Portcullis asks: {}?", words.asks), String::new()];
    let mut line = |label: &str, text: &str| lines.push(format!("- {label}: {text}"));
    line("server", &visible(key.server.as_str()));
    line(words.what, &visible(&key.tool));
    line("risk", question.risk.as_str());
    for reason in &question.reasons {
        line("why", &visible(reason));
    }
    line("caller", &visible(key.principal.as_str()));
    line("a yes", words.covers);
    line("no answer", &deadline(asked, question.patience));
    line("approval", question.approval.as_str());
    lines.push(format!("- {}:", words.content));
    lines.push(String::new());
    lines.extend(rows(&question.arguments).into_iter().map(|row| format!("    {row}")));
    let seen = lines.len() <= LINES && lines.iter().all(|line| line.chars().count() <= LINE);
    seen.then(|| lines.join("\n"))
}

/// What is said beside the link: which question, and none of what it is about.
fn pointer(question: &Question) -> String {
    let (server, approval) = (visible(question.key.server.as_str()), &question.approval);
    format!(
        "Portcullis asks about server `{server}`: question {approval} waits in the console that \
         you opened. This page only says where to look; nothing is answered by opening it."
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::card::tests::question;

    #[test]
    fn a_form_says_everything() {
        let asked = UNIX_EPOCH + Duration::from_secs(3_600);
        let shown = in_host(&question("delete_file", r#"{"path":"no\u202etes"}"#), asked, None);
        let expect = "\
Portcullis asks: may `delete_file` of server `files` run?

- server: files
- tool: delete_file
- risk: destructive
- why: `delete_file` is in tier destructive
- why: again
- caller: uid:1000
- a yes: covers this one call with these arguments, once
- no answer: is a no, in 120s (at 01:02:00 UTC)
- approval: apr_700000000000
- arguments:

    {
      \"path\": \"no\\u202etes\"
    }";
        assert_eq!(shown.form.as_deref(), Some(expect));
        assert!(shown.place.is_none());
    }

    #[test]
    fn what_cannot_be_seen_at_once_is_not_shown_at_all() {
        let long = format!("{{\"a\":\"{}\"}}", "z".repeat(LINE));
        let many = format!("[{}0]", "0,".repeat(LINES));
        let blank = format!("{{\"a\":\"x{}y\"}}", " ".repeat(500));
        for arguments in [&long, &many] {
            let shown = in_host(&question("write", arguments), UNIX_EPOCH, None);
            assert!(shown.form.is_none(), "{arguments}");
        }
        let shown = in_host(&question("write", &blank), UNIX_EPOCH, None).form.unwrap();
        assert!(shown.contains("⟨500 spaces⟩"), "{shown}");
    }

    #[test]
    fn a_link_says_nothing_of_what_is_asked() {
        let url = "http://x.localhost:1/";
        let shown = in_host(&question("delete_file", r#"{"path":"notes"}"#), UNIX_EPOCH, Some(url));
        let place = shown.place.unwrap();
        assert_eq!(place.url, url);
        assert!(place.message.contains("apr_700000000000") && place.message.contains("`files`"));
        assert!(!place.message.contains("notes") && !place.message.contains("delete_file"));
    }
}
