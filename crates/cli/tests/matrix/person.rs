//! The person who says yes to what a server asks the model, and is asked nothing else.

use std::time::{Duration, Instant};

use crate::stage::Stage;

/// Between two looks at what waits.
const PAUSE: Duration = Duration::from_millis(50);

/// Who looks only while something of theirs can be waiting: each look is a process.
#[derive(Debug, Default)]
pub struct Person {
    /// Whether there is a question to come.
    pub waits: bool,
    last: Option<Instant>,
}

impl Person {
    /// Answers what waits.
    pub fn looks(&mut self, stage: &Stage) {
        if self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        self.last = Some(Instant::now());
        for row in stage.questions() {
            assert_eq!(row["kind"], "sampling", "nobody is asked that: {row}");
            let said = stage.says(&["approvals", "approve", row["id"].as_str().expect("a name")]);
            assert_eq!(said.code, 0, "{said:?}");
            self.waits = false;
        }
    }
}
