//! PostgreSQL's binary values as JSON: what its `*_send` functions write.

use serde_json::{Value, json};
use sqlx::TypeInfo;
use sqlx::postgres::{PgTypeInfo, PgTypeKind};

use crate::dates::{date, moment, time};
use crate::query::table::{blob, fraction, text, whole};

/// Days and microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL begins.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// A value, when its type is one of those that we read.
pub(super) fn value(kind: &PgTypeInfo, bytes: &[u8]) -> Option<Value> {
    match kind.kind() {
        PgTypeKind::Array(element) => array(element, bytes),
        PgTypeKind::Enum(_) => Some(text(bytes)),
        PgTypeKind::Domain(inner) => value(inner, bytes),
        _ => simple(kind.name(), bytes),
    }
}

fn simple(name: &str, bytes: &[u8]) -> Option<Value> {
    Some(match name {
        "BOOL" => (*bytes.first()? != 0).into(),
        "INT2" => i16::from_be_bytes(bytes.try_into().ok()?).into(),
        "INT4" => i32::from_be_bytes(bytes.try_into().ok()?).into(),
        "INT8" => whole(long(bytes)?),
        "OID" => u32::from_be_bytes(bytes.try_into().ok()?).into(),
        // As PostgreSQL writes it, not as a double that is near.
        "FLOAT4" => {
            let number = f32::from_be_bytes(bytes.try_into().ok()?);
            fraction(number.to_string().parse().ok()?)
        }
        "FLOAT8" => fraction(f64::from_be_bytes(bytes.try_into().ok()?)),
        "NUMERIC" => numeric(bytes)?.into(),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "\"CHAR\"" | "UNKNOWN" | "XML" | "CITEXT"
        | "citext" | "xml" => text(bytes),
        "JSON" => document(bytes),
        "JSONB" => document(bytes.strip_prefix(&[1])?),
        "BYTEA" => blob(bytes),
        "UUID" => uuid(bytes)?.into(),
        "DATE" => match i32::from_be_bytes(bytes.try_into().ok()?) {
            i32::MAX => "infinity".into(),
            i32::MIN => "-infinity".into(),
            days => date(i64::from(days) + EPOCH_DAYS).into(),
        },
        "TIMESTAMP" => stamp(long(bytes)?, "").into(),
        "TIMESTAMPTZ" => stamp(long(bytes)?, "Z").into(),
        "TIME" => time(long(bytes)?).into(),
        "INTERVAL" => interval(bytes)?.into(),
        "VOID" => Value::Null,
        _ => return None,
    })
}

fn long(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

fn stamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => moment(micros.saturating_add(EPOCH_MICROS)) + zone,
    }
}

/// JSON inside of a result is shown as what it is; what is no JSON to us, as text.
fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes))
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to);
    Some([part(0, 8)?, part(8, 12)?, part(12, 16)?, part(16, 20)?, part(20, 32)?].join("-"))
}

/// ISO 8601; months and days are kept apart, as PostgreSQL does.
fn interval(bytes: &[u8]) -> Option<String> {
    let (micros, rest) = bytes.split_first_chunk::<8>()?;
    let (days, months) = rest.split_first_chunk::<4>()?;
    let micros = i64::from_be_bytes(*micros);
    let (days, months) = (i32::from_be_bytes(*days), i32::from_be_bytes(months.try_into().ok()?));
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let part = if rest == 0 {
        String::new()
    } else {
        format!(".{rest:06}").trim_end_matches('0').to_owned()
    };
    Some(format!("P{months}M{days}DT{sign}{seconds}{part}S"))
}

/// Digits to the base of 10000, exactly.
fn numeric(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks_exact(2).map(|pair| {
        let pair: [u8; 2] = pair.try_into().unwrap_or_default();
        u16::from_be_bytes(pair)
    });
    let (count, weight) = (words.next()?, words.next()?.cast_signed());
    let (sign, scale) = (words.next()?, usize::from(words.next()?));
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return Some("NaN".to_owned()),
    };
    let digits: Vec<u16> = words.collect();
    if digits.len() != usize::from(count) {
        return None;
    }
    let at = |place: i32| {
        usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0)
    };
    let weight = i32::from(weight);
    let mut text = String::from(sign);
    let before: String = (0..=weight).map(|place| format!("{:04}", at(place))).collect();
    let before = before.trim_start_matches('0');
    text.push_str(if before.is_empty() { "0" } else { before });
    if scale > 0 {
        let groups = i32::try_from(scale.div_ceil(4)).ok()?;
        // Groups before the first, of a number below 1/10000, are zero and not sent.
        let after: String =
            (1..=groups).map(|group| format!("{:04}", at(group + weight))).collect();
        text.push('.');
        text.push_str(after.get(..scale)?);
    }
    Some(text)
}

fn array(element: &PgTypeInfo, bytes: &[u8]) -> Option<Value> {
    let (dimensions, rest) = bytes.split_first_chunk::<4>()?;
    let rest = rest.get(8..)?;
    let dimensions = usize::try_from(i32::from_be_bytes(*dimensions)).ok()?;
    if dimensions > 6 {
        return None;
    }
    let (lengths, mut rest) = rest.split_at_checked(dimensions * 8)?;
    let lengths: Option<Vec<usize>> = lengths
        .chunks_exact(8)
        .map(|pair| {
            let length = pair.first_chunk::<4>()?;
            usize::try_from(i32::from_be_bytes(*length)).ok()
        })
        .collect();
    if dimensions == 0 {
        return Some(json!([]));
    }
    nested(element, &lengths?, &mut rest)
}

fn nested(element: &PgTypeInfo, lengths: &[usize], rest: &mut &[u8]) -> Option<Value> {
    let (length, inner) = lengths.split_first()?;
    // Whatever is announced takes bytes: what has none is not counted to its end.
    if *length > rest.len() {
        return None;
    }
    let mut values = Vec::new();
    for _ in 0..*length {
        if !inner.is_empty() {
            values.push(nested(element, inner, rest)?);
            continue;
        }
        let (size, after) = rest.split_first_chunk::<4>()?;
        *rest = after;
        let Ok(size) = usize::try_from(i32::from_be_bytes(*size)) else {
            values.push(Value::Null);
            continue;
        };
        let (bytes, after) = rest.split_at_checked(size)?;
        *rest = after;
        values.push(value(element, bytes)?);
    }
    Some(Value::Array(values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sqlx::{Postgres, Type};

    use super::*;

    fn dimensions(lengths: &[i32]) -> Vec<u8> {
        let count = i32::try_from(lengths.len()).unwrap();
        let mut bytes = [count, 0, 23].map(i32::to_be_bytes).concat();
        for length in lengths {
            bytes.extend([*length, 1].map(i32::to_be_bytes).concat());
        }
        bytes
    }

    #[test]
    fn an_array_that_announces_more_than_it_has_is_no_array() {
        let whole = <i32 as Type<Postgres>>::type_info();
        assert_eq!(array(&whole, &dimensions(&[])), Some(json!([])));
        for lengths in [&[i32::MAX][..], &[i32::MAX, 0], &[i32::MAX, i32::MAX], &[-1], &[1]] {
            assert_eq!(array(&whole, &dimensions(lengths)), None, "{lengths:?}");
        }
        let mut one = dimensions(&[1]);
        one.extend([4, 7].map(i32::to_be_bytes).concat());
        assert_eq!(array(&whole, &one), Some(json!([7])));
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_server_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for name in [
                "BOOL", "INT2", "INT4", "INT8", "OID", "FLOAT4", "FLOAT8", "NUMERIC", "TEXT", "JSON",
                "JSONB", "BYTEA", "UUID", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "INTERVAL",
            ] {
                let _ = simple(name, &bytes);
            }
            let _ = array(&<i32 as Type<Postgres>>::type_info(), &bytes);
        }
    }
}
