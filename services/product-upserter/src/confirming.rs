//! Receipts that wait because all that is left of them to write only confirms what is known. Pure.
//!
//! A confirmation, or another observation of the same moment, hardly ever changes what anybody sees,
//! but where a product stands in time has to be kept: otherwise a register that was offline could
//! later bring back an older price. Keeping it in memory only, or not at all, would be wrong after a
//! crash; updating the place without the content would be wrong where another process wrote in
//! between. So the whole row is written before the receipt's offset moves, but seldom: while a receipt
//! waits, others confirm the same rows, and the newest is written for all of them.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    observation::{Price, PriceId, Product, ProductId},
    sift::Rows,
};

/// Nothing has come for so long: there is no sense in waiting for repeats.
const IDLE: Duration = Duration::from_millis(250);
/// What comes within this share of the wait is written together, ...
const SHARE: u32 = 10;
/// ... and within this time, however short the wait.
const TOGETHER: Duration = Duration::from_millis(25);

/// When waiting ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Longest wait.
    pub wait: Duration,
    /// Most receipts that wait.
    pub receipts: usize,
    /// Most bytes of theirs that wait.
    pub bytes: usize,
    /// Rows that are written together; one receipt may exceed it.
    pub rows: usize,
}

/// What waits. `T` is what a receipt is beside its rows.
#[derive(Debug)]
pub(crate) struct Confirming<T> {
    groups: VecDeque<Group<T>>,
    products: Newest<ProductId, Product>,
    prices: Newest<PriceId, Price>,
    receipts: usize,
    bytes: usize,
    /// So many groups, from the first one, shall not wait.
    hurry: usize,
    bounds: Bounds,
}

/// The newest observation of each identity that waits.
type Newest<Id, State> = HashMap<Id, State, ahash::RandomState>;

/// Receipts that came within a share of the wait.
///
/// The rows of a receipt are noted in its group or in an earlier one. So when the groups are written
/// in their order, each with the newest observations of the rows noted in it, all that a receipt
/// confirms is written when its group is.
#[derive(Debug)]
struct Group<T> {
    since: Instant,
    newest: Instant,
    receipts: Vec<T>,
    bytes: usize,
    products: Vec<ProductId>,
    prices: Vec<PriceId>,
}

/// A group to write.
#[derive(Debug)]
pub(crate) struct Due<T> {
    /// What is finished by it.
    pub receipts: Vec<T>,
    pub rows: Rows,
}

impl<T> Confirming<T> {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            groups: VecDeque::new(),
            products: Newest::default(),
            prices: Newest::default(),
            receipts: 0,
            bytes: 0,
            hurry: 0,
            bounds,
        }
    }

    /// Lets a receipt wait; `bytes` of memory go with it.
    pub fn push(&mut self, now: Instant, bytes: usize, rows: Rows, receipt: T) {
        let Bounds { wait, rows: most, .. } = self.bounds;
        let together = TOGETHER.max(wait / SHARE);
        let may_join = self.groups.len() > self.hurry;
        let open = |group: &mut Group<T>| may_join && now < group.since + together && group.rows() < most;
        let mut group = self.groups.pop_back_if(open).unwrap_or_else(|| Group::new(now));
        for (id, product) in rows.products {
            note(&mut self.products, &mut group.products, id, product);
        }
        for (id, price) in rows.prices {
            note(&mut self.prices, &mut group.prices, id, price);
        }
        group.receipts.push(receipt);
        group.bytes += bytes;
        group.newest = now;
        self.groups.push_back(group);
        self.receipts += 1;
        self.bytes += bytes;
    }

    /// What waits now shall not wait any longer.
    pub fn hurry(&mut self) {
        self.hurry = self.groups.len();
    }

    /// When something falls due.
    pub fn due(&self) -> Option<Instant> {
        let (oldest, newest) = (self.groups.front()?.since, self.groups.back()?.newest);
        let is_full = self.receipts >= self.bounds.receipts || self.bytes >= self.bounds.bytes;
        if self.hurry > 0 || is_full {
            return Some(oldest);
        }
        Some(Instant::min(oldest + self.bounds.wait, newest + IDLE))
    }

    /// Hands out the first group, if it is due. It has to be written before the next one.
    pub fn take(&mut self, now: Instant) -> Option<Due<T>> {
        self.due().filter(|due| *due <= now)?;
        let Group { receipts, bytes, products, prices, .. } = self.groups.pop_front()?;
        self.hurry = self.hurry.saturating_sub(1);
        self.receipts -= receipts.len();
        self.bytes -= bytes;
        let rows = Rows { products: newest(&mut self.products, products), prices: newest(&mut self.prices, prices) };
        Some(Due { receipts, rows })
    }

    /// Hands out all receipts that wait, without what they confirm.
    pub fn abandon(&mut self) -> impl Iterator<Item = T> {
        self.products.clear();
        self.prices.clear();
        (self.receipts, self.bytes, self.hurry) = (0, 0, 0);
        std::mem::take(&mut self.groups).into_iter().flat_map(|group| group.receipts)
    }
}

impl<T> Group<T> {
    const fn new(since: Instant) -> Self {
        Self { since, newest: since, receipts: Vec::new(), bytes: 0, products: Vec::new(), prices: Vec::new() }
    }

    const fn rows(&self) -> usize {
        self.products.len() + self.prices.len()
    }
}

fn note<Id: Clone + Eq + Hash, State: Ord>(newest: &mut Newest<Id, State>, new: &mut Vec<Id>, id: Id, state: State) {
    if let Some(known) = newest.get_mut(&id) {
        if *known < state {
            *known = state;
        }
    } else {
        new.push(id.clone());
        newest.insert(id, state);
    }
}

fn newest<Id: Eq + Hash, State>(newest: &mut Newest<Id, State>, ids: Vec<Id>) -> Vec<(Id, State)> {
    ids.into_iter().filter_map(|id| newest.remove_entry(&id)).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use canonical::Newest;
    use proptest::prelude::*;
    use schemas::Timestamp;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);
    const MANY: Bounds = Bounds { wait: WAIT, receipts: 1_000, bytes: 1_000, rows: 1_000 };

    fn id(product_key: u8) -> PriceId {
        let text = |text: &str| Arc::<str>::from(text);
        let product = ProductId { tenant: text("acme"), product_key: text(&product_key.to_string()) };
        PriceId { product, shop: text("shop-1") }
    }

    /// Prices of products at a time.
    fn rows(time: i64, products: &[u8]) -> Rows {
        let order = Newest { event_time: Timestamp(time), receipt_id: "1".into(), revision: 1 };
        let price = |product: &u8| (id(*product), Price { order: order.clone(), price_kopecks: 500 });
        Rows { products: Vec::new(), prices: products.iter().map(price).collect() }
    }

    fn written(due: Option<Due<char>>) -> (Vec<(String, i64)>, String) {
        let Due { receipts, rows } = due.expect("something is due");
        let price = |(id, price): (PriceId, Price)| (id.product.product_key.to_string(), price.order.event_time.0);
        (rows.prices.into_iter().map(price).collect(), receipts.into_iter().collect())
    }

    #[test]
    fn the_newest_confirmation_is_written_once_for_all_that_wait() {
        let (mut queue, start) = (Confirming::new(MANY), Instant::now());
        queue.push(start, 1, rows(10, &[1, 2]), 'a');
        queue.push(start + WAIT / 11, 1, rows(11, &[2]), 'b');
        queue.push(start + WAIT / 2, 1, rows(30, &[1]), 'c');
        queue.push(start + WAIT, 1, rows(20, &[1, 3]), 'd');
        assert!(queue.take(start + WAIT * 99 / 100).is_none());
        assert_eq!(written(queue.take(start + WAIT)), (vec![("1".into(), 30), ("2".into(), 11)], "ab".into()));
        assert!(queue.take(start + WAIT).is_none());
        assert_eq!(written(queue.take(start + WAIT * 3 / 2)), (vec![], "c".into()), "it went with the first ones");
        assert_eq!(written(queue.take(start + WAIT * 3 / 2)), (vec![("3".into(), 20)], "d".into()));
        assert_eq!(queue.due(), None);
    }

    #[test]
    fn what_comes_after_the_writing_is_written_anew() {
        let (mut queue, start) = (Confirming::new(MANY), Instant::now());
        queue.push(start, 1, rows(10, &[1]), 'a');
        queue.take(start + WAIT).unwrap();
        queue.push(start + WAIT, 1, rows(20, &[1]), 'b');
        assert_eq!(written(queue.take(start + WAIT * 2)), (vec![("1".into(), 20)], "b".into()));
    }

    #[test]
    fn nothing_waits_when_nothing_comes_or_there_is_a_hurry_or_too_much() {
        let start = Instant::now();
        let two = |bounds| {
            let mut queue = Confirming::new(bounds);
            queue.push(start, 1, rows(10, &[1, 2]), 'a');
            queue.push(start, 1, rows(11, &[2, 3]), 'b');
            queue
        };
        assert_eq!(two(MANY).due(), Some(start + IDLE));
        assert_eq!(written(two(MANY).take(start + IDLE)).1, "ab");
        let mut hurried = two(MANY);
        hurried.hurry();
        hurried.push(start, 1, rows(12, &[4]), 'c');
        assert_eq!(written(hurried.take(start)).1, "ab");
        assert_eq!(hurried.due(), Some(start + IDLE), "nobody hurries this one");
        for full in [Bounds { receipts: 2, ..MANY }, Bounds { bytes: 2, ..MANY }] {
            assert_eq!(written(two(full).take(start)).1, "ab");
        }
        let mut small = two(Bounds { rows: 1, ..MANY });
        assert_eq!(written(small.take(start + IDLE)).1, "a", "one at a time");
        assert_eq!(written(small.take(start + IDLE)).1, "b");
    }

    #[test]
    fn without_a_wait_what_comes_at_once_is_written_at_once() {
        let (mut queue, start) = (Confirming::new(Bounds { wait: Duration::ZERO, ..MANY }), Instant::now());
        queue.push(start, 1, rows(10, &[1]), 'a');
        queue.push(start + TOGETHER / 2, 1, rows(11, &[1]), 'b');
        assert_eq!(written(queue.take(start + TOGETHER / 2)), (vec![("1".into(), 11)], "ab".into()));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push { time: i64, products: Vec<u8> },
        Write,
        Hurry,
        Wait(Duration),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..20_i64, prop::collection::vec(0..4_u8, 0..4))
                .prop_map(|(time, products)| Step::Push { time, products }),
            2 => Just(Step::Write),
            1 => Just(Step::Hurry),
            1 => (0..2_000_u64).prop_map(|milliseconds| Step::Wait(Duration::from_millis(milliseconds))),
        ]
    }

    proptest! {
        /// Whatever the order of events, a receipt leaves only when the table holds all that it confirms, or newer.
        #[test]
        fn a_receipt_leaves_when_all_of_it_is_written(steps in prop::collection::vec(step(), 1..60)) {
            let mut now = Instant::now();
            let mut queue = Confirming::new(Bounds { wait: WAIT, receipts: 6, bytes: 1_000, rows: 5 });
            let mut table: BTreeMap<String, i64> = BTreeMap::new();
            let (mut pushed, mut left) = (Vec::new(), 0);
            // In the end nothing comes any more.
            let end = [Step::Wait(IDLE), Step::Write].into_iter().cycle().take(120);
            for step in steps.into_iter().chain(end) {
                match step {
                    Step::Push { time, products } => {
                        queue.push(now, 1, rows(time, &products), pushed.len());
                        pushed.push((time, products));
                    }
                    Step::Write => {
                        let Some(Due { receipts, rows }) = queue.take(now) else { continue };
                        for (id, price) in rows.prices {
                            let place = table.entry(id.product.product_key.to_string()).or_default();
                            *place = price.order.event_time.0.max(*place);
                        }
                        prop_assert_eq!(&receipts, &(left..left + receipts.len()).collect::<Vec<_>>(), "in order");
                        left += receipts.len();
                    }
                    Step::Hurry => queue.hurry(),
                    Step::Wait(time) => now += time,
                }
                for (time, products) in &pushed[..left] {
                    for product in products {
                        prop_assert!(table.get(&product.to_string()).is_some_and(|written| written >= time));
                    }
                }
            }
            prop_assert_eq!((left, queue.due(), queue.prices.len(), queue.bytes), (pushed.len(), None, 0, 0));
        }
    }
}
