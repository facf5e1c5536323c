//! A client as it sits on the access link: a control connection, GRE with sequence numbers, PPP, and
//! MPPE from the client's side. It can stall before an Ack, or have an Ack overtaken or lost.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::num::NonZeroU64;
use std::time::Duration;

use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptRefusal, DecryptState, DecryptWorker};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{Mode, Strength};
use pns::mppe::skipped::KeyId;
use pns::session::ConnectionId;
use pns::wire::ipv4::Header;

use super::packets;
use super::ppp_client::PppClient;
use super::server::SERVER;
use super::stateful::Stateful;

/// How often an unanswered request is sent again.
const RESTART: Duration = Duration::from_secs(3);
/// How long an acknowledgment waits for something to ride on.
const ACKNOWLEDGE: Duration = Duration::from_millis(100);

/// What becomes of the client's first Configure-Ack of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delay {
    /// The client stalls before it: the Ack and all that follows leave in one burst.
    Stall(Duration),
    /// The network is slow with it: what follows overtakes it.
    Overtaken(Duration),
    /// It is lost.
    Lost,
}

/// An outer packet on its way, and how much longer than others it takes.
pub(crate) struct Sent {
    pub(crate) packet: Vec<u8>,
    pub(crate) delay: Option<Duration>,
}

pub(crate) struct Client {
    pub(crate) address: Ipv4Addr,
    /// Where its GRE comes from and is heard: a NAT may have more than one address.
    pub(crate) gre_address: Ipv4Addr,
    pub(crate) ppp: PppClient,
    pub(crate) connection: Option<ConnectionId>,
    /// The Call ID that we chose.
    pub(crate) local_call_id: u16,
    /// The Call ID that the server chose.
    pub(crate) peer_call_id: Option<u16>,
    pub(crate) disconnected: bool,
    /// Control messages from the server.
    pub(crate) heard: Vec<Vec<u8>>,
    /// Which Acks are treated how; each entry works once.
    pub(crate) delays: Vec<(u16, Delay)>,
    /// Numbered datagrams still to send, as soon as and as fast as it may.
    pub(crate) backlog: VecDeque<Vec<u8>>,
    /// Whether the backlog leaves by itself.
    pub(crate) eager: bool,
    /// IP packets from the call.
    pub(crate) received: Vec<Vec<u8>>,
    /// IP packets that came in the clear.
    pub(crate) in_clear: usize,
    pub(crate) refused: Vec<DecryptRefusal>,
    pub(crate) encrypt: Option<EncryptState>,
    /// It wants stateful MPPE, and follows this rule in it.
    pub(crate) stateful: Option<Stateful>,
    pub(crate) next_sequence: u32,
    /// GRE is ignored and nothing is sent.
    pub(crate) dead: bool,
    /// Others have the same address and Call ID: only what decrypts is this client's, once it is up.
    pub(crate) shares_address: bool,
    /// Frames that were not.
    pub(crate) misdelivered: usize,
    decrypt: Option<DecryptState>,
    worker: DecryptWorker,
    encrypt_worker: EncryptWorker,
    newest: Option<u32>,
    acknowledge_at: Option<Timestamp>,
    stalled: Option<(Timestamp, Vec<Vec<u8>>)>,
    repeat_at: Timestamp,
    pub(crate) out: Vec<Sent>,
}

impl Client {
    pub(crate) fn new(address: Ipv4Addr, call_id: u16) -> Self {
        let worker =
            DecryptWorker::new(64, Budget::new(16_384, 65_536, Timestamp::ZERO)).with_places(1);
        Self {
            address,
            gre_address: address,
            ppp: PppClient::new("alice", "wonderland-7"),
            connection: None,
            local_call_id: call_id,
            peer_call_id: None,
            disconnected: false,
            heard: Vec::new(),
            delays: Vec::new(),
            backlog: VecDeque::new(),
            eager: true,
            received: Vec::new(),
            in_clear: 0,
            refused: Vec::new(),
            encrypt: None,
            stateful: None,
            next_sequence: 0,
            dead: false,
            shares_address: false,
            misdelivered: 0,
            decrypt: None,
            worker,
            encrypt_worker: EncryptWorker::new(1),
            newest: None,
            acknowledge_at: None,
            stalled: None,
            repeat_at: Timestamp::MAX,
            out: Vec::new(),
        }
    }

    /// Outgoing-Call-Reply has come: LCP starts.
    pub(crate) fn call_placed(&mut self, peer_call_id: u16, now: Timestamp) {
        self.peer_call_id = Some(peer_call_id);
        for frame in self.ppp.start() {
            self.send_ppp(frame, now);
        }
        self.repeat_at = now + RESTART;
    }

    /// LCP starts over on the call: what was agreed is forgotten, keys included.
    pub(crate) fn restart_lcp(&mut self, now: Timestamp) {
        self.encrypt = None;
        self.decrypt = None;
        for frame in self.ppp.restart() {
            self.send_ppp(frame, now);
        }
        self.repeat_at = now + RESTART;
    }

    /// Whether both NCPs are open from where the client stands.
    pub(crate) fn is_up(&self) -> bool {
        self.ppp.network_up() && self.is_armed() && self.stalled.is_none()
    }

    fn is_armed(&self) -> bool {
        self.encrypt.is_some() || self.stateful.as_ref().is_some_and(Stateful::is_armed)
    }

    /// Frames that were encrypted so far.
    pub(crate) fn frames_decrypted(&self) -> u64 {
        self.decrypt.as_ref().map_or(0, DecryptState::frames)
    }

    /// One outer packet from the server.
    pub(crate) fn receive(&mut self, packet: &[u8], now: Timestamp) {
        if self.dead || (self.shares_address && self.peer_call_id.is_none()) {
            return;
        }
        let ip = Header::parse(packet).expect("an outer packet");
        assert_eq!((ip.source, ip.destination), (SERVER, self.gre_address));
        let gre = &packet[20..usize::from(ip.total_length)];
        let flags = u16::from_be_bytes([gre[0], gre[1]]);
        assert_eq!(flags & !0x1080, 0x2001, "flags of RFC 2637 §4.1");
        assert_eq!(gre[6..8], self.local_call_id.to_be_bytes());
        assert!(
            self.peer_call_id.is_some(),
            "GRE before Outgoing-Call-Reply: {gre:02x?}"
        );
        if flags & 0x1000 == 0 {
            return;
        }
        let sequence = u32::from_be_bytes(gre[8..12].try_into().unwrap());
        let header = if flags & 0x0080 == 0 { 12 } else { 16 };
        let payload = &gre[header..];
        assert_eq!(
            usize::from(u16::from_be_bytes([gre[4], gre[5]])),
            payload.len()
        );
        if self.shares_address && self.is_up() && !self.is_own(payload, sequence, now) {
            self.misdelivered += 1;
            return;
        }
        self.acknowledge_at.get_or_insert(now + ACKNOWLEDGE);
        if !self.shares_address || !self.is_up() {
            self.receive_ppp(payload, sequence, now);
        }
        self.newest = self.newest.max(Some(sequence));
    }

    /// Takes a frame if it decrypts. In clear it cannot show whose it is.
    fn is_own(&mut self, payload: &[u8], sequence: u32, now: Timestamp) -> bool {
        let [0xff, 0x03, 0x00, 0xfd, encrypted @ ..] = payload else {
            return false;
        };
        let refused = self.refused.len();
        self.receive_encrypted(encrypted, sequence, now);
        let is_own = self.refused.len() == refused;
        self.refused.truncate(refused);
        is_own
    }

    fn receive_ppp(&mut self, payload: &[u8], sequence: u32, now: Timestamp) {
        let frame = payload.strip_prefix(&[0xff, 0x03]).unwrap_or(payload);
        match frame {
            [0x00, 0xfd, encrypted @ ..] => self.receive_encrypted(encrypted, sequence, now),
            [0x00, 0x21, packet @ ..] => {
                self.in_clear += 1;
                self.received.push(packet.to_vec());
            }
            control => {
                if let Some(stateful) = &mut self.stateful
                    && let Some(answers) = stateful.handle_reset(control)
                {
                    for answer in answers {
                        self.send_ppp(answer, now);
                    }
                    return;
                }
                for answer in self.ppp.handle(control) {
                    self.send_ppp(answer, now);
                }
                self.arm(now);
                self.send_backlog(now);
            }
        }
    }

    fn receive_encrypted(&mut self, encrypted: &[u8], sequence: u32, now: Timestamp) {
        if let Some(stateful) = &mut self.stateful {
            let (packet, request) = stateful.receive(encrypted, now);
            self.received.extend(packet);
            if let Some(frame) = request {
                self.send_ppp(frame, now);
            }
            return;
        }
        let mut payload = encrypted.to_vec();
        let Some(decrypt) = &mut self.decrypt else {
            return self.refused.push(DecryptRefusal::NoKeys);
        };
        match decrypt.decrypt(&mut payload, sequence, &mut self.worker, now) {
            Ok([0x00, 0x21, packet @ ..]) => self.received.push(packet.to_vec()),
            Ok(other) => panic!("{:02x?} came encrypted", &other[..2]),
            Err(refusal) => self.refused.push(refusal),
        }
    }

    /// CCP has opened: both directions have keys.
    fn arm(&mut self, now: Timestamp) {
        if !self.ppp.encrypted() || self.is_armed() {
            return;
        }
        let keys = self.ppp.keys.take().expect("keys of MS-CHAPv2");
        if let Some(stateful) = &mut self.stateful {
            return stateful.arm(&keys);
        }
        let (strength, mode) = (Strength::Bits128, Mode::Stateless);
        self.encrypt = Some(EncryptState::new_for_client(keys.upstream, strength, mode));
        let id = KeyId::new(NonZeroU64::MIN);
        let budget = Budget::new(16_384, 65_536, now);
        let heard = self.newest.unwrap_or(0);
        let decrypt =
            DecryptState::new_for_client(keys.downstream, strength, mode, id, heard, budget);
        self.decrypt = Some(decrypt);
    }

    /// Sends what it has as soon as IPCP is open.
    fn send_backlog(&mut self, now: Timestamp) {
        if !self.eager || !self.ppp.network_up() || !self.is_armed() {
            return;
        }
        for _ in 0..4 {
            let Some(packet) = self.backlog.pop_front() else {
                return;
            };
            self.send_ip(&packet, now);
        }
    }

    /// Encrypts and sends one IP packet.
    pub(crate) fn send_ip(&mut self, packet: &[u8], now: Timestamp) {
        let frame = self.encrypted(packet);
        self.send_ppp(frame, now);
    }

    /// An encrypted PPP frame around an IP packet; the key moves.
    pub(crate) fn encrypted(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut inner = vec![0x00, 0x21];
        inner.extend(packet);
        if let Some(stateful) = &mut self.stateful {
            return stateful.send(&inner);
        }
        let encrypt = self.encrypt.as_mut().expect("armed");
        let header = encrypt
            .encrypt(&mut inner, &mut self.encrypt_worker)
            .expect("armed");
        let mut frame = vec![0xff, 0x03, 0x00, 0xfd];
        frame.extend(header.to_bytes());
        frame.extend(inner);
        frame
    }

    /// Sends a PPP frame, or stalls, or lets the network be slow with it.
    pub(crate) fn send_ppp(&mut self, frame: Vec<u8>, now: Timestamp) {
        if let Some((_, waiting)) = &mut self.stalled {
            return waiting.push(frame);
        }
        let is_ack_of = |(protocol, _): &(u16, Delay)| {
            frame[..5] == [0xff, 0x03, (protocol >> 8) as u8, *protocol as u8, 2]
        };
        let delay = self
            .delays
            .iter()
            .position(is_ack_of)
            .map(|place| self.delays.remove(place).1);
        match delay {
            Some(Delay::Stall(time)) => self.stalled = Some((now + time, vec![frame])),
            Some(Delay::Overtaken(time)) => self.send_gre(&frame, Some(time)),
            Some(Delay::Lost) => self.next_sequence += 1,
            None => self.send_gre(&frame, None),
        }
    }

    fn send_gre(&mut self, frame: &[u8], delay: Option<Duration>) {
        let call_id = self.peer_call_id.expect("a call");
        let acknowledgment = self.acknowledge_at.take().and(self.newest);
        let gre = packets::gre(call_id, Some(self.next_sequence), acknowledgment, frame);
        self.next_sequence += 1;
        let packet = packets::outer(self.gre_address, SERVER, &gre);
        self.out.push(Sent { packet, delay });
    }

    /// What time brings.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if self.dead || self.peer_call_id.is_none() || self.disconnected {
            self.out.clear();
            return;
        }
        if self
            .stalled
            .as_ref()
            .is_some_and(|(until, _)| *until <= now)
        {
            let (_, frames) = self.stalled.take().expect("stalled");
            for frame in frames {
                self.send_ppp(frame, now);
            }
        }
        if self.repeat_at <= now {
            self.repeat_at = now + RESTART;
            for frame in self.ppp.repeat() {
                self.send_ppp(frame, now);
            }
        }
        self.send_backlog(now);
        if self.acknowledge_at.is_some_and(|at| at <= now) {
            self.acknowledge_at = None;
            let call_id = self.peer_call_id.expect("a call");
            let gre = packets::gre(call_id, None, self.newest, &[]);
            let packet = packets::outer(self.gre_address, SERVER, &gre);
            self.out.push(Sent {
                packet,
                delay: None,
            });
        }
    }
}
