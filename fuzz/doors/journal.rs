//! A journal that somebody changed: the change is found, and never a panic.
//!
//! The first bytes say what is done to an honest segment of eight records; the
//! rest is also read as a segment and as checkpoints of its own.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis_journal::merkle::Tree;
use portcullis_journal::verify::split_notes;
use portcullis_journal::{Chain, Checkpoint, Event, Record, Segment, Signer, Timestamp, Verifier};
use portcullis_policy::{Principal, ServerName};

fuzz_target!(|bytes: &[u8]| {
    let Honest { signer, lines: honest, note } = &*HONEST;
    let segment = |lines, checkpoints, newest| Segment { number: 1, lines, checkpoints, newest };
    let verify = |segment: &Segment<'_>| Verifier::new(signer.public().clone()).segment(segment);

    // Anything at all: a verdict.
    let (notes, _rest) = split_notes(bytes);
    assert!(notes.iter().map(|note| note.len()).sum::<usize>() <= bytes.len());
    let half = bytes.len() / 2;
    let (lines, checkpoints) = bytes.split_at(half);
    for newest in [true, false] {
        if let Ok(found) = verify(&segment(lines, checkpoints, newest)) {
            assert_eq!(found.covered, 0, "nobody else signs with this key");
        }
    }

    // An honest segment, changed in one place.
    let [place @ .., with] = bytes else { return };
    let Some(place) = place.first_chunk::<2>() else { return };
    let place = usize::from(u16::from_le_bytes(*place)) % honest.len();
    let mut changed = honest.clone();
    changed[place] = *with;
    if changed != *honest {
        assert!(verify(&segment(&changed, note, false)).is_err(), "byte {place} became {with}");
    }
    let cut = &honest[..place];
    assert!(verify(&segment(cut, note, false)).is_err(), "cut at {place}");
});

/// A segment as a writer leaves it.
struct Honest {
    signer: Signer,
    lines: Vec<u8>,
    note: Vec<u8>,
}

/// Signed once: a signature costs more than everything else here.
static HONEST: LazyLock<Honest> = LazyLock::new(written);

/// Eight records and the checkpoint over them, which verifies.
fn written() -> Honest {
    let signer = Signer::from_seed(&[9; 32]);
    let server = ServerName::new("files").expect("a name");
    let mut chain = Chain::genesis(signer.public().journal());
    let (mut tree, mut lines) = (Tree::new(), Vec::new());
    for call in 1..=8 {
        let mut record = Record::new(Event::Intent, "s", &server, &Principal::user(1000));
        record.call = Some(call);
        let sealed = chain.seal(&record, Timestamp(call)).expect("a line");
        tree.push(&sealed.hash);
        lines.extend_from_slice(&sealed.line);
    }
    let (size, root, head) = (tree.size(), tree.root(), chain.head());
    let checkpoint = Checkpoint { segment: 1, size, root, seq: 8, head };
    let note = signer.sign(&checkpoint).into_bytes();
    let whole = Segment { number: 1, lines: &lines, checkpoints: &note, newest: false };
    let found = Verifier::new(signer.public().clone()).segment(&whole).expect("it holds");
    assert_eq!((found.records, found.covered, found.torn), (8, 8, 0));
    Honest { signer, lines, note }
}
