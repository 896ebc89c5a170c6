//! `portcullis pins`: what was approved of each server, and what drifted since.

use std::path::Path;

use portcullis_guard::launch::{Mark, marks, variable};
use portcullis_guard::text::{bounded, visible};
use portcullis_journal::{Event, Record};
use portcullis_mediation::pin::{Change, Part, Pinned, Risk, Section, Surroundings, compare, kin};
use portcullis_policy::{Principal, ServerName};
use portcullis_store::{Accepted, Journal, PinRow, PinStore as _, Pins as Store};
use serde_json::{Value, json};

use super::now;
use crate::args::{Pins, PinsAction, Places};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style::{self, Table};

pub(super) fn run(args: &Pins, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    match &args.action {
        None | Some(PinsAction::List) => list(&state, args.json),
        Some(PinsAction::Diff { server }) => diff(&state, server, args.json),
        Some(PinsAction::Accept { server, name }) => {
            accept(&state, server, name.as_deref(), args.json)
        }
        Some(PinsAction::Reset { server }) => reset(&state, server, args.json),
    }
}

/// One server in the list.
fn list(state: &Path, json: bool) -> Result<Exit, Trouble> {
    let rows = Store::open(state)?.rows()?;
    let mut servers: Vec<&str> = rows.iter().map(|row| row.server.as_str()).collect();
    servers.dedup();
    let of = |server: &str| rows.iter().filter(|row| row.server == server).collect::<Vec<_>>();
    if json {
        return print_json(&servers.iter().map(|server| summary(server, &of(server))).collect());
    }
    if servers.is_empty() {
        style::print("nothing is pinned: no server was started yet\n")?;
        return Ok(Exit::Clean);
    }
    let mut table = Table::new(&["server", "tools", "other", "drifted", "gone", "since"]);
    for server in servers {
        let rows = of(server);
        let count = |wanted: &dyn Fn(&PinRow) -> bool| {
            rows.iter().filter(|row| wanted(row)).count().to_string()
        };
        let is_tool = |row: &PinRow| row.part.section == Section::Tool;
        let since = rows.iter().map(|row| row.since).min().map(|time| time.to_string());
        table.row(vec![
            visible(server),
            count(&|row| row.pinned.is_some() && is_tool(row)),
            count(&|row| row.pinned.is_some() && !is_tool(row)),
            count(&|row| row.seen.is_some()),
            count(&|row| row.gone),
            since.unwrap_or_default(),
        ]);
    }
    table.print()?;
    Ok(Exit::Clean)
}

fn summary(server: &str, rows: &[&PinRow]) -> Value {
    let parts = |wanted: &dyn Fn(&PinRow) -> bool| -> Vec<Value> {
        rows.iter().filter(|row| wanted(row)).map(|row| name_of(&row.part)).collect()
    };
    json!({
        "server": server,
        "pinned": parts(&|row| row.pinned.is_some()),
        "drifted": parts(&|row| row.seen.is_some()),
        "gone": parts(&|row| row.gone),
    })
}

fn name_of(part: &Part) -> Value {
    json!({"section": part.section, "name": part.name})
}

/// What drifted of one part.
struct Drift<'a> {
    row: &'a PinRow,
    risk: Risk,
    what: String,
    changes: Vec<Change>,
}

/// Everything of a server that is not as it was approved, the worst first.
fn drifts(rows: &[PinRow]) -> Vec<Drift<'_>> {
    let pinned = |row: &PinRow| Some((row.part.clone(), row.pinned.clone()?));
    let pins = rows.iter().filter_map(pinned).collect();
    let judge = |row: &'_ PinRow| -> Option<(Risk, String, Vec<Change>)> {
        if row.gone {
            return Some((Risk::Low, "is listed no more".to_owned(), Vec::new()));
        }
        let (seen, told) = row.seen.as_ref()?;
        match &row.pinned {
            Some(pinned) => {
                let changes = compare(row.part.section, pinned, seen, told);
                let risk = changes.first().map_or(Risk::Low, |change| change.risk);
                Some((risk, "changed".to_owned(), changes))
            }
            None => {
                let nothing = Pinned {
                    definition: Default::default(),
                    surroundings: Surroundings::default(),
                };
                let changes = compare(row.part.section, &nothing, seen, told);
                let kin = kin(&row.part, seen, &pins);
                let risk = if kin.is_some() { Risk::High } else { Risk::Medium };
                let what = kin.map_or("is new".to_owned(), |kin| format!("is new, and {kin}"));
                Some((risk, what, changes))
            }
        }
    };
    let drift = |row| judge(row).map(|(risk, what, changes)| Drift { row, risk, what, changes });
    let mut drifts: Vec<Drift<'_>> = rows.iter().filter_map(drift).collect();
    drifts.sort_by(|a, b| b.risk.cmp(&a.risk).then_with(|| a.row.part.cmp(&b.row.part)));
    drifts
}

fn diff(state: &Path, server: &str, json: bool) -> Result<Exit, Trouble> {
    let rows = Store::open(state)?.show(&key(state, server)?)?;
    let drifts = drifts(&rows);
    if json {
        let told = |drift: &Drift<'_>| {
            let changes = &drift.changes;
            json!({
                "section": drift.row.part.section, "name": drift.row.part.name,
                "risk": drift.risk, "what": drift.what, "changes": changes,
            })
        };
        return print_json(&drifts.iter().map(told).collect());
    }
    if drifts.is_empty() {
        style::print(&format!("`{}` is as it was approved\n", visible(server)))?;
        return Ok(Exit::Clean);
    }
    let mut text = String::new();
    for drift in &drifts {
        text.push_str(&format!("{} ({} risk) {}\n", drift.row.part, drift.risk, drift.what));
        for change in &drift.changes {
            text.push_str(&describe(change, drift.row.pinned.is_some()));
        }
        text.push_str(&remarks(drift.row));
    }
    let server = visible(server);
    text.push_str(&format!("\nto accept all of it: portcullis pins accept {server}\n"));
    text.push_str(&format!("to accept one: portcullis pins accept {server} NAME\n"));
    style::print(&text)?;
    Ok(Exit::Clean)
}

/// What to look at in a command before a yes.
fn remarks(row: &PinRow) -> String {
    let seen = row.seen.as_ref().and_then(|(seen, _)| seen.value("command"));
    let command: Vec<String> =
        seen.and_then(|command| serde_json::from_value(command).ok()).unwrap_or_default();
    let line = |mark: &Mark| format!("  look at: {} {}\n", visible(&mark.word), mark.why);
    let values = row.seen.as_ref().and_then(|(seen, _)| seen.value("values"));
    let values = values.as_ref().and_then(Value::as_object).into_iter().flatten();
    let variables = values.flat_map(|(name, value)| variable(name, value.as_str()));
    marks(&command).into_iter().chain(variables).map(|mark| line(&mark)).collect()
}

/// One field, before and after, with nothing hidden and nothing left out.
fn describe(change: &Change, was_pinned: bool) -> String {
    let field = visible(&bounded(&change.field, 128));
    let mut text = match was_pinned {
        true => format!("  {field} ({} risk): {}\n", change.risk, change.what),
        false => format!("  {field}\n"),
    };
    for (mark, side) in [('-', &change.before), ('+', &change.after)] {
        match side {
            Some(json) => text.push_str(&format!("    {mark} {}\n", shown(json))),
            None if mark == '+' || was_pinned => {
                text.push_str(&format!("    {mark} (nothing, or too long to keep)\n"))
            }
            None => {}
        }
    }
    text
}

/// A value of JSON with nothing hidden: what JSON does not escape, we write out.
fn shown(json: &str) -> String {
    let hides = |letter: char| portcullis_guard::text::is_hidden(letter);
    let one = |letter: char| match hides(letter) {
        true => format!("\\u{{{:x}}}", u32::from(letter)),
        false => letter.to_string(),
    };
    json.chars().map(one).collect()
}

fn accept(state: &Path, server: &str, name: Option<&str>, json: bool) -> Result<Exit, Trouble> {
    let server = &key(state, server)?;
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    // Recorded first: what cannot be recorded is not accepted.
    let what =
        name.map_or("everything that drifted".to_owned(), |name| format!("`{}`", visible(name)));
    record(state, server, &format!("{by}: accepts {what} of the pins of `{}`", visible(server)))?;
    let Accepted { parts, unseen } = Store::open(state)?.accept(server, name, &by, now())?;
    if json {
        print_json(&parts.iter().map(name_of).collect())?;
    } else {
        let lines = parts.iter().map(|part| format!("accepted: {part}\n"));
        style::print(&lines.collect::<String>())?;
    }
    let server = visible(server);
    if !unseen.is_empty() {
        let list = unseen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let said = format!(
            "not accepted, because it was not shown as it is now: {list}: \
             see `portcullis pins diff {server}` first"
        );
        return Err(Trouble::new(Exit::Nothing, said));
    }
    if parts.is_empty() && !json {
        let said = format!(
            "nothing of `{server}` waits to be accepted: see `portcullis pins diff {server}`"
        );
        return Err(Trouble::new(Exit::Nothing, said));
    }
    Ok(Exit::Clean)
}

fn reset(state: &Path, server: &str, json: bool) -> Result<Exit, Trouble> {
    let server = &key(state, server)?;
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    record(state, server, &format!("{by}: forgets the pins of `{}`", visible(server)))?;
    let count = Store::open(state)?.reset(server)?;
    if json {
        return print_json(&vec![json!({"server": server, "forgotten": count})]);
    }
    style::print(&format!(
        "forgotten: {count} pins of `{}`; what it shows next is seen for the first time\n",
        visible(server)
    ))?;
    Ok(Exit::Clean)
}

fn record(state: &Path, server: &str, note: &str) -> Result<(), Trouble> {
    let name = server.split('#').next().unwrap_or_default();
    let name = ServerName::new(name).map_err(|bad| Trouble::new(Exit::Usage, bad.to_string()))?;
    let principal = Principal::user(rustix::process::getuid().as_raw());
    let mut record = Record::new(Event::Pinned, "pins", &name, &principal);
    record.note = Some(note.to_owned());
    let mut journal = Journal::open(&state.join("journal"))?;
    journal.append(&record, now())?;
    Ok(journal.close()?)
}

/// The server's name in pins: as it is listed, or the part before the `#` if only
/// one begins with it.
fn key(state: &Path, typed: &str) -> Result<String, Trouble> {
    let rows = Store::open(state)?.rows()?;
    let mut names: Vec<String> = rows.into_iter().map(|row| row.server).collect();
    names.dedup();
    if names.iter().any(|name| name == typed) {
        return Ok(typed.to_owned());
    }
    names.retain(|name| name.split('#').next() == Some(typed));
    match names.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let said = format!("nothing is pinned of `{}`: see `portcullis pins`", visible(typed));
            Err(Trouble::new(Exit::Nothing, said))
        }
        several => {
            let said = format!("`{}` is several: {}", visible(typed), several.join(", "));
            Err(Trouble::new(Exit::Usage, said))
        }
    }
}

fn print_json(value: &Vec<Value>) -> Result<Exit, Trouble> {
    let text = serde_json::to_string(value).map_err(|error| Trouble::failed(&error))?;
    style::print(&format!("{text}\n"))?;
    Ok(Exit::Clean)
}
