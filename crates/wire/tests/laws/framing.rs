//! Lines do not depend on chunks, and long ones are not kept.

use portcullis_wire::{Frame, Framer, Limits, parse};
use proptest::prelude::*;

fn frames(limit: usize, chunks: &[&[u8]]) -> Vec<Frame> {
    let mut framer = Framer::new(limit);
    let mut out = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        out.extend(framer.by_ref());
    }
    out.extend(framer.finish());
    out
}

fn line(text: &str) -> Frame {
    Frame::Line(text.as_bytes().to_vec())
}

#[test]
fn lines_are_cut_at_newlines() {
    assert_eq!(frames(9, &[b"a\nb\r\n\n \t\r\nc"]), [line("a"), line("b"), line("c")]);
    assert_eq!(frames(9, &[b"a\r", b"\nb\r\r\n"]), [line("a"), line("b\r")]);
    assert_eq!(frames(9, &[b"", b"\n", b"  "]), []);
}

#[test]
fn the_limit_counts_the_line_without_its_ending() {
    assert_eq!(frames(3, &[b"abc\r\nabcd\n"]), [line("abc"), Frame::TooLong { bytes: 4 }]);
    assert_eq!(frames(3, &[b"abc\rx\nabc"]), [Frame::TooLong { bytes: 5 }, line("abc")]);
    assert_eq!(frames(3, &[b"abcd"]), [Frame::TooLong { bytes: 4 }]);
    assert_eq!(frames(3, &[b"    \n"]), [Frame::TooLong { bytes: 4 }]);
    assert_eq!(frames(0, &[b"\r\nx\n"]), [Frame::TooLong { bytes: 1 }]);
}

#[test]
fn a_line_without_end_is_not_kept() {
    let mut framer = Framer::new(1000);
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        framer.push(&chunk);
        assert_eq!(framer.next(), None);
    }
    // Debug prints the buffer: were the line kept, this would be long.
    assert!(format!("{framer:?}").len() < 10_000);
    framer.push(b"\nping\n");
    assert_eq!(framer.next(), Some(Frame::TooLong { bytes: 64 << 20 }));
    assert_eq!(framer.next(), Some(line("ping")));
}

proptest! {
    #[test]
    fn chunks_do_not_matter(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), any::<u8>()], 0..200),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        limit in 0usize..20,
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut start = 0;
        for cut in cuts {
            chunks.push(&bytes[start..cut]);
            start = cut;
        }
        chunks.push(&bytes[start..]);
        prop_assert_eq!(frames(limit, &chunks), frames(limit, &[&bytes]));
    }

    #[test]
    fn parse_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn parse_never_panics_on_nearly_json(text in r#"[{}\[\]",:\\u0-9a-fDd8eE.+ \-truefalsn]{0,80}"#) {
        let _ = parse(text.as_bytes(), &Limits::default());
        let framed = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{text}}}}}"#);
        let _ = parse(framed.as_bytes(), &Limits::default());
    }
}
