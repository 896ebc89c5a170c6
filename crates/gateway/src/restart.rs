//! A supervised restart: another process takes the server's place, and the host
//! keeps its session.
//!
//! The old process is ended first, with everything it started: two servers never
//! work on one project at once. What the session owes to either side, it knows.

use std::time::Instant;

use portcullis_confine::{self as confine, Confined};
use portcullis_journal::Event;
use portcullis_transport::{Lane, Lines, stdio};
use portcullis_wire::Peer;

use crate::driver::Driver;
use crate::egress::Wire;
use crate::launch::STDERR_LINE;
use crate::upstream::{Ears, Mouth};

impl Driver {
    /// Exchanges the server's process. `why` is for the journal.
    pub(crate) fn restart(&mut self, why: &str, now: Instant) {
        let Some(custody) = &mut self.custody else { return };
        tell!("portcullis: the server is started anew: {why}");
        custody.kill();
        // Returns when the kernel has ended the last of its processes.
        let _ended = custody.wait();
        // Its files may have changed since it was approved.
        if let Err(fault) = self.origin.hold(&mut self.pins, &mut self.journal) {
            return self.stays_away(&format!("the server is not started anew: {fault}"), now);
        }
        let mut profile = self.keeper.profile.clone();
        profile.roots = self.keeper.desired();
        let started = confine::spawn(&profile).map_err(|error| error.to_string());
        let begun = started.and_then(|confined| self.take_over(confined));
        match begun {
            Ok(()) => {
                self.shows(profile.roots);
                self.session.restarted(why, now);
            }
            Err(error) => {
                self.stays_away(&format!("the server cannot be started anew: {error}"), now);
            }
        }
    }

    /// Nothing takes the server's place: the journal has why, and everybody is answered.
    fn stays_away(&mut self, why: &str, now: Instant) {
        tell!("portcullis: {why}");
        let mut record = self.session.record(Event::Notice);
        record.note = Some(why.to_owned());
        self.session.note(record);
        self.session.closed(Peer::Server, now);
    }

    fn take_over(&mut self, confined: Confined) -> Result<(), String> {
        let Confined { stdin, stdout, stderr, sockets, achieved, custody, .. } = confined;
        let failed = |error: std::io::Error| error.to_string();
        let mut record = self.session.record(Event::Started);
        record.confinement =
            Some(serde_json::to_value(&achieved).map_err(|error| error.to_string())?);
        self.session.note(record);
        for told in Wire::moves(&mut self.wire, sockets).map_err(failed)? {
            self.session.note(self.session.unreached(&told));
        }
        let lines = Lines::new(stdio::source(stdout).map_err(failed)?, self.limits.message_bytes);
        self.from_server = Ears::Pipe(lines);
        self.to_server = Mouth::Pipe(Lane::new(stdio::sink(stdin).map_err(failed)?));
        self.stderr = Some(Lines::new(stdio::source(stderr).map_err(failed)?, STDERR_LINE));
        self.custody = Some(custody);
        Ok(())
    }
}
