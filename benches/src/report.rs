//! The figures as Markdown tables, as `docs/performance.md` shows them.

use std::fmt::Write as _;

use crate::host::Series;
use crate::measure::{Case, Held, Sample};
use crate::parts::{Costs, PARTS};
use crate::process::Memory;
use crate::spawn::Spawns;
use crate::stats::{median, shown};
use crate::subject::{MANY, POLICIES, SUBJECTS, Subject};

/// Everything that one run found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) cases: Vec<Case>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) costs: Vec<Costs>,
    pub(crate) spawns: Vec<Spawns>,
    pub(crate) rounds: usize,
}

impl Findings {
    /// All tables.
    pub(crate) fn tables(&self) -> String {
        let mut out = String::new();
        self.calls(&mut out);
        self.listings(&mut out);
        self.policies(&mut out);
        self.starts(&mut out);
        self.spawns(&mut out);
        self.memory(&mut out);
        self.breakdown(&mut out);
        out
    }

    fn of(&self, subject: Subject) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.subject == subject)
    }

    /// The median over the rounds of something in one case's series.
    fn middle(&self, subject: Subject, case: usize, read: impl Fn(&Series) -> f64) -> f64 {
        median(self.of(subject).filter_map(|sample| sample.series.get(case)).map(read))
    }

    /// The median of the ratios to the bare server of the same round.
    fn ratio(&self, subject: Subject, read: impl Fn(&Sample) -> Option<f64>) -> f64 {
        let both = self.of(subject).zip(self.of(Subject::Bare));
        median(both.filter_map(|(one, bare)| Some(read(one)? / read(bare)?)))
    }

    fn added(&self, subject: Subject, case: usize) -> f64 {
        let both = self.of(subject).zip(self.of(Subject::Bare));
        median(both.filter_map(|(one, bare)| {
            let (one, bare) = (one.series.get(case)?, bare.series.get(case)?);
            Some(all(one) - all(bare))
        }))
    }

    fn calls(&self, out: &mut String) {
        line(out, "### Calls\n");
        line(
            out,
            "| calls | who | p50 µs | ratio | CPU of gateway, µs | of it in the kernel | CPU added in all, µs |",
        );
        line(out, "|---|---|---|---|---|---|---|");
        for (at, case) in self.cases.iter().enumerate() {
            for subject in SUBJECTS {
                let p50 = shown(self.middle(subject, at, |series| series.p50));
                let ratio = self.ratio(subject, |sample| Some(sample.series.get(at)?.p50));
                let (own, kernel, added) = match subject {
                    Subject::Bare => Default::default(),
                    _ => (
                        shown(self.middle(subject, at, ours)),
                        self.kernel(subject, at),
                        shown(self.added(subject, at)),
                    ),
                };
                let (name, who) = (case.name, subject.name());
                let ratio = shown(ratio);
                line(
                    out,
                    &format!("| {name} | {who} | {p50} | {ratio} | {own} | {kernel} | {added} |"),
                );
            }
        }
        line(out, "");
    }

    /// The long list of tools.
    fn listings(&self, out: &mut String) {
        line(out, &format!("### `tools/list` with {MANY} tools\n"));
        line(out, "| who | p50 µs | CPU of gateway, µs | CPU added in all, µs |");
        line(out, "|---|---|---|---|");
        let of = |subject, read: &dyn Fn(&Series) -> f64| {
            median(self.of(subject).filter_map(|sample| sample.listing.as_ref()).map(read))
        };
        let bare = of(Subject::Bare, &all);
        for subject in SUBJECTS {
            let p50 = shown(of(subject, &|series| series.p50));
            let (own, added) = match subject {
                Subject::Bare => Default::default(),
                _ => (shown(of(subject, &ours)), shown(of(subject, &all) - bare)),
            };
            line(out, &format!("| {} | {p50} | {own} | {added} |", subject.name()));
        }
        line(out, "");
    }

    /// A small call and a start, with more and more policies.
    fn policies(&self, out: &mut String) {
        let name = self.cases.first().map_or("", |case| case.name);
        line(out, "### Policies of the operator's own\n");
        line(
            out,
            &format!("| who | {name}: p50 µs | CPU of gateway, µs | to the first answer, ms |"),
        );
        line(out, "|---|---|---|---|");
        for subject in POLICIES {
            let p50 = shown(self.middle(subject, 0, |series| series.p50));
            let own = shown(self.middle(subject, 0, ours));
            let start = median(self.of(subject).flat_map(|sample| sample.starts.iter().copied()));
            line(out, &format!("| {} | {p50} | {own} | {} |", subject.name(), shown(start)));
        }
        line(out, "");
    }

    /// A box alone.
    fn spawns(&self, out: &mut String) {
        line(out, "### A program that ends at once\n");
        line(out, "| who | from start to end, ms | CPU, ms |");
        line(out, "|---|---|---|");
        for Spawns { who, wall, cpu } in &self.spawns {
            line(out, &format!("| {who} | {} | {} |", shown(*wall), shown(*cpu)));
        }
        line(out, "");
    }

    /// How much of our processor time the kernel spent, over all rounds: it counts
    /// in hundredths of a second, so of a short series it says nothing.
    fn kernel(&self, subject: Subject, case: usize) -> String {
        let sum = |read: fn(&Series) -> f64| -> f64 {
            self.of(subject).filter_map(|sample| sample.series.get(case)).map(read).sum()
        };
        let system = sum(|series| series.ours.system.as_secs_f64());
        let whole = system + sum(|series| series.ours.user.as_secs_f64());
        if whole < 0.2 { "–".to_owned() } else { format!("{:.0} %", system / whole * 100.0) }
    }

    fn starts(&self, out: &mut String) {
        line(out, "### Start\n");
        line(
            out,
            "| who | to the first answer, ms | fastest | added, ms | CPU of start and end, ms |",
        );
        line(out, "|---|---|---|---|---|");
        let every = |subject| self.of(subject).flat_map(|sample| sample.starts.iter().copied());
        let bare = median(every(Subject::Bare));
        for subject in SUBJECTS {
            let (start, least) = (median(every(subject)), every(subject).fold(f64::NAN, f64::min));
            let cpu: Vec<f64> = self.of(subject).map(|sample| sample.start_cpu).collect();
            // The kernel counts this in hundredths of a second, so medians would be steps.
            let cpu = cpu.iter().sum::<f64>() / f64::from(u32::try_from(cpu.len()).unwrap_or(1));
            let (who, added) = (subject.name(), start - bare);
            let numbers = [start, least, added, cpu].map(shown).join(" | ");
            line(out, &format!("| {who} | {numbers} |"));
        }
        line(out, "");
    }

    fn memory(&self, out: &mut String) {
        line(out, "### Memory, MiB: resident (and what nobody shares with it)\n");
        line(out, "| who | after `tools/list` | after all calls | processes of the box |");
        line(out, "|---|---|---|---|");
        for subject in [Subject::Relay, Subject::Unboxed, Subject::Guarded] {
            let cell = |read: fn(&Held) -> Option<Memory>| {
                let all = || self.of(subject).filter_map(|sample| read(&sample.memory));
                let [rss, pss] = [
                    median(all().map(|memory| mib(memory.rss_kib))),
                    median(all().map(|memory| mib(memory.pss_kib))),
                ]
                .map(shown);
                if rss == "–" { rss } else { format!("{rss} ({pss})") }
            };
            let fresh = cell(|held| held.fresh);
            let (used, boxed) = (cell(|held| held.used), cell(|held| held.boxed));
            line(out, &format!("| {} | {fresh} | {used} | {boxed} |", subject.name()));
        }
        line(out, "");
    }

    fn breakdown(&self, out: &mut String) {
        // The same calls, many at once, cost the same inside.
        let cases: Vec<usize> =
            (0..self.cases.len()).filter(|at| self.cases[*at].load.window == 1).collect();
        let row = |out: &mut String, name: &str, cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = cases.iter().map(|at| cell(*at)).collect();
            line(out, &format!("| {name} | {} |", cells.join(" | ")));
        };
        line(out, "### Inside one call, µs\n");
        row(out, "part", &|at| self.cases[at].name.to_owned());
        line(out, &format!("|---|{}", "---|".repeat(cases.len())));
        for (part, name) in PARTS.iter().enumerate() {
            row(out, name, &|at| shown(self.costs[at][part]));
        }
        let inside = |at: usize| self.costs[at].iter().sum::<f64>();
        let process = |at: usize| self.middle(Subject::Guarded, at, ours);
        row(out, "**these together**", &|at| shown(inside(at)));
        row(out, "pipes, wake-ups and timers: the rest", &|at| shown(process(at) - inside(at)));
        row(out, "**the gateway's process**", &|at| shown(process(at)));
    }
}

/// Microseconds of gateway and box per call.
fn ours(series: &Series) -> f64 {
    series.ours.total.as_secs_f64() * 1e6 / calls(series)
}

/// Microseconds of everybody per call.
fn all(series: &Series) -> f64 {
    ours(series) + series.server.total.as_secs_f64() * 1e6 / calls(series)
}

fn calls(series: &Series) -> f64 {
    f64::from(u32::try_from(series.calls).unwrap_or(u32::MAX))
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

fn line(out: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{text}");
}
