//! What they did (RFC 8907 §7).

use zeroize::Zeroizing;

use super::Malformed;
use super::authorization::Proved;
use super::fields::{Pair, number_of, value_at};

/// Which record of a task it is (§7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// The first.
    Start,
    /// The last.
    Stop,
    /// One between, without news of what was granted.
    Watchdog,
    /// One between, with news.
    Update,
}

const RECORDS: &[(u8, Record)] = &[
    (0x02, Record::Start),
    (0x04, Record::Stop),
    (0x08, Record::Watchdog),
    (0x0a, Record::Update),
];

/// What a client reports (§7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Which record it is.
    pub record: Record,
    /// Whose.
    pub proved: Proved<'a>,
    /// What happened (§8.3).
    pub arguments: Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let flags = number_of(self.record, RECORDS);
        self.proved.encode(&[flags], &self.arguments)
    }

    /// # Errors
    /// [`Malformed::Body`] and [`Malformed::Value`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let record = value_at(body, 0, RECORDS)?;
        let (proved, arguments) = Proved::parse(body, 1)?;
        Ok(Self {
            record,
            proved,
            arguments,
        })
    }
}

/// What a server says of a record (§7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is written down.
    Success,
    /// It is not.
    Error,
    /// Another server should be told.
    Follow,
}

const STATUSES: &[(u8, Status)] = &[
    (0x01, Status::Success),
    (0x02, Status::Error),
    (0x21, Status::Follow),
];

/// What a server answers (§7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// What it says.
    pub status: Status,
    /// For the user.
    pub message: &'a [u8],
    /// For an operator.
    pub data: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (message, data) = (self.message, self.data);
        Pair { message, data }.encode(&[], &[number_of(self.status, STATUSES)])
    }

    /// # Errors
    /// [`Malformed::Body`] and [`Malformed::Value`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let status = value_at(body, 4, STATUSES)?;
        let Pair { message, data } = Pair::parse(body, 0, 1)?;
        Ok(Self {
            status,
            message,
            data,
        })
    }
}
