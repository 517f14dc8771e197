//! One certificate's chain: its sentence, the rule, each end of each stay, the scan behind it, the receipts around it.
//!
//! Contract: everything is taken from an archive that [`crate::verify::examine`] has read; this only finds and joins. What it
//! joins is as sound as that report says.

use evidence::Hash;
use protocol::archive::object_path;
use protocol::certificate::Payload;
use protocol::decision::{DecisionDoc, EndDoc, IntervalDoc, PartDoc};
use protocol::entry::{Body, Entry, Scan};
use protocol::ledger::{self, LedgerBody};
use serde::Serialize;

use crate::report::ScanLine;
use crate::verify::{Book, Opened};

/// Why there is no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoChain {
    /// The archive has no ledger.
    #[error(
        "the archive has no ledger, and so no certificates: ask the issuer for an evidence bundle"
    )]
    NoLedger,
    /// No certificate of this code.
    #[error("the ledger has no certificate {0:?}: compare the code with the certificate")]
    Unknown(String),
    /// What the certificate rests on could not be read.
    #[error("what the certificate rests on could not be read: {0}")]
    Unread(String),
}

/// How a certificate stands at the end of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is the newest version and was not revoked.
    InForce,
    /// Revoked, by the ledger entry of this index.
    Revoked(u64),
}

/// The scan behind an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What happened, in one line.
    pub words: String,
    /// Where it lies, when it was made, and its receipts.
    pub line: ScanLine,
}

/// One end of a stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainEnd {
    /// When, as the decision took it.
    pub at: Option<IntervalDoc>,
    /// The policy that put it there, where no scan shows it.
    pub inferred: Option<String>,
    /// The scan that shows it, or that the policy leans on.
    pub scan: Option<Shown>,
    /// The signal of another source that does, in one line.
    pub reported: Option<String>,
}

/// One session's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainPart {
    /// Its title.
    pub title: String,
    /// What counts.
    pub part: PartDoc,
    /// The stays, each from and until.
    pub stays: Vec<(ChainEnd, ChainEnd)>,
}

/// The chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The certificate's code.
    pub certificate: String,
    /// Its newest version.
    pub version: u32,
    /// How it stands.
    pub state: State,
    /// The holder's name, where the archive holds the content.
    pub name: Option<String>,
    /// The event's title.
    pub event: String,
    /// The event's IANA time zone.
    pub zone: String,
    /// The programme's title.
    pub programme: String,
    /// The decision.
    pub decision: DecisionDoc,
    /// The decision's place in the ledger.
    pub decided_at: u64,
    /// SHA-256 of the decision's object.
    pub decision_hash: String,
    /// The rule set's name.
    pub rules_name: String,
    /// Its hash.
    pub rules: String,
    /// The threshold in words.
    pub threshold: String,
    /// The engine.
    pub engine: String,
    /// The sessions.
    pub parts: Vec<ChainPart>,
    /// How many kiosks had witnessed the ledger when it was issued, where the archive holds the content.
    pub witnesses: Option<u32>,
}

/// The chain of a certificate.
///
/// # Errors
/// See [`NoChain`].
pub fn chain(opened: &Opened<'_>, code: &str) -> Result<Chain, NoChain> {
    let book = opened.book.as_ref().ok_or(NoChain::NoLedger)?;
    let unread = NoChain::Unread;
    let issued = newest(book, code).ok_or_else(|| NoChain::Unknown(code.to_owned()))?;
    let Some(LedgerBody::Decision(decided)) = book.entry(issued.decision).map(|e| &e.body) else {
        return Err(unread(format!("entry {} is no decision", issued.decision)));
    };
    let Some(LedgerBody::Event(event)) = book.entry(0).map(|e| &e.body) else {
        return Err(unread(
            "the ledger does not begin with the event".to_owned(),
        ));
    };
    let bytes = opened.object(decided.decision).map_err(unread)?;
    let decision: DecisionDoc = protocol::strict::from_slice(&bytes)
        .map_err(|e| unread(format!("{}: {e}", object_path(decided.decision))))?;
    let question = opened
        .questions
        .get(&decision.basis)
        .ok_or_else(|| unread(format!("the basis {}", decision.basis)))?;
    let payload = payload(opened, issued.payload);
    let parts = decision.parts.iter().map(|part| {
        let sessions = &question.programme().sessions;
        let session = sessions.iter().find(|s| s.id == part.session);
        let end = |end: &Option<EndDoc>| chain_end(opened, question, end.as_ref());
        ChainPart {
            title: session.map_or_else(|| part.session.to_string(), |s| s.title.clone()),
            stays: part
                .stays
                .iter()
                .map(|s| (end(&s.start), end(&s.end)))
                .collect(),
            part: part.clone(),
        }
    });
    Ok(Chain {
        certificate: code.to_owned(),
        version: issued.version,
        state: state(book, issued),
        name: payload.as_ref().map(|p| p.name.clone()),
        event: event.title.clone(),
        zone: event.zone.clone(),
        programme: question.programme().title.clone(),
        parts: parts.collect(),
        decided_at: issued.decision,
        decision_hash: decided.decision.to_hex(),
        rules_name: question.rules().name.clone(),
        rules: question.rules().hash.clone(),
        threshold: threshold(question.rules()),
        engine: question.basis().engine.clone(),
        witnesses: payload.map(|p| p.proof.witnesses),
        decision,
    })
}

fn newest<'b>(book: &'b Book, code: &str) -> Option<&'b ledger::Certificate> {
    book.entries.iter().rev().find_map(|(_, e)| match &e.body {
        LedgerBody::Certificate(body) if body.certificate.as_str() == code => Some(body),
        _ => None,
    })
}

fn state(book: &Book, issued: &ledger::Certificate) -> State {
    let revoked = book.entries.iter().find(|(_, e)| match &e.body {
        LedgerBody::Revocation(body) => {
            body.certificate == issued.certificate && body.version == issued.version
        }
        _ => false,
    });
    revoked.map_or(State::InForce, |(index, _)| State::Revoked(*index))
}

fn payload(opened: &Opened<'_>, hash: Hash) -> Option<Payload> {
    protocol::strict::from_slice(&opened.object(hash).ok()?).ok()
}

fn chain_end(
    opened: &Opened<'_>,
    question: &crate::derive::Question,
    end: Option<&EndDoc>,
) -> ChainEnd {
    let scan = end.and_then(|end| {
        let (name, index) = (end.log.as_deref()?, end.index?);
        let found = |scans: &[(u64, Entry)]| {
            let at = scans.binary_search_by_key(&index, |(i, _)| *i).ok()?;
            Some(scans[at].1.clone())
        };
        let (entry, line) = match opened.journal(name) {
            Some(journal) => {
                let entry = found(&journal.scans)?;
                let clock = journal.view.clock_at(question.size_of(name));
                let line = journal.scan_line(&clock, index, &entry);
                (entry, line)
            }
            None => {
                let mut logs = question.basis().logs.iter();
                let prefix = logs.find(|prefix| prefix.log == name)?;
                let branch = opened.branch(prefix)?;
                let entry = found(&branch.scans)?;
                let line = branch.scan_line(name, prefix.size, index, &entry);
                (entry, line)
            }
        };
        let Body::Scan(scan) = &entry.body else {
            return None;
        };
        Some(Shown {
            words: scan_words(scan),
            line,
        })
    });
    ChainEnd {
        at: end.map(|e| e.at),
        inferred: end.and_then(|e| e.inferred.clone()),
        scan,
        reported: end.and_then(|end| reported(opened, end)),
    }
}

/// The signal of another source behind an end.
fn reported(opened: &Opened<'_>, end: &EndDoc) -> Option<String> {
    let book = opened.book.as_ref()?;
    let (index, number) = (end.index?, end.row?);
    if end.log.as_deref() != Some(book.origin.as_str()) {
        return None;
    }
    let LedgerBody::Signals(body) = &book.entry(index)?.body else {
        return None;
    };
    let row = opened.observations.row(index, number)?;
    let room = row.room.as_ref().map(ToString::to_string);
    let session = row.session.as_ref().map(ToString::to_string);
    let place = row.channel.clone().or(room).or(session);
    Some(format!(
        "{}: {} at {}, row {number} of entry {index} of the ledger",
        body.source,
        row.kind.as_str(),
        place.unwrap_or_default()
    ))
}

/// A scan in one line.
pub fn scan_words(scan: &Scan) -> String {
    format!(
        "badge {} {} at {}, reader {}, direction by {}: {}",
        scan.badge.digest.short(),
        scan.direction,
        scan.door,
        scan.reader,
        scan.direction_source,
        scan.verdict
    )
}

/// When a session counts as attended, in words.
pub fn threshold(rules: &attendance::rules::RuleSet) -> String {
    use attendance::rules::Threshold;
    match rules.threshold {
        Threshold::None => "any presence counts".to_owned(),
        Threshold::Share(share) => {
            let percent = share.millionths().saturating_mul(100);
            let percent = attendance::Decimal::from_millionths(percent);
            format!("{percent} % of a session must be attended")
        }
        Threshold::Time { min_ms } => format!(
            "{} of a session must be attended",
            attendance::eligibility::span_text(min_ms)
        ),
        Threshold::Full => "all of a session must be attended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::World;
    use crate::verify::{Options, examine};

    const CODE: &str = "aaaabbbbccccddddeeeeffff22";

    #[test]
    fn the_chain_leads_from_the_sentence_to_receipts() {
        let files = World::finished().archive();
        let (_, opened) = examine(&files, &Options::default(), &mut |_| {});
        let opened = opened.unwrap();
        let chain = chain(&opened, CODE).unwrap();
        assert_eq!(chain.state, State::InForce);
        assert_eq!(chain.decision.credits.unwrap().to_string(), "1");
        let (start, end) = &chain.parts[0].stays[0];
        for (end, way) in [(start, " in at hall-door"), (end, " out at hall-door")] {
            let shown = end.scan.as_ref().unwrap();
            assert!(shown.words.contains(way), "{}", shown.words);
            assert!(shown.line.not_before.is_some() && shown.line.not_after.is_some());
            assert_eq!(end.inferred, None);
        }
        assert_eq!(
            super::chain(&opened, "x"),
            Err(NoChain::Unknown("x".into()))
        );
    }

    #[test]
    fn a_revoked_certificate_says_so() {
        let mut world = World::finished();
        let index = world.revoke(crate::testing::nine_and(9_000_000), CODE, 1);
        let files = world.archive();
        let (_, opened) = examine(&files, &Options::default(), &mut |_| {});
        let chain = chain(&opened.unwrap(), CODE).unwrap();
        assert_eq!(chain.state, State::Revoked(index));
    }
}
