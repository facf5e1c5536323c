//! Pools of packet buffers.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::burst::Burst;
use crate::eal::Eal;
use crate::error::{Errno, Error};
use crate::hugepages::collapse_around;
use crate::mbuf::Mbuf;

/// A pool of mbufs of one size. Clones share it, any thread may use it, and it keeps its [`Eal`].
///
/// An [`Mbuf`] does not keep its pool, since that would cost an atomic operation a frame. A pool
/// whose last owner goes while mbufs are out is therefore not freed but left in place, with the
/// environment, for the rest of the process. The count that decides it is exact only when no other
/// thread is in the middle of giving a buffer back; a worker that holds its queues until its last
/// frame is gone, holds the pool by them, and so never is.
#[derive(Clone, Debug)]
pub struct Mempool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    raw: NonNull<dpdk_sys::rte_mempool>,
    mbufs: u32,
    data_room: u16,
    eal: Eal,
}

// SAFETY: DPDK's pools are multi-producer and multi-consumer; the per-thread caches are chosen by
// the id of the calling thread.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

const NAME_LIMIT: usize = 25;

impl Mempool {
    /// Makes a pool of `mbufs` buffers, each for frames of `data_room` octets behind a headroom of
    /// 128. `cache` buffers stay with each registered thread (at most 512; 0 for none). `socket`
    /// is the NUMA node to take memory from; `None` is any.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a size that cannot be, [`Error::Mempool`] if memory lacks,
    /// the name is taken or DPDK's mempool driver is not installed.
    pub fn new(
        eal: &Eal,
        name: &str,
        mbufs: u32,
        data_room: u16,
        cache: u32,
        socket: Option<u32>,
    ) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidArgument {
            name: "mempool",
            reason,
        };
        if name.is_empty() || name.len() > NAME_LIMIT {
            return Err(invalid(format!(
                "the name {name:?} has not 1 to {NAME_LIMIT} octets"
            )));
        }
        let c_name =
            CString::new(name).map_err(|_| invalid(format!("the name {name:?} has a NUL")))?;
        let headroom = u16::try_from(dpdk_sys::RTE_PKTMBUF_HEADROOM).unwrap_or(u16::MAX);
        let Some(room) = data_room.checked_add(headroom).filter(|_| data_room > 0) else {
            return Err(invalid(format!(
                "a data room of {data_room} octets is not possible"
            )));
        };
        let socket = socket.and_then(|node| i32::try_from(node).ok());
        let socket = socket.unwrap_or(dpdk_sys::SHIM_SOCKET_ID_ANY);
        // SAFETY: the environment is up, the name is NUL-terminated and copied.
        let raw = unsafe {
            dpdk_sys::rte_pktmbuf_pool_create(c_name.as_ptr(), mbufs, cache, 0, room, socket)
        };
        let Some(raw) = NonNull::new(raw) else {
            return Err(Error::Mempool {
                name: name.to_owned(),
                mbufs,
                errno: Errno::last(),
            });
        };
        collapse_around(raw.as_ptr().addr());
        Ok(Self {
            inner: Arc::new(Inner {
                raw,
                mbufs,
                data_room,
                eal: eal.clone(),
            }),
        })
    }

    /// Takes one empty buffer; `None` when the pool has no more.
    #[inline]
    #[must_use]
    pub fn allocate(&self) -> Option<Mbuf> {
        // SAFETY: the pool is alive.
        let raw = unsafe { dpdk_sys::shim_pktmbuf_alloc(self.raw()) };
        // SAFETY: a buffer from a pool is owned by whoever took it.
        NonNull::new(raw).map(|raw| unsafe { Mbuf::from_raw(raw) })
    }

    /// Appends `count` empty buffers, or none at all and `false` when the pool has not that many or
    /// the burst has not that much space.
    #[inline]
    pub fn allocate_bulk(&self, burst: &mut Burst, count: usize) -> bool {
        if count > burst.remaining_capacity() {
            return false;
        }
        if count == 0 {
            return true;
        }
        let mut taken = [const { MaybeUninit::<Mbuf>::uninit() }; crate::BURST];
        let wanted = u32::try_from(count).unwrap_or(0);
        // SAFETY: the array has space for `count` pointers, as the burst has and so the check
        // above found; an `Mbuf` is such a pointer.
        let code = unsafe {
            dpdk_sys::shim_pktmbuf_alloc_bulk(self.raw(), taken.as_mut_ptr().cast(), wanted)
        };
        if code != 0 {
            return false;
        }
        for mbuf in taken.into_iter().take(count) {
            // SAFETY: on success the first `count` are valid buffers, ours now.
            burst.push(unsafe { mbuf.assume_init() });
        }
        true
    }

    /// How many buffers are free, those in the caches of threads included. Slow, and only a hint
    /// while others use the pool.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.inner.available()
    }

    /// How many buffers the pool has.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.inner.mbufs
    }

    /// The octets that a frame may have, headroom not counted.
    #[must_use]
    pub fn data_room(&self) -> u16 {
        self.inner.data_room
    }

    #[inline]
    pub(crate) fn raw(&self) -> *mut dpdk_sys::rte_mempool {
        self.inner.raw.as_ptr()
    }
}

impl Inner {
    fn available(&self) -> u32 {
        // SAFETY: the pool is alive; the count is made of racy reads, which DPDK allows.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.raw.as_ptr()) }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.available() < self.mbufs {
            self.eal.leak();
            return;
        }
        // SAFETY: no owner is left and no buffer is out.
        unsafe { dpdk_sys::rte_mempool_free(self.raw.as_ptr()) };
    }
}
