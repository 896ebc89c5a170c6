//! What a caller sends that is passed on in passing: in a request whose answer nobody looks at, to an address that the
//! author wrote down, or into a hidden file where everybody's programs put theirs.

use std::collections::BTreeSet;

use crate::evidence::source::{FactKind, Sink};

use super::sinks::Asked;
use super::taint::World;
use super::taint::value::{self, Id, Node};

/// Directories that every program of a machine may write to.
const SHARED: &[&str] = &["/tmp/", "/var/tmp/", "/dev/shm/"];
/// The environment as a whole.
const ENVIRONMENT: &[&str] = &["os.environ", "process.env"];
/// What of it gives all of them.
const OF_ALL: &[&str] = &["items", "values", "copy"];
/// What of it gives one variable.
const ONE_OF_IT: &[&str] = &["os.environ.get", "os.environ.pop", "os.environ.setdefault"];

impl World<'_> {
    /// Looks at a request: what it takes along, and whether anybody wants its answer.
    pub(super) fn note_sent(&mut self, asked: &Asked<'_>, address: &[Id]) {
        let spelled = self.spelled(address);
        if host_of(&spelled).is_none() {
            return;
        }
        let taken: Vec<Id> = asked.args.iter().map(|(_, it)| *it).collect();
        self.note_environment(asked, &taken);
        if self.handling && self.aside.is_unused(asked.at) {
            self.arrives(Sink::Sent, asked, &taken);
        }
    }

    /// Looks at what is written, and where.
    pub(super) fn note_kept(&mut self, asked: &Asked<'_>) {
        let args: Vec<Id> = asked.args.iter().map(|(_, it)| *it).collect();
        let (place, taken) = match (asked.method, args.as_slice()) {
            ("write" | "writelines" | "write_text" | "write_bytes", all) => (asked.recv, all),
            ("dump", [first, place, ..]) => (Some(*place), std::slice::from_ref(first)),
            (
                "writeFile" | "writeFileSync" | "appendFile" | "appendFileSync",
                [place, taken @ ..],
            ) => (Some(*place), taken),
            _ => return,
        };
        let Some(place) = place else { return };
        if asked.at.line == 0 || !is_hidden(&self.spelled(&[place])) {
            return;
        }
        self.note_environment(asked, taken);
        if self.handling {
            self.arrives(Sink::Kept, asked, taken);
        }
    }

    /// Notes that a tool does what can do harm, where nothing of a client's is seen in it: it may have been lost.
    pub(super) fn note_done(&mut self, sink: Sink, asked: &Asked<'_>, arriving: &[Id]) {
        let seen = arriving.iter().any(|it| self.values.tainted(*it));
        if !seen && asked.at.line > 0 && self.done_for_clients.insert(sink) {
            let text = self.call_text(asked.at);
            let _new = self.noted.insert((FactKind::Done(sink), asked.at), text);
        }
    }

    fn note_environment(&mut self, asked: &Asked<'_>, taken: &[Id]) {
        if taken.iter().any(|it| self.is_of_environment(*it)) {
            let text = self.call_text(asked.at);
            let _new = self.noted.entry((FactKind::TakesEnvironment, asked.at)).or_insert(text);
        }
    }

    /// Whether all variables are in a value, and not one or another.
    fn is_of_environment(&self, id: Id) -> bool {
        let (mut waiting, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = waiting.pop() {
            if seen.len() > 400 || !seen.insert(id) {
                continue;
            }
            match self.values.get(id) {
                _ if self.is_environment(id) => return true,
                Node::Call(name, recv, args) if !ONE_OF_IT.contains(&name.as_ref()) => {
                    waiting.extend(recv);
                    waiting.extend(args.iter().map(|(_, it)| *it));
                }
                // One variable.
                Node::Member(base, name)
                    if self.is_environment(*base) && !OF_ALL.contains(&name.as_ref()) => {}
                node => waiting.extend(value::parts(node)),
            }
        }
        false
    }

    pub(super) fn is_environment(&self, id: Id) -> bool {
        self.values.path(id).is_some_and(|it| ENVIRONMENT.contains(&it.as_str()))
    }
}

/// The other machine that an address names, when it is one.
pub(super) fn host_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    let host = rest.get(..end.unwrap_or(rest.len()))?;
    let near = host.starts_with("127.") || host == "0.0.0.0" || host.ends_with(".local");
    (host.contains('.') && !near).then_some(host)
}

/// Whether a file has a name that lists leave out, where every program writes.
fn is_hidden(spelled: &str) -> bool {
    spelled.lines().any(|line| {
        let name = line.rsplit('/').next().unwrap_or_default();
        SHARED.iter().any(|it| line.starts_with(it)) && name.len() > 2 && name.starts_with('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_named_by_a_host() {
        assert_eq!(host_of("https://collect.example.com/in"), Some("collect.example.com"));
        for near in ["http://localhost:80/", "http://127.0.0.1/", "https://", "collect", "unix://x"]
        {
            assert_eq!(host_of(near), None, "{near}");
        }
    }

    #[test]
    fn a_hidden_file_is_one_among_everybodys() {
        assert!(is_hidden("/tmp/.cache_of_keys\nw\n"));
        for plain in ["/tmp/report.txt", "/home/me/.notes", "/tmp/.x/report", "/srv/.a", "/tmp/.."]
        {
            assert!(!is_hidden(plain), "{plain}");
        }
    }
}
