//! The journal among processes that die, race, run out of disk and meet wrong owners.
//!
//! A helper process is this test binary again, running only [`writer`].
#![expect(clippy::disallowed_methods, reason = "these tests start processes to kill them")]
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare fails")]

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use portcullis_journal::{Event, Record, Timestamp, Why};
use portcullis_policy::{Principal, ServerName};
use portcullis_store::{Entry, Journal, Options, Report, StoreError, Sync, last, read, verify};

const HELPER: &str = "PORTCULLIS_STORE_TEST_WRITER";

fn record(note: &str) -> Record {
    let server = ServerName::new("files").unwrap();
    let mut record = Record::new(Event::Intent, "s", &server, &Principal::user(1000));
    record.note = Some(note.to_owned());
    record
}

/// What a case does to a file.
type Harm = fn(&Path);

/// What a case does to a journal.
type Change = fn(&State);

struct State(tempfile::TempDir);

impl State {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn open(&self, segment_bytes: u64) -> Journal {
        Journal::open_with(&self.dir(), Options { segment_bytes, sync: Sync::Write }).unwrap()
    }

    fn fill(&self, segment_bytes: u64, count: u64) {
        let mut journal = self.open(segment_bytes);
        for n in 0..count {
            journal.append(&record(&n.to_string()), Timestamp(n)).unwrap();
        }
        journal.close().unwrap();
    }

    fn verified(&self) -> Report {
        let report = verify(&self.dir()).unwrap();
        assert_eq!(report.broken, None, "{}", report.broken.unwrap());
        report
    }

    fn entries(&self) -> Vec<Entry> {
        read(&self.dir(), 1).unwrap().map(Result::unwrap).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }
}

/// The helper process: appends until it is killed or cannot; does nothing in an
/// ordinary run of the tests.
#[test]
fn writer() {
    let Ok(job) = std::env::var(HELPER) else { return };
    let [dir, name, count, segment] = job.split('|').collect::<Vec<_>>().try_into().unwrap();
    let options = Options { segment_bytes: segment.parse().unwrap(), sync: Sync::Write };
    let mut journal = Journal::open_with(Path::new(dir), options).unwrap();
    let mut out = std::io::stdout();
    for n in 0..count.parse().unwrap() {
        match journal.append(&record(&format!("{name} {n}")), Timestamp(n)) {
            Ok(seq) => writeln!(out, "\ndurable {seq}").unwrap(),
            Err(error) => {
                writeln!(out, "\nfailed {error}").unwrap();
                return;
            }
        }
        out.flush().unwrap();
    }
}

fn helper(state: &State, name: &str, count: u64, segment: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer", "--nocapture", "--test-threads=1"]);
    command.env(HELPER, format!("{}|{name}|{count}|{segment}", state.dir().display()));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What a line of the helper's says was durable.
fn durable(line: &str) -> Option<u64> {
    line.strip_prefix("durable ")?.parse().ok()
}

/// Kills the helper after it has reported `after` records; returns all it reported.
fn kill_after(mut child: Child, after: usize) -> Vec<u64> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (mut reported, mut line) = (Vec::new(), String::new());
    while reported.len() < after && out.read_line(&mut line).unwrap() > 0 {
        reported.extend(durable(line.trim_end()));
        line.clear();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    // The last report may be cut off in the middle of its number.
    let whole = rest.rsplit_once('\n').map_or("", |(whole, _)| whole);
    reported.extend(whole.lines().filter_map(durable));
    reported
}

#[test]
fn what_was_reported_durable_survives_kill_9() {
    let state = State::new();
    let mut reported = Vec::new();
    for round in 0..50_usize {
        let child = helper(&state, "x", u64::MAX, 20_000).spawn().unwrap();
        reported.extend(kill_after(child, 1 + round * 7 % 61));
    }
    let written: BTreeSet<u64> = state.entries().iter().map(|entry| entry.seq).collect();
    assert!(reported.len() >= 50);
    assert!(reported.iter().all(|seq| written.contains(seq)));
    assert_eq!(reported.iter().collect::<BTreeSet<_>>().len(), reported.len(), "no number twice");
    let report = state.verified();
    assert_eq!(report.records, written.len() as u64);
    assert!(report.segments > 1);
}

#[test]
fn four_processes_make_one_chain() {
    let state = State::new();
    let spawn = |name| helper(&state, name, 500, 30_000).spawn().unwrap();
    let children = ["a", "b", "c", "d"].map(spawn);
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().filter_map(durable).count(), 500, "{text}");
    }
    let report = state.verified();
    assert_eq!((report.records, report.covered, report.torn), (2000, 2000, 0));
    let entries = state.entries();
    assert!(entries.iter().map(|entry| entry.seq).eq(1..=2000));
    let of = |name: &str| entries.iter().filter(|e| e.line.contains(name)).count();
    assert_eq!(["\"a ", "\"b ", "\"c ", "\"d "].map(of), [500; 4]);
}

#[test]
fn threads_that_share_a_journal_make_one_chain_with_whoever_else_writes() {
    let state = State::new();
    let first = state.open(16 << 10);
    let mut all: Vec<_> = (0..4).map(|_| first.another().unwrap()).collect();
    all.extend([first, state.open(16 << 10)]);
    let write = |(name, mut journal): (usize, Journal)| {
        let numbers = (0..100_u64).map(|n| {
            let note = format!("{name} {n}");
            journal.append(&record(&note), Timestamp(n)).unwrap()
        });
        numbers.collect::<Vec<_>>()
    };
    let numbers = std::thread::scope(|threads| {
        let all = all.into_iter().enumerate();
        let all: Vec<_> = all.map(|one| threads.spawn(move || write(one))).collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect::<BTreeSet<_>>()
    });
    assert_eq!(numbers, (1..=600).collect());
    assert_eq!(state.verified().records, 600);
}

#[test]
fn a_journal_that_failed_is_not_shared_any_more() {
    let state = State::new();
    let mut journal = state.open(1 << 20);
    journal.append(&record("one"), Timestamp(1)).unwrap();
    let mut other = journal.another().unwrap();
    let segment = state.dir().join("000001.jsonl");
    let text = std::fs::read(&segment).unwrap();
    OpenOptions::new().write(true).open(&segment).unwrap().set_len(0).unwrap();
    other.append(&record("two"), Timestamp(2)).unwrap_err();
    assert!(journal.another().is_none());
    // Nor does anybody who shares it go on, although the file is whole again.
    std::fs::write(&segment, text).unwrap();
    journal.append(&record("three"), Timestamp(3)).unwrap_err();
    state.open(1 << 20).append(&record("four"), Timestamp(4)).unwrap();
    assert_eq!(state.verified().records, 2);
}

#[test]
fn segments_rotate_and_are_finished_by_a_checkpoint() {
    let state = State::new();
    state.fill(5_000, 100);
    let report = state.verified();
    assert!(report.segments > 5, "{report:?}");
    assert_eq!((report.records, report.covered), (100, 100));
    assert_eq!(last(&state.dir()).unwrap(), 100);
    for name in ["000001.jsonl", "000002.jsonl"] {
        let metadata = std::fs::metadata(state.file(name)).unwrap();
        assert!(metadata.len() <= 5_000);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o400);
    }
    let key = std::fs::metadata(state.file("key")).unwrap();
    let dir = std::fs::metadata(state.dir()).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert_eq!(dir.permissions().mode() & 0o777, 0o700);
    // From any record on.
    for from in [1, 2, 50, 99, 100] {
        let seqs = read(&state.dir(), from).unwrap().map(|entry| entry.unwrap().seq);
        assert!(seqs.eq(from..=100), "{from}");
    }
    assert_eq!(read(&state.dir(), 101).unwrap().count(), 0);
    // The next process goes on, also right after a rotation.
    state.fill(1, 3);
    state.fill(5_000, 3);
    assert_eq!(state.verified().records, 106);
}

#[test]
fn a_reader_follows_a_writer_across_segments() {
    let state = State::new();
    let mut journal = state.open(2_000);
    let mut reader = read(&state.dir(), 1).unwrap();
    assert!(reader.next().is_none());
    for n in 1..=30 {
        journal.append(&record("x"), Timestamp(n)).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().seq, n);
        assert!(reader.next().is_none());
    }
}

#[test]
fn a_checkpoint_is_signed_every_1024_records() {
    let state = State::new();
    let mut journal = state.open(u64::MAX);
    for n in 0..1_100 {
        journal.append(&record("x"), Timestamp(n)).unwrap();
    }
    let report = state.verified();
    assert_eq!((report.records, report.covered), (1_100, 1_024));
    drop(journal);
    assert_eq!(state.verified().covered, 1_100, "and when it is dropped");
}

#[test]
fn half_a_line_is_repaired_and_reported() {
    let state = State::new();
    for (seen_before, torn) in [(false, "{\"seq\":4,\"ti"), (true, "x")] {
        state.fill(u64::MAX, 3);
        let mut journal = seen_before.then(|| state.open(u64::MAX));
        let path = state.file("000001.jsonl");
        OpenOptions::new().append(true).open(path).unwrap().write_all(torn.as_bytes()).unwrap();
        assert_eq!(state.verified().torn, torn.len() as u64);
        let before = last(&state.dir()).unwrap();
        let journal = journal.get_or_insert_with(|| state.open(u64::MAX));
        assert_eq!(journal.append(&record("next"), Timestamp(9)).unwrap(), before + 2);
        let notice = &state.entries()[usize::try_from(before).unwrap()];
        assert!(notice.line.contains(&format!("\"{} bytes of an unfinished", torn.len())));
        assert!(notice.line.contains("\"event\":\"notice\""));
        assert_eq!(state.verified().torn, 0);
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_line() {
    let state = State::new();
    state.fill(u64::MAX, 1);
    let inner = helper(&state, "x", u64::MAX, u64::MAX);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\""]);
    limited.arg(inner.get_program()).args(inner.get_args());
    limited.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.stderr(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nfailed "), "{text}");
    let reported = text.lines().filter_map(durable).max().unwrap();
    let report = state.verified();
    assert_eq!((report.records, report.torn), (reported, 0));
    state.fill(u64::MAX, 1);
    assert_eq!(state.verified().records, reported + 1);
}

#[test]
fn a_journal_that_was_changed_does_not_verify() {
    let cases: [(&str, Change, Why); 7] = [
        ("edit", |s| edit(&s.file("000002.jsonl"), "intent", "denied"), Why::Edited),
        ("lines gone", |s| cut_line(&s.file("000001.jsonl")), Why::Truncated),
        ("segment gone", |s| remove(s, &["000002.jsonl"]), Why::SegmentMissing),
        ("last gone", |s| remove(s, &["000004.jsonl"]), Why::SegmentMissing),
        ("first gone", |s| remove(s, &["000001.jsonl"]), Why::SegmentMissing),
        ("checkpoints gone", |s| remove(s, &["000002.checkpoints"]), Why::Unfinished),
        (
            "forged",
            |s| edit(&s.file("000002.checkpoints"), "\n4\n", "\n3\n"),
            Why::ForgedCheckpoint,
        ),
    ];
    for (name, change, why) in cases {
        let state = State::new();
        state.fill(1_500, 15);
        assert_eq!(state.verified().segments, 4, "the cases count on it");
        change(&state);
        assert_eq!(verify(&state.dir()).unwrap().broken.map(|b| b.why), Some(why), "{name}");
    }
}

fn remove(state: &State, names: &[&str]) {
    names.iter().for_each(|name| std::fs::remove_file(state.file(name)).unwrap());
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    rewrite(path, &text.replacen(from, to, 1));
}

fn cut_line(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let (kept, _) = text.trim_end().rsplit_once('\n').unwrap();
    rewrite(path, &format!("{kept}\n"));
}

/// Replaces a file, also a finished one.
fn rewrite(path: &Path, text: &str) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_writer_notices_what_was_done_to_its_segment() {
    let cases: [(&str, Harm); 4] = [
        ("shortened", |path| {
            OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap();
        }),
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("garbage", |path| {
            OpenOptions::new().append(true).open(path).unwrap().write_all(b"{}\n").unwrap();
        }),
        ("repeated", |path| {
            let line = std::fs::read(path).unwrap();
            OpenOptions::new().append(true).open(path).unwrap().write_all(&line).unwrap();
        }),
    ];
    for (name, change) in cases {
        let state = State::new();
        let mut journal = state.open(u64::MAX);
        journal.append(&record("x"), Timestamp(1)).unwrap();
        change(&state.file("000001.jsonl"));
        let refused = journal.append(&record("x"), Timestamp(2));
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{name}: {refused:?}");
    }
}

#[test]
fn a_writer_does_not_sign_what_it_did_not_write() {
    let state = State::new();
    let mut journal = state.open(u64::MAX);
    journal.append(&record("one"), Timestamp(1)).unwrap();
    let other = State::new();
    other.open(u64::MAX).append(&record("two"), Timestamp(1)).unwrap();
    // The same length, other records.
    let path = state.file("000001.jsonl");
    let lines = std::fs::read(other.file("000001.jsonl")).unwrap();
    OpenOptions::new().write(true).open(path).unwrap().write_all(&lines).unwrap();
    assert!(matches!(journal.close(), Err(StoreError::Damaged { .. })));
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_place_that_is_not_ours_alone_is_refused() {
    let cases: [(Change, &str); 7] = [
        (|s| chmod(s.0.path(), 0o777), "may be written to by others (mode 777)"),
        (|s| chmod(&s.dir(), 0o720), "may be written to by others (mode 720)"),
        (|s| chmod(&s.file("000001.jsonl"), 0o602), "may be written to by others (mode 602)"),
        (|s| chmod(&s.file("key"), 0o640), "may be read by others"),
        (|s| link(&s.dir()), "is a symbolic link"),
        (|s| link(&s.file("000001.jsonl")), "is a symbolic link"),
        (|s| remove(s, &["key"]), "is missing"),
    ];
    for (change, why) in cases {
        let state = State::new();
        state.fill(u64::MAX, 1);
        change(&state);
        let refused = Journal::open(&state.dir()).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}, not {why}");
    }
}

/// Moves something away and leaves a link to it.
fn link(path: &Path) {
    let moved = path.with_extension("moved");
    std::fs::rename(path, &moved).unwrap();
    std::os::unix::fs::symlink(moved, path).unwrap();
}

#[test]
fn a_place_of_another_user_is_refused() {
    let state = State::new();
    let another = std::fs::metadata(state.0.path()).unwrap().uid() + 1;
    let path = if std::os::unix::fs::chown(state.0.path(), Some(another), None).is_ok() {
        state.dir()
    } else {
        // Not root: then root's directories are another user's.
        PathBuf::from("/usr/journal")
    };
    let refused = Journal::open(&path).unwrap_err().to_string();
    assert!(refused.contains("choose another --state"), "{refused}");
}

#[test]
fn durable_may_mean_on_the_disk() {
    let state = State::new();
    let options = Options { sync: Sync::Always, ..Options::default() };
    let mut journal = Journal::open_with(&state.dir(), options).unwrap();
    assert_eq!(journal.append(&record("x"), Timestamp(1)).unwrap(), 1);
    journal.close().unwrap();
    assert_eq!(state.verified().covered, 1);
}
