//! A register at work: its numbers, its shifts, and what it sells.

use crate::{
    document::{Body, Document, Item, Payments, Receipt, ShiftTotals, Vat},
    family::Family,
    goods::Measure,
    random::{Random, mix},
    world::{Register, Taxation, World},
};

/// How many items a receipt has: weights for 1 to 12, in percent; the mean is 4.07.
const ITEMS: [u64; 12] = [18, 17, 15, 13, 11, 8, 6, 4, 3, 2, 2, 1];

/// What a register does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    OpenShift,
    PutCashIn,
    Sell,
    TakeCashOut,
    CloseShift,
}

/// The state of a register.
#[derive(Debug)]
pub struct Till {
    register: u32,
    next_number: u32,
    shift: u32,
    cashier: u32,
    receipts: u32,
    planned: u32,
    step: Step,
    made: u64,
    last_at: i64,
}

impl Till {
    /// A register that has been in use for a while and is closed now.
    #[must_use]
    pub fn new(world: &World, register: u32) -> Self {
        let mut random = Random::of(&[world.seed, u64::from(register), 0x7111]);
        let probe = world.registers[register as usize].probe;
        Self {
            register,
            next_number: random.between(1, 60_000) as u32,
            shift: random.between(1, 400) as u32,
            cashier: 0,
            receipts: 0,
            planned: 0,
            step: if probe { Step::Sell } else { Step::OpenShift },
            made: 0,
            last_at: 0,
        }
    }

    /// All registers of a world, as [`Till::new`] makes them.
    #[must_use]
    pub fn all(world: &World) -> Vec<Self> {
        (0..world.registers.len() as u32).map(|register| Self::new(world, register)).collect()
    }

    /// The next document. Its time is `now` (seconds of Unix time), or later where the register's clock has passed it already.
    pub fn next(&mut self, world: &World, now: i64) -> Document {
        let register = &world.registers[self.register as usize];
        let mut random = Random::of(&[world.seed, u64::from(self.register), self.made, 0xD0C]);
        self.made += 1;
        // A fiscal document shows whole minutes.
        let now = if register.family == Family::FfdTlv { now - now.rem_euclid(60) } else { now };
        self.last_at = self.last_at.max(now);
        loop {
            match self.step {
                Step::OpenShift => {
                    self.open(world, register, &mut random);
                    let document = self.fiscal(world, Body::ShiftOpen);
                    if register.family.tells_openings() {
                        return document;
                    }
                }
                Step::CloseShift => {
                    let unsent = if random.chance(100) { random.below(self.receipts.into()) as u32 } else { 0 };
                    let totals = ShiftTotals { receipts: self.receipts, documents: self.receipts + 2, unsent };
                    self.step = Step::OpenShift;
                    let document = self.fiscal(world, Body::ShiftClose(totals));
                    if register.family.tells_closings() {
                        return document;
                    }
                }
                Step::PutCashIn => {
                    self.step = Step::Sell;
                    let sum = random.between(5, 100) * 10_000;
                    return self.encashment(true, sum);
                }
                Step::TakeCashOut => {
                    self.step = Step::CloseShift;
                    let sum = random.between(200, 5_000) * 1_000;
                    return self.encashment(false, sum);
                }
                Step::Sell => {
                    let receipt = self.sell(world, register, &mut random);
                    return self.fiscal(world, Body::Receipt(receipt));
                }
            }
        }
    }

    fn open(&mut self, world: &World, register: &Register, random: &mut Random) {
        self.shift += 1;
        self.receipts = 0;
        self.planned = random.between(30, 120) as u32;
        self.cashier = random.below(world.tenant_of(register).cashiers.len() as u64) as u32;
        self.step =
            if register.family == Family::Dreamkas && random.chance(700) { Step::PutCashIn } else { Step::Sell };
    }

    /// A document with a number of the fiscal drive.
    fn fiscal(&mut self, world: &World, body: Body) -> Document {
        let number = self.next_number;
        self.next_number += 1;
        let sign = mix(&[world.seed, u64::from(self.register), u64::from(number), 0x519]) as u32;
        self.document(number, sign, body)
    }

    fn encashment(&mut self, inward: bool, sum: u64) -> Document {
        // Two of the same second and sum could not be told apart.
        self.last_at += 1;
        self.document(0, 0, Body::Encashment { inward, sum })
    }

    fn document(&self, number: u32, sign: u32, body: Body) -> Document {
        Document {
            register: self.register,
            number,
            sign,
            shift: self.shift,
            at: self.last_at,
            cashier: self.cashier,
            body,
        }
    }

    fn sell(&mut self, world: &World, register: &Register, random: &mut Random) -> Receipt {
        self.receipts += 1;
        if self.receipts == self.planned && !register.probe {
            let takes_out = register.family == Family::Dreamkas && random.chance(700);
            self.step = if takes_out { Step::TakeCashOut } else { Step::CloseShift };
        }
        let refund = !register.probe && random.chance(20);
        let items = if register.probe {
            vec![self.probe_item(world, register)]
        } else {
            self.basket(world, register, refund, random)
        };
        let total = items.iter().map(|item| item.sum).sum();
        Receipt { refund, number_in_shift: self.receipts, payments: payments(total, refund, random), items, total }
    }

    /// Each probe receipt sells the next good of all there are, so its product is new in the databases.
    fn probe_item(&self, world: &World, register: &Register) -> Item {
        let goods = &world.tenant_of(register).goods;
        let place = self.receipts as usize * crate::world::PROBE_REGISTERS
            + self.register as usize % crate::world::PROBE_REGISTERS;
        item(world, register, goods[place % goods.len()], 1_000, self.last_at)
    }

    fn basket(&self, world: &World, register: &Register, refund: bool, random: &mut Random) -> Vec<Item> {
        let count = if refund { random.between(1, 2) } else { item_count(random) } as usize;
        let mut items: Vec<Item> = Vec::with_capacity(count);
        while items.len() < count {
            // Now and then the same good is passed over the scanner twice: an equal line, not a mistake.
            if let Some(last) = items.last().copied()
                && random.chance(15)
            {
                items.push(last);
                continue;
            }
            let good = world.popular_good(world.tenant_of(register), random);
            if items.iter().any(|item| item.good == good) {
                continue;
            }
            let thousandths = match world.goods[good as usize].measure {
                Measure::Kilogram => random.between(50, 2_500),
                Measure::Piece if random.chance(800) => 1_000,
                Measure::Piece => random.between(2, 6) * 1_000,
            };
            // What comes back is paid back at the price of the day on which it was bought.
            let bought_at = if refund { self.last_at - 86_400 } else { self.last_at };
            items.push(item(world, register, good, thousandths as u32, bought_at));
        }
        items
    }
}

fn item(world: &World, register: &Register, good: u32, thousandths: u32, at: i64) -> Item {
    let price = world.price(register.shop, good, at);
    let sum = (u64::from(price) * u64::from(thousandths) + 500) / 1_000;
    Item { good, price, thousandths, sum, vat: vat_rate(world, register, good) }
}

/// The rate at which a register sells a good.
#[must_use]
pub fn vat_rate(world: &World, register: &Register, good: u32) -> Vat {
    match world.tenant_of(register).taxation {
        Taxation::General if world.goods[good as usize].reduced_vat => Vat::Reduced,
        Taxation::General => Vat::Full,
        Taxation::Simplified => Vat::None,
        Taxation::SimplifiedVat5 => Vat::Five,
    }
}

fn item_count(random: &mut Random) -> u64 {
    let mut point = random.below(ITEMS.iter().sum());
    for (count, weight) in (1..).zip(ITEMS) {
        if point < weight {
            return count;
        }
        point -= weight;
    }
    ITEMS.len() as u64
}

fn payments(total: u64, refund: bool, random: &mut Random) -> Payments {
    match random.below(100) {
        0..=34 => Payments { cash: total, ..Payments::default() },
        35..=39 if !refund => {
            let cash = (total / 2 / 10_000 * 10_000).max(total.min(100));
            Payments { cash, card: total - cash, prepaid: 0 }
        }
        40..=40 if !refund => {
            let prepaid = total.min(50_000);
            Payments { prepaid, card: total - prepaid, cash: 0 }
        }
        _ => Payments { card: total, ..Payments::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, documents: usize) -> (World, Vec<Vec<Document>>) {
        let world = World::new(seed, 20);
        let made = (0..world.registers.len() as u32)
            .map(|register| {
                let mut till = Till::new(&world, register);
                (0..documents as i64).map(|step| till.next(&world, 1_700_000_000 + step * 41)).collect()
            })
            .collect();
        (world, made)
    }

    #[test]
    fn numbers_rise_by_one_and_skip_only_unseen_reports() {
        let (world, all) = run(1, 400);
        for (register, documents) in world.registers.iter().zip(all) {
            let fiscal: Vec<_> = documents.iter().filter(|document| document.number > 0).collect();
            for pair in fiscal.windows(2) {
                let (step, shifts) = (pair[1].number - pair[0].number, pair[1].shift - pair[0].shift);
                // Where a report is not sent, its number is unseen at each change of the shift.
                let sent = [register.family.tells_openings(), register.family.tells_closings()];
                let unseen = sent.into_iter().filter(|sent| !sent).count() as u32 * shifts;
                assert_eq!(step, 1 + unseen);
            }
        }
    }

    #[test]
    fn shifts_open_sell_and_close() {
        let (world, all) = run(2, 400);
        for (register, documents) in world.registers.iter().zip(all) {
            let mut receipts = 0;
            for document in &documents {
                match &document.body {
                    Body::ShiftOpen => receipts = 0,
                    Body::Receipt(receipt) => {
                        receipts = if receipt.number_in_shift == 1 { 1 } else { receipts + 1 };
                        assert_eq!(receipt.number_in_shift, receipts);
                    }
                    Body::ShiftClose(totals) => {
                        assert_eq!((totals.receipts, totals.documents), (receipts, receipts + 2))
                    }
                    Body::Encashment { .. } => assert_eq!((register.family, document.number), (Family::Dreamkas, 0)),
                }
            }
            assert!(register.probe || documents.iter().any(|document| document.shift > documents[0].shift));
        }
    }

    #[test]
    fn sums_add_up() {
        let (_, all) = run(3, 300);
        let mut items = 0;
        let mut receipts = 0;
        for document in all.iter().flatten() {
            let Body::Receipt(receipt) = &document.body else { continue };
            receipts += 1;
            items += receipt.items.len();
            assert!((1..=12).contains(&receipt.items.len()));
            assert_eq!(receipt.items.iter().map(|item| item.sum).sum::<u64>(), receipt.total);
            let Payments { cash, card, prepaid } = receipt.payments;
            assert_eq!(cash + card + prepaid, receipt.total);
            for item in &receipt.items {
                assert!(item.price > 0 && item.sum > 0, "{item:?}");
                assert_eq!(item.sum, (u64::from(item.price) * u64::from(item.thousandths) + 500) / 1000);
                assert!(receipt.items.iter().all(|other| other.good != item.good || other == item));
            }
        }
        let mean = items as f64 / f64::from(receipts);
        assert!((3.7..4.2).contains(&mean), "{mean}");
    }

    #[test]
    fn time_never_runs_back() {
        let (_, all) = run(4, 300);
        for documents in all {
            assert!(documents.windows(2).all(|pair| pair[0].at <= pair[1].at));
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(run(5, 50).1, run(5, 50).1);
        assert_ne!(run(5, 50).1, run(6, 50).1);
    }

    #[test]
    fn each_probe_sells_another_good() {
        let (_, all) = run(7, 200);
        let probes = &all[all.len() - 2..];
        let goods: std::collections::HashSet<_> = probes
            .iter()
            .flatten()
            .map(|document| match &document.body {
                Body::Receipt(receipt) if receipt.items.len() == 1 => receipt.items[0].good,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(goods.len(), 400);
    }
}
