//! The control messages of a client, as bytes laid out by hand from RFC 2637 §2: independent of the
//! codec under test.

const MAGIC: u32 = 0x1a2b_3c4d;

pub(crate) fn message(message_type: u16, length: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(usize::from(length));
    bytes.extend(length.to_be_bytes());
    bytes.extend(1u16.to_be_bytes());
    bytes.extend(MAGIC.to_be_bytes());
    bytes.extend(message_type.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.resize(usize::from(length), 0);
    bytes
}

/// Start-Control-Connection-Request as pptp-linux sends it.
pub(crate) fn start_request() -> Vec<u8> {
    let mut bytes = message(1, 156);
    bytes[12..14].copy_from_slice(&0x0100u16.to_be_bytes());
    bytes[16..20].copy_from_slice(&1u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&1u32.to_be_bytes());
    bytes[28..33].copy_from_slice(b"local");
    bytes[92..100].copy_from_slice(b"cananian");
    bytes
}

/// Outgoing-Call-Request.
pub(crate) fn call_request(call_id: u16) -> Vec<u8> {
    let mut bytes = message(7, 168);
    bytes[12..14].copy_from_slice(&call_id.to_be_bytes());
    bytes[14..16].copy_from_slice(&1u16.to_be_bytes());
    bytes[16..20].copy_from_slice(&2400u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&10_000_000u32.to_be_bytes());
    bytes[24..28].copy_from_slice(&3u32.to_be_bytes());
    bytes[28..32].copy_from_slice(&3u32.to_be_bytes());
    bytes[32..34].copy_from_slice(&64u16.to_be_bytes());
    bytes
}

/// Call-Clear-Request with the client's own Call ID.
pub(crate) fn call_clear(call_id: u16) -> Vec<u8> {
    let mut bytes = message(12, 16);
    bytes[12..14].copy_from_slice(&call_id.to_be_bytes());
    bytes
}

/// The messages in a stream of whole messages.
pub(crate) fn split(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while stream.len() >= 2 {
        let length = usize::from(u16::from_be_bytes([stream[0], stream[1]]));
        messages.push(&stream[..length]);
        stream = &stream[length..];
    }
    messages
}

/// The control message type.
pub(crate) fn kind(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[8], message[9]])
}

/// The Call ID of Outgoing-Call-Reply and of Call-Disconnect-Notify.
pub(crate) fn call_id(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[12], message[13]])
}

/// Stop-Control-Connection-Request.
pub(crate) fn stop_request() -> Vec<u8> {
    let mut bytes = message(3, 16);
    bytes[12] = 1;
    bytes
}

/// Stop-Control-Connection-Reply.
pub(crate) fn stop_reply() -> Vec<u8> {
    let mut bytes = message(4, 16);
    bytes[12] = 1;
    bytes
}

/// Start-Control-Connection-Reply.
pub(crate) fn start_reply(result: u8) -> Vec<u8> {
    let mut bytes = message(2, 156);
    bytes[12..14].copy_from_slice(&0x0100u16.to_be_bytes());
    bytes[14] = result;
    bytes[16..20].copy_from_slice(&3u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&3u32.to_be_bytes());
    bytes[92..95].copy_from_slice(b"pac");
    bytes
}

/// Outgoing-Call-Reply of a PAC with this Call ID of its own.
pub(crate) fn call_reply(call_id: u16, peer_call_id: u16, result: u8) -> Vec<u8> {
    let mut bytes = message(8, 32);
    bytes[12..14].copy_from_slice(&call_id.to_be_bytes());
    bytes[14..16].copy_from_slice(&peer_call_id.to_be_bytes());
    bytes[16] = result;
    bytes[18..20].copy_from_slice(&17u16.to_be_bytes());
    bytes[20..24].copy_from_slice(&64_000u32.to_be_bytes());
    bytes[24..26].copy_from_slice(&64u16.to_be_bytes());
    bytes
}

/// Incoming-Call-Request with the numbers of both ends.
pub(crate) fn offer(call_id: u16, dialed: &str, dialing: &str) -> Vec<u8> {
    let mut bytes = message(9, 220);
    bytes[12..14].copy_from_slice(&call_id.to_be_bytes());
    bytes[14..16].copy_from_slice(&9u16.to_be_bytes());
    bytes[16..20].copy_from_slice(&1u32.to_be_bytes());
    bytes[24..26].copy_from_slice(&(dialed.len() as u16).to_be_bytes());
    bytes[26..28].copy_from_slice(&(dialing.len() as u16).to_be_bytes());
    bytes[28..28 + dialed.len()].copy_from_slice(dialed.as_bytes());
    bytes[92..92 + dialing.len()].copy_from_slice(dialing.as_bytes());
    bytes
}

/// Incoming-Call-Reply of a PNS with this Call ID of its own.
pub(crate) fn offer_reply(call_id: u16, peer_call_id: u16, result: u8) -> Vec<u8> {
    let mut bytes = message(10, 24);
    bytes[12..14].copy_from_slice(&call_id.to_be_bytes());
    bytes[14..16].copy_from_slice(&peer_call_id.to_be_bytes());
    bytes[16] = result;
    bytes[18..20].copy_from_slice(&64u16.to_be_bytes());
    bytes
}

/// Incoming-Call-Connected.
pub(crate) fn offer_connected(peer_call_id: u16) -> Vec<u8> {
    let mut bytes = message(11, 28);
    bytes[12..14].copy_from_slice(&peer_call_id.to_be_bytes());
    bytes[16..20].copy_from_slice(&33_600u32.to_be_bytes());
    bytes[20..22].copy_from_slice(&64u16.to_be_bytes());
    bytes[24..28].copy_from_slice(&1u32.to_be_bytes());
    bytes
}

/// Call-Disconnect-Notify with the sender's own Call ID.
pub(crate) fn disconnect_notify(call_id: u16, result: u8) -> Vec<u8> {
    let mut bytes = message(13, 148);
    bytes[12..14].copy_from_slice(&call_id.to_be_bytes());
    bytes[14] = result;
    bytes
}

/// WAN-Error-Notify: 1 to 6 errors of the six kinds.
pub(crate) fn wan_errors(peer_call_id: u16) -> Vec<u8> {
    let mut bytes = message(14, 40);
    bytes[12..14].copy_from_slice(&peer_call_id.to_be_bytes());
    for kind in 1..=6u8 {
        bytes[15 + 4 * usize::from(kind)] = kind;
    }
    bytes
}

/// The Peer's Call ID of the two replies.
pub(crate) fn peer_call_id(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[14], message[15]])
}
