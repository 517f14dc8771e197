//! From a scan to a certificate, its revocation and the auditor, by commands. The kiosk is keys and entries.
#![allow(clippy::unwrap_used, clippy::panic)]

mod desk;

use attendance::UtcMs;
use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{Direction, DirectionSource, Verdict as Shown};
use audit::report::Verdict;
use audit::verify::{Options, verify};
use desk::{Desk, ISSUER, PASSWORD, unpack};
use evidence::{Checkpoint, Frontier, SigningKey, cosign, leaf_hash, sha256, sign_checkpoint};
use issuer::intake::meaning::{Parties, prepare};
use issuer::keys::{Keys, system_random};
use issuer::store::batches::BatchOutcome;
use issuer::store::enrolment::{KioskFacts, Redeemed, Redemption};
use issuer::store::{SqliteStore, Store};
use protocol::batch::{self, Head, Leaf};
use protocol::enrol::Claim;
use protocol::entry::{self, Body, Boot, BootCause, Entry, Note, NoteText, Scan};
use protocol::text::instant;

const MINUTE_MS: i64 = 60_000;
const BADGE: &str = "K7QX-3MPA-9TZD-WH4E";
const RULES: &str = "format = \"rollcall-rules/1\"\nname = \"Test\"\nminutes_per_credit = \"60\"\nstep = \"0.5\"\n\
                     threshold = { share = \"0.8\" }\nmissing_check_in = \"none\"\n";

fn now() -> UtcMs {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    UtcMs(i64::try_from(since.as_millis()).unwrap())
}

struct Kiosk {
    store: Box<dyn Store>,
    keys: Keys,
    facts: KioskFacts,
    key: SigningKey,
    began: UtcMs,
    entries: Vec<Vec<u8>>,
    sent: usize,
}

impl Kiosk {
    fn enrol(desk: &Desk, claim: &Claim, began: UtcMs) -> Self {
        let store: Box<dyn Store> =
            Box::new(SqliteStore::open_existing(&desk.path("data/issuer.db")).unwrap());
        let keys = Keys::load(
            &desk.path("data/master.key"),
            store.as_ref(),
            &system_random(),
        )
        .unwrap();
        let key = SigningKey::from_seed(&[3; 32]);
        let redemption = Redemption {
            secret: sha256(claim.secret.as_bytes()),
            public_key: key.public_key(),
            software: "test".to_owned(),
            suffix: "k1".to_owned(),
            issuer: ISSUER.to_owned(),
        };
        let Redeemed::Kiosk(facts) = store.redeem_claim(&redemption, now()).unwrap() else {
            panic!("the claim was refused");
        };
        Self {
            store,
            keys,
            facts: *facts,
            key,
            began,
            entries: Vec::new(),
            sent: 0,
        }
    }

    fn add(&mut self, after_min: i64, body: Body) {
        let passed_ms = after_min * MINUTE_MS;
        let stamp = Stamp {
            wall: self.began.plus_ms(passed_ms),
            boot: BootId::new("aaaaaaaa-0000-4000-8000-000000000000").unwrap(),
            raw_ms: u64::try_from(passed_ms).unwrap(),
            sync: Sync::Synced,
            error_ms: Some(5),
        };
        self.entries
            .push(entry::encode(&Entry { stamp, body }).unwrap());
    }

    fn scan(&mut self, after_min: i64, direction: Direction, verdict: Shown) {
        let event = self.store.event(&self.facts.event).unwrap();
        let badge_key = self
            .keys
            .open_badge_key(&event.id, &event.badge_key)
            .unwrap();
        let scan = Scan {
            door: self.facts.door.clone(),
            rooms: vec!["hall".parse().unwrap()],
            reader: "r1".parse().unwrap(),
            symbology: None,
            badge: badge_key.reference(BADGE),
            attendee: None,
            direction,
            direction_source: DirectionSource::Reader,
            verdict,
            prior: None,
            provisional: Vec::new(),
            bundle: 1,
        };
        self.add(after_min, Body::Scan(Box::new(scan)));
    }

    fn send(&mut self) {
        let mut frontier = Frontier::new();
        frontier.append_all(self.entries.iter().map(|e| leaf_hash(e)));
        let size = u64::try_from(self.entries.len()).unwrap();
        let head = Checkpoint::new(&self.facts.origin, size, frontier.root()).unwrap();
        let head = Head {
            start: u64::try_from(self.sent).unwrap(),
            checkpoint: sign_checkpoint(&head, &self.key),
            ledger_size: 0,
            ledger: None,
        };
        let leaves: Vec<Leaf<'_>> = self.entries[self.sent..]
            .iter()
            .map(|e| Leaf::Entry(e))
            .collect();
        let bytes = batch::write(&head, &leaves).unwrap();
        let ledger = self.store.event(&self.facts.event).unwrap().ledger;
        let parties = Parties {
            kiosk: &self.facts,
            issuer: ISSUER,
            issuer_key: &self.keys.signing.public_key(),
            ledger: &ledger,
        };
        let outcome = self
            .store
            .accept_batch(&prepare(&bytes, parties).unwrap(), now())
            .unwrap();
        assert!(matches!(outcome, BatchOutcome::Held(_)), "{outcome:?}");
        self.sent = self.entries.len();
    }

    /// Cosigns the ledger's head, as a kiosk does that has seen it.
    fn witness(&mut self, after_min: i64) {
        let head = self.store.ledger_head(&self.facts.event).unwrap();
        let head = Checkpoint::new(&head.origin, head.size, head.root).unwrap();
        let note = sign_checkpoint(&head, &self.keys.signing);
        let time_s = u64::try_from(now().0 / 1_000).unwrap();
        let note = cosign(&note, &self.facts.origin, &self.key, time_s).unwrap();
        self.add(after_min, Body::LedgerHead(NoteText { note }));
    }
}

/// An event whose one session began two hours ago and lasted one, with a door and a claim on it.
fn event(desk: &Desk, began: UtcMs) -> Claim {
    let at = |minutes: i64| instant(began.plus_ms(minutes * MINUTE_MS));
    let agenda = format!(
        "session,title,room,start,end\ns1,Opening,hall,{},{}\n",
        at(10),
        at(70)
    );
    desk.import("agenda", "agenda.csv", &agenda, &[])
        .check(0, &[]);
    let people = format!("badge,name\n{BADGE},Zoë Łukasik\nR2VN-8CYB-4JFS-XK6T,Tom Baker\n");
    desk.import("registrations", "people.csv", &people, &[])
        .check(0, &[]);
    let rules = desk.write("rules.toml", RULES);
    desk.good(&[
        "rules",
        "adopt",
        "--event",
        "gp-2026",
        "--programme",
        "main",
        "--file",
        &rules,
    ]);
    desk.good(&[
        "door", "add", "--event", "gp-2026", "--door", "front", "--title", "Front", "--room",
        "hall",
    ]);
    desk.run_with(
        &["user", "add", "--id", "ada", "--role", "administrator"],
        PASSWORD,
    )
    .check(0, &[]);
    Claim::parse(
        &desk
            .good(&["claim", "--event", "gp-2026", "--door", "front"])
            .out,
    )
    .unwrap()
}

fn exported(desk: &Desk, name: &str) -> audit::report::Report {
    let out = desk.path(name);
    desk.good(&[
        "export",
        "--event",
        "gp-2026",
        "--out",
        out.to_str().unwrap(),
    ]);
    let files = unpack(&out);
    verify(&files, &Options::default(), &mut |_| {})
}

#[test]
fn a_scan_becomes_a_certificate_that_can_be_revoked() {
    let desk = Desk::with_event();
    let began = now().plus_ms(-120 * MINUTE_MS);
    let claim = event(&desk, began);
    let mut kiosk = Kiosk::enrol(&desk, &claim, began);
    kiosk.add(
        0,
        Body::Boot(Boot {
            cause: BootCause::Start,
            boottime_ms: 0,
            software: "test".to_owned(),
            floor: began,
        }),
    );
    kiosk.scan(9, Direction::In, Shown::CheckedIn);
    kiosk.send();
    let issue = ["issue", "--event", "gp-2026"];
    desk.good(&issue).check(
        0,
        &[
            "2 waiting for their programme",
            "waits for:",
            "the door front: its entries are held up to",
        ],
    );

    kiosk.scan(71, Direction::Out, Shown::CheckedOut);
    kiosk.add(
        80,
        Body::Note(Note {
            code: "end".to_owned(),
            numbers: Default::default(),
        }),
    );
    kiosk.send();
    desk.good(&issue).check(
        0,
        &[
            "waits     for a kiosk to witness",
            "1 without a certificate",
        ],
    );
    kiosk.witness(81);
    kiosk.send();
    let said = desk.good(&issue).check(
        0,
        &[
            "issued    ",
            "1 issued, 1 without a certificate.",
            "export --event gp-2026",
        ],
    );
    let line = said
        .out
        .lines()
        .find(|line| line.contains("issued    "))
        .unwrap();
    let code = line.split_whitespace().last().unwrap().to_owned();
    assert!(!said.out.contains("Zo"), "{}", said.out);
    desk.good(&issue)
        .check(0, &[&format!("has       {code}"), "1 issued before"]);
    desk.good(&["report", "attendance", "--event", "gp-2026"])
        .check(0, &[&format!("{code},valid"), "Zoë Łukasik", "final"]);

    let report = exported(&desk, "before.tar");
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    let revoke = [
        "revoke",
        &code,
        "--reason",
        "issued_in_error",
        "--operator",
        "ada",
    ];
    desk.refuses(
        &[
            "revoke",
            &code,
            "--reason",
            "issued_in_error",
            "--operator",
            "eve",
        ],
        1,
        &["no account"],
    );
    desk.good(&revoke)
        .check(0, &["is revoked", &format!("/c/{code}")]);
    desk.refuses(&revoke, 1, &["was revoked at", "ada"]);
    desk.good(&["report", "attendance", "--event", "gp-2026"])
        .check(0, &[&format!("{code},revoked")]);
    let report = exported(&desk, "after.tar");
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
}
