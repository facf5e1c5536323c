use proptest::prelude::*;

use super::*;

const LIMITS: AdmissionLimits = AdmissionLimits {
    control_connections_max: 6,
    control_connections_per_source_max: 3,
    half_open_max: 4,
    calls_max: 7,
    calls_per_source_max: 4,
};

fn source(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, number)
}

#[test]
fn each_limit_refuses_under_its_own_name() {
    let admission = Admission::new(LIMITS);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(admission.admit_connection(source(1)).unwrap());
    }
    let refusal = admission.admit_connection(source(1)).unwrap_err();
    assert_eq!(refusal, AdmissionRefusal::ControlConnectionsPerSource);
    held.push(admission.admit_connection(source(2)).unwrap());
    let refusal = admission.admit_connection(source(3)).unwrap_err();
    assert_eq!(refusal, AdmissionRefusal::HalfOpen);
    held.iter_mut().for_each(ConnectionPermit::established);
    held.push(admission.admit_connection(source(3)).unwrap());
    held.push(admission.admit_connection(source(4)).unwrap());
    let refusal = admission.admit_connection(source(5)).unwrap_err();
    assert_eq!(refusal, AdmissionRefusal::ControlConnections);

    let calls: Vec<_> = (0..4).map(|_| held[0].admit_call().unwrap()).collect();
    assert_eq!(
        held[1].admit_call().unwrap_err(),
        AdmissionRefusal::CallsPerSource
    );
    let more: Vec<_> = (0..3).map(|_| held[4].admit_call().unwrap()).collect();
    assert_eq!(held[5].admit_call().unwrap_err(), AdmissionRefusal::Calls);
    let counts = AdmissionCounts {
        control_connections: 6,
        half_open: 2,
        calls: 7,
        sources: 4,
    };
    assert_eq!(admission.counts(), counts);
    for refusal in AdmissionRefusal::ALL {
        assert_eq!(admission.refused(*refusal), 1, "{refusal}");
    }
    drop((held, more));
    assert_eq!(
        admission.counts(),
        AdmissionCounts {
            calls: 4,
            sources: 1,
            ..Default::default()
        }
    );
    drop(calls);
    assert_eq!(admission.counts(), AdmissionCounts::default());
}

#[test]
fn a_panic_gives_everything_back() {
    let admission = Admission::new(LIMITS);
    let connection = admission.admit_connection(source(1)).unwrap();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _call = connection.admit_call().unwrap();
        panic!("a session's step failed");
    }));
    assert!(result.is_err());
    assert_eq!(admission.counts(), AdmissionCounts::default());
}

#[derive(Clone, Debug)]
enum Operation {
    Connect(u8),
    Establish(usize),
    Call(usize),
    DropConnection(usize),
    DropCall(usize),
    Limit(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0_u8..4).prop_map(Operation::Connect),
        3 => any::<usize>().prop_map(Operation::Establish),
        5 => any::<usize>().prop_map(Operation::Call),
        2 => any::<usize>().prop_map(Operation::DropConnection),
        3 => any::<usize>().prop_map(Operation::DropCall),
        1 => (0_usize..8).prop_map(Operation::Limit),
    ]
}

fn pick<T>(from: &mut [T], pick: usize) -> Option<&mut T> {
    let count = from.len();
    from.get_mut(pick.checked_rem(count)?)
}

fn remove<T>(from: &mut Vec<T>, pick: usize) {
    if let Some(place) = pick.checked_rem(from.len()) {
        from.swap_remove(place);
    }
}

proptest! {
    #[test]
    fn the_book_agrees_with_the_permits_that_live(
        operations in prop::collection::vec(operation(), 1..200),
    ) {
        let admission = Admission::new(LIMITS);
        let mut limits = LIMITS;
        let mut connections: Vec<ConnectionPermit> = Vec::new();
        let mut calls: Vec<CallPermit> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Connect(number) => {
                    let from = source(number);
                    let same = connections.iter().filter(|one| one.source == from).count();
                    let half_open = connections.iter().filter(|one| one.half_open).count();
                    let fits = connections.len() < limits.control_connections_max
                        && same < limits.control_connections_per_source_max
                        && half_open < limits.half_open_max;
                    let admitted = admission.admit_connection(from);
                    prop_assert_eq!(admitted.is_ok(), fits);
                    connections.extend(admitted);
                }
                Operation::Establish(place) => {
                    if let Some(connection) = pick(&mut connections, place) {
                        connection.established();
                    }
                }
                Operation::Call(place) => {
                    if let Some(connection) = pick(&mut connections, place) {
                        let from = connection.source;
                        let same = calls.iter().filter(|one| one.source == from).count();
                        let fits =
                            calls.len() < limits.calls_max && same < limits.calls_per_source_max;
                        let admitted = connection.admit_call();
                        prop_assert_eq!(admitted.is_ok(), fits);
                        calls.extend(admitted);
                    }
                }
                Operation::DropConnection(place) => remove(&mut connections, place),
                Operation::DropCall(place) => remove(&mut calls, place),
                Operation::Limit(count) => {
                    limits.calls_max = count;
                    limits.control_connections_max = count;
                    admission.set_limits(limits);
                }
            }
            let counts = admission.counts();
            prop_assert_eq!(counts.control_connections, connections.len());
            prop_assert_eq!(counts.half_open, connections.iter().filter(|one| one.half_open).count());
            prop_assert_eq!(counts.calls, calls.len());
        }
        drop((connections, calls));
        prop_assert_eq!(admission.counts(), AdmissionCounts::default());
    }
}
