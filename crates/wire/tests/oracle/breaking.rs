//! One change somewhere in a value: a member dropped, added, renamed or retyped.

use serde_json::{Value, json};

use crate::dice::Dice;

/// Changes one place of the value.
pub fn change(value: &mut Value, dice: &mut Dice) {
    let mut place = value;
    // Down into the value, and rarely all the way.
    while !dice.one_in(3) {
        let children = match &*place {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if children == 0 {
            break;
        }
        let at = dice.below(children);
        place = match place {
            Value::Object(members) => members.values_mut().nth(at).expect("counted"),
            Value::Array(items) => &mut items[at],
            _ => unreachable!("it has children"),
        };
    }
    match place {
        Value::Object(members) if !members.is_empty() => change_member(members, dice),
        Value::Array(items) if dice.one_in(2) => items.push(other(dice)),
        Value::String(text) if dice.one_in(2) => text.push_str("-other"),
        place => *place = other(dice),
    }
}

fn change_member(members: &mut serde_json::Map<String, Value>, dice: &mut Dice) {
    let at = dice.below(members.len());
    let name = members.keys().nth(at).expect("counted").clone();
    match dice.below(10) {
        0..=3 => drop(members.remove(&name)),
        4..=7 => drop(members.insert(name, other(dice))),
        8 => drop(members.insert("added".to_owned(), other(dice))),
        _ => {
            let value = members.remove(&name).expect("it is there");
            members.insert(name.to_uppercase(), value);
        }
    }
}

/// A value of whatever type.
fn other(dice: &mut Dice) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!("other"),
        json!([]),
        json!(["other"]),
        json!({}),
        json!({"type": "object"}),
    ];
    dice.of(&values).clone()
}
