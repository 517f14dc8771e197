#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::sync::testing::issuer::TestIssuer;
use crate::sync::testing::{KIOSK, SECRET};

#[derive(Default)]
struct Store {
    kept: Option<NewEnrolment>,
    full: bool,
}

impl EnrolmentStore for Store {
    fn enrolled(&self) -> Result<Option<String>, String> {
        let kept = self.kept.as_ref();
        Ok(kept.map(|kept| kept.enrolment.kiosk.to_string()))
    }

    fn keep(&mut self, enrolled: &NewEnrolment) -> Result<(), String> {
        if self.full {
            return Err("the disk is full".into());
        }
        self.kept = Some(enrolled.clone());
        Ok(())
    }
}

struct Place {
    issuer: TestIssuer,
    folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    fn new(issuer: TestIssuer) -> Self {
        issuer.held().kiosk_key = None;
        Self {
            issuer,
            folder: tempfile::tempdir().unwrap(),
            store: Store::default(),
        }
    }

    async fn enrol(&mut self, claim: &Claim) -> Result<Enrolment, EnrolError> {
        enrol(&claim.to_text(), self.folder.path(), &mut self.store).await
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join(KEY_FILE)
    }
}

#[tokio::test]
async fn a_claim_becomes_an_enrolment_once() {
    for issuer in [TestIssuer::plain(), TestIssuer::tls((1990, 2090))] {
        let mut place = Place::new(issuer);
        let claim = place.issuer.claim();
        let enrolment = place.enrol(&claim).await.unwrap();
        assert_eq!(enrolment.kiosk.as_str(), KIOSK);
        assert_eq!(enrolment.tls_pin, claim.tls_pin);
        let kept = place.store.kept.as_ref().unwrap();
        let known = place.issuer.held().kiosk_key;
        assert_eq!(known, Some(kept.key.public_key()));
        assert!(!place.key_file().exists(), "the journal has the key now");
        let again = place.enrol(&claim).await;
        assert!(matches!(again, Err(EnrolError::Already(kiosk)) if kiosk == KIOSK));
    }
}

#[tokio::test]
async fn a_lost_answer_or_a_full_disk_is_asked_again_under_the_same_key() {
    let mut place = Place::new(TestIssuer::plain());
    let claim = place.issuer.claim();
    place.issuer.held().lose = 1;
    let lost = place.enrol(&claim).await;
    assert!(
        matches!(lost, Err(EnrolError::Unreachable { .. })),
        "{lost:?}"
    );
    let known = place.issuer.held().kiosk_key;
    assert!(known.is_some(), "the issuer did enrol it");
    let mode = std::fs::metadata(place.key_file()).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let file = std::fs::read_to_string(place.key_file()).unwrap();
    assert!(!file.contains(SECRET));

    place.store.full = true;
    let full = place.enrol(&claim).await;
    assert!(matches!(full, Err(EnrolError::Store(_))), "{full:?}");
    place.store.full = false;
    place.enrol(&claim).await.unwrap();
    assert_eq!(place.issuer.held().kiosk_key, known);
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let mut place = Place::new(TestIssuer::plain());
    let good = place.issuer.claim();

    let mut other = good.clone();
    other.secret = "wrong".into();
    let error = place.enrol(&other).await.unwrap_err();
    assert!(
        error.to_string().contains("rollcall-issuer claim"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("wrong\""));

    place.issuer.held().kiosk_key = Some(SigningKey::from_seed(&[8; 32]).public_key());
    let used = place.enrol(&good).await;
    assert!(matches!(used, Err(EnrolError::BadClaim)), "{used:?}");

    let mut foreign = good.clone();
    foreign.issuer_key = SigningKey::from_seed(&[9; 32]).public_key();
    let error = place.enrol(&foreign).await.unwrap_err();
    assert!(error.to_string().contains("not the issuer"), "{error}");

    let mut nobody = good.clone();
    nobody.url = "http://127.0.0.1:1".into();
    let error = place.enrol(&nobody).await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");

    let mut plain = good.clone();
    plain.url = "http://issuer.example".into();
    let error = place.enrol(&plain).await.unwrap_err();
    assert!(error.to_string().contains("https"), "{error}");

    let text = enrol("hello", place.folder.path(), &mut place.store).await;
    assert!(matches!(
        text,
        Err(EnrolError::Claim(ClaimError::NotAClaim))
    ));

    let missing = place.folder.path().join("absent");
    let error = enrol(&good.to_text(), &missing, &mut place.store).await;
    assert!(error.unwrap_err().to_string().contains("data folder"));
    assert!(place.store.kept.is_none());
}

#[tokio::test]
async fn a_wrong_tls_key_sees_no_secret() {
    let mut place = Place::new(TestIssuer::tls((1990, 2090)));
    let mut claim = place.issuer.claim();
    claim.tls_pin = Some(evidence::sha256(b"another").to_hex());
    let error = place.enrol(&claim).await.unwrap_err();
    assert!(error.to_string().contains("TLS key is another"), "{error}");
    assert!(place.issuer.held().calls.is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_hold_enrols_nothing() {
    let key = || SigningKey::from_seed(&[3; 32]);
    let place = Place::new(TestIssuer::plain());
    let claim = place.issuer.claim();
    let issuer_key = crate::sync::testing::issuer_key();
    let good = Enrolled {
        kiosk: KIOSK.parse().unwrap(),
        event: "conf".parse().unwrap(),
        issuer: "demo.example".into(),
        issuer_key: claim.issuer_key,
        badge_key: vec![5; 32],
        origin: kiosk_origin("demo.example", KIOSK, &key().public_key()).unwrap(),
        bundle: crate::sync::testing::bundle(1, &[], &issuer_key),
    };
    assert!(check(&claim, key(), good.clone()).is_ok());
    let foreign = SigningKey::from_seed(&[7; 32]);
    let bad = [
        Enrolled {
            issuer_key: foreign.public_key(),
            ..good.clone()
        },
        Enrolled {
            origin: good.origin.replace("k1", "k2"),
            ..good.clone()
        },
        Enrolled {
            badge_key: vec![5; 31],
            ..good.clone()
        },
        Enrolled {
            bundle: crate::sync::testing::bundle(1, &[], &foreign),
            ..good.clone()
        },
        Enrolled {
            event: "other".parse().unwrap(),
            ..good.clone()
        },
    ];
    for answer in bad {
        let shown = format!("{answer:?}");
        assert!(check(&claim, key(), answer).is_err(), "{shown}");
    }
}
