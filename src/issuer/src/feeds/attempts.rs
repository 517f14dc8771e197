//! How often one request is made before somebody is told, and how long between.
//!
//! Contract: [`Attempts::after`] is given what came of a try and the time, and says: take this answer, ask again at that time, or give up.
//! A lost connection, a body that was cut off, and the answers 408, 425, 429, 500, 502, 503 and 504 are tried again, [`TRIES_MAX`] times in
//! all, after a time that doubles and is spread at random between its half and its whole, so that many clients do not come back
//! together. `Retry-After` is heeded, in seconds or as a date; a server that wants more than [`WAIT_MS_MAX`] is left to a later poll.
//! Nothing is tried again beyond the deadline. Pure: it takes `now` and a seed. A clock that jumps only changes how long is waited.

use attendance::UtcMs;
use chrono::DateTime;

use super::FeedFault;

/// How often a request is made in all.
pub const TRIES_MAX: u32 = 6;
/// The first wait, in milliseconds.
pub const WAIT_MS_FIRST: i64 = 500;
/// The longest wait that is our own choice, in milliseconds.
pub const WAIT_MS_OWN_MAX: i64 = 30_000;
/// The longest wait that a server may ask for within one poll, in milliseconds.
pub const WAIT_MS_MAX: i64 = 120_000;

/// An answer as far as anybody here reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// `Content-Type`, as it came.
    pub content_type: Option<String>,
    /// `ETag`, as it came.
    pub etag: Option<String>,
    /// `Location`, as it came.
    pub location: Option<String>,
    /// `X-Page-Generated`, as it came.
    pub generated: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer.
    Answered(Answer),
    /// No whole answer; how, for people.
    Lost(String),
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This is the answer.
    Take(Answer),
    /// The same is asked again at this time.
    Again(UtcMs),
    /// Nothing more is asked.
    GiveUp(FeedFault),
}

/// Random numbers from a seed: SplitMix64, enough to spread waits.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included; `low` where there is nothing between.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let Ok(span) = u64::try_from(high.saturating_sub(low)) else {
            return low;
        };
        let offset = self.next() % span.saturating_add(1).max(1);
        low.saturating_add(i64::try_from(offset).unwrap_or(0))
    }
}

/// The tries of one request.
#[derive(Clone, Debug)]
pub struct Attempts {
    tries: u32,
    deadline: UtcMs,
}

impl Attempts {
    /// Of a request that is not made again after `deadline`.
    pub const fn until(deadline: UtcMs) -> Self {
        Self { tries: 0, deadline }
    }

    /// What is done after a try. `address` names what was asked, for people.
    pub fn after(
        &mut self,
        outcome: Outcome,
        address: &str,
        now: UtcMs,
        jitter: &mut Jitter,
    ) -> Next {
        self.tries += 1;
        let (what, asked_ms) = match outcome {
            Outcome::Lost(how) => (format!("{address}: {how}"), None),
            Outcome::Answered(answer) => match answer.status {
                200 | 304 => return Next::Take(answer),
                401 | 403 => return Next::GiveUp(FeedFault::Denied(answer.status)),
                404 => return Next::GiveUp(FeedFault::NotFound(address.to_owned())),
                300..=399 => return Next::GiveUp(redirected(address, &answer)),
                408 | 425 | 429 | 500 | 502 | 503 | 504 => {
                    let asked = answer.retry_after.as_deref();
                    let asked_ms = asked.and_then(|text| retry_after_ms(text, now));
                    (format!("{address} answers {}", answer.status), asked_ms)
                }
                status => {
                    let what = format!(
                        "{address} answers {status}, which nothing here can be done about: check `url`"
                    );
                    return Next::GiveUp(FeedFault::Misled(what));
                }
            },
        };
        if let Some(asked_ms) = asked_ms.filter(|ms| *ms > WAIT_MS_MAX) {
            let (at, wait_s) = (now.plus_ms(asked_ms), asked_ms / 1_000);
            return Next::GiveUp(FeedFault::Later { at, wait_s });
        }
        let doubled = WAIT_MS_FIRST << self.tries.min(16).saturating_sub(1);
        let own_ms = doubled.min(WAIT_MS_OWN_MAX);
        let own_ms = jitter.between(own_ms / 2, own_ms);
        let at = now.plus_ms(own_ms.max(asked_ms.unwrap_or(0)));
        if self.tries >= TRIES_MAX || at > self.deadline {
            let tries = self.tries;
            return Next::GiveUp(FeedFault::Unreachable { what, tries });
        }
        Next::Again(at)
    }
}

fn redirected(address: &str, answer: &Answer) -> FeedFault {
    let place: String = answer.location.as_deref().map_or_else(
        || "elsewhere".to_owned(),
        |place| shown(place.split(['?', '#']).next().unwrap_or_default()),
    );
    FeedFault::Misled(format!(
        "{address} redirects to {place}, and no redirect is followed, since the token would go with it: write the address that \
         answers itself as `url`"
    ))
}

/// A text from a server, short and without what would steer a terminal.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    let clean = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARS_MAX);
    clean.collect()
}

/// How long `Retry-After` asks to wait, in milliseconds; none where it does not read.
fn retry_after_ms(text: &str, now: UtcMs) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
    Some(at.saturating_sub(now.0).max(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const NOW: UtcMs = UtcMs(1_795_000_000_000);

    fn answer(status: u16, retry_after: Option<&str>) -> Outcome {
        Outcome::Answered(Answer {
            status,
            retry_after: retry_after.map(str::to_owned),
            location: Some("https://elsewhere.example/x?token=1".to_owned()),
            ..Answer::default()
        })
    }

    /// Plays outcomes in virtual time, the last one for ever; how long was waited each time, and what it ended with.
    fn play(outcomes: &[Outcome], deadline_ms: i64, seed: u64) -> (Vec<i64>, Next) {
        let mut attempts = Attempts::until(NOW.plus_ms(deadline_ms));
        let mut jitter = Jitter::new(seed);
        let (mut now, mut waits) = (NOW, Vec::new());
        for turn in 0.. {
            let outcome = outcomes[turn.min(outcomes.len() - 1)].clone();
            match attempts.after(outcome, "https://shop.example/x", now, &mut jitter) {
                Next::Again(at) => {
                    waits.push(at.0 - now.0);
                    now = at;
                }
                end => return (waits, end),
            }
        }
        unreachable!("attempts are bounded")
    }

    #[track_caller]
    fn check(outcome: Outcome, waits: usize, words: &str) {
        let (waited, end) = play(&[outcome], 3_600_000, 1);
        assert_eq!(waited.len(), waits, "{end:?}");
        match end {
            Next::GiveUp(fault) => assert!(fault.to_string().contains(words), "{fault}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_named() {
        let again = usize::try_from(TRIES_MAX - 1).unwrap();
        check(
            Outcome::Lost("the connection broke".to_owned()),
            again,
            "broke, 6 times",
        );
        for status in [408, 425, 429, 500, 502, 503, 504] {
            check(answer(status, None), again, "6 times");
        }
        check(answer(401, None), 0, "token");
        check(answer(403, None), 0, "token");
        check(answer(404, None), 0, "https://shop.example/x");
        check(answer(418, None), 0, "418");
        for status in [301, 302, 303, 307, 308] {
            check(
                answer(status, None),
                0,
                "redirects to https://elsewhere.example/x, ",
            );
        }
        check(answer(429, Some("121")), 0, "121 s");
        check(
            answer(503, Some("Sat, 01 Jan 2050 00:00:00 GMT")),
            0,
            "left alone",
        );
    }

    #[test]
    fn a_server_that_comes_back_is_taken() {
        let outcomes = [
            Outcome::Lost("cut".to_owned()),
            answer(429, Some("7")),
            answer(503, Some("not a time")),
            answer(200, None),
        ];
        let (waits, end) = play(&outcomes, 3_600_000, 3);
        assert!(matches!(end, Next::Take(answer) if answer.status == 200));
        assert_eq!(waits[1], 7_000, "as long as the server asked for");
        assert_eq!(waits.len(), 3);
    }

    #[test]
    fn dates_and_seconds_are_read() {
        let date = "Thu, 19 Nov 2026 13:33:50 GMT";
        let at = DateTime::parse_from_rfc2822(date)
            .unwrap()
            .timestamp_millis();
        for (text, expected) in [
            ("0", Some(0)),
            (" 12 ", Some(12_000)),
            ("-1", None),
            ("soon", None),
            (date, Some(at - (at - 30_000))),
        ] {
            assert_eq!(retry_after_ms(text, UtcMs(at - 30_000)), expected, "{text}");
        }
        assert_eq!(
            retry_after_ms(date, UtcMs(at + 5)),
            Some(0),
            "a time that has passed"
        );
    }

    #[test]
    fn nothing_is_asked_after_the_deadline() {
        let (waits, end) = play(&[answer(503, None)], 100, 1);
        assert_eq!(waits, [] as [i64; 0]);
        assert!(matches!(
            end,
            Next::GiveUp(FeedFault::Unreachable { tries: 1, .. })
        ));
    }

    proptest! {
        #[test]
        fn waits_double_and_spread(seed: u64) {
            let (waits, _) = play(&[answer(503, None)], i64::MAX / 4, seed);
            for (turn, wait) in waits.iter().enumerate() {
                let most = (WAIT_MS_FIRST << turn).min(WAIT_MS_OWN_MAX);
                prop_assert!((most / 2..=most).contains(wait), "{waits:?}");
            }
        }

        #[test]
        fn between_keeps_its_bounds(seed: u64, low in -1_000_000_i64..1_000_000, span in 0_i64..1_000_000) {
            let mut jitter = Jitter::new(seed);
            for _ in 0..20 {
                let number = jitter.between(low, low + span);
                prop_assert!((low..=low + span).contains(&number));
            }
        }
    }
}
