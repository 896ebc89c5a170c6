//! `portcullis grants`: what servers were given beyond one call, and taking it back.

use std::path::Path;

use portcullis_guard::text::visible;
use portcullis_mediation::grant::GrantId;
use portcullis_store::{Approvals, Grant, GrantRow, GrantState, GrantStore as _, Grants as Store};

use super::now;
use crate::args::{Grants, GrantsAction, Places};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style::{self, Table, span};

pub(super) fn run(args: &Grants, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    match &args.action {
        None | Some(GrantsAction::List) => list(&state, args.json),
        Some(GrantsAction::Revoke { id }) => match GrantId::parse(id) {
            Some(call) if is_call(&state, &call)? => revoke(&state, &call, args.json),
            _ => change(&state, id, true, args.json),
        },
        Some(GrantsAction::Restore { id }) => change(&state, id, false, args.json),
    }
}

fn list(state: &Path, json: bool) -> Result<Exit, Trouble> {
    let roots = Store::open(state)?.list()?;
    let calls = Approvals::open(state)?.grants(now())?;
    if json {
        let all = roots.iter().map(root).chain(calls.iter().map(serde_json::to_value));
        let all: Result<Vec<_>, _> = all.collect();
        print_json(&all.map_err(|error| Trouble::failed(&error))?)?;
        return Ok(Exit::Clean);
    }
    if roots.is_empty() && calls.is_empty() {
        style::print("no server was given a directory or a standing yes yet\n")?;
    }
    if !roots.is_empty() {
        let mut table = Table::new(&["id", "server", "root", "access", "state"]);
        for grant in &roots {
            let (server, root) = (visible(&grant.server), visible(&grant.root));
            let (id, access) = (grant.id.clone(), visible(&grant.access));
            table.row(vec![id, server, root, access, grant.word(now()).to_owned()]);
        }
        table.print()?;
    }
    if !calls.is_empty() {
        let mut table = Table::new(&["id", "server", "tool", "covers", "for", "state"]);
        for grant in &calls {
            let (server, tool) = (visible(&grant.server), visible(&grant.tool));
            let (id, lasts) = (visible(&grant.id), visible(&grant.lasts));
            table.row(vec![id, server, tool, visible(&grant.covers), lasts, stands(grant)]);
        }
        table.print()?;
    }
    Ok(Exit::Clean)
}

/// A grant of a directory, beside those of calls.
fn root(grant: &Grant) -> Result<serde_json::Value, serde_json::Error> {
    let mut value = serde_json::to_value(grant)?;
    if let Some(members) = value.as_object_mut() {
        members.insert("kind".to_owned(), "root".into());
    }
    Ok(value)
}

fn stands(grant: &GrantRow) -> String {
    match grant.state {
        GrantState::Standing => format!("{} left", span(grant.expires.since(now()))),
        GrantState::Revoked => "taken back".to_owned(),
        GrantState::Ended => "over".to_owned(),
        GrantState::Damaged => "damaged: counts for nothing".to_owned(),
    }
}

fn is_call(state: &Path, id: &GrantId) -> Result<bool, Trouble> {
    let all = Approvals::open(state)?.grants(now())?;
    Ok(all.iter().any(|grant| grant.id == id.as_str()))
}

fn revoke(state: &Path, id: &GrantId, json: bool) -> Result<Exit, Trouble> {
    let revoked = Approvals::open(state)?.revoke(id, &by(), now())?;
    let grant = revoked.ok_or_else(|| unknown(id.as_str()))?;
    if json {
        print_json(&grant)?;
        return Ok(Exit::Clean);
    }
    let (server, tool) = (visible(&grant.server), visible(&grant.tool));
    style::print(&match grant.state {
        GrantState::Revoked => {
            format!("taken back: `{tool}` of `{server}` is asked about again\n")
        }
        _ => format!("`{id}` was over already: `{tool}` of `{server}` is asked about\n"),
    })?;
    Ok(Exit::Clean)
}

fn change(state: &Path, id: &str, revoked: bool, json: bool) -> Result<Exit, Trouble> {
    let changed = Store::open(state)?.set_revoked(id, revoked, &by(), now())?;
    let grant = changed.ok_or_else(|| unknown(id))?;
    if json {
        print_json(&root(&grant).map_err(|error| Trouble::failed(&error))?)?;
        return Ok(Exit::Clean);
    }
    let (server, root) = (visible(&grant.server), visible(&grant.root));
    style::print(&if revoked {
        format!(
            "taken back: `{server}` is denied {root} from now on, and after every start; \
             `portcullis grants restore {id}` gives it again\n"
        )
    } else {
        format!("given again: `{server}` may use {root} as its grant says\n")
    })?;
    Ok(Exit::Clean)
}

fn by() -> String {
    format!("uid:{} by command", rustix::process::getuid().as_raw())
}

fn unknown(id: &str) -> Trouble {
    let said = format!("no server was given `{}`: see `portcullis grants`", visible(id));
    Trouble::new(Exit::Usage, said)
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Trouble> {
    let text = serde_json::to_string(value).map_err(|error| Trouble::failed(&error))?;
    style::print(&format!("{text}\n"))
}
