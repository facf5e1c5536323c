//! Who decides about log-ins, and who writes the bill: local users at once, RADIUS and TACACS+ servers
//! when they answer. What has to be sent is handed on to whoever has sockets.

mod outage;
mod tacacs;
mod trial;
mod whom;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::bookkeeper::{Bookkeeper, BooksStatus};
use super::control_plane::Outside;
use super::worker_link::WorkerLink;
use crate::aaa::accounting::Accounting;
use crate::aaa::accounting::spool::Order;
use crate::aaa::outage::{Done, Outage};
use crate::aaa::radius::dynamic::Change;
use crate::aaa::radius::{
    Billed, Caller, Client, Event as ServerEvent, Identity, Output, SocketId, Ticket,
};
use crate::aaa::tacacs as servers;
use crate::aaa::{Access, Decision, LocalUsers, PasswordChange, Realms, Servers};
use crate::clock::Timestamp;
use crate::flow::{FlowKey, FlowTotals};
use crate::ppp::link::Credentials;
use crate::session::{CallRef, EndReason, Event, Sessions};

use outage::{Asked, Asker, Decided, Outages};
pub use tacacs::TacacsLogIns;
use tacacs::Word;
use trial::Trials;
use whom::Whom;

/// Calls whose counters are looked at in one turn.
const LOOK_BUDGET: usize = 256;

/// Why nobody was even asked.
const ALL_DEAD: &str = "all of them are held dead";

/// The bill, for those who look at it.
#[derive(Default)]
pub(super) struct Bill<'a> {
    /// What is not written down.
    pub accounting: Option<&'a Accounting>,
    /// What is on disk.
    pub books: Option<BooksStatus>,
    /// The servers that write it down, if any do: `radius` or `tacacs`.
    pub servers: Option<&'static str>,
}

/// Local users, and the client of RADIUS where servers are configured.
pub(super) struct LogIns {
    users: LocalUsers,
    realms: Realms,
    client: Option<Client>,
    tacacs: Option<TacacsLogIns>,
    accounting: Option<Accounting>,
    bookkeeper: Option<Bookkeeper>,
    /// Names in `users.file` are decided about here.
    local_first: bool,
    asked: HashMap<Ticket, Asked>,
    outages: Outages,
    trials: Trials,
    /// What live calls may is asked anew.
    authorized: HashMap<Ticket, (CallRef, FlowKey)>,
    stopped: bool,
}

impl LogIns {
    pub(super) fn new(users: LocalUsers) -> Self {
        Self {
            users,
            realms: Realms::default(),
            client: None,
            tacacs: None,
            accounting: None,
            bookkeeper: None,
            local_first: false,
            asked: HashMap::new(),
            outages: Outages::default(),
            trials: Trials::default(),
            authorized: HashMap::new(),
            stopped: false,
        }
    }

    /// Asks servers, too.
    pub(super) fn ask_servers(&mut self, client: Client, local_first: bool) {
        self.client = Some(client);
        self.local_first = local_first;
    }

    /// Other users from here on.
    pub(super) fn set_users(&mut self, users: LocalUsers) {
        // Clocks stay, whoever the users are.
        self.users = users.with_clock(self.users.unix_at_zero());
    }

    /// Other realms from here on.
    pub(super) fn set_realms(&mut self, realms: Realms) {
        self.realms = realms;
    }

    /// Passwords that clients have replaced, for whoever keeps them.
    pub(super) fn take_password_changes(&mut self) -> Vec<PasswordChange> {
        self.users.take_password_changes()
    }

    /// Asks TACACS+ servers, too.
    pub(super) fn ask_tacacs(&mut self, log_ins: TacacsLogIns) {
        self.tacacs = Some(log_ins);
    }

    /// The client of TACACS+, for those who look at it.
    pub(super) const fn tacacs(&self) -> Option<&servers::Client> {
        match &self.tacacs {
            Some(tacacs) => Some(&tacacs.client),
            None => None,
        }
    }

    /// The client of TACACS+, for those who have its sockets.
    pub(super) fn tacacs_mut(&mut self) -> Option<&mut servers::Client> {
        self.tacacs.as_mut().map(|tacacs| &mut tacacs.client)
    }

    /// Keeps the bill, too, on disk if there is a bookkeeper.
    pub(super) fn keep_accounts(&mut self, accounting: Accounting, bookkeeper: Option<Bookkeeper>) {
        self.accounting = Some(accounting);
        self.bookkeeper = bookkeeper;
    }

    /// The bill, for those who look at it.
    pub(super) fn bill(&self) -> Bill<'_> {
        Bill {
            accounting: self.accounting.as_ref(),
            books: self.bookkeeper.as_ref().map(Bookkeeper::status),
            servers: match (&self.tacacs, &self.client) {
                (Some(tacacs), _) if tacacs.bills => Some("tacacs"),
                (_, Some(client)) if client.bills() => Some("radius"),
                (None | Some(_), None | Some(_)) => None,
            },
        }
    }

    /// The client, for who changes it.
    pub(super) const fn client_mut(&mut self) -> Option<&mut Client> {
        self.client.as_mut()
    }

    /// The client, for those who look at it.
    pub(super) const fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let radius = self.client.as_ref().and_then(Client::poll_timeout);
        let tacacs = self.tacacs().and_then(servers::Client::poll_timeout);
        let accounting = self.accounting.as_ref();
        let accounting = accounting.and_then(Accounting::poll_timeout);
        let outage = self.outage().and_then(Outage::poll_timeout);
        let all = [radius, tacacs, accounting, outage];
        all.into_iter().flatten().min()
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
        let realm = match self.realms.of(credentials.name()) {
            Ok(realm) => realm,
            Err(denial) => return Some(Decision::Deny(Box::new(denial))),
        };
        let access = realm
            .and_then(|realm| realm.access.as_ref())
            .unwrap_or(access);
        let asked = Asked::new(Asker::Call(call, caller.flow), credentials, access);
        let servers = Servers::of(realm, access);
        // Whoever decides: the bill of the call begins with the question.
        let session_id = match &mut self.accounting {
            Some(accounting) => accounting.session_id(caller),
            None => Box::default(),
        };
        let whom = self.whom(credentials, servers);
        let mut decision = match whom {
            Whom::Tacacs | Whom::Radius
                if self.is_out(&whom, servers, now) && self.outages.knows(credentials, access) =>
            {
                self.outages.decide(&asked, Some(ALL_DEAD.into()), now)
            }
            Whom::Tacacs | Whom::Radius => {
                self.ask_servers_about(&whom, asked, (caller, &session_id), credentials, now)
            }
            Whom::LocalUsers => {
                let mut decision = self.users.decide(credentials, access, now);
                let pool = realm.and_then(|realm| realm.pool.as_ref());
                if let (Decision::Accept(grant), Some(pool)) = (&mut decision, pool)
                    && !self.users.has_own_pool(&grant.user)
                {
                    grant.pool.clone_from(pool);
                }
                Some(decision)
            }
        }?;
        self.note_billing(caller.flow, &mut decision);
        Some(decision)
    }

    /// Keeps what servers permit for the time in which none answers.
    pub(super) fn keep_for_outages(&mut self, cache: Outage) {
        self.outages.keep(cache);
    }

    /// What is kept for outages.
    pub(super) const fn outage(&self) -> Option<&Outage> {
        self.outages.cache()
    }

    /// What the operator says of outages has changed.
    pub(super) fn forget_kept(&mut self, users_max: usize) {
        if let Some(cache) = self.outages.cache_mut() {
            cache.forget_all(users_max);
        }
    }

    /// A password was worked on.
    pub(super) fn derived(&mut self, done: Done, now: Timestamp) {
        self.outages.hear(done, now);
    }

    /// Hands a decision on to who waits for it; `true` if that is a call.
    fn tell(
        &mut self,
        (asker, mut decision): Decided,
        sessions: &mut Sessions,
        now: Timestamp,
    ) -> bool {
        match asker {
            Asker::Call(call, flow) => {
                self.note_billing(flow, &mut decision);
                sessions.decide(call, decision, now);
                true
            }
            Asker::Operator => {
                self.trials.decided(decision);
                false
            }
        }
    }

    /// What servers have said, or that they said nothing; `true` if a call has heard it.
    fn settle(
        &mut self,
        asked: &Asked,
        decision: Decision,
        sessions: &mut Sessions,
        now: Timestamp,
    ) -> bool {
        let decision = self.outages.settle(asked, decision, now);
        decision.is_some_and(|decision| self.tell((asked.asker, decision), sessions, now))
    }

    /// Has passwords worked on, and tells what came of it; `true` if a call has heard it.
    fn work_on_passwords(
        &mut self,
        sessions: &mut Sessions,
        outside: &mut impl Outside,
        now: Timestamp,
    ) -> bool {
        while let Some(work) = self.outages.poll_work() {
            let done = outside.derive(work);
            done.into_iter().for_each(|done| self.derived(done, now));
        }
        let mut heard = false;
        while let Some(decided) = self.outages.poll_decided() {
            heard |= self.tell(decided, sessions, now);
        }
        heard
    }

    /// What a decision says for the bill.
    fn note_billing(&mut self, flow: FlowKey, decision: &mut Decision) {
        if let (Some(accounting), Decision::Accept(grant)) = (&mut self.accounting, decision) {
            let billing = std::mem::take(&mut *grant.billing);
            // Who decided is of interest beside the bill, too.
            grant.billing.decided_by = billing.decided_by;
            accounting.granted(flow, billing);
        }
    }

    /// What the bill knows of a call and nobody else does.
    pub(super) fn complete(&self, flow: FlowKey, identity: &mut Identity) {
        let names = self.accounting.as_ref();
        let Some((session_id, user)) = names.and_then(|it| it.names_of(flow)) else {
            return;
        };
        identity.session_id = session_id.into();
        let user = user.and_then(|user| std::str::from_utf8(user).ok());
        identity.users.extend(user.map(Into::into));
    }

    /// The call with this Acct-Session-Id.
    pub(super) fn flow_of_session(&self, session_id: &[u8]) -> Option<FlowKey> {
        self.accounting.as_ref()?.flow_of(session_id)
    }

    /// Asks a server what holds for a live call from here on, with this State (RFC 5176 §3.2); `false`:
    /// no server decides about it.
    pub(super) fn authorize(
        &mut self,
        sessions: &Sessions,
        flow: FlowKey,
        state: &[u8],
        now: Timestamp,
    ) -> bool {
        let Some((call, mut caller, user, access)) = sessions.subject(flow) else {
            return false;
        };
        let Ok(realm) = self.realms.of(user.as_bytes()) else {
            return false;
        };
        let local = self.local_first && self.users.knows(user.as_bytes());
        if local || !self.radius_decides(Servers::of(realm, &access)) {
            return false;
        }
        let Some(client) = &mut self.client else {
            return false;
        };
        caller.state = Some(state.into());
        let names = self.accounting.as_ref().and_then(|it| it.names_of(flow));
        let session_id = names.map_or("", |(session_id, _)| session_id);
        let ticket = client.authorize(&caller, session_id, user, &access, realm, now);
        self.authorized.insert(ticket, (call, flow));
        true
    }

    /// A server has decided what holds for a live call from here on.
    fn reauthorized(
        &mut self,
        (call, flow): (CallRef, FlowKey),
        decision: Decision,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        if let (Some(accounting), Decision::Accept(grant)) = (&mut self.accounting, &decision) {
            accounting.change(flow, &grant.billing.class, grant.billing.interim, now);
        }
        let call_id = flow.call_id.get();
        let accepted = matches!(decision, Decision::Accept(_));
        match sessions.reauthorized(call, decision, now) {
            true if accepted => tracing::info!(target: "pns::audit", call_id, "authorized anew"),
            true => tracing::info!(target: "pns::audit", call_id, "not authorized any more"),
            false => tracing::warn!(
                target: "pns::audit",
                call_id,
                "nobody said what it may from here on: nothing is changed"
            ),
        }
    }

    /// What a CoA-Request changes of the bill.
    pub(super) fn change_bill(&mut self, flow: FlowKey, change: &Change, now: Timestamp) {
        if let Some(accounting) = &mut self.accounting {
            accounting.change(flow, &change.class, change.interim, now);
        }
    }

    /// What the bill needs to know.
    pub(super) fn hear(&mut self, event: &Event, now: Timestamp) {
        let Some(accounting) = &mut self.accounting else {
            return;
        };
        match event {
            Event::NetworkUp {
                flow, user, lease, ..
            } => accounting.network_up(*flow, user, *lease, now),
            Event::CallEnded {
                flow,
                reason,
                totals,
                ..
            } => accounting.ended(*flow, reason.terminate_cause(), totals, now),
            Event::ConnectionEstablished { .. }
            | Event::ConnectionClosed { .. }
            | Event::CallRefused { .. }
            | Event::CallOpened { .. }
            | Event::CallNotPlaced { .. }
            | Event::Rejected { .. }
            | Event::DecryptionFailing { .. }
            | Event::SourceMoved { .. }
            | Event::CommandRefused { .. } => {}
        }
    }

    /// A datagram of a server came.
    pub(super) fn receive(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        bytes: &[u8],
        now: Timestamp,
    ) {
        if let Some(client) = &mut self.client {
            client.receive(socket, from, bytes, now);
        }
    }

    /// Nobody listens at the other end of a socket.
    pub(super) fn unreachable(&mut self, socket: SocketId, now: Timestamp) {
        if let Some(client) = &mut self.client {
            client.unreachable(socket, now);
        }
    }

    /// Does what is due, and looks at calls whose time has come.
    pub(super) fn turn(&mut self, sessions: &Sessions, workers: &[WorkerLink], now: Timestamp) {
        if let Some(client) = &mut self.client {
            client.handle_timeout(now);
        }
        if let Some(tacacs) = &mut self.tacacs {
            tacacs.client.handle_timeout(now);
        }
        if let Some(cache) = self.outages.cache_mut() {
            cache.handle_timeout(now);
        }
        let Some(accounting) = &mut self.accounting else {
            return;
        };
        for _ in 0..LOOK_BUDGET {
            let Some(flow) = accounting.next_due(now) else {
                break;
            };
            accounting.look(flow, &totals(sessions, workers, flow), now);
        }
    }

    /// Hands on what the bill and the client ask for; `true` if the sessions may have more to say
    /// after it.
    pub(super) fn carry_out(
        &mut self,
        sessions: &mut Sessions,
        outside: &mut impl Outside,
        now: Timestamp,
    ) -> bool {
        let mut decided = false;
        loop {
            self.send_bill(now);
            self.keep_books(now);
            decided |= self.work_on_passwords(sessions, outside, now);
            if let Some(word) = self.tacacs.as_mut().and_then(|it| it.next(outside)) {
                match word {
                    Word::Decided(asked, decision) => {
                        decided |= self.settle(&asked, *decision, sessions, now);
                    }
                    Word::Billed(number, billed) => self.billed(number, billed, now),
                }
                continue;
            }
            let Some(output) = self.client.as_mut().and_then(Client::poll_output) else {
                return decided;
            };
            match output {
                Output::Open { socket, to } => outside.open_datagrams(socket, to),
                Output::Close(socket) => outside.close_datagrams(socket),
                Output::Transmit { socket, bytes } => outside.send_datagram(socket, &bytes),
                Output::Decided(ticket, decision) => {
                    if let Some(asked) = self.asked.remove(&ticket) {
                        decided |= self.settle(&asked, decision, sessions, now);
                    } else if let Some(subject) = self.authorized.remove(&ticket) {
                        self.reauthorized(subject, decision, sessions, now);
                        decided = true;
                    }
                }
                Output::Unwanted(number) => {
                    let accounting = self.accounting.as_ref();
                    if let Some(flow) = accounting.and_then(|it| it.flow_of_record(number)) {
                        let call_id = flow.call_id.get();
                        tracing::info!(target: "pns::audit", call_id, "ended by who writes its bill");
                        sessions.end(flow, EndReason::DisconnectRequested, now);
                        decided = true;
                    }
                }
                Output::Billed(number, billed) => self.billed(number, billed, now),
                Output::Event(event) => self.log(event),
            }
        }
    }

    /// Gives records to who writes them down.
    fn send_bill(&mut self, now: Timestamp) {
        let Some(accounting) = &mut self.accounting else {
            return;
        };
        let mut tacacs = self.tacacs.as_mut().filter(|tacacs| tacacs.bills);
        let mut client = self.client.as_mut().filter(|client| client.bills());
        while let Some((number, record)) = accounting.poll_record(now) {
            match (&mut tacacs, &mut client, &self.bookkeeper) {
                (Some(tacacs), _, _) => tacacs.client.bill(number, &record, now),
                (None, Some(client), _) => {
                    client.bill(number, &record, accounting.age(&record, now), now);
                }
                (None, None, Some(bookkeeper)) => {
                    let order = Order::WriteLine { number, record };
                    if bookkeeper.order(order).is_err() {
                        accounting.unanswered(number, "its disk".into(), now);
                    }
                }
                (None, None, None) => accounting.unwritable(number),
            }
        }
    }

    /// Hears what the bookkeeper has to say, and gives it its orders.
    fn keep_books(&mut self, now: Timestamp) {
        let (Some(accounting), Some(bookkeeper)) = (&mut self.accounting, &self.bookkeeper) else {
            return;
        };
        while let Some(answer) = bookkeeper.poll_answer() {
            accounting.hear(answer, now);
        }
        while let Some(order) = accounting.poll_order() {
            if let Err(order) = bookkeeper.order(order) {
                return accounting.put_back(order);
            }
        }
    }

    fn billed(&mut self, number: u64, billed: Billed, now: Timestamp) {
        let Some(accounting) = &mut self.accounting else {
            return;
        };
        match billed {
            Billed::Written => accounting.written(number),
            Billed::Unanswered(why) => accounting.unanswered(number, why, now),
            Billed::TooLong => accounting.unwritable(number),
        }
    }

    fn log(&self, event: ServerEvent) {
        let Some(client) = &self.client else { return };
        match event {
            ServerEvent::Dead(server) => {
                let server = client.name_of(server);
                tracing::warn!(server, "it does not answer; others are asked");
            }
            ServerEvent::Alive(server) => {
                let server = client.name_of(server);
                tracing::info!(server, "it answers again");
            }
            ServerEvent::Unsigned(server) => {
                let server = client.name_of(server);
                tracing::warn!(
                    server,
                    "its answers have no Message-Authenticator, so who stands between can forge them \
                     (CVE-2024-3596): update it (FreeRADIUS 3.2.5 or later signs), then set \
                     radius.server.require_message_authenticator = \"always\""
                );
            }
        }
    }

    /// Tells those who write bills that the server ends, once.
    pub(super) fn stop(&mut self, now: Timestamp) {
        if let Some(accounting) = &mut self.accounting
            && !std::mem::replace(&mut self.stopped, true)
        {
            accounting.stop(now);
        }
    }

    /// Whether every record is written down, or on disk while nobody answers.
    pub(super) fn is_quiet(&self) -> bool {
        let Some(accounting) = &self.accounting else {
            return true;
        };
        let status = self.bookkeeper.as_ref().map(Bookkeeper::status);
        let spool = status.and_then(|status| status.spool);
        let on_disk = spool.is_some_and(|spool| spool.trouble.is_none());
        let rests = on_disk && accounting.rests();
        !accounting.has_orders() && (accounting.is_settled() || rests)
    }
}

/// What a call has carried by now.
fn totals(sessions: &Sessions, workers: &[WorkerLink], flow: FlowKey) -> FlowTotals {
    let found = sessions.counters_of(flow);
    let found = found.and_then(|(at, slot)| Some((workers.get(usize::from(at))?, slot)));
    found.map_or_else(FlowTotals::default, |(worker, slot)| {
        worker.totals(Some(slot))
    })
}
