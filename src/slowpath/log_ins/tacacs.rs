//! Log-ins that TACACS+ servers decide about.

use std::collections::HashMap;
use std::sync::Arc;

use super::outage::Asked;
use crate::aaa::radius::{Billed, Caller, Ticket};
use crate::aaa::tacacs::{Client, Event, Output};
use crate::aaa::{Access, Decision, Servers};
use crate::clock::Timestamp;
use crate::ppp::link::{Credentials, Method};
use crate::slowpath::control_plane::Outside;

/// What others wait for.
pub(super) enum Word {
    /// What became of a log-in.
    Decided(Asked, Box<Decision>),
    /// What became of a record.
    Billed(u64, Billed),
}

/// The client of TACACS+, and what it is for.
pub struct TacacsLogIns {
    /// The client.
    pub client: Client,
    /// Who logs in by one of these is asked about there.
    pub methods: Vec<Method>,
    /// But for names in `users.file`.
    pub local_first: bool,
    /// Whether the bill is written there.
    pub bills: bool,
    asked: HashMap<Ticket, Asked>,
}

impl TacacsLogIns {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(client: Client, methods: Vec<Method>, local_first: bool, bills: bool) -> Self {
        Self {
            client,
            methods,
            local_first,
            bills,
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
        asked: Asked,
        caller: &Caller,
        credentials: &Credentials,
        (access, servers): (&Arc<Access>, &Servers),
        now: Timestamp,
    ) -> Option<Decision> {
        match self.client.ask(caller, credentials, access, servers, now) {
            Ok(ticket) => {
                self.asked.insert(ticket, asked);
                None
            }
            Err(denial) => Some(Decision::Deny(denial)),
        }
    }

    /// Hands on what the client asks for, up to the next word of it that others wait for.
    pub(super) fn next(&mut self, outside: &mut impl Outside) -> Option<Word> {
        loop {
            match self.client.poll_output()? {
                Output::Connect(connection, to) => outside.open_stream(connection, to),
                Output::Transmit(connection, bytes) => outside.send_stream(connection, &bytes),
                Output::Close(connection) => outside.close_stream(connection),
                Output::Decided(ticket, decision) => {
                    if let Some(asked) = self.asked.remove(&ticket) {
                        return Some(Word::Decided(asked, Box::new(decision)));
                    }
                }
                Output::Billed(number, billed) => return Some(Word::Billed(number, billed)),
                Output::Event(event) => self.log(event),
            }
        }
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
