//! What is granted to somebody: for administrators alone, and on no other page.

use issuer::keys::Keys;
use issuer::reports::attendance::{csv, rows};
use issuer::store::{AccountUnits as _, PeopleUnits as _, Store};
use reqwest::StatusCode;
use reqwest::header::{LOCATION, ORIGIN};
use std::sync::Arc;

use super::{Browser, form_token, world};

const PAGE: &str = "/staff/gp-2026/attendees/a00000";

async fn send(browser: &Browser, fields: &str) -> (StatusCode, String, String) {
    let token = form_token(&browser.text("/staff").await);
    let body = format!("form={token}&{fields}");
    let headers = [(ORIGIN.as_str(), browser.base.as_str())];
    let answer = browser
        .post(&format!("{PAGE}/granted"), body, &headers)
        .await;
    let to = answer.headers().get(LOCATION);
    let to = to.map(|to| to.to_str().unwrap().to_owned());
    let status = answer.status();
    (status, to.unwrap_or_default(), answer.text().await.unwrap())
}

/// What nobody but those who grant may read.
const PRIVATE: &[&str] = &[
    "accommod",
    "grant",
    "disab",
    "low vision",
    "assistant",
    "adjusted",
    "more in every",
];

#[tokio::test]
async fn what_is_granted_is_seen_by_those_who_grant_alone() {
    let browser = Browser::signed("ada").await;
    let extra = "act=add&what=extra&minutes=7&session=&reason=disability&note=Low+vision";
    for (fields, words) in [
        ("act=add&what=&reason=care", "not chosen what"),
        (
            "act=add&what=extra&minutes=&reason=care",
            "minutes are missing",
        ),
        ("act=add&what=extra&minutes=241&reason=care", "1 to 240 min"),
        ("act=add&what=extra&minutes=7&reason=", "is not known"),
        ("act=add&what=whole&session=&reason=care", "choose one"),
        ("act=add&what=whole&session=zz&reason=care", "no session zz"),
        ("act=add&what=assistant&badge=&reason=care", "the badge"),
        ("act=9&what=x&reason=no_longer_needed", "reload the page"),
    ] {
        let (status, _, html) = send(&browser, fields).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{fields}");
        assert!(html.contains(words), "{fields}");
    }
    let (_, to, _) = send(&browser, extra).await;
    assert!(to.ends_with("done=granted#granted"), "{to}");
    let (_, to, _) = send(&browser, extra).await;
    assert!(to.contains("done=known"), "{to}");
    let (_, to, _) = send(
        &browser,
        "act=add&what=assistant&badge=GUIDE-77&reason=disability",
    )
    .await;
    assert!(to.contains("done=granted"), "{to}");
    // Somebody registered assists with each of their badges.
    let helper = "act=add&what=assistant&badge=a00002&reason=care";
    for done in ["done=granted", "done=known"] {
        let (_, to, _) = send(&browser, helper).await;
        assert!(to.contains(done), "{to}");
    }
    let html = browser.text(PAGE).await;
    for text in [
        "7 min more in every session",
        "A disability",
        "Low vision",
        "counts as well",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let views = world().store.views("gp-2026", Some("a00000"), 50).unwrap();
    assert!(
        views
            .iter()
            .any(|v| v.account == "ada" && v.what == "accommodations")
    );

    let code = world().valid.as_str();
    let mut texts = Vec::new();
    for account in ["rita", "aude"] {
        let other = Browser::signed(account).await;
        texts.push(other.text(PAGE).await);
        texts.push(other.text("/staff/gp-2026/attendees").await);
        let (status, ..) = send(&other, extra).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{account}");
    }
    let public = Browser::start().await;
    texts.push(public.text(&format!("/c/{code}")).await);
    texts.push(public.text(&format!("/c/{code}/proof")).await);
    texts.push(report());
    for text in texts {
        for word in PRIVATE {
            assert!(!text.to_lowercase().contains(word), "{word}: {text}");
        }
    }
    let rita = world().store.views("gp-2026", Some("a00000"), 50).unwrap();
    assert!(
        rita.iter()
            .all(|v| v.account == "ada" || v.what != "accommodations")
    );

    let (_, to, _) = send(
        &browser,
        "act=0&what=7+min+more+in+every+session&reason=no_longer_needed",
    )
    .await;
    assert!(to.contains("done=ended"), "{to}");
    let held = world()
        .store
        .attendee(&world().event, &"a00000".parse().unwrap());
    let registration = held.unwrap().registration.unwrap();
    let helper = world()
        .store
        .attendee(&world().event, &"a00002".parse().unwrap());
    let badges = helper.unwrap().registration.unwrap().badges.len();
    assert!(registration.accommodations.is_empty());
    assert_eq!(registration.assistants.len(), 1 + badges);
}

fn report() -> String {
    let keys: &Keys = &world().keys;
    let store = Arc::clone(&world().store) as Arc<dyn Store>;
    csv(&rows(&store, keys, &world().event).unwrap()).unwrap()
}
