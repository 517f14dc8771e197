//! A desk in memory: the log, its proofs and the checks that a journal makes.

use std::sync::{Arc, Mutex, MutexGuard};

use attendance::words::{EventId, KioskId};
use evidence::{
    Checkpoint, Hash, MemoryTree, SigningKey, kiosk_origin, leaf_hash, root_at, sign_checkpoint,
};
use protocol::badge::BadgeKey;
use protocol::entry::Clock;
use tokio::sync::{mpsc, watch};

use super::{EVENT, ISSUER, KIOSK, device_key, issuer_key};
use crate::desk::{
    AcceptedError, AdoptError, Desk, DeskError, DeskRequest, DeskState, InForce, NewEnrolment,
    Standing, Taken, parties,
};
use crate::journal::{Enrolment, OwnedLeaf, Prepared};
use crate::sync::verify::{self, BundleFor, HeldLedger, Offered};

/// What the desk keeps.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) enrolment: Option<Enrolment>,
    pub(crate) key: Option<SigningKey>,
    pub(crate) entries: Vec<Vec<u8>>,
    tree: MemoryTree,
    urgent: u64,
    pub(crate) receipted: u64,
    pub(crate) receipts: Vec<String>,
    pub(crate) ledger: Option<HeldLedger>,
    pub(crate) witnessed: Vec<String>,
    pub(crate) clocks: Vec<Clock>,
    pub(crate) bundle: Option<(u64, Hash)>,
    pub(crate) pins: Vec<String>,
    pub(crate) presence: usize,
    pub(crate) faults: Vec<String>,
}

impl Kept {
    fn append(&mut self, entry: Vec<u8>, rides: bool) {
        self.tree.append(leaf_hash(&entry));
        self.entries.push(entry);
        if !rides {
            self.urgent = self.tree.size();
        }
    }

    fn standing(&self) -> Standing {
        Standing {
            enrolled: self.enrolment.is_some(),
            log_size: self.tree.size(),
            urgent_size: self.urgent,
            anchored: !self.clocks.is_empty(),
            ..Standing::default()
        }
    }

    fn prepare(&self, from: u64, max_entries: usize, max_bytes: usize) -> Prepared {
        let start = usize::try_from(from).unwrap();
        let mut bytes = 0;
        let leaves: Vec<OwnedLeaf> = self.entries[start..]
            .iter()
            .take(max_entries)
            .take_while(|entry| {
                bytes += entry.len() + 1;
                bytes <= max_bytes
            })
            .map(|entry| OwnedLeaf::Entry(entry.clone()))
            .collect();
        let end = from + u64::try_from(leaves.len()).unwrap();
        let root = root_at(end, &self.tree).unwrap();
        let origin = &self.enrolment.as_ref().unwrap().origin;
        let head = Checkpoint::new(origin, end, root).unwrap();
        Prepared {
            start: from,
            checkpoint: sign_checkpoint(&head, self.key.as_ref().unwrap()),
            leaves,
            ledger_size: self.ledger.map_or(0, |held| held.size),
            ledger: self.witnessed.last().cloned(),
        }
    }

    fn accepted(
        &mut self,
        sent: u64,
        answer: &protocol::batch::Accepted,
    ) -> Result<Taken, AcceptedError> {
        let enrolment = self.enrolment.clone().unwrap();
        let key = self.key.clone().unwrap();
        let log_key = key.public_key();
        let parties = parties(&enrolment, &log_key);
        let log = self.tree.size();
        let receipt = verify::receipt(answer, parties, sent, log, |size| {
            root_at(size, &self.tree).ok()
        })
        .inspect_err(|fault| self.faults.push(fault.to_string()))?;
        let ledger = verify::ledger(answer, parties, &enrolment.event, self.ledger);
        self.receipted = self.receipted.max(receipt.checkpoint.size);
        self.receipts.push(receipt.note.clone());
        self.append(format!("receipt {}", receipt.checkpoint.size).into(), true);
        if let Ok(Some(head)) = &ledger {
            let (size, root) = (head.size, head.root);
            self.ledger = Some(HeldLedger { size, root });
            let witnessed = verify::witness(&answer.ledger, &enrolment.origin, &key, 7).unwrap();
            self.witnessed.push(witnessed);
            self.append(format!("ledger_head {size}").into(), true);
        }
        Ok(Taken {
            receipted_size: self.receipted,
            ledger: ledger.map(|_| self.ledger.map_or(0, |held| held.size)),
        })
    }

    fn adopt(&mut self, signed: &[u8]) -> Result<InForce, AdoptError> {
        let enrolment = self.enrolment.clone().unwrap();
        let whose = BundleFor {
            kiosk: &enrolment.kiosk,
            event: &enrolment.event,
            issuer: &enrolment.issuer,
            issuer_key: &enrolment.issuer_key,
            tls: enrolment.tls_pin.is_some(),
            held: self.bundle,
        };
        if let Offered::Newer(bundle, hash) = verify::bundle(signed, whose)? {
            self.bundle = Some((bundle.sequence, hash));
            self.pins = bundle.pins;
            self.append(b"adopt".to_vec(), false);
        }
        Ok(InForce {
            sequence: self.bundle.map_or(0, |held| held.0),
            pins: self.pins.clone(),
        })
    }

    fn state(&self) -> DeskState {
        DeskState {
            enrolment: self.enrolment.clone(),
            key: self.key.clone(),
            log_key: self.key.clone(),
            sealed: Vec::new(),
            pins: self.pins.clone(),
            standing: self.standing(),
            receipted_size: self.receipted,
            ledger_size: self.ledger.map_or(0, |held| held.size),
            bundle_sequence: self.bundle.map(|held| held.0),
            bundle_etag: None,
            backlog: self.tree.size() - self.receipted,
            backlog_oldest: None,
        }
    }

    fn enrol(&mut self, new: NewEnrolment) -> Result<(), DeskError> {
        if let Some(enrolment) = &self.enrolment {
            let kiosk = enrolment.kiosk.clone();
            return Err(DeskError::EnrolledAlready { kiosk });
        }
        self.pins = new.enrolment.tls_pin.iter().cloned().collect();
        self.enrolment = Some(new.enrolment);
        self.key = Some(new.key);
        self.adopt(&new.bundle).unwrap();
        Ok(())
    }
}

/// A desk, and what it keeps.
pub(crate) struct TestDesk {
    pub(crate) desk: Desk,
    kept: Arc<Mutex<Kept>>,
    standing: Arc<watch::Sender<Standing>>,
}

impl TestDesk {
    /// A desk that nobody has enrolled. It lives as long as the runtime it is made on.
    pub(crate) fn new() -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (standing, seen) = watch::channel(Standing::default());
        let standing = Arc::new(standing);
        let (sender, mut requests) = mpsc::channel(4);
        let (of_task, publish) = (Arc::clone(&kept), Arc::clone(&standing));
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                serve(&of_task, &publish, request);
            }
        });
        let desk = Desk::new(
            move |request| sender.try_send(request).map_err(|_| DeskError::Busy),
            seen,
        );
        Self {
            desk,
            kept,
            standing,
        }
    }

    /// A desk enrolled at the issuer at this address.
    pub(crate) fn enrolled(url: &str, tls_pin: Option<String>) -> Self {
        let this = Self::new();
        let origin = kiosk_origin(ISSUER, KIOSK, &device_key().public_key()).unwrap();
        this.with(|kept| {
            kept.pins = tls_pin.iter().cloned().collect();
            kept.enrolment = Some(Enrolment {
                kiosk: KioskId::new(KIOSK).unwrap(),
                event: EventId::new(EVENT).unwrap(),
                issuer: ISSUER.into(),
                issuer_key: issuer_key().public_key(),
                url: url.into(),
                tls_pin,
                origin,
                badge_key: BadgeKey::from_bytes([5; 32]),
            });
            kept.key = Some(device_key());
        });
        this
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn with(&self, act: impl FnOnce(&mut Kept)) {
        let standing = {
            let mut kept = self.kept();
            act(&mut kept);
            kept.standing()
        };
        self.standing.send_replace(standing);
    }

    pub(crate) fn scans(&self, count: usize) {
        self.with(|kept| {
            for _ in 0..count {
                let number = kept.entries.len();
                let entry = format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(40));
                kept.append(entry.into_bytes(), false);
            }
        });
    }
}

fn serve(kept: &Mutex<Kept>, publish: &watch::Sender<Standing>, request: DeskRequest) {
    let mut kept = kept.lock().unwrap();
    let publish = |kept: &Kept| publish.send_replace(kept.standing());
    match request {
        DeskRequest::Batch {
            from,
            max_entries,
            max_bytes,
            reply,
        } => {
            let _ = reply.send(Ok(Some(kept.prepare(from, max_entries, max_bytes))));
        }
        DeskRequest::Accepted {
            sent,
            answer,
            reply,
        } => {
            let taken = kept.accepted(sent, &answer);
            publish(&kept);
            let _ = reply.send(taken);
        }
        DeskRequest::Fork { reply, .. } => {
            let _ = reply.send(Err(DeskError::Busy.into()));
        }
        DeskRequest::Sealed { reply } => {
            let _ = reply.send(Ok(None));
        }
        DeskRequest::Delivered { reply, .. } => {
            let _ = reply.send(Ok(()));
        }
        DeskRequest::Time { clock, reply } => {
            kept.append(b"clock".to_vec(), true);
            kept.clocks.push(clock);
            publish(&kept);
            let _ = reply.send(Ok(()));
        }
        DeskRequest::Bundle { signed, reply, .. } => {
            let adopted = kept.adopt(&signed);
            publish(&kept);
            let _ = reply.send(adopted);
        }
        DeskRequest::Presence { rows, reply } => {
            kept.presence = rows.len();
            let _ = reply.send(Ok(()));
        }
        DeskRequest::Enrol { enrolled, reply } => {
            let result = kept.enrol(*enrolled);
            publish(&kept);
            let _ = reply.send(result);
        }
        DeskRequest::Status { reply } => {
            let _ = reply.send(Ok(Box::default()));
        }
        DeskRequest::State { reply } => {
            let _ = reply.send(Ok(Box::new(kept.state())));
        }
    }
}
