//! What every keeper of grants must do.

use std::collections::BTreeSet;

use portcullis_journal::Timestamp;
use portcullis_mediation::Cover;
use portcullis_mediation::cover::Width;
use portcullis_mediation::grant::{GrantId, GrantKey, LONGEST, LONGEST_SESSION, Lasts, Standing};
use portcullis_mediation::{Fingerprint, Matter, Question};
use portcullis_policy::{Principal, ServerName};
use serde_json::json;

use super::{KEPT, Make, NotDecided, SECOND, State, T, Taken, at, id, key, question};
use crate::approval::{ApprovalStore, Verdict};
use crate::standing::{Choice, GrantRow, GrantState, GrantStore, NotGiven};

/// All that a [`GrantStore`] promises.
pub(crate) fn grants<S: ApprovalStore + GrantStore>(mut make: impl Make<S>) {
    a_yes_that_lasts_is_a_yes_too(make());
    a_grant_is_for_one_definition_of_one_tool(make());
    a_session_ends_and_its_grants_with_it(make());
    a_project_is_where_it_was_given(make());
    time_ends_a_grant(make());
    a_clock_set_back_ends_them_all(make());
    what_is_taken_back_counts_no_more(make());
    nothing_is_given_beyond_what_was_offered(make());
    rows_say_what_scripts_rely_on(make());
    questions_that_call_a_person_are_counted(make());
    what_is_over_goes(make());
}

fn covers() -> Vec<Cover> {
    let same = Fingerprint::of(br#""/p/src/a""#);
    let all = json!([{"path": {"same": same}}, {"path": {"below": "/p/src"}}]);
    serde_json::from_value(all).unwrap()
}

fn offering(bits: u64) -> Question {
    let standing = Standing {
        covers: covers(),
        answers: BTreeSet::from(["ask.always".to_owned()]),
        session: "s1".to_owned(),
        project: "p1".to_owned(),
        quiet: false,
    };
    Question { standing, ..question(bits) }
}

fn gives<S: ApprovalStore + GrantStore>(
    store: &mut S,
    bits: u64,
    lasts: Lasts,
    now: Timestamp,
) -> GrantRow {
    store.ask(&offering(bits), now).unwrap();
    let given = store.give(&id(bits), Choice { cover: 2, lasts }, "uid:1000", now);
    given.unwrap().unwrap().grant
}

fn counting<S: GrantStore>(store: &mut S, bound: (&str, &str), now: Timestamp) -> Vec<String> {
    let remembered = store.remembered(&GrantKey::from(&key()), bound.0, bound.1, now).unwrap();
    remembered.grants.iter().map(|grant| grant.id.to_string()).collect()
}

const HERE: (&str, &str) = ("s1", "p1");

fn a_yes_that_lasts_is_a_yes_too<S: ApprovalStore + GrantStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&offering(1), T).unwrap();
    assert_eq!(gateway.take(&id(1), &key(), T).unwrap(), Taken::Pending);
    let choice = Choice { cover: 2, lasts: Lasts::Session };
    let given = person.give(&id(1), choice, "uid:1000", at(1)).unwrap().unwrap();
    assert_eq!(given.decided.row.state, State::Approved);
    assert_eq!(given.grant.id, GrantId::of(&id(1)).as_str());
    let remembered = gateway.remembered(&GrantKey::from(&key()), "s1", "p1", at(2)).unwrap();
    let [grant] = remembered.grants.as_slice() else { panic!("{remembered:?}") };
    assert_eq!(grant.cover, covers()[1]);
    assert_eq!(grant.cover.width(), Width::Directory);
    assert_eq!(grant.answers, BTreeSet::from(["ask.always".to_owned()]));
    // The call that was asked about has its own yes, once, as ever.
    assert_eq!(gateway.take(&id(1), &key(), at(2)).unwrap(), Taken::Approved);
    assert_eq!(gateway.take(&id(1), &key(), at(2)).unwrap(), Taken::Gone);
    // And a question is answered once.
    let again = person.give(&id(1), choice, "me", at(3)).unwrap();
    assert_eq!(again.unwrap_err(), NotGiven::Question(NotDecided::Already(State::Used)));
}

fn a_grant_is_for_one_definition_of_one_tool<S: ApprovalStore + GrantStore>(
    (mut gateway, _): (S, S),
) {
    gives(&mut gateway, 1, Lasts::Always, T);
    let other = Fingerprint::of(b"other");
    let key = GrantKey::from(&key());
    for wrong in [
        GrantKey { principal: Principal::user(0), ..key.clone() },
        GrantKey { server: ServerName::new("other").unwrap(), ..key.clone() },
        GrantKey { tool: "delete_files".to_owned(), ..key.clone() },
        GrantKey { definition_pin: other.clone(), ..key.clone() },
        GrantKey { policy: other, ..key.clone() },
    ] {
        let found = gateway.remembered(&wrong, "s1", "p1", T).unwrap();
        assert_eq!(found.grants, [], "{wrong:?}");
    }
    assert_eq!(gateway.remembered(&key, "s1", "p1", T).unwrap().grants.len(), 1);
}

fn a_session_ends_and_its_grants_with_it<S: ApprovalStore + GrantStore>(
    (mut gateway, mut person): (S, S),
) {
    let grant = gives(&mut gateway, 1, Lasts::Session, T);
    assert_eq!(grant.expires, T.after(LONGEST_SESSION));
    assert_eq!(counting(&mut gateway, HERE, at(1)), [grant.id.as_str()]);
    assert_eq!(counting(&mut gateway, ("s2", "p1"), at(1)), [""; 0], "another session");
    // A project is never taken for a session of the same name.
    assert_eq!(counting(&mut gateway, ("s2", "s1"), at(1)), [""; 0]);
    gateway.end_session("s2").unwrap();
    assert_eq!(counting(&mut gateway, HERE, at(1)).len(), 1);
    gateway.end_session("s1").unwrap();
    assert_eq!(counting(&mut gateway, HERE, at(1)), [""; 0]);
    assert_eq!(person.grants(at(1)).unwrap()[0].state, GrantState::Ended);
}

fn a_project_is_where_it_was_given<S: ApprovalStore + GrantStore>((mut gateway, _): (S, S)) {
    let grant = gives(&mut gateway, 1, Lasts::Project, T);
    assert_eq!(grant.expires, T.after(LONGEST));
    assert_eq!(counting(&mut gateway, ("s2", "p1"), at(1)), [grant.id.as_str()]);
    assert_eq!(counting(&mut gateway, ("s1", "p2"), at(1)), [""; 0]);
    gateway.end_session("s1").unwrap();
    assert_eq!(counting(&mut gateway, ("s2", "p1"), at(1)).len(), 1);
}

fn time_ends_a_grant<S: ApprovalStore + GrantStore>((mut gateway, mut person): (S, S)) {
    gives(&mut gateway, 1, Lasts::Minutes(10), T);
    let always = gives(&mut gateway, 2, Lasts::Always, T);
    assert_eq!(counting(&mut gateway, ("s2", "p2"), at(599)).len(), 2);
    assert_eq!(counting(&mut gateway, ("s2", "p2"), at(600)), [always.id.as_str()]);
    let states: Vec<_> = person.grants(at(600)).unwrap().iter().map(|row| row.state).collect();
    assert_eq!(states, [GrantState::Ended, GrantState::Standing]);
    assert_eq!(counting(&mut gateway, HERE, T.after(LONGEST)), [""; 0], "no grant is for ever");
}

fn a_clock_set_back_ends_them_all<S: ApprovalStore + GrantStore>(
    (mut gateway, mut person): (S, S),
) {
    gives(&mut gateway, 1, Lasts::Always, at(100));
    // For those who only look, and then for good.
    assert_eq!(counting(&mut gateway, HERE, T), [""; 0]);
    assert_eq!(person.grants(T).unwrap()[0].state, GrantState::Ended);
    gateway.consult(&key(), T).unwrap();
    assert_eq!(counting(&mut gateway, HERE, at(100)), [""; 0], "the clock is right again");
    // Somebody saw that it was over.
    gives(&mut gateway, 2, Lasts::Minutes(1), at(200));
    gateway.sweep(at(300)).unwrap();
    assert_eq!(counting(&mut gateway, HERE, at(299)), [""; 0]);
}

fn what_is_taken_back_counts_no_more<S: ApprovalStore + GrantStore>(
    (mut gateway, mut person): (S, S),
) {
    let grant = gives(&mut gateway, 1, Lasts::Always, T);
    assert_eq!(counting(&mut gateway, HERE, at(1)).len(), 1);
    let name = GrantId::parse(&grant.id).unwrap();
    let row = person.revoke(&name, "uid:1000", at(2)).unwrap().unwrap();
    assert_eq!((row.state, row.changed), (GrantState::Revoked, Some(at(2))));
    assert_eq!(row.changed_by.as_deref(), Some("uid:1000"));
    assert_eq!(counting(&mut gateway, HERE, at(2)), [""; 0]);
    let again = person.revoke(&name, "root", at(3)).unwrap().unwrap();
    assert_eq!(again.changed_by.as_deref(), Some("uid:1000"), "what is over stays as it is");
    assert!(person.revoke(&GrantId::of(&id(9)), "me", at(3)).unwrap().is_none());
}

fn nothing_is_given_beyond_what_was_offered<S: ApprovalStore + GrantStore>(
    (mut gateway, mut person): (S, S),
) {
    let mut give = |bits, cover| {
        let choice = Choice { cover, lasts: Lasts::Always };
        person.give(&id(bits), choice, "me", T).unwrap().map(|given| given.grant.id)
    };
    assert_eq!(give(1, 1), Err(NotGiven::Question(NotDecided::Unknown)));
    gateway.ask(&question(1), T).unwrap();
    assert_eq!(give(1, 1), Err(NotGiven::OneByOne));
    gateway.ask(&offering(2), T).unwrap();
    let count = covers().len();
    for wrong in [0, count + 1, usize::MAX] {
        assert_eq!(give(2, wrong), Err(NotGiven::NoSuchCover(count)));
    }
    gateway.decide(&id(2), Verdict::Deny, "me", T).unwrap().unwrap();
    assert_eq!(give(2, 1), Err(NotGiven::Question(NotDecided::Already(State::Denied))));
    assert_eq!(counting(&mut gateway, HERE, at(1)), [""; 0]);
    assert_eq!(gateway.take(&id(1), &key(), at(1)).unwrap(), Taken::Pending);
}

fn rows_say_what_scripts_rely_on<S: ApprovalStore + GrantStore>((mut gateway, mut person): (S, S)) {
    gives(&mut gateway, 1, Lasts::Minutes(10), T);
    let rows = person.grants(at(1)).unwrap();
    let expected = json!([{
        "id": GrantId::of(&id(1)).as_str(), "kind": "call", "state": "standing", "server": "files",
        "tool": "delete_file", "covers": "`path` in /p/src; nothing else", "lasts": "10m",
        "principal": "uid:1000", "definition_pin": Fingerprint::of(b"definition").as_str(),
        "policy": Fingerprint::of(b"policy").as_str(), "answers": ["ask.always"],
        "approval": id(1).as_str(), "created": "2026-11-24T00:00:00.000000Z",
        "expires": "2026-11-24T00:10:00.000000Z", "given_by": "uid:1000",
    }]);
    assert_eq!(serde_json::to_value(rows).unwrap(), expected);
    gateway.ask(&offering(2), at(2)).unwrap();
    assert_eq!(person.covers(&id(2)).unwrap(), covers());
    assert_eq!(person.covers(&id(3)).unwrap(), []);
}

fn questions_that_call_a_person_are_counted<S: ApprovalStore + GrantStore>(
    (mut gateway, mut other): (S, S),
) {
    let asked = |store: &mut S, now| {
        store.remembered(&GrantKey::from(&key()), "s1", "p1", now).unwrap().asked
    };
    gateway.ask(&question(1), T).unwrap();
    other.ask(&question(2), at(10)).unwrap();
    let standing = Standing { quiet: true, ..Standing::default() };
    gateway.ask(&Question { standing, ..question(3) }, at(20)).unwrap();
    assert_eq!(asked(&mut gateway, at(30)), 2, "of all processes, and none that was quiet");
    assert_eq!(asked(&mut gateway, at(3605)), 1);
    assert_eq!(asked(&mut gateway, at(3611)), 0);
    // Drift has a budget of its own, and uses up none of this one.
    let mut drift = question(4);
    drift.key.matter = Matter::Capability;
    gateway.ask(&drift, at(4000)).unwrap();
    drift.approval = id(5);
    drift.standing.quiet = true;
    gateway.ask(&drift, at(4001)).unwrap();
    let found = gateway.remembered(&GrantKey::from(&key()), "s1", "p1", at(4002)).unwrap();
    assert_eq!((found.asked, found.drifts), (0, 2));
}

fn what_is_over_goes<S: ApprovalStore + GrantStore>((mut gateway, mut person): (S, S)) {
    gives(&mut gateway, 1, Lasts::Minutes(1), T);
    let always = gives(&mut gateway, 2, Lasts::Always, T);
    gateway.sweep(at(100)).unwrap();
    assert_eq!(person.grants(at(100)).unwrap().len(), 2);
    let later = at(61).after(KEPT).after(SECOND);
    gateway.sweep(later).unwrap();
    let left: Vec<_> = person.grants(later).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, [always.id]);
    assert_eq!(person.covers(&id(1)).unwrap(), []);
}
