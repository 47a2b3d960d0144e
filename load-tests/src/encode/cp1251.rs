//! Windows-1251, the text encoding of the back offices.

/// The text in windows-1251; what the code page cannot say becomes `?`.
#[must_use]
pub fn encode(text: &str) -> Vec<u8> {
    text.chars().map(byte).collect()
}

fn byte(letter: char) -> u8 {
    match letter {
        '\0'..='\x7F' => letter as u8,
        'А'..='я' => (letter as u32 - 'А' as u32) as u8 + 0xC0,
        'Ё' => 0xA8,
        'ё' => 0xB8,
        '№' => 0xB9,
        '«' => 0xAB,
        '»' => 0xBB,
        _ => b'?',
    }
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn letters_have_their_published_codes() {
        assert_eq!(encode("АЯаяЁё№«»"), [0xC0, 0xDF, 0xE0, 0xFF, 0xA8, 0xB8, 0xB9, 0xAB, 0xBB]);
        assert_eq!(encode("шт;1"), [0xF8, 0xF2, b';', b'1']);
        assert_eq!(encode("€"), b"?");
    }
}
