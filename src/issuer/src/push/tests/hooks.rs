//! Messages of platforms as they send them.

use hmac::Mac as _;
use sha2::Digest as _;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../sources/testdata/attendance/", $name))
    };
}

const SECRET: &str = "s3cret-of-the-platform";
/// A little behind the moments of the fixtures, in seconds since 1970.
const NOW_S: i64 = 1_805_018_400;

impl House {
    /// A house in the fixtures' time, with one source of a platform.
    fn hearing(id: &str, kind: HookKind) -> Self {
        let house = Self::new();
        house.clock.pass_ms(NOW_S * 1_000 - house.clock.now().0);
        let path = house.office.folder.path().join("master.key");
        let random = &house.office.random;
        let keys = Keys::load(&path, house.store.as_ref(), random).unwrap();
        let source = SourceFacts {
            id: id.to_owned(),
            event: event_id(),
            kind: kind.as_str().to_owned(),
            token: None,
            secret: Some(keys.seal_source_secret(id, SECRET.as_bytes(), random)),
            created: house.clock.now(),
            revoked: None,
            heard: None,
            ignored: 0,
        };
        house.store.add_source(&source).unwrap();
        house
    }

    fn zoom(&self, path: &str, secret: &str, late_s: i64, body: &str) -> Said {
        let timestamp = (self.clock.now().0 / 1_000 - late_s).to_string();
        let signature = mac(secret, &format!("v0:{timestamp}:{body}"));
        let headers = [
            ("x-zm-request-timestamp", timestamp.as_str()),
            ("x-zm-signature", &format!("v0={signature}")),
        ];
        self.send_with(path, &headers, body.as_bytes().to_vec())
    }

    /// What came of it; everything that is not named must be nothing.
    #[track_caller]
    fn check(said: &Said, expected: &[(&str, u64)]) {
        assert_eq!(said.status, 200, "{}", said.body);
        for name in ["taken", "unchanged", "refused", "unmatched", "ignored"] {
            let wanted = expected.iter().find(|(known, _)| *known == name);
            let wanted = wanted.map_or(0, |(_, count)| *count);
            assert_eq!(
                said.body[name].as_u64(),
                Some(wanted),
                "{name}: {}",
                said.body
            );
        }
    }

    fn codes(&self) -> Vec<(String, String)> {
        let alarms = self.store.alarms(&event_id()).unwrap();
        alarms
            .into_iter()
            .map(|alarm| (alarm.code, alarm.subject))
            .collect()
    }
}

fn mac(secret: &str, text: &str) -> String {
    let mut mac =
        <hmac::Hmac<sha2::Sha256> as hmac::Mac>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[test]
fn zooms_messages_are_taken_once_in_any_order() {
    let house = House::hearing("zoom", HookKind::Zoom);
    let path = "/v1/hooks/zoom";
    let mut messages = fixture!("zoom-hooks.ndjson").lines();
    let [left, joined, phone, started] = [0; 4].map(|_| messages.next().unwrap());
    let one = [("taken", 1), ("unmatched", 1)];
    // The leave comes before the join; both count, and neither twice.
    House::check(&house.zoom(path, SECRET, 0, left), &one);
    House::check(&house.zoom(path, SECRET, 0, joined), &one);
    House::check(&house.zoom(path, SECRET, 1, left), &[("unchanged", 1)]);
    House::check(&house.zoom(path, SECRET, 0, phone), &one);
    // What says nothing of attendance is acknowledged and counted, so that Zoom does not send it for ever.
    House::check(&house.zoom(path, SECRET, 0, started), &[("ignored", 1)]);
    let unheard = r#"{"event": "recording.completed", "payload": {"object": {}}}"#;
    House::check(&house.zoom(path, SECRET, 0, unheard), &[("ignored", 1)]);
    let known = house.store.signals(&event_id()).unwrap();
    assert_eq!(known.len(), 3);
    assert!(known.iter().all(|batch| batch.entry.source == "zoom"));
    assert_eq!(
        house.store.source("zoom").unwrap().unwrap().heard,
        Some(house.clock.now())
    );
    // The agenda has no channel for either meeting: what was seen is kept, and staff are told.
    let places = ["zoom/5550001", "zoom/9876543210"];
    let expected = places.map(|place| ("unknown_place".to_owned(), place.to_owned()));
    let mut codes = house.codes();
    codes.sort();
    assert_eq!(codes, expected);
}

#[test]
fn an_address_is_shown_to_be_ours() {
    let house = House::hearing("zoom", HookKind::Zoom);
    let asked = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}"#;
    let said = house.zoom("/v1/hooks/zoom", SECRET, 0, asked);
    let encrypted = mac(SECRET, "qgg8vlvZRS6UYooatFL8Aw");
    assert_eq!(
        (said.status, said.body),
        (
            200,
            json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": encrypted})
        )
    );
    // Nobody else gets something signed.
    house
        .zoom("/v1/hooks/zoom", "other", 0, asked)
        .refused(401, "bad_signature");
}

#[test]
fn a_message_that_is_not_zooms_is_refused_and_says_nothing_of_us() {
    let house = House::hearing("zoom", HookKind::Zoom);
    let joined = fixture!("zoom-hooks.ndjson").lines().nth(1).unwrap();
    let window = crate::sources::platforms::zoom::SIGNATURE_WINDOW_S;
    let wrong = house.zoom("/v1/hooks/zoom", "other", 0, joined);
    let unknown = house.zoom("/v1/hooks/nobody", "other", 0, joined);
    wrong.refused(401, "bad_signature");
    unknown.refused(401, "bad_signature");
    assert_eq!(wrong.body, unknown.body, "one answer");
    assert_eq!(
        house.zoom("/v1/hooks/nobody", "", 0, joined).body,
        house.zoom("/v1/hooks/zoom", "", 0, joined).body
    );
    // What was seen on its way cannot be sent again once it is old.
    house
        .zoom("/v1/hooks/zoom", SECRET, window + 1, joined)
        .refused(401, "bad_signature");
    house
        .zoom("/v1/hooks/zoom", SECRET, -window - 1, joined)
        .refused(401, "bad_signature");
    House::check(
        &house.zoom("/v1/hooks/zoom", SECRET, window, joined),
        &[("taken", 1), ("unmatched", 1)],
    );
    // Neither another way of showing it nor the bare secret opens a source of Zoom.
    let bearer = format!("Bearer {SECRET}");
    for headers in [&[("authorization", bearer.as_str())][..], &[]] {
        house
            .send_with("/v1/hooks/zoom", headers, joined.as_bytes().to_vec())
            .refused(401, "bad_signature");
    }
    house
        .store
        .revoke_source("zoom", house.clock.now())
        .unwrap();
    house
        .zoom("/v1/hooks/zoom", SECRET, 0, joined)
        .refused(401, "bad_signature");
}

#[test]
fn what_is_wrong_in_a_message_is_named_without_whose_it_is() {
    let house = House::hearing("zoom", HookKind::Zoom);
    let joined = fixture!("zoom-hooks.ndjson").lines().nth(1).unwrap();
    let broken = joined.replace("2027-03-14T09:02:10Z", "soon");
    let said = house.zoom("/v1/hooks/zoom", SECRET, 0, &broken);
    House::check(&said, &[("refused", 1)]);
    let reason = said.body["rows"][0]["fault"]["reason"].as_str().unwrap();
    assert!(reason.contains("join_time"), "{reason}");
    assert!(!said.body.to_string().contains("Ana"), "{}", said.body);
    let refused = ("rows_refused".to_owned(), "zoom".to_owned());
    assert_eq!(house.codes(), [refused]);
    house
        .zoom("/v1/hooks/zoom", SECRET, 0, "{\"event\": ")
        .refused(400, "bad_request");
}

#[test]
fn bigbluebuttons_messages_are_taken_under_either_proof() {
    let house = House::hearing("bbb", HookKind::BigBlueButton);
    let (path, address) = ("/v1/hooks/bbb", format!("{PUBLIC_URL}/v1/hooks/bbb"));
    let mut bodies = fixture!("bigbluebutton.txt").lines();
    let [joined, muted, left] = [0; 3].map(|_| bodies.next().unwrap());
    let summed = |body: &str, over: &str, secret: &str| {
        let sum = hex::encode(sha2::Sha256::digest(format!("{address}{over}{secret}")));
        let path = format!("{path}?checksum={sum}");
        house.send(&path, None, body.as_bytes().to_vec())
    };
    let one = [("taken", 1), ("unmatched", 1)];
    House::check(&summed(joined, joined, SECRET), &one);
    House::check(&summed(joined, joined, SECRET), &[("unchanged", 1)]);
    House::check(&summed(muted, muted, SECRET), &[("ignored", 1)]);
    House::check(&house.send(path, Some(SECRET), left.into()), &one);
    summed(joined, joined, "other").refused(401, "bad_signature");
    summed(left, joined, SECRET).refused(401, "bad_signature");
    house
        .send(path, Some("other"), left.into())
        .refused(401, "bad_signature");
    house
        .send(path, None, left.into())
        .refused(401, "bad_signature");
    // Versions that prove the address alone would let anybody in who saw it.
    let alone = summed(joined, "{}", SECRET);
    alone.refused(401, "bad_signature");
    let detail = alone.body["detail"].as_str().unwrap();
    assert!(detail.contains("auth2_0"), "{detail}");
    let nobody = house.send("/v1/hooks/nobody?checksum=00", None, left.into());
    let known = house.send("/v1/hooks/bbb?checksum=00", None, left.into());
    assert_eq!(nobody.body, known.body);
}
