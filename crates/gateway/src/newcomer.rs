//! Directories that the host offers anew: looked at before a person is asked, and held
//! against what was shown after a yes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use portcullis_confine::{self as confine, RootGrant};
use portcullis_guard::keys::{is_key_directory, is_key_file};
use portcullis_guard::path::Root;
use portcullis_guard::text::visible;
use portcullis_mediation::grant::{GrantId, GrantKey};
use portcullis_mediation::{Admission, Newcomer};
use portcullis_policy::Ask;
use portcullis_store::GrantStore as _;

use crate::driver::{Driver, wall_clock};
use crate::fault::Fault;
use crate::granting::admit_below;
use crate::roots::Keeper;

/// How many names are looked at for what a person should know, and how deep.
const NAMES: usize = 4096;
const DEEPEST: usize = 3;

/// How much of that is told by name.
const TOLD: usize = 8;

/// Directories that nobody keeps keys in, and that have more names than all others.
const PASSED_BY: &[&str] = &["node_modules", ".git", ".venv", "venv", "target"];

/// What is kept of directories between the question and its answer.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    /// Where they may lie.
    ceilings: Vec<RootGrant>,
    /// Those that were shown to a person, as they were then.
    shown: BTreeMap<PathBuf, Shown>,
}

/// A directory as it was shown.
#[derive(Debug)]
struct Shown {
    root: RootGrant,
    holds: Vec<String>,
}

impl Newcomers {
    pub(crate) fn below(ceilings: Vec<RootGrant>) -> Self {
        Self { ceilings, shown: BTreeMap::new() }
    }

    pub(crate) fn ceilings(&self) -> &[RootGrant] {
        &self.ceilings
    }

    /// The ceilings in a directory, which may be narrower than the one around it.
    fn within(&self, place: &Path) -> impl Iterator<Item = &RootGrant> {
        let inside = move |path: &Path| path.starts_with(place) && path != place;
        self.ceilings.iter().filter(move |ceiling| inside(&ceiling.path))
    }

    /// The innermost ceiling around a directory.
    fn around(&self, place: &Path) -> Option<&RootGrant> {
        let around = self.ceilings.iter().filter(|ceiling| place.starts_with(&ceiling.path));
        around.max_by_key(|ceiling| ceiling.path.components().count())
    }
}

impl Driver {
    /// Looks at a directory that the host offers; the session hears what is there.
    pub(crate) fn look_at_newcomer(&mut self, root: &Root) {
        let seen = self.admissible(root).map_err(|fault| fault.to_string());
        let seen = seen.map(|admitted| {
            let holds = holds(&admitted.path);
            let shown = Shown { root: admitted, holds: holds.clone() };
            self.keeper.newcomers.shown.insert(PathBuf::from(root.path()), shown);
            holds
        });
        self.session.looked(root, seen);
    }

    /// Whether it could be a root at all.
    fn admissible(&self, root: &Root) -> Result<RootGrant, Fault> {
        // It may lie where only its owner looks.
        let _awake = confine::own::wake();
        let place = PathBuf::from(root.path());
        let outside = || Fault::operator("it lies outside the ceiling");
        let ceiling = self.keeper.newcomers.around(&place).ok_or_else(outside)?;
        if self.origin.plan().server.rules.mode == Ask::Never {
            return Err(Fault::operator("nobody is there who could be asked"));
        }
        let keys = |part: &std::ffi::OsStr| part.to_str().is_some_and(is_key_directory);
        if place.iter().any(keys) {
            let why = "keys are kept there: if it is meant, name it among the server's roots";
            return Err(Fault::operator(why));
        }
        let given = self.keeper.given()?;
        if self.keeper.is_revoked(&place)? {
            let why = "a person took it back: `portcullis grants restore` gives it again";
            return Err(Fault::operator(why));
        }
        let within: Vec<&RootGrant> = self.keeper.newcomers.within(&place).collect();
        admit_below(self.origin.plan(), &given, ceiling, &within, &place)
    }

    /// A person said yes: it becomes a root if it is what was shown, and nothing else.
    pub(crate) fn admit_newcomer(&mut self, admission: Admission) {
        let Admission { newcomer, key, grant, stands } = admission;
        let stands = stands || self.still_stands(&grant, &key);
        let grant = stands.then_some((grant, key));
        match self.as_shown(&newcomer) {
            Ok(root) => self.let_in(&newcomer, root, grant),
            Err(fault) => self.session.not_admitted(&newcomer, &fault.to_string()),
        }
    }

    fn as_shown(&mut self, newcomer: &Newcomer) -> Result<RootGrant, Fault> {
        let now = self.admissible(&newcomer.root)?;
        let other = || Fault::operator("it is not what a person was shown any more");
        let place = PathBuf::from(newcomer.root.path());
        let shown = self.keeper.newcomers.shown.remove(&place).ok_or_else(other)?;
        if shown.root != now || shown.holds != holds(&now.path) {
            return Err(other());
        }
        Ok(now)
    }

    fn let_in(&mut self, newcomer: &Newcomer, root: RootGrant, grant: Option<(GrantId, GrantKey)>) {
        let (path, lasts) = (visible(&newcomer.root.path()), grant.is_some());
        let (session, _) = self.session.binds();
        match self.keeper.let_in(root, grant, session) {
            Ok(ceiling) => {
                let by = if lasts { "a standing yes" } else { "a person" };
                tell!("portcullis: root {path} is let in by {by}");
                self.session.set_ceiling(ceiling, &format!("root {path} is let in by {by}"));
            }
            Err(fault) => self.session.not_admitted(newcomer, &fault.to_string()),
        }
    }

    /// Which of the grants that let a root in do not stand any more. What cannot be read
    /// does not.
    pub(crate) fn grants_over(&mut self) -> Vec<GrantId> {
        let by = self.keeper.by_grant().into_iter();
        by.filter(|(id, key)| !self.still_stands(id, key)).map(|(id, _)| id).collect()
    }

    fn still_stands(&mut self, id: &GrantId, key: &GrantKey) -> bool {
        let (session, project) = self.session.binds();
        match self.approvals.remembered(key, session, project, wall_clock()) {
            Ok(found) => found.grants.iter().any(|grant| grant.id == *id),
            Err(error) => {
                tell!(
                    "portcullis: a directory is withdrawn, for its grant cannot be read: {error}"
                );
                false
            }
        }
    }
}

/// What lies in a directory that decides whether somebody gives it away: what is kept
/// in it under a name that is known for keys, and whose work it is.
fn holds(dir: &Path) -> Vec<String> {
    let _awake = confine::own::wake();
    let (mut found, mut left) = (Vec::new(), NAMES);
    if dir.join(".git").exists() {
        found.push("a git repository".to_owned());
    }
    let mut dirs = vec![(dir.to_owned(), 0)];
    // Whatever is passed by is said: a person takes silence for nothing.
    let mut unseen = false;
    while let Some((at, depth)) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(&at) else {
            unseen = true;
            continue;
        };
        let mut names = Vec::new();
        for entry in entries {
            if left == 0 {
                unseen = true;
                break;
            }
            left -= 1;
            let named = entry.ok().and_then(|entry| {
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                Some((entry.file_name().into_string().ok()?, is_dir))
            });
            unseen |= named.is_none();
            names.extend(named);
        }
        names.sort();
        for (name, is_dir) in names {
            let place = at.join(&name);
            let below = place.strip_prefix(dir).unwrap_or(&place).display().to_string();
            match is_dir {
                true if is_key_directory(&name) => found.push(format!("{below}/ (keys)")),
                false if is_key_file(&name) => found.push(format!("{below} (keys)")),
                // What git keeps is its own; of the others nobody knows.
                true if PASSED_BY.contains(&name.as_str()) => unseen |= name != ".git",
                true if depth + 1 < DEEPEST => dirs.push((place, depth + 1)),
                true => unseen = true,
                false => {}
            }
        }
    }
    found.sort();
    let more = found.len().saturating_sub(TOLD);
    found.truncate(TOLD);
    if more > 0 {
        found.push(format!("{more} more places where keys are"));
    }
    if unseen {
        found.push("places that were not looked at".to_owned());
    }
    found
}

impl Keeper {
    /// The directories that this server was given, and others.
    fn given(&self) -> Result<Vec<portcullis_store::Grant>, Fault> {
        let listed = self.grants.list();
        listed.map_err(|error| Fault::ours("the grants cannot be read", error))
    }

    fn is_revoked(&self, place: &Path) -> Result<bool, Fault> {
        let revoked = self.grants.revoked(&self.server);
        let revoked = revoked.map_err(|error| Fault::ours("the grants cannot be read", error))?;
        // Neither what lies in it nor what lies around it brings it back.
        let same = |taken: &Path| place.starts_with(taken) || taken.starts_with(place);
        Ok(revoked.iter().any(|taken| same(Path::new(taken))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_should_know_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |place: &str| dir.path().join(place);
        for made in [".git", "src/deep/er/still", "node_modules/x", "infra/.ssh"] {
            std::fs::create_dir_all(at(made)).unwrap();
        }
        for file in ["README.md", ".env", ".env.example", "node_modules/x/server.key"] {
            std::fs::write(at(file), "").unwrap();
        }
        std::fs::write(at("src/deep/id_rsa"), "").unwrap();
        let found =
            [".env (keys)", "a git repository", "infra/.ssh/ (keys)", "src/deep/id_rsa (keys)"];
        // And the fourth level is there, and was not looked at.
        let unseen = "places that were not looked at";
        assert_eq!(holds(dir.path()), [found.as_slice(), &[unseen]].concat());
        for n in 0..20 {
            std::fs::write(at(&format!("{n:02}.pem")), "").unwrap();
        }
        let many = holds(dir.path());
        assert_eq!(many.len(), TOLD + 2);
        assert_eq!(many[TOLD], "16 more places where keys are");
        // A link is not followed: what it leads to is not in here.
        let empty = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path(), empty.path().join("link")).unwrap();
        assert_eq!(holds(empty.path()), Vec::<String>::new());
    }
}
