//! Memory that is looked at soon.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::ptr;

/// Asks for the cache line in which `value` begins. Nothing waits for it, unlike for a load.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    // SAFETY: a hint, which never faults, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(ptr::from_ref(value).cast()) };
}
