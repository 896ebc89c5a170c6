//! What a person may say yes to for longer than one call, the narrowest first.

use portcullis_guard::path::{Contained, Root, path_arguments};
use portcullis_guard::url::Uri;
use portcullis_guard::words;
use portcullis_policy::Tier;
use portcullis_wire::{Json, Object};
use serde_json::Value;

use super::{Called, Cover, Holds, MEMBERS, Width, bounded, origin_of, same, top};

/// Arguments longer than these, in bytes, have not been read by somebody who answers
/// for calls to come; they are asked about one by one.
const READ: usize = 4096;

/// The longest name, in bytes, of an argument that was not there and may come.
const NAME: usize = 64;

/// Last words of names of arguments that hold what is written, not where or how.
const CONTENT: &[&str] = &[
    "body",
    "comment",
    "content",
    "contents",
    "description",
    "markdown",
    "message",
    "summary",
    "text",
    "title",
];

/// Last words of names of arguments that are directories, not files in one.
const DIRECTORIES: &[&str] = &[
    "cwd",
    "dir",
    "directory",
    "folder",
    "repo",
    "repository",
    "root",
    "workdir",
    "workspace",
    "worktree",
];

/// The tool that is called, as far as it decides what is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// The call.
    pub call: Called<'a>,
    /// Our assessment of the tool.
    pub tier: Tier,
    /// Its definition is not the one first seen.
    pub changed: bool,
}

/// Whether calls of such a tool are ever covered by a yes to another one.
pub(crate) fn may_stand(tier: Tier, changed: bool) -> bool {
    matches!(tier, Tier::Read | Tier::Write) && !changed
}

/// The covers for this call, the narrowest first: exactly these arguments, then each
/// that is wider. None for a tool that is asked about one by one.
#[must_use]
pub fn offers(offered: Offered<'_>) -> Vec<Cover> {
    let Offered { call, tier, changed } = offered;
    let Some(members) = call.members() else { return Vec::new() };
    let shown = call.canonical.len() <= READ && !hides(call.canonical);
    if !may_stand(tier, changed) || !shown || members.len() > MEMBERS {
        return Vec::new();
    }
    let read = Reading { call: &call, members: &members, tier };
    let mut all = vec![read.exact()];
    all.extend(read.directories());
    all.extend(read.host());
    all.push(read.values());
    let mut kept: Vec<Cover> = Vec::new();
    for cover in all {
        // One that means no more than these arguments is the first one again.
        let wider = cover.width() > Width::Exact || kept.is_empty();
        if wider && !kept.contains(&cover) && cover.covers(&call) {
            kept.push(cover);
        }
    }
    kept
}

impl Cover {
    /// The cover of exactly what is shown, with the argument that names a directory; none
    /// when a person cannot have read it.
    pub(crate) fn exactly(called: &Called<'_>, directory: &str) -> Option<Self> {
        let members = called.members()?;
        let shown = called.canonical.len() <= READ && !hides(called.canonical);
        let holds = |(name, value): (&str, &Json)| match value.as_text() {
            Some(place) if name == directory => (name.to_owned(), Holds::Place(place)),
            _ => (name.to_owned(), Holds::Same(same(value))),
        };
        shown.then(|| Self(members.iter().map(holds).collect()))
    }
}

/// Characters that nobody sees make what was shown another text than it is.
fn hides(canonical: &[u8]) -> bool {
    let text = String::from_utf8_lossy(canonical);
    text.chars().any(portcullis_guard::text::is_hidden)
}

/// The arguments of one call, taken apart.
struct Reading<'a> {
    call: &'a Called<'a>,
    members: &'a Object,
    tier: Tier,
}

impl Reading<'_> {
    fn exact(&self) -> Cover {
        self.cover(|_, value| Holds::Same(same(value)))
    }

    /// Every argument that is there, as a function says.
    fn cover(&self, holds: impl Fn(&str, &Json) -> Holds) -> Cover {
        let each = self.members.iter().map(|(name, value)| (name.to_owned(), holds(name, value)));
        Cover(each.collect())
    }

    fn is_open(&self, name: &str) -> bool {
        let schema = self.call.property(name);
        schema.is_some_and(|schema| bounded::may_be_open(name, schema, self.tier))
    }

    fn values(&self) -> Cover {
        let open = |name: &str| self.is_open(name);
        let cover = self.cover(|name, value| match open(name) {
            true => Holds::Bounded,
            false => Holds::Same(same(value)),
        });
        self.with_absent(cover, |name| self.is_open(name).then_some(Holds::Bounded))
    }

    /// What may come beside a place that is bounded: what the schema bounds, numbers,
    /// and, where nobody else can read it, what is written there.
    fn beside(&self, name: &str, texts: bool) -> Option<Holds> {
        let schema = self.call.property(name)?;
        let last = words(name).pop()?;
        let kind = schema.get("type").and_then(Value::as_str);
        if self.is_open(name) {
            Some(Holds::Bounded)
        } else if matches!(kind, Some("integer" | "number")) && !bounded::is_switch(name, self.tier)
        {
            Some(Holds::Number)
        } else if texts && kind == Some("string") && CONTENT.contains(&last.as_str()) {
            Some(Holds::Text)
        } else {
            None
        }
    }

    /// And every argument that is not there, but could be.
    fn with_absent(&self, mut cover: Cover, holds: impl Fn(&str) -> Option<Holds>) -> Cover {
        let properties = self.call.schema.get("properties").and_then(Value::as_object);
        for name in properties.into_iter().flat_map(|all| all.keys()).take(MEMBERS) {
            if name.len() <= NAME
                && !cover.0.contains_key(name)
                && let Some(holds) = holds(name)
            {
                cover.0.insert(name.clone(), holds);
            }
        }
        cover
    }

    fn placed(&self, texts: bool, place: impl Fn(&str) -> Option<Holds>) -> Cover {
        let cover = self.cover(|name, value| {
            let fits = |holds: &Holds| holds.admits(name, value, self.call);
            let beside = || self.beside(name, texts).filter(fits);
            place(name).or_else(beside).unwrap_or_else(|| Holds::Same(same(value)))
        });
        self.with_absent(cover, |name| self.beside(name, texts))
    }

    /// One cover for each directory that could be meant, the deepest first.
    fn directories(&self) -> Vec<Cover> {
        let Some(paths) = self.paths() else { return Vec::new() };
        let places = candidates(&paths);
        let cover = |place: String| {
            self.placed(true, |name| {
                let one = paths.iter().find(|path| path.member == name)?;
                Some(if one.listed {
                    Holds::AllBelow(place.clone())
                } else {
                    Holds::Below(place.clone())
                })
            })
        };
        places.into_iter().map(cover).collect()
    }

    /// Every path of the call; none when one of them stands where we could not hold it.
    fn paths(&self) -> Option<Vec<Place>> {
        let arguments = self.members.to_json().value();
        let found = path_arguments(&arguments, self.call.schema);
        let place = |(pointer, asked): &(String, String)| {
            let member = top(pointer)?;
            let value = arguments.get(&member)?;
            let listed = value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
            let direct = value.is_string() || listed;
            let there = self.call.roots.judge(asked, self.call.cwd).ok()?;
            let is_directory =
                words(&member).pop().is_some_and(|last| DIRECTORIES.contains(&last.as_str()));
            direct.then_some(Place { member, listed, is_directory, there })
        };
        let places: Option<Vec<Place>> = found.iter().map(place).collect();
        places.filter(|places| !places.is_empty())
    }

    /// The one address of the call, with its host.
    fn host(&self) -> Option<Cover> {
        let addresses: Vec<(String, String)> = self
            .members
            .iter()
            .filter_map(|(name, value)| {
                let text = value.as_text()?;
                let web = Uri::readings(&text).ok()?;
                let web = web.iter().any(|uri| matches!(uri.scheme(), "http" | "https"));
                web.then_some((name.to_owned(), text))
            })
            .collect();
        let [(member, address)] = addresses.as_slice() else { return None };
        let origin = origin_of(address)?;
        self.call.property(member)?;
        Some(self.placed(false, |name| (name == member).then(|| Holds::At(origin.clone()))))
    }
}

/// One path of a call.
struct Place {
    member: String,
    listed: bool,
    is_directory: bool,
    there: Contained,
}

/// The directory that holds all of them, the one right below the root, and the root.
fn candidates(paths: &[Place]) -> Vec<String> {
    let Some(root) = paths.first().map(|path| path.there.root()) else { return Vec::new() };
    if paths.iter().any(|path| path.there.root() != root) {
        return Vec::new();
    }
    let inside = |path: &Place| {
        let mut parts: Vec<String> = path
            .there
            .below()
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        if !path.is_directory {
            parts.pop();
        }
        parts
    };
    let common = paths.iter().map(inside).reduce(|one, other| {
        one.into_iter().zip(other).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    });
    let common = common.unwrap_or_default();
    let written = |depth: usize| {
        let parts = common.iter().take(depth).map(String::as_str);
        let base = root.path();
        let base = base.trim_end_matches('/');
        let path = parts.fold(base.to_owned(), |path, part| format!("{path}/{part}"));
        let path = if path.is_empty() { "/".to_owned() } else { path };
        // As it will be read again.
        Root::new(&path).ok().filter(|root| root.path() == path).map(|_| path)
    };
    let mut all: Vec<String> = Vec::new();
    for depth in [common.len(), 1.min(common.len()), 0] {
        all.extend(written(depth).filter(|path| !all.contains(path)));
    }
    all
}
