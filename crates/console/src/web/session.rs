//! Who has opened the console, and what they were shown.
//!
//! ```text
//!  link (2 min) ──opened, once──▶ session (2 h idle, 12 h in all) ──shows──▶ form ──answered, once──▶
//! ```

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::secret::Secret;

/// How long a link may lie around.
const LINK: Duration = Duration::from_secs(2 * 60);
/// How many links may wait.
const LINKS: usize = 4;
/// How long a session lasts without a page that somebody opened.
const IDLE: Duration = Duration::from_secs(2 * 60 * 60);
/// How long it lasts.
const WHOLE: Duration = Duration::from_secs(12 * 60 * 60);
/// How many there may be at once.
const SESSIONS: usize = 8;
/// How many forms of a session may be open at once; the oldest is forgotten.
const FORMS: usize = 64;
/// How soon nobody can have read a question.
pub(crate) const READING: Duration = Duration::from_secs(1);

/// Everybody who has opened the console.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    links: Vec<(Secret, Instant)>,
    open: Vec<Session>,
    /// Sessions so far, for names.
    count: u64,
}

/// One browser.
#[derive(Debug)]
struct Session {
    name: Name,
    cookie: Secret,
    begun: Instant,
    seen: Instant,
    forms: VecDeque<Shown>,
}

/// A session's name among ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u64);

/// A question that was shown to a session, with a form.
#[derive(Debug)]
pub(crate) struct Shown {
    token: Secret,
    /// Which question.
    question: String,
    /// The digest of what was shown of it.
    pub(crate) digest: String,
    /// What the page said would go on in its place.
    pub(crate) draft: Option<String>,
    at: Instant,
}

/// Why a form does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotShown {
    /// No such form: forged, used, forgotten, another session's or another question's.
    Unknown,
    /// Nobody can have read it yet.
    TooEarly,
}

impl Sessions {
    /// A new link's letters.
    pub(crate) fn link(&mut self, now: Instant) -> io::Result<String> {
        let token = Secret::roll()?;
        let letters = token.letters();
        if self.links.len() >= LINKS {
            self.links.remove(0);
        }
        self.links.push((token, now));
        Ok(letters)
    }

    /// Opens a session with a link, which is used up; its cookie. Nothing when the link does
    /// not count.
    pub(crate) fn open(&mut self, letters: &str, now: Instant) -> io::Result<Option<String>> {
        self.links.retain(|(_, made)| now.saturating_duration_since(*made) < LINK);
        let Some(place) = self.links.iter().position(|(link, _)| link.is(letters)) else {
            return Ok(None);
        };
        self.links.remove(place);
        self.forget(now);
        if self.open.len() >= SESSIONS {
            self.open.remove(0);
        }
        let cookie = Secret::roll()?;
        let given = cookie.letters();
        self.count += 1;
        let name = Name(self.count);
        self.open.push(Session { name, cookie, begun: now, seen: now, forms: VecDeque::new() });
        Ok(Some(given))
    }

    /// Whose cookie this is. A page that a person opened keeps the session; what a script
    /// fetches does not.
    pub(crate) fn find(&mut self, letters: &str, by_hand: bool, now: Instant) -> Option<Name> {
        self.forget(now);
        let session = self.open.iter_mut().find(|session| session.cookie.is(letters))?;
        if by_hand {
            session.seen = now;
        }
        Some(session.name)
    }

    /// Whether a session goes on.
    pub(crate) fn goes_on(&mut self, name: Name, now: Instant) -> bool {
        self.forget(now);
        self.open.iter().any(|session| session.name == name)
    }

    /// Remembers what is about to be shown; the form's letters.
    pub(crate) fn show(
        &mut self,
        name: Name,
        question: &str,
        digest: &str,
        draft: Option<String>,
        now: Instant,
    ) -> io::Result<Option<String>> {
        let Some(session) = self.open.iter_mut().find(|session| session.name == name) else {
            return Ok(None);
        };
        let token = Secret::roll()?;
        let letters = token.letters();
        if session.forms.len() >= FORMS {
            session.forms.pop_front();
        }
        let (question, digest) = (question.to_owned(), digest.to_owned());
        session.forms.push_back(Shown { token, question, digest, draft, at: now });
        Ok(Some(letters))
    }

    /// Takes a form, which is used up by this, whatever becomes of the answer.
    pub(crate) fn take(
        &mut self,
        name: Name,
        letters: &str,
        question: &str,
        now: Instant,
    ) -> Result<Shown, NotShown> {
        let session = self.open.iter_mut().find(|session| session.name == name);
        let session = session.ok_or(NotShown::Unknown)?;
        let place = session.forms.iter().position(|form| form.token.is(letters));
        let form = place.and_then(|place| session.forms.remove(place));
        let form = form.filter(|form| form.question == question).ok_or(NotShown::Unknown)?;
        if now.saturating_duration_since(form.at) < READING {
            return Err(NotShown::TooEarly);
        }
        Ok(form)
    }

    /// Ends what has ended.
    fn forget(&mut self, now: Instant) {
        let younger = |since: Instant, most| now.saturating_duration_since(since) < most;
        self.open.retain(|one| younger(one.begun, WHOLE) && younger(one.seen, IDLE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_link_opens_once_and_soon() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let link = sessions.link(now).unwrap();
        assert_eq!(sessions.open("", now).unwrap(), None);
        assert!(sessions.open(&link, now).unwrap().is_some());
        assert_eq!(sessions.open(&link, now).unwrap(), None, "it was used");
        let late = sessions.link(now).unwrap();
        assert_eq!(sessions.open(&late, now + LINK).unwrap(), None, "it is too old");
        let links: Vec<_> = (0..5).map(|_| sessions.link(now).unwrap()).collect();
        assert_eq!(sessions.open(&links[0], now).unwrap(), None, "too many wait");
        assert!(sessions.open(&links[1], now).unwrap().is_some());
    }

    fn opened(now: Instant) -> (Sessions, String) {
        let mut sessions = Sessions::default();
        let link = sessions.link(now).unwrap();
        let cookie = sessions.open(&link, now).unwrap().unwrap();
        (sessions, cookie)
    }

    #[test]
    fn a_session_ends_when_it_idles_and_when_it_is_old() {
        let now = Instant::now();
        let (mut sessions, cookie) = opened(now);
        let name = sessions.find(&cookie, true, now).unwrap();
        assert!(sessions.goes_on(name, now + IDLE - SECOND));
        // What a script fetches keeps nothing.
        assert!(sessions.find(&cookie, false, now + IDLE - SECOND).is_some());
        assert!(!sessions.goes_on(name, now + IDLE));
        assert_eq!(sessions.find(&cookie, true, now), None, "what ended stays ended");

        let (mut sessions, cookie) = opened(now);
        let mut then = now;
        while then < now + WHOLE {
            assert!(sessions.find(&cookie, true, then).is_some());
            then += IDLE / 2;
        }
        assert_eq!(sessions.find(&cookie, true, now + WHOLE), None);
    }

    #[test]
    fn a_form_counts_once_for_who_was_shown_it() {
        let now = Instant::now();
        let (mut sessions, cookie) = opened(now);
        let link = sessions.link(now).unwrap();
        let other = sessions.open(&link, now).unwrap().unwrap();
        let me = sessions.find(&cookie, true, now).unwrap();
        let them = sessions.find(&other, true, now).unwrap();
        let show = |sessions: &mut Sessions| {
            sessions.show(me, "apr_1", "sha256:1", None, now).unwrap().unwrap()
        };
        let later = now + READING;
        let form = show(&mut sessions);
        assert_eq!(sessions.take(them, &form, "apr_1", later).unwrap_err(), NotShown::Unknown);
        assert_eq!(sessions.take(me, &form, "apr_1", later).unwrap().digest, "sha256:1");
        assert_eq!(sessions.take(me, &form, "apr_1", later).unwrap_err(), NotShown::Unknown);
        let form = show(&mut sessions);
        let early = later - Duration::from_millis(1);
        assert_eq!(sessions.take(me, &form, "apr_1", early).unwrap_err(), NotShown::TooEarly);
        assert_eq!(sessions.take(me, &form, "apr_1", later).unwrap_err(), NotShown::Unknown);
        let form = show(&mut sessions);
        assert_eq!(sessions.take(me, &form, "apr_2", later).unwrap_err(), NotShown::Unknown);
        let first = show(&mut sessions);
        (0..FORMS).for_each(|_| drop(show(&mut sessions)));
        assert_eq!(sessions.take(me, &first, "apr_1", later).unwrap_err(), NotShown::Unknown);
    }
}
