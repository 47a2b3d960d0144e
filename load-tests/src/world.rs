//! The made-up country: tenants, their shops and cash registers, all from one seed.

use std::cmp::Ordering;

use crate::{
    check_digits::{organisation_inn, person_inn, registration_number},
    encode::cp866,
    family::Family,
    goods::{self, Good, Spelling},
    random::{Random, mix},
};

/// What one register in ten speaks; all others share the two that are as far apart as they get.
const RARER: [Family; 8] = [
    Family::Atol,
    Family::AtolOnline,
    Family::Evotor,
    Family::FnsJson,
    Family::Frontol,
    Family::SetRetail,
    Family::Xml1c,
    Family::EvotorV1,
];

/// A time zone; Russia has had no summer time since 2014, so an offset says all.
#[derive(Debug, Clone, Copy)]
pub struct Zone {
    /// IANA name.
    pub name: &'static str,
    /// Hours east of Greenwich.
    pub hours: i64,
}

const ZONES: &[Zone] = &[
    Zone { name: "Europe/Kaliningrad", hours: 2 },
    Zone { name: "Europe/Moscow", hours: 3 },
    Zone { name: "Europe/Moscow", hours: 3 },
    Zone { name: "Europe/Samara", hours: 4 },
    Zone { name: "Asia/Yekaterinburg", hours: 5 },
    Zone { name: "Asia/Omsk", hours: 6 },
    Zone { name: "Asia/Krasnoyarsk", hours: 7 },
    Zone { name: "Asia/Irkutsk", hours: 8 },
    Zone { name: "Asia/Yakutsk", hours: 9 },
    Zone { name: "Asia/Vladivostok", hours: 10 },
    Zone { name: "Asia/Kamchatka", hours: 12 },
];

/// How a tenant is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taxation {
    /// The general system: VAT of 20 % and 10 %.
    General,
    /// The simplified system without VAT.
    Simplified,
    /// The simplified system with VAT of 5 %; the Dreamkas format has no name for that rate, so these tenants have no Dreamkas registers.
    SimplifiedVat5,
}

impl Taxation {
    /// Bits of tag 1055.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::General => 1,
            Self::Simplified | Self::SimplifiedVat5 => 2,
        }
    }
}

/// A person at the till.
#[derive(Debug, Clone)]
pub struct Cashier {
    /// The name as printed.
    pub name: String,
    /// The name in code page 866.
    pub name_cp866: Vec<u8>,
    /// Taxpayer number, if the register knows it.
    pub inn: Option<String>,
}

/// An owner of shops.
#[derive(Debug)]
pub struct Tenant {
    /// Id by the rules of the hub.
    pub id: String,
    /// Taxpayer number.
    pub inn: String,
    /// How it is taxed.
    pub taxation: Taxation,
    /// What it sells (indices into [`World::goods`]), the most popular first.
    pub goods: Vec<u32>,
    /// How its list of goods spells their names.
    pub spelling: Spelling,
    /// Who works there.
    pub cashiers: Vec<Cashier>,
}

/// A shop.
#[derive(Debug)]
pub struct Shop {
    /// Index of its tenant.
    pub tenant: u32,
    /// Name within the tenant.
    pub id: String,
    /// Its time zone.
    pub zone: Zone,
}

/// A cash register.
#[derive(Debug)]
pub struct Register {
    /// Index of its tenant.
    pub tenant: u32,
    /// Index of its shop.
    pub shop: u32,
    /// Id by the rules of the hub.
    pub id: String,
    /// The format that it speaks.
    pub family: Family,
    /// Number of its fiscal drive, 16 digits; unique.
    pub drive: u64,
    /// Serial number.
    pub serial: String,
    /// Registration number, 16 digits.
    pub registration: String,
    /// The vendor's number of the device.
    pub device: u32,
    /// How it prints names.
    pub spelling: Spelling,
    /// Writes an empty text where another register writes null.
    pub empty_texts: bool,
    /// Belongs to the probes: sells one good a receipt, each another one, and never closes its shift.
    pub probe: bool,
    /// How many documents it makes, beside the others.
    pub weight: u32,
}

impl Register {
    /// Its number within the shop, where the shop's own software numbers its desks.
    #[must_use]
    pub fn desk(&self) -> u32 {
        // Registers of a shop have numbers that follow each other, and no shop has twenty.
        self.device % 20 + 1
    }
}

/// What the world consists of.
#[derive(Debug)]
pub struct World {
    /// The seed that it was made from.
    pub seed: u64,
    /// All goods there are.
    pub goods: Vec<Good>,
    /// All tenants; the first is the chain, the last has the probe registers.
    pub tenants: Vec<Tenant>,
    /// All shops.
    pub shops: Vec<Shop>,
    /// All registers; the last [`PROBE_REGISTERS`] are probes.
    pub registers: Vec<Register>,
    /// Sums of 1 + 1/2 + .. + 1/n, for the popularity of goods.
    harmonic: Vec<f64>,
    /// Registers that speak TLV so far.
    tlv: usize,
    /// Registers that speak Dreamkas so far.
    dreamkas: usize,
    /// Counts through [`RARER`], from a place that the seed decides: small worlds have few of them.
    rarer: usize,
}

/// How names of goods are spelt; most leave them as they are.
const SPELLINGS: [Spelling; 4] = [Spelling::Plain, Spelling::Plain, Spelling::Capitals, Spelling::Blanks];
/// Seconds.
const HOUR: u64 = 3_600;

/// Registers of the tenant that measures how long a receipt takes, one of each family.
pub const PROBE_REGISTERS: usize = 2;

impl World {
    /// Makes a world of `registers` registers (at least one) and the probes.
    #[must_use]
    pub fn new(seed: u64, registers: usize) -> Self {
        let goods = goods::all(seed);
        let harmonic = (1..=goods.len())
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / rank as f64;
                Some(*sum)
            })
            .collect();
        let mut world = Self {
            seed,
            goods,
            tenants: Vec::new(),
            shops: Vec::new(),
            registers: Vec::new(),
            harmonic,
            tlv: 0,
            dreamkas: 0,
            rarer: (seed % RARER.len() as u64) as usize,
        };
        let mut random = Random::of(&[seed, 0x3011D]);
        // The chain has two fifths of all registers.
        world.add_tenant("chain".to_owned(), goods::GOODS, Taxation::General, &mut random);
        world.add_shops((registers * 2).div_ceil(5), (3, 6), usize::MAX, &mut random);
        while world.registers.len() < registers {
            let taxation = *random.pick(&[
                Taxation::General,
                Taxation::General,
                Taxation::General,
                Taxation::Simplified,
                Taxation::Simplified,
                Taxation::Simplified,
                Taxation::SimplifiedVat5,
            ]);
            let goods = random.between(300, 3_000) as usize;
            world.add_tenant(format!("owner-{:04}", world.tenants.len()), goods, taxation, &mut random);
            let shops = random.between(1, 2) as usize;
            let left = registers - world.registers.len();
            world.add_shops(left, (1, 3), shops, &mut random);
        }
        world.add_tenant("probe".to_owned(), goods::GOODS, Taxation::General, &mut random);
        world.add_shops(PROBE_REGISTERS, (2, 2), 1, &mut random);
        for (register, family) in world.registers.iter_mut().rev().zip([Family::Dreamkas, Family::FfdTlv]) {
            (register.probe, register.family, register.weight) = (true, family, 0);
        }
        world
    }

    fn add_tenant(&mut self, id: String, goods: usize, taxation: Taxation, random: &mut Random) {
        let mut assortment: Vec<u32> = (0..self.goods.len() as u32).collect();
        random.shuffle(&mut assortment);
        assortment.truncate(goods);
        assortment.shrink_to_fit();
        let cashiers = (0..random.between(3, 8)).map(|_| cashier(random)).collect();
        let inn = organisation_inn(770_000_000 + self.tenants.len() as u64);
        let spelling = *random.pick(&SPELLINGS);
        self.tenants.push(Tenant { id, inn, taxation, goods: assortment, spelling, cashiers });
    }

    /// Gives the newest tenant at most `shops` shops, until `registers` registers stand in them.
    fn add_shops(&mut self, registers: usize, size: (u64, u64), shops: usize, random: &mut Random) {
        let tenant = self.tenants.len() as u32 - 1;
        let mut left = registers;
        for number in 1..=shops {
            if left == 0 {
                break;
            }
            self.shops.push(Shop { tenant, id: format!("shop-{number:03}"), zone: *random.pick(ZONES) });
            let here = left.min(random.between(size.0, size.1) as usize);
            for _ in 0..here {
                self.add_register(random);
            }
            left -= here;
        }
    }

    fn add_register(&mut self, random: &mut Random) {
        let index = self.registers.len() as u64;
        let shop = self.shops.len() as u32 - 1;
        let tenant = self.shops[shop as usize].tenant;
        let owner = &self.tenants[tenant as usize];
        let of_both = self.tlv + self.dreamkas;
        let rarer = RARER[self.rarer % RARER.len()];
        let family = match (owner.taxation, (self.tlv * 2).cmp(&of_both)) {
            _ if random.chance(100) => rarer,
            (Taxation::SimplifiedVat5, _) | (_, Ordering::Less) => Family::FfdTlv,
            (_, Ordering::Greater) => Family::Dreamkas,
            (_, Ordering::Equal) => *random.pick(&[Family::Dreamkas, Family::FfdTlv]),
        };
        self.tlv += usize::from(family == Family::FfdTlv);
        self.dreamkas += usize::from(family == Family::Dreamkas);
        self.rarer += usize::from(RARER.contains(&family));
        let serial = format!("0010{:010}", 200_000 + index);
        let number_in_tenant = self.registers.iter().rev().take_while(|register| register.tenant == tenant).count() + 1;
        self.registers.push(Register {
            tenant,
            shop,
            id: format!("kassa-{number_in_tenant:05}"),
            family,
            // The first ten digits are those of drives made for tests.
            drive: 9_999_078_900_000_000 + mix(&[self.seed, 0xD]) % 900_000 + index,
            registration: registration_number(mix(&[self.seed, index, 0x4]) % 4_000_000, &owner.inn, &serial),
            serial,
            device: 100_000 + index as u32,
            // The registers of an owner share a list of goods; on one in fifty somebody keeps another.
            spelling: if random.chance(20) { *random.pick(&SPELLINGS) } else { owner.spelling },
            empty_texts: random.chance(500),
            probe: false,
            weight: random.between(2, 6) as u32,
        });
    }

    /// The number of registers that sell to customers, the probes left out.
    #[must_use]
    pub fn selling_registers(&self) -> usize {
        self.registers.len() - PROBE_REGISTERS
    }

    /// The tenant of a register.
    #[must_use]
    pub fn tenant_of(&self, register: &Register) -> &Tenant {
        &self.tenants[register.tenant as usize]
    }

    /// The shop of a register.
    #[must_use]
    pub fn shop_of(&self, register: &Register) -> &Shop {
        &self.shops[register.shop as usize]
    }

    /// A good as customers of the tenant pick it: the second of the list half as often as the first, and so on.
    pub fn popular_good(&self, tenant: &Tenant, random: &mut Random) -> u32 {
        let sums = &self.harmonic[..tenant.goods.len()];
        let point = random.fraction() * sums[sums.len() - 1];
        tenant.goods[sums.partition_point(|sum| *sum <= point)]
    }

    /// The vendor's code of a good, where the tenant has given it one.
    #[must_use]
    pub fn vendor_code(&self, tenant: u32, good: u32) -> Option<String> {
        self.goods[good as usize].has_vendor_code.then(|| {
            let number = mix(&[self.seed, u64::from(tenant), u64::from(good), 0xC0DE]);
            match number % 4 {
                // Codes with a blank, a slash or letters: they must be escaped where they become part of a key.
                0 => format!("АРТ-{:05}/{}", good, number / 4 % 900),
                1 => format!("{:03} {:05}", number / 4 % 900, good),
                _ => format!("{good:06}"),
            }
        })
    }

    /// What a piece or a kilogram of a good costs in a shop at an instant (seconds of Unix time), in kopecks.
    ///
    /// One good in twenty is on offer: its price holds for three to nine hours, so that a run of a minute sees
    /// changes. The others hold theirs for ten to thirty days.
    #[must_use]
    pub fn price(&self, shop: u32, good: u32, at: i64) -> u32 {
        let place = mix(&[self.seed, u64::from(shop), u64::from(good), 0xF]);
        let unit = if place >> 20 & 0x3FF < 51 { 3 * HOUR } else { 10 * 24 * HOUR };
        let holds = unit + place % (2 * unit);
        let age = (at as u64).wrapping_add(place >> 32) / holds;
        let base = self.goods[good as usize].base_kopecks;
        // Up to 30 % above the base, in steps of 10 kopecks or whole roubles.
        let raised = base + (u64::from(base) * (mix(&[place, age]) % 31) / 100) as u32;
        if base >= 10_000 { raised / 100 * 100 + 90 } else { raised / 10 * 10 }
    }
}

fn cashier(random: &mut Random) -> Cashier {
    let name = goods::cashier_name(random);
    let inn = random.chance(600).then(|| person_inn(7_700_000_000 + random.below(90_000_000)));
    Cashier { name_cp866: cp866::encode(&name, 64), name, inn }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_formats_share_most_registers_and_every_other_one_has_some() {
        let world = World::new(11, 300);
        assert_eq!(world.selling_registers(), 300);
        let speak = |family| world.registers.iter().filter(|register| register.family == family).count();
        assert!(speak(Family::Dreamkas).abs_diff(speak(Family::FfdTlv)) <= 3);
        let rarer = RARER.map(speak);
        assert!(rarer.iter().all(|registers| *registers >= 2), "{rarer:?}");
        assert!((15..=45).contains(&rarer.iter().sum::<usize>()), "{rarer:?}");
        let drives: HashSet<_> = world.registers.iter().map(|register| register.drive).collect();
        assert_eq!(drives.len(), 302);
        assert!(drives.iter().all(|drive| drive.to_string().len() == 16));
        let ids: HashSet<_> = world.registers.iter().map(|register| (register.tenant, &register.id)).collect();
        assert_eq!(ids.len(), 302);
    }

    #[test]
    fn one_chain_and_many_small_tenants() {
        let world = World::new(12, 300);
        assert_eq!(world.tenants[0].goods.len(), 20_000);
        let small = &world.tenants[1..world.tenants.len() - 1];
        assert!(small.len() > 30, "{}", small.len());
        assert!(small.iter().all(|tenant| (300..=3_000).contains(&tenant.goods.len())));
        assert!(world.registers.iter().filter(|register| register.tenant == 0).count() == 120);
        for register in &world.registers {
            assert!(
                world.tenant_of(register).taxation != Taxation::SimplifiedVat5 || register.family != Family::Dreamkas
            );
        }
    }

    #[test]
    fn a_small_world_is_a_world() {
        for registers in 1..5 {
            assert_eq!(World::new(1, registers).selling_registers(), registers);
        }
    }

    #[test]
    fn popularity_follows_the_rank() {
        let world = World::new(13, 1);
        let tenant = &world.tenants[0];
        let mut random = Random::of(&[1]);
        let mut sold = [0u32; 3];
        for _ in 0..100_000 {
            let good = world.popular_good(tenant, &mut random);
            if let Some(rank) = tenant.goods[..3].iter().position(|popular| *popular == good) {
                sold[rank] += 1;
            }
        }
        // The harmonic number of 20,000 is 10.48: the first good has 9.5 % of the sales.
        assert!(
            (9_000..10_100).contains(&sold[0])
                && (4_400..5_200).contains(&sold[1])
                && (2_900..3_500).contains(&sold[2]),
            "{sold:?}"
        );
    }

    #[test]
    fn prices_change_and_differ_between_shops() {
        let world = World::new(14, 40);
        let prices =
            |good| (0..48).map(|hour| world.price(0, good, 1_700_000_000 + hour * 3_600)).collect::<HashSet<_>>();
        let on_offer = (0..20_000).filter(|good| prices(*good).len() > 3).count();
        assert!((900..1_100).contains(&on_offer), "{on_offer}");
        assert!((0..200).any(|good| world.price(0, good, 0) != world.price(1, good, 0)));
        assert!((0..20_000).all(|good| world.price(0, good, 1_700_000_000) > 0));
    }
}
