//! Every frame of `hostile.txt` is refused, for the reason it is there for.

use crate::data;

use std::collections::BTreeSet;

use portcullis_wire::{Framer, Limits, MalformedKind, parse};

#[test]
fn every_hostile_frame_is_refused() {
    let hostile = data::hostile();
    assert!(hostile.len() >= 200, "only {} frames", hostile.len());
    let mut wrong = Vec::new();
    for frame in hostile {
        match parse(&frame.bytes, &Limits::default()) {
            Ok(_) => wrong.push(format!("accepted: {}", frame.written)),
            Err(malformed) => {
                if format!("{:?}", malformed.kind) != frame.kind {
                    wrong.push(format!("{:?}: {}", malformed.kind, frame.written));
                }
                assert!(matches!(malformed.code(), -32700 | -32600), "{}", frame.written);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_frame_stands_twice() {
    let mut seen = BTreeSet::new();
    for frame in data::hostile() {
        assert!(seen.insert(frame.bytes), "twice: {}", frame.written);
    }
}

#[test]
fn every_accepted_frame_is_accepted() {
    for frame in data::accepted() {
        let read = parse(&frame, &Limits::default());
        assert!(read.is_ok(), "{:?}: {}", read, String::from_utf8_lossy(&frame));
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_unread() {
    let limits = Limits { message_bytes: 10, depth: 64, nodes: 100 };
    let malformed = parse(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, &limits).unwrap_err();
    assert_eq!((malformed.code(), malformed.id), (-32700, None));
}

#[test]
fn each_value_counts_wherever_it_stands() {
    let limits = Limits { nodes: 9, ..Limits::default() };
    let frame = |params: &str| {
        let frame = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}"#);
        parse(frame.as_bytes(), &limits).map_err(|malformed| (malformed.kind, malformed.id))
    };
    // The message, its four members, and four more.
    for most in [r#"{"a":1,"b":2,"c":3,"d":4}"#, r#"{"a":[{"b":[]}, ""]}"#] {
        assert!(frame(most).is_ok(), "{most}");
    }
    for over in [r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#, r#"{"a":[[],[],{"b":[]}]}"#] {
        assert_eq!(frame(over), Err((MalformedKind::TooMany, None)), "{over}");
    }
    let batch =
        br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"x"}]"#;
    let limits = Limits { nodes: 8, ..Limits::default() };
    let whole = portcullis_wire::batch(batch, &limits, 2).map_err(|malformed| malformed.kind);
    assert_eq!(whole, Err(MalformedKind::TooMany), "a batch is one message here");
}

#[test]
fn hostile_frames_survive_framing() {
    let mut framer = Framer::new(1 << 20);
    for frame in data::hostile() {
        framer.push(&frame.bytes);
        framer.push(b"\n");
        for line in framer.by_ref() {
            drop(line);
        }
    }
    assert_eq!(framer.finish(), None);
}
