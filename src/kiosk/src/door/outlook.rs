//! What an attendee can honestly be told of their credit, in one line. Pure.
//!
//! Contract: minutes are those of the session that is on here, so far, and only where they are known to the minute. "On track" is said only
//! of credit that is certain to come of staying to the session's end by what this door knows: it decides once more as if they had. What is
//! met already is said as such, since staying adds nothing to it. That there is no credit, or that a person will look, is said only where
//! nothing hints that others know more.

use attendance::words::SessionId;
use attendance::{Decimal, Decision, Reason};

use super::MINUTE_MS;
use crate::screen::view::{Credit, Minutes, Provisional};

/// What the line is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook<'a> {
    /// What the scan comes to.
    pub(super) decision: &'a Decision,
    /// The same, had they stayed here until the session's end; none for somebody who leaves, and after the end.
    pub(super) stayed: Option<&'a Decision>,
    /// The session that is on here.
    pub(super) session: Option<&'a SessionId>,
    /// Whether nothing hints that they were elsewhere at a time that is not known here.
    pub(super) is_whole: bool,
}

impl Outlook<'_> {
    /// The line; none where there is nothing to say.
    pub(super) fn line(self) -> Option<Provisional> {
        let line = Provisional {
            minutes: self.minutes(),
            credit: self.credit(),
        };
        (line.minutes.is_some() || line.credit != Credit::Unsaid).then_some(line)
    }

    /// The minutes that count so far. Of somebody who has just come there is nothing to say yet.
    fn minutes(&self) -> Option<Minutes> {
        let mut parts = self.decision.parts.iter();
        let part = parts.find(|part| Some(&part.session) == self.session)?;
        let present = minutes(part.least_ms, part.most_ms)?;
        let of = minutes(part.scheduled_ms, part.scheduled_ms)?;
        let is_telling = of > 0 && (present > 0 || self.stayed.is_none());
        is_telling.then_some(Minutes { present, of })
    }

    fn credit(&self) -> Credit {
        let by_now = self.decision.credits;
        let Some(stayed) = self.stayed else {
            return match by_now {
                None => self.person(),
                Some(Decimal::ZERO) if self.decision.is_open => self.nothing(Credit::NotYet),
                Some(Decimal::ZERO) => self.nothing(Credit::None),
                Some(earned) => earned_by(self.decision, earned),
            };
        };
        match (by_now, stayed.credits) {
            (_, None) => self.person(),
            (_, Some(Decimal::ZERO)) if self.is_missed(stayed) => self.nothing(Credit::OutOfReach),
            (_, Some(Decimal::ZERO)) => self.nothing(Credit::NotYet),
            (Some(earned), Some(then)) if earned >= then => earned_by(stayed, earned),
            (_, Some(then)) => Credit::OnTrack(then),
        }
    }

    /// Whether even staying to the end misses what the session asks for.
    fn is_missed(&self, stayed: &Decision) -> bool {
        let mut parts = stayed.parts.iter();
        parts.any(|part| Some(&part.session) == self.session && part.met == Some(false))
    }

    fn person(&self) -> Credit {
        if self.is_whole {
            Credit::Person
        } else {
            Credit::Unsaid
        }
    }

    /// That there is none: another door may know of some.
    fn nothing(&self, credit: Credit) -> Credit {
        if self.is_whole && self.decision.incomplete_doors.is_empty() {
            credit
        } else {
            Credit::Unsaid
        }
    }
}

fn earned_by(decision: &Decision, credits: Decimal) -> Credit {
    if decision.reason == Reason::CapReached {
        Credit::Capped(credits)
    } else {
        Credit::SoFar(credits)
    }
}

/// Whole minutes of presence; unknown where the clock leaves more than one open.
fn minutes(least_ms: i64, most_ms: i64) -> Option<u32> {
    if most_ms - least_ms > MINUTE_MS {
        return None;
    }
    u32::try_from(least_ms / MINUTE_MS).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use attendance::agenda::{Programme, Registration, Session, Window};
    use attendance::words::DoorId;
    use attendance::{Evidence, Known, Outcome, Part, UtcMs, decide};

    fn session() -> SessionId {
        "s-1".parse().unwrap()
    }

    /// What nothing comes to in fifty minutes.
    fn nothing() -> Decision {
        let rules = protocol::rules::parse(crate::fixture::RULES).unwrap();
        let window = Window::new(UtcMs(0), UtcMs(50 * MINUTE_MS)).unwrap();
        let programme = Programme {
            id: "p".parse().unwrap(),
            title: String::new(),
            sessions: vec![Session::plain(session(), "hall".parse().unwrap(), window)],
            part_of: std::collections::BTreeMap::new(),
        };
        let registration = Registration::always("a".parse().unwrap());
        let evidence = Evidence {
            signals: &[],
            registration: Some(&registration),
        };
        let known = Known {
            now: UtcMs(0),
            incomplete_doors: Vec::new(),
        };
        decide(&rules, &programme, evidence, &known)
    }

    /// A decision on fifty minutes: least and most present, credits if certain, and why.
    fn decision(present_ms: (i64, i64), credits: Option<&str>, reason: Reason) -> Decision {
        let credits: Option<Decimal> = credits.map(|credits| credits.parse().unwrap());
        let (least_ms, most_ms) = present_ms;
        let nothing = nothing();
        Decision {
            outcome: match credits {
                None => Outcome::Review,
                Some(Decimal::ZERO) => Outcome::None,
                Some(_) => Outcome::Partial,
            },
            credits,
            reason,
            parts: vec![Part {
                least_ms,
                most_ms,
                met: Some(least_ms >= 40 * MINUTE_MS),
                ..nothing.parts[0].clone()
            }],
            ..nothing
        }
    }

    /// So many minutes for certain, and these credits.
    fn after(minutes: i64, credits: &str) -> Decision {
        let ms = minutes * MINUTE_MS;
        decision((ms, ms), Some(credits), Reason::PartialCredit)
    }

    fn unclear(minutes: i64) -> Decision {
        let ms = minutes * MINUTE_MS;
        decision((ms, ms), None, Reason::InsufficientEvidence)
    }

    fn capped(minutes: i64, credits: &str) -> Decision {
        Decision {
            reason: Reason::CapReached,
            ..after(minutes, credits)
        }
    }

    #[track_caller]
    fn check(now: &Decision, stayed: Option<&Decision>, minutes: Option<u32>, credit: Credit) {
        let session = session();
        let whole = Outlook {
            decision: now,
            stayed,
            session: Some(&session),
            is_whole: true,
        };
        let minutes = minutes.map(|present| Minutes { present, of: 50 });
        assert_eq!(whole.line(), Some(Provisional { minutes, credit }));
        // What speaks against somebody is not said where others may know better; what is certain is.
        let is_against = matches!(
            credit,
            Credit::NotYet | Credit::None | Credit::OutOfReach | Credit::Person
        );
        let kept = if is_against { Credit::Unsaid } else { credit };
        let hinted = Outlook {
            is_whole: false,
            ..whole
        };
        assert_eq!(hinted.credit(), kept);
        let others = |of: &Decision| Decision {
            incomplete_doors: vec!["b".parse::<DoorId>().unwrap()],
            ..of.clone()
        };
        let (now, stayed) = (others(now), stayed.map(others));
        let elsewhere = Outlook {
            decision: &now,
            stayed: stayed.as_ref(),
            ..whole
        };
        let is_persons = credit == Credit::Person;
        assert_eq!(elsewhere.credit(), if is_persons { credit } else { kept });
    }

    fn of(credits: &str) -> Decimal {
        credits.parse().unwrap()
    }

    #[test]
    fn coming_in_it_says_what_staying_brings() {
        let stays = |now: Decision, stayed: Decision, minutes, credit| {
            check(&now, Some(&stayed), minutes, credit);
        };
        stays(
            after(0, "0"),
            after(50, "1"),
            None,
            Credit::OnTrack(of("1")),
        );
        stays(
            after(28, "0"),
            after(48, "1"),
            Some(28),
            Credit::OnTrack(of("1")),
        );
        stays(
            after(45, "0.5"),
            after(50, "1"),
            Some(45),
            Credit::OnTrack(of("1")),
        );
        // Met already: staying adds nothing, and nothing more is promised.
        stays(
            after(48, "1"),
            after(50, "1"),
            Some(48),
            Credit::SoFar(of("1")),
        );
        stays(
            capped(48, "2"),
            capped(50, "2"),
            Some(48),
            Credit::Capped(of("2")),
        );
        stays(
            after(10, "1"),
            capped(50, "2"),
            Some(10),
            Credit::OnTrack(of("2")),
        );
        // Earlier sessions earned it, and this one is missed.
        stays(after(0, "1"), after(20, "1"), None, Credit::SoFar(of("1")));
        stays(after(0, "0"), after(39, "0"), None, Credit::OutOfReach);
        stays(after(5, "0"), after(45, "0"), Some(5), Credit::NotYet);
        // A person looks only where they look however long somebody stays.
        stays(
            unclear(10),
            after(50, "1"),
            Some(10),
            Credit::OnTrack(of("1")),
        );
        stays(after(10, "0"), unclear(50), Some(10), Credit::Person);
        stays(unclear(10), unclear(50), Some(10), Credit::Person);
    }

    #[test]
    fn going_out_it_says_what_was_earned() {
        let leaves = |now: Decision, minutes, credit| check(&now, None, minutes, credit);
        leaves(after(48, "1"), Some(48), Credit::SoFar(of("1")));
        leaves(after(0, "0"), Some(0), Credit::NotYet);
        leaves(after(20, "0"), Some(20), Credit::NotYet);
        leaves(capped(50, "2"), Some(50), Credit::Capped(of("2")));
        leaves(unclear(20), Some(20), Credit::Person);
        let over = Decision {
            is_open: false,
            ..after(20, "0")
        };
        leaves(over, Some(20), Credit::None);
    }

    #[test]
    fn minutes_are_told_where_they_are_known_to_the_minute() {
        let told = |least_ms, most_ms| {
            let now = decision((least_ms, most_ms), None, Reason::ClockUncertain);
            let session = session();
            let outlook = Outlook {
                decision: &now,
                stayed: None,
                session: Some(&session),
                is_whole: false,
            };
            let other = Outlook {
                session: None,
                ..outlook
            };
            assert_eq!(other.line(), None);
            outlook.line().and_then(|line| line.minutes)
        };
        let known = |present| Some(Minutes { present, of: 50 });
        assert_eq!(told(MINUTE_MS - 1, MINUTE_MS + 1), known(0));
        assert_eq!(told(MINUTE_MS, 2 * MINUTE_MS), known(1));
        assert_eq!(told(MINUTE_MS, 2 * MINUTE_MS + 1), None);
    }
}
