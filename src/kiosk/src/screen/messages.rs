//! Words for attendees, in their language.
//!
//! A language is added by its file in `assets/` and a line in [`Language`]; every file has the same keys,
//! and each key has one name in [`Key`]. Texts are plain: no markup, no direction marks. A language nobody
//! wrote is answered in the event's first language, and that failing in English.

use attendance::Decimal;
use attendance::words::{Direction, Verdict};
use chrono::TimeZone as _;
use chrono_tz::Tz;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use super::view::{Answer, Credit, Face, Provisional, StaffAnswer, TimeAnswer};
pub use crate::config::Language;

/// From here on French counts many.
const TWO: Decimal = Decimal::from_millionths(2_000_000);

impl Language {
    /// Every language, the fallback first.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Spanish];

    /// The direction it is written in, as HTML's `dir`.
    #[must_use]
    pub fn dir(self) -> &'static str {
        match self {
            Self::English | Self::German | Self::French | Self::Spanish => "ltr",
        }
    }

    fn decimal_mark(self) -> &'static str {
        match self {
            Self::English => ".",
            Self::German | Self::French | Self::Spanish => ",",
        }
    }

    /// The category of CLDR's plural rules that a number of credits has: French counts one and a half as one.
    fn plural(self, credits: Decimal) -> &'static str {
        let is_one = match self {
            Self::English | Self::German | Self::Spanish => credits == Decimal::ONE,
            Self::French => credits < TWO,
        };
        if is_one { "one" } else { "other" }
    }

    fn texts(self) -> &'static str {
        match self {
            Self::English => include_str!("assets/en.ftl"),
            Self::German => include_str!("assets/de.ftl"),
            Self::French => include_str!("assets/fr.ftl"),
            Self::Spanish => include_str!("assets/es.ftl"),
        }
    }

    /// The language of a BCP 47 tag such as `de-CH`, if there is one.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let wanted: LanguageIdentifier = tag.parse().ok()?;
        Self::ALL
            .into_iter()
            .find(|language| language.tag() == wanted.language.as_str())
    }

    /// The languages for these tags, each once, in their order; English if none is known.
    #[must_use]
    pub fn of_event(tags: &[String]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for language in tags.iter().filter_map(|tag| Self::of_tag(tag)) {
            if !found.contains(&language) {
                found.push(language);
            }
        }
        if found.is_empty() {
            found.push(Self::English);
        }
        found
    }

    /// What to speak with an attendee: the language asked for, else the event's first, else English.
    #[must_use]
    pub fn choose(wanted: Option<&str>, event: &[Self]) -> Self {
        wanted
            .and_then(Self::of_tag)
            .or_else(|| event.first().copied())
            .unwrap_or(Self::English)
    }
}

macro_rules! keys {
    ($($name:ident = $id:literal,)*) => {
        /// A text. For small screens there are large words of at most six letters, `…Short`, and lines of at
        /// most fourteen, `…Brief`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is documented by its text in en.ftl")]
        pub enum Key { $($name,)* }

        impl Key {
            /// Every key.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in the files.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

keys! {
    CheckedIn = "checked-in",
    CheckedInShort = "checked-in-short",
    CheckedOut = "checked-out",
    CheckedOutShort = "checked-out-short",
    Already = "already",
    AlreadyShort = "already-short",
    AlreadySince = "already-since",
    AlreadySinceShort = "already-since-short",
    UnknownBadge = "unknown-badge",
    UnknownBadgeShort = "unknown-badge-short",
    UnknownBadgeReason = "unknown-badge-reason",
    UnknownBadgeReasonBrief = "unknown-badge-reason-brief",
    RevokedBadge = "revoked-badge",
    RevokedBadgeShort = "revoked-badge-short",
    RevokedBadgeReason = "revoked-badge-reason",
    NotRegistered = "not-registered",
    NotRegisteredShort = "not-registered-short",
    NotRegisteredReason = "not-registered-reason",
    NoSession = "no-session",
    NoSessionShort = "no-session-short",
    NoSessionReason = "no-session-reason",
    NoSessionReasonBrief = "no-session-reason-brief",
    SeeStaff = "see-staff",
    Code = "code",
    Minutes = "minutes",
    OnTrack = "on-track",
    SoFar = "so-far",
    Capped = "capped",
    NotYet = "not-yet",
    NoCredit = "no-credit",
    OutOfReach = "out-of-reach",
    Person = "person",
    IdleIn = "idle-in",
    IdleInShort = "idle-in-short",
    IdleOut = "idle-out",
    IdleOutShort = "idle-out-short",
    IdleEither = "idle-either",
    IdleEitherShort = "idle-either-short",
    HoldBadge = "hold-badge",
    HoldBadgeBrief = "hold-badge-brief",
    Failure = "failure",
    FailureShort = "failure-short",
    OtherDoor = "other-door",
    OtherDoorBrief = "other-door-brief",
    NotSetUp = "not-set-up",
    NotSetUpShort = "not-set-up-short",
    ScanClaim = "scan-claim",
    ScanClaimBrief = "scan-claim-brief",
    LineSince = "line-since",
    TimeSet = "time-set",
    TimeSetShort = "time-set-short",
    TimeAbout = "time-about",
    TimeOld = "time-old",
    TimeOldShort = "time-old-short",
    TimeOldReason = "time-old-reason",
    TimeOldReasonBrief = "time-old-reason-brief",
    TimeNotOurs = "time-not-ours",
    TimeNotOursShort = "time-not-ours-short",
    TimeNotOursReason = "time-not-ours-reason",
    TimeNotOursReasonBrief = "time-not-ours-reason-brief",
    TimeUnreadable = "time-unreadable",
    TimeUnreadableShort = "time-unreadable-short",
    TimeUnreadableReason = "time-unreadable-reason",
    TimeUnreadableReasonBrief = "time-unreadable-reason-brief",
    StaffDirection = "staff-direction",
    StaffDirectionBrief = "staff-direction-brief",
    StaffEither = "staff-either",
    StaffEitherShort = "staff-either-short",
    StaffScan = "staff-scan",
    StaffScanShort = "staff-scan-short",
    StaffScanReason = "staff-scan-reason",
    StaffScanReasonBrief = "staff-scan-reason-brief",
    StaffBack = "staff-back",
    StaffBackShort = "staff-back-short",
    StaffBackReason = "staff-back-reason",
    StaffBackReasonBrief = "staff-back-reason-brief",
    StaffNothing = "staff-nothing",
    StaffNothingShort = "staff-nothing-short",
    StaffNothingReason = "staff-nothing-reason",
    StaffNothingReasonBrief = "staff-nothing-reason-brief",
    StaffRefused = "staff-refused",
    StaffRefusedShort = "staff-refused-short",
    StaffRefusedReason = "staff-refused-reason",
    StaffRefusedReasonBrief = "staff-refused-reason-brief",
}

/// Where texts are said: what every one of them may need.
#[derive(Clone, Copy, Debug)]
pub struct Locale {
    /// In which language.
    pub language: Language,
    /// The event's time zone: times of day are for people.
    pub time_zone: Tz,
}

/// All texts of all languages.
pub struct Messages {
    bundles: Vec<(Language, FluentBundle<FluentResource>)>,
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Messages").finish_non_exhaustive()
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self::load()
    }
}

impl Messages {
    /// The texts that were built in.
    #[must_use]
    pub fn load() -> Self {
        let bundle = |language: Language| {
            let identifier = language.tag().parse().unwrap_or_default();
            let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
            bundle.set_use_isolating(false);
            // A file with a fault keeps the texts around it; a test refuses to ship one.
            let resource = match FluentResource::try_new(language.texts().to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            bundle.add_resource_overriding(resource);
            (language, bundle)
        };
        Self {
            bundles: Language::ALL.into_iter().map(bundle).collect(),
        }
    }

    /// One text without variables.
    #[must_use]
    pub fn text(&self, language: Language, key: Key) -> String {
        self.format(language, key, &FluentArgs::new())
    }

    fn format(&self, language: Language, key: Key, args: &FluentArgs<'_>) -> String {
        let own = self.bundles.iter().filter(|(of, _)| *of == language);
        // The fallback comes first in the list.
        for (_, bundle) in own.chain(self.bundles.iter().take(1)) {
            if let Some(pattern) = bundle.get_message(key.id()).and_then(|m| m.value()) {
                let mut errors = Vec::new();
                return bundle
                    .format_pattern(pattern, Some(args), &mut errors)
                    .into_owned();
            }
        }
        key.id().to_owned()
    }

    /// "Code 7QK4 · Main door".
    #[must_use]
    pub fn code(&self, language: Language, code: &str, kiosk: &str) -> String {
        let mut args = FluentArgs::new();
        args.set("code", code);
        args.set("kiosk", kiosk);
        self.format(language, Key::Code, &args).trim().to_owned()
    }

    /// "48 of 50 min so far"; nothing when the minutes are unknown.
    #[must_use]
    pub fn minutes(&self, language: Language, provisional: &Provisional) -> Option<String> {
        let minutes = provisional.minutes?;
        let mut args = FluentArgs::new();
        args.set("minutes", minutes.present);
        args.set("total", minutes.of);
        Some(self.format(language, Key::Minutes, &args))
    }

    /// "on track for 1.0 credit", or what else is certain of it; nothing where nothing is.
    #[must_use]
    pub fn credits(&self, language: Language, provisional: &Provisional) -> Option<String> {
        let (key, credits) = match provisional.credit {
            Credit::Unsaid => return None,
            Credit::OnTrack(credits) => (Key::OnTrack, credits),
            Credit::SoFar(credits) => (Key::SoFar, credits),
            Credit::Capped(credits) => (Key::Capped, credits),
            Credit::NotYet => return Some(self.text(language, Key::NotYet)),
            Credit::None => return Some(self.text(language, Key::NoCredit)),
            Credit::OutOfReach => return Some(self.text(language, Key::OutOfReach)),
            Credit::Person => return Some(self.text(language, Key::Person)),
        };
        let mut args = FluentArgs::new();
        // The word is chosen by the number, the figure itself is exact text.
        args.set("count", language.plural(credits));
        args.set("credits", figure(language, credits));
        Some(self.format(language, key, &args))
    }

    /// Minutes and credit in one sentence; nothing where neither is known.
    fn standing(&self, language: Language, provisional: &Provisional) -> Option<String> {
        let minutes = self.minutes(language, provisional);
        let credits = self.credits(language, provisional);
        let parts: Vec<String> = minutes.into_iter().chain(credits).collect();
        let sentence = parts.join(", ");
        let first = sentence.chars().next()?;
        let rest = sentence.get(first.len_utf8()..).unwrap_or_default();
        Some(first.to_uppercase().chain(rest.chars()).collect())
    }

    /// "since 10:02" under the word "Already in"; in short "in since 10:02" under "Still". Nothing when the
    /// time is unknown.
    #[must_use]
    pub fn since(&self, locale: Locale, answer: &Answer, short: bool) -> Option<String> {
        let key = if short {
            Key::AlreadySinceShort
        } else {
            Key::AlreadySince
        };
        self.since_in(locale, answer, key)
    }

    fn since_in(&self, locale: Locale, answer: &Answer, key: Key) -> Option<String> {
        let mut args = direction_of(answer);
        args.set("time", time_of_day(answer.since_ms?, locale.time_zone)?);
        Some(self.format(locale.language, key, &args))
    }

    /// The state's word: long, or for small screens.
    #[must_use]
    pub fn word(&self, language: Language, face: &Face, short: bool) -> String {
        let (long, brief) = match face {
            Face::NotSetUp => (Key::NotSetUp, Key::NotSetUpShort),
            Face::Idle { direction, .. } => match direction {
                Some(Direction::In) => (Key::IdleIn, Key::IdleInShort),
                Some(Direction::Out) => (Key::IdleOut, Key::IdleOutShort),
                Some(Direction::Seen) | None => (Key::IdleEither, Key::IdleEitherShort),
            },
            Face::Failure { .. } => (Key::Failure, Key::FailureShort),
            Face::Time(answer) => match answer {
                TimeAnswer::Set { .. } => (Key::TimeSet, Key::TimeSetShort),
                TimeAnswer::Old => (Key::TimeOld, Key::TimeOldShort),
                TimeAnswer::NotOurs => (Key::TimeNotOurs, Key::TimeNotOursShort),
                TimeAnswer::Unreadable => (Key::TimeUnreadable, Key::TimeUnreadableShort),
            },
            Face::Staff(answer) => match answer {
                StaffAnswer::In => (Key::IdleIn, Key::IdleInShort),
                StaffAnswer::Out => (Key::IdleOut, Key::IdleOutShort),
                StaffAnswer::Either => (Key::StaffEither, Key::StaffEitherShort),
                StaffAnswer::ScanBadge => (Key::StaffScan, Key::StaffScanShort),
                StaffAnswer::TakenBack => (Key::StaffBack, Key::StaffBackShort),
                StaffAnswer::NothingToTakeBack => (Key::StaffNothing, Key::StaffNothingShort),
                StaffAnswer::Refused => (Key::StaffRefused, Key::StaffRefusedShort),
            },
            Face::Result(answer) => {
                let keys = match answer.verdict {
                    Verdict::CheckedIn => (Key::CheckedIn, Key::CheckedInShort),
                    Verdict::CheckedOut => (Key::CheckedOut, Key::CheckedOutShort),
                    Verdict::Repeat => (Key::Already, Key::AlreadyShort),
                    Verdict::UnknownBadge => (Key::UnknownBadge, Key::UnknownBadgeShort),
                    Verdict::RevokedBadge => (Key::RevokedBadge, Key::RevokedBadgeShort),
                    Verdict::NotRegistered => (Key::NotRegistered, Key::NotRegisteredShort),
                    Verdict::NoSession => (Key::NoSession, Key::NoSessionShort),
                };
                let key = if short { keys.1 } else { keys.0 };
                return self.format(language, key, &direction_of(answer));
            }
        };
        self.text(language, if short { brief } else { long })
    }

    /// What a time code set the time to, or what to do about one that was not taken.
    #[must_use]
    pub fn time(&self, locale: Locale, answer: TimeAnswer, brief: bool) -> String {
        let (long, short) = match answer {
            TimeAnswer::Set { at_ms } => {
                let mut args = FluentArgs::new();
                let time = time_of_day(at_ms, locale.time_zone).unwrap_or_default();
                args.set("time", time);
                return self.format(locale.language, Key::TimeAbout, &args);
            }
            TimeAnswer::Old => (Key::TimeOldReason, Key::TimeOldReasonBrief),
            TimeAnswer::NotOurs => (Key::TimeNotOursReason, Key::TimeNotOursReasonBrief),
            TimeAnswer::Unreadable => (Key::TimeUnreadableReason, Key::TimeUnreadableReasonBrief),
        };
        self.text(locale.language, if brief { short } else { long })
    }

    /// What a staff badge did, or what to do next.
    #[must_use]
    pub fn staff(&self, language: Language, answer: StaffAnswer, brief: bool) -> String {
        let (long, short) = match answer {
            StaffAnswer::In | StaffAnswer::Out | StaffAnswer::Either => {
                (Key::StaffDirection, Key::StaffDirectionBrief)
            }
            StaffAnswer::ScanBadge => (Key::StaffScanReason, Key::StaffScanReasonBrief),
            StaffAnswer::TakenBack => (Key::StaffBackReason, Key::StaffBackReasonBrief),
            StaffAnswer::NothingToTakeBack => {
                (Key::StaffNothingReason, Key::StaffNothingReasonBrief)
            }
            StaffAnswer::Refused => (Key::StaffRefusedReason, Key::StaffRefusedReasonBrief),
        };
        self.text(language, if brief { short } else { long })
    }

    /// Why attention is asked for, one line; nothing for a success.
    #[must_use]
    pub fn reason(&self, language: Language, verdict: Verdict) -> Option<String> {
        let key = match verdict {
            Verdict::CheckedIn | Verdict::CheckedOut | Verdict::Repeat => return None,
            Verdict::UnknownBadge => Key::UnknownBadgeReason,
            Verdict::RevokedBadge => Key::RevokedBadgeReason,
            Verdict::NotRegistered => Key::NotRegisteredReason,
            Verdict::NoSession => Key::NoSessionReason,
        };
        Some(self.text(language, key))
    }

    /// What the attendee is told, as one plain line: for consoles, for `lines` feedback and for screen
    /// readers. "Checked in: Ada. 28 of 50 min so far, on track for 1.0 credit."
    #[must_use]
    pub fn line(&self, locale: Locale, face: &Face, kiosk: &str) -> String {
        let language = locale.language;
        let mut parts = Vec::new();
        match face {
            Face::NotSetUp => {
                parts.push(self.word(language, face, false));
                parts.push(self.text(language, Key::ScanClaim));
            }
            Face::Idle { .. } => {
                parts.push(self.word(language, face, false));
                parts.push(self.text(language, Key::HoldBadge));
            }
            Face::Failure { code } => {
                parts.push(self.word(language, face, false));
                parts.push(self.text(language, Key::OtherDoor));
                parts.push(self.code(language, code, kiosk));
            }
            Face::Time(answer) => {
                parts.push(self.word(language, face, false));
                parts.push(self.time(locale, *answer, false));
            }
            Face::Staff(answer) => {
                parts.push(self.word(language, face, false));
                parts.push(self.staff(language, *answer, false));
            }
            Face::Result(answer) => {
                let since = (answer.verdict == Verdict::Repeat)
                    .then(|| self.since_in(locale, answer, Key::LineSince))
                    .flatten();
                let word = since.unwrap_or_else(|| self.word(language, face, false));
                match named(answer) {
                    Some(name) => parts.push(format!("{word}: {name}")),
                    None => parts.push(word),
                }
                if let Some(reason) = self.reason(language, answer.verdict) {
                    parts.push(reason);
                    if answer.verdict != Verdict::NoSession {
                        parts.push(self.text(language, Key::SeeStaff));
                    }
                    let code = answer.short_code.as_deref();
                    parts.extend(code.map(|code| self.code(language, code, kiosk)));
                } else if let Some(provisional) = &answer.provisional {
                    parts.extend(self.standing(language, provisional));
                }
            }
        }
        sentences(&parts)
    }
}

/// Credits as people read them: "1.0", with the language's decimal mark.
fn figure(language: Language, credits: Decimal) -> String {
    let exact = credits.to_string();
    let text = if exact.contains('.') {
        exact
    } else {
        format!("{exact}.0")
    };
    text.replace('.', language.decimal_mark())
}

/// The parts as sentences, each said once.
fn sentences(parts: &[String]) -> String {
    let ended = |text: &str| text.ends_with(['.', '!', '?']);
    let mut line = String::new();
    for (at, part) in parts.iter().enumerate() {
        if part.is_empty() || parts[..at].contains(part) {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
        if !ended(&line) {
            line.push('.');
        }
    }
    line
}

fn direction_of(answer: &Answer) -> FluentArgs<'static> {
    let mut args = FluentArgs::new();
    let direction = match answer.direction {
        Direction::Out => "out",
        Direction::In | Direction::Seen => "in",
    };
    args.set("direction", direction);
    args
}

/// The name to show with an answer: with a success only, on one line, bounded.
///
/// What asks for staff carries no name, whatever was handed in.
#[must_use]
pub fn named(answer: &Answer) -> Option<String> {
    match answer.verdict {
        Verdict::CheckedIn | Verdict::CheckedOut | Verdict::Repeat => {}
        Verdict::UnknownBadge
        | Verdict::RevokedBadge
        | Verdict::NotRegistered
        | Verdict::NoSession => return None,
    }
    let name: String = answer
        .name
        .as_deref()?
        .chars()
        .filter(|c| !c.is_control() && !is_direction_mark(*c))
        .take(super::view::NAME_MAX_CHARS)
        .collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Embeddings and overrides that would turn around the text after the name.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// "10:02" in that time zone; nothing for a time outside the calendar.
#[must_use]
pub fn time_of_day(at_ms: i64, time_zone: Tz) -> Option<String> {
    let time = time_zone.timestamp_millis_opt(at_ms).single()?;
    Some(time.format("%H:%M").to_string())
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
