//! PPP frames out of a recorded session.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;

use pcap_file::pcapng::{Block, PcapNgReader};
use pns::wire::ethernet::{self, ether_type};
use pns::wire::{gre, ipv4, ppp};

/// The client of every recording.
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

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

/// Through the codecs of the product, which refuse nothing that real peers send.
fn ppp_frame(packet: &[u8]) -> Option<PppFrame> {
    let ethernet = ethernet::Header::parse(packet).unwrap();
    if ethernet.ether_type != ether_type::IPV4 {
        return None;
    }
    let packet = &packet[ethernet.length()..];
    let ip = ipv4::Header::parse(packet).unwrap();
    if ip.protocol != ipv4::protocol::GRE {
        return None;
    }
    let packet = &packet[usize::from(ip.header_length)..usize::from(ip.total_length)];
    let gre = gre::Header::parse(packet).unwrap();
    let sequence = gre.sequence.filter(|_| gre.payload_length > 0)?;
    let payload = &packet[gre.length()..][..usize::from(gre.payload_length)];
    let frame = ppp::Frame::parse(payload).unwrap();
    Some(PppFrame {
        from_client: ip.source == CLIENT,
        sequence,
        protocol: frame.protocol.0,
        payload: frame.payload.to_vec(),
    })
}
