//! The promises, held against what really happened once everything that can heal has healed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::{Interval, Quality};
use attendance::words::KioskId;
use audit::derive::{LogKeys, LogView};
use audit::report::Verdict;
use evidence::{Frontier, Hash};
use kiosk::journal::OwnedLeaf;
use protocol::badge::BadgeDigest;
use protocol::entry::{Body, Entry, Scan, parse};

use super::agree;
use super::kiosk::CardLog;
use super::office::ISSUER;
use super::world::World;

/// What names a scan for good: boot, raw clock, badge, reader.
type Key = (String, u64, BadgeDigest, String);

fn key(entry: &Entry, scan: &Scan) -> Key {
    (
        entry.stamp.boot.to_string(),
        entry.stamp.raw_ms,
        scan.badge.digest,
        scan.reader.to_string(),
    )
}

/// A log as a kiosk's card holds it in the end.
pub(super) struct Log {
    pub(super) kiosk: usize,
    /// How many logs were sealed on the card before it.
    number: usize,
    /// Whether it is the one that is written.
    current: bool,
    card: CardLog,
    /// Each entry, where it is one that this program knows.
    entries: Vec<Option<Entry>>,
    pub(super) origin: Arc<str>,
}

impl Log {
    pub(super) fn scans(&self) -> impl Iterator<Item = (usize, &Entry, &Scan)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let entry = entry.as_ref()?;
                match &entry.body {
                    Body::Scan(scan) => Some((index, entry, scan.as_ref())),
                    _ => None,
                }
            })
    }

    /// SHA-256 of the bundle that came into force last before an entry.
    pub(super) fn adopted(&self, index: u64) -> Option<Hash> {
        let before = self.entries.iter().take(usize::try_from(index).unwrap());
        before.rev().find_map(|entry| match &entry.as_ref()?.body {
            Body::Adopt(adopted) => Some(adopted.bundle),
            _ => None,
        })
    }

    fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap()
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "log {} of kiosk {}", self.number, self.kiosk)
    }
}

fn leaf(leaf: &OwnedLeaf) -> Hash {
    match leaf {
        OwnedLeaf::Entry(bytes) => evidence::leaf_hash(bytes),
        OwnedLeaf::Damaged(hash) => *hash,
    }
}

macro_rules! hold {
    ($holds:expr, $($why:tt)*) => {
        if !$holds {
            return Err(format!($($why)*));
        }
    };
}
pub(super) use hold;

/// Holds every promise against a world that has been played. What it counts goes into the world's tally.
///
/// # Errors
/// The first promise that does not hold, and where.
pub fn check(world: &mut World) -> Result<(), String> {
    let logs: Vec<Log> = (0..world.kiosks.len())
        .flat_map(|kiosk| read(world, kiosk))
        .collect();
    p1_nothing_lost(world, &logs)?;
    p2_exactly_once(world, &logs)?;
    p3_no_two_histories(world, &logs)?;
    p3_alarms_have_causes(world, &logs)?;
    p3_exports_verify(world)?;
    p4_true_times_are_held(world, &logs)?;
    p4_receipts_are_journalled(world, &logs)?;
    agree::doors(world, &logs)?;
    agree::issuer(world)?;
    p6_scanning_goes_on(world)
}

fn read(world: &mut World, kiosk: usize) -> Vec<Log> {
    let cards = world.kiosks[kiosk].read_card();
    let last = cards.len() - 1;
    let log = |(number, card): (usize, CardLog)| {
        let entries = card.entries.iter().map(|entry| match entry {
            OwnedLeaf::Entry(bytes) => parse(bytes).ok(),
            OwnedLeaf::Damaged(_) => None,
        });
        Log {
            kiosk,
            number,
            current: number == last,
            entries: entries.collect(),
            origin: card.origin.as_str().into(),
            card,
        }
    };
    cards.into_iter().enumerate().map(log).collect()
}

/// Whether a kiosk's log has, or may have, a second history: its card was restored or cloned.
fn has_copies(world: &World, kiosk: usize) -> bool {
    let truth = &world.truth;
    truth.restored.keys().any(|(of, _)| *of == kiosk)
        || truth
            .clones
            .iter()
            .any(|(clone, (of, _))| *clone == kiosk || *of == kiosk)
}

/// Whether somebody was told that a kiosk's logs are not all at the issuer as they should be.
fn is_alarmed(world: &World, logs: &[Log], kiosk: usize) -> bool {
    let own = world.kiosks[kiosk].alarms();
    let said = [
        "fork_unproven",
        "issuer_behind",
        "ledger_inconsistent",
        "batch_refused",
        "retired",
        "sealed_refused",
    ];
    let ids = || {
        logs.iter()
            .filter(|log| log.kiosk == kiosk)
            .map(|log| &log.card.kiosk)
    };
    own.iter().any(|alarm| said.contains(alarm))
        || ids().count() > 1
        || world
            .office
            .alarms()
            .iter()
            .any(|alarm| alarm.code == "ledger_lost" || ids().any(|id| *id == alarm.subject))
}

/// P1: what was answered is in the journal at the index that was named, and nothing is there that nobody scanned.
fn p1_nothing_lost(world: &mut World, logs: &[Log]) -> Result<(), String> {
    let mut scanned: BTreeSet<(String, u64, BadgeDigest)> = BTreeSet::new();
    for scan in &world.truth.scans {
        let stamp = &scan.stamp;
        scanned.insert((stamp.boot.to_string(), stamp.raw_ms, scan.badge));
        let Some(told) = &scan.told else { continue };
        let Some(index) = told.entry else { continue };
        let copied_later = world
            .truth
            .restored
            .range((scan.kiosk, scan.card + 1)..=(scan.kiosk, usize::MAX))
            .map(|(_, copied)| copied.size)
            .min();
        if copied_later.is_some_and(|size| scan.log > 0 || index >= size) {
            // The card that held it is gone. If the issuer has seen that card's later entries, somebody must know.
            continue;
        }
        let number = usize::try_from(scan.log).unwrap();
        let of = |log: &&Log| log.kiosk == scan.kiosk && log.number == number;
        let Some(log) = logs.iter().find(of) else {
            return Err(format!(
                "P1: kiosk {} has lost its log {number}",
                scan.kiosk
            ));
        };
        let entry = log.entries.get(usize::try_from(index).unwrap());
        let found = entry.and_then(Option::as_ref);
        let held = found.is_some_and(|entry| match &entry.body {
            Body::Scan(held) => {
                held.badge.digest == scan.badge
                    && held.verdict.as_str() == told.word
                    && entry.stamp == *stamp
            }
            _ => false,
        });
        hold!(
            held,
            "P1: kiosk {} answered {} for entry {index}, and its journal of {} has {:?} there",
            scan.kiosk,
            told.word,
            log.entries.len(),
            found.map(|entry| entry.body.kind())
        );
    }
    for log in logs {
        for (index, entry, scan) in log.scans() {
            let stamp = &entry.stamp;
            let named = (stamp.boot.to_string(), stamp.raw_ms, scan.badge.digest);
            hold!(
                scanned.contains(&named),
                "P1: entry {index} of {log} is a scan that nobody made"
            );
        }
    }
    Ok(())
}

/// P2: the issuer holds each entry once, in order, as far as it was sent; or somebody was told.
fn p2_exactly_once(world: &mut World, logs: &[Log]) -> Result<(), String> {
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    let restored = world.truth.issuer_restored;
    for facts in world.office.kiosks() {
        let held = world.office.entries(&facts.kiosk);
        for log in logs.iter().filter(|log| *log.origin == facts.origin) {
            let (own, kiosk) = (&log.card.entries, log.kiosk);
            let agrees = held.len() <= own.len()
                && held
                    .iter()
                    .zip(own)
                    .all(|(held, own)| held.leaf == leaf(own));
            if agrees {
                // Receipts, ledger heads and clock readings at the end wait for the next beat.
                let arrived = held.len() + 6 >= own.len();
                hold!(
                    arrived || is_alarmed(world, logs, kiosk),
                    "P2: the issuer holds {} of {} entries of {log}, and nobody knows why",
                    held.len(),
                    own.len()
                );
                world.tally.count("logs that agree", 1);
                continue;
            }
            hold!(
                has_copies(world, kiosk) || restored,
                "P2: the issuer holds {} entries of {log} that are not a part of its {}",
                held.len(),
                own.len()
            );
            hold!(
                is_alarmed(world, logs, kiosk),
                "P2: the issuer holds other entries than {log}, and nobody was told"
            );
            world.tally.count("logs that disagree, with an alarm", 1);
            if !restored && !log.current {
                branch_is_kept(world, log, &facts.kiosk)?;
            }
        }
        for entry in &held {
            world.tally.count("entries at the issuer", 1);
            let Some(bytes) = &entry.bytes else { continue };
            once(bytes, &mut seen)?;
        }
    }
    let mut seen = BTreeSet::new();
    for bytes in &world.truth.naive {
        once(bytes, &mut seen)?;
    }
    let foreign: u64 = world.truth.foreign.values().sum();
    if foreign > 0 {
        world.tally.count("foreign entries", foreign);
    }
    Ok(())
}

/// P2, P3: what a sealed log holds beside the one at the issuer lies there as a branch, whole.
fn branch_is_kept(world: &mut World, log: &Log, kiosk: &KioskId) -> Result<(), String> {
    let kept: BTreeSet<Hash> = world
        .office
        .entries(kiosk)
        .into_iter()
        .chain(world.office.branch_entries(kiosk))
        .map(|entry| entry.leaf)
        .collect();
    let lost = log
        .card
        .entries
        .iter()
        .position(|entry| !kept.contains(&leaf(entry)));
    let refused = world.kiosks[log.kiosk].alarms().contains(&"sealed_refused");
    hold!(
        lost.is_none() || refused,
        "P3: entry {} of {log}, which was sealed, is nowhere at the issuer",
        lost.unwrap_or_default()
    );
    world.tally.count("branches kept whole", 1);
    Ok(())
}

fn once(bytes: &[u8], seen: &mut BTreeSet<Key>) -> Result<(), String> {
    let Ok(entry) = parse(bytes) else {
        return Ok(());
    };
    if let Body::Scan(scan) = &entry.body {
        let named = key(&entry, scan);
        hold!(
            seen.insert(named),
            "P2: the issuer holds a scan of {} twice",
            scan.badge.digest.short()
        );
    }
    Ok(())
}

/// P3: no log signed two heads that cannot both hold, unless it was copied; nor did the ledger, unless the issuer was restored.
fn p3_no_two_histories(world: &mut World, logs: &[Log]) -> Result<(), String> {
    for ((kiosk, origin), heads) in &world.truth.kiosk_heads {
        if has_copies(world, *kiosk) {
            continue;
        }
        let of = |log: &&Log| log.kiosk == *kiosk && *log.origin == **origin;
        let Some(log) = logs.iter().find(of) else {
            return Err(format!("P3: kiosk {kiosk} has lost the log {origin}"));
        };
        let mut roots = vec![Hash::EMPTY_ROOT];
        let mut frontier = Frontier::new();
        for entry in &log.card.entries {
            frontier.append(leaf(entry));
            roots.push(frontier.root());
        }
        for head in heads {
            let root = roots.get(usize::try_from(head.size).unwrap());
            hold!(
                root == Some(&head.root),
                "P3: kiosk {kiosk} signed a head of {} entries that its log of {} contradicts",
                head.size,
                roots.len() - 1
            );
        }
        world.tally.count(
            "heads of kiosks checked",
            u64::try_from(heads.len()).unwrap(),
        );
    }
    if world.truth.issuer_restored {
        return Ok(());
    }
    let mut known: BTreeMap<u64, Hash> = BTreeMap::new();
    for head in &world.truth.ledger_heads {
        let held = match known.get(&head.size) {
            Some(root) => Some(*root),
            None => world.office.ledger_root_at(head.size),
        };
        hold!(
            held == Some(head.root),
            "P3: the issuer signed a ledger of {} entries that its ledger contradicts",
            head.size
        );
        known.insert(head.size, head.root);
    }
    world.tally.count(
        "heads of the ledger checked",
        u64::try_from(known.len()).unwrap(),
    );
    Ok(())
}

/// P3: nobody is accused of two histories who has one.
fn p3_alarms_have_causes(world: &mut World, logs: &[Log]) -> Result<(), String> {
    if world.truth.issuer_restored {
        return Ok(());
    }
    let grave = [
        "fork",
        "bad_checkpoint",
        "ledger_behind",
        "ledger_contradicted",
    ];
    for kiosk in 0..world.kiosks.len() {
        if has_copies(world, kiosk) {
            continue;
        }
        let own = world.kiosks[kiosk].alarms();
        let said = [
            "forked",
            "log_rolled_back",
            "issuer_behind",
            "ledger_inconsistent",
            "receipt_refused",
            "time_refused",
            "bundle_refused",
            "answer_malformed",
            "bad_signature",
        ];
        let wrong: Vec<_> = own.iter().filter(|alarm| said.contains(alarm)).collect();
        hold!(
            wrong.is_empty(),
            "P3: kiosk {kiosk} raises {wrong:?} for no cause"
        );
        let own: Vec<&Log> = logs.iter().filter(|log| log.kiosk == kiosk).collect();
        hold!(
            own.len() == 1,
            "P3: kiosk {kiosk} has sealed {} logs for no cause",
            own.len() - 1
        );
        for alarm in world.office.alarms() {
            hold!(
                alarm.subject != own[0].card.kiosk || !grave.contains(&alarm.code.as_str()),
                "P3: the issuer accuses kiosk {kiosk} of {} for no cause: {}",
                alarm.code,
                alarm.detail
            );
        }
    }
    Ok(())
}

/// P3: the event's evidence bundle verifies.
fn p3_exports_verify(world: &mut World) -> Result<(), String> {
    let files = world.office.export();
    let options = audit::verify::Options {
        issuer_key: Some(world.office.key()),
        list_scans: false,
    };
    let report = audit::verify::verify(&files, &options, &mut |_| {});
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.outcome != audit::report::Outcome::Ok)
        // An issuer that was restored to a copy cannot hold what its kiosks witnessed, and an auditor sees just that.
        .filter(|check| !(world.truth.issuer_restored && check.name == "ledger_heads"))
        .filter_map(|check| {
            Some(format!(
                "{}: {:?}",
                check.name,
                check.first_failure.as_ref()?
            ))
        })
        .collect();
    if !failed.is_empty() {
        world.keep(&files);
    }
    hold!(
        failed.is_empty(),
        "P3: the export comes to {:?}: {}",
        report.verdict,
        failed.join("; ")
    );
    if report.verdict != Verdict::Verified {
        world
            .tally
            .count("exports that show the issuer was restored", 1);
    }
    world.tally.count("exports verified", 1);
    let decisions = report
        .checks
        .iter()
        .filter(|check| check.name.contains("decision"));
    let decisions = decisions.map(|check| check.count).sum();
    world.tally.count("decisions derived again", decisions);
    Ok(())
}

/// The clock of a log as an auditor derives it.
pub(super) fn view(world: &World, log: &Log) -> LogView {
    let mut view = LogView::new(LogKeys {
        origin: Arc::clone(&log.origin),
        key: log.card.key,
        issuer: ISSUER.into(),
        issuer_key: world.office.key(),
    });
    for (index, entry) in (0..).zip(&log.entries) {
        if let Some(entry) = entry {
            view.take(index, entry);
        }
    }
    view
}

/// P4: each scan's interval holds the time at which it was really made.
fn p4_true_times_are_held(world: &mut World, logs: &[Log]) -> Result<(), String> {
    let mut true_times = BTreeMap::new();
    for scan in &world.truth.scans {
        let stamp = &scan.stamp;
        true_times.insert((stamp.boot.to_string(), stamp.raw_ms, scan.badge), scan.at);
    }
    let mut offs = world.truth.issuer_offs_ms.clone();
    offs.sort_unstable();
    let stepped = offs.windows(2).any(|pair| pair[0] != pair[1]);
    for log in logs {
        let kiosk = log.kiosk;
        let view = view(world, log);
        hold!(
            view.disbelieved().is_empty() || has_copies(world, kiosk),
            "P4: {log} is disbelieved: {:?}",
            view.disbelieved().first()
        );
        let clock = view.clock_at(u64::MAX);
        for (index, entry, scan) in log.scans() {
            let stamp = &entry.stamp;
            let at = true_times[&(stamp.boot.to_string(), stamp.raw_ms, scan.badge.digest)];
            let placed = clock.place(u64::try_from(index).unwrap(), stamp);
            world.tally.count("intervals checked", 1);
            let quality = match placed.quality {
                Quality::Anchored => "intervals by anchors",
                Quality::Kernel => "intervals by the kernel's word",
                Quality::TimeCode => "intervals by a time code",
                Quality::Bounded => "intervals by neighbours",
                Quality::Contradictory => "intervals contradictory",
                Quality::Reported => "intervals reported",
            };
            world.tally.count(quality, 1);
            let two_ends = placed.at.earliest != UtcMs::DISTANT_PAST
                && placed.at.latest != UtcMs::DISTANT_FUTURE;
            if two_ends {
                world.tally.widths_ms.push(placed.at.width_ms());
            }
            // Evidence speaks of the issuer's time: where its clock was off, so is the evidence.
            let held = offs.iter().chain([&0]).any(|off| {
                let shown = UtcMs(at + off);
                holds(placed.at, shown)
            });
            // Where it was set meanwhile, each end is its word at another time, and holds by the clock that it had then.
            let by_ends = || {
                let shown = |off: Option<&i64>| UtcMs(at + off.copied().unwrap_or(0));
                placed.at.earliest <= shown(offs.last()) && shown(offs.first()) <= placed.at.latest
            };
            if stepped && !held && placed.quality != Quality::Contradictory {
                world
                    .tally
                    .count("intervals between two of the issuer's clocks", 1);
            }
            hold!(
                held || stepped && (placed.quality == Quality::Contradictory || by_ends()),
                "P4: entry {index} of {log} was made at {at}, and its interval is {} to {} ({}, boot {}, raw {})",
                placed.at.earliest.0,
                placed.at.latest.0,
                placed.quality,
                stamp.boot,
                stamp.raw_ms
            );
        }
        contradictions(world, log, clock.contradictions().count())?;
    }
    Ok(())
}

fn holds(interval: Interval, at: UtcMs) -> bool {
    interval.holds(at)
}

/// Anchors within one stretch of a boot that an issuer gave before and after its clock was set are reported as contradictory.
fn contradictions(world: &mut World, log: &Log, reported: usize) -> Result<(), String> {
    let mut offs: BTreeSet<i64> = BTreeSet::new();
    let mut boot = String::new();
    let mut due = false;
    for entry in log.entries.iter().flatten() {
        let suspends =
            matches!(&entry.body, Body::Boot(b) if b.cause == protocol::entry::BootCause::Suspend);
        if suspends || entry.stamp.boot.as_str() != boot {
            boot = entry.stamp.boot.to_string();
            offs.clear();
        }
        if let Body::Clock(clock) = &entry.body
            && let Some(off) = world
                .truth
                .exchanges
                .get(&(clock.nonce.clone(), clock.issuer_received))
        {
            offs.insert(*off);
            let apart = offs.last().unwrap() - offs.first().unwrap();
            // A journey of the answer may take up to the call's end, and bounds no tighter than that.
            due |= apart > 130_000;
        }
    }
    hold!(
        !due || reported > 0,
        "P4: {log} has anchors that cannot all hold, and none is reported"
    );
    if due {
        world.tally.count("contradictory anchors reported", 1);
    }
    Ok(())
}

/// A receipt that came is journalled: in the end each log is covered by one, but for what rides along.
fn p4_receipts_are_journalled(world: &mut World, logs: &[Log]) -> Result<(), String> {
    for log in logs {
        let kiosk = log.kiosk;
        let excused = is_alarmed(world, logs, kiosk) || has_copies(world, kiosk);
        if excused || world.truth.issuer_restored {
            continue;
        }
        let size = log.size();
        let covered = log
            .entries
            .iter()
            .flatten()
            .filter_map(|entry| match &entry.body {
                Body::Receipt(note) => Some(&note.note),
                _ => None,
            });
        let key = log.card.key;
        let covers = covered.filter_map(|note| {
            let receipt =
                evidence::Receipt::open(note, &log.origin, &key, ISSUER, &world.office.key());
            Some(receipt.ok()?.checkpoint.size)
        });
        let covers = covers.max().unwrap_or(0);
        hold!(
            covers + 6 >= size,
            "P4: the receipts in {log} cover {covers} of {size} entries"
        );
        world.tally.count("logs covered by receipts", 1);
    }
    Ok(())
}

/// P6: whoever came while the network was gone was answered like everybody else.
fn p6_scanning_goes_on(world: &mut World) -> Result<(), String> {
    let mut without = 0;
    for scan in &world.truth.scans {
        let Some(told) = &scan.told else { continue };
        if scan.linked {
            continue;
        }
        let by_disk = ["disk_full", "disk_failed", "starting"];
        hold!(
            told.entry.is_some() || by_disk.contains(&told.word.as_str()),
            "P6: without a network kiosk {} answered {}",
            scan.kiosk,
            told.word
        );
        without += u64::from(told.entry.is_some());
    }
    world
        .tally
        .count("scans recorded without a network", without);
    Ok(())
}
