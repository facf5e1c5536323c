//! The slow path: the only room with sockets, timers and a clock.
//!
//! - `start` brings everything up, in this order: `ports` (DPDK), `kernel` (TAP, TUN, netlink),
//!   `workers`, sockets, sessions.
//! - `event_loop` is the one loop; each of its sources is a file: `sockets` (TCP/1723), `exception`
//!   (TAP and TUN), `kernel_mirror` (routes and neighbours), `admin_socket`, `signals`, `worker_link`,
//!   `radius` and `tacacs` (the sockets of these clients).
//! - `control_plane` is the loop without its IO: what the harness and tests run on memory; its `log_ins`
//!   asks local users, RADIUS or TACACS+.
//! - `settings` makes of the configuration what each machine is told, `errands` does so again while the
//!   server runs, beside the loop.
//! - `password_jobs` is a thread that works on passwords, which is slow on purpose.
//! - `bookkeeper` is a thread that has the bill on disk, in `spool_files` and `bill_file`.
//! - `view` is what `pns show` sees, `events` what the log says, `supervisor` watches the workers.

pub mod control_plane;
pub mod descriptors;
pub mod device;
pub mod entropy;
pub mod errands;
pub mod jobs;
pub mod log_in_test;
pub mod mppe_kernel;
pub mod netlink;
pub mod notify;
pub mod settings;
pub mod sysctl;
pub mod tacacs_settings;
pub mod view;
pub mod watchdog;
pub mod worker_link;

mod accounting_view;
pub mod bill_file;
pub mod bookkeeper;
mod call_view;
mod events;
mod log_ins;
mod radius_view;
pub mod spool_files;
mod tacacs_view;

#[cfg(feature = "dpdk")]
pub mod start;

#[cfg(feature = "dpdk")]
mod accounting_settings;
#[cfg(feature = "dpdk")]
mod admin_socket;
#[cfg(feature = "dpdk")]
mod call_routes;
#[cfg(feature = "dpdk")]
mod event_loop;
#[cfg(feature = "dpdk")]
mod exception;
#[cfg(feature = "dpdk")]
mod kernel;
#[cfg(feature = "dpdk")]
mod kernel_mirror;
#[cfg(feature = "dpdk")]
mod password_jobs;
#[cfg(feature = "dpdk")]
mod ports;
#[cfg(feature = "dpdk")]
mod radius;
#[cfg(feature = "dpdk")]
mod radius_requests;
#[cfg(feature = "dpdk")]
mod radius_settings;
pub mod requests;
#[cfg(feature = "dpdk")]
mod signals;
#[cfg(feature = "dpdk")]
mod sockets;
#[cfg(feature = "dpdk")]
mod start_error;
#[cfg(feature = "dpdk")]
mod steering;
#[cfg(feature = "dpdk")]
mod supervisor;
#[cfg(feature = "dpdk")]
mod tacacs;
#[cfg(feature = "dpdk")]
mod token;
#[cfg(feature = "dpdk")]
mod worker_threads;
#[cfg(feature = "dpdk")]
mod workers;
