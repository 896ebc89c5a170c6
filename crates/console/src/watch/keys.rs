//! What a terminal sends for the keys that mean something here.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Control and C, or the end of what is typed.
    Interrupt,
    Letter(char),
    Other,
}

/// Sequences of xterm and of what behaves like it (ECMA-48; xterm's control sequences).
const SEQUENCES: &[(&str, Key)] = &[
    ("[A", Key::Up),
    ("[B", Key::Down),
    ("OA", Key::Up),
    ("OB", Key::Down),
    ("[5~", Key::PageUp),
    ("[6~", Key::PageDown),
    ("[H", Key::Home),
    ("[F", Key::End),
    ("OH", Key::Home),
    ("OF", Key::End),
    ("[1~", Key::Home),
    ("[4~", Key::End),
];

/// Takes every whole key out of what was read. What may be the beginning of one stays,
/// unless nothing more came.
pub(super) fn keys(bytes: &mut Vec<u8>, no_more: bool) -> Vec<Key> {
    let mut all = Vec::new();
    let mut rest = std::mem::take(bytes);
    while let Some((key, length)) = first(&rest, no_more) {
        rest.drain(..length.min(rest.len()));
        all.push(key);
    }
    *bytes = rest;
    all
}

/// The first key and its length; nothing when more may belong to it.
fn first(bytes: &[u8], no_more: bool) -> Option<(Key, usize)> {
    let (byte, rest) = bytes.split_first()?;
    let plain = |key| Some((key, 1));
    match byte {
        0x1b => escaped(rest, no_more).map(|(key, length)| (key, length + 1)),
        b'\r' | b'\n' => plain(Key::Enter),
        0x7f | 0x08 => plain(Key::Backspace),
        0x03 | 0x04 => plain(Key::Interrupt),
        0x20..0x7f => plain(Key::Letter(char::from(*byte))),
        0x80.. => {
            // A letter of more than one byte means nothing here.
            let more = rest.iter().take_while(|byte| (0x80..0xc0).contains(*byte)).count();
            Some((Key::Other, 1 + more))
        }
        _ => plain(Key::Other),
    }
}

fn escaped(rest: &[u8], no_more: bool) -> Option<(Key, usize)> {
    let ends = |byte: &u8| (0x40..0x7f).contains(byte);
    match rest.first() {
        None => no_more.then_some((Key::Escape, 0)),
        Some(b'[' | b'O') => {
            let after = rest.get(1..).unwrap_or_default();
            match after.iter().position(ends) {
                Some(at) => {
                    let length = at + 2;
                    let text = rest.get(..length).and_then(|text| std::str::from_utf8(text).ok());
                    let known = SEQUENCES.iter().find(|(sequence, _)| Some(*sequence) == text);
                    Some((known.map_or(Key::Other, |(_, key)| *key), length))
                }
                None => no_more.then_some((Key::Other, rest.len())),
            }
        }
        Some(_) => Some((Key::Escape, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], no_more: bool) -> (Vec<Key>, usize) {
        let mut left = bytes.to_vec();
        let all = keys(&mut left, no_more);
        (all, left.len())
    }

    #[test]
    fn keys_are_read_whole() {
        for (bytes, expect) in [
            (&b"jk"[..], vec![Key::Letter('j'), Key::Letter('k')]),
            (b"\x1b[A\x1bOB", vec![Key::Up, Key::Down]),
            (b"\x1b[5~\x1b[6~", vec![Key::PageUp, Key::PageDown]),
            (b"\r\n\x7f\x03", vec![Key::Enter, Key::Enter, Key::Backspace, Key::Interrupt]),
            (b"\x1b[1;5Cy", vec![Key::Other, Key::Letter('y')]),
            ("ü".as_bytes(), vec![Key::Other]),
            (b"\x1by", vec![Key::Escape, Key::Letter('y')]),
        ] {
            assert_eq!(read(bytes, false), (expect, 0), "{bytes:?}");
        }
    }

    #[test]
    fn half_a_key_waits_for_the_rest() {
        for half in [&b"\x1b"[..], b"\x1b[", b"\x1b[5"] {
            assert_eq!(read(half, false), (Vec::new(), half.len()), "{half:?}");
            assert_eq!(read(half, true).1, 0, "{half:?}");
        }
        assert_eq!(read(b"\x1b", true).0, [Key::Escape]);
    }
}
