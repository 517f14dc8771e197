//! What can be said of a certificate, and what was checked for it.
//!
//! Contract: the verdict rests on the ledger's rows; what a certificate says is shown only where its bytes have the hash
//! that the ledger names. [`Verdict`] is decided in one pure place, worst first: a revoked certificate is revoked whether or
//! not its content can be read.

use attendance::UtcMs;
use attendance::words::CertificateId;
use evidence::{Checkpoint, TlogProof, leaf_hash, sign_checkpoint, verify_inclusion};
use protocol::certificate::Payload;
use protocol::ledger::{self, LedgerBody};

use super::Pages;
use super::fault::Fault;
use crate::certificates::issue::open_private;
use crate::store::decisions::CertificateFacts;

/// What the page says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Valid,
    Corrected,
    Revoked,
    NotOurs,
    CouldNotCheck,
}

impl Verdict {
    /// The verdict as programs read it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Corrected => "corrected",
            Self::Revoked => "revoked",
            Self::NotOurs => "not_ours",
            Self::CouldNotCheck => "could_not_check",
        }
    }
}

/// What became of a version's content.
#[derive(Debug)]
pub(super) enum Content {
    /// It is the one that the ledger names.
    Read(Box<Payload>),
    /// Its holder's data was erased.
    Erased,
    /// It does not open or read; for the log.
    Unreadable(String),
}

/// A version with its content.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) facts: CertificateFacts,
    pub(super) content: Content,
}

/// The verdict over all versions, oldest first.
pub(super) fn verdict(versions: &[Version]) -> Verdict {
    let Some(newest) = versions.last() else {
        return Verdict::NotOurs;
    };
    match (&newest.facts.revocation, &newest.content) {
        (Some(_), _) => Verdict::Revoked,
        (None, Content::Erased | Content::Unreadable(_)) => Verdict::CouldNotCheck,
        (None, Content::Read(_)) if versions.len() > 1 => Verdict::Corrected,
        (None, Content::Read(_)) => Verdict::Valid,
    }
}

/// The code in a text that somebody typed: blanks and dashes out, letters small. `None` where it cannot be one.
pub(super) fn typed_code(text: &str) -> Option<CertificateId> {
    let tail = text.trim().rsplit('/').next().unwrap_or_default();
    let plain: String = tail
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .flat_map(char::to_lowercase)
        .collect();
    let fits = plain.len() == 26
        && plain
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    fits.then(|| CertificateId::new(&plain).ok()).flatten()
}

/// Every version of a code. A text that is no code is looked up all the same, as a code that nobody has: the answer and its
/// time tell nothing of the text's form.
pub(super) fn versions(pages: &Pages, text: &str) -> Result<Vec<Version>, Fault> {
    let nobodys =
        || CertificateId::new("no-certificate").expect("small letters and dashes are an id");
    let code = typed_code(text).unwrap_or_else(nobodys);
    let held = pages.store().certificate(&code)?;
    let read = held.into_iter().map(|facts| {
        let content = match open_private(
            pages.store(),
            &pages.0.keys,
            &facts.event,
            facts.entry.payload,
        ) {
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(payload) => Content::Read(Box::new(payload)),
                Err(cause) => Content::Unreadable(cause.to_string()),
            },
            Ok(None) => Content::Erased,
            Err(cause) => Content::Unreadable(cause.to_string()),
        };
        Version { facts, content }
    });
    Ok(read.collect())
}

/// The proof that the ledger holds a certificate's entry, under a head signed now and cosigned by those kiosks that had
/// witnessed it; and how many these are.
pub(super) fn ledger_proof(
    pages: &Pages,
    facts: &CertificateFacts,
) -> Result<(TlogProof, u64), Fault> {
    let store = pages.store();
    let head = store.ledger_head(&facts.event)?;
    let witnesses = store.witnesses(&facts.event, head.size)?;
    let cosigned = witnesses
        .first()
        .map(|w| w.size)
        .filter(|size| *size > facts.ledger);
    let size = cosigned.unwrap_or(head.size);
    let broken = |cause: String| Fault::Broken(format!("the ledger of {}: {cause}", facts.event));
    let root = store.ledger_root_at(&facts.event, size)?;
    let checkpoint =
        Checkpoint::new(&head.origin, size, root).map_err(|e| broken(e.to_string()))?;
    let mut note = sign_checkpoint(&checkpoint, &pages.0.keys.signing);
    let mut count = 0;
    for witness in witnesses.iter().filter(|_| cosigned.is_some()) {
        let own = format!("\u{2014} {} ", witness.origin);
        if let Some(line) = witness.note.lines().find(|line| line.starts_with(&own)) {
            note.push_str(line);
            note.push('\n');
            count += 1;
        }
    }
    let path = store.prove_ledger_entry(&facts.event, facts.ledger, size)?;
    let entry = store.ledger_entries(&facts.event, facts.ledger, 1)?;
    let bytes = entry.into_iter().next().and_then(|entry| entry.bytes);
    let bytes = bytes.ok_or_else(|| broken(format!("entry {} is missing", facts.ledger)))?;
    let is_own = match ledger::parse(&bytes).map(|entry| entry.body) {
        Ok(LedgerBody::Certificate(entry)) => entry == facts.entry,
        _ => false,
    };
    if !is_own {
        return Err(broken(format!(
            "entry {} is not this certificate's",
            facts.ledger
        )));
    }
    verify_inclusion(&path, facts.ledger, leaf_hash(&bytes), size, root)
        .map_err(|e| broken(e.to_string()))?;
    Ok((
        TlogProof {
            index: facts.ledger,
            path,
            extra: bytes,
            checkpoint_note: note,
        },
        count,
    ))
}

/// One check, done or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) what: &'static str,
    pub(super) result: String,
    pub(super) is_done: bool,
    pub(super) is_good: bool,
    /// When; empty for what was not done.
    pub(super) when: String,
}

impl Check {
    pub(super) fn done(
        what: &'static str,
        is_good: bool,
        result: impl Into<String>,
        at: UtcMs,
    ) -> Self {
        Self {
            what,
            result: result.into(),
            is_done: true,
            is_good,
            when: super::words::utc(at),
        }
    }

    pub(super) fn not_done(what: &'static str, result: impl Into<String>) -> Self {
        Self {
            what,
            result: result.into(),
            is_done: false,
            is_good: false,
            when: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::decisions::RevocationFacts;
    use protocol::certificate::Proof;

    fn payload() -> Content {
        Content::Read(Box::new(Payload {
            v: 1,
            salt: String::new(),
            certificate: "c".parse().unwrap(),
            version: 1,
            issuer: "i".into(),
            event: "e".parse().unwrap(),
            event_title: "E".into(),
            zone: "UTC".into(),
            attendee: "a".parse().unwrap(),
            name: "A".into(),
            programme: "p".parse().unwrap(),
            programme_title: "P".into(),
            outcome: attendance::Outcome::Full,
            credits: "1".parse().unwrap(),
            reason: attendance::Reason::MetDurationThreshold,
            explanation: String::new(),
            sessions: vec![],
            rules_name: String::new(),
            rules: String::new(),
            decision: String::new(),
            issued: UtcMs(0),
            verify_at: String::new(),
            proof: Proof {
                checkpoint: String::new(),
                decision: String::new(),
                witnesses: 0,
            },
        }))
    }

    fn version(is_revoked: bool, content: Content) -> Version {
        let hash = evidence::sha256(b"");
        let facts = CertificateFacts {
            event: "e".parse().unwrap(),
            entry: ledger::Certificate {
                certificate: "c".parse().unwrap(),
                version: 1,
                attendee: "a".parse().unwrap(),
                programme: "p".parse().unwrap(),
                decision: 0,
                payload: hash,
                pdf: hash,
            },
            issued: UtcMs(0),
            ledger: 1,
            revocation: is_revoked.then(|| RevocationFacts {
                reason: "r".into(),
                operator: "o".into(),
                at: UtcMs(1),
                ledger: 2,
            }),
        };
        Version { facts, content }
    }

    #[test]
    fn the_newest_version_speaks_and_revoked_stands_first() {
        let unreadable = || Content::Unreadable("x".into());
        for (versions, expected) in [
            (vec![], Verdict::NotOurs),
            (vec![version(false, payload())], Verdict::Valid),
            (vec![version(true, payload())], Verdict::Revoked),
            (vec![version(true, unreadable())], Verdict::Revoked),
            (vec![version(true, Content::Erased)], Verdict::Revoked),
            (vec![version(false, unreadable())], Verdict::CouldNotCheck),
            (
                vec![version(false, Content::Erased)],
                Verdict::CouldNotCheck,
            ),
            (
                vec![version(false, payload()), version(false, payload())],
                Verdict::Corrected,
            ),
            (
                vec![version(true, payload()), version(false, payload())],
                Verdict::Corrected,
            ),
            (
                vec![version(false, payload()), version(true, payload())],
                Verdict::Revoked,
            ),
            (
                vec![version(false, payload()), version(false, unreadable())],
                Verdict::CouldNotCheck,
            ),
        ] {
            assert_eq!(verdict(&versions), expected, "{versions:?}");
        }
    }

    #[test]
    fn codes_are_read_as_people_write_them() {
        let code = "mzxw6ytboimzxw6ytboimzxw6y";
        for text in [
            code,
            " MZXW6YTBOIMZXW6YTBOIMZXW6Y ",
            "mzxw 6ytb oimz xw6y tboi mzxw 6y",
            "mzxw-6ytb-oimz-xw6y-tboi-mzxw-6y",
            "https://verify.example.org/c/mzxw6ytboimzxw6ytboimzxw6y",
        ] {
            assert_eq!(typed_code(text).unwrap().as_str(), code, "{text}");
        }
        for text in [
            "",
            "mzxw",
            "mzxw6ytboimzxw6ytboimzxw61",
            "<script>",
            &"a".repeat(1_000),
        ] {
            assert!(typed_code(text).is_none(), "{text}");
        }
    }
}
