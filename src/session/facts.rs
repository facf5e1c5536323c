//! What control messages say of a call: for operators, and for the bill.

use crate::pptp::{CallOffer, Line};
use crate::wire::pptp::{IncomingCallRequest, OutgoingCallRequest, Text, WanErrorNotify};

/// Who asked for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOrigin {
    /// A client, by Outgoing-Call-Request (RFC 2637 §3.2.4).
    Dialled,
    /// A PAC, by Incoming-Call-Request (RFC 2637 §3.2.3).
    Offered,
    /// We, by either of the two.
    Placed,
}

impl CallOrigin {
    /// The name in logs and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dialled => "dialled",
            Self::Offered => "offered",
            Self::Placed => "placed",
        }
    }
}

/// What control messages said of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// Call Serial Number, for the logs of both ends.
    pub serial: u16,
    /// The number that was dialled.
    pub called_number: Option<Box<str>>,
    /// The number of the caller.
    pub calling_number: Option<Box<str>>,
    /// Further dialling information; of Windows a GUID, in hexadecimal.
    pub subaddress: Option<Box<str>>,
    /// What the peer said of the call with its request, or when it connected it.
    pub line: Option<Line>,
    /// Send and Receive ACCM of the last Set-Link-Info.
    pub link_info: Option<(u32, u32)>,
    /// The last WAN-Error-Notify: counts from the start of the call.
    pub wan_errors: Option<Box<WanErrorNotify>>,
}

impl CallFacts {
    /// Of a client that dials in.
    pub(super) fn of_request(request: &OutgoingCallRequest) -> Self {
        Self {
            serial: request.call_serial_number,
            called_number: readable(&request.phone_number),
            subaddress: readable(&request.subaddress),
            line: Some(Line {
                connect_speed_bps: request.maximum_bps,
                receive_window: request.packet_receive_window_size,
                processing_delay: request.packet_processing_delay,
            }),
            ..Self::default()
        }
    }

    /// Of a PAC that offers a call.
    pub(super) fn of_offer(request: &IncomingCallRequest) -> Self {
        Self {
            serial: request.call_serial_number,
            called_number: readable(&request.dialed_number),
            calling_number: readable(&request.dialing_number),
            subaddress: readable(&request.subaddress),
            ..Self::default()
        }
    }

    /// Of a call that we place.
    pub(super) fn of_own(serial: u16, offer: &CallOffer) -> Self {
        match offer {
            CallOffer::Outgoing {
                phone_number,
                subaddress,
                ..
            } => Self {
                serial,
                called_number: readable(phone_number),
                subaddress: readable(subaddress),
                ..Self::default()
            },
            CallOffer::Incoming {
                dialed_number,
                dialing_number,
                subaddress,
                ..
            } => Self {
                serial,
                called_number: readable(dialed_number),
                calling_number: readable(dialing_number),
                subaddress: readable(subaddress),
                ..Self::default()
            },
        }
    }
}

/// Text as it is; anything else in hexadecimal, without the zeros that fill the field, but a GUID
/// whole.
fn readable(text: &Text<64>) -> Option<Box<str>> {
    const GUID_BYTES: usize = 16;
    let raw = text.raw();
    let used = raw.iter().rposition(|octet| *octet != 0)? + 1;
    let printable = |octet: &u8| octet.is_ascii_graphic() || *octet == b' ';
    if text.as_bytes().len() == used && text.as_bytes().iter().all(printable) {
        return Some(text.to_string().into());
    }
    let octets = raw.iter().take(used.max(GUID_BYTES));
    Some(octets.map(|octet| format!("{octet:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_binary_is_shown() {
        assert_eq!(readable(&Text::EMPTY), None);
        assert_eq!(
            readable(&Text::new("+49 30 1")).as_deref(),
            Some("+49 30 1")
        );
        let mut guid = [0; 64];
        guid[..15].copy_from_slice(&[0xa5; 15]);
        guid[3] = 0;
        assert_eq!(
            readable(&Text::from_raw(guid)).as_deref(),
            Some("a5a5a500a5a5a5a5a5a5a5a5a5a5a500")
        );
        assert_eq!(
            readable(&Text::from_raw([0x1b; 64])).map(|text| text.len()),
            Some(128)
        );
    }
}
