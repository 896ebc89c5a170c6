//! The journal of a case, read line by line.

use serde_json::Value;

use crate::mailbox::Unmet;
use crate::step::{Journal, Word};

/// Every record, in order, and how far the case has read.
#[derive(Debug, Default)]
pub struct Ledger {
    records: Vec<Value>,
    /// Records before this one belong to the opening.
    start: usize,
    read: usize,
}

impl Ledger {
    /// The journal grew by one record, in the shape of `journal show --json`.
    pub fn push(&mut self, record: Value) {
        self.records.push(record);
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The opening is over: what was recorded so far is none of the case's.
    pub fn turn_page(&mut self) {
        self.start = self.records.len();
        self.read = self.start;
    }

    /// Holds the journal to one line. [`Journal::Fails`] is the driver's to do.
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn expect(&mut self, line: &Journal) -> Result<(), Unmet> {
        match line {
            Journal::Fails => Ok(()),
            Journal::Nothing => match self.records.get(self.read) {
                None => Ok(()),
                Some(record) => Err(Unmet::Wrong(format!("recorded: {record}"))),
            },
            Journal::Lacks(text) => {
                let case = self.records.get(self.start..).unwrap_or_default();
                match case.iter().find(|record| record.to_string().contains(text)) {
                    None => Ok(()),
                    Some(record) => Err(Unmet::Wrong(format!("recorded: {record}"))),
                }
            }
            Journal::Says { word, control, text } => {
                self.says(*word, control.as_deref(), text.as_deref())
            }
        }
    }

    fn says(&mut self, word: Word, control: Option<&str>, text: Option<&str>) -> Result<(), Unmet> {
        let rest = self.records.get(self.read..).unwrap_or_default();
        let of_word =
            |record: &&Value| record.get("event").and_then(Value::as_str) == Some(word.event());
        let Some(at) = rest.iter().position(|record| of_word(&record)) else {
            let rest: Vec<String> = rest.iter().map(Value::to_string).collect();
            return Err(Unmet::Missing(format!("no such record in {rest:#?}")));
        };
        let record = rest.get(at).unwrap_or(&Value::Null);
        if !names(record, control, text) {
            return Err(Unmet::Wrong(format!("the next such record is {record}")));
        }
        self.read += at + 1;
        Ok(())
    }
}

/// A reason of the record is the control's, and some text of it contains this.
fn names(record: &Value, control: Option<&str>, text: Option<&str>) -> bool {
    let reasons = record.pointer("/decision/because").and_then(Value::as_array);
    let mut spoke =
        reasons.into_iter().flatten().filter_map(|because| because.get("control")?.as_str());
    control.is_none_or(|control| spoke.any(|spoke| spoke == control))
        && text.is_none_or(|text| contains(record, text))
}

fn contains(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found.contains(text),
        Value::Array(items) => items.iter().any(|item| contains(item, text)),
        Value::Object(members) => members.values().any(|member| contains(member, text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_read_in_order() {
        let mut ledger = Ledger::default();
        ledger.push(json!({"event": "intent", "note": "the opening"}));
        ledger.turn_page();
        let because = json!([{"control": "silence-is-no", "why": "no answer in 2 s"}]);
        ledger.push(json!({"event": "asked"}));
        ledger.push(json!({"event": "denied", "decision": {"because": because}}));
        let says = |word, control: Option<&str>, text: Option<&str>| Journal::Says {
            word,
            control: control.map(str::to_owned),
            text: text.map(str::to_owned),
        };
        let missing = ledger.expect(&says(Word::Allowed, None, None));
        assert!(matches!(missing, Err(Unmet::Missing(_))));
        assert!(ledger.expect(&Journal::Nothing).is_err());
        let other = ledger.expect(&says(Word::Denied, Some("approval-exact"), None));
        assert!(matches!(other, Err(Unmet::Wrong(_))));
        assert_eq!(ledger.expect(&says(Word::Denied, Some("silence-is-no"), Some("in 2"))), Ok(()));
        assert_eq!(ledger.expect(&Journal::Nothing), Ok(()));
        assert!(ledger.expect(&says(Word::Asked, None, None)).is_err(), "it is before the last");
        assert_eq!(ledger.expect(&Journal::Lacks("opening".into())), Ok(()));
        assert!(ledger.expect(&Journal::Lacks("silence".into())).is_err());
    }
}
