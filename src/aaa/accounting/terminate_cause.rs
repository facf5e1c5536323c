//! Why a call ended, as the bill has it.

use serde::{Deserialize, Serialize};

use crate::counted_enum;

counted_enum! {
    /// Acct-Terminate-Cause (RFC 2866 §5.10), as far as calls end for it.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum TerminateCause {
        /// The client hung up, or just closed its TCP connection.
        UserRequest => "user_request",
        /// The client, or the line to it, went silent.
        LostCarrier => "lost_carrier",
        /// No traffic for too long.
        IdleTimeout => "idle_timeout",
        /// The time granted is over.
        SessionTimeout => "session_timeout",
        /// An operator ended the call.
        AdminReset => "admin_reset",
        /// The server stops.
        AdminReboot => "admin_reboot",
        /// The server could not carry the call on.
        NasError => "nas_error",
        /// The server ended the call, and nothing was wrong.
        NasRequest => "nas_request",
        /// The server crashed, or was killed.
        NasReboot => "nas_reboot",
        /// A newer session of the same user took its place.
        PortPreempted => "port_preempted",
        /// Somebody whom the server needs did not answer.
        ServiceUnavailable => "service_unavailable",
        /// The client asked for what it does not get, or broke the protocol.
        UserError => "user_error",
    }
}

impl TerminateCause {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::UserRequest => 1,
            Self::LostCarrier => 2,
            Self::IdleTimeout => 4,
            Self::SessionTimeout => 5,
            Self::AdminReset => 6,
            Self::AdminReboot => 7,
            Self::NasError => 9,
            Self::NasRequest => 10,
            Self::NasReboot => 11,
            Self::PortPreempted => 13,
            Self::ServiceUnavailable => 15,
            Self::UserError => 17,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_rfc_2866() {
        let numbers = TerminateCause::ALL.iter().map(|cause| cause.number());
        let numbers: Vec<u32> = numbers.collect();
        assert_eq!(numbers, [1, 2, 4, 5, 6, 7, 9, 10, 11, 13, 15, 17]);
    }
}
