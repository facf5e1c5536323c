//! RFC 2118 (MPPC), by clause: the code, the two histories, and how they find together again.
#![expect(clippy::unwrap_used, reason = "a test fails by these")]

use pns::mppc::bits::{BitReader, BitWriter, Code};
use pns::mppc::{Compressor, Decompressor, HISTORY_LENGTH, Refusal};
use pns::wire::mppe::{CoherencyCount, Header};
use proptest::prelude::*;

const PACKET_MAX: usize = 1500;

/// A packet on its way.
#[derive(Clone, Debug)]
struct Sent {
    header: Header,
    bytes: Vec<u8>,
}

fn send(compressor: &mut Compressor, packet: &[u8]) -> Sent {
    let mut output = [0; PACKET_MAX];
    let done = compressor.compress(packet, &mut output);
    let bytes = if done.compressed {
        assert!(done.length < packet.len(), "a packet never grows");
        output[..done.length].to_vec()
    } else {
        packet.to_vec()
    };
    let header = Header {
        flushed: done.flushed,
        at_front: done.at_front,
        compressed: done.compressed,
        encrypted: false,
        coherency_count: CoherencyCount::new(0),
    };
    Sent { header, bytes }
}

fn receive(decompressor: &mut Decompressor, sent: &Sent) -> Result<Vec<u8>, Refusal> {
    let packet = decompressor.decompress(sent.header, &sent.bytes, PACKET_MAX)?;
    Ok(packet.to_vec())
}

/// RFC 2118 §4 by a reader of its own: a vector that grows, and no arithmetic on places.
fn naive(codes: &[u8], history: &mut Vec<u8>) -> Vec<u8> {
    let start = history.len();
    let mut reader = BitReader::new(codes);
    while let Some(code) = reader.next_code().unwrap() {
        match code {
            Code::Literal(byte) => history.push(byte),
            Code::Copy { offset, length } => {
                for _ in 0..length {
                    history.push(history[history.len() - offset]);
                }
            }
        }
    }
    history[start..].to_vec()
}

const BELL: &[u8] = b"for whom the bell tolls, the bell tolls for thee!";

#[test]
fn s4_a_text_with_repetitions_becomes_the_codes_of_its_repetitions() {
    // The bytes of this text with copies <16,15>, <40,4> and <19,3>, written down by hand.
    let mut bytes = [0; 64];
    let mut writer = BitWriter::new(&mut bytes);
    let copy = |offset, length| Code::Copy { offset, length };
    for byte in b"for whom the bell tolls," {
        writer.push(Code::Literal(*byte)).unwrap();
    }
    for code in [copy(16, 15), Code::Literal(b' '), copy(40, 4), copy(19, 3)] {
        writer.push(code).unwrap();
    }
    for byte in b"e!" {
        writer.push(Code::Literal(*byte)).unwrap();
    }
    let length = writer.finish().unwrap();
    let header = send(&mut Compressor::new(), BELL).header;
    let mut decompressor = Decompressor::new();
    let text = decompressor.decompress(header, &bytes[..length], PACKET_MAX);
    assert_eq!(text, Ok(BELL));
    // Ours is as short.
    assert!(send(&mut Compressor::new(), BELL).bytes.len() <= length);
}

#[test]
fn s3_1_the_first_packet_empties_the_history_and_begins_at_its_front() {
    let mut compressor = Compressor::new();
    let first = send(&mut compressor, BELL);
    assert!(first.header.flushed && first.header.at_front && first.header.compressed);
    let second = send(&mut compressor, BELL);
    assert!(!second.header.flushed && !second.header.at_front && second.header.compressed);
    assert!(second.bytes.len() < 6, "the whole packet is one copy");
}

#[test]
fn s3_1_a_packet_that_would_grow_is_sent_as_it_is_and_empties_the_history() {
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    for packet in [BELL, &[0xe5, 0x81, 0xfe, 0x9a, 0xc3, 0xb7], BELL, BELL] {
        let sent = send(&mut compressor, packet);
        assert_eq!(receive(&mut decompressor, &sent).unwrap(), packet);
        if packet != BELL {
            assert!(sent.header.flushed && !sent.header.compressed);
            assert_eq!(sent.bytes, packet);
        }
    }
}

#[test]
fn s3_1_a_packet_without_room_in_the_history_goes_to_its_front() {
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    let mut fronts = 0;
    for number in 0..100u8 {
        let packet: Vec<u8> = (0..1000u32).map(|i| (i / 7) as u8 ^ number).collect();
        let sent = send(&mut compressor, &packet);
        fronts += u32::from(sent.header.at_front);
        assert!(sent.header.flushed == (number == 0), "nothing was lost");
        assert_eq!(receive(&mut decompressor, &sent).unwrap(), packet);
    }
    assert_eq!(fronts, 13, "eight packets of a thousand bytes fit 8192");
}

#[test]
fn s4_3_after_a_loss_nothing_is_used_until_the_sender_has_started_anew() {
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    let first = send(&mut compressor, BELL);
    receive(&mut decompressor, &first).unwrap();
    let _lost = send(&mut compressor, b"something else, something else");
    decompressor.lose_step();
    let third = send(&mut compressor, BELL);
    assert_eq!(receive(&mut decompressor, &third), Err(Refusal::OutOfStep));
    compressor.restart();
    let fourth = send(&mut compressor, BELL);
    assert!(fourth.header.flushed && fourth.header.at_front);
    assert_eq!(receive(&mut decompressor, &fourth).unwrap(), BELL);
    assert!(decompressor.is_in_step());
}

#[test]
fn a_bomb_ends_at_the_longest_packet_of_the_link() {
    // One literal and a copy of 8191 bytes: five bytes that stand for 8192.
    let mut bytes = [0; 8];
    let mut writer = BitWriter::new(&mut bytes);
    writer.push(Code::Literal(7)).unwrap();
    let copy = Code::Copy {
        offset: 1,
        length: 8191,
    };
    writer.push(copy).unwrap();
    let length = writer.finish().unwrap();
    let header = send(&mut Compressor::new(), BELL).header;
    let mut decompressor = Decompressor::new();
    let refused = decompressor.decompress(header, &bytes[..length], PACKET_MAX);
    assert_eq!(refused, Err(Refusal::PacketTooLong));
    assert!(!decompressor.is_in_step());
    let whole = decompressor.decompress(header, &bytes[..length], HISTORY_LENGTH);
    assert_eq!(whole.unwrap(), vec![7; HISTORY_LENGTH]);
}

#[test]
fn a_copy_from_before_the_history_is_refused() {
    let mut bytes = [0; 8];
    let mut writer = BitWriter::new(&mut bytes);
    writer.push(Code::Literal(7)).unwrap();
    writer
        .push(Code::Copy {
            offset: 2,
            length: 3,
        })
        .unwrap();
    let length = writer.finish().unwrap();
    let header = send(&mut Compressor::new(), BELL).header;
    let refused = Decompressor::new()
        .decompress(header, &bytes[..length], PACKET_MAX)
        .map(<[u8]>::to_vec);
    assert_eq!(refused, Err(Refusal::OffsetBeyondHistory));
}

/// Packets with something to find in them.
fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let words = prop::collection::vec(0u8..12, 1..600);
    let text = words.prop_map(|words| {
        let vocabulary: [&[u8]; 12] = [
            b"GET ",
            b"/",
            b"index",
            b".html",
            b"\r\n",
            b"Host: ",
            &[0xff],
            &[0x80, 0x81, 0x82],
            b"a",
            b"aaaaaaaa",
            &[0],
            b"example.net",
        ];
        let mut text: Vec<u8> = words
            .into_iter()
            .flat_map(|word| vocabulary[usize::from(word)].to_vec())
            .collect();
        text.truncate(PACKET_MAX);
        text
    });
    let noise = prop::collection::vec(any::<u8>(), 1..200);
    prop::collection::vec(prop_oneof![4 => text, 1 => noise], 1..40)
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back_with_losses_and_resets(
        packets in packets(),
        losses in prop::collection::vec(prop::bool::weighted(0.1), 40),
    ) {
        let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
        let mut resets = 0;
        for (packet, lost) in packets.iter().zip(losses) {
            let sent = send(&mut compressor, packet);
            if lost {
                // The coherency count tells the receiver, whose Reset-Request comes at once.
                decompressor.lose_step();
                compressor.restart();
                resets += 1;
                continue;
            }
            prop_assert_eq!(receive(&mut decompressor, &sent), Ok(packet.clone()), "{} resets", resets);
        }
    }

    #[test]
    fn decompression_agrees_with_a_naive_reader(packets in packets()) {
        let mut compressor = Compressor::new();
        let mut history = Vec::new();
        for packet in packets {
            let sent = send(&mut compressor, &packet);
            if sent.header.flushed || sent.header.at_front {
                history.clear();
            }
            if sent.header.compressed {
                prop_assert_eq!(naive(&sent.bytes, &mut history), packet);
            }
        }
    }

    #[test]
    fn noise_is_never_more_than_refused(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        bits in any::<u16>(),
    ) {
        let mut decompressor = Decompressor::new();
        let header = Header::parse(&bits.to_be_bytes()).unwrap();
        if let Ok(packet) = decompressor.decompress(header, &noise, PACKET_MAX) {
            prop_assert!(packet.len() <= PACKET_MAX);
        }
    }
}
