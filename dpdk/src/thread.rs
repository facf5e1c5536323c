//! Threads that Rust made, made known to DPDK.

use std::marker::PhantomData;

use crate::eal::Eal;
use crate::error::{Errno, Error};

/// While it lives, the calling thread has a DPDK id of its own, and with it the per-thread caches
/// of the pools. Without one, each allocation goes to the pool's shared ring.
///
/// It belongs to its thread:
/// ```compile_fail,E0277
/// fn moved<T: Send>() {}
/// moved::<dpdk::ThreadRegistration>();
/// ```
#[derive(Debug)]
pub struct ThreadRegistration {
    ours: bool,
    _eal: Eal,
    _of_this_thread: PhantomData<*const ()>,
}

impl ThreadRegistration {
    /// Registers the calling thread; one that has an id already keeps it.
    ///
    /// # Errors
    /// [`Error::Thread`] if all ids are taken or a secondary process is attached.
    pub fn new(eal: &Eal) -> Result<Self, Error> {
        // SAFETY: reads a thread-local integer.
        let ours = unsafe { dpdk_sys::shim_lcore_id() } == dpdk_sys::SHIM_LCORE_ID_ANY;
        if ours {
            // SAFETY: the environment is up, since `eal` is alive.
            let code = unsafe { dpdk_sys::rte_thread_register() };
            if code < 0 {
                return Err(Error::Thread(Errno::last()));
            }
        }
        Ok(Self {
            ours,
            _eal: eal.clone(),
            _of_this_thread: PhantomData,
        })
    }
}

impl Drop for ThreadRegistration {
    fn drop(&mut self) {
        if self.ours {
            // SAFETY: this thread registered itself, and the environment is still up.
            unsafe { dpdk_sys::rte_thread_unregister() };
        }
    }
}
