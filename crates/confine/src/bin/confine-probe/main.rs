//! An attacker for this crate's tests: runs inside a box and tries to get out.
//!
//! Each attempt is one line on stdout: its name, `held` or `LEAK`, and what the
//! kernel said. Arguments choose attempts by name. The tests put the victims in place and name them in variables.

mod files;
mod kernel;
mod network;
mod processes;

use std::io::Write as _;

/// `Ok` is a success for the attacker.
type Outcome = Result<String, String>;

/// One way out that should be closed.
struct Attempt {
    name: &'static str,
    run: fn() -> Outcome,
}

fn main() {
    let lists = [processes::ATTEMPTS, files::ATTEMPTS, kernel::ATTEMPTS, network::ATTEMPTS];
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    let mut out = std::io::stdout().lock();
    for attempt in lists.into_iter().flatten().filter(|attempt| wanted(attempt.name)) {
        let (word, detail) = match (attempt.run)() {
            Ok(detail) => ("LEAK", detail),
            Err(detail) => ("held", detail),
        };
        let _ = writeln!(out, "{}\t{word}\t{}", attempt.name, detail.replace('\n', " "));
    }
}

/// A variable that the test set for us.
fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A bare system call's result in the attacker's view.
fn call(result: i64) -> Outcome {
    if result < 0 {
        Err(std::io::Error::last_os_error().to_string())
    } else {
        Ok(result.to_string())
    }
}

/// Anything with a readable error.
fn said<T>(result: std::io::Result<T>) -> Outcome {
    result.map(|_| "it worked".to_owned()).map_err(|error| error.to_string())
}
