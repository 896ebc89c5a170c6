//! Go's packages: the files of one directory are one module, and methods stand outside of their types.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ir::{Do, Function, Method, Module, Stmt, Tongue};

/// The directory of a file.
pub(super) fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Puts each method into its type, wherever in the package either stands.
pub(super) fn assemble(modules: &mut [Module]) {
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
