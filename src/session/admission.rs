//! Limits that are checked before anything expensive is done for a client: how many control
//! connections and calls there may be, in all and from one address.
//!
//! What was admitted is held as a permit and counted off when the permit is dropped, so no way to
//! end a session can forget it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::counted_enum;

/// How much is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Control connections in all.
    pub control_connections_max: usize,
    /// Control connections from one address.
    pub control_connections_per_source_max: usize,
    /// Control connections in all that are not established yet.
    pub half_open_max: usize,
    /// Calls in all.
    pub calls_max: usize,
    /// Calls from one address; many clients may share one behind a NAT.
    pub calls_per_source_max: usize,
}

counted_enum! {
    /// Why something was not admitted.
    pub enum AdmissionRefusal {
        /// `control_connections_max` is reached.
        ControlConnections => "control_connections",
        /// `control_connections_per_source_max` is reached.
        ControlConnectionsPerSource => "control_connections_per_source",
        /// `half_open_max` is reached.
        HalfOpen => "half_open",
        /// `calls_max` is reached.
        Calls => "calls",
        /// `calls_per_source_max` is reached.
        CallsPerSource => "calls_per_source",
    }
}

/// What is admitted at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdmissionCounts {
    /// Control connections.
    pub control_connections: usize,
    /// Those of them that are not established yet.
    pub half_open: usize,
    /// Calls.
    pub calls: usize,
    /// Addresses that have any of them.
    pub sources: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct SourceCounts {
    control_connections: usize,
    calls: usize,
}

#[derive(Debug)]
struct Book {
    limits: AdmissionLimits,
    counts: AdmissionCounts,
    /// Only addresses that have something: as bounded as the totals.
    sources: BTreeMap<Ipv4Addr, SourceCounts>,
    refusals: [u64; AdmissionRefusal::COUNT],
}

impl Book {
    fn source(&self, source: Ipv4Addr) -> SourceCounts {
        self.sources.get(&source).copied().unwrap_or_default()
    }

    fn set_source(&mut self, source: Ipv4Addr, counts: SourceCounts) {
        if counts.control_connections == 0 && counts.calls == 0 {
            self.sources.remove(&source);
        } else {
            self.sources.insert(source, counts);
        }
    }

    fn check(&mut self, full: bool, refusal: AdmissionRefusal) -> Result<(), AdmissionRefusal> {
        if !full {
            return Ok(());
        }
        if let Some(count) = self.refusals.get_mut(refusal.index()) {
            *count = count.saturating_add(1);
        }
        Err(refusal)
    }
}

/// The one place that knows how much is admitted.
#[derive(Clone, Debug)]
pub struct Admission {
    book: Arc<Mutex<Book>>,
}

impl Admission {
    /// Nothing is admitted yet.
    #[must_use]
    pub fn new(limits: AdmissionLimits) -> Self {
        let book = Book {
            limits,
            counts: AdmissionCounts::default(),
            sources: BTreeMap::new(),
            refusals: [0; AdmissionRefusal::COUNT],
        };
        Self {
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// Replaces the limits. Nothing that is admitted is ended by that.
    pub fn set_limits(&self, limits: AdmissionLimits) {
        lock(&self.book).limits = limits;
    }

    /// Admits a control connection that was just accepted; it counts as half open until
    /// [`ConnectionPermit::established`].
    ///
    /// # Errors
    /// Says which limit is reached; each refusal is counted.
    pub fn admit_connection(&self, source: Ipv4Addr) -> Result<ConnectionPermit, AdmissionRefusal> {
        let mut book = lock(&self.book);
        let (limits, counts, of_source) = (book.limits, book.counts, book.source(source));
        book.check(
            of_source.control_connections >= limits.control_connections_per_source_max,
            AdmissionRefusal::ControlConnectionsPerSource,
        )?;
        book.check(
            counts.control_connections >= limits.control_connections_max,
            AdmissionRefusal::ControlConnections,
        )?;
        book.check(
            counts.half_open >= limits.half_open_max,
            AdmissionRefusal::HalfOpen,
        )?;
        book.counts.control_connections += 1;
        book.counts.half_open += 1;
        let control_connections = of_source.control_connections + 1;
        book.set_source(
            source,
            SourceCounts {
                control_connections,
                ..of_source
            },
        );
        drop(book);
        Ok(ConnectionPermit {
            book: Arc::clone(&self.book),
            source,
            half_open: true,
        })
    }

    /// What is admitted at the moment.
    #[must_use]
    pub fn counts(&self) -> AdmissionCounts {
        let book = lock(&self.book);
        AdmissionCounts {
            sources: book.sources.len(),
            ..book.counts
        }
    }

    /// How often this was the reason to refuse.
    #[must_use]
    pub fn refused(&self, refusal: AdmissionRefusal) -> u64 {
        lock(&self.book)
            .refusals
            .get(refusal.index())
            .copied()
            .unwrap_or_default()
    }
}

/// A control connection that was admitted, for as long as this lives.
#[derive(Debug)]
#[must_use = "dropping the permit gives the place back"]
pub struct ConnectionPermit {
    book: Arc<Mutex<Book>>,
    source: Ipv4Addr,
    half_open: bool,
}

impl ConnectionPermit {
    /// The control connection is established, and so no longer half open.
    pub fn established(&mut self) {
        if std::mem::take(&mut self.half_open) {
            let mut book = lock(&self.book);
            book.counts.half_open = book.counts.half_open.saturating_sub(1);
        }
    }

    /// Admits a call of this control connection. The permit of the call may outlive this one.
    ///
    /// # Errors
    /// Says which limit is reached; each refusal is counted.
    pub fn admit_call(&self) -> Result<CallPermit, AdmissionRefusal> {
        let mut book = lock(&self.book);
        let (limits, counts, of_source) = (book.limits, book.counts, book.source(self.source));
        book.check(
            of_source.calls >= limits.calls_per_source_max,
            AdmissionRefusal::CallsPerSource,
        )?;
        book.check(counts.calls >= limits.calls_max, AdmissionRefusal::Calls)?;
        book.counts.calls += 1;
        let calls = of_source.calls + 1;
        book.set_source(self.source, SourceCounts { calls, ..of_source });
        drop(book);
        Ok(CallPermit {
            book: Arc::clone(&self.book),
            source: self.source,
        })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.established();
        let mut book = lock(&self.book);
        book.counts.control_connections = book.counts.control_connections.saturating_sub(1);
        let mut of_source = book.source(self.source);
        of_source.control_connections = of_source.control_connections.saturating_sub(1);
        book.set_source(self.source, of_source);
    }
}

/// A call that was admitted, for as long as this lives.
#[derive(Debug)]
#[must_use = "dropping the permit gives the place back"]
pub struct CallPermit {
    book: Arc<Mutex<Book>>,
    source: Ipv4Addr,
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut book = lock(&self.book);
        book.counts.calls = book.counts.calls.saturating_sub(1);
        let mut of_source = book.source(self.source);
        of_source.calls = of_source.calls.saturating_sub(1);
        book.set_source(self.source, of_source);
    }
}

/// Nothing that holds the lock can leave the book half written, so a panic elsewhere is no reason
/// to stop counting.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "admission/tests.rs"]
mod tests;
