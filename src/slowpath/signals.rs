//! SIGINT, SIGTERM and SIGHUP: a flag that the event loop looks at, and a wake-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mio::Waker;

/// How often the operator asked the process to stop.
#[derive(Clone, Default)]
pub(super) struct StopRequests(Arc<AtomicU32>);

impl StopRequests {
    /// Listens for signals; `waker` wakes the event loop for each.
    ///
    /// # Errors
    /// Another handler is installed already, or the system refused.
    pub(super) fn install(waker: Arc<Waker>) -> Result<Self, ctrlc::Error> {
        let requests = Self::default();
        let count = Arc::clone(&requests.0);
        ctrlc::set_handler(move || {
            count.fetch_add(1, Ordering::Relaxed);
            let _woken = waker.wake();
        })?;
        Ok(requests)
    }

    /// 0: run; 1: end every call in an orderly way, then exit; more: exit now.
    #[must_use]
    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
