//! Result, reason and error codes, and the capability bits. A code that the RFC does not name is
//! kept as it came, so that a peer's odd value is shown and re-emitted, never lost.

use std::fmt;

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$code_meta:meta])* $code:ident = $value:literal => $text:literal,)+
    })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(transparent)]
        pub struct $name(pub u8);

        impl $name {
            $($(#[$code_meta])* pub const $code: Self = Self($value);)+

            /// What the RFC calls the code, if it names it.
            #[must_use]
            pub const fn known(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{} ({})", self.known().unwrap_or("unknown"), self.0)
            }
        }
    )+};
}

codes! {
    /// Result Code of Start-Control-Connection-Reply (RFC 2637 §2.2).
    StartResult {
        /// The control connection is established.
        OK = 1 => "ok",
        /// The Error Code says more.
        GENERAL_ERROR = 2 => "general error",
        /// There is a control connection already.
        ALREADY_EXISTS = 3 => "command channel already exists",
        /// The requester may not open one.
        NOT_AUTHORIZED = 4 => "requester is not authorized",
        /// The protocol version is not supported.
        VERSION_UNSUPPORTED = 5 => "protocol version is not supported",
    }
    /// Reason of Stop-Control-Connection-Request (RFC 2637 §2.3).
    StopReason {
        /// A general request to clear the control connection.
        NONE = 1 => "general request",
        /// The peer's protocol version cannot be supported.
        STOP_PROTOCOL = 2 => "protocol version is not supported",
        /// The requester is being shut down.
        STOP_LOCAL_SHUTDOWN = 3 => "local shutdown",
    }
    /// Result Code of Stop-Control-Connection-Reply (RFC 2637 §2.4).
    StopResult {
        /// The control connection is closed.
        OK = 1 => "ok",
        /// It is not, for the reason in the Error Code.
        GENERAL_ERROR = 2 => "general error",
    }
    /// Result Code of Echo-Reply (RFC 2637 §2.6).
    EchoResult {
        /// The request was fine.
        OK = 1 => "ok",
        /// It was not, for the reason in the Error Code.
        GENERAL_ERROR = 2 => "general error",
    }
    /// Result Code of Outgoing-Call-Reply (RFC 2637 §2.8).
    OutgoingCallResult {
        /// The call is established.
        CONNECTED = 1 => "connected",
        /// The Error Code says why not.
        GENERAL_ERROR = 2 => "general error",
        /// No carrier was detected.
        NO_CARRIER = 3 => "no carrier",
        /// The line is busy.
        BUSY = 4 => "busy",
        /// There is no dial tone.
        NO_DIAL_TONE = 5 => "no dial tone",
        /// The call was not established in time.
        TIME_OUT = 6 => "time-out",
        /// The call is administratively prohibited.
        DO_NOT_ACCEPT = 7 => "do not accept",
    }
    /// Result Code of Incoming-Call-Reply (RFC 2637 §2.10).
    IncomingCallResult {
        /// Answer the call.
        CONNECT = 1 => "connect",
        /// The Error Code says why not.
        GENERAL_ERROR = 2 => "general error",
        /// Do not answer: hang up or indicate busy.
        DO_NOT_ACCEPT = 3 => "do not accept",
    }
    /// Result Code of Call-Disconnect-Notify (RFC 2637 §2.13). Windows always sends 0.
    DisconnectResult {
        /// The carrier was lost.
        LOST_CARRIER = 1 => "lost carrier",
        /// The Error Code says why.
        GENERAL_ERROR = 2 => "general error",
        /// An administrator ended the call.
        ADMIN_SHUTDOWN = 3 => "administrative shutdown",
        /// A Call-Clear-Request ended it.
        REQUEST = 4 => "requested by the peer",
    }
    /// Error Code wherever a Result Code says General Error (RFC 2637 §2.16).
    GeneralError {
        /// No general error.
        NONE = 0 => "none",
        /// There is no control connection yet.
        NOT_CONNECTED = 1 => "not connected",
        /// A length is wrong or the magic cookie is.
        BAD_FORMAT = 2 => "bad format",
        /// A field is out of range or a reserved field is not zero.
        BAD_VALUE = 3 => "bad value",
        /// Not enough resources for this now.
        NO_RESOURCE = 4 => "no resource",
        /// The Call ID is invalid here.
        BAD_CALL_ID = 5 => "bad call id",
        /// A vendor's own error of the PAC.
        PAC_ERROR = 6 => "pac error",
    }
}

/// Framing Capabilities and Framing Type: a set of bits (RFC 2637 §2.1, §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Framing(pub u32);

impl Framing {
    /// Asynchronous framing.
    pub const ASYNCHRONOUS: Self = Self(1);
    /// Synchronous framing.
    pub const SYNCHRONOUS: Self = Self(2);
    /// Either.
    pub const EITHER: Self = Self(3);
}

/// Bearer Capabilities and Bearer Type: a set of bits (RFC 2637 §2.1, §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Bearer(pub u32);

impl Bearer {
    /// An analog channel.
    pub const ANALOG: Self = Self(1);
    /// A digital channel.
    pub const DIGITAL: Self = Self(2);
    /// Either.
    pub const EITHER: Self = Self(3);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_codes_keep_their_value() {
        assert_eq!(DisconnectResult(0).to_string(), "unknown (0)");
        assert_eq!(
            DisconnectResult::REQUEST.to_string(),
            "requested by the peer (4)"
        );
        assert_eq!(GeneralError(0), GeneralError::NONE);
    }
}
