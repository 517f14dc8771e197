//! The calls as a kiosk makes them, without a network.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use attendance::words::{Direction, DoorId};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use evidence::{Receipt, SigningKey, open_checkpoint};
use protocol::badge::BadgeKey;
use protocol::batch::{Accepted, MAX_BATCH_BYTES};
use protocol::bundle;
use protocol::enrol::{EnrolRequest, Enrolled};
use protocol::http_signature::{self, NONCE};
use protocol::presence::Presence;
use protocol::problem::{Code, Problem};
use protocol::status::KioskStatus;
use protocol::time::{TimeAnswer, TimeRequest};
use tower::ServiceExt as _;

use super::{Api, Parties, router};
use crate::keys::Keys;
use crate::store::enrolment::NewClaim;
use crate::store::events::NewEvent;
use crate::store::{EventUnits as _, FolderObjects, SqliteStore};
use crate::testing::{
    FakeKiosk, ISSUER, NOON, TestClock, attendee, counted_random, door, event_id, new_event,
    register,
};

/// An issuer with an event and a door, and everything to call it.
struct Issuer {
    parties: Arc<Parties>,
    clock: TestClock,
    enrolments_left: Arc<AtomicU32>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn problem(&self) -> (u16, Code) {
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(self.headers["content-type"], protocol::problem::MEDIA_TYPE);
        assert_eq!(problem.status, self.status.as_u16());
        (problem.status, problem.code().unwrap())
    }

    fn read<T: serde::de::DeserializeOwned>(&self) -> T {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, StatusCode::OK, "{text}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Issuer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("issuer.db")).unwrap();
        let random = counted_random();
        let keys = Keys::load(&folder.path().join("master.key"), &store, &random).unwrap();
        let badge_key = BadgeKey::from_bytes(*crate::testing::badge_key().as_bytes());
        let event = NewEvent {
            badge_key: keys.seal_badge_key(&event_id(), &badge_key, &random),
            issuer_key: keys.signing.public_key(),
            ..new_event()
        };
        store.create_event(&event, NOON).unwrap();
        store
            .put_door(&event_id(), &door("main"), None, NOON)
            .unwrap();
        let clock = TestClock::new();
        let enrolments_left = Arc::new(AtomicU32::new(1_000));
        let (ticking, left) = (clock.clone(), Arc::clone(&enrolments_left));
        let parties = Parties {
            store: Arc::new(store),
            objects: Arc::new(FolderObjects::open(&folder.path().join("objects")).unwrap()),
            keys: Arc::new(keys),
            issuer: ISSUER.to_owned(),
            pins: vec!["ab".repeat(32)],
            clock: Arc::new(move || ticking.now()),
            clock_error_ms: 50,
            random,
            enrol_limit: Arc::new(move |_, _| {
                let take = |left: u32| left.checked_sub(1);
                let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
                taken.map(|_| ()).map_err(|_| 30)
            }),
        };
        Self {
            parties: Arc::new(parties),
            clock,
            enrolments_left,
            _folder: folder,
        }
    }

    async fn call(&self, request: Request<Body>) -> Answer {
        let router = router(Api(Arc::clone(&self.parties)));
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: axum::body::to_bytes(body, usize::MAX)
                .await
                .unwrap()
                .to_vec(),
        };
        assert!(
            answer.headers.contains_key(NONCE),
            "every answer hands out a nonce"
        );
        answer
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call(Request::post(path).body(body.into()).unwrap())
            .await
    }

    fn nonce(&self) -> String {
        crate::intake::nonce::issue(self.parties.keys.nonces(), self.clock.now())
    }

    fn claim(&self, secret: &str) {
        let claim = NewClaim {
            secret: evidence::sha256(secret.as_bytes()),
            event: event_id(),
            door: DoorId::new("main").unwrap(),
            expires: NOON.plus_ms(60_000),
        };
        self.parties.store.put_claim(&claim).unwrap();
    }

    async fn enrol(&self, secret: &str, key: &SigningKey) -> Answer {
        let asked = EnrolRequest::new(secret, key, "test 1");
        let body = serde_json::to_vec(&asked).unwrap();
        self.post("/v1/enrol", body).await
    }

    async fn kiosk(&self) -> FakeKiosk {
        self.claim("s1");
        let key = SigningKey::from_seed(&[1; 32]);
        let enrolled: Enrolled = self.enrol("s1", &key).await.read();
        FakeKiosk::new(self.parties.store.kiosk(&enrolled.kiosk).unwrap(), key)
    }

    /// A request as the kiosk signs it.
    fn signed(&self, kiosk: &FakeKiosk, method: Method, what: &str, body: &[u8]) -> Request<Body> {
        self.signed_with(kiosk, method, what, body, &self.nonce())
    }

    fn signed_with(
        &self,
        kiosk: &FakeKiosk,
        method: Method,
        what: &str,
        body: &[u8],
        nonce: &str,
    ) -> Request<Body> {
        let path = format!("/v1/kiosks/{}/{what}", kiosk.id());
        let key_id = kiosk.id().as_str();
        let signed = http_signature::sign(method.as_str(), &path, body, key_id, nonce, &kiosk.key);
        Request::builder()
            .method(method)
            .uri(path)
            .header(http_signature::CONTENT_DIGEST, signed.content_digest)
            .header(http_signature::SIGNATURE_INPUT, signed.signature_input)
            .header(http_signature::SIGNATURE, signed.signature)
            .body(body.to_vec().into())
            .unwrap()
    }

    async fn deliver(&self, kiosk: &FakeKiosk, start: u64, end: u64) -> Answer {
        let body = kiosk.batch(start, end);
        self.call(self.signed(kiosk, Method::POST, "entries", &body))
            .await
    }
}

#[tokio::test]
async fn time_is_signed_over_the_nonce() {
    let issuer = Issuer::new();
    let nonce = "0123456789abcdef0123456789abcdef";
    let body = serde_json::to_vec(&TimeRequest {
        nonce: nonce.to_owned(),
    })
    .unwrap();
    let answer: TimeAnswer = issuer.post("/v1/time", body).await.read();
    let key = issuer.parties.keys.signing.public_key();
    assert!(answer.verifies(nonce, &key));
    assert_eq!((answer.received, answer.error_ms), (NOON, 50));
    for bad in ["", "{}", "{\"nonce\":\"XYZ\"}"] {
        let answer = issuer.post("/v1/time", bad).await;
        assert_eq!(answer.problem(), (400, Code::BadRequest), "{bad}");
    }
    let long = vec![b' '; 2_000];
    let answer = issuer.post("/v1/time", long).await;
    assert_eq!(answer.problem(), (413, Code::TooLarge));
}

#[tokio::test]
async fn a_claim_becomes_a_kiosk_and_answers_the_same_again() {
    let issuer = Issuer::new();
    issuer.claim("s1");
    let key = SigningKey::from_seed(&[1; 32]);
    let first: Enrolled = issuer.enrol("s1", &key).await.read();
    let issuer_key = issuer.parties.keys.signing.public_key();
    assert_eq!(
        (first.issuer.as_str(), first.issuer_key),
        (ISSUER, issuer_key)
    );
    assert_eq!(first.badge_key().unwrap().id(), new_event().badge_key_id);
    let (bundle, _) = bundle::open(&first.bundle, &issuer_key).unwrap();
    assert_eq!(
        (bundle.kiosk.clone(), bundle.sequence),
        (first.kiosk.clone(), 1)
    );
    assert_eq!((bundle.kiosks, bundle.pins.len()), (1, 1));
    // The answer was lost.
    let again: Enrolled = issuer.enrol("s1", &key).await.read();
    assert_eq!((again.kiosk, again.origin), (first.kiosk, first.origin));
    assert_eq!(again.bundle, first.bundle);
    let other = SigningKey::from_seed(&[2; 32]);
    let used = issuer.enrol("s1", &other).await;
    let wrong = issuer.enrol("s2", &key).await;
    assert_eq!(used.problem(), (403, Code::BadClaim));
    // Nobody learns whether a claim exists.
    assert_eq!(used.body, wrong.body);
    issuer.clock.pass_ms(60_000);
    let late = issuer.enrol("s1", &key).await;
    assert_eq!(
        (late.problem(), late.body),
        ((403, Code::BadClaim), used.body)
    );
}

#[tokio::test]
async fn an_enrolment_is_proven_and_limited() {
    let issuer = Issuer::new();
    issuer.claim("s1");
    let mut asked = EnrolRequest::new("s1", &SigningKey::from_seed(&[1; 32]), "test");
    asked.public_key = SigningKey::from_seed(&[2; 32]).public_key();
    let unproven = issuer
        .post("/v1/enrol", serde_json::to_vec(&asked).unwrap())
        .await;
    assert_eq!(unproven.problem(), (400, Code::BadRequest));
    let secret = issuer.post("/v1/enrol", "{\"secret\":\"s3cr3t\"").await;
    assert!(!String::from_utf8_lossy(&secret.body).contains("s3cr3t"));
    issuer.enrolments_left.store(0, Ordering::SeqCst);
    let many = issuer.enrol("s1", &SigningKey::from_seed(&[1; 32])).await;
    assert_eq!(many.problem(), (429, Code::TooMany));
    assert_eq!(many.headers["retry-after"], "30");
}

#[tokio::test]
async fn a_batch_gets_receipt_and_ledger_head() {
    let issuer = Issuer::new();
    let mut kiosk = issuer.kiosk().await;
    for badge in ["X1", "X2", "X3"] {
        kiosk.scan(badge, Direction::In);
    }
    let first: Accepted = issuer.deliver(&kiosk, 0, 3).await.read();
    let key = issuer.parties.keys.signing.public_key();
    let origin = &kiosk.facts.origin;
    let receipt = Receipt::open(
        &first.receipt,
        origin,
        &kiosk.key.public_key(),
        ISSUER,
        &key,
    )
    .unwrap();
    assert_eq!(
        (receipt.checkpoint.size, receipt.time_s),
        (3, 1_800_000_000)
    );
    let ledger = open_checkpoint(&first.ledger, &new_event().ledger, &key).unwrap();
    assert!(first.consistency.is_empty());
    // The answer was lost; a while later the same batch gets the same answer.
    issuer.clock.pass_ms(30_000);
    let again: Accepted = issuer.deliver(&kiosk, 0, 3).await.read();
    assert_eq!(again, first);
    kiosk.ledger_size = ledger.size;
    kiosk.ledger_head(&first.ledger);
    let second: Accepted = issuer.deliver(&kiosk, 3, 4).await.read();
    let newer = open_checkpoint(&second.ledger, &new_event().ledger, &key).unwrap();
    let proof = second
        .consistency
        .iter()
        .map(|h| evidence::Hash::from_base64(h).unwrap());
    let proof = evidence::ConsistencyProof(proof.collect());
    evidence::verify_consistency(&proof, ledger.size, ledger.root, newer.size, newer.root).unwrap();
    let witnesses = issuer
        .parties
        .store
        .witnesses(&event_id(), newer.size)
        .unwrap();
    assert_eq!((witnesses.len(), witnesses[0].size), (1, ledger.size));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let issuer = Issuer::new();
    let mut kiosk = issuer.kiosk().await;
    for n in 0..4 {
        kiosk.note(&format!("n{n}"));
    }
    let gap = issuer.deliver(&kiosk, 2, 4).await;
    assert_eq!(gap.problem(), (409, Code::Gap));
    assert_eq!(
        serde_json::from_slice::<Problem>(&gap.body).unwrap().size,
        Some(0)
    );
    issuer.deliver(&kiosk, 0, 4).await.read::<Accepted>();
    let mut clone = kiosk.clone();
    clone.entries.truncate(2);
    clone.note("other");
    let fork = issuer.deliver(&clone, 2, 3).await;
    assert_eq!(fork.problem(), (422, Code::Fork));
    kiosk.note("five");
    let mut damaged = kiosk.clone();
    damaged.entries[4] = b"{}".to_vec();
    let body = String::from_utf8(kiosk.batch(4, 5)).unwrap();
    let last = body.lines().last().unwrap();
    let body = body.replace(last, "{}");
    let send = |body: Vec<u8>| issuer.call(issuer.signed(&kiosk, Method::POST, "entries", &body));
    assert_eq!(
        send(body.into()).await.problem(),
        (422, Code::BadCheckpoint)
    );
    assert_eq!(
        send(b"no batch\n".to_vec()).await.problem(),
        (400, Code::BadBatch)
    );
    assert_eq!(send(Vec::new()).await.problem(), (400, Code::BadBatch));
    let mut foreign = kiosk.clone();
    foreign.facts.origin = "ce.example.org/kiosk/other/00".to_owned();
    let body = foreign.batch(0, 5);
    assert_eq!(send(body).await.problem(), (422, Code::BadCheckpoint));
    kiosk.ledger_size = 1_000;
    let behind = issuer.deliver(&kiosk, 4, 5).await;
    assert_eq!(behind.problem(), (503, Code::Unavailable));
    let nothing = issuer.post("/v1/nothing", "").await;
    assert_eq!(nothing.problem(), (404, Code::NotFound));
    let method = issuer
        .call(Request::get("/v1/time").body(Body::empty()).unwrap())
        .await;
    assert_eq!(method.problem(), (404, Code::NotFound));
}

#[tokio::test]
async fn only_the_kiosk_of_the_path_with_a_good_nonce_is_heard() {
    let issuer = Issuer::new();
    let mut kiosk = issuer.kiosk().await;
    kiosk.note("one");
    let body = kiosk.batch(0, 1);
    let signed = |kiosk: &FakeKiosk| issuer.signed(kiosk, Method::POST, "entries", &body);
    let refused = |answer: Answer, code: Code| {
        assert_eq!(answer.problem(), (code.status(), code));
        let nonce = answer.headers[NONCE].to_str().unwrap().to_owned();
        assert_eq!(issuer.parties.store.kiosk(kiosk.id()).unwrap().size, 0);
        nonce
    };
    let mut thief = kiosk.clone();
    thief.key = SigningKey::from_seed(&[66; 32]);
    refused(issuer.call(signed(&thief)).await, Code::BadSignature);
    let mut altered = signed(&kiosk);
    *altered.body_mut() = Body::from("other");
    refused(issuer.call(altered).await, Code::BadSignature);
    let mut elsewhere = signed(&kiosk);
    *elsewhere.uri_mut() = "/v1/kiosks/other/entries".parse().unwrap();
    refused(issuer.call(elsewhere).await, Code::BadSignature);
    let bare = Request::post(format!("/v1/kiosks/{}/entries", kiosk.id()));
    refused(
        issuer.call(bare.body(Body::empty()).unwrap()).await,
        Code::BadSignature,
    );
    let mut unknown = kiosk.clone();
    unknown.facts.kiosk = "nobody".parse().unwrap();
    refused(issuer.call(signed(&unknown)).await, Code::UnknownKiosk);

    let old = signed(&kiosk);
    issuer.clock.pass_ms(crate::intake::nonce::NONCE_MS);
    let fresh = refused(issuer.call(old).await, Code::StaleNonce);
    let again = issuer.signed_with(&kiosk, Method::POST, "entries", &body, &fresh);
    issuer.call(again).await.read::<Accepted>();
}

#[tokio::test]
async fn a_compressed_batch_is_bounded_after_decompression() {
    let issuer = Issuer::new();
    let mut kiosk = issuer.kiosk().await;
    kiosk.note("one");
    let zstd = |plain: &[u8]| zstd::encode_all(plain, 3).unwrap();
    let send = |body: Vec<u8>, encoding: &'static str| {
        let mut request = issuer.signed(&kiosk, Method::POST, "entries", &body);
        let encoding = axum::http::HeaderValue::from_static(encoding);
        request.headers_mut().insert("content-encoding", encoding);
        issuer.call(request)
    };
    let bomb = zstd(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < MAX_BATCH_BYTES / 100);
    assert_eq!(send(bomb, "zstd").await.problem(), (413, Code::TooLarge));
    let large = vec![b'x'; MAX_BATCH_BYTES + 1];
    assert_eq!(
        send(large, "identity").await.problem(),
        (413, Code::TooLarge)
    );
    assert_eq!(
        send(b"not zstd".to_vec(), "zstd").await.problem(),
        (400, Code::BadRequest)
    );
    assert_eq!(
        send(kiosk.batch(0, 1), "gzip").await.problem(),
        (400, Code::BadRequest)
    );
    let accepted: Accepted = send(zstd(&kiosk.batch(0, 1)), "zstd").await.read();
    assert_eq!(accepted.size, 1);
}

#[tokio::test]
async fn two_batches_at_once_are_taken_one_after_the_other() {
    let issuer = Issuer::new();
    let mut kiosk = issuer.kiosk().await;
    for n in 0..40 {
        kiosk.note(&format!("n{n}"));
    }
    let calls =
        [(0, 25), (0, 40), (0, 10), (0, 25)].map(|(start, end)| issuer.deliver(&kiosk, start, end));
    let [a, b, c, d] = calls;
    let answers = tokio::join!(a, b, c, d);
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        answer.read::<Accepted>();
    }
    let facts = issuer.parties.store.kiosk(kiosk.id()).unwrap();
    assert_eq!(facts.size, 40);
    let entries = issuer.parties.store.entries(kiosk.id(), 0, 100).unwrap();
    let bytes: Vec<_> = entries.into_iter().filter_map(|e| e.bytes).collect();
    assert_eq!(bytes, kiosk.entries);
    assert_eq!(issuer.parties.store.alarms(&event_id()).unwrap(), []);
}

#[tokio::test]
async fn a_bundle_is_new_when_something_in_it_is() {
    let issuer = Issuer::new();
    let kiosk = issuer.kiosk().await;
    let key = issuer.parties.keys.signing.public_key();
    let get = |etag: Option<&str>| {
        let mut request = issuer.signed(&kiosk, Method::GET, "bundle", b"");
        if let Some(etag) = etag {
            request
                .headers_mut()
                .insert("if-none-match", etag.parse().unwrap());
        }
        issuer.call(request)
    };
    let first = get(None).await;
    let (bundle, _) = bundle::open(&first.body, &key).unwrap();
    assert_eq!((bundle.sequence, bundle.roster.len()), (1, 0));
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let same = get(Some(&etag)).await;
    assert_eq!(
        (same.status, same.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    assert_eq!(get(None).await.body, first.body);

    register(issuer.parties.store.as_ref(), &["X1", "X2"]);
    let second = get(Some(&etag)).await;
    let (bundle, _) = bundle::open(&second.body, &key).unwrap();
    assert_eq!((bundle.sequence, bundle.roster.len()), (2, 2));
    assert_ne!(second.headers["etag"], etag.as_str());
    // It is made anew before it expires, and given as it is until then.
    issuer.clock.pass_ms(crate::bundles::BUNDLE_MS / 2 - 1);
    assert_eq!(get(None).await.body, second.body);
    issuer.clock.pass_ms(1);
    let (bundle, _) = bundle::open(&get(None).await.body, &key).unwrap();
    assert_eq!(bundle.sequence, 3);

    let now = issuer.clock.now();
    issuer
        .parties
        .store
        .retire_kiosk(kiosk.id(), "moved", "ann", now)
        .unwrap();
    assert_eq!(get(None).await.problem(), (403, Code::Retired));
}

#[tokio::test]
async fn a_bundle_carries_agenda_and_rules() {
    let issuer = Issuer::new();
    let kiosk = issuer.kiosk().await;
    let (store, objects) = (&issuer.parties.store, &issuer.parties.objects);
    let rules = "format = \"rollcall-rules/1\"\n";
    let agenda = protocol::agenda::Agenda {
        doors: vec![door("main")],
        ..protocol::agenda::Agenda::empty("Europe/Vienna")
    };
    let object = objects
        .put(&protocol::decision::object_bytes(&agenda))
        .unwrap();
    let programme = |id: &str| crate::store::events::ProgrammeFacts {
        id: id.parse().unwrap(),
        title: id.to_owned(),
        rules: Some(evidence::sha256(rules.as_bytes())),
    };
    let change = crate::store::events::AgendaChange {
        base: None,
        object,
        programmes: vec![programme("a"), programme("b")],
    };
    let import = crate::testing::import("agenda", b"");
    store
        .import_agenda(&event_id(), &change, &import, NOON)
        .unwrap();
    let get = || issuer.call(issuer.signed(&kiosk, Method::GET, "bundle", b""));
    // An object that is missing is the issuer's own trouble, and is not told in detail.
    let missing = get().await;
    assert_eq!(missing.problem(), (503, Code::Unavailable));
    assert!(!String::from_utf8_lossy(&missing.body).contains("object"));
    objects.put(rules.as_bytes()).unwrap();
    let key = issuer.parties.keys.signing.public_key();
    let (bundle, _) = bundle::open(&get().await.body, &key).unwrap();
    assert_eq!(
        (bundle.agenda, bundle.agenda_hash),
        (agenda, object.to_hex())
    );
    assert!(bundle.tickets.is_empty());
    let ticket_key = evidence::SigningKey::from_seed(&[4; 32]).public_key();
    let store = &issuer.parties.store;
    store.put_ticket_keys(&event_id(), &[ticket_key]).unwrap();
    let (tickets, _) = bundle::open(&get().await.body, &key).unwrap();
    assert_eq!(
        (tickets.sequence, tickets.tickets),
        (bundle.sequence + 1, vec![ticket_key])
    );
    assert_eq!(bundle.rules.len(), 1, "two programmes share one rule set");
    assert_eq!(bundle.rules[0].text, rules);
}

#[tokio::test]
async fn presence_tells_who_is_inside() {
    let issuer = Issuer::new();
    let mut kiosk = issuer.kiosk().await;
    register(issuer.parties.store.as_ref(), &["X1", "X2", "X3"]);
    kiosk.scan("X1", Direction::In);
    kiosk.scan("X2", Direction::In);
    kiosk.scan("X2", Direction::Out);
    kiosk.scan("X1", Direction::Seen);
    kiosk.scan("X9", Direction::In);
    issuer.deliver(&kiosk, 0, 5).await.read::<Accepted>();
    let request = issuer.signed(&kiosk, Method::GET, "presence", b"");
    let presence: Presence = issuer.call(request).await.read();
    let inside: Vec<_> = presence
        .rows
        .iter()
        .map(|r| (r.attendee.clone(), r.since))
        .collect();
    assert_eq!(inside, [(attendee("X1"), NOON)]);
}

#[tokio::test]
async fn a_status_is_kept() {
    let issuer = Issuer::new();
    let kiosk = issuer.kiosk().await;
    let status = KioskStatus {
        software: "test".to_owned(),
        alarms: vec!["clock_unset".to_owned()],
        ..KioskStatus::default()
    };
    let body = serde_json::to_vec(&status).unwrap();
    let send = |body: &[u8]| issuer.call(issuer.signed(&kiosk, Method::POST, "status", body));
    assert_eq!(send(&body).await.status, StatusCode::NO_CONTENT);
    let kept = issuer.parties.store.statuses(&event_id()).unwrap();
    assert_eq!(
        (kept[0].kiosk.clone(), kept[0].at),
        (kiosk.id().clone(), NOON)
    );
    assert_eq!(
        serde_json::from_str::<KioskStatus>(&kept[0].body).unwrap(),
        status
    );
    let many = KioskStatus {
        alarms: vec![String::new(); 33],
        ..status
    };
    let answer = send(&serde_json::to_vec(&many).unwrap()).await;
    assert_eq!(answer.problem(), (400, Code::BadRequest));
}
