//! Modules: which file of ours an import names, and what files take from each other.
//!
//! Node.js has two ways. `import` and `export` are statements; in the older one, CommonJS, a
//! module is what `require` returns, and a file fills `exports`, or puts something else in its
//! place as `module.exports`. Compilers write the first as the second, with helpers of theirs.

use std::rc::Rc;

use super::super::ir::{At, Call, Expr, Import, Kind, Tongue, Word};
use super::super::lower::go::package_name;
use super::super::packages;
use super::World;
use super::value::{Args, Id, Node};

/// What stands in a file's exports for all of them: `module.exports = ...`.
const WHOLE: &str = "module.exports";

impl World<'_> {
    pub(in super::super) fn import(&mut self, imports: &[Import], at: At) {
        for import in imports {
            let module = self.resolve(&import.module, at.file);
            match (module, import.name.as_deref()) {
                (Some(module), Some("*")) => self.import_all(module, at),
                (Some(module), Some(name)) => {
                    let value = self.exported(module, name, at);
                    let value = value.or_else(|| self.submodule(&import.module, name, at));
                    let value = value.unwrap_or_else(|| self.unknown(at));
                    self.set(&import.local, value);
                }
                (Some(module), None) => {
                    let value = self.make(Node::Module(module), at);
                    self.set(&import.local, value);
                }
                (None, name) => {
                    self.note_unread(&import.module, at);
                    let value = name.and_then(|it| self.submodule(&import.module, it, at));
                    let value = value.unwrap_or_else(|| {
                        let path = match self.is_go(at) {
                            true => package_name(&import.module).to_owned(),
                            false => foreign(&import.module, name),
                        };
                        self.make(Node::Global(Rc::from(path)), at)
                    });
                    self.set(&import.local, value);
                }
            }
        }
    }

    fn submodule(&mut self, module: &str, name: &str, at: At) -> Option<Id> {
        let dotted = if module.ends_with('.') { String::new() } else { ".".to_owned() };
        let found = self.resolve(&format!("{module}{dotted}{name}"), at.file)?;
        Some(self.make(Node::Module(found), at))
    }

    /// Every name of another file becomes one of this file, and is offered on by it.
    fn import_all(&mut self, module: u32, at: At) {
        let Some(scope) = self.run_module(module) else { return };
        let vars = self.scopes.get(scope as usize).map(|it| it.vars.clone()).unwrap_or_default();
        let here = self.scope();
        if let Some(into) = self.scopes.get_mut(here as usize).filter(|_| here != scope) {
            into.vars.extend(vars);
        }
        if module == at.file {
            return;
        }
        for (name, value) in self.exports_of(module) {
            if !matches!(name.as_ref(), "default" | WHOLE) {
                let _old = self.exports.insert((at.file, name), value);
            }
        }
    }

    fn exports_of(&self, module: u32) -> Vec<(Word, Id)> {
        let from = (module, Rc::from(""));
        let mine = self.exports.range(from..).take_while(|it| it.0.0 == module);
        mine.map(|((_, name), value)| (Rc::clone(name), *value)).collect()
    }

    /// What another file offers under a name.
    pub(in super::super) fn exported(&mut self, module: u32, name: &str, at: At) -> Option<Id> {
        if self.modules.get(module as usize).is_some_and(|it| it.tongue == Tongue::Rust) {
            return self.exported_in_rust(module, name, at);
        }
        let scope = self.run_module(module)?;
        if let Some(named) = self.exports.get(&(module, Rc::from(name))) {
            return Some(*named);
        }
        let own = self.scopes.get(scope as usize).and_then(|it| it.vars.get(name)).copied();
        let Some(whole) = self.exports.get(&(module, Rc::from(WHOLE))).copied() else {
            // What has no `default` of its own is what CommonJS exports.
            let itself = || Node::Module(module);
            return own.or_else(|| {
                (name == "default" && !self.is_python_file(module)).then(|| self.make(itself(), at))
            });
        };
        let word: Word = Rc::from(name);
        let entry = self.field_of(whole, &word);
        let is_map = matches!(self.values.get(whole), Node::Map(_));
        match entry.or(own.filter(|_| is_map)) {
            Some(found) => Some(found),
            None if name == "default" => Some(whole),
            None => Some(self.member(whole, &word, at)),
        }
    }

    /// What `require` returns: of a file of ours what it exports, of somebody else's its name.
    pub(super) fn required(&mut self, name: &str, at: At) -> Id {
        let Some(module) = self.resolve(name, at.file) else {
            self.note_unread(name, at);
            return self.make(Node::Global(Rc::from(foreign(name, None))), at);
        };
        let _scope = self.run_module(module);
        let whole = self.exports.get(&(module, Rc::from(WHOLE))).copied();
        match whole {
            Some(whole) if matches!(self.values.get(whole), Node::Map(_)) => {
                self.module_map(module, at)
            }
            Some(whole) => whole,
            None => self.make(Node::Module(module), at),
        }
    }

    /// All that a file exports as one map.
    pub(super) fn module_map(&mut self, module: u32, at: At) -> Id {
        let _scope = self.run_module(module);
        let whole = self.exports.get(&(module, Rc::from(WHOLE))).copied();
        let mut entries = match whole.map(|it| self.values.get(it)) {
            Some(Node::Map(entries)) => entries.clone(),
            _ => Vec::new(),
        };
        for (name, value) in self.exports_of(module) {
            if name.as_ref() != WHOLE {
                entries.push((Some(self.make(Node::Text(name), at)), value));
            }
        }
        self.make(Node::Map(entries), at)
    }

    /// `exports.NAME = ...`, and `module.exports = ...` under a name of its own.
    fn export(&mut self, name: &str, value: Id, at: At) {
        let key = (at.file, Rc::from(name));
        let old = self.exports.get(&key).copied();
        // Compilers first say that there is nothing.
        let old = old.filter(|it| !matches!(self.values.get(*it), Node::Nothing));
        let value = self.values.any(old.into_iter().chain([value]), at);
        let _old = self.exports.insert(key, value);
        let whole = self.exports.get(&(at.file, Rc::from(WHOLE))).copied();
        if let Some(whole) = whole.filter(|it| *it != value) {
            // A function that has members: `module.exports = f; module.exports.g = g`.
            if !matches!(self.values.get(whole), Node::Map(_)) {
                self.store_field(whole, &Rc::from(name), value, at);
            }
        }
    }

    /// Whether a store fills this file's exports; then it is done.
    pub(super) fn store_export(&mut self, place: &Expr, value: Id, at: At) -> bool {
        if self.is_exports(place) {
            self.export(WHOLE, value, at);
            return true;
        }
        let name = match &place.kind {
            Kind::Member(base, name) if self.is_exports(base) => Rc::clone(name),
            Kind::Index(base, index) if self.is_exports(base) => {
                let index = self.expr(index);
                let Some(name) = self.values.text(index).cloned() else { return true };
                name
            }
            _ => return false,
        };
        self.export(&name, value, at);
        true
    }

    /// `exports`, `module.exports`, when no variable of the program's has the name.
    fn is_exports(&self, expr: &Expr) -> bool {
        let free = |it: &Expr, word: &str| match &it.kind {
            Kind::Name(name) => name.as_ref() == word && self.find(word).is_none(),
            _ => false,
        };
        self.is_script(expr.at)
            && match &expr.kind {
                Kind::Name(_) => free(expr, "exports"),
                Kind::Member(base, name) => name.as_ref() == "exports" && free(base, "module"),
                _ => false,
            }
    }

    /// `module.exports` where it is read: what was put there, or the exports themselves.
    pub(super) fn own_exports(&mut self, at: At) -> Id {
        let whole = self.exports.get(&(at.file, Rc::from(WHOLE))).copied();
        whole.unwrap_or_else(|| self.make(Node::Module(at.file), at))
    }

    /// A helper that a compiler wrote where the source had an import, an export or an `await`.
    pub(super) fn compiled(&mut self, call: &Call, args: &Args, at: At) -> Option<Id> {
        let word = match &call.callee.kind {
            Kind::Name(name) | Kind::Member(_, name) => name.as_ref(),
            _ => return None,
        };
        if !word.starts_with('_') || !self.is_script(at) {
            return None;
        }
        let first = args.first().map(|(_, it)| *it);
        match word {
            "__importStar"
            | "__importDefault"
            | "_interopRequireDefault"
            | "_interopRequireWildcard"
            | "_interop_require_default"
            | "_interop_require_wildcard"
            | "__toESM"
            | "__toCommonJS" => first,
            "__awaiter" => self.call(args.get(3)?.1, Args::new(), at),
            "__exportStar" => {
                if let Node::Module(module) = *self.values.get(first?) {
                    self.import_all(module, at);
                }
                first
            }
            "__export" => {
                let Node::Map(entries) = self.values.get(args.get(1)?.1).clone() else {
                    return None;
                };
                for (key, getter) in entries {
                    let name = key.and_then(|it| self.values.text(it).cloned())?;
                    let value = self.call(getter, Args::new(), at);
                    if matches!(*self.values.get(first?), Node::Module(it) if it == at.file) {
                        self.export(&name, value.unwrap_or(getter), at);
                    } else {
                        self.store_field(first?, &name, value.unwrap_or(getter), at);
                    }
                }
                first
            }
            _ => None,
        }
    }

    /// `Object.defineProperty(exports, "name", { get: () => ... })`
    pub(super) fn define_property(&mut self, args: &Args, at: At) -> Option<Id> {
        let of = args.first()?.1;
        let name = self.values.text(args.get(1)?.1).cloned()?;
        let how = args.get(2)?.1;
        let value = match self.field_of(how, &Rc::from("get")) {
            Some(getter) => self.call(getter, Args::new(), at)?,
            None => self.field_of(how, &Rc::from("value"))?,
        };
        match *self.values.get(of) {
            Node::Module(module) if module == at.file => self.export(&name, value, at),
            _ => self.store_field(of, &name, value, at),
        }
        Some(of)
    }

    /// A file of the tree that is taken and was not read: what it does is not known.
    fn note_unread(&mut self, module: &str, at: At) {
        let script = self.is_script(at) && module.starts_with('.');
        let last = module.rsplit('/').next().unwrap_or_default();
        let data = last.rsplit_once('.').is_some_and(|(stem, ending)| {
            !stem.is_empty() && super::super::walk::language(last).is_none() && ending.len() < 6
        });
        if script && !data {
            let why = format!("takes `{module}`, which is not among the files that were read");
            let _new = self.unfollowed.insert((at.file, why));
        }
    }

    /// `require` of a name that the program makes: it could be any.
    pub(super) fn note_made_name(&mut self, at: At) {
        let why = "takes a module by a name that is made when it runs".to_owned();
        let _new = self.unfollowed.insert((at.file, why));
    }

    /// The module of ours that an import names.
    fn resolve(&self, module: &str, from: u32) -> Option<u32> {
        let here = &self.modules.get(from as usize)?;
        let folder = here.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        match here.tongue {
            Tongue::Python => self.resolve_python(module, folder),
            Tongue::Script => self.resolve_js(module, folder),
            Tongue::Go => self.resolve_go(module),
            Tongue::Rust => None,
        }
    }

    fn resolve_python(&self, module: &str, folder: &str) -> Option<u32> {
        let dots = module.chars().take_while(|c| *c == '.').count();
        let rest = module.trim_start_matches('.').replace('.', "/");
        if dots == 0 {
            let beside = self.named_python(&join(folder, &rest));
            return beside.or_else(|| self.named_python(&rest)).or_else(|| self.ending(&rest));
        }
        let mut base = folder;
        for _ in 1..dots {
            base = base.rsplit_once('/').map_or("", |(above, _)| above);
        }
        self.named_python(&join(base, &rest))
    }

    fn named_python(&self, path: &str) -> Option<u32> {
        let names = [format!("{path}.py"), join(path, "__init__.py")];
        self.named(&names)
    }

    /// A package that lies below the tree, as in `src/name/part.py`.
    fn ending(&self, path: &str) -> Option<u32> {
        if path.is_empty() {
            return None;
        }
        let ends = [format!("/{path}.py"), format!("/{path}/__init__.py")];
        let at =
            self.modules.iter().position(|it| ends.iter().any(|end| it.name.ends_with(end)))?;
        u32::try_from(at).ok()
    }

    fn resolve_js(&self, module: &str, folder: &str) -> Option<u32> {
        if !module.starts_with('.') {
            return None;
        }
        let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
        for part in module.split('/') {
            match part {
                "." | "" => {}
                ".." => {
                    let _up = parts.pop()?;
                }
                name => parts.push(name),
            }
        }
        let path = parts.join("/");
        let stem = [".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx"]
            .iter()
            .find_map(|it| path.strip_suffix(it))
            .unwrap_or(&path)
            .to_owned();
        let mut names = vec![path.clone()];
        for ending in ["ts", "tsx", "mts", "cts", "js", "mjs", "cjs", "jsx"] {
            names.push(format!("{stem}.{ending}"));
            names.push(format!("{path}.{ending}"));
            names.push(join(&path, &format!("index.{ending}")));
        }
        self.named(&names)
    }

    /// The package in a directory of ours with whose name an import ends.
    fn resolve_go(&self, module: &str) -> Option<u32> {
        let fits = |it: &super::super::ir::Module| {
            let home = packages::folder(&it.name);
            it.tongue == Tongue::Go
                && !home.is_empty()
                && module.strip_suffix(home).is_some_and(|it| it.ends_with('/'))
        };
        let found = self.modules.iter().position(fits)?;
        u32::try_from(found).ok()
    }

    fn named(&self, names: &[String]) -> Option<u32> {
        let found = names
            .iter()
            .find_map(|name| self.modules.binary_search_by(|it| it.name.as_str().cmp(name)).ok());
        found.and_then(|it| u32::try_from(it).ok())
    }
}

/// The dotted name of somebody else's module or what is in it, the same in all spellings.
fn foreign(module: &str, name: Option<&str>) -> String {
    let module = module.strip_prefix("node:").unwrap_or(module);
    let module = match module {
        "fs/promises" | "fs-extra" | "graceful-fs" => "fs",
        "path/posix" | "path/win32" => "path",
        other => other,
    };
    match name {
        None | Some("*") => module.to_owned(),
        Some(name) if is_itself(module, name) => module.to_owned(),
        Some(name) => format!("{module}.{name}"),
    }
}

/// Whether a member of somebody else's module is the module again, as far as we are concerned.
pub(super) fn is_itself(module: &str, member: &str) -> bool {
    match member {
        "default" => true,
        "promises" => module == "fs",
        "posix" | "win32" => module == "path",
        _ => false,
    }
}

fn join(folder: &str, name: &str) -> String {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => folder.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}
