//! How long a register waits before it sends a document again.

use std::time::Duration;

use crate::random::Random;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(15);

/// A random wait up to a bound that doubles with each attempt (full jitter), on top of what the hub asked for.
#[must_use]
pub fn wait(attempts: u32, retry_after: Option<Duration>, random: &mut Random) -> Duration {
    let bound = FIRST.saturating_mul(1 << attempts.min(10)).min(LONGEST);
    let jitter = Duration::from_micros(random.below(bound.as_micros() as u64));
    retry_after.unwrap_or(FIRST / 4) + jitter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_honour_the_hub() {
        let mut random = Random::of(&[1]);
        let mut longest = |attempts| (0..500).map(|_| wait(attempts, None, &mut random)).max().unwrap();
        let (first, fifth, hundredth) = (longest(1), longest(5), longest(100));
        assert!(first < Duration::from_millis(451) && fifth > Duration::from_secs(4));
        assert!(hundredth > Duration::from_secs(10) && hundredth <= Duration::from_millis(15_050));
        assert!(wait(1, Some(Duration::from_secs(7)), &mut random) >= Duration::from_secs(7));
    }
}
