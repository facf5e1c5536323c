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
    Ok(packet.unwrap_or(&sent.bytes).to_vec())
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
    assert_eq!(text, Ok(Some(BELL)));
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
    let mut shapes = Vec::new();
    for packet in [BELL, &[0xe5, 0x81, 0xfe, 0x9a, 0xc3, 0xb7], BELL, BELL] {
        let sent = send(&mut compressor, packet);
        assert_eq!(receive(&mut decompressor, &sent).unwrap(), packet);
        shapes.push((
            sent.header.flushed,
            sent.header.at_front,
            sent.header.compressed,
        ));
        if packet != BELL {
            assert_eq!(sent.bytes, packet);
        }
    }
    // The next packet says that both histories are empty, and is at the front of them.
    let started = (true, true, true);
    let expected = [
        started,
        (false, false, false),
        started,
        (false, false, true),
    ];
    assert_eq!(shapes, expected);
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
    // One literal and a copy of 8191 bytes: six bytes that stand for 8192.
    let copy = Code::Copy {
        offset: 1,
        length: 8191,
    };
    let bytes = written(&[Code::Literal(7), copy]);
    assert_eq!(bytes.len(), 6);
    let header = compressed(true, true);
    let mut decompressor = Decompressor::new();
    let refused = decompressor.decompress(header, &bytes, PACKET_MAX);
    assert_eq!(refused, Err(Refusal::PacketTooLong));
    assert!(!decompressor.is_in_step());
    let whole = decompressor.decompress(header, &bytes, HISTORY_LENGTH);
    assert_eq!(whole.unwrap(), Some(&[7; HISTORY_LENGTH][..]));
}

/// The codes as bytes.
fn written(codes: &[Code]) -> Vec<u8> {
    let mut bytes = [0; PACKET_MAX];
    let mut writer = BitWriter::new(&mut bytes);
    for code in codes {
        writer.push(*code).unwrap();
    }
    let length = writer.finish().unwrap();
    bytes[..length].to_vec()
}

fn compressed(flushed: bool, at_front: bool) -> Header {
    Header {
        flushed,
        at_front,
        compressed: true,
        encrypted: false,
        coherency_count: CoherencyCount::new(0),
    }
}

/// Peers look back over the front: into zeros, and into what was written before bit B.
#[test]
fn s3_1_a_history_is_zeros_at_first_and_keeps_what_is_behind_a_packet_at_its_front() {
    let mut decompressor = Decompressor::new();
    let copy = |offset, length| Code::Copy { offset, length };
    let first = written(&[Code::Literal(7), copy(2, 3)]);
    let packet = decompressor.decompress(compressed(true, true), &first, PACKET_MAX);
    assert_eq!(packet, Ok(Some(&[7, 0, 7, 0][..])));
    // As far as place 8000, and then at the front again.
    let long: Vec<u8> = (0..999).map(|place| (place % 251) as u8 | 1).collect();
    let literals: Vec<Code> = long.iter().copied().map(Code::Literal).collect();
    for _ in 0..8 {
        let again = decompressor.decompress(compressed(false, false), &written(&literals), 1500);
        assert_eq!(again, Ok(Some(&long[..])));
    }
    let behind = decompressor.decompress(
        compressed(false, true),
        &written(&[copy(8192 - 7990, 6)]),
        PACKET_MAX,
    );
    assert_eq!(behind, Ok(Some(&long[7990 - 4 - 7 * 999..][..6])));
    let emptied = written(&[copy(8192 - 7990, 6)]);
    let emptied = decompressor.decompress(compressed(true, true), &emptied, PACKET_MAX);
    assert_eq!(emptied, Ok(Some(&[0; 6][..])), "nothing of before bit A");
}

#[test]
fn a_packet_that_runs_over_the_end_of_the_history_is_refused() {
    let mut decompressor = Decompressor::new();
    let long = written(&[
        Code::Literal(7),
        Code::Copy {
            offset: 1,
            length: 8000,
        },
    ]);
    let whole = decompressor.decompress(compressed(true, true), &long, HISTORY_LENGTH);
    assert!(whole.is_ok());
    let over = decompressor.decompress(compressed(false, false), &long, HISTORY_LENGTH);
    assert_eq!(over, Err(Refusal::HistoryFull));
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
    fn what_is_peeked_at_is_the_start_of_what_comes_out(
        packets in packets(),
        cut in 0usize..200,
        room in 1usize..100,
    ) {
        let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
        for packet in packets {
            let sent = send(&mut compressor, &packet);
            if sent.header.compressed {
                let mut start = vec![0; room];
                let prefix = &sent.bytes[..sent.bytes.len().min(cut)];
                let start = decompressor.peek(sent.header, prefix, &mut start);
                prop_assert!(packet.starts_with(start));
                // A byte that is no part of a copy takes nine bits at most.
                prop_assert!(start.len() >= room.min(prefix.len().saturating_sub(6) * 8 / 9));
            }
            prop_assert_eq!(receive(&mut decompressor, &sent), Ok(packet));
        }
    }

    #[test]
    fn noise_is_never_more_than_refused(
        noise in prop::collection::vec(any::<u8>(), 0..300),
        bits in any::<u16>(),
    ) {
        let mut decompressor = Decompressor::new();
        let header = Header::parse(&bits.to_be_bytes()).unwrap();
        if let Ok(Some(packet)) = decompressor.decompress(header, &noise, PACKET_MAX) {
            prop_assert!(packet.len() <= PACKET_MAX);
        }
    }
}
