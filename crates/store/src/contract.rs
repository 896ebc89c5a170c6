//! What every backend must do, as tests. A backend's own tests call these.

pub(crate) mod pins;
pub(crate) mod standing;

use std::time::Duration;

use portcullis_journal::{Event, Record, Timestamp};
use portcullis_mediation::edit::Edited;
use portcullis_mediation::grant::Standing;
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Fingerprint, Matter, Question};
use portcullis_policy::{Principal, ServerName, Tier};

use crate::approval::{
    APPROVAL_LIFETIME, ApprovalStore, CLOCK_SLACK, DENIAL_LIFETIME, Filter, KEPT, NotDecided,
    NotEdited, State, Taken, Verdict,
};
use crate::{JournalStore, StoreError};

/// A backend's way to make a new store and open it twice, as two processes would.
pub(crate) trait Make<S>: FnMut() -> (S, S) {}
impl<S, F: FnMut() -> (S, S)> Make<S> for F {}

/// The moment at which every case begins: 2026-11-24T00:00:00Z.
const T: Timestamp = Timestamp(1_795_478_400_000_000);

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);

fn at(seconds: u64) -> Timestamp {
    T.after(Duration::from_secs(seconds))
}

fn id(bits: u64) -> ApprovalId {
    ApprovalId::from_entropy(bits)
}

fn key() -> ApprovalKey {
    ApprovalKey {
        matter: Matter::Tool,
        principal: Principal::user(1000),
        server: ServerName::new("files").unwrap(),
        session: "s1".to_owned(),
        tool: "delete_file".to_owned(),
        definition_pin: Fingerprint::of(b"definition"),
        arguments_digest: Fingerprint::of(b"arguments"),
        policy: Fingerprint::of(b"policy"),
    }
}

fn question(bits: u64) -> Question {
    Question {
        approval: id(bits),
        key: key(),
        arguments: r#"{"path":"notes.txt","password":"hunter2"}"#.to_owned(),
        risk: Tier::Destructive,
        reasons: vec!["it deletes".to_owned()],
        patience: PATIENCE,
        standing: Standing::default(),
    }
}

/// All that an [`ApprovalStore`] promises.
pub(crate) fn approvals<S: ApprovalStore>(mut make: impl Make<S>) {
    a_yes_is_used_once(make());
    a_yes_is_for_exactly_one_call(make());
    a_no_stands_for_a_minute(make());
    silence_is_no(make());
    an_answer_is_given_once(make());
    a_withdrawn_question_cannot_be_answered(make());
    the_strictest_of_two_answers_wins(make());
    an_edit_is_a_yes_to_something_else(make());
    a_clock_set_back_revives_nothing(make());
    processes_that_race_are_no_clock_set_back(make());
    rows_say_what_scripts_rely_on(make());
    old_rows_go(make());
    a_poller_sees_that_another_wrote(make());
}

fn a_yes_is_used_once<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    assert_eq!(gateway.consult(&key(), T).unwrap(), Fact::Unknown);
    gateway.ask(&question(1), T).unwrap();
    assert_eq!(gateway.consult(&key(), at(20)).unwrap(), Fact::Pending(id(1), 100 * SECOND));
    assert_eq!(gateway.take(&id(1), &key(), at(21)).unwrap(), Taken::Pending);
    let decided = person.decide(&id(1), Verdict::Approve, "uid:1000", at(30)).unwrap().unwrap();
    assert_eq!(decided.expires, at(30).after(APPROVAL_LIFETIME));
    assert_eq!(decided.row.state, State::Approved);
    assert_eq!(gateway.take(&id(1), &key(), at(31)).unwrap(), Taken::Approved);
    assert_eq!(gateway.take(&id(1), &key(), at(31)).unwrap(), Taken::Gone);
    assert_eq!(gateway.consult(&key(), at(31)).unwrap(), Fact::Unknown);
    // The same by an identical retry, after the question itself would have ended.
    gateway.ask(&question(2), at(40)).unwrap();
    person.decide(&id(2), Verdict::Approve, "uid:1000", at(150)).unwrap().unwrap();
    assert_eq!(gateway.consult(&key(), at(400)).unwrap(), Fact::Approved(id(2)));
    assert_eq!(gateway.consult(&key(), at(400)).unwrap(), Fact::Unknown);
    assert_eq!(gateway.take(&id(2), &key(), at(400)).unwrap(), Taken::Gone);
}

fn a_yes_is_for_exactly_one_call<S: ApprovalStore>((mut gateway, _): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    gateway.decide(&id(1), Verdict::Approve, "me", T).unwrap().unwrap();
    let other = Fingerprint::of(b"other");
    for wrong in [
        ApprovalKey { matter: Matter::Sampling, ..key() },
        ApprovalKey { principal: Principal::user(0), ..key() },
        ApprovalKey { server: ServerName::new("other").unwrap(), ..key() },
        ApprovalKey { session: "s2".to_owned(), ..key() },
        ApprovalKey { tool: "delete_files".to_owned(), ..key() },
        ApprovalKey { definition_pin: other.clone(), ..key() },
        ApprovalKey { arguments_digest: other.clone(), ..key() },
        ApprovalKey { policy: other, ..key() },
    ] {
        assert_eq!(gateway.consult(&wrong, T).unwrap(), Fact::Unknown, "{wrong:?}");
        assert_eq!(gateway.take(&id(1), &wrong, T).unwrap(), Taken::Gone, "{wrong:?}");
    }
    assert_eq!(gateway.take(&id(2), &key(), T).unwrap(), Taken::Gone);
    assert_eq!(gateway.consult(&key(), T).unwrap(), Fact::Approved(id(1)));
}

fn a_no_stands_for_a_minute<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    let decided = person.decide(&id(1), Verdict::Deny, "me", at(100)).unwrap().unwrap();
    assert_eq!(decided.expires, at(100).after(DENIAL_LIFETIME));
    assert_eq!(gateway.take(&id(1), &key(), at(101)).unwrap(), Taken::Denied);
    assert_eq!(gateway.consult(&key(), at(159)).unwrap(), Fact::Denied(id(1)));
    assert_eq!(gateway.consult(&key(), at(160)).unwrap(), Fact::Unknown);
    assert_eq!(gateway.take(&id(1), &key(), at(160)).unwrap(), Taken::Gone);
}

fn silence_is_no<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    let end = T.after(PATIENCE);
    assert_eq!(gateway.get(&id(1), end).unwrap().unwrap().state, State::Expired);
    let late = person.decide(&id(1), Verdict::Approve, "me", end).unwrap();
    assert_eq!(late, Err(NotDecided::Already(State::Expired)));
    assert_eq!(gateway.consult(&key(), end).unwrap(), Fact::Unknown);
    // A yes that nobody used ends too.
    gateway.ask(&question(2), at(200)).unwrap();
    person.decide(&id(2), Verdict::Approve, "me", at(200)).unwrap().unwrap();
    let end = at(200).after(APPROVAL_LIFETIME);
    assert_eq!(gateway.take(&id(2), &key(), end).unwrap(), Taken::Gone);
}

fn an_answer_is_given_once<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    let mut decide = |bits, verdict| person.decide(&id(bits), verdict, "me", T).unwrap();
    assert_eq!(decide(1, Verdict::Approve), Err(NotDecided::Unknown));
    gateway.ask(&question(1), T).unwrap();
    gateway.ask(&question(2), T).unwrap();
    assert!(decide(1, Verdict::Approve).is_ok() && decide(2, Verdict::Deny).is_ok());
    for verdict in [Verdict::Approve, Verdict::Deny] {
        assert_eq!(decide(1, verdict), Err(NotDecided::Already(State::Approved)));
        assert_eq!(decide(2, verdict), Err(NotDecided::Already(State::Denied)));
    }
    assert_eq!(gateway.take(&id(1), &key(), T).unwrap(), Taken::Approved);
    assert_eq!(decide(1, Verdict::Approve), Err(NotDecided::Already(State::Used)));
    assert!(gateway.ask(&question(1), T).is_err(), "an id is used once");
}

fn a_withdrawn_question_cannot_be_answered<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    assert!(gateway.withdraw(&id(1)).unwrap(), "nobody had answered it");
    let late = person.decide(&id(1), Verdict::Approve, "me", T).unwrap();
    assert_eq!(late, Err(NotDecided::Already(State::Expired)));
    gateway.ask(&question(2), T).unwrap();
    person.decide(&id(2), Verdict::Approve, "me", T).unwrap().unwrap();
    assert!(!gateway.withdraw(&id(2)).unwrap(), "a person had answered it");
    assert_eq!(gateway.take(&id(2), &key(), T).unwrap(), Taken::Approved);
    assert!(!gateway.withdraw(&id(3)).unwrap(), "it was never asked");
}

fn the_strictest_of_two_answers_wins<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    gateway.ask(&question(2), T).unwrap();
    person.decide(&id(1), Verdict::Approve, "me", T).unwrap().unwrap();
    assert_eq!(gateway.get(&id(2), T).unwrap().unwrap().state, State::Pending);
    person.decide(&id(2), Verdict::Deny, "me", T).unwrap().unwrap();
    assert_eq!(gateway.consult(&key(), T).unwrap(), Fact::Denied(id(2)));
}

fn an_edit_is_a_yes_to_something_else<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    let asked = r#"{"maxTokens":100,"messages":[]}"#;
    let key = ApprovalKey { matter: Matter::Sampling, ..key() };
    let question = |bits| {
        let arguments = asked.to_owned();
        Question { key: key.clone(), arguments, ..question(bits) }
    };
    gateway.ask(&question(1), T).unwrap();
    for wrong in [asked, r#"{"maxTokens":101,"messages":[]}"#, "{}", "no"] {
        let unfit = person.edit(&id(1), wrong, "me", T).unwrap();
        assert!(matches!(unfit, Err(NotEdited::Unfit(_))), "{wrong}: {unfit:?}");
    }
    let less = r#"{ "messages": [], "maxTokens": 7 }"#;
    let decided = person.edit(&id(1), less, "me", at(1)).unwrap().unwrap();
    let kept = decided.row.edited.map(|content| content.to_string());
    assert_eq!(kept.as_deref(), Some(r#"{"maxTokens":7,"messages":[]}"#));
    let late = person.edit(&id(1), less, "me", at(1)).unwrap();
    assert_eq!(late, Err(NotDecided::Already(State::Approved).into()));
    let edited =
        Edited { content: r#"{"maxTokens":7,"messages":[]}"#.to_owned(), by: "me".to_owned() };
    assert_eq!(gateway.take(&id(1), &key, at(2)).unwrap(), Taken::Edited(edited.clone()));
    assert_eq!(gateway.take(&id(1), &key, at(2)).unwrap(), Taken::Gone);
    // The same by an identical retry.
    gateway.ask(&question(2), at(3)).unwrap();
    person.edit(&id(2), less, "me", at(4)).unwrap().unwrap();
    assert_eq!(gateway.consult(&key, at(5)).unwrap(), Fact::Edited(id(2), edited));
    assert_eq!(gateway.consult(&key, at(5)).unwrap(), Fact::Unknown);
    // A call is not edited.
    gateway.ask(&self::question(3), at(6)).unwrap();
    let call = person.edit(&id(3), "{}", "me", at(6)).unwrap();
    assert!(matches!(call, Err(NotEdited::Unfit(_))), "{call:?}");
    assert_eq!(gateway.get(&id(3), at(6)).unwrap().unwrap().state, State::Pending);
}

fn a_clock_set_back_revives_nothing<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    person.decide(&id(1), Verdict::Approve, "me", T).unwrap().unwrap();
    gateway.ask(&question(2), T).unwrap();
    // Nobody looked while they ended; somebody saw the later time elsewhere.
    gateway.sweep(at(1000)).unwrap();
    assert_eq!(gateway.take(&id(1), &key(), T).unwrap(), Taken::Gone);
    assert_eq!(gateway.consult(&key(), T).unwrap(), Fact::Unknown);
    // What is open when the clock jumps back ends, also for those who only look.
    gateway.ask(&question(3), at(100)).unwrap();
    let back = T;
    assert_eq!(gateway.get(&id(3), back).unwrap().unwrap().state, State::Expired);
    assert!(person.decide(&id(3), Verdict::Approve, "me", back).unwrap().is_err());
    // And life goes on in the new time.
    gateway.ask(&question(4), back).unwrap();
    person.decide(&id(4), Verdict::Approve, "me", at(1)).unwrap().unwrap();
    assert_eq!(gateway.consult(&key(), at(2)).unwrap(), Fact::Approved(id(4)));
}

fn processes_that_race_are_no_clock_set_back<S: ApprovalStore>((mut a, mut b): (S, S)) {
    a.ask(&question(1), at(100)).unwrap();
    let earlier = Timestamp(at(100).0 - u64::try_from(CLOCK_SLACK.as_micros()).unwrap());
    assert_eq!(b.consult(&key(), earlier).unwrap(), Fact::Pending(id(1), PATIENCE));
}

fn rows_say_what_scripts_rely_on<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    gateway.ask(&question(2), at(1)).unwrap();
    person.decide(&id(2), Verdict::Deny, "uid:1000", at(2)).unwrap().unwrap();
    let pending = person.list(&Filter::pending(), at(3)).unwrap();
    let [row] = pending.as_slice() else { panic!("{pending:?}") };
    let json = serde_json::to_value(row).unwrap();
    let expected = serde_json::json!({
        "id": id(1).as_str(), "state": "pending", "kind": "tool", "server": "files",
        "tool": "delete_file", "arguments": {"path": "notes.txt", "password": "hunter2"},
        "risk": "destructive", "reasons": ["it deletes"], "principal": "uid:1000",
        "created": "2026-11-24T00:00:00.000000Z", "expires": "2026-11-24T00:02:00.000000Z",
        "definition_pin": Fingerprint::of(b"definition").as_str(),
        "arguments_digest": Fingerprint::of(b"arguments").as_str(),
    });
    assert_eq!(json, expected);
    let all = person.list(&Filter::default(), at(3)).unwrap();
    let states: Vec<_> = all.iter().map(|row| (row.id.clone(), row.state)).collect();
    assert_eq!(states, [(id(1), State::Pending), (id(2), State::Denied)]);
    assert_eq!(all[1].decided_by.as_deref(), Some("uid:1000"));
    let elsewhere = Filter { server: Some("other".to_owned()), ..Filter::default() };
    assert!(person.list(&elsewhere, at(3)).unwrap().is_empty());
    assert_eq!(person.list(&Filter::pending(), at(500)).unwrap(), []);
    assert_eq!(person.get(&id(3), T).unwrap(), None);
}

fn old_rows_go<S: ApprovalStore>((mut gateway, _): (S, S)) {
    gateway.ask(&question(1), T).unwrap();
    gateway.ask(&question(2), at(10)).unwrap();
    assert_eq!(gateway.sweep(T.after(KEPT)).unwrap(), 0);
    assert_eq!(gateway.sweep(at(1).after(KEPT)).unwrap(), 1);
    assert_eq!(gateway.get(&id(1), T.after(KEPT)).unwrap(), None);
}

fn a_poller_sees_that_another_wrote<S: ApprovalStore>((mut gateway, mut person): (S, S)) {
    let before = gateway.changes().unwrap();
    assert_eq!(gateway.changes().unwrap(), before);
    person.ask(&question(1), T).unwrap();
    assert_ne!(gateway.changes().unwrap(), before);
}

/// All that a [`JournalStore`] promises; `lines` reads what is in the journal.
pub(crate) fn journal<S: JournalStore>(
    (mut one, mut other): (S, S),
    lines: impl Fn() -> Vec<String>,
) -> Result<(), StoreError> {
    let server = ServerName::new("files").unwrap();
    let mut record = Record::new(Event::Intent, "session", &server, &Principal::user(1000));
    record.arguments = Some(one.redactor().arguments(&serde_json::json!({"token": "t0p"})));
    record.arguments_digest = Some(one.redactor().digest(b"canonical"));
    assert_eq!(one.redactor().digest(b"x"), other.redactor().digest(b"x"), "one key");
    assert_eq!(one.append(&record, T)?, 1);
    assert_eq!(lines().len(), 1, "durable when append returns");
    assert_eq!((other.append(&record, T)?, one.append(&record, T)?), (2, 3));
    let lines = lines();
    for (line, seq) in lines.iter().zip(1_u64..) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["seq"], seq);
        assert_eq!(line["arguments"]["token"], "<redacted:member-name>");
    }
    assert_eq!(lines.len(), 3);
    Ok(())
}
