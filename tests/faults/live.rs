//! What servers say of a call while it lives, from the datagram to the call.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use pns::aaa::radius::Demand;
use pns::aaa::radius::dynamic::{Dynamic, DynamicClient, Settings};
use pns::auth::Secret;
use pns::session::CallView;
use pns::wire::radius::attribute::{
    ERROR_CAUSE, FRAMED_MTU, FRAMED_ROUTE, SERVICE_TYPE, SESSION_TIMEOUT, STATE, USER_NAME,
};
use pns::wire::radius::{Attributes, Code, Packet, Reply, Request};

use super::ppp_client::{Login, PppClient};
use super::radius::{SECRET, client_of};
use super::world::World;

const AUTHORIZE_ONLY: u32 = 17;
const OPTIONAL: &str = "[ppp.mppe]\npolicy = \"optional\"\n";

fn billing() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

/// Lets everybody in; of who is in it says what `again` says.
fn server(again: Rc<Cell<Option<Code>>>) -> impl FnMut(&[u8]) -> Option<Vec<u8>> {
    move |datagram| {
        let request = Packet::parse(datagram).unwrap();
        let mut attributes = Attributes::new();
        let mut code = Code::ACCESS_ACCEPT;
        if request.integer(&SERVICE_TYPE) == Some(AUTHORIZE_ONLY) {
            code = again.get()?;
            assert_eq!(request.octets(&STATE), Some(&b"why we ask"[..]));
            assert_eq!(request.octets(&USER_NAME), Some(&b"remote"[..]));
            attributes.integer(&SESSION_TIMEOUT, 3600);
        }
        let reply = Reply {
            code,
            identifier: request.identifier,
            request_authenticator: &request.authenticator,
            secret: SECRET,
            attributes: &attributes,
            signed: true,
        };
        reply.to_packet()
    }
}

/// One call of a user whom a server let in.
fn live(again: &Rc<Cell<Option<Code>>>) -> World {
    let mut world = World::new("", OPTIONAL);
    world.ask_server(server(Rc::clone(again)));
    world.0.plane.hear_requests(Dynamic::new(Settings {
        clients: vec![DynamicClient {
            address: billing().ip(),
            secret: Secret::new(SECRET.to_vec()),
        }],
        window: Duration::from_secs(300),
        timestamp_required: false,
        identifier: "pns".into(),
        addresses: Vec::new(),
        map: Vec::new(),
        unix_at_zero_s: 0,
    }));
    let mut client = PppClient::new("remote", "anything at all");
    client.login = Login::Pap;
    assert!(world.dial(client));
    assert_eq!(call(&world).unwrap().state.name(), "network");
    world
}

fn call(world: &World) -> Option<CallView> {
    world.0.plane.sessions.views().next()
}

/// The code of the answer to a CoA-Request about the user, and its Error-Cause.
fn change(world: &mut World, add: impl FnOnce(&mut Attributes)) -> (Code, Option<u32>) {
    let mut attributes = Attributes::new();
    attributes.text(&USER_NAME, "remote");
    add(&mut attributes);
    let request = Request {
        code: Code::COA_REQUEST,
        identifier: 9,
        authenticator: [0; 16],
        secret: SECRET,
        attributes: &attributes,
        password: None,
        delay_s: None,
    };
    let (bytes, _) = request.to_packet().unwrap();
    let answer = world.0.request(billing(), &bytes).unwrap();
    let answer = Packet::parse(&answer).unwrap();
    (answer.code, answer.integer(&ERROR_CAUSE))
}

fn authorize_only(attributes: &mut Attributes) {
    let attributes = attributes.integer(&SERVICE_TYPE, AUTHORIZE_ONLY);
    attributes.octets(&STATE, b"why we ask");
}

/// RFC 5176 §3.2: answered by Error-Cause 507 and an Access-Request with the State; what the server
/// grants holds, and what it refuses ends the call.
#[test]
fn a_server_is_asked_what_a_call_may_and_its_answer_holds() {
    let again = Rc::new(Cell::new(None));
    let mut world = live(&again);
    assert_eq!(call(&world).unwrap().policy.session_limit, None);
    assert_eq!(
        change(&mut world, authorize_only),
        (Code::COA_NAK, Some(507))
    );
    // Nobody says anything, so nothing changes.
    world.pass(30);
    assert_eq!(call(&world).unwrap().policy.session_limit, None);
    again.set(Some(Code::ACCESS_ACCEPT));
    // Meanwhile the same request is forgotten.
    world.pass(700);
    assert_eq!(
        change(&mut world, authorize_only),
        (Code::COA_NAK, Some(507))
    );
    world.pass(1);
    let limit = call(&world).unwrap().policy.session_limit;
    assert_eq!(limit, Some(Duration::from_secs(3600)));
    again.set(Some(Code::ACCESS_REJECT));
    world.pass(700);
    assert_eq!(
        change(&mut world, authorize_only),
        (Code::COA_NAK, Some(507))
    );
    world.pass(5);
    let (_, found) = world.explain("disconnect_requested");
    assert_eq!(found, ["disconnect_requested"]);
}

#[test]
fn where_no_server_decides_none_is_asked() {
    let again = Rc::new(Cell::new(None));
    let mut world = live(&again);
    let nobody = client_of(&[], Demand::Auto, 1);
    world.0.plane.ask_servers(nobody, true);
    assert_eq!(
        change(&mut world, authorize_only),
        (Code::COA_NAK, Some(405))
    );
}

#[test]
fn routes_and_the_mtu_of_a_live_call_are_changed_and_acknowledged() {
    let again = Rc::new(Cell::new(None));
    let mut world = live(&again);
    let answer = change(&mut world, |it| {
        it.text(&FRAMED_ROUTE, "10.3.0.0/24")
            .integer(&FRAMED_MTU, 1200);
    });
    assert_eq!(answer, (Code::COA_ACK, None));
    assert_eq!(world.0.routes(), ["10.3.0.0/24".parse().unwrap()]);
}
