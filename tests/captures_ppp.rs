//! Every control frame that real clients and servers exchanged in the recorded sessions is read
//! without a refusal, and written back byte for byte.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use pcap_file::pcapng::{Block, PcapNgReader};
use pns::wire::ccp::CcpOption;
use pns::wire::chap::{Chap, MsChapV2Response};
use pns::wire::ipcp::IpcpOption;
use pns::wire::lcp::LcpOption;
use pns::wire::options::{Options, RawOption};
use pns::wire::ppp::{Frame, Packet, Protocol, code};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pcapng")
        })
        .collect();
    files.sort();
    files
}

/// The PPP frames of a capture: Ethernet, IPv4, GRE version 1 with a payload.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = PcapNgReader::new(File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.unwrap() {
            frames.extend(ppp_of(&packet.data).map(<[u8]>::to_vec));
        }
    }
    frames
}

fn ppp_of(ethernet: &[u8]) -> Option<&[u8]> {
    let ipv4 = ethernet.get(14..)?;
    if ethernet[12..14] != [8, 0] || ipv4.get(9) != Some(&47) {
        return None;
    }
    let more_fragments_or_offset = u16::from_be_bytes([ipv4[6], ipv4[7]]) & 0x3fff;
    assert_eq!(
        more_fragments_or_offset, 0,
        "the sessions have no outer fragments"
    );
    let gre = &ipv4[usize::from(ipv4[0] & 15) * 4..];
    let (sequence, acknowledgment) = (gre[0] & 0x10 != 0, gre[1] & 0x80 != 0);
    let header = 8 + if sequence { 4 } else { 0 } + if acknowledgment { 4 } else { 0 };
    let length = usize::from(u16::from_be_bytes([gre[4], gre[5]]));
    sequence.then(|| &gre[header..header + length])
}

fn check_options(protocol: Protocol, data: &[u8]) {
    let options = Options::parse(data).unwrap();
    let mut written = Vec::new();
    for option in options.iter() {
        write_option(protocol, option, &mut written);
    }
    assert_eq!(written, data, "{protocol:?}");
}

fn write_option(protocol: Protocol, option: RawOption<'_>, written: &mut Vec<u8>) {
    match protocol {
        Protocol::LCP => LcpOption::parse(option).unwrap().emit(written),
        Protocol::CCP => CcpOption::parse(option).unwrap().emit(written),
        Protocol::IPCP => IpcpOption::parse(option).unwrap().emit(written),
        other => panic!("options of {other:?}"),
    }
}

fn check_chap(payload: &[u8]) {
    let chap = Chap::parse(payload).unwrap();
    assert_eq!(chap.to_frame()[4..], *payload);
    // MS-CHAP version 1 has values of the same length, and its last byte is a flag too.
    if let Chap::Response { value, name, .. } = chap {
        let response = MsChapV2Response::parse(value).unwrap();
        assert_eq!(name, b"alice");
        if response.flags == 0 {
            assert_eq!(response.emit(), value);
        }
    }
}

#[test]
fn every_recorded_control_frame_is_read() {
    let mut seen: BTreeMap<(Protocol, u8), usize> = BTreeMap::new();
    let files = captures();
    assert!(files.len() >= 8, "only {files:?}");
    for file in files {
        for bytes in frames(&file) {
            let Frame { protocol, payload } = Frame::parse(&bytes).unwrap();
            if protocol.is_network_layer() {
                continue;
            }
            let packet = Packet::parse(payload).unwrap();
            *seen.entry((protocol, packet.code)).or_default() += 1;
            let mut again = Vec::new();
            packet.emit(&mut again);
            assert_eq!(again, payload, "{}", file.display());
            match (protocol, packet.code) {
                (Protocol::CHAP, _) => check_chap(payload),
                (
                    Protocol::LCP | Protocol::CCP | Protocol::IPCP,
                    code::CONFIGURE_REQUEST..=code::CONFIGURE_REJECT,
                ) => check_options(protocol, packet.data),
                _ => {}
            }
        }
    }
    for kind in [
        (Protocol::LCP, 1),
        (Protocol::LCP, 2),
        (Protocol::LCP, 5),
        (Protocol::LCP, 6),
        (Protocol::CHAP, 1),
        (Protocol::CHAP, 2),
        (Protocol::CHAP, 3),
        (Protocol::CHAP, 4),
        (Protocol::CCP, 1),
        (Protocol::CCP, 2),
        (Protocol::CCP, 4),
        (Protocol::IPCP, 1),
        (Protocol::IPCP, 3),
        (Protocol::PAP, 1),
    ] {
        assert!(seen.contains_key(&kind), "no {kind:?} in {seen:?}");
    }
}
