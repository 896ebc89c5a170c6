//! Rust, lowered: what a file declares. Statements are in [`flow`], what they hold in [`values`], what names they bind in
//! [`patterns`], and how macros are read in [`macros`] and [`given`].
//!
//! A method becomes a function whose name is `Type.method`; [`super::super::packages`] puts it where it belongs, once all
//! files of a crate are read. Nearly everything in Rust is an expression; one that has statements in it becomes these
//! statements, and a name for what comes of them.

mod attributes;
mod flow;
mod given;
pub(in super::super) mod macros;
mod patterns;
mod values;

use std::collections::BTreeMap;
use std::rc::Rc;

use tree_sitter::Node;

use super::super::ir::{
    Arg, Call, Class, Do, Expr, Field, Function, Import, Kind, Method, Param, Pattern, Rest, Stmt,
    Word,
};
use super::{Lower, field, named};
use attributes::Attributes;

/// What lowering one file of Rust needs beside the rest.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The names that are bound here, from the outside in, each with what it is called below.
    scopes: Vec<BTreeMap<Word, Word>>,
    /// How many names were made.
    made: u32,
    /// What `Self` is.
    this: Option<Word>,
    /// The loops around, and the blocks with a label.
    loops: Vec<flow::Loop>,
    /// Whether the function at hand gives an option.
    optional: Option<bool>,
    /// Fields and parameters that hold a path.
    pub(super) paths: Vec<Word>,
    /// Macros that are written here.
    pub(super) macros: Vec<Word>,
    /// Files that are taken by a path of their own.
    pub(super) elsewhere: bool,
    /// Modules that are compiled for tests only.
    pub(super) tests: Vec<Word>,
    /// The lines on which something stands that is compiled for tests only.
    pub(super) test_lines: Vec<(u32, u32)>,
}

/// How long the text of a type may be.
const TYPE: usize = 200;

impl Lower<'_> {
    /// The items of a file.
    pub(in super::super) fn rs_file(&mut self, root: Node<'_>) -> Vec<Stmt> {
        let mut out = Vec::new();
        self.rs_items(root, &mut out);
        out
    }

    fn rs_items(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let mut pending: Vec<Node<'_>> = Vec::new();
        for child in named(node) {
            match child.kind() {
                "attribute_item" => pending.push(child),
                "inner_attribute_item" => {}
                _ => {
                    let attributes = Attributes::of(self, &std::mem::take(&mut pending));
                    if attributes.is_test() {
                        let end = u32::try_from(child.end_position().row).unwrap_or(u32::MAX);
                        self.rust.test_lines.push((self.at(child).line, end.saturating_add(1)));
                        let module = field(child, "name").filter(|_| child.kind() == "mod_item");
                        self.rust.tests.extend(module.map(|it| self.word(it)));
                    } else {
                        let read = self.deeper(|it| it.rs_item(child, &attributes, out));
                        let text = self.text(child);
                        self.rust.elsewhere |= read == Some(false) && text.starts_with("include!");
                    }
                }
            }
        }
    }

    /// Whether it is one that declares something.
    fn rs_item(&mut self, node: Node<'_>, attributes: &Attributes, out: &mut Vec<Stmt>) -> bool {
        let at = self.at(node);
        let name = field(node, "name").map(|it| self.word(it));
        match (node.kind(), name) {
            ("function_item", Some(name)) => {
                let function = self.rs_function(node, name);
                let mut decorators = attributes.decorators(self, node);
                self.rs_described(node, &mut decorators);
                out.push(Stmt { kind: Do::Def(function, decorators), at });
            }
            ("struct_item" | "union_item", Some(name)) => {
                let fields = self.rs_fields(node, attributes);
                let class = Class { name, bases: Vec::new(), methods: Vec::new(), fields };
                out.push(Stmt { kind: Do::Class(Rc::new(class), Vec::new()), at });
                if attributes.derives("JsonSchema") {
                    self.rs_told(node, out);
                }
            }
            ("enum_item", Some(name)) => {
                let class = self.rs_enum(node, name);
                out.push(Stmt { kind: Do::Class(Rc::new(class), Vec::new()), at });
            }
            ("trait_item", Some(name)) => self.rs_trait(node, name, out),
            ("impl_item", _) => self.rs_impl(node, out),
            ("const_item" | "static_item", Some(name)) => {
                if let Some(value) = field(node, "value") {
                    let value = self.rs(value, out);
                    out.push(Stmt { kind: Do::Let(Pattern::Name(name), value), at });
                }
            }
            ("mod_item", Some(name)) => match field(node, "body") {
                // A module that is written here has the names of the file, as far as we are concerned.
                Some(body) => {
                    let import = Import { local: name, module: "self".into(), name: None };
                    out.push(Stmt { kind: Do::Import(vec![import]), at });
                    self.rs_items(body, out);
                }
                None => {
                    self.rust.elsewhere |= attributes.says("path");
                    let name_of = Some(Rc::clone(&name));
                    let import = Import { local: name, module: "self".into(), name: name_of };
                    out.push(Stmt { kind: Do::Import(vec![import]), at });
                }
            },
            ("use_declaration", _) => {
                let mut imports = Vec::new();
                if let Some(argument) = field(node, "argument") {
                    self.rs_use(argument, "", &mut imports);
                }
                out.push(Stmt { kind: Do::Import(imports), at });
            }
            ("type_item", Some(name)) => {
                let Some(of) = field(node, "type").map(|it| self.rs_bare_type(it)) else {
                    return true;
                };
                let path = self.rs_type_path(of);
                let kind = match path.contains("::") {
                    true => Do::Import(vec![import(&path, Some(name))]),
                    false => Do::Let(Pattern::Name(name), self.rs_type(of)),
                };
                out.push(Stmt { kind, at });
            }
            ("macro_definition", Some(name)) => self.rust.macros.push(name),
            ("function_signature_item" | "macro_definition" | "foreign_mod_item", _)
            | ("extern_crate_declaration" | "empty_statement" | "associated_type", _) => {}
            _ => return false,
        }
        true
    }

    /// `use a::{b, c as d, e::*}`
    fn rs_use(&mut self, node: Node<'_>, before: &str, out: &mut Vec<Import>) {
        let under = |last: &str| match before {
            "" => last.to_owned(),
            _ => format!("{before}::{last}"),
        };
        match node.kind() {
            "use_list" => {
                for child in named(node) {
                    let _read = self.deeper(|it| it.rs_use(child, before, out));
                }
            }
            "scoped_use_list" => {
                let path = field(node, "path").map(|it| self.rs_plain(it)).unwrap_or_default();
                let path = under(&path);
                if let Some(list) = field(node, "list") {
                    let _read = self.deeper(|it| it.rs_use(list, &path, out));
                }
            }
            "use_as_clause" => {
                let path = field(node, "path").map(|it| self.rs_plain(it)).unwrap_or_default();
                let alias = field(node, "alias").map(|it| self.word(it));
                if let Some(local) = alias {
                    out.push(import(&under(&path), Some(local)));
                }
            }
            "use_wildcard" => {
                let path = named(node).first().map(|it| self.rs_plain(*it)).unwrap_or_default();
                let all = Some(Rc::from("*"));
                out.push(Import { local: "*".into(), module: under(&path).into(), name: all });
            }
            "self" => out.push(import(before, None)),
            _ => {
                let path = self.rs_plain(node);
                out.push(import(&under(&path), None));
            }
        }
    }

    /// A path as it is written, without space.
    fn rs_plain(&self, node: Node<'_>) -> String {
        self.text(node).split_whitespace().collect::<String>().trim_start_matches("::").to_owned()
    }

    /// What stands above an item for whoever reads its documentation, `///` and `/** */`.
    fn rs_docs(&self, node: Node<'_>) -> String {
        let mut lines = Vec::new();
        let mut before = node.prev_sibling();
        while let Some(one) = before {
            let text = self.text(one).trim();
            match one.kind() {
                "line_comment" | "block_comment" => {
                    let inner = text.strip_prefix("///").or_else(|| text.strip_prefix("/**"));
                    lines.extend(inner.map(|it| it.trim_end_matches("*/").trim().to_owned()));
                }
                "attribute_item" => lines.extend(self.rs_doc_attribute(one)),
                "visibility_modifier" => {}
                _ => break,
            }
            before = one.prev_sibling();
        }
        lines.reverse();
        lines.join("\n")
    }

    /// `#[doc = "..."]`
    fn rs_doc_attribute(&self, item: Node<'_>) -> Option<String> {
        let attribute = named(item).into_iter().find(|it| it.kind() == "attribute")?;
        let is_doc = named(attribute).first().is_some_and(|it| self.text(*it) == "doc");
        let value = field(attribute, "value").filter(|_| is_doc)?;
        value.kind().ends_with("string_literal").then(|| self.rs_string(value))
    }

    /// The SDK tells a tool's documentation as its description.
    fn rs_described(&mut self, node: Node<'_>, decorators: &mut [Expr]) {
        let docs = self.rs_docs(node);
        for decorator in decorators.iter_mut().filter(|_| !docs.is_empty()) {
            if let Kind::Call(call) = &mut decorator.kind
                && !call.args.iter().any(|it| it.name.as_deref() == Some("description"))
            {
                let value = self.expr(node, Kind::Text(Rc::from(docs.as_str())));
                call.args.push(Arg { name: Some("description".into()), spread: false, value });
            }
        }
    }

    /// What a schema tells of a type and of its fields: their documentation.
    fn rs_told(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let fields = field(node, "body").map(named).unwrap_or_default();
        for one in std::iter::once(node).chain(fields) {
            let docs = self.rs_docs(one);
            if docs.is_empty() || one.kind() == "attribute_item" {
                continue;
            }
            let value = self.expr(one, Kind::Text(Rc::from(docs)));
            let callee = self.expr(one, Kind::Name("doc!".into()));
            let args = vec![Arg { name: Some("description".into()), spread: false, value }];
            let told = self.expr(one, Kind::Call(Box::new(Call { callee, args })));
            out.push(Stmt { kind: Do::Expr(told), at: self.at(one) });
        }
    }

    fn rs_fields(&mut self, node: Node<'_>, of_all: &Attributes) -> Vec<Field> {
        let Some(body) = field(node, "body") else { return Vec::new() };
        let mut all = Vec::new();
        let mut pending = Vec::new();
        let ordered = body.kind() == "ordered_field_declaration_list";
        for child in named(body) {
            if child.kind() == "attribute_item" {
                pending.push(child);
                continue;
            }
            let of = if ordered { Some(child) } else { field(child, "type") };
            let Some(of) = of.filter(|it| it.kind() != "visibility_modifier") else { continue };
            let attributes = Attributes::of(self, &std::mem::take(&mut pending));
            let own = match field(child, "name").filter(|_| !ordered) {
                Some(name) => self.word(name),
                None => Rc::from(all.len().to_string()),
            };
            let name = attributes.renamed(&own, of_all);
            if own != name {
                self.tags.push((Rc::clone(&own), Rc::clone(&name)));
            }
            if is_path(self.text(of)) {
                self.rust.paths.extend([own, Rc::clone(&name)]);
            }
            let written = self.rs_written(of);
            let bounds = attributes.bounds(self, of);
            let value = bounds.or_else(|| self.rs_held(of));
            all.push(Field { name, of: Some((self.rs_type(of), written)), value });
        }
        all
    }

    fn rs_written(&self, of: Node<'_>) -> String {
        self.text(of).chars().take(TYPE).collect()
    }

    /// What a field of a type holds, as far as the type tells.
    fn rs_held(&mut self, of: Node<'_>) -> Option<Expr> {
        let of = self.rs_bare_type(of);
        if !matches!(of.kind(), "type_identifier" | "scoped_type_identifier")
            || matches!(self.text(of), "String" | "PathBuf" | "Value")
            || is_path(self.text(of))
        {
            return None;
        }
        let held = self.rs_type(of);
        Some(self.rs_named(of, "of!", vec![held]))
    }

    /// An enumeration without values is a list of names.
    fn rs_enum(&mut self, node: Node<'_>, name: Word) -> Class {
        let variants = field(node, "body").map(named).unwrap_or_default();
        let plain = variants
            .iter()
            .filter(|it| it.kind() == "enum_variant")
            .all(|it| field(*it, "body").is_none());
        let bases = match plain && !variants.is_empty() {
            true => vec![self.expr(node, Kind::Name("Enum".into()))],
            false => Vec::new(),
        };
        Class { name, bases, methods: Vec::new(), fields: Vec::new() }
    }

    /// A trait's own methods are those of what stands for it.
    fn rs_trait(&mut self, node: Node<'_>, name: Word, out: &mut Vec<Stmt>) {
        let at = self.at(node);
        let outer = self.rust.this.replace(Rc::clone(&name));
        let mut methods = Vec::new();
        for child in field(node, "body").map(named).unwrap_or_default() {
            if child.kind() == "function_item"
                && let Some(name) = field(child, "name").map(|it| self.word(it))
            {
                let function = self.rs_function(child, name);
                methods.push(Method { decorators: Vec::new(), function });
            }
        }
        self.rust.this = outer;
        let class = Class { name, bases: Vec::new(), methods, fields: Vec::new() };
        out.push(Stmt { kind: Do::Class(Rc::new(class), Vec::new()), at });
    }

    fn rs_impl(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let (Some(of), Some(body)) = (field(node, "type"), field(node, "body")) else { return };
        let of = self.rs_type_name(of);
        let of_trait = field(node, "trait").map(|it| self.rs_type_name(it));
        let outer = self.rust.this.replace(Rc::from(of.as_str()));
        let mut pending = Vec::new();
        for child in named(body) {
            if child.kind() == "attribute_item" {
                pending.push(child);
                continue;
            }
            let attributes = Attributes::of(self, &std::mem::take(&mut pending));
            let at = self.at(child);
            let Some(name) = field(child, "name").map(|it| self.word(it)) else { continue };
            if child.kind() == "const_item" {
                if let Some(value) = field(child, "value") {
                    let value = self.rs(value, out);
                    let name = Rc::from(format!("{of}.{name}"));
                    out.push(Stmt { kind: Do::Let(Pattern::Name(name), value), at });
                }
                continue;
            }
            if child.kind() != "function_item" || attributes.is_test() {
                continue;
            }
            let mut decorators = attributes.decorators(self, child);
            self.rs_described(child, &mut decorators);
            decorators.extend(attributes::by_hand(self, child, of_trait.as_deref(), &name));
            let function = self.rs_function(child, Rc::from(format!("{of}.{name}")));
            out.push(Stmt { kind: Do::Def(function, decorators), at });
        }
        self.rust.this = outer;
    }

    /// A type's path, without what it takes.
    fn rs_type_path(&self, of: Node<'_>) -> String {
        let of = match of.kind() {
            "generic_type" => field(of, "type").unwrap_or(of),
            _ => of,
        };
        self.rs_plain(of)
    }

    /// The bare name of a type, without its path and what it takes.
    fn rs_type_name(&self, of: Node<'_>) -> String {
        let of = self.rs_bare_type(of);
        let text = self.text(of);
        let text = text.split('<').next().unwrap_or_default();
        text.rsplit("::").next().unwrap_or_default().trim().to_owned()
    }

    /// A function; a method's receiver is its first parameter, under the name of `self`.
    fn rs_function(&mut self, node: Node<'_>, name: Word) -> Rc<Function> {
        let at = self.at(node);
        let scopes = std::mem::replace(&mut self.rust.scopes, vec![BTreeMap::new()]);
        let loops = std::mem::take(&mut self.rust.loops);
        let gives = field(node, "return_type").map(|it| self.text(it).trim_start().to_owned());
        let optional = gives.map(|it| it.starts_with("Option<"));
        let optional = self.rust.optional.replace(optional.unwrap_or(false));
        let mut params = Vec::new();
        let mut body = Vec::new();
        for child in field(node, "parameters").map(patterns::pieces).unwrap_or_default() {
            self.rs_param(child, &mut params, &mut body);
        }
        if let Some(block) = field(node, "body") {
            let dest = flow::Dest::Return;
            let _read = self.deeper(|it| it.rs_block(block, &dest, &mut body));
        }
        self.rust.optional = optional;
        self.rust.scopes = scopes;
        self.rust.loops = loops;
        Rc::new(Function { name, params, body, at })
    }

    fn rs_param(&mut self, node: Node<'_>, params: &mut Vec<Param>, body: &mut Vec<Stmt>) {
        let one =
            |name: Word, pattern, of| Param { name, pattern, of, default: None, rest: Rest::One };
        match node.kind() {
            "self_parameter" => params.push(one("self".into(), Pattern::Ignored, None)),
            "attribute_item" => {}
            "parameter" => {
                let of = field(node, "type");
                let of = of.map(|it| (self.rs_type(it), self.rs_written(it)));
                let Some(pattern) = field(node, "pattern") else { return };
                let (name, pattern) = self.rs_bound(pattern, body);
                if of.as_ref().is_some_and(|it| is_path(&it.1)) {
                    self.rust.paths.push(Rc::clone(&name));
                }
                params.push(one(name, pattern, of));
            }
            // A pattern of a closure's.
            _ => {
                let (name, pattern) = self.rs_bound(node, body);
                params.push(one(name, pattern, None));
            }
        }
    }

    /// What a parameter is called, and how it is taken apart.
    fn rs_bound(&mut self, pattern: Node<'_>, body: &mut Vec<Stmt>) -> (Word, Pattern) {
        let inner = match pattern.kind() {
            "mut_pattern" | "reference_pattern" | "ref_pattern" => {
                named(pattern).into_iter().next_back().unwrap_or(pattern)
            }
            _ => pattern,
        };
        if inner.kind() == "identifier" {
            let own = self.word(inner);
            let name = self.rs_bind(&own);
            return (own, Pattern::Name(name));
        }
        let whole = self.rs_fresh();
        let _test = self.rs_pattern(pattern, &whole, body);
        // `Parameters(args)`: what is in it is what counts.
        let single = named(inner).into_iter().next_back().filter(|it| it.kind() == "identifier");
        let name = single.map_or_else(|| Rc::clone(&whole), |it| self.word(it));
        (name, Pattern::Name(whole))
    }

    /// A type as far as it is looked at: its name, what it stands around, what it is a list of.
    pub(super) fn rs_type(&mut self, node: Node<'_>) -> Expr {
        let bare = self.rs_bare_type(node);
        match bare.kind() {
            "primitive_type" | "type_identifier" => match (self.text(bare), &self.rust.this) {
                ("Self", Some(this)) => self.expr(bare, Kind::Name(Rc::clone(this))),
                _ => self.expr(bare, Kind::Name(self.word(bare))),
            },
            "scoped_type_identifier" => {
                let path = self.rs_plain(bare);
                self.rs_path(bare, path.split("::"))
            }
            "generic_type" => {
                let name = self.rs_type_name(bare);
                let inner = field(bare, "type_arguments").map(named).unwrap_or_default();
                match (name.as_str(), inner.as_slice()) {
                    ("Vec" | "HashSet" | "BTreeSet" | "VecDeque", [of, ..]) => {
                        self.rs_list_of(bare, *of)
                    }
                    _ => match field(bare, "type") {
                        Some(of) => {
                            self.deeper(|it| it.rs_type(of)).unwrap_or_else(|| self.nothing(bare))
                        }
                        None => self.nothing(bare),
                    },
                }
            }
            "array_type" => match field(bare, "element") {
                Some(of) => self.rs_list_of(bare, of),
                None => self.nothing(bare),
            },
            _ => self.nothing(node),
        }
    }

    fn rs_list_of(&mut self, node: Node<'_>, of: Node<'_>) -> Expr {
        let of = self.deeper(|it| it.rs_type(of)).unwrap_or_else(|| self.nothing(node));
        let list = self.expr(node, Kind::Name("list".into()));
        self.expr(node, Kind::Index(Box::new(list), Box::new(of)))
    }

    /// What stands inside of references and of types that only hold it.
    fn rs_bare_type<'t>(&self, mut of: Node<'t>) -> Node<'t> {
        for _ in 0..12 {
            let inner = match of.kind() {
                "reference_type" | "pointer_type" => field(of, "type"),
                "dynamic_type" | "abstract_type" => field(of, "trait"),
                "bounded_type" => named(of).into_iter().next(),
                "generic_type" => {
                    let name = field(of, "type").map(|it| self.text(it)).unwrap_or_default();
                    let name = name.rsplit("::").next().unwrap_or_default();
                    let holds = HOLDERS.contains(&name);
                    let inner = field(of, "type_arguments").map(named).unwrap_or_default();
                    let inner = inner.into_iter().find(|it| it.kind() != "lifetime");
                    inner.filter(|_| holds)
                }
                _ => None,
            };
            let Some(inner) = inner else { break };
            of = inner;
        }
        of
    }

    /// A name that nothing else has.
    fn rs_fresh(&mut self) -> Word {
        self.rust.made = self.rust.made.saturating_add(1);
        Rc::from(format!("%{}", self.rust.made))
    }

    /// A name for what is bound here: its own, unless another one is still called that.
    fn rs_bind(&mut self, name: &Word) -> Word {
        let taken = self.rust.scopes.iter().any(|it| it.contains_key(name));
        let called = match taken {
            true => {
                self.rust.made = self.rust.made.saturating_add(1);
                Rc::from(format!("{name}#{}", self.rust.made))
            }
            false => Rc::clone(name),
        };
        if let Some(scope) = self.rust.scopes.last_mut() {
            let _old = scope.insert(Rc::clone(name), Rc::clone(&called));
        }
        called
    }

    /// What a name is called here.
    fn rs_called(&self, name: &str) -> Word {
        let bound = self.rust.scopes.iter().rev().find_map(|it| it.get(name));
        bound.map_or_else(|| Rc::from(name), Rc::clone)
    }
}

/// Types that hold another one, and are it as far as we are concerned.
const HOLDERS: &[&str] = &[
    "Option",
    "Box",
    "Arc",
    "Rc",
    "Mutex",
    "RwLock",
    "RefCell",
    "Cell",
    "Cow",
    "Parameters",
    "Json",
    "OnceLock",
    "OnceCell",
    "LazyLock",
    "Lazy",
    "ArcSwap",
    "Pin",
    "Data",
    "State",
    "Extension",
];

/// Whether a type is one of paths.
fn is_path(of: &str) -> bool {
    let of = of.trim_start_matches(['&', ' ']);
    let of = of.strip_prefix("'a ").unwrap_or(of).trim_start_matches("mut ");
    let inner = ["Option<", "Arc<", "Box<", "impl AsRef<", "Cow<"];
    let of = inner.iter().find_map(|it| of.strip_prefix(it)).unwrap_or(of);
    let of = of.trim_end_matches('>').trim_start_matches('&');
    matches!(of.rsplit("::").next().unwrap_or_default(), "Path" | "PathBuf")
}

fn import(path: &str, alias: Option<Word>) -> Import {
    let (module, last) = path.rsplit_once("::").unwrap_or(("", path));
    let local = alias.unwrap_or_else(|| Rc::from(last));
    Import { local, module: Rc::from(module), name: Some(Rc::from(last)) }
}
