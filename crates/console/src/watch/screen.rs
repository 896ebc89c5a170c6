//! The terminal: whole, raw, and as it was when we leave it, however we do.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::keys::{Key, keys};
use super::view::{Frame, Style};
use crate::api::Trouble;
use crate::withdraw::Withdrawal;

/// The screen of full-screen programs, without a cursor; and back (xterm).
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";
/// How long the rest of a key may take to arrive over a slow line.
const REST: Duration = Duration::from_millis(50);
/// What a terminal that does not tell its size is taken for.
const USUAL: (usize, usize) = (24, 80);

/// A terminal that is ours.
#[derive(Debug)]
pub(super) struct Screen {
    tty: File,
    before: Termios,
    colour: bool,
    ours: bool,
    /// What is on it.
    shown: String,
    /// What was typed and is no whole key yet.
    typed: Vec<u8>,
}

/// What woke us up.
#[derive(Debug)]
pub(super) enum Woken {
    Keys(Vec<Key>),
    Tick,
    /// The terminal is gone, or the process shall end.
    Ended,
}

impl Screen {
    pub(super) fn open(colour: bool) -> Result<Self, Trouble> {
        let none = |why: &str| {
            Trouble(format!("{why}: `portcullis approvals` lists what waits, one answer a command"))
        };
        if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
            return Err(none("this terminal cannot show a whole screen (TERM)"));
        }
        let tty = File::options().read(true).write(true).open("/dev/tty");
        let tty = tty.map_err(|_| none("there is no terminal here"))?;
        let before = tcgetattr(&tty).map_err(|_| none("there is no terminal here"))?;
        let (shown, typed) = (String::new(), Vec::new());
        let mut screen = Self { tty, before, colour, ours: false, shown, typed };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal.
    pub(super) fn enter(&mut self) -> Result<(), Trouble> {
        let mut raw = self.before.clone();
        raw.make_raw();
        let taken = tcsetattr(&self.tty, OptionalActions::Flush, &raw).map_err(io::Error::from);
        let taken = taken.and_then(|()| self.tty.write_all(ENTER.as_bytes()));
        self.ours = true;
        self.shown.clear();
        self.typed.clear();
        taken.map_err(|error| Trouble(format!("the terminal cannot be used: {error}")))
    }

    /// Gives it back as it was.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.ours) {
            let _ = self.tty.write_all(LEAVE.as_bytes());
            let _ = tcsetattr(&self.tty, OptionalActions::Flush, &self.before);
        }
    }

    /// Rows and columns, as they are now.
    pub(super) fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(&self.tty).ok();
        let size = size.map(|size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        size.filter(|(rows, columns)| *rows > 0 && *columns > 0).unwrap_or(USUAL)
    }

    /// Shows a frame, if it is another one.
    pub(super) fn paint(&mut self, frame: &Frame) {
        let mut text = "\x1b[H".to_owned();
        for (place, (style, line)) in frame.iter().enumerate() {
            if place > 0 {
                text.push_str("\r\n");
            }
            // Before the line: behind one that fills the row, it would take its last letter.
            text.push_str("\x1b[K");
            let (on, off) = self.marks(*style);
            text.push_str(on);
            // Whatever came here was made visible before; this is for what was not.
            text.extend(line.chars().map(|letter| if letter.is_control() { '?' } else { letter }));
            text.push_str(off);
        }
        if text != self.shown {
            let _ = self.tty.write_all(text.as_bytes());
            self.shown = text;
        }
    }

    fn marks(&self, style: Style) -> (&'static str, &'static str) {
        match style {
            _ if !self.colour => ("", ""),
            Style::Plain => ("", ""),
            Style::Strong => ("\x1b[1m", "\x1b[0m"),
            Style::Bar => ("\x1b[7m", "\x1b[0m"),
        }
    }

    /// Waits for a key, the end, or so long.
    pub(super) fn wait(&mut self, ended: &Withdrawal, most: Duration) -> Woken {
        let mut waits = most;
        loop {
            let mut watched =
                [PollFd::new(ended, PollFlags::IN), PollFd::new(&self.tty, PollFlags::IN)];
            match poll(&mut watched, Some(&timespec(waits))) {
                Err(rustix::io::Errno::INTR) => return Woken::Tick,
                Err(_) => return Woken::Ended,
                Ok(_) => {}
            }
            let [ends, types] = watched.map(|one| !one.revents().is_empty());
            if ends {
                return Woken::Ended;
            }
            if !types {
                let all = keys(&mut self.typed, true);
                return if all.is_empty() { Woken::Tick } else { Woken::Keys(all) };
            }
            let mut bytes = [0; 256];
            match self.tty.read(&mut bytes) {
                Ok(0) => return Woken::Ended,
                Ok(length) => self.typed.extend_from_slice(bytes.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Woken::Ended,
            }
            let all = keys(&mut self.typed, false);
            if !all.is_empty() {
                return Woken::Keys(all);
            }
            waits = REST;
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
        if std::thread::panicking() {
            eprintln!(
                "portcullis: this view failed, which is a mistake of ours; nothing was answered by it"
            );
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
