//! When refused clients come back: each at another moment, so that they do not come back together.

use hyper::header::HeaderValue;
use rand::RngExt as _;

/// Ready-made values of `Retry-After`, from half to one and a half times the middle.
#[derive(Debug, Clone)]
pub struct RetryAfter {
    seconds: Box<[HeaderValue]>,
}

impl RetryAfter {
    /// Values around `middle` seconds.
    #[must_use]
    pub fn around(middle: u32) -> Self {
        let least = (middle / 2).max(1);
        let most = middle.saturating_add(middle / 2).max(least + 1);
        Self { seconds: (least..=most).map(HeaderValue::from).collect() }
    }

    /// A random one of them.
    #[must_use]
    pub fn pick(&self) -> HeaderValue {
        self.seconds[rand::rng().random_range(0..self.seconds.len())].clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn clients_are_spread_over_the_whole_range() {
        let values = RetryAfter::around(10);
        let picked: BTreeSet<u32> = (0..2_000).map(|_| values.pick().to_str().unwrap().parse().unwrap()).collect();
        assert_eq!(picked, (5..=15).collect());
    }

    #[test]
    fn nobody_is_told_to_come_back_at_once() {
        for middle in [0, 1] {
            assert!((0..100).all(|_| RetryAfter::around(middle).pick() != "0"));
        }
    }
}
