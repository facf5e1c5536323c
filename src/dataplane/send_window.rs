//! The sliding window towards a peer that honours it (RFC 2637 §4.2), with the adaptive time-out of
//! §4.4. Off by default: most peers acknowledge too late, or never, for a window to do anything but
//! harm.
//!
//! A packet that finds the window full is dropped before it is encrypted, and counted. It is not
//! queued: a queue in each call would add delay where the sender's own congestion control needs to
//! see loss, and memory that a peer controls by not acknowledging.
//!
//! Time-outs are noticed when the next packet wants to leave, so there is no timer. As the RFC says,
//! nothing is sent again: what was not acknowledged in time is taken for lost.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::flow::PeerReceive;

/// The least time-out: peers acknowledge alone after 100 ms and more.
const TIMEOUT_MIN_US: u32 = 200_000;
/// The RFC's `MaxTimeOut`.
const TIMEOUT_MAX_US: u32 = 3_000_000;
/// The first estimate of the round trip, if the peer's packet processing delay is no more. Peers
/// exist that acknowledge after 500 ms.
const ROUND_TRIP_FIRST_US: u32 = 500_000;
/// What one unit of the peer's packet processing delay is.
const PROCESSING_DELAY_UNIT_US: u32 = 100_000;

/// The window of one call. Plain data; all zero is a call without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SendWindow {
    /// When the oldest packet that is not acknowledged was sent, or the last acknowledgment came.
    waiting_since: Timestamp,
    timed_since: Timestamp,
    /// The packet that is timed.
    timed: Option<u32>,
    round_trip_us: u32,
    deviation_us: u32,
    /// What was let pass in this burst and has no number yet.
    burst: u32,
    reserved: u16,
    /// What the peer buffers at most; 0: no window.
    most: u16,
    size: u16,
    /// Acknowledged since the window last grew.
    digested: u16,
}

impl SendWindow {
    /// For a peer that has said this of its receive side. Half of what it buffers may be outstanding
    /// at first (§4.2.1).
    #[must_use]
    pub fn new(peer: PeerReceive) -> Self {
        let delay = u32::from(peer.processing_delay_ds).saturating_mul(PROCESSING_DELAY_UNIT_US);
        Self {
            most: peer.window_packets,
            size: peer.window_packets.div_ceil(2),
            round_trip_us: delay.clamp(ROUND_TRIP_FIRST_US, TIMEOUT_MAX_US),
            ..Self::default()
        }
    }

    /// Whether there is a window at all.
    #[inline]
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.most != 0
    }

    /// How many packets may be outstanding.
    #[must_use]
    pub const fn size(&self) -> u16 {
        self.size
    }

    /// The adaptive time-out (§4.4.1).
    #[must_use]
    pub fn timeout(&self) -> Duration {
        let adaptive = self
            .round_trip_us
            .saturating_add(self.deviation_us.saturating_mul(4));
        Duration::from_micros(u64::from(adaptive.clamp(TIMEOUT_MIN_US, TIMEOUT_MAX_US)))
    }

    /// Whether the peer has not acknowledged in time, `outstanding` packets being out: then they are
    /// lost, and the window has shrunk.
    pub(super) fn times_out(&mut self, outstanding: u32, now: Timestamp) -> bool {
        if outstanding == 0 || now.since(self.waiting_since) < self.timeout() {
            return false;
        }
        // §4.2.2 and §4.4.2: half the window, rounded up, and twice the round trip.
        self.size = self.size.div_ceil(2).max(1);
        self.digested = 0;
        self.timed = None;
        self.waiting_since = now;
        self.round_trip_us = self.round_trip_us.saturating_mul(2).min(TIMEOUT_MAX_US);
        true
    }

    /// Whether a packet that makes `packets` may leave in this `burst`, while `outstanding` are not
    /// acknowledged. One in more pieces than the window passes when nothing is outstanding.
    pub(super) fn admits(&mut self, packets: u16, outstanding: u32, burst: u32) -> bool {
        if self.burst != burst {
            self.burst = burst;
            self.reserved = 0;
        }
        let taken = outstanding.saturating_add(u32::from(self.reserved));
        let fits = taken.saturating_add(u32::from(packets)) <= u32::from(self.size);
        if !fits && taken > 0 {
            return false;
        }
        self.reserved = self.reserved.saturating_add(packets);
        true
    }

    /// A packet was given its number, when `outstanding` others were not acknowledged.
    pub(super) fn sent(&mut self, sequence: u32, outstanding: u32, now: Timestamp) {
        self.reserved = self.reserved.saturating_sub(1);
        if outstanding == 0 {
            self.waiting_since = now;
        }
        if self.timed.is_none() {
            self.timed = Some(sequence);
            self.timed_since = now;
        }
    }

    /// The peer has acknowledged `packets` more, up to `acknowledgment`.
    pub(super) fn acknowledged(&mut self, acknowledgment: u32, packets: u32, now: Timestamp) {
        self.waiting_since = now;
        if let Some(timed) = self.timed
            && acknowledgment.wrapping_sub(timed) <= i32::MAX.unsigned_abs()
        {
            self.timed = None;
            self.sample(now.since(self.timed_since));
        }
        let digested = u32::from(self.digested).saturating_add(packets);
        self.digested = u16::try_from(digested).unwrap_or(u16::MAX);
        // §4.2.3: a window's worth without a time-out makes it grow by one.
        if self.digested >= self.size {
            self.digested = 0;
            self.size = self.size.saturating_add(1).min(self.most);
        }
    }

    /// §4.4.1, with alpha 1/8 and beta 1/4.
    fn sample(&mut self, sample: Duration) {
        let sample = u32::try_from(sample.as_micros()).unwrap_or(TIMEOUT_MAX_US);
        let sample = i64::from(sample.min(TIMEOUT_MAX_US));
        let difference = sample - i64::from(self.round_trip_us);
        let deviation = i64::from(self.deviation_us);
        let deviation = deviation + (difference.abs() - deviation) / 4;
        let round_trip = i64::from(self.round_trip_us) + difference / 8;
        self.deviation_us = u32::try_from(deviation).unwrap_or(0);
        self.round_trip_us = u32::try_from(round_trip).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(packets: u16, delay_ds: u16) -> SendWindow {
        SendWindow::new(PeerReceive {
            window_packets: packets,
            processing_delay_ds: delay_ds,
        })
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn s4_2_1_the_first_window_is_half_of_what_the_peer_buffers() {
        let sizes = [1, 2, 3, 64, 8192].map(|packets| window(packets, 0).size());
        assert_eq!(sizes, [1, 1, 2, 32, 4096]);
        assert!(!window(0, 0).is_on() && window(1, 0).is_on());
    }

    #[test]
    fn s4_2_2_a_time_out_halves_the_window_and_doubles_the_time() {
        let mut window = window(64, 0);
        window.sent(7, 0, at(0));
        let before = window.timeout();
        assert!(!window.times_out(1, at(0) + before - Duration::from_nanos(1)));
        assert!(window.times_out(1, at(0) + before));
        assert_eq!((window.size(), window.timeout()), (16, before * 2));
        for round in 1..10 {
            assert!(window.times_out(1, at(round * 10_000)));
        }
        assert_eq!(window.size(), 1, "never zero");
        assert_eq!(window.timeout(), Duration::from_secs(3), "MaxTimeOut");
        assert!(
            !window.times_out(0, at(1_000_000)),
            "nothing is outstanding"
        );
    }

    #[test]
    fn s4_2_3_each_window_acknowledged_makes_it_one_larger_up_to_the_peers() {
        let mut window = window(6, 0);
        let mut sizes = Vec::new();
        for sequence in 0..20 {
            window.sent(sequence, 0, at(0));
            window.acknowledged(sequence, 1, at(1));
            sizes.push(window.size());
        }
        let expected = [3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5];
        assert_eq!(sizes[..11], expected);
        assert_eq!(sizes[19], 6);
    }

    #[test]
    fn s4_4_1_the_time_out_follows_the_round_trip() {
        let mut window = window(64, 20);
        assert_eq!(
            window.timeout(),
            Duration::from_secs(2),
            "the processing delay"
        );
        let (mut round_trip, mut deviation) = (2_000_000.0_f64, 0.0_f64);
        for sequence in 0..60 {
            let sent = at(u64::from(sequence) * 1000);
            window.sent(sequence, 0, sent);
            let sample_ms = 80 + u64::from(sequence % 7);
            window.acknowledged(sequence, 1, sent + Duration::from_millis(sample_ms));
            let difference = sample_ms as f64 * 1000.0 - round_trip;
            deviation += 0.25 * (difference.abs() - deviation);
            round_trip += 0.125 * difference;
            let timeout = (round_trip + 4.0 * deviation).clamp(200_000.0, 3_000_000.0);
            let off = window.timeout().as_secs_f64() * 1e6 - timeout;
            assert!(off.abs() < 200.0, "{sequence}: {off} us off");
        }
        assert_eq!(window.timeout(), Duration::from_millis(200));
    }

    #[test]
    fn what_a_burst_was_promised_counts_until_the_next_burst() {
        let mut window = window(8, 0);
        assert!(window.admits(3, 0, 1) && window.admits(1, 0, 1));
        assert!(!window.admits(1, 0, 1), "four are promised");
        window.sent(0, 0, at(0));
        assert!(!window.admits(1, 1, 1), "one of them is sent now");
        assert!(window.admits(3, 1, 2), "the other three never were");
        assert!(!window.admits(9, 1, 3) && window.admits(9, 0, 4));
    }
}
