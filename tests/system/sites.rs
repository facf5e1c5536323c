//! Two servers, one of which logs in to the other: a second PNS as PAC against PNS as PNS, and the other
//! way round. Hosts behind both reach each other through the call.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use pns::clock::Timestamp;
use pns::dataplane::DropReason;
use pns::flow::{Encryption, FlowPolicy};
use pns::ppp::link::{ClientRole, LinkConfig, Login, Method};
use pns::pptp::CallOffer;
use pns::routing::Prefix;
use pns::session::{CallError, CallView, Client, ConnectionId, Peer, SessionConfig};
use pns::wire::ipv4::Header;
use pns::wire::pptp::{Bearer, Framing, Text};

use super::packets;
use super::server::{
    ACCESS, CLIENT_MAC, FIRST_SITE, HOST_MAC, NETWORK, PORT_MACS, Server, Setup, Site,
};

/// The other site, which shares nothing with the first.
const SECOND: Site = Site {
    server: Ipv4Addr::new(198, 51, 100, 200),
    network_address: Ipv4Addr::new(192, 0, 3, 1),
    host: Ipv4Addr::new(192, 0, 3, 10),
    gateway: Ipv4Addr::new(10, 78, 0, 1),
    pool: [Ipv4Addr::new(10, 78, 0, 100), Ipv4Addr::new(10, 78, 0, 199)],
};

/// The site that calls, and the one that is called.
const CALLER: usize = 0;
const CALLED: usize = 1;
const SITES: [Site; 2] = [Site::FIRST, SECOND];

const OUTGOING: CallOffer = CallOffer::Outgoing {
    minimum_bps: 300,
    maximum_bps: 100_000_000,
    bearer: Bearer::DIGITAL,
    framing: Framing::EITHER,
    phone_number: Text::EMPTY,
    subaddress: Text::EMPTY,
};
const INCOMING: CallOffer = CallOffer::Incoming {
    bearer: Bearer::DIGITAL,
    dialed_number: Text::EMPTY,
    dialing_number: Text::EMPTY,
    subaddress: Text::EMPTY,
};

fn client(password: &str) -> Client {
    let login = Login::new(FIRST_SITE.0, password, &[Method::MsChapV2], &[]);
    Client {
        link: Arc::new(LinkConfig {
            client: Some(ClientRole {
                login: Arc::new(login),
                wish: None,
            }),
            ..LinkConfig::default()
        }),
        policy: FlowPolicy {
            encryption: Encryption::Required,
            client_to_client: false,
            mss_max: 1360,
        },
        networks: Arc::new([SECOND.network()]),
    }
}

fn with_peers(config: &mut SessionConfig) {
    let peer = |name: &str, offer, password| {
        Arc::new(Peer {
            name: name.to_owned(),
            address: SocketAddrV4::new(SECOND.server, 1723),
            local_address: Site::FIRST.server,
            offer,
            client: Some(client(password)),
        })
    };
    config.peers = vec![
        peer("asked", OUTGOING, FIRST_SITE.1),
        peer("announced", INCOMING, FIRST_SITE.1),
        peer("mistyped", OUTGOING, "between-sites-2"),
    ];
}

struct Sites {
    now: Timestamp,
    servers: [Server; 2],
    /// What the hosts behind received.
    hosts: [Vec<Vec<u8>>; 2],
    /// The TCP connections, by the name that each end has for them.
    connections: Vec<[ConnectionId; 2]>,
}

impl Sites {
    fn new() -> Self {
        Self::with(with_peers)
    }

    fn with(adjust: fn(&mut SessionConfig)) -> Self {
        let now = Timestamp::ZERO + Duration::from_secs(100);
        let first = Setup {
            adjust,
            ..Setup::default()
        };
        let second = Setup {
            site: SECOND,
            seed: 2,
            ..Setup::default()
        };
        Self {
            now,
            servers: [first, second].map(|setup| Server::new(setup, now)),
            hosts: [Vec::new(), Vec::new()],
            connections: Vec::new(),
        }
    }

    fn call(&mut self, name: &str) {
        let caller = &mut self.servers[CALLER];
        caller.sessions.call(name, self.now).expect("called");
        caller.carry_out(self.now);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        for place in [CALLER, CALLED] {
            self.servers[place].turn(self.now);
            for frame in self.servers[place].sent(ACCESS) {
                let other = 1 - place;
                let to = Header::parse(&frame[14..]).unwrap().destination;
                assert_eq!(to, SITES[other].server);
                let frame = packets::ethernet(PORT_MACS[ACCESS], CLIENT_MAC, &frame[14..]);
                self.servers[other].receive(usize::from(frame[41] % 3), ACCESS, &frame);
            }
            for frame in self.servers[place].sent(NETWORK) {
                self.hosts[place].push(frame[14..].to_vec());
            }
        }
        self.carry_tcp();
    }

    fn carry_tcp(&mut self) {
        for (id, to) in std::mem::take(&mut self.servers[CALLER].connects) {
            assert_eq!(to, SocketAddrV4::new(SECOND.server, 1723));
            let accepted = self.servers[CALLED].accept(Site::FIRST.server, self.now);
            self.connections.push([id, accepted]);
        }
        for ids in self.connections.clone() {
            for place in [CALLER, CALLED] {
                let sockets = &mut self.servers[place].sockets;
                let Some(socket) = sockets.iter_mut().find(|it| it.id == ids[place]) else {
                    continue;
                };
                let written = std::mem::take(&mut socket.written);
                let other = &mut self.servers[1 - place];
                if !written.is_empty() {
                    other.sessions.receive(ids[1 - place], &written, self.now);
                }
                if self.servers[place]
                    .sockets
                    .iter()
                    .any(|it| it.id == ids[place] && it.closed)
                {
                    self.servers[place].sockets.retain(|it| it.id != ids[place]);
                    self.servers[1 - place]
                        .sessions
                        .peer_closed(ids[1 - place], self.now);
                }
                self.servers[1 - place].carry_out(self.now);
            }
        }
    }

    fn view(&self, place: usize) -> Option<CallView> {
        self.servers[place].sessions.views().next()
    }

    fn is_up(&self) -> bool {
        let up = |place| {
            self.view(place)
                .is_some_and(|call| call.network_since.is_some())
        };
        up(CALLER) && up(CALLED)
    }

    fn bring_up(&mut self, name: &str) {
        self.call(name);
        self.pass(Duration::from_secs(2));
        let ends = [CALLER, CALLED].map(|place| {
            let server = &self.servers[place];
            let state = self.view(place).map(|call| call.state);
            (server.ends(), state, server.drops())
        });
        assert!(self.is_up(), "{ends:?}");
    }

    /// The host behind `place` sends numbered datagrams.
    fn host_sends(&mut self, place: usize, from: Ipv4Addr, to: Ipv4Addr, count: u32) {
        for number in 0..count {
            let packet = packets::numbered(from, to, number);
            let frame = packets::ethernet(PORT_MACS[NETWORK], HOST_MAC, &packet);
            self.servers[place].receive(number as usize % 3, NETWORK, &frame);
        }
        self.pass(Duration::from_millis(50));
    }

    /// Data moves both ways between the hosts behind, all of it and encrypted.
    fn assert_carries(&mut self) {
        for (from, to) in [(CALLER, CALLED), (CALLED, CALLER)] {
            self.hosts[to].clear();
            self.host_sends(from, SITES[from].host, SITES[to].host, 100);
            let mut numbers = packets::numbers(&self.hosts[to]);
            numbers.sort_unstable();
            assert_eq!(numbers, (0..100).collect::<Vec<_>>(), "from {from} to {to}");
        }
        for place in [CALLER, CALLED] {
            let mppe = self.view(place).unwrap().negotiated.mppe;
            assert_eq!(mppe.unwrap().to_string(), "mppe-128-stateless");
            self.servers[place].assert_conserved();
        }
    }
}

#[test]
fn both_kinds_of_call_log_in_encrypt_and_join_the_networks() {
    for (name, origins) in [
        ("asked", ["placed", "dialled"]),
        ("announced", ["placed", "offered"]),
    ] {
        let mut sites = Sites::new();
        sites.bring_up(name);
        let views = [CALLER, CALLED].map(|place| sites.view(place).unwrap());
        assert_eq!(views.each_ref().map(|view| view.origin.name()), origins);
        for view in &views {
            assert_eq!(view.user.as_deref(), Some(FIRST_SITE.0));
        }
        // Each end shows the other's address.
        let lease = views[CALLED].lease.unwrap();
        assert!((SITES[CALLED].pool[0]..=SITES[CALLED].pool[1]).contains(&lease));
        assert_eq!(views[CALLER].lease, Some(SITES[CALLED].gateway));
        sites.assert_carries();

        // The kernels know the way, and the caller's has the address that it was assigned.
        let caller = &sites.servers[CALLER];
        assert_eq!(caller.own_addresses, [lease]);
        let there = [
            (Prefix::host(SITES[CALLED].gateway), Some(lease)),
            (SITES[CALLED].network(), Some(lease)),
        ];
        assert_eq!(
            caller.kernel_routes.clone().into_iter().collect::<Vec<_>>(),
            there
        );
        let back = sites.servers[CALLED].kernel_routes.clone();
        assert_eq!(
            back.into_iter().collect::<Vec<_>>(),
            [(SITES[CALLER].network(), None)]
        );

        let again = sites.servers[CALLER].sessions.call(name, sites.now);
        assert_eq!(again, Err(CallError::CalledAlready));
        let ended = sites.servers[CALLER].sessions.hang_up(name, sites.now);
        assert_eq!(ended, Ok(1));
        sites.servers[CALLER].carry_out(sites.now);
        sites.pass(Duration::from_secs(5));
        for server in &sites.servers {
            assert_eq!(server.kernel_routes.len() + server.own_addresses.len(), 0);
            assert_eq!(server.sessions.call_count(), 0);
        }
        let dropped = sites.servers[CALLER].dropped(DropReason::SourceNotLease);
        assert_eq!(dropped, 0);
    }
}

#[test]
fn the_caller_answers_at_the_address_that_it_was_assigned_and_at_no_other() {
    let mut sites = Sites::new();
    sites.bring_up("asked");
    let lease = sites.view(CALLED).unwrap().lease.unwrap();
    sites.host_sends(CALLED, SITES[CALLED].host, lease, 5);
    let mut heard = packets::numbers(&sites.servers[CALLER].tun);
    heard.sort_unstable();
    assert_eq!(heard, [0, 1, 2, 3, 4]);
    // What the kernel answers goes back by the same call.
    let answer = packets::numbered(lease, SITES[CALLED].host, 7);
    sites.servers[CALLER].inject(&answer);
    sites.pass(Duration::from_millis(20));
    assert_eq!(packets::numbers(&sites.hosts[CALLED]), [7]);
    // Clients may not reach the server's own addresses, and neither may the peer.
    sites.host_sends(CALLED, SITES[CALLED].host, SITES[CALLER].network_address, 3);
    assert_eq!(sites.servers[CALLER].tun.len(), 5);
    let refused = sites.servers[CALLER].dropped(DropReason::ClientToServerRefused);
    assert_eq!(refused, 3);
}

/// RFC 2827, at both ends: nothing but what lies behind the other end comes out of the call.
#[test]
fn a_source_that_does_not_lie_behind_the_call_is_dropped_at_either_end() {
    let mut sites = Sites::new();
    sites.bring_up("asked");
    let stranger = Ipv4Addr::new(203, 0, 113, 77);
    for (from, to) in [(CALLER, CALLED), (CALLED, CALLER)] {
        sites.host_sends(from, stranger, SITES[to].host, 4);
        assert!(sites.hosts[to].is_empty());
        let dropped = sites.servers[to].dropped(DropReason::SourceNotLease);
        assert_eq!(dropped, 4);
    }
    sites.assert_carries();
}

#[test]
fn a_wrong_password_is_named() {
    let mut sites = Sites::new();
    sites.call("mistyped");
    sites.pass(Duration::from_secs(4));
    assert_eq!(sites.servers[CALLER].ends(), ["link.login_refused"]);
    let mut peers = sites.servers[CALLER].sessions.peers();
    let last = peers.find(|it| it.peer.name == "mistyped").unwrap().last;
    assert_eq!(last.as_deref(), Some("link.login_refused"));
}

/// Two sites with one pool cannot be joined, and learn why.
#[test]
fn an_address_of_our_own_pools_ends_the_call() {
    let mut sites = Sites::new();
    // The called site gives addresses that the caller gives too.
    let overlapping = Setup {
        site: Site {
            gateway: Site::FIRST.gateway,
            pool: Site::FIRST.pool,
            ..SECOND
        },
        seed: 2,
        ..Setup::default()
    };
    sites.servers[CALLED] = Server::new(overlapping, sites.now);
    sites.call("asked");
    sites.pass(Duration::from_secs(4));
    assert_eq!(sites.servers[CALLER].ends(), ["address_conflict"]);
    assert!(sites.servers[CALLER].kernel_routes.is_empty());
}

/// What is behind a user goes to its youngest call: of the older one the client is probably gone.
#[test]
fn the_younger_of_two_calls_has_the_networks_and_the_older_takes_nothing_with_it() {
    fn twice(config: &mut SessionConfig) {
        with_peers(config);
        let twin = Peer {
            name: "twin".to_owned(),
            ..Peer::clone(&config.peers[0])
        };
        config.peers.push(Arc::new(twin));
    }
    let mut sites = Sites::with(twice);
    sites.bring_up("asked");
    sites.call("twin");
    sites.pass(Duration::from_secs(2));
    assert_eq!(sites.servers[CALLER].sessions.call_count(), 2);
    sites.assert_carries();
    let ended = sites.servers[CALLER].sessions.hang_up("asked", sites.now);
    assert_eq!(ended, Ok(1));
    sites.servers[CALLER].carry_out(sites.now);
    sites.pass(Duration::from_secs(5));
    assert_eq!(sites.servers[CALLER].sessions.call_count(), 1);
    assert_eq!(sites.servers[CALLER].kernel_routes.len(), 2);
    sites.assert_carries();
}
