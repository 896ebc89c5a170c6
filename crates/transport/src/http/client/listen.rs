//! What a server says unasked, where it says it (until 2025-11-25): a stream of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use portcullis_wire::events::Events;
use tokio::sync::watch;

use super::Heard;
use super::exchange::{Trouble, said};
use super::stream::{TRIES, follow, resumed};
use super::talk::Talk;

/// How long we wait before the stream is opened again, unless the server says so.
const PAUSE: Duration = Duration::from_secs(1);
/// And at most, when nobody answers.
const LONGEST: Duration = Duration::from_secs(30);
/// A stream that lasted longer did not end at once: idle ones are ended by what stands between.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Listens until the conversation ends, or the server has nothing to listen to.
pub(super) async fn listen(talk: Arc<Talk>, after: Option<watch::Receiver<bool>>) {
    if let Some(mut after) = after {
        let _ = after.wait_for(|done| *done).await;
    }
    match heard(&talk).await {
        Ok(()) => {}
        Err(Trouble::Lost) => talk.say(Heard::Lost).await,
        Err(Trouble::Told(told) | Trouble::Barred(told)) => {
            let told = format!("what the server says unasked is not heard any more: {told}");
            talk.say(Heard::Told(told)).await;
        }
    }
}

async fn heard(talk: &Talk) -> Result<(), Trouble> {
    let (mut last, mut retry): (Option<String>, Option<Duration>) = (None, None);
    let (mut tries, mut first) = (TRIES, true);
    // Streams in a row that ended at once and brought nothing.
    let mut barren = 0_u32;
    loop {
        let begun = Instant::now();
        let failed = match resumed(talk, last.clone()).await {
            Ok(mut answer) if answer.status() == StatusCode::OK => {
                (tries, first) = (TRIES, false);
                let mut events = Events::new(talk.remote.limits.message_bytes);
                let _ = follow(talk, &mut answer, &mut events, None).await?;
                let brought = events.last.is_some() && events.last != last;
                let is_barren = !brought && begun.elapsed() < AT_ONCE;
                barren = if is_barren { (barren + 1).min(TRIES) } else { 0 };
                last = events.last.or(last);
                retry = events.retry.or(retry);
                None
            }
            // There is no such stream.
            Ok(answer) if answer.status() == StatusCode::METHOD_NOT_ALLOWED => return Ok(()),
            // Servers say so in many ways, and nothing was promised.
            Ok(_) if first => return Ok(()),
            Ok(answer) => Some(said(answer.status())),
            Err(Trouble::Lost) => return Err(Trouble::Lost),
            Err(Trouble::Told(told) | Trouble::Barred(told)) => Some(told),
        };
        if let Some(told) = failed {
            tries -= 1;
            if tries == 0 {
                return Err(Trouble::Told(told));
            }
        }
        tokio::time::sleep(pause(retry, TRIES - tries, barren)).await;
    }
}

/// How long nobody knocks after so many failures in a row, or streams that brought nothing.
fn pause(retry: Option<Duration>, failed: u32, barren: u32) -> Duration {
    let times = 2_u32.pow(failed.max(barren.saturating_sub(1)));
    (retry.unwrap_or(PAUSE) * times).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_brings_nothing_is_asked_ever_more_seldom() {
        let millis = Duration::from_millis;
        for (retry, failed, barren, expect) in [
            (None, 0, 0, millis(1000)),
            (None, 0, 1, millis(1000)),
            (None, 0, TRIES, millis(16_000)),
            (None, 4, 0, millis(16_000)),
            (Some(millis(100)), 0, 0, millis(100)),
            (Some(millis(100)), 0, 1, millis(100)),
            (Some(millis(100)), 0, 2, millis(200)),
            (Some(millis(100)), 0, TRIES, millis(1600)),
            (Some(LONGEST), 0, TRIES, LONGEST),
            (Some(LONGEST), TRIES, 0, LONGEST),
        ] {
            assert_eq!(pause(retry, failed, barren), expect, "{retry:?} {failed} {barren}");
        }
    }
}
