//! Which file a path of Rust's names, and what a name that was taken from elsewhere stands for.
//!
//! Files of a crate take from each other in circles, so a name is looked up when somebody asks for it, and not before.

use std::rc::Rc;

use super::super::super::ir::{At, Do, Import, Module, Tongue, Word};
use super::super::World;
use super::super::value::{Id, Node};
use super::Crates;

/// Crates that are never one of the tree's own.
const FOREIGN: &[&str] =
    &["std", "core", "alloc", "rmcp", "serde", "tokio", "anyhow", "tracing", "schemars"];

impl<'m> Crates<'m> {
    /// What every file takes from elsewhere.
    pub(in super::super) fn of(modules: &'m [Module]) -> Self {
        let mut crates = Self::default();
        for (number, module) in (0_u32..).zip(modules) {
            if module.tongue != Tongue::Rust {
                continue;
            }
            crates.paths.extend(module.paths.iter().cloned());
            crates.macros.extend(module.macros.iter().cloned());
            for stmt in &module.body {
                let Do::Import(imports) = &stmt.kind else { continue };
                for import in imports {
                    match import.name.as_deref() {
                        Some("*") => crates.globs.entry(number).or_default().push(import),
                        _ => {
                            let key = (number, Rc::clone(&import.local));
                            let _old = crates.imports.insert(key, import);
                        }
                    }
                }
            }
        }
        crates
    }
}

impl World<'_> {
    /// What a name in a file of Rust's was taken as.
    pub(super) fn imported(&mut self, name: &Word, at: At) -> Option<Id> {
        let key = (at.file, Rc::clone(name));
        if matches!(name.as_ref(), "crate" | "super" | "self") {
            return self.beginning(name, at.file).map(|it| self.make(Node::Module(it), at));
        }
        let import = self.crates.imports.get(&key).copied();
        let globs = self.crates.globs.get(&at.file).cloned().unwrap_or_default();
        if import.is_none() && globs.is_empty() || !self.crates.asking.insert(key.clone()) {
            return None;
        }
        let mut found = import.and_then(|it| self.taken(it, at));
        for glob in globs {
            if found.is_none()
                && !FOREIGN.contains(&glob.module.split("::").next().unwrap_or_default())
            {
                found = self.taken_from_all(glob, name, at);
            }
        }
        let _asked = self.crates.asking.remove(&key);
        if let (Some(found), Some(Some(scope))) =
            (found, self.module_scopes.get(at.file as usize).copied())
            && let Some(scope) = self.scopes.get_mut(scope as usize)
        {
            let _old = scope.vars.insert(Rc::clone(name), found);
        }
        found
    }

    /// Imports that stand in a function.
    pub(in super::super) fn import_in_rust(&mut self, imports: &[Import], at: At) {
        if self.frames.last().is_none_or(|it| it.closure.is_none()) {
            return;
        }
        for import in imports.iter().filter(|it| it.name.as_deref() != Some("*")) {
            if let Some(value) = self.taken(import, at) {
                self.set(&import.local, value);
            }
        }
    }

    fn taken(&mut self, import: &Import, at: At) -> Option<Id> {
        let path = import.module.split("::").filter(|it| !it.is_empty());
        let path: Vec<&str> = path.chain(import.name.as_deref()).collect();
        self.at_path(&path, at)
    }

    fn taken_from_all(&mut self, glob: &Import, name: &Word, at: At) -> Option<Id> {
        let path: Vec<&str> = glob.module.split("::").collect();
        let from = self.at_path(&path, at)?;
        match *self.values.get(from) {
            Node::Module(module) => self.exported(module, name, at),
            // The variants of an enumeration.
            Node::Class(_) if name.starts_with(|it: char| it.is_ascii_uppercase()) => {
                Some(self.make(Node::Member(from, Rc::clone(name)), at))
            }
            _ => None,
        }
    }

    fn at_path(&mut self, path: &[&str], at: At) -> Option<Id> {
        let (first, rest) = path.split_first()?;
        let mut here = self.first_of(first, rest, at);
        for word in rest {
            here = match *self.values.get(here) {
                Node::Module(module) if *word == "super" => {
                    let above = self.beginning("super", module)?;
                    self.make(Node::Module(above), at)
                }
                Node::Module(module) => match self.exported(module, word, at) {
                    Some(found) => found,
                    None => self.make(Node::Member(here, Rc::from(*word)), at),
                },
                Node::Global(ref name) => {
                    let name = format!("{name}.{word}");
                    self.make(Node::Global(Rc::from(name)), at)
                }
                _ => self.member(here, &Rc::from(*word), at),
            };
        }
        Some(here)
    }

    /// Where a path begins: at the crate, here, above, at a module of this file, or in another crate.
    fn first_of(&mut self, first: &str, rest: &[&str], at: At) -> Id {
        if let Some(module) = self.beginning(first, at.file) {
            return self.make(Node::Module(module), at);
        }
        let word: Word = Rc::from(first);
        let scope = self.module_scopes.get(at.file as usize).copied().flatten();
        let bound = scope.and_then(|it| self.scopes.get(it as usize)?.vars.get(&word).copied());
        if !rest.is_empty()
            && let Some(found) = bound.or_else(|| self.imported(&word, at))
        {
            return found;
        }
        if !FOREIGN.contains(&first)
            && let Some(module) = self.crate_named(first, rest.first().copied(), at)
        {
            return self.make(Node::Module(module), at);
        }
        self.make(Node::Global(word), at)
    }

    fn beginning(&self, word: &str, file: u32) -> Option<u32> {
        let name = self.modules.get(file as usize)?.name.as_str();
        match word {
            "self" => Some(file),
            "crate" => Some(self.root_of(name).unwrap_or(file)),
            "super" => self.above(name).or(Some(file)),
            _ => None,
        }
    }

    fn file(&self, name: &str) -> Option<u32> {
        let found = self.modules.binary_search_by(|it| it.name.as_str().cmp(name)).ok()?;
        u32::try_from(found).ok()
    }

    fn file_in(&self, folder: &str, name: &str) -> Option<u32> {
        match folder {
            "" => self.file(name),
            _ => self.file(&format!("{folder}/{name}")),
        }
    }

    /// The file that a crate begins with.
    fn root_of(&self, name: &str) -> Option<u32> {
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        if matches!(last, "main.rs" | "lib.rs") {
            return self.file(name);
        }
        let mut folder = folder;
        loop {
            let found = self.file_in(folder, "lib.rs").or_else(|| self.file_in(folder, "main.rs"));
            if found.is_some() || folder.is_empty() {
                return found;
            }
            folder = folder.rsplit_once('/').map_or("", |it| it.0);
        }
    }

    /// The file that declares the module of this one.
    fn above(&self, name: &str) -> Option<u32> {
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let home = match last {
            "mod.rs" => folder.rsplit_once('/').map_or("", |it| it.0),
            _ => folder,
        };
        let beside = format!("{home}.rs");
        [
            self.file_in(home, "mod.rs"),
            self.file(&beside),
            self.file_in(home, "lib.rs"),
            self.file_in(home, "main.rs"),
        ]
        .into_iter()
        .flatten()
        .next()
    }

    /// The file of a module that another one declares.
    fn below(&self, module: u32, child: &str) -> Option<u32> {
        let name = self.modules.get(module as usize)?.name.as_str();
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let stem = last.strip_suffix(".rs")?;
        let own = match folder {
            "" => stem.to_owned(),
            _ => format!("{folder}/{stem}"),
        };
        let homes = match last {
            "mod.rs" | "lib.rs" | "main.rs" => [folder, folder],
            _ => [own.as_str(), folder],
        };
        homes.iter().find_map(|home| {
            self.file_in(home, &format!("{child}.rs"))
                .or_else(|| self.file_in(home, &format!("{child}/mod.rs")))
        })
    }

    /// Another crate of the tree: by the name of its directory, or the library beside a program.
    fn crate_named(&mut self, name: &str, item: Option<&str>, at: At) -> Option<u32> {
        let fits = |it: &Module| {
            let folder = it.name.strip_suffix("/src/lib.rs").unwrap_or_default();
            let folder = folder.rsplit('/').next().unwrap_or_default().replace('-', "_");
            it.tongue == Tongue::Rust
                && !folder.is_empty()
                && (folder == name || name.ends_with(&format!("_{folder}")))
        };
        if let Some(found) = self.modules.iter().position(fits) {
            return u32::try_from(found).ok();
        }
        let own = self.modules.get(at.file as usize)?.name.as_str();
        let package = match own.split_once("src/") {
            Some((package, _)) => package.trim_end_matches('/').to_owned(),
            None => own
                .rsplit_once('/')
                .and_then(|it| it.0.rsplit_once('/'))
                .map_or("", |it| it.0)
                .to_owned(),
        };
        let library = self.file_in(&package, "src/lib.rs").filter(|it| *it != at.file)?;
        let item = item?;
        let has = self.below(library, item).is_some() || self.exported(library, item, at).is_some();
        has.then_some(library)
    }

    /// What a file of Rust's has under a name: an item, a module, or what it takes from elsewhere itself.
    pub(in super::super) fn exported_in_rust(
        &mut self,
        module: u32,
        name: &str,
        at: At,
    ) -> Option<Id> {
        let scope = self.run_module(module)?;
        let own = self.scopes.get(scope as usize).and_then(|it| it.vars.get(name)).copied();
        if own.is_some() {
            return own;
        }
        let there = At { file: module, ..at };
        let taken = self.imported(&Rc::from(name), there);
        taken.or_else(|| self.below(module, name).map(|it| self.make(Node::Module(it), at)))
    }
}
