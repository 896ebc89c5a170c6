//! `approvals watch`: the questions that wait, on a whole screen.
//!
//! `view` is what is shown and what a key does, `layout` how it fits, `screen` the terminal,
//! `keys` what is typed. The store behind the [`Desk`] stays the only truth: what is shown
//! is read from it again and again, and an answer goes where every other answer goes.

mod keys;
mod layout;
mod screen;
mod sheet;
mod view;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::api::{Asked, Decided, Desk, Said, Trouble};
use crate::withdraw::{Withdrawal, withdrawal};
use screen::{Screen, Woken};
use view::{Act, View};

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often everything is read anew, whether somebody wrote or not: times run out.
const AGAIN: Duration = Duration::from_secs(1);

/// Lets a person edit a text, on a terminal that is theirs meanwhile. The text is JSON, and
/// so is what comes back.
pub type Editor<'a> = dyn FnMut(&str, &str) -> Result<String, Trouble> + 'a;

/// Shows what waits until the person leaves, or the process is told to end. `colour` is
/// for where it is seen.
///
/// # Errors
/// When there is no terminal that can show it, or the questions cannot be read at all.
pub fn watch(desk: &dyn Desk, editor: &mut Editor<'_>, colour: bool) -> Result<(), Trouble> {
    let ended = ended().map_err(|error| Trouble(error.to_string()))?;
    let mut view = View::new(desk.questions()?);
    let mut screen = Screen::open(colour)?;
    let (mut version, mut looked) = (desk.changes()?, Instant::now());
    loop {
        let now = Instant::now();
        let changes = desk.changes()?;
        if changes != version || now.saturating_duration_since(looked) >= AGAIN {
            (version, looked) = (changes, now);
            look(desk, &mut view, now)?;
        }
        view.fit(screen.size());
        screen.paint(&view.frame());
        match screen.wait(&ended, LOOK) {
            Woken::Ended => return Ok(()),
            Woken::Tick => {}
            Woken::Keys(keys) => {
                for key in keys {
                    match view.key(key, Instant::now()) {
                        Act::Nothing => {}
                        Act::Leave => return Ok(()),
                        act => perform(desk, editor, &mut screen, &mut view, act)?,
                    }
                    // Not seen: nothing was painted between two keys that came together.
                    view.clamp();
                }
            }
        }
    }
}

/// Reads what waits, and what is shown of it.
fn look(desk: &dyn Desk, view: &mut View, now: Instant) -> Result<(), Trouble> {
    let open = view.shown().map(str::to_owned);
    let open = open.map(|id| desk.question(&id)).transpose()?.flatten();
    view.news(desk.questions()?, open, now);
    Ok(())
}

fn perform(
    desk: &dyn Desk,
    editor: &mut Editor<'_>,
    screen: &mut Screen,
    view: &mut View,
    act: Act,
) -> Result<(), Trouble> {
    match act {
        Act::Open(id) => match desk.question(&id)? {
            Some(asked) => view.open(asked, Instant::now()),
            None => view.say("nobody asks that any more"),
        },
        Act::Edit(id, content) => {
            screen.leave();
            let edited = editor(&id, &content);
            screen.enter()?;
            match edited {
                Ok(edited) => view.edited(&edited, Instant::now()),
                Err(trouble) => view.say(&trouble.to_string()),
            }
        }
        Act::Decide(shown, said) => {
            let done = as_shown(desk, &shown, |desk| desk.decide(&shown.id, said))?;
            view.answered(told(&done, said == Said::Deny));
        }
        Act::Approve(shown, content) => {
            let done = as_shown(desk, &shown, |desk| desk.edit(&shown.id, &content))?;
            view.answered(told(&done, false));
        }
        Act::Nothing | Act::Leave => {}
    }
    look(desk, view, Instant::now())
}

/// An answer is to what was shown, and to nothing else.
fn as_shown(
    desk: &dyn Desk,
    shown: &Asked,
    answer: impl FnOnce(&dyn Desk) -> Result<Decided, Trouble>,
) -> Result<Decided, Trouble> {
    match desk.question(&shown.id)? {
        Some(now) if !now.waits => Ok(Decided::TooLate(now.state)),
        Some(now) if now.digest_of_all() == shown.digest_of_all() => answer(desk),
        Some(_) => Ok(Decided::Refused("the question is not the one that was shown".to_owned())),
        None => Ok(Decided::Unknown),
    }
}

fn told(done: &Decided, denied: bool) -> String {
    match done {
        Decided::Stored if denied => "denied".to_owned(),
        Decided::Stored => "approved".to_owned(),
        Decided::TooLate(state) => format!("your answer does not count: it is {state} already"),
        Decided::Refused(why) => format!("your answer does not count: {why}"),
        Decided::Unknown => "your answer does not count: nobody asks that any more".to_owned(),
    }
}

/// Becomes readable when the process is told to end; the terminal is put right then.
fn ended() -> io::Result<Withdrawal> {
    let (asker, withdrawal) = withdrawal()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal)
    };
    if let Some(error) = signals.iter_mut().find_map(|it| it.as_ref().err().map(io::Error::kind)) {
        return Err(error.into());
    }
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut each: Vec<_> = signals.into_iter().flatten().collect();
        runtime.block_on(std::future::poll_fn(|context| {
            let any = each.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if any { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }));
        drop(asker);
    })?;
    Ok(withdrawal)
}
