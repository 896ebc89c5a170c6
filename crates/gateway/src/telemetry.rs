//! What is counted of a gateway that serves: numbers by server, method and control.
//!
//! Nothing of what peers say is in it. A label is a name from the operator's config, from our own
//! tables, or, for tools, one that a server listed, in plain letters and few of them; everything
//! else is `other`. Who asked is in the journal, and nowhere here.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_journal::{Event, Record};
use serde_json::{Value, to_value};

pub(crate) use text::Gauge;

/// Series of one family; one more is counted in none of them.
const SERIES: usize = 2000;
/// Names of tools of one server.
const TOOLS: usize = 100;
/// Longest name of a tool that is a label.
const NAME: usize = 64;
/// What stands for everything that has no label of its own.
const OTHER: &str = "other";

/// Upper bounds of a histogram's buckets, in microseconds, and as text in seconds.
const BUCKETS: [(u64, &str); 11] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (10_000_000, "10"),
    (60_000_000, "60"),
];

/// Numbers of one kind.
#[derive(Debug)]
pub(crate) struct Family {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
}

macro_rules! families {
    ($($constant:ident = $name:literal, $help:literal, $labels:expr;)*) => {
        $(pub(crate) static $constant: Family =
            Family { name: $name, help: $help, labels: &$labels };)*
        static FAMILIES: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    REQUESTS = "portcullis_http_requests_total",
        "Requests to a server, by how they were answered.",
        ["server", "method", "revision", "era", "status"];
    LATENCY = "portcullis_http_request_duration_seconds",
        "From a request's head to the first byte of its answer.", ["server", "method"];
    TURNED_AWAY = "portcullis_turned_away_total",
        "Requests that no server heard of, by status.", ["status"];
    TOLD_TO_WAIT = "portcullis_told_to_wait_total",
        "Requests of somebody with more than their share, by control.", ["control"];
    CONTROLS = "portcullis_control_decisions_total",
        "What controls said, by the kind of record that says so.", ["server", "event", "control"];
    OUTCOMES = "portcullis_outcomes_total",
        "Requests that a server was asked, by how they ended.", ["server", "method", "outcome"];
    UPSTREAM = "portcullis_upstream_duration_seconds",
        "From a request's way to a server to its end.", ["server", "method"];
    TOOL_CALLS = "portcullis_tool_calls_total",
        "Calls of tools that a server lists.", ["server", "tool", "outcome"];
    STARTS = "portcullis_upstream_starts_total", "Servers that were started.", ["server"];
    RELOADS = "portcullis_config_reads_total",
        "How often the config was read again, and whether it was followed.", ["followed"];
    SPANS_EXPORTED = "portcullis_spans_exported_total",
        "Spans that the collector took.", [];
    SPANS_DROPPED = "portcullis_spans_dropped_total",
        "Spans that nobody will see: there was no room, or the collector did not take them.",
        ["reason"];
    UNCOUNTED = "portcullis_uncounted_total",
        "Events that had no room among the series of their family.", [];
}

/// A series: its family's name, and a value for each of its labels.
type Series = (&'static str, Vec<String>);

#[derive(Debug, Default)]
struct Histogram {
    /// For each bucket, how many were in it and in no smaller one.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

#[derive(Debug, Default)]
struct Numbers {
    counters: BTreeMap<Series, u64>,
    histograms: BTreeMap<Series, Histogram>,
    /// Series of each family.
    sizes: BTreeMap<&'static str, usize>,
    tools: BTreeMap<String, BTreeSet<String>>,
}

/// Everything that is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    numbers: Arc<Mutex<Numbers>>,
    /// Bytes of answers that wait to be read.
    pub(crate) queued: Arc<AtomicUsize>,
}

impl Metrics {
    /// One more.
    pub(crate) fn count(&self, family: &'static Family, labels: &[&str]) {
        self.counts(family, labels, 1);
    }

    /// So many more.
    pub(crate) fn counts(&self, family: &'static Family, labels: &[&str], many: u64) {
        self.lock().counts(family, labels, many);
    }

    /// What a tool that a server lists may be called, where it may.
    pub(crate) fn tool(&self, server: &str, tool: &str) -> Option<String> {
        Some(self.lock().tool(server, tool)).filter(|name| name != OTHER)
    }

    /// One that took so long.
    pub(crate) fn took(&self, family: &'static Family, labels: &[&str], time: Duration) {
        self.lock().took(family, labels, time);
    }

    /// Something was recorded.
    pub(crate) fn saw(&self, record: &Record) {
        let server = record.server.as_str();
        let mut numbers = self.lock();
        let event = word(to_value(record.event));
        for because in &record.decision.because {
            numbers.count(&CONTROLS, &[server, &event, &because.control.to_string()]);
        }
        match record.event {
            Event::Started => numbers.count(&STARTS, &[server]),
            Event::Outcome => {
                let method = method(record.method.as_deref().unwrap_or_default());
                let outcome =
                    record.outcome.map_or_else(|| OTHER.to_owned(), |it| word(to_value(it)));
                numbers.count(&OUTCOMES, &[server, method, &outcome]);
                if let Some(micros) = record.duration_us {
                    let time = Duration::from_micros(micros);
                    numbers.took(&UPSTREAM, &[server, method], time);
                }
                if let Some(tool) = record.tool.as_ref().filter(|_| method == "tools/call") {
                    let tool = numbers.tool(server, tool);
                    numbers.count(&TOOL_CALLS, &[server, &tool, &outcome]);
                }
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Numbers {
    fn has_room(&mut self, series: &Series, is_there: bool) -> bool {
        if is_there {
            return true;
        }
        let size = self.sizes.entry(series.0).or_default();
        if *size >= SERIES {
            *self.counters.entry((UNCOUNTED.name, Vec::new())).or_default() += 1;
            return false;
        }
        *size += 1;
        true
    }

    fn count(&mut self, family: &'static Family, labels: &[&str]) {
        self.counts(family, labels, 1);
    }

    fn counts(&mut self, family: &'static Family, labels: &[&str], many: u64) {
        let series = series(family, labels);
        let is_there = self.counters.contains_key(&series);
        if self.has_room(&series, is_there) {
            *self.counters.entry(series).or_default() += many;
        }
    }

    fn took(&mut self, family: &'static Family, labels: &[&str], time: Duration) {
        let series = series(family, labels);
        let is_there = self.histograms.contains_key(&series);
        if !self.has_room(&series, is_there) {
            return;
        }
        let histogram = self.histograms.entry(series).or_default();
        histogram.count += 1;
        histogram.sum += time;
        let fits = |(bound, _): &(u64, &str)| time <= Duration::from_micros(*bound);
        let at = BUCKETS.iter().position(fits);
        if let Some(bucket) = at.and_then(|at| histogram.buckets.get_mut(at)) {
            *bucket += 1;
        }
    }

    /// The label of a tool that a server listed.
    fn tool(&mut self, server: &str, tool: &str) -> String {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
        let plain = (1..=NAME).contains(&tool.len()) && tool.bytes().all(letter);
        let known = self.tools.entry(server.to_owned()).or_default();
        if !plain || (known.len() >= TOOLS && !known.contains(tool)) {
            return OTHER.to_owned();
        }
        known.insert(tool.to_owned());
        tool.to_owned()
    }
}

fn series(family: &'static Family, labels: &[&str]) -> Series {
    (family.name, labels.iter().map(|label| (*label).to_owned()).collect())
}

/// The label of a method: whoever asks may write anything there.
pub(crate) fn method(name: &str) -> &'static str {
    portcullis_wire::name_of_method(name).unwrap_or(OTHER)
}

/// A word of the journal.
fn word(written: serde_json::Result<Value>) -> String {
    let written = written.ok();
    written.as_ref().and_then(Value::as_str).unwrap_or(OTHER).to_owned()
}

#[cfg(test)]
mod tests {
    use portcullis_policy::{Principal, ServerName};

    use super::*;

    fn outcome(method: &str, tool: &str) -> Record {
        let server = ServerName::new("files").unwrap();
        let mut record = Record::new(Event::Outcome, "s", &server, &Principal::token("ada"));
        record.method = Some(method.to_owned());
        record.tool = Some(tool.to_owned());
        record.outcome = Some(portcullis_journal::Outcome::Ok);
        record.duration_us = Some(1500);
        record
    }

    #[test]
    fn labels_are_words_of_ours_and_few() {
        let metrics = Metrics::default();
        metrics.saw(&outcome("tools/call", "read_file"));
        metrics.saw(&outcome("sk-canary", "read_file"));
        metrics.saw(&outcome("tools/call", "a tool with \"quotes\"\n"));
        for n in 0..2 * TOOLS {
            metrics.saw(&outcome("tools/call", &format!("tool_{n}")));
        }
        let text = metrics.text(&[]);
        let ours =
            "portcullis_tool_calls_total{server=\"files\",tool=\"read_file\",outcome=\"ok\"} 1\n";
        assert!(text.contains(ours), "{text}");
        assert!(!text.contains("canary") && !text.contains("quotes") && !text.contains("ada"));
        let tools =
            text.lines().filter(|it| it.starts_with("portcullis_tool_calls_total{")).count();
        assert_eq!(tools, TOOLS + 1, "the others are one");
        let buckets =
            "portcullis_upstream_duration_seconds_bucket{server=\"files\",method=\"other\"";
        assert!(text.contains(&format!("{buckets},le=\"0.001\"}} 0\n")), "{text}");
        assert!(text.contains(&format!("{buckets},le=\"0.0025\"}} 1\n")), "{text}");
        assert!(text.contains(&format!("{buckets},le=\"+Inf\"}} 1\n")), "{text}");
    }

    #[test]
    fn a_family_does_not_grow_without_end() {
        let metrics = Metrics::default();
        for n in 0..SERIES + 3 {
            metrics.count(&TURNED_AWAY, &[&n.to_string()]);
        }
        metrics.count(&TURNED_AWAY, &["0"]);
        let text = metrics.text(&[]);
        assert!(text.contains("portcullis_uncounted_total 3\n"), "{text}");
        assert!(text.contains("portcullis_turned_away_total{status=\"0\"} 2\n"), "{text}");
    }
}
