//! Whatever is done to a sealed segment is found, and the first place is named.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot prepare fails")]

use portcullis_journal::merkle::Tree;
use portcullis_journal::{
    Break, Chain, Checkpoint, Event, Hash, PublicKey, Record, Segment, Signer, Timestamp, Verified,
    Verifier, Why,
};
use portcullis_policy::{Principal, ServerName};
use proptest::prelude::*;

/// What a case does to a segment.
type Change = fn(&mut Sealed);

/// A segment as a writer leaves it.
#[derive(Clone, Debug)]
struct Sealed {
    number: u32,
    lines: Vec<Vec<u8>>,
    notes: Vec<String>,
}

fn signer() -> Signer {
    Signer::from_seed(&[9; 32])
}

fn public() -> PublicKey {
    signer().public().clone()
}

/// Seals `count` records, with a checkpoint after every `every` and at the end.
fn write(number: u32, chain: &mut Chain, count: u64, every: u64) -> Sealed {
    let server = ServerName::new("files").unwrap();
    let (mut tree, mut lines, mut notes) = (Tree::new(), Vec::new(), Vec::new());
    for place in 1..=count {
        let mut record = Record::new(Event::Intent, "s", &server, &Principal::user(1000));
        record.call = Some(place);
        let sealed = chain.seal(&record, Timestamp(place)).unwrap();
        tree.push(&sealed.hash);
        lines.push(sealed.line);
        if place.is_multiple_of(every) || place == count {
            let (size, root, head) = (tree.size(), tree.root(), sealed.hash);
            let checkpoint = Checkpoint { segment: number, size, root, seq: sealed.seq, head };
            notes.push(signer().sign(&checkpoint));
        }
    }
    Sealed { number, lines, notes }
}

fn first(count: u64, every: u64) -> Sealed {
    write(1, &mut Chain::genesis(public().journal()), count, every)
}

fn check(segments: &[Sealed]) -> Result<Verified, Break> {
    let mut verifier = Verifier::new(public());
    let mut last = None;
    for (place, segment) in segments.iter().enumerate() {
        let newest = place + 1 == segments.len();
        let (lines, checkpoints) = (segment.lines.concat(), segment.notes.concat().into_bytes());
        let number = segment.number;
        let segment = Segment { number, lines: &lines, checkpoints: &checkpoints, newest };
        last = Some(verifier.segment(&segment)?);
    }
    Ok(last.expect("at least one segment"))
}

fn why(segments: &[Sealed]) -> Option<Why> {
    check(segments).err().map(|broken| broken.why)
}

#[test]
fn an_untouched_segment_holds() {
    let found = check(&[first(20, 8)]).unwrap();
    assert_eq!((found.records, found.covered, found.checkpoints, found.torn), (20, 20, 3, 0));
    assert_eq!(found.head.seq(), 20);
}

#[test]
fn segments_continue_each_other_and_none_may_be_missing() {
    let mut chain = Chain::genesis(public().journal());
    let all: Vec<_> = (1..=3).map(|number| write(number, &mut chain, 5, 100)).collect();
    assert_eq!(check(&all).unwrap().head.seq(), 15);
    let [a, b, c] = [&all[0], &all[1], &all[2]].map(Clone::clone);
    assert_eq!(why(&[b.clone(), c.clone()]), Some(Why::SegmentMissing));
    assert_eq!(why(&[a.clone(), c.clone()]), Some(Why::SegmentMissing));
    let renamed = Sealed { number: 2, ..c };
    assert_eq!(why(&[a.clone(), renamed]), Some(Why::ForgedCheckpoint));
    let unsigned = Sealed { notes: Vec::new(), ..b.clone() };
    assert_eq!(why(&[a.clone(), unsigned.clone()]), None, "the newest may lack checkpoints");
    assert_eq!(why(&[a, unsigned, b]), Some(Why::Unfinished));
}

#[test]
fn the_first_broken_place_is_named() {
    let whole = first(10, 100);
    let cases: [(&str, Change, u64, Why); 7] = [
        ("edit", |s| s.lines[4] = replace(&s.lines[4], "intent", "outcom"), 5, Why::Edited),
        ("delete", |s| drop(s.lines.remove(4)), 5, Why::Misplaced),
        ("swap", |s| s.lines.swap(4, 5), 5, Why::Misplaced),
        ("repeat", |s| s.lines.insert(4, s.lines[3].clone()), 5, Why::Misplaced),
        ("truncate", |s| s.lines.truncate(7), 8, Why::Truncated),
        ("garbage", |s| s.lines.insert(4, b"{}\n".to_vec()), 5, Why::Unreadable),
        ("other history", |s| s.notes = another_history(10), 10, Why::Contradicted),
    ];
    for (name, change, seq, why) in cases {
        let mut changed = whole.clone();
        change(&mut changed);
        let broken = check(&[changed]).unwrap_err();
        assert_eq!((broken.seq, broken.line, broken.why), (seq, seq, why), "{name}: {broken}");
    }
}

#[test]
fn half_a_line_of_a_killed_writer_is_no_break() {
    let mut newest = first(10, 5);
    newest.lines.push(b"{\"seq\":11,\"time\":\"20".to_vec());
    assert_eq!(check(&[newest.clone()]).unwrap().torn, 20);
    let mut chain = check(&[newest.clone()]).unwrap().head;
    let next = write(2, &mut chain, 1, 1);
    assert_eq!(why(&[newest, next]), Some(Why::Torn));
}

#[test]
fn a_rewritten_history_needs_the_key() {
    // Somebody without the key seals another history with right hashes …
    let mut chain = Chain::genesis(public().journal());
    let mut forged = write(1, &mut chain, 10, 100);
    forged.lines = first(12, 100).lines[..10].to_vec();
    assert_eq!(check(&[forged.clone()]).unwrap().records, 10, "the same records, so the same");
    let mut other = Chain::genesis(public().journal());
    let server = ServerName::new("other").unwrap();
    let record = Record::new(Event::Intent, "s", &server, &Principal::user(1000));
    forged.lines = (0..10).map(|n| other.seal(&record, Timestamp(n)).unwrap().line).collect();
    // … and the checkpoint says otherwise.
    assert_eq!(why(&[forged.clone()]), Some(Why::Contradicted));
    let stranger = Signer::from_seed(&[8; 32]);
    let (head, seq) = (other.head(), other.seq());
    let checkpoint = Checkpoint { segment: 1, size: 10, root: Tree::new().root(), seq, head };
    forged.notes = vec![stranger.sign(&checkpoint)];
    assert_eq!(why(&[forged]), Some(Why::ForgedCheckpoint));
}

/// True checkpoints, of records that never were in this journal.
fn another_history(count: u64) -> Vec<String> {
    let mut chain = Chain::resume(0, Hash::from_bytes([1; 32]));
    write(1, &mut chain, count, count).notes
}

fn replace(line: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(line.to_vec()).unwrap().replace(from, to).into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_flipped_bit_is_found(count in 1_u64..12, every in 1_u64..6, place: prop::sample::Index, bit in 0..8_u8) {
        let whole = first(count, every);
        let mut lines = whole.lines.concat();
        let place = place.index(lines.len());
        lines[place] ^= 1_u8 << bit;
        let found = check(&[Sealed { lines: vec![lines], ..whole }]);
        prop_assert!(found.is_err());
    }

    #[test]
    fn any_flipped_bit_of_a_checkpoint_is_found(count in 1_u64..12, every in 1_u64..6, place: prop::sample::Index, bit in 0..8_u8) {
        let whole = first(count, every);
        let mut notes = whole.notes.concat().into_bytes();
        let place = place.index(notes.len());
        notes[place] ^= 1_u8 << bit;
        let lines = whole.lines.concat();
        let segment = Segment { number: 1, lines: &lines, checkpoints: &notes, newest: false };
        prop_assert!(Verifier::new(public()).segment(&segment).is_err());
    }

    #[test]
    fn any_dropped_line_is_found(count in 1_u64..12, every in 1_u64..6, place: prop::sample::Index) {
        let mut segment = first(count, every);
        segment.lines.remove(place.index(segment.lines.len()));
        prop_assert!(check(&[segment]).is_err());
    }

    #[test]
    fn any_two_swapped_lines_are_found(count in 2_u64..12, every in 1_u64..6, a: prop::sample::Index, b: prop::sample::Index) {
        let mut segment = first(count, every);
        let (a, b) = (a.index(segment.lines.len()), b.index(segment.lines.len()));
        prop_assume!(a != b);
        segment.lines.swap(a, b);
        prop_assert!(check(&[segment]).is_err());
    }

    #[test]
    fn any_cut_below_the_last_checkpoint_is_found(count in 1_u64..12, every in 1_u64..6, cut: prop::sample::Index) {
        let whole = first(count, every);
        let mut lines = whole.lines.concat();
        lines.truncate(cut.index(lines.len()));
        let found = check(&[Sealed { lines: vec![lines], ..whole }]);
        prop_assert!(found.is_err());
    }

    #[test]
    fn bytes_that_are_no_journal_are_no_panic(lines: Vec<u8>, notes: Vec<u8>, newest: bool) {
        let segment = Segment { number: 1, lines: &lines, checkpoints: &notes, newest };
        let _ = Verifier::new(public()).segment(&segment);
    }
}
