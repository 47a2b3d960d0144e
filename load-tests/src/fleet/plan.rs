//! What the fleet is asked to do.

use std::time::Duration;

use crate::{random::mix, world::World};

/// How the fleet talks to the hub.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host:port` of the hub.
    pub target: String,
    /// Token of each register, in the order of [`World::registers`].
    pub tokens: Vec<String>,
    /// Connections, kept open and used in turn.
    pub connections: usize,
    /// Most documents of one register that are under way at the same time.
    pub per_register: usize,
    /// After so long without an answer, none is expected any more.
    pub timeout: Duration,
    /// Documents that are sent a second time although they were acknowledged, of 1,000.
    pub repeats_per_mille: u64,
    /// They are sent again within so long of their acknowledgement.
    pub repeats_within: Duration,
    /// The time that documents carry.
    pub clock: EventClock,
}

impl Settings {
    /// Usual [`Settings::repeats_within`]: longer than the normalizer needs to have seen the first copy.
    pub const REPEATS_WITHIN: Duration = Duration::from_secs(5);
}

/// The time that documents carry: it runs with the number of documents made, not with the clock on the wall,
/// so the same seed makes the same documents at any rate.
///
/// In a run of a minute the fleet lives through hours of trade: shifts change, prices change.
#[derive(Debug, Clone, Copy)]
pub struct EventClock {
    /// Time of the first document, seconds of Unix time.
    pub start: i64,
    /// Time between two documents of the fleet, seconds.
    pub step: f64,
    /// No document carries a later time.
    pub end: i64,
}

impl EventClock {
    /// Seconds between two documents of a register of a busy shop.
    const PACE: f64 = 60.0;
    /// Registers must deliver within 30 days.
    const LONGEST_SPAN: f64 = 25.0 * 86_400.0;

    /// A clock that reaches `end` (seconds of Unix time) with the last of so many documents.
    #[must_use]
    pub fn ending(end: i64, documents: u64, registers: usize) -> Self {
        let documents = documents.max(1) as f64;
        let span = (documents * Self::PACE / registers.max(1) as f64).clamp(1.0, Self::LONGEST_SPAN);
        Self { start: end - span as i64, step: span / documents, end }
    }

    /// The time of the document with this number, counted from 0.
    #[must_use]
    pub fn at(&self, document: u64) -> i64 {
        (self.start + (document as f64 * self.step) as i64).min(self.end)
    }
}

/// A stretch of documents at a steady rate. Late ones are not skipped.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Documents a second of all registers together.
    pub rate: f64,
    /// How long.
    pub duration: Duration,
    /// Registers that are cut off for a while.
    pub offline: Option<Offline>,
    /// Probe receipts a second, beside `rate`.
    pub probes: f64,
}

/// A cut of the line between some registers and the hub. They go on making documents, and send them all at once when the line is back.
#[derive(Debug, Clone, Copy)]
pub struct Offline {
    /// Registers concerned, of 1,000.
    pub per_mille: u64,
    /// When the line breaks, from the start of the load.
    pub from: Duration,
    /// When it is back.
    pub until: Duration,
}

impl Offline {
    /// Whether this register is one of those concerned.
    #[must_use]
    pub fn concerns(&self, world: &World, register: u32) -> bool {
        !world.registers[register as usize].probe
            && mix(&[world.seed, u64::from(register), 0x0FF]) % 1_000 < self.per_mille
    }
}

/// Registers that lost patience: attempts at a steady rate, refused documents among them again and again, without any waiting.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// Attempts a second.
    pub rate: f64,
    /// How long.
    pub duration: Duration,
    /// Most documents that wait for an acknowledgement; more are not made, refused ones are sent again instead.
    pub documents: usize,
}

/// Picks the register that makes the next document; busy ones more often.
#[derive(Debug)]
pub struct Picker {
    seed: u64,
    /// Running sums of the weights.
    sums: Vec<u64>,
}

impl Picker {
    /// Weighs the registers of a world.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let sums = world.registers.iter().scan(0, |sum, register| {
            *sum += u64::from(register.weight);
            Some(*sum)
        });
        Self { seed: world.seed, sums: sums.collect() }
    }

    /// The register that makes the document with this number.
    #[must_use]
    pub fn register(&self, document: u64) -> u32 {
        let all = self.sums.last().copied().unwrap_or(1).max(1);
        let point = mix(&[self.seed, document, 0x9EC]) % all;
        self.sums.partition_point(|sum| *sum <= point) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_time_runs_with_the_documents_and_ends_in_the_past() {
        let clock = EventClock::ending(2_000_000, 60_000, 300);
        assert_eq!((clock.at(0), clock.at(60_000), clock.at(90_000)), (1_988_000, 2_000_000, 2_000_000));
        assert!((0..60_000).all(|document| clock.at(document) <= clock.at(document + 1)));
        // However much is asked for, no document is older than a register may keep it.
        assert!(EventClock::ending(2_000_000_000, 100_000_000, 300).start >= 2_000_000_000 - 25 * 86_400);
    }

    #[test]
    fn probes_are_never_picked_and_all_others_are() {
        let world = World::new(5, 30);
        let picker = Picker::new(&world);
        let mut made = vec![0; world.registers.len()];
        for document in 0..30_000 {
            made[picker.register(document) as usize] += 1;
        }
        for (register, made) in world.registers.iter().zip(made) {
            assert_eq!(register.probe, made == 0);
        }
    }
}
