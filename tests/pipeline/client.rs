//! A client: the other end of a call, with its own sequence numbers and keys.

use std::net::Ipv4Addr;

use pns::clock::Timestamp;
use pns::dataplane::memory_port::MemoryFrame;
use pns::flow::FlowKey;
use pns::mppc::Decompressor;
use pns::mppe::catch_up::Budget;
use pns::mppe::decrypt::{
    DecryptJob, DecryptRefusal, DecryptState, DecryptStates, DecryptWorker, decrypt_batch,
};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{StartKeys, Suite};
use pns::mppe::plausible::Agreed;
use pns::mppe::skipped::KeyId;
use pns::wire::call_id::CallId;
use pns::wire::ccp::Agreement;
use pns::wire::ethernet::ether_type;
use pns::wire::gre;
use pns::wire::ipv4::protocol;
use pns::wire::ipv6::InterfaceIdentifier;
use pns::wire::mppe::Header;
use pns::wire::ppp::{Frame as PppFrame, Protocol};

use crate::lab::{ACCESS, ACCESS_MAC, LOCAL, Lab, lease, mac_of, start_keys};
use crate::mppc_model::Model;
use crate::packets;

pub(crate) struct Client {
    pub(crate) key: FlowKey,
    pub(crate) address: Ipv4Addr,
    pub(crate) call_id: CallId,
    pub(crate) lease: Ipv4Addr,
    /// The number of its next frame.
    pub(crate) sequence: u32,
    /// The last acknowledgment from the server.
    pub(crate) acknowledged: Option<u32>,
    /// The number that the server's next frame must have.
    pub(crate) expected: u32,
    seed: u8,
    encrypt: Option<EncryptState>,
    decrypt: Option<DecryptState>,
    pub(crate) mppc: Option<Mppc>,
    decrypt_worker: DecryptWorker,
    encrypt_worker: EncryptWorker,
}

/// Both ends of what a client compresses.
pub(crate) struct Mppc {
    pub(crate) sender: Model,
    pub(crate) receiver: Model,
    /// The receiver again, by the product's code: decryption looks at it.
    history: Decompressor,
    /// Without MPPE.
    next_sent: u16,
    next_received: u16,
    /// Octets that went each way before and after compression.
    pub(crate) plain: usize,
    pub(crate) packed: usize,
}

impl Mppc {
    fn new() -> Self {
        Self {
            sender: Model::new(),
            receiver: Model::new(),
            history: Decompressor::new(),
            next_sent: 0,
            next_received: 0,
            plain: 0,
            packed: 0,
        }
    }

    /// What a frame from the server stands for; both readers agree.
    fn unpack(&mut self, header: Header, packed: &[u8]) -> Vec<u8> {
        let bits = u16::from_be_bytes(header.to_bytes());
        let packet = self.receiver.decompress(bits, packed);
        let ours = self.history.decompress(header, packed, 2000).unwrap();
        assert_eq!(packet.as_deref(), Some(ours.unwrap_or(packed)));
        let packet = packet.unwrap();
        self.plain += packet.len();
        self.packed += packed.len();
        packet
    }
}

/// A state that is everybody's.
struct Only<'s>(&'s mut DecryptState);

impl DecryptStates for Only<'_> {
    fn decrypt_state(&mut self, _flow: u32) -> Option<&mut DecryptState> {
        Some(self.0)
    }
}

/// What a client has received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// An acknowledgment alone.
    Nothing,
    /// A PPP frame in clear.
    Clear(Protocol, Vec<u8>),
    /// A PPP frame that was encrypted.
    Secret(Protocol, Vec<u8>),
}

impl Client {
    pub(crate) fn new(key: FlowKey, last: u8) -> Self {
        Self {
            key,
            address: Ipv4Addr::new(198, 51, 100, last),
            call_id: CallId::new(0x1100 | u16::from(last)),
            lease: lease(100 + last),
            sequence: 0,
            acknowledged: None,
            expected: 0,
            seed: last,
            encrypt: None,
            decrypt: None,
            mppc: None,
            decrypt_worker: DecryptWorker::new(4, Budget::new(1 << 16, 1 << 16, Timestamp::ZERO))
                .with_places(1),
            encrypt_worker: EncryptWorker::new(1),
        }
    }

    pub(crate) fn start_keys(&self) -> StartKeys {
        start_keys(self.seed)
    }

    /// Starts to encrypt and to compress, and to expect it.
    pub(crate) fn arm(&mut self, agreement: impl Into<Agreement>) {
        let Agreement { suite, compression } = agreement.into();
        self.mppc = compression.then(Mppc::new);
        if let Some(suite) = suite {
            self.arm_keys(suite);
        }
    }

    fn arm_keys(&mut self, suite: Suite) {
        let keys = self.start_keys();
        let Suite { strength, mode } = suite;
        self.encrypt = Some(EncryptState::new_for_client(keys.upstream, strength, mode));
        let id = KeyId::new(std::num::NonZeroU64::MIN);
        let budget = Budget::new(1 << 16, 1 << 16, Timestamp::ZERO);
        let newest = self.expected.wrapping_sub(1);
        self.decrypt = Some(DecryptState::new_for_client(
            keys.downstream,
            strength,
            mode,
            id,
            newest,
            budget,
        ));
    }

    /// The whole Ethernet frame around a GRE packet.
    pub(crate) fn outer(&self, gre: &[u8]) -> Vec<u8> {
        let packet = packets::ip(protocol::GRE, self.address, LOCAL, gre);
        packets::frame(ACCESS_MAC, mac_of(self.address), ether_type::IPV4, &packet)
    }

    /// Starts RC4 and the history afresh with the next frame.
    pub(crate) fn flush(&mut self) {
        if let Some(encrypt) = &mut self.encrypt {
            encrypt.flush();
        }
        if let Some(mppc) = &mut self.mppc {
            mppc.sender.restart();
        }
    }

    /// A frame around PPP bytes with any sequence number.
    pub(crate) fn numbered(&self, sequence: u32, ppp: &[u8]) -> Vec<u8> {
        self.outer(&packets::gre(self.key.call_id, Some(sequence), None, ppp))
    }

    fn take_sequence(&mut self) -> u32 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        sequence
    }

    /// A frame around PPP bytes.
    pub(crate) fn ppp(&mut self, ppp: &[u8]) -> Vec<u8> {
        let sequence = self.take_sequence();
        self.numbered(sequence, ppp)
    }

    /// PPP bytes of an IPv4 packet, encrypted if that is armed. Uses up a key.
    pub(crate) fn wrap(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut inside = vec![0x00, 0x21];
        inside.extend_from_slice(packet);
        self.wrap_inside(inside)
    }

    /// A protocol field and what follows, compressed and encrypted if that is armed. Uses up a key.
    pub(crate) fn wrap_inside(&mut self, inside: Vec<u8>) -> Vec<u8> {
        let Some(mppc) = &mut self.mppc else {
            return self.wrap_packed(0, inside);
        };
        if let Some(encrypt) = &mut self.encrypt {
            // Bit A is both's.
            if mppc.sender.flush {
                encrypt.flush();
            }
            mppc.sender.flush |= encrypt.starts_afresh();
        }
        let (bits, packed) = mppc.sender.compress(&inside);
        mppc.plain += inside.len();
        mppc.packed += packed.len();
        self.wrap_packed(bits, packed)
    }

    /// What compression has left, with its bits of the header.
    pub(crate) fn wrap_packed(&mut self, bits: u16, mut inside: Vec<u8>) -> Vec<u8> {
        let mut ppp = vec![0xff, 0x03];
        let header = if let Some(encrypt) = &mut self.encrypt {
            let header = encrypt.encrypt(&mut inside, &mut self.encrypt_worker);
            Some(u16::from_be_bytes(header.unwrap().to_bytes()) | bits)
        } else if let Some(mppc) = &mut self.mppc {
            mppc.next_sent = (mppc.next_sent + 1) % 4096;
            Some(((mppc.next_sent + 4095) % 4096) | bits)
        } else {
            None
        };
        if let Some(header) = header {
            ppp.extend_from_slice(&[0x00, 0xfd]);
            ppp.extend_from_slice(&header.to_be_bytes());
        }
        ppp.extend_from_slice(&inside);
        ppp
    }

    /// A frame around an IPv4 packet, encrypted if that is armed.
    pub(crate) fn data(&mut self, packet: &[u8]) -> Vec<u8> {
        let ppp = self.wrap(packet);
        self.ppp(&ppp)
    }

    /// Sends an IPv6 packet, encrypted if that is armed.
    pub(crate) fn send6(&mut self, lab: &mut Lab, packet: &[u8]) {
        let ppp = self.wrap_inside([&[0x00, 0x57], packet].concat());
        let frame = self.ppp(&ppp);
        lab.push(0, ACCESS, &frame);
        lab.settle();
    }

    /// Takes IPv6 from the server's link-local address for a packet.
    pub(crate) fn agree(&mut self, server: InterfaceIdentifier) {
        if let Some(decrypt) = &mut self.decrypt {
            decrypt.agree(Agreed::Ipv4AndIpv6 { peer: server });
        }
    }

    /// Sends an LCP frame, as the dialogue that comes first would, so that the call has a sequence.
    pub(crate) fn greet(&mut self, lab: &mut Lab) {
        let frame = self.ppp(&[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4]);
        lab.push(0, ACCESS, &frame);
        lab.settle();
        lab.punted.clear();
    }

    /// Sends an IPv4 packet.
    pub(crate) fn send(&mut self, lab: &mut Lab, packet: &[u8]) {
        let frame = self.data(packet);
        lab.push(0, ACCESS, &frame);
        lab.settle();
    }

    /// Reads a frame from the server: everything around PPP must be right.
    pub(crate) fn receive(&mut self, frame: &[u8]) -> Received {
        let (ip, packet) = packets::ip_of(frame);
        assert_eq!(frame[..6], mac_of(self.address));
        assert_eq!((ip.source, ip.destination), (LOCAL, self.address));
        assert!(!ip.dont_fragment && ip.protocol == protocol::GRE);
        let header = gre::Header::parse(&packet[20..]).unwrap();
        assert_eq!(header.call_id, self.call_id);
        self.acknowledged = header.acknowledgment.or(self.acknowledged);
        let payload = &packet[20 + header.length()..];
        assert_eq!(
            payload.len(),
            usize::from(header.payload_length),
            "no padding"
        );
        let Some(sequence) = header.sequence else {
            assert!(payload.is_empty() && header.acknowledgment.is_some());
            return Received::Nothing;
        };
        assert_eq!(sequence, self.expected);
        self.expected = sequence.wrapping_add(1);
        assert!(payload.starts_with(&[0xff, 0x03]));
        let ppp = PppFrame::parse(payload).unwrap();
        if ppp.protocol != Protocol::COMPRESSED {
            return Received::Clear(ppp.protocol, ppp.payload.to_vec());
        }
        let inside = self
            .open(ppp.payload, sequence)
            .expect("the client cannot decrypt");
        let (protocol, packet) = Protocol::parse(&inside).unwrap();
        Received::Secret(protocol, packet.to_vec())
    }

    /// Decrypts and decompresses what follows the protocol field of a frame from the server.
    fn open(&mut self, payload: &[u8], sequence: u32) -> Result<Vec<u8>, DecryptRefusal> {
        let mut payload = payload.to_vec();
        let header = Header::parse(&payload).unwrap();
        if let Some(decrypt) = &mut self.decrypt {
            let mut job = DecryptJob::new(0, sequence, &mut payload);
            job.history = self.mppc.as_ref().map(|mppc| &mppc.history);
            let mut jobs = [job];
            let worker = &mut self.decrypt_worker;
            decrypt_batch(&mut Only(decrypt), &mut jobs, worker, Timestamp::ZERO);
            let [job] = jobs;
            job.outcome?;
        } else {
            let mppc = self.mppc.as_mut().expect("neither armed");
            let due = header.coherency_count.value() == mppc.next_received;
            assert!(!header.encrypted && (due || header.flushed));
            mppc.next_received = (header.coherency_count.value() + 1) % 4096;
        }
        let packed = payload.split_off(2);
        match &mut self.mppc {
            Some(mppc) => Ok(mppc.unpack(header, &packed)),
            None => Ok(packed),
        }
    }

    /// Tries an encrypted frame from the server, which may come after a loss: the packet, if it
    /// decrypts.
    pub(crate) fn receive_lossy(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let (_, packet) = packets::ip_of(frame);
        let header = gre::Header::parse(&packet[20..]).unwrap();
        let sequence = header.sequence.unwrap();
        self.expected = sequence.wrapping_add(1);
        let ppp = PppFrame::parse(&packet[20 + header.length()..]).unwrap();
        self.open(ppp.payload, sequence).ok()
    }

    /// The IPv4 packets of frames from the server.
    pub(crate) fn packets(&mut self, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for frame in frames {
            match self.receive(frame) {
                Received::Clear(Protocol::IPV4, packet) if self.decrypt.is_none() => {
                    packets.push(packet)
                }
                Received::Secret(Protocol::IPV4, packet) => packets.push(packet),
                Received::Nothing => {}
                other @ (Received::Clear(..) | Received::Secret(..)) => panic!("{other:?}"),
            }
        }
        packets
    }
}

/// A frame in memory with little room in front.
pub(crate) fn cramped(bytes: &[u8]) -> MemoryFrame {
    MemoryFrame::with_headroom(bytes, 8)
}
