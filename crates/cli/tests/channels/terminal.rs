//! A gateway with a terminal of its own, and what is on it.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::stage::pipes::{Inlet, Outlet, turn};
use crate::stage::{Gateway, Stage, start};

#[derive(Debug)]
pub struct Terminal {
    screen: Inlet,
    keys: Outlet,
    /// As long as somebody has it open, the terminal is there.
    _open: OwnedFd,
    answered: usize,
}

impl Terminal {
    /// A terminal, and the side of it that programs have.
    pub fn open() -> (Self, OwnedFd) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let both = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = open(name.as_c_str(), both, Mode::empty()).unwrap();
        let size = Winsize { ws_row: 60, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).unwrap();
        let keys = Outlet::new(ours.try_clone().unwrap());
        let open = theirs.try_clone().unwrap();
        (Self { screen: Inlet::new(ours), keys, _open: open, answered: 0 }, theirs)
    }

    /// `portcullis run` with these words, at a terminal.
    pub fn start(stage: &Stage, options: &[&str], server: &[String]) -> (Gateway, Self) {
        let (terminal, theirs) = Self::open();
        let stdin = stage.path().join("stdin");
        mkfifoat(CWD, &stdin, Mode::RUSR | Mode::WUSR).unwrap();
        let both = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let to = open(&stdin, both, Mode::empty()).unwrap();
        // The terminal is taken from stdin, and then stdin is the host's pipe.
        let mut command = start("setsid");
        stage.scrub(&mut command);
        command.args(["--ctty", "/bin/sh", "-c", r#"stdin=$1; shift; exec "$@" <"$stdin""#, "sh"]);
        command.arg(stdin).arg(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("run").args(options).arg("--").args(server);
        command.stdin(theirs).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut gateway = Gateway::of(command.spawn().unwrap(), None);
        gateway.to = Outlet::new(to);
        (gateway, terminal)
    }

    pub fn turn(&mut self) {
        turn(&mut [&mut self.screen], &mut [&mut self.keys], Duration::from_millis(5));
    }

    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.bytes).into_owned()
    }

    /// Answers a question that can be answered now; true when there was one.
    pub fn says_yes(&mut self) -> bool {
        if self.screen().matches("then enter:").count() <= self.answered {
            return false;
        }
        self.answered += 1;
        self.keys.push(b"y\n");
        while self.keys.waits() {
            self.turn();
        }
        true
    }
}
