//! What they may (RFC 8907 §6), and the arguments that say so.

use zeroize::Zeroizing;

use super::Malformed;
use super::authentication::{Asker, METHODS, Method, PRIVILEGE_USER, Service};
use super::fields::{Body, Fields, number_of, value_at};
use crate::wire::field::{u8_at, u16_at};

/// Who proved the name (§6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prover(pub u8);

impl Prover {
    /// Our own users.
    pub const LOCAL: Self = Self(0x05);
    /// A server of TACACS+.
    pub const TACACS: Self = Self(0x06);
    /// A server of RADIUS.
    pub const RADIUS: Self = Self(0x10);
}

/// Who asks and how that was proved: the front of requests that come after a log-in (§6.1, §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proved<'a> {
    /// Who proved the name.
    pub prover: Prover,
    /// How.
    pub method: Method,
    /// What asks.
    pub service: Service,
    /// Who asks.
    pub asker: Asker<'a>,
}

impl<'a> Proved<'a> {
    /// The body of a request: `front`, this, and the arguments.
    pub(super) fn encode(&self, front: &[u8], arguments: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
        let Asker {
            user,
            port,
            remote_address,
        } = self.asker;
        let names = [user, port, remote_address];
        let fixed = [
            self.prover.0,
            PRIVILEGE_USER,
            number_of(self.method, METHODS),
            self.service.0,
        ];
        let all = [names.as_slice(), arguments].concat();
        let body = Body::new(&[front, &fixed].concat(), &all);
        let body = names.iter().fold(body, |body, part| body.length8(part));
        body.lengths(arguments).parts(&all).finish()
    }

    /// Reads all of a request but its first `front` octets.
    pub(super) fn parse(body: &'a [u8], front: usize) -> Result<(Self, Vec<&'a [u8]>), Malformed> {
        let octet = |at: usize| u8_at(body, front + at).ok_or(Malformed::Body);
        let count = usize::from(octet(7)?);
        let lengths_at = front + 8;
        let lengths = body
            .get(lengths_at..lengths_at + count)
            .ok_or(Malformed::Body)?;
        let mut fields = Fields::behind(body, lengths_at + count);
        let mut part = |at| Ok(fields.take(usize::from(octet(at)?)));
        let proved = Self {
            prover: Prover(octet(0)?),
            method: value_at(body, front + 2, METHODS)?,
            service: Service(octet(3)?),
            asker: Asker {
                user: part(4)?,
                port: part(5)?,
                remote_address: part(6)?,
            },
        };
        let arguments = fields.take_all(lengths);
        fields.end()?;
        Ok((proved, arguments))
    }
}

/// What a client asks (§6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks.
    pub proved: Proved<'a>,
    /// What for: `service=ppp` first.
    pub arguments: Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.proved.encode(&[], &self.arguments)
    }

    /// # Errors
    /// [`Malformed::Body`] and [`Malformed::Value`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (proved, arguments) = Proved::parse(body, 0)?;
        Ok(Self { proved, arguments })
    }
}

/// What a server says of a request (§6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Yes, and these arguments in addition to those that were asked for.
    PassAdd,
    /// Yes, but with these arguments instead.
    PassReplace,
    /// No.
    Fail,
    /// The server cannot say.
    Error,
    /// Another server should be asked; treated as a refusal.
    Follow,
}

const STATUSES: &[(u8, Status)] = &[
    (0x01, Status::PassAdd),
    (0x02, Status::PassReplace),
    (0x10, Status::Fail),
    (0x11, Status::Error),
    (0x21, Status::Follow),
];

/// What a server answers (§6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// What it says.
    pub status: Status,
    /// For the user.
    pub message: &'a [u8],
    /// For an operator.
    pub data: &'a [u8],
    /// What the user may and gets.
    pub arguments: Vec<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let all = [&[self.message, self.data], self.arguments.as_slice()].concat();
        let count = u8::try_from(self.arguments.len()).ok()?;
        let fixed = [number_of(self.status, STATUSES), count];
        let body = Body::new(&fixed, &all)
            .length16(self.message)
            .length16(self.data);
        let arguments = self.arguments.iter();
        let body = arguments.fold(body, |body, argument| body.length8(argument));
        body.parts(&all).finish()
    }

    /// # Errors
    /// [`Malformed::Body`] and [`Malformed::Value`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let length = |at| u16_at(body, at).map(usize::from).ok_or(Malformed::Body);
        let count = usize::from(u8_at(body, 1).ok_or(Malformed::Body)?);
        let lengths = body.get(6..6 + count).ok_or(Malformed::Body)?;
        let mut fields = Fields::behind(body, 6 + count);
        let response = Self {
            status: value_at(body, 0, STATUSES)?,
            message: fields.take(length(2)?),
            data: fields.take(length(4)?),
            arguments: fields.take_all(lengths),
        };
        fields.end()?;
        Ok(response)
    }
}

/// One argument (§6.1): `name=value`, or `name*value` if who does not know it may leave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument<'a> {
    /// Before the separator.
    pub name: &'a str,
    /// Behind it.
    pub value: &'a str,
    /// Who does not know it must refuse.
    pub mandatory: bool,
}

impl<'a> Argument<'a> {
    /// `None` if it is no text, or has no name or no separator.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let at = text.find(['=', '*'])?;
        let (name, rest) = text.split_at_checked(at)?;
        let mandatory = rest.starts_with('=');
        let value = rest.get(1..)?;
        (!name.is_empty()).then_some(Self {
            name,
            value,
            mandatory,
        })
    }
}
