//! A kiosk of our own that speaks the protocol, so that a test can say what no real kiosk would, signed as a real one signs.

use attendance::UtcMs;
use attendance::time::{BootId, Stamp, Sync};
use attendance::words::{Direction, DirectionSource, DoorId, ReaderId, RoomId, Verdict};
use evidence::{Checkpoint, Frontier, SigningKey, leaf_hash, sign_checkpoint};
use protocol::badge::BadgeKey;
use protocol::batch::{self, Accepted, Head, Leaf};
use protocol::enrol::{self, Claim, EnrolRequest, Enrolled};
use protocol::entry::{self, Body, Boot, BootCause, Entry, Scan};
use protocol::http_signature::{CONTENT_DIGEST, NONCE, SIGNATURE, SIGNATURE_INPUT, sign};
use protocol::problem::Code;

use crate::http::{Reply, Request, send};

/// What it calls itself.
const SOFTWARE: &str = "rollcall-tests 0";

/// A kiosk that says what it is told to.
pub struct Speaker {
    /// Its key.
    pub key: SigningKey,
    /// What it was answered at enrolment.
    pub enrolled: Enrolled,
    /// Its log: exact bytes.
    pub entries: Vec<Vec<u8>>,
    port: u16,
    nonce: String,
    boot: BootId,
    raw_ms: u64,
}

impl std::fmt::Debug for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speaker")
            .field("enrolled", &self.enrolled)
            .finish_non_exhaustive()
    }
}

/// Asks to be enrolled with a claim's secret under a key.
///
/// # Panics
/// Where nobody answers.
pub fn ask_to_enrol(port: u16, secret: &str, key: &SigningKey) -> Reply {
    let request = EnrolRequest::new(secret, key, SOFTWARE);
    let body = serde_json::to_vec(&request).expect("a request serialises");
    let request = Request::new("POST", enrol::PATH, body).with("content-type", "application/json");
    send(port, &request).expect("the issuer answers")
}

impl Speaker {
    /// Enrols under the key of a seed, at the issuer on a port of loopback, whatever address the claim names. Its log begins with a `boot`.
    ///
    /// # Panics
    /// Where the issuer refuses.
    pub fn enrol(port: u16, claim: &str, seed: u8) -> Self {
        let claim = Claim::parse(claim).expect("the issuer makes claims that read");
        let key = SigningKey::from_seed(&[seed; 32]);
        let reply = ask_to_enrol(port, &claim.secret, &key);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let mut speaker = Self {
            key,
            enrolled: serde_json::from_slice(&reply.body).expect("an enrolment"),
            entries: Vec::new(),
            port,
            nonce: reply.header(NONCE).unwrap_or("none-yet").to_owned(),
            boot: "0b1f2c3d-0000-4000-8000-00000000e2e0"
                .parse()
                .expect("a boot id"),
            raw_ms: 60_000,
        };
        speaker.say(Body::Boot(Boot {
            cause: BootCause::Start,
            boottime_ms: 60_000,
            software: SOFTWARE.to_owned(),
            floor: UtcMs(0),
        }));
        speaker
    }

    /// The path its batches go to.
    pub fn path(&self) -> String {
        format!("/v1/kiosks/{}/entries", self.enrolled.kiosk)
    }

    /// Its event's badge key.
    ///
    /// # Panics
    /// Where the issuer gave none.
    pub fn badge_key(&self) -> BadgeKey {
        self.enrolled
            .badge_key()
            .expect("the issuer gives a badge key")
    }

    /// Adds an entry that parses.
    ///
    /// # Panics
    /// Where it is too long.
    pub fn say(&mut self, body: Body) {
        self.raw_ms += 10;
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("it is after 1970");
        let stamp = Stamp {
            wall: UtcMs(i64::try_from(wall.as_millis()).expect("it is before the end of time")),
            boot: self.boot.clone(),
            raw_ms: self.raw_ms,
            sync: Sync::Synced,
            error_ms: Some(20),
        };
        let bytes = entry::encode(&Entry { stamp, body }).expect("a short entry");
        self.entries.push(bytes);
    }

    /// Adds a check-in.
    ///
    /// # Panics
    /// Where the code is no badge text.
    pub fn check_in(&mut self, code: &str, door: &str, room: &str) {
        let text = protocol::badge::canonical(code).expect("a badge text");
        let scan = Scan {
            door: DoorId::new(door).expect("an id"),
            rooms: vec![RoomId::new(room).expect("an id")],
            reader: ReaderId::new("main-in").expect("an id"),
            symbology: None,
            badge: self.badge_key().reference(text),
            attendee: None,
            direction: Direction::In,
            direction_source: DirectionSource::Reader,
            verdict: Verdict::CheckedIn,
            prior: None,
            provisional: Vec::new(),
            bundle: 1,
        };
        self.say(Body::Scan(Box::new(scan)));
    }

    /// Adds a line as it is, whether or not it means anything.
    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.entries.push(bytes.to_vec());
    }

    /// The size of its log.
    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Its signed head over the first entries.
    ///
    /// # Panics
    /// Where it has fewer.
    pub fn head(&self, size: usize) -> String {
        let mut frontier = Frontier::new();
        frontier.append_all(self.entries[..size].iter().map(|bytes| leaf_hash(bytes)));
        let head = Checkpoint::new(&self.enrolled.origin, size as u64, frontier.root());
        sign_checkpoint(&head.expect("an origin that the issuer gave"), &self.key)
    }

    /// A batch of its entries from `start` to `end`, under a head of `end`.
    pub fn batch(&self, start: usize, end: usize) -> Vec<u8> {
        self.batch_under(start, end, self.head(end))
    }

    /// A batch of its entries under any head.
    ///
    /// # Panics
    /// Where a batch cannot be written.
    pub fn batch_under(&self, start: usize, end: usize, checkpoint: String) -> Vec<u8> {
        let head = Head {
            start: start as u64,
            checkpoint,
            ledger_size: 0,
            ledger: None,
        };
        let leaves: Vec<Leaf<'_>> = self.entries[start..end]
            .iter()
            .map(|bytes| Leaf::Entry(bytes))
            .collect();
        batch::write(&head, &leaves).expect("a batch")
    }

    /// A signed request with a batch, under the nonce it has.
    pub fn request(&self, body: Vec<u8>) -> Request {
        let path = self.path();
        let kiosk = self.enrolled.kiosk.to_string();
        let signed = sign("POST", &path, &body, &kiosk, &self.nonce, &self.key);
        Request::new("POST", &path, body)
            .with("content-type", batch::MEDIA_TYPE)
            .with(CONTENT_DIGEST, &signed.content_digest)
            .with(SIGNATURE_INPUT, &signed.signature_input)
            .with(SIGNATURE, &signed.signature)
    }

    /// Sends a batch, under a nonce that holds; `alter` has the last word on the request.
    ///
    /// # Panics
    /// Where nobody answers.
    pub fn send_altered(&mut self, body: &[u8], alter: impl Fn(Request) -> Request) -> Reply {
        for _ in 0..2 {
            let request = alter(self.request(body.to_vec()));
            let reply = send(self.port, &request).expect("the issuer answers");
            if let Some(nonce) = reply.header(NONCE) {
                nonce.clone_into(&mut self.nonce);
            }
            let problem = serde_json::from_slice::<protocol::problem::Problem>(&reply.body).ok();
            if problem.and_then(|problem| problem.code()) != Some(Code::StaleNonce) {
                return reply;
            }
        }
        panic!("the issuer calls the nonce stale that it has just given");
    }

    /// Sends a batch.
    pub fn send(&mut self, body: &[u8]) -> Reply {
        self.send_altered(body, |request| request)
    }

    /// Sends all its entries from `start` on and gives the answer.
    ///
    /// # Panics
    /// Where the issuer refuses, or its receipt is not for them.
    #[track_caller]
    pub fn deliver(&mut self, start: usize) -> Accepted {
        let body = self.batch(start, self.entries.len());
        let reply = self.send(&body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let accepted: Accepted = serde_json::from_slice(&reply.body).expect("an answer");
        assert_eq!(accepted.size, self.size());
        let receipt = evidence::Receipt::open(
            &accepted.receipt,
            &self.enrolled.origin,
            &self.key.public_key(),
            &self.enrolled.issuer,
            &self.enrolled.issuer_key,
        );
        let receipt = receipt.expect("a receipt that verifies");
        assert_eq!(receipt.checkpoint.size, self.size());
        accepted
    }

    /// How many entries the issuer holds, as it says to a batch that begins beyond.
    ///
    /// # Panics
    /// Where it says no such thing.
    #[track_caller]
    pub fn held(&mut self) -> u64 {
        let body = {
            let far = 1 << 40;
            let head = Checkpoint::new(&self.enrolled.origin, far + 1, leaf_hash(b"far"));
            let head = Head {
                start: far,
                checkpoint: sign_checkpoint(&head.expect("a head"), &self.key),
                ledger_size: 0,
                ledger: None,
            };
            batch::write(&head, &[Leaf::Entry(b"{}")]).expect("a batch")
        };
        let reply = self.send(&body);
        let problem = reply.problem();
        assert_eq!(problem.code(), Some(Code::Gap), "{}", reply.text());
        problem.size.expect("a gap says what is held")
    }
}
