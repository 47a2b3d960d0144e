//! The goods that the fleet sells: some 20,000 made-up ones, the same for the same seed.

mod words;

use std::collections::HashSet;

use crate::{check_digits::gtin_check_digit, encode::cp866, product_key::name_in_keys, random::Random};

/// How a good is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Sold by the piece.
    Piece,
    /// Sold by weight, in grams.
    Kilogram,
}

impl Measure {
    /// The unit as registers print it (tag 1197).
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Piece => "шт",
            Self::Kilogram => "кг",
        }
    }
}

/// The bar code on a good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barcode {
    /// There is none.
    None,
    /// A GTIN with a right check digit, 8 or 13 digits.
    Gtin(u64),
    /// 13 digits whose check digit is wrong: somebody typed it.
    Mistyped(u64),
    /// Printed by the shop's scales: prefix 21, five digits of the good, five of the weight.
    InStore(u32),
}

/// How a register prints the names of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As the catalogue has them.
    Plain = 0,
    /// In capital letters.
    Capitals = 1,
    /// With two blanks after the first word and one at the end.
    Blanks = 2,
}

/// A name in one spelling and in the forms that the formats need, made once because each good is sold often.
#[derive(Debug, Clone)]
pub struct Name {
    /// The name itself.
    pub text: String,
    /// Ready to stand between the quotes of a JSON text.
    pub json: String,
    /// In code page 866, at most 128 bytes.
    pub cp866: Box<[u8]>,
}

/// A good.
#[derive(Debug, Clone)]
pub struct Good {
    names: [Name; 3],
    /// The name as product keys have it.
    pub name_in_keys: String,
    /// How it is measured.
    pub measure: Measure,
    /// Taxed at the reduced rate where the shop pays VAT at all.
    pub reduced_vat: bool,
    /// Must carry a marking code; only goods with a GTIN do.
    pub marked: bool,
    /// Its bar code.
    pub barcode: Barcode,
    /// True where shops give it a code of their own.
    pub has_vendor_code: bool,
    /// What it costs in the cheapest shop, kopecks.
    pub base_kopecks: u32,
}

impl Good {
    /// The name as a register prints it.
    #[must_use]
    pub fn name(&self, spelling: Spelling) -> &Name {
        &self.names[spelling as usize]
    }

    /// The valid GTIN, if it has one.
    #[must_use]
    pub fn gtin(&self) -> Option<u64> {
        match self.barcode {
            Barcode::Gtin(gtin) => Some(gtin),
            _ => None,
        }
    }
}

/// How many different goods there are.
pub const GOODS: usize = 20_000;

/// All goods of a world, each with a name of its own.
#[must_use]
pub fn all(seed: u64) -> Vec<Good> {
    let mut random = Random::of(&[seed, 0x600D]);
    let mut names = Vec::new();
    for (index, kind) in words::KINDS.iter().enumerate() {
        for variant in kind.variants {
            for pack in kind.packs {
                // A weighed good comes from a few growers only.
                let brands = if kind.measure == Measure::Kilogram { 6 } else { words::BRANDS.len() as u64 };
                for brand in 0..brands {
                    names.push((index, *variant, words::BRANDS[brand as usize], *pack));
                }
            }
        }
    }
    random.shuffle(&mut names);
    let mut taken = HashSet::new();
    let mut goods = Vec::with_capacity(GOODS);
    for (kind, variant, brand, pack) in names {
        if goods.len() == GOODS {
            break;
        }
        let kind = &words::KINDS[kind];
        let name = spell(kind.name, variant, brand, pack, &mut random);
        if taken.insert(name.to_lowercase().replace('ё', "е")) {
            let good = describe(kind, &name, goods.len() as u32, &mut random);
            goods.push(good);
        }
    }
    goods
}

fn spell(kind: &str, variant: &str, brand: &str, pack: &str, random: &mut Random) -> String {
    let brand = match random.below(4) {
        0 => format!("\"{brand}\""),
        1 => brand.to_uppercase(),
        _ => brand.to_owned(),
    };
    [kind, variant, &brand, pack].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn print_name(name: &str, spelling: Spelling) -> Name {
    let text = match spelling {
        Spelling::Plain => name.to_owned(),
        Spelling::Capitals => name.to_uppercase(),
        Spelling::Blanks => format!("{} ", name.replacen(' ', "  ", 1)),
    };
    let json = text.replace('"', "\\\"");
    Name { json, cp866: cp866::encode(&text, 128).into_boxed_slice(), text }
}

fn describe(kind: &words::Kind, name: &str, index: u32, random: &mut Random) -> Good {
    let (low, high) = (u64::from(kind.roubles.0), u64::from(kind.roubles.1));
    // Most goods are cheap ones of their kind.
    let roubles = low + random.below(high - low + 1).min(random.below(high - low + 1));
    let barcode = match (kind.measure, random.below(100)) {
        (Measure::Kilogram, _) => Barcode::InStore(index % 100_000),
        (Measure::Piece, 0..=81) => Barcode::Gtin(gtin(index, random)),
        (Measure::Piece, 82..=83) => Barcode::Mistyped(gtin(index, random) ^ 1),
        (Measure::Piece, _) => Barcode::None,
    };
    let code_per_mille = if kind.measure == Measure::Kilogram { 800 } else { 450 };
    Good {
        names: [Spelling::Plain, Spelling::Capitals, Spelling::Blanks].map(|spelling| print_name(name, spelling)),
        name_in_keys: name_in_keys(name),
        measure: kind.measure,
        reduced_vat: kind.reduced_vat,
        marked: kind.marked && matches!(barcode, Barcode::Gtin(gtin) if gtin > 99_999_999),
        barcode,
        has_vendor_code: random.chance(code_per_mille),
        base_kopecks: roubles as u32 * 100,
    }
}

/// A GTIN that no other good has: EAN-13 under the prefixes 460 to 469, now and then EAN-8.
fn gtin(index: u32, random: &mut Random) -> u64 {
    let digits = if index % 20 == 7 {
        460_0000 + u64::from(index)
    } else {
        (460 + random.below(10)) * 1_000_000_000 + random.below(10_000) * 100_000 + u64::from(index)
    };
    digits * 10 + gtin_check_digit(digits)
}

/// Made-up people at the till, such as `Берёзкина А.П.`.
#[must_use]
pub fn cashier_name(random: &mut Random) -> String {
    format!("{} {}{}", random.pick(words::SURNAMES), random.pick(words::INITIALS), random.pick(words::INITIALS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_thousand_goods_with_names_of_their_own() {
        let goods = all(1);
        assert_eq!(goods.len(), GOODS);
        let names: HashSet<_> = goods.iter().map(|good| good.name(Spelling::Plain).text.clone()).collect();
        assert_eq!(names.len(), GOODS);
        for spelling in [Spelling::Plain, Spelling::Capitals, Spelling::Blanks] {
            for name in goods.iter().map(|good| good.name(spelling)) {
                assert!(!name.cp866.contains(&b'?') && name.cp866.len() == name.text.chars().count(), "{name:?}");
                assert_eq!(serde_json::from_str::<String>(&format!("\"{}\"", name.json)).unwrap(), name.text);
            }
        }
    }

    #[test]
    fn most_gtins_are_right_and_none_is_used_twice() {
        let goods = all(2);
        let gtins: Vec<_> = goods.iter().filter_map(Good::gtin).collect();
        assert!(gtins.len() > GOODS * 6 / 10, "{}", gtins.len());
        assert_eq!(gtins.iter().collect::<HashSet<_>>().len(), gtins.len());
        for gtin in gtins {
            assert_eq!(gtin % 10, gtin_check_digit(gtin / 10), "{gtin}");
        }
        for good in &goods {
            if let Barcode::Mistyped(code) = good.barcode {
                assert_ne!(code % 10, gtin_check_digit(code / 10));
            }
        }
    }

    #[test]
    fn some_goods_have_a_name_only() {
        let goods = all(3);
        let bare = goods.iter().filter(|good| good.gtin().is_none() && !good.has_vendor_code).count();
        assert!((GOODS / 50..GOODS / 5).contains(&bare), "{bare}");
        assert!(goods.iter().any(|good| good.marked));
    }

    #[test]
    fn the_seed_decides() {
        assert!(
            all(5)
                .iter()
                .zip(all(5))
                .all(|(one, other)| one.names[0].text == other.names[0].text && one.barcode == other.barcode)
        );
        assert!(all(5).iter().zip(all(6)).any(|(one, other)| one.names[0].text != other.names[0].text));
    }
}
