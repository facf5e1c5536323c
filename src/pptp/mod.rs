//! Sans-IO PPTP machines (RFC 2637): the control connection and the call, in every part that the
//! RFC knows.
//!
//! Mostly clients dial in: by the RFC's letter the client is the PNS and we are the PAC. Code says
//! `local` and `peer`, and names the RFC's parts where they differ.

pub mod call;
pub mod control;
mod out_buffer;

pub use call::{Call, CallOffer, CallState, Disconnect, Ending, Line, PlaceRefusal};
pub use control::{
    CallName, CloseReason, Control, ControlConfig, ControlState, Event, Input, Misbehaviour, Output,
};
