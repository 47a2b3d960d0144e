//! A table that stays in place on a terminal; elsewhere one line every five seconds.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// The table.
#[derive(Debug)]
pub struct Live {
    terminal: bool,
    /// Lines of the table that stand on the terminal.
    drawn: usize,
    next_line: Instant,
}

impl Default for Live {
    fn default() -> Self {
        Self { terminal: io::stdout().is_terminal(), drawn: 0, next_line: Instant::now() }
    }
}

impl Live {
    /// Shows the rows: on a terminal in the place of those before, else as one line now and then.
    pub fn show(&mut self, rows: &[(&str, String)]) {
        if !self.terminal {
            if Instant::now() >= self.next_line {
                self.next_line = Instant::now() + BETWEEN_LINES;
                put(&one_line(rows));
            }
            return;
        }
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let mut text = self.erased();
        for (name, value) in rows {
            writeln!(text, "  {name:>width$}  {value}").unwrap_or_default();
        }
        self.drawn = rows.len();
        put(&text);
    }

    /// Says something that stays, above the table.
    pub fn say(&mut self, line: &str) {
        let text = self.erased();
        self.drawn = 0;
        put(&format!("{text}{line}\n"));
    }

    /// What brings the cursor back to the first line of the table, and wipes it.
    fn erased(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}A\x1b[J", self.drawn) }
    }
}

fn one_line(rows: &[(&str, String)]) -> String {
    let cells: Vec<_> = rows.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{}\n", cells.join(" · "))
}

fn put(text: &str) {
    // A reader that went away is no reason to stop: the report is written to a file as well.
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or_default();
}

/// A number with blanks between thousands.
#[must_use]
pub fn grouped(number: impl TryInto<i128>) -> String {
    let number = number.try_into().unwrap_or_default();
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202F}');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds as a person reads them.
#[must_use]
pub fn duration(milliseconds: f64) -> String {
    match milliseconds {
        short if short < 10.0 => format!("{short:.1} ms"),
        medium if medium < 1_000.0 => format!("{medium:.0} ms"),
        long => format!("{:.1} s", long / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(1_234_567), "1\u{202F}234\u{202F}567");
        assert_eq!((grouped(-12), grouped(999), grouped(1_000)), ("-12".into(), "999".into(), "1\u{202F}000".into()));
        assert_eq!(
            (duration(3.21), duration(432.1), duration(12_345.0)),
            ("3.2 ms".into(), "432 ms".into(), "12.3 s".into())
        );
    }

    #[test]
    fn without_a_terminal_a_table_is_one_line() {
        let rows = [("sent", "5".to_owned()), ("lag", "0".to_owned())];
        assert_eq!(one_line(&rows), "sent 5 · lag 0\n");
    }
}
