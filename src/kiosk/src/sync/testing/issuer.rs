//! A small issuer on loopback, by plain HTTP or TLS, that checks what a real one checks.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use attendance::UtcMs;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use evidence::{
    Checkpoint, MemoryTree, PublicKey, SigningKey, cosign, kiosk_origin, ledger_origin,
    open_checkpoint, prove_consistency, sha256, sign_checkpoint,
};
use protocol::batch::{self, Accepted};
use protocol::enrol::{Claim, EnrolRequest, Enrolled};
use protocol::http_signature::{self, SignedHeaders};
use protocol::problem::{Code, Problem};
use protocol::time::{TimeRequest, answer};

use super::{EVENT, ISSUER, KIOSK, SECRET, bundle, issuer_key};

/// What the issuer holds and how it misbehaves.
pub(crate) struct Held {
    pub(crate) key: SigningKey,
    pub(crate) kiosk_key: Option<PublicKey>,
    pub(crate) log: MemoryTree,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) ledger: MemoryTree,
    pub(crate) sequence: u64,
    pub(crate) pins: Vec<String>,
    pub(crate) nonce: u64,
    /// Calls by path, in order.
    pub(crate) calls: Vec<String>,
    /// Calls with compressed bodies.
    pub(crate) compressed: usize,
    /// How many answers to lose, after all was done.
    pub(crate) lose: usize,
    /// How far its clock is ahead of this machine's.
    pub(crate) time_ahead_ms: i64,
}

/// The issuer, served until it is dropped.
pub(crate) struct TestIssuer {
    pub(crate) url: String,
    pub(crate) pin: Option<String>,
    held: Arc<Mutex<Held>>,
    handle: Handle<SocketAddr>,
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

impl TestIssuer {
    /// By plain HTTP.
    pub(crate) fn plain() -> Self {
        Self::serve(None)
    }

    /// By TLS with a certificate of its own, valid between these years.
    pub(crate) fn tls(years: (i32, i32)) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["any.example".into()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        let pin = sha256(&rcgen::PublicKeyData::subject_public_key_info(&key)).to_hex();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Self::serve(Some((config, pin)))
    }

    fn serve(tls: Option<(rustls::ServerConfig, String)>) -> Self {
        let pin = tls.as_ref().map(|(_, pin)| pin.clone());
        let held = Arc::new(Mutex::new(Held {
            key: issuer_key(),
            kiosk_key: Some(super::device_key().public_key()),
            log: MemoryTree::new(),
            entries: Vec::new(),
            ledger: MemoryTree::new(),
            sequence: 1,
            pins: pin.iter().cloned().collect(),
            nonce: 1,
            calls: Vec::new(),
            compressed: 0,
            lose: 0,
            time_ahead_ms: 0,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Handle::new();
        let service = Router::new()
            .fallback(any)
            .with_state(Arc::clone(&held))
            .into_make_service();
        let scheme = if let Some((config, _)) = tls {
            let config = RustlsConfig::from_config(Arc::new(config));
            let server = axum_server::from_tcp_rustls(listener, config).unwrap();
            tokio::spawn(server.handle(handle.clone()).serve(service));
            "https"
        } else {
            let server = axum_server::from_tcp(listener).unwrap();
            tokio::spawn(server.handle(handle.clone()).serve(service));
            "http"
        };
        Self {
            url: format!("{scheme}://{address}"),
            pin,
            held,
            handle,
        }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim {
            url: self.url.clone(),
            secret: SECRET.into(),
            issuer_key: issuer_key().public_key(),
            tls_pin: self.pin.clone(),
        }
    }
}

async fn any(
    State(held): State<Arc<Mutex<Held>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut held = held.lock().unwrap();
    let path = uri.path().to_owned();
    held.calls.push(path.clone());
    let mut response = held
        .answer(&method, &path, &headers, &body)
        .unwrap_or_else(|problem| {
            let status = StatusCode::from_u16(problem.status).unwrap();
            (status, serde_json::to_vec(&problem).unwrap()).into_response()
        });
    let nonce = format!("n{}", held.nonce).parse().unwrap();
    response.headers_mut().insert(http_signature::NONCE, nonce);
    if held.lose > 0 && (path.ends_with("/entries") || path.ends_with("/enrol")) {
        held.lose -= 1;
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    response
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

impl Held {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Problem> {
        match path {
            "/v1/time" => return Ok(self.time(body)),
            "/v1/enrol" => return self.enrol(body),
            _ => {}
        }
        self.check_signature(method, path, headers, body)?;
        let body = if header(headers, "content-encoding") == "zstd" {
            self.compressed += 1;
            zstd::bulk::decompress(body, batch::MAX_BATCH_BYTES).unwrap()
        } else {
            body.to_vec()
        };
        match path.rsplit('/').next().unwrap() {
            "entries" => self.intake(&body),
            "bundle" => {
                let etag = format!("\"{}\"", self.sequence);
                if header(headers, "if-none-match") == etag {
                    return Ok(StatusCode::NOT_MODIFIED.into_response());
                }
                let signed = bundle(self.sequence, &self.pins, &self.key);
                Ok(([("etag", etag)], signed).into_response())
            }
            "presence" => {
                let rows = r#"{"at":"2026-11-23T09:00:00.000Z","rows":[{"attendee":"a1","room":"hall","since":"2026-11-23T08:00:00.000Z"}]}"#;
                Ok(rows.into_response())
            }
            "status" => {
                serde_json::from_slice::<protocol::status::KioskStatus>(&body).unwrap();
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            other => panic!("{other}"),
        }
    }

    fn check_signature(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Problem> {
        let signed = SignedHeaders {
            content_digest: header(headers, http_signature::CONTENT_DIGEST).into(),
            signature_input: header(headers, http_signature::SIGNATURE_INPUT).into(),
            signature: header(headers, http_signature::SIGNATURE).into(),
        };
        let bad = |_| Problem::new(Code::BadSignature, "");
        let (kiosk, nonce) = http_signature::claimed(&signed.signature_input).map_err(bad)?;
        if nonce != format!("n{}", self.nonce) {
            return Err(Problem::new(Code::StaleNonce, ""));
        }
        assert_eq!(kiosk, KIOSK);
        let key = self.kiosk_key.unwrap();
        http_signature::verify(method.as_str(), path, body, &signed, &key).map_err(bad)
    }

    fn time(&self, body: &[u8]) -> Response {
        let request: TimeRequest = serde_json::from_slice(body).unwrap();
        assert!(request.is_well_formed());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = UtcMs(i64::try_from(since.as_millis()).unwrap() + self.time_ahead_ms);
        let answer = answer(&request, now, now, 5, &self.key);
        serde_json::to_vec(&answer).unwrap().into_response()
    }

    fn enrol(&mut self, body: &[u8]) -> Result<Response, Problem> {
        let request: EnrolRequest = serde_json::from_slice(body).unwrap();
        assert!(request.is_proven());
        let bad = Problem::new(Code::BadClaim, "");
        if request.secret != SECRET || self.kiosk_key.is_some_and(|key| key != request.public_key) {
            return Err(bad);
        }
        self.kiosk_key = Some(request.public_key);
        let enrolled = Enrolled {
            kiosk: KIOSK.parse().unwrap(),
            event: EVENT.parse().unwrap(),
            issuer: ISSUER.into(),
            issuer_key: self.key.public_key(),
            badge_key: vec![5; 32],
            origin: kiosk_origin(ISSUER, KIOSK, &request.public_key).unwrap(),
            bundle: bundle(self.sequence, &self.pins, &self.key),
        };
        Ok(serde_json::to_vec(&enrolled).unwrap().into_response())
    }

    fn intake(&mut self, body: &[u8]) -> Result<Response, Problem> {
        let batch = batch::read(body).map_err(|e| Problem::new(Code::BadBatch, e.to_string()))?;
        let held = self.log.size();
        if batch.head.start > held {
            let mut gap = Problem::new(Code::Gap, "");
            gap.size = Some(held);
            return Err(gap);
        }
        let start = usize::try_from(batch.head.start).unwrap();
        for (offset, leaf) in batch.leaves.iter().enumerate() {
            match self.log.leaves().get(start + offset) {
                Some(known) if *known != leaf.hash() => return Err(Problem::new(Code::Fork, "")),
                Some(_) => {}
                None => {
                    let batch::Leaf::Entry(bytes) = leaf else {
                        panic!()
                    };
                    self.log.append(leaf.hash());
                    self.entries.push(bytes.to_vec());
                }
            }
        }
        let kiosk_key = self.kiosk_key.unwrap();
        let origin = kiosk_origin(ISSUER, KIOSK, &kiosk_key).unwrap();
        let head = open_checkpoint(&batch.head.checkpoint, &origin, &kiosk_key).unwrap();
        assert_eq!((head.size, head.root), (self.log.size(), self.log.root()));
        self.ledger.append(sha256(body));
        let ledger = ledger_origin(ISSUER, EVENT).unwrap();
        let ledger = Checkpoint::new(&ledger, self.ledger.size(), self.ledger.root()).unwrap();
        let held_ledger = batch.head.ledger_size.min(self.ledger.size());
        let proof = prove_consistency(held_ledger, self.ledger.size(), &self.ledger).unwrap();
        let accepted = Accepted {
            size: self.log.size(),
            receipt: cosign(&batch.head.checkpoint, ISSUER, &self.key, 1_800_000_000).unwrap(),
            ledger: sign_checkpoint(&ledger, &self.key),
            consistency: proof.0.iter().map(|hash| hash.to_base64()).collect(),
        };
        Ok(serde_json::to_vec(&accepted).unwrap().into_response())
    }
}
