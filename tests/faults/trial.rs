//! `pns user test` of names that servers decide about.

use pns::aaa::radius::Demand;
use pns::operate::admin::{Action, Hidden, View};
use pns::slowpath::errands::Errands;
use serde_json::Value;

use super::radius::Script;
use super::view::look;
use super::world::World;

/// What `pns user test` says.
fn try_out(world: &mut World, user: &str, json: bool) -> Result<String, String> {
    let mut errands = Errands::new(world.0.config.take().unwrap(), || ()).unwrap();
    let action = Action::TestUser {
        user: user.to_owned(),
        password: Hidden::new("wonderland-7"),
        json,
    };
    for _ in 0..20 {
        if let Some(said) = look(&mut world.0, Some(&mut errands), |view| view.act(&action)) {
            return said.map_err(|error| error.message);
        }
        world.0.run();
        world.pass(1);
    }
    panic!("nobody says anything about {user}");
}

fn world(script: Script) -> World {
    let users = "[[user]]\nname = \"alice\"\npassword = \"wonderland-7\"\n";
    let mut world = World::new(users, "");
    world.ask_radius(script, Demand::Auto, 10);
    world
}

#[test]
fn a_server_is_asked_as_for_a_call_and_what_it_grants_is_said() {
    let said = try_out(&mut world(Script::AcceptsInPool("gold")), "remote", false).unwrap();
    for part in [
        "\"remote\" would be let in by radius, after mschapv2",
        "pool \"gold\"",
        "keys for encryption: yes",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let said = try_out(&mut world(Script::AcceptsWithoutKeys), "remote", true).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["let_in"], &said["keys"]),
        (&true.into(), &false.into())
    );
    assert_eq!(said["decided_by"], "radius");
}

#[test]
fn a_refusal_is_told_with_what_would_help() {
    let said = try_out(&mut world(Script::Refuses("Quota used")), "remote", false).unwrap_err();
    assert!(
        said.contains("radius_refused") && said.contains("Quota used"),
        "{said}"
    );
    let said = try_out(&mut world(Script::Silent), "remote", false).unwrap_err();
    assert!(
        said.contains("radius_no_answer") && said.contains("secret_file"),
        "{said}"
    );
    let said = try_out(&mut world(Script::Silent), "remote", true).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["finding"], "radius_no_answer");
    assert!(said["changes"].as_array().unwrap().len() > 1);
}

#[test]
fn local_users_are_not_asked_about_elsewhere_and_realms_hold() {
    let said = try_out(&mut world(Script::Silent), "alice", true).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["let_in"], &said["decided_by"]),
        (&true.into(), &"users.file".into())
    );
    let said = try_out(&mut world(Script::Silent), "x@nowhere", false).unwrap_err();
    assert!(said.contains("realm_unknown"), "{said}");
}
