//! Who it is (RFC 8907 §5).

use zeroize::Zeroizing;

use super::Malformed;
use super::fields::{Body, Fields, Pair, number_of, value_at};
use crate::wire::field::u8_at;

/// How a user proves its name (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Nobody has said: of accounting (§7.1).
    NotSet,
    /// In a dialogue.
    Ascii,
    /// By the password itself.
    Pap,
    /// RFC 1994.
    Chap,
    /// RFC 2433.
    MsChapV1,
    /// RFC 2759.
    MsChapV2,
}

pub(super) const METHODS: &[(u8, Method)] = &[
    (0x00, Method::NotSet),
    (0x01, Method::Ascii),
    (0x02, Method::Pap),
    (0x03, Method::Chap),
    (0x05, Method::MsChapV1),
    (0x06, Method::MsChapV2),
];

/// What asks (§5.1): of us always PPP, but what we read may say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service(pub u8);

impl Service {
    /// A network by PPP.
    pub const PPP: Self = Self(0x03);
}

/// TAC_PLUS_AUTHEN_LOGIN: the only action that a network access server needs.
const ACTION_LOGIN: u8 = 0x01;
/// TAC_PLUS_PRIV_LVL_USER: what PPP is.
pub(super) const PRIVILEGE_USER: u8 = 0x01;

/// Who asks, from where, as in each request (§5.1, §6.1, §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker<'a> {
    /// The user's name.
    pub user: &'a [u8],
    /// Our name for the place where it came in.
    pub port: &'a [u8],
    /// Where it is.
    pub remote_address: &'a [u8],
}

/// The first packet of a log-in (§5.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Start<'a> {
    /// How the name is proved.
    pub method: Method,
    /// What asks.
    pub service: Service,
    /// Who asks.
    pub asker: Asker<'a>,
    /// The proof (§5.4.2).
    pub data: &'a [u8],
}

/// The proof is enough to search for the password, or is it.
impl std::fmt::Debug for Start<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Start")
            .field("method", &self.method)
            .field("asker", &self.asker)
            .finish_non_exhaustive()
    }
}

impl<'a> Start<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let Asker {
            user,
            port,
            remote_address,
        } = self.asker;
        let fixed = [
            ACTION_LOGIN,
            PRIVILEGE_USER,
            number_of(self.method, METHODS),
            self.service.0,
        ];
        let parts = [user, port, remote_address, self.data];
        let body = Body::new(&fixed, &parts);
        let body = parts.iter().fold(body, |body, part| body.length8(part));
        body.parts(&parts).finish()
    }

    /// # Errors
    /// [`Malformed::Body`] and [`Malformed::Value`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let octet = |at| u8_at(body, at).ok_or(Malformed::Body);
        if octet(0)? != ACTION_LOGIN {
            return Err(Malformed::Value);
        }
        let mut fields = Fields::behind(body, 8);
        let mut part = |at| Ok(fields.take(usize::from(octet(at)?)));
        let start = Self {
            method: value_at(body, 2, METHODS)?,
            service: Service(octet(3)?),
            asker: Asker {
                user: part(4)?,
                port: part(5)?,
                remote_address: part(6)?,
            },
            data: part(7)?,
        };
        fields.end()?;
        Ok(start)
    }
}

/// What a server says of a log-in (§5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The name is proved.
    Pass,
    /// It is not.
    Fail,
    /// Something more is wanted.
    GetData,
    /// The name is wanted.
    GetUser,
    /// The password is wanted.
    GetPass,
    /// Another method is wanted.
    Restart,
    /// The server cannot say.
    Error,
    /// Another server should be asked; treated as a refusal.
    Follow,
}

const STATUSES: &[(u8, Status)] = &[
    (0x01, Status::Pass),
    (0x02, Status::Fail),
    (0x03, Status::GetData),
    (0x04, Status::GetUser),
    (0x05, Status::GetPass),
    (0x06, Status::Restart),
    (0x07, Status::Error),
    (0x21, Status::Follow),
];

/// What a server answers (§5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// What it says.
    pub status: Status,
    /// What the user types next is not to be seen.
    pub no_echo: bool,
    /// For the user.
    pub message: &'a [u8],
    /// For us.
    pub data: &'a [u8],
}

impl<'a> Reply<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let fixed = [number_of(self.status, STATUSES), u8::from(self.no_echo)];
        let (message, data) = (self.message, self.data);
        Pair { message, data }.encode(&fixed, &[])
    }

    /// # Errors
    /// [`Malformed::Body`] and [`Malformed::Value`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let status = value_at(body, 0, STATUSES)?;
        let Pair { message, data } = Pair::parse(body, 2, 0)?;
        Ok(Self {
            status,
            no_echo: u8_at(body, 1).ok_or(Malformed::Body)? & 1 != 0,
            message,
            data,
        })
    }
}

/// What a client says when it was asked for more (§5.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Continue<'a> {
    /// It gives up instead (§5.4.3).
    pub abort: bool,
    /// What the user typed.
    pub message: &'a [u8],
    /// Why it gives up.
    pub data: &'a [u8],
}

/// What the user typed may be a password.
impl std::fmt::Debug for Continue<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Continue")
            .field("abort", &self.abort)
            .finish_non_exhaustive()
    }
}

impl<'a> Continue<'a> {
    /// The body; `None` if a part is longer than its length can say.
    #[must_use]
    pub fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (message, data) = (self.message, self.data);
        Pair { message, data }.encode(&[], &[u8::from(self.abort)])
    }

    /// # Errors
    /// [`Malformed::Body`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let Pair { message, data } = Pair::parse(body, 0, 1)?;
        Ok(Self {
            abort: u8_at(body, 4).ok_or(Malformed::Body)? & 1 != 0,
            message,
            data,
        })
    }
}
