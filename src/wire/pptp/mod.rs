//! PPTP control messages and their framing on the TCP stream (RFC 2637 §2).
//!
//! ```text
//! | Length (2) | PPTP Message Type (2) | Magic Cookie (4) | Control Message Type (2) | 0 (2) | ...
//! ```
//! The Length must be the one the RFC gives for the type; only Set-Link-Info of another length is
//! skipped. A stream that breaks this is out of step for good, and the control connection has to be
//! closed (§1.4).

mod codes;
mod framer;
mod messages;
mod text;

#[cfg(test)]
mod tests;

pub use codes::{
    Bearer, DisconnectResult, EchoResult, Framing, GeneralError, IncomingCallResult,
    OutgoingCallResult, StartResult, StopReason, StopResult,
};
pub use framer::{Framed, Framer};
pub use messages::{
    CallClearRequest, CallDisconnectNotify, EchoReply, EchoRequest, IncomingCallConnected,
    IncomingCallReply, IncomingCallRequest, OutgoingCallReply, OutgoingCallRequest, SetLinkInfo,
    StartControlConnectionReply, StartControlConnectionRequest, StopControlConnectionReply,
    StopControlConnectionRequest, WanErrorNotify,
};
pub use text::Text;

use crate::counted_enum;
use crate::wire::field::{Writer, u16_at, u32_at};

/// The TCP port of control connections.
pub const PORT: u16 = 1723;
/// The constant of every message that shows that the stream is in step (RFC 2637 §1.4).
pub const MAGIC_COOKIE: u32 = 0x1A2B_3C4D;
/// Version 1.0, the only one there is (RFC 2637 §2.1).
pub const PROTOCOL_VERSION: u16 = 0x0100;
/// Octets of the header that all messages share.
pub const HEADER_BYTES: usize = 12;
/// Octets of the longest message, Incoming-Call-Request.
pub const MESSAGE_BYTES_MAX: usize = IncomingCallRequest::BYTES;
/// PPTP Message Type of control messages; 2 (management) is not defined by the RFC.
const CONTROL_MESSAGE: u16 = 1;

counted_enum! {
    /// Why bytes are not a control message.
    pub enum Malformed {
        /// The PPTP Message Type is not 1, Control Message.
        PptpMessageTypeUnknown => "pptp_message_type_unknown",
        /// The Magic Cookie is wrong: the stream is out of step.
        MagicCookieWrong => "magic_cookie_wrong",
        /// The Control Message Type is not one of the RFC's fifteen.
        ControlMessageTypeUnknown => "control_message_type_unknown",
        /// The Length is not the one of the type.
        LengthWrong => "length_wrong",
        /// There are fewer bytes, or more, than the Length says.
        Truncated => "truncated",
    }
}

macro_rules! message_types {
    ($($code:literal $name:ident => $text:literal,)+) => {
        counted_enum! {
            /// The Control Message Type (RFC 2637 §2).
            pub enum MessageType {
                $(
                    #[doc = concat!("Control Message Type ", $code, ".")]
                    $name => $text,
                )+
            }
        }

        impl MessageType {
            /// The type with this number on the wire.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// Octets of a message of this type, header included.
            #[must_use]
            pub const fn message_bytes(self) -> usize {
                match self {
                    $(Self::$name => $name::BYTES,)+
                }
            }
        }

        /// Any control message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message {
            $(
                #[doc = concat!("Control Message Type ", $code, ".")]
                $name($name),
            )+
        }

        impl Message {
            /// Which of the fifteen it is.
            #[must_use]
            pub const fn message_type(&self) -> MessageType {
                match self {
                    $(Self::$name(_) => MessageType::$name,)+
                }
            }

            fn read(message_type: MessageType, bytes: &[u8]) -> Option<Self> {
                match message_type {
                    $(MessageType::$name => $name::read(bytes).map(Self::$name),)+
                }
            }

            fn write(&self, writer: &mut Writer<'_>) {
                match self {
                    $(Self::$name(message) => message.write(writer),)+
                }
            }
        }

        $(
            impl From<$name> for Message {
                fn from(message: $name) -> Self {
                    Self::$name(message)
                }
            }
        )+
    };
}

message_types! {
    1 StartControlConnectionRequest => "start_control_connection_request",
    2 StartControlConnectionReply => "start_control_connection_reply",
    3 StopControlConnectionRequest => "stop_control_connection_request",
    4 StopControlConnectionReply => "stop_control_connection_reply",
    5 EchoRequest => "echo_request",
    6 EchoReply => "echo_reply",
    7 OutgoingCallRequest => "outgoing_call_request",
    8 OutgoingCallReply => "outgoing_call_reply",
    9 IncomingCallRequest => "incoming_call_request",
    10 IncomingCallReply => "incoming_call_reply",
    11 IncomingCallConnected => "incoming_call_connected",
    12 CallClearRequest => "call_clear_request",
    13 CallDisconnectNotify => "call_disconnect_notify",
    14 WanErrorNotify => "wan_error_notify",
    15 SetLinkInfo => "set_link_info",
}

impl Message {
    /// Reads exactly one message.
    ///
    /// # Errors
    /// Says what is wrong with the header, or that `bytes` is not as long as the message.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        match checked_header(bytes)?.ok_or(Malformed::Truncated)? {
            Header::Message(message_type) => {
                Self::read(message_type, bytes).ok_or(Malformed::Truncated)
            }
            Header::Skipped { .. } => Err(Malformed::LengthWrong),
        }
    }

    /// Writes the message to the front of `buffer`; its length, or `None` if it does not fit.
    #[must_use]
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let message_type = self.message_type();
        let length = u16::try_from(message_type.message_bytes()).ok()?;
        let mut writer = Writer::new(buffer);
        writer.u16(length).u16(CONTROL_MESSAGE).u32(MAGIC_COOKIE);
        writer.u16(message_type.code()).u16(0);
        self.write(&mut writer);
        writer.finish()
    }
}

/// What a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// A message of this type.
    Message(MessageType),
    /// Set-Link-Info of another length than the RFC's.
    Skipped { bytes: usize },
}

impl Header {
    /// Octets of what it announces, itself included.
    const fn message_bytes(self) -> usize {
        match self {
            Self::Message(message_type) => message_type.message_bytes(),
            Self::Skipped { bytes } => bytes,
        }
    }
}

/// Checks as much of a header as is there, so that a bad one is refused before more is awaited:
/// what it announces, or `None` if there is not enough yet to know it.
fn checked_header(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    if u16_at(bytes, 2).is_some_and(|pptp_type| pptp_type != CONTROL_MESSAGE) {
        return Err(Malformed::PptpMessageTypeUnknown);
    }
    if u32_at(bytes, 4).is_some_and(|cookie| cookie != MAGIC_COOKIE) {
        return Err(Malformed::MagicCookieWrong);
    }
    let (Some(length), Some(code)) = (u16_at(bytes, 0), u16_at(bytes, 8)) else {
        return Ok(None);
    };
    let message_type = MessageType::from_code(code).ok_or(Malformed::ControlMessageTypeUnknown)?;
    let length = usize::from(length);
    if length == message_type.message_bytes() {
        return Ok(Some(Header::Message(message_type)));
    }
    let skippable = (HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&length);
    if message_type == MessageType::SetLinkInfo && skippable {
        return Ok(Some(Header::Skipped { bytes: length }));
    }
    Err(Malformed::LengthWrong)
}
