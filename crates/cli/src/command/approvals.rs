//! `portcullis approvals`: what waits for a person, and the person's answer.

mod edit;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_console::Words;
use portcullis_console::card::rows;
use portcullis_console::diff::changes;
use portcullis_guard::text::{bounded, visible};
use portcullis_journal::Timestamp;
use portcullis_mediation::edit::may_edit;
use portcullis_mediation::grant::Lasts;
use portcullis_mediation::{ApprovalId, Cover, Matter};
use portcullis_store::{
    ApprovalStore as _, Approvals as Store, Choice, Decided, Filter, GrantStore as _, NotDecided,
    NotGiven, Row, State, Verdict,
};

use super::now;
use crate::args::{Approvals, ApprovalsAction, Places, Stands};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style::{self, Table, span};

/// How much of what a call is called with stands in a list; `show` shows all of it.
const CALLED: usize = 60;

pub(super) fn run(args: &Approvals, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    match &args.action {
        None => list(&state, args.all, args.json),
        Some(ApprovalsAction::List { all }) => list(&state, *all || args.all, args.json),
        Some(ApprovalsAction::Show { id }) => show(&state, id, args.json),
        Some(ApprovalsAction::Approve { id, lasts: Some(Stands::For(lasts)), covers }) => {
            let choice = Choice { cover: covers.unwrap_or(1), lasts: *lasts };
            stands(&state, id, choice, args.json)
        }
        Some(ApprovalsAction::Approve { covers: Some(_), .. }) => {
            let said =
                "`--covers` says which calls to come are meant: say for how long with `--for`";
            Err(Trouble::new(Exit::Usage, said))
        }
        Some(ApprovalsAction::Approve { id, .. }) => {
            decide(&state, id, Verdict::Approve, args.json)
        }
        Some(ApprovalsAction::Edit { id, from, print }) => match (from, print) {
            (Some(from), _) => edit::take(&state, id, from, args.json),
            (None, true) => edit::print(&state, id),
            (None, false) => edit::by_hand(&state, id, args.json),
        },
        Some(ApprovalsAction::Watch) => watch::run(&state, places),
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
        table(&rows, now).print()?;
    }
    Ok(Exit::Clean)
}

/// Questions that wait about one tool of one server, as it is now, are one group: its name
/// once, and what each of them is called with.
fn table(rows: &[Row], now: Timestamp) -> Table {
    let mut table = Table::new(&["id", "state", "kind", "server", "tool", "risk", "until"]);
    // A group has one risk for all, so none hides behind that of another.
    let kin = |row: &Row| {
        [&row.kind, &row.server, &row.tool, &row.risk, &row.definition_pin, &row.principal]
            .map(String::clone)
    };
    let mut groups: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state == State::Pending) {
        groups.entry(kin(row)).or_default().push(row);
    }
    for row in rows {
        let (state, kind) = (row.state.to_string(), visible(&row.kind));
        let (server, tool) = (visible(&row.server), visible(&row.tool));
        let group = groups.get(&kin(row)).filter(|group| group.len() > 1);
        let Some(group) = group.filter(|_| row.state == State::Pending) else {
            let (id, risk) = (row.id.to_string(), visible(&row.risk));
            table.row(vec![id, state, kind, server, tool, risk, until(row, now)]);
            continue;
        };
        if group.first().is_none_or(|first| first.id != row.id) {
            continue;
        }
        let count = format!("{} questions", group.len());
        table.row(vec![count, state, kind, server, tool, visible(&row.risk), String::new()]);
        for one in group {
            let called = bounded(&visible(&one.arguments.to_string()), CALLED);
            let mut cells = vec![String::new(); 7];
            cells.splice(0..1, [format!("  {}", one.id)]);
            cells.splice(4..5, [called]);
            cells.splice(6..7, [until(one, now)]);
            table.row(cells);
        }
    }
    table
}

fn show(state: &Path, id: &str, json: bool) -> Result<Exit, Trouble> {
    let now = now();
    let mut store = Store::open(state)?;
    let row = store.get(&parse(id)?, now)?.ok_or_else(|| unknown(id))?;
    let covers = store.covers(&row.id)?.iter().map(Cover::told).collect::<Vec<_>>();
    if json {
        let mut shown = serde_json::to_value(&row).map_err(|error| Trouble::failed(&error))?;
        if let Some(members) = shown.as_object_mut() {
            members.insert("covers".to_owned(), covers.into());
        }
        print_json(&shown)?;
    } else {
        style::print(&describe(&row, &covers, now))?;
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
fn describe(row: &Row, covers: &[String], now: Timestamp) -> String {
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
    if let Some(edited) = &row.edited {
        line("edited to", "what stands here with `+` and a space went on instead");
        for (mark, shown) in changes(&arguments, &edited.to_string()) {
            line("", &format!("{} {shown}", mark.letter()));
        }
    }
    if row.state == State::Pending {
        line("a yes", words.covers);
        for (at, cover) in covers.iter().enumerate() {
            line(if at == 0 { "or longer" } else { "" }, &format!("{} {cover}", at + 1));
        }
        line("to answer", &format!("portcullis approvals approve {}", row.id));
        if !covers.is_empty() {
            let longer =
                format!("portcullis approvals approve {} --for session --covers 1", row.id);
            line("", &longer);
        }
        line("", &format!("portcullis approvals deny {}", row.id));
        if Matter::parse(&row.kind).is_some_and(may_edit) {
            line("", &format!("portcullis approvals edit {}", row.id));
        }
    }
    text
}

/// A yes to the call that is asked about and, for a while, to those like it.
fn stands(state: &Path, id: &str, choice: Choice, json: bool) -> Result<Exit, Trouble> {
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    let given = Store::open(state)?.give(&parse(id)?, choice, &by, now())?;
    let usage = |said: String| Trouble::new(Exit::Usage, said);
    let given = given.map_err(|why| match why {
        NotGiven::Question(why) => late(id, why),
        NotGiven::OneByOne => usage(format!(
            "`{id}` is answered for this one call only: its tool is asked about one by one, or what it \
             is called with is too much to be seen at once"
        )),
        NotGiven::NoSuchCover(count) => usage(format!(
            "`--covers` is a number from 1 to {count} here: see `portcullis approvals show {id}`"
        )),
    })?;
    if json {
        print_json(&given.grant)?;
        return Ok(Exit::Clean);
    }
    let grant = &given.grant;
    let stands = words(&given.decided.row).stands;
    let until = match choice.lasts {
        Lasts::Session => "until its session ends".to_owned(),
        _ => format!("until {}", grant.expires),
    };
    style::print(&format!(
        "approved: {stands}, now and {until}, with {}; \
         `portcullis grants revoke {}` takes it back\n",
        grant.covers, grant.id
    ))?;
    Ok(Exit::Clean)
}

fn late(id: &str, why: NotDecided) -> Trouble {
    match why {
        NotDecided::Unknown => unknown(id),
        NotDecided::Already(state) => {
            let said =
                format!("`{id}` is already {state}: a call that is made again is asked again");
            Trouble::new(Exit::Usage, said)
        }
        NotDecided::Altered => {
            let said = format!(
                "`{id}` is not as it was asked: something wrote into the state directory, and the \
                 question has ended"
            );
            Trouble::new(Exit::Failed, said)
        }
    }
}

fn decide(state: &Path, id: &str, verdict: Verdict, json: bool) -> Result<Exit, Trouble> {
    let now = now();
    let by = format!("uid:{} by command", rustix::process::getuid().as_raw());
    let decided = Store::open(state)?.decide(&parse(id)?, verdict, &by, now)?;
    told(&decided.map_err(|why| late(id, why))?, verdict, now, json)
}

/// Says what an answer does.
fn told(decided: &Decided, verdict: Verdict, now: Timestamp, json: bool) -> Result<Exit, Trouble> {
    if json {
        print_json(&decided.row)?;
        return Ok(Exit::Clean);
    }
    let words = words(&decided.row);
    let left = span(decided.expires.since(now));
    let edited = if decided.row.edited.is_some() { ", as you edited it" } else { "" };
    style::print(&match verdict {
        Verdict::Approve => format!("approved: {}{edited}, within {left}\n", words.approved),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(bits: u64, risk: &str, definition: &str) -> Row {
        let now = now();
        Row {
            id: ApprovalId::from_entropy(bits),
            state: State::Pending,
            kind: "tool".to_owned(),
            server: "files".to_owned(),
            tool: "sync".to_owned(),
            arguments: portcullis_store::Content::new(r#"{"path":"a"}"#.to_owned()).unwrap(),
            risk: risk.to_owned(),
            reasons: Vec::new(),
            principal: "uid:1000".to_owned(),
            created: now,
            expires: now,
            definition_pin: definition.to_owned(),
            arguments_digest: String::new(),
            decided_by: None,
            edited: None,
        }
    }

    #[test]
    fn no_question_hides_behind_the_risk_of_another() {
        let shown = |rows: &[Row]| table(rows, now()).text(false);
        let alike = [waits(1, "read", "one"), waits(2, "read", "one")];
        assert!(shown(&alike).contains("2 questions"), "{}", shown(&alike));
        let changed = [waits(1, "read", "one"), waits(2, "destructive", "two")];
        let text = shown(&changed);
        assert!(text.contains("destructive") && !text.contains("questions"), "{text}");
    }
}
