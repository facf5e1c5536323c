//! The keys of `[[peer]]` with which we are the client: we log in to the peer, and lead packets to
//! what lies behind it.
//!
//! The password is in a file of its own, refused like the users file if others can read it.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::address::{host_address, network_behind};
use super::error::Fault;
use super::ppp::{read_log_in_methods, read_mppe};
use super::table::Table;
use super::users::{PASSWORD_LENGTH_MAX, user_name};
use super::words::{beside, path};
use crate::aaa::EapMethod;
use crate::ppp::link::{Login, Method, MppePolicy};
use crate::wire::prefix::Prefix;

/// Keys that mean nothing where we do not log in.
const NEEDS_USER: [&str; 6] = [
    "password_file",
    "methods",
    "eap_methods",
    "mppe",
    "inner_address",
    "routes",
];

/// What we log in to a peer with.
#[derive(Clone, Debug)]
pub struct PeerLogin {
    /// Our name there.
    pub user: String,
    /// The file whose first line is the password.
    pub password_file: PathBuf,
    /// How we may log in, best first; never empty.
    pub methods: Vec<Method>,
    /// The same inside EAP.
    pub eap_methods: Vec<EapMethod>,
    /// Encryption of calls to the peer.
    pub mppe: MppePolicy,
    /// The address that we ask for on the link; `None` is any.
    pub inner_address: Option<Ipv4Addr>,
    /// The networks behind the peer.
    pub routes: Vec<Prefix>,
    /// Once the file was read.
    secret: Option<Arc<Login>>,
}

pub(super) fn read(table: &mut Table<'_, '_>, config_file: &Path) -> Option<PeerLogin> {
    let user = table.parsed("user", user_name);
    let password_file = table.parsed("password_file", path("branch-password"));
    let (methods, eap_methods) = read_log_in_methods(table);
    let mppe = MppePolicy::REQUIRED.changed(table.section("mppe", read_mppe));
    let inner_address = table.parsed("inner_address", host_address);
    let routes = table.list("routes", network_behind).unwrap_or_default();
    if !table.has("user") {
        let given: Vec<_> = NEEDS_USER
            .into_iter()
            .filter(|key| table.has(key))
            .collect();
        for key in given {
            let problem = "has no place in a peer that we do not log in to";
            table.refuse(
                key,
                Fault::new(problem, "take it out, or write user = \"…\""),
            );
        }
        return None;
    }
    if !table.has("password_file") {
        table.refuse_missing("password_file", "password_file = \"branch-password\"");
    }
    Some(PeerLogin {
        user: user?,
        password_file: beside(config_file, &password_file?),
        methods,
        eap_methods,
        mppe,
        inner_address,
        routes,
        secret: None,
    })
}

impl PeerLogin {
    /// Name and password, as the link wants them.
    #[must_use]
    pub fn secret(&self) -> Option<Arc<Login>> {
        self.secret.clone()
    }

    /// Takes the password from its file: the first line, without what ends it.
    pub(super) fn read_password(
        &mut self,
        read: impl FnOnce(&Path) -> Result<Zeroizing<String>, Fault>,
    ) -> Result<(), Fault> {
        let text = read(&self.password_file)?;
        let password = text.lines().next().unwrap_or_default();
        let length = password.chars().count();
        if length == 0 || length > PASSWORD_LENGTH_MAX {
            let cure = format!("write 1 to {PASSWORD_LENGTH_MAX} characters in its first line");
            let problem = format!("has a first line of {length} characters");
            return Err(Fault::new(problem, cure));
        }
        let login = Login::new(&self.user, password, &self.methods, &self.eap_methods);
        self.secret = Some(Arc::new(login));
        Ok(())
    }
}
