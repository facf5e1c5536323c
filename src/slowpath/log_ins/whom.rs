//! Who is asked about a log-in: local users, RADIUS or TACACS+.

use std::sync::Arc;

use super::LogIns;
use super::outage::Asked;
use super::tacacs::TacacsLogIns;
use crate::aaa::radius::{Caller, Client};
use crate::aaa::{Decision, Servers};
use crate::clock::Timestamp;
use crate::ppp::link::Credentials;

/// Who decides about a log-in.
pub(super) enum Whom {
    LocalUsers,
    Radius,
    Tacacs,
}

impl LogIns {
    /// `None`: the decision comes later.
    pub(super) fn ask_servers_about(
        &mut self,
        whom: &Whom,
        asked: Asked,
        (caller, session_id): (&Caller, &str),
        credentials: &Credentials,
        now: Timestamp,
    ) -> Option<Decision> {
        let realm = self.realms.of(credentials.name()).ok().flatten();
        let access = Arc::clone(asked.access());
        if let (Whom::Tacacs, Some(tacacs)) = (whom, &mut self.tacacs) {
            let servers = Servers::of(realm, &access);
            return tacacs.ask(asked, caller, credentials, (&access, servers), now);
        }
        let client = self.client.as_mut()?;
        match client.ask(caller, session_id, credentials, &access, realm, now) {
            Ok(ticket) => {
                self.asked.insert(ticket, asked);
                None
            }
            Err(rejection) => Some(Decision::Reject(rejection)),
        }
    }

    /// Who decides about this log-in.
    pub(super) fn whom(&self, credentials: &Credentials, servers: &Servers) -> Whom {
        let known = || self.users.knows(credentials.name());
        let of_tacacs = |tacacs: &TacacsLogIns| {
            let decides = match servers {
                Servers::Any => tacacs.client.decides() && tacacs.decides(credentials),
                Servers::Tacacs(_) => true,
                Servers::Radius(_) => false,
            };
            decides && !(tacacs.local_first && known())
        };
        if self.tacacs.as_ref().is_some_and(of_tacacs) {
            return Whom::Tacacs;
        }
        match self.radius_decides(servers) && !self.is_local(credentials) {
            true => Whom::Radius,
            false => Whom::LocalUsers,
        }
    }

    pub(super) fn radius_decides(&self, servers: &Servers) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| match servers {
            Servers::Any => client.decides(),
            Servers::Radius(_) => true,
            Servers::Tacacs(_) => false,
        })
    }

    /// Whether nobody is there to be asked.
    pub(super) fn is_out(&self, whom: &Whom, servers: &Servers, now: Timestamp) -> bool {
        let names = servers.names();
        match whom {
            Whom::LocalUsers => false,
            Whom::Radius => self.client.as_ref().is_some_and(|it| it.is_out(names, now)),
            Whom::Tacacs => self.tacacs().is_some_and(|it| it.is_out(names, now)),
        }
    }

    /// Whose user it is; a conversation in EAP stays where it began.
    pub(super) fn is_local(&self, credentials: &Credentials) -> bool {
        match credentials {
            Credentials::Eap { state, .. } if !state.is_empty() => !Client::is_state(state),
            Credentials::Eap { .. }
            | Credentials::Pap { .. }
            | Credentials::ChapMd5 { .. }
            | Credentials::MsChapV1 { .. }
            | Credentials::MsChapV2 { .. }
            | Credentials::ChangePasswordV2 { .. }
            | Credentials::ChangePasswordV3 { .. } => {
                self.local_first && self.users.knows(credentials.name())
            }
        }
    }
}
