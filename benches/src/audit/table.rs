//! `benches/audit.md`: aims first, then what they are made of, and last what was missed, by name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Row;
use super::listings::Honest;
use super::peers::Said;
use super::trees::Tree;
use crate::stats::{median, shown};

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct All<'a> {
    pub(crate) rows: Vec<Row>,
    pub(crate) honest: Option<Honest>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) peers: Vec<&'static str>,
    pub(crate) setting: &'a str,
}

/// Classes in which words to the model are what is wrong.
const TEXT: &[&str] = &[
    "tool-poisoning",
    "tool-shadowing",
    "prompt-injection",
    "exfil-param",
    "ansi-escape",
    "goal-manipulation",
];

const HEAD: &str = "\
# What the auditor finds

Written by one command, which [README.md](README.md#what-the-auditor-finds) tells; do not edit. A row of the list is *found* when a finding that fits its
class (`benches/src/audit/case.rs`) is at least as severe as the list says (high where it says nothing) and more than *possible*. *Said lower* is the
same check below that or in doubt. A server with several flaws counts once for each. For a peer, anything at high counts, whatever it is about.";

/// The page.
pub(crate) fn page(all: &All<'_>) -> String {
    let parts = [
        format!("{HEAD}\n\n{}", all.setting),
        aims(all),
        classes(all),
        pairs(all),
        benign(all),
        honest(all),
        times(all),
        missed(all),
        unable(all),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    format!("{}\n", parts.join("\n\n").trim_end())
}

fn of(some: usize, all: usize) -> String {
    match all {
        0 => "–".to_owned(),
        _ => format!("{some} of {all} ({:.0} %)", 100.0 * some as f64 / all as f64),
    }
}

/// Case and class, for each class of each vulnerable case.
fn flaws<'a>(all: &'a All<'_>) -> impl Iterator<Item = (&'a Row, &'a str)> {
    let bad = all.rows.iter().filter(|row| !row.case.benign());
    bad.flat_map(|row| row.case.class.iter().map(move |class| (row, class.as_str())))
}

fn found(row: &Row, class: &str) -> bool {
    row.ours.finds(class, &row.case.floor)
}

fn aims(all: &All<'_>) -> String {
    let proven: Vec<_> =
        flaws(all).filter(|(row, class)| row.case.proven.iter().any(|it| it == class)).collect();
    let text: Vec<_> = flaws(all).filter(|(_, class)| TEXT.contains(class)).collect();
    let hits = |of: &[(&Row, &str)]| of.iter().filter(|(row, class)| found(row, class)).count();
    let live = all.rows.iter().filter(|it| it.case.command.is_some() && !it.ours.unstarted);
    let live: Vec<f64> = live.map(|it| it.ours.wall).collect();
    let slowest = all.trees.iter().map(pace).fold(0.0, f64::max);
    let mut table = "| aim | measured |\n|---|---|\n".to_owned();
    let mut row = |aim: &str, measured: String| {
        let _ = writeln!(table, "| {aim} | {measured} |");
    };
    row("what was exploited is found: all of it", of(hits(&proven), proven.len()));
    row(
        "texts that give orders to the model are found: at least 70 %",
        of(hits(&text), text.len()),
    );
    if let Some(honest) = &all.honest {
        let high: std::collections::BTreeSet<&String> = honest.high.values().flatten().collect();
        row(
            "honest servers of whose words something is called high: at most 1 in 20",
            of(high.len(), honest.servers),
        );
    }
    if !all.trees.is_empty() {
        row(
            "10,000 lines of source: under 2 s",
            format!("{} s where it is slowest", shown(slowest)),
        );
    }
    let worst = live.iter().copied().fold(0.0, f64::max);
    row(
        "a live server: under 30 s",
        format!("{} s, the slowest {} s", shown(median(live)), shown(worst)),
    );
    table.trim_end().to_owned()
}

/// Whether a row is of a kind.
type Belongs = fn(&Row) -> bool;

/// Seconds for 10,000 lines.
fn pace(tree: &Tree) -> f64 {
    tree.seen.wall * 10_000.0 / (tree.seen.lines.max(1) as f64)
}

fn classes(all: &All<'_>) -> String {
    let mut by: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for (row, class) in flaws(all) {
        by.entry(class).or_default().push(row);
    }
    let peers: String = all.peers.iter().map(|it| format!(" {it} |")).collect();
    let lines = "---|".repeat(all.peers.len() + 4);
    let mut table = format!(
        "## By class\n\nPeers: of how many they call something high, of how many they could be given.\n\n| class | n | found | said lower |{peers}\n|{lines}\n"
    );
    let mut sums = (0, 0, 0);
    for (class, rows) in &by {
        let hits = rows.iter().filter(|row| found(row, class)).count();
        let lower =
            rows.iter().filter(|row| !found(row, class) && row.ours.mentions(class)).count();
        sums = (sums.0 + rows.len(), sums.1 + hits, sums.2 + lower);
        let _ = writeln!(
            table,
            "| {class} | {} | {hits} | {lower} |{}",
            rows.len(),
            peers_of(rows, all.peers.len())
        );
    }
    let every: Vec<&Row> = flaws(all).map(|it| it.0).collect();
    let _ = write!(
        table,
        "| **all** | {} | {} | {} |{}",
        sums.0,
        of(sums.1, sums.0),
        sums.2,
        peers_of(&every, all.peers.len())
    );
    table
}

fn peers_of(rows: &[&Row], peers: usize) -> String {
    let each = (0..peers).map(|at| {
        let said: Vec<&Said> = rows.iter().filter_map(|row| row.peers.get(at)).collect();
        let high = said.iter().filter(|it| ***it == Said::High).count();
        let ran = said.iter().filter(|it| !matches!(it, Said::Nothing(_))).count();
        if ran == 0 { " – |".to_owned() } else { format!(" {high} of {ran} |") }
    });
    each.collect()
}

fn said(said: Option<&Said>) -> &'static str {
    match said {
        Some(Said::High) => "high",
        Some(Said::Less) => "nothing high",
        Some(Said::Nothing(_)) | None => "–",
    }
}

fn pairs(all: &All<'_>) -> String {
    let mut names: Vec<&String> = all.rows.iter().filter_map(|it| it.case.pair.as_ref()).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return String::new();
    }
    let peers: String = all.peers.iter().map(|it| format!(" {it} |")).collect();
    let lines = "---|".repeat(all.peers.len() + 4);
    let mut table = format!(
        "## Pairs\n\nA release with a flaw and one without it count together: found on the old one, nothing high on the new.\n\n| pair | old | new | both |{peers}\n|{lines}\n"
    );
    for name in names {
        let halves = all.rows.iter().filter(|it| it.case.pair.as_ref() == Some(name));
        let (new, old): (Vec<&Row>, Vec<&Row>) = halves.partition(|it| it.case.benign());
        let hit = old.iter().all(|row| row.case.class.iter().all(|class| found(row, class)));
        let silent = new.iter().all(|row| row.ours.high().is_empty());
        let peers: String = (0..all.peers.len())
            .map(|at| {
                format!(
                    " {} / {} |",
                    said(old.first().and_then(|it| it.peers.get(at))),
                    said(new.first().and_then(|it| it.peers.get(at)))
                )
            })
            .collect();
        let both = if hit && silent { "yes" } else { "no" };
        let (old, new) =
            (if hit { "found" } else { "missed" }, if silent { "silent" } else { "accused" });
        let _ = writeln!(table, "| {name} | {old} | {new} | {both} |{peers}");
    }
    table.trim_end().to_owned()
}

fn benign(all: &All<'_>) -> String {
    let rows: Vec<&Row> = all.rows.iter().filter(|it| it.case.benign()).collect();
    let accused: Vec<&&Row> = rows.iter().filter(|it| !it.ours.high().is_empty()).collect();
    let mut text =
        format!("## Benign rows\n\nSomething is called high in {}.", of(accused.len(), rows.len()));
    for row in accused {
        let _ = write!(text, "\n- `{}`: {}", row.case.name, row.ours.high().join(", "));
    }
    for (at, peer) in all.peers.iter().enumerate() {
        let said = rows.iter().filter_map(|row| row.peers.get(at));
        let ran: Vec<&Said> = said.filter(|it| !matches!(it, Said::Nothing(_))).collect();
        let high = ran.iter().filter(|it| ***it == Said::High).count();
        if !ran.is_empty() {
            let _ = write!(text, "\n- {peer}: {}", of(high, ran.len()));
        }
    }
    text
}

fn honest(all: &All<'_>) -> String {
    let Some(honest) = &all.honest else { return String::new() };
    let mut text = format!(
        "## Honest servers\n\nThe definitions of {} servers that people use, {} tools, as they were listed; nothing was started. High or worse: {}.",
        honest.servers,
        honest.tools,
        if honest.high.is_empty() { "nothing".to_owned() } else { format!("{:?}", honest.high) },
    );
    for ((high, ran), peer) in honest.peers.iter().zip(&all.peers) {
        if *ran > 0 {
            let _ = write!(text, " {peer}: {}.", of(*high, *ran));
        }
    }
    text.push_str("\n\nWhat is said below that, with every doubt (`--persona auditor`):\n\n| check | severity | confidence | servers | findings |\n|---|---|---|---|---|");
    for ((check, severity, confidence), (servers, times)) in &honest.below {
        let _ = write!(text, "\n| {check} | {severity} | {confidence} | {servers} | {times} |");
    }
    text
}

fn times(all: &All<'_>) -> String {
    let mut table = "## Time\n\nMedians; processor time of the auditor and of what it started.\n\n| target | n | wall s | CPU s | the slowest, wall s |\n|---|---|---|---|---|".to_owned();
    let kinds: [(&str, Belongs); 3] = [
        ("source alone", |row| row.case.source.is_some() && row.case.command.is_none()),
        ("a server that is started (and its source)", |row| {
            row.case.command.is_some() && !row.ours.unstarted
        }),
        ("a host's config", |row| row.case.config.is_some()),
    ];
    for (kind, belongs) in kinds {
        let rows: Vec<&Row> = all.rows.iter().filter(|it| belongs(it)).collect();
        if rows.is_empty() {
            continue;
        }
        let walls = || rows.iter().map(|it| it.ours.wall);
        let cpu = median(rows.iter().map(|it| it.ours.cpu));
        let worst = walls().fold(0.0, f64::max);
        let _ = write!(
            table,
            "\n| {kind} | {} | {} | {} | {} |",
            rows.len(),
            shown(median(walls())),
            shown(cpu),
            shown(worst)
        );
    }
    if !all.trees.is_empty() {
        table.push_str("\n\n| source tree | lines read | wall s | CPU s | wall s for 10,000 lines |\n|---|---|---|---|---|");
    }
    for tree in &all.trees {
        let seen = &tree.seen;
        let _ = write!(
            table,
            "\n| {} | {} | {} | {} | {} |",
            tree.name,
            seen.lines,
            shown(seen.wall),
            shown(seen.cpu),
            shown(pace(tree))
        );
    }
    table
}

fn missed(all: &All<'_>) -> String {
    let mut text =
        "## Missed\n\nBy name; what was said at high instead stands in brackets.\n".to_owned();
    let mut none = true;
    for (row, class) in flaws(all).filter(|(row, class)| !found(row, class)) {
        none = false;
        let high = row.ours.high();
        let instead =
            if high.is_empty() { String::new() } else { format!(" ({})", high.join(", ")) };
        let lower = if row.ours.mentions(class) { ", said lower" } else { "" };
        let unstarted = if row.ours.unstarted { ", it did not start" } else { "" };
        let _ = write!(text, "\n- `{}`: {class}{lower}{unstarted}{instead}", row.case.name);
    }
    if none { String::new() } else { text }
}

fn unable(all: &All<'_>) -> String {
    let mut text =
        "## What peers could not be given\n\n| peer | why | cases |\n|---|---|---|".to_owned();
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &all.rows {
        for (peer, said) in all.peers.iter().zip(&row.peers) {
            if let Said::Nothing(why) = said {
                *reasons.entry((peer, why)).or_default() += 1;
            }
        }
    }
    for ((peer, why), times) in &reasons {
        let why = why.replace('|', "/");
        let _ = write!(text, "\n| {peer} | {why} | {times} |");
    }
    if reasons.is_empty() { String::new() } else { text }
}
