//! A remote server's stream of events: however it is cut on the way, it is read as one and the
//! same, and nothing of it is kept that is longer than it may be.
//!
//! The first byte says where it is cut, the rest is the stream. A second reading, of whole lines,
//! says what is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_wire::events::{Event, Events};

/// Longest event here, in bytes.
const MOST: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let mut whole = Events::new(MOST);
    let read = whole.push(stream);
    let mut cut_up = Events::new(MOST);
    let mut pieces = Vec::new();
    let mut failed = false;
    for piece in stream.chunks(usize::from(*cut).max(1)) {
        match cut_up.push(piece) {
            Ok(events) => pieces.extend(events),
            Err(_) => {
                failed = true;
                break;
            }
        }
    }
    let Ok(events) = read else {
        assert!(failed, "a stream that is too long is so in pieces, too");
        return;
    };
    assert!(!failed && events == pieces, "pieces change nothing");
    assert_eq!((&whole.last, whole.retry), (&cut_up.last, cut_up.retry));
    assert!(events.iter().all(|event| event.data.len() <= MOST));
    assert_eq!(events, lines(stream), "as whole lines say");
});

/// The events of a stream that is there as a whole (HTML, 9.2.6).
fn lines(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let (mut data, mut kind) = (Vec::<&[u8]>::new(), Vec::new());
    let mut rest = stream;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (line, after) = rest.split_at(end);
        rest = after.strip_prefix(b"\r\n").unwrap_or_else(|| &after[1..]);
        let (name, value) = field(line);
        match name {
            b"" if line.is_empty() => {
                let kind = std::mem::take(&mut kind);
                let is_message = kind.is_empty() || kind == b"message";
                if !data.is_empty() {
                    events.push(Event { data: data.join(&b'\n'), is_message });
                }
                data.clear();
            }
            b"data" => data.push(value),
            b"event" => kind = value[..value.len().min(1024)].to_vec(),
            _ => {}
        }
    }
    events
}

/// The name of a line's field and its value.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return (line, b"") };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}
