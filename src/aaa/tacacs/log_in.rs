//! One log-in: first the proof of the name, then what is granted for it, layer by layer.

use std::sync::Arc;

use super::config::{Layer, ServerConfig};
use super::exchange::Question;
use super::grant::Granted;
use super::question::{Place, authorization, start};
use crate::aaa::accounting::{Billing, DecidedBy};
use crate::aaa::radius::Caller;
use crate::aaa::{Access, Denial, Grant, Names, Rejection, Terms};
use crate::flow::Authenticated;
use crate::ppp::link::{Credentials, MppeChange};
use crate::wire::tacacs::authentication::{Method, Reply, Status};
use crate::wire::tacacs::authorization::{Response, Status as GrantStatus};

/// Length of `S=` and its digest in hexadecimal (RFC 2759 §5).
const SUCCESS_BYTES: usize = 42;

/// What was answered last.
#[derive(Clone, Copy)]
enum Stage {
    /// Nothing.
    Proving,
    /// So many layers are granted.
    Granting(usize),
}

/// A log-in that is not decided.
pub(super) struct LogIn {
    user: Box<str>,
    method: Method,
    place: Place,
    access: Arc<Access>,
    stage: Stage,
    granted: Granted,
    success_message: String,
    among: Option<Names>,
}

/// How a server is named in verdicts.
pub(super) fn whose(server: &ServerConfig) -> String {
    format!("TACACS+ server {:?} ({})", server.name, server.address)
}

/// A refusal for which an operator is told `detail`.
pub(super) fn denial(rejection: Rejection, detail: String) -> Box<Denial> {
    Box::new(Denial {
        detail: Some(detail.into()),
        ..Denial::from(rejection)
    })
}

/// A refusal in a server's own words, if it has any for the user.
fn refusal(rejection: Rejection, what: &str, message: &[u8]) -> Box<Denial> {
    let message = String::from_utf8_lossy(message);
    let message = message.trim();
    if message.is_empty() {
        return denial(rejection, what.to_owned());
    }
    Box::new(Denial {
        text: message.into(),
        ..*denial(rejection, format!("{what}, saying {message:?}"))
    })
}

impl LogIn {
    /// With the first question.
    ///
    /// # Errors
    /// What no server has to be asked about.
    pub(super) fn begin(
        caller: &Caller,
        credentials: &Credentials,
        access: &Arc<Access>,
        among: Option<&Names>,
    ) -> Result<(Self, Question), Box<Denial>> {
        let place = Place::of(caller);
        let (question, method) = start(credentials, &place).map_err(|rejection| {
            if rejection == Rejection::TacacsMethodUnknown {
                return denial(rejection, "it has neither EAP nor new passwords".to_owned());
            }
            Box::new(Denial::from(rejection))
        })?;
        let log_in = Self {
            user: String::from_utf8_lossy(credentials.name()).into(),
            method,
            place,
            access: Arc::clone(access),
            stage: Stage::Proving,
            granted: Granted::default(),
            success_message: String::new(),
            among: among.cloned(),
        };
        let among = log_in.among.clone();
        Ok((log_in, Question { among, ..question }))
    }

    /// Takes the answer of a server; the next question, if there is one.
    ///
    /// # Errors
    /// The client may not come in.
    pub(super) fn answer(
        &mut self,
        (index, server): (usize, &ServerConfig),
        body: &[u8],
        layers: &[Layer],
    ) -> Result<Option<Question>, Box<Denial>> {
        let whose = whose(server);
        let done = match self.stage {
            Stage::Proving => {
                self.proved(&whose, body)?;
                0
            }
            Stage::Granting(done) => {
                self.authorized(&whose, layers.get(done).copied(), body)?;
                done + 1
            }
        };
        self.stage = Stage::Granting(done);
        let layer = layers.get(done).copied();
        let question = layer
            .and_then(|layer| authorization(&self.user, self.method, &self.place, layer, index));
        Ok(question.map(|question| Question {
            among: self.among.clone(),
            ..question
        }))
    }

    /// RFC 8907 §5.2.
    fn proved(&mut self, whose: &str, body: &[u8]) -> Result<(), Box<Denial>> {
        let Ok(reply) = Reply::parse(body) else {
            return Err(denial(Rejection::TacacsAnswerUnusable, whose.to_owned()));
        };
        match reply.status {
            Status::Pass if self.method == Method::MsChapV2 => {
                let found = [reply.data, reply.message].into_iter().find_map(success);
                self.success_message = found.ok_or_else(|| no_success(whose))?.to_owned();
                Ok(())
            }
            Status::Pass => Ok(()),
            Status::Fail | Status::Follow | Status::Error => {
                let what = format!("{whose} refused it");
                Err(refusal(Rejection::TacacsRefused, &what, reply.message))
            }
            Status::Restart => {
                let what = format!("{whose} does not take this way to log in");
                Err(refusal(
                    Rejection::TacacsMethodUnknown,
                    &what,
                    reply.message,
                ))
            }
            Status::GetData | Status::GetUser | Status::GetPass => {
                let what = format!("{whose} wants to ask back, which PPP does not");
                Err(refusal(
                    Rejection::TacacsAnswerUnusable,
                    &what,
                    reply.message,
                ))
            }
        }
    }

    /// RFC 8907 §6.2.
    fn authorized(
        &mut self,
        whose: &str,
        layer: Option<Layer>,
        body: &[u8],
    ) -> Result<(), Box<Denial>> {
        let Ok(response) = Response::parse(body) else {
            return Err(denial(Rejection::TacacsAnswerUnusable, whose.to_owned()));
        };
        match response.status {
            GrantStatus::PassAdd | GrantStatus::PassReplace => {
                let taken = self.granted.take(&response.arguments);
                taken.map_err(|what| {
                    denial(Rejection::TacacsAnswerUnusable, format!("{whose} {what}"))
                })
            }
            GrantStatus::Fail | GrantStatus::Follow | GrantStatus::Error => {
                let protocol = layer.map_or("", Layer::name);
                let what = format!("{whose} does not grant service=ppp protocol={protocol}");
                Err(refusal(
                    Rejection::TacacsNotAuthorized,
                    &what,
                    response.message,
                ))
            }
        }
    }

    /// What the client gets when all is granted; `pool` where no server has named one.
    pub(super) fn grant(self, server: &ServerConfig, pool: &str) -> Grant {
        let terms = Terms::new(self.access, MppeChange::NONE);
        let policy = terms.flow_policy();
        let granted = self.granted;
        Grant {
            user: self.user,
            success_message: self.success_message,
            terms,
            authenticated: Authenticated::new(policy, None),
            pool: granted.pool.unwrap_or_else(|| pool.into()),
            address: granted.address,
            networks: granted.networks.into(),
            network: granted.network,
            billing: Box::new(Billing {
                decided_by: DecidedBy::Remote,
                ..Billing::default()
            }),
            remark: Some(format!("{}, which never does,", whose(server)).into()),
        }
    }
}

/// What proves to an MS-CHAPv2 client that the server knows its password, if a text begins with it.
fn success(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text.get(..SUCCESS_BYTES)?).ok()?;
    let digest = text.strip_prefix("S=")?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    digest.bytes().all(hex).then_some(text)
}

fn no_success(whose: &str) -> Box<Denial> {
    let what = format!(
        "{whose} let it in, but sent no authenticator response (S=...), without which no MS-CHAPv2 \
         client believes us and which RFC 8907 gives no place"
    );
    denial(Rejection::TacacsAnswerUnusable, what)
}
