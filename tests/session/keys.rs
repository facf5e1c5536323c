//! Start keys serve once.

use std::time::Duration;

use pns::session::Event;

use super::ppp_client::PppClient;
use super::world::{self, World};

#[test]
fn rfc3078_a_login_on_a_live_call_must_not_bring_back_keys_that_were_used() {
    for same_keys in [false, true] {
        let mut world = World::new();
        world.elsewhere = same_keys.then_some(world::same_keys);
        let mut client = PppClient::new("alice", "wonderland-7");
        world.dial(&mut client);
        assert!(client.network_up());
        let (armed, lease) = (world.position("arm_upstream"), client.address);
        world.commands.clear();
        let frames = client.restart();
        world.talk(&mut client, frames);
        if same_keys {
            assert!(world.commands.iter().all(|(word, _)| *word != "authorise"));
            world.pass(Duration::from_secs(10));
            assert_eq!(world.end_reason(), "link.rekey_not_possible");
            world.assert_all_given_back();
            continue;
        }
        assert!(client.network_up() && client.encrypted());
        assert!(world.position("suspend") < world.position("authorise"));
        assert!(world.position("authorise") < world.position("arm_upstream"));
        assert!(armed > 0 && world.leases == [lease], "the lease stays");
        let ups = world
            .events
            .iter()
            .filter(|event| matches!(event, Event::NetworkUp { .. }));
        assert_eq!(ups.count(), 1);
    }
}
