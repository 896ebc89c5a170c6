//! Events of a stream, out of bytes that somebody else chose (HTML, section 9.2.6, "interpreting
//! an event stream"): bounded, and no more than MCP has of them.

use std::time::Duration;

/// Longest name of an event that is kept, in bytes.
const LONGEST: usize = 1024;
/// Longest pause that a server may ask for, and the shortest: it must not have us knock without end.
const PAUSE: Duration = Duration::from_secs(30);
const BREATH: Duration = Duration::from_millis(100);

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its lines, joined by newlines.
    pub data: Vec<u8>,
    /// It is no message when it has another kind.
    pub is_message: bool,
}

/// An event that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Reads a stream piece by piece.
#[derive(Debug)]
pub struct Events {
    most: usize,
    line: Vec<u8>,
    /// The last byte was a carriage return: a newline after it ends nothing.
    returned: bool,
    begun: bool,
    data: Option<Vec<u8>>,
    kind: Vec<u8>,
    /// The name of the last event, by which the stream is taken up again.
    pub last: Option<String>,
    /// How long to wait before that.
    pub retry: Option<Duration>,
}

impl Events {
    /// Events of at most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            line: Vec::new(),
            returned: false,
            begun: false,
            data: None,
            kind: Vec::new(),
            last: None,
            retry: None,
        }
    }

    /// The same stream, from where it was left.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { last: self.last, retry: self.retry, ..Self::new(self.most) }
    }

    /// Events that these bytes end.
    ///
    /// # Errors
    /// When one has more bytes than it may; the stream is of no use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let returned = std::mem::replace(&mut self.returned, *byte == b'\r');
            match byte {
                b'\n' if returned => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.read(&line)?);
                }
                // A field has a name and a space before it.
                _ if self.line.len() >= self.most.saturating_add(64) => return Err(TooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(events)
    }

    fn read(&mut self, line: &[u8]) -> Result<Option<Event>, TooLong> {
        let first = !std::mem::replace(&mut self.begun, true);
        let line =
            if first { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        if line.is_empty() {
            let kind = std::mem::take(&mut self.kind);
            let is_message = kind.is_empty() || kind == b"message";
            return Ok(self.data.take().map(|data| Event { data, is_message }));
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                let data = match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data
                    }
                    none => none.insert(Vec::new()),
                };
                if data.len() + value.len() > self.most {
                    return Err(TooLong);
                }
                data.extend_from_slice(value);
            }
            b"event" => {
                self.kind = value.get(..value.len().min(LONGEST)).unwrap_or_default().to_vec()
            }
            b"id" => {
                let visible = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
                let name = String::from_utf8_lossy(value).into_owned();
                if visible && value.len() <= LONGEST {
                    self.last = Some(name).filter(|name| !name.is_empty());
                }
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let millis = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.retry = Some(millis.map_or(PAUSE, Duration::from_millis).clamp(BREATH, PAUSE));
            }
            // Comments, and what nobody knows.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], cut: usize) -> (Vec<String>, Option<String>, Option<Duration>) {
        let mut events = Events::new(20);
        let mut all = Vec::new();
        for piece in bytes.chunks(cut) {
            for event in events.push(piece).unwrap() {
                let text = String::from_utf8_lossy(&event.data).into_owned();
                all.push(if event.is_message { text } else { format!("not {text}") });
            }
        }
        (all, events.last, events.retry)
    }

    #[test]
    fn a_stream_is_read_in_whatever_pieces_it_comes() {
        let millis = |millis| Some(Duration::from_millis(millis));
        for (text, events, last, retry) in [
            ("data: {}\n\n", vec!["{}"], None, None),
            ("\u{feff}data:{}\r\n\r\ndata: 2\r\r", vec!["{}", "2"], None, None),
            (
                "event: message\ndata: 1\n\nevent: ping\ndata: 2\n\ndata: 3\n\n",
                vec!["1", "not 2", "3"],
                None,
                None,
            ),
            ("data: a\ndata: b\ndata\n\n", vec!["a\nb\n"], None, None),
            (": hello\n\nevent: message\n\ndata\n\n", vec![""], None, None),
            ("id: 7\nretry: 500\ndata:\n\n", vec![""], Some("7"), millis(500)),
            ("id: 7\n\nid\n\n", vec![], None, None),
            ("id: a\0b\nretry: 5x\nretry: -1\n\n", vec![], None, None),
            ("retry: 99999999999999999999999\n\n", vec![], None, millis(30_000)),
            ("retry: 3600000\n\n", vec![], None, millis(30_000)),
            ("retry: 0\n\n", vec![], None, millis(100)),
            ("data: {}", vec![], None, None),
            ("datas: {}\nDATA: {}\n\n", vec![], None, None),
        ] {
            for cut in [1, 2, 3, 1000] {
                let (read, id, wait) = read(text.as_bytes(), cut);
                assert_eq!(
                    (read, id.as_deref(), wait),
                    (events.iter().map(|it| (*it).to_owned()).collect(), last, retry),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_end_is_not_kept() {
        for text in ["data: ", "x", ": "] {
            let mut events = Events::new(1000);
            let long = format!("{text}{}", "a".repeat(1100));
            assert_eq!(events.push(long.as_bytes()), Err(TooLong), "{text}");
        }
        let mut events = Events::new(1000);
        let lines = "data: aaaaaaaaa\n".repeat(200);
        assert_eq!(events.push(lines.as_bytes()), Err(TooLong));
        let mut events = Events::new(1000);
        for _ in 0..10_000 {
            assert_eq!(events.push(b": still here\n\n"), Ok(vec![]));
        }
        assert!(events.line.capacity() < 100);
    }
}
