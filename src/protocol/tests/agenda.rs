//! The golden agenda and registrations as rules see them: nothing that they state is lost on the way.
#![allow(clippy::unwrap_used)]

use attendance::agenda::Window;
use protocol::agenda::{Agenda, Registrations, Session};

fn agenda() -> Agenda {
    serde_json::from_str(include_str!("../golden/agenda.json")).unwrap()
}

#[test]
fn a_session_keeps_its_title_its_times_and_its_value() {
    let session = agenda().sessions[0].clone();
    let domain = session.to_domain().unwrap();
    assert_eq!((domain.id, domain.room), (session.id, session.room));
    assert_eq!(domain.title, session.title);
    assert_eq!(domain.credit_value, session.credit_value);
    assert!(domain.credit_value.is_some());
    let window = |start, end| Window::new(start, end).unwrap();
    assert_eq!(domain.scheduled, window(session.start, session.end));
    let (start, end) = (session.actual_start, session.actual_end);
    assert_eq!(domain.actual, Some(window(start.unwrap(), end.unwrap())));
}

#[test]
fn a_session_of_which_staff_said_one_end_keeps_the_other() {
    let session = agenda().sessions[0].clone();
    let check = |starts: bool, ends: bool| {
        let said = Session {
            actual_start: session.actual_start.filter(|_| starts),
            actual_end: session.actual_end.filter(|_| ends),
            ..session.clone()
        };
        let start = said.actual_start.unwrap_or(said.start);
        let end = said.actual_end.unwrap_or(said.end);
        let expected = (starts || ends).then(|| Window::new(start, end).unwrap());
        assert_eq!(said.to_domain().unwrap().actual, expected);
    };
    check(true, true);
    check(true, false);
    check(false, true);
    check(false, false);
    let backwards = Session {
        start: session.end,
        end: session.start,
        ..session
    };
    assert_eq!(backwards.to_domain(), None);
}

#[test]
fn a_registration_keeps_when_it_holds_and_whether_it_was_cancelled() {
    let document: Registrations =
        serde_json::from_str(include_str!("../golden/registrations.json")).unwrap();
    let ended = document.registrations[1].to_domain();
    assert_eq!(ended.attendee.as_str(), "a-2");
    assert_eq!(ended.valid_from, document.registrations[1].valid_from);
    assert_eq!(ended.valid_until, document.registrations[1].valid_until);
    assert!(ended.valid_from.is_some() && ended.valid_until.is_some() && ended.cancelled);
    let plain = document.registrations[0].to_domain();
    assert_eq!((plain.valid_from, plain.valid_until), (None, None));
    assert!(!plain.cancelled);
}
