//! What is one program, file by file. In Go the files of one directory are one module; in Rust files take from each other.
//! In both, methods stand outside of their types.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ir::{Class, Do, Expr, Field, Function, Method, Module, Pattern, Stmt, Tongue, Word};

/// The directory of a file.
pub(super) fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Puts each method into its type, wherever in the program either stands.
pub(super) fn assemble(modules: &mut [Module]) {
    leave_tests(modules);
    assemble_rust(modules);
    assemble_go(modules);
}

fn assemble_go(modules: &mut [Module]) {
    let mut methods: BTreeMap<(String, String), Vec<Rc<Function>>> = BTreeMap::new();
    for module in modules.iter_mut().filter(|it| it.tongue == Tongue::Go) {
        let home = folder(&module.name).to_owned();
        module.body.retain_mut(|stmt| {
            let Do::Def(function, _) = &mut stmt.kind else { return true };
            let Some((of, name)) = function.name.split_once('.') else { return true };
            let (of, name) = ((home.clone(), of.to_owned()), Rc::from(name));
            if let Some(function) = Rc::get_mut(function) {
                function.name = name;
            }
            methods.entry(of).or_default().push(Rc::clone(function));
            false
        });
    }
    for module in modules.iter_mut().filter(|it| it.tongue == Tongue::Go) {
        let home = folder(&module.name).to_owned();
        for stmt in &mut module.body {
            let Do::Class(class, _) = &mut stmt.kind else { continue };
            let mine = methods.remove(&(home.clone(), class.name.to_string()));
            let method = |function| Method { decorators: Vec::new(), function };
            if let Some(class) = Rc::get_mut(class) {
                class.methods.extend(mine.into_iter().flatten().map(method));
            }
        }
        // Functions and types may be used above the line that declares them.
        module.body.sort_by_key(|stmt| rank(&stmt.kind));
    }
}

/// Files that `#[cfg(test)] mod name;` declares are no part of a program.
fn leave_tests(modules: &mut [Module]) {
    let mut homes: Vec<String> = Vec::new();
    for module in modules.iter() {
        let Some(stem) = module.name.strip_suffix(".rs") else { continue };
        let (home, last) = stem.rsplit_once('/').unwrap_or(("", stem));
        for name in &module.tests {
            let home = match last {
                "mod" | "lib" | "main" => home,
                _ => stem,
            };
            let slash = if home.is_empty() { "" } else { "/" };
            homes.push(format!("{home}{slash}{name}"));
        }
    }
    for module in modules.iter_mut().filter(|it| it.tongue == Tongue::Rust) {
        let of = |home: &String| {
            let rest = module.name.strip_prefix(home.as_str());
            rest.is_some_and(|it| it == ".rs" || it.starts_with('/'))
        };
        if homes.iter().any(of) {
            module.body.clear();
            module.test_lines.push((1, u32::MAX));
        }
    }
}

/// What `impl` blocks of one type in one file hold.
#[derive(Default)]
struct Held {
    methods: Vec<Method>,
    fields: Vec<Field>,
}

/// Each method of Rust's goes to the type of its name in the same file, in the files around, or anywhere; to one of its
/// own when the type is somebody else's.
fn assemble_rust(modules: &mut [Module]) {
    let mut all: BTreeMap<(usize, String), Held> = BTreeMap::new();
    let mut types: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, module) in modules.iter_mut().enumerate() {
        if module.tongue != Tongue::Rust {
            continue;
        }
        let body = std::mem::take(&mut module.body);
        for stmt in body {
            match stmt.kind {
                Do::Def(function, decorators) if function.name.contains('.') => {
                    let (of, function) = bare(function);
                    let held = all.entry((number, of)).or_default();
                    held.methods.push(Method { decorators, function });
                }
                Do::Let(Pattern::Name(name), value) if name.contains('.') => {
                    let (of, own) = name.split_once('.').unwrap_or_default();
                    let held = all.entry((number, of.to_owned())).or_default();
                    held.fields.push(constant(Word::from(own), value));
                }
                kind => {
                    if let Do::Class(class, _) = &kind {
                        types.entry(class.name.to_string()).or_default().push(number);
                    }
                    module.body.push(Stmt { kind, at: stmt.at });
                }
            }
        }
    }
    for ((number, of), held) in all {
        let near = types.get(&of).map(Vec::as_slice).unwrap_or_default();
        let home = nearest(modules, number, near);
        let Some(module) = modules.get_mut(home.unwrap_or(number)) else { continue };
        let class = module.body.iter_mut().find_map(|stmt| match &mut stmt.kind {
            Do::Class(class, _) if class.name.as_ref() == of => Rc::get_mut(class),
            _ => None,
        });
        match class {
            Some(class) => {
                class.methods.extend(held.methods);
                class.fields.extend(held.fields);
            }
            None => {
                let at = held.methods.first().map(|it| it.function.at).unwrap_or_default();
                let (methods, fields) = (held.methods, held.fields);
                let class = Class { name: Rc::from(of), bases: Vec::new(), methods, fields };
                let kind = Do::Class(Rc::new(class), Vec::new());
                module.body.push(Stmt { kind, at });
            }
        }
    }
    for module in modules.iter_mut().filter(|it| it.tongue == Tongue::Rust) {
        module.body.sort_by_key(|stmt| rank(&stmt.kind));
    }
}

/// `Type.method` as the type and the method.
fn bare(mut function: Rc<Function>) -> (String, Rc<Function>) {
    let whole = Rc::clone(&function.name);
    let (of, name) = whole.split_once('.').unwrap_or(("", &whole));
    if let Some(function) = Rc::get_mut(&mut function) {
        function.name = Rc::from(name);
    }
    (of.to_owned(), function)
}

fn constant(name: Word, value: Expr) -> Field {
    Field { name, of: None, value: Some(value) }
}

/// Of the files that declare a type, this one, or the one with whose name this one's agrees the longest.
fn nearest(modules: &[Module], number: usize, declared: &[usize]) -> Option<usize> {
    if declared.contains(&number) {
        return Some(number);
    }
    let own = modules.get(number)?.name.as_str();
    let shared = |other: &&usize| {
        let other = modules.get(**other).map(|it| it.name.as_str()).unwrap_or_default();
        own.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
    };
    declared.iter().max_by_key(shared).copied()
}

fn rank(kind: &Do) -> u8 {
    match kind {
        Do::Import(_) => 0,
        Do::Class(..) | Do::Def(..) => 1,
        _ => 2,
    }
}

/// What a file declares, and what it computes.
pub(super) fn parted(body: &[Stmt]) -> (&[Stmt], &[Stmt]) {
    body.split_at(body.partition_point(|stmt| rank(&stmt.kind) < 2))
}
