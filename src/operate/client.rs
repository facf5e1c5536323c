//! The asking side of the admin socket: blocking, with a limit on time and size. The only IO of
//! this room.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::admin::{Request, Response, request_line};

/// Longest wait for the server to take or to give something.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer, in bytes: a million sessions and room to spare.
const RESPONSE_LENGTH_MAX: u64 = 1 << 30;

/// Why a question got no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens at the path.
    NoServer {
        /// The path.
        socket: PathBuf,
    },
    /// The socket is not for this user.
    NotAllowed {
        /// The path.
        socket: PathBuf,
    },
    /// The server is there and did not answer in time.
    TimedOut,
    /// The answer is not one that this version understands.
    NotUnderstood(String),
    /// Anything else that the system says.
    Io(io::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer { socket } => write!(
                formatter,
                "no server at {}: is `pns run` running? If its admin.socket is elsewhere, give \
                 --socket PATH",
                socket.display()
            ),
            Self::NotAllowed { socket } => write!(
                formatter,
                "no permission for {}: run as root, as the server's user, or as a member of \
                 admin.group",
                socket.display()
            ),
            Self::TimedOut => write!(
                formatter,
                "the server did not answer within {} s: look at its log",
                TIMEOUT.as_secs()
            ),
            Self::NotUnderstood(problem) => write!(
                formatter,
                "the answer makes no sense here ({problem}): are `pns` and the server the same \
                 version?"
            ),
            Self::Io(error) => write!(formatter, "talking to the server failed: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// Asks the server at `socket` one question.
///
/// # Errors
/// [`ClientError`]; what the server itself refuses is a [`Response::Error`].
pub fn ask(socket: &Path, request: &Request) -> Result<Response, ClientError> {
    ask_within(socket, request, TIMEOUT)
}

fn ask_within(
    socket: &Path,
    request: &Request,
    timeout: Duration,
) -> Result<Response, ClientError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| not_connected(socket, error))?;
    let mut answer = Vec::new();
    let exchange = stream
        .set_read_timeout(Some(timeout))
        .and_then(|()| stream.set_write_timeout(Some(timeout)))
        .and_then(|()| stream.write_all(&request_line(request)))
        .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
        .and_then(|()| stream.take(RESPONSE_LENGTH_MAX).read_to_end(&mut answer));
    match exchange {
        Ok(_) => {}
        Err(error) if is_timeout(&error) => return Err(ClientError::TimedOut),
        Err(error) => return Err(ClientError::Io(error)),
    }
    serde_json::from_slice(&answer).map_err(|error| ClientError::NotUnderstood(error.to_string()))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn not_connected(socket: &Path, error: io::Error) -> ClientError {
    let socket = socket.to_owned();
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    ) {
        ClientError::NoServer { socket }
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        ClientError::NotAllowed { socket }
    } else {
        ClientError::Io(error)
    }
}

#[cfg(test)]
mod tests;
