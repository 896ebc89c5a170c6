//! What every language is lowered to: as little as following a value needs.
//!
//! A form that is not understood becomes [`Kind::Other`], which keeps its parts, so that a
//! value that goes in is still seen to come out.

use std::rc::Rc;

/// A name, shared.
pub(super) type Word = Rc<str>;

/// A place: the file's number, the line and the column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct At {
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Whose ways a file has: names, modules and errors work as they do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    Python,
    /// JavaScript and TypeScript.
    Script,
    Go,
    Rust,
}

/// A file, understood.
#[derive(Debug)]
pub(super) struct Module {
    /// Its name relative to the target.
    pub(super) name: String,
    pub(super) tongue: Tongue,
    pub(super) body: Vec<Stmt>,
    /// What fields of its types are called where they are written as JSON.
    pub(super) tags: Vec<(Word, Word)>,
    /// Fields and parameters that are paths by their types.
    pub(super) paths: Vec<Word>,
    /// Macros that are written in it.
    pub(super) macros: Vec<Word>,
    /// Modules below it that are compiled for tests only.
    pub(super) tests: Vec<Word>,
    /// Its own lines that are, from the first to the last.
    pub(super) test_lines: Vec<(u32, u32)>,
}

impl Module {
    /// Whether what stands on a line is compiled for tests only.
    pub(super) fn is_of_tests(&self, line: u32) -> bool {
        self.test_lines.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    pub(super) at: At,
}

/// How two values are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cmp {
    Equal,
    In,
    /// Anything else: an order, an instance.
    Order,
    Instance,
}

#[derive(Debug)]
pub(super) enum Kind {
    Name(Word),
    Text(Word),
    Number(Word),
    Bool(bool),
    Nothing,
    /// A literal of a regular expression.
    Regex(Word),
    /// Texts put after each other.
    Parts(Vec<Expr>),
    /// Two paths put after each other with `/`.
    Slash(Box<Expr>, Box<Expr>),
    Compare(Cmp, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(Box<Call>),
    Member(Box<Expr>, Word),
    Index(Box<Expr>, Box<Expr>),
    /// Some of the elements; whether from the first on.
    Slice(Box<Expr>, bool),
    List(Vec<Item>),
    Map(Vec<Entry>),
    Function(Rc<Function>),
    Class(Rc<Class>),
    /// A comprehension; a key when it builds a map.
    Each(Box<Each>),
    Assign(Box<Pattern>, Box<Expr>),
    Other(Vec<Expr>),
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) callee: Expr,
    pub(super) args: Vec<Arg>,
}

#[derive(Debug)]
pub(super) struct Arg {
    pub(super) name: Option<Word>,
    /// `*x`, `**x` or `...x`.
    pub(super) spread: bool,
    pub(super) value: Expr,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) spread: bool,
    pub(super) value: Expr,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// Without a key, the value's entries are taken over.
    pub(super) key: Option<Expr>,
    pub(super) value: Expr,
}

#[derive(Debug)]
pub(super) struct Each {
    pub(super) key: Option<Expr>,
    pub(super) element: Expr,
    pub(super) of: Vec<Clause>,
}

#[derive(Debug)]
pub(super) struct Clause {
    pub(super) pattern: Pattern,
    pub(super) iter: Expr,
    pub(super) conditions: Vec<Expr>,
}

#[derive(Debug)]
pub(super) enum Pattern {
    Name(Word),
    /// Some elements; which of them takes the rest.
    Items(Vec<Pattern>, Option<usize>),
    /// Some members.
    Fields(Vec<(Word, Pattern)>),
    /// A member or an element of something.
    Place(Expr),
    Ignored,
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: Word,
    pub(super) params: Vec<Param>,
    pub(super) body: Vec<Stmt>,
    pub(super) at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    One,
    /// `*args`, `...args`.
    Many,
    /// `**kwargs`.
    Named,
}

#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: Word,
    pub(super) pattern: Pattern,
    /// Its type, as an expression and as written.
    pub(super) of: Option<(Expr, String)>,
    pub(super) default: Option<Expr>,
    pub(super) rest: Rest,
}

#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: Word,
    pub(super) bases: Vec<Expr>,
    pub(super) methods: Vec<Method>,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Method {
    pub(super) decorators: Vec<Expr>,
    pub(super) function: Rc<Function>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Word,
    pub(super) of: Option<(Expr, String)>,
    pub(super) value: Option<Expr>,
}

#[derive(Debug)]
pub(super) struct Stmt {
    pub(super) kind: Do,
    pub(super) at: At,
}

#[derive(Debug)]
pub(super) enum Do {
    Expr(Expr),
    Let(Pattern, Expr),
    /// `x += y`
    Grow(Pattern, Expr),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// The first that fits is done; none falls through.
    Switch(Expr, Vec<Case>),
    For(Pattern, Expr, Vec<Stmt>, Vec<Stmt>),
    While(Expr, Vec<Stmt>),
    Try(Box<Try>),
    /// `with`: each value may be bound.
    With(Vec<(Expr, Option<Pattern>)>, Vec<Stmt>),
    Return(Option<Expr>),
    Raise(Option<Expr>),
    Break,
    Continue,
    Assert(Expr),
    /// Names that are those of a scope around.
    Outside(Vec<Word>),
    Def(Rc<Function>, Vec<Expr>),
    Class(Rc<Class>, Vec<Expr>),
    Import(Vec<Import>),
    /// What another file may take, under its name there.
    Export(Vec<(Word, Expr)>),
    Block(Vec<Stmt>),
}

#[derive(Debug)]
pub(super) struct Case {
    /// Without one, it fits always.
    pub(super) values: Vec<Expr>,
    pub(super) always: bool,
    pub(super) body: Vec<Stmt>,
}

#[derive(Debug)]
pub(super) struct Try {
    pub(super) body: Vec<Stmt>,
    pub(super) catches: Vec<Catch>,
    pub(super) otherwise: Vec<Stmt>,
    pub(super) finally: Vec<Stmt>,
}

#[derive(Debug)]
pub(super) struct Catch {
    /// None: whatever was thrown.
    pub(super) types: Vec<Expr>,
    pub(super) pattern: Pattern,
    pub(super) body: Vec<Stmt>,
    pub(super) at: At,
}

#[derive(Debug)]
pub(super) struct Import {
    pub(super) local: Word,
    /// The module as written; dots at its beginning count levels.
    pub(super) module: Word,
    /// One name of it; `*` is everything, none is the module itself.
    pub(super) name: Option<Word>,
}
