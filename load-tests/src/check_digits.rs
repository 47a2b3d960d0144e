//! Check digits and check numbers of Russian fiscal data and of trade item numbers.

/// The check digit that belongs behind these digits of a GTIN: weights 3 and 1 from the right, modulo 10.
#[must_use]
pub fn gtin_check_digit(mut digits: u64) -> u64 {
    let (mut sum, mut weight) = (0, 3);
    while digits > 0 {
        sum += digits % 10 * weight;
        weight = 4 - weight;
        digits /= 10;
    }
    (10 - sum % 10) % 10
}

/// A taxpayer number of an organisation: nine digits and their check digit.
#[must_use]
pub fn organisation_inn(nine: u64) -> String {
    let digits = format!("{nine:09}");
    format!("{digits}{}", inn_digit(&digits, &[2, 4, 10, 3, 5, 9, 4, 6, 8]))
}

/// A taxpayer number of a person: ten digits and their two check digits.
#[must_use]
pub fn person_inn(ten: u64) -> String {
    let mut digits = format!("{ten:010}");
    for weights in [&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8][..], &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]] {
        digits.push_str(&inn_digit(&digits, weights).to_string());
    }
    digits
}

fn inn_digit(digits: &str, weights: &[u64]) -> u64 {
    digits.bytes().zip(weights).map(|(digit, weight)| u64::from(digit - b'0') * weight).sum::<u64>() % 11 % 10
}

/// The registration number of a cash register: ten digits and a checksum over them, the owner and the serial number.
#[must_use]
pub fn registration_number(ten: u64, inn: &str, serial: &str) -> String {
    let checked = format!("{ten:010}{inn:0>12}{serial:0>20}");
    format!("{ten:010}{:06}", crc16(checked.as_bytes()))
}

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |mut crc, byte| {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        assert_eq!(gtin_check_digit(460_716_162_388), 6);
        assert_eq!(gtin_check_digit(460_043_993_125), 6);
        assert_eq!(crc16(b"123456789"), 0x29B1);
        assert_eq!(organisation_inn(770_000_001), "7700000016");
        assert_eq!(registration_number(123, "7700000016", "00100200300401"), "0000000123006163");
        assert_eq!(registration_number(124, "770000000156", "1"), "0000000124022014");
    }

    #[test]
    fn a_person_has_twelve_digits() {
        assert_eq!(person_inn(7_700_000_001), "770000000156");
    }
}
