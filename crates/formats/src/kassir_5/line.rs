//! One line: a transaction.

use canonical::time;

use crate::{Invalid, moment::Moment};

pub(super) const EXPECTED: &str = "no line of a Kassir 5 export: number;dd.mm.yy;hh:mm:ss;code;…";

/// Most digits of a number or a code.
const MOST_DIGITS: usize = 18;

/// The fields that are known, which people count from 1. They are ASCII in every encoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'l> {
    pub number: &'l str,
    date: &'l str,
    clock: &'l str,
    pub code: &'l str,
}

impl<'l> Line<'l> {
    /// Nothing where it is no line of such a file.
    pub fn read(text: &'l [u8]) -> Option<Self> {
        let mut fields = text.split(|byte| *byte == b';');
        let mut field = || std::str::from_utf8(fields.next()?.trim_ascii()).ok();
        let (number, date, clock, code) = (field()?, field()?, field()?, field()?);
        // What follows the code is a field too.
        fields.next()?;
        let is_line = is_number(number) && is_number(code) && has_form(date, "00.00.00") && has_form(clock, "00:00:00");
        is_line.then_some(Self { number, date, clock, code })
    }

    /// Fields 2 and 3 as a time and as a text of one spelling. The two digits are a year of this century.
    pub fn moment(&self) -> Result<(Moment, String), Invalid> {
        let (days, year) = self.date.split_at("00.00.".len());
        let moment = Moment::day_first(&format!("{days}20{year}"), self.clock);
        moment.and_then(|moment| Some((moment, time::local_text(moment.local)?))).ok_or_else(|| {
            Invalid::new(
                "line 1, field 2",
                format!(
                    "{} and {} are no date and time",
                    crate::text::quoted(self.date),
                    crate::text::quoted(self.clock)
                ),
            )
        })
    }
}

fn is_number(text: &str) -> bool {
    (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text has a digit for every zero of the form, and its other signs.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}
