//! `portcullis auth`: which credentials for remote servers are kept, and forgetting them.

use std::path::Path;

use portcullis_guard::text::visible;
use portcullis_journal::Timestamp;
use portcullis_store::{CredentialRow, Vault};

use super::now;
use crate::args::{Auth, AuthAction, Places};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style::{self, Table, span};

pub(super) fn run(args: &Auth, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    match &args.action {
        None | Some(AuthAction::Status) => status(&state, args.json),
        Some(AuthAction::Forget { server, .. }) => forget(&state, server.as_deref(), args.json),
    }
}

fn status(state: &Path, json: bool) -> Result<Exit, Trouble> {
    let all = Vault::open(state)?.list()?;
    if json {
        return print_json(&all);
    }
    if all.is_empty() {
        style::print("no credential for a remote server is kept\n")?;
        return Ok(Exit::Clean);
    }
    let mut table = Table::new(&["server", "for", "from", "what", "scopes", "ends"]);
    for row in &all {
        let owner = &row.owner;
        let texts = [&owner.server, &owner.principal, &owner.issuer].map(|text| visible(text));
        let [server, principal, issuer] = texts;
        let (kind, scopes) = (owner.kind.as_str().to_owned(), visible(&row.scopes));
        table.row(vec![server, principal, issuer, kind, scopes, ends(row)]);
    }
    table.print()?;
    Ok(Exit::Clean)
}

fn ends(row: &CredentialRow) -> String {
    let Some(seconds) = row.expires else { return "unknown".to_owned() };
    let end = Timestamp(seconds.saturating_mul(1_000_000));
    match end.since(now()) {
        left if left.is_zero() => "over".to_owned(),
        left => format!("in {}", span(left)),
    }
}

fn forget(state: &Path, server: Option<&str>, json: bool) -> Result<Exit, Trouble> {
    let gone = Vault::open(state)?.forget(server)?;
    if json {
        return print_json(&serde_json::json!({ "forgotten": gone }));
    }
    let what = if gone == 1 { "credential" } else { "credentials" };
    style::print(&format!("{gone} {what} forgotten\n"))?;
    Ok(if gone == 0 { Exit::Nothing } else { Exit::Clean })
}

fn print_json(value: &impl serde::Serialize) -> Result<Exit, Trouble> {
    let text = serde_json::to_string(value).map_err(|error| Trouble::failed(&error))?;
    style::print(&format!("{text}\n"))?;
    Ok(Exit::Clean)
}
