//! What commands write: tables for people, JSON for scripts, progress on standard error.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    time::Duration,
};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Standard output. A closed pipe is an error like any other here; `main` makes it a quiet end.
#[derive(Debug)]
pub(crate) struct Out {
    stdout: BufWriter<Stdout>,
    /// Whether `--json` was given.
    pub json: bool,
    /// Whether a person reads it there: what documents hold must not command the terminal.
    to_terminal: bool,
}

impl Out {
    pub fn new(json: bool) -> Self {
        Self { stdout: BufWriter::new(io::stdout()), json, to_terminal: io::stdout().is_terminal() }
    }

    /// Writes one JSON value: in one line for scripts, indented for a terminal.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        if io::stdout().is_terminal() {
            serde_json::to_writer_pretty(&mut self.stdout, value)?;
        } else {
            serde_json::to_writer(&mut self.stdout, value)?;
        }
        writeln!(self.stdout)?;
        self.stdout.flush()
    }

    /// Writes one JSON value as one line, wherever it goes.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.stdout, value)?;
        writeln!(self.stdout)
    }

    /// Writes a table; `none` where there is no row.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn table<const N: usize>(
        &mut self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header);
        if io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.add_rows(rows);
        if table.is_empty() {
            writeln!(self, "none")?;
        } else {
            writeln!(self, "{table}")?;
        }
        self.stdout.flush()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.to_terminal {
            return self.stdout.write(bytes);
        }
        self.stdout.write_all(&harmless(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// With a question mark for every control character but line feeds and tabs.
fn harmless(bytes: &[u8]) -> Vec<u8> {
    let mut harmless = bytes.to_vec();
    for byte in &mut harmless {
        if byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t') {
            *byte = b'?';
        }
    }
    harmless
}

/// A spinner that says what is being waited for; nothing where standard error is no terminal.
pub(crate) fn spinner(what: impl Into<String>) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what.into());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time as people say it: `0 s`, `59 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(crate) fn ago(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..60 => format!("{} s", seconds.max(0)),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        86_400.. => format!("{days} d {} h", hours % 24),
    }
}

/// A number of bytes: `512 B`, `3.4 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"]);
    }

    #[test]
    fn nothing_in_a_document_commands_the_terminal() {
        assert_eq!(harmless("\u{1b}[31mЧай\u{7}\r\t5\n\u{7f}".as_bytes()), "?[31mЧай??\t5\n?".as_bytes());
    }

    #[test]
    fn times_are_said_as_people_do() {
        let said = [-1, 59, 60, 3_599, 3_660, 90_000].map(ago);
        assert_eq!(said, ["0 s", "59 s", "1 min", "59 min", "1 h 1 min", "1 d 1 h"]);
    }
}
