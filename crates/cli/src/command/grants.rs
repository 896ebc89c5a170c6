//! `portcullis grants`: which directories servers were given, and taking them back.

use std::path::Path;

use portcullis_guard::text::visible;
use portcullis_store::{Grant, Grants as Store};

use super::now;
use crate::args::{Grants, GrantsAction, Places};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style::{self, Table};

pub(super) fn run(args: &Grants, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    match &args.action {
        None | Some(GrantsAction::List) => list(&state, args.json),
        Some(GrantsAction::Revoke { id }) => change(&state, id, true, args.json),
        Some(GrantsAction::Restore { id }) => change(&state, id, false, args.json),
    }
}

fn list(state: &Path, json: bool) -> Result<Exit, Trouble> {
    let grants = Store::open(state)?.list()?;
    if json {
        print_json(&grants)?;
    } else if grants.is_empty() {
        style::print("no server was given a directory yet\n")?;
    } else {
        let mut table = Table::new(&["id", "server", "root", "access", "state"]);
        for grant in &grants {
            let (server, root) = (visible(&grant.server), visible(&grant.root));
            let (id, access) = (grant.id.clone(), visible(&grant.access));
            table.row(vec![id, server, root, access, word(grant).to_owned()]);
        }
        table.print()?;
    }
    Ok(Exit::Clean)
}

fn word(grant: &Grant) -> &'static str {
    if grant.revoked { "taken back" } else { "given" }
}

fn change(state: &Path, id: &str, revoked: bool, json: bool) -> Result<Exit, Trouble> {
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    let changed = Store::open(state)?.set_revoked(id, revoked, &by, now())?;
    let grant = changed.ok_or_else(|| {
        let said = format!("no server was given `{}`: see `portcullis grants`", visible(id));
        Trouble::new(Exit::Usage, said)
    })?;
    if json {
        print_json(&grant)?;
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

fn print_json(value: &impl serde::Serialize) -> Result<(), Trouble> {
    let text = serde_json::to_string(value).map_err(|error| Trouble::failed(&error))?;
    style::print(&format!("{text}\n"))
}
