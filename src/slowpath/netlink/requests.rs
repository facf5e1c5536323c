//! The few things that we ask the kernel to set up.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::{Message, during, encode, split};
use crate::routing::Prefix;

/// The kernel answers a request while it is being sent; this only bounds the impossible.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// A route to install or remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRequest {
    /// The destinations.
    pub prefix: Prefix,
    /// The interface to leave by.
    pub ifindex: u32,
    /// The router, if the destinations are not on the link.
    pub gateway: Option<Ipv4Addr>,
    /// Preference: the lowest wins.
    pub metric: u32,
    /// The address that the kernel's own packets come from; `None` leaves it to the kernel.
    pub source: Option<Ipv4Addr>,
}

/// A socket for requests. Calls that return an answer block until the kernel has given it, so they
/// are for start-up and for changes of configuration.
pub struct Requests {
    socket: Socket,
    sequence: u32,
}

impl Requests {
    /// Opens the socket in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the socket.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WAIT))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// The number of the interface called `name`.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn interface_index(&self, name: &str) -> io::Result<u32> {
        Ok(rustix::net::netdevice::name_to_index(&self.socket, name)?)
    }

    /// Sets an interface up or down.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn set_link_up(&mut self, ifindex: u32, up: bool) -> io::Result<()> {
        let mut message = link(ifindex);
        message.header.change_mask = LinkFlags::Up;
        if up {
            message.header.flags = LinkFlags::Up;
        }
        self.ask(
            RouteNetlinkMessage::SetLink(message),
            0,
            "setting a link up or down",
        )
    }

    /// Sets the MTU of an interface, in bytes.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn set_link_mtu(&mut self, ifindex: u32, mtu: u16) -> io::Result<()> {
        let mut message = link(ifindex);
        message.attributes = vec![LinkAttribute::Mtu(u32::from(mtu))];
        self.ask(
            RouteNetlinkMessage::SetLink(message),
            0,
            "setting the MTU of a link",
        )
    }

    /// Sets the MAC address of an interface.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn set_link_mac(&mut self, ifindex: u32, mac: [u8; 6]) -> io::Result<()> {
        let mut message = link(ifindex);
        message.attributes = vec![LinkAttribute::Address(mac.to_vec())];
        self.ask(
            RouteNetlinkMessage::SetLink(message),
            0,
            "setting the MAC address of a link",
        )
    }

    /// Gives a TAP a carrier or takes it away, so that kernel and routing daemons see the state of
    /// the port behind it.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn set_link_carrier(&mut self, ifindex: u32, carrier: bool) -> io::Result<()> {
        let mut message = link(ifindex);
        message.attributes = vec![LinkAttribute::Carrier(u8::from(carrier))];
        self.ask(
            RouteNetlinkMessage::SetLink(message),
            0,
            "setting the carrier of a link",
        )
    }

    /// Adds an address to an interface; one that is there already is left as it is.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn add_address(
        &mut self,
        ifindex: u32,
        address: Ipv4Addr,
        prefix_length: u8,
    ) -> io::Result<()> {
        let message = address_message(ifindex, address, prefix_length);
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(
            RouteNetlinkMessage::NewAddress(message),
            flags,
            "adding an address",
        )
    }

    /// Removes an address that [`Self::add_address`] added, and the kernel's routes that rest on it.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn remove_address(
        &mut self,
        ifindex: u32,
        address: Ipv4Addr,
        prefix_length: u8,
    ) -> io::Result<()> {
        let message = address_message(ifindex, address, prefix_length);
        let message = RouteNetlinkMessage::DelAddress(message);
        self.ask(message, 0, "removing an address")
    }

    /// Adds a route to the main table.
    ///
    /// # Errors
    ///
    /// What the kernel says; `AlreadyExists` if there is one to this prefix with this metric.
    pub fn add_route(&mut self, route: &RouteRequest) -> io::Result<()> {
        let message = RouteNetlinkMessage::NewRoute(route_message(route));
        self.ask(message, NLM_F_CREATE | NLM_F_EXCL, "adding a route")
    }

    /// Removes a route that [`Self::add_route`] added.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn remove_route(&mut self, route: &RouteRequest) -> io::Result<()> {
        let message = RouteNetlinkMessage::DelRoute(route_message(route));
        self.ask(message, 0, "removing a route")
    }

    /// Asks the kernel to resolve a neighbour and to keep it resolved from now on (`managed`, Linux
    /// 5.16; older kernels resolve it when the first packet is punted). Not for a permanent one, which
    /// would lose its MAC address. Does not wait for an answer.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent.
    pub fn manage_neighbour(&mut self, ifindex: u32, address: Ipv4Addr) -> io::Result<()> {
        let mut message = neighbour(ifindex, address);
        let managed = NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed);
        message.attributes.push(managed);
        self.tell(RouteNetlinkMessage::NewNeighbour(message))
    }

    /// Tells the kernel that a neighbour is in use, so that it is confirmed if that is due; also ends
    /// [`Self::manage_neighbour`]. Not for a permanent one. Does not wait for an answer.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent.
    pub fn use_neighbour(&mut self, ifindex: u32, address: Ipv4Addr) -> io::Result<()> {
        let mut message = neighbour(ifindex, address);
        message.header.flags = NeighbourFlags::Use;
        self.tell(RouteNetlinkMessage::NewNeighbour(message))
    }

    fn tell(&mut self, message: RouteNetlinkMessage) -> io::Result<()> {
        self.send(message, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE)?;
        // Refusals of what was told before are of no use to anybody.
        let mut scratch = [0; 1024];
        while self
            .socket
            .recv(&mut scratch.as_mut_slice(), libc::MSG_DONTWAIT)
            .is_ok()
        {}
        Ok(())
    }

    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16, what: &str) -> io::Result<()> {
        self.send(message, NLM_F_REQUEST | NLM_F_ACK | flags)
            .and_then(|()| self.answer())
            .map_err(|error| during(what, &error))
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = encode(message, flags, self.sequence);
        self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
        Ok(())
    }

    fn answer(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        loop {
            let length = match self.socket.recv(&mut buffer.as_mut_slice(), 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the kernel did not answer",
                    ));
                }
                other => other?,
            };
            for bytes in split(buffer.get(..length).unwrap_or_default()) {
                let message = Message::deserialize(bytes).map_err(io::Error::other)?;
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                if let NetlinkPayload::Error(error) = message.payload {
                    return if error.code.is_some() {
                        Err(error.to_io())
                    } else {
                        Ok(())
                    };
                }
            }
        }
    }
}

fn link(ifindex: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = ifindex;
    message
}

fn neighbour(ifindex: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = ifindex;
    let destination = NeighbourAttribute::Destination(NeighbourAddress::Inet(address));
    message.attributes = vec![destination];
    message
}

fn address_message(ifindex: u32, address: Ipv4Addr, prefix_length: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix_length;
    message.header.index = ifindex;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address)),
        AddressAttribute::Address(IpAddr::V4(address)),
    ];
    message
}

fn route_message(route: &RouteRequest) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: AddressFamily::Inet,
        destination_prefix_length: route.prefix.length(),
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Static,
        scope: match route.gateway {
            Some(_) => RouteScope::Universe,
            None => RouteScope::Link,
        },
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Destination(RouteAddress::Inet(route.prefix.first())),
        RouteAttribute::Oif(route.ifindex),
    ];
    if let Some(gateway) = route.gateway {
        let gateway = RouteAttribute::Gateway(RouteAddress::Inet(gateway));
        message.attributes.push(gateway);
    }
    if let Some(source) = route.source {
        let source = RouteAttribute::PrefSource(RouteAddress::Inet(source));
        message.attributes.push(source);
    }
    if route.metric != 0 {
        message
            .attributes
            .push(RouteAttribute::Priority(route.metric));
    }
    message
}
