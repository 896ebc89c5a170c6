//! Questions on the controlling terminal: one thread each, taking turns, and
//! every answer goes through the store like any other.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Instant, SystemTime};

use portcullis_console::{Asker, Card, Said, Terminal, withdrawal};
use portcullis_mediation::{ApprovalId, Question};

/// The terminal, if a person sits at one.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// Dropping one takes its question back. At most as many as the session
    /// lets wait.
    live: BTreeMap<ApprovalId, Asker>,
    said: Receiver<Typed>,
    say: Sender<Typed>,
}

/// What somebody typed, who is told what came of it. Dropped untold, it did not count.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) approval: ApprovalId,
    pub(crate) said: Said,
    told: SyncSender<Result<(), String>>,
}

impl Typed {
    /// What came of it: the store took it, or why it did not.
    pub(crate) fn tell(self, kept: Result<(), String>) {
        // Nobody may be left to read it.
        let _ = self.told.try_send(kept);
    }
}

impl Default for Prompt {
    fn default() -> Self {
        let (say, said) = channel();
        Self { live: BTreeMap::new(), said, say }
    }
}

impl Prompt {
    /// Shows a question. False when nobody sits at a terminal of ours.
    pub(crate) fn show(&mut self, question: &Question) -> bool {
        let approval = &question.approval;
        let Some(mut terminal) = Terminal::open() else { return false };
        let Ok((asker, withdrawn)) = withdrawal() else { return false };
        let card = Card::on(question, SystemTime::now(), terminal.size());
        let deadline = Instant::now() + question.patience;
        let (say, id) = (self.say.clone(), approval.clone());
        let asks = std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
            let keep = |said| {
                let (told, kept) = sync_channel(1);
                let over = |_| "the session is over".to_owned();
                say.send(Typed { approval: id, said, told }).map_err(|_| over(()))?;
                kept.recv().map_err(|_| over(()))?
            };
            terminal.ask(&card, deadline, &withdrawn, keep);
        });
        if asks.is_ok() {
            self.live.insert(approval.clone(), asker);
            return true;
        }
        false
    }

    /// Takes a question back.
    pub(crate) fn withdraw(&mut self, approval: &ApprovalId) {
        self.live.remove(approval);
    }

    /// A question is on the terminal.
    pub(crate) fn is_asking(&self) -> bool {
        !self.live.is_empty()
    }

    /// The questions on the terminal.
    pub(crate) fn asking(&self) -> Vec<ApprovalId> {
        self.live.keys().cloned().collect()
    }

    /// What was answered since the last look.
    pub(crate) fn answers(&mut self) -> Vec<Typed> {
        self.said.try_iter().collect()
    }
}
