//! Signed tickets that the roster does not list.

use attendance::words::EventId;
use evidence::SigningKey;
use protocol::badge::BadgeDigest;
use protocol::signed_badge::{self, Validity};

use super::*;
use crate::fixture::{ticket, ticket_key};

fn with_tickets(change: impl FnOnce(&mut Bundle)) -> Bench {
    Bench::with(|bundle| {
        bundle.tickets = vec![ticket_key().public_key()];
        change(bundle);
    })
}

fn digest(bench: &Bench, text: &str) -> BadgeDigest {
    bench.fixture.badge_key.digest(text)
}

/// The verdict, and the code of the note after it.
#[track_caller]
fn check_ticket(bench: &Bench, text: &str, minute: i64, verdict: Verdict, code: Option<&str>) {
    let decided = bench.decide(text, &stamp(minute * MINUTE_MS), Some(In));
    check(&decided, verdict, In, Reader);
    let scan = scan_of(&decided);
    assert_eq!(
        (&scan.attendee, scan.badge.digest),
        (&None, digest(bench, text))
    );
    assert!(scan.provisional.is_empty() && decided.shown.name.is_none());
    assert_eq!(scan.prior.is_some(), verdict != UnknownBadge);
    let note = decided.note.map(|note| (note.code, note.numbers["scan"]));
    let next = i64::try_from(bench.door.next_index()).unwrap();
    assert_eq!(note, code.map(|code| (code.to_owned(), next)));
}

#[test]
fn a_signed_ticket_counts_while_it_holds() {
    let at_s = |minute: i64| Some(START / 1_000 + minute * 60);
    let other = SigningKey::from_seed(&[9; 32]);
    let good = ticket("seed-1", None, None, &ticket_key());
    let bounded = ticket("seed-2", at_s(10), at_s(20), &ticket_key());
    let foreign = ticket("seed-1", None, None, &other);
    let bench = with_tickets(|_| {});
    check_ticket(&bench, &good, 5, CheckedIn, None);
    check_ticket(&bench, &good, 95, NoSession, None);
    check_ticket(&bench, &bounded, 9, UnknownBadge, Some("ticket_early"));
    check_ticket(&bench, &bounded, 10, CheckedIn, None);
    check_ticket(&bench, &bounded, 19, CheckedIn, None);
    check_ticket(&bench, &bounded, 21, UnknownBadge, Some("ticket_expired"));
    check_ticket(&bench, &foreign, 5, UnknownBadge, Some("ticket_unsigned"));
    check_ticket(&bench, &good[1..], 5, UnknownBadge, None);
    check_ticket(&bench, "NOBODY", 5, UnknownBadge, None);
    // An event without ticket keys knows no tickets.
    check_ticket(&Bench::new(), &good, 5, UnknownBadge, None);
    // Nothing of it is in the entry but its digest.
    let decided = bench.decide(&good, &stamp(0), None);
    assert!(
        !String::from_utf8(encode(&decided.entry).unwrap())
            .unwrap()
            .contains(&good)
    );
}

#[test]
fn a_signed_badge_counts_while_it_holds_and_needs_no_roster() {
    let at = |minute: i64| Some(UtcMs(START + minute * MINUTE_MS));
    let made = |event: &str, from, until, key: &SigningKey| {
        let event = EventId::new(event).unwrap();
        signed_badge::make(&event, Validity { from, until }, [7; 10], key).unwrap()
    };
    let bench = Bench::with(|bundle| bundle.roster.clear());
    let issuer = &bench.fixture.issuer;
    let event = "gp-2026";
    let good = made(event, None, None, issuer);
    let bounded = made(event, at(10), at(20), issuer);
    let mut forged = good.clone();
    forged.replace_range(60..61, if &good[60..61] == "A" { "B" } else { "A" });
    check_ticket(&bench, &good, 5, CheckedIn, None);
    check_ticket(&bench, &good, 95, NoSession, None);
    check_ticket(&bench, &bounded, 9, UnknownBadge, Some("badge_early"));
    check_ticket(&bench, &bounded, 10, CheckedIn, None);
    check_ticket(&bench, &bounded, 19, CheckedIn, None);
    check_ticket(&bench, &bounded, 21, UnknownBadge, Some("badge_expired"));
    check_ticket(&bench, &forged, 5, UnknownBadge, Some("badge_unsigned"));
    check_ticket(
        &bench,
        &good[..147],
        5,
        UnknownBadge,
        Some("badge_malformed"),
    );
    let next_year = made("gp-2027", None, None, issuer);
    check_ticket(&bench, &next_year, 5, UnknownBadge, Some("badge_foreign"));
    let other = SigningKey::from_seed(&[9; 32]);
    let foreign = made(event, None, None, &other);
    check_ticket(&bench, &foreign, 5, UnknownBadge, Some("badge_foreign"));
    // One that was taken back stays so.
    let revoked = digest(&bench, &good);
    let bench = Bench::with(|bundle| bundle.revoked.push(revoked));
    check_ticket(&bench, &good, 5, RevokedBadge, None);
}

#[test]
fn a_ticket_that_was_taken_back_stays_so() {
    let text = ticket("seed-1", None, None, &ticket_key());
    let bench = with_tickets(|bundle| {
        let key = Fixture::default().badge_key;
        bundle.revoked.push(key.digest(&text));
    });
    check_ticket(&bench, &text, 5, RevokedBadge, None);
}

#[test]
fn a_ticket_held_before_a_reader_is_one_scan_and_leaves_again() {
    let text = ticket("seed-1", None, None, &ticket_key());
    let mut bench = with_tickets(|_| {});
    let at = |s: i64| stamp(s * 1_000);
    check(
        &bench.scan_with(&text, &at(60), None),
        CheckedIn,
        In,
        Toggled,
    );
    assert_eq!(bench.door.inside(), 1);
    check(&bench.scan_with(&text, &at(65), None), Repeat, In, Toggled);
    let out = bench.scan_with(&text, &at(3_000), None);
    check(&out, CheckedOut, Out, Toggled);
    assert_eq!(scan_of(&out).prior.as_ref().unwrap().index, Some(1));
    assert_eq!(bench.door.inside(), 0);
    assert_eq!(bench.replayed().people.facts(), bench.door.people.facts());
}

#[test]
fn what_a_ticket_did_is_its_attendees_once_the_roster_lists_it() {
    let text = ticket("seed-1", None, None, &ticket_key());
    let mut bench = with_tickets(|_| {});
    bench.scan_with(&text, &stamp(0), Some(In));
    let mut newer = bundle(&bench.fixture);
    newer.sequence = 2;
    newer.roster[1].badge = digest(&bench, &text);
    bench.door.adopt(&newer);
    let out = bench.scan_with(&text, &stamp(55 * MINUTE_MS), None);
    check(&out, CheckedOut, Out, Toggled);
    let scan = scan_of(&out);
    assert_eq!(scan.attendee, Some(attendee(1)));
    assert!(scan.provisional[0].present_ms > 54 * MINUTE_MS);
}
