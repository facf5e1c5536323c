//! The headers around user data, read in one go: untagged Ethernet, IPv4 in one piece without
//! options, enhanced GRE with a sequence number, PPP with its address and control fields. Nearly
//! every frame from a client is like that.
//!
//! ```text
//! Ethernet (14) | IPv4 (20) | GRE (12, or 16 with an acknowledgment) | ff 03 00 21, or ff 03 00 fd
//! ```
//!
//! What is otherwise is left to the codecs of each layer, which also know what is wrong with it.

use std::net::Ipv4Addr;

use super::call_id::CallId;
use super::checksum;
use super::ethernet::{HEADER_LENGTH as ETHERNET, Mac};
use super::field::{array_at, u8_at, u16_at, u32_at};
use super::ipv4::{HEADER_LENGTH as IPV4, protocol};
use super::ppp::Protocol;

/// Where GRE begins.
const GRE: usize = ETHERNET + IPV4;
/// Bytes of GRE without an acknowledgment.
const GRE_SHORT: usize = 12;
/// Bytes of PPP's address, control and protocol fields.
const PPP: usize = 4;
/// What there is to see of a frame.
const SIGHT: usize = GRE + 8;
/// The least that such a frame has.
const HEADERS: usize = GRE + GRE_SHORT + PPP;

/// `EtherType` of IPv4, version and header length; Type of Service is anything.
const PLAIN_IPV4: u32 = 0x0800_4500;
const TYPE_OF_SERVICE: u32 = 0xff;
/// More Fragments, and Fragment Offset.
const FRAGMENT: u16 = 0x3fff;
/// The first word of GRE with a key and a sequence number, and with an acknowledgment too.
const GRE_DATA: u32 = 0x3001_880b;
const GRE_DATA_AND_ACKNOWLEDGMENT: u32 = 0x3081_880b;
const PPP_IPV4: u32 = 0xff03_0021;
const PPP_COMPRESSED: u32 = 0xff03_00fd;

/// Where a frame says that it goes, before anything about it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The outer destination.
    pub destination: Ipv4Addr,
    /// The Call ID of the receiver.
    pub call_id: CallId,
}

impl Sight {
    /// Looks at a frame that may be GRE in a plain IPv4 packet.
    #[inline]
    #[must_use]
    pub fn of(frame: &[u8]) -> Option<Self> {
        let head = frame.first_chunk::<SIGHT>()?;
        let plain = u32_at(head, 12)? & !TYPE_OF_SERVICE == PLAIN_IPV4
            && u8_at(head, ETHERNET + 9)? == protocol::GRE
            && u16_at(head, ETHERNET + 6)? & FRAGMENT == 0;
        plain.then_some(Self {
            destination: Ipv4Addr::from_bits(u32_at(head, ETHERNET + 16)?),
            call_id: CallId::new(u16_at(head, GRE + 6)?),
        })
    }
}

/// The headers of a frame with user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Who shall receive the frame.
    pub station: Mac,
    /// Where it goes.
    pub sight: Sight,
    /// The outer source.
    pub source: Ipv4Addr,
    /// The number of this packet.
    pub sequence: u32,
    /// The highest sequence number that the sender has received.
    pub acknowledgment: Option<u32>,
    /// What the frame carries: IPv4, or something compressed or encrypted.
    pub protocol: Protocol,
    /// Bytes of all headers.
    pub length: usize,
    /// Bytes of what is carried.
    pub payload_length: usize,
}

impl Headers {
    /// Reads and checks them; `None` for whatever is not such a frame, or not right.
    #[expect(clippy::inline_always, reason = "a call for each packet is felt")]
    #[inline(always)]
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let sight = Sight::of(frame)?;
        let head = frame.first_chunk::<HEADERS>()?;
        let ip = head.get(ETHERNET..)?.first_chunk::<IPV4>()?;
        let total_length = usize::from(u16_at(ip, 2)?);
        if ETHERNET + total_length > frame.len() || checksum::sum_of(ip) != 0xffff {
            return None;
        }
        let (gre_length, acknowledgment) = match u32_at(head, GRE)? {
            GRE_DATA => (GRE_SHORT, None),
            GRE_DATA_AND_ACKNOWLEDGMENT => (GRE_SHORT + 4, Some(u32_at(head, GRE + GRE_SHORT)?)),
            _ => return None,
        };
        let ppp_length = usize::from(u16_at(head, GRE + 4)?);
        if IPV4 + gre_length + ppp_length > total_length {
            return None;
        }
        let protocol = match u32_at(frame, GRE + gre_length)? {
            PPP_IPV4 => Protocol::IPV4,
            PPP_COMPRESSED => Protocol::COMPRESSED,
            _ => return None,
        };
        Some(Self {
            station: array_at(head, 0)?,
            sight,
            source: Ipv4Addr::from_bits(u32_at(ip, 12)?),
            sequence: u32_at(head, GRE + 8)?,
            acknowledgment,
            protocol,
            length: GRE + gre_length + PPP,
            payload_length: ppp_length.checked_sub(PPP)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ethernet, gre, ipv4, ppp};
    use proptest::prelude::*;

    /// The same by the codecs of each layer.
    fn layer_by_layer(frame: &[u8]) -> Option<Headers> {
        let link = ethernet::Header::parse(frame).ok()?;
        let packet = frame.get(link.length()..)?;
        let ip = ipv4::Header::parse(packet).ok()?;
        let packet = packet.get(..usize::from(ip.total_length))?;
        let payload = packet.get(usize::from(ip.header_length)..)?;
        let gre = gre::Header::parse(payload).ok()?;
        let payload = payload.get(gre.length()..)?;
        let payload = payload.get(..usize::from(gre.payload_length))?;
        let ppp = ppp::Frame::parse(payload).ok()?;
        let front = payload.len() - ppp.payload.len();
        Some(Headers {
            station: link.destination,
            sight: Sight {
                destination: ip.destination,
                call_id: gre.call_id,
            },
            source: ip.source,
            sequence: gre.sequence?,
            acknowledgment: gre.acknowledgment,
            protocol: ppp.protocol,
            length: link.length() + usize::from(ip.header_length) + gre.length() + front,
            payload_length: ppp.payload.len(),
        })
    }

    fn frame(acknowledgment: Option<u32>, encrypted: bool, data: &[u8], padding: usize) -> Vec<u8> {
        let mut ppp = vec![0xff, 3, 0, if encrypted { 0xfd } else { 0x21 }];
        ppp.extend_from_slice(data);
        let header = gre::Header {
            payload_length: u16::try_from(ppp.len()).unwrap(),
            call_id: CallId::new(0x1234),
            sequence: Some(7),
            acknowledgment,
        };
        let total = IPV4 + header.length() + ppp.len();
        let (from, to) = (Ipv4Addr::new(192, 0, 2, 9), Ipv4Addr::new(192, 0, 2, 1));
        let total = u16::try_from(total).unwrap();
        let mut bytes = vec![2; GRE + header.length()];
        bytes[12..14].copy_from_slice(&[8, 0]);
        ipv4::Header::plain(protocol::GRE, from, to, total).emit(&mut bytes[ETHERNET..]);
        header.emit(&mut bytes[GRE..]);
        bytes.extend_from_slice(&ppp);
        bytes.resize(bytes.len() + padding, 0);
        bytes
    }

    #[test]
    fn the_usual_frames_are_read_at_every_length() {
        for (acknowledgment, encrypted, padding) in [
            (None, false, 0),
            (Some(3), false, 9),
            (Some(3), true, 0),
            (None, true, 4),
        ] {
            let frame = frame(acknowledgment, encrypted, &[0x45; 30], padding);
            let headers = Headers::read(&frame);
            assert!(headers.is_some());
            assert_eq!(headers, layer_by_layer(&frame));
            for cut in 0..frame.len() - padding {
                assert_eq!(Headers::read(&frame[..cut]), None, "cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_read_in_one_go_is_what_each_layer_reads(
            acknowledgment: Option<u32>, encrypted: bool,
            data in proptest::collection::vec(any::<u8>(), 0..40), padding in 0usize..8,
            changes in proptest::collection::vec((0usize..60, any::<u8>()), 0..3), mend: bool,
        ) {
            let mut frame = frame(acknowledgment, encrypted, &data, padding);
            for (place, value) in changes {
                if let Some(byte) = frame.get_mut(place) {
                    *byte = value;
                }
            }
            if mend {
                // Otherwise hardly a changed header would get past its checksum.
                frame[24..26].fill(0);
                let sum = checksum::checksum(&frame[ETHERNET..GRE]);
                frame[24..26].copy_from_slice(&sum.to_be_bytes());
            }
            if let Some(headers) = Headers::read(&frame) {
                prop_assert_eq!(Some(headers), layer_by_layer(&frame));
                prop_assert_eq!(Some(headers.sight), Sight::of(&frame));
            }
        }
    }
}
