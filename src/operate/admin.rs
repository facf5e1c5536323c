//! The admin protocol: one line of JSON asks (`{"show":"sessions"}`, or to be done
//! `{"do":"call","peer":"branch"}`), one line of JSON answers (`{"sessions":[…]}`, `{"done":"…"}` or
//! `{"error":{…}}`). Several questions may follow each other on one
//! connection. Pure: bytes and a [`View`] in, a value out.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::explain::{AccountRow, FailureRow, LAST_DEFAULT, Subject};
use super::rows::{
    AccountingStatus, DropRow, PeerRow, PoolRow, PortRow, RadiusStatus, SessionDetail, SessionRow,
    Status, TacacsRow, WorkerRow,
};

/// Longest request, newline included, in bytes.
pub const REQUEST_LENGTH_MAX: usize = 4096;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "show", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The server as a whole.
    Status {},
    /// Every session, in a line each.
    Sessions {},
    /// Sessions with everything that is known of them.
    Session {
        /// A Call ID of ours, or a user's name.
        which: Selector,
    },
    /// The workers.
    Workers {},
    /// The ports.
    Ports {},
    /// Dropped frames by worker and reason.
    Drops {},
    /// The pools.
    Pools {},
    /// The peers that can be called.
    Peers {},
    /// The RADIUS servers.
    Radius {},
    /// The bill.
    Accounting {},
    /// The TACACS+ servers.
    Tacacs {},
    /// How many attempts and calls ended, by stage and finding.
    Failures {},
    /// Why attempts and calls ended, or how they stand.
    Explain {
        /// Whose.
        which: Subject,
        /// How many accounts at the most, live ones first, then the latest.
        #[serde(default = "last_default")]
        last: usize,
    },
    /// Not to be shown but done.
    #[serde(skip)]
    Do(Action),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Place a call to a peer.
    Call {
        /// The peer's name in the configuration.
        peer: String,
    },
    /// End every call to a peer.
    HangUp {
        /// The peer's name in the configuration.
        peer: String,
    },
    /// Read the configuration anew.
    Reload {},
    /// Forget that log-ins under a name failed.
    Unlock {
        /// The name.
        user: String,
    },
    /// Look whether a log-in would be let in.
    TestUser {
        /// The name.
        user: String,
        /// The password.
        password: Hidden,
        /// Whether the answer is JSON, which says itself whether it would.
        #[serde(default)]
        json: bool,
    },
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a copy.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

const fn last_default() -> usize {
    LAST_DEFAULT
}

/// Which session: several users share a name, and each local address has Call IDs of its own, so
/// the answer may be more than one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// Our Call ID.
    CallId(u16),
    /// The name that the user logged in with.
    User(String),
}

impl Selector {
    /// Reads what an operator types: a number is a Call ID, anything else a user; `user:1234` is a
    /// user whose name is a number.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match (word.strip_prefix("user:"), word.parse()) {
            (Some(user), _) => Self::User(user.to_owned()),
            (None, Ok(call_id)) => Self::CallId(call_id),
            (None, Err(_)) => Self::User(word.to_owned()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallId(call_id) => write!(formatter, "Call ID {call_id}"),
            Self::User(user) => write!(formatter, "user {user:?}"),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// To [`Request::Status`].
    Status(Status),
    /// To [`Request::Sessions`].
    Sessions(Vec<SessionRow>),
    /// To [`Request::Session`]; never empty.
    Session(Vec<SessionDetail>),
    /// To [`Request::Workers`].
    Workers(Vec<WorkerRow>),
    /// To [`Request::Ports`].
    Ports(Vec<PortRow>),
    /// To [`Request::Drops`].
    Drops(Vec<DropRow>),
    /// To [`Request::Pools`].
    Pools(Vec<PoolRow>),
    /// To [`Request::Peers`].
    Peers(Vec<PeerRow>),
    /// To [`Request::Radius`].
    Radius(RadiusStatus),
    /// To [`Request::Accounting`].
    Accounting(AccountingStatus),
    /// To [`Request::Tacacs`].
    Tacacs(Vec<TacacsRow>),
    /// To [`Request::Do`]: what was done, for people.
    Done(String),
    /// To [`Request::Failures`].
    Failures(Vec<FailureRow>),
    /// To [`Request::Explain`]; never empty.
    Explain(Vec<AccountRow>),
    /// There is no answer.
    Error(AdminError),
}

impl Response {
    /// The line that goes over the socket, newline included.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        // Rows are plain strings and numbers; a float that JSON cannot say is written as null.
        let mut line = serde_json::to_vec(self).unwrap_or_else(|_| {
            br#"{"error":{"code":"internal","message":"the answer cannot be written as JSON"}}"#
                .to_vec()
        });
        line.push(b'\n');
        line
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong and what would be right.
    pub message: String,
}

/// Why there is no answer, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is longer than [`REQUEST_LENGTH_MAX`]; the connection must be closed.
    RequestTooLong,
    /// The line is not a request.
    RequestMalformed,
    /// No session is the one that was asked for.
    SessionUnknown,
    /// No peer has the name that was given.
    PeerUnknown,
    /// The server did not do it; the message says why.
    Refused,
    /// Nothing is known of what was asked for.
    AttemptUnknown,
    /// The server failed.
    Internal,
}

/// What there is to see and to do: the event loop's side.
pub trait View {
    /// The server as a whole.
    fn status(&self) -> Status;
    /// How many places sessions may be in. Those of today are below it; a session keeps its place.
    fn places(&self) -> usize;
    /// The sessions in these places.
    fn sessions(&self, places: Range<usize>) -> Vec<SessionRow>;
    /// The sessions in these places that `which` means; for a Call ID, wherever they are.
    fn session(&self, which: &Selector, places: Range<usize>) -> Vec<SessionDetail>;
    /// Every worker.
    fn workers(&self) -> Vec<WorkerRow>;
    /// Every port.
    fn ports(&self) -> Vec<PortRow>;
    /// Every worker's drops, and what sessions that ended have refused; reasons that never happened
    /// may be left out.
    fn drops(&self) -> Vec<DropRow>;
    /// What the sessions in these places have refused so far.
    fn drops_of_sessions(&self, places: Range<usize>) -> Vec<DropRow>;
    /// Every pool.
    fn pools(&self) -> Vec<PoolRow>;
    /// Every peer that can be called.
    fn peers(&self) -> Vec<PeerRow>;
    /// Every RADIUS server.
    fn radius(&self) -> RadiusStatus;
    /// The bill.
    fn accounting(&self) -> AccountingStatus;
    /// Every TACACS+ server.
    fn tacacs(&self) -> Vec<TacacsRow>;
    /// Does `action`; says what was done, or why not. `None`: it is under way, ask again.
    fn act(&mut self, action: &Action) -> Option<Result<String, AdminError>>;
    /// Every stage and finding that happened.
    fn failures(&self) -> Vec<FailureRow>;
    /// How those of `which` stand that live in these places, `max` at the most.
    fn explain_live(&self, which: &Subject, places: Range<usize>, max: usize) -> Vec<AccountRow>;
    /// Why the latest of `which` ended, `max` at the most.
    fn explain_ended(&self, which: &Subject, max: usize) -> Vec<AccountRow>;
}

/// What stands at the front of what a client has sent so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// No whole line yet.
    Incomplete,
    /// A line, of so many bytes with its newline: a request, or the reason why it is none.
    Line {
        /// Bytes to take from the front of the buffer.
        length: usize,
        /// The request.
        request: Result<Request, AdminError>,
    },
    /// More than a request can have, and no end of line: answer, and close the connection.
    TooLong(AdminError),
}

/// Reads the first request in `buffer`.
#[must_use]
pub fn receive(buffer: &[u8]) -> Received {
    let window = buffer.get(..REQUEST_LENGTH_MAX).unwrap_or(buffer);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        if window.len() < REQUEST_LENGTH_MAX {
            return Received::Incomplete;
        }
        let message = format!("a request has at most {REQUEST_LENGTH_MAX} bytes");
        return Received::TooLong(AdminError {
            code: ErrorCode::RequestTooLong,
            message,
        });
    };
    let line = window.get(..end).unwrap_or_default();
    let request = read_request(line).map_err(|error| AdminError {
        code: ErrorCode::RequestMalformed,
        message: format!("{error}; ask like {{\"show\":\"sessions\"}}"),
    });
    Received::Line {
        length: end + 1,
        request,
    }
}

/// What is to be done says `do`, what is to be shown says `show`.
fn read_request(line: &[u8]) -> Result<Request, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_slice(line)?;
    if value.get("do").is_some() {
        serde_json::from_value(value).map(Request::Do)
    } else {
        serde_json::from_slice(line)
    }
}

/// The line that asks `request`, newline included.
#[must_use]
pub fn request_line(request: &Request) -> Vec<u8> {
    let line = if let Request::Do(action) = request {
        serde_json::to_vec(action)
    } else {
        serde_json::to_vec(request)
    };
    let mut line = line.unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
pub(super) mod tests;
