//! Pages of lists on a phone: whatever is wide scrolls by itself, and the page does not.

use rollcall_tests::skip::skip;

use super::browser::{is_there, see, sign_in, start};
use super::conference::NOW;
use super::{cases, identity, serve};

/// The narrowest screen that is usual, in pixels.
const PHONE: (u32, u32) = (390, 844);

#[tokio::test]
async fn no_page_of_lists_is_wider_than_a_phone() {
    const NAME: &str = "phones::no_page_of_lists_is_wider_than_a_phone";
    if !is_there("chromium") || !is_there("chromedriver") {
        skip(
            NAME,
            "no Chromium with its driver; run: apt-get install chromium chromium-driver",
        );
        return;
    }
    tokio::task::spawn_blocking(|| {
        cases::signs();
        identity::stream();
    })
    .await
    .unwrap();
    let base = format!("http://{}", serve(NOW, false).await);
    let profile = tempfile::tempdir().unwrap();
    let (client, _driver) = start(profile.path().to_str().unwrap(), Some(PHONE)).await;
    sign_in(&client, &format!("{base}/staff/gp-2026/cases"), "rita").await;
    for page in [
        "cases",
        "identity",
        "sources",
        "sessions",
        "attendees",
        "alarms",
    ] {
        let address = format!("{base}/staff/gp-2026/{page}");
        client.goto(&address).await.unwrap();
        see(&client, "h1").await;
        let fits = "return document.documentElement.scrollWidth <= 390 && innerWidth === 390";
        let fits = client.execute(fits, vec![]).await.unwrap();
        assert_eq!(fits, true, "{page}");
    }
    client.close().await.unwrap();
}
