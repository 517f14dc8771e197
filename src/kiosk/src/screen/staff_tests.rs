#![allow(clippy::unwrap_used)]
use chrono_tz::Europe::Berlin;

use super::super::samples::{NOW_MS, devices, status};
use super::*;

fn shown(status: &Status) -> String {
    let devices = Dated {
        as_of_ms: NOW_MS,
        value: devices(),
    };
    fragment(status, Some(&devices), Berlin, NOW_MS)
}

#[test]
fn what_could_be_markup_is_escaped() {
    assert_eq!(
        escape("<a href=\"x\" title='y'>&amp;</a>"),
        "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;"
    );
    let mut hostile = status();
    let nasty = "\"><script>alert(1)</script>";
    hostile.enrolment.as_mut().unwrap().event = nasty.into();
    hostile.readers[0].name = nasty.into();
    hostile.readers[0].kind = nasty.into();
    hostile.readers[0].why = Some(nasty.into());
    hostile.readers[0].advice = Some(nasty.into());
    let read = hostile.readers[0].last_read.as_mut().unwrap();
    read.kinds = nasty.into();
    read.symbology = Some(nasty.into());
    hostile.readers[0].rejected.insert(nasty.into(), 1);
    hostile.alarms[0].code = nasty.into();
    hostile.alarms[0].next_step = nasty.into();
    hostile.last_sync.as_mut().unwrap().code = Some(nasty.into());
    hostile.scans[0].reader = nasty.into();
    hostile.scans[0].short_code = Some(nasty.into());
    hostile.versions.value.software = nasty.into();
    let html = page(&shown(&hostile), 15_000, NOW_MS);
    assert_eq!(html.matches("<script").count(), 1, "only the page's own");
    assert!(!html.contains("\"><script>alert"));
    assert_eq!(html.matches("&lt;script&gt;alert").count(), 14);
}

#[test]
fn the_page_says_it_all() {
    let html = shown(&status());
    for expected in [
        "<h1 id=\"state\">Recording</h1>",
        "Meeting &lt;2026&gt;",
        "12,408 waiting",
        "<dd>2 min</dd>",
        "<dd>40 fewer</dd>",
        "<dd>about 1 min</dd>",
        "up to 11,204 entries",
        "size_held",
        "at most 12 ms",
        "\u{2212}3 ms",
        "12.4 GB free",
        "<dd>8.2 kB</dd>",
        "no. 14",
        "in 2 days",
        "2 too long<span class=\"say\">Turn &lt;suffix&gt; on.</span></td>",
        "<code>AA-9999</code><br>7 characters, QR code, ]Q1<br>",
        "attached &lt;port&gt;</span></th><td><span class=\"badge warn\">not used</span></td><td><span class=\"say\">add &lt;it&gt;</span></td>",
        "attached scanner</span></th><td><span class=\"badge good\">used</span></td><td><span class=\"say\">reader outside</span></td>",
        "attached camera</span></th><td><span class=\"badge bad\">cannot be</span></td><td><span class=\"say\">usermod &lt;it&gt;</span></td>",
        "Change the card &amp; restart.",
        "10:01:52</time>",
        "unknown badge",
    ] {
        assert!(html.contains(expected), "{expected} in {html}");
    }
    assert_eq!(
        html.matches("<td>unknown badge</td>").count(),
        RECENT_SCANS_MAX
    );
}

#[test]
fn every_section_says_as_of_when() {
    let html = shown(&status());
    for section in html.split("<section").skip(1) {
        let dated = section.contains("class=\"asof\"") || section.contains("id=\"alarms\"");
        assert!(dated, "{section}");
    }
}

#[test]
fn what_is_old_is_stale() {
    let stale = |age_ms: i64| {
        let mut status = status();
        status.disk.as_of_ms = NOW_MS - age_ms;
        shown(&status).contains("class=\"card stale\"")
    };
    assert!(!stale(STALE_AFTER_MS));
    assert!(stale(STALE_AFTER_MS + 1));
}

#[test]
fn each_state_has_its_word_and_next_step() {
    let mut seen = std::collections::BTreeSet::new();
    for state in State::ALL {
        for enrolled in [true, false] {
            let (tone, word, next_step) = words(state, enrolled);
            assert!(next_step.ends_with('.'), "{state:?}");
            assert_eq!(tone == "good", state == State::Recording);
            seen.insert(word);
        }
    }
    assert_eq!(seen.len(), State::ALL.len() + 1);
}

#[test]
fn silence_is_named_after_three_missed_check_ins() {
    let silent = |ago_ms: i64| {
        let mut status = status();
        status.last_heard_ms = Some(NOW_MS - ago_ms);
        shown(&status).contains(">silent</span>")
    };
    assert!(!silent(SILENT_AFTER_MS));
    assert!(silent(SILENT_AFTER_MS + 1));
}

#[test]
fn ages_and_amounts_read_well() {
    let check = |got: String, expected: &str| assert_eq!(got, expected);
    check(age(0), "0 s ago");
    check(age(59_999), "59 s ago");
    check(age(60_000), "1 min ago");
    check(age(3_600_000), "1 h ago");
    check(age(7_500_000), "2 h 5 min ago");
    check(age(172_800_000), "2 days ago");
    check(age(-61_000), "in 1 min");
    check(grouped(0), "0");
    check(grouped(999), "999");
    check(grouped(1_000), "1,000");
    check(grouped(12_345_678), "12,345,678");
    check(bytes(999), "999 bytes");
    check(bytes(1_000), "1.0 kB");
    check(bytes(1_999_999_999), "1.9 GB");
}

#[test]
fn json_comes_back_as_it_went() {
    let json = serde_json::to_string(&status()).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["backlog"]["entries"], 12_408);
    assert_eq!(value["backlog"]["as_of_ms"], NOW_MS - 3_000);
}
