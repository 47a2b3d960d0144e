//! What the fleet knows: its tills, its ledger, and what is on its way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Probe,
    connection::{Answer, Verdict},
    patience,
    plan::{Load, Picker, Settings, Storm},
    progress::{Counters, Progress, StormReport, microseconds},
    queues::{Pending, Queues},
    work::{Loading, Storming},
};
use crate::{
    document::{Body, Document},
    encode,
    ledger::{Ledger, State as Fate},
    product_key::ProductKey,
    random::{Random, mix},
    till::Till,
    truth,
    world::{PROBE_REGISTERS, World},
};

/// Reasons of final refusals that are kept for the report.
const MOST_REASONS: usize = 10;

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The hub answered.
    Answered(Answer),
    /// The connection could not be opened.
    Unreachable,
    /// The connection broke.
    Broken,
    /// No answer in time.
    TimedOut,
}

pub(super) struct State {
    pub world: Arc<World>,
    pub settings: Settings,
    pub random: Random,
    pub queues: Queues,
    pub ledger: Ledger,
    pub counters: Counters,
    /// Fresh documents: microseconds from the intended sending to the acknowledgement.
    pub fresh_us: Histogram<u64>,
    /// Documents of a backlog: microseconds from the first sending to the acknowledgement.
    pub backlog_us: Histogram<u64>,
    recent_us: Histogram<u64>,
    probes: Option<UnboundedSender<Probe>>,
    picker: Picker,
    tills: Vec<Till>,
    /// Documents of the load, the probes left out: the event clock runs with them.
    made: u64,
    probes_made: u64,
    open: u64,
    loading: Option<Loading>,
    storming: Option<Storming>,
    storm_report: Option<StormReport>,
}

impl State {
    pub fn new(world: Arc<World>, settings: Settings, probes: Option<UnboundedSender<Probe>>) -> Self {
        let registers = world.registers.len();
        Self {
            random: Random::of(&[world.seed, 0x9A17]),
            queues: Queues::new(registers, settings.per_register),
            ledger: Ledger::new(registers),
            counters: Counters::default(),
            fresh_us: microseconds(),
            backlog_us: microseconds(),
            recent_us: microseconds(),
            probes,
            picker: Picker::new(&world),
            tills: Till::all(&world),
            made: 0,
            probes_made: 0,
            open: 0,
            loading: None,
            storming: None,
            storm_report: None,
            world,
            settings,
        }
    }

    pub fn begin_load(&mut self, load: Load) {
        self.loading = Some(Loading::new(load));
    }

    pub fn begin_storm(&mut self, storm: Storm) {
        self.queues.set_bound(usize::MAX);
        self.storming = Some(Storming::new(storm));
    }

    /// True when all that was asked for was made.
    pub fn is_idle(&self) -> bool {
        self.loading.is_none() && self.storming.is_none()
    }

    /// What the last storm met with; once.
    pub fn take_storm_report(&mut self) -> Option<StormReport> {
        self.storm_report.take()
    }

    /// Documents and repeats that are not answered for good.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Makes what is due. Returns the number of documents that can be sent at once.
    pub fn tick(&mut self, now: Instant) -> usize {
        if let Some(mut loading) = self.loading.take()
            && loading.advance(self, now)
        {
            self.loading = Some(loading);
        }
        if let Some(mut storming) = self.storming.take() {
            if storming.advance(self, now) {
                self.storming = Some(storming);
            } else {
                self.queues.set_bound(self.settings.per_register);
                self.storm_report = Some(storming.end(self, now));
            }
        }
        self.queues.wake(now);
        self.queues.in_line()
    }

    /// Makes the next document of the load, to be sent at `due`.
    pub fn make_next(&mut self, due: Instant) {
        let register = self.picker.register(self.made);
        self.make(register, due);
        self.made += 1;
    }

    /// Makes a receipt of one of the probe registers and tells who watches for it.
    pub fn make_probe(&mut self, due: Instant) {
        let register = (self.world.registers.len() - 1 - self.probes_made as usize % PROBE_REGISTERS) as u32;
        self.probes_made += 1;
        let document = self.make(register, due);
        if let (Some(probes), Body::Receipt(receipt)) = (&self.probes, &document.body) {
            let seller = &self.world.registers[register as usize];
            let probe = Probe {
                receipt_id: truth::fiscal_id(&self.world, seller, document.number),
                tenant: self.world.tenant_of(seller).id.clone(),
                shop: self.world.shop_of(seller).id.clone(),
                product_key: ProductKey::of(&self.world, seller, receipt.items[0].good).text(&self.world),
                observed_at: document.at,
                due,
            };
            // Nobody watching any more is no reason to stop.
            probes.send(probe).unwrap_or_default();
        }
    }

    fn make(&mut self, register: u32, due: Instant) -> Document {
        let now = self.settings.clock.at(self.made);
        let document = self.tills[register as usize].next(&self.world, now);
        let place = self.ledger.enter(&document, now);
        self.counters.made += 1;
        self.open += 1;
        self.queues.push(Box::new(Pending {
            place,
            register,
            body: encode::document(&self.world, &document),
            document_id: encode::document_id(&self.world, &document).map(|id| percent(&id)),
            due,
            backlog: self.queues.is_offline(register),
            repeat: false,
            repeats_later: mix(&[self.world.seed, place.into(), 0x2E9]) % 1_000 < self.settings.repeats_per_mille,
            attempts: 0,
        }));
        document
    }

    /// The next document to send.
    pub fn take(&mut self) -> Option<Box<Pending>> {
        let mut pending = self.queues.take()?;
        if pending.backlog && pending.attempts == 0 {
            pending.due = Instant::now();
        }
        pending.attempts += 1;
        self.counters.requests += 1;
        self.note_under_way(&pending);
        Some(pending)
    }

    /// What carries no time counts from its reception: the check has to know when that may have been.
    fn note_under_way(&mut self, pending: &Pending) {
        if !self.world.registers[pending.register as usize].family.tells_time() {
            // The databases' seconds are rounded.
            let now = jiff::Timestamp::now().as_millisecond();
            self.ledger.note_under_way(pending.place, (now + 500).div_euclid(1_000));
        }
    }

    /// Notes what came of a request.
    pub fn landed(&mut self, pending: Box<Pending>, outcome: &Outcome) {
        let now = Instant::now();
        self.queues.landed(pending.register);
        self.note_under_way(&pending);
        if let Some(storming) = &mut self.storming {
            storming.note(&pending, outcome, now);
        }
        match outcome {
            Outcome::Answered(answer) => *self.counters.answers.entry(answer.status).or_default() += 1,
            Outcome::Unreachable => self.counters.unreachable += 1,
            Outcome::Broken => self.counters.broken += 1,
            Outcome::TimedOut => self.counters.timeouts += 1,
        }
        match outcome {
            Outcome::Answered(Answer { status: 200, verdict: Some(Verdict::Accepted), .. }) => {
                self.accepted(pending, now)
            }
            // 408: the hub gave up waiting for the request. 429 and 5xx: not now. All other refusals are final.
            Outcome::Answered(answer) if matches!(answer.status, 400..=499) && !matches!(answer.status, 408 | 429) => {
                self.rejected(&pending, answer);
            }
            other => {
                self.counters.retries += 1;
                if let Some(storming) = &mut self.storming {
                    storming.take_back(pending);
                    return;
                }
                let retry_after = match other {
                    Outcome::Answered(answer) => answer.retry_after,
                    _ => None,
                };
                let wait = patience::wait(pending.attempts, retry_after, &mut self.random);
                self.queues.postpone(now + wait, pending);
            }
        }
    }

    fn accepted(&mut self, mut pending: Box<Pending>, now: Instant) {
        let waited = now.saturating_duration_since(pending.due).as_micros() as u64;
        if !pending.repeat && self.ledger.acknowledge(pending.place, waited) {
            self.counters.acknowledged += 1;
            let histogram = if pending.backlog { &mut self.backlog_us } else { &mut self.fresh_us };
            histogram.saturating_record(waited);
            self.recent_us.saturating_record(waited);
        }
        if pending.repeats_later {
            (pending.repeats_later, pending.repeat, pending.attempts) = (false, true, 0);
            self.counters.repeats += 1;
            let longest = self.settings.repeats_within.as_millis() as u64;
            let wait = Duration::from_millis(self.random.between(longest / 16, longest));
            self.queues.postpone(now + wait, pending);
        } else {
            self.open -= 1;
        }
    }

    fn rejected(&mut self, pending: &Pending, answer: &Answer) {
        self.open -= 1;
        if !pending.repeat && self.ledger.entry(pending.place).state == Fate::Open {
            self.ledger.reject(pending.place);
            self.counters.rejected += 1;
        }
        if self.counters.reasons.len() < MOST_REASONS {
            let reason = answer.reason.as_deref().unwrap_or("no reason given");
            let register = &self.world.registers[pending.register as usize];
            self.counters.reasons.push(format!("{} from {}: {reason}", answer.status, register.id));
        }
    }

    /// Forgets the latencies so far.
    pub fn forget_latencies(&mut self) {
        self.fresh_us.reset();
        self.backlog_us.reset();
    }

    /// Shows how far the fleet is.
    pub fn show(&mut self, progress: &mut Progress) {
        progress.counters.clone_from(&self.counters);
        progress.open = self.open;
        progress.offline = self.queues.offline_documents() as u64;
        progress.in_flight = self.queues.in_flight() as u64;
        // Both have the same bounds, so adding cannot fail.
        progress.recent.add(&self.recent_us).unwrap_or_default();
        self.recent_us.reset();
    }
}

/// A text as a part of an address.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_of_a_document_fits_into_an_address() {
        assert_eq!(super::percent("ЧК-17/a b"), "%D0%A7%D0%9A-17%2Fa%20b");
    }
}
