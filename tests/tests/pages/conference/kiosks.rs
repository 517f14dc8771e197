//! The morning's kiosks: what they record, deliver, witness and say of themselves.

use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{Direction, DirectionSource, Verdict};
use attendance::{Outcome, Reason, UtcMs};
use evidence::{Checkpoint, Frontier, SigningKey, cosign, leaf_hash, sha256, sign_checkpoint};
use issuer::intake::meaning::{Parties, prepare};
use issuer::store::batches::BatchOutcome;
use issuer::store::enrolment::{KioskFacts, NewClaim, Redeemed, Redemption};
use issuer::store::{BatchUnits as _, EnrolmentUnits as _, EventUnits as _};
use protocol::batch::{self, Head, Leaf};
use protocol::entry::{self, Body, Boot, BootCause, Clock, Entry, NoteText, Provisional, Scan};
use protocol::status::{KioskStatus, ReaderStatus};
use protocol::time::{TimeRequest, answer};

use super::{DOORS, ISSUER, MIN, Maker, NOW, RULES, at, id};

const BOOT: &str = "aaaaaaaa-0000-4000-8000-000000000000";

pub(super) struct Kiosk {
    pub(super) facts: KioskFacts,
    key: SigningKey,
    rooms: Vec<String>,
    entries: Vec<Vec<u8>>,
    sent: u64,
    is_set: bool,
}

impl Maker<'_> {
    pub(super) fn kiosks(&self) -> Vec<Kiosk> {
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
    pub(super) fn morning(&self, kiosks: &mut [Kiosk], people: usize) {
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
    pub(super) fn witness(&self, kiosk: &mut Kiosk) {
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

    pub(super) fn statuses(&self, kiosks: &[Kiosk]) {
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
