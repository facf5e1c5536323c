//! Shared secrets that are replaced while questions are out.

use super::attempts::Ticket;
use super::{Exchange, Timestamp};
use crate::auth::Secret;

impl Exchange {
    /// The server of this name shares another secret with us from now on. What it was asked and has
    /// not answered, it could not read: it is asked anew.
    pub fn set_secret(&mut self, name: &str, secret: &Secret, now: Timestamp) {
        for index in 0..self.servers.len() {
            let config = self.servers.get_mut(index).map(|it| &mut it.config);
            if config.is_some_and(|it| &*it.name == name && it.secret.replace(secret)) {
                self.ask_anew(index, now);
            }
        }
    }

    fn ask_anew(&mut self, index: usize, now: Timestamp) {
        let pending = self.pending.iter();
        let asked = pending.filter(|(_, pending)| pending.is_at(index));
        let asked: Vec<Ticket> = asked.map(|(ticket, _)| *ticket).collect();
        for ticket in asked {
            let (Some(pending), Some(server)) =
                (self.pending.get_mut(&ticket), self.servers.get_mut(index))
            else {
                continue;
            };
            for attempt in pending.attempts.extract_if(.., |it| it.server == index) {
                server.slots.release(attempt.place, false, now);
            }
            pending.tried.retain(|tried| *tried != index);
            self.put(ticket, now);
        }
    }
}
