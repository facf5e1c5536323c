//! Packets through calls: what each client sends, and what it makes of those that it gets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU64;

use hdrhistogram::Histogram;
use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptState, DecryptWorker};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{Mode, StartKeys, Strength};
use pns::mppe::skipped::KeyId;
use pns::wire::ipv4::{self, protocol};
use pns::wire::ppp::{Frame, Protocol};
use serde::Serialize;

use super::payload::{self, Payload};
use crate::Outcome;
use crate::report::rounded;

/// UDP port of clients that send to each other.
const PORT: u16 = 5000;
const UDP_HEADER: usize = 8;
const HEADERS: usize = ipv4::HEADER_LENGTH + UDP_HEADER;
/// Steps of a key chain that a gap may cost.
const BUDGET: Budget = Budget::new(4096, 1_000_000, Timestamp::ZERO);
const PACKET_MAX: usize = 1500;
const WINDOW: u64 = 128;

/// What all clients share.
pub(super) struct Ciphers {
    encrypt: EncryptWorker,
    decrypt: DecryptWorker,
}

impl Ciphers {
    pub(super) fn new() -> Self {
        Self {
            encrypt: EncryptWorker::new(0),
            decrypt: DecryptWorker::new(256, BUDGET),
        }
    }
}

/// The packets of one client.
pub(super) struct Flow {
    number: u32,
    encrypt: EncryptState,
    decrypt: DecryptState,
    sent: u64,
    pub(super) seen: Seen,
    /// Highest count of the reflector so far.
    reflected: u64,
    /// A frame that is to leave after the next one.
    pub(super) held: Option<Vec<u8>>,
}

impl Flow {
    /// Of a client whose link is up; `heard` is the GRE sequence number that came last.
    pub(super) fn new(number: u32, keys: StartKeys, heard: Option<u32>) -> Self {
        let (strength, mode) = (Strength::Bits128, Mode::Stateless);
        let id = KeyId::new(NonZeroU64::MIN.saturating_add(u64::from(number)));
        let before = heard.unwrap_or(u32::MAX);
        Self {
            number,
            encrypt: EncryptState::new_for_client(keys.upstream, strength, mode),
            decrypt: DecryptState::new_for_client(
                keys.downstream,
                strength,
                mode,
                id,
                before,
                BUDGET,
            ),
            sent: 0,
            seen: Seen::default(),
            reflected: 0,
            held: None,
        }
    }

    /// The PPP frame of the next packet, of `size` bytes inside.
    pub(super) fn next_frame(
        &mut self,
        from: Ipv4Addr,
        to: SocketAddrV4,
        size: u16,
        due_ns: u64,
        ciphers: &mut Ciphers,
    ) -> Option<Vec<u8>> {
        let mut inside = vec![0x5a; 2 + usize::from(size)];
        inside.get_mut(..2)?.copy_from_slice(&[0x00, 0x21]);
        let packet = inside.get_mut(2..)?;
        ipv4::Header::plain(protocol::UDP, from, *to.ip(), size).emit(packet);
        let datagram = packet.get_mut(ipv4::HEADER_LENGTH..)?;
        let length = size - ipv4::HEADER_LENGTH as u16;
        let words = [PORT, to.port(), length, 0];
        for (place, word) in datagram.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        let payload = Payload {
            from: self.number,
            number: self.sent,
            due_ns,
            reflected: 0,
        };
        payload.write(datagram.get_mut(UDP_HEADER..)?)?;
        self.sent += 1;
        let header = self.encrypt.encrypt(&mut inside, &mut ciphers.encrypt)?;
        let mut frame = vec![0xff, 0x03, 0x00, 0xfd];
        frame.extend_from_slice(&header.to_bytes());
        frame.extend_from_slice(&inside);
        Some(frame)
    }

    /// A PPP frame with a packet in it; `None` if it is none, or is not as it was sent.
    pub(super) fn open(
        &mut self,
        frame: &Frame<'_>,
        sequence: u32,
        now: Timestamp,
        ciphers: &mut Ciphers,
    ) -> Option<Payload> {
        let mut secret = [0; PACKET_MAX + 64];
        let secret = secret.get_mut(..frame.payload.len())?;
        secret.copy_from_slice(frame.payload);
        let inside = self
            .decrypt
            .decrypt(secret, sequence, &mut ciphers.decrypt, now);
        let (protocol, packet) = Protocol::parse(inside.ok()?).ok()?;
        let header = ipv4::Header::parse(packet).ok()?;
        let whole = packet.get(..usize::from(header.total_length))?;
        let right = protocol == Protocol::IPV4 && header.protocol == protocol::UDP;
        Payload::read(right.then(|| whole.get(HEADERS..))??)
    }

    /// Where clients that send to each other listen.
    pub(super) const fn port() -> u16 {
        PORT
    }

    /// Takes notice of the reflector's count.
    pub(super) fn reflected(&mut self, count: u64) {
        self.reflected = self.reflected.max(count);
    }
}

/// Which numbers have come.
#[derive(Default)]
pub(super) struct Seen {
    next: u64,
    /// Of the numbers before `next`: bit 0 is the one right before it.
    window: u128,
    received: u64,
    reordered: u64,
    duplicates: u64,
}

impl Seen {
    /// A packet has come.
    pub(super) fn note(&mut self, number: u64) {
        if number >= self.next {
            let steps = number - self.next + 1;
            self.window = if steps >= WINDOW {
                0
            } else {
                self.window << steps
            };
            self.window |= 1;
            self.next = number + 1;
            self.received += 1;
            return;
        }
        let age = self.next - 1 - number;
        // What is so old that nobody remembers it counts as new: it came late at any rate.
        let bit = if age < WINDOW { 1_u128 << age } else { 0 };
        if self.window & bit != 0 {
            self.duplicates += 1;
            return;
        }
        self.window |= bit;
        self.received += 1;
        self.reordered += 1;
    }
}

/// What became of all packets.
#[derive(Serialize)]
pub(super) struct Traffic {
    seconds: f64,
    calls: usize,
    packet_octets: u16,
    peer: &'static str,
    packets_sent: u64,
    lost_on_request: u64,
    reordered_on_request: u64,
    packets_received: u64,
    packets_lost: u64,
    /// Of these, as the reflector counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_upstream: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_downstream: Option<u64>,
    packets_reordered: u64,
    packets_duplicated: u64,
    packets_corrupted: u64,
    packets_for_others: u64,
    received_packets_per_s: f64,
    received_mbit_per_s: f64,
    way_p50_us: f64,
    way_p99_us: f64,
    way_p999_us: f64,
}

/// Counts of a run that are not a flow's.
pub(super) struct Tally {
    pub(super) lost_on_request: u64,
    pub(super) reordered_on_request: u64,
    pub(super) corrupted: u64,
    pub(super) for_others: u64,
    pub(super) way: Histogram<u64>,
}

impl Tally {
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self {
            lost_on_request: 0,
            reordered_on_request: 0,
            corrupted: 0,
            for_others: 0,
            way: Histogram::new_with_bounds(1, 60_000_000_000, 3)?,
        })
    }
}

impl Traffic {
    /// From the `flows` of a run that took so long.
    pub(super) fn new<'a>(
        flows: impl Iterator<Item = &'a Flow> + Clone,
        tally: &Tally,
        packet_octets: u16,
        seconds: f64,
        reflects: bool,
    ) -> Self {
        let sum = |figure: fn(&Flow) -> u64| flows.clone().map(figure).sum::<u64>();
        let sent = sum(|flow| flow.sent);
        let expected = sent - tally.lost_on_request;
        let received = sum(|flow| flow.seen.received);
        let there = reflects.then(|| sum(|flow| flow.reflected));
        let per_s = received as f64 / seconds;
        let us = |quantile| rounded(tally.way.value_at_quantile(quantile) as f64 / 1e3, 1);
        Self {
            seconds: rounded(seconds, 3),
            calls: flows.clone().count(),
            packet_octets,
            peer: match reflects {
                true => {
                    "a reflector behind the server: each packet goes upstream, and then downstream"
                }
                false => "another client: each packet goes upstream and downstream at once",
            },
            packets_sent: sent,
            lost_on_request: tally.lost_on_request,
            reordered_on_request: tally.reordered_on_request,
            packets_received: received,
            packets_lost: expected.saturating_sub(received),
            lost_upstream: there.map(|there| expected.saturating_sub(there)),
            lost_downstream: there.map(|there| there.saturating_sub(received)),
            packets_reordered: sum(|flow| flow.seen.reordered),
            packets_duplicated: sum(|flow| flow.seen.duplicates),
            packets_corrupted: tally.corrupted,
            packets_for_others: tally.for_others,
            received_packets_per_s: rounded(per_s, 0),
            received_mbit_per_s: rounded(per_s * f64::from(packet_octets) * 8.0 / 1e6, 2),
            way_p50_us: us(0.5),
            way_p99_us: us(0.99),
            way_p999_us: us(0.999),
        }
    }

    /// Whether something came that was never sent: what no network may do, however busy.
    pub(super) const fn is_wrong(&self) -> bool {
        self.packets_corrupted + self.packets_for_others > 0
    }
}

const _: () = assert!(
    HEADERS + payload::LENGTH <= 84,
    "the shortest packet has room for it"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_come_are_told_apart() {
        let mut seen = Seen::default();
        // 2 and 5 come late, 3 twice, 6 never; 300 leaves nothing of the window, and 10 comes then.
        for number in [0, 1, 3, 2, 3, 4, 7, 5, 300, 10] {
            seen.note(number);
        }
        assert_eq!((seen.received, seen.reordered, seen.duplicates), (9, 3, 1));
        assert_eq!(seen.next, 301);
    }

    #[test]
    fn what_one_client_sends_the_other_end_can_read_and_nobody_else() {
        let keys = || StartKeys::from_mschapv2(&[1; 16], &[2; 24]);
        let mut ciphers = Ciphers::new();
        let mut flow = Flow::new(3, keys(), None);
        let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 9), 7);
        let from = Ipv4Addr::new(10, 0, 0, 1);
        // What a client sends, a client with the ends swapped would read.
        let swapped = StartKeys {
            upstream: keys().upstream,
            downstream: keys().downstream,
        };
        let mut server = Flow::new(4, swapped.of_client(), None);
        for number in 0..3 {
            let frame = flow.next_frame(from, to, 84, 55, &mut ciphers).unwrap();
            let frame = Frame::parse(&frame).unwrap();
            let sequence = u32::try_from(number).unwrap();
            let got = server.open(&frame, sequence, Timestamp::ZERO, &mut ciphers);
            let payload = Payload {
                from: 3,
                number,
                due_ns: 55,
                reflected: 0,
            };
            assert_eq!(got, Some(payload));
            let again = server.open(&frame, sequence, Timestamp::ZERO, &mut ciphers);
            assert_eq!(again, None, "a frame decrypts once");
        }
    }
}
