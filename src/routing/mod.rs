//! Where an address lives: kernel routes and neighbours mirrored, and the address directory.
//!
//! The kernel decides; [`mirror::Mirror`] keeps what netlink says about it, and turns that into an
//! immutable [`Snapshot`] that every worker looks up without a lock.

pub mod directory;
pub mod mirror;
pub(crate) mod retired;
pub mod snapshot;

pub use crate::wire::prefix::{self, Prefix};
pub use directory::{Directory, DirectoryWriter, Place};
pub use mirror::Mirror;
pub use snapshot::{NextHop, Published, Recent, Snapshot};
