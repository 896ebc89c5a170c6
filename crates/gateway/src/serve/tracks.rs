//! The streams of one session: who reads each now, and what each said that may be asked for again.
//!
//! A message is said in one stream only. Where a client may come back to a stream that broke (until
//! 2025-11-25, `Last-Event-ID`), the last of what was said is kept for a while, and said again in that
//! stream alone. An event is called by 256 random bits that its stream has for itself, and its place in
//! it: whoever was not told the name of one knows none.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis_transport::http::SessionId;
use portcullis_transport::http::sse::EventId;
use tokio::sync::mpsc::UnboundedSender;

use super::parcel::{Parcel, Post};
use super::posts::Left;

/// Events that are kept of one session.
const EVENTS: usize = 256;
/// Their bytes; the newest may be larger than that alone, up to `LARGEST`. Both are well below
/// what a session has room for, so what is kept never makes anybody wait.
const BYTES: usize = 2 << 20;
const LARGEST: usize = 4 << 20;
/// How long they are kept, whether their stream is over or not: a client comes back in seconds, and
/// one that does not is gone.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// Bytes that are kept of all sessions of one principal.
const OF_ONE: usize = 16 << 20;

/// All streams of a session.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    all: BTreeMap<u64, Track>,
    /// The oldest is in front.
    kept: VecDeque<Kept>,
    /// Bytes that are kept of all sessions of its principal.
    of_one: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Track {
    name: Option<SessionId>,
    /// The number of the response that it goes into now, or went into last.
    carrier: u64,
    to: Option<UnboundedSender<Parcel>>,
    /// What was said in it so far.
    count: u64,
    /// Answers that are still to come.
    owed: usize,
    /// It is for what belongs to no request, and never answered to its end.
    lasting: bool,
    /// Its client was told the name of an event.
    told: bool,
}

/// Something that was said.
#[derive(Debug)]
struct Kept {
    track: u64,
    place: u64,
    parcel: Parcel,
    /// When it was said.
    since: Instant,
    of_one: Arc<AtomicUsize>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.of_one.fetch_sub(self.parcel.json.len(), Ordering::AcqRel);
    }
}

impl Track {
    fn new(post: Post, lasting: bool) -> Self {
        let Post { number, name, to, .. } = post;
        Self { name, carrier: number, to: Some(to), count: 0, owed: 0, lasting, told: false }
    }

    /// Nobody hears it at the moment, but somebody may come back for it.
    fn may_go_on(&self) -> bool {
        self.name.is_some() && (self.told || self.count > 0)
    }

    fn is_over(&self) -> bool {
        self.owed == 0 && !self.lasting
    }
}

impl Tracks {
    /// Of a session whose principal has so many bytes kept already.
    pub(super) fn among(of_one: Arc<AtomicUsize>) -> Self {
        Self { of_one, ..Self::default() }
    }

    /// When something is kept no longer, if anything is.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.kept.front().map(|oldest| oldest.since + KEPT)
    }

    /// Forgets what was kept for long enough.
    pub(super) fn age(&mut self, now: Instant) {
        let before = self.kept.len();
        while let Some(oldest) = self.kept.pop_front_if(|oldest| now >= oldest.since + KEPT) {
            self.tidy(oldest.track);
        }
        if self.kept.len() < before {
            // A session that idles holds no room that it had.
            self.kept.shrink_to_fit();
        }
    }

    /// One more answer will be said in this response.
    pub(super) fn owes(&mut self, post: Post) {
        let (number, to) = (post.number, post.to.clone());
        let track = self.all.entry(number).or_insert_with(|| Track::new(post, false));
        track.owed += 1;
        // Of a batch the first may be answered before the next is heard.
        if track.carrier == number {
            track.to = Some(to);
        }
    }

    /// A stream that lasts.
    pub(super) fn lasts(&mut self, post: Post) {
        self.all.insert(post.number, Track::new(post, true));
    }

    /// Nothing more is said in a stream that lasted.
    pub(super) fn ends(&mut self, number: u64) {
        if let Some(track) = self.all.get_mut(&number) {
            (track.lasting, track.to) = (false, None);
        }
        self.tidy(number);
    }

    /// Says something in a stream, when somebody hears it.
    pub(super) fn say(&mut self, number: u64, parcel: Parcel) -> Result<(), Parcel> {
        let heard = |track: &&Track| track.to.as_ref().is_some_and(|to| !to.is_closed());
        if self.all.get(&number).filter(heard).is_none() {
            return Err(parcel);
        }
        self.put(number, parcel);
        Ok(())
    }

    /// The same, or keeps it for somebody who may come back.
    pub(super) fn says(&mut self, number: u64, parcel: Parcel) -> Result<(), Parcel> {
        match self.say(number, parcel) {
            Err(parcel) if self.all.get(&number).is_some_and(Track::may_go_on) => {
                self.put(number, parcel);
                Ok(())
            }
            said => said,
        }
    }

    /// Says an answer, which is the end of a stream that waits for no other.
    pub(super) fn answers(&mut self, number: u64, parcel: Parcel) {
        let Some(track) = self.all.get_mut(&number) else { return };
        track.owed = track.owed.saturating_sub(1);
        self.put(number, parcel);
        if let Some(track) = self.all.get_mut(&number).filter(|track| track.is_over()) {
            track.to = None;
            self.tidy(number);
        }
    }

    /// An answer will not come. A stream that waited for no other is over, and forgotten: whoever
    /// takes back a request does not want to know how it went on.
    pub(super) fn forgives(&mut self, number: u64) {
        let Some(track) = self.all.get_mut(&number) else { return };
        track.owed = track.owed.saturating_sub(1);
        if track.is_over() {
            self.all.remove(&number);
            self.kept.retain(|it| it.track != number);
        }
    }

    fn put(&mut self, number: u64, mut parcel: Parcel) {
        let Some(track) = self.all.get_mut(&number) else { return };
        track.count += 1;
        let place = track.count;
        parcel.event = track.name.as_ref().and_then(|name| event(name, place));
        if let Some(to) = &track.to {
            // Whoever is gone may come back for it.
            let _ = to.send(parcel.clone());
        }
        if parcel.event.is_some() && parcel.json.len() <= LARGEST {
            let (since, of_one) = (Instant::now(), Arc::clone(&self.of_one));
            of_one.fetch_add(parcel.json.len(), Ordering::AcqRel);
            self.kept.push_back(Kept { track: number, place, parcel, since, of_one });
            self.make_room();
        }
    }

    /// The newest is kept longest, and not even that where the principal's other sessions have all
    /// the room.
    fn make_room(&mut self) {
        let mut bytes: usize = self.kept.iter().map(|it| it.parcel.json.len()).sum();
        let is_much =
            |all: &VecDeque<Kept>, bytes| all.len() > EVENTS || (bytes > BYTES && all.len() > 1);
        let is_full = |of_one: &AtomicUsize| of_one.load(Ordering::Acquire) > OF_ONE;
        while is_much(&self.kept, bytes) || is_full(&self.of_one) {
            let Some(oldest) = self.kept.pop_front() else { return };
            bytes -= oldest.parcel.json.len();
            let track = oldest.track;
            drop(oldest);
            self.tidy(track);
        }
    }

    /// Forgets a stream that nobody hears, nobody waits for, and nothing is kept of.
    fn tidy(&mut self, number: u64) {
        let is_done = |track: &&Track| track.to.is_none() && track.is_over();
        let is_done = self.all.get(&number).filter(is_done).is_some();
        if is_done && self.kept.iter().all(|it| it.track != number) {
            self.all.remove(&number);
        }
    }

    /// A response is gone; the stream that went into it, if it goes into no other by now.
    pub(super) fn left(&mut self, left: Left) -> Option<u64> {
        let mut all = self.all.iter_mut();
        let (number, track) = all.find(|(_, track)| track.carrier == left.number)?;
        let number = *number;
        track.to = None;
        track.told |= left.told;
        if !track.told {
            // Nobody can ever ask for any of it.
            track.name = None;
            self.kept.retain(|it| it.track != number);
        }
        self.tidy(number);
        Some(number)
    }

    /// A stream goes on in this response, after this event of it: which it is, and how many
    /// answers there will be. Nothing, when there is no such event, or nothing more to say.
    pub(super) fn resumes(&mut self, last: &EventId, post: Post) -> Option<(u64, usize)> {
        let (name, place) = last.as_str().split_once('-')?;
        let (name, place) = (SessionId::read(name)?, number(place)?);
        let mut all = self.all.iter_mut();
        let (number, track) = all.find(|(_, track)| track.name.as_ref() == Some(&name))?;
        let number = *number;
        let again = self.kept.iter().filter(|it| it.track == number && it.place > place);
        let again: Vec<_> = again.map(|it| it.parcel.clone()).collect();
        if place > track.count || (track.is_over() && again.is_empty()) {
            return None;
        }
        let left = track.owed + again.iter().filter(|it| it.last).count();
        for parcel in again {
            let _ = post.to.send(parcel);
        }
        track.carrier = post.number;
        track.told = true;
        // Whoever else read it does not any more: no message goes to two.
        track.to = (!track.is_over()).then_some(post.to);
        Some((number, left))
    }
}

/// The name of what was said at this place of a stream.
pub(super) fn event(name: &SessionId, place: u64) -> Option<EventId> {
    EventId::read(&format!("{}-{place}", name.letters()))
}

/// A place as we write it: one number has one spelling.
fn number(written: &str) -> Option<u64> {
    let number: u64 = written.parse().ok()?;
    (number.to_string() == written).then_some(number)
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn post(number: u64) -> (Post, UnboundedReceiver<Parcel>) {
        let (to, parcels) = unbounded_channel();
        let name = Some(SessionId::roll().unwrap());
        (Post { number, name, to, mirrored: None, opening: None }, parcels)
    }

    fn said(bytes: usize) -> Parcel {
        let mut parcel = Parcel::of_the_door(Bytes::from(vec![b' '; bytes]));
        parcel.last = false;
        parcel
    }

    fn all(mut parcels: UnboundedReceiver<Parcel>) -> Vec<usize> {
        std::iter::from_fn(|| parcels.try_recv().ok()).map(|it| it.json.len()).collect()
    }

    fn kept(tracks: &Tracks) -> (usize, usize) {
        (tracks.kept.len(), tracks.kept.iter().map(|it| it.parcel.json.len()).sum())
    }

    #[test]
    fn what_is_kept_has_bounds() {
        let mut tracks = Tracks::default();
        let (one, parcels) = post(1);
        let prime = event(one.name.as_ref().unwrap(), 0).unwrap();
        tracks.owes(one);
        drop(parcels);
        tracks.left(Left { number: 1, told: true });
        for _ in 0..1000 {
            tracks.says(1, said(1)).unwrap();
        }
        assert_eq!(kept(&tracks), (EVENTS, EVENTS));
        for _ in 0..10 {
            tracks.says(1, said(BYTES / 4)).unwrap();
        }
        let (events, bytes) = kept(&tracks);
        assert!(events <= 4 && bytes <= BYTES, "{events} {bytes}");
        // What would push everything out for nothing is kept nowhere.
        tracks.says(1, said(LARGEST + 1)).unwrap();
        assert_eq!(kept(&tracks), (events, bytes));
        tracks.answers(1, said(LARGEST));
        assert_eq!(kept(&tracks), (1, LARGEST), "the newest, however large");
        let (again, parcels) = post(2);
        assert_eq!(tracks.resumes(&prime, again), Some((1, 0)));
        assert_eq!(all(parcels), [LARGEST]);
    }

    #[test]
    fn what_is_kept_is_kept_for_minutes() {
        let mut tracks = Tracks::default();
        let (one, parcels) = post(1);
        let prime = event(one.name.as_ref().unwrap(), 0).unwrap();
        tracks.owes(one);
        drop(parcels);
        tracks.left(Left { number: 1, told: true });
        let before = Instant::now();
        tracks.answers(1, said(9));
        tracks.age(before + KEPT - Duration::from_secs(1));
        assert_eq!((kept(&tracks), tracks.next_end() >= Some(before + KEPT)), ((1, 9), true));
        tracks.age(Instant::now() + KEPT);
        assert_eq!((kept(&tracks), tracks.all.len(), tracks.next_end()), ((0, 0), 0, None));
        let (again, _parcels) = post(2);
        assert_eq!(tracks.resumes(&prime, again), None, "it was too late");
    }

    #[test]
    fn all_sessions_of_one_principal_have_room_together() {
        let of_one = Arc::<AtomicUsize>::default();
        let mut all: Vec<_> = (0..20).map(|_| Tracks::among(Arc::clone(&of_one))).collect();
        for tracks in &mut all {
            let (one, parcels) = post(1);
            tracks.lasts(one);
            tracks.says(1, said(BYTES)).unwrap();
            drop(parcels);
        }
        let bytes = |all: &[Tracks]| all.iter().map(|it| kept(it).1).sum::<usize>();
        assert_eq!((bytes(&all), of_one.load(Ordering::Acquire)), (OF_ONE, OF_ONE));
        // Who has room makes room for its own.
        all[0].says(1, said(BYTES / 2)).unwrap();
        assert_eq!(kept(&all[0]), (1, BYTES / 2));
        drop(all);
        assert_eq!(of_one.load(Ordering::Acquire), 0, "who is gone has none");
    }

    #[test]
    fn what_nobody_can_ask_for_is_not_kept() {
        let mut tracks = Tracks::default();
        // An answer as one JSON text: its client knows no name of an event.
        let (one, parcels) = post(1);
        tracks.owes(one);
        tracks.answers(1, said(9));
        assert_eq!(all(parcels), [9]);
        tracks.left(Left { number: 1, told: false });
        // A client that went away before it was told anything.
        let (two, parcels) = post(2);
        tracks.owes(two);
        drop(parcels);
        tracks.left(Left { number: 2, told: false });
        assert!(tracks.says(2, said(9)).is_err(), "somebody else may want it");
        tracks.answers(2, said(9));
        // A stream that is over, once it is pushed out.
        let (three, _parcels) = post(3);
        tracks.owes(three);
        tracks.answers(3, said(9));
        tracks.left(Left { number: 3, told: true });
        assert_eq!((tracks.all.len(), kept(&tracks)), (1, (1, 9)));
        let (four, parcels) = post(4);
        tracks.lasts(four);
        (0..EVENTS).for_each(|_| tracks.say(4, said(1)).unwrap());
        assert_eq!(tracks.all.keys().collect::<Vec<_>>(), [&4]);
        drop(parcels);
        assert!(tracks.say(4, said(1)).is_err(), "nobody hears it");
        tracks.ends(4);
        tracks.kept.clear();
        tracks.tidy(4);
        assert!(tracks.all.is_empty());
    }
}
