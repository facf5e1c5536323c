//! The two ends of a port that a worker polls.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::burst::{Burst, forget_front};
use crate::mbuf::Mbuf;
use crate::port::{Direction, Inner};

/// Makes a type `Send` but not `Sync`.
type OneThread = PhantomData<Cell<()>>;

/// A receive queue: owned by one worker, and given back to its port when dropped.
#[derive(Debug)]
pub struct RxQueue {
    port: Arc<Inner>,
    index: u16,
    _one_thread: OneThread,
}

impl RxQueue {
    pub(crate) fn new(port: Arc<Inner>, index: u16) -> Self {
        Self {
            port,
            index,
            _one_thread: PhantomData,
        }
    }

    /// Appends the frames that wait, as many as the burst has space for, and says how many. Never
    /// waits; nothing arrives before the port is started.
    #[inline]
    pub fn receive(&mut self, burst: &mut Burst) -> usize {
        let length = burst.len();
        let space = u16::try_from(burst.remaining_capacity()).unwrap_or(0);
        if space == 0 || !self.port.is_started() {
            return 0;
        }
        // SAFETY: within the array or just behind it.
        let free = unsafe { burst.as_mut_ptr().add(length) };
        // SAFETY: the queue is set up, its port started, and this the only handle to it; `free` has
        // space for that many pointers, and an `Mbuf` is a pointer.
        let count =
            unsafe { dpdk_sys::shim_eth_rx_burst(self.port.id(), self.index, free.cast(), space) };
        let count = usize::from(count);
        // SAFETY: the driver has written `count` buffers that are ours now.
        unsafe { burst.set_len(length + count) };
        burst.iter().skip(length).for_each(Mbuf::prefetch);
        count
    }

    /// Its number on the port.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }
}

impl Drop for RxQueue {
    fn drop(&mut self) {
        self.port.give_back(Direction::Receive, self.index);
    }
}

/// A transmit queue: owned by one worker, and given back to its port when dropped.
#[derive(Debug)]
pub struct TxQueue {
    port: Arc<Inner>,
    index: u16,
    _one_thread: OneThread,
}

impl TxQueue {
    pub(crate) fn new(port: Arc<Inner>, index: u16) -> Self {
        Self {
            port,
            index,
            _one_thread: PhantomData,
        }
    }

    /// Sends from the front of the burst as many frames as the device takes, and says how many;
    /// the rest stays in the burst. Never waits; nothing leaves before the port is started.
    #[inline]
    pub fn send(&mut self, burst: &mut Burst) -> usize {
        let length = u16::try_from(burst.len()).unwrap_or(0);
        if length == 0 || !self.port.is_started() {
            return 0;
        }
        // SAFETY: the queue is set up, its port started, and this the only handle to it; the burst
        // holds that many valid buffers, and an `Mbuf` is a pointer to one.
        let count = unsafe {
            dpdk_sys::shim_eth_tx_burst(
                self.port.id(),
                self.index,
                burst.as_mut_ptr().cast(),
                length,
            )
        };
        // The device owns these now.
        forget_front(burst, usize::from(count));
        usize::from(count)
    }

    /// Its number on the port.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }
}

impl Drop for TxQueue {
    fn drop(&mut self) {
        self.port.give_back(Direction::Transmit, self.index);
    }
}
