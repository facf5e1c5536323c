//! How a client proves who it is: the agreement on a method, each method to the network phase, and the
//! repetition on a live call. What the methods compute is not checked here.

mod live;
pub(crate) mod methods;
mod offers;
