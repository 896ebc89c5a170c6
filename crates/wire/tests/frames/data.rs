//! Reads the two files of frames.

/// One line of `hostile.txt`.
#[derive(Debug)]
pub(crate) struct Hostile {
    pub(crate) kind: String,
    pub(crate) written: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn hostile() -> Vec<Hostile> {
    lines(include_str!("../hostile.txt"))
        .map(|line| {
            let (kind, written) = line.split_once(' ').unwrap();
            Hostile { kind: kind.into(), written: written.into(), bytes: expand(written) }
        })
        .collect()
}

pub(crate) fn accepted() -> Vec<Vec<u8>> {
    lines(include_str!("../accepted.txt")).map(expand).collect()
}

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with("# "))
}

/// `%41` is a byte, `%(text)*3` is `text` three times.
fn expand(written: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = written;
    while let Some((plain, after)) = rest.split_once('%') {
        out.extend_from_slice(plain.as_bytes());
        if let Some(repeated) = after.strip_prefix('(') {
            let (text, after) = repeated.split_once(")*").unwrap();
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let (count, after) = after.split_at(digits);
            out.extend(text.repeat(count.parse().unwrap()).into_bytes());
            rest = after;
        } else {
            let (byte, after) = after.split_at(2);
            out.push(u8::from_str_radix(byte, 16).unwrap());
            rest = after;
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
