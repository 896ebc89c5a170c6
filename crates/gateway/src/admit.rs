//! Before anything of a server is installed or run: what its command leads to, held against
//! what was approved, with whoever can be asked about it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use portcullis_confine::RootGrant;
use portcullis_confine::SpawnError;
use portcullis_confine::command::{self, Preparation, PrepareError, Prepared, Resolved};
use portcullis_mediation::pin::{Part, Pins as Kept, Section};
use portcullis_store::{Approvals, Journal};
use serde_json::json;

use crate::consent::Beside;
use crate::egress::Told;
use crate::fault::Fault;
use crate::granting::real_state;
use crate::identity;
use crate::launch::{Plan, least, refused};
use crate::pins::{Asking, PinKeeper};
use crate::reach::Reach;
use crate::trusted::{self, holds};

/// What an installer did that a record should tell, if one ran.
#[derive(Default)]
pub(crate) struct Installing {
    pub(crate) denied: Vec<Told>,
    pub(crate) unheld: Option<String>,
}

/// Nothing is installed or started that is not what was approved.
pub(crate) fn admit(
    plan: &Plan,
    grants: &[RootGrant],
    variables: &BTreeMap<String, String>,
    pins: &mut PinKeeper,
    (journal, approvals): (&mut Journal, &mut Approvals),
    installing: &mut Installing,
) -> Result<Resolved, Fault> {
    let ahead = find(plan, grants).0.ok();
    let registry = match ahead.as_ref().map(|resolved| &resolved.plan) {
        Some(command::Plan::Prepare(package)) => Some(package.registry(plan.home.as_deref())),
        _ => None,
    };
    let reach = Reach::of(plan, registry);
    let beside = |kept: &Kept| beside(plan, &reach, ahead.as_ref(), kept);
    let asking = Asking { approvals, first: true, beside: &beside };
    let written = identity::command(&plan.server, variables);
    if !pins.hold(plan, journal, "command", written, Some(asking))? {
        pins.hold_reach(plan, journal, &reach, approvals)?;
    }
    let resolved = understood(plan, grants, installing)?;
    let beside = |kept: &Kept| self::beside(plan, &reach, Some(&resolved), kept);
    let asking = Asking { approvals, first: false, beside: &beside };
    if held_to_pin(plan, &resolved, pins, journal, Some(asking))? {
        // A person took their time, and the yes is for what was looked at before.
        held_to_pin(plan, &resolved, pins, journal, None)?;
    }
    Ok(resolved)
}

/// What a person is shown with a part of the start: what the server is given, and which
/// program and files the command's words lead to, as far as that is known before anything
/// is installed.
fn beside(
    plan: &Plan,
    reach: &Reach,
    resolved: Option<&Resolved>,
    kept: &Kept,
) -> Result<Beside, Fault> {
    let mut beside = Beside::default();
    let covered = reach.beyond(kept).is_some_and(|(_, more)| more.is_empty());
    let given = reach.definition();
    if covered {
        let value = |field: &String| Some((field.clone(), given.value(field)?));
        beside.shown.extend(given.0.keys().filter_map(value));
    } else {
        beside.parts.push((Reach::part(), given));
    }
    let Some(resolved) = resolved else { return Ok(beside) };
    if let command::Plan::Prepare(package) = &resolved.plan {
        beside.shown.insert("package".to_owned(), json!(package.spec));
        return Ok(beside);
    }
    beside.shown.insert("program is".to_owned(), identity::told(resolved)?);
    let part = Part::new(Section::Launch, "program");
    if !kept.parts.contains_key(&part) {
        let found = identity::program(resolved, &plan.state.join("packages"))?;
        beside.parts.push((part, found));
    }
    Ok(beside)
}

/// What the command's words lead to, and the directories where it is not looked for,
/// because the server may write there. Nothing is started for it.
fn find(
    plan: &Plan,
    grants: &[RootGrant],
) -> (Result<Resolved, SpawnError>, OsString, Vec<PathBuf>) {
    let command: Vec<OsString> = plan.server.command.iter().map(OsString::from).collect();
    let empty = OsString::new();
    let path = plan.environment.get("PATH").unwrap_or(&empty);
    let (path, left_out) = trusted::search_path(path, grants);
    (command::resolve(&command, &path, plan.home.as_deref()), path, left_out)
}

/// The command as program, arguments and the directories it needs; what `npx` or
/// `uvx` would download is installed first, in a box with its registry and no roots.
fn understood(
    plan: &Plan,
    grants: &[RootGrant],
    installing: &mut Installing,
) -> Result<Resolved, Fault> {
    let server = &plan.server;
    let (resolved, path, left_out) = find(plan, grants);
    for dir in left_out {
        let (name, dir) = (&server.name, dir.display());
        tell!("portcullis: {name}: not looking for programs in {dir}: the server may write it");
    }
    let home = plan.home.as_deref();
    let resolved = resolved.map_err(refused)?;
    let command::Plan::Prepare(package) = &resolved.plan else {
        return hold_back(plan, resolved, grants);
    };
    tell!("portcullis: {}: preparing `{}`", server.name, package.spec);
    let preparation = Preparation {
        store: &plan.state.join("packages"),
        path: &path,
        home,
        user: Some(server.user.as_str()),
        least: least(server.confinement),
        launcher: None,
        builds: true,
    };
    let Prepared { resolved, denied, unheld } =
        package.prepare(&preparation).map_err(unprepared)?;
    if let Some(why) = &unheld {
        let name = &server.name;
        tell!("portcullis: {name}: the installer was not held to its registry: {why}");
    }
    *installing = Installing { denied, unheld };
    hold_back(plan, resolved, grants)
}

/// What a program needs beside itself is neither chosen by the server nor ours.
fn hold_back(plan: &Plan, resolved: Resolved, grants: &[RootGrant]) -> Result<Resolved, Fault> {
    let resolved = trusted::hold_back(resolved, grants)?;
    let state = real_state(plan)?;
    if let Some(dir) = resolved.code.iter().find(|dir| holds(dir, &state)) {
        let (dir, state) = (dir.display(), state.display());
        let why = format!(
            "the server's program needs {dir}, which holds our own state in {state}: \
             put the program into a directory of its own, or move the state with --state"
        );
        return Err(Fault::operator(why));
    }
    Ok(resolved)
}

pub(crate) fn held_to_pin(
    plan: &Plan,
    resolved: &Resolved,
    pins: &mut PinKeeper,
    journal: &mut Journal,
    asking: Option<Asking<'_>>,
) -> Result<bool, Fault> {
    let found = identity::program(resolved, &plan.state.join("packages"))?;
    pins.hold(plan, journal, "program", found, asking)
}

fn unprepared(error: PrepareError) -> Fault {
    match error {
        PrepareError::Spawn(error) => refused(error),
        other => Fault::Operator(other.to_string()),
    }
}
