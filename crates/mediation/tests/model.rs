//! Every interleaving of a small model, to a bounded depth.
//!
//! One client with a harmless call and calls that must be asked, one server that
//! answers, asks for the model, lies and dies, one person, a store and a journal that may fail. After
//! every step the invariants of `ARCHITECTURE.md` are looked at: 4 and 6 (nothing
//! leaves without its record directly before it, nothing after the journal
//! failed), 11 (what was denied does not leave), 12 (a yes serves one exact call,
//! once) and that each request gets exactly one answer, or at most one when it
//! was taken back. A session cannot be cloned, so a path is played again from its
//! beginning; states that were reached before are not walked twice.

#[path = "model/granted.rs"]
mod granted;
#[path = "model/settings.rs"]
mod settings;
#[allow(dead_code, reason = "the casebook uses all of it")]
#[path = "casebook/store.rs"]
mod store;
#[path = "model/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Instant;

use world::{Action, World};

/// Walks every path of these actions, each used at most so often, to a depth.
/// Returns how many states and steps there were.
fn explore(actions: &[(Action, usize)], depth: usize) -> (usize, usize) {
    #[expect(clippy::disallowed_methods, reason = "one arbitrary epoch for every path")]
    let epoch = Instant::now();
    let mut seen = BTreeSet::new();
    let mut steps = 0;
    let start = next(actions, &World::after(epoch, &[]), &[]);
    let mut waiting = VecDeque::from([(Vec::new(), start)]);
    while let Some((before, next_actions)) = waiting.pop_front() {
        for action in next_actions {
            let mut path = before.clone();
            path.push(action);
            let world = World::after(epoch, &path);
            steps += 1;
            let mut hasher = DefaultHasher::new();
            (world.fingerprint(), remaining(actions, &path)).hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                if path.len() < depth && !world.is_over() {
                    let after = next(actions, &world, &path);
                    waiting.push_back((path, after));
                }
                world.ends_well();
            }
        }
    }
    (seen.len(), steps)
}

/// What may happen at the end of a path.
fn next(actions: &[(Action, usize)], world: &World, path: &[Action]) -> Vec<Action> {
    let left = actions.iter().zip(remaining(actions, path)).filter(|(_, left)| *left > 0);
    left.map(|((action, _), _)| *action).filter(|action| world.can(*action)).collect()
}

/// How often each action may still be used: part of what a state is.
fn remaining(actions: &[(Action, usize)], path: &[Action]) -> Vec<usize> {
    let used = |action: &Action| path.iter().filter(|used| *used == action).count();
    actions.iter().map(|(action, most)| most - used(action).min(*most)).collect()
}

/// More than a handful of states, else the model does not move.
fn walked((states, steps): (usize, usize)) {
    assert!(states > 500 && steps > states, "{states} states, {steps} steps");
}

#[test]
fn one_harmless_call_and_one_that_is_asked() {
    use Action::*;
    let actions = [
        (Read, 1),
        (Delete, 1),
        (Yes, 1),
        (No, 1),
        (Look, 2),
        (Tick, 3),
        (CancelDelete, 1),
        (Answer, 2),
        (Leave, 1),
        (Die, 1),
    ];
    walked(explore(&actions, 7));
}

#[test]
fn two_equal_calls_that_are_asked() {
    use Action::*;
    let actions = [
        (Delete, 1),
        (DeleteAgain, 1),
        (Yes, 2),
        (No, 1),
        (Look, 3),
        (Tick, 3),
        (CancelDelete, 1),
        (Answer, 2),
        (Leave, 1),
    ];
    walked(explore(&actions, 8));
}

#[test]
fn a_yes_meets_other_calls() {
    use Action::*;
    let actions = [
        (Delete, 1),
        (DeleteOther, 1),
        (Yes, 2),
        (Look, 3),
        (Tick, 2),
        (CancelDelete, 1),
        (Redefine, 1),
        (Answer, 2),
        (Leave, 1),
    ];
    walked(explore(&actions, 7));
}

#[test]
fn a_server_that_answers_twice_and_lies() {
    use Action::*;
    let actions = [
        (Read, 1),
        (Delete, 1),
        (Yes, 1),
        (Look, 1),
        (Answer, 2),
        (AnswerAgain, 1),
        (Lie, 1),
        (CancelRead, 1),
        (Tick, 2),
        (Die, 1),
    ];
    walked(explore(&actions, 7));
}

#[test]
fn a_listing_that_is_in_doubt() {
    use Action::*;
    let actions = [
        (Read, 1),
        (Delete, 1),
        (Doubt, 2),
        (Answer, 3),
        (Yes, 1),
        (Look, 1),
        (CancelRead, 1),
        (CancelDelete, 1),
        (Tick, 1),
        (Die, 1),
    ];
    walked(explore(&actions, 7));
}

#[test]
fn a_yes_that_lasts_meets_calls_it_covers_and_others() {
    use Action::*;
    let actions = [
        (Edit, 1),
        (EditNear, 1),
        (EditFar, 1),
        (Grant, 1),
        (Revoke, 1),
        (Yes, 1),
        (Look, 2),
        (Redefine, 1),
    ];
    walked(explore(&actions, 6));
}

#[test]
fn no_grant_ever_deletes() {
    use Action::*;
    let actions = [
        (Delete, 1),
        (DeleteOther, 1),
        (Edit, 1),
        (Grant, 2),
        (Forge, 1),
        (Yes, 1),
        (Look, 2),
        (CancelDelete, 1),
    ];
    walked(explore(&actions, 6));
}

#[test]
fn a_journal_and_a_store_that_fail() {
    use Action::*;
    let actions = [
        (Read, 1),
        (Delete, 1),
        (JournalFails, 1),
        (JournalFailsSoon, 1),
        (StoreFails, 1),
        (StoreFills, 1),
        (Yes, 1),
        (Look, 2),
        (Tick, 2),
        (Answer, 2),
        (CancelDelete, 1),
        (Die, 1),
        (Leave, 1),
    ];
    walked(explore(&actions, 6));
}

#[test]
fn a_server_that_asks_for_the_model() {
    use Action::*;
    let actions = [
        (Model, 1),
        (Delete, 1),
        (Yes, 2),
        (No, 1),
        (Look, 3),
        (Complete, 1),
        (CancelModel, 1),
        (Tick, 1),
        (JournalFails, 1),
        (Leave, 1),
        (Die, 1),
    ];
    walked(explore(&actions, 6));
}
