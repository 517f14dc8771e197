//! Which time codes a door takes, and what they change.

use evidence::SigningKey;
use protocol::time_code::make;

use super::*;
use crate::screen::view::TimeAnswer;

/// A door in a boot whose wall clock was never set, so many milliseconds after it began.
fn unset(raw_ms: u64) -> Stamp {
    Stamp {
        wall: UtcMs(i64::try_from(raw_ms).unwrap()),
        boot: BootId::new(OTHER_BOOT).unwrap(),
        raw_ms,
        sync: Sync::Unset,
        error_ms: None,
    }
}

fn read<'a>(reader: &'a ReaderId, text: &'a str, stamp: &'a Stamp) -> Read<'a> {
    Read {
        reader,
        symbology: None,
        text,
        stamp,
        direction: None,
    }
}

impl Bench {
    /// A door that has just started without time.
    fn without_time() -> Self {
        let mut bench = Self::new();
        bench.take(&Entry {
            stamp: unset(1_000),
            body: Body::Boot(Boot {
                cause: BootCause::Start,
                boottime_ms: 1_000,
                software: "test".into(),
                floor: UtcMs(0),
            }),
        });
        bench
    }

    fn time(&mut self, text: &str, stamp: &Stamp, floor: UtcMs) -> (TimeAnswer, &'static str) {
        let reader = ReaderId::new("main").unwrap();
        let timed = self
            .door
            .time_code(read(&reader, text, stamp), floor)
            .unwrap();
        self.take(&timed.entry);
        let Some(entry) = self.entries.last() else {
            panic!("nothing was taken");
        };
        (timed.shown, entry.body.kind())
    }

    fn code(&self, ms: i64) -> String {
        make(UtcMs(START + ms), 250, [0; 3], &self.fixture.issuer)
    }
}

#[test]
fn a_code_gives_earlier_and_later_scans_of_the_boot_their_time() {
    let mut bench = Bench::without_time();
    // Truly ten minutes into the session; the door cannot know.
    let first = bench.scan_with(&badge(1), &unset(600_000), Some(In));
    let before = bench.door.clock.place(2, &first.entry.stamp).at;
    assert_eq!(before, Interval::UNKNOWN);
    let code = bench.code(20 * MINUTE_MS);
    let (shown, kind) = bench.time(&code, &unset(1_200_000), UtcMs(0));
    assert_eq!(kind, "time_code");
    let TimeAnswer::Set { at_ms } = shown else {
        panic!("{shown:?}");
    };
    assert!((at_ms - (START + 20 * MINUTE_MS)).abs() <= 31_000);
    assert!(bench.door.is_timed() && !bench.door.is_anchored());

    let at = bench.door.clock.place(2, &first.entry.stamp).at;
    assert!(at.holds(UtcMs(START + 10 * MINUTE_MS)), "{at:?}");
    assert!(at.width_ms() < 62_000, "{}", at.width_ms());
    let out = bench.scan_with(&badge(1), &unset(3_900_000), Some(Out));
    let minutes = out
        .shown
        .provisional
        .as_ref()
        .and_then(|shown| shown.minutes);
    assert_eq!(minutes, None, "a minute is open at each end");
    let least = scan_of(&out).provisional[0].present_ms;
    assert!(
        (47 * MINUTE_MS..=50 * MINUTE_MS).contains(&least),
        "{least}"
    );

    // Whoever rebuilds the door from its entries believes the same.
    let again = bench.replayed();
    assert_eq!(again.clock.place(2, &first.entry.stamp).at, at);
    assert_eq!(again.newest_code, bench.door.newest_code);
}

#[test]
fn what_is_no_fresh_code_of_this_issuer_is_noted_by_its_reason() {
    let other = SigningKey::from_seed(&[77; 32]);
    let foreign = make(UtcMs(START), 250, [0; 3], &other);
    let mut bench = Bench::without_time();
    let good = bench.code(0);
    // The head of ours with the signature of another moment.
    let forged = format!("{}{}", &good[..30], &bench.code(1)[30..]);
    let stale_by_floor = UtcMs(START + 60_251);
    for (text, floor, shown, code) in [
        (
            &good[..100],
            UtcMs(0),
            TimeAnswer::Unreadable,
            "time_code_malformed",
        ),
        (&foreign, UtcMs(0), TimeAnswer::NotOurs, "time_code_foreign"),
        (&forged, UtcMs(0), TimeAnswer::NotOurs, "time_code_unsigned"),
        (&good, stale_by_floor, TimeAnswer::Old, "time_code_stale"),
    ] {
        let (got, kind) = bench.time(text, &unset(5_000), floor);
        assert_eq!((got, kind), (shown, "note"), "{code}");
        let Some(Entry {
            body: Body::Note(note),
            ..
        }) = bench.entries.last()
        else {
            panic!("no note");
        };
        assert_eq!(note.code, code);
        assert!(!bench.door.is_timed());
    }
    let (got, _) = bench.time(&good, &unset(5_000), UtcMs(START + 60_250));
    assert!(matches!(got, TimeAnswer::Set { .. }), "{got:?}");
}

#[test]
fn an_older_code_than_one_that_was_taken_is_refused_and_a_fresher_one_taken() {
    let mut bench = Bench::without_time();
    let (first, older, fresher) = (bench.code(0), bench.code(-1), bench.code(1));
    for (text, expected) in [
        (&first, "time_set"),
        (&first, "time_code_old"),
        (&older, "time_code_old"),
        (&fresher, "time_set"),
    ] {
        let (got, _) = bench.time(text, &unset(5_000), UtcMs(0));
        assert_eq!(got.code(), expected);
    }
}

#[test]
fn a_code_that_the_doors_own_time_shows_to_be_old_is_refused() {
    // This door's kernel clock is synchronised, and says that the code was made two minutes ago.
    let mut bench = Bench::new();
    let code = bench.code(0);
    let (got, _) = bench.time(&code, &stamp(2 * MINUTE_MS), UtcMs(0));
    assert_eq!(got, TimeAnswer::Old);
    let (got, _) = bench.time(&code, &stamp(MINUTE_MS), UtcMs(0));
    assert!(matches!(got, TimeAnswer::Set { .. }), "{got:?}");
}

#[test]
fn what_a_scanner_puts_around_a_code_is_no_part_of_it() {
    let mut bench = Bench::without_time();
    let text = format!("\0{}\r\n", bench.code(0));
    let (got, kind) = bench.time(&text, &unset(5_000), UtcMs(0));
    assert_eq!((got.code(), kind), ("time_set", "time_code"));
}

#[test]
fn a_badge_is_no_time_code() {
    let bench = Bench::new();
    let reader = ReaderId::new("main").unwrap();
    let now = stamp(0);
    assert_eq!(
        bench
            .door
            .time_code(read(&reader, &badge(1), &now), UtcMs(0)),
        None
    );
}
