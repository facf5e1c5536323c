//! The time-stamp counter.

/// The time-stamp counter of this core. Cheap, monotonic on one core, and at a constant rate that
/// [`tsc_hz`] gives, which is not the rate of core cycles.
#[inline]
#[must_use]
pub fn cycles() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: reads a counter.
    return unsafe { dpdk_sys::shim_rdtsc() };
}

/// Ticks of [`cycles`] in a second, as DPDK measured them when it started; 0 before.
#[must_use]
pub fn tsc_hz() -> u64 {
    // SAFETY: reads an integer that is written once, at initialization.
    unsafe { dpdk_sys::rte_get_tsc_hz() }
}
