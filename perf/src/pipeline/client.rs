//! A client at the other end of a call: makes the frames that it sends, and checks those that it gets.

use std::net::Ipv4Addr;
use std::num::NonZeroU64;

use pns::clock::Timestamp;
use pns::flow::{FlowKey, OpenCall, PeerReceive};
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{DecryptState, DecryptWorker};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{Mode, StartKeys, Strength};
use pns::mppe::skipped::KeyId;
use pns::wire::call_id::CallId;
use pns::wire::ipv4::protocol;
use pns::wire::ppp::{Frame as PppFrame, Protocol};
use pns::wire::{ethernet, gre, ipv4};

use super::packets;

const BUDGET: Budget = Budget::new(0, 0, Timestamp::ZERO);

/// What clients share.
pub(super) struct Ciphers {
    encrypt: EncryptWorker,
    decrypt: DecryptWorker,
}

impl Ciphers {
    pub(super) fn new() -> Self {
        Self {
            encrypt: EncryptWorker::new(0),
            decrypt: DecryptWorker::new(1, BUDGET),
        }
    }
}

struct Keys {
    encrypt: EncryptState,
    decrypt: DecryptState,
}

/// A client.
pub(super) struct Client {
    pub(super) flow: u32,
    sequence: u32,
    expected: u32,
    keys: Option<Box<Keys>>,
}

impl Client {
    /// A client whose call is up, with or without MPPE.
    pub(super) fn new(flow: u32, encrypted: bool) -> Self {
        let arm = || {
            let (strength, mode) = (Strength::Bits128, Mode::Stateless);
            let keys = start_keys(flow);
            let id = KeyId::new(NonZeroU64::MIN.saturating_add(u64::from(flow)));
            let before = u32::MAX;
            Keys {
                encrypt: EncryptState::new_for_client(keys.upstream, strength, mode),
                decrypt: DecryptState::new_for_client(
                    keys.downstream,
                    strength,
                    mode,
                    id,
                    before,
                    BUDGET,
                ),
            }
        };
        Self {
            flow,
            // Number 0 was the first frame of LCP.
            sequence: 1,
            expected: 0,
            keys: encrypted.then(|| Box::new(arm())),
        }
    }

    pub(super) fn key(&self) -> FlowKey {
        packets::key(self.flow)
    }

    fn local(&self) -> Ipv4Addr {
        packets::local(self.key().local)
    }

    pub(super) fn call(&self) -> OpenCall {
        OpenCall {
            local_address: self.local(),
            peer_address: packets::client(self.flow),
            peer_call_id: Some(CallId::new(self.key().call_id.get() ^ 0x8000)),
            peer_receive: PeerReceive::default(),
        }
    }

    /// The frame around an IPv4 packet, encrypted if the call is.
    pub(super) fn send(&mut self, packet: &[u8], ciphers: &mut Ciphers) -> Option<Vec<u8>> {
        let mut inside = vec![0x00, 0x21];
        inside.extend_from_slice(packet);
        let mut ppp = vec![0xff, 0x03];
        if let Some(keys) = &mut self.keys {
            let header = keys.encrypt.encrypt(&mut inside, &mut ciphers.encrypt)?;
            ppp.extend_from_slice(&[0x00, 0xfd]);
            ppp.extend_from_slice(&header.to_bytes());
        }
        ppp.extend_from_slice(&inside);
        let header = gre::Header {
            payload_length: u16::try_from(ppp.len()).ok()?,
            call_id: self.key().call_id,
            sequence: Some(self.sequence),
            acknowledgment: None,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = vec![0; header.length()];
        header.emit(&mut bytes)?;
        bytes.extend_from_slice(&ppp);
        let source = packets::client(self.flow);
        Some(packets::outer(source, self.local(), &bytes))
    }

    /// The IPv4 packet in a frame from the server; `None` unless everything around it is right, the
    /// sequence number and the encryption included.
    pub(super) fn receive(&mut self, frame: &[u8], ciphers: &mut Ciphers) -> Option<Vec<u8>> {
        let ethernet = ethernet::Header::parse(frame).ok()?;
        let addressed = ethernet.destination == packets::ROUTER_MAC;
        let packet = frame.get(ethernet.length()..)?;
        let ip = ipv4::Header::parse(packet).ok()?;
        let way = (ip.source, ip.destination, ip.protocol);
        if !addressed || way != (self.local(), packets::client(self.flow), protocol::GRE) {
            return None;
        }
        let gre_packet = packet.get(usize::from(ip.header_length)..)?;
        let header = gre::Header::parse(gre_packet).ok()?;
        let payload = gre_packet.get(header.length()..)?;
        let ours = Some(header.call_id) == self.call().peer_call_id;
        if !ours || header.sequence != Some(self.expected) {
            return None;
        }
        let sequence = self.expected;
        self.expected = sequence.wrapping_add(1);
        let ppp = PppFrame::parse(payload).ok()?;
        match &mut self.keys {
            None => (ppp.protocol == Protocol::IPV4).then(|| ppp.payload.to_vec()),
            Some(keys) if ppp.protocol == Protocol::COMPRESSED => {
                let mut secret = ppp.payload.to_vec();
                let worker = &mut ciphers.decrypt;
                let now = Timestamp::ZERO;
                let inside = keys.decrypt.decrypt(&mut secret, sequence, worker, now);
                let (protocol, packet) = Protocol::parse(inside.ok()?).ok()?;
                (protocol == Protocol::IPV4).then(|| packet.to_vec())
            }
            Some(_) => None,
        }
    }
}

/// What both ends of a call derive from its login.
pub(super) fn start_keys(flow: u32) -> StartKeys {
    let [.., high, low] = flow.to_be_bytes();
    StartKeys::from_mschapv2(&[high ^ 0x5a; 16], &[low; 24])
}
