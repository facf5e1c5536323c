//! Log-ins that TACACS+ servers decide about.

use std::collections::HashMap;
use std::sync::Arc;

use crate::aaa::radius::{Caller, Ticket};
use crate::aaa::tacacs::{Client, Event, Output};
use crate::aaa::{Access, Decision};
use crate::clock::Timestamp;
use crate::ppp::link::{Credentials, Method};
use crate::session::{CallRef, Sessions};
use crate::slowpath::control_plane::Outside;

/// The client of TACACS+, and what it is for.
pub struct TacacsLogIns {
    /// The client.
    pub client: Client,
    /// Who logs in by one of these is asked about there.
    pub methods: Vec<Method>,
    /// But for names in `users.file`.
    pub local_first: bool,
    asked: HashMap<Ticket, CallRef>,
}

impl TacacsLogIns {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(client: Client, methods: Vec<Method>, local_first: bool) -> Self {
        Self {
            client,
            methods,
            local_first,
            asked: HashMap::new(),
        }
    }

    /// Whether it decides about who proves its name like this; of other ways than PPP's own it does
    /// not know.
    pub(super) fn decides(&self, credentials: &Credentials) -> bool {
        let method = match credentials {
            Credentials::Pap { .. } => Method::Pap,
            Credentials::ChapMd5 { .. } => Method::ChapMd5,
            Credentials::MsChapV1 { .. } | Credentials::ChangePasswordV2 { .. } => Method::MsChapV1,
            Credentials::MsChapV2 { .. } | Credentials::ChangePasswordV3 { .. } => Method::MsChapV2,
            Credentials::Eap { .. } => Method::Eap,
        };
        self.methods.contains(&method)
    }

    /// Asks about a log-in. `None`: the decision comes later.
    pub(super) fn ask(
        &mut self,
        call: CallRef,
        caller: &Caller,
        credentials: &Credentials,
        access: &Arc<Access>,
        now: Timestamp,
    ) -> Option<Decision> {
        match self.client.ask(caller, credentials, access, now) {
            Ok(ticket) => {
                self.asked.insert(ticket, call);
                None
            }
            Err(denial) => Some(Decision::Deny(denial)),
        }
    }

    /// Hands on what the client asks for; `true` if the sessions may have more to say after it.
    pub(super) fn carry_out(
        &mut self,
        sessions: &mut Sessions,
        outside: &mut impl Outside,
        now: Timestamp,
    ) -> bool {
        let mut decided = false;
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect(connection, to) => outside.open_stream(connection, to),
                Output::Transmit(connection, bytes) => outside.send_stream(connection, &bytes),
                Output::Close(connection) => outside.close_stream(connection),
                Output::Decided(ticket, decision) => {
                    if let Some(call) = self.asked.remove(&ticket) {
                        sessions.decide(call, decision, now);
                        decided = true;
                    }
                }
                Output::Event(event) => self.log(event),
            }
        }
        decided
    }

    fn log(&self, event: Event) {
        match event {
            Event::Dead(server, fault) => {
                let server = self.client.name_of(server);
                let why = fault.describe();
                tracing::warn!(server, why, "it does not answer; others are asked");
            }
            Event::Alive(server) => {
                let server = self.client.name_of(server);
                tracing::info!(server, "it answers again");
            }
        }
    }
}
