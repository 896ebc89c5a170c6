//! What questions cost: from a press of the button to the answer of the call, and what a call
//! costs beside many questions that wait.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant, SystemTime};

use portcullis_journal::Timestamp;
use portcullis_mediation::grant::{Lasts, Standing};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fingerprint, Matter, Question};
use portcullis_policy::{Principal, ServerName, Tier};
use portcullis_store::{ApprovalStore as _, Approvals, Choice, Filter, GrantStore as _, State};

use crate::host::{Host, Load, command};
use crate::stats::{median, shown};
use crate::subject::FILLERS;

/// How many questions wait while each is answered.
const OPEN: usize = 50;

/// In how many sessions: each may have sixteen of them.
const SESSIONS: usize = 5;

/// How many wait in the store beside calls that are measured.
const PENDING: u64 = 1000;

/// Longer than the console takes for the least that a person needs to read.
const READ: Duration = Duration::from_millis(1050);

/// A person is asked about every call.
const ASKED: &str = "
[server.bench]
ask = \"always\"
patience = \"1h\"
limits = { calls_per_minute = 100000, questions_per_hour = 1000 }
";

/// Nobody is asked about a call that reads.
const PLAIN: &str = "
[server.bench]
ask = \"never\"
limits = { calls_per_minute = 100000 }
";

/// The programs, and a directory of this part's own.
struct Place {
    gateway: PathBuf,
    work: PathBuf,
}

/// Measures both; the text of the tables.
pub(crate) fn run(gateway: &Path, work: &Path, rounds: usize) -> Result<String, String> {
    let place = Place { gateway: gateway.to_owned(), work: work.to_owned() };
    for (name, text) in [("asked.toml", ASKED), ("plain.toml", PLAIN)] {
        std::fs::write(work.join(name), text).map_err(|error| error.to_string())?;
    }
    let mut clicks = Vec::new();
    for round in 0..rounds {
        eprintln!("clicks, round {} of {rounds}", round + 1);
        clicks.extend(place.clicks(round)?);
    }
    clicks.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (clicks.len() as f64 * part).ceil() as usize;
        shown(clicks.get(place.clamp(1, clicks.len()) - 1).copied().unwrap_or(f64::NAN))
    };
    let mut text = format!(
        "### From a press to the answer\n\n| {OPEN} questions open in {SESSIONS} sessions, answered one by one in the console | ms |\n|---|---|\n\
         | p50 of {} | {} |\n| p99 | {} |\n| longest | {} |\n\n",
        clicks.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    text.push_str(&place.beside(rounds)?);
    Ok(text)
}

impl Place {
    fn state(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    fn host(&self, config: &str, state: &Path) -> Result<Host, String> {
        let words = |path: PathBuf| path.display().to_string();
        let bench = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut line = vec![words(self.gateway.clone()), "run".to_owned()];
        line.extend(["--state".to_owned(), state.display().to_string()]);
        line.extend(["--config".to_owned(), words(self.work.join(config))]);
        line.extend(["--name", "bench", "--"].map(str::to_owned));
        line.extend([words(bench), "upstream".to_owned(), FILLERS.to_string()]);
        let mut host = Host::start(&line, &self.work.join("stderr"))?;
        host.list()?;
        Ok(host)
    }

    /// Milliseconds from the first byte of each answer in the console to the host's answer.
    fn clicks(&self, round: usize) -> Result<Vec<f64>, String> {
        let state = self.state(&format!("clicks{round}"));
        let mut hosts = Vec::new();
        for _ in 0..SESSIONS {
            hosts.push(self.host("asked.toml", &state)?);
        }
        let mut store = Approvals::open(&state).map_err(|error| error.to_string())?;
        let console = Console::start(&self.gateway, &state)?;
        let mut calls = Vec::new();
        for number in 0..OPEN {
            let host = hosts.get_mut(number % SESSIONS).ok_or("no session")?;
            let id = host.write(&echo(&format!("call {number:03}")))?;
            let new = waits(&mut store, number + 1)?;
            let known: Vec<&ApprovalId> = calls.iter().map(|(_, approval, _)| approval).collect();
            let new = new.into_iter().find(|one| !known.contains(&one));
            let approval = new.ok_or("a question of no call")?;
            let form = console.form(&approval)?;
            calls.push((id, approval, form));
        }
        std::thread::sleep(READ);
        let mut times = Vec::new();
        // Neither the oldest first nor the newest.
        for number in (0..OPEN).map(|place| place * 37 % OPEN) {
            let Some((id, approval, form)) = calls.get(number) else { break };
            let host = hosts.get_mut(number % SESSIONS).ok_or("no session")?;
            let since = Instant::now();
            console.sends(approval, form)?;
            host.read(*id)?;
            times.push(since.elapsed().as_secs_f64() * 1e3);
            host.expect(|answer| answer["result"]["isError"] != true)?;
        }
        for host in hosts {
            host.end()?;
        }
        Ok(times)
    }

    /// What a call costs with and without many questions in the store.
    fn beside(&self, rounds: usize) -> Result<String, String> {
        let mut table = "### A call beside questions that wait\n\n\
             | call | waiting | CPU of gateway, µs | p50 µs | CPU ratio |\n|---|---|---|---|---|\n"
            .to_owned();
        for (name, config) in [("nobody is asked", "plain.toml"), ("a grant answers", "asked.toml")]
        {
            let mut found = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
            for round in 0..rounds {
                eprintln!("{name}, round {} of {rounds}", round + 1);
                for (at, pending) in [0, PENDING].into_iter().enumerate() {
                    let state = self.state(&format!("{config}-{pending}"));
                    if round == 0 {
                        seed(&state, pending)?;
                    }
                    let (cpu, p50) = self.calls(config, &state)?;
                    if let Some((cpus, times)) = found.get_mut(at) {
                        cpus.push(cpu);
                        times.push(p50);
                    }
                }
            }
            let [(none, fast), (many, slow)] = found.map(|(a, b)| (median(a), median(b)));
            table.push_str(&format!(
                "| {name} | 0 | {} | {} | 1.00 |\n| {name} | {PENDING} | {} | {} | {:.3} |\n",
                shown(none),
                shown(fast),
                shown(many),
                shown(slow),
                many / none
            ));
        }
        Ok(table)
    }

    fn calls(&self, config: &str, state: &Path) -> Result<(f64, f64), String> {
        let mut host = self.host(config, state)?;
        let rest = echo("the same every time");
        if config == "asked.toml" {
            let mut store = Approvals::open(state).map_err(|error| error.to_string())?;
            let before: Vec<ApprovalId> = open(&mut store)?;
            let id = host.write(&rest)?;
            let all = waits(&mut store, before.len() + 1)?;
            let new = all.into_iter().find(|one| !before.contains(one)).ok_or("no question")?;
            let choice = Choice { cover: 1, lasts: Lasts::Session };
            let given = store.give(&new, choice, "bench", now());
            given.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
            host.read(id)?;
            host.expect(|answer| answer["result"]["isError"] != true)?;
        }
        let series = host.calls(&Load { rest, text: 19, calls: 2000, window: 1 })?;
        host.end()?;
        let micros = series.ours.total.as_secs_f64() * 1e6;
        Ok((micros / series.calls as f64, series.p50))
    }
}

fn echo(text: &str) -> String {
    format!(r#""method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}}}}}}"#)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}

fn open(store: &mut Approvals) -> Result<Vec<ApprovalId>, String> {
    let filter = Filter { state: Some(State::Pending), ..Filter::default() };
    let rows = store.list(&filter, now()).map_err(|error| error.to_string())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Waits until so many questions are open.
fn waits(store: &mut Approvals, count: usize) -> Result<Vec<ApprovalId>, String> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let all = open(store)?;
        if all.len() >= count {
            return Ok(all);
        }
        if Instant::now() > until {
            return Err(format!("{} questions of {count}", all.len()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Questions of the same person about the same server, which nobody answers.
fn seed(state: &Path, count: u64) -> Result<(), String> {
    let mut store = Approvals::open(state).map_err(|error| error.to_string())?;
    let server = ServerName::new("bench").map_err(|error| error.to_string())?;
    // The account that this process belongs to.
    let ours = std::fs::metadata("/proc/self").map_err(|error| error.to_string())?.uid();
    for number in 0..count {
        let arguments = format!(r#"{{"text":"question {number}"}}"#);
        let key = ApprovalKey {
            matter: Matter::Tool,
            principal: Principal::user(ours),
            server: server.clone(),
            session: format!("session {number}"),
            tool: "echo".to_owned(),
            definition_pin: Fingerprint::of(b"definition"),
            arguments_digest: Fingerprint::of(arguments.as_bytes()),
            policy: Fingerprint::of(b"policy"),
        };
        let question = Question {
            approval: ApprovalId::from_entropy(number + 1),
            key,
            arguments,
            risk: Tier::Unknown,
            reasons: vec!["it is asked always".to_owned()],
            patience: Duration::from_secs(24 * 60 * 60),
            standing: Standing::default(),
        };
        // So long ago that nobody is spared a question for it.
        let asked = Timestamp(now().0.saturating_sub(2 * 60 * 60 * 1_000_000));
        store.ask(&question, asked).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A console, and a browser that has opened it.
struct Console {
    child: Child,
    /// As long as it is open, the console can say something.
    _said: BufReader<ChildStderr>,
    host: String,
    port: u16,
    cookie: String,
}

impl Console {
    fn start(gateway: &Path, state: &Path) -> Result<Self, String> {
        let mut start = command(gateway);
        start.arg("console").arg("--state").arg(state);
        start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = start.spawn().map_err(|error| error.to_string())?;
        let mut said = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        let mut line = String::new();
        said.read_line(&mut line).map_err(|error| error.to_string())?;
        let link = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let (host, path) = link.and_then(|link| link.split_once('/')).ok_or("no link")?;
        let port = host.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or("no port")?;
        let (host, cookie) = (host.to_owned(), String::new());
        let path = format!("/{path}");
        let mut console = Self { child, _said: said, host, port, cookie };
        let got = console.says("GET", &path, "none", "")?;
        let set = got.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = set.and_then(|set| set.split(';').next()).ok_or("no cookie")?;
        console.cookie = cookie.to_owned();
        Ok(console)
    }

    /// What a browser sends, and all that comes back.
    fn says(&self, method: &str, path: &str, from: &str, body: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("the console: {error}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        let host = &self.host;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: {from}\r\n\
             Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n"
        );
        if !self.cookie.is_empty() {
            text.push_str(&format!("Cookie: {}\r\n", self.cookie));
        }
        if !body.is_empty() {
            text.push_str(&format!(
                "Origin: http://{host}\r\nSec-Fetch-User: ?1\r\nContent-Length: {}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n",
                body.len()
            ));
        }
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).map_err(failed)?;
        let mut got = String::new();
        stream.read_to_string(&mut got).map_err(failed)?;
        Ok(got)
    }

    /// The yes to a question, as its page would send it.
    fn form(&self, approval: &ApprovalId) -> Result<String, String> {
        let page = self.says("GET", &format!("/questions/{approval}"), "same-origin", "")?;
        let field = |name: &str| {
            let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
            rest.split('"').next().map(str::to_owned)
        };
        let both = field("token").zip(field("shown"));
        let (token, shown) = both.ok_or_else(|| format!("no form: {page}"))?;
        Ok(format!("token={token}&shown={}&answer=approve", shown.replace(':', "%3A")))
    }

    fn sends(&self, approval: &ApprovalId, form: &str) -> Result<(), String> {
        let got = self.says("POST", &format!("/questions/{approval}"), "same-origin", form)?;
        if got.starts_with("HTTP/1.1 303") { Ok(()) } else { Err(format!("not taken: {got}")) }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
