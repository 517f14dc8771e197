//! `enrol`: a claim, typed or piped, while no daemon runs.

use std::sync::Arc;

use evidence::SigningKey;

use super::{Exit, complain, log_to_stderr, say};
use crate::config::Config;
use crate::desk::NewEnrolment;
use crate::enrol::{self, EnrolError, EnrolmentStore};
use crate::journal::{Disk, Folder, Journal, JournalError, NewBundle};

/// The journal, to keep an enrolment in.
struct Store(Journal);

impl EnrolmentStore for Store {
    fn enrolled(&self) -> Result<Option<String>, String> {
        let held = self.0.enrolment().filter(|_| !self.0.awaits_enrolment());
        Ok(held.map(|held| held.kiosk.to_string()))
    }

    fn waiting(&self) -> Option<SigningKey> {
        self.0.awaits_enrolment().then(|| self.0.key().clone())
    }

    fn keep(&mut self, enrolled: &NewEnrolment) -> Result<(), String> {
        let enrolment = &enrolled.enrolment;
        let (bundle, hash) = protocol::bundle::open(&enrolled.bundle, &enrolment.issuer_key)
            .map_err(|e| e.to_string())?;
        let new = NewBundle {
            sequence: bundle.sequence,
            hash,
            etag: None,
            signed: &enrolled.bundle,
            issued: bundle.issued,
        };
        self.0
            .enrol(enrolment, &enrolled.key, new)
            .map_err(|e| e.to_string())
    }
}

pub(super) fn enrol(config: &Config, claim: &str) -> Exit {
    log_to_stderr(config.log);
    let journal = Folder::take(&config.data_dir)
        .and_then(|folder| Journal::open(Arc::new(folder), Disk::real(0)));
    let journal = match journal {
        Ok(journal) => journal,
        Err(error @ JournalError::Locked(_)) => {
            complain(&error);
            complain(&"the daemon is running: scan the claim at the kiosk, or stop the daemon");
            return Exit::Failed;
        }
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    let tasks = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let tasks = match tasks {
        Ok(tasks) => tasks,
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    let mut store = Store(journal);
    let enrolled = enrol::claim_text(claim)
        .and_then(|text| tasks.block_on(enrol::enrol(&text, &config.data_dir, &mut store)));
    match enrolled {
        Ok(enrolment) => {
            say(&format!(
                "Enrolled as {} of event {}. Next: rollcall-kiosk run",
                enrolment.kiosk, enrolment.event
            ));
            Exit::Done
        }
        Err(error) => {
            complain(&error);
            match error {
                EnrolError::Claim(_) => Exit::Malformed,
                _ => Exit::Failed,
            }
        }
    }
}
