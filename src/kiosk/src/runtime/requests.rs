//! What the keeper does for sync and enrolment. Answers are given after what they say is durable.

use attendance::UtcMs;
use protocol::batch::Accepted;
use protocol::bundle::BundleError;
use protocol::entry::{Body, Clock, Entry, Note, NoteText, encode};
use protocol::presence::PresenceRow;

use super::keeper::{Keeper, State};
use super::rebuild::{InForce as Held, adopt_body, new_bundle, owner, rebuild};
use super::recorder::Recorder;
use crate::desk::{
    AcceptedError, AdoptError, DeskError, DeskRequest, DeskState, ForkError, InForce, NewEnrolment,
    Standing, Taken, parties,
};
use crate::door::Door;
use crate::journal::{Journal, JournalError, Prepared, SealedBatch};
use crate::sync::verify::{
    self, BundleFault, BundleFor, ForkProof, HeldLedger, LedgerFault, Offered,
};

impl Keeper {
    /// Does what is asked at the desk and answers it.
    pub fn serve(&mut self, request: DeskRequest) {
        // Whoever asked may have given up; what was done for them stands.
        match request {
            DeskRequest::Batch {
                from,
                max_entries,
                max_bytes,
                reply,
            } => {
                let _ = reply.send(self.batch(from, max_entries, max_bytes));
            }
            DeskRequest::Accepted {
                sent,
                answer,
                reply,
            } => {
                let _ = reply.send(self.accepted(sent, &answer));
            }
            DeskRequest::Fork { checkpoint, reply } => {
                let _ = reply.send(self.fork(&checkpoint));
            }
            DeskRequest::Sealed { reply } => {
                let _ = reply.send(self.sealed_batch());
            }
            DeskRequest::Delivered {
                number,
                size,
                reply,
            } => {
                let _ = reply.send(self.delivered(number, size));
            }
            DeskRequest::Time { clock, reply } => {
                let _ = reply.send(self.time(clock));
            }
            DeskRequest::Bundle {
                signed,
                etag,
                reply,
            } => {
                let _ = reply.send(self.bundle(&signed, etag.as_deref()));
            }
            DeskRequest::Presence { rows, reply } => {
                let _ = reply.send(self.presence(rows));
            }
            DeskRequest::Enrol { enrolled, reply } => {
                let _ = reply.send(self.enrol(&enrolled));
            }
            DeskRequest::Status { reply } => {
                let _ = reply.send(Ok(Box::new(self.kiosk_status())));
            }
            DeskRequest::State { reply } => {
                let _ = reply.send(self.desk_state().map(Box::new));
            }
        }
    }

    fn recorder(&mut self) -> Result<&mut Recorder, DeskError> {
        match &mut self.state {
            State::Recording(recorder) => Ok(recorder),
            State::NotSetUp(_) => Err(DeskError::NotEnrolled),
            State::Down { code, .. } => Err(DeskError::Failed((*code).to_owned())),
        }
    }

    /// What an error means for the desk; a fatal one ends recording until the journal was opened again.
    fn failed(&mut self, error: &JournalError) -> DeskError {
        if error.is_fatal() {
            self.fail(error);
        }
        DeskError::Failed(error.to_string())
    }

    fn batch(
        &mut self,
        from: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Option<Prepared>, DeskError> {
        let journal = &mut self.recorder()?.journal;
        let prepared = journal.prepare_batch(from, max_entries, max_bytes);
        prepared.map_err(|error| self.failed(&error))
    }

    /// Seals the log if this checkpoint proves that another one exists under its key, and goes on in a fresh one.
    fn fork(&mut self, checkpoint: &str) -> Result<(), ForkError> {
        let stamp = (self.place.clock)();
        let recorder = self.recorder()?;
        let journal = &mut recorder.journal;
        let Some(enrolment) = journal.enrolment().cloned() else {
            return Err(DeskError::NotEnrolled.into());
        };
        if journal.awaits_enrolment() {
            // The word is of the log that was sealed for it already.
            return Ok(());
        }
        let log_key = journal.key().public_key();
        let size = journal.size();
        let root_at = |size| journal.root_at(size).ok().flatten();
        let proof = verify::fork(checkpoint, parties(&enrolment, &log_key), size, root_at)?;
        let insiders = recorder.door.insiders();
        if let Err(error) = journal.seal(proof.code(), checkpoint, stamp.wall) {
            return Err(self.failed(&error).into());
        }
        tracing::error!(
            code = proof.code(),
            entries = size,
            proven_at = proof.size(),
            "this log is sealed: another one exists under its key; scans go on in a fresh log that has to be enrolled"
        );
        self.go_on(insiders, proof, size).map_err(ForkError::Desk)
    }

    /// Builds the door of the fresh log on the bundle in force.
    fn go_on(
        &mut self,
        insiders: Vec<PresenceRow>,
        proof: ForkProof,
        size: u64,
    ) -> Result<(), DeskError> {
        let nobody = State::Down {
            code: "sealing",
            again_raw_ms: 0,
        };
        let State::Recording(recorder) = std::mem::replace(&mut self.state, nobody) else {
            return Err(DeskError::NotEnrolled);
        };
        let Recorder {
            journal, in_force, ..
        } = *recorder;
        match fresh_door(&journal, self.place.config.repeat_s) {
            Ok((mut door, adopt)) => {
                door.tell(insiders, 0);
                let recorder = Recorder {
                    journal,
                    door,
                    in_force,
                    urgent_size: 0,
                };
                let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                let numbers = [("entries", count(size)), ("proven_at", count(proof.size()))];
                let note = Note {
                    code: format!("sealed_{}", proof.code()),
                    numbers: numbers
                        .map(|(name, number)| (name.to_owned(), number))
                        .into(),
                };
                self.begin_fresh(recorder, adopt, note);
                Ok(())
            }
            Err(error) => {
                self.fail(&error);
                Err(DeskError::Failed(error.to_string()))
            }
        }
    }

    fn sealed_batch(&mut self) -> Result<Option<SealedBatch>, DeskError> {
        let batch = self.recorder()?.journal.sealed_batch();
        batch.map_err(|error| self.failed(&error))
    }

    fn delivered(&mut self, number: u64, size: u64) -> Result<(), DeskError> {
        let noted = self.recorder()?.journal.note_delivered(number, size);
        match noted {
            Ok(()) => {
                self.publish_standing();
                Ok(())
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn accepted(&mut self, sent: u64, answer: &Accepted) -> Result<Taken, AcceptedError> {
        let stamp = (self.place.clock)();
        let recorder = self.recorder()?;
        let journal = &recorder.journal;
        let Some(enrolment) = journal.enrolment().cloned() else {
            return Err(DeskError::NotEnrolled.into());
        };
        let log_key = journal.key().public_key();
        let parties = parties(&enrolment, &log_key);
        let root_at = |size| journal.root_at(size).ok().flatten();
        let receipt = verify::receipt(answer, parties, sent, journal.size(), root_at)?;
        let held = journal.ledger().map(|held| HeldLedger {
            size: held.size,
            root: held.root,
        });
        let ledger = verify::ledger(answer, parties, &enrolment.event, held);
        if receipt.checkpoint.size > journal.receipted() || journal.receipted_at_s().is_none() {
            let body = Body::Receipt(NoteText {
                note: receipt.note.clone(),
            });
            self.append_riding(body, |journal, entries| {
                journal.take_receipt(&receipt, entries).map(|_| ())
            })?;
        }
        let ledger = match ledger {
            Ok(Some(head)) => {
                let recorder = self.recorder()?;
                // A cosignature states a time. Without one that the issuer vouches for, the head is not witnessed now.
                let Some(now) = recorder.door.vouched(&stamp) else {
                    tracing::info!("no time is known yet: the ledger's head is not witnessed");
                    let held = held.map_or(0, |held| held.size);
                    return self.taken(Ok(held));
                };
                let time_s = u64::try_from(now.0 / 1_000).unwrap_or(0);
                let key = recorder.journal.key().clone();
                let note = verify::witness(&answer.ledger, &enrolment.origin, &key, time_s);
                match note {
                    Ok(note) => {
                        let body = Body::LedgerHead(NoteText { note: note.clone() });
                        self.append_riding(body, |journal, entries| {
                            journal.take_ledger_head(&head, &note, entries).map(|_| ())
                        })?;
                        Ok(head.size)
                    }
                    Err(error) => Err(LedgerFault::Head(error)),
                }
            }
            Ok(None) => Ok(held.map_or(0, |held| held.size)),
            Err(fault) => Err(fault),
        };
        self.taken(ledger)
    }

    fn taken(&mut self, ledger: Result<u64, LedgerFault>) -> Result<Taken, AcceptedError> {
        Ok(Taken {
            receipted_size: self.recorder()?.journal.receipted(),
            ledger,
        })
    }

    /// Journals an entry that rides along, together with what it is about.
    fn append_riding(
        &mut self,
        body: Body,
        append: impl FnOnce(&mut Journal, &[Vec<u8>]) -> Result<(), JournalError>,
    ) -> Result<(), DeskError> {
        let stamp = (self.place.clock)();
        let recorder = self.recorder()?;
        let entry = Entry { stamp, body };
        let bytes = recorder
            .take(&entry)
            .ok_or_else(|| DeskError::Failed("it does not fit an entry".to_owned()))?;
        recorder.lay_traces_beside();
        let appended = append(&mut recorder.journal, &[bytes]);
        match appended {
            Ok(()) => {
                self.follow_floor();
                self.publish_standing();
                Ok(())
            }
            // The door has taken the entry already, so that whatever went wrong, it is built anew.
            Err(error) => {
                self.fail(&error);
                Err(DeskError::Failed(error.to_string()))
            }
        }
    }

    fn time(&mut self, clock: Clock) -> Result<(), DeskError> {
        self.notice_suspend();
        // The raw clock stood still between its two readings, or between them and this entry.
        if self
            .suspend_raw_ms
            .is_some_and(|noticed| clock.sent_raw_ms <= noticed)
        {
            return Err(DeskError::Suspended);
        }
        let key = match self.recorder()?.journal.enrolment() {
            Some(enrolment) => enrolment.issuer_key,
            None => return Err(DeskError::NotEnrolled),
        };
        if !protocol::time::clock_verifies(&clock, &key) {
            return Err(DeskError::Failed(
                "it is not signed by the issuer".to_owned(),
            ));
        }
        let error_ms = i64::from(clock.issuer_error_ms);
        let signed: UtcMs = clock.issuer_sent.plus_ms(-error_ms);
        self.append_riding(Body::Clock(clock), |journal, entries| {
            journal.append_signed_time(entries, signed).map(|_| ())
        })
    }

    fn bundle(&mut self, signed: &[u8], etag: Option<&str>) -> Result<InForce, AdoptError> {
        let stamp = (self.place.clock)();
        let recorder = self.recorder()?;
        let Some(enrolment) = recorder.journal.enrolment().cloned() else {
            return Err(DeskError::NotEnrolled.into());
        };
        let held = recorder.journal.bundle();
        let whose = BundleFor {
            kiosk: &enrolment.kiosk,
            event: &enrolment.event,
            issuer: &enrolment.issuer,
            issuer_key: &enrolment.issuer_key,
            tls: enrolment.tls_pin.is_some(),
            held: held.map(|held| (held.sequence, held.hash)),
        };
        let (bundle, hash) = match verify::bundle(signed, whose)? {
            Offered::Newer(bundle, hash) => (bundle, hash),
            Offered::InForce => {
                return Ok(InForce {
                    sequence: recorder.in_force.sequence,
                    pins: pins(&recorder.in_force, enrolment.tls_pin.as_deref()),
                });
            }
        };
        let malformed = |what: String| BundleFault::Refused(BundleError::Malformed(what));
        let body = adopt_body(&bundle, hash)
            .ok_or_else(|| malformed("it names hashes that are none".to_owned()))?;
        let entry = Entry { stamp, body };
        let bytes = encode(&entry).map_err(|e| malformed(e.to_string()))?;
        // From here on the door knows the new bundle; if it does not become durable, the door is built anew from the old one.
        recorder.door.adopt(&bundle);
        recorder.door.apply(recorder.door.next_index(), &entry);
        recorder.lay_traces_beside();
        let new = new_bundle(&bundle, hash, signed, etag);
        match recorder.journal.adopt_bundle(new, &[bytes]) {
            Ok(range) => recorder.urgent_size = range.end,
            Err(error) => {
                self.fail(&error);
                return Err(DeskError::Failed(error.to_string()).into());
            }
        }
        recorder.in_force = Held::of(&bundle, hash);
        self.follow_floor();
        let recorder = self.recorder()?;
        let in_force = InForce {
            sequence: bundle.sequence,
            pins: pins(&recorder.in_force, enrolment.tls_pin.as_deref()),
        };
        tracing::info!(
            sequence = bundle.sequence,
            badges = bundle.roster.len(),
            "bundle"
        );
        self.publish_standing();
        self.refresh_info();
        Ok(in_force)
    }

    fn presence(&mut self, rows: Vec<PresenceRow>) -> Result<(), DeskError> {
        let recorder = self.recorder()?;
        let covers = recorder.journal.receipted();
        recorder.door.tell(rows, covers);
        Ok(())
    }

    fn enrol(&mut self, enrolled: &NewEnrolment) -> Result<(), DeskError> {
        let enrolment = &enrolled.enrolment;
        match &mut self.state {
            State::Recording(recorder) if recorder.journal.awaits_enrolment() => {
                return self.take_over(enrolled);
            }
            State::Recording(recorder) => {
                let held = recorder.journal.enrolment();
                let same = held.is_some_and(|held| held.origin == enrolment.origin);
                return if same {
                    Ok(())
                } else {
                    Err(DeskError::EnrolledAlready {
                        kiosk: held.map_or_else(|| enrolment.kiosk.clone(), |h| h.kiosk.clone()),
                    })
                };
            }
            State::Down { code, .. } => return Err(DeskError::Failed((*code).to_owned())),
            State::NotSetUp(_) => {}
        }
        let refused =
            |what: &dyn std::fmt::Display| DeskError::Failed(format!("the first bundle: {what}"));
        let (bundle, hash) = protocol::bundle::open(&enrolled.bundle, &enrolment.issuer_key)
            .map_err(|e| refused(&e))?;
        let adopt = adopt_body(&bundle, hash).ok_or_else(|| refused(&"bad hashes"))?;
        let nobody = State::Down {
            code: "enrolling",
            again_raw_ms: 0,
        };
        let State::NotSetUp(mut journal) = std::mem::replace(&mut self.state, nobody) else {
            return Err(DeskError::NotEnrolled);
        };
        let new = new_bundle(&bundle, hash, &enrolled.bundle, None);
        if let Err(error) = journal.enrol(enrolment, &enrolled.key, new) {
            self.fail(&error);
            return Err(DeskError::Failed(error.to_string()));
        }
        let mut door = Door::new(owner(&journal, enrolment, self.place.config.repeat_s));
        door.adopt(&bundle);
        let urgent_size = journal.size();
        let recorder = Recorder {
            journal: *journal,
            door,
            in_force: Held::of(&bundle, hash),
            urgent_size,
        };
        self.begin_enrolled(recorder, adopt);
        self.follow_floor();
        self.recorder().map(|_| ())
    }

    /// Gives the fresh log, which waits after a seal, its enrolment. What it holds keeps its place.
    fn take_over(&mut self, enrolled: &NewEnrolment) -> Result<(), DeskError> {
        let enrolment = &enrolled.enrolment;
        let refused =
            |what: &dyn std::fmt::Display| DeskError::Failed(format!("the first bundle: {what}"));
        let (bundle, hash) = protocol::bundle::open(&enrolled.bundle, &enrolment.issuer_key)
            .map_err(|e| refused(&e))?;
        let adopt = adopt_body(&bundle, hash).ok_or_else(|| refused(&"bad hashes"))?;
        let journal = &mut self.recorder()?.journal;
        let new = new_bundle(&bundle, hash, &enrolled.bundle, None);
        match journal.enrol(enrolment, &enrolled.key, new) {
            Ok(()) => {}
            Err(JournalError::Enrolled { kiosk }) => {
                return Err(DeskError::EnrolledAlready { kiosk });
            }
            Err(error) => return Err(self.failed(&error)),
        }
        // The log has another name and another bundle from here on, so the door is built anew, as at a start.
        let nobody = State::Down {
            code: "enrolling",
            again_raw_ms: 0,
        };
        let State::Recording(recorder) = std::mem::replace(&mut self.state, nobody) else {
            return Err(DeskError::NotEnrolled);
        };
        let boot = (self.place.clock)().boot;
        match rebuild(recorder.journal, self.place.config.repeat_s, &boot) {
            Ok(rebuilt) => {
                self.state = State::Recording(Box::new(rebuilt.recorder));
                self.append_own(adopt)
                    .map_err(|error| DeskError::Failed(error.to_string()))?;
                self.refresh_info();
                tracing::info!(kiosk = %enrolment.kiosk, "the fresh log is enrolled");
                Ok(())
            }
            Err(error) => {
                self.fail(&error);
                Err(DeskError::Failed(error.to_string()))
            }
        }
    }

    fn desk_state(&mut self) -> Result<DeskState, DeskError> {
        let (journal, recorder) = match &self.state {
            State::NotSetUp(journal) => (journal.as_ref(), None),
            State::Recording(recorder) => (&recorder.journal, Some(recorder)),
            State::Down { code, .. } => return Err(DeskError::Failed((*code).to_owned())),
        };
        let enrolment = journal.enrolment();
        let bundle = journal.bundle();
        let in_force = recorder.map(|recorder| &recorder.in_force);
        let tls_pin = enrolment.and_then(|enrolment| enrolment.tls_pin.as_deref());
        Ok(DeskState {
            enrolment: enrolment.cloned(),
            key: Some(journal.request_key().clone()),
            log_key: Some(journal.key().clone()),
            sealed: journal
                .sealed()
                .iter()
                .filter(|log| log.delivered < log.size)
                .map(|log| (log.kiosk.clone(), log.key.clone()))
                .collect(),
            pins: in_force.map_or_else(Vec::new, |in_force| pins(in_force, tls_pin)),
            standing: recorder.map_or_else(Standing::default, |recorder| recorder.standing()),
            receipted_size: journal.receipted(),
            ledger_size: journal.ledger().map_or(0, |held| held.size),
            bundle_sequence: bundle.map(|bundle| bundle.sequence),
            bundle_etag: bundle.and_then(|bundle| bundle.etag.clone()),
            backlog: journal.size() - journal.receipted(),
            backlog_oldest: recorder.and_then(|recorder| recorder.backlog_oldest()),
        })
    }
}

/// A door over an empty log, on the bundle in force, with the entry that says so.
fn fresh_door(
    journal: &Journal,
    repeat_s: Option<u32>,
) -> Result<(Door, Option<Body>), JournalError> {
    let enrolment = journal.enrolment().ok_or(JournalError::NotEnrolled)?;
    let mut door = Door::new(owner(journal, enrolment, repeat_s));
    let Some(signed) = journal.bundle_bytes()? else {
        return Ok((door, None));
    };
    let damaged = |what: &dyn std::fmt::Display| {
        JournalError::Damaged(format!("the bundle in force: {what}"))
    };
    let (bundle, hash) =
        protocol::bundle::open(&signed, &enrolment.issuer_key).map_err(|e| damaged(&e))?;
    door.adopt(&bundle);
    Ok((door, adopt_body(&bundle, hash)))
}

/// The pins that hold: the bundle's, or the claim's where it names none.
fn pins(in_force: &Held, tls_pin: Option<&str>) -> Vec<String> {
    if in_force.pins.is_empty() {
        tls_pin.map(str::to_owned).into_iter().collect()
    } else {
        in_force.pins.clone()
    }
}
