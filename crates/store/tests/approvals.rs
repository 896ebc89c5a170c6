//! Approvals among processes that race, and databases that are not what they were.
//!
//! A helper process is this test binary again, running only [`taker`].
#![expect(clippy::disallowed_methods, reason = "these tests start processes that race")]
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis_journal::Timestamp;
use portcullis_mediation::grant::{Lasts, Standing};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Fingerprint, Matter, Question};
use portcullis_policy::{Principal, ServerName, Tier};
use portcullis_store::{
    ApprovalStore as _, Approvals, Choice, GrantStore as _, NotDecided, NotGiven, State,
    StoreError, Taken, Verdict,
};

const HELPER: &str = "PORTCULLIS_STORE_TEST_TAKER";
const T: Timestamp = Timestamp(1_795_478_400_000_000);
const ROUNDS: u64 = 40;

/// What a case does to the database.
type Change = fn(&Path);

fn question(bits: u64) -> Question {
    Question {
        approval: ApprovalId::from_entropy(bits),
        key: ApprovalKey {
            matter: Matter::Tool,
            principal: Principal::user(1000),
            server: ServerName::new("files").unwrap(),
            session: "s".to_owned(),
            tool: "delete_file".to_owned(),
            definition_pin: Fingerprint::of(b"definition"),
            arguments_digest: Fingerprint::of(&bits.to_be_bytes()),
            policy: Fingerprint::of(b"policy"),
        },
        arguments: "{}".to_owned(),
        risk: Tier::Destructive,
        reasons: Vec::new(),
        patience: Duration::from_secs(120),
        standing: Default::default(),
    }
}

fn approved(state: &Path, count: u64) -> Approvals {
    let mut approvals = Approvals::open(state).unwrap();
    for bits in 0..count {
        let question = question(bits);
        approvals.ask(&question, T).unwrap();
        approvals.decide(&question.approval, Verdict::Approve, "me", T).unwrap().unwrap();
    }
    approvals
}

/// Uses each approval up, half of them by id and half by key; counts its wins.
fn race(state: &Path) -> u64 {
    let mut approvals = Approvals::open(state).unwrap();
    let won = |bits: &u64| {
        let question = question(*bits);
        if bits.is_multiple_of(2) {
            approvals.take(&question.approval, &question.key, T).unwrap() == Taken::Approved
        } else {
            matches!(approvals.consult(&question.key, T).unwrap(), Fact::Approved(_))
        }
    };
    (0..ROUNDS).filter(won).count() as u64
}

/// The helper process; does nothing in an ordinary run of the tests.
#[test]
fn taker() {
    if let Ok(state) = std::env::var(HELPER) {
        println!("\nwon {}", race(Path::new(&state)));
    }
}

#[test]
fn of_racing_threads_one_gets_the_yes() {
    let state = tempfile::tempdir().unwrap();
    drop(approved(state.path(), ROUNDS));
    let wins: u64 = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| race(state.path()))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(wins, ROUNDS);
}

#[test]
fn of_racing_processes_one_gets_the_yes() {
    let state = tempfile::tempdir().unwrap();
    drop(approved(state.path(), ROUNDS));
    let spawn = |_| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "taker", "--nocapture"])
            .env(HELPER, state.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all: Vec<_> = (0..4).map(spawn).collect();
    let wins: u64 = all
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .map(|text| text.lines().find_map(|l| l.strip_prefix("won ")?.parse::<u64>().ok()).unwrap())
        .sum();
    assert_eq!(wins, ROUNDS);
}

#[test]
fn processes_that_start_together_share_one_database() {
    for _ in 0..10 {
        let state = tempfile::tempdir().unwrap();
        let path = state.path();
        std::thread::scope(|scope| {
            for bits in 0..4 {
                scope.spawn(move || {
                    Approvals::open(path).unwrap().ask(&question(bits), T).unwrap();
                });
            }
        });
        let mut approvals = Approvals::open(state.path()).unwrap();
        assert_eq!(approvals.list(&Default::default(), T).unwrap().len(), 4);
    }
}

#[test]
fn the_files_are_for_their_owner_only() {
    let state = tempfile::tempdir().unwrap();
    let _open = approved(state.path(), 1);
    for entry in std::fs::read_dir(state.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_damaged_database_is_an_error_and_stays_as_it_is() {
    let cases: [(&str, Change); 5] = [
        ("emptied", |db| std::fs::write(db, "").unwrap()),
        ("text", |db| std::fs::write(db, "not a database, and long enough to see").unwrap()),
        ("header", |db| overwrite(db, 0)),
        ("pages", |db| overwrite(db, 4096)),
        ("gone, but its log is there", |db| {
            std::fs::write(db.with_extension("db-wal"), "x").unwrap();
            chmod(&db.with_extension("db-wal"), 0o600);
            std::fs::remove_file(db).unwrap();
        }),
    ];
    for (name, damage) in cases {
        let state = tempfile::tempdir().unwrap();
        drop(approved(state.path(), 50));
        let path = state.path().join("portcullis.db");
        damage(&path);
        let before = std::fs::read(&path).ok();
        let key = question(1).key;
        let used = Approvals::open(state.path()).and_then(|mut all| all.consult(&key, T));
        assert!(matches!(used, Err(StoreError::Damaged { .. })), "{name}: {used:?}");
        assert!(std::fs::read(&path).ok() == before, "{name}");
    }
}

fn overwrite(path: &Path, from: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[from..].fill(0xff);
    std::fs::write(path, bytes).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_place_that_others_may_write_to_is_refused() {
    let state = tempfile::tempdir().unwrap();
    drop(Approvals::open(state.path()).unwrap());
    chmod(&state.path().join("portcullis.db"), 0o606);
    let refused = Approvals::open(state.path()).unwrap_err().to_string();
    assert!(refused.contains("may be written to by others (mode 606)"), "{refused}");
    chmod(state.path(), 0o775);
    let refused = Approvals::open(state.path()).unwrap_err().to_string();
    assert!(refused.contains("may be written to by others (mode 775)"), "{refused}");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    drop(Approvals::open(state.path()).unwrap());
    let db = rusqlite::Connection::open(state.path().join("portcullis.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let refused = Approvals::open(state.path()).unwrap_err().to_string();
    assert!(refused.contains("newer version"), "{refused}");
}

#[test]
fn what_a_question_offers_cannot_be_edited_before_the_yes() {
    let path = |holds: serde_json::Value| serde_json::json!({"path": holds});
    let below = |place: &str| path(serde_json::json!({"below": place}));
    let offering = |bits| {
        let covers = serde_json::from_value(serde_json::json!([below("/p/src")])).unwrap();
        let answers = ["ask.always".to_owned()].into();
        let standing = Standing { covers, answers, ..Standing::default() };
        Question { standing, ..question(bits) }
    };
    let wide = serde_json::json!([below("/")]).to_string();
    let edits = [
        String::new(),
        format!("UPDATE standing SET covers = '{wide}'"),
        r#"UPDATE standing SET answers = '["ask.always","policy.other"]'"#.to_owned(),
        "UPDATE standing SET project = '/elsewhere'".to_owned(),
        "UPDATE approval SET tool = 'run_command'".to_owned(),
        r#"UPDATE approval SET arguments = '{"path":"/p/src/other"}'"#.to_owned(),
        "UPDATE standing SET seal = ''".to_owned(),
    ];
    for (bits, sql) in (1..).zip(edits) {
        let state = tempfile::tempdir().unwrap();
        let mut approvals = Approvals::open(state.path()).unwrap();
        let question = offering(bits);
        approvals.ask(&question, T).unwrap();
        let db = rusqlite::Connection::open(state.path().join("portcullis.db")).unwrap();
        assert!(sql.is_empty() || db.execute(&sql, []).unwrap() == 1, "{sql}");
        let offered = approvals.covers(&question.approval).unwrap().len();
        assert_eq!(offered, usize::from(sql.is_empty()), "{sql}");
        let choice = Choice { cover: 1, lasts: Lasts::Always };
        let given = approvals.give(&question.approval, choice, "me", T).unwrap();
        match sql.as_str() {
            "" => assert!(given.is_ok()),
            _ => assert_eq!(given.unwrap_err(), NotGiven::OneByOne, "{sql}"),
        }
    }
}

/// Whatever waits, a call does not look at it one by one to see what has ended.
#[test]
fn what_ends_is_found_by_an_index() {
    let state = tempfile::tempdir().unwrap();
    drop(Approvals::open(state.path()).unwrap());
    let db = rusqlite::Connection::open(state.path().join("portcullis.db")).unwrap();
    let sql = "EXPLAIN QUERY PLAN UPDATE approval SET state = 'expired'
               WHERE state IN ('pending', 'approved', 'denied') AND expires <= 5";
    let plan: String = db.query_row(sql, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("USING INDEX approval_expires"), "{plan}");
}

/// Writes into the database as something that has the file, and not the key.
fn writes(state: &Path, sql: &str) {
    let db = rusqlite::Connection::open(state.join("portcullis.db")).unwrap();
    db.execute_batch(sql).unwrap();
}

/// A sampling request: it can be edited.
fn sampling(bits: u64) -> Question {
    let question = question(bits);
    let key = ApprovalKey { matter: Matter::Sampling, ..question.key.clone() };
    let arguments = r#"{"maxTokens":100,"messages":[]}"#.to_owned();
    Question { key, arguments, ..question }
}

#[test]
fn a_yes_that_was_forged_or_altered_is_none() {
    let (yes, edit) = ("approve", "edit");
    for (given, sql) in [
        (
            "",
            "UPDATE approval SET state = 'approved', expires = expires + 1000000, decided_by = 'console'",
        ),
        (
            "",
            "UPDATE approval SET state = 'approved', decided = created, seal = (SELECT seal FROM standing)",
        ),
        (yes, "UPDATE approval SET arguments = '{}'"),
        (yes, "UPDATE approval SET expires = expires + 600000000"),
        (yes, "UPDATE approval SET decided_by = 'somebody else'"),
        (yes, "UPDATE approval SET edited = '{\"maxTokens\":9,\"messages\":[]}'"),
        (edit, "UPDATE approval SET edited = NULL"),
        (edit, "UPDATE approval SET edited = '{\"maxTokens\":99,\"messages\":[]}'"),
        (yes, "UPDATE approval SET seal = ''"),
    ] {
        let state = tempfile::tempdir().unwrap();
        let (mut approvals, question) = (Approvals::open(state.path()).unwrap(), sampling(1));
        let id = &question.approval;
        approvals.ask(&question, T).unwrap();
        match given {
            "approve" => drop(approvals.decide(id, Verdict::Approve, "me", T).unwrap().unwrap()),
            "edit" => {
                let less = r#"{"maxTokens":5,"messages":[]}"#;
                approvals.edit(id, less, "me", T).unwrap().unwrap();
            }
            _ => {}
        }
        writes(state.path(), sql);
        let by_id = approvals.take(id, &question.key, T).unwrap();
        assert_eq!(by_id, Taken::Gone, "{given} {sql}");
        assert_eq!(approvals.consult(&question.key, T).unwrap(), Fact::Unknown, "{given} {sql}");
        let row = approvals.get(id, T).unwrap().unwrap();
        assert_eq!(row.state, State::Expired, "{given} {sql}");
    }
}

#[test]
fn a_yes_is_not_replayed_by_writing_it_back() {
    let state = tempfile::tempdir().unwrap();
    let (mut approvals, question) = (Approvals::open(state.path()).unwrap(), sampling(1));
    approvals.ask(&question, T).unwrap();
    approvals.decide(&question.approval, Verdict::Approve, "me", T).unwrap().unwrap();
    assert_eq!(approvals.take(&question.approval, &question.key, T).unwrap(), Taken::Approved);
    writes(state.path(), "UPDATE approval SET state = 'approved'");
    assert_eq!(approvals.take(&question.approval, &question.key, T).unwrap(), Taken::Gone);
    // Nor by copying the row of one question over that of another.
    let other = Question { approval: ApprovalId::from_entropy(2), ..sampling(1) };
    approvals.ask(&other, T).unwrap();
    approvals.decide(&other.approval, Verdict::Approve, "me", T).unwrap().unwrap();
    let third = Question { approval: ApprovalId::from_entropy(3), ..sampling(1) };
    approvals.ask(&third, T).unwrap();
    let copied = format!(
        "UPDATE approval SET (state, decided, decided_by, expires, seal) =
             (SELECT state, decided, decided_by, expires, seal FROM approval WHERE id = '{}')
         WHERE id = '{}'",
        other.approval, third.approval
    );
    writes(state.path(), &copied);
    assert_eq!(approvals.take(&third.approval, &third.key, T).unwrap(), Taken::Gone);
    assert_eq!(approvals.take(&other.approval, &other.key, T).unwrap(), Taken::Approved);
}

#[test]
fn a_question_that_was_altered_is_not_approved() {
    for sql in [
        "UPDATE approval SET arguments = '{\"path\":\"harmless\"}'",
        "UPDATE approval SET arguments_digest = 'sha256:00'",
        "UPDATE approval SET risk = 'read'",
        "UPDATE approval SET reasons = '[]'",
        "UPDATE approval SET tool = 'read_file'",
        "UPDATE approval SET server = 'other'",
        "UPDATE approval SET session = 'other'",
        "UPDATE approval SET kind = 'elicitation'",
        "DELETE FROM standing",
    ] {
        let state = tempfile::tempdir().unwrap();
        let mut approvals = Approvals::open(state.path()).unwrap();
        let question = Question { reasons: vec!["it deletes".to_owned()], ..question(1) };
        approvals.ask(&question, T).unwrap();
        writes(state.path(), sql);
        let decided = approvals.decide(&question.approval, Verdict::Approve, "me", T).unwrap();
        assert_eq!(decided, Err(NotDecided::Altered), "{sql}");
        let again = approvals.decide(&question.approval, Verdict::Approve, "me", T).unwrap();
        assert_eq!(again, Err(NotDecided::Already(State::Expired)), "{sql}");
        assert_eq!(approvals.take(&question.approval, &question.key, T).unwrap(), Taken::Gone);
    }
}
