//! How fast a call may be, as its worker keeps it.

/// One direction: a token bucket, whose depth is what may go at the peak rate. All zero: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RateLimit {
    /// What goes on for ever, in kbit/s; 0: no limit.
    pub sustained_kbps: u32,
    /// The most while the burst lasts, in kbit/s; the sustained rate if there is no burst.
    pub peak_kbps: u32,
    /// How much may go beyond the sustained rate, in bytes.
    pub burst_bytes: u32,
}

/// Both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FlowRates {
    /// From the client.
    pub upstream: RateLimit,
    /// To the client.
    pub downstream: RateLimit,
    /// 1 is served first, 8 last; 0: nobody said.
    pub priority: u8,
}
