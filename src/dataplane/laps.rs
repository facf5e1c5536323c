//! Where the time of a turn goes, for whoever measures it. A worker that nobody measures has
//! [`Unmeasured`], of which nothing is left when it is compiled.

use crate::counted_enum;

counted_enum! {
    /// A part of a turn: a node, or nodes that a packet goes through at once.
    pub enum Part {
        /// Before a turn and between its parts: what is not one of those below.
        Rest => "rest",
        /// Taking a burst from a port.
        Receive => "receive",
        /// `sight`: whose frame it is.
        Sight => "sight",
        /// `classify`.
        Classify => "classify",
        /// `locate`: fetching the records of flows.
        Locate => "locate",
        /// `express`: all that a data frame of a client usually needs, up to its PPP frame.
        Express => "express",
        /// `gre_input`, of a frame that did not take the short way.
        GreInput => "gre_input",
        /// `ppp_input`, of such a frame.
        PppInput => "ppp_input",
        /// `mppe_decrypt`.
        MppeDecrypt => "mppe_decrypt",
        /// `inner_input` and the headers of `ip_output`.
        InnerInput => "inner_input",
        /// Handing the packets of `ip_output` to a port.
        IpOutput => "ip_output",
        /// `downstream_input`.
        DownstreamInput => "downstream_input",
        /// `mppe_encrypt`.
        MppeEncrypt => "mppe_encrypt",
        /// `gre_output`, and handing its packets to a port.
        GreOutput => "gre_output",
        /// Sending what the ports were handed.
        Transmit => "transmit",
    }
}

/// Who is told as a part of a turn ends.
pub trait Laps {
    /// The time since the last call was spent on `part`.
    fn lap(&mut self, part: Part);
}

/// Nobody is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmeasured;

impl Laps for Unmeasured {
    #[inline(always)]
    fn lap(&mut self, _part: Part) {}
}
