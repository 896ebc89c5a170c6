//! A parameter's value, from JSON to what a driver binds. It is never part of a text.

use portcullis_config::queries::{Parameter, ParameterKind, Query};
use portcullis_kit::Refusal;
use portcullis_kit::tool::Object;
use serde_json::Value;

/// What is bound, by its declared type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bound {
    /// A string, or NULL.
    Text(Option<String>),
    /// A whole number, or NULL.
    Integer(Option<i64>),
    /// A number, or NULL.
    Number(Option<f64>),
    /// A truth value, or NULL.
    Boolean(Option<bool>),
}

/// The values of a call in the driver's order.
pub(crate) fn bind(query: &Query, arguments: &Object) -> Result<Vec<Bound>, Refusal> {
    let order = query.judged.order().iter();
    order
        .map(|place| {
            let unknown = || Refusal::failed("the query", "a parameter without a declaration");
            let parameter = query.parameters.get(*place).ok_or_else(unknown)?;
            one(parameter, arguments.get(&parameter.name))
        })
        .collect()
}

/// One value. The schema has judged it already; what it cannot say is judged here.
fn one(parameter: &Parameter, value: Option<&Value>) -> Result<Bound, Refusal> {
    let unfit = |why: &str| Refusal::new(format!("`{}` {why}", parameter.name));
    if value.is_none() && !parameter.optional {
        return Err(unfit("is missing"));
    }
    Ok(match &parameter.kind {
        ParameterKind::Text { max, .. } => {
            let text = typed(value, Value::as_str).map_err(|()| unfit("is a string"))?;
            if text.is_some_and(|text| text.contains('\0')) {
                return Err(unfit("has a zero character"));
            }
            let most = usize::try_from(*max).unwrap_or(usize::MAX);
            if text.is_some_and(|text| text.chars().count() > most) {
                return Err(unfit("is too long"));
            }
            Bound::Text(text.map(str::to_owned))
        }
        ParameterKind::Integer { least, most } => {
            // JSON Schema says that 1.0 is an integer.
            let read = |value: &Value| value.as_i64().or_else(|| whole(value.as_f64()?));
            let number = typed(value, read).map_err(|()| unfit("is a whole number"))?;
            let fits = |number: i64| {
                least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
            };
            if !number.is_none_or(fits) {
                return Err(unfit("is out of its bounds"));
            }
            Bound::Integer(number)
        }
        ParameterKind::Number { least, most } => {
            let number = typed(value, Value::as_f64).map_err(|()| unfit("is a number"))?;
            let fits = |number: f64| {
                number.is_finite()
                    && least.is_none_or(|least| number >= least)
                    && most.is_none_or(|most| number <= most)
            };
            if !number.is_none_or(fits) {
                return Err(unfit("is out of its bounds"));
            }
            Bound::Number(number)
        }
        ParameterKind::Boolean => {
            Bound::Boolean(typed(value, Value::as_bool).map_err(|()| unfit("is true or false"))?)
        }
    })
}

fn typed<'v, T>(
    value: Option<&'v Value>,
    read: impl Fn(&'v Value) -> Option<T>,
) -> Result<Option<T>, ()> {
    value.map(|value| read(value).ok_or(())).transpose()
}

/// A double that is a whole number, exactly.
fn whole(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    if exact { format!("{number:.0}").parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameter(kind: ParameterKind) -> Parameter {
        Parameter { name: "p".to_owned(), about: None, kind, optional: false }
    }

    #[test]
    fn a_value_has_its_declared_type_or_is_refused() {
        let text = || ParameterKind::Text { max: 3, pattern: None, one_of: Vec::new() };
        let integer = || ParameterKind::Integer { least: Some(1), most: Some(9) };
        let number = || ParameterKind::Number { least: Some(0.5), most: None };
        for (kind, value, expect) in [
            (text(), json!("a'b"), Some(Bound::Text(Some("a'b".to_owned())))),
            (text(), json!("üüü"), Some(Bound::Text(Some("üüü".to_owned())))),
            (text(), json!("abcd"), None),
            (text(), json!("a\0b"), None),
            (text(), json!(1), None),
            (text(), json!(null), None),
            (text(), json!({"$ne": ""}), None),
            (integer(), json!(3), Some(Bound::Integer(Some(3)))),
            (integer(), json!(3.0), Some(Bound::Integer(Some(3)))),
            (integer(), json!(3.5), None),
            (integer(), json!(10), None),
            (integer(), json!(u64::MAX), None),
            (integer(), json!("3"), None),
            (number(), json!(1), Some(Bound::Number(Some(1.0)))),
            (number(), json!(0.1), None),
            (ParameterKind::Boolean, json!(true), Some(Bound::Boolean(Some(true)))),
            (ParameterKind::Boolean, json!("true"), None),
        ] {
            assert_eq!(one(&parameter(kind), Some(&value)).ok(), expect, "{value}");
        }
        assert!(one(&parameter(text()), None).is_err());
        let optional = Parameter { optional: true, ..parameter(text()) };
        assert_eq!(one(&optional, None), Ok(Bound::Text(None)));
    }
}
