//! `RATE=max`: the highest rate that is sustained, found in steps.
//!
//! A rate is sustained when over the time of the load the sum of all lags (documents without an acknowledgement
//! included) grows by less than 1 % of the input, and all of it is gone within 2 s after the end.

use std::time::Duration;

use serde::Serialize;

use crate::{demo::run::Watched, fleet::Load};

/// The first rate that is tried, documents a second.
const FIRST: f64 = 3_000.0;
/// Each further one is so much higher.
const STEP: f64 = 1.25;
/// Two rates that differ by less are one.
const CLOSE: f64 = 1.05;
/// Length of a trial that only looks for the range.
const SHORT: Duration = Duration::from_secs(15);
/// What a load needs to settle before the lags say something.
const WARM_UP: Duration = Duration::from_secs(5);
/// A rate whose lags have grown by the documents of so long is not sustained, whatever comes.
const HOPELESS: Duration = Duration::from_secs(4);
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

/// Looks for the highest sustained rate. The last trial of the answer that is sustained and final is it.
///
/// # Errors
/// When the fleet or a service stops working.
pub async fn search(watched: &mut Watched<'_>, full: Duration) -> anyhow::Result<Vec<Trial>> {
    let mut trials = Vec::new();
    // The brokers' and databases' first documents cost a multiple of the later ones.
    try_rate(watched, FIRST / 2.0, SHORT, full).await?;
    let (mut good, mut bad) = (0.0, f64::INFINITY);
    let mut rate = FIRST;
    while bad / f64::max(good, 1.0) > CLOSE {
        let trial = try_rate(watched, rate, SHORT, full).await?;
        if trial.sustained {
            good = rate
        } else {
            bad = rate
        }
        trials.push(trial);
        rate = match (good > 0.0, bad.is_finite()) {
            (true, true) => f64::sqrt(good * bad),
            (true, false) => good * STEP,
            (false, _) => bad / STEP / STEP,
        };
        if rate < 50.0 {
            return Ok(trials);
        }
    }
    // A minute is harder than fifteen seconds; where it is too hard, a little less.
    let mut rate = good / CLOSE / CLOSE;
    loop {
        let trial = try_rate(watched, rate, full, full).await?;
        let found = trial.sustained;
        trials.push(trial);
        rate /= CLOSE;
        if found || rate < FIRST / 4.0 {
            return Ok(trials);
        }
    }
}

/// Lags of a steady load go up and down by a second or so. In a short trial that would be more than 1 % of
/// the input; its bound is that of a full one, and it only looks for the range.
async fn try_rate(watched: &mut Watched<'_>, rate: f64, length: Duration, full: Duration) -> anyhow::Result<Trial> {
    watched.say(&format!("trying {rate:.0} documents/s for {} s", length.as_secs()));
    let load = |duration| Load { rate, duration, offline: None, probes: PROBES };
    watched.load(load(WARM_UP)).await?;
    let before = watched.mean_behind();
    let mut left = length;
    let mut lag_growth = 0;
    // Without an early end, a rate that is far too high would leave a backlog of minutes.
    while !left.is_zero() && (lag_growth as f64) < rate * HOPELESS.as_secs_f64() {
        let slice = left.min(WARM_UP);
        watched.load(load(slice)).await?;
        left -= slice;
        lag_growth = watched.mean_behind() - before;
    }
    let is_final = length == full;
    let length = length - left;
    let drain = watched.drain(Duration::from_secs(300)).await?;
    let sustained = left.is_zero() && (lag_growth as f64) < rate * full.as_secs_f64() / 100.0 && drain <= LONGEST_DRAIN;
    let trial = Trial {
        rate,
        seconds: length.as_secs_f64(),
        lag_growth,
        drain_seconds: drain.as_secs_f64(),
        sustained,
        is_final,
    };
    let verdict = if sustained { "sustained" } else { "too much" };
    watched
        .say(&format!("{rate:.0}/s is {verdict}: lags grew by {lag_growth}, drained in {:.1} s", drain.as_secs_f64()));
    Ok(trial)
}
