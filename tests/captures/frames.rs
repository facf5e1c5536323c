//! PPP frames out of a recorded session: just enough of Ethernet, IPv4, enhanced GRE and PPP.

use std::fs::File;
use std::path::Path;

use pcap_file::pcapng::{Block, PcapNgReader};

/// The client of every recording.
const CLIENT: [u8; 4] = [198, 51, 100, 2];

/// One PPP frame as it crossed the wire.
pub(crate) struct PppFrame {
    pub(crate) from_client: bool,
    /// The GRE sequence number.
    pub(crate) sequence: u32,
    /// The PPP protocol number.
    pub(crate) protocol: u16,
    /// What follows the protocol field.
    pub(crate) payload: Vec<u8>,
}

/// Every captured packet, link layer first.
pub(crate) fn packets(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(name);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.unwrap() {
            packets.push(packet.data.into_owned());
        }
    }
    packets
}

/// Every PPP frame of a recording, in the order of capture.
pub(crate) fn ppp_frames(name: &str) -> Vec<PppFrame> {
    packets(name)
        .iter()
        .filter_map(|packet| ppp_frame(packet))
        .collect()
}

fn ppp_frame(packet: &[u8]) -> Option<PppFrame> {
    let ip = packet.get(14..)?;
    if packet[12..14] != [0x08, 0x00] || ip.get(9) != Some(&47) {
        return None;
    }
    let header_length = usize::from(ip[0] & 0x0f) * 4;
    let gre = &ip[header_length..];
    assert_eq!(gre[1] & 0x7f, 0x01, "enhanced GRE is version 1");
    assert_eq!(gre[2..4], [0x88, 0x0b], "enhanced GRE carries PPP");
    let length = usize::from(u16::from_be_bytes([gre[4], gre[5]]));
    let (has_sequence, has_ack) = (gre[0] & 0x10 != 0, gre[1] & 0x80 != 0);
    if !has_sequence || length == 0 {
        return None;
    }
    let sequence = u32::from_be_bytes(*gre[8..].first_chunk().unwrap());
    let start = if has_ack { 16 } else { 12 };
    let mut frame = &gre[start..start + length];
    frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    let (protocol, payload) = match frame {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return None,
    };
    let from_client = ip[12..16] == CLIENT;
    Some(PppFrame {
        from_client,
        sequence,
        protocol,
        payload: payload.to_vec(),
    })
}
