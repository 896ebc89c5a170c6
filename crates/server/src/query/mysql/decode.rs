//! MySQL's binary values as JSON.

use serde_json::Value;
use sqlx::mysql::{MySqlColumn, MySqlRow};
use sqlx::{Column, Error, Row, TypeInfo, ValueRef};

use crate::dates::time;
use crate::query::table::{blob, fraction, natural, text, whole};

/// The value of a row in a column.
pub(super) fn value(row: &MySqlRow, column: &MySqlColumn) -> Result<Value, Error> {
    let place = column.ordinal();
    if row.try_get_raw(place)?.is_null() {
        return Ok(Value::Null);
    }
    let bytes = || row.try_get_unchecked::<&[u8], _>(place);
    Ok(match column.type_info().name() {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
            whole(row.try_get_unchecked(place)?)
        }
        name if name.ends_with("UNSIGNED") => natural(row.try_get_unchecked(place)?),
        // As the server writes it, not as a double that is near.
        "FLOAT" => {
            let number: f32 = row.try_get_unchecked(place)?;
            number.to_string().parse().map_or_else(|_| number.to_string().into(), fraction)
        }
        "DOUBLE" => fraction(row.try_get_unchecked(place)?),
        "YEAR" => {
            bytes()?.iter().rev().fold(0_u64, |year, byte| year << 8 | u64::from(*byte)).into()
        }
        "BIT" => {
            natural(bytes()?.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
        }
        "DATE" | "DATETIME" | "TIMESTAMP" => moment(bytes()?),
        "TIME" => duration(bytes()?),
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "GEOMETRY" => {
            blob(bytes()?)
        }
        _ => text(bytes()?),
    })
}

/// A length, then year, month, day, and what of the time is not zero.
fn moment(bytes: &[u8]) -> Value {
    let number = |place: usize| bytes.get(place).copied().map_or(0, i64::from);
    let date = format!("{:04}-{:02}-{:02}", number(1) | number(2) << 8, number(3), number(4));
    if bytes.len() <= 5 {
        return date.into();
    }
    format!("{date}T{}", time(clock(number(5), number(6), number(7), bytes.get(8..)))).into()
}

/// A length, a sign, days, then hours, minutes, seconds and their millionths.
fn duration(bytes: &[u8]) -> Value {
    let number = |place: usize| bytes.get(place).copied().map_or(0, i64::from);
    let sign = if number(1) == 1 { "-" } else { "" };
    let days = number(2) | number(3) << 8 | number(4) << 16 | number(5) << 24;
    let hours = days * 24 + number(6);
    format!("{sign}{}", time(clock(hours, number(7), number(8), bytes.get(9..)))).into()
}

fn clock(hours: i64, minutes: i64, seconds: i64, millionths: Option<&[u8]>) -> i64 {
    let millionths = millionths.unwrap_or_default().iter().take(4).rev();
    let millionths = millionths.fold(0, |sum, byte| sum << 8 | i64::from(*byte));
    ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + millionths
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_as_the_protocol_writes_them() {
        for (bytes, expect) in [
            (&[4, 0xea, 0x07, 12, 1][..], "2026-12-01"),
            (&[7, 0xea, 0x07, 12, 1, 8, 30, 5], "2026-12-01T08:30:05"),
            (&[11, 0xea, 0x07, 12, 1, 8, 30, 5, 0x90, 0xd0, 3, 0], "2026-12-01T08:30:05.25"),
        ] {
            assert_eq!(moment(bytes), json!(expect));
        }
        for (bytes, expect) in [
            (&[0][..], "00:00:00"),
            (&[8, 1, 1, 0, 0, 0, 2, 3, 4], "-26:03:04"),
            (&[12, 0, 0, 0, 0, 0, 2, 3, 4, 0x20, 0xa1, 7, 0], "02:03:04.5"),
        ] {
            assert_eq!(duration(bytes), json!(expect));
        }
    }
}
