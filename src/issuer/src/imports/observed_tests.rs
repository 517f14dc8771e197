#![allow(clippy::unwrap_used, clippy::panic)]
use attendance::UtcMs;
use attendance::time::Interval;
use attendance::words::SessionId;
use protocol::signals::RowKind;
use protocol::subject::SubjectDigest;

use super::*;
use crate::imports::accommodations::{self, Grant};
use crate::imports::identity;
use crate::imports::registrations as people;
use crate::imports::said::Because;
use crate::imports::testing::{Office, event_id};
use crate::sources::observed::{Label, Place, Seen, Subject, Where};
use crate::sources::registrations_csv;
use crate::store::documents::from_json;
use crate::store::signals::Holder;
use crate::testing::CountedObjects;

const PEOPLE: &str = "badge,name,email\n\
    K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org\n\
    R2VN-8CYB-4JFS-XK6T,Tom Baker,desk@example.org\n\
    M4TC-6BHD-2WQP-ZR9A,Tim Baker,desk@example.org\n";
const BY: By<'_> = By {
    operator: "ann",
    reason: "asked",
    note: None,
};

fn register(office: &Office) {
    let read = registrations_csv::read(PEOPLE.as_bytes(), chrono_tz::Europe::Vienna);
    let source = office.source(PEOPLE.as_bytes());
    people::import(
        office.desk(),
        &event_id(),
        &read.unwrap().import,
        source,
        false,
    )
    .unwrap();
}

fn whose(office: &Office, badge: &str) -> AttendeeId {
    let digest = office.badge_key().digest(badge);
    let found = office.store.attendee_of(&event_id(), digest).unwrap();
    found.unwrap()
}

fn seen(subjects: &[(&str, &str)], key: &str) -> Observed {
    Observed {
        subjects: subjects.iter().map(|(s, t)| Subject::new(s, t)).collect(),
        attendee: None,
        label: Some(Label {
            name: Some("Zoë Ł.".to_owned()),
            email: None,
        }),
        place: Place::Channel("zoom/1".to_owned()),
        device: None,
        seen: Seen::Plain(RowKind::In),
        at: Interval::exactly(UtcMs(1_000)),
        reason: None,
        key: key.to_owned(),
        row: Where::line(2),
    }
}

fn batch(rows: Vec<Observed>) -> ObservedBatch {
    ObservedBatch {
        source: Source::Platform,
        system: "zoom".to_owned(),
        rows,
        refused: Vec::new(),
        refused_total: 0,
    }
}

fn taken(office: &Office, rows: Vec<Observed>, dry_run: bool) -> Taken {
    let file = sha256(b"file");
    take(
        office.desk(),
        &event_id(),
        &batch(rows),
        file,
        None,
        dry_run,
    )
    .unwrap()
}

fn digest(office: &Office, system: &str, text: &str) -> SubjectDigest {
    SubjectDigest::of(&office.badge_key(), system, text).unwrap()
}

#[test]
fn what_comes_again_adds_nothing() {
    let office = Office::new();
    register(&office);
    let rows = || {
        vec![
            seen(&[("zoom", "u1"), ("email", "Zoe@Example.org")], "one"),
            seen(&[("zoom-guest", "1/Zoë Ł.")], "two"),
        ]
    };
    let dry = taken(&office, rows(), true);
    assert_eq!((dry.added, dry.unmatched, dry.entries.len()), (2, 1, 0));
    assert_eq!(office.store.signals_size(&event_id()).unwrap(), 0);

    let first = taken(&office, rows(), false);
    assert_eq!(first.entries.len(), 1);
    let zoe = whose(&office, "K7QX-3MPA-9TZD-WH4E");
    assert_eq!(first.attendees, BTreeSet::from([zoe.clone()]));
    assert_eq!((first.unmatched, first.unmatched_people), (1, 1));
    assert_eq!(first.unplaced, BTreeMap::from([("zoom/1".to_owned(), 2)]));
    assert_eq!(
        office.store.alarms(&event_id()).unwrap()[0].subject,
        "zoom/1"
    );

    let size = office.store.ledger_head(&event_id()).unwrap().size;
    let again = taken(&office, rows(), false);
    assert_eq!((again.added, again.known), (0, 2));
    assert_eq!(office.store.ledger_head(&event_id()).unwrap().size, size);

    // A longer version of the file adds what is new in it, once.
    let mut longer = rows();
    longer.push(seen(&[("zoom", "u1")], "three"));
    longer.push(seen(&[("zoom", "u1")], "three"));
    let more = taken(&office, longer, false);
    assert_eq!((more.added, more.known), (1, 2));
    let theirs = office.store.observed_of(&event_id(), &zoe).unwrap();
    assert_eq!(theirs.len(), 1, "the account alone is not listed");

    // The object in the store is what the ledger names.
    let held = office.store.signals(&event_id()).unwrap();
    let object = office.objects.get(held[0].entry.object).unwrap().unwrap();
    let read = protocol::signals::read(&object).unwrap();
    assert_eq!(read.rows.len(), 2);
    let text = String::from_utf8(object).unwrap();
    assert!(
        !text.contains("example.org") && !text.contains("Zo"),
        "{text}"
    );
}

#[test]
fn a_row_that_cannot_stand_is_refused_by_name_and_the_others_taken() {
    let office = Office::new();
    register(&office);
    let stranger = Observed {
        subjects: Vec::new(),
        attendee: Some(AttendeeId::new("a-nobody").unwrap()),
        ..seen(&[], "two")
    };
    let backwards = Observed {
        at: Interval {
            earliest: UtcMs(2),
            latest: UtcMs(1),
        },
        ..seen(&[("zoom", "u2")], "three")
    };
    let found = taken(
        &office,
        vec![
            seen(&[("zoom", "u1")], "one"),
            stranger,
            backwards,
            seen(&[("zoom", " ")], "four"),
            seen(&[], "five"),
        ],
        false,
    );
    assert_eq!((found.added, found.refused_total), (1, 4));
    assert!(found.refused.iter().all(|p| p.row == Some(2)));
    assert!(found.refused[0].message.contains("no registration"));
    let scans = ObservedBatch {
        source: Source::Scan,
        ..batch(Vec::new())
    };
    let refused = take(office.desk(), &event_id(), &scans, sha256(b""), None, false);
    assert!(matches!(refused, Err(ImportFault::Refused(_))));
}

#[test]
fn a_long_import_is_several_objects() {
    let office = Office::new();
    let candidate = |n: usize| Candidate {
        seen: Box::leak(Box::new(seen(&[("zoom", "u")], &n.to_string()))),
        row: seen(&[("zoom", "u")], "")
            .to_row(&office.badge_key())
            .unwrap(),
        key: key_of("zoom", &n.to_string()),
    };
    let all: Vec<Candidate<'_>> = (0..MAX_BATCH_ROWS + 1).map(candidate).collect();
    let lengths: Vec<usize> = chunks(&all).iter().map(|c| c.len()).collect();
    assert_eq!(lengths, [MAX_BATCH_ROWS, 1]);
    assert!(chunks(&[]).is_empty());
}

#[test]
fn a_reviewers_word_outlives_every_import() {
    let office = Office::new();
    register(&office);
    let (tom, tim) = (
        whose(&office, "R2VN-8CYB-4JFS-XK6T"),
        whose(&office, "M4TC-6BHD-2WQP-ZR9A"),
    );
    let desk_rows = vec![seen(
        &[("zoom", "u9"), ("email", "desk@example.org")],
        "one",
    )];
    assert_eq!(taken(&office, desk_rows, false).unmatched, 1);
    let account = digest(&office, "zoom", "u9");
    let held = || office.store.subject(&event_id(), account).unwrap().unwrap();
    assert!(matches!(held().holder(), Holder::Several(by) if by.len() == 2));
    let label = office
        .keys
        .open_label(&event_id(), account, &held().label.unwrap());
    assert_eq!(label.unwrap().name.as_deref(), Some("Zoë Ł."));

    let matched = identity::match_subject(office.desk(), &event_id(), (account, &tom), BY);
    assert!(matched.unwrap().is_some());
    assert_eq!(held().holder(), Holder::One(&tom));
    let again = identity::match_subject(office.desk(), &event_id(), (account, &tom), BY);
    assert_eq!(
        again.unwrap(),
        None,
        "what is so already is not written again"
    );

    // The address is taken from Tim; a list that names it again does not give it back.
    let address = digest(&office, "email", "desk@example.org");
    identity::unmatch_subject(office.desk(), &event_id(), (address, &tim), BY).unwrap();
    register(&office);
    let roster = office.store.roster(&event_id()).unwrap();
    assert!(roster.registrations[&tim].accounts.is_empty());
    let toms = &roster.registrations[&tom].accounts;
    assert_eq!(
        toms.iter().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([account, address])
    );

    identity::unmatch_subject(office.desk(), &event_id(), (account, &tom), BY).unwrap();
    let roster = office.store.roster(&event_id()).unwrap();
    assert_eq!(roster.registrations[&tom].accounts, [address]);
    assert_eq!(
        held().holder(),
        Holder::One(&tom),
        "by the address, which is one person's now"
    );
}

#[test]
fn what_staff_say_of_a_registration_stays_when_it_is_imported_again() {
    let office = Office::new();
    register(&office);
    let zoe = whose(&office, "K7QX-3MPA-9TZD-WH4E");
    let session = SessionId::new("s-1").unwrap();
    let extra = Grant::Extra {
        session: None,
        extra_s: 600,
    };
    let badge = office.badge_key().digest("R2VN-8CYB-4JFS-XK6T");
    let desk = office.desk();
    identity::speaks(desk, &event_id(), &zoe, std::slice::from_ref(&session), BY).unwrap();
    let because = Because {
        operator: "ann",
        reason: "health",
        note: "",
    };
    for grant in [Grant::Assistant { badge }, extra.clone()] {
        let written = accommodations::add(desk, &event_id(), &zoe, &grant, because);
        assert!(written.unwrap().is_some());
    }
    register(&office);
    let roster = office.store.roster(&event_id()).unwrap();
    let held = &roster.registrations[&zoe];
    assert_eq!(
        (&held.speaks, &held.assistants),
        (&vec![session], &vec![badge])
    );
    assert_eq!(
        accommodations::grants_of(held),
        [extra, Grant::Assistant { badge }]
    );
    let version = office
        .store
        .version(&event_id(), Versioned::Registrations)
        .unwrap()
        .unwrap();
    let document: Registrations = from_json(desk.objects, version.object, "registrations").unwrap();
    assert!(document.registrations.contains(held));
    let nobody = AttendeeId::new("a-nobody").unwrap();
    let refused = identity::speaks(desk, &event_id(), &nobody, &[], BY);
    assert!(matches!(refused, Err(ImportFault::Refused(_))));
}

#[test]
fn who_is_registered_is_read_once_for_all_that_is_sent() {
    let office = Office::new();
    register(&office);
    let objects = CountedObjects::open(&office.folder.path().join("objects"));
    let desk = Desk {
        objects: &objects,
        ..office.desk()
    };
    let reads = |key: &str| {
        objects.take_reads();
        let rows = vec![seen(&[("email", "zoe@example.org")], key)];
        let taken = take(
            desk,
            &event_id(),
            &batch(rows),
            sha256(key.as_bytes()),
            None,
            false,
        );
        let taken = taken.unwrap();
        assert_eq!((taken.added, taken.attendees.len()), (1, 1));
        // Putting an object looks whether it is there, without reading through here.
        objects.take_reads().len()
    };
    assert_eq!(reads("one"), 1, "the registrations; there is no agenda yet");
    assert_eq!(reads("two"), 0);
    let zoe = whose(&office, "K7QX-3MPA-9TZD-WH4E");
    let other = digest(&office, "zoom", "u9");
    let matched = identity::match_subject(office.desk(), &event_id(), (other, &zoe), BY);
    assert!(matched.unwrap().is_some());
    assert_eq!(reads("three"), 1, "another version");
}
