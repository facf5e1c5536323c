//! A cable in memory: two ports, each of which receives what the other sends.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::eal::{Eal, control};
use crate::error::{Errno, Error};
use crate::mempool::Mempool;
use crate::port::Port;

/// The rings under a pair of ports. Both ports hold it; what is still in it when the second closes
/// is freed.
#[derive(Debug)]
pub(crate) struct Rings {
    raw: Vec<NonNull<dpdk_sys::rte_ring>>,
    /// Frames of either port's pool can be under way when that port closes.
    pools: Mutex<Vec<Mempool>>,
    _eal: Eal,
}

// SAFETY: only the ports use the rings, under the rules for their queues, until the drop.
unsafe impl Send for Rings {}
// SAFETY: as above.
unsafe impl Sync for Rings {}

const NAME_LIMIT: usize = 16;
const QUEUE_LIMIT: u16 = 16;

/// Makes two ports joined by a cable: what is sent on queue *n* of one is received on queue *n* of
/// the other. Each queue holds `entries` frames (a power of two). They are named `name` with `a`
/// and `b` behind, and configured, started and used like all others: a test drives one, the code
/// under test the other.
///
/// # Errors
/// [`Error::InvalidArgument`] for a bad name or size, [`Error::Ring`] if memory lacks or the name
/// is taken.
pub fn ring_pair(eal: &Eal, name: &str, queues: u16, entries: u32) -> Result<(Port, Port), Error> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    if name.is_empty() || name.len() > NAME_LIMIT || !name.bytes().all(plain) {
        return invalid(format!(
            "the name {name:?} is not 1 to {NAME_LIMIT} letters and digits"
        ));
    }
    if !(1..=QUEUE_LIMIT).contains(&queues) {
        return invalid(format!("{queues} queues are not 1 to {QUEUE_LIMIT}"));
    }
    if !entries.is_power_of_two() || entries < 2 {
        return invalid(format!("{entries} entries are not a power of two"));
    }
    let rings = Arc::new(Rings::new(eal, name, 2 * queues, entries)?);
    let (to_a, to_b) = rings.raw.split_at(usize::from(queues));
    let a = port(eal, &rings, &format!("{name}a"), to_a, to_b)?;
    let b = port(eal, &rings, &format!("{name}b"), to_b, to_a)?;
    Ok((a, b))
}

fn invalid<T>(reason: String) -> Result<T, Error> {
    Err(Error::InvalidArgument {
        name: "ring_pair",
        reason,
    })
}

impl Rings {
    fn new(eal: &Eal, name: &str, count: u16, entries: u32) -> Result<Self, Error> {
        let mut rings = Self {
            raw: Vec::new(),
            pools: Mutex::default(),
            _eal: eal.clone(),
        };
        for index in 0..count {
            let failed = |errno| Error::Ring {
                name: name.to_owned(),
                errno,
            };
            let c_name =
                CString::new(format!("{name}{index}")).map_err(|_| failed(Errno(libc::EINVAL)))?;
            let socket = dpdk_sys::SHIM_SOCKET_ID_ANY;
            // Many consumers, because the queue's owner and the drain at the end are two.
            // SAFETY: the environment is up and the name is NUL-terminated and copied.
            let raw = unsafe { dpdk_sys::rte_ring_create(c_name.as_ptr(), entries, socket, 0) };
            rings
                .raw
                .push(NonNull::new(raw).ok_or_else(|| failed(Errno::last()))?);
        }
        Ok(rings)
    }

    /// Keeps a pool until the last frame is out of the rings.
    pub(crate) fn keep(&self, pool: &Mempool) {
        self.pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pool.clone());
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        for ring in &self.raw {
            // SAFETY: both ports are closed, so that nobody uses the ring, and it holds mbufs only.
            unsafe { dpdk_sys::shim_ring_drain(ring.as_ptr()) };
            // SAFETY: made by `rte_ring_create`, and not used after this.
            unsafe { dpdk_sys::rte_ring_free(ring.as_ptr()) };
        }
    }
}

fn port(
    eal: &Eal,
    rings: &Arc<Rings>,
    name: &str,
    receive: &[NonNull<dpdk_sys::rte_ring>],
    send: &[NonNull<dpdk_sys::rte_ring>],
) -> Result<Port, Error> {
    let failed = |errno| Error::Ring {
        name: name.to_owned(),
        errno,
    };
    let c_name = CString::new(name).map_err(|_| failed(Errno(libc::EINVAL)))?;
    let pointers = |list: &[NonNull<_>]| list.iter().map(|ring| ring.as_ptr()).collect::<Vec<_>>();
    let receive = pointers(receive);
    let send = pointers(send);
    let guard = control();
    // SAFETY: both lists hold that many rings, which live until after the port is closed; DPDK
    // copies the lists and the name.
    let id = unsafe {
        dpdk_sys::rte_eth_from_rings(
            c_name.as_ptr(),
            receive.as_ptr(),
            receive.len() as u32,
            send.as_ptr(),
            send.len() as u32,
            0,
        )
    };
    drop(guard);
    let id = u16::try_from(id).map_err(|_| failed(Errno::last()))?;
    Port::adopt(eal, id, name, Some(Arc::clone(rings)))
}
