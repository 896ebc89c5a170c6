//! Plain text for people: tables, and colour only where it is seen.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use crate::exit::{Exit, Trouble};
use crate::state;

/// Writes to stdout. A reader that has seen enough is no trouble.
pub(crate) fn print(text: &str) -> Result<(), Trouble> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Trouble::quiet(Exit::Clean),
        _ => Trouble::failed(&error),
    })
}

/// Rows under a heading, each column as wide as its widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&str]) -> Self {
        Self { rows: vec![heading.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn print(&self) -> Result<(), Trouble> {
        print(&self.text(is_coloured()))
    }

    pub(crate) fn text(&self, coloured: bool) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for (place, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let line = line.trim_end();
            if place == 0 && coloured {
                text.push_str(&format!("\u{1b}[1m{line}\u{1b}[0m\n"));
            } else {
                text.push_str(&format!("{line}\n"));
            }
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }
}

/// A heading, where that is seen.
pub(crate) fn bold(text: &str) -> String {
    if is_coloured() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// <https://no-color.org>: any value but the empty one switches colour off.
fn is_coloured() -> bool {
    io::stdout().is_terminal() && state::variable("NO_COLOR").is_none()
}

/// A duration as people say it: `1m 52s`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let mut table = Table::new(&["id", "tool"]);
        table.row(vec!["1".to_owned(), "read".to_owned()]);
        table.row(vec!["ünï".to_owned(), "x".to_owned()]);
        assert_eq!(table.text(false), "id   tool\n1    read\nünï  x\n");
        assert!(table.text(true).starts_with("\u{1b}[1mid   tool\u{1b}[0m\n"));
    }

    #[test]
    fn spans() {
        for (seconds, expect) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (112, "1m 52s"), (3_600, "1h"), (3_720, "1h 2m")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), expect);
        }
    }
}
