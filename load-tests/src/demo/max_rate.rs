//! `RATE=max`: the highest rate that is sustained, found in steps.
//!
//! A rate is sustained when over the time of the load the sum of all lags (documents without an acknowledgement
//! and rows without a publication included) grows by less than 1 % of the input, and all lags are gone within 2 s after
//! the end. The trials are few: each fills the databases, and a receipt costs more in a larger one.

use std::time::Duration;

use serde::Serialize;

use crate::{demo::run::Watched, fleet::Load};

/// The first rate that is tried, documents a second.
const FIRST: f64 = 4_000.0;
/// Each further one is so much higher.
const STEP: f64 = 1.5;
/// No rate below this is looked for.
const LOWEST: f64 = 50.0;
/// Short trials end when the highest rate that held and the lowest that did not differ by less.
const RANGE: f64 = 1.15;
/// Final trials differ by so much.
const CLOSE: f64 = 1.05;
/// Length of a trial that only looks for the range.
const SHORT: Duration = Duration::from_secs(15);
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
    /// Documents that all stages together were further behind at the end than at the beginning.
    pub lag_growth: i64,
    /// Seconds from the end until nothing was behind.
    pub drain_seconds: f64,
    /// The rate is sustained.
    pub sustained: bool,
    /// A trial of full length.
    pub is_final: bool,
}

impl Trial {
    /// It went on to its end, and the lags grew by less than twice what is allowed.
    fn is_narrow(&self, full: Duration) -> bool {
        self.seconds >= SHORT.as_secs_f64() && (self.lag_growth as f64) < 2.0 * bound(self.rate, full)
    }
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
    search.try_rate(FIRST / 2.0, SHORT).await?;
    let range = search.range().await?;
    search.settle_on(f64::max(range / CLOSE, LOWEST)).await?;
    Ok(search.trials)
}

/// The highest rate that a final trial sustained, documents a second.
#[must_use]
pub fn found(trials: &[Trial]) -> Option<f64> {
    trials.iter().filter(|trial| trial.sustained && trial.is_final).map(|trial| trial.rate).reduce(f64::max)
}

struct Search<'s, 'w> {
    watched: &'s mut Watched<'w>,
    /// Length of a trial that counts.
    full: Duration,
    trials: Vec<Trial>,
}

impl Search<'_, '_> {
    /// Short trials: the highest rate that they sustain.
    async fn range(&mut self) -> anyhow::Result<f64> {
        let (mut good, mut bad) = (0.0, f64::INFINITY);
        let mut rate = FIRST;
        while bad / f64::max(good, 1.0) > RANGE && rate >= LOWEST {
            let mut trial = self.try_rate(rate, SHORT).await?;
            // A checkpoint of a database in the wrong seconds must not keep the search below what is carried.
            if !trial.sustained && trial.is_narrow(self.full) {
                trial = self.try_rate(rate, SHORT).await?;
            }
            if trial.sustained {
                good = rate
            } else {
                bad = rate
            }
            self.trials.push(trial);
            rate = match (good > 0.0, bad.is_finite()) {
                (true, true) => f64::sqrt(good * bad),
                (true, false) => good * STEP,
                (false, _) => bad / STEP,
            };
        }
        Ok(f64::max(good, LOWEST))
    }

    /// Trials of full length: down from `rate` to one that is sustained, or up to one that is not.
    async fn settle_on(&mut self, mut rate: f64) -> anyhow::Result<()> {
        let (mut has_held, mut has_failed) = (false, false);
        while !(has_held && has_failed) && rate >= LOWEST {
            let trial = Trial { is_final: true, ..self.try_rate(rate, self.full).await? };
            let holds = trial.sustained;
            self.trials.push(trial);
            (has_held, has_failed) = (has_held || holds, has_failed || !holds);
            rate = if holds { rate * CLOSE } else { rate / CLOSE };
        }
        Ok(())
    }

    /// Lags of a steady load go up and down by a second or so. In a short trial that would be more than 1 %
    /// of the input; its bound is that of a full one, and it only looks for the range.
    async fn try_rate(&mut self, rate: f64, length: Duration) -> anyhow::Result<Trial> {
        let watched = &mut *self.watched;
        watched.say(&format!("trying {rate:.0} documents/s for {} s", length.as_secs()));
        let load = |duration| Load { rate, duration, offline: None, probes: PROBES };
        watched.load(load(WARM_UP)).await?;
        let before = watched.mean_behind();
        let mut left = length;
        let mut lag_growth = 0;
        let bound = bound(rate, self.full);
        // Without an early end, a rate that is far too high would leave a backlog of minutes.
        let hopeless = f64::max(rate * HOPELESS.as_secs_f64(), bound);
        while !left.is_zero() && (lag_growth as f64) < hopeless {
            let slice = left.min(SLICE);
            watched.load(load(slice)).await?;
            left -= slice;
            lag_growth = watched.mean_behind() - before;
        }
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
