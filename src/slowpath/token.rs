//! Which source of events has which number in the poll.

use mio::Token;

use crate::aaa::radius::SocketId;
use crate::aaa::tacacs::ConnectionId;

const LISTENERS: usize = 1 << 8;
const TAPS: usize = 1 << 16;
const ADMIN_CLIENTS: usize = 1 << 17;
const RADIUS: usize = 1 << 18;
/// Sockets of one RADIUS server.
const SOCKETS_PER_SERVER: usize = 1 << 8;
const TACACS: usize = 1 << 19;
const CONNECTIONS: usize = 1 << 20;

/// A worker, a job or a signal woke the loop.
pub(super) const WAKER: Token = Token(0);
/// The netlink monitor.
pub(super) const NETLINK: Token = Token(1);
/// The TUN of the calls.
pub(super) const TUN: Token = Token(2);
/// The listening admin socket.
pub(super) const ADMIN: Token = Token(3);

/// The socket for requests about live calls.
pub(super) const REQUESTS: Token = Token(4);

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Waker,
    Netlink,
    Tun,
    Admin,
    Requests,
    Listener(usize),
    Tap(usize),
    AdminClient(usize),
    Radius(usize),
    Tacacs(usize),
    Connection(usize),
}

pub(super) const fn listener(index: usize) -> Token {
    Token(LISTENERS + index)
}

pub(super) const fn tap(port: usize) -> Token {
    Token(TAPS + port)
}

pub(super) const fn admin_client(index: usize) -> Token {
    Token(ADMIN_CLIENTS + index)
}

pub(super) const fn radius(socket: SocketId) -> Token {
    Token(RADIUS + socket.server * SOCKETS_PER_SERVER + socket.index as usize)
}

/// The socket of a [`Source::Radius`].
pub(super) fn radius_socket(index: usize) -> SocketId {
    SocketId {
        server: index / SOCKETS_PER_SERVER,
        index: u8::try_from(index % SOCKETS_PER_SERVER).unwrap_or(u8::MAX),
    }
}

pub(super) const fn tacacs(connection: ConnectionId) -> Token {
    Token(TACACS + connection.0)
}

pub(super) const fn connection(index: usize) -> Token {
    Token(CONNECTIONS + index)
}

/// The reverse of all of the above.
pub(super) const fn source(token: Token) -> Source {
    match token {
        WAKER => Source::Waker,
        NETLINK => Source::Netlink,
        TUN => Source::Tun,
        ADMIN => Source::Admin,
        REQUESTS => Source::Requests,
        Token(number) if number >= CONNECTIONS => Source::Connection(number - CONNECTIONS),
        Token(number) if number >= TACACS => Source::Tacacs(number - TACACS),
        Token(number) if number >= RADIUS => Source::Radius(number - RADIUS),
        Token(number) if number >= ADMIN_CLIENTS => Source::AdminClient(number - ADMIN_CLIENTS),
        Token(number) if number >= TAPS => Source::Tap(number - TAPS),
        Token(number) => Source::Listener(number.saturating_sub(LISTENERS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_comes_back_as_what_it_is() {
        assert_eq!(source(WAKER), Source::Waker);
        assert_eq!(source(NETLINK), Source::Netlink);
        assert_eq!(source(TUN), Source::Tun);
        assert_eq!(source(ADMIN), Source::Admin);
        assert_eq!(source(REQUESTS), Source::Requests);
        assert_eq!(source(listener(3)), Source::Listener(3));
        assert_eq!(source(tap(3)), Source::Tap(3));
        assert_eq!(source(admin_client(3)), Source::AdminClient(3));
        let socket = SocketId {
            server: 63,
            index: 15,
        };
        let Source::Radius(index) = source(radius(socket)) else {
            panic!()
        };
        assert_eq!(radius_socket(index), socket);
        assert_eq!(source(tacacs(ConnectionId(3))), Source::Tacacs(3));
        assert_eq!(source(connection(3)), Source::Connection(3));
    }
}
