//! `portcullis approvals`: what waits for a person, and the person's answer.

use std::path::Path;

use portcullis_console::Words;
use portcullis_console::card::rows;
use portcullis_guard::text::visible;
use portcullis_journal::Timestamp;
use portcullis_mediation::{ApprovalId, Matter};
use portcullis_store::{
    ApprovalStore as _, Approvals as Store, Filter, NotDecided, Row, State, Verdict,
};

use super::now;
use crate::args::{Approvals, ApprovalsAction, Places};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style::{self, Table, span};

pub(super) fn run(args: &Approvals, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    match &args.action {
        None => list(&state, args.all, args.json),
        Some(ApprovalsAction::List { all }) => list(&state, *all || args.all, args.json),
        Some(ApprovalsAction::Show { id }) => show(&state, id, args.json),
        Some(ApprovalsAction::Approve { id }) => decide(&state, id, Verdict::Approve, args.json),
        Some(ApprovalsAction::Deny { id }) => decide(&state, id, Verdict::Deny, args.json),
    }
}

fn list(state: &Path, all: bool, json: bool) -> Result<Exit, Trouble> {
    let filter = if all { Filter::default() } else { Filter::pending() };
    let now = now();
    let rows = Store::open(state)?.list(&filter, now)?;
    if json {
        print_json(&rows)?;
    } else if rows.is_empty() {
        style::print(if all { "nobody was asked yet\n" } else { "no question is waiting\n" })?;
    } else {
        let mut table = Table::new(&["id", "state", "kind", "server", "tool", "risk", "until"]);
        for row in &rows {
            let (server, tool) = (visible(&row.server), visible(&row.tool));
            let (id, state) = (row.id.to_string(), row.state.to_string());
            let (kind, risk) = (visible(&row.kind), visible(&row.risk));
            table.row(vec![id, state, kind, server, tool, risk, until(row, now)]);
        }
        table.print()?;
    }
    Ok(Exit::Clean)
}

fn show(state: &Path, id: &str, json: bool) -> Result<Exit, Trouble> {
    let now = now();
    let row = Store::open(state)?.get(&parse(id)?, now)?.ok_or_else(|| unknown(id))?;
    if json {
        print_json(&row)?;
    } else {
        style::print(&describe(&row, now))?;
    }
    Ok(Exit::Clean)
}

/// The words for a row. A kind that this version does not know is shown as a call:
/// whole, and under its own name.
fn words(row: &Row) -> Words {
    let matter = Matter::parse(&row.kind).unwrap_or(Matter::Tool);
    Words::of(matter, &row.server, &row.tool, &row.arguments.to_string())
}

/// Everything about one approval; nothing cut, nothing hidden.
fn describe(row: &Row, now: Timestamp) -> String {
    let words = words(row);
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        text.push_str(format!("{label:<11} {value}").trim_end());
        text.push('\n');
    };
    line("approval", row.id.as_str());
    line("state", row.state.as_str());
    line("kind", &visible(&row.kind));
    line("server", &visible(&row.server));
    line(words.what, &visible(&row.tool));
    if let Some(host) = &words.host {
        line("host", host);
    }
    line("risk", &visible(&row.risk));
    for (place, reason) in row.reasons.iter().enumerate() {
        line(if place == 0 { "why" } else { "" }, &visible(reason));
    }
    line("caller", &visible(&row.principal));
    line("asked", &row.created.to_string());
    line("until", &format!("{} ({})", row.expires, until(row, now)));
    if let Some(by) = &row.decided_by {
        line("answered by", &visible(by));
    }
    line("definition", &visible(&row.definition_pin));
    let arguments = row.arguments.to_string();
    let digest = visible(&row.arguments_digest);
    line(words.content, &format!("{} bytes, {digest}", arguments.len()));
    for shown in rows(&arguments) {
        line("", &shown);
    }
    if row.state == State::Pending {
        line("a yes", words.covers);
        line("to answer", &format!("portcullis approvals approve {}", row.id));
        line("", &format!("portcullis approvals deny {}", row.id));
    }
    text
}

fn decide(state: &Path, id: &str, verdict: Verdict, json: bool) -> Result<Exit, Trouble> {
    let now = now();
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    let decided = Store::open(state)?.decide(&parse(id)?, verdict, &by, now)?;
    let decided = decided.map_err(|why| match why {
        NotDecided::Unknown => unknown(id),
        NotDecided::Already(state) => {
            let said =
                format!("`{id}` is already {state}: a call that is made again is asked again");
            Trouble::new(Exit::Usage, said)
        }
    })?;
    if json {
        print_json(&decided.row)?;
        return Ok(Exit::Clean);
    }
    let words = words(&decided.row);
    let left = span(decided.expires.since(now));
    style::print(&match verdict {
        Verdict::Approve => format!("approved: {}, within {left}\n", words.approved),
        Verdict::Deny => format!("denied: {}\n", words.denied),
    })?;
    Ok(Exit::Clean)
}

fn parse(id: &str) -> Result<ApprovalId, Trouble> {
    ApprovalId::parse(id).ok_or_else(|| {
        let said = format!(
            "`{}` is not the name of an approval, such as apr_7k2m9q4w8x1z: see `portcullis approvals`",
            visible(id)
        );
        Trouble::new(Exit::Usage, said)
    })
}

fn unknown(id: &str) -> Trouble {
    let said = format!("nobody was asked `{id}` here: see `portcullis approvals list --all`");
    Trouble::new(Exit::Usage, said)
}

fn until(row: &Row, now: Timestamp) -> String {
    match row.state {
        State::Pending | State::Approved if row.expires > now => {
            format!("{} left", span(row.expires.since(now)))
        }
        _ => "over".to_owned(),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Trouble> {
    let text = serde_json::to_string(value).map_err(|error| Trouble::failed(&error))?;
    style::print(&format!("{text}\n"))
}
