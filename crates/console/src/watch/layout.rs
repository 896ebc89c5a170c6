//! Lines on a screen: wrapped, never cut.

/// How many places a letter takes at most. A wide one takes two; what joins its neighbour
/// takes none, and then a line is a little shorter than it could be.
fn places(letter: char) -> usize {
    if letter.is_ascii() { 1 } else { 2 }
}

/// The lines of a text, each at most so many places wide.
pub(super) fn wrapped<'a>(lines: impl IntoIterator<Item = &'a str>, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut all = Vec::new();
    for line in lines {
        let (mut row, mut wide) = (String::new(), 0);
        for letter in line.chars() {
            let places = places(letter);
            if wide + places > columns {
                all.push(std::mem::take(&mut row));
                wide = 0;
            }
            row.push(letter);
            wide += places;
        }
        all.push(row);
    }
    all
}

/// One line that fits, with a mark where something was left out. For lists alone: what is
/// answered is shown whole.
pub(super) fn short(line: &str, columns: usize) -> String {
    let mut rows = wrapped([line], columns);
    if rows.len() <= 1 {
        return rows.pop().unwrap_or_default();
    }
    let mut rows = wrapped([line], columns.saturating_sub(2).max(2));
    rows.truncate(1);
    rows.pop().map(|row| row + "…").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_at_the_edge() {
        for text in ["", "abc", "abcdefgh", "漢字漢字", "a漢b字c"] {
            for columns in 2..9 {
                let rows = wrapped([text], columns);
                assert_eq!(rows.concat(), text, "{columns}");
                let wide = |row: &String| row.chars().map(places).sum::<usize>();
                assert!(rows.iter().all(|row| wide(row) <= columns), "{rows:?}");
            }
        }
        assert_eq!(wrapped(["a", "", "b"], 5), ["a", "", "b"]);
        assert_eq!((short("abcdef", 6), short("abcdefg", 6)), ("abcdef".into(), "abcd…".into()));
    }
}
