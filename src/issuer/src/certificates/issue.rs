//! Issuing and revoking.
//!
//! Contract: a certificate rests on the newest final decision of its attendee and programme, `full` or `partial`, and there
//! is one a decision. Payload and PDF hold a name, so they are sealed under the attendee's data key before the ledger names
//! their hashes. Issuing may be run again at any time, by several programs: what has a certificate already is passed over.
//!
//! A certificate carries the ledger's checkpoint that kiosks have cosigned, with the proof that its decision is in it. Until
//! one has, issuing waits, [`WITNESS_WAIT_MS`] at the most after the decision; then the certificate says that no witness had
//! answered.
//!
//! Revoking writes a new entry that points at the certificate; nothing is taken away. A decision that changed after its
//! certificate was issued raises an alarm: a person reissues or revokes.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::words::{AttendeeId, CertificateId, EventId, ProgrammeId};
use attendance::{Outcome, UtcMs};
use audit::derive::{Question, Roll};
use evidence::{Checkpoint, Hash, TlogProof, sign_checkpoint};
use protocol::agenda::{Agenda, Registrations};
use protocol::certificate::{Payload, Proof};
use protocol::decision::{Basis, DecisionDoc, object_bytes};
use protocol::ledger;

use super::payload::{CODE_BYTES, Draft, SALT_BYTES, code, payload, view};
use super::pdf::{Fonts, PdfError, render};
use crate::keys::{Keys, Person, Random, SealKey, random};
use crate::store::decisions::{CertificateFacts, DecisionFacts, NewCertificate};
use crate::store::events::{EventFacts, Witness};
use crate::store::{ObjectError, ObjectStore, Store, StoreError};

/// How long after a decision a certificate waits for a kiosk to cosign the ledger, in milliseconds.
pub const WITNESS_WAIT_MS: i64 = 120_000;
/// The longest reason code of a revocation, in bytes.
pub const MAX_REASON_BYTES: usize = 64;

/// What came of one attendee's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcomes {
    /// Issued now.
    Issued(CertificateId),
    /// It has one, which stands.
    Held(CertificateId),
    /// Its certificate rests on an older decision.
    Outdated(CertificateId),
    /// It waits for a kiosk to cosign the ledger.
    Waiting,
    /// Their data was erased, so there is nobody to name on it.
    Erased,
    /// Nothing was earned, or nothing is decided for good.
    None,
    /// It could not be made; why, for people.
    Failed(String),
}

/// Why nothing could be issued at all, or one certificate not.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The PDF.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// Something is missing or does not read; what, for people.
    #[error("{0}")]
    Missing(String),
}

/// Issues certificates of one issuer.
pub struct Certifier {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The object store.
    pub objects: Arc<dyn ObjectStore>,
    /// The issuer's keys.
    pub keys: Arc<Keys>,
    /// The issuer's name.
    pub issuer: String,
    /// The address of the public pages, without a slash at its end.
    pub public_url: String,
    /// Fonts for the PDF.
    pub fonts: Fonts,
    /// Random bytes.
    pub random: Random,
}

impl Certifier {
    /// Issues what can be issued of an event: one outcome an attendee and programme that has a decision.
    ///
    /// # Errors
    /// Where the database cannot be used; a certificate that cannot be made is an outcome, and the rest goes on.
    pub fn issue_event(
        &self,
        event: &EventId,
        now: UtcMs,
    ) -> Result<Vec<(AttendeeId, ProgrammeId, Outcomes)>, StoreError> {
        let facts = self.store.event(event)?;
        let mut newest: BTreeMap<(AttendeeId, ProgrammeId), CertificateFacts> = BTreeMap::new();
        for held in self.store.certificates(event)? {
            newest.insert(
                (held.entry.attendee.clone(), held.entry.programme.clone()),
                held,
            );
        }
        let mut questions = BTreeMap::new();
        let mut outcomes = Vec::new();
        for decision in self.store.decisions(event)? {
            let key = (decision.attendee.clone(), decision.programme.clone());
            let outcome = match self.one(&facts, &decision, newest.get(&key), &mut questions, now) {
                Ok(outcome) => outcome,
                Err(IssueError::Store(
                    error @ (StoreError::Unavailable(_) | StoreError::Damaged(_)),
                )) => {
                    return Err(error);
                }
                Err(fault) => {
                    let detail = fault.to_string();
                    self.store
                        .raise_alarm(event, key.0.as_str(), "cannot_issue", &detail, now)?;
                    Outcomes::Failed(detail)
                }
            };
            outcomes.push((key.0, key.1, outcome));
        }
        Ok(outcomes)
    }

    fn one(
        &self,
        event: &EventFacts,
        decision: &DecisionFacts,
        held: Option<&CertificateFacts>,
        questions: &mut BTreeMap<Hash, Arc<Question>>,
        now: UtcMs,
    ) -> Result<Outcomes, IssueError> {
        let Some((decision_index, object)) = decision.last_final else {
            return Ok(Outcomes::None);
        };
        if let Some(held) = held {
            let code = held.entry.certificate.clone();
            if held.entry.decision == decision_index {
                return Ok(if held.revocation.is_some() {
                    Outcomes::None
                } else {
                    Outcomes::Held(code)
                });
            }
            let detail = "the decision has changed since: reissue or revoke the certificate";
            self.store.raise_alarm(
                &event.id,
                code.as_str(),
                "certificate_outdated",
                detail,
                now,
            )?;
            return Ok(Outcomes::Outdated(code));
        }
        let document: DecisionDoc = self.object(object, "decision")?;
        if !matches!(document.outcome, Outcome::Full | Outcome::Partial) {
            return Ok(Outcomes::None);
        }
        let facts = self.store.attendee(&event.id, &decision.attendee)?;
        if facts.person.is_none() {
            return Ok(Outcomes::Erased);
        }
        let Some(proof) = self.proof(event, decision, decision_index, now)? else {
            return Ok(Outcomes::Waiting);
        };
        let question = self.question(&document, questions)?;
        let (person, key) = self.person(&event.id, &decision.attendee)?;
        let certificate = code(random::<CODE_BYTES>(&self.random));
        let draft = Draft {
            event,
            question: &question,
            document: &document,
            decision: object,
            name: &person.name,
            verify_at: format!("{}/c/{certificate}", self.public_url),
            code: certificate.clone(),
            version: 1,
            salt: random::<SALT_BYTES>(&self.random),
            issuer: &self.issuer,
            issued: now,
            proof,
        };
        let Some(frozen) = payload(draft) else {
            return Ok(Outcomes::None);
        };
        self.keep(&event.id, &frozen, decision_index, &key, now)?;
        Ok(Outcomes::Issued(certificate))
    }

    /// Keeps payload and PDF, sealed, and only then names them in the ledger.
    fn keep(
        &self,
        event: &EventId,
        frozen: &Payload,
        decision: u64,
        key: &SealKey,
        now: UtcMs,
    ) -> Result<(), IssueError> {
        let bytes = object_bytes(frozen);
        let pdf = render(&view(frozen), &self.fonts)?;
        let mut hashes = Vec::with_capacity(2);
        for plain in [&bytes, &pdf] {
            let hash = evidence::sha256(plain);
            let sealed = key.seal(&private_what(event, hash), plain, &self.random);
            self.store
                .put_private(event, &frozen.attendee, hash, &sealed)?;
            hashes.push(hash);
        }
        let entry = ledger::Certificate {
            certificate: frozen.certificate.clone(),
            version: frozen.version,
            attendee: frozen.attendee.clone(),
            programme: frozen.programme.clone(),
            decision,
            payload: hashes[0],
            pdf: hashes[1],
        };
        self.store
            .issue_certificate(event, &NewCertificate { entry }, now)?;
        Ok(())
    }

    /// Revokes the newest version of a certificate.
    ///
    /// # Errors
    /// Where there is none, it is revoked already, or the database cannot be used.
    pub fn revoke(
        &self,
        certificate: &CertificateId,
        reason: &str,
        operator: &str,
        now: UtcMs,
    ) -> Result<u64, IssueError> {
        if !is_code(reason) {
            return Err(IssueError::Missing(format!(
                "the reason {reason:?} is not a code: write 1 to {MAX_REASON_BYTES} of a-z, 0-9 and '_', such as issued_in_error"
            )));
        }
        let versions = self.store.certificate(certificate)?;
        let newest = versions.last().ok_or_else(|| {
            IssueError::Missing(format!(
                "there is no certificate {certificate}: check the code, letter by letter"
            ))
        })?;
        let revocation = ledger::Revocation {
            certificate: certificate.clone(),
            version: newest.entry.version,
            reason: reason.to_owned(),
            operator: operator.to_owned(),
        };
        Ok(self.store.revoke_certificate(&revocation, now)?)
    }

    /// What a certificate rests on: the checkpoint that kiosks cosigned, or, after waiting, the issuer's own.
    fn proof(
        &self,
        event: &EventFacts,
        decision: &DecisionFacts,
        index: u64,
        now: UtcMs,
    ) -> Result<Option<Proof>, IssueError> {
        let head = self.store.ledger_head(&event.id)?;
        let witnesses = self.store.witnesses(&event.id, head.size)?;
        let cosigned = witnesses
            .first()
            .map(|w| w.size)
            .filter(|size| *size > index);
        let has_waited = now.0.saturating_sub(decision.at.0) >= WITNESS_WAIT_MS;
        let nobody_to_wait_for = self
            .store
            .kiosks(&event.id)?
            .iter()
            .all(|k| k.retired.is_some());
        let size = match cosigned {
            Some(size) => size,
            None if has_waited || nobody_to_wait_for => head.size,
            None => return Ok(None),
        };
        let root = self.store.ledger_root_at(&event.id, size)?;
        let checkpoint = Checkpoint::new(&head.origin, size, root)
            .map_err(|e| IssueError::Missing(format!("the ledger's head is no checkpoint: {e}")))?;
        let note = sign_checkpoint(&checkpoint, &self.keys.signing);
        let (note, count) = if cosigned.is_some() {
            with_cosignatures(note, &witnesses)
        } else {
            (note, 0)
        };
        let path = self.store.prove_ledger_entry(&event.id, index, size)?;
        let proof = TlogProof {
            index,
            path,
            extra: Vec::new(),
            checkpoint_note: note.clone(),
        };
        let text = proof
            .to_text()
            .map_err(|e| IssueError::Missing(format!("the ledger's proof: {e}")))?;
        Ok(Some(Proof {
            checkpoint: note,
            decision: text,
            witnesses: count,
        }))
    }

    fn object<T: serde::de::DeserializeOwned>(
        &self,
        hash: Hash,
        what: &str,
    ) -> Result<T, IssueError> {
        let bytes = self.objects.get(hash)?;
        let bytes = bytes.ok_or_else(|| {
            IssueError::Missing(format!("the {what} {hash} is not in the object store"))
        })?;
        serde_json::from_slice(&bytes)
            .map_err(|e| IssueError::Missing(format!("the {what} {hash} does not read: {e}")))
    }

    fn question(
        &self,
        document: &DecisionDoc,
        questions: &mut BTreeMap<Hash, Arc<Question>>,
    ) -> Result<Arc<Question>, IssueError> {
        let name =
            |text: &str| Hash::from_hex(text).map_err(|e| IssueError::Missing(e.to_string()));
        let basis_name = name(&document.basis)?;
        if let Some(known) = questions.get(&basis_name) {
            return Ok(Arc::clone(known));
        }
        let basis: Basis = self.object(basis_name, "basis")?;
        let agenda: Agenda = self.object(name(&basis.agenda)?, "agenda")?;
        let registrations: Registrations =
            self.object(name(&basis.registrations)?, "registrations")?;
        let rules = name(&basis.rules)?;
        let text = self
            .objects
            .get(rules)?
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| {
            IssueError::Missing(format!("the rule set {rules} is not in the object store"))
        })?;
        let rules =
            protocol::rules::parse(&text).map_err(|e| IssueError::Missing(e.to_string()))?;
        let roll = Roll::new(&registrations);
        let question = Question::new(basis, Arc::new(agenda), Arc::new(roll), Arc::new(rules))
            .map_err(|e| IssueError::Missing(e.to_string()))?;
        let question = Arc::new(question);
        questions.insert(basis_name, Arc::clone(&question));
        Ok(question)
    }

    fn person(
        &self,
        event: &EventId,
        attendee: &AttendeeId,
    ) -> Result<(Person, SealKey), IssueError> {
        open_person(self.store.as_ref(), &self.keys, event, attendee)
    }
}

/// A person and the key of their data.
///
/// # Errors
/// Where the attendee is unknown or erased, or the master key is not the one.
pub fn open_person(
    store: &dyn Store,
    keys: &Keys,
    event: &EventId,
    attendee: &AttendeeId,
) -> Result<(Person, SealKey), IssueError> {
    let facts = store.attendee(event, attendee)?;
    let erased = || IssueError::Missing(format!("the data of attendee {attendee} was erased"));
    let (wrapped, sealed) = facts.person.ok_or_else(erased)?;
    let unreadable =
        || IssueError::Missing(format!("the data of attendee {attendee} does not open"));
    let key = keys
        .data_key(event, attendee, &wrapped)
        .ok_or_else(unreadable)?;
    let person = Person::open(event, attendee, &key, &sealed).ok_or_else(unreadable)?;
    Ok((person, key))
}

/// A private file of an event, opened; `None` where there is none or its owner's data was erased.
///
/// # Errors
/// Where the database cannot be used, or the file is not the one of its name.
pub fn open_private(
    store: &dyn Store,
    keys: &Keys,
    event: &EventId,
    hash: Hash,
) -> Result<Option<Vec<u8>>, IssueError> {
    let Some(file) = store.private(event, hash)? else {
        return Ok(None);
    };
    let Some((wrapped, _)) = store.attendee(event, &file.attendee)?.person else {
        return Ok(None);
    };
    let key = keys.data_key(event, &file.attendee, &wrapped);
    let plain = key.and_then(|key| key.open(&private_what(event, hash), &file.sealed));
    match plain {
        Some(plain) if evidence::sha256(&plain) == hash => Ok(Some(plain.to_vec())),
        _ => Err(IssueError::Missing(format!(
            "the private file {hash} does not open: restore it"
        ))),
    }
}

/// What a private file is sealed as.
fn private_what(event: &EventId, hash: Hash) -> String {
    format!("private/{event}/{hash}")
}

/// The checkpoint with the kiosks' cosignatures, and how many there are.
fn with_cosignatures(mut note: String, witnesses: &[Witness]) -> (String, u32) {
    let mut count = 0;
    for witness in witnesses {
        let own = format!("\u{2014} {} ", witness.origin);
        if let Some(line) = witness.note.lines().find(|line| line.starts_with(&own)) {
            note.push_str(line);
            note.push('\n');
            count += 1;
        }
    }
    (note, count)
}

/// Whether a text is a reason code.
fn is_code(text: &str) -> bool {
    (1..=MAX_REASON_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
