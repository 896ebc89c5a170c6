//! What one call costs inside, part by part, without pipes: the same crates, the
//! same lines, one clock reading between two parts.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis_guard::UriLists;
use portcullis_guard::path::Roots;
use portcullis_journal::{Chain, Redactor, Signer, Timestamp};
use portcullis_mediation::{Fingerprint, Limits, Output, SealKey, Session, Settings};
use portcullis_policy::{Base, Policies, Principal, Rules, ServerName};
use portcullis_store::Journal;
use portcullis_wire::{Frame, Framer, Message, Peer};

use crate::measure::Case;
use crate::subject::FILLERS;
use crate::upstream::Upstream;

/// The parts, in the order in which a call meets them.
pub(crate) const PARTS: [&str; 8] = [
    "frame: cut two lines out of the stream",
    "parse the call",
    "parse the result",
    "mediate the call",
    "mediate the result",
    "seal two records",
    "write two records under the lock",
    "encode and drop two messages",
];
const FRAME: usize = 0;
const PARSE: usize = 1;
const MEDIATE: usize = 3;
const SEAL: usize = 5;
const WRITE: usize = 6;
const ENCODE: usize = 7;

/// Microseconds per call, one for each of [`PARTS`].
pub(crate) type Costs = [f64; PARTS.len()];

/// A gateway's inside on a bench.
struct Bench {
    session: Session,
    journal: Journal,
    chain: Chain,
    upstream: Upstream,
    frames: [Framer; 2],
    limits: portcullis_wire::Limits,
    spent: [Duration; PARTS.len()],
    /// Bytes that are on their way to the server, and to the client.
    out: [Vec<u8>; 2],
}

/// Costs of every case: the median of several rounds.
pub(crate) fn costs(work: &Path, cases: &[Case], rounds: usize) -> Result<Vec<Costs>, String> {
    let mut bench = Bench::new(work)?;
    bench.greet()?;
    cases.iter().map(|case| bench.median(case, rounds)).collect()
}

impl Bench {
    fn new(work: &Path) -> Result<Self, String> {
        let journal = Journal::open(&work.join("inside").join("journal"));
        let server = ServerName::new("bench").map_err(|error| error.to_string())?;
        let limits = portcullis_wire::Limits::default();
        let principal = Principal::user(1000);
        let rules = Policies::new(&principal, &server, &Rules::default(), Base::Allow, &[]);
        let settings = Settings {
            server,
            principal,
            session: "0123456789abcdef".to_owned(),
            project: "project".to_owned(),
            rules: rules.map_err(|_| "the usual lists do not compile")?,
            resources: UriLists::default(),
            extensions: portcullis_policy::Extensions::new(),
            policy: Fingerprint::of(b"bench"),
            roots: Roots::new(),
            askable: Default::default(),
            cwd: None,
            flow: portcullis_policy::Flow::default(),
            open_world: false,
            inspect: portcullis_policy::Inspect::default(),
            may_ask: Default::default(),
            trusted_hosts: Default::default(),
            limits: Limits { calls_per_minute: 100_000, ..Limits::default() },
            patience: Duration::from_secs(120),
            hold: Duration::from_secs(45),
            pinning: portcullis_mediation::pin::Pinning::default(),
            observe: false,
            firm: None,
            without: Default::default(),
            dice: 7,
            tally: None,
            seal: SealKey::new([7; 32]),
            redactor: Redactor::new([7; 32]),
        };
        Ok(Self {
            session: Session::new(settings),
            journal: journal.map_err(|error| error.to_string())?,
            chain: Chain::genesis(Signer::from_seed(&[7; 32]).public().journal()),
            upstream: Upstream::new(FILLERS),
            frames: [Framer::new(limits.message_bytes), Framer::new(limits.message_bytes)],
            limits,
            spent: <[Duration; PARTS.len()]>::default(),
            out: [Vec::new(), Vec::new()],
        })
    }

    /// What every host says first.
    fn greet(&mut self) -> Result<(), String> {
        for line in [
            concat!(
                r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"#,
                r#""protocolVersion":"2025-11-25","capabilities":{},"#,
                r#""clientInfo":{"name":"bench","version":"1"}}}"#
            ),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#,
        ] {
            self.exchange(line)?;
        }
        Ok(())
    }

    fn median(&mut self, case: &Case, rounds: usize) -> Result<Costs, String> {
        let line = format!(r#"{{"jsonrpc":"2.0","id":2,{}"#, case.load.rest);
        let turns = (case.load.calls / 10).clamp(4, 200);
        let mut all = Vec::new();
        for _ in 0..rounds {
            self.spent = Default::default();
            for _ in 0..turns {
                self.exchange(&line)?;
                let answered = self.out[1].len() > case.load.text;
                (answered).then_some(()).ok_or("the call was refused")?;
            }
            let turns = f64::from(u32::try_from(turns).unwrap_or(u32::MAX));
            all.push(self.spent.map(|spent| spent.as_secs_f64() * 1e6 / turns));
        }
        let part = |part: usize| crate::stats::median(all.iter().map(|costs| costs[part]));
        Ok(std::array::from_fn(part))
    }

    /// One line from the client, and the server's answer to what reached it.
    fn exchange(&mut self, line: &str) -> Result<(), String> {
        self.out = [Vec::new(), Vec::new()];
        self.pass(Peer::Client, line.as_bytes())?;
        let forwarded = std::mem::take(&mut self.out[0]);
        if let Some((_, answer)) = self.upstream.says(&forwarded) {
            self.pass(Peer::Server, &answer)?;
        }
        Ok(())
    }

    /// One line through everything that the gateway does with it.
    fn pass(&mut self, from: Peer, line: &[u8]) -> Result<(), String> {
        let side = usize::from(from == Peer::Server);
        let mut stream = line.to_vec();
        stream.push(b'\n');
        let start = Instant::now();
        self.frames[side].push(&stream);
        let frame = self.frames[side].next();
        let now = self.spend(FRAME, start);
        let Some(Frame::Line(line)) = frame else { return Err("no line".to_owned()) };
        let parsed = portcullis_wire::parse(&line, &self.limits);
        drop(line);
        let now = self.spend(PARSE + side, now);
        let message = parsed.map_err(|error| error.public().to_owned())?;
        self.session.receive(from, message, now);
        black_box((self.session.poll_timeout(), self.session.is_idle()));
        let mut now = self.spend(MEDIATE + side, now);
        while let Some(output) = self.session.poll_output() {
            now = self.spend(MEDIATE + side, now);
            now = self.perform(output, now)?;
        }
        Ok(())
    }

    fn perform(&mut self, output: Output, now: Instant) -> Result<Instant, String> {
        match output {
            Output::Record(record) => {
                let time = wall_clock();
                drop(black_box(self.chain.seal(&record, time)));
                let sealed = self.spend(SEAL, now);
                let seal = sealed - now;
                self.journal.append(&record, wall_clock()).map_err(|error| error.to_string())?;
                drop(record);
                let done = self.spend(WRITE, sealed);
                // An append seals too, and that was counted.
                self.spent[WRITE] = self.spent[WRITE].saturating_sub(seal);
                Ok(done)
            }
            Output::Forward(to, message) | Output::Reply(to, message) => {
                self.encode(to, message.get());
                drop(message);
                Ok(self.spend(ENCODE, now))
            }
            _ => Ok(now),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this sends nothing, it measures")]
    fn encode(&mut self, to: Peer, message: &Message) {
        let mut line = Vec::new();
        portcullis_wire::write::encode(message, &mut line);
        self.out[usize::from(to == Peer::Client)] = line;
    }

    /// Books the time since `since` on a part.
    fn spend(&mut self, part: usize, since: Instant) -> Instant {
        let now = Instant::now();
        self.spent[part] += now - since;
        now
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
