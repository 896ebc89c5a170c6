//! The server behind pipes: a process in a box, whose every byte comes from here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::pair::Model;
use crate::stage::Puppet;
use crate::stage::pipes::turn;

/// What reads and writes for the server, until this is dropped.
#[derive(Debug)]
pub struct Pipes {
    over: Arc<AtomicBool>,
    works: Option<JoinHandle<()>>,
}

impl Pipes {
    pub fn of(puppet: Puppet, model: Model) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let works = std::thread::spawn(move || carry(puppet, &model, &ends));
        Self { over, works: Some(works) }
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let worked = self.works.take().is_none_or(|works| works.join().is_ok());
        assert!(worked || std::thread::panicking(), "the server failed");
    }
}

fn carry(mut puppet: Puppet, model: &Model, over: &AtomicBool) {
    // A well-behaved server ends when its input does.
    while !over.load(Ordering::Relaxed) && !puppet.from_host.ended {
        while let Some(line) = puppet.from_host.line() {
            let message = serde_json::from_slice(&line).expect("JSON for the server");
            for said in model.lock().unwrap().hears(&message) {
                puppet.to_host.push(format!("{said}\n").as_bytes());
            }
        }
        turn(&mut [&mut puppet.from_host], &mut [&mut puppet.to_host], Duration::from_millis(20));
    }
}
