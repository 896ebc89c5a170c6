//! Values that fit a shape, made by walking it.

use portcullis_wire::Revision;
use portcullis_wire::shape::{Member, Shape, Variant};
use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// Deeper than this nothing optional is made, so that shapes which hold
/// themselves come to an end.
const DEEP: usize = 7;

const TEXTS: &[&str] = &["", "a", "file:///notes.txt", "2026-07-28", "AAAA", "text", "ü\"\\\n"];

/// A value that fits.
pub fn make(shape: &'static Shape, revision: Revision, dice: &mut Dice, depth: usize) -> Value {
    let below = |shape, dice: &mut Dice| make(shape, revision, dice, depth + 1);
    match shape {
        Shape::Any => dice.of(&[json!(null), json!(1.5), json!("x"), json!([{}])]).clone(),
        Shape::Text => (*dice.of(TEXTS)).into(),
        Shape::Word(words) => (*dice.of(words)).into(),
        Shape::Integer => dice.of(&[json!(-3), json!(0), json!(7), json!(2.0)]).clone(),
        Shape::Natural => dice.of(&[json!(0), json!(60_000)]).clone(),
        Shape::Number => dice.of(&[json!(-0.5), json!(3), json!(1e10)]).clone(),
        Shape::Share => dice.of(&[json!(0), json!(0.25), json!(1)]).clone(),
        Shape::Flag => dice.one_in(2).into(),
        Shape::Null => Value::Null,
        Shape::Id => dice.of(&[json!("a-1"), json!(12)]).clone(),
        Shape::List(each) => (0..items(dice, depth)).map(|_| below(each, dice)).collect(),
        Shape::Map(each) => {
            let names = ["one", "two words"].iter().take(items(dice, depth));
            names.map(|name| ((*name).to_owned(), below(each, dice))).collect()
        }
        Shape::Object(groups) => object(groups, revision, dice, depth),
        Shape::Either(shapes) => {
            let chosen = if depth > DEEP { &shapes[0] } else { dice.of(shapes) };
            make(chosen, revision, dice, depth + 1)
        }
        Shape::Tagged(tag, variants) => tagged(tag, variants, revision, dice, depth),
    }
}

fn items(dice: &mut Dice, depth: usize) -> usize {
    if depth > DEEP { 0 } else { dice.below(3) }
}

fn object(
    groups: &'static [&'static [Member]],
    revision: Revision,
    dice: &mut Dice,
    depth: usize,
) -> Value {
    let mut made = Map::new();
    for member in groups.iter().flat_map(|group| group.iter()) {
        let wanted = member.required || (depth <= DEEP && dice.one_in(2));
        if wanted && member.span.holds(revision) {
            let value = make(member.shape, revision, dice, depth + 1);
            made.insert(member.name.to_owned(), value);
        }
    }
    if dice.one_in(8) {
        made.insert("x-more".to_owned(), json!({"a": [1, null]}));
    }
    made.into()
}

fn tagged(
    tag: &str,
    variants: &'static [Variant],
    revision: Revision,
    dice: &mut Dice,
    depth: usize,
) -> Value {
    let known: Vec<_> = variants.iter().filter(|variant| variant.span.holds(revision)).collect();
    let variant = dice.of(&known);
    let mut made = make(variant.shape, revision, dice, depth);
    let members = made.as_object_mut().expect("only objects have tags");
    match variant.tag {
        "" if tag != "resultType" || revision < Revision::V2026_07_28 => drop(members.remove(tag)),
        "" => drop(members.insert(tag.to_owned(), "complete".into())),
        named => drop(members.insert(tag.to_owned(), named.into())),
    }
    made
}
