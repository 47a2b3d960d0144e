//! One line: a step of a check.

use crate::{Invalid, moment::Moment, number::Number};

/// The fields of a line that are read; the longest lines have 45.
const READ: usize = 21;

/// What a line tells, by its field 4. Other codes only explain these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 42
    Open,
    /// 1 and 11
    Item,
    /// 2 and 12: takes an item back.
    Storno,
    /// 40 and 41
    Payment,
    /// 55
    Close,
    /// 56
    Cancelled,
    /// 61: the Z report, which closes the shift.
    Report,
}

impl Code {
    pub fn of(text: &str) -> Option<Self> {
        Some(match text.trim() {
            "42" => Self::Open,
            "1" | "11" => Self::Item,
            "2" | "12" => Self::Storno,
            "40" | "41" => Self::Payment,
            "55" => Self::Close,
            "56" => Self::Cancelled,
            "61" => Self::Report,
            _ => return None,
        })
    }
}

/// The fields of a line, which people count from 1.
#[derive(Debug)]
pub(super) struct Line<'l> {
    pub code: Option<Code>,
    fields: Vec<&'l str>,
    /// In its document, from 1.
    number: usize,
}

impl<'l> Line<'l> {
    pub fn read(text: &'l str, number: usize) -> Result<Self, Invalid> {
        let fields: Vec<&str> = text.split(';').take(READ).collect();
        if fields.len() < 4 {
            let text = "fewer than four fields: number;date;time;code;…";
            return Err(Invalid::new(format!("line {number}"), text));
        }
        Ok(Self { code: Code::of(fields[3]), fields, number })
    }

    /// Where a field stands.
    pub fn place(&self, field: usize) -> String {
        format!("line {}, field {field}", self.number)
    }

    /// A field that tells something.
    pub fn text(&self, field: usize) -> Option<&'l str> {
        self.fields.get(field - 1).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    pub fn figure(&self, field: usize) -> Number<'l> {
        Number::with_comma(self.text(field))
    }

    pub fn integer(&self, field: usize) -> Result<Option<i64>, Invalid> {
        let Some(text) = self.text(field) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Invalid::new(self.place(field), format!("{} is no whole number", crate::text::quoted(text))))
    }

    pub fn needed(&self, field: usize, what: &str) -> Result<i64, Invalid> {
        self.integer(field)?.ok_or_else(|| Invalid::new(self.place(field), format!("{what} is missing")))
    }

    /// Fields 2 and 3: `11.02.2026` and `10:24:22`.
    pub fn moment(&self) -> Result<Moment, Invalid> {
        let (date, clock) = (self.text(2).unwrap_or_default(), self.text(3).unwrap_or_default());
        Moment::day_first(date, clock).ok_or_else(|| {
            Invalid::new(
                self.place(2),
                format!("{} and {} are no date and time", crate::text::quoted(date), crate::text::quoted(clock)),
            )
        })
    }
}
