//! Why people do what stands in evidence: closed lists of codes, so that no entry holds free text.
//!
//! Contract: a code is 1 to 64 of `a-z`, `0-9` and `_`, and names nobody. Each list ends with [`OTHER`], which asks for a note: that is sealed
//! and stands in no evidence.

/// The code for what no other covers.
pub const OTHER: &str = "other";

/// What a reason is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// That somebody attended a session whole.
    Confirmation,
    /// That somebody did not attend a session.
    Denial,
    /// That somebody came or went when no scan shows it.
    Correction,
    /// That a word is taken back.
    Withdrawal,
    /// That an account is an attendee's.
    Match,
    /// That an account is not an attendee's.
    NoMatch,
    /// That something is granted to somebody: private, and in no evidence.
    Grant,
    /// That something is granted no more: private, and in no evidence.
    End,
    /// That there is a good reason for a sign that a badge was not with its holder.
    Explanation,
    /// That a badge was not with its holder.
    Upholding,
    /// That a sign is open again.
    Reopening,
}

/// Everything that reasons are given for.
const ALL: &[About] = &[
    About::Confirmation,
    About::Denial,
    About::Correction,
    About::Withdrawal,
    About::Match,
    About::NoMatch,
    About::Grant,
    About::End,
    About::Explanation,
    About::Upholding,
    About::Reopening,
];

/// A code and what it says.
pub type Reason = (&'static str, &'static str);

const CONFIRMATIONS: &[Reason] = &[
    ("seen_by_moderator", "The moderator saw them"),
    ("seen_by_staff", "Staff saw them"),
    ("on_signed_list", "They are on the room's signed list"),
    ("badge_forgotten", "They had no badge with them"),
    ("badge_unreadable", "Their badge could not be read"),
    ("door_down", "The door did not record"),
    (OTHER, "Another reason, written in the note"),
];
const DENIALS: &[Reason] = &[
    ("not_seen_by_moderator", "The moderator did not see them"),
    ("seen_elsewhere", "They were seen elsewhere"),
    ("left_early", "They left soon after they came"),
    ("badge_lent", "Somebody else carried their badge"),
    (OTHER, "Another reason, written in the note"),
];
const CORRECTIONS: &[Reason] = &[
    ("scan_forgotten", "They passed the door without a scan"),
    (
        "wrong_direction",
        "The door took them for going the other way",
    ),
    ("badge_forgotten", "They had no badge with them"),
    ("badge_unreadable", "Their badge could not be read"),
    ("door_down", "The door did not record"),
    (OTHER, "Another reason, written in the note"),
];
const WITHDRAWALS: &[Reason] = &[
    ("entered_in_error", "It was entered in error"),
    ("wrong_person", "It is about somebody else"),
    ("wrong_place", "It is about another session or room"),
    ("wrong_time", "The time is wrong"),
    ("better_evidence", "Better evidence came"),
    (OTHER, "Another reason, written in the note"),
];

const MATCHES: &[Reason] = &[
    ("told_by_attendee", "They told us that it is theirs"),
    ("address_confirmed", "They confirmed the address"),
    ("known_to_organiser", "The organiser knows them"),
    ("same_registration", "Both are one registration of the shop"),
    (OTHER, "Another reason, written in the note"),
];
const NO_MATCHES: &[Reason] = &[
    ("another_person", "It is another person"),
    ("shared_account", "Several people use the account"),
    ("not_registered", "They are not registered"),
    ("entered_in_error", "It was entered in error"),
    (OTHER, "Another reason, written in the note"),
];
const GRANTS: &[Reason] = &[
    ("disability", "A disability"),
    ("health", "Their health"),
    ("care", "They care for somebody"),
    ("faith", "Their faith"),
    ("language", "They need an interpreter"),
    ("technical", "Something of ours did not work for them"),
    (OTHER, "Another reason, written in the note"),
];
const ENDS: &[Reason] = &[
    ("no_longer_needed", "They need it no longer"),
    ("granted_in_error", "It was granted in error"),
    (OTHER, "Another reason, written in the note"),
];
const EXPLANATIONS: &[Reason] = &[
    ("came_together", "They came and went together"),
    ("scan_missed", "A scan was missed in between"),
    ("door_fault", "A door read or told it wrongly"),
    ("seen_by_staff", "Staff saw them"),
    ("record_corrected", "Their record was corrected"),
    ("scan_stands", "The scan was right after all"),
    (OTHER, "Another reason, written in the note"),
];
const UPHOLDINGS: &[Reason] = &[
    ("badge_lent", "Somebody else carried the badge"),
    ("badge_copied", "There are two of the badge"),
    (OTHER, "Another reason, written in the note"),
];
const REOPENINGS: &[Reason] = &[
    ("closed_in_error", "It was closed in error"),
    ("better_evidence", "Better evidence came"),
    (OTHER, "Another reason, written in the note"),
];
/// Why a person's data is erased. None is kept in other words: a note about them would go with the data.
pub const ERASURES: &[Reason] = &[
    ("asked_for", "They asked for it"),
    ("no_longer_needed", "It is needed no longer"),
    ("entered_in_error", "It was entered in error"),
];

/// Why an account is set aside. It is about nobody who could be asked, so no note is kept.
pub const ASIDES: &[Reason] = &[
    ("not_registered", "They are not registered"),
    ("no_credit_sought", "They seek no credit"),
    ("device_of_ours", "It is a device or a test of ours"),
    ("cannot_be_known", "Nobody can say whose it is"),
];

/// What evidence says of every grant and of its end: that a registration was adjusted, and no more.
pub const ADJUSTED: &str = "registration_adjusted";

/// Why a word on an account was taken back by the one who said it: no list offers it.
pub const UNDONE: &str = "undone";

impl About {
    /// The reasons that there are.
    pub const fn reasons(self) -> &'static [Reason] {
        match self {
            Self::Confirmation => CONFIRMATIONS,
            Self::Denial => DENIALS,
            Self::Correction => CORRECTIONS,
            Self::Withdrawal => WITHDRAWALS,
            Self::Match => MATCHES,
            Self::NoMatch => NO_MATCHES,
            Self::Grant => GRANTS,
            Self::End => ENDS,
            Self::Explanation => EXPLANATIONS,
            Self::Upholding => UPHOLDINGS,
            Self::Reopening => REOPENINGS,
        }
    }

    /// The reason of this code.
    ///
    /// # Errors
    /// The sentence that says which there are, where it is none of them, or that a note is needed.
    pub fn reason(self, code: &str, has_note: bool) -> Result<&'static str, String> {
        let found = of(self.reasons(), code)?;
        if found == OTHER && !has_note {
            return Err(format!("the reason {OTHER:?} needs a note that says it"));
        }
        Ok(found)
    }
}

/// The reason of a list that has no other.
///
/// # Errors
/// The sentence that says which there are, where it is none of them.
pub fn of(list: &'static [Reason], code: &str) -> Result<&'static str, String> {
    let known = list.iter().map(|(code, _)| *code);
    known.clone().find(|known| *known == code).ok_or_else(|| {
        let known: Vec<&str> = known.collect();
        format!(
            "the reason {code:?} is not known: give one of {}",
            known.join(", ")
        )
    })
}

/// What a code says, in whichever list it stands; the code itself where it is none of ours.
pub fn title(code: &str) -> &str {
    let lists = ALL.iter().map(|about| about.reasons());
    let mut all = lists.chain([ERASURES, ASIDES]).flatten();
    all.find(|(known, _)| *known == code)
        .map_or(code, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_of_its_list() {
        let check = |about: About, code: &str, has_note: bool, words: Option<&str>| {
            let found = about.reason(code, has_note);
            match words {
                None => assert_eq!(found, Ok(found.clone().unwrap_or("")), "{code}"),
                Some(words) => assert!(
                    found.as_ref().is_err_and(|e| e.contains(words)),
                    "{found:?}"
                ),
            }
        };
        check(About::Confirmation, "seen_by_moderator", false, None);
        check(
            About::Denial,
            "seen_by_moderator",
            false,
            Some("badge_lent"),
        );
        check(About::Correction, "", true, Some("scan_forgotten"));
        check(About::Withdrawal, OTHER, false, Some("needs a note"));
        check(About::Withdrawal, OTHER, true, None);
    }

    #[test]
    fn codes_are_codes_and_each_list_ends_with_another() {
        for about in ALL {
            assert!(matches!(about.reasons().last(), Some((OTHER, _))));
            for (code, said) in about.reasons() {
                let is_code = code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                assert!(is_code && code.len() <= 64 && !said.is_empty(), "{code}");
            }
        }
    }
}
