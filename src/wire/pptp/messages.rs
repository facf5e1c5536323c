//! The fifteen control messages (RFC 2637 §2.1 - §2.15), each written as its own field table: one
//! list gives the struct, the parser, the writer and a compile-time check of the RFC's length.
//!
//! A field named `peer_call_id` is the RFC's "Peer's Call ID": the one that the *receiver* of the
//! message assigned. Reserved octets are written as zero and not looked at.

use super::codes::{
    Bearer, DisconnectResult, EchoResult, Framing, GeneralError, IncomingCallResult,
    OutgoingCallResult, StartResult, StopReason, StopResult,
};
use super::{HEADER_BYTES, Text};
use crate::wire::call_id::CallId;
use crate::wire::field::{Writer, array_at, u8_at, u16_at, u32_at};

/// A field of a control message: its size, and how it is read and written.
trait Field: Sized {
    const BYTES: usize;
    fn read(bytes: &[u8], offset: usize) -> Option<Self>;
    fn write(&self, writer: &mut Writer<'_>);
}

impl<const N: usize> Field for Text<N> {
    const BYTES: usize = N;
    fn read(bytes: &[u8], offset: usize) -> Option<Self> {
        array_at(bytes, offset).map(Self::from_raw)
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.raw());
    }
}

/// Numbers, and values that are a number on the wire.
macro_rules! number_fields {
    ($($type:ty: $bytes:literal $read:ident $write:ident $from:expr, $into:expr;)+) => {$(
        impl Field for $type {
            const BYTES: usize = $bytes;
            fn read(bytes: &[u8], offset: usize) -> Option<Self> {
                $read(bytes, offset).map($from)
            }
            fn write(&self, writer: &mut Writer<'_>) {
                writer.$write($into(*self));
            }
        }
    )+};
}

number_fields! {
    u16: 2 u16_at u16 |number| number, |number: Self| number;
    u32: 4 u32_at u32 |number| number, |number: Self| number;
    CallId: 2 u16_at u16 CallId::new, CallId::get;
    Framing: 4 u32_at u32 Framing, |bits: Self| bits.0;
    Bearer: 4 u32_at u32 Bearer, |bits: Self| bits.0;
    StartResult: 1 u8_at u8 StartResult, |code: Self| code.0;
    StopReason: 1 u8_at u8 StopReason, |code: Self| code.0;
    StopResult: 1 u8_at u8 StopResult, |code: Self| code.0;
    EchoResult: 1 u8_at u8 EchoResult, |code: Self| code.0;
    OutgoingCallResult: 1 u8_at u8 OutgoingCallResult, |code: Self| code.0;
    IncomingCallResult: 1 u8_at u8 IncomingCallResult, |code: Self| code.0;
    DisconnectResult: 1 u8_at u8 DisconnectResult, |code: Self| code.0;
    GeneralError: 1 u8_at u8 GeneralError, |code: Self| code.0;
}

macro_rules! messages {
    ($($(#[$meta:meta])* $name:ident[$length:literal] {
        $($(#[$field_meta:meta])* $field:ident: $type:ty $([reserved $reserved:literal])?,)+
    })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        impl $name {
            /// Octets of the whole message, header included: the only valid Length.
            pub const BYTES: usize = $length;

            /// Reads the fields behind the header; `None` unless `bytes` is exactly one message.
            pub(super) fn read(bytes: &[u8]) -> Option<Self> {
                let mut offset = HEADER_BYTES;
                $(
                    let $field = <$type as Field>::read(bytes, offset)?;
                    offset += <$type as Field>::BYTES $(+ $reserved)?;
                )+
                (bytes.len() == offset).then_some(Self { $($field,)+ })
            }

            /// Writes the fields behind the header.
            pub(super) fn write(&self, writer: &mut Writer<'_>) {
                $(
                    Field::write(&self.$field, writer);
                    $(writer.bytes(&[0; $reserved]);)?
                )+
            }
        }

        const _: () = assert!(
            HEADER_BYTES $(+ <$type as Field>::BYTES $(+ $reserved)?)+ == $name::BYTES
        );
    )+};
}

messages! {
    /// Start-Control-Connection-Request: opens the control connection (RFC 2637 §2.1).
    StartControlConnectionRequest[156] {
        /// Version of the protocol that the sender wishes to use.
        protocol_version: u16 [reserved 2],
        /// Framing that the sender can provide.
        framing_capabilities: Framing,
        /// Bearers that the sender can provide.
        bearer_capabilities: Bearer,
        /// Calls that a PAC can support at once; a PNS sends 0.
        maximum_channels: u16,
        /// Firmware revision of the sender.
        firmware_revision: u16,
        /// DNS name of the sender; Windows and Apple leave it empty.
        host_name: Text<64>,
        /// What the sender calls itself.
        vendor_string: Text<64>,
    }

    /// Start-Control-Connection-Reply (RFC 2637 §2.2).
    StartControlConnectionReply[156] {
        /// Version of the protocol that the sender uses.
        protocol_version: u16,
        /// Whether the control connection is established.
        result_code: StartResult,
        /// Why not, when the result is a general error.
        error_code: GeneralError,
        /// Framing that the sender can provide.
        framing_capabilities: Framing,
        /// Bearers that the sender can provide.
        bearer_capabilities: Bearer,
        /// Calls that a PAC can support at once.
        maximum_channels: u16,
        /// Firmware revision of the sender.
        firmware_revision: u16,
        /// DNS name of the sender.
        host_name: Text<64>,
        /// What the sender calls itself.
        vendor_string: Text<64>,
    }

    /// Stop-Control-Connection-Request: ends the control connection and its calls (RFC 2637 §2.3).
    StopControlConnectionRequest[16] {
        /// Why.
        reason: StopReason [reserved 3],
    }

    /// Stop-Control-Connection-Reply (RFC 2637 §2.4).
    StopControlConnectionReply[16] {
        /// Whether the control connection is closed.
        result_code: StopResult,
        /// Why not, when the result is a general error.
        error_code: GeneralError [reserved 2],
    }

    /// Echo-Request: is the peer still there? (RFC 2637 §2.5)
    EchoRequest[16] {
        /// Returned by the reply.
        identifier: u32,
    }

    /// Echo-Reply (RFC 2637 §2.6).
    EchoReply[20] {
        /// That of the request.
        identifier: u32,
        /// Whether the request was fine.
        result_code: EchoResult,
        /// Why not, when the result is a general error.
        error_code: GeneralError [reserved 2],
    }

    /// Outgoing-Call-Request: what a client places its call with (RFC 2637 §2.7).
    OutgoingCallRequest[168] {
        /// Call ID that the sender assigns to the call.
        call_id: CallId,
        /// Number of the call for logs.
        call_serial_number: u16,
        /// Lowest acceptable line speed, bits a second.
        minimum_bps: u32,
        /// Highest acceptable line speed, bits a second.
        maximum_bps: u32,
        /// Bearer that the call needs.
        bearer_type: Bearer,
        /// Framing that the call needs.
        framing_type: Framing,
        /// GRE packets that the sender will buffer.
        packet_receive_window_size: u16,
        /// Delay of packet processing at the sender, tenths of a second.
        packet_processing_delay: u16,
        /// Octets of the phone number that count.
        phone_number_length: u16 [reserved 2],
        /// Number to dial.
        phone_number: Text<64>,
        /// Further dialling information; Windows puts a binary GUID here.
        subaddress: Text<64>,
    }

    /// Outgoing-Call-Reply (RFC 2637 §2.8).
    OutgoingCallReply[32] {
        /// Call ID that the sender assigns to the call.
        call_id: CallId,
        /// Call ID of the request.
        peer_call_id: CallId,
        /// Whether the call is established.
        result_code: OutgoingCallResult,
        /// Why not, when the result is a general error.
        error_code: GeneralError,
        /// Further information on a failure.
        cause_code: u16,
        /// Line speed, bits a second.
        connect_speed_bps: u32,
        /// GRE packets that the sender will buffer.
        packet_receive_window_size: u16,
        /// Delay of packet processing at the sender, tenths of a second.
        packet_processing_delay: u16,
        /// Physical channel, for logs.
        physical_channel_id: u32,
    }

    /// Incoming-Call-Request: a PAC announces a call (RFC 2637 §2.9).
    IncomingCallRequest[220] {
        /// Call ID that the sender assigns to the call.
        call_id: CallId,
        /// Number of the call for logs.
        call_serial_number: u16,
        /// Bearer of the call.
        call_bearer_type: Bearer,
        /// Physical channel, for logs.
        physical_channel_id: u32,
        /// Octets of the dialed number that count.
        dialed_number_length: u16,
        /// Octets of the dialing number that count.
        dialing_number_length: u16,
        /// Number that the caller dialed.
        dialed_number: Text<64>,
        /// Number of the caller.
        dialing_number: Text<64>,
        /// Further dialling information.
        subaddress: Text<64>,
    }

    /// Incoming-Call-Reply (RFC 2637 §2.10).
    IncomingCallReply[24] {
        /// Call ID that the sender assigns to the call.
        call_id: CallId,
        /// Call ID of the request.
        peer_call_id: CallId,
        /// Whether to answer the call.
        result_code: IncomingCallResult,
        /// Why not, when the result is a general error.
        error_code: GeneralError,
        /// GRE packets that the sender will buffer.
        packet_receive_window_size: u16,
        /// Delay of packet transit at the sender, tenths of a second.
        packet_transit_delay: u16 [reserved 2],
    }

    /// Incoming-Call-Connected (RFC 2637 §2.11).
    IncomingCallConnected[28] {
        /// Call ID of the reply.
        peer_call_id: CallId [reserved 2],
        /// Line speed, bits a second.
        connect_speed_bps: u32,
        /// GRE packets that the sender will buffer.
        packet_receive_window_size: u16,
        /// Delay of packet transit at the sender, tenths of a second.
        packet_transit_delay: u16,
        /// Framing of the call.
        framing_type: Framing,
    }

    /// Call-Clear-Request: the PNS, here the client, wants the call to end (RFC 2637 §2.12).
    CallClearRequest[16] {
        /// Call ID that the *sender* assigned.
        call_id: CallId [reserved 2],
    }

    /// Call-Disconnect-Notify: the PAC, here us, says that the call has ended (RFC 2637 §2.13).
    CallDisconnectNotify[148] {
        /// Call ID that the *sender* assigned.
        call_id: CallId,
        /// Why the call ended.
        result_code: DisconnectResult,
        /// More, when the result is a general error.
        error_code: GeneralError,
        /// Q.931 cause code of ISDN calls.
        cause_code: u16 [reserved 2],
        /// A line of vendor-specific statistics for logs.
        call_statistics: Text<128>,
    }

    /// WAN-Error-Notify: line errors since the call began (RFC 2637 §2.14).
    WanErrorNotify[40] {
        /// Call ID that the receiver assigned.
        peer_call_id: CallId [reserved 2],
        /// PPP frames with a wrong checksum.
        crc_errors: u32,
        /// Improperly framed PPP packets.
        framing_errors: u32,
        /// Overruns of the receive hardware.
        hardware_overruns: u32,
        /// Overruns of the receive buffer.
        buffer_overruns: u32,
        /// Time-outs.
        time_out_errors: u32,
        /// Alignment errors.
        alignment_errors: u32,
    }

    /// Set-Link-Info: the PNS tells PPP options that it negotiated (RFC 2637 §2.15).
    SetLinkInfo[24] {
        /// Call ID that the receiver assigned; Windows may send 0 or a wrong one.
        peer_call_id: CallId [reserved 2],
        /// Characters that the client wants escaped when sending.
        send_accm: u32,
        /// Characters that the client wants escaped when receiving.
        receive_accm: u32,
    }
}
