//! The answering side of the admin socket: a few clients at a time, each with one bounded line in and
//! one answer out. Who may ask is the kernel's word (peer credentials), not the client's.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry};

use super::token;
use crate::operate::admin::{self, Received, Response, View};

/// Clients at once; more wait in the kernel's backlog.
const CLIENTS_MAX: usize = 16;
/// Requests answered to one client in one turn.
const REQUEST_BUDGET: usize = 4;

struct Client {
    stream: UnixStream,
    received: Vec<u8>,
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
        self.clients
            .iter()
            .flatten()
            .any(|client| client.readable && client.to_write.is_empty())
    }

    /// Accepts, answers and writes.
    pub(super) fn turn(&mut self, registry: &Registry, view: &mut dyn View) {
        self.accept(registry);
        for place in &mut self.clients {
            let Some(client) = place else { continue };
            client.read();
            client.answer(view);
            if client.write().is_err() || (client.closing && client.to_write.is_empty()) {
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

    fn answer(&mut self, view: &mut dyn View) {
        for _ in 0..REQUEST_BUDGET {
            // One answer at a time: a client that does not read cannot make us hold more.
            if !self.to_write.is_empty() {
                return;
            }
            match admin::receive(&self.received) {
                Received::Incomplete => return,
                Received::Line { length, request } => {
                    self.received.drain(..length);
                    let response = match request {
                        Ok(request) => admin::handle(&request, view),
                        Err(error) => Response::Error(error),
                    };
                    self.to_write.extend(response.to_line());
                }
                Received::TooLong(error) => {
                    self.received.clear();
                    self.closing = true;
                    self.to_write.extend(Response::Error(error).to_line());
                }
            }
            if self.write().is_err() {
                return;
            }
        }
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
