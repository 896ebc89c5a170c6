//! What a record costs: `cargo test --release -p portcullis-store --test costs -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare fails")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use portcullis_journal::{Chain, Event, Record, Redactor, Signer, Timestamp};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fingerprint, Matter, Question};
use portcullis_policy::{Principal, ServerName, Tier};
use portcullis_store::{
    ApprovalStore as _, Approvals, Journal, Options, Sync, Taken, Verdict, verify,
};

/// A record of an ordinary tool call.
fn record(redactor: &Redactor) -> Record {
    let server = ServerName::new("files").unwrap();
    let mut record =
        Record::new(Event::Intent, "ses_0123456789ab", &server, &Principal::user(1000));
    let arguments = serde_json::json!({"path": "/home/ada/project/src/main.rs", "limit": 100});
    record.method = Some("tools/call".to_owned());
    record.tool = Some("read_file".to_owned());
    record.call = Some(1);
    record.arguments = Some(redactor.arguments(&arguments));
    record.arguments_digest = Some(redactor.digest(arguments.to_string().as_bytes()));
    record
}

/// Prints the median of eleven rounds, in microseconds per turn.
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
fn measure(what: &str, turns: u32, mut turn: impl FnMut()) {
    let round = |_| {
        let start = Instant::now();
        (0..turns).for_each(|_| turn());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(turns)
    };
    let mut rounds: Vec<f64> = (0..11).map(round).collect();
    rounds.sort_by(f64::total_cmp);
    println!("{what}: {:.2} µs", rounds[5]);
}

#[test]
#[ignore = "measures; run in release"]
fn costs() {
    let redactor = Redactor::new([1; 32]);
    let record = record(&redactor);
    let arguments = serde_json::json!({"path": "/home/ada/project/src/main.rs", "limit": 100});
    let large = serde_json::json!({"content": "some ordinary text, ".repeat(3_200)});
    let signer = Signer::from_seed(&[1; 32]);
    let mut chain = Chain::genesis(signer.public().journal());
    println!("line: {} bytes", chain.seal(&record, Timestamp(1)).unwrap().line.len());
    measure("seal", 10_000, || drop(black_box(chain.seal(&record, Timestamp(1)))));
    measure("redact small", 10_000, || drop(black_box(redactor.arguments(&arguments))));
    measure("redact 64 KiB", 100, || drop(black_box(redactor.arguments(&large))));
    measure("digest", 10_000, || drop(black_box(redactor.digest(&[b'x'; 100]))));

    for (name, dir) in [("tmp", std::env::temp_dir()), ("shm", "/dev/shm".into())] {
        let state = tempfile::tempdir_in(dir).unwrap();
        let dir = state.path().join("journal");
        let mut journal = Journal::open(&dir).unwrap();
        measure(&format!("append ({name})"), 5_000, || {
            black_box(journal.append(&record, Timestamp(1)).unwrap());
        });
        let start = Instant::now();
        journal.close().unwrap();
        println!("close ({name}): {:?}", start.elapsed());
        let start = Instant::now();
        let journal = Journal::open(&dir).unwrap();
        println!("open ({name}): {:?}", start.elapsed());
        drop(journal);
        let start = Instant::now();
        let report = verify(&dir).unwrap();
        println!("verify ({name}): {} records in {:?}", report.records, start.elapsed());
        let mut both = [(); 2].map(|()| Journal::open(&dir).unwrap());
        measure(&format!("append in turns with another ({name})"), 1_000, || {
            both.swap(0, 1);
            black_box(both[0].append(&record, Timestamp(1)).unwrap());
        });
        let mut always =
            Journal::open_with(&dir, Options { sync: Sync::Always, ..Options::default() }).unwrap();
        measure(&format!("append with fdatasync ({name})"), 50, || {
            black_box(always.append(&record, Timestamp(1)).unwrap());
        });
    }
}

#[test]
#[ignore = "measures; run in release"]
fn costs_of_approvals() {
    let state = tempfile::tempdir().unwrap();
    let mut approvals = Approvals::open(state.path()).unwrap();
    let now = Timestamp(1_795_478_400_000_000);
    measure("consult, unknown", 1_000, || drop(approvals.consult(&question(0).key, now).unwrap()));
    let mut bits = 0;
    measure("ask, approve, take", 20, || {
        bits += 1;
        let question = question(bits);
        approvals.ask(&question, now).unwrap();
        approvals.decide(&question.approval, Verdict::Approve, "me", now).unwrap().unwrap();
        let taken = approvals.take(&question.approval, &question.key, now).unwrap();
        assert_eq!(taken, Taken::Approved);
    });
    measure("changes", 1_000, || {
        black_box(approvals.changes().unwrap());
    });
}

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
