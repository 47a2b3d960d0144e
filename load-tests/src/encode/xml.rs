//! What the XML encoders share.

use std::fmt::{self, Write as _};

/// A text between the quotes of an attribute.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'t>(pub &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            letter => f.write_char(letter),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn a_text_cannot_end_its_attribute() {
        assert_eq!(Escaped("\"A\" & <b>").to_string(), "&quot;A&quot; &amp; &lt;b&gt;");
    }
}
