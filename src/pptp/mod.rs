//! Sans-IO PPTP machines (RFC 2637): the control connection and the call.
//!
//! Clients dial in: by the RFC's letter the client is the PNS and we are the PAC. Code says
//! `local` and `peer`.

pub mod call;
pub mod control;
mod out_buffer;

pub use call::Call;
pub use control::{
    CloseReason, Control, ControlConfig, ControlState, Event, Input, Misbehaviour, Output,
};
