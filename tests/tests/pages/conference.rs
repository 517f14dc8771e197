//! A morning at a conference, put into a store through its units: six kiosks in every state, people with names that try
//! things, sessions past, running and ahead, decisions and certificates. The same calls give the same morning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{CertificateId, Direction, DirectionSource, EventId, Verdict};
use attendance::{Outcome, Reason, UtcMs};
use evidence::{
    Checkpoint, Frontier, Hash, SigningKey, cosign, leaf_hash, sha256, sign_checkpoint,
};
use issuer::access::{Access, password};
use issuer::certificates::issue::{Certifier, open_private};
use issuer::certificates::pdf::Fonts;
use issuer::decisions::Decider;
use issuer::intake::meaning::{Parties, prepare};
use issuer::keys::{Keys, Person, Random, random};
use issuer::store::accounts::{Account, Role};
use issuer::store::batches::BatchOutcome;
use issuer::store::decisions::NewCertificate;
use issuer::store::enrolment::{KioskFacts, NewClaim, Redeemed, Redemption};
use issuer::store::events::{AgendaChange, NewEvent, ProgrammeFacts};
use issuer::store::people::PersonChange;
use issuer::store::{
    AccountUnits as _, BatchUnits as _, DecisionUnits as _, EnrolmentUnits as _, EventUnits as _,
    FolderObjects, ObjectStore, PeopleUnits as _, SqliteStore, Store,
};
use issuer::web::Pages;
use protocol::agenda::{Agenda, Door, Programme, Registration, Registrations, Room, Session};
use protocol::badge::{BadgeKey, Row};
use protocol::batch::{self, Head, Leaf};
use protocol::bundle::{DoorPolicy, NamePolicy};
use protocol::entry::{self, Body, Boot, BootCause, Clock, Entry, NoteText, Provisional, Scan};
use protocol::status::{KioskStatus, ReaderStatus};
use protocol::time::{TimeRequest, answer};

/// 2026-11-23T09:40:00Z: 10:40 at the conference.
pub(crate) const NOW: UtcMs = UtcMs(1_795_426_800_000);
pub(crate) const PASSWORD: &str = "correct horse battery";
/// A name that no page may take as its own.
pub(crate) const NASTY: &str = "<script>alert(\"x\")</script> & Söhne";
const ISSUER: &str = "ce.example.org";
const MIN: i64 = 60_000;
const BOOT: &str = "aaaaaaaa-0000-4000-8000-000000000000";
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

struct Kiosk {
    facts: KioskFacts,
    key: SigningKey,
    rooms: Vec<String>,
    entries: Vec<Vec<u8>>,
    sent: u64,
    is_set: bool,
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

    fn kiosks(&self) -> Vec<Kiosk> {
        let enrolled = DOORS.iter().zip(1_u8..).take(6);
        enrolled
            .map(|((door, _, rooms), seed)| {
                let (key, secret) = (SigningKey::from_seed(&[seed; 32]), sha256(&[seed]));
                let claim = NewClaim {
                    secret,
                    event: self.event.clone(),
                    door: id(door),
                    expires: at(0),
                };
                self.store.put_claim(&claim).unwrap();
                let redemption = Redemption {
                    secret,
                    public_key: key.public_key(),
                    software: "rollcall-kiosk 0.1.0".into(),
                    suffix: format!("k{seed}"),
                    issuer: ISSUER.into(),
                };
                let facts = match self.store.redeem_claim(&redemption, at(-30)).unwrap() {
                    Redeemed::Kiosk(facts) => *facts,
                    Redeemed::Refused(fault) => panic!("{fault:?}"),
                };
                let rooms = rooms.iter().map(|r| (*r).to_owned()).collect();
                Kiosk {
                    facts,
                    key,
                    rooms,
                    entries: vec![],
                    sent: 0,
                    is_set: *door != "terrace",
                }
            })
            .collect()
    }

    /// The scans of the morning, each kiosk's in its order of time, delivered every five minutes.
    fn morning(&self, kiosks: &mut [Kiosk], people: usize) {
        let mut scans: Vec<(i64, usize, usize, Direction)> = Vec::new();
        use Direction::{In, Out};
        // Seconds of the morning. The first goes out for seven minutes, the second forgets to check out.
        scans.extend([
            (-120, 0, 0, In),
            (3_120, 1, 0, Out),
            (3_700, 0, 0, In),
            (5_100, 1, 0, Out),
            (5_520, 1, 0, In),
        ]);
        scans.extend([
            (6_660, 0, 0, Out),
            (7_260, 0, 0, In),
            (-60, 0, 1, In),
            (7_300, 0, 1, In),
            (60, 1, 2, In),
            (3_060, 1, 2, Out),
        ]);
        scans.extend([
            (3_650, 0, 2, In),
            (4_500, 0, 2, Out),
            (3_600, 4, 3, In),
            (6_200, 4, 3, Out),
        ]);
        for n in 3..people {
            let late = i64::try_from(n % 40).unwrap() * 11;
            scans.extend([(-200 + late, n % 2, n, In), (3_020 + late, n % 2, n, Out)]);
            scans.extend([(3_480 + late, n % 2, n, In), (6_620 + late, n % 2, n, Out)]);
            match n % 3 {
                0 => scans.push((7_100 + late, 2, n, In)),
                1 => scans.push((7_130 + late, n % 2, n, In)),
                _ => scans.push((7_160 + late, 5, n, In)),
            }
        }
        scans.sort();
        for (number, kiosk) in kiosks.iter_mut().enumerate() {
            kiosk.add(
                at(-25),
                Body::Boot(Boot {
                    cause: BootCause::Start,
                    boottime_ms: 0,
                    software: "rollcall-kiosk 0.1.0".into(),
                    floor: at(-60),
                }),
            );
            let mut next = -20;
            // The south door was last heard at 10:20, the studio delivers nothing since 10:30.
            let last = match number {
                1 => 140,
                2 => 150,
                4 => 100,
                _ => 159,
            };
            for (second, _, person, direction) in scans.iter().filter(|scan| scan.1 == number) {
                let when = at(0).plus_ms(second * 1_000);
                while next < last && at(next) <= when {
                    self.beat(kiosk, at(next));
                    next += 5;
                }
                let scan = self.scan(kiosk, *person, *direction, *second);
                kiosk.add(when, scan);
            }
            while next < last {
                self.beat(kiosk, at(next));
                next += 5;
            }
            if number != 1 && number != 2 {
                self.beat(kiosk, NOW.plus_ms(-30_000));
            }
            // Something no build knows is put aside, and what follows goes on.
            if number == 3 {
                kiosk
                    .entries
                    .push(br#"{"v":1,"kind":"selfie","time":{},"body":{}}"#.to_vec());
                self.send(kiosk, NOW.plus_ms(-20_000));
            }
        }
    }

    fn scan(&self, kiosk: &Kiosk, person: usize, direction: Direction, second: i64) -> Body {
        let provisional = Provisional {
            programme: id("morning"),
            outcome: if second > 6_000 {
                Outcome::Full
            } else {
                Outcome::Partial
            },
            credits: Some(if second > 6_000 { "2" } else { "1" }.parse().unwrap()),
            reason: if second > 6_000 {
                Reason::MetDurationThreshold
            } else {
                Reason::PartialCredit
            },
            present_ms: second.clamp(0, 6_000) * 900,
            scheduled_ms: 100 * MIN,
            rules: sha256(RULES.as_bytes()).to_hex(),
            engine: attendance::ENGINE.into(),
        };
        Body::Scan(Box::new(Scan {
            door: kiosk.facts.door.clone(),
            rooms: kiosk.rooms.iter().map(|r| id(r)).collect(),
            reader: id("usb-1"),
            symbology: Some("qr".into()),
            badge: self.badge_key.reference(&format!("BADGE-{person:05}")),
            attendee: Some(id(&format!("a{person:05}"))),
            direction,
            direction_source: DirectionSource::Reader,
            verdict: if direction == Direction::In {
                Verdict::CheckedIn
            } else {
                Verdict::CheckedOut
            },
            prior: None,
            provisional: if (3_000..7_000).contains(&second) {
                vec![provisional]
            } else {
                vec![]
            },
            bundle: 3,
        }))
    }

    /// A time exchange and a batch; the receipt is journalled.
    fn beat(&self, kiosk: &mut Kiosk, when: UtcMs) {
        if kiosk.is_set {
            let request = TimeRequest {
                nonce: hex::encode(&sha256(&when.0.to_be_bytes()).0[..16]),
            };
            let signed = answer(&request, when, when, 20, &self.keys.signing);
            let raw_ms = raw_ms(when);
            kiosk.add(
                when,
                Body::Clock(Clock {
                    nonce: signed.nonce,
                    sent_raw_ms: raw_ms - 30,
                    issuer_received: signed.received,
                    issuer_sent: signed.sent,
                    received_raw_ms: raw_ms + 30,
                    issuer_error_ms: signed.error_ms,
                    signature: signed.signature,
                }),
            );
        }
        self.send(kiosk, when);
    }

    fn send(&self, kiosk: &mut Kiosk, when: UtcMs) {
        let ledger = evidence::ledger_origin(ISSUER, self.event.as_str()).unwrap();
        let mut frontier = Frontier::new();
        frontier.append_all(kiosk.entries.iter().map(|e| leaf_hash(e)));
        let size = kiosk.entries.len() as u64;
        let head = Checkpoint::new(&kiosk.facts.origin, size, frontier.root()).unwrap();
        let head = Head {
            start: kiosk.sent,
            checkpoint: sign_checkpoint(&head, &kiosk.key),
            ledger_size: 0,
            ledger: None,
        };
        let first = usize::try_from(kiosk.sent).unwrap();
        let leaves: Vec<Leaf<'_>> = kiosk.entries[first..]
            .iter()
            .map(|e| Leaf::Entry(e))
            .collect();
        let bytes = batch::write(&head, &leaves).unwrap();
        let issuer_key = self.keys.signing.public_key();
        let parties = Parties {
            kiosk: &kiosk.facts,
            issuer: ISSUER,
            issuer_key: &issuer_key,
            ledger: &ledger,
        };
        let prepared = prepare(&bytes, parties).unwrap();
        let held = match self.store.accept_batch(&prepared, when).unwrap() {
            BatchOutcome::Held(held) => held,
            other => panic!("{other:?}"),
        };
        kiosk.sent = held.size;
        let note = cosign(&held.note, ISSUER, &self.keys.signing, held.receipt_s).unwrap();
        kiosk.add(when.plus_ms(200), Body::Receipt(NoteText { note }));
    }

    /// The kiosk cosigns the ledger's head and delivers that.
    fn witness(&self, kiosk: &mut Kiosk) {
        let head = self.store.ledger_head(self.event).unwrap();
        let note = sign_checkpoint(
            &Checkpoint::new(&head.origin, head.size, head.root).unwrap(),
            &self.keys.signing,
        );
        let time_s = u64::try_from(NOW.0 / 1_000).unwrap() - 25;
        let note = cosign(&note, &kiosk.facts.origin, &kiosk.key, time_s).unwrap();
        kiosk.add(NOW.plus_ms(-25_000), Body::LedgerHead(NoteText { note }));
        self.send(kiosk, NOW.plus_ms(-24_000));
    }

    fn statuses(&self, kiosks: &[Kiosk]) {
        let reader = |state: &str| ReaderStatus {
            reader: "usb-1".into(),
            kind: "hid".into(),
            state: state.into(),
            scans: 412,
            refused: 3,
        };
        for (number, kiosk) in kiosks.iter().enumerate() {
            let well = KioskStatus {
                software: "rollcall-kiosk 0.1.0".into(),
                bundle: Some(3),
                log_size: kiosk.entries.len() as u64,
                clock: "synced".into(),
                anchored: true,
                clock_offset_ms: Some(12),
                disk_free_mib: 24_576,
                uptime_s: 11_100,
                readers: vec![
                    reader("attached"),
                    ReaderStatus {
                        reader: "serial-1".into(),
                        kind: "serial".into(),
                        ..reader("attached")
                    },
                ],
                ..KioskStatus::default()
            };
            let (status, when) = match number {
                1 => (
                    KioskStatus {
                        backlog: 14,
                        backlog_oldest: Some(at(139)),
                        ..well
                    },
                    at(140),
                ),
                2 => (
                    KioskStatus {
                        backlog: 37,
                        backlog_oldest: Some(at(151)),
                        ..well
                    },
                    NOW.plus_ms(-6_000),
                ),
                3 => (
                    KioskStatus {
                        readers: vec![reader("lost")],
                        alarms: vec!["bundle_expired".into()],
                        ..well
                    },
                    NOW.plus_ms(-70_000),
                ),
                4 => (
                    KioskStatus {
                        clock: "unset".into(),
                        anchored: false,
                        clock_offset_ms: None,
                        bundle: None,
                        ..well
                    },
                    NOW.plus_ms(-9_000),
                ),
                5 => (
                    KioskStatus {
                        backlog: 9,
                        backlog_oldest: Some(at(158)),
                        ..well
                    },
                    NOW.plus_ms(-3_000),
                ),
                _ => (well, NOW.plus_ms(-8_000)),
            };
            let body = serde_json::to_string(&status).unwrap();
            self.store
                .put_status(&kiosk.facts.kiosk, &body, when)
                .unwrap();
        }
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
    }
}

fn raw_ms(when: UtcMs) -> u64 {
    u64::try_from(when.0 - at(-25).0).unwrap() + 5_000
}

impl Kiosk {
    fn add(&mut self, when: UtcMs, body: Body) {
        let stamp = Stamp {
            wall: when,
            boot: BootId::new(BOOT).unwrap(),
            raw_ms: raw_ms(when),
            sync: if self.is_set {
                Sync::Synced
            } else {
                Sync::Unset
            },
            error_ms: self.is_set.then_some(5),
        };
        self.entries
            .push(entry::encode(&Entry { stamp, body }).unwrap());
    }
}
