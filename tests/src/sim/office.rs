//! The issuer: its real routes, intake, ledger, store and decider over a real database, called in the same process.
//!
//! A call is a signed HTTP request that is verified as any other. The process may end between two calls or in the middle of one; the database
//! then holds what its disk holds. A copy of the database may be taken, and put in its place later.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use attendance::UtcMs;
use attendance::words::{DoorId, EventId, KioskId, ProgrammeId};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use evidence::{Hash, PublicKey, SigningKey};
use issuer::api::{Api, Parties, router};
use issuer::decisions::Decider;
use issuer::export::{Origin, export};
use issuer::imports::{self, Desk, Source};
use issuer::keys::{Keys, Random as Bytes, random};
use issuer::sources::{AgendaImport, RegistrationsImport};
use issuer::store::batches::{AlarmFacts, BatchUnits as _};
use issuer::store::branches::BranchUnits as _;
use issuer::store::decisions::{DecisionFacts, DecisionUnits as _};
use issuer::store::enrolment::{EnrolmentUnits as _, KioskFacts, NewClaim};
use issuer::store::events::{EventUnits as _, LogEntry, NewEvent};
use issuer::store::{Documents, FolderObjects, ObjectStore, SqliteStore, Store, StoreError};
use kiosk::desk::NewEnrolment;
use kiosk::sync::transport::{Raw, Wire};
use protocol::agenda::Door;
use protocol::badge::BadgeKey;
use protocol::bundle::{DoorPolicy, NamePolicy};
use protocol::enrol::{Claim, EnrolRequest, Enrolled};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::clock::IssuerClock;
use super::disk::Image;

/// The issuer's name.
pub const ISSUER: &str = "sim.rollcall.example";
/// The event.
pub const EVENT: &str = "sim-2031";
/// Its one programme.
pub const PROGRAMME: &str = "main";
/// Where kiosks believe the issuer to be.
const URL: &str = "http://127.0.0.1:9";
/// The most entries read at once.
const PAGE: usize = 500;

/// The event's id.
pub fn event() -> EventId {
    EventId::new(EVENT).unwrap()
}

/// The programme's id.
pub fn programme() -> ProgrammeId {
    ProgrammeId::new(PROGRAMME).unwrap()
}

/// A process that serves.
struct Running {
    store: Arc<SqliteStore>,
    objects: Arc<FolderObjects>,
    documents: Documents,
    keys: Arc<Keys>,
    routes: Router,
    decider: Decider,
}

/// An issuer and its disk.
pub struct Office {
    folder: PathBuf,
    /// Its clock.
    pub clock: IssuerClock,
    clock_error_ms: u32,
    random: Bytes,
    runtime: Runtime,
    running: Option<Running>,
    copy: Option<Image>,
    claims: u64,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("issuer")
    }
}

/// Random bytes that are the same for the same seed.
fn counted(seed: u64) -> Bytes {
    let next = AtomicU64::new(0);
    Arc::new(move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let count = next.fetch_add(1, Ordering::Relaxed);
            let Hash(digest) = evidence::sha256(format!("{seed} {count}").as_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    })
}

/// An answer as it came, and whether the process ended over it.
#[derive(Debug)]
pub enum Called {
    /// The answer.
    Answered(Raw),
    /// Nobody listens.
    Down,
}

impl Office {
    /// An issuer with an empty database; it serves.
    pub fn new(folder: &Path, clock: IssuerClock, clock_error_ms: u32, seed: u64) -> Self {
        let mut office = Self {
            folder: folder.to_owned(),
            clock,
            clock_error_ms,
            random: counted(seed),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap(),
            running: None,
            copy: None,
            claims: 0,
        };
        office.start();
        office
    }

    fn database(&self) -> PathBuf {
        self.folder.join("issuer.db")
    }

    fn now(&self) -> UtcMs {
        self.clock.read()
    }

    /// Starts the process, where it does not run.
    pub fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        let store = Arc::new(SqliteStore::open(&self.database()).expect("the database opens"));
        let objects = Arc::new(FolderObjects::open(&self.folder.join("objects")).unwrap());
        let keys = Keys::load(
            &self.folder.join("master.key"),
            store.as_ref(),
            &self.random,
        );
        let keys = Arc::new(keys.expect("the keys load"));
        let clock = self.clock.clone();
        let api = Api::new(Parties {
            store: Arc::clone(&store) as Arc<dyn Store>,
            objects: Arc::clone(&objects) as Arc<dyn ObjectStore>,
            keys: Arc::clone(&keys),
            issuer: ISSUER.to_owned(),
            pins: Vec::new(),
            clock: Arc::new(move || clock.read()),
            clock_error_ms: self.clock_error_ms,
            random: Arc::clone(&self.random),
            enrol_limit: Arc::new(|_, _| Ok(())),
        });
        let decider = Decider::new(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&objects) as Arc<dyn ObjectStore>,
            ISSUER,
            keys.signing.public_key(),
        );
        self.running = Some(Running {
            store,
            objects,
            documents: Documents::default(),
            keys,
            routes: router(api),
            decider,
        });
    }

    /// Whether it serves.
    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    fn up(&self) -> &Running {
        self.running.as_ref().expect("the issuer runs")
    }

    /// The issuer's key.
    pub fn key(&self) -> PublicKey {
        self.up().keys.signing.public_key()
    }

    /// The issuer's signing key, for whoever holds the office.
    pub fn signing(&self) -> SigningKey {
        self.up().keys.signing.clone()
    }

    /// Makes the event.
    pub fn create_event(&self, repeat_s: u32, margin_s: u32) {
        let here = self.up();
        let badge_key = BadgeKey::from_bytes(random(&self.random));
        let new = NewEvent {
            id: event(),
            title: "Simulated Days".to_owned(),
            zone: "Europe/Vienna".to_owned(),
            languages: vec!["en".to_owned()],
            names: NamePolicy::First,
            policy: DoorPolicy { repeat_s, margin_s },
            badge_key_id: badge_key.id(),
            badge_key: here.keys.seal_badge_key(&event(), &badge_key, &self.random),
            issuer: ISSUER.to_owned(),
            issuer_key: here.keys.signing.public_key(),
            ledger: format!("{ISSUER}/event/{EVENT}"),
        };
        here.store.create_event(&new, self.now()).unwrap();
    }

    /// The event's badge key.
    pub fn badge_key(&self) -> BadgeKey {
        let facts = self.up().store.event(&event()).unwrap();
        let opened = self.up().keys.open_badge_key(&event(), &facts.badge_key);
        opened.expect("it opens")
    }

    fn desk(&self) -> Desk<'_> {
        let here = self.up();
        Desk {
            store: here.store.as_ref(),
            objects: here.objects.as_ref(),
            documents: &here.documents,
            keys: &here.keys,
            random: &self.random,
            now: self.now(),
        }
    }

    /// Imports an agenda.
    pub fn import_agenda(&self, agenda: &AgendaImport) {
        let source = self.source(format!("{agenda:?}").as_bytes());
        imports::agenda::import(self.desk(), &event(), agenda, source, false).unwrap();
    }

    /// Imports registrations.
    pub fn import_people(&self, people: &RegistrationsImport) {
        let source = self.source(format!("{} rows", people.rows.len()).as_bytes());
        imports::registrations::import(self.desk(), &event(), people, source, false).unwrap();
    }

    fn source(&self, bytes: &[u8]) -> Source<'static> {
        Source {
            format: "csv",
            file: evidence::sha256(bytes),
            rows: 1,
        }
    }

    /// Adopts a rule set.
    pub fn adopt_rules(&self, text: &str) {
        imports::agenda::adopt_rules(self.desk(), &event(), &programme(), text).unwrap();
    }

    /// Adds a door.
    pub fn put_door(&self, door: &Door) {
        imports::agenda::put_door(self.desk(), &event(), door).unwrap();
    }

    /// Makes a claim on a door.
    pub fn claim(&mut self, door: &DoorId) -> Claim {
        self.claims += 1;
        let secret = format!("secret-{}", self.claims);
        let here = self.up();
        here.store
            .put_claim(&NewClaim {
                secret: evidence::sha256(secret.as_bytes()),
                event: event(),
                door: door.clone(),
                expires: self.now().plus_ms(3_600_000),
            })
            .unwrap();
        Claim {
            url: URL.to_owned(),
            secret,
            issuer_key: here.keys.signing.public_key(),
            tls_pin: None,
        }
    }

    /// Enrols a key at a door, over the real call and the kiosk's own checks.
    pub fn enrol(&mut self, door: &DoorId, key: &SigningKey) -> NewEnrolment {
        let claim = self.claim(door);
        let request = EnrolRequest::new(&claim.secret, key, "rollcall-sim");
        let wire = Wire {
            method: "POST",
            path: protocol::enrol::PATH.to_owned(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: serde_json::to_vec(&request).unwrap(),
        };
        let Called::Answered(raw) = self.call(&wire) else {
            panic!("the issuer is down");
        };
        assert_eq!(raw.status, 200, "{}", String::from_utf8_lossy(&raw.body));
        let enrolled: Enrolled = serde_json::from_slice(&raw.body).unwrap();
        kiosk::enrol::check(&claim, key.clone(), enrolled).expect("the answer holds")
    }

    /// A call, as it goes over the wire.
    pub fn call(&self, wire: &Wire) -> Called {
        let Some(here) = &self.running else {
            return Called::Down;
        };
        let mut request = Request::builder().method(wire.method).uri(&wire.path);
        for (name, value) in &wire.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(wire.body.clone())).unwrap();
        let routes = here.routes.clone();
        let raw = self.runtime.block_on(async move {
            let response = routes.oneshot(request).await.expect("routes answer");
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            Raw {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.to_vec(),
            }
        });
        Called::Answered(raw)
    }

    /// The process ends between two calls.
    pub fn crash(&mut self) {
        if self.running.is_some() {
            let image = Image::of(&self.database());
            self.end_with(&image);
        }
    }

    /// The power goes within a call: nobody hears the answer.
    pub fn crash_within(&mut self, wire: &Wire, random: &mut crate::random::Random) {
        if self.running.is_some() {
            let before = Image::of(&self.database());
            let _ = self.call(wire);
            let after = Image::of(&self.database());
            let image = Image::torn(&before, &after, random);
            self.end_with(&image);
        }
    }

    fn end_with(&mut self, image: &Image) {
        self.running = None;
        image.restore(&self.database());
    }

    /// Keeps a copy of the database.
    pub fn back_up(&mut self) {
        self.copy = Some(Image::of(&self.database()));
    }

    /// Puts the copy in the database's place. Whether there was one.
    pub fn restore(&mut self) -> bool {
        let Some(image) = self.copy.clone() else {
            return false;
        };
        self.end_with(&image);
        self.start();
        true
    }

    /// Lets the decider run once.
    pub fn decide(&mut self) {
        let now = self.now();
        let Some(here) = &mut self.running else {
            return;
        };
        match here.decider.run_once(now) {
            Ok(_) => {}
            // It signs nothing then; the program says so and tries again later.
            Err(StoreError::LostHead { .. }) => assert!(self.is_lost(), "no head is lost"),
            Err(error) => panic!("the database answers: {error:?}"),
        }
    }

    /// Lets the decider run until nothing is due.
    pub fn settle(&mut self) {
        // Where a head was shown last of all that a restored issuer lacks, staff say how to go on before anything is signed.
        if self.running.is_some() {
            self.recover();
        }
        let now = self.now();
        if let Some(here) = &mut self.running {
            let run = here.decider.settle(now).expect("the database answers");
            assert_eq!(run.put_off, 0, "a decision could not be made");
        }
    }

    /// The kiosks that were ever enrolled.
    pub fn kiosks(&self) -> Vec<KioskFacts> {
        self.up().store.kiosks(&event()).unwrap()
    }

    /// What it holds of a log.
    pub fn entries(&self, kiosk: &KioskId) -> Vec<LogEntry> {
        let mut all = Vec::new();
        loop {
            let from = u64::try_from(all.len()).unwrap();
            let page = self.up().store.entries(kiosk, from, PAGE).unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    /// Whether a kiosk has shown a head of the ledger that this database lacks, and nobody has decided to go on without it.
    pub fn is_lost(&self) -> bool {
        self.running.as_ref().is_some_and(|here| {
            let lost = here.store.lost_head(&event()).unwrap();
            lost.is_some_and(|lost| lost.settled.is_none())
        })
    }

    /// A person decides to go on without the ledger's lost head. Whether there was one.
    pub fn recover(&self) -> bool {
        let lost = self.is_lost();
        if lost {
            let store = &self.up().store;
            let done = store.settle_lost_head(&event(), "backup_restored", "admin", self.now());
            done.expect("it is lost");
        }
        lost
    }

    /// What it keeps of a log's branches.
    pub fn branch_entries(&self, kiosk: &KioskId) -> Vec<LogEntry> {
        let store = &self.up().store;
        let mut all = Vec::new();
        for branch in store.branches(kiosk).unwrap() {
            let mut from = branch.base;
            loop {
                let page = store.branch_entries(branch.number, from, PAGE).unwrap();
                let Some(last) = page.last() else {
                    break;
                };
                from = last.index + 1;
                all.extend(page);
            }
        }
        all
    }

    /// Its alarms.
    pub fn alarms(&self) -> Vec<AlarmFacts> {
        self.up().store.alarms(&event()).unwrap()
    }

    /// Its decisions.
    pub fn decisions(&self) -> Vec<DecisionFacts> {
        self.up().store.decisions(&event()).unwrap()
    }

    /// The ledger's root at a size; `None` beyond it.
    pub fn ledger_root_at(&self, size: u64) -> Option<Hash> {
        self.up().store.ledger_root_at(&event(), size).ok()
    }

    /// The agenda in force.
    pub fn agenda(&self) -> protocol::agenda::Agenda {
        let agenda = imports::agenda::current(self.desk(), &event()).unwrap();
        agenda.expect("there is an agenda")
    }

    /// The registrations in force.
    pub fn registrations(&self) -> protocol::agenda::Registrations {
        use issuer::store::events::Versioned;
        let here = self.up();
        let version = here.store.version(&event(), Versioned::Registrations);
        let version = version.unwrap().expect("there are registrations");
        let bytes = here
            .objects
            .get(version.object)
            .unwrap()
            .expect("it is held");
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The event's evidence bundle as files in memory.
    pub fn export(&self) -> audit::files::Memory {
        let here = self.up();
        let out = self.folder.join("evidence.tar");
        let origin = Origin {
            store: here.store.as_ref(),
            objects: here.objects.as_ref(),
            keys: &here.keys,
            issuer: ISSUER,
            software: "rollcall-sim",
        };
        export(origin, &event(), &out, self.now()).expect("it exports");
        let archive = crate::archive::Archive::read(&out);
        std::fs::remove_file(&out).unwrap();
        archive.files
    }
}
