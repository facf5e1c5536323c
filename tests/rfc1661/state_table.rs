//! §4.1: the state transition table, cell by cell, against a copy of its own.
//!
//! The copy is text in the RFC's notation: actions and a slash before the number of the next
//! state, a dash where the event cannot occur. The letters `r`, `p` and `x` mark optional
//! behaviours of the RFC and carry no action.

use pns::ppp::fsm::{Actions, Event, State, transition};

pub(crate) const TABLE: [(Event, &str); 16] = [
    (Event::Up, "2 irc,scr/6 - - - - - - - -"),
    (Event::Down, "- - 0 tls/1 0 1 1 1 1 tld/1"),
    (Event::Open, "tls/1 1 irc,scr/6 3r 5r 5r 6 7 8 9r"),
    (
        Event::Close,
        "0 tlf/0 2 2 4 4 irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4",
    ),
    (
        Event::TimeoutRetry,
        "- - - - str/4 str/5 scr/6 scr/6 scr/8 -",
    ),
    (
        Event::TimeoutFinal,
        "- - - - tlf/2 tlf/3 tlf/3p tlf/3p tlf/3p -",
    ),
    (
        Event::RequestGood,
        "- - sta/2 irc,scr,sca/8 4 5 sca/8 sca,tlu/9 sca/8 tld,scr,sca/8",
    ),
    (
        Event::RequestBad,
        "- - sta/2 irc,scr,scn/6 4 5 scn/6 scn/7 scn/6 tld,scr,scn/6",
    ),
    (
        Event::Ack,
        "- - sta/2 sta/3 4 5 irc/7 scr/6x irc,tlu/9 tld,scr/6x",
    ),
    (
        Event::NakOrReject,
        "- - sta/2 sta/3 4 5 irc,scr/6 scr/6x irc,scr/8 tld,scr/6x",
    ),
    (
        Event::TerminateRequest,
        "- - sta/2 sta/3 sta/4 sta/5 sta/6 sta/6 sta/6 tld,zrc,sta/5",
    ),
    (Event::TerminateAck, "- - 2 3 tlf/2 tlf/3 6 6 8 tld,scr/6"),
    (
        Event::UnknownCode,
        "- - scj/2 scj/3 scj/4 scj/5 scj/6 scj/7 scj/8 scj/9",
    ),
    (Event::RejectPermitted, "- - 2 3 4 5 6 6 8 9"),
    (
        Event::RejectCatastrophic,
        "- - tlf/2 tlf/3 tlf/2 tlf/3 tlf/3 tlf/3 tlf/3 tld,irc,str/5",
    ),
    (Event::Echo, "- - 2 3 4 5 6 7 8 ser/9"),
];

/// A cell as it is written: the actions in their order, and the next state; `None` for a dash.
pub(crate) fn cell(state: State, event: Event) -> Option<(Vec<&'static str>, State)> {
    let (_, row) = TABLE.iter().find(|(of, _)| *of == event).unwrap();
    let column = State::ALL.iter().position(|of| *of == state).unwrap();
    let text = row.split_whitespace().nth(column).unwrap();
    if text == "-" {
        return None;
    }
    let (names, next) = text.rsplit_once('/').unwrap_or(("", text));
    let digit = next.trim_end_matches(['r', 'p', 'x']);
    let names = names.split(',').filter(|name| !name.is_empty()).collect();
    Some((names, State::ALL[digit.parse::<usize>().unwrap()]))
}

fn action(name: &str) -> Actions {
    match name {
        "tlu" => Actions::TLU,
        "tld" => Actions::TLD,
        "tls" => Actions::TLS,
        "tlf" => Actions::TLF,
        "irc" => Actions::IRC,
        "zrc" => Actions::ZRC,
        "scr" => Actions::SCR,
        "sca" => Actions::SCA,
        "scn" => Actions::SCN,
        "str" => Actions::STR,
        "sta" => Actions::STA,
        "scj" => Actions::SCJ,
        "ser" => Actions::SER,
        other => panic!("no action {other}"),
    }
}

#[test]
fn s4_1_every_cell() {
    let mut cells = 0;
    for (row, (event, text)) in TABLE.into_iter().enumerate() {
        assert_eq!(Event::ALL[row], event, "the rows are in the RFC's order");
        assert_eq!(text.split_whitespace().count(), 10, "{event:?}");
        for state in State::ALL {
            let expected = match cell(state, event) {
                None => (Actions::IMPOSSIBLE, state),
                Some((names, next)) => {
                    let all = names.into_iter().map(action);
                    (all.fold(Actions::NONE, Actions::and), next)
                }
            };
            assert_eq!(transition(state, event), expected, "{event:?} in {state:?}");
            cells += 1;
        }
    }
    assert_eq!(cells, 160);
}

#[test]
fn s4_6_the_restart_timer_runs_where_timeouts_can_occur() {
    for state in State::ALL {
        let (actions, _) = transition(state, Event::TimeoutRetry);
        assert_eq!(
            state.runs_timer(),
            actions != Actions::IMPOSSIBLE,
            "{state:?}"
        );
    }
}
