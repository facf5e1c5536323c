//! The host behind the server: sends every right packet back, and says in it how many of that client's
//! have come so far, so that what is lost can be told by direction.

use std::collections::HashMap;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};

use super::payload::Payload;
use crate::Outcome;

/// Clients that are kept apart; who comes after them is not answered.
const CLIENTS_MAX: usize = 1 << 20;

/// Reflects until the process is ended.
pub(super) fn run(address: SocketAddrV4) -> Outcome<()> {
    let socket = UdpSocket::bind(address)?;
    println!("reflecting UDP to {address}");
    let mut counts: HashMap<(SocketAddr, u32), u64> = HashMap::new();
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        let datagram = buffer.get_mut(..length).unwrap_or_default();
        let Some(mut payload) = Payload::read(datagram) else {
            continue;
        };
        // Each run of a client counts anew.
        if payload.number == 0 {
            counts.remove(&(from, payload.from));
        }
        if counts.len() >= CLIENTS_MAX {
            continue;
        }
        let count = counts.entry((from, payload.from)).or_default();
        *count += 1;
        payload.reflected = *count;
        if payload.write(datagram).is_some() {
            // What there is no room for is lost, as on any wire.
            let _sent = socket.send_to(datagram, from);
        }
    }
}
