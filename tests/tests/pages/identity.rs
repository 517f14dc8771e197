//! Whose accounts are: the page on which reviewers say it, by forms and by keys.

use std::sync::OnceLock;

use attendance::time::Interval;
use attendance::words::{AttendeeId, Source};
use fantoccini::key::Key;
use issuer::imports::observed::{By, take};
use issuer::imports::{Desk, identity};
use issuer::sources::observed::{Label, Observed, ObservedBatch, Place, Seen, Subject, Where};
use issuer::store::{AccountUnits as _, Documents, SignalUnits as _};
use protocol::badge::BadgeKey;
use protocol::signals::RowKind;
use protocol::subject::SubjectDigest;
use reqwest::StatusCode;
use reqwest::header::{LOCATION, ORIGIN};
use rollcall_tests::skip::skip;

use super::browser::{is_there, press, see, sign_in, start};
use super::conference::{NOW, at};
use super::{Browser, form_token, serve, world};

const PAGE: &str = "/staff/gp-2026/identity";

fn account(text: &str) -> SubjectDigest {
    SubjectDigest::of(&BadgeKey::from_bytes([9; 32]), "zoom", text).unwrap()
}

fn attendee(id: &str) -> AttendeeId {
    id.parse().unwrap()
}

fn seen(text: &str, name: &str, kind: RowKind, minute: i64) -> Observed {
    Observed {
        subjects: vec![Subject::new("zoom", text)],
        attendee: None,
        label: Some(Label {
            name: Some(name.to_owned()),
            email: None,
        }),
        place: Place::Session("opening".parse().unwrap()),
        device: None,
        seen: Seen::Plain(kind),
        at: Interval::exactly(at(minute)),
        reason: None,
        key: format!("{text}/{}/{minute}", kind.as_str()),
        row: Where::default(),
    }
}

/// What a platform saw of people whom it knows by accounts of its own.
pub(super) fn stream() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let world = world();
        let random = issuer::keys::system_random();
        let documents = Documents::default();
        let desk = Desk {
            store: world.store.as_ref(),
            objects: world.objects.as_ref(),
            documents: &documents,
            keys: &world.keys,
            random: &random,
            now: NOW,
        };
        let people = [
            ("u-1", "Mehmet Yilmaz"),
            ("u-2", "Nguyen Thi Minh Khai"),
            ("u-3", "<b>Nobody</b> & Co"),
            ("u-4", "Shared desk"),
            ("u-5", "Olga Petrova"),
            ("u-6", "Another desk"),
            ("u-7", "Camera of the hall"),
        ];
        let rows = people.iter().flat_map(|(text, name)| {
            [
                seen(text, name, RowKind::In, 0),
                seen(text, name, RowKind::Out, 48),
            ]
        });
        let batch = ObservedBatch {
            source: Source::Platform,
            system: "zoom".to_owned(),
            rows: rows.collect(),
            refused: Vec::new(),
            refused_total: 0,
        };
        take(
            desk,
            &world.event,
            &batch,
            evidence::sha256(b"report"),
            None,
            false,
        )
        .unwrap();
        let by = By {
            operator: "ada",
            reason: "told_by_attendee",
            note: None,
        };
        for (text, one, other) in [("u-4", "a00010", "a00011"), ("u-6", "a00012", "a00013")] {
            let both = [attendee(one), attendee(other)];
            identity::restore_subject(desk, &world.event, account(text), &both, by).unwrap();
        }
    });
}

async fn signed(name: &str) -> Browser {
    tokio::task::spawn_blocking(stream).await.unwrap();
    Browser::signed(name).await
}

async fn send(browser: &Browser, fields: &str) -> (StatusCode, String, String) {
    let token = form_token(&browser.text(PAGE).await);
    let body = format!("form={token}&page=1&{fields}");
    let headers = [(ORIGIN.as_str(), browser.base.as_str())];
    let answer = browser.post(PAGE, body, &headers).await;
    let to = answer.headers().get(LOCATION);
    let to = to.map(|to| to.to_str().unwrap().to_owned());
    let status = answer.status();
    (status, to.unwrap_or_default(), answer.text().await.unwrap())
}

fn listing(text: &str) -> Vec<String> {
    let held = world()
        .store
        .subject(&world().event, account(text))
        .unwrap()
        .unwrap();
    let own = held
        .accounts
        .into_iter()
        .find(|(subject, _)| *subject == account(text));
    own.unwrap().1.iter().map(ToString::to_string).collect()
}

/// The part of the page that is about an account.
fn case<'a>(html: &'a str, text: &str) -> &'a str {
    let id = format!("id=\"s-{}\"", account(text).short());
    let rest = html.split_once(&id).unwrap().1;
    rest.split_once("</article>").unwrap().0
}

#[tokio::test]
async fn accounts_are_shown_with_hints_and_the_look_is_recorded() {
    let browser = signed("aude").await;
    let html = browser.text(PAGE).await;
    let hinted = case(&html, "u-2");
    for text in [
        "Nguyen Thi Minh Khai",
        "Nguyễn Thị Minh Khai",
        "the same name",
        "2 observations",
    ] {
        assert!(hinted.contains(text), "{text}: {hinted}");
    }
    let nobody = case(&html, "u-3");
    assert!(
        nobody.contains("&#60;b&#62;Nobody") && nobody.contains("No registration resembles it.")
    );
    let several = case(&html, "u-6");
    for text in ["Ambiguous", "a00012", "a00013", "and so does another"] {
        assert!(several.contains(text), "{text}");
    }
    assert!(!html.contains("value=\"match\""), "an auditor only reads");
    for subject in ["accounts".to_owned(), account("u-2").to_string()] {
        let views = world().store.views("gp-2026", Some(&subject), 10).unwrap();
        assert!(views.iter().any(|view| view.account == "aude"), "{subject}");
    }
    let door = signed("dora").await;
    assert_eq!(door.get(PAGE).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_match_needs_somebody_and_a_reason_and_is_undone_by_another_word() {
    let browser = signed("rita").await;
    let subject = account("u-4");
    for (fields, words) in [
        ("attendee=a00010&act=match&reason=", "is not known"),
        (
            "attendee=a00010&act=match&reason=another_person",
            "is not known",
        ),
        (
            "attendee=&act=match&reason=told_by_attendee",
            "nobody is chosen",
        ),
        (
            "attendee=a99999&act=match&reason=told_by_attendee",
            "a99999",
        ),
        (
            "attendee=a00010&act=match&reason=other&note=",
            "needs a note",
        ),
        (
            "attendee=a00010&act=dance&reason=told_by_attendee",
            "not said what to do",
        ),
        ("act=undo&was=A%20b", "does not read"),
    ] {
        let (status, _, html) = send(&browser, &format!("subject={subject}&{fields}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{fields}");
        assert!(html.contains(words), "{fields}");
    }
    assert_eq!(listing("u-4"), ["a00010", "a00011"]);

    let fields = format!(
        "subject={subject}&attendee=a00010&other=&act=match&reason=told_by_attendee&note=Called&next=0a"
    );
    let (status, to, _) = send(&browser, &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(
        to.ends_with("was=a00010,a00011#s-0a") && to.contains("done=matched"),
        "{to}"
    );
    assert_eq!(listing("u-4"), ["a00010"], "one account is one person's");
    let html = browser.text(to.split_once('#').unwrap().0).await;
    assert!(html.contains("The account was matched.") && html.contains("id=\"undo\""));
    assert!(html.contains("They told us that it is theirs"));
    let theirs = world()
        .store
        .observed_of(&world().event, &attendee("a00010"));
    assert_eq!(theirs.unwrap().len(), 2, "what it saw counts at once");

    let (_, to, _) = send(
        &browser,
        &format!("subject={subject}&act=undo&was=a00010,a00011"),
    )
    .await;
    assert!(to.contains("done=undone"), "{to}");
    assert_eq!(listing("u-4"), ["a00010", "a00011"]);
    let words = world().store.account_words(&world().event).unwrap();
    let said = words.iter().filter(|word| word.subject == subject);
    assert!(
        said.clone()
            .all(|word| word.is_theirs && word.reason == "undone")
    );
    assert_eq!(said.count(), 2);
}

#[tokio::test]
async fn who_was_refused_is_no_candidate_any_more() {
    let browser = signed("rita").await;
    let before = browser.text(PAGE).await;
    assert!(
        case(&before, "u-5").contains("a00005"),
        "{}",
        case(&before, "u-5")
    );
    let fields = format!(
        "subject={}&attendee=a00005&act=refuse&reason=another_person",
        account("u-5")
    );
    let (_, to, _) = send(&browser, &fields).await;
    assert!(to.contains("done=refused"), "{to}");
    let after = browser.text(PAGE).await;
    assert!(!case(&after, "u-5").contains("a00005"));
}

#[tokio::test]
async fn an_account_is_set_aside_with_a_reason_and_taken_back() {
    let browser = signed("rita").await;
    let html = browser.text(PAGE).await;
    // Nobody is chosen beforehand by a name alone.
    let hinted = case(&html, "u-2");
    assert!(hinted.contains("type=\"radio\"") && !hinted.contains(" checked"));
    let subject = account("u-7");
    let (status, _, html) = send(
        &browser,
        &format!("subject={subject}&act=aside&reason=another_person"),
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("is not known"));
    let fields = format!("subject={subject}&act=aside&reason=not_registered");
    let (status, to, _) = send(&browser, &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(to.contains("done=aside"), "{to}");
    let id = format!("id=\"s-{}\"", subject.short());
    let html = browser.text(PAGE).await;
    assert!(!html.contains(&id) && html.contains("They are not registered"));
    let (_, to, _) = send(&browser, &fields).await;
    assert!(to.contains("done=known"), "{to}");
    let (_, to, _) = send(&browser, &format!("subject={subject}&act=back")).await;
    assert!(to.contains("done=back"), "{to}");
    assert!(browser.text(PAGE).await.contains(&id));
    let views = world()
        .store
        .views("gp-2026", Some(&subject.to_string()), 50);
    let views = views.unwrap();
    for what in ["identity_aside", "identity_back"] {
        let is_told = views
            .iter()
            .any(|view| view.account == "rita" && view.what == what);
        assert!(is_told, "{what}");
    }
}

#[tokio::test]
async fn accounts_are_matched_by_keyboard_alone() {
    const NAME: &str = "identity::accounts_are_matched_by_keyboard_alone";
    if !is_there("chromium") || !is_there("chromedriver") {
        skip(
            NAME,
            "no Chromium with its driver; run: apt-get install chromium chromium-driver",
        );
        return;
    }
    tokio::task::spawn_blocking(stream).await.unwrap();
    let base = format!("http://{}", serve(NOW, false).await);
    let profile = tempfile::tempdir().unwrap();
    let (client, _driver) = start(profile.path().to_str().unwrap(), None).await;
    sign_in(&client, &format!("{base}{PAGE}"), "rita").await;
    see(&client, ".case").await;
    let id = format!("s-{}", account("u-1").short());
    let focused = async || {
        let script = "return document.activeElement.id";
        client
            .execute(script, vec![])
            .await
            .unwrap()
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for _ in 0..8 {
        press(&client, "j").await;
        if focused().await == id {
            break;
        }
    }
    assert_eq!(focused().await, id);
    // Only a name speaks for the candidate, so nobody is chosen beforehand.
    press(&client, &char::from(Key::Tab).to_string()).await;
    press(&client, " ").await;
    assert_eq!(
        focused().await,
        format!("c-{}-a00001", account("u-1").short())
    );
    // A reason is required: the form goes there itself, and keys are letters while one types.
    press(&client, "a").await;
    let reason = format!("reason-{}", account("u-1").short());
    assert_eq!(focused().await, reason);
    press(&client, "They told").await;
    press(&client, &char::from(Key::Escape).to_string()).await;
    assert_eq!(focused().await, id);
    press(&client, "a").await;
    let told = see(&client, "#told .done").await;
    assert!(told.text().await.unwrap().contains("was matched"));
    assert_eq!(listing("u-1"), ["a00001"]);
    assert!(
        focused().await.starts_with("s-"),
        "the next one has the focus"
    );
    press(&client, "u").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !listing("u-1").is_empty() {
        assert!(std::time::Instant::now() < deadline, "it was not undone");
        tokio::task::yield_now().await;
    }
    see(&client, "#told .done").await;
    // Switched off, they do nothing.
    client
        .execute("localStorage.setItem('rollcall-keys-off', '1')", vec![])
        .await
        .unwrap();
    client
        .execute("document.querySelector('.case').focus()", vec![])
        .await
        .unwrap();
    let before = focused().await;
    press(&client, "j").await;
    assert_eq!(focused().await, before);
    client.close().await.unwrap();
}
