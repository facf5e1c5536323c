//! The answering side of the admin socket: a few clients at a time, each with one bounded line in and
//! one answer out. Who may ask is the kernel's word (peer credentials), not the client's.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry};

use super::token;
use crate::operate::admin::{self, AdminError, Received, Response, View};
use crate::operate::answer::Answer;

/// Clients at once; more wait in the kernel's backlog.
const CLIENTS_MAX: usize = 16;
/// Bytes that wait for a client to read them before it gets the next slice of its answer.
const UNREAD_BYTES_MAX: usize = 64 * 1024;

struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    /// What it has asked and is not answered to the end.
    answer: Option<Answer>,
    to_write: VecDeque<u8>,
    readable: bool,
    closing: bool,
}

/// The admin socket and its clients.
pub(super) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    allowed_group: Option<u32>,
    acceptable: bool,
    clients: Vec<Option<Client>>,
    /// Who got the last slice.
    served: usize,
}

impl AdminSocket {
    /// Listens at `path`. `root` and the user that runs PNS may ask; so may members of
    /// `allowed_group` as their primary group.
    pub(super) fn open(
        path: &Path,
        allowed_group: Option<u32>,
        registry: &Registry,
    ) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        remove_stale(path)?;
        let mut listener = UnixListener::bind(path)?;
        if allowed_group.is_some() {
            std::os::unix::fs::chown(path, None, allowed_group)?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        registry.register(&mut listener, token::ADMIN, Interest::READABLE)?;
        let clients = (0..CLIENTS_MAX).map(|_| None).collect();
        let path = path.to_owned();
        Ok(Self {
            listener,
            path,
            allowed_group,
            acceptable: true,
            clients,
            served: 0,
        })
    }

    pub(super) fn listener_ready(&mut self) {
        self.acceptable = true;
    }

    pub(super) fn client_ready(&mut self, index: usize) {
        if let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) {
            client.readable = true;
        }
    }

    /// Whether a client may have more for us.
    pub(super) fn has_work(&self) -> bool {
        self.clients.iter().flatten().any(Client::has_work)
    }

    /// Accepts, answers and writes. In one turn one client gets one slice of its answer: they take
    /// turns, and however many ask, the loop has the rest of its time for calls.
    pub(super) fn turn(&mut self, registry: &Registry, view: &mut dyn View) {
        self.accept(registry);
        let after = self.served + 1;
        let mut is_served = false;
        for index in (0..CLIENTS_MAX).map(|step| (after + step) % CLIENTS_MAX) {
            let Some(place) = self.clients.get_mut(index) else {
                continue;
            };
            let Some(client) = place else { continue };
            client.read();
            client.take_request();
            if !is_served && client.may_advance() {
                is_served = true;
                self.served = index;
                client.advance(view);
            }
            if client.write().is_err() || client.is_done() {
                let _unregistered = registry.deregister(&mut client.stream);
                *place = None;
                // Somebody may be waiting for the place.
                self.acceptable = true;
            }
        }
    }

    fn accept(&mut self, registry: &Registry) {
        while self.acceptable {
            let Some(index) = self.clients.iter().position(Option::is_none) else {
                return;
            };
            let Ok((mut stream, _)) = self.listener.accept() else {
                self.acceptable = false;
                return;
            };
            if !self.may_ask(&stream) {
                tracing::warn!("an admin client was refused: it is neither root, nor this user");
                continue;
            }
            let interest = Interest::READABLE | Interest::WRITABLE;
            if registry
                .register(&mut stream, token::admin_client(index), interest)
                .is_err()
            {
                continue;
            }
            if let Some(place) = self.clients.get_mut(index) {
                *place = Some(Client {
                    stream,
                    received: Vec::new(),
                    answer: None,
                    to_write: VecDeque::new(),
                    readable: true,
                    closing: false,
                });
            }
        }
    }

    fn may_ask(&self, stream: &UnixStream) -> bool {
        let Ok(peer) = rustix::net::sockopt::socket_peercred(stream) else {
            return false;
        };
        peer.uid.is_root()
            || peer.uid == rustix::process::geteuid()
            || self.allowed_group == Some(peer.gid.as_raw())
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let _removed = std::fs::remove_file(&self.path);
    }
}

/// Removes what a process that died left behind, but not the socket of one that lives.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another server answers there: stop it, or give this one another admin.socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

impl Client {
    fn read(&mut self) {
        let mut buffer = [0; admin::REQUEST_LENGTH_MAX];
        while self.readable && self.received.len() < admin::REQUEST_LENGTH_MAX {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.readable = false;
                    self.closing = true;
                }
                Ok(length) => {
                    self.received
                        .extend_from_slice(buffer.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.readable = false;
                    self.closing |= error.kind() != io::ErrorKind::WouldBlock;
                }
            }
        }
    }

    /// Takes the next question, when the last one is answered.
    fn take_request(&mut self) {
        if self.answer.is_some() {
            return;
        }
        match admin::receive(&self.received) {
            Received::Incomplete => {}
            Received::Line { length, request } => {
                self.received.drain(..length);
                match request {
                    Ok(request) => self.answer = Some(Answer::new(request)),
                    Err(error) => self.refuse(error),
                }
            }
            Received::TooLong(error) => {
                self.received.clear();
                self.closing = true;
                self.refuse(error);
            }
        }
    }

    fn refuse(&mut self, error: AdminError) {
        self.to_write.extend(Response::Error(error).to_line());
    }

    /// Whether a slice of an answer may be made: a client that does not read gets no more.
    fn may_advance(&self) -> bool {
        self.answer.is_some() && self.to_write.len() < UNREAD_BYTES_MAX
    }

    fn advance(&mut self, view: &mut dyn View) {
        let Some(answer) = &mut self.answer else {
            return;
        };
        let (bytes, is_last) = answer.advance(view);
        self.to_write.extend(bytes);
        if is_last {
            self.answer = None;
            self.take_request();
        }
    }

    fn has_work(&self) -> bool {
        let waits = self.answer.as_ref().is_some_and(Answer::waits);
        (self.may_advance() && !waits)
            || (self.readable && self.received.len() < admin::REQUEST_LENGTH_MAX)
    }

    fn is_done(&self) -> bool {
        self.closing && self.answer.is_none() && self.to_write.is_empty()
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.to_write.is_empty() {
            let (front, _) = self.to_write.as_slices();
            match self.stream.write(front) {
                Ok(written) => {
                    self.to_write.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
