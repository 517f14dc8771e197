#![allow(clippy::unwrap_used, clippy::panic)]

use attendance::UtcMs;

use super::*;
use crate::imports::registrations::import;
use crate::imports::testing::{Office, event_id};
use crate::sources::registrations_csv;

const PEOPLE: &str = "badge,name,email,status\n\
    K7QX-3MPA-9TZD-WH4E,Zo\u{eb} \u{141}ukasik,zoe@example.org,active\n\
    R2VN-8CYB-4JFS-XK6T,Tom Baker,tom@example.org,active\n\
    H5DC-7WQA-2MZK-PT9R,Ann Out,ann@example.org,cancelled\n";

fn people() -> Office {
    let office = Office::new();
    let read = registrations_csv::read(PEOPLE.as_bytes(), chrono_tz::Europe::Vienna).unwrap();
    let source = office.source(PEOPLE.as_bytes());
    import(office.desk(), &event_id(), &read.import, source, false).unwrap();
    office
}

fn registrations(office: &Office) -> Vec<Registration> {
    let roster = office.store.roster(&event_id()).unwrap();
    roster.registrations.into_values().collect()
}

fn give_all(office: &Office) -> Badges {
    give(office.desk(), &event_id(), None, Validity::default()).unwrap()
}

#[test]
fn a_signed_badge_is_added_once_and_printed_as_often_as_one_likes() {
    let office = people();
    let first = give_all(&office);
    let registered = registrations(&office);
    let holding = registered.iter().filter(|r| !r.cancelled).count();
    assert_eq!(holding, 2);
    assert_eq!((first.all.len(), first.new), (holding, holding));
    let key = office.desk().keys.signing.public_key();
    for badge in &first.all {
        let opened = signed_badge::open(&badge.text, &event_id(), &key);
        assert_eq!(opened, Ok(Validity::default()));
        let held = registered
            .iter()
            .find(|r| r.attendee == badge.attendee)
            .unwrap();
        assert!(held.badges.contains(&badge.digest));
        assert!(held.badges.len() > 1, "the one they had is theirs still");
    }
    let again = give_all(&office);
    assert!(again.all == first.all);
    assert_eq!((again.new, again.version), (0, None));
}

#[test]
fn one_badge_with_bounds() {
    let office = people();
    let bounds = Validity {
        from: Some(UtcMs(1_795_424_400_000)),
        until: Some(UtcMs(1_795_510_800_000)),
    };
    let one = |cancelled| {
        let mut all = registrations(&office).into_iter();
        all.find(|r| r.cancelled == cancelled).unwrap().attendee
    };
    let (whom, gone) = (one(false), one(true));
    let given = give(office.desk(), &event_id(), Some(&whom), bounds).unwrap();
    assert_eq!((given.all.len(), given.new), (1, 1));
    let key = office.desk().keys.signing.public_key();
    let opened = signed_badge::open(&given.all[0].text, &event_id(), &key);
    assert_eq!(opened, Ok(bounds));
    let nobody = "a-nobody".parse().unwrap();
    for (whom, validity, words) in [
        (Some(&nobody), bounds, "no registration of a-nobody"),
        (Some(&gone), bounds, "no registration of"),
        (
            None,
            Validity {
                from: Some(UtcMs(-1)),
                until: None,
            },
            "between 1970",
        ),
    ] {
        let refused = give(office.desk(), &event_id(), whom, validity);
        let why = refused.err().unwrap().to_string();
        assert!(why.contains(words), "{why}");
    }
}
