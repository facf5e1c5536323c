//! The threads that poll: one for each worker, pinned where the configuration says so.

use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Running workers. Dropping it stops and joins them.
pub(super) struct WorkerThreads {
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

impl WorkerThreads {
    pub(super) fn new() -> Self {
        Self {
            stop: Arc::new(AtomicBool::new(false)),
            handles: Vec::new(),
        }
    }

    /// Starts one worker. `work` runs until the flag that it is given is set.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(super) fn spawn(
        &mut self,
        index: u8,
        core: Option<u16>,
        work: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> io::Result<()> {
        let stop = Arc::clone(&self.stop);
        let handle = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || {
                if let Some(core) = core {
                    pin(core);
                }
                wake_in_time();
                work(&stop);
            })?;
        self.handles.push(handle);
        Ok(())
    }

    /// Whether every worker still runs: one that has returned or panicked is an error.
    pub(super) fn all_running(&self) -> bool {
        self.handles.iter().all(|handle| !handle.is_finished())
    }
}

impl Drop for WorkerThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for handle in self.handles.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a worker has panicked");
            }
        }
    }
}

/// Has sleeps of the calling thread end when they are due: the kernel would add up to 50 us, more than
/// an idle worker sleeps.
fn wake_in_time() {
    if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
        tracing::warn!(%error, "an idle worker sleeps longer than it was told to");
    }
}

/// Binds the calling thread to `core`.
pub(super) fn pin(core: u16) {
    let pinned = core_affinity::set_for_current(core_affinity::CoreId {
        id: usize::from(core),
    });
    if !pinned {
        tracing::warn!(
            core,
            "cannot bind a thread to this core: it runs where the kernel likes"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_wakes_in_time() {
        let (told, slack) = std::sync::mpsc::channel();
        let mut threads = WorkerThreads::new();
        let work = move |_: &AtomicBool| told.send(rustix::thread::current_timer_slack()).unwrap();
        threads.spawn(0, None, work).unwrap();
        assert_eq!(slack.recv().unwrap().unwrap(), 1, "nanoseconds");
    }
}
