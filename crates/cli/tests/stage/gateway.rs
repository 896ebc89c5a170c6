//! A gateway that runs: the test is its host, and may be its server.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::kin::{self, Kin};
use super::pipes::{Inlet, Outlet, left, turn};
use super::{PATIENCE, Puppet, Said};

/// A started gateway. Dropping it ends it.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// What the host says.
    pub to: Outlet,
    /// What the host hears.
    pub from: Inlet,
    /// Our stderr.
    pub err: Inlet,
    /// The server, when the test plays it.
    pub server: Option<Puppet>,
    next: u64,
}

impl Gateway {
    /// Starts `portcullis run …` with pipes on every side.
    #[must_use]
    pub fn start(mut command: Command, server: Option<Puppet>) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(command.spawn().unwrap(), server)
    }

    /// Takes over what was started with pipes.
    #[must_use]
    pub fn of(mut child: Child, server: Option<Puppet>) -> Self {
        let from = Inlet::new(child.stdout.take().expect("a pipe").into());
        let err = Inlet::new(child.stderr.take().expect("a pipe").into());
        let to = match child.stdin.take() {
            Some(pipe) => Outlet::new(pipe.into()),
            None => {
                let mut closed = Outlet::new(std::io::pipe().expect("a pipe").1.into());
                closed.close();
                closed
            }
        };
        Self { child, to, from, err, server, next: 0 }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a number")
    }

    /// Everything that it started and that lives.
    #[must_use]
    pub fn kin(&self) -> Vec<Kin> {
        kin::below(self.pid())
    }

    /// Moves bytes once; true when any moved.
    pub fn turn(&mut self, wait: Duration) -> bool {
        let (mut inlets, mut outlets) = (vec![&mut self.from, &mut self.err], vec![&mut self.to]);
        if let Some(Puppet { from_host, to_host, .. }) = &mut self.server {
            inlets.push(from_host);
            outlets.push(to_host);
        }
        if inlets.iter().all(|inlet| inlet.ended) && !outlets.iter().any(|outlet| outlet.waits()) {
            std::thread::sleep(wait.min(Duration::from_millis(5)));
        }
        let moved = turn(&mut inlets, &mut outlets, wait);
        // A well-behaved server ends when its input does.
        if let Some(server) = self.server.as_mut().filter(|server| server.from_host.ended) {
            server.to_host.close();
        }
        moved
    }

    /// Waits until `look` finds something; `None` when it does not in time.
    pub fn until<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if left(deadline).is_zero() {
                return None;
            }
            self.turn(Duration::from_millis(10));
        }
    }

    /// Lets this much time pass.
    pub fn wait(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while !left(deadline).is_zero() {
            self.turn(left(deadline));
        }
    }

    /// Waits until everybody has read everything and sleeps, so that nothing
    /// can happen any more until somebody speaks or time passes.
    pub fn calm(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut calm = 0;
        while calm < 2 {
            assert!(!left(deadline).is_zero(), "it never came to rest");
            let quiet = !self.turn(Duration::from_millis(2)) && self.is_calm();
            calm = if quiet { calm + 1 } else { 0 };
        }
    }

    fn is_calm(&self) -> bool {
        let said = self.server.as_ref().is_none_or(|server| server.to_host.is_read());
        let all = || kin::find(self.pid()).into_iter().chain(self.kin());
        said && self.to.is_read() && all().all(kin::sleeps)
    }

    /// The next line that the host hears.
    pub fn hears(&mut self) -> String {
        let line = self.until(|gateway| gateway.from.line());
        String::from_utf8(line.unwrap_or_else(|| panic!("silence; {}", self.complaints()))).unwrap()
    }

    /// The host says this.
    pub fn says(&mut self, message: &Value) {
        self.to.push(format!("{message}\n").as_bytes());
        self.until(|gateway| (!gateway.to.waits()).then_some(())).expect("somebody reads");
    }

    /// The host asks; the id.
    pub fn asks(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.says(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The host waits for the answer to this request.
    pub fn answer(&mut self, id: u64) -> Value {
        loop {
            let heard: Value = serde_json::from_str(&self.hears()).expect("JSON on stdout");
            if heard["id"] == json!(id) && heard.get("method").is_none() {
                return heard;
            }
        }
    }

    /// The host calls a tool; the answer.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let id = self.asks("tools/call", &json!({"name": tool, "arguments": arguments}));
        self.answer(id)
    }

    /// The first request of every host.
    pub fn greets(&mut self) -> u64 {
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "host", "version": "1"},
        });
        self.asks("initialize", &hello)
    }

    /// The handshake, with a server that answers by itself.
    pub fn shakes_hands(&mut self) -> Value {
        let id = self.greets();
        let answer = self.answer(id);
        self.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer
    }

    /// What it said on stderr so far.
    #[must_use]
    pub fn complaints(&self) -> String {
        String::from_utf8_lossy(&self.err.bytes).into_owned()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Its end, when it came.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn exit(&mut self) -> ExitStatus {
        let exit = self.until(Self::ended);
        exit.unwrap_or_else(|| panic!("it does not end; {}", self.complaints()))
    }

    /// The host closes its pipe; how it ends, what was said, and nobody is left.
    pub fn leave(mut self) -> Said {
        let kin = self.kin();
        self.until(|gateway| (!gateway.to.waits()).then_some(()));
        self.to.close();
        let code = self.exit().code();
        gone(&kin);
        self.rest(code)
    }

    /// Waits for the end of a command that ends by itself.
    #[must_use]
    pub fn finish(mut self) -> Said {
        let code = self.exit().code();
        self.rest(code)
    }

    fn rest(&mut self, code: Option<i32>) -> Said {
        self.until(|gateway| (gateway.from.ended && gateway.err.ended).then_some(()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: code.unwrap_or(-1), out: text(&self.from.bytes), err: text(&self.err.bytes) }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// None of them lives, at once or very soon.
pub fn gone(kin: &[Kin]) {
    let deadline = Instant::now() + PATIENCE;
    while kin.iter().any(|kin| kin::lives(*kin)) {
        assert!(!left(deadline).is_zero(), "still there: {kin:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
