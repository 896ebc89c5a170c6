//! What a client has to see to, and where each stands here: from config and state alone.

pub(crate) mod transport;

use std::path::Path;

use portcullis_config::{Pins as PinMode, Server};
use portcullis_console::api::{Line, Seal, Standing};
use portcullis_policy::{Ask, Opening, Review};
use portcullis_store::{PinStore as _, Pins};
use toml::{Table, Value};

use crate::desk::{journal, servers};
use crate::documents::InForce;
use crate::exit::Trouble;
use crate::state;

/// The list itself.
const LIST: &str = include_str!("../../console/checklist.toml");

/// Where something stands, and why.
type Now = (Standing, String);

/// Every line.
pub(crate) fn lines(state: &Path, in_force: &InForce) -> Result<Vec<Line>, Trouble> {
    let facts = Facts { state, servers: servers::written(in_force)? };
    let list: Table = LIST.parse().map_err(|error| Trouble::failed(&error))?;
    let lines = list.get("line").and_then(Value::as_array).into_iter().flatten();
    lines.map(|line| facts.line(line)).collect()
}

/// A line as it is written, and where it stands.
fn line(written: &Value, stands: impl FnOnce(&str) -> Now) -> Line {
    let text = |key| written.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tests = written.get("tests").and_then(Value::as_array).into_iter().flatten();
    let tests = tests.filter_map(Value::as_str).map(str::to_owned).collect();
    let (standing, now) = stands(&text("id"));
    Line { what: text("what"), how: text("how"), standing, now, tests }
}

struct Facts<'a> {
    state: &'a Path,
    servers: Vec<Server>,
}

impl Facts<'_> {
    fn line(&self, written: &Value) -> Result<Line, Trouble> {
        let id = written.get("id").and_then(Value::as_str).unwrap_or_default();
        let now = match id {
            "minimal-roots" => self.roots(),
            "risky-approved" => self.approved(),
            "sampling-reviewed" => self.sampling()?,
            "servers-verified" => self.verified()?,
            "sessions-ended" => self.ended()?,
            "capabilities-logged" => self.logged()?,
            // A line that nobody can judge is nothing to be calm about.
            other => (Standing::Bad, format!("nothing here knows `{other}`")),
        };
        Ok(line(written, |_| now))
    }

    /// The names of the servers of which something is true.
    fn which(&self, is: impl Fn(&Server) -> bool) -> Vec<String> {
        self.servers.iter().filter(|server| is(server)).map(|it| it.name.to_string()).collect()
    }

    fn roots(&self) -> Now {
        let home = state::home();
        let wide = |server: &Server| {
            server.roots.iter().any(|root| servers::is_wide(root, home.as_deref()))
        };
        let wide = self.which(wide);
        if !wide.is_empty() {
            return (
                Standing::Bad,
                format!("the whole home, or more, is given to {}", list(&wide)),
            );
        }
        let writable = self.which(|server| server.roots.iter().any(servers::is_writable));
        let count = self.servers.len();
        match writable.is_empty() {
            true => {
                (Standing::Good, format!("of {count} configured servers none writes to a root"))
            }
            false => {
                let says =
                    format!("no root is a whole home; {} may write in theirs", list(&writable));
                (Standing::Good, says)
            }
        }
    }

    fn approved(&self) -> Now {
        let observed = self.which(|server| server.observe);
        if !observed.is_empty() {
            let says =
                format!("rules are observed only, and hold nothing back, for {}", list(&observed));
            return (Standing::Bad, says);
        }
        let never = self.which(|server| server.rules.mode == Ask::Never);
        match never.is_empty() {
            true => {
                (Standing::Good, "every server's destructive and unknown tools are asked".into())
            }
            false => {
                (Standing::Good, format!("asked; denied without a question for {}", list(&never)))
            }
        }
    }

    fn sampling(&self) -> Result<Now, Trouble> {
        let open = self.which(|server| server.sampling.mode != Opening::Refuse);
        let half = self.which(|server| {
            server.sampling.mode != Opening::Refuse && server.sampling.review == Review::Request
        });
        let denied = self.denials("sampling/createMessage")?;
        if !half.is_empty() {
            let says = format!("the model's answers go unseen to {}", list(&half));
            return Ok((Standing::Look, says));
        }
        let who = match open.is_empty() {
            true => "no configured server may ask the model".to_owned(),
            false => format!("request and answer are shown to a person for {}", list(&open)),
        };
        Ok((Standing::Good, format!("{who}; denied lately: {denied}")))
    }

    fn verified(&self) -> Result<Now, Trouble> {
        let noted = self.which(|server| server.pins == PinMode::Note);
        if !noted.is_empty() {
            let says = format!("changes are recorded and withhold nothing for {}", list(&noted));
            return Ok((Standing::Bad, says));
        }
        let rows = Pins::open(self.state)?.rows()?;
        let drifted = rows.iter().filter(|row| row.seen.is_some()).count();
        let pinned = rows.iter().filter(|row| row.pinned.is_some()).count();
        Ok(match drifted {
            0 => (Standing::Good, format!("{pinned} definitions are as they were pinned")),
            _ => (Standing::Look, format!("{drifted} changed or new: see `portcullis pins`")),
        })
    }

    fn ended(&self) -> Result<Now, Trouble> {
        let all = journal::sessions(&self.state.join("journal"))?;
        let open = all.iter().filter(|session| session.ended.is_none()).count();
        let ended = all.len() - open;
        Ok((
            Standing::Good,
            format!("of the last sessions {ended} ended, {open} run or were cut off"),
        ))
    }

    fn logged(&self) -> Result<Now, Trouble> {
        let dir = self.state.join("journal");
        let refused = self.denials("")?;
        Ok(match journal::seal(&dir, false) {
            Seal::Holds(says) => (Standing::Good, format!("{says} Denied lately: {refused}.")),
            Seal::Unknown(says) => {
                (Standing::Look, format!("{says} Run `portcullis journal verify`."))
            }
            Seal::Broken(says) => (Standing::Bad, says),
        })
    }

    /// How many denials of a method the last records hold; of all methods when none is named.
    fn denials(&self, method: &str) -> Result<usize, Trouble> {
        let records = journal::recent(&self.state.join("journal"))?;
        let is = |record: &&serde_json::Value| {
            let text = |member| journal::text(record, member);
            text("event") == "denied" && (method.is_empty() || text("method") == method)
        };
        Ok(records.iter().filter(is).count())
    }
}

fn list(names: &[String]) -> String {
    names.join(", ")
}
