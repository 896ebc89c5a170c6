//! What a box costs: starts `true` many times at each level, to its end.
//!
//! `cargo run --release -p portcullis-confine --example cost -- [COUNT]`

use std::process::ExitCode;
use std::time::{Duration, Instant};

use portcullis_confine::{Level, Profile, SpawnError, personality, spawn};

fn main() -> ExitCode {
    if let Some(code) = personality() {
        return code;
    }
    let count = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(100);
    for level in [Level::None, Level::Landlock, Level::Full] {
        match measure(level, count) {
            Ok(times) => {
                let at =
                    |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
                eprintln!("{level:9} started min {:?} p50 {:?} p95 {:?}", at(0), at(50), at(95));
            }
            Err(error) => eprintln!("{level:9} {error}"),
        }
    }
    ExitCode::SUCCESS
}

fn measure(level: Level, count: usize) -> Result<Vec<Duration>, SpawnError> {
    let mut profile = Profile::new(vec!["true".into()]);
    (profile.least, profile.most) = (level, level);
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        let confined = spawn(&profile)?;
        times.push(start.elapsed());
        drop(confined);
    }
    times.sort();
    Ok(times)
}
