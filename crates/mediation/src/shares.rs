//! How much of a gateway one principal may take, over all of its sessions: requests and bytes per
//! minute, requests, streams and bytes of unread messages at once (MCP-LIM-06).
//!
//! Whoever is told to wait hears of it before any session does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_catalog::ControlId;
use portcullis_catalog::control::{CONCURRENCY_CAPPED, MESSAGE_BOUNDED, RATES_KEPT};
use portcullis_policy::{Decision, Principal};

use crate::control::calls_per_minute::{MINUTE, Quota};

/// The least that bytes are counted in.
const KIB: u64 = 1 << 10;
/// Bytes of messages that are on their way in at once, read or not; a larger one comes alone.
const HELD: u64 = 64 << 20;
/// Principals that are remembered while they use nothing.
const REMEMBERED: usize = 4 << 10;
/// When somebody with too much at once may try again: as soon as something of it ends.
const SOON: Duration = Duration::from_secs(1);

/// What takes a place while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request, until its answer is over.
    Request,
    /// A stream that answers nothing.
    Stream,
}

/// What one principal may take. Nothing is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Requests in a minute.
    pub requests_per_minute: u32,
    /// Requests at once.
    pub requests: u32,
    /// Streams at once.
    pub streams: u32,
    /// Bytes in a minute, in both directions.
    pub bytes_per_minute: u64,
}

/// Why somebody has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    control: ControlId,
    /// The same in public words.
    pub why: &'static str,
    /// And for how long.
    pub time: Duration,
    /// Nobody of this principal was told to wait since somebody was let through; and how many were
    /// told so in the run before.
    first: Option<u32>,
}

/// The control that is in the way, in public words, and for how long.
type Why = (ControlId, &'static str, Duration);

/// What each principal has and had.
#[derive(Debug)]
pub struct Shares {
    most: Most,
    of: BTreeMap<Principal, Share>,
}

#[derive(Debug)]
struct Share {
    requests: Quota,
    kibibytes: Quota,
    under_way: u32,
    streams: u32,
    /// Bytes of messages that are on their way in.
    held: u64,
    /// Told to wait since the last that was let through, and in the run before.
    waits: u32,
    waited: u32,
}

impl Share {
    fn new(most: &Most) -> Self {
        Self {
            requests: Quota::new(most.requests_per_minute, MINUTE),
            kibibytes: kibibytes(most),
            under_way: 0,
            streams: 0,
            held: 0,
            waits: 0,
            waited: 0,
        }
    }

    fn is_forgettable(&self, now: Instant) -> bool {
        let unused = self.under_way == 0 && self.streams == 0 && self.held == 0;
        unused && self.requests.is_whole(now) && self.kibibytes.is_whole(now)
    }

    fn judge(&mut self, most: &Most, kind: Kind, now: Instant) -> Result<(), Why> {
        self.has_room(most, kind, 1)?;
        self.kibibytes
            .room(now)
            .map_err(|wait| (MESSAGE_BOUNDED, "too many bytes in a minute", wait))?;
        self.spends(1, now)
    }

    fn spends(&mut self, requests: u32, now: Instant) -> Result<(), Why> {
        let spent = self.requests.spend_all(requests, now);
        spent.map_err(|wait| (RATES_KEPT, "too many requests in a minute", wait))
    }

    fn has_room(&self, most: &Most, kind: Kind, many: u32) -> Result<(), Why> {
        let (open, limit, why) = match kind {
            Kind::Request => (self.under_way, most.requests, "too many requests at once"),
            Kind::Stream => (self.streams, most.streams, "too many streams at once"),
        };
        let fits = open.saturating_add(many) <= limit;
        if fits { Ok(()) } else { Err((CONCURRENCY_CAPPED, why, SOON)) }
    }

    fn waits(&mut self, (control, why, time): Why) -> Wait {
        let first = (self.waits == 0).then(|| std::mem::take(&mut self.waited));
        self.waits = self.waits.saturating_add(1);
        Wait { control, why, time, first }
    }
}

impl Shares {
    /// Nobody has taken anything.
    #[must_use]
    pub fn new(most: Most) -> Self {
        Self { most, of: BTreeMap::new() }
    }

    /// From now on so much. What was used stays used.
    pub fn change(&mut self, most: Most) {
        for share in self.of.values_mut() {
            share.requests.becomes(&Quota::new(most.requests_per_minute, MINUTE));
            share.kibibytes.becomes(&kibibytes(&most));
        }
        self.most = most;
    }

    /// One more of this principal's, or why it has to wait.
    ///
    /// # Errors
    /// A [`Wait`].
    pub fn enter(&mut self, who: &Principal, kind: Kind, now: Instant) -> Result<(), Wait> {
        if self.of.len() >= REMEMBERED && !self.of.contains_key(who) {
            self.of.retain(|_, share| !share.is_forgettable(now));
        }
        let most = &self.most;
        let share = self.of.entry(who.clone()).or_insert_with(|| Share::new(most));
        share.judge(most, kind, now).map_err(|why| share.waits(why))?;
        match kind {
            Kind::Request => share.under_way += 1,
            Kind::Stream => share.streams += 1,
        }
        if share.waits > 0 {
            share.waited = std::mem::take(&mut share.waits);
        }
        Ok(())
    }

    /// A request of this principal's turns out to be several messages in one (2025-03-26): these
    /// came beside the first, and so many of them wait for an answer. All of them are let through
    /// or none is; what was let through is left by [`Shares::leave`], each by itself.
    ///
    /// # Errors
    /// A [`Wait`]; the request keeps its place.
    pub fn beside(
        &mut self,
        who: &Principal,
        messages: u32,
        waiting: u32,
        now: Instant,
    ) -> Result<(), Wait> {
        let Some(share) = self.of.get_mut(who) else { return Ok(()) };
        let judged = share.has_room(&self.most, Kind::Request, waiting);
        judged.and_then(|()| share.spends(messages, now)).map_err(|why| share.waits(why))?;
        share.under_way += waiting;
        Ok(())
    }

    /// A request of this principal's turns out to be a stream (`subscriptions/listen`): it takes
    /// the place of one from now on.
    ///
    /// # Errors
    /// A [`Wait`]; the request keeps its place.
    pub fn lasts(&mut self, who: &Principal) -> Result<(), Wait> {
        let Some(share) = self.of.get_mut(who) else { return Ok(()) };
        share.has_room(&self.most, Kind::Stream, 1).map_err(|why| share.waits(why))?;
        share.under_way = share.under_way.saturating_sub(1);
        share.streams += 1;
        Ok(())
    }

    /// Requests that are under way, whoever's.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.of.values().map(|share| u64::from(share.under_way)).sum()
    }

    /// One of them is over.
    pub fn leave(&mut self, who: &Principal, kind: Kind) {
        let Some(share) = self.of.get_mut(who) else { return };
        let open = match kind {
            Kind::Request => &mut share.under_way,
            Kind::Stream => &mut share.streams,
        };
        *open = open.saturating_sub(1);
    }

    /// So many bytes of a message are to be read: they take room until [`Shares::lets_go`].
    ///
    /// # Errors
    /// A [`Wait`]; nothing is held for it then.
    pub fn holds(&mut self, who: &Principal, bytes: u64) -> Result<(), Wait> {
        let Some(share) = self.of.get_mut(who) else { return Ok(()) };
        let all = share.held.saturating_add(bytes);
        if share.held > 0 && all > HELD {
            return Err(share.waits((MESSAGE_BOUNDED, "too many bytes at once", SOON)));
        }
        share.held = all;
        Ok(())
    }

    /// That message was handed on, or came to nothing.
    pub fn lets_go(&mut self, who: &Principal, bytes: u64) {
        let Some(share) = self.of.get_mut(who) else { return };
        share.held = share.held.saturating_sub(bytes);
    }

    /// So many bytes went in or out: what is too much is waited for afterwards.
    pub fn carried(&mut self, who: &Principal, bytes: usize, now: Instant) {
        let Some(share) = self.of.get_mut(who) else { return };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        share.kibibytes.owe(u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX), now);
    }
}

fn kibibytes(most: &Most) -> Quota {
    Quota::new(u32::try_from(most.bytes_per_minute / KIB).unwrap_or(u32::MAX), MINUTE)
}

impl Wait {
    /// The control that says so.
    #[must_use]
    pub const fn control(&self) -> ControlId {
        self.control
    }

    /// What is recorded of it: of a run, its first.
    #[must_use]
    pub fn told(&self) -> Option<Decision> {
        let before = match self.first? {
            0 => String::new(),
            many => format!(" (and {many} times in a row before)"),
        };
        Some(Decision::deny(self.control, format!("{}{before}", self.why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Shares {
        Shares::new(Most {
            requests_per_minute: 6,
            requests: 2,
            streams: 1,
            bytes_per_minute: 64 * KIB,
        })
    }

    fn arbitrary() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        Instant::now()
    }

    fn seconds(many: u64) -> Duration {
        Duration::from_secs(many)
    }

    #[test]
    fn each_has_a_share_and_nobody_has_another_ones() {
        let (ada, bob) = (Principal::token("ada"), Principal::token("bob"));
        let now = arbitrary();
        let mut shares = shares();
        let mut enter = |who: &Principal, kind, at: u64| {
            let entered = shares.enter(who, kind, now + seconds(at));
            entered.map_err(|wait| (wait.control, wait.time.as_secs(), wait.first))
        };
        let (request, stream) = (Kind::Request, Kind::Stream);
        for (who, kind, at, expect) in [
            (&ada, request, 0, Ok(())),
            (&ada, request, 0, Ok(())),
            (&ada, request, 0, Err((CONCURRENCY_CAPPED, 1, Some(0)))),
            (&ada, request, 0, Err((CONCURRENCY_CAPPED, 1, None))),
            (&bob, request, 0, Ok(())),
            (&ada, stream, 0, Ok(())),
            (&ada, stream, 0, Err((CONCURRENCY_CAPPED, 1, Some(2)))),
            (&bob, stream, 0, Ok(())),
        ] {
            assert_eq!(enter(who, kind, at), expect, "{who} {kind:?}");
        }
    }

    #[test]
    fn a_request_that_lasts_takes_the_place_of_a_stream_and_of_nothing_else() {
        let ada = Principal::token("ada");
        let now = arbitrary();
        let mut shares = shares();
        for _ in 0..2 {
            shares.enter(&ada, Kind::Request, now).unwrap();
        }
        shares.lasts(&ada).unwrap();
        assert_eq!(shares.under_way(), 1);
        shares.enter(&ada, Kind::Request, now).unwrap();
        let wait = shares.lasts(&ada).unwrap_err();
        assert_eq!((wait.control, shares.under_way()), (CONCURRENCY_CAPPED, 2));
        shares.leave(&ada, Kind::Stream);
        shares.lasts(&ada).unwrap();
        assert_eq!(shares.under_way(), 1);
    }

    #[test]
    fn what_is_on_its_way_in_has_a_room() {
        let (ada, bob) = (Principal::token("ada"), Principal::token("bob"));
        let now = arbitrary();
        let mut shares = shares();
        for who in [&ada, &bob] {
            shares.enter(who, Kind::Request, now).unwrap();
        }
        shares.holds(&ada, HELD - 1).unwrap();
        shares.holds(&ada, 1).unwrap();
        let wait = shares.holds(&ada, 1).unwrap_err();
        assert_eq!((wait.control, wait.first), (MESSAGE_BOUNDED, Some(0)));
        shares.holds(&bob, HELD + 1).unwrap();
        assert!(shares.holds(&bob, 1).is_err(), "a large one comes alone");
        shares.lets_go(&ada, HELD - 1);
        shares.holds(&ada, HELD - 1).unwrap();
    }

    #[test]
    fn several_messages_in_one_request_are_several() {
        let ada = Principal::token("ada");
        let now = arbitrary();
        let mut shares = shares();
        shares.enter(&ada, Kind::Request, now).unwrap();
        let wait = shares.beside(&ada, 2, 2, now).unwrap_err();
        assert_eq!((wait.control, shares.under_way()), (CONCURRENCY_CAPPED, 1));
        let wait = shares.beside(&ada, 6, 0, now).unwrap_err();
        assert_eq!((wait.control, wait.first), (RATES_KEPT, None), "one run of them");
        shares.beside(&ada, 5, 1, now).unwrap();
        assert_eq!(shares.under_way(), 2, "one waits beside the first, and four say something");
        shares.leave(&ada, Kind::Request);
        shares.leave(&ada, Kind::Request);
        let wait = shares.enter(&ada, Kind::Request, now).unwrap_err();
        assert_eq!((wait.control, shares.under_way()), (RATES_KEPT, 0));
    }

    #[test]
    fn a_minute_has_so_many_requests_and_a_run_of_refusals_one_record() {
        let ada = Principal::token("ada");
        let now = arbitrary();
        let mut shares = shares();
        for _ in 0..6 {
            shares.enter(&ada, Kind::Request, now).unwrap();
            shares.leave(&ada, Kind::Request);
        }
        let wait = shares.enter(&ada, Kind::Request, now).unwrap_err();
        assert_eq!((wait.control, wait.time), (RATES_KEPT, seconds(10)));
        let decision = wait.told().unwrap();
        assert!(decision.names(RATES_KEPT), "{decision:?}");
        for _ in 0..100 {
            assert_eq!(shares.enter(&ada, Kind::Request, now).unwrap_err().told(), None);
        }
        shares.enter(&ada, Kind::Request, now + seconds(10)).unwrap();
        let told = shares.enter(&ada, Kind::Request, now + seconds(10)).unwrap_err().told();
        assert!(format!("{told:?}").contains("101 times in a row before"), "{told:?}");
    }

    #[test]
    fn bytes_are_waited_for_once_they_were_carried() {
        let ada = Principal::token("ada");
        let now = arbitrary();
        let mut shares = shares();
        shares.enter(&ada, Kind::Stream, now).unwrap();
        shares.carried(&ada, 128 << 10, now);
        let wait = shares.enter(&ada, Kind::Request, now).unwrap_err();
        assert_eq!(wait.control, MESSAGE_BOUNDED);
        assert!(wait.time > seconds(60) && wait.time < seconds(62), "{wait:?}");
        shares.enter(&ada, Kind::Request, now + seconds(62)).unwrap();
    }

    #[test]
    fn who_uses_nothing_is_forgotten_and_what_changes_holds_for_who_is_there() {
        let now = arbitrary();
        let mut shares = shares();
        for n in 0..REMEMBERED {
            let who = Principal::token(&n.to_string());
            shares.enter(&who, Kind::Request, now).unwrap();
            shares.leave(&who, Kind::Request);
        }
        shares.enter(&Principal::token("ada"), Kind::Request, now + seconds(60)).unwrap();
        assert_eq!(shares.of.len(), 1);
        shares.change(Most { requests: 1, ..shares.most });
        assert!(shares.enter(&Principal::token("ada"), Kind::Request, now + seconds(60)).is_err());
    }
}
