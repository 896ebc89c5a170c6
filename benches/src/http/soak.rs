//! Whether anything grows: sessions come, work and go, and the gateway's memory is looked at.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::load::{Client, Endpoint};
use super::place::{Place, Subject};
use super::read;
use crate::process::{memory, open_files, threads};
use crate::stats::shown;

/// Clients at once.
const CLIENTS: usize = 16;
/// Calls of one session; then its client begins another.
const CALLS: usize = 400;
/// How often it is looked.
const LOOK: Duration = Duration::from_secs(10);
/// One in so many calls has a long result.
const LONG: usize = 40;
/// Sessions that nobody ends: every eighth client forgets its own, as crashed hosts do.
const FORGETFUL: usize = 8;

/// Serves for so many minutes; the text of the table.
pub(crate) fn run(gateway: &Path, work: &Path, minutes: f64) -> Result<String, String> {
    let tools = crate::subject::FILLERS;
    let place = Place::start(gateway, work, &Subject::Serve, (true, tools))?;
    let place = place.ok_or("it does not start")?;
    let (over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut text = format!(
        "{CLIENTS} clients, a new session after {CALLS} calls, an event stream of 1 KiB for each call and of \
         64 KiB for one of {LONG}.\n\n\
         | minute | calls | resident, MiB | threads | open files |\n|---|---|---|---|---|\n"
    );
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(minutes * 60.0);
    std::thread::scope(|threads| {
        let work = |number: usize| {
            let (over, calls, endpoint) = (&over, &calls, &place.endpoint);
            threads.spawn(move || works(number, endpoint, over, calls))
        };
        let all: Vec<_> = (0..CLIENTS).map(work).collect();
        while Instant::now() < until && !all.iter().any(|it| it.is_finished()) {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
            let minute = begun.elapsed().as_secs_f64() / 60.0;
            text.push_str(&line(minute, calls.load(Ordering::Relaxed), &place));
        }
        over.store(true, Ordering::Relaxed);
        for one in all {
            one.join().map_err(|_| "a client panicked".to_owned())??;
        }
        Ok::<_, String>(())
    })?;
    // What was for sessions that are gone is given back.
    std::thread::sleep(LOOK * 2);
    let minute = begun.elapsed().as_secs_f64() / 60.0;
    text.push_str(&line(minute, calls.load(Ordering::Relaxed), &place));
    Ok(text)
}

fn line(minute: f64, calls: u64, place: &Place) -> String {
    let Some(pid) = place.pid() else { return String::new() };
    let resident = memory(pid).map_or(f64::NAN, |memory| memory.rss_kib as f64 / 1024.0);
    format!(
        "| {minute:.1} | {calls} | {} | {} | {} |\n",
        shown(resident),
        threads(pid),
        open_files(pid)
    )
}

fn works(
    number: usize,
    endpoint: &Endpoint,
    over: &AtomicBool,
    calls: &AtomicU64,
) -> Result<(), String> {
    let (short, long) = (read(1 << 10, true), read(1 << 16, true));
    let mut session = 0;
    while !over.load(Ordering::Relaxed) {
        let mut client = Client::greets(endpoint)?;
        session += 1;
        for call in 0..CALLS {
            if over.load(Ordering::Relaxed) {
                break;
            }
            client.asks(if call % LONG == 0 { &long } else { &short })?;
            calls.fetch_add(1, Ordering::Relaxed);
        }
        if !(number + session).is_multiple_of(FORGETFUL) {
            client.says_goodbye()?;
        }
    }
    Ok(())
}
