//! A morning at a conference, put into a store through its units: six kiosks in every state, people with names that try
//! things, sessions past, running and ahead, decisions and certificates. The same calls give the same morning.

#[path = "conference/kiosks.rs"]
mod kiosks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use attendance::UtcMs;
use attendance::words::{CertificateId, EventId};
use evidence::{Hash, sha256};
use issuer::access::{Access, password};
use issuer::certificates::issue::{Certifier, open_private};
use issuer::certificates::pdf::Fonts;
use issuer::decisions::Decider;
use issuer::keys::{Keys, Person, Random, random};
use issuer::store::accounts::{Account, Role};
use issuer::store::decisions::NewCertificate;
use issuer::store::events::{AgendaChange, NewEvent, ProgrammeFacts};
use issuer::store::people::PersonChange;
use issuer::store::{
    AccountUnits as _, BatchUnits as _, DecisionUnits as _, EventUnits as _, FolderObjects,
    ObjectStore, PeopleUnits as _, SqliteStore, Store,
};
use issuer::web::Pages;
use protocol::agenda::{Agenda, Door, Programme, Registration, Registrations, Room, Session};
use protocol::badge::{BadgeKey, Row};
use protocol::bundle::{DoorPolicy, NamePolicy};

/// 2026-11-23T09:40:00Z: 10:40 at the conference.
pub(crate) const NOW: UtcMs = UtcMs(1_795_426_800_000);
pub(crate) const PASSWORD: &str = "correct horse battery";
/// A name that no page may take as its own.
pub(crate) const NASTY: &str = "<script>alert(\"x\")</script> & Söhne";
const ISSUER: &str = "ce.example.org";
const MIN: i64 = 60_000;
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"fifty minutes, four fifths\"\nminutes_per_credit = \"50\"\n\
                     step = \"0.5\"\nthreshold = { share = \"0.8\" }\nmet_awards = \"scheduled\"\n\
                     missing_check_out = \"session_end\"\nmissing_check_in = \"review\"\n";

/// Minutes of the morning, from 08:00 at the conference (07:00Z).
pub(crate) fn at(min: i64) -> UtcMs {
    NOW.plus_ms(-160 * MIN + min * MIN)
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) struct World {
    /// Goes with the world.
    _folder: tempfile::TempDir,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) objects: Arc<FolderObjects>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) event: EventId,
    /// One valid, one revoked, one corrected.
    pub(crate) valid: CertificateId,
    pub(crate) revoked: CertificateId,
    pub(crate) corrected: CertificateId,
}

/// Random bytes that are the same in every run.
fn counted() -> Random {
    let next = AtomicI64::new(1);
    Arc::new(move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let Hash(digest) = sha256(&next.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    })
}

impl World {
    /// The pages over this morning, with limits of their own, at a time.
    pub(crate) fn pages(&self, now: UtcMs, is_https: bool) -> Pages {
        let access = Access::new(
            Arc::clone(&self.store) as Arc<dyn Store>,
            issuer::keys::system_random(),
            Arc::new(move || now),
            is_https,
            None,
        );
        let objects = Arc::clone(&self.objects) as Arc<dyn ObjectStore>;
        Pages::new(
            Arc::clone(&self.store) as Arc<dyn Store>,
            objects,
            Arc::clone(&self.keys),
            ISSUER,
            access,
            250,
        )
    }

    /// A private file of the event, opened.
    pub(crate) fn private(&self, hash: Hash) -> Vec<u8> {
        open_private(self.store.as_ref(), &self.keys, &self.event, hash)
            .unwrap()
            .unwrap()
    }

    pub(crate) fn new(people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("issuer.db")).unwrap());
        let objects = Arc::new(FolderObjects::open(&folder.path().join("objects")).unwrap());
        let random = counted();
        let keys = Arc::new(
            Keys::load(&folder.path().join("master.key"), store.as_ref(), &random).unwrap(),
        );
        let event: EventId = id("gp-2026");
        let badge_key = BadgeKey::from_bytes([9; 32]);
        let maker = Maker {
            store: &store,
            objects: &objects,
            keys: &keys,
            event: &event,
            badge_key: &badge_key,
            random: &random,
        };
        maker.accounts();
        maker.event();
        maker.agenda();
        let names = maker.people(people);
        let mut kiosks = maker.kiosks();
        maker.morning(&mut kiosks, names.len());
        maker.statuses(&kiosks);
        let mut decider = Decider::new(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&objects) as Arc<dyn ObjectStore>,
            ISSUER,
            keys.signing.public_key(),
        );
        decider.settle(NOW.plus_ms(-10 * MIN)).unwrap();
        maker.witness(&mut kiosks[0]);
        decider.settle(NOW).unwrap();
        let codes = maker.certificates();
        let [valid, revoked, corrected] = codes;
        maker.witness(&mut kiosks[0]);
        store
            .raise_alarm(
                &event,
                kiosks[2].facts.kiosk.as_str(),
                "misfit",
                "a batch did not fit its checkpoint",
                NOW.plus_ms(-4 * MIN),
            )
            .unwrap();
        Self {
            _folder: folder,
            event,
            valid,
            revoked,
            corrected,
            store,
            objects,
            keys,
        }
    }
}

struct Maker<'a> {
    store: &'a Arc<SqliteStore>,
    objects: &'a Arc<FolderObjects>,
    keys: &'a Arc<Keys>,
    event: &'a EventId,
    badge_key: &'a BadgeKey,
    random: &'a Random,
}

const DOORS: &[(&str, &str, &[&str])] = &[
    ("hall-north", "Hall, north door", &["hall"]),
    ("hall-south", "Hall, south door", &["hall"]),
    ("studio", "Studio", &["studio"]),
    ("foyer", "Foyer", &["foyer"]),
    ("terrace", "Terrace gallery", &["gallery"]),
    ("annex", "Annex", &["annex"]),
    ("lounge", "Lounge", &["foyer"]),
];

impl Maker<'_> {
    fn accounts(&self) {
        let phc = password::hash(PASSWORD).unwrap();
        for (name, role, disabled) in [
            ("ada", Role::Administrator, false),
            ("rita", Role::Reviewer, false),
            ("aude", Role::Auditor, false),
            ("dora", Role::Door, false),
            ("gone", Role::Administrator, true),
        ] {
            let account = Account {
                id: name.into(),
                role,
                password: phc.clone(),
                created: at(0),
                disabled,
            };
            self.store.create_account(&account).unwrap();
        }
    }

    fn event(&self) {
        let new = NewEvent {
            id: self.event.clone(),
            title: "General Practice 2026".into(),
            zone: "Europe/Berlin".into(),
            languages: vec!["en".into(), "de".into()],
            names: NamePolicy::First,
            policy: DoorPolicy::default(),
            badge_key_id: self.badge_key.id(),
            badge_key: self
                .keys
                .seal_badge_key(self.event, self.badge_key, self.random),
            issuer: ISSUER.into(),
            issuer_key: self.keys.signing.public_key(),
            ledger: evidence::ledger_origin(ISSUER, self.event.as_str()).unwrap(),
        };
        self.store.create_event(&new, at(-60)).unwrap();
        for (door, title, rooms) in DOORS {
            let door = Door {
                id: id(door),
                title: (*title).into(),
                rooms: rooms.iter().map(|r| id(r)).collect(),
            };
            self.store
                .put_door(self.event, &door, None, at(-60))
                .unwrap();
        }
    }

    fn agenda(&self) {
        let rules = self.objects.put(RULES.as_bytes()).unwrap();
        let session =
            |name: &str, title: &str, room: &str, start: i64, end: i64, programme: Option<&str>| {
                Session {
                    title: title.into(),
                    programme: programme.map(id),
                    ..Session::plain(id(name), id(room), at(start), at(end))
                }
            };
        let agenda = Agenda {
            v: 1,
            zone: "Europe/Berlin".into(),
            rooms: [
                ("hall", "Great Hall"),
                ("studio", "Studio"),
                ("gallery", "Gallery"),
                ("foyer", "Foyer"),
                ("annex", "Annex"),
            ]
            .map(|(room, title)| Room {
                id: id(room),
                title: title.into(),
                part_of: None,
            })
            .into(),
            doors: DOORS
                .iter()
                .map(|(door, title, rooms)| Door {
                    id: id(door),
                    title: (*title).into(),
                    rooms: rooms.iter().map(|r| id(r)).collect(),
                })
                .collect(),
            channels: Vec::new(),
            sessions: vec![
                session(
                    "opening",
                    "Opening and antibiotics in primary care",
                    "hall",
                    0,
                    50,
                    Some("morning"),
                ),
                session(
                    "ethics",
                    "Ethics update: consent in practice",
                    "hall",
                    60,
                    110,
                    Some("morning"),
                ),
                session(
                    "posters",
                    "Poster round <guided> & coffee",
                    "gallery",
                    60,
                    105,
                    None,
                ),
                session(
                    "cardio",
                    "Cardiology for generalists",
                    "hall",
                    120,
                    170,
                    Some("day"),
                ),
                session(
                    "sono",
                    "Hands-on: ultrasound of the abdomen",
                    "studio",
                    120,
                    165,
                    Some("day"),
                ),
                session(
                    "panel",
                    "Panel: the practice of 2040",
                    "hall",
                    210,
                    270,
                    Some("day"),
                ),
                session(
                    "tomorrow",
                    "Respiratory medicine",
                    "hall",
                    1_440,
                    1_500,
                    Some("day"),
                ),
            ],
            programmes: [
                ("morning", "Morning programme"),
                ("day", "Rest of the conference"),
            ]
            .map(|(programme, title)| Programme {
                id: id(programme),
                title: title.into(),
                rules: Some(rules.to_hex()),
            })
            .into(),
        };
        let object = self
            .objects
            .put(&serde_json::to_vec(&agenda).unwrap())
            .unwrap();
        let programmes = agenda.programmes.iter().map(|p| ProgrammeFacts {
            id: p.id.clone(),
            title: p.title.clone(),
            rules: Some(rules),
        });
        let change = AgendaChange {
            base: None,
            object,
            programmes: programmes.collect(),
        };
        self.store
            .import_agenda(self.event, &change, &import("agenda", object), at(-50))
            .unwrap();
    }

    fn people(&self, people: usize) -> Vec<String> {
        let first = [
            "Anna", "Bert", "Chloë", "David", "Elif", "Farid", "Gesa", "Hugo", "Ines", "Jonas",
            "Katja", "Luis",
        ];
        let last = [
            "Adler", "Brandt", "Çelik", "Dupont", "Eriksson", "Fischer", "García", "Horvat", "Ito",
            "Jensen",
        ];
        let mut names: Vec<String> = [
            "Zoë Müller-Lüdenscheidt",
            "Mehmet Yılmaz",
            NASTY,
            "Nguyễn Thị Minh Khai",
            "Aleksandra Wiśniewska-Kowalczyk von und zu Hohenlohe-Öhringen",
            "Olga Petrowa",
        ]
        .map(String::from)
        .into();
        names.extend(
            (names.len()..people)
                .map(|n| format!("{} {}", first[n % first.len()], last[n % last.len()])),
        );
        names.truncate(people.max(6));
        let mut changes = Vec::new();
        for (n, name) in names.iter().enumerate() {
            let (attendee, code) = (id(&format!("a{n:05}")), format!("BADGE-{n:05}"));
            let digest = self.badge_key.digest(&code);
            let (key, wrapped) = self.keys.new_data_key(self.event, &attendee, self.random);
            let person = Person {
                position: None,
                externals: Vec::new(),
                v: Person::VERSION,
                name: name.clone(),
                email: (n % 3 == 0).then(|| format!("person{n}@example.org")),
                organisation: (n % 4 != 1).then(|| "City Practice <North> & Partners".into()),
                language: Some("de".into()),
                badges: vec![code.clone()],
            };
            let row = Row {
                name: Some(name.clone()),
                language: Some("de".into()),
            };
            changes.push(PersonChange {
                sealed: person.seal(self.event, &attendee, &key, self.random),
                key: wrapped,
                badge: (
                    digest,
                    self.badge_key.seal_row(&code, &row, random(self.random)),
                ),
                registration: Registration {
                    cancelled: n == 5,
                    ..Registration::plain(attendee.clone(), vec![digest])
                },
                attendee,
            });
        }
        let document = Registrations {
            v: 1,
            badge_key: self.badge_key.id(),
            registrations: changes.iter().map(|c| c.registration.clone()).collect(),
        };
        let object = self
            .objects
            .put(&serde_json::to_vec(&document).unwrap())
            .unwrap();
        self.store
            .import_registrations(
                self.event,
                None,
                &changes,
                &import("registrations", object),
                at(-40),
            )
            .unwrap();
        names
    }

    /// Issues all there are, revokes the second and corrects the third.
    fn certificates(&self) -> [CertificateId; 3] {
        let certifier = Certifier {
            store: Arc::clone(self.store) as Arc<dyn Store>,
            objects: Arc::clone(self.objects) as Arc<dyn ObjectStore>,
            keys: Arc::clone(self.keys),
            issuer: ISSUER.into(),
            public_url: "https://verify.example.org".into(),
            fonts: Fonts::embedded(),
            random: Arc::clone(self.random),
        };
        certifier
            .issue_event(self.event, NOW.plus_ms(-2 * MIN))
            .unwrap();
        let mut all: BTreeMap<String, _> = BTreeMap::new();
        for held in self.store.certificates(self.event).unwrap() {
            all.insert(held.entry.attendee.to_string(), held);
        }
        let mut all = all.into_values();
        let (valid, revoked, corrected) = (
            all.next().unwrap(),
            all.next().unwrap(),
            all.next().unwrap(),
        );
        certifier
            .revoke(
                &revoked.entry.certificate,
                "issued_in_error",
                "ada",
                NOW.plus_ms(-MIN),
            )
            .unwrap();

        let old = open_private(
            self.store.as_ref(),
            self.keys,
            self.event,
            corrected.entry.payload,
        )
        .unwrap()
        .unwrap();
        let mut payload: protocol::certificate::Payload = serde_json::from_slice(&old).unwrap();
        payload.version = 2;
        payload.name = format!("Dr. {}", payload.name);
        payload.issued = NOW.plus_ms(-MIN);
        let attendee = &corrected.entry.attendee;
        let (wrapped, _) = self
            .store
            .attendee(self.event, attendee)
            .unwrap()
            .person
            .unwrap();
        let key = self.keys.data_key(self.event, attendee, &wrapped).unwrap();
        let keep = |bytes: &[u8]| {
            let hash = sha256(bytes);
            let sealed = key.seal(
                &format!("private/{}/{hash}", self.event),
                bytes,
                self.random,
            );
            self.store
                .put_private(self.event, attendee, hash, &sealed)
                .unwrap();
            hash
        };
        let entry = protocol::ledger::Certificate {
            version: 2,
            payload: keep(&serde_json::to_vec(&payload).unwrap()),
            pdf: keep(b"%PDF-1.7 version 2"),
            ..corrected.entry.clone()
        };
        self.store
            .issue_certificate(self.event, &NewCertificate { entry }, NOW.plus_ms(-MIN))
            .unwrap();
        [valid, revoked, corrected].map(|held| held.entry.certificate)
    }
}

fn import(what: &str, object: Hash) -> protocol::ledger::Import {
    protocol::ledger::Import {
        what: what.into(),
        format: "csv".into(),
        object,
        file: sha256(b"file"),
        rows: 7,
        operator: None,
        reason: None,
    }
}
