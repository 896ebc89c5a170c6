//! How many steps a schema may take for one place in a value.
//!
//! A few kilobytes of definitions that each apply the next one twice are 2^24
//! steps (measured: 190 ms), six more doublings are a denial of service, and the
//! validator has no step limit. So the steps are counted before it is trusted:
//!
//! * keywords that apply to the same place (`allOf`, `$ref`, …) add up;
//! * keywords that go one level down (`properties`, `items`, …) are collected by
//!   the place they lead to, since only what meets at one place adds up. Two
//!   recursive properties are a tree, the same property twice is an explosion;
//! * recursion is followed as deep as arguments may be.

use std::collections::BTreeMap;

use serde_json::Value;

use super::SchemaRefused;

/// Most steps for one place and everything below it on one path.
const MOST: u64 = 20_000;
/// How deep recursion is followed: as deep as [`Bounds`](super::Bounds) lets values be.
const LEVELS: usize = 32;
/// Most work to find out.
const BUDGET: u64 = 400_000;

/// A place one level below the one a schema applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Below<'a> {
    Member(&'a str),
    AnyMember,
    Name,
    Item(usize),
    AnyItem,
}

/// What a schema does at one place: its steps, and the schemas it applies below.
#[derive(Default)]
struct Profile<'a> {
    steps: u64,
    below: BTreeMap<Below<'a>, Vec<&'a Value>>,
}

struct Counter<'a> {
    root: &'a Value,
    spent: u64,
    /// By the address of the schema and the levels left.
    known: BTreeMap<(usize, usize), u64>,
}

/// Refuses a schema with references we do not follow, or too many steps.
pub(super) fn check(schema: &Value) -> Result<(), SchemaRefused> {
    references(schema, schema, true)?;
    let mut counter = Counter { root: schema, spent: 0, known: BTreeMap::new() };
    if counter.cost(schema, LEVELS)? > MOST { Err(SchemaRefused::TooCostly) } else { Ok(()) }
}

/// Keywords whose members are schemas under names of the author's choice.
fn holds_named_schemas(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties"
            | "patternProperties"
            | "$defs"
            | "definitions"
            | "dependentSchemas"
            | "dependencies"
    )
}

/// Walks every schema, used or not: one hidden behind a keyword we do not know
/// must not refer anywhere either.
fn references(schema: &Value, root: &Value, top: bool) -> Result<(), SchemaRefused> {
    let Value::Object(members) = schema else { return Ok(()) };
    for (keyword, value) in members {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(reference)) => {
                target(root, reference)?;
            }
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                return Err(SchemaRefused::RemoteReference);
            }
            // A part with a name or dialect of its own would be resolved from there.
            ("$id" | "$schema" | "id", Value::String(_)) if !top && keyword != "id" => {
                return Err(SchemaRefused::RemoteReference);
            }
            ("const" | "enum" | "default" | "examples", _) => {}
            (named, Value::Object(schemas)) if holds_named_schemas(named) => {
                schemas.values().try_for_each(|schema| references(schema, root, false))?;
            }
            (_, Value::Object(_)) => references(value, root, false)?,
            (_, Value::Array(items)) => {
                items.iter().try_for_each(|item| references(item, root, false))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The schema a reference leads to: `#` or `#/pointer`, percent-decoding not needed
/// by any honest schema.
fn target<'a>(root: &'a Value, reference: &str) -> Result<&'a Value, SchemaRefused> {
    match reference.strip_prefix('#') {
        Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
            root.pointer(pointer).ok_or(SchemaRefused::BrokenReference)
        }
        _ => Err(SchemaRefused::RemoteReference),
    }
}

impl<'a> Counter<'a> {
    fn spend(&mut self) -> Result<(), SchemaRefused> {
        self.spent += 1;
        if self.spent > BUDGET { Err(SchemaRefused::TooCostly) } else { Ok(()) }
    }

    fn cost(&mut self, schema: &'a Value, levels: usize) -> Result<u64, SchemaRefused> {
        let key = (std::ptr::from_ref(schema).addr(), levels);
        if let Some(cost) = self.known.get(&key) {
            return Ok(*cost);
        }
        let mut profile = Profile::default();
        self.collect(schema, &mut profile, &mut Vec::new())?;
        let mut most = 0;
        if let Some(left) = levels.checked_sub(1) {
            most = self.deepest(&profile, left)?;
        }
        let cost = profile.steps.saturating_add(most);
        if cost > MOST {
            return Err(SchemaRefused::TooCostly);
        }
        self.known.insert(key, cost);
        Ok(cost)
    }

    /// The costliest place below.
    fn deepest(&mut self, profile: &Profile<'a>, levels: usize) -> Result<u64, SchemaRefused> {
        let mut totals = BTreeMap::new();
        for (place, schemas) in &profile.below {
            let mut total = 0u64;
            for schema in schemas {
                self.spend()?;
                total = total.saturating_add(self.cost(schema, levels)?);
            }
            totals.insert(place, total);
        }
        let any = |place| totals.get(&place).copied().unwrap_or(0);
        let (members, items) = (any(Below::AnyMember), any(Below::AnyItem));
        let place = |(place, total): (&&Below<'_>, &u64)| match place {
            Below::Member(_) => total.saturating_add(members),
            Below::Item(_) => total.saturating_add(items),
            _ => *total,
        };
        Ok(totals.iter().map(place).max().unwrap_or(0))
    }

    /// Adds what a schema does to the profile, following what applies in place.
    fn collect(
        &mut self,
        schema: &'a Value,
        profile: &mut Profile<'a>,
        open: &mut Vec<usize>,
    ) -> Result<(), SchemaRefused> {
        self.spend()?;
        profile.steps += 1;
        if profile.steps > MOST {
            return Err(SchemaRefused::TooCostly);
        }
        let Value::Object(members) = schema else { return Ok(()) };
        let address = std::ptr::from_ref(schema).addr();
        if open.contains(&address) {
            return Err(SchemaRefused::BrokenReference);
        }
        open.push(address);
        for (keyword, value) in members {
            self.keyword(keyword, value, profile, open)?;
        }
        open.pop();
        Ok(())
    }

    fn keyword(
        &mut self,
        keyword: &str,
        value: &'a Value,
        profile: &mut Profile<'a>,
        open: &mut Vec<usize>,
    ) -> Result<(), SchemaRefused> {
        match (keyword, value) {
            ("$ref", Value::String(reference)) => {
                let schema = target(self.root, reference)?;
                self.collect(schema, profile, open)?;
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                for schema in schemas {
                    self.collect(schema, profile, open)?;
                }
            }
            ("not" | "if" | "then" | "else", schema) => self.collect(schema, profile, open)?,
            ("dependentSchemas" | "dependencies", Value::Object(schemas)) => {
                for schema in schemas.values().filter(|schema| !schema.is_array()) {
                    self.collect(schema, profile, open)?;
                }
            }
            ("properties", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    self.below(profile, Below::Member(name), schema)?;
                }
            }
            ("patternProperties", Value::Object(schemas)) => {
                for schema in schemas.values() {
                    self.below(profile, Below::AnyMember, schema)?;
                }
            }
            ("additionalProperties" | "unevaluatedProperties", schema) => {
                self.below(profile, Below::AnyMember, schema)?;
            }
            ("propertyNames", schema) => self.below(profile, Below::Name, schema)?,
            ("prefixItems" | "items", Value::Array(schemas)) => {
                for (at, schema) in schemas.iter().enumerate() {
                    self.below(profile, Below::Item(at), schema)?;
                }
            }
            ("items" | "additionalItems" | "unevaluatedItems" | "contains", schema) => {
                self.below(profile, Below::AnyItem, schema)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn below(
        &mut self,
        profile: &mut Profile<'a>,
        place: Below<'a>,
        schema: &'a Value,
    ) -> Result<(), SchemaRefused> {
        self.spend()?;
        profile.below.entry(place).or_default().push(schema);
        Ok(())
    }
}
