//! An answer in the making. What has to look at every session does so a slice at a time, and lists of
//! them are written as they are found: the loop does not wait for a long list, and a slow reader does
//! not make the server hold one. Calls come and go between two slices; one that lives all the while
//! is in the answer exactly once.

use std::collections::BTreeMap;
use std::ops::Range;

use super::admin::{AdminError, ErrorCode, Request, Response, Selector, View};
use super::explain::{AccountRow, LAST_MAX, Subject};
use super::rows::{DropRow, SessionDetail, SessionRow};

/// Places of sessions that one slice looks at: well under a millisecond of work.
pub const SLICE_PLACES: usize = 256;

/// One question, and how far its answer has come.
pub struct Answer {
    request: Request,
    /// The first place that was not looked at.
    next: usize,
    /// Whether a session was written.
    has_rows: bool,
    details: Vec<SessionDetail>,
    /// By worker, layer and reason.
    drops: BTreeMap<(Option<u16>, String, String), u64>,
    accounts: Vec<AccountRow>,
    waits: bool,
}

/// The whole answer to one question.
#[must_use]
pub fn handle(request: &Request, view: &mut dyn View) -> Response {
    let mut answer = Answer::new(request.clone());
    let mut rows = Vec::new();
    loop {
        let (found, response) = answer.step(view);
        rows.extend(found);
        match response {
            Some(Response::Sessions(_)) => return Response::Sessions(rows),
            Some(response) => return response,
            None => {}
        }
    }
}

impl Answer {
    /// Nothing was looked at yet.
    #[must_use]
    pub const fn new(request: Request) -> Self {
        Self {
            request,
            next: 0,
            has_rows: false,
            details: Vec::new(),
            drops: BTreeMap::new(),
            accounts: Vec::new(),
            waits: false,
        }
    }

    /// Whether it waits for what others have to do first, and asking again at once is of no use.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.waits
    }

    /// One slice: the next bytes of the line, and whether they are its last.
    pub fn advance(&mut self, view: &mut dyn View) -> (Vec<u8>, bool) {
        let is_first = self.next == 0;
        let (rows, response) = self.step(view);
        let is_last = response.is_some();
        let lists_sessions = matches!(self.request, Request::Sessions {});
        let mut line = Vec::new();
        if lists_sessions && is_first {
            line.extend_from_slice(br#"{"sessions":["#);
        }
        for row in rows {
            if std::mem::replace(&mut self.has_rows, true) {
                line.push(b',');
            }
            // A row is plain strings and numbers: there is nothing that JSON cannot say.
            line.extend(serde_json::to_vec(&row).unwrap_or_default());
        }
        match response {
            Some(_) if lists_sessions => line.extend_from_slice(b"]}\n"),
            Some(response) => line.extend(response.to_line()),
            None => {}
        }
        (line, is_last)
    }

    /// Looks at one slice: the sessions that it lists, and the response if this was the last; of a
    /// list of sessions that one is empty.
    fn step(&mut self, view: &mut dyn View) -> (Vec<SessionRow>, Option<Response>) {
        let all = view.places();
        let places = self.next..(self.next + SLICE_PLACES).min(all);
        self.next = places.end;
        let is_last = places.end >= all || !looks_at_sessions(&self.request);
        let mut rows = Vec::new();
        match &self.request {
            Request::Sessions {} => rows = view.sessions(places),
            Request::Session { which } => self.details.extend(view.session(which, places)),
            Request::Drops {} => self.gather_drops(places, view),
            Request::Explain { which, last } => {
                let room = (*last)
                    .clamp(1, LAST_MAX)
                    .saturating_sub(self.accounts.len());
                let found = view.explain_live(which, places, room);
                self.accounts.extend(found);
            }
            Request::Status {}
            | Request::Workers {}
            | Request::Ports {}
            | Request::Pools {}
            | Request::Peers {}
            | Request::Radius {}
            | Request::Accounting {}
            | Request::Tacacs {}
            | Request::Failures {}
            | Request::Do(_) => {}
        }
        let response = if is_last { self.finish(view) } else { None };
        self.waits = is_last && response.is_none();
        (rows, response)
    }

    fn gather_drops(&mut self, places: Range<usize>, view: &dyn View) {
        let lasting = if places.start == 0 {
            view.drops()
        } else {
            Vec::new()
        };
        for row in lasting.into_iter().chain(view.drops_of_sessions(places)) {
            let reason = (row.worker, row.layer, row.reason);
            *self.drops.entry(reason).or_default() += row.frames;
        }
    }

    /// Everything was looked at. `None`: what is to be done is not done yet.
    fn finish(&mut self, view: &mut dyn View) -> Option<Response> {
        Some(match &self.request {
            Request::Do(action) => {
                let done = view.act(action)?;
                done.map_or_else(Response::Error, Response::Done)
            }
            Request::Status {} => Response::Status(view.status()),
            Request::Sessions {} => Response::Sessions(Vec::new()),
            Request::Session { which } => details(std::mem::take(&mut self.details), which),
            Request::Workers {} => Response::Workers(view.workers()),
            Request::Ports {} => Response::Ports(view.ports()),
            Request::Drops {} => {
                let drops = std::mem::take(&mut self.drops);
                Response::Drops(drops.into_iter().map(drop_row).collect())
            }
            Request::Pools {} => Response::Pools(view.pools()),
            Request::Peers {} => Response::Peers(view.peers()),
            Request::Radius {} => Response::Radius(view.radius()),
            Request::Accounting {} => Response::Accounting(view.accounting()),
            Request::Tacacs {} => Response::Tacacs(view.tacacs()),
            Request::Failures {} => Response::Failures(view.failures()),
            Request::Explain { which, last } => {
                let mut accounts = std::mem::take(&mut self.accounts);
                let room = (*last).clamp(1, LAST_MAX).saturating_sub(accounts.len());
                accounts.extend(view.explain_ended(which, room));
                explained(accounts, which)
            }
        })
    }
}

/// Whether its answer depends on every session.
const fn looks_at_sessions(request: &Request) -> bool {
    match request {
        Request::Sessions {}
        | Request::Session {
            which: Selector::User(_),
        }
        | Request::Drops {}
        | Request::Explain { .. } => true,
        Request::Session {
            which: Selector::CallId(_),
        }
        | Request::Status {}
        | Request::Workers {}
        | Request::Ports {}
        | Request::Pools {}
        | Request::Peers {}
        | Request::Radius {}
        | Request::Accounting {}
        | Request::Tacacs {}
        | Request::Failures {}
        | Request::Do(_) => false,
    }
}

fn details(sessions: Vec<SessionDetail>, which: &Selector) -> Response {
    if sessions.is_empty() {
        let message = format!("there is no session of {which}; see: pns show sessions");
        return Response::Error(AdminError {
            code: ErrorCode::SessionUnknown,
            message,
        });
    }
    Response::Session(sessions)
}

fn explained(accounts: Vec<AccountRow>, which: &Subject) -> Response {
    if accounts.is_empty() {
        let message = format!(
            "nothing is known of {which}: it never came, or so long ago that \
             explain.history_max other attempts came after it"
        );
        return Response::Error(AdminError {
            code: ErrorCode::AttemptUnknown,
            message,
        });
    }
    Response::Explain(accounts)
}

fn drop_row(((worker, layer, reason), frames): ((Option<u16>, String, String), u64)) -> DropRow {
    DropRow {
        worker,
        layer,
        reason,
        frames,
    }
}

#[cfg(test)]
mod tests {
    use super::super::admin::tests::{OneOfEach, every_request};
    use super::*;

    #[test]
    fn slices_joined_are_the_whole_answer_and_none_looks_at_more_than_it_may() {
        for sessions in [0, 1, SLICE_PLACES, 3 * SLICE_PLACES + 7] {
            for request in every_request() {
                let mut view = OneOfEach { sessions };
                let whole = handle(&request, &mut view).to_line();
                let mut answer = Answer::new(request.clone());
                let (mut line, mut slices) = (Vec::new(), 1);
                loop {
                    let (bytes, is_last) = answer.advance(&mut view);
                    line.extend(bytes);
                    if is_last {
                        break;
                    }
                    slices += 1;
                }
                assert_eq!(line, whole, "{request:?}");
                let needed = sessions.div_ceil(SLICE_PLACES).max(1);
                let expected = if looks_at_sessions(&request) {
                    needed
                } else {
                    1
                };
                assert_eq!(slices, expected, "{request:?}");
            }
        }
    }
}
