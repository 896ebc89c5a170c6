//! The three pipes of a server, each on a thread of its own and each bounded: what hangs, floods
//! or writes nonsense costs us so many bytes and no more.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use portcullis_wire::{Frame, Framer};

use super::post::{self, Way};

/// The longest message that is taken, in bytes.
pub(super) const MESSAGE: usize = 8 << 20;
/// What one server may write in one session, in bytes, on each of its two outputs.
pub(super) const SESSION: u64 = 64 << 20;
/// Lines that wait to be looked at.
const WAITING: usize = 4;
/// Messages of ours that wait to be read.
pub(super) const UNREAD: usize = 64;
/// How much of its last complaints is kept, in bytes.
const COMPLAINTS: usize = 4 << 10;

/// What came out of the server.
#[derive(Debug)]
pub(super) enum Heard {
    /// A line.
    Line(Vec<u8>),
    /// A line of so many bytes, more than we take.
    TooLong(u64),
    /// More than we take in all, so that nobody listens any more.
    Flood(u64),
    /// Nothing more will come.
    End,
    /// Nobody will answer this request: it may not have arrived.
    Unheard(i64),
    /// There is hardly a way to it any more: it is better started anew.
    Worn,
    /// Nothing came in time.
    Silence,
}

/// What both outputs have in common to tell.
#[derive(Debug, Default)]
struct Noticed {
    codes: AtomicBool,
    complained: AtomicU64,
    complaints: Mutex<Vec<u8>>,
}

impl Noticed {
    /// It logged a line of so many bytes.
    fn written(&self, bytes: u64) {
        let _before = self.complained.fetch_add(bytes.max(1), Ordering::Relaxed);
    }
}

/// The pipes of one server.
#[derive(Debug)]
pub(super) struct Pipes {
    heard: Receiver<Heard>,
    say: Option<SyncSender<Vec<u8>>>,
    /// Its input, where what is said goes elsewhere: it ends with this.
    input: Option<SyncSender<Vec<u8>>>,
    noticed: Arc<Noticed>,
    over: bool,
}

impl Pipes {
    /// Starts to listen. The threads end when the server has, or when this is dropped and the server ends.
    pub(super) fn new(stdin: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> std::io::Result<Self> {
        let noticed = Arc::new(Noticed::default());
        let (tell, heard) = sync_channel(WAITING);
        let (say, spoken) = sync_channel(UNREAD);
        let seen = Arc::clone(&noticed);
        thread("audit-hear", move || listen(File::from(stdout), &tell, &seen))?;
        let seen = Arc::clone(&noticed);
        thread("audit-heed", move || complain(File::from(stderr), &seen))?;
        thread("audit-say", move || speak(File::from(stdin), &spoken))?;
        Ok(Self { heard, say: Some(say), input: None, noticed, over: false })
    }

    /// What it writes to its output is what it logs, from here on, and no message: whoever speaks HTTP may. Its end is
    /// still heard.
    pub(super) fn logs(&mut self) -> std::io::Result<SyncSender<Heard>> {
        let (tell, heard) = sync_channel(WAITING);
        let written = std::mem::replace(&mut self.heard, heard);
        let (noticed, end) = (Arc::clone(&self.noticed), tell.clone());
        thread("audit-ignore", move || {
            for heard in written {
                match heard {
                    Heard::Line(line) => noticed.written(line.len() as u64),
                    Heard::End | Heard::Flood(_) => drop(end.send(heard)),
                    Heard::TooLong(_) | Heard::Silence | Heard::Worn | Heard::Unheard(_) => {}
                }
            }
        })?;
        Ok(tell)
    }

    /// Says everything to the same server's address; what comes of it is told there.
    pub(super) fn over(&mut self, way: Way, tell: SyncSender<Heard>) -> std::io::Result<()> {
        let (say, spoken) = sync_channel(UNREAD);
        self.input = self.say.replace(say);
        post::begin(way, tell, spoken)
    }

    /// Sends a line. What cannot be sent is never answered, and that is how it is noticed.
    pub(super) fn say(&self, line: Vec<u8>) {
        if let Some(say) = &self.say {
            let _ = say.try_send(line);
        }
    }

    /// Ends the server's input.
    pub(super) fn hang_up(&mut self) {
        self.say = None;
        self.input = None;
    }

    /// Whatever comes is of no interest: it is read, so that the server never waits for us.
    pub(super) fn ignore(&mut self) {
        let heard = std::mem::replace(&mut self.heard, sync_channel(0).1);
        self.over = true;
        // Without the thread nobody reads, and the server comes to a halt: that is seen.
        let _ = thread("audit-ignore", move || heard.iter().for_each(drop));
    }

    /// The next thing that is heard before the deadline.
    pub(super) fn hear(&mut self, deadline: Instant) -> Heard {
        if self.over {
            return Heard::End;
        }
        let heard = self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        match heard {
            Ok(heard) => {
                self.over = matches!(heard, Heard::End | Heard::Flood(_));
                heard
            }
            Err(RecvTimeoutError::Timeout) => Heard::Silence,
            Err(RecvTimeoutError::Disconnected) => {
                self.over = true;
                Heard::End
            }
        }
    }

    /// Whether it wrote control characters for a terminal.
    pub(super) fn has_codes(&self) -> bool {
        self.noticed.codes.load(Ordering::Relaxed)
    }

    /// How much it complained so far, in bytes.
    pub(super) fn complained(&self) -> u64 {
        self.noticed.complained.load(Ordering::Relaxed)
    }

    /// How much it complained, in bytes, if that is more than we take.
    pub(super) fn flooded_stderr(&self) -> Option<u64> {
        Some(self.complained()).filter(|bytes| *bytes > SESSION)
    }

    /// Its last complaints, without control characters.
    pub(super) fn complaints(&self) -> String {
        let Ok(kept) = self.noticed.complaints.lock() else { return String::new() };
        let text = String::from_utf8_lossy(&kept);
        text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned()
    }
}

pub(super) fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// ESC, or the one-byte CSI of a terminal that reads Latin-1.
fn codes(bytes: &[u8]) -> bool {
    bytes.contains(&0x1b)
}

fn listen(mut from: File, tell: &SyncSender<Heard>, noticed: &Noticed) {
    let mut framer = Framer::new(MESSAGE);
    let mut chunk = vec![0; 64 << 10];
    let mut bytes = 0_u64;
    loop {
        let length = from.read(&mut chunk).unwrap_or(0);
        let new = chunk.get(..length).unwrap_or_default();
        bytes = bytes.saturating_add(length as u64);
        if codes(new) {
            noticed.codes.store(true, Ordering::Relaxed);
        }
        framer.push(new);
        let tail = if length == 0 { framer.finish() } else { None };
        for frame in framer.by_ref().chain(tail) {
            let heard = match frame {
                Frame::Line(line) => Heard::Line(line),
                Frame::TooLong { bytes } => Heard::TooLong(bytes as u64),
            };
            if tell.send(heard).is_err() {
                return;
            }
        }
        if length == 0 {
            let _ = tell.send(Heard::End);
            return;
        }
        if bytes > SESSION {
            let _ = tell.send(Heard::Flood(bytes));
            return;
        }
    }
}

fn complain(mut from: File, noticed: &Noticed) {
    let mut chunk = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let new = chunk.get(..length).unwrap_or_default();
        let before = noticed.complained.fetch_add(length as u64, Ordering::Relaxed);
        if codes(new) {
            noticed.codes.store(true, Ordering::Relaxed);
        }
        if let Ok(mut kept) = noticed.complaints.lock() {
            kept.extend_from_slice(new);
            let more = kept.len().saturating_sub(COMPLAINTS);
            kept.drain(..more);
        }
        if before > SESSION {
            return;
        }
    }
}

fn speak(mut to: File, spoken: &Receiver<Vec<u8>>) {
    while let Ok(line) = spoken.recv() {
        if to.write_all(&line).is_err() {
            return;
        }
    }
}
