//! Directories: what the names of the stage's places stand for in a person's own world, and which of them a server is given.

use std::collections::BTreeMap;

use portcullis_guard::keys::{is_key_directory, is_key_file};

use super::offered::{Offered, says_it_writes};
use super::quoted;
use super::written::{list, text};
use crate::evidence::Live;
use crate::evidence::live::{Attack, Effect, Given};

/// What stands in a table for what nobody named.
const STANDS: [(&str, &str); 3] = [
    ("{project}", "/path/to/project"),
    ("{database}", "/path/to/data/shop.db"),
    ("{stage}", "/path/to/stage"),
];

/// Names of places, and what of the person's they were copies of. The longest name comes first.
#[derive(Debug, Clone)]
pub(super) struct Places(Vec<Given>);

/// A directory of the server's.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// Its name on the stage.
    pub(super) place: String,
    /// That is a file, and the directory that holds it is meant.
    file: bool,
    writable: bool,
    /// Otherwise only said.
    pub(super) given: bool,
    pub(super) why: Vec<String>,
}

impl Places {
    pub(super) fn of(live: &Live) -> Self {
        let mut given = live.given.clone();
        // What is no plain path is nothing that a person named.
        let plain = |from: &str| {
            from.starts_with('/')
                && !from.contains(char::is_control)
                && !from.split('/').any(|part| part == "..")
        };
        given.retain(|it| it.place.starts_with('{') && plain(&it.from));
        given.sort_by(|a, b| b.place.len().cmp(&a.place.len()).then_with(|| a.place.cmp(&b.place)));
        Self(given)
    }

    /// A word with the person's own places in it.
    pub(super) fn own(&self, word: &str) -> String {
        let own = self.0.iter().fold(word.to_owned(), |word, it| word.replace(&it.place, &it.from));
        STANDS.iter().fold(own, |word, (name, path)| word.replace(name, path))
    }

    /// What stands for a place that nobody named.
    pub(super) fn stands_for(&self, place: &str) -> Option<&'static str> {
        let named = self.0.iter().any(|it| place.starts_with(&it.place));
        let stand = STANDS.iter().find(|(name, _)| place.starts_with(name));
        stand.filter(|_| !named).map(|(_, path)| *path)
    }

    /// The places that a command names, in its order.
    fn named(&self, words: &[String]) -> Vec<String> {
        let own = self.0.iter().map(|it| it.place.as_str());
        let names: Vec<&str> = own.chain(STANDS.iter().map(|(name, _)| *name)).collect();
        let mut found = Vec::new();
        for word in words {
            let mut left = word.clone();
            for name in &names {
                if left.contains(name) {
                    left = left.replace(name, "");
                    found.push((*name).to_owned());
                }
            }
        }
        let mut known = std::collections::BTreeSet::new();
        found.retain(|name| known.insert(name.clone()));
        found
    }

    /// What the server is given, and why.
    pub(super) fn roots(&self, live: &Live, offered: &Offered) -> Vec<Root> {
        let changes = Changes::of(live, offered);
        let mut named = self.named(&live.command);
        if named.is_empty() && works_in_the_project(live) {
            named.push("{project}".to_owned());
        }
        let mut roots: Vec<Root> = named.iter().map(|place| self.root(place, &changes)).collect();
        if let (Some(first), false) = (roots.first_mut(), changes.unsaid.is_empty()) {
            for (file, tool) in &changes.unsaid {
                first.why.push(format!("`{tool}` changed `{file}`, and does not say that it writes: that opens nothing."));
            }
        }
        roots
    }

    fn root(&self, place: &str, changes: &Changes<'_>) -> Root {
        let own = self.own(place);
        let file = place == "{database}" || place.starts_with("{stage}/files/");
        let writers = changes.by(place);
        let keys = own.split('/').any(is_key_directory)
            || (file && own.split('/').next_back().is_some_and(is_key_file));
        let mut why = vec![match (file, self.stands_for(place)) {
            (_, Some(stand)) => format!(
                "`{stand}` stands for a throw-away place of the audit: write your own here, and in `command`."
            ),
            (true, None) => {
                format!(
                    "For `{own}`, which its command names: a box is given whole directories, and all tools see them."
                )
            }
            (false, None) => format!("`{own}`, which its command names."),
        }];
        if keys {
            why.push(
                "It is a place where people keep keys: not given. Name it yourself if you mean it."
                    .to_owned(),
            );
        } else if writers.is_empty() {
            why.push("No honest call changed anything in it: it is read, and no more.".to_owned());
        } else {
            why.push(format!(
                "Honest calls of {} wrote in it, as they say they do.",
                quoted(&writers)
            ));
        }
        Root { place: place.to_owned(), file, writable: !writers.is_empty(), given: !keys, why }
    }
}

/// No place is named in its command, and honest calls found what lies in the project all the same.
fn works_in_the_project(live: &Live) -> bool {
    let ours = ["notes.txt", "{project}", "large.log", "prices.csv"];
    live.trials.iter().any(|trial| {
        let asked = trial.request.to_string();
        trial.worked() && ours.iter().any(|name| asked.contains(name))
    })
}

/// What honest calls changed.
struct Changes<'a> {
    /// Files, by tools that say they write.
    said: Vec<(&'a str, &'a str)>,
    /// Files, by others.
    unsaid: BTreeMap<&'a str, &'a str>,
}

impl<'a> Changes<'a> {
    fn of(live: &'a Live, offered: &Offered) -> Self {
        let mut changes = Self { said: Vec::new(), unsaid: BTreeMap::new() };
        for trial in live.trials.iter().filter(|trial| trial.attack == Attack::Benign) {
            let Some(Effect::RootChanged { file }) = &trial.effect else { continue };
            if offered.is_trusted(&trial.tool) && says_it_writes(live, &trial.tool) {
                changes.said.push((file, &trial.tool));
            } else {
                changes.unsaid.insert(file, &trial.tool);
            }
        }
        changes
    }

    /// The tools that wrote in a place.
    fn by(&self, place: &str) -> Vec<&'a str> {
        let at = if place == "{project}" { "{stage}/project" } else { place };
        let inside = |file: &str| {
            file == at || file.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut tools: Vec<&str> =
            self.said.iter().filter(|(file, _)| inside(file)).map(|(_, tool)| *tool).collect();
        tools.sort_unstable();
        tools.dedup();
        tools
    }
}

/// Roots as TOML. Two that are the same directory are one.
pub(super) fn merged(roots: &[Root], place: &dyn Fn(&str) -> String) -> String {
    let mut all: Vec<(String, bool)> = Vec::new();
    for root in roots {
        let path = place(&root.place);
        let folder = match (root.file, path.rsplit_once('/')) {
            (true, Some((folder, _))) if !folder.is_empty() => folder.to_owned(),
            _ => path,
        };
        match all.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, writable)) => *writable |= root.writable,
            None => all.push((folder, root.writable)),
        }
    }
    let one = |(path, writable): &(String, bool)| {
        let access = if *writable { "rw" } else { "ro" };
        format!("{{ path = {}, access = {} }}", text(path), text(access))
    };
    list(all.iter().map(one))
}
