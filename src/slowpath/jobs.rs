//! Blocking work beside the event loop: disk, DNS, long computations. A value goes in with the work,
//! a value comes out; nothing is shared with the loop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{io, thread};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

/// Names a job until its result is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(u64);

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It returned this.
    Done(T),
    /// It panicked; the panic message is on standard error.
    Panicked,
}

/// As many jobs as allowed are under way: try again after a result has been fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// A few threads that run jobs returning `T`. Dropping the pool lets jobs under way finish unheard;
/// it does not wait for them.
pub struct JobPool<T> {
    work: Sender<(JobId, Work<T>)>,
    results: Receiver<(JobId, Outcome<T>)>,
    next: u64,
    outstanding: usize,
    capacity: usize,
}

impl<T: Send + 'static> JobPool<T> {
    /// Starts `threads` threads (at least one) for at most `capacity` jobs under way. `wake` is called
    /// from a pool thread after each job: it makes the loop call [`Self::poll_output`].
    ///
    /// # Errors
    ///
    /// When a thread cannot be started.
    pub fn new(
        threads: usize,
        capacity: usize,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let capacity = capacity.max(1);
        // As long as the number of jobs is bounded, neither channel can be full.
        let (work, todo) = bounded::<(JobId, Work<T>)>(capacity);
        let (done, results) = bounded(capacity);
        let wake = Arc::new(wake);
        for number in 0..threads.max(1) {
            let (todo, done, wake) = (todo.clone(), done.clone(), Arc::clone(&wake));
            thread::Builder::new()
                .name(format!("pns-job-{number}"))
                .spawn(move || {
                    for (id, work) in todo {
                        // The result alone leaves the job, so nothing half-done can be seen.
                        let outcome = match catch_unwind(AssertUnwindSafe(work)) {
                            Ok(value) => Outcome::Done(value),
                            Err(_) => Outcome::Panicked,
                        };
                        if done.send((id, outcome)).is_err() {
                            return;
                        }
                        wake();
                    }
                })?;
        }
        Ok(Self {
            work,
            results,
            next: 0,
            outstanding: 0,
            capacity,
        })
    }

    /// Gives a job to the pool. Jobs begin in this order, and end in any.
    ///
    /// # Errors
    ///
    /// [`Busy`] if `capacity` jobs are under way; the job is dropped.
    pub fn submit(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Result<JobId, Busy> {
        if self.outstanding >= self.capacity {
            return Err(Busy);
        }
        let id = JobId(self.next);
        match self.work.try_send((id, Box::new(work))) {
            Ok(()) => {
                self.next += 1;
                self.outstanding += 1;
                Ok(id)
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }

    /// The next result.
    pub fn poll_output(&mut self) -> Option<(JobId, Outcome<T>)> {
        let result = self.results.try_recv().ok()?;
        self.outstanding = self.outstanding.saturating_sub(1);
        Some(result)
    }

    /// How many jobs are under way, or done and not fetched.
    #[must_use]
    pub const fn outstanding(&self) -> usize {
        self.outstanding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam::channel::unbounded;
    use std::time::Duration;

    const WAIT: Duration = Duration::from_secs(10);

    fn pool(threads: usize, capacity: usize) -> (JobPool<u32>, Receiver<()>) {
        let (wake, woken) = unbounded();
        let pool = JobPool::new(threads, capacity, move || wake.send(()).unwrap()).unwrap();
        (pool, woken)
    }

    #[test]
    fn values_come_back_with_the_name_of_their_job_and_the_loop_is_woken_for_each() {
        let (mut pool, woken) = pool(2, 8);
        let mut expected = Vec::new();
        for value in 0..8 {
            expected.push((
                pool.submit(move || value * 2).unwrap(),
                Outcome::Done(value * 2),
            ));
        }
        let mut found = Vec::new();
        for _ in 0..8 {
            woken.recv_timeout(WAIT).unwrap();
            found.extend(pool.poll_output());
        }
        found.sort_by_key(|(id, _)| *id);
        assert_eq!(found, expected);
        assert_eq!(pool.outstanding(), 0);
    }

    #[test]
    fn a_full_pool_refuses_until_a_result_is_fetched() {
        let (mut pool, woken) = pool(1, 2);
        let (release, gate) = unbounded::<()>();
        let other = gate.clone();
        pool.submit(move || gate.recv().map_or(0, |()| 1)).unwrap();
        pool.submit(move || other.recv().map_or(0, |()| 2)).unwrap();
        assert_eq!(pool.submit(|| 3), Err(Busy));
        assert_eq!(pool.poll_output(), None);
        release.send(()).unwrap();
        woken.recv_timeout(WAIT).unwrap();
        assert_eq!(pool.submit(|| 3), Err(Busy), "done but not fetched");
        assert!(matches!(
            pool.poll_output(),
            Some((JobId(0), Outcome::Done(1)))
        ));
        assert_eq!(pool.submit(|| 3), Ok(JobId(2)));
        release.send(()).unwrap();
    }

    #[test]
    fn a_job_that_panics_is_reported_and_the_pool_goes_on() {
        let (mut pool, woken) = pool(1, 4);
        pool.submit(|| panic!("on purpose")).unwrap();
        pool.submit(|| 7).unwrap();
        woken.recv_timeout(WAIT).unwrap();
        woken.recv_timeout(WAIT).unwrap();
        assert!(matches!(pool.poll_output(), Some((_, Outcome::Panicked))));
        assert!(matches!(pool.poll_output(), Some((_, Outcome::Done(7)))));
    }
}
