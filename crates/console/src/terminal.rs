//! The terminal prompt: the channel that is furthest out of an agent's reach.
//!
//! A question is put only where somebody can really answer it, and only an
//! answer typed after it could be read counts.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, QueueSelector, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize};

use crate::card::Card;
use crate::claim::{Claim, Claimable};
use crate::withdraw::Withdrawal;

/// What is typed this soon after a question appeared was meant for something else.
const READING_TIME: Duration = Duration::from_millis(500);
/// How often we look whether the terminal is still, or again, ours.
const TICK: Duration = Duration::from_millis(250);

/// What a person typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Yes, this once.
    Once,
    /// Yes, to the calls of this choice of the card's, from 1, until the session ends.
    Standing(usize),
    /// No.
    No,
}

/// A terminal at which a person sits.
#[derive(Debug)]
pub struct Terminal {
    tty: File,
    claimable: Claimable,
    job_control: bool,
}

/// What woke us up.
enum Event {
    Line(String),
    Closed,
    Withdrawn,
    Tick,
}

impl Terminal {
    /// Our controlling terminal, when somebody can answer on it now: we are in
    /// its foreground group and no full-screen program owns it.
    #[must_use]
    pub fn open() -> Option<Self> {
        let tty = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let claimable = Claimable::controlling(&tty)?;
        let terminal = Self { tty, claimable, job_control: true };
        terminal.is_ours().then_some(terminal)
    }

    /// Rows and columns, where it has some.
    #[must_use]
    pub fn size(&self) -> Option<(usize, usize)> {
        let size = tcgetwinsize(&self.tty).ok()?;
        let (rows, columns) = (usize::from(size.ws_row), usize::from(size.ws_col));
        (rows > 0 && columns > 0).then_some((rows, columns))
    }

    /// Puts a question and waits for a person, blocking the thread. An end of
    /// file, a withdrawal or the deadline are no answer. What was said is given to `keep`,
    /// and counts when that took it; the person is told then, or why it does not count.
    pub fn ask(
        &mut self,
        card: &Card,
        deadline: Instant,
        withdrawal: &Withdrawal,
        keep: impl FnOnce(Said) -> Result<(), String>,
    ) -> Option<Said> {
        let _claim = self.wait_for_turn(deadline, withdrawal)?;
        self.say(card.body()).ok()?;
        self.let_it_be_read(withdrawal)?;
        let answer = self.listen(card, deadline, withdrawal);
        let told = match answer {
            Some(said) => match (keep(said), said) {
                (Err(why), _) => format!("not decided here: {why}\n"),
                (Ok(()), Said::Once) => format!("{}\n", card.told()),
                (Ok(()), Said::Standing(_)) => {
                    "approved, and calls like it until this session ends\n".to_owned()
                }
                (Ok(()), Said::No) => "denied\n".to_owned(),
            },
            None => "\nno longer asked: nothing was approved here\n".to_owned(),
        };
        let _ = self.say(&told);
        answer
    }

    /// Other questions on this terminal come first.
    fn wait_for_turn(&self, deadline: Instant, withdrawal: &Withdrawal) -> Option<Claim<'_>> {
        loop {
            if self.is_ours()
                && let Some(claim) = self.claimable.claim()
            {
                return Some(claim);
            }
            let nap = TICK.min(left(deadline)?);
            if is_withdrawn(withdrawal, nap) {
                return None;
            }
        }
    }

    /// Waits until the question can have been read, then forgets what was typed.
    fn let_it_be_read(&self, withdrawal: &Withdrawal) -> Option<()> {
        (!is_withdrawn(withdrawal, READING_TIME)).then(|| self.forget_typed())
    }

    fn listen(&self, card: &Card, deadline: Instant, withdrawal: &Withdrawal) -> Option<Said> {
        self.say(card.prompt()).ok()?;
        loop {
            match self.wait(left(deadline)?, withdrawal) {
                Event::Tick => {}
                Event::Closed | Event::Withdrawn => return None,
                Event::Line(line) => match understand(&line, card.choices()) {
                    Some(answer) => return Some(answer),
                    None => {
                        self.forget_typed();
                        self.say(card.prompt()).ok()?;
                    }
                },
            }
        }
    }

    /// Waits for a line, but not longer than a tick.
    fn wait(&self, left: Duration, withdrawal: &Withdrawal) -> Event {
        let mut watched =
            [PollFd::new(withdrawal, PollFlags::IN), PollFd::new(&self.tty, PollFlags::IN)];
        if poll(&mut watched, Some(&timespec(TICK.min(left)))).is_err() {
            return Event::Tick;
        }
        let [withdrawn, typed] = watched.map(|one| !one.revents().is_empty());
        match (withdrawn, typed) {
            (true, _) => Event::Withdrawn,
            (_, false) => Event::Tick,
            // Reading a terminal in the background would stop the process.
            (_, true) if !self.is_ours() => Event::Tick,
            (_, true) => self.read_line(),
        }
    }

    fn read_line(&self) -> Event {
        let mut line = [0; 4096];
        match (&self.tty).read(&mut line) {
            Ok(0) => Event::Closed,
            Ok(length) => {
                Event::Line(String::from_utf8_lossy(line.get(..length).unwrap_or(&[])).into_owned())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Event::Tick,
            Err(_) => Event::Closed,
        }
    }

    fn forget_typed(&self) {
        if self.is_ours() {
            let _ = tcflush(&self.tty, QueueSelector::IFlush);
        }
    }

    fn say(&self, text: &str) -> io::Result<()> {
        (&self.tty).write_all(text.as_bytes())
    }

    /// Somebody typing here would reach us, in whole lines, and see what they type.
    fn is_ours(&self) -> bool {
        let foreground = || tcgetpgrp(&self.tty).is_ok_and(|group| group == getpgrp());
        let cooked = tcgetattr(&self.tty)
            .is_ok_and(|modes| modes.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO));
        cooked && (!self.job_control || foreground())
    }
}

/// `y` and `yes`, `n` and `no`, the number of a choice, and nothing else: a bare enter is
/// no answer.
fn understand(line: &str, choices: usize) -> Option<Said> {
    let word = line.strip_suffix('\n')?.trim().to_ascii_lowercase();
    match word.as_str() {
        "y" | "yes" => Some(Said::Once),
        "n" | "no" => Some(Said::No),
        number => (1..=choices).find(|choice| choice.to_string() == number).map(Said::Standing),
    }
}

fn is_withdrawn(withdrawal: &Withdrawal, within: Duration) -> bool {
    let until = Instant::now() + within;
    loop {
        let mut watched = [PollFd::new(withdrawal, PollFlags::IN)];
        match poll(&mut watched, Some(&timespec(until.saturating_duration_since(Instant::now())))) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}

fn left(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests;
