//! The event loop: the only room with sockets, timers and a clock.

pub mod device;
pub mod jobs;
pub mod netlink;
pub mod notify;
pub mod sysctl;
pub mod tap;
pub mod tun;
pub mod watchdog;
