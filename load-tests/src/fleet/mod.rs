//! The fleet at work: many registers over a set number of connections, with the patience of real ones.
//!
//! Documents are made when they are due, whatever the hub does; late ones are sent late, never skipped, and
//! their latency counts from the moment at which they were meant to be sent. All of it runs on one thread of
//! its own: the fleet shares its machine with what it measures.

mod connection;
mod patience;
mod plan;
mod progress;
mod queues;
mod state;
mod work;

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::LocalSet,
    time::{MissedTickBehavior, interval, timeout},
};

pub use plan::{EventClock, Load, Offline, Settings, Storm};
pub use progress::{Counters, Progress, StormReport, microseconds, milliseconds};

use crate::{ledger::Ledger, world::World};
use connection::{Connection, NoAnswer};
use state::{Outcome, State};

/// A receipt to watch for in the databases.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its id.
    pub receipt_id: String,
    /// Id of its tenant.
    pub tenant: String,
    /// Name of its shop.
    pub shop: String,
    /// Key of the only product that it sells.
    pub product_key: String,
    /// Its event time, seconds of Unix time.
    pub observed_at: i64,
    /// When it was meant to be sent.
    pub due: Instant,
}

/// What the fleet did, when it is over.
#[derive(Debug)]
pub struct Record {
    /// Every document with its answer.
    pub ledger: Ledger,
    /// Counts.
    pub counters: Counters,
    /// Fresh documents: microseconds from the intended sending to the acknowledgement.
    pub fresh_us: Histogram<u64>,
    /// Documents of a backlog: microseconds from the first sending to the acknowledgement.
    pub backlog_us: Histogram<u64>,
}

/// The fleet's thread has ended before its time; it does so only when it panics.
#[derive(Debug, thiserror::Error)]
#[error("the fleet has stopped working")]
pub struct Stopped;

enum Command {
    Load(Load, oneshot::Sender<()>),
    Storm(Storm, oneshot::Sender<StormReport>),
    Settle(Instant, oneshot::Sender<u64>),
    Forget,
    End,
}

/// A fleet at work.
#[derive(Debug)]
pub struct Fleet {
    commands: mpsc::UnboundedSender<Command>,
    progress: Arc<Mutex<Progress>>,
    thread: JoinHandle<io::Result<Record>>,
}

impl Fleet {
    /// Starts the fleet; it does nothing until it is told to. Probe receipts are announced on `probes`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        world: Arc<World>,
        settings: Settings,
        probes: Option<mpsc::UnboundedSender<Probe>>,
    ) -> io::Result<Self> {
        let (commands, orders) = mpsc::unbounded_channel();
        let progress = Arc::new(Mutex::new(Progress::default()));
        let shown = progress.clone();
        let thread = std::thread::Builder::new().name("fleet".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(LocalSet::new().block_on(&runtime, run(State::new(world, settings, probes), orders, shown)))
        })?;
        Ok(Self { commands, progress, thread })
    }

    /// Makes a steady load; returns when its time is over, whatever is still open.
    ///
    /// # Errors
    /// When the fleet has stopped.
    pub async fn load(&self, load: Load) -> Result<(), Stopped> {
        let (done, finished) = oneshot::channel();
        self.commands.send(Command::Load(load, done)).map_err(|_| Stopped)?;
        finished.await.map_err(|_| Stopped)
    }

    /// Lets the registers lose patience for a while.
    ///
    /// # Errors
    /// When the fleet has stopped.
    pub async fn storm(&self, storm: Storm) -> Result<StormReport, Stopped> {
        let (done, finished) = oneshot::channel();
        self.commands.send(Command::Storm(storm, done)).map_err(|_| Stopped)?;
        finished.await.map_err(|_| Stopped)
    }

    /// Waits until every document has its final answer, or for `longest`. Returns the documents and repeats that are still open.
    ///
    /// # Errors
    /// When the fleet has stopped.
    pub async fn settle(&self, longest: Duration) -> Result<u64, Stopped> {
        let (done, finished) = oneshot::channel();
        self.commands.send(Command::Settle(Instant::now() + longest, done)).map_err(|_| Stopped)?;
        finished.await.map_err(|_| Stopped)
    }

    /// Forgets the latencies so far: what comes now is measured.
    ///
    /// # Errors
    /// When the fleet has stopped.
    pub fn forget_latencies(&self) -> Result<(), Stopped> {
        self.commands.send(Command::Forget).map_err(|_| Stopped)
    }

    /// How far the fleet is. `recent` starts anew.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = progress.clone();
        progress.recent.reset();
        shown
    }

    /// Counts so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).counters.clone()
    }

    /// Ends the fleet and hands out its record.
    ///
    /// # Errors
    /// When the fleet has stopped before.
    pub fn end(self) -> Result<Record, Stopped> {
        self.commands.send(Command::End).map_err(|_| Stopped)?;
        self.thread.join().map_err(|_| Stopped)?.map_err(|_| Stopped)
    }
}

/// Status of the answer to a `GET`; `None` where there is none within a second.
pub async fn status_of(address: &str, path: &str) -> Option<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let asked = async { Connection::open(address).await.ok()?.exchange(request.as_bytes()).await.ok() };
    timeout(Duration::from_secs(1), asked).await.ok().flatten().map(|answer| answer.status)
}

struct Shared {
    state: RefCell<State>,
    /// Rung once for each document that can be sent.
    bell: Notify,
    heads: Vec<Head>,
}

/// What the requests of a register begin with.
struct Head {
    /// The method and the address.
    line: String,
    /// The rest, up to the value of `Content-Length`.
    headers: String,
}

async fn run(state: State, mut orders: mpsc::UnboundedReceiver<Command>, shown: Arc<Mutex<Progress>>) -> Record {
    let shared = Rc::new(Shared { heads: heads(&state), bell: Notify::new(), state: RefCell::new(state) });
    let connections = shared.state.borrow().settings.connections;
    let workers: Vec<_> = (0..connections).map(|_| tokio::task::spawn_local(work(shared.clone()))).collect();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut loading = None;
    let mut storming = None;
    let mut settling: Vec<(Instant, oneshot::Sender<u64>)> = Vec::new();
    let mut show_at = Instant::now();
    let mut ending = false;
    loop {
        ticks.tick().await;
        let now = Instant::now();
        match orders.try_recv() {
            Ok(Command::Load(load, done)) => {
                shared.state.borrow_mut().begin_load(load);
                loading = Some(done);
            }
            Ok(Command::Storm(storm, done)) => {
                shared.state.borrow_mut().begin_storm(storm);
                storming = Some(done);
            }
            Ok(Command::Settle(until, done)) => settling.push((until, done)),
            Ok(Command::Forget) => shared.state.borrow_mut().forget_latencies(),
            Ok(Command::End) | Err(mpsc::error::TryRecvError::Disconnected) => {
                ending = true;
                shared.state.borrow_mut().queues.close();
            }
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
        let mut state = shared.state.borrow_mut();
        (0..state.tick(now).min(connections)).for_each(|_| shared.bell.notify_one());
        // Whoever asked may have gone away; that is its own affair.
        if state.is_idle()
            && let Some(done) = loading.take()
        {
            done.send(()).unwrap_or_default();
        }
        if let Some(report) = state.take_storm_report()
            && let Some(done) = storming.take()
        {
            done.send(report).unwrap_or_default();
        }
        let open = state.open();
        for (_, done) in settling.extract_if(.., |(until, _)| open == 0 || *until <= now) {
            done.send(open).unwrap_or_default();
        }
        if show_at <= now {
            state.show(&mut shown.lock().unwrap_or_else(PoisonError::into_inner));
            show_at = now + Duration::from_millis(100);
        }
        // What is under way is waited for: each request ends, if only by its own time limit.
        if ending && state.queues.in_flight() == 0 {
            break;
        }
    }
    workers.iter().for_each(tokio::task::JoinHandle::abort);
    let mut state = shared.state.borrow_mut();
    Record {
        ledger: std::mem::replace(&mut state.ledger, Ledger::new(0)),
        counters: std::mem::take(&mut state.counters),
        fresh_us: state.fresh_us.clone(),
        backlog_us: state.backlog_us.clone(),
    }
}

fn heads(state: &State) -> Vec<Head> {
    let settings = &state.settings;
    let registers = state.world.registers.iter().zip(&settings.tokens);
    registers
        .map(|(register, token)| Head {
            line: format!("POST /v1/registers/{}/documents?format={}", register.id, register.family.name()),
            headers: format!(
                " HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: {}\r\nContent-Length: ",
                settings.target,
                register.family.content_type(),
            ),
        })
        .collect()
}

/// One connection, for as long as the fleet works.
async fn work(shared: Rc<Shared>) {
    let (target, longest) = {
        let state = shared.state.borrow();
        (state.settings.target.clone(), state.settings.timeout)
    };
    let mut connection = None;
    let mut request = Vec::with_capacity(8 * 1024);
    loop {
        let taken = shared.state.borrow_mut().take();
        let Some(pending) = taken else {
            shared.bell.notified().await;
            continue;
        };
        request.clear();
        let head = &shared.heads[pending.register as usize];
        request.extend_from_slice(head.line.as_bytes());
        if let Some(id) = &pending.document_id {
            request.extend_from_slice(format!("&document_id={id}").as_bytes());
        }
        request.extend_from_slice(head.headers.as_bytes());
        request.extend_from_slice(format!("{}\r\n\r\n", pending.body.len()).as_bytes());
        request.extend_from_slice(&pending.body);
        let outcome = match timeout(longest, exchange(&mut connection, &target, &request)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::TimedOut,
        };
        if !matches!(&outcome, Outcome::Answered(answer) if !answer.closes) {
            connection = None;
        }
        shared.state.borrow_mut().landed(pending, &outcome);
    }
}

async fn exchange(connection: &mut Option<Connection>, target: &str, request: &[u8]) -> Outcome {
    let connection = match connection {
        Some(connection) => connection,
        None => match Connection::open(target).await {
            Ok(opened) => connection.insert(opened),
            Err(_) => return Outcome::Unreachable,
        },
    };
    match connection.exchange(request).await {
        Ok(answer) => Outcome::Answered(answer),
        Err(NoAnswer::Lost(_) | NoAnswer::Unreadable(_)) => Outcome::Broken,
    }
}
