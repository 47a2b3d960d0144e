//! `RATE=max`: the highest rate that is sustained, found in steps.
//!
//! A rate is sustained when over the time of the load the sum of all lags (documents without an acknowledgement
//! and rows without a publication included) grows by less than 1 % of the input, and all lags are gone within 2 s after
//! the end. The growth is that of the lags' trend: a database that makes a checkpoint in the last seconds has
//! not been overtaken, and one whose lags rise all the time has, whenever it was looked at. A rate that fails is tried
//! once more, because the machine may have been busy with something else, unless it was given up as hopeless.
//! The trials are few: each fills the databases, and a receipt costs more in a larger one.

use std::time::Duration;

use serde::Serialize;

use crate::{demo::run::Watched, fleet::Load};

/// The first rate that is tried, documents a second.
const FIRST: f64 = 4_000.0;
/// No rate below this is looked for.
const LOWEST: f64 = 50.0;
/// Short trials only look for the range.
const SHORT: Step = Step { length: Duration::from_secs(15), factor: 1.5, close: 1.15, is_final: false };
/// What a load needs to settle before the lags say something: twice as long as product-upserter keeps confirmations.
const WARM_UP: Duration = Duration::from_secs(10);
/// Between two looks at how the lags have grown.
const SLICE: Duration = Duration::from_secs(5);
/// A trial whose lags have grown by the documents of so long is given up. Less would not do: while a database makes
/// a checkpoint, lags of several seconds come and go.
const HOPELESS: Duration = Duration::from_secs(10);
/// Everything must be gone so soon after the end.
const LONGEST_DRAIN: Duration = Duration::from_secs(2);
/// Probe receipts a second.
const PROBES: f64 = 10.0;

/// A rate that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Documents a second.
    pub rate: f64,
    /// Seconds.
    pub seconds: f64,
    /// Documents that all stages together fell behind from the beginning to the end, by the trend.
    pub lag_growth: i64,
    /// Seconds from the end until nothing was behind.
    pub drain_seconds: f64,
    /// The rate is sustained.
    pub sustained: bool,
    /// A trial of full length.
    pub is_final: bool,
}

/// How rates are tried.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Of each trial.
    length: Duration,
    /// From one rate to the next, while all are sustained or none is.
    factor: f64,
    /// Ends when the highest sustained rate and the lowest other one differ by less.
    close: f64,
    /// The trials count.
    is_final: bool,
}

/// By how many documents lags may grow.
fn bound(rate: f64, full: Duration) -> f64 {
    rate * full.as_secs_f64() / 100.0
}

/// Looks for the highest sustained rate over `full` each. [`found`] says what came of it.
///
/// # Errors
/// When the fleet or a service stops working.
pub async fn search(watched: &mut Watched<'_>, full: Duration) -> anyhow::Result<Vec<Trial>> {
    let mut search = Search { watched, full, trials: Vec::new() };
    // The brokers' and databases' first documents cost a multiple of the later ones.
    search.try_rate(FIRST / 2.0, SHORT.length).await?;
    let range = search.highest(FIRST, SHORT).await?;
    search.highest(range, Step { length: full, factor: 1.15, close: 1.05, is_final: true }).await?;
    Ok(search.trials)
}

/// The highest rate that a final trial sustained, documents a second.
#[must_use]
pub fn found(trials: &[Trial]) -> Option<f64> {
    trials.iter().filter(|trial| trial.sustained && trial.is_final).map(|trial| trial.rate).reduce(f64::max)
}

/// How much values in equal distances grow from the first to the last by their trend: the median of the slopes
/// between any two of them (Theil and Sen), which a short rise at the end does not move.
fn growth(values: &[i64]) -> i64 {
    let slope = |i: usize, j: usize| (values[j] - values[i]) as f64 / (j - i) as f64;
    let mut slopes: Vec<f64> = (1..values.len()).flat_map(|j| (0..j).map(move |i| slope(i, j))).collect();
    slopes.sort_unstable_by(f64::total_cmp);
    let median = match slopes.len() {
        0 => 0.0,
        n => f64::midpoint(slopes[(n - 1) / 2], slopes[n / 2]),
    };
    (median * (values.len() - 1) as f64) as i64
}

struct Search<'s, 'w> {
    watched: &'s mut Watched<'w>,
    /// Length of a trial that counts.
    full: Duration,
    trials: Vec<Trial>,
}

impl Search<'_, '_> {
    /// The highest rate that is sustained, [`LOWEST`] if none is.
    async fn highest(&mut self, first: f64, step: Step) -> anyhow::Result<f64> {
        let (mut good, mut bad) = (0.0, f64::INFINITY);
        let mut rate = first;
        while bad / f64::max(good, 1.0) > step.close && rate >= LOWEST {
            if self.holds(rate, step).await? {
                good = rate
            } else {
                bad = rate
            }
            rate = match (good > 0.0, bad.is_finite()) {
                (true, true) => f64::sqrt(good * bad),
                (true, false) => good * step.factor,
                (false, _) => bad / step.factor,
            };
        }
        Ok(f64::max(good, LOWEST))
    }

    /// Whether one of two trials sustains the rate. After a hopeless one there is no second.
    async fn holds(&mut self, rate: f64, step: Step) -> anyhow::Result<bool> {
        for _ in 0..2 {
            let trial = Trial { is_final: step.is_final, ..self.try_rate(rate, step.length).await? };
            let (sustained, is_hopeless) = (trial.sustained, trial.seconds < step.length.as_secs_f64());
            self.trials.push(trial);
            if sustained || is_hopeless {
                return Ok(sustained);
            }
        }
        Ok(false)
    }

    /// Lags of a steady load go up and down by a second or so. In a short trial that would be more than 1 %
    /// of the input; its bound is that of a full one, and it only looks for the range.
    async fn try_rate(&mut self, rate: f64, length: Duration) -> anyhow::Result<Trial> {
        let watched = &mut *self.watched;
        watched.say(&format!("trying {rate:.0} documents/s for {} s", length.as_secs()));
        let load = |duration| Load { rate, duration, offline: None, probes: PROBES };
        watched.load(load(WARM_UP)).await?;
        let mut lags = vec![watched.mean_behind()];
        let mut left = length;
        let bound = bound(rate, self.full);
        // Without an early end, a rate that is far too high would leave a backlog of minutes.
        let hopeless = f64::max(rate * HOPELESS.as_secs_f64(), bound);
        while !left.is_zero() && ((lags[lags.len() - 1] - lags[0]) as f64) < hopeless {
            let slice = left.min(SLICE);
            watched.load(load(slice)).await?;
            left -= slice;
            lags.push(watched.mean_behind());
        }
        let lag_growth = growth(&lags);
        let drain = watched.drain(Duration::from_secs(300)).await?;
        let trial = Trial {
            rate,
            seconds: (length - left).as_secs_f64(),
            lag_growth,
            drain_seconds: drain.as_secs_f64(),
            sustained: left.is_zero() && (lag_growth as f64) < bound && drain <= LONGEST_DRAIN,
            is_final: false,
        };
        let verdict = if trial.sustained { "sustained" } else { "too much" };
        watched.say(&format!(
            "{rate:.0}/s is {verdict}: lags grew by {lag_growth}, drained in {:.1} s",
            trial.drain_seconds
        ));
        Ok(trial)
    }
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn lags_that_rise_all_the_time_have_grown() {
        assert_eq!(growth(&[100, 200, 300, 400, 500]), 400);
        assert_eq!(growth(&[100, 250, 290, 410, 500, 640]), 516);
    }

    #[test]
    fn lags_that_rose_in_the_middle_and_stayed_there_have_grown() {
        assert!(growth(&[0, 0, 0, 0, 0, 0, 900, 900, 900, 900, 900, 900]) > 500);
    }

    #[test]
    fn a_short_rise_is_no_growth_wherever_it_is() {
        assert_eq!(growth(&[100, 100, 100, 100, 100, 100, 100, 9_000]), 0);
        assert_eq!(growth(&[100, 100, 9_000, 100, 100, 100, 100, 100]), 0);
    }

    #[test]
    fn a_single_value_has_not_grown() {
        assert_eq!(growth(&[7]), 0);
    }
}
