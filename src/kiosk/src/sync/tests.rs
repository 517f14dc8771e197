//! The driver against an issuer on loopback: real sockets, TLS, signatures, logs and proofs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use evidence::{MemoryTree, SigningKey, open_cosignature, sha256};
use tokio::sync::watch;

use super::run;
use super::testing::desk::TestDesk;
use super::testing::issuer::TestIssuer;
use super::testing::{ISSUER, device_key, issuer_key};
use super::words::{Alarm, Outcome, SyncStatus};

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs sync at this desk until the condition holds of its status. A condition that never holds fails the test.
async fn sync_until(desk: &TestDesk, holds: impl FnMut(&SyncStatus) -> bool) -> SyncStatus {
    let (sender, mut status) = watch::channel(SyncStatus::default());
    let syncing = tokio::spawn(run(desk.desk.clone(), sender));
    let found = tokio::time::timeout(PATIENCE, status.wait_for(holds)).await;
    let found = found.map(|status| status.unwrap().clone());
    syncing.abort();
    found.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {:?}", status.borrow()))
}

fn all_receipted(desk: &TestDesk, scans: u64) -> bool {
    desk.kept().receipted >= scans
}

#[tokio::test]
async fn a_backlog_is_receipted_in_order_over_plain_loopback() {
    let issuer = TestIssuer::plain();
    let desk = TestDesk::enrolled(&issuer.url, None);
    desk.scans(1_200);
    issuer.held().lose = 1;
    let status = sync_until(&desk, |status| {
        all_receipted(&desk, 1_200) && desk.kept().presence == 1 && status.last_success.is_some()
    })
    .await;
    assert_eq!(status.alarms, []);
    let (held, kept) = (issuer.held(), desk.kept());
    assert_eq!(held.entries[..], kept.entries[..held.entries.len()]);
    assert_eq!(held.calls[0], "/v1/time");
    assert!(held.compressed >= 3, "large batches go compressed");
    assert_eq!(kept.clocks.len(), 1);
    let issuer_key = issuer_key().public_key();
    assert!(protocol::time::clock_verifies(&kept.clocks[0], &issuer_key));
    // Each ledger head was extended by the next and is cosigned by the kiosk's own name.
    let origin = &kept.enrolment.as_ref().unwrap().origin;
    let last = kept.witnessed.last().unwrap();
    let cosigned = open_cosignature(last, origin, &device_key().public_key());
    assert_eq!(cosigned, Ok(7));
    assert_eq!(kept.receipts.len(), kept.witnessed.len());
    assert!(open_cosignature(&kept.receipts[0], ISSUER, &issuer_key).is_ok());
}

#[tokio::test]
async fn scans_wake_a_sync_that_sleeps_and_a_nonce_may_expire() {
    let issuer = TestIssuer::plain();
    let desk = TestDesk::enrolled(&issuer.url, None);
    let (sender, mut status) = watch::channel(SyncStatus::default());
    let syncing = tokio::spawn(run(desk.desk.clone(), sender));
    let asleep = status.wait_for(|status| status.next.is_some() && status.calls >= 5);
    tokio::time::timeout(PATIENCE, asleep)
        .await
        .unwrap()
        .unwrap();
    issuer.held().nonce += 1;
    let size = desk.kept().entries.len();
    desk.scans(1);
    let more = u64::try_from(size).unwrap() + 1;
    let done = status.wait_for(|status| status.issuer_size >= more);
    tokio::time::timeout(PATIENCE, done).await.unwrap().unwrap();
    syncing.abort();
}

#[tokio::test]
async fn the_pinned_key_and_no_other_is_spoken_to() {
    let issuer = TestIssuer::tls((1990, 2090));
    let desk = TestDesk::enrolled(&issuer.url, issuer.pin.clone());
    desk.scans(3);
    let status = sync_until(&desk, |_| all_receipted(&desk, 3)).await;
    assert_eq!(status.alarms, []);

    let issuer = TestIssuer::tls((1990, 2090));
    let desk = TestDesk::enrolled(&issuer.url, Some(sha256(b"another").to_hex()));
    desk.scans(3);
    let status = sync_until(&desk, |status| status.last.is_some()).await;
    assert_eq!(status.alarms, [Alarm::WrongKey]);
    assert_eq!(status.last.unwrap().outcome, Outcome::NotOurIssuer);
    assert!(issuer.held().calls.is_empty(), "nothing was sent");
}

#[tokio::test]
async fn certificate_dates_are_held_against_the_issuers_time() {
    // Expired by this machine's clock, valid by the issuer's: it goes.
    let issuer = TestIssuer::tls((1990, 2001));
    issuer.held().time_ahead_ms = -26 * 365 * 86_400_000;
    let desk = TestDesk::enrolled(&issuer.url, issuer.pin.clone());
    desk.scans(1);
    sync_until(&desk, |_| all_receipted(&desk, 1)).await;

    // Expired by the issuer's own time: the time is asked, nothing else is sent.
    let issuer = TestIssuer::tls((1990, 2001));
    let desk = TestDesk::enrolled(&issuer.url, issuer.pin.clone());
    desk.scans(1);
    let expired = |status: &SyncStatus| status.alarms.contains(&Alarm::CertificateDates);
    sync_until(&desk, expired).await;
    assert!(issuer.held().calls.iter().all(|path| path == "/v1/time"));
    assert_eq!(desk.kept().receipted, 0);
}

#[tokio::test]
async fn pins_are_rotated_by_bundle() {
    let issuer = TestIssuer::tls((1990, 2090));
    let next = sha256(b"next").to_hex();
    issuer.held().pins.push(next.clone());
    let desk = TestDesk::enrolled(&issuer.url, issuer.pin.clone());
    sync_until(&desk, |_| desk.kept().pins.contains(&next)).await;

    // A bundle without pins would cut the kiosk off: refused, the old ones stay.
    issuer.held().pins.clear();
    issuer.held().sequence += 1;
    let refused = |status: &SyncStatus| status.alarms.contains(&Alarm::BundleRefused);
    sync_until(&desk, refused).await;
    assert_eq!(desk.kept().pins.len(), 2);
    assert_eq!(desk.kept().bundle.unwrap().0, 1);
}

#[tokio::test]
async fn a_foreign_signing_key_is_believed_nothing() {
    let issuer = TestIssuer::plain();
    issuer.held().key = SigningKey::from_seed(&[66; 32]);
    let desk = TestDesk::enrolled(&issuer.url, None);
    desk.scans(1);
    let status = sync_until(&desk, |status| !status.alarms.is_empty()).await;
    assert_eq!(status.alarms, [Alarm::TimeRefused]);
    assert_eq!(desk.kept().clocks.len(), 0);
    assert!(issuer.held().calls.iter().all(|path| path == "/v1/time"));
}

#[tokio::test]
async fn a_ledger_that_was_rewritten_is_not_witnessed() {
    let issuer = TestIssuer::plain();
    let desk = TestDesk::enrolled(&issuer.url, None);
    desk.scans(2);
    sync_until(&desk, |_| desk.kept().ledger.is_some()).await;
    let witnessed = desk.kept().witnessed.len();
    let receipted = desk.kept().receipted;

    issuer.held().ledger = (0_u8..9).map(|n| sha256(&[n])).collect::<MemoryTree>();
    desk.scans(1);
    let inconsistent = |status: &SyncStatus| status.alarms.contains(&Alarm::LedgerInconsistent);
    sync_until(&desk, inconsistent).await;
    assert_eq!(desk.kept().witnessed.len(), witnessed);
    assert!(desk.kept().receipted > receipted, "the receipt stands");
}

#[tokio::test]
async fn nothing_is_sent_before_enrolment_and_sync_begins_with_it() {
    let issuer = TestIssuer::plain();
    issuer.held().kiosk_key = None;
    let desk = TestDesk::new();
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut status) = watch::channel(SyncStatus::default());
    let syncing = tokio::spawn(run(desk.desk.clone(), sender));
    let claim = issuer.claim().to_text();
    let enrolment = crate::enrol::enrol_at(&claim, folder.path(), &desk.desk)
        .await
        .unwrap();
    assert_eq!(enrolment.issuer, ISSUER);
    let done = status.wait_for(|_| desk.kept().receipted > 0);
    tokio::time::timeout(PATIENCE, done).await.unwrap().unwrap();
    assert_eq!(issuer.held().calls[..2], ["/v1/time", "/v1/enrol"]);
    syncing.abort();
    let again = crate::enrol::enrol_at(&claim, folder.path(), &desk.desk).await;
    assert!(matches!(again, Err(crate::enrol::EnrolError::Already(kiosk)) if kiosk == "k1"));
}
