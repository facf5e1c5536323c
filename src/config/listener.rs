//! `[[listener]]`: an address that clients dial, where more is to be said of it than in `server.listen`.

use std::net::Ipv4Addr;

use super::address::host_address;
use super::table::Table;
use super::words::name;

/// An address that clients dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address; also in [`super::Server::listen`], behind those that the file has there.
    pub address: Ipv4Addr,
    /// The group whose policy holds there until the client is known; it exists.
    pub group: Option<String>,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Listener> {
    let address = table.required("address", "address = \"198.51.100.1\"", host_address);
    let group = table.parsed("group", name(32));
    Some(Listener {
        address: address?,
        group,
    })
}
