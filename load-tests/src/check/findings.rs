//! What the check found.

use serde::Serialize;

/// Examples that are kept of each kind of mistake.
const MOST_EXAMPLES: usize = 5;

/// A count of mistakes with a few of them in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mistakes {
    /// How many there are.
    pub count: u64,
    /// The first ones.
    pub examples: Vec<String>,
}

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < MOST_EXAMPLES {
            self.examples.push(example());
        }
    }

    /// Adds all of another count.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.examples.extend(other.examples);
        self.examples.truncate(MOST_EXAMPLES);
    }
}

/// What the check found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Acknowledged receipts, shifts and encashments that are nowhere.
    pub lost: Mistakes,
    /// Documents, products and prices that the fleet never sent, or that the hub had refused.
    pub foreign: Mistakes,
    /// Documents that say something else than was sent.
    pub wrong_content: Mistakes,
    /// Products and prices that are missing, or not those of the newest receipt.
    pub wrong_products: Mistakes,
    /// Stop lists that differ from the restaurants'.
    pub wrong_stop_lists: Mistakes,
    /// Documents that no stage could use; the fleet sends none of those.
    pub dead_letters: Mistakes,
    /// Sum over the tenants of what their money differs by, kopecks.
    pub money_difference_kopecks: u64,
    /// Receipts in MongoDB.
    pub receipts_in_mongo: u64,
    /// Shift reports in MongoDB.
    pub shifts_in_mongo: u64,
    /// Documents in MongoDB's `conflicts` and `shift_conflicts`; the fleet makes none.
    pub conflicts_in_mongo: u64,
    /// Encashments on the topic of events, each counted once.
    pub encashments_on_topic: u64,
    /// Records on the topics of receipts, shifts and events that say again what another one said.
    pub topic_repeats: u64,
    /// Rows of `products`.
    pub products_in_postgres: u64,
    /// Rows of `observed_prices`.
    pub prices_in_postgres: u64,
    /// Different keys on the topic of the catalogue.
    pub products_on_topic: u64,
    /// Items on the stop lists in PostgreSQL.
    pub stop_list_items: u64,
}

impl Findings {
    /// True when nothing is lost, foreign or wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let counts = [
            &self.lost,
            &self.foreign,
            &self.wrong_content,
            &self.wrong_products,
            &self.wrong_stop_lists,
            &self.dead_letters,
        ];
        counts.iter().all(|mistakes| mistakes.count == 0)
            && self.money_difference_kopecks == 0
            && self.conflicts_in_mongo == 0
            && self.products_on_topic == self.products_in_postgres
    }
}
