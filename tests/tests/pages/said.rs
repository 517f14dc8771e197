//! What reviewers say of somebody's attendance, on that person's page.

use issuer::store::SignalUnits as _;
use reqwest::StatusCode;
use reqwest::header::{LOCATION, ORIGIN};

use super::{Browser, form_token, world};

/// A form of somebody's page, as their browser sends it.
async fn send(
    browser: &Browser,
    attendee: &str,
    form: &str,
    fields: &str,
) -> (StatusCode, String, String) {
    let page = format!("/staff/gp-2026/attendees/{attendee}");
    let token = form_token(&browser.text(&page).await);
    let body = format!("form={token}&{fields}");
    let headers = [(ORIGIN.as_str(), browser.base.as_str())];
    let path = format!("{page}/{form}");
    let answer = browser.post(&path, body, &headers).await;
    let to = answer.headers().get(LOCATION);
    let to = to.map(|to| to.to_str().unwrap().to_owned());
    let status = answer.status();
    (status, to.unwrap_or_default(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_denial_shows_at_once_and_can_be_taken_back() {
    let browser = Browser::signed("rita").await;
    let page = "/staff/gp-2026/attendees/a00007";
    let before = browser.text(page).await;
    assert!(before.contains("Nobody confirmed, denied or corrected anything."));
    assert!(!before.contains("denied by staff"));

    let fields = "word=denied&session=opening&reason=badge_lent&note=Her+sister+%3Cscanned%3E+it";
    let (status, to, _) = send(&browser, "a00007", "said", fields).await;
    assert_eq!(
        (status, to.as_str()),
        (
            StatusCode::SEE_OTHER,
            "/staff/gp-2026/attendees/a00007?done=said#said"
        )
    );
    let html = browser.text(to.split_once('#').unwrap().0).await;
    for text in [
        "It was said, and counts from now on.",
        "Did not attend Opening and antibiotics in primary care",
        "Somebody else carried their badge",
        "Her sister &#60;scanned&#62; it",
        "rita, ",
        "By all that is held now it comes to:",
        "1 session denied by staff",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let (_, to, _) = send(&browser, "a00007", "said", fields).await;
    assert!(
        to.contains("done=known"),
        "sent twice it is said once: {to}"
    );

    let attendee = "a00007".parse().unwrap();
    let held = world()
        .store
        .observed_of(&world().event, &attendee)
        .unwrap();
    let back = format!("entry={}&row=0&reason=wrong_person&note=", held[0].index);
    let (_, to, _) = send(&browser, "a00007", "withdrawn", &back).await;
    assert!(to.contains("done=back"), "{to}");
    let html = browser.text(page).await;
    for text in ["taken back", "by rita: It is about somebody else, entry"] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("denied by staff"));
    let (status, _, html) = send(&browser, "a00007", "withdrawn", &back).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("taken back already"));
}

#[tokio::test]
async fn a_missed_scan_is_put_beside_those_there_are() {
    let browser = Browser::signed("ada").await;
    let fields = "word=out&room=hall&at=2026-11-23T09%3A12%3A00&reason=scan_forgotten&note=";
    let (_, to, _) = send(&browser, "a00001", "said", fields).await;
    assert!(to.contains("done=said"), "{to}");
    let html = browser.text("/staff/gp-2026/attendees/a00001").await;
    for text in [
        "Left Great Hall",
        "09:12",
        "They passed the door without a scan",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_said_is_told_and_nothing_is_lost() {
    let browser = Browser::signed("rita").await;
    let before = words_of("a00008");
    let check = async |fields: &str, words: &[&str]| {
        let (status, _, html) = send(&browser, "a00008", "said", fields).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{fields}");
        for word in words {
            assert!(html.contains(word), "{fields}: {word}");
        }
    };
    check(
        "word=confirmed&session=opening&reason=other&note=",
        &[
            "needs a note",
            "value=\"opening\" selected",
            "value=\"confirmed\" required checked",
        ],
    )
    .await;
    check(
        "word=confirmed&session=tomorrow&reason=seen_by_staff&note=Kept",
        &["has not begun", ">Kept</textarea>"],
    )
    .await;
    check("word=&session=opening&reason=seen_by_staff", &["choose it"]).await;
    check(
        "word=denied&session=&reason=badge_lent",
        &["no session is chosen"],
    )
    .await;
    check(
        "word=in&room=hall&at=half+past&reason=door_down",
        &["write it as", "value=\"half past\""],
    )
    .await;
    check(
        "word=in&room=hall&at=2031-01-01T09%3A00&reason=door_down",
        &["in the future"],
    )
    .await;
    let long = "n".repeat(1_001);
    check(
        &format!("word=denied&session=opening&reason=badge_lent&note={long}"),
        &["shorten it"],
    )
    .await;
    assert_eq!(words_of("a00008"), before);
}

fn words_of(attendee: &str) -> usize {
    let attendee = attendee.parse().unwrap();
    let held = world().store.observed_of(&world().event, &attendee);
    held.unwrap().len()
}

#[tokio::test]
async fn only_those_who_may_speak_do() {
    let fields = "word=denied&session=opening&reason=badge_lent&note=";
    let path = "/staff/gp-2026/attendees/a00009/said";
    for account in ["aude", "dora"] {
        let browser = Browser::signed(account).await;
        let token = form_token(&browser.text("/staff").await);
        let body = format!("form={token}&{fields}");
        let own = [(ORIGIN.as_str(), browser.base.as_str())];
        let answer = browser.post(path, body, &own).await;
        assert_eq!(answer.status().as_u16(), 403, "{account}");
    }
    let auditor = Browser::signed("aude").await;
    let html = auditor.text("/staff/gp-2026/attendees/a00009").await;
    assert!(html.contains("What people said") && !html.contains("/said\""));

    let browser = Browser::signed("rita").await;
    let own = [(ORIGIN.as_str(), browser.base.as_str())];
    for body in [fields.to_owned(), format!("form=AAAA&{fields}")] {
        let answer = browser.post(path, body, &own).await;
        assert_eq!(answer.status().as_u16(), 400);
    }
    let token = form_token(&browser.text("/staff").await);
    let body = format!("form={token}&{fields}");
    let foreign = [("origin", "https://evil.example")];
    let answer = browser.post(path, body, &foreign).await;
    assert_eq!(answer.status().as_u16(), 403);
    let held = words_of("a00009");
    assert_eq!(held, 0);
}
