//! What a schema rules out: types and fields of Python's, zod's, and JSON Schema itself.

use std::rc::Rc;

use crate::evidence::source::GuardKind;

use super::ir::At;
use super::ir::{Param, Word};
use super::taint::value::{Args, Id, Node};
use super::taint::{Frame, World};

/// What a type says of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Says {
    pub(super) bounded: bool,
    pub(super) guard: Option<GuardKind>,
}

const FREE: Says = Says { bounded: false, guard: None };
const LISTED: Says = Says { bounded: true, guard: Some(GuardKind::AllowList) };
const NUMBER: Says = Says { bounded: false, guard: Some(GuardKind::Number) };
const DEEP: u32 = 10;

impl World<'_> {
    /// What a Python parameter's type, or its default `Field(...)`, says.
    pub(super) fn says_of_param(&mut self, function: Id, param: &Param) -> Says {
        if !self.stand_at(function, param) {
            return FREE;
        }
        let of = param.of.as_ref().map(|(it, _)| self.expr(it));
        let default = param.default.as_ref().map(|it| self.expr(it));
        let _frame = self.frames.pop();
        let says = of.map_or(FREE, |it| self.says(it, DEEP));
        let more = default.map_or(FREE, |it| self.says_of_field(it));
        Says { bounded: says.bounded || more.bounded, guard: says.guard.or(more.guard) }
    }

    /// The type of a parameter, where it was written.
    pub(super) fn type_of_param(&mut self, function: Id, param: &Param) -> Option<Id> {
        let of = self.stand_at(function, param).then(|| {
            let of = param.of.as_ref().map(|(it, _)| self.expr(it));
            let _frame = self.frames.pop();
            of
        });
        of.flatten()
    }

    /// A frame in which the types of a function's parameters mean what they meant where it was written.
    fn stand_at(&mut self, function: Id, param: &Param) -> bool {
        let scope = match self.values.get(function) {
            Node::Function(number) | Node::Bound(_, number) => {
                self.closures.get(*number as usize).map(|it| it.scope)
            }
            _ => None,
        };
        let Some(mut scope) = scope else { return false };
        // The type was written where the function was, not where it is wrapped.
        let home = self.module_scopes.get(param_file(param) as usize).copied().flatten();
        scope = home.unwrap_or(scope);
        self.frames.clear();
        self.depth = 0;
        self.frames.push(Frame::new(scope, None, None, At::default()));
        true
    }

    fn says(&mut self, of: Id, left: u32) -> Says {
        let Some(left) = left.checked_sub(1) else { return FREE };
        match self.values.get(of).clone() {
            Node::Global(path) => match path.rsplit('.').next().unwrap_or_default() {
                "bool" => Says { bounded: true, ..NUMBER },
                "int" | "float" | "Decimal" | "date" | "datetime" | "i8" | "i16" | "i32"
                | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize"
                | "f32" | "f64" | "NaiveDate" | "DateTime" | "int8" | "int16" | "int32"
                | "int64" | "uint" | "uint8" | "uint16" | "uint32" | "uint64" | "float32"
                | "float64" => NUMBER,
                "UUID" | "Uuid" | "char" | "IpAddr" => Says { bounded: true, ..NUMBER },
                _ => FREE,
            },
            Node::Nothing => Says { bounded: true, guard: Some(GuardKind::AllowList) },
            Node::Class(class) => self.says_of_class(class, left),
            Node::Call(path, _, args) => match path.rsplit(['.', ']']).next().unwrap_or_default() {
                "Literal" => LISTED,
                "Annotated" => self.annotated(&args, left),
                "Optional" | "Union" => {
                    let ids: Vec<Id> = args.iter().map(|(_, it)| *it).collect();
                    self.every(&ids, left)
                }
                "list" | "List" | "set" | "Sequence" | "tuple" => {
                    let inner = args.first().map_or(FREE, |(_, it)| self.says(*it, left));
                    Says { bounded: false, ..inner }
                }
                "conint" | "confloat" => Says { bounded: true, ..NUMBER },
                "constr" => self.says_of_field(of),
                _ => FREE,
            },
            Node::Parts(parts) => self.every(&parts, left),
            _ => FREE,
        }
    }

    fn every(&mut self, of: &[Id], left: u32) -> Says {
        let some = of.iter().copied().filter(|it| *self.values.get(*it) != Node::Nothing);
        let some: Vec<Id> = some.collect();
        let says: Vec<Says> = some.into_iter().map(|it| self.says(it, left)).collect();
        let first = says.first().and_then(|it| it.guard);
        let same = says.iter().all(|it| it.guard == first);
        Says {
            bounded: !says.is_empty() && says.iter().all(|it| it.bounded),
            guard: first.filter(|_| same),
        }
    }

    fn annotated(&mut self, args: &Args, left: u32) -> Says {
        let mut args = args.iter();
        let mut says = args.next().map_or(FREE, |(_, it)| self.says(*it, left));
        for (_, meta) in args {
            let more = self.says_of_field(*meta);
            says.bounded |= more.bounded;
            says.guard = says.guard.or(more.guard);
        }
        says
    }

    /// `Field(max_length=8)`, `StringConstraints(pattern=...)`.
    fn says_of_field(&self, field: Id) -> Says {
        let Node::Call(_, _, args) = self.values.get(field) else { return FREE };
        let bounds =
            ["max_length", "pattern", "regex", "le", "lt", "ge", "gt", "max_items", "multiple_of"];
        let bounded =
            args.iter().any(|(name, _)| name.as_deref().is_some_and(|it| bounds.contains(&it)));
        let pattern =
            args.iter().find(|(name, _)| matches!(name.as_deref(), Some("pattern" | "regex")));
        let narrow = pattern
            .and_then(|(_, it)| self.values.text(*it))
            .is_some_and(|it| super::taint::refine::is_narrow(it));
        Says { bounded, guard: narrow.then_some(GuardKind::Pattern) }
    }

    fn says_of_class(&mut self, class: u32, left: u32) -> Says {
        let Some(kept) = self.classes.get(class as usize) else { return FREE };
        let bases = kept.bases.clone();
        let is_enum =
            bases.iter().any(|it| self.values.path(*it).is_some_and(|it| it.ends_with("Enum")));
        if is_enum {
            return LISTED;
        }
        let fields = self.fields_of_class(class, left);
        Says { bounded: !fields.is_empty() && fields.iter().all(|(_, it)| it.bounded), guard: None }
    }

    fn fields_of_class(&mut self, class: u32, left: u32) -> Vec<(Word, Says)> {
        let Some(kept) = self.classes.get(class as usize) else { return Vec::new() };
        let (written, scope) = (Rc::clone(&kept.class), kept.scope);
        let outer = std::mem::take(&mut self.frames);
        self.frames.push(Frame::new(scope, None, None, At::default()));
        let mut found = Vec::new();
        for field in &written.fields {
            let of = field.of.as_ref().map(|(it, _)| self.expr(it));
            let value = field.value.as_ref().map(|it| self.expr(it));
            let says = of.map_or(FREE, |it| self.says(it, left));
            let more = value.map_or(FREE, |it| self.says_of_field(it));
            let says =
                Says { bounded: says.bounded || more.bounded, guard: says.guard.or(more.guard) };
            found.push((Rc::clone(&field.name), says));
        }
        self.frames = outer;
        found
    }

    /// The fields of a schema, whatever it is written in.
    pub(super) fn schema_fields(&mut self, schema: Id) -> Vec<(Word, Says)> {
        self.fields_within(schema, DEEP)
    }

    fn fields_within(&mut self, schema: Id, left: u32) -> Vec<(Word, Says)> {
        let Some(left) = left.checked_sub(1) else { return Vec::new() };
        match self.values.get(schema).clone() {
            Node::Map(entries) => {
                if let Some(properties) = self.field_of(schema, &Rc::from("properties")) {
                    return self.fields_within(properties, left);
                }
                let mut found = Vec::new();
                for (key, value) in entries {
                    match key.and_then(|it| self.values.text(it).cloned()) {
                        Some(name) => found.push((name, self.says_of_schema(value))),
                        None => found.extend(self.fields_within(value, left)),
                    }
                }
                found
            }
            Node::Call(_, recv, args) => {
                let mut found = recv.map(|it| self.fields_within(it, left)).unwrap_or_default();
                if let Some((_, first)) = args.first() {
                    found.extend(self.fields_within(*first, left));
                }
                found
            }
            Node::Member(base, _) => self.fields_within(base, left),
            Node::Class(class) => self.fields_of_class(class, left),
            _ => Vec::new(),
        }
    }

    /// One field: zod's chain of calls, or JSON Schema's words.
    fn says_of_schema(&self, id: Id) -> Says {
        match self.values.get(id) {
            Node::Map(_) => self.says_of_json(id),
            Node::Call(..) => self.says_of_chain(id),
            _ => FREE,
        }
    }

    fn says_of_json(&self, id: Id) -> Says {
        let has = |word: &str| self.field_of(id, &Rc::from(word));
        if has("enum").is_some() || has("const").is_some() {
            return LISTED;
        }
        let of = has("type").and_then(|it| self.values.text(it).map(ToString::to_string));
        let bounds = ["maxLength", "pattern", "maximum", "minimum", "exclusiveMaximum"];
        let bounded = bounds.iter().any(|it| has(it).is_some());
        match of.as_deref() {
            Some("boolean") => Says { bounded: true, ..NUMBER },
            Some("integer" | "number") => Says { bounded, ..NUMBER },
            _ => Says { bounded, guard: None },
        }
    }

    fn says_of_chain(&self, id: Id) -> Says {
        let mut says = FREE;
        let mut at = Some(id);
        for _ in 0..16 {
            let Some(Node::Call(path, recv, args)) = at.map(|it| self.values.get(it)) else {
                break;
            };
            match path.rsplit('.').next().unwrap_or_default() {
                "enum" | "literal" | "nativeEnum" => return LISTED,
                "boolean" => return Says { bounded: true, ..NUMBER },
                "number" | "int" | "bigint" => says.guard = NUMBER.guard,
                "uuid" | "datetime" | "date" | "ip" | "cuid" => {
                    says = Says { bounded: true, guard: Some(GuardKind::Pattern) };
                }
                "regex" => {
                    says.bounded = true;
                    let narrow = args.first().is_some_and(|(_, it)| match self.values.get(*it) {
                        Node::Regex(text) => super::taint::refine::is_narrow(text),
                        _ => false,
                    });
                    says.guard = says.guard.or(narrow.then_some(GuardKind::Pattern));
                }
                "max" | "length" | "lte" | "lt" => says.bounded = true,
                "min" | "gte" | "gt" | "positive" | "nonnegative" if says.guard.is_some() => {
                    says.bounded = true
                }
                "array" | "object" | "record" => {
                    return Says { bounded: says.bounded, guard: None };
                }
                _ => {}
            }
            at = recv.and_then(|it| match self.values.get(it) {
                Node::Call(..) => Some(it),
                Node::Member(base, _) => Some(*base),
                _ => None,
            });
        }
        says
    }
}

fn param_file(param: &Param) -> u32 {
    param
        .of
        .as_ref()
        .map(|(it, _)| it.at.file)
        .or_else(|| param.default.as_ref().map(|it| it.at.file))
        .unwrap_or(u32::MAX)
}
