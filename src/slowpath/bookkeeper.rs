//! The thread beside the loop that has the bill on disk: the spool, and the local bill where no server
//! writes one. The loop gives it orders and never waits for it: what finds no room waits in the loop,
//! within its bounds.
//!
//! What is ordered is written at once, and survives a crash of the server from then on. It survives a
//! power cut `sync_interval` later at the most.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use std::{io, thread};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::bill_file::BillFile;
use super::spool_files::SpoolFiles;
use crate::aaa::accounting::spool::{Answer, Limits, Order, Recovered, Spool, SpoolStatus};

/// Orders and answers that wait for the other side.
const QUEUE_MAX: usize = 8192;
/// Orders that are carried out before what they did is written.
const BATCH_MAX: usize = 1024;
/// The thread looks around at most this often while nobody orders anything.
const IDLE_TIME_MIN: Duration = Duration::from_millis(100);

/// What is on disk.
pub struct Books {
    /// The bill until it is written down.
    pub spool: Option<Spool<SpoolFiles>>,
    /// The local bill.
    pub file: Option<BillFile>,
    /// How long what was written may not survive a power cut.
    pub sync_interval: Duration,
}

impl Books {
    /// Opens the spool in `folder`, and says what it holds.
    #[must_use]
    pub fn open_spool(folder: &Path, limits: Limits) -> (Spool<SpoolFiles>, Recovered) {
        let (mut spool, recovered) = Spool::open(SpoolFiles::new(folder), limits);
        let status = spool.status();
        if let Some(why) = &status.trouble {
            tracing::warn!(
                why,
                "the spool of the bill cannot be used: records wait in memory only"
            );
        }
        if status.torn_octets > 0 {
            let octets = status.torn_octets;
            tracing::warn!(octets, "cut off behind the last whole record of the spool");
        }
        if recovered.first_unsettled.is_some() || !recovered.unfinished.is_empty() {
            let (records, calls) = (status.records, recovered.unfinished.len());
            tracing::warn!(
                records,
                calls,
                "the spool holds records that nobody has written down, and calls that a crash has ended"
            );
        }
        spool.sync();
        (spool, recovered)
    }
}

/// How the books are.
#[derive(Clone, Debug, Default)]
pub struct BooksStatus {
    /// The spool, if there is one.
    pub spool: Option<SpoolStatus>,
    /// Lines in the local bill since the start, if there is one.
    pub lines: Option<u64>,
    /// Why the last line is not in the local bill, if it is not.
    pub file_trouble: Option<Box<str>>,
}

/// The loop's end of it.
pub struct Bookkeeper {
    orders: Option<Sender<Order>>,
    answers: Option<Receiver<Answer>>,
    status: Arc<Mutex<BooksStatus>>,
    thread: Option<JoinHandle<()>>,
}

impl Bookkeeper {
    /// Starts the thread; `wake` makes the loop call [`Self::poll_answer`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(books: Books, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (orders, todo) = bounded(QUEUE_MAX);
        let (said, answers) = bounded(QUEUE_MAX);
        let status = Arc::new(Mutex::new(status_of(&books)));
        let shared = Arc::clone(&status);
        let thread = thread::Builder::new()
            .name("pns-books".into())
            .spawn(move || keep(books, &todo, &said, &shared, &wake))?;
        Ok(Self {
            orders: Some(orders),
            answers: Some(answers),
            status,
            thread: Some(thread),
        })
    }

    /// Gives an order, unless so many wait that it comes back.
    ///
    /// # Errors
    /// The order.
    pub fn order(&self, order: Order) -> Result<(), Order> {
        let Some(orders) = &self.orders else {
            return Err(order);
        };
        orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(order) | TrySendError::Disconnected(order) => order,
        })
    }

    /// The next answer.
    #[must_use]
    pub fn poll_answer(&self) -> Option<Answer> {
        self.answers.as_ref()?.try_recv().ok()
    }

    /// How the books are.
    #[must_use]
    pub fn status(&self) -> BooksStatus {
        let status = self.status.lock();
        status.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was ordered is done before the server ends.
impl Drop for Bookkeeper {
    fn drop(&mut self) {
        self.answers = None;
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// The thread.
fn keep(
    mut books: Books,
    todo: &Receiver<Order>,
    said: &Sender<Answer>,
    status: &Mutex<BooksStatus>,
    wake: &dyn Fn(),
) {
    let mut synced = Instant::now();
    loop {
        let first = todo.recv_timeout(books.sync_interval.max(IDLE_TIME_MIN));
        let ended = matches!(first, Err(RecvTimeoutError::Disconnected));
        let orders = first.into_iter().chain(todo.try_iter().take(BATCH_MAX));
        let mut answers = Vec::new();
        for order in orders {
            answers.extend(carry_out(&mut books, order));
        }
        if let Some(spool) = &mut books.spool {
            spool.flush(unix_ms());
        }
        if ended || synced.elapsed() >= books.sync_interval {
            // The bill before the note that it is written.
            if let Some(file) = &mut books.file {
                file.sync();
            }
            if let Some(spool) = &mut books.spool {
                spool.sync();
            }
            synced = Instant::now();
        }
        tell_changes(status, status_of(&books));
        let any = !answers.is_empty();
        for answer in answers {
            // Nobody listens any more: what was ordered is still done.
            let _unheard = said.send(answer);
        }
        if any {
            wake();
        }
        if ended {
            return;
        }
    }
}

fn carry_out(books: &mut Books, order: Order) -> Option<Answer> {
    match (order, &mut books.spool, &mut books.file) {
        (
            Order::Append {
                number,
                record,
                held,
            },
            Some(spool),
            _,
        ) => {
            spool.append(number, &record, held);
            None
        }
        (Order::Settle(number), Some(spool), _) => {
            spool.settle(number);
            None
        }
        (Order::Load { from, until, most }, Some(spool), _) => {
            spool.flush(unix_ms());
            let (records, end) = spool.load(from, until, most);
            Some(Answer::Loaded { records, end })
        }
        (Order::Load { until, .. }, None, _) => Some(Answer::Loaded {
            records: Vec::new(),
            end: until,
        }),
        (Order::WriteLine { number, record }, _, file) => {
            let written = file.as_mut().is_some_and(|file| file.write(&record));
            Some(Answer::LineWritten { number, written })
        }
        (Order::Append { .. } | Order::Settle(_), None, _) => None,
    }
}

fn status_of(books: &Books) -> BooksStatus {
    BooksStatus {
        spool: books.spool.as_ref().map(Spool::status),
        lines: books.file.as_ref().map(BillFile::lines),
        file_trouble: books.file.as_ref().and_then(BillFile::trouble),
    }
}

/// Publishes how the books are; what is new and bad is told to the operator, once.
fn tell_changes(shared: &Mutex<BooksStatus>, now: BooksStatus) {
    let mut before = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let trouble = |status: &BooksStatus| {
        let spool = status.spool.as_ref();
        spool.and_then(|spool| spool.trouble.clone())
    };
    if let (None, Some(why)) = (trouble(&before), trouble(&now)) {
        tracing::warn!(
            why,
            "the disk does not take the spool of the bill: records wait in memory"
        );
    }
    if let (Some(_), None) = (trouble(&before), trouble(&now)) {
        tracing::info!("the disk takes the spool of the bill again");
    }
    if let (None, Some(why)) = (&before.file_trouble, &now.file_trouble) {
        tracing::warn!(why, "the local bill cannot be written: records wait");
    }
    let lost = |status: &BooksStatus| {
        let spool = status.spool.as_ref();
        spool.map_or(0, |spool| spool.drops.iter().sum::<u64>())
    };
    if lost(&before) == 0 && lost(&now) > 0 {
        tracing::warn!("records leave the spool unwritten; see `pns show accounting`");
    }
    *before = now;
}

fn unix_ms() -> u64 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(unix.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
