//! Shared secrets that are replaced while questions are out.

use super::{Exchange, Ticket, Timestamp};
use crate::auth::Secret;

impl Exchange {
    /// The server of this name shares another secret with us from now on. What it was asked and has
    /// not answered, it could not read: it is asked anew, on other connections.
    pub fn set_secret(&mut self, name: &str, secret: &Secret, now: Timestamp) {
        for index in 0..self.servers.len() {
            let config = self.servers.get_mut(index).map(|it| &mut it.config);
            if config.is_some_and(|it| &*it.name == name && it.secret.replace(secret)) {
                self.ask_anew(index, now);
            }
        }
    }

    fn ask_anew(&mut self, index: usize, now: Timestamp) {
        for pending in self.pending.values_mut() {
            pending.faults.retain(|(tried, _)| *tried != index);
        }
        let mut asked: Vec<Ticket> = Vec::new();
        for id in self.connections_of(index) {
            let connection = self.close(id).into_iter();
            asked.extend(connection.flat_map(|it| it.sessions.into_values().chain(it.queue)));
        }
        asked.sort_unstable();
        for ticket in asked {
            if let Some(pending) = self.pending.get(&ticket) {
                self.due.remove(&(pending.due, ticket));
                self.put(ticket, now);
            }
        }
        self.pump(index);
    }
}
