//! The documents that wait: one queue for each register, and those that wait for a moment to come.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    time::Instant,
};

/// A document on its way; dropped with its last answer.
#[derive(Debug)]
pub(super) struct Pending {
    /// Place in the ledger.
    pub place: u32,
    /// Index of the register.
    pub register: u32,
    /// Its bytes.
    pub body: Vec<u8>,
    /// What it is called beside its bytes, ready for an address.
    pub document_id: Option<String>,
    /// When it was meant to be sent; a document of the backlog: when it was sent first.
    pub due: Instant,
    /// Made while the register was cut off.
    pub backlog: bool,
    /// Acknowledged already: sent once more.
    pub repeat: bool,
    /// To be sent once more after its acknowledgement.
    pub repeats_later: bool,
    /// Attempts so far.
    pub attempts: u32,
}

#[derive(Debug, Default)]
struct Queue {
    /// Fresh documents go first: somebody looks at them.
    fresh: VecDeque<Box<Pending>>,
    backlog: VecDeque<Box<Pending>>,
    in_flight: usize,
    /// Times that the register stands in the line of those who may send.
    in_line: usize,
    offline: bool,
}

#[derive(Debug)]
struct Later {
    at: Instant,
    pending: Box<Pending>,
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    /// The earliest is the greatest: the heap gives it out first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

/// All documents that wait.
#[derive(Debug)]
pub(super) struct Queues {
    of: Vec<Queue>,
    line: VecDeque<u32>,
    later: BinaryHeap<Later>,
    per_register: usize,
    in_flight: usize,
    closed: bool,
}

impl Queues {
    /// Queues for so many registers, each with at most `per_register` documents under way.
    pub fn new(registers: usize, per_register: usize) -> Self {
        let of = (0..registers).map(|_| Queue::default()).collect();
        Self {
            of,
            line: VecDeque::new(),
            later: BinaryHeap::new(),
            per_register: per_register.max(1),
            in_flight: 0,
            closed: false,
        }
    }

    /// Changes how many documents of a register may be under way.
    pub fn set_bound(&mut self, per_register: usize) {
        self.per_register = per_register.max(1);
        (0..self.of.len() as u32).for_each(|register| self.line_up(register));
    }

    /// Puts a document into the queue of its register.
    pub fn push(&mut self, pending: Box<Pending>) {
        let register = pending.register;
        let queue = &mut self.of[register as usize];
        if pending.backlog {
            queue.backlog.push_back(pending)
        } else {
            queue.fresh.push_back(pending)
        }
        self.line_up(register);
    }

    /// Holds a document back until `at`.
    pub fn postpone(&mut self, at: Instant, pending: Box<Pending>) {
        self.later.push(Later { at, pending });
    }

    /// Puts the documents whose moment has come into their queues.
    pub fn wake(&mut self, now: Instant) {
        while self.later.peek().is_some_and(|later| later.at <= now) {
            if let Some(later) = self.later.pop() {
                self.push(later.pending);
            }
        }
    }

    /// The next document of the next register in line.
    pub fn take(&mut self) -> Option<Box<Pending>> {
        while let Some(register) = self.line.pop_front().filter(|_| !self.closed) {
            let queue = &mut self.of[register as usize];
            queue.in_line -= 1;
            if queue.offline {
                continue;
            }
            if let Some(pending) = queue.fresh.pop_front().or_else(|| queue.backlog.pop_front()) {
                queue.in_flight += 1;
                self.in_flight += 1;
                return Some(pending);
            }
        }
        None
    }

    /// Gives out no document any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// A document of this register is not under way any more.
    pub fn landed(&mut self, register: u32) {
        self.of[register as usize].in_flight -= 1;
        self.in_flight -= 1;
        self.line_up(register);
    }

    /// Cuts a register off, or lets it send all that it has collected.
    pub fn set_offline(&mut self, register: u32, offline: bool) {
        self.of[register as usize].offline = offline;
        self.line_up(register);
    }

    /// Whether a register is cut off.
    pub fn is_offline(&self, register: u32) -> bool {
        self.of[register as usize].offline
    }

    /// Documents that could be sent at once.
    pub fn in_line(&self) -> usize {
        self.line.len()
    }

    /// Documents under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Documents of registers that are cut off.
    pub fn offline_documents(&self) -> usize {
        self.of.iter().filter(|queue| queue.offline).map(|queue| queue.fresh.len() + queue.backlog.len()).sum()
    }

    /// All documents that wait, taken out.
    pub fn take_all(&mut self) -> VecDeque<Box<Pending>> {
        self.line.clear();
        let mut all: VecDeque<_> = self.later.drain().map(|later| later.pending).collect();
        for queue in &mut self.of {
            queue.in_line = 0;
            all.extend(queue.fresh.drain(..).chain(queue.backlog.drain(..)));
        }
        all
    }

    fn line_up(&mut self, register: u32) {
        let queue = &mut self.of[register as usize];
        let waiting = queue.fresh.len() + queue.backlog.len();
        while !queue.offline && queue.in_line < waiting && queue.in_line + queue.in_flight < self.per_register {
            queue.in_line += 1;
            self.line.push_back(register);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pending(register: u32, place: u32, backlog: bool) -> Box<Pending> {
        Box::new(Pending {
            place,
            register,
            body: Vec::new(),
            document_id: None,
            due: Instant::now(),
            backlog,
            repeat: false,
            repeats_later: false,
            attempts: 0,
        })
    }

    fn taken(queues: &mut Queues) -> Vec<u32> {
        std::iter::from_fn(|| queues.take()).map(|pending| pending.place).collect()
    }

    #[test]
    fn registers_take_turns_and_each_has_a_bound() {
        let mut queues = Queues::new(2, 2);
        for place in 0..6 {
            queues.push(pending(place / 3, place, false));
        }
        assert_eq!(taken(&mut queues), [0, 1, 3, 4]);
        queues.landed(1);
        assert_eq!(taken(&mut queues), [5]);
        queues.landed(0);
        queues.landed(0);
        assert_eq!(taken(&mut queues), [2]);
    }

    #[test]
    fn a_register_that_is_cut_off_keeps_its_documents() {
        let mut queues = Queues::new(1, 4);
        queues.push(pending(0, 1, false));
        queues.set_offline(0, true);
        queues.push(pending(0, 2, true));
        assert_eq!((queues.take().is_none(), queues.offline_documents()), (true, 2));
        queues.set_offline(0, false);
        queues.push(pending(0, 3, false));
        assert_eq!(taken(&mut queues), [1, 3, 2]);
    }

    #[test]
    fn postponed_documents_come_back_in_order() {
        let mut queues = Queues::new(1, 9);
        let now = Instant::now();
        for (place, milliseconds) in [(1, 30), (2, 10), (3, 20), (4, 99)] {
            queues.postpone(now + Duration::from_millis(milliseconds), pending(0, place, false));
        }
        queues.wake(now + Duration::from_millis(30));
        assert_eq!(taken(&mut queues), [2, 3, 1]);
        assert_eq!(queues.take_all().len(), 1);
    }
}
