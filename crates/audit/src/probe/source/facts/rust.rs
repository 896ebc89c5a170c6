//! What single calls in Rust tell.

use crate::evidence::source::FactKind;

use super::super::sinks::Asked;
use super::super::taint::World;
use super::super::taint::value::{Id, Node};

/// Calls that wait for a program to end.
const WAITING: &[&str] = &["process.Command.output", "process.Command.status"];
/// Calls whose program reads what its starter reads.
const INHERITING: &[&str] = &["process.Command.status", "process.Command.spawn"];

impl World<'_> {
    pub(super) fn facts_in_rust(&self, asked: &Asked<'_>) -> Vec<FactKind> {
        let mut found = Vec::new();
        let first = asked.args.first().map(|(_, it)| *it);
        let yes = first.is_some_and(|it| *self.values.get(it) == Node::Bool(true));
        let refuses = |names: &[&str]| names.contains(&asked.method);
        if yes
            && refuses(&[
                "danger_accept_invalid_certs",
                "danger_accept_invalid_hostnames",
                "tls_danger_accept_invalid_certs",
                "tls_danger_accept_invalid_hostnames",
                "accept_invalid_certs",
            ])
            || asked.method == "set_verify" && first.is_some_and(|it| self.holds(it, "NONE", 4))
        {
            found.push(FactKind::CertificatesIgnored);
        }
        let emptied = refuses(&["allowed_hosts", "with_allowed_hosts"])
            && first
                .is_some_and(|it| matches!(self.values.get(it), Node::List(all) if all.is_empty()));
        if asked.method == "disable_allowed_hosts" || emptied || self.names_no_host(asked) {
            found.push(FactKind::RebindingOff);
        }
        if self.is_asked_by_a_client() && self.waits_in_rust(asked) {
            found.push(FactKind::NoTimeout);
        }
        if INHERITING.contains(&asked.path)
            && !asked.args.iter().any(|(name, _)| name.as_deref() == Some("stdin"))
        {
            found.push(FactKind::InheritsInput);
        }
        found
    }

    /// `StreamableHttpServerConfig { allowed_hosts: vec![], .. }`
    fn names_no_host(&self, asked: &Asked<'_>) -> bool {
        asked.path.ends_with("HttpServerConfig")
            && asked.args.iter().any(|(name, it)| {
                let none = matches!(self.values.get(*it), Node::List(all) if all.is_empty());
                name.as_deref() == Some("allowed_hosts") && none
            })
    }

    /// Whether nothing around a call, and nothing in it, ends it.
    fn waits_in_rust(&self, asked: &Asked<'_>) -> bool {
        if self.crates.timed > 0 {
            return false;
        }
        let endless = |it: &str| {
            it.starts_with("reqwest.Client.new()") && !it.contains("timeout")
                || it.starts_with("reqwest.Client.builder()") && !it.contains("timeout")
        };
        WAITING.contains(&asked.path)
            || asked.path == "reqwest.get"
            || asked.method == "send" && endless(asked.path)
    }

    /// Whether a call is ended by what is around it, or by what it was made with.
    pub(super) fn ends_in_rust(&self, asked: &Asked<'_>) -> bool {
        self.crates.timed > 0
            || asked.path.starts_with("reqwest.") && asked.path.contains("timeout")
    }

    pub(super) fn note_endless(&mut self, asked: &Asked<'_>) {
        let who = self.crates.running;
        let _new = self.crates.endless.insert((asked.at, who));
    }

    /// What was begun before, and is waited for here no longer than somebody says.
    pub(in super::super) fn ends_in_time(&mut self, begun: Id) {
        for alt in self.alternatives(begun) {
            if matches!(self.values.get(alt.value), Node::Call(path, ..) if WAITING.contains(&path.as_ref()))
            {
                let place = self.values.place(alt.value);
                let who = self.crates.running;
                let _ended = self.crates.endless.remove(&(place, who));
                // Another one may wait for it without an end. What it did is done again there.
                if !self.crates.endless.iter().any(|it| it.0 == place) {
                    let noted = self.noted.remove(&(FactKind::NoTimeout, place));
                    let ended = noted.map(|text| ((FactKind::Ends, place), text));
                    self.noted.extend(ended);
                }
                self.done.clear();
            }
        }
    }

    /// `[0, 0, 0, 0]`, `Ipv4Addr::UNSPECIFIED`
    pub(super) fn is_everywhere_in_rust(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::List(items) => {
                items.len() == 4
                    && items.iter().all(|(_, it)| match self.values.get(*it) {
                        Node::Number(number) => number.as_ref() == "0",
                        _ => false,
                    })
            }
            Node::Member(_, name) => name.as_ref() == "UNSPECIFIED",
            Node::Global(name) => name.ends_with(".UNSPECIFIED"),
            _ => false,
        }
    }
}
