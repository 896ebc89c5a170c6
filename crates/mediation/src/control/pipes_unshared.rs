//! A program that a server starts and that inherits its input reads our requests in
//! the server's place (MCP-STDIO-09). Its output then holds a request that nobody
//! else will ever see, and whoever sent that waits in vain.
//!
//! A request that is still unanswered and stands in the output of a tool was
//! swallowed: the output is withheld, and whoever waits is answered. The pipe itself
//! only the server can close; what a child writes to its output is judged as the
//! server's, like any other line.

use portcullis_catalog::control::PIPES_UNSHARED;
use portcullis_journal::Outcome as Ended;
use portcullis_policy::{Decision, Effect};
use portcullis_wire::{Id, Json, Limits, Message, elements, parse};

use crate::Session;
use crate::correlate::InFlight;

/// Lines of one output that are looked at: more than a pipe holds at once.
const LINES: usize = 256;

/// The ids of requests in a result's texts.
fn requests(result: &Json) -> Vec<Id> {
    let content = result.object().and_then(|members| elements(members.get("content")?));
    let blocks = content.unwrap_or_default();
    let texts = blocks.iter().filter_map(|block| block.object()?.get("text")?.as_text());
    let mut found = Vec::new();
    for text in texts {
        for line in text.lines().filter(|line| line.starts_with('{')).take(LINES) {
            if let Ok(Message::Request(request)) = parse(line.as_bytes(), &Limits::default()) {
                found.push(request.id);
            }
        }
    }
    found
}

impl Session {
    /// Looks for requests in the output of a tool, and answers whoever sent them.
    pub(crate) fn judge_output(&mut self, result: &Json, now: std::time::Instant) -> Decision {
        let mut decision = Decision::default();
        if self.to_server.len() == 0 {
            // Nobody else waits, so nothing that anybody waits for was swallowed.
            return decision;
        }
        for id in requests(result) {
            let Some(row) = self.to_server.take(&id) else { continue };
            let why = "a program that the server started read a request in its place";
            decision = decision.and(Decision::deny(PIPES_UNSHARED, why));
            self.swallowed(&row, now);
        }
        decision
    }

    fn swallowed(&mut self, row: &InFlight, now: std::time::Instant) {
        let mut record = self.ended(row, Ended::Refused, now);
        let why = "a program that the server started read it, so the server never will";
        record.decision = Decision::because(Effect::Deny, PIPES_UNSHARED, why);
        self.note(record);
        if row.purpose.is_ours() {
            return self.fetch_failed("the server did not read the question");
        }
        self.fail_client(row, "the server did not read the request, a program of its own did");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_requests_count() {
        let line = |rest: &str| format!("{{\"jsonrpc\":\"2.0\",{rest}}}");
        let ask = line(r#""id":4,"method":"tools/call","params":{}"#);
        let tell = line(r#""method":"notifications/initialized""#);
        let answer = line(r#""id":4,"result":{}"#);
        for (text, expect) in [
            (ask.clone(), vec![Id::Number(4)]),
            (format!("before\n{ask}\nafter\n"), vec![Id::Number(4)]),
            (format!("{ask}\n{ask}"), vec![Id::Number(4), Id::Number(4)]),
            (format!("log: {ask}"), Vec::new()),
            (format!(" {ask}"), Vec::new()),
            (ask.replace('4', "4,"), Vec::new()),
            (tell, Vec::new()),
            (answer, Vec::new()),
            ("nothing of that".to_owned(), Vec::new()),
        ] {
            let result = json!({"content": [{"type": "image"}, {"type": "text", "text": text}]});
            assert_eq!(requests(&Json::from_value(&result)), expect, "{text}");
        }
        assert_eq!(requests(&Json::from_value(&json!({"content": "text"}))), Vec::new());
    }
}
