//! `network-by-name`: what a server wanted of the network, and did not get.
//!
//! It is judged where it happens, at the doors of the box (`guard::egress`, `confine`);
//! here it becomes a record, with the words that would allow it.

use portcullis_catalog::control;
use portcullis_guard::egress::Told;
use portcullis_journal::{Event, Record};
use portcullis_policy::{Decision, Effect};

use crate::Session;

impl Session {
    /// The list is another one: a yes that was given under the old does not count.
    pub fn network_changed(&mut self, network: Option<String>) {
        self.scope.set_network(network);
        self.settings.policy = self.scope.policy(&self.settings.roots);
    }

    /// Keeps a record of something about the list that the caller saw.
    pub fn note_network(&mut self, told: &str) {
        let mut record = self.record(Event::Notice);
        let told = portcullis_guard::text::visible(told);
        record.decision = Decision::because(Effect::Allow, control::NETWORK_BY_NAME, told);
        self.note(record);
    }

    /// The record of something that a server did not reach. What was let through and
    /// did not work is no denial.
    #[must_use]
    pub fn unreached(&self, told: &Told) -> Record {
        if told.is_failure() {
            let mut record = self.record(Event::Notice);
            record.note = Some(told.to_string());
            return record;
        }
        let mut record = self.record(Event::Denied);
        record.decision = Decision::deny(control::NETWORK_BY_NAME, told.to_string());
        record
    }
}
