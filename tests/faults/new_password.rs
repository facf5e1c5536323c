//! A client whose password has expired replaces it while it logs in (RFC 2759 §7), and a server that
//! starts anew knows the new one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pns::auth::NtHash;
use pns::auth::change_password::{encrypt_hash, encrypt_password};
use pns::auth::mschapv2::{Exchange, generate_nt_response};
use pns::clock::Timestamp;
use pns::config::Config;
use pns::slowpath::errands::Errands;
use pns::wire::chap::ChangePasswordV3;

use super::plane::{Rig, SMALLEST, Servers};
use super::ppp_client::{CHAP, PppClient, frame};
use super::world::{Scripted, nobody};

const OLD: &str = "wonderland-7";
const NEW: &str = "looking-glass-8";
const PEER_CHALLENGE: [u8; 16] = [0x21; 16];

/// A configuration and its users, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(more: &str, user: &str) -> Self {
        let folder = format!("pns-new-password-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(folder));
        fs::create_dir_all(&folder.0).unwrap();
        let config = format!("{SMALLEST}{more}");
        fs::write(folder.0.join("pns.toml"), config).unwrap();
        fs::write(folder.users_file(), user).unwrap();
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.users_file(), mode).unwrap();
        folder
    }

    fn users_file(&self) -> PathBuf {
        self.0.join("users.toml")
    }

    fn config(&self) -> Config {
        Config::load(&self.0.join("pns.toml")).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn server(&self) -> Rig<impl Servers + use<>> {
        let now = Timestamp::ZERO + Duration::from_secs(100);
        Rig::of(self.config(), Scripted::new(nobody), now)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Told `E=648`, it sends the new password, proven by the challenge that came with the message.
fn replace(
    client: &mut PppClient,
    protocol: u16,
    code: u8,
    identifier: u8,
    data: &[u8],
) -> Option<Vec<Vec<u8>>> {
    const FAILURE: u8 = 4;
    const CHANGE_PASSWORD: u8 = 7;
    let message = (protocol, code) == (CHAP, FAILURE);
    let message = message.then(|| std::str::from_utf8(data).unwrap())?;
    assert!(
        message.contains("E=648") && message.contains("V=3"),
        "{message}"
    );
    let (_, hex) = message.split_once("C=").unwrap();
    let challenge = u128::from_str_radix(&hex[..32], 16).unwrap().to_be_bytes();
    let [old, new] = [OLD, NEW].map(NtHash::from_password);
    let exchange = Exchange {
        authenticator_challenge: &challenge,
        peer_challenge: &PEER_CHALLENGE,
        user_name: client.name.as_bytes(),
    };
    let change = ChangePasswordV3 {
        encrypted_password: encrypt_password(NEW, &old, &[0x5a; 512]).unwrap(),
        encrypted_hash: encrypt_hash(&old, &new),
        peer_challenge: PEER_CHALLENGE,
        nt_response: generate_nt_response(&exchange, &new),
        flags: 0,
    };
    let next = identifier.wrapping_add(1);
    Some(vec![frame(CHAP, CHANGE_PASSWORD, next, &change.emit())])
}

/// Whether this password lets alice in.
fn lets_in(rig: &mut Rig<impl Servers>, password: &str) -> bool {
    rig.dial(PppClient::new("alice", password));
    rig.clients.last().unwrap().network_up()
}

/// What became of the users file when alice, who was in it like this, had replaced her password.
fn replaced(more: &str, user: &str) -> String {
    let folder = Folder::new(
        more,
        &format!("# ours\n[[user]]\nname = \"alice\"\n{user}\n"),
    );
    let mut rig = folder.server();
    let mut errands = Errands::new(folder.config(), || {}).unwrap();
    let mut client = PppClient::new("alice", OLD);
    client.script = Some(replace);
    rig.dial(client);
    assert!(
        rig.clients[0].network_up(),
        "{:?}",
        rig.clients[0].failure_message
    );
    // At once for who logs in now, and for good when the file has it.
    assert!(lets_in(&mut rig, NEW) && !lets_in(&mut rig, OLD));
    let before = fs::read_to_string(folder.users_file()).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while fs::read_to_string(folder.users_file()).unwrap() == before {
        assert!(Instant::now() < end, "never written");
        errands.turn(&mut rig.plane, rig.now);
        std::thread::sleep(Duration::from_millis(5));
    }
    let mode = fs::metadata(folder.users_file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    drop((rig, errands));
    let mut rig = folder.server();
    assert!(lets_in(&mut rig, NEW) && !lets_in(&mut rig, OLD));
    fs::read_to_string(folder.users_file()).unwrap()
}

#[test]
fn a_password_that_a_client_replaces_survives_the_server() {
    let hash = NtHash::from_password(OLD);
    let hex: String = hash
        .expose()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = replaced("", &format!("password_expired = true\nnt_hash = \"{hex}\""));
    assert!(
        file.contains("# ours") && file.contains("nt_hash"),
        "{file}"
    );
    assert!(!file.contains(NEW) && !file.contains(&hex), "{file}");
    // In clear only where it was, and where a method needs it.
    let clear = format!("password_expired = true\npassword = \"{OLD}\"");
    let file = replaced("", &clear);
    assert!(!file.contains(NEW) && !file.contains(OLD), "{file}");
    let methods = "[ppp.authentication]\nmethods = [\"mschapv2\", \"chap-md5\"]\n";
    let file = replaced(methods, &clear);
    assert!(file.contains(NEW) && !file.contains(OLD), "{file}");
}
