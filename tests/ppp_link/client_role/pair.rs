//! Both ends of a link: the product's client, the product's server with users, and the path between.

use crate::lossy::{Network, Path, STEP};
use crate::server::{GRANT, Heard, LEASE, LOCAL, Server};
use pns::aaa::{Access, Decision, EapMethod, LocalUser, LocalUsers, own_login};
use pns::auth::{NtHash, Secret};
use pns::clock::Timestamp;
use pns::flow::{Encryption, FlowPolicy};
use pns::mppe::keys::StartKeys;
use pns::ppp::link::{
    ClientRole, Directions, EndReason, Input, Link, LinkConfig, Login, Method, MppePolicy, Output,
};
use std::sync::Arc;
use std::time::Duration;

pub(super) const POLICY: FlowPolicy = FlowPolicy {
    encryption: Encryption::Optional,
    client_to_client: false,
    mss_max: 0,
};

pub(super) const PERFECT: Path = Path {
    loss: 0,
    duplication: 0,
    delay_ms_max: 0,
};

/// How both ends are configured.
#[derive(Clone)]
pub(super) struct Setup {
    /// What the server offers.
    pub(super) offers: Vec<Method>,
    /// What the client may use.
    pub(super) may: Vec<Method>,
    pub(super) eap: Vec<EapMethod>,
    /// What the client may use inside EAP.
    pub(super) may_eap: Vec<EapMethod>,
    pub(super) password: &'static str,
    pub(super) server_mppe: MppePolicy,
    pub(super) client_mppe: MppePolicy,
}

impl Default for Setup {
    fn default() -> Self {
        let methods = vec![Method::MsChapV2, Method::Eap];
        Self {
            offers: methods.clone(),
            may: methods,
            eap: vec![EapMethod::MsChapV2],
            may_eap: vec![EapMethod::MsChapV2],
            password: "wonderland-7",
            server_mppe: MppePolicy::REQUIRED,
            client_mppe: MppePolicy::REQUIRED,
        }
    }
}

impl Setup {
    pub(super) fn by(method: Method) -> Self {
        Self {
            offers: vec![method],
            may: vec![method],
            ..Self::default()
        }
    }

    pub(super) fn without_encryption(self) -> Self {
        Self {
            server_mppe: MppePolicy::OFF,
            client_mppe: MppePolicy::OFF,
            ..self
        }
    }
}

pub(super) fn server(setup: &Setup, seed: u8) -> Server {
    let config = LinkConfig {
        methods: setup.offers.clone(),
        mppe: setup.server_mppe,
        ..LinkConfig::default()
    };
    Server::new(config, seed)
}

/// Both ends of one call.
pub(super) struct Pair {
    pub(super) server: Server,
    pub(super) client: Link,
    pub(super) users: LocalUsers,
    pub(super) access: Arc<Access>,
    pub(super) network: Network,
    /// What the client told its owner, and the keys of both ends.
    pub(super) told: Vec<Output>,
    pub(super) server_keys: Option<StartKeys>,
    pub(super) client_keys: Option<StartKeys>,
    /// Changes frames on their way to the client.
    pub(super) forge: fn(&mut Vec<u8>),
}

impl Pair {
    pub(super) fn new(setup: &Setup, path: Path, seed: u64) -> Self {
        let [byte, ..] = seed.to_le_bytes();
        let login = Login::new("alice", setup.password, &setup.may, &setup.may_eap);
        let client = LinkConfig {
            mppe: setup.client_mppe,
            client: Some(ClientRole {
                login: Arc::new(login),
                wish: None,
            }),
            ..LinkConfig::default()
        };
        let alice = LocalUser {
            password: Some(Secret::from("wonderland-7".to_owned())),
            ..LocalUser::new("alice", NtHash::from_password("wonderland-7"), "default")
        };
        let access = Access {
            methods: setup.offers.clone(),
            eap_methods: setup.eap.clone(),
            mppe: MppePolicy::OPTIONAL,
            ..Access::default()
        };
        let server = server(setup, byte);
        let client = Link::new(Arc::new(client), [byte ^ 0xff; 32], server.now);
        let mut pair = Self {
            server,
            client,
            users: LocalUsers::new([alice]),
            access: Arc::new(access),
            network: Network::new(path, seed),
            told: Vec::new(),
            server_keys: None,
            client_keys: None,
            forge: |_| {},
        };
        let heard = pair.server.input(Input::LowerUp);
        pair.deliver(heard);
        pair.client_input(Input::LowerUp);
        pair
    }

    pub(super) fn now(&self) -> Timestamp {
        self.server.now
    }

    pub(super) fn deliver(&mut self, heard: Vec<Heard>) {
        for one in heard {
            match one {
                Heard::Packet(sent) => {
                    let packet = pns::wire::ppp::Packet {
                        code: sent.code,
                        identifier: sent.identifier,
                        data: &sent.data,
                    };
                    let mut frame = packet.to_frame(sent.protocol);
                    (self.forge)(&mut frame);
                    let now = self.now();
                    self.network.send(false, &frame, now);
                }
                Heard::Told(Output::Authenticate(credentials)) => {
                    let now = self.now();
                    let decision = self.users.decide(&credentials, &self.access, now);
                    self.decide(decision);
                }
                Heard::Told(_) => {}
            }
        }
    }

    pub(super) fn decide(&mut self, decision: Decision) {
        let heard = match decision {
            Decision::Accept(grant) => {
                let keys = grant.authenticated.has_keys();
                let heard = self.server.input(Input::Granted {
                    success_message: &grant.success_message,
                    network: GRANT,
                    keys,
                });
                self.server_keys = grant.authenticated.into_parts().1;
                heard
            }
            Decision::Challenge { packet, state } => self.server.input(Input::Challenge {
                packet: &packet,
                state: &state,
            }),
            Decision::Reject(rejection) => self.server.input(Input::Refused {
                code: rejection.failure_code(),
                message: rejection.text(),
                retry: rejection.permits_retry(),
            }),
            Decision::Deny(denial) => panic!("local users deny nobody: {denial:?}"),
        };
        self.deliver(heard);
    }

    pub(super) fn client_input(&mut self, input: Input<'_>) {
        let now = self.now();
        self.client.handle(input, now);
        self.hear_client();
    }

    /// Everything that needs keys or a proof comes behind `LoggedIn`, in the order of the link's
    /// promises.
    pub(super) fn hear_client(&mut self) {
        let now = self.now();
        while let Some(output) = self.client.poll_output() {
            match &output {
                Output::Frame(frame) => {
                    self.network.send(true, frame.as_bytes(), now);
                    continue;
                }
                Output::LoggedIn(keying) => {
                    let proof = own_login::admitted_by_peer(keying, POLICY);
                    self.client_keys = proof.into_parts().1;
                }
                Output::Suspend => self.told.clear(),
                Output::Authenticate(_) | Output::AddressWished(_) => {
                    panic!("a client does not ask who is there")
                }
                Output::Ended(_) => {}
                _ => assert!(self.was_told(|it| matches!(it, Output::LoggedIn(_)))),
            }
            self.told.push(output);
        }
    }

    pub(super) fn was_told(&self, what: impl Fn(&Output) -> bool) -> bool {
        self.told.iter().any(what)
    }

    pub(super) fn step(&mut self) {
        let heard = self.server.pass(STEP);
        self.deliver(heard);
        let now = self.now();
        self.client.handle_timeout(now);
        self.hear_client();
        for (to_server, frame) in self.network.arrivals(now) {
            if to_server {
                let heard = self.server.input(Input::Frame(&frame));
                self.deliver(heard);
            } else {
                self.client_input(Input::Frame(&frame));
            }
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.step();
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.client_is_up() && self.server.promises.was_told(&Output::NetworkUp)
    }

    pub(super) fn client_is_up(&self) -> bool {
        self.was_told(|it| *it == Output::NetworkUp)
    }

    pub(super) fn ends(&self) -> [Option<EndReason>; 2] {
        [self.server.promises.end_reason(), self.client.end_reason()]
    }

    /// What one end sends with, the other receives with; the same goes for addresses and modes.
    pub(super) fn assert_agree(&self, what: &str) {
        let (server, client) = (self.server.link.negotiated(), self.client.negotiated());
        let granted = client.network.unwrap();
        let ends = (granted.local_address, granted.peer_address);
        assert_eq!(ends, (LEASE, LOCAL), "{what}");
        let turned = client.mppe.map(|it| Directions {
            upstream: it.downstream,
            downstream: it.upstream,
        });
        assert_eq!(server.mppe, turned, "{what}");
        assert_eq!(server.authentication, client.authentication, "{what}");
        if let (Some(server), Some(client)) = (&self.server_keys, &self.client_keys) {
            assert_eq!(server.upstream.expose(), client.downstream.expose());
            assert_eq!(server.downstream.expose(), client.upstream.expose());
        }
        let keys = [&self.server_keys, &self.client_keys].map(Option::is_some);
        assert_eq!(keys[0], keys[1], "{what}");
    }
}
