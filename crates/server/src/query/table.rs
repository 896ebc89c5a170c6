//! A result on its way back: columns, rows, and where it ends.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use portcullis_kit::Refusal;
use serde_json::{Number, Value, json};

use super::BYTES;

/// Whole numbers that every JSON reader reads exactly.
const EXACT: u64 = 1 << 53;

/// Rows, at most so many and so large.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Value>,
    truncated: bool,
    changed: Option<u64>,
    most: usize,
    room: usize,
}

/// Whether there is room for more rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The next row may come.
    Left,
    /// The result ends here.
    Full,
}

impl Table {
    pub(crate) fn new(columns: Vec<String>, most: usize) -> Self {
        Self { columns, rows: Vec::new(), truncated: false, changed: None, most, room: BYTES }
    }

    /// Adds a row, unless the table is full: then it is cut off, and says so.
    pub(crate) fn push(&mut self, row: Vec<Value>) -> Result<Room, Refusal> {
        let cost = row.iter().map(cost).fold(8_usize, usize::saturating_add);
        if cost > BYTES {
            return Err(too_large());
        }
        if self.rows.len() >= self.most || cost > self.room {
            self.truncated = true;
            return Ok(Room::Full);
        }
        self.room -= cost;
        self.rows.push(Value::Array(row));
        Ok(Room::Left)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.truncated
    }

    pub(crate) fn set_changed(&mut self, rows: u64) {
        self.changed = Some(rows);
    }

    /// `{columns, rows, truncated}`, and `changed` when the query writes.
    pub(crate) fn into_json(self) -> Value {
        let mut json =
            json!({ "columns": self.columns, "rows": self.rows, "truncated": self.truncated });
        if let (Some(changed), Some(object)) = (self.changed, json.as_object_mut()) {
            object.insert("changed".to_owned(), changed.into());
        }
        json
    }
}

/// One value is larger than a whole result may be.
pub(crate) fn too_large() -> Refusal {
    Refusal::new("a row or a value is too large to be shown: select less of it")
}

fn cost(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(values) => values.iter().map(cost).fold(3, usize::saturating_add),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| key.len() + 4 + cost(value))
            .fold(3, usize::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) => 20,
    }
}

/// A whole number; beyond 2^53 as a string, which no reader rounds.
pub(crate) fn whole(number: i64) -> Value {
    if number.unsigned_abs() <= EXACT { number.into() } else { number.to_string().into() }
}

/// The same for one without a sign.
pub(crate) fn natural(number: u64) -> Value {
    if number <= EXACT { number.into() } else { number.to_string().into() }
}

/// A fraction; what JSON has no number for as its name.
pub(crate) fn fraction(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// Bytes that are no text.
pub(crate) fn blob(bytes: &[u8]) -> Value {
    json!({ "base64": BASE64_STANDARD.encode(bytes) })
}

/// Text, or bytes when it is not UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| blob(bytes), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_by_everybody_as_it_was_meant() {
        assert_eq!(whole(1 << 53), json!(9_007_199_254_740_992_i64));
        assert_eq!(whole((1 << 53) + 1), json!("9007199254740993"));
        assert_eq!(whole(i64::MIN), json!("-9223372036854775808"));
        assert_eq!(natural(u64::MAX), json!("18446744073709551615"));
        assert_eq!(fraction(f64::NAN), json!("NaN"));
        assert_eq!(fraction(0.1), json!(0.1));
        assert_eq!(text(b"caf\xc3\xa9"), json!("café"));
        assert_eq!(text(b"\xff\x00"), json!({"base64": "/wA="}));
    }

    #[test]
    fn a_result_ends_with_its_rows_or_its_bytes() {
        let mut table = Table::new(vec!["a".to_owned()], 2);
        assert_eq!(table.push(vec![json!(1)]), Ok(Room::Left));
        assert_eq!(table.push(vec![json!(2)]), Ok(Room::Left));
        assert_eq!(table.push(vec![json!(3)]), Ok(Room::Full));
        assert_eq!(
            table.into_json(),
            json!({"columns": ["a"], "rows": [[1], [2]], "truncated": true})
        );
        let mut table = Table::new(vec!["a".to_owned()], 1_000);
        let half = || vec![json!("x".repeat(BYTES / 2))];
        assert_eq!(table.push(half()), Ok(Room::Left));
        assert_eq!(table.push(half()), Ok(Room::Full));
        assert!(table.is_cut());
        let whole = Table::new(Vec::new(), 9).push(vec![json!("x".repeat(BYTES))]);
        assert_eq!(whole, Err(too_large()));
    }
}
