//! Code page 866, the text encoding of fiscal documents.

/// The text in code page 866, cut at `limit` bytes; what the code page cannot say becomes `?`.
#[must_use]
pub fn encode(text: &str, limit: usize) -> Vec<u8> {
    text.chars().take(limit).map(byte).collect()
}

fn byte(letter: char) -> u8 {
    match letter {
        '\0'..='\x7F' => letter as u8,
        'А'..='п' => (letter as u32 - 'А' as u32) as u8 + 0x80,
        'р'..='я' => (letter as u32 - 'р' as u32) as u8 + 0xE0,
        'Ё' => 0xF0,
        'ё' => 0xF1,
        '№' => 0xFC,
        _ => b'?',
    }
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn letters_have_their_published_codes() {
        assert_eq!(encode("АЯапряЁё№", 20), [0x80, 0x9F, 0xA0, 0xAF, 0xE0, 0xEF, 0xF0, 0xF1, 0xFC]);
        assert_eq!(encode("шт", 16), [0xE8, 0xE2]);
        assert_eq!(encode("€", 1), b"?");
        assert_eq!(encode("абв", 2), [0xA0, 0xA1]);
    }
}
