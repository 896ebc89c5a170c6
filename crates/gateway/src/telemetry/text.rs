//! The numbers as Prometheus reads them (text format 0.0.4). The only place that writes it.

use std::fmt::Write as _;

use super::{BUCKETS, FAMILIES, Family, Histogram, Metrics};

/// A number that is looked at when somebody asks.
#[derive(Debug)]
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// Of each server, or one of all.
    pub(crate) values: Vec<(Option<String>, u64)>,
}

impl Metrics {
    /// All of it, and these.
    pub(crate) fn text(&self, gauges: &[Gauge]) -> String {
        let numbers = self.lock();
        let mut out = String::new();
        for family in FAMILIES {
            let counters = numbers.counters.iter().filter(|((name, _), _)| *name == family.name);
            let counters: Vec<_> = counters.map(|((_, labels), value)| (labels, value)).collect();
            let histograms =
                numbers.histograms.iter().filter(|((name, _), _)| *name == family.name);
            let histograms: Vec<_> = histograms.map(|((_, labels), it)| (labels, it)).collect();
            if !counters.is_empty() {
                head(&mut out, family.name, family.help, "counter");
            }
            for (labels, value) in counters {
                line(&mut out, family.name, &named(family, labels), *value);
            }
            if !histograms.is_empty() {
                head(&mut out, family.name, family.help, "histogram");
            }
            for (labels, histogram) in histograms {
                write_histogram(&mut out, family, labels, histogram);
            }
        }
        for gauge in gauges {
            head(&mut out, gauge.name, gauge.help, "gauge");
            for (server, value) in &gauge.values {
                let labels: Vec<_> = server.iter().map(|name| ("server", name.as_str())).collect();
                line(&mut out, gauge.name, &labels, *value);
            }
        }
        out
    }
}

fn named<'a>(family: &Family, labels: &'a [String]) -> Vec<(&'static str, &'a str)> {
    family.labels.iter().copied().zip(labels.iter().map(String::as_str)).collect()
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    let written: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels =
        if written.is_empty() { String::new() } else { format!("{{{}}}", written.join(",")) };
    let _ = writeln!(out, "{name}{labels} {value}");
}

fn write_histogram(out: &mut String, family: &Family, labels: &[String], histogram: &Histogram) {
    let mut so_far = 0;
    let bucket = format!("{}_bucket", family.name);
    let plain = named(family, labels);
    let with = |bound| plain.iter().copied().chain([("le", bound)]).collect::<Vec<_>>();
    for ((_, bound), many) in BUCKETS.iter().zip(histogram.buckets) {
        so_far += many;
        line(out, &bucket, &with(*bound), so_far);
    }
    line(out, &bucket, &with("+Inf"), histogram.count);
    line(out, &format!("{}_sum", family.name), &plain, histogram.sum.as_secs_f64());
    line(out, &format!("{}_count", family.name), &plain, histogram.count);
}

/// The three letters that mean something else inside of quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
