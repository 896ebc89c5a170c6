//! What functions of Python's, of Node's and of common libraries make of their arguments.

use std::rc::Rc;

use super::super::ir::{At, Cmp, Word};
use super::super::sinks::Asked;
use super::World;
use super::value::{Alt, Args, Id, Node, Op};

/// Functions whose result is one of their first argument, as far as a sink is concerned.
#[rustfmt::skip]
const THROUGH: &[(&str, Op)] = &[
    ("os.path.realpath", Op::Resolved), ("fs.realpath", Op::Resolved), ("fs.realpathSync", Op::Resolved),
    ("fs.realpath.native", Op::Resolved), ("fs.realpathSync.native", Op::Resolved), ("Deno.realPath", Op::Resolved),
    ("os.path.abspath", Op::Absolute), ("os.path.normpath", Op::Absolute), ("path.normalize", Op::Absolute),
    ("os.path.basename", Op::Name), ("path.basename", Op::Name), ("werkzeug.utils.secure_filename", Op::Name), ("ntpath.basename", Op::Name),
    ("os.path.relpath", Op::Relative), ("os.path.commonpath", Op::CommonPath), ("os.path.commonprefix", Op::CommonPrefix),
    ("os.path.splitext", Op::Same), ("os.path.dirname", Op::Same), ("path.dirname", Op::Same), ("path.extname", Op::Sign),
    ("os.path.expanduser", Op::Same), ("os.path.expandvars", Op::Same), ("os.fspath", Op::Same),
    ("int", Op::Number), ("float", Op::Number), ("bool", Op::Number), ("complex", Op::Number), ("ord", Op::Number), ("abs", Op::Number),
    ("Number", Op::Number), ("parseInt", Op::Number), ("parseFloat", Op::Number), ("Boolean", Op::Number), ("BigInt", Op::Number),
    ("Number.parseInt", Op::Number), ("Number.parseFloat", Op::Number), ("uuid.UUID", Op::Number), ("datetime.datetime.fromisoformat", Op::Number),
    ("datetime.date.fromisoformat", Op::Number), ("decimal.Decimal", Op::Number), ("Math.floor", Op::Number), ("Math.min", Op::Number), ("Math.max", Op::Number), ("Math.round", Op::Number),
    ("min", Op::Same), ("max", Op::Same), ("round", Op::Number),
    ("shlex.quote", Op::Quoted), ("re.escape", Op::Quoted), ("shlex.join", Op::Quoted), ("pipes.quote", Op::Quoted), ("shell-quote.quote", Op::Quoted),
    ("shlex.split", Op::Same), ("str", Op::Same), ("bytes", Op::Same), ("String", Op::Same), ("list", Op::Same), ("tuple", Op::Same), ("set", Op::Same),
    ("frozenset", Op::Same), ("sorted", Op::Same), ("reversed", Op::Same), ("iter", Op::Same), ("next", Op::Same), ("repr", Op::Same), ("Set", Op::Same), ("Array.from", Op::Same), ("Array", Op::Same),
    ("Buffer.from", Op::Same), ("JSON.parse", Op::Same), ("JSON.stringify", Op::Same), ("json.loads", Op::Same), ("json.dumps", Op::Same),
    ("base64.b64decode", Op::Same), ("base64.b64encode", Op::Same), ("atob", Op::Same), ("codecs.decode", Op::Same), ("bytes.fromhex", Op::Same), ("decodeURIComponent", Op::Same), ("decodeURI", Op::Same),
    ("urllib.parse.unquote", Op::Same), ("urllib.parse.quote", Op::Same), ("urllib.parse.quote_plus", Op::Same), ("encodeURIComponent", Op::Same), ("encodeURI", Op::Same), ("urllib.parse.urljoin", Op::Same),
    ("urllib.parse.urlparse", Op::Same), ("urllib.parse.urlsplit", Op::Same), ("URL", Op::Same), ("url.parse", Op::Same), ("url.fileURLToPath", Op::Same), ("url.URL", Op::Same),
    ("pathlib.Path", Op::Same), ("pathlib.PurePath", Op::Same), ("pathlib.PosixPath", Op::Same), ("pathlib.PurePosixPath", Op::Same), ("anyio.Path", Op::Same), ("io.StringIO", Op::Same), ("io.BytesIO", Op::Same),
    ("copy.copy", Op::Same), ("copy.deepcopy", Op::Same), ("textwrap.dedent", Op::Same), ("html.escape", Op::Same), ("ipaddress.ip_address", Op::Same), ("socket.gethostbyname", Op::Same),
    ("html.unescape", Op::Same), ("urllib.parse.unquote_plus", Op::Same), ("urllib.parse.unquote_to_bytes", Op::Same), ("base64.urlsafe_b64decode", Op::Same), ("base64.standard_b64decode", Op::Same),
    ("base64.b32decode", Op::Same), ("base64.b16decode", Op::Same), ("base64.b85decode", Op::Same), ("base64.a85decode", Op::Same), ("binascii.unhexlify", Op::Same), ("binascii.a2b_base64", Op::Same), ("binascii.a2b_hex", Op::Same),
    ("zlib.decompress", Op::Same), ("gzip.decompress", Op::Same), ("bz2.decompress", Op::Same), ("lzma.decompress", Op::Same), ("yaml.safe_load", Op::Same), ("yaml.safe_load_all", Op::Same), ("tomllib.loads", Op::Same), ("tomli.loads", Op::Same), ("toml.loads", Op::Same),
    ("json5.loads", Op::Same), ("orjson.loads", Op::Same), ("ujson.loads", Op::Same), ("simplejson.loads", Op::Same), ("xmltodict.parse", Op::Same), ("dataclasses.asdict", Op::Same), ("dataclasses.astuple", Op::Same), ("dataclasses.replace", Op::Same), ("vars", Op::Same),
    ("collections.deque", Op::Same), ("bytearray", Op::Same), ("memoryview", Op::Same), ("os.fsdecode", Op::Same), ("os.fsencode", Op::Same), ("itertools.islice", Op::Same), ("itertools.cycle", Op::Same), ("itertools.repeat", Op::Same),
    ("unescape", Op::Same), ("escape", Op::Same), ("querystring.unescape", Op::Same), ("querystring.parse", Op::Same), ("qs.parse", Op::Same), ("URLSearchParams", Op::Same), ("url.URLSearchParams", Op::Same), ("Object.fromEntries", Op::Same), ("Buffer.concat", Op::Same),
    ("Proxy", Op::Same), ("Object.freeze", Op::Same), ("Object.seal", Op::Same), ("Object.create", Op::Same), ("JSON5.parse", Op::Same), ("json5.parse", Op::Same), ("yaml.parse", Op::Same), ("js-yaml.load", Op::Same), ("toml.parse", Op::Same), ("util.inspect", Op::Same), ("he.decode", Op::Same),
    ("lodash.cloneDeep", Op::Same), ("lodash.pick", Op::Same), ("lodash.omit", Op::Same), ("lodash.trim", Op::Same), ("lodash.values", Op::Same), ("lodash.first", Op::Same), ("lodash.last", Op::Same), ("lodash.toString", Op::Same),
    ("typing.cast", Op::Same), ("Promise.all", Op::Same), ("Promise.resolve", Op::Same), ("Promise.allSettled", Op::Same), ("ast.literal_eval", Op::Same), ("structuredClone", Op::Same),
];

/// Functions whose result has nothing of their arguments in it.
#[rustfmt::skip]
const ELSEWHERE: &[&str] = &[
    "len", "isinstance", "hasattr", "callable", "issubclass", "type", "id", "hash", "print", "range", "os.path.exists", "os.path.isfile", "os.path.isdir",
    "os.path.islink", "os.path.getsize", "os.path.isabs", "os.stat", "os.lstat", "os.access", "os.getenv", "os.environ.get", "fs.existsSync", "fs.stat",
    "fs.statSync", "fs.lstat", "fs.lstatSync", "fs.access", "fs.accessSync", "path.isAbsolute", "Array.isArray", "Object.keys", "Date",
    "setTimeout", "setInterval", "super", "minimatch", "time.sleep", "asyncio.sleep", "crypto.createHash", "typeof",
];

/// Methods that give the text itself, or a part of it.
#[rustfmt::skip]
const SAME: &[&str] = &[
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "capitalize", "trim", "trimStart", "trimEnd", "toLowerCase", "toUpperCase", "normalize",
    "encode", "decode", "expanduser", "absolute", "as_posix", "as_uri", "toString", "valueOf", "split", "rsplit", "splitlines", "partition", "rpartition", "removeprefix", "removesuffix", "ljust", "rjust", "zfill", "copy", "filter", "sort", "sorted", "reverse", "flat", "with_suffix", "with_name", "concat", "model_dump", "dict",
    "toSorted", "unicode_string", "geturl", "join", "values", "then", "finally", "next", "padStart", "padEnd", "repeat", "format", "getvalue", "optional", "keys", "data",
];
/// Methods that give a piece of it.
const PART: &[&str] = &["slice", "substring", "substr", "at", "charAt", "subarray"];
/// Tests of a text's form.
#[rustfmt::skip]
const TESTS: &[&str] = &[
    "startswith", "startsWith", "endswith", "endsWith", "isdigit", "isdecimal", "isnumeric", "isalnum", "isalpha", "isidentifier", "is_relative_to", "is_absolute",
    "includes", "has", "__contains__", "contains", "issuperset", "issubset", "isSubsetOf", "hasOwn", "hasOwnProperty", "indexOf", "find", "search", "match", "test", "isascii",
];

impl World<'_> {
    /// What comes of a call that is known; None when it is not.
    pub(in super::super) fn known(&mut self, asked: &Asked<'_>) -> Option<Id> {
        let first = asked.args.first().map(|(_, id)| *id);
        self.combining(asked, first)
            .or_else(|| self.one_through(asked, first))
            .or_else(|| self.handing_over(asked, first))
            .or_else(|| self.over_elements(asked, first))
            .or_else(|| self.of_receiver(asked, first))
    }

    fn ids(&self, args: &Args) -> Vec<Id> {
        args.iter().map(|(_, id)| *id).collect()
    }

    /// Functions that put several values together.
    fn combining(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let at = asked.at;
        let ids = self.ids(asked.args);
        let node = match asked.path {
            "os.path.join" | "posixpath.join" => Node::Path(ids, true),
            "path.join" => {
                let joined = self.make(Node::Path(ids, false), at);
                Node::Through(Op::Absolute, joined)
            }
            "path.resolve" => {
                let joined = self.make(Node::Path(ids, true), at);
                Node::Through(Op::Absolute, joined)
            }
            "path.relative" => Node::Through(Op::Relative, *ids.get(1)?),
            "pathlib.Path" | "pathlib.PurePath" | "pathlib.PurePosixPath" if !ids.is_empty() => {
                Node::Path(ids, true)
            }
            "urllib.parse.urljoin" | "URL" | "url.URL" if ids.len() > 1 => {
                let parts =
                    if asked.path.ends_with("URL") { ids.into_iter().rev().collect() } else { ids };
                Node::Parts(parts)
            }
            "isinstance" => {
                let (value, kind) = (first?, ids.get(1)?);
                Node::Compare(Cmp::Instance, value, *kind)
            }
            "re.match" | "re.fullmatch" | "re.search" | "regex.match" | "regex.fullmatch" => {
                let word = Rc::from(asked.method);
                Node::Test(word, *ids.get(1)?, vec![first?])
            }
            "re.sub" => return self.replaced(*ids.get(2)?, first?, *ids.get(1)?, at),
            "enumerate" | "Object.entries" => return Some(self.pairs(first?, at)),
            "Object.values" => return self.values_of(first?, at),
            "Object.defineProperty" => return self.define_property(asked.args, at),
            "require" | "import" | "module.require" | "module.createRequire()" => {
                let Some(name) = self.values.text(first?).cloned() else {
                    self.note_made_name(at);
                    return None;
                };
                return Some(self.required(&name, at));
            }
            "zip" => {
                let elements = ids.iter().map(|it| (false, self.element(*it, at))).collect();
                let pair = self.make(Node::List(elements), at);
                return Some(self.each_of(pair, at));
            }
            "any" | "all" => {
                let element = self.element(first?, at);
                Node::Test(Rc::from(asked.method), element, Vec::new())
            }
            "getattr" => {
                let word = self.values.text(*ids.get(1)?).cloned();
                return match word {
                    Some(word) => Some(self.member(first?, &word, at)),
                    None => Some(self.any_member(first?, *ids.get(1)?, at)),
                };
            }
            "dict"
            | "Map"
            | "Object.assign"
            | "types.SimpleNamespace"
            | "collections.OrderedDict" => {
                let entry = |(name, id): &(Option<Word>, Id)| match name.as_deref() {
                    None | Some("**" | "*") => (None, *id),
                    Some(word) => (Some(self.values.make(Node::Text(Rc::from(word)), at)), *id),
                };
                Node::Map(asked.args.iter().map(entry).collect())
            }
            _ => return None,
        };
        Some(self.make(node, at))
    }

    fn each_of(&mut self, value: Id, at: At) -> Id {
        self.make(Node::Each(Alt { value, known: Rc::from([]) }), at)
    }

    /// Each with its number, or with its key.
    pub(super) fn pairs(&mut self, of: Id, at: At) -> Id {
        let element = self.element(of, at);
        let (key, value) = match self.values.get(of).clone() {
            Node::Map(entries) => {
                let values: Vec<Id> = entries.iter().map(|(_, value)| *value).collect();
                (element, self.values.any(values, at))
            }
            _ => (self.unknown(at), element),
        };
        let pair = self.make(Node::List(vec![(false, key), (false, value)]), at);
        self.each_of(pair, at)
    }

    /// What a map holds, one after the other.
    pub(super) fn values_of(&mut self, of: Id, at: At) -> Option<Id> {
        let map = match *self.values.get(of) {
            Node::Module(module) => self.module_map(module, at),
            _ => of,
        };
        let Node::Map(entries) = self.values.get(map).clone() else {
            return Some(self.through(Op::Same, of, at));
        };
        let mut values = Vec::new();
        for (key, value) in entries {
            // What is spread brings its own values.
            let spread = key.is_none().then(|| self.values_of(value, at)).flatten();
            values.push(match spread {
                Some(all) => self.element(all, at),
                None => value,
            });
        }
        let value = self.values.any(values, at);
        Some(self.each_of(value, at))
    }

    fn one_through(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        if ELSEWHERE.contains(&asked.path) {
            return Some(self.make(Node::Call(Rc::from(asked.path), None, Vec::new()), asked.at));
        }
        let (_, op) = THROUGH.iter().find(|(path, _)| *path == asked.path)?;
        if *op == Op::Resolved || *op == Op::Absolute {
            let resolved = self.through(*op, first?, asked.at);
            return Some(resolved);
        }
        Some(self.through(*op, first?, asked.at))
    }

    /// Functions that run another one.
    fn handing_over(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let at = asked.at;
        let rest = |skip: usize| asked.args.iter().skip(skip).cloned().collect::<Args>();
        match asked.path {
            "functools.partial" => Some(self.make(Node::Partial(first?, rest(1)), at)),
            "functools.wraps()"
            | "functools.lru_cache()"
            | "staticmethod"
            | "property"
            | "classmethod"
            | "functools.cache"
            | "functools.lru_cache"
            | "contextlib.closing"
            | "asyncio.wait_for"
            | "asyncio.shield"
            | "asyncio.run"
            | "contextlib.contextmanager"
            | "contextlib.asynccontextmanager"
            | "util.promisify"
            | "contextlib.nullcontext" => first,
            "anyio.to_thread.run_sync" | "asyncio.to_thread" | "anyio.run" | "map"
                if asked.path != "map" =>
            {
                self.call(first?, rest(1), at)
            }
            "map" => {
                let element = self.element(asked.args.get(1)?.1, at);
                let value = self.call(first?, vec![(None, element)], at)?;
                Some(self.each_of(value, at))
            }
            "asyncio.gather" => {
                let items = asked.args.iter().map(|(name, id)| (name.is_some(), *id)).collect();
                Some(self.make(Node::List(items), at))
            }
            _ if asked.method == "run_in_executor" => self.call(asked.args.get(1)?.1, rest(2), at),
            _ if asked.method == "submit" || asked.path.ends_with("run_sync") => {
                let function = first.filter(|it| self.is_function(*it))?;
                self.call(function, rest(1), at)
            }
            _ => None,
        }
    }

    /// `list.map(f)` and its like.
    fn over_elements(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let (recv, function, at) = (asked.recv?, first?, asked.at);
        let methods = [
            "map", "filter", "some", "every", "find", "forEach", "flatMap", "then", "catch",
            "reduce",
        ];
        if !methods.contains(&asked.method) || !self.is_callable(function) {
            return None;
        }
        let given = match asked.method {
            "then" => recv,
            "catch" => self.make(Node::Caught(at), at),
            "reduce" => {
                let start = asked.args.get(1).map(|(_, it)| *it);
                let element = self.element(recv, at);
                let start = start.unwrap_or(element);
                let value = self.call(function, vec![(None, start), (None, element)], at);
                return Some(self.values.any([start].into_iter().chain(value), at));
            }
            _ => self.element(recv, at),
        };
        let before = self.facts.clone();
        let result = self.call(function, vec![(None, given)], at);
        let result = result.unwrap_or_else(|| self.unknown(at));
        Some(match asked.method {
            "map" | "flatMap" => {
                let known = self.facts.beyond(&before);
                let result =
                    if asked.method == "flatMap" { self.element(result, at) } else { result };
                self.make(Node::Each(Alt { value: result, known }), at)
            }
            "filter" => {
                let known = self.learned(result, &before);
                self.facts = before;
                self.make(Node::Each(Alt { value: given, known }), at)
            }
            "find" => {
                let known = self.learned(result, &before);
                self.facts = before;
                let none = Alt { value: self.make(Node::Nothing, at), known: Rc::from([]) };
                self.values.phi(vec![Alt { value: given, known }, none], at)
            }
            "some" => self.make(Node::Test(Rc::from("any"), result, Vec::new()), at),
            "every" => self.make(Node::Test(Rc::from("all"), result, Vec::new()), at),
            "catch" => self.values.any([recv, result], at),
            _ => result,
        })
    }

    fn is_callable(&self, id: Id) -> bool {
        self.is_function(id)
            || matches!(self.values.get(id), Node::Global(_)) && self.values.path(id).is_some()
    }

    /// What would be known if a condition held.
    fn learned(&mut self, condition: Id, before: &super::Facts) -> Rc<[super::value::Known]> {
        let _possible = self.assume(condition, true);
        self.facts.beyond(before)
    }

    /// Methods of texts, paths, collections and schemas.
    fn of_receiver(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let (recv, at) = (asked.recv?, asked.at);
        match asked.method {
            "format" => return Some(self.formatted(recv, asked)),
            "join" => return Some(self.joined(recv, first, at)),
            "get" | "pop" | "setdefault" | "getItem" => {
                let found =
                    first.filter(|_| self.is_map(recv)).map(|it| self.index(recv, it, at))?;
                let default = asked.args.get(1).map(|(_, it)| *it);
                return Some(self.values.any([found].into_iter().chain(default), at));
            }
            "items" | "entries" => return Some(self.pairs(recv, at)),
            "values" if matches!(self.values.get(recv), Node::Map(_)) => {
                return self.values_of(recv, at);
            }
            "parse" | "parseAsync" | "model_validate" | "parse_obj" | "validate"
                if first.is_some() && asked.path != "JSON.parse" =>
            {
                return first;
            }
            "safeParse" | "safeParseAsync" => {
                let key = self.make(Node::Text(Rc::from("data")), at);
                return Some(self.make(Node::Map(vec![(Some(key), first?)]), at));
            }
            "resolve" if self.is_path(recv) || asked.path.starts_with("pathlib.") => {
                return Some(self.through(Op::Resolved, recv, at));
            }
            "joinpath" => {
                let parts = [recv].into_iter().chain(self.ids(asked.args)).collect();
                return Some(self.make(Node::Path(parts, true), at));
            }
            "replace" | "replaceAll" | "translate" => {
                let by = asked.args.get(1).map(|(_, it)| *it);
                return self.replaced(recv, first?, by.unwrap_or(recv), at);
            }
            "relative_to" => {
                let test =
                    self.make(Node::Test(Rc::from("is_relative_to"), recv, vec![first?]), at);
                let _possible = self.assume(test, true);
                return Some(recv);
            }
            _ => {}
        }
        self.tested(asked, recv, first).or_else(|| self.same(asked, recv))
    }

    fn is_map(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Map(_) | Node::Sent(_) => true,
            Node::Phi(alts) => alts
                .iter()
                .any(|it| matches!(self.values.get(it.value), Node::Map(_) | Node::Sent(_))),
            Node::Or(values) => {
                values.iter().any(|it| matches!(self.values.get(*it), Node::Map(_) | Node::Sent(_)))
            }
            _ => self.values.tainted(id),
        }
    }

    fn same(&mut self, asked: &Asked<'_>, recv: Id) -> Option<Id> {
        let carries = self.values.tainted(recv) || self.values.caught(recv);
        let literal = matches!(
            self.values.get(recv),
            Node::List(_) | Node::Each(_) | Node::Map(_) | Node::Path(..)
        );
        let op = match asked.method {
            method if SAME.contains(&method) => Op::Same,
            method if PART.contains(&method) => Op::Part,
            _ => return None,
        };
        (carries || literal).then(|| self.through(op, recv, asked.at))
    }

    fn tested(&mut self, asked: &Asked<'_>, recv: Id, first: Option<Id>) -> Option<Id> {
        if !TESTS.contains(&asked.method) {
            return None;
        }
        let at = asked.at;
        let node = match asked.method {
            "includes" | "has" | "__contains__" | "contains" | "hasOwn" | "hasOwnProperty" => {
                Node::Compare(Cmp::In, first?, recv)
            }
            "indexOf" | "find" | "search" if self.values.tainted(recv) => {
                let test = self.make(Node::Compare(Cmp::In, first?, recv), at);
                Node::Through(Op::Find, test)
            }
            "indexOf" => {
                let test = self.make(Node::Compare(Cmp::In, first?, recv), at);
                Node::Through(Op::Find, test)
            }
            "issuperset" => Node::Test(Rc::from("subset"), first?, vec![recv]),
            "issubset" | "isSubsetOf" => Node::Test(Rc::from("subset"), recv, vec![first?]),
            "test" => Node::Test(Rc::from("search"), first?, vec![recv]),
            "match" | "search" | "fullmatch"
                if !self.values.tainted(recv)
                    && first.is_some_and(|it| self.values.tainted(it)) =>
            {
                // A compiled expression's own method.
                Node::Test(Rc::from(asked.method), first?, vec![recv])
            }
            "match" => Node::Test(Rc::from("search"), recv, vec![first?]),
            method => {
                let word = match method {
                    "startsWith" => "startswith",
                    "endsWith" => "endswith",
                    other => other,
                };
                Node::Test(Rc::from(word), recv, first.into_iter().collect())
            }
        };
        Some(self.make(node, at))
    }

    fn formatted(&mut self, recv: Id, asked: &Asked<'_>) -> Id {
        let ids: Vec<Id> = [recv].into_iter().chain(self.ids(asked.args)).collect();
        self.make(Node::Parts(ids), asked.at)
    }

    /// In Python the separator joins, in JavaScript it is the argument.
    pub(super) fn joined(&mut self, recv: Id, first: Option<Id>, at: At) -> Id {
        let (list, separator) = match first {
            Some(first) if self.is_python(at) => (first, recv),
            Some(first) => (recv, first),
            None => (recv, self.make(Node::Text(Rc::from(",")), at)),
        };
        let items = match self.values.get(list).clone() {
            Node::List(items) => items,
            _ => vec![(true, list)],
        };
        let mut parts = Vec::new();
        for (spread, id) in items {
            if !parts.is_empty() || spread {
                parts.push(separator);
            }
            parts.push(if spread { self.element(id, at) } else { id });
        }
        self.make(Node::Parts(parts), at)
    }

    /// `re.sub`, `.replace`: what is left may be known to be harmless.
    pub(super) fn replaced(&mut self, of: Id, what: Id, by: Id, at: At) -> Option<Id> {
        let what_text = match self.values.get(what) {
            Node::Text(text) | Node::Regex(text) => text.to_string(),
            _ => String::new(),
        };
        let op = if super::refine::cleans(&what_text) { Op::Name } else { Op::Same };
        let kept = self.through(op, of, at);
        // `dir.replace(/\/?$/, "/")`: whatever it ended in, now it ends in this.
        let always = what_text.strip_suffix('$').is_some_and(|it| it.ends_with(['?', '*']));
        if always && !self.values.tainted(by) {
            return Some(self.make(Node::Parts(vec![kept, by]), at));
        }
        if self.values.tainted(by) && by != of {
            return Some(self.make(Node::Parts(vec![kept, by]), at));
        }
        Some(kept)
    }

    /// An unknown function whose name says that it gives back what it got.
    pub(in super::super) fn carried(&mut self, asked: &Asked<'_>) -> Option<Id> {
        const VERBS: &[&str] = &[
            "parse",
            "normal",
            "expand",
            "format",
            "decode",
            "encode",
            "to_",
            "to",
            "str",
            "clean",
            "trim",
            "build",
            "escape",
            "sanit",
            "unquote",
            "strip",
            "wrap",
            "convert",
            "render",
            "template",
            "get_path",
            "quote",
            "Text",
            "substitute",
            "safe_substitute",
        ];
        let carries = |world: &Self, id: Id| world.values.tainted(id) || world.values.caught(id);
        let lower = asked.method;
        let named = VERBS.iter().any(|it| lower.starts_with(it))
            || lower.ends_with("Content")
            || lower.ends_with("Error")
            || lower.ends_with("Result")
            || lower.ends_with("Exception")
            || lower == "`";
        let recv = asked.recv.filter(|it| carries(self, *it) && !self.values.get(*it).is_sent());
        let args: Vec<Id> =
            self.ids(asked.args).into_iter().filter(|it| carries(self, *it)).collect();
        // Where a program lies is still the program that was asked for.
        if lower.ends_with("Executable")
            && let Some(program) = asked.args.first().filter(|it| carries(self, it.1))
        {
            return Some(self.make(Node::Through(Op::Same, program.1), asked.at));
        }
        let parts: Vec<Id> = match (recv, named) {
            (Some(recv), _) => [recv].into_iter().chain(args).collect(),
            (None, true) if !args.is_empty() => args,
            _ => return None,
        };
        Some(self.make(Node::Parts(parts), asked.at))
    }
}

impl Node {
    fn is_sent(&self) -> bool {
        matches!(self, Self::Sent(_))
    }
}
