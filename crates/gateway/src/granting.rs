//! Which directories a server may be granted at all: those that are there, are no place
//! that nobody shares, and hold nothing that decides about the server.

use std::path::{Path, PathBuf};

use portcullis_config as config;
use portcullis_confine::{self as confine, RootGrant};
use portcullis_policy::{PolicyText, Rank};
use portcullis_store::Grant;

use crate::fault::Fault;
use crate::launch::Plan;
use crate::secrets;
use crate::trusted::{holds, lies_in};

/// The ceiling for roots: canonical, existing, and not a place that nobody shares.
/// `given` is what was written down at the starts before.
pub(crate) fn admit_roots(plan: &Plan, given: &[Grant]) -> Result<Vec<RootGrant>, Fault> {
    let turnable = turnable(plan, given);
    let admit = |root: &config::Root| {
        let access = access(root);
        let mut grant = confine::admit_root(Path::new(root.path()), access, plan.home.as_deref())
            .map_err(|refused| Fault::operator(refused.to_string()))?;
        // What was held against other files is what is granted.
        if let Some(real) = root.real().filter(|real| Path::new(real) != grant.path) {
            let (path, now) = (root.path(), grant.path.display());
            let why = format!("root {path} led to {real} and leads to {now} now: start again");
            return Err(Fault::operator(why));
        }
        if let (Some(places), confine::Access::ReadWrite) = (root.protect(), access) {
            grant.protect = places.iter().map(PathBuf::from).collect();
        }
        not_turned(Path::new(root.path()), &grant, &turnable)?;
        not_our_own(plan, &grant)?;
        keep_projects(plan, &mut grant)?;
        Ok(grant)
    };
    let shown = plan.server.roots.iter().filter(|root| !root.asks());
    shown.map(admit).collect()
}

/// Where the host may offer roots that a person is asked about. Each is judged when it is
/// offered; the directory around them is shown to nobody, so it may be a whole home.
pub(crate) fn ceilings(plan: &Plan, granted: &[RootGrant]) -> Result<Vec<RootGrant>, Fault> {
    let admit = |root: &config::Root| {
        let (written, place) = (root.path(), Path::new(root.path()));
        let failed = |why: &str| Fault::operator(format!("root {written}:ask {why}"));
        let path =
            place.canonicalize().map_err(|error| failed(&format!("is not there: {error}")))?;
        if path.parent().is_none() {
            return Err(failed("is the whole file system: name the directory of the projects"));
        }
        // Without this the directory is shown whatever anybody says.
        if let Some(around) = granted.iter().find(|grant| path.starts_with(&grant.path)) {
            let around = around.path.display();
            return Err(failed(&format!("lies in root {around}, which is shown unasked")));
        }
        let access = access(root);
        let protect = match (root.protect(), access) {
            (Some(places), confine::Access::ReadWrite) => {
                places.iter().map(PathBuf::from).collect()
            }
            _ => Vec::new(),
        };
        let grant = RootGrant { path, alias: None, access, protect, device: 0, inode: 0 };
        Ok(grant)
    };
    plan.server.roots.iter().filter(|root| root.asks()).map(admit).collect()
}

/// A directory that the host offers below one of those: a root, or why not.
pub(crate) fn admit_below(
    plan: &Plan,
    given: &[Grant],
    ceiling: &RootGrant,
    within: &[&RootGrant],
    asked: &Path,
) -> Result<RootGrant, Fault> {
    let home = plan.home.as_deref();
    let mut grant = confine::admit_root(asked, ceiling.access, home)
        .map_err(|refused| Fault::operator(refused.to_string()))?;
    if grant.path != asked {
        let (asked, real) = (asked.display(), grant.path.display());
        return Err(Fault::operator(format!("{asked} leads to {real} by way of a link")));
    }
    if grant.access == confine::Access::ReadWrite && !ceiling.protect.is_empty() {
        let here = |place: &PathBuf| ceiling.path.join(place);
        let all = ceiling.protect.iter().map(here);
        let around = all.clone().any(|place| grant.path.starts_with(place));
        if around {
            return Err(Fault::operator("it lies in what stays read-only".to_owned()));
        }
        let below =
            all.filter_map(|place| place.strip_prefix(&grant.path).ok().map(Path::to_owned));
        let more: Vec<PathBuf> = below.filter(|place| !grant.protect.contains(place)).collect();
        grant.protect.extend(more);
    }
    if grant.access == confine::Access::ReadWrite {
        // A narrower word about a part of it holds there.
        for inner in within {
            let below = inner.path.strip_prefix(&grant.path).unwrap_or(Path::new(""));
            let read_only = inner.access == confine::Access::ReadOnly;
            let whole = read_only.then(|| below.to_owned());
            let parts = inner.protect.iter().map(|place| below.join(place));
            let more: Vec<PathBuf> = whole.into_iter().chain(parts).collect();
            grant.protect.extend(more.into_iter().filter(|place| !place.as_os_str().is_empty()));
        }
    }
    not_turned(asked, &grant, &turnable(plan, given))?;
    not_our_own(plan, &grant)?;
    keep_projects(plan, &mut grant)?;
    Ok(grant)
}

fn access(root: &config::Root) -> confine::Access {
    match root.access() {
        config::Access::Read => confine::Access::ReadOnly,
        config::Access::Write => confine::Access::ReadWrite,
    }
}

/// Where some server may write, or could before, and which one.
fn turnable(plan: &Plan, given: &[Grant]) -> Vec<(PathBuf, String)> {
    let shown = |root: &&config::Root| root.access() == config::Access::Write && !root.asks();
    let own = plan.server.roots.iter().filter(shown);
    let real = |root: &config::Root| Path::new(root.path()).canonicalize().ok();
    let own = own.filter_map(real).map(|root| (root, plan.server.name.to_string()));
    // One that a person took back was there long enough to leave a link.
    let others = given.iter().filter(|grant| grant.access == "rw");
    own.chain(others.map(|grant| (PathBuf::from(&grant.root), grant.server.clone()))).collect()
}

/// A server that may write a directory can put a link in the place of what lies in it:
/// a root that is named by way of it would be whatever the server likes.
fn not_turned(
    written: &Path,
    grant: &RootGrant,
    turnable: &[(PathBuf, String)],
) -> Result<(), Fault> {
    let out = |root: &Path| lies_in(written, root) && !holds(root, &grant.path);
    let Some((root, server)) = turnable.iter().find(|(root, _)| out(root)) else { return Ok(()) };
    let shown = |path: &Path| portcullis_guard::text::visible(&path.display().to_string());
    let why = format!(
        "root {} leads to {} by way of {}, where the server `{}` may write and could have put \
         the link: if it is meant, name the directory that it leads to",
        shown(written),
        shown(&grant.path),
        shown(root),
        portcullis_guard::text::visible(server)
    );
    Err(Fault::operator(why))
}

/// A server that could reach our state could read the journal's key and approve
/// its own calls; one that could write our config could lift its own limits.
fn not_our_own(plan: &Plan, grant: &RootGrant) -> Result<(), Fault> {
    let root = &grant.path;
    let writable = grant.access == confine::Access::ReadWrite;
    let state = real_state(plan)?;
    let overlaps = holds(root, &state) || holds(&state, root);
    if overlaps || writable && lies_in(&plan.state, root) {
        let (root, state) = (root.display(), state.display());
        let why = format!(
            "root {root} overlaps our own state in {state}: grant a directory beside it, or move the state with --state"
        );
        return Err(Fault::operator(why));
    }
    // There need not be a config yet: a server that could make one is as free.
    if writable && plan.config.as_ref().is_some_and(|config| lies_in(config, root)) {
        let why = format!(
            "root {} is writable and holds our own config, or the place where it would be: \
             grant it with :ro, or move the config with --config",
            root.display()
        );
        return Err(Fault::operator(why));
    }
    // What a server may write decides about it no more.
    let within = |text: &&PolicyText| {
        writable && text.rank != Rank::Project && lies_in(Path::new(&text.file), root)
    };
    if let Some(text) = plan.policies.iter().find(within) {
        let (root, file) = (root.display(), &text.file);
        let why = format!(
            "root {root} is writable and holds the policies in {file}: grant it with :ro, or move them"
        );
        return Err(Fault::operator(why));
    }
    if writable { not_a_secret(plan, root) } else { Ok(()) }
}

/// We read the file of a secret outside of the box, and the server gets what it holds:
/// one that could put a link in its place would be handed whatever file it likes. That
/// is so for a root that a person took back too, since it can be given again.
fn not_a_secret(plan: &Plan, root: &Path) -> Result<(), Fault> {
    for variable in &plan.server.env {
        let config::Source::File(path) = variable.source() else { continue };
        let file = secrets::located(path, plan.home.as_deref());
        if lies_in(&file, root) {
            let (name, file, root) = (variable.name(), file.display(), root.display());
            let why = format!(
                "the value of `{name}` comes from {file}, which the server could replace, since root \
                 {root} is writable: move the file out, or grant the root with :ro"
            );
            return Err(Fault::operator(why));
        }
    }
    Ok(())
}

/// A project's files lie where its server works. What they tighten, it must not
/// loosen by writing them.
fn keep_projects(plan: &Plan, grant: &mut RootGrant) -> Result<(), Fault> {
    if grant.access == confine::Access::ReadOnly {
        return Ok(());
    }
    let policies = plan.policies.iter().filter(|text| text.rank == Rank::Project);
    let policies = policies.map(|text| PathBuf::from(&text.file));
    for file in plan.projects.iter().cloned().chain(policies) {
        let real = file.canonicalize().unwrap_or(file);
        if let Ok(place) = real.strip_prefix(&grant.path)
            && !grant.protect.iter().any(|kept| kept == place)
        {
            // Only mounts protect a place in what is writable.
            if plan.server.confinement != config::Confinement::Full {
                let (root, file) = (grant.path.display(), real.display());
                let why = format!(
                    "root {root} is writable and holds {file}, which decides about the server and \
                     which only a full box protects: grant it with :ro, or accept no weaker box"
                );
                return Err(Fault::operator(why));
            }
            grant.protect.push(place.to_owned());
        }
    }
    Ok(())
}

pub(crate) fn real_state(plan: &Plan) -> Result<PathBuf, Fault> {
    let state = plan.state.canonicalize();
    state.map_err(|error| Fault::ours("the state directory cannot be held against grants", error))
}
