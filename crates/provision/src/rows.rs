//! Registers from a CSV file, and their tokens into one.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::{Enrolled, Enrolment};

/// The columns that the file must have, in any order. `devices` and `keeps_personal_data` (true or false) may be there too.
pub const COLUMNS: [&str; 5] = ["tenant", "register", "shop", "time_zone", "families"];
/// Most mistakes that are told at once.
const MOST_PROBLEMS: usize = 20;

/// Why a file of registers cannot be used. Correct the file.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// Columns are missing.
    #[error("the first line must name the columns tenant,register,shop,time_zone,families: {0} is missing")]
    Columns(&'static str),
    /// Rows are wrong, each with its line.
    #[error("nothing was written:\n{}", .0.join("\n"))]
    Rows(Vec<String>),
    /// There is no row.
    #[error("the file has no rows")]
    Empty,
    /// The file cannot be read, or is no CSV.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

/// A row as it stands in the file; families, and devices, are separated by spaces, `|` or `;`.
#[derive(Debug, Deserialize)]
struct Row {
    tenant: String,
    register: String,
    shop: String,
    time_zone: String,
    families: String,
    #[serde(default)]
    devices: String,
    #[serde(default)]
    keeps_personal_data: Option<bool>,
}

/// Reads and checks registers. A register that is named twice is a mistake: one of its rows would be lost.
///
/// # Errors
/// See [`RowsError`].
pub fn read(mut file: impl Read) -> Result<Vec<Enrolment>, RowsError> {
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(csv::Error::from)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*text);
    let columns = reader.headers()?.clone();
    if let Some(missing) = COLUMNS.iter().find(|column| !columns.iter().any(|found| found == **column)) {
        return Err(RowsError::Columns(missing));
    }
    let mut enrolments = Vec::new();
    let mut lines = std::collections::HashMap::new();
    let mut problems = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut count = Lines { text: &text, line: 1, counted: 0 };
    while reader.read_record(&mut record).map_err(|error| count.told(&error).unwrap_or(RowsError::Csv(error)))? {
        let line = count.line_of(record.position());
        let row: Row = record.deserialize(Some(&columns))?;
        let enrolment = Enrolment::from(row);
        problems.extend(enrolment.problems().into_iter().map(|problem| format!("line {line}: {problem}")));
        let id = (enrolment.tenant.clone(), enrolment.register.clone());
        if let Some(first) = lines.insert(id, line) {
            let Enrolment { tenant, register, .. } = &enrolment;
            problems.push(format!("line {line}: {tenant}/{register} is in line {first} already"));
        }
        enrolments.push(enrolment);
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(format!("and {more} more"));
    }
    match (problems.is_empty(), enrolments.is_empty()) {
        (false, _) => Err(RowsError::Rows(problems)),
        (true, true) => Err(RowsError::Empty),
        (true, false) => Ok(enrolments),
    }
}

/// Lines as an editor counts them: csv's own count is behind where lines end in CRLF, and its position is before
/// blank lines.
struct Lines<'t> {
    text: &'t [u8],
    line: usize,
    /// So many bytes are counted.
    counted: usize,
}

impl Lines<'_> {
    /// The line of a record that is not before the ones asked for earlier.
    fn line_of(&mut self, position: Option<&csv::Position>) -> usize {
        let at = position.map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        let blank = self.text.iter().skip(at).take_while(|byte| byte.is_ascii_whitespace()).count();
        let more = self.text.iter().take(at + blank).skip(self.counted);
        self.line += more.filter(|byte| **byte == b'\n').count();
        self.counted = at + blank;
        self.line
    }

    /// What csv says about a row, with the line.
    fn told(&mut self, error: &csv::Error) -> Option<RowsError> {
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} fields, the first line names {expected_len}")
            }
            csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
            _ => return None,
        };
        Some(RowsError::Rows(vec![format!("line {}: {problem}", self.line_of(error.position()))]))
    }
}

impl From<Row> for Enrolment {
    fn from(row: Row) -> Self {
        let list = |text: &str| {
            let parts = text.split([' ', '|', ';']).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        Self {
            families: list(&row.families),
            devices: list(&row.devices),
            keeps_personal_data: row.keeps_personal_data.unwrap_or(false),
            tenant: row.tenant,
            register: row.register,
            shop: row.shop,
            time_zone: row.time_zone,
        }
    }
}

#[derive(Serialize)]
struct TokenRow<'a> {
    tenant: &'a str,
    register: &'a str,
    token: &'a str,
}

/// Writes `tenant,register,token`. Tokens are secrets.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_tokens(out: impl Write, enrolled: &[Enrolled]) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for Enrolled { entry, token } in enrolled {
        writer.serialize(TokenRow { tenant: &entry.tenant, register: &entry.register, token })?;
    }
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_come_in_any_order_and_families_in_any_of_three_spellings() {
        let file = "register,tenant,families,shop,time_zone\n\
                    till-1, acme ,dreamkas|ffd-tlv,\"Магазин, 1\",Europe/Moscow\n\
                    till-2,acme,ffd-tlv dreamkas,shop-2,Asia/Omsk\n";
        let rows = read(file.as_bytes()).unwrap();
        assert_eq!((&*rows[0].tenant, &*rows[0].shop), ("acme", "Магазин, 1"));
        assert_eq!(rows[0].families, ["dreamkas", "ffd-tlv"]);
        assert_eq!(rows[1].families, ["ffd-tlv", "dreamkas"]);
    }

    #[test]
    fn devices_and_the_consent_to_personal_data_may_be_told() {
        let file = "tenant,register,shop,time_zone,families,devices,keeps_personal_data\n\
                    acme,till-1,s,Europe/Moscow,evotor,9999070001 20170111-D58C,true\n\
                    acme,till-2,s,Europe/Moscow,evotor,,\n";
        let rows = read(file.as_bytes()).unwrap();
        assert_eq!((rows[0].devices.len(), rows[0].keeps_personal_data), (2, true));
        assert_eq!((rows[1].devices.len(), rows[1].keeps_personal_data), (0, false));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let file = "tenant,register,shop,time_zone,families\n\
                    acme,till-1,s,Europe/Moscow,dreamkas\n\
                    acme,till-1,s,Europe/Moscow,dreamkas\n\
                    acme,Till,s,Mars,dreamkas\n";
        let Err(RowsError::Rows(problems)) = read(file.as_bytes()) else { panic!("accepted") };
        assert_eq!(problems.len(), 3);
        assert_eq!(problems[0], "line 3: acme/till-1 is in line 2 already");
        assert!(problems[1].starts_with("line 4: the register"), "{problems:?}");
        let with_crlf = file.replace('\n', "\r\n");
        let with_blank_lines = file.replace('\n', "\r\n\r\n");
        for (file, lines) in [(with_crlf, ["line 3: ", "line 4: "]), (with_blank_lines, ["line 5: ", "line 7: "])] {
            let Err(RowsError::Rows(problems)) = read(file.as_bytes()) else { panic!("accepted") };
            assert!(problems[0].starts_with(lines[0]) && problems[1].starts_with(lines[1]), "{problems:?}");
        }
    }

    #[test]
    fn a_file_without_a_column_or_without_rows_is_refused() {
        let missing = read("tenant,register,shop,families\n".as_bytes()).unwrap_err().to_string();
        assert!(missing.ends_with("time_zone is missing"), "{missing}");
        assert!(matches!(read("tenant,register,shop,time_zone,families\n".as_bytes()), Err(RowsError::Empty)));
        let broken = b"tenant,register,shop,time_zone,families\r\nacme,t,s,Europe/Moscow,dreamkas\r\na,b\r\n";
        let problem = read(&broken[..]).unwrap_err().to_string();
        assert!(problem.ends_with("line 3: 2 fields, the first line names 5"), "{problem}");
        let problem =
            read(&b"tenant,register,shop,time_zone,families\r\nacme,t,\xff,x,y\r\n"[..]).unwrap_err().to_string();
        assert!(problem.ends_with("line 2: not UTF-8"), "{problem}");
    }
}
