//! What the audit is doing, on stderr while it lasts: one line that is written anew on a terminal, a line now and then
//! elsewhere. The report is on stdout, and knows nothing of it.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portcullis_audit::probe::Doing;
use portcullis_guard::text::{bounded, visible};

use crate::{state, style};

/// How often a terminal is written to, and how often anything else is.
const OFTEN: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(10);
/// How wide a terminal is that does not say so, in columns.
const WIDE: u16 = 80;
/// Back to the beginning of the line, and nothing more on it.
const CLEAR: &str = "\r\u{1b}[K";

/// It is shown until this goes.
pub(super) struct Progress {
    /// Where the probes write it.
    pub(super) doing: Doing,
    shown: Option<(Sender<String>, JoinHandle<()>)>,
}

impl Progress {
    pub(super) fn start() -> Self {
        let doing = Doing::default();
        let (say, said) = channel();
        let looked_at = doing.clone();
        let thread = std::thread::Builder::new().name("progress".to_owned());
        // Without a thread the audit is the same, and nobody is told.
        let thread = thread.spawn(move || show(&looked_at, &said)).ok();
        Self { doing, shown: thread.map(|thread| (say, thread)) }
    }

    /// A line of its own, that stays.
    pub(super) fn say(&self, line: &str) {
        let told = self.shown.as_ref().is_some_and(|(say, _)| say.send(line.to_owned()).is_ok());
        if !told {
            eprintln!("{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((say, thread)) = self.shown.take() {
            drop(say);
            let _ended = thread.join();
        }
    }
}

fn show(doing: &Doing, said: &Receiver<String>) {
    let anew = stderr().is_terminal() && state::variable("TERM").is_none_or(|it| it != "dumb");
    let (began, tick) = (Instant::now(), if anew { OFTEN } else { SELDOM });
    let mut drawn = false;
    loop {
        let line = match said.recv_timeout(tick) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let what = doing.what();
        let text = match (&line, anew) {
            (Some(line), true) => format!("{CLEAR}{line}\n"),
            (Some(line), false) => format!("{line}\n"),
            (None, _) if what.is_empty() => continue,
            (None, true) => format!("{CLEAR}{}", row(&what, began, width())),
            (None, false) => format!("{}\n", row(&what, began, u16::MAX)),
        };
        drawn = anew && line.is_none();
        write(&text);
    }
    if drawn {
        write(CLEAR);
    }
}

/// Nobody who looks is no trouble.
fn write(text: &str) {
    let mut out = stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What fits into a row of the terminal. A name of a server's own is written out, so that it speaks to no terminal.
fn row(what: &str, began: Instant, width: u16) -> String {
    let what = visible(&bounded(what, 200));
    let row = format!("portcullis: auditing for {}: {what}", style::span(began.elapsed()));
    row.chars().take(usize::from(width).saturating_sub(1)).collect()
}

fn width() -> u16 {
    let size = rustix::termios::tcgetwinsize(stderr());
    size.map(|it| it.ws_col).ok().filter(|width| *width > 0).unwrap_or(WIDE)
}
