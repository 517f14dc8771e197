//! Signs that a badge was not with its holder: the page on which reviewers say what they come to.

use std::sync::OnceLock;

use attendance::words::AttendeeId;
use issuer::store::signs::NewSign;
use issuer::store::{
    AccountUnits as _, BatchUnits as _, DecisionUnits as _, EnrolmentUnits as _, NoteUnits as _,
    PeopleUnits as _, SignUnits as _,
};
use protocol::entry::{self, Body};
use protocol::ledger::SignKind;
use reqwest::StatusCode;
use reqwest::header::{LOCATION, ORIGIN};

use super::conference::NOW;
use super::{Browser, form_token, world};

const PAGE: &str = "/staff/gp-2026/cases";
const TIMES: u32 = 6;

fn attendee(id: &str) -> AttendeeId {
    id.parse().unwrap()
}

/// The first scans of some people, as their kiosks' logs have them.
fn scans_of(whose: &[AttendeeId]) -> Vec<(String, u64)> {
    let world = world();
    let mut found = Vec::new();
    for kiosk in world.store.kiosks(&world.event).unwrap() {
        for held in world.store.entries(&kiosk.kiosk, 0, 500).unwrap() {
            let Ok(parsed) = entry::parse(held.bytes.as_deref().unwrap_or_default()) else {
                continue;
            };
            let Body::Scan(scan) = parsed.body else {
                continue;
            };
            let owner = world
                .store
                .attendee_of(&world.event, scan.badge.digest)
                .unwrap();
            if owner.is_some_and(|owner| whose.contains(&owner)) {
                found.push((kiosk.origin.clone(), held.index));
            }
        }
    }
    found
}

/// What the morning's scans show of some who are often together, and of one in two places.
pub(super) fn signs() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let world = world();
        for (about, whose) in [
            (SignKind::Pair, &["a00003", "a00005"][..]),
            (SignKind::Pair, &["a00006", "a00008"]),
            (SignKind::Places, &["a00009"]),
        ] {
            let attendees: Vec<AttendeeId> = whose.iter().map(|id| attendee(id)).collect();
            let sign = NewSign {
                about,
                evidence: scans_of(&attendees),
                attendees,
                times: TIMES,
            };
            assert!(world.store.put_sign(&world.event, &sign, NOW).unwrap());
        }
    });
}

async fn signed(name: &str) -> Browser {
    tokio::task::spawn_blocking(signs).await.unwrap();
    Browser::signed(name).await
}

fn id_of(whose: &str) -> String {
    let signs = world().store.signs(&world().event).unwrap();
    let of = signs
        .into_iter()
        .find(|sign| sign.found.attendees.contains(&attendee(whose)));
    of.unwrap().id
}

async fn send(browser: &Browser, fields: &str) -> (StatusCode, String, String) {
    let token = form_token(&browser.text(PAGE).await);
    let headers = [(ORIGIN.as_str(), browser.base.as_str())];
    let answer = browser
        .post(PAGE, format!("form={token}&{fields}"), &headers)
        .await;
    let to = answer.headers().get(LOCATION);
    let to = to.map_or_else(String::new, |to| to.to_str().unwrap().to_owned());
    (answer.status(), to, answer.text().await.unwrap())
}

/// The part of the page that is about a sign.
fn case<'a>(html: &'a str, id: &str) -> &'a str {
    let rest = html
        .split_once(&format!("class=\"card case\" id=\"{id}\""))
        .unwrap()
        .1;
    rest.split_once("</article>").unwrap().0
}

#[tokio::test]
async fn signs_are_shown_with_their_scans_and_the_look_is_recorded() {
    let browser = signed("aude").await;
    let html = browser.text(PAGE).await;
    let shown = case(&html, &id_of("a00006"));
    for text in [
        "seconds apart, again and again",
        "seen 6 times",
        "/staff/gp-2026/attendees/a00006",
        "/staff/gp-2026/attendees/a00008",
        "Checked in",
        " #",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(case(&html, &id_of("a00009")).contains("in two places at once"));
    assert!(!html.contains("value=\"explain\""), "an auditor only reads");
    for subject in ["cases", "a00006", "a00009"] {
        let views = world().store.views("gp-2026", Some(subject), 50).unwrap();
        assert!(views.iter().any(|view| view.account == "aude"), "{subject}");
    }
    let door = signed("dora").await;
    assert_eq!(door.get(PAGE).await.status(), StatusCode::FORBIDDEN);
    let refused = send(&browser, "act=explain").await.0;
    assert_eq!(refused, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_sign_is_closed_with_a_reason_and_opened_again_and_no_decision_changes() {
    let browser = signed("rita").await;
    let id = id_of("a00003");
    let decisions = || world().store.decisions(&world().event).unwrap();
    let before = decisions();
    for (fields, words) in [
        ("act=explain&reason=", "is not known"),
        ("act=explain&reason=badge_lent", "is not known"),
        ("act=uphold&reason=came_together", "is not known"),
        ("act=explain&reason=other&note=", "needs a note"),
        ("act=dance&reason=came_together", "not said what to do"),
        ("act=reopen&reason=closed_in_error", "somebody was faster"),
        (
            "times=5&act=explain&reason=came_together",
            "more often since",
        ),
        (
            "sign=pair-0&act=explain&reason=came_together",
            "no such sign",
        ),
    ] {
        let sign = if fields.contains("sign=") {
            String::new()
        } else {
            format!("&sign={id}")
        };
        let times = if fields.contains("times=") {
            ""
        } else {
            "&times=6"
        };
        let (status, _, html) = send(&browser, &format!("{fields}{sign}{times}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{fields}");
        assert!(html.contains(words), "{fields}");
    }

    let fields =
        format!("sign={id}&times=6&act=explain&reason=came_together&note=Sisters&next=pair-1");
    let (status, to, _) = send(&browser, &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(
        to.ends_with(&format!("?done=explained&sign={id}#pair-1")),
        "{to}"
    );
    let html = browser.text(to.split_once('#').unwrap().0).await;
    assert!(html.contains("The sign was explained.") && html.contains("id=\"undo\""));
    assert!(html.contains("explained by rita") && html.contains("They came and went together"));
    assert!(!html.contains("Sisters"), "a note is not for this page");
    let notes = world()
        .store
        .notes(&world().event, &attendee("a00003"))
        .unwrap();
    assert_eq!(notes.len(), 1);

    let undo = format!("sign={id}&times=6&act=reopen&reason=closed_in_error");
    let (_, to, _) = send(&browser, &undo).await;
    assert!(to.contains("done=reopened"), "{to}");
    assert!(
        browser
            .text(PAGE)
            .await
            .contains(&format!("class=\"card case\" id=\"{id}\""))
    );
    assert_eq!(decisions(), before);
}
