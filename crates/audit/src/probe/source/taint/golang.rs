//! What functions of Go's own and of common packages make of their arguments.

use std::rc::Rc;

use super::super::ir::{At, Cmp, Function, Param};
use super::super::sinks::Asked;
use super::World;
use super::value::{Alt, Args, Id, Node, Op};

/// Functions whose result is one of their first argument, as far as a sink is concerned.
#[rustfmt::skip]
const THROUGH: &[(&str, Op)] = &[
    ("filepath.EvalSymlinks", Op::Resolved), ("filepath.Abs", Op::Absolute), ("filepath.Clean", Op::Absolute), ("path.Clean", Op::Absolute),
    ("filepath.Base", Op::Name), ("path.Base", Op::Name), ("filepath.Ext", Op::Sign), ("path.Ext", Op::Sign), ("filepath.Dir", Op::Same), ("path.Dir", Op::Same),
    ("filepath.ToSlash", Op::Same), ("filepath.FromSlash", Op::Same), ("filepath.VolumeName", Op::Sign), ("os.ExpandEnv", Op::Same), ("filepath.Localize", Op::Name),
    ("int", Op::Number), ("strconv.Atoi", Op::Number), ("strconv.ParseInt", Op::Number), ("strconv.ParseUint", Op::Number), ("strconv.ParseFloat", Op::Number),
    ("strconv.ParseBool", Op::Number), ("uuid.Parse", Op::Number), ("time.Parse", Op::Number), ("time.ParseDuration", Op::Number), ("strconv.Itoa", Op::Same),
    ("string", Op::Same), ("byte", Op::Same), ("rune", Op::Same), ("strconv.Quote", Op::Same), ("strconv.Unquote", Op::Same),
    ("shellescape.Quote", Op::Quoted), ("shellquote.Join", Op::Quoted), ("regexp.QuoteMeta", Op::Quoted),
    ("strings.TrimSpace", Op::Same), ("strings.Trim", Op::Same), ("strings.TrimLeft", Op::Same), ("strings.TrimRight", Op::Same), ("strings.TrimPrefix", Op::Same),
    ("strings.TrimSuffix", Op::Same), ("strings.ToLower", Op::Same), ("strings.ToUpper", Op::Same), ("strings.Title", Op::Same), ("strings.Split", Op::Same),
    ("strings.SplitN", Op::Same), ("strings.Fields", Op::Same), ("strings.Repeat", Op::Same), ("strings.ToValidUTF8", Op::Same), ("strings.NewReader", Op::Same),
    ("bytes.NewReader", Op::Same), ("bytes.NewBufferString", Op::Same), ("bytes.NewBuffer", Op::Same), ("bytes.TrimSpace", Op::Same), ("io.NopCloser", Op::Same), ("io.ReadAll", Op::Same),
    ("url.Parse", Op::Same), ("url.ParseRequestURI", Op::Same), ("url.QueryUnescape", Op::Same), ("url.PathUnescape", Op::Same), ("url.QueryEscape", Op::Same), ("url.PathEscape", Op::Same),
    ("json.Marshal", Op::Same), ("json.MarshalIndent", Op::Same), ("json.NewDecoder", Op::Same), ("yaml.Marshal", Op::Same), ("base64.StdEncoding.DecodeString", Op::Same), ("hex.DecodeString", Op::Same),
    ("shlex.Split", Op::Same), ("shellquote.Split", Op::Same), ("shellwords.Parse", Op::Same), ("slices.Clone", Op::Same), ("template.HTMLEscapeString", Op::Same), ("html.EscapeString", Op::Same),
    ("html.UnescapeString", Op::Same), ("base64.URLEncoding.DecodeString", Op::Same), ("base64.RawStdEncoding.DecodeString", Op::Same), ("base64.RawURLEncoding.DecodeString", Op::Same),
    ("mcp.ToBoolPtr", Op::Same), ("ptr.To", Op::Same),
];

/// Functions whose result has nothing of their arguments in it.
const ELSEWHERE: &[&str] = &[
    "len",
    "cap",
    "os.Stat",
    "os.Lstat",
    "os.Getenv",
    "os.LookupEnv",
    "os.IsNotExist",
    "os.IsExist",
    "errors.Is",
    "errors.As",
    "filepath.IsAbs",
    "os.Getwd",
    "print",
    "println",
    "log.Printf",
    "log.Println",
    "log.Print",
    "utf8.ValidString",
    "utf8.RuneCountInString",
    "reflect.TypeOf",
];

/// Errors of the program's own making.
const ERRORS: &[&str] = &[
    "errors.New",
    "errors.Join",
    "errors.Errorf",
    "errors.Wrap",
    "errors.Wrapf",
    "status.Error",
    "status.Errorf",
];

impl World<'_> {
    /// What comes of a call that is known; None when it is not.
    pub(super) fn known_in_go(&mut self, asked: &Asked<'_>) -> Option<Id> {
        let first = asked.args.first().map(|(_, id)| *id);
        if let Some(kept) = self.kept_in_go(asked, first) {
            return Some(kept);
        }
        if ELSEWHERE.contains(&asked.path) {
            return Some(self.make(Node::Call(Rc::from(asked.path), None, Vec::new()), asked.at));
        }
        if self.only_fails(asked.path) {
            return Some(self.error_or_none(asked.at));
        }
        if let Some((_, op)) = THROUGH.iter().find(|(path, _)| *path == asked.path) {
            return Some(self.through(*op, first?, asked.at));
        }
        self.put_together(asked, first)
            .or_else(|| self.of_request(asked, first))
            .or_else(|| self.of_go_value(asked, first))
    }

    fn put_together(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let at = asked.at;
        let ids: Vec<Id> = asked.args.iter().map(|(_, id)| *id).collect();
        let second = ids.get(1).copied();
        let node = match asked.path {
            "filepath.Join" | "path.Join" => {
                let joined = self.make(Node::Path(ids, false), at);
                Node::Through(Op::Absolute, joined)
            }
            // What it makes lies below its first argument, whatever the rest says.
            "securejoin.SecureJoin" => {
                let joined = self.make(Node::Path(ids, false), at);
                Node::Through(Op::Name, joined)
            }
            "filepath.Rel" => Node::Through(Op::Relative, second?),
            "filepath.IsLocal" | "fs.ValidPath" => {
                Node::Test(Rc::from("is_local"), first?, Vec::new())
            }
            "strings.HasPrefix" | "bytes.HasPrefix" => {
                Node::Test(Rc::from("startswith"), first?, vec![second?])
            }
            "strings.HasSuffix" => Node::Test(Rc::from("endswith"), first?, vec![second?]),
            "strings.Contains" | "strings.ContainsAny" | "strings.ContainsRune" => {
                Node::Compare(Cmp::In, second?, first?)
            }
            "strings.EqualFold" => Node::Compare(Cmp::Equal, first?, second?),
            "strings.Index" | "strings.IndexByte" => {
                let test = self.make(Node::Compare(Cmp::In, second?, first?), at);
                Node::Through(Op::Find, test)
            }
            "slices.Contains" => Node::Compare(Cmp::In, second?, first?),
            "regexp.MatchString" => Node::Test(Rc::from("search"), second?, vec![first?]),
            "strings.Join" => return Some(self.spread_text(first?, second?, at)),
            "strings.Replace" | "strings.ReplaceAll" => {
                return self.replaced(first?, second?, *ids.get(2)?, at);
            }
            "fmt.Sprintf" => return Some(self.sprintf(&ids, at)),
            "fmt.Sprint" | "fmt.Sprintln" => return Some(self.concat(&ids, at)),
            "fmt.Errorf" => Node::Parts(ids),
            path if path.starts_with("mcp.NewToolResult") => Node::Parts(ids),
            "Object.entries" => return Some(self.pairs(first?, at)),
            "range!" => {
                return match self.values.get(first?) {
                    Node::Map(_) => self.values_of(first?, at),
                    _ => first,
                };
            }
            "template.Must" | "sync.OnceValue" => return first,
            path if ERRORS.contains(&path) => {
                Node::Call(Rc::from(asked.path), None, asked.args.clone())
            }
            _ => return None,
        };
        Some(self.make(node, at))
    }

    /// `request.GetString("name", "")` and its like: what a client sent under a name.
    fn of_request(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let at = asked.at;
        if asked.path.starts_with("mcp.NewTypedToolHandler")
            || asked.path.starts_with("mcp.NewStructuredToolHandler")
        {
            return first;
        }
        if let Some(kind) = asked.path.strip_prefix("mcp.Parse") {
            let sent = self.arguments_of(first?)?;
            let value = self.index(sent, asked.args.get(1)?.1, at);
            return Some(self.sent_as(kind, value, at));
        }
        let sent = asked.recv.and_then(|it| self.arguments_of(it))?;
        match asked.method {
            "GetArguments" | "GetRawArguments" => Some(sent),
            method => {
                let kind = method.strip_prefix("Require").or_else(|| method.strip_prefix("Get"))?;
                let value = self.index(sent, first?, at);
                Some(self.sent_as(kind, value, at))
            }
        }
    }

    fn sent_as(&mut self, kind: &str, value: Id, at: At) -> Id {
        match kind.starts_with("Int") || kind.starts_with("Float") || kind.starts_with("Bool") {
            true => self.through(Op::Number, value, at),
            false => value,
        }
    }

    /// The arguments in a request.
    fn arguments_of(&self, request: Id) -> Option<Id> {
        let params = self.field_of(request, &Rc::from("Params"))?;
        self.field_of(params, &Rc::from("Arguments"))
    }

    /// Methods of values: expressions, addresses, builders, errors.
    fn of_go_value(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let (recv, at) = (asked.recv?, asked.at);
        let carries = self.values.tainted(recv) || self.values.caught(recv);
        let node = match asked.method {
            "MatchString" | "Match" if asked.path.starts_with("regexp.") => {
                Node::Test(Rc::from("search"), first?, vec![recv])
            }
            "ReplaceAllString" | "ReplaceAllLiteralString" => {
                let Node::Call(_, _, made) = self.values.get(recv).clone() else { return None };
                return self.replaced(first?, made.first()?.1, asked.args.get(1)?.1, at);
            }
            "Replace" if asked.path == "strings.NewReplacer().Replace" => {
                Node::Through(Op::Same, first?)
            }
            "Hostname" if carries => Node::Through(Op::Host, recv),
            "Error" | "String" | "Bytes" | "Text" | "Unwrap" | "Trim" | "ResolveReference"
            | "JoinPath" | "Lower" | "Parse"
                if carries =>
            {
                Node::Through(Op::Same, recv)
            }
            _ => return None,
        };
        Some(self.make(node, at))
    }

    /// `strings.Join(list, separator)`
    fn spread_text(&mut self, list: Id, separator: Id, at: At) -> Id {
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

    /// The pieces of a format with the values between them.
    fn sprintf(&mut self, ids: &[Id], at: At) -> Id {
        let Some((format, values)) = ids.split_first() else { return self.unknown(at) };
        let Some(text) = self.values.text(*format).cloned() else {
            return self.make(Node::Parts(ids.to_vec()), at);
        };
        let mut values = values.iter().copied();
        let mut parts = Vec::new();
        for (fixed, verb) in pieces(&text) {
            if !fixed.is_empty() {
                parts.push(self.make(Node::Text(Rc::from(fixed)), at));
            }
            let Some(verb) = verb else { continue };
            let Some(value) = values.next() else { continue };
            let number = matches!(verb, 'd' | 'x' | 'X' | 'f' | 'g' | 'e' | 't' | 'c' | 'b' | 'o');
            // `%x` of a text is its bytes as numbers.
            parts.push(if number { self.through(Op::Number, value, at) } else { value });
        }
        self.concat(&parts, at)
    }

    /// The values of a function that gives several.
    pub(super) fn several(&mut self, value: Id, count: usize, at: At) -> Vec<Id> {
        let items = |id: Id, world: &Self| match world.values.get(id) {
            Node::List(items) if items.len() == count && items.iter().all(|it| !it.0) => {
                Some(items.iter().map(|it| it.1).collect::<Vec<Id>>())
            }
            _ => None,
        };
        if let Some(items) = items(value, self) {
            return items;
        }
        if let Node::Phi(alts) = self.values.get(value).clone() {
            let rows: Option<Vec<Vec<Id>>> = alts.iter().map(|it| items(it.value, self)).collect();
            if let Some(rows) = rows {
                return (0..count)
                    .map(|column| {
                        let of = |(alt, row): (&Alt, &Vec<Id>)| {
                            let value = *row.get(column)?;
                            Some(Alt { value, known: Rc::clone(&alt.known) })
                        };
                        let alts = alts.iter().zip(&rows).filter_map(of).collect();
                        self.values.phi(alts, at)
                    })
                    .collect();
            }
        }
        let [value, error] = self.value_and_error(value, at);
        let mut all = vec![value];
        for _ in 2..count {
            all.push(self.unknown(at));
        }
        all.push(error);
        all
    }

    /// `f(g())` where `g` gives as many values as `f` takes.
    pub(super) fn spread_in_go(&mut self, function: &Function, args: Args, at: At) -> Args {
        let takes = function.params.iter().filter(|it| it.name.as_ref() != "self").count();
        let [(None, only)] = args.as_slice() else { return args };
        let several =
            |id: Id| matches!(self.values.get(id), Node::List(items) if items.len() == takes);
        let fits = takes > 1
            && self.is_go(function.at)
            && match self.values.get(*only) {
                Node::Phi(alts) => alts.iter().all(|it| several(it.value)),
                _ => several(*only),
            };
        if !fits {
            return args;
        }
        self.several(*only, takes, at).into_iter().map(|it| (None, it)).collect()
    }

    /// What a record is made of is what its methods find in it.
    pub(super) fn fill_instance(&mut self, this: Id, class: u32, args: &Args, at: At) {
        let Some(kept) = self.classes.get(class as usize) else { return };
        let written = Rc::clone(&kept.class);
        for (index, (name, value)) in args.iter().enumerate() {
            let word =
                name.clone().or_else(|| written.fields.get(index).map(|it| Rc::clone(&it.name)));
            if let Some(word) = word {
                self.store_field(this, &word, *value, at);
            }
        }
    }

    /// What nobody gave is known by its type, when that is somebody else's.
    pub(super) fn of_type_in_go(&mut self, param: &Param, at: At) -> Id {
        let path = param.of.as_ref().and_then(|(of, _)| {
            let of = self.expr(of);
            match self.values.get(of) {
                Node::Class(class) => Some(Err(*class)),
                Node::Member(..) => self.values.path(of).map(Ok),
                _ => None,
            }
        });
        match path {
            Some(Ok(path)) => self.make(Node::Call(Rc::from(path), None, Args::new()), at),
            Some(Err(class)) => self.make(Node::Instance(class), at),
            None => self.make(Node::Global(Rc::from(format!("?{}", param.name))), at),
        }
    }

    /// `map[string]bool{"a": true}`, which is asked what is in it.
    pub(super) fn is_set(&self, id: Id) -> bool {
        let Node::Map(entries) = self.values.get(id) else { return false };
        !entries.is_empty()
            && entries
                .iter()
                .all(|(key, value)| key.is_some() && *self.values.get(*value) == Node::Bool(true))
    }

    /// Whether a value was made in a file of Go's.
    pub(super) fn place_is_go(&self, id: Id) -> bool {
        self.is_go(self.values.place(id))
    }

    /// Two values of a function that is not followed: what it gives, and an error that may be the system's.
    pub(super) fn value_and_error(&mut self, value: Id, at: At) -> [Id; 2] {
        if let Node::Phi(alts) = self.values.get(value).clone()
            && alts.iter().any(|it| matches!(self.values.get(it.value), Node::Caught(_)))
        {
            return [value, value];
        }
        let system = match self.values.get(value) {
            Node::Call(path, ..) => self.fails_in_go(path),
            Node::Through(Op::Resolved, _) => true,
            _ => false,
        };
        let error = match system {
            true => self.error_or_none(self.values.place(value)),
            false => self.unknown(at),
        };
        [value, error]
    }

    /// An error in the system's words, or none.
    pub(super) fn error_or_none(&mut self, at: At) -> Id {
        let both = [self.make(Node::Caught(at), at), self.make(Node::Nothing, at)];
        self.values.any(both, at)
    }

    /// Whether a value, if it is an error, is one for certain.
    pub(super) fn is_error(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Caught(_) | Node::Parts(_) | Node::Map(_) | Node::Instance(_) => true,
            Node::Call(path, ..) => ERRORS.contains(&path.as_ref()),
            _ => false,
        }
    }
}

/// The fixed texts of a format, each with the verb behind it.
fn pieces(format: &str) -> Vec<(String, Option<char>)> {
    let mut found = Vec::new();
    let mut fixed = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            fixed.push(c);
            continue;
        }
        let verb = chars
            .by_ref()
            .find(|it| !matches!(it, '0'..='9' | '.' | '-' | '+' | '#' | ' ' | '[' | ']' | '*'));
        match verb {
            Some('%') => fixed.push('%'),
            verb => found.push((std::mem::take(&mut fixed), verb)),
        }
    }
    found.push((fixed, None));
    found
}
