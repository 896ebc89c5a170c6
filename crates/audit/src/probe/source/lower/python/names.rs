//! What Python brings in by name: classes and imports.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Class, Do, Field, Import, Method, Pattern, Word};
use super::super::{Lower, field, fields, named};

impl Lower<'_> {
    pub(super) fn py_class(&mut self, node: Node<'_>) -> Class {
        let name = field(node, "name").map_or_else(|| Rc::from("?"), |it| self.word(it));
        let bases = field(node, "superclasses").map(named).unwrap_or_default();
        let bases = bases.into_iter().filter(|it| it.kind() != "keyword_argument");
        let bases = bases.map(|it| self.py(it)).collect();
        let (mut methods, mut class_fields) = (Vec::new(), Vec::new());
        for stmt in self.py_body(node, "body") {
            match stmt.kind {
                Do::Def(function, decorators) => methods.push(Method { decorators, function }),
                Do::Let(Pattern::Name(name), value) => {
                    class_fields.push(Field { name, of: None, value: Some(value) });
                }
                _ => {}
            }
        }
        self.py_annotated_fields(node, &mut class_fields);
        Class { name, bases, methods, fields: class_fields }
    }

    /// `name: type = value` in a class.
    pub(super) fn py_annotated_fields(&mut self, node: Node<'_>, found: &mut Vec<Field>) {
        let body = field(node, "body").map(named).unwrap_or_default();
        for stmt in body.into_iter().filter(|it| it.kind() == "expression_statement") {
            let Some(assignment) = named(stmt).first().copied() else { continue };
            let (Some(left), Some(of)) = (field(assignment, "left"), field(assignment, "type"))
            else {
                continue;
            };
            let name = self.word(left);
            let of = Some(self.py_type(of));
            match found.iter_mut().find(|it| it.name == name) {
                Some(known) => known.of = of,
                None => found.push(Field { name, of, value: None }),
            }
        }
    }

    pub(super) fn py_import(&mut self, node: Node<'_>) -> Vec<Import> {
        let names = fields(node, "name").into_iter();
        names
            .filter_map(|it| {
                if it.kind() == "aliased_import" {
                    let module = self.word(field(it, "name")?);
                    return Some(Import {
                        local: self.word(field(it, "alias")?),
                        module,
                        name: None,
                    });
                }
                let first = self.text(it).split('.').next().unwrap_or_default();
                Some(Import { local: Rc::from(first), module: Rc::from(first), name: None })
            })
            .collect()
    }

    pub(super) fn py_import_from(&mut self, node: Node<'_>) -> Option<Vec<Import>> {
        let module = self.word(field(node, "module_name")?);
        let star = named(node).into_iter().any(|it| it.kind() == "wildcard_import");
        if star {
            let name = Some(Rc::from("*"));
            return Some(vec![Import { local: Rc::from("*"), module, name }]);
        }
        let one = |it: Node<'_>| -> Option<Import> {
            let (name, local): (Word, Word) = match it.kind() {
                "aliased_import" => (self.word(field(it, "name")?), self.word(field(it, "alias")?)),
                _ => (self.word(it), self.word(it)),
            };
            Some(Import { local, module: Rc::clone(&module), name: Some(name) })
        };
        Some(fields(node, "name").into_iter().filter_map(one).collect())
    }
}
