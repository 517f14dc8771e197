//! One poll of one feed: asked, read, imported, and what came of it kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::UtcMs;
use attendance::words::{EventId, ProgrammeId};
use chrono_tz::Tz;
use reqwest::Url;
use tokio::runtime::Runtime;

use super::attempts::{Jitter, shown};
use super::client::{Client, Ending};
use super::pretalx::{self, Fetched, Known};
use super::pretix::{Orders, Part, below};
use super::{FeedFault, rota};
use crate::api::Clock;
use crate::config::feeds::{FeedConfig, FeedKind};
use crate::imports::{self, Desk, ImportFault, Plan, Source, warning_lines};
use crate::keys::{Keys, Random, random};
use crate::sources::{ImportError, ImportReport, SourceFormat, zone_named};
use crate::store::sources::{FeedFacts, NewFeed};
use crate::store::{Documents, ObjectStore, Store, StoreError};

/// The longest a poll may take, in milliseconds.
pub const POLL_MS_MAX: i64 = 15 * 60 * 1_000;
/// How often all orders are asked for, not only those that changed, in milliseconds.
pub const WHOLE_MS: i64 = 24 * 60 * 60 * 1_000;
/// Most lines of a report that are kept for staff.
const LINES_MAX: usize = 40;
/// Most refused rows that are remembered one by one.
const REFUSED_MAX: usize = 1_000;
/// Most ids that an alarm names.
const NAMED_MAX: usize = 20;
/// Alarms that a feed raises and clears.
const FAILING: &str = "source_failing";
const REFUSED: &str = "rows_refused";
const UNMAPPED: &str = "unmapped_sessions";

/// What polls work with.
#[derive(Clone)]
pub struct Polls {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The object store.
    pub objects: Arc<dyn ObjectStore>,
    /// What was read of the objects.
    pub documents: Arc<Documents>,
    /// The issuer's keys.
    pub keys: Arc<Keys>,
    /// Random bytes.
    pub random: Random,
    /// The clock.
    pub clock: Clock,
}

impl Polls {
    /// Where imports go at a time.
    pub fn desk(&self, now: UtcMs) -> Desk<'_> {
        Desk {
            store: self.store.as_ref(),
            objects: self.objects.as_ref(),
            documents: &self.documents,
            keys: &self.keys,
            random: &self.random,
            now,
        }
    }
}

/// How a poll is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Nothing is changed or kept.
    pub dry_run: bool,
    /// Everything is asked for, not only what changed.
    pub whole: bool,
}

/// What a poll did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many rows were read.
    pub rows: usize,
    /// What changes, a line each.
    pub changes: Vec<String>,
    /// How much is as it was.
    pub unchanged: Vec<String>,
    /// What its owner should know.
    pub warnings: Vec<String>,
    /// Rows that were refused, with the reason.
    pub refused: Vec<String>,
    /// How many there are.
    pub refused_total: usize,
    /// What is there beside.
    pub left_out: Vec<String>,
    /// The version that came into force last.
    pub version: Option<u64>,
    /// Why nothing was read; empty where something was.
    pub note: Option<String>,
    unmapped: Option<Vec<String>>,
}

impl Report {
    fn add<T>(&mut self, rows: usize, plan: Plan, read: &ImportReport<T>) {
        self.rows += rows;
        self.changes.extend(plan.changes);
        self.unchanged.extend(plan.unchanged);
        self.warnings
            .extend(warning_lines(&read.warnings, read.warnings_total));
        self.warnings.extend(plan.warnings);
        self.refused
            .extend(warning_lines(&read.refused, read.refused_total));
        self.refused_total += read.refused_total;
        self.left_out
            .extend(read.left_out.iter().map(ToString::to_string));
        self.version = plan.version.or(self.version);
    }

    /// What staff see of it, bounded.
    fn lines(&self) -> Vec<String> {
        let marked = |mark: &str, lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| format!("{mark}{line}")).collect()
        };
        let mut lines = marked("", &self.changes);
        lines.extend(self.unchanged.iter().cloned());
        lines.extend(self.note.iter().cloned());
        lines.extend(marked("refused: ", &self.refused));
        lines.extend(marked("warning: ", &self.warnings));
        lines.extend(marked("left out: ", &self.left_out));
        if lines.len() > LINES_MAX {
            let more = lines.len() - LINES_MAX;
            lines.truncate(LINES_MAX);
            lines.push(format!("and {more} more lines"));
        }
        lines
    }
}

impl From<ImportError> for FeedFault {
    fn from(error: ImportError) -> Self {
        Self::Import(error.to_string())
    }
}

impl From<ImportFault> for FeedFault {
    fn from(fault: ImportFault) -> Self {
        Self::Import(format!("nothing was imported: {fault}"))
    }
}

impl From<StoreError> for FeedFault {
    fn from(error: StoreError) -> Self {
        Self::Import(format!("nothing was imported: {error}"))
    }
}

/// What a feed is asked for: where that changes, what was known of it counts no more.
pub fn new_feed(feed: &FeedConfig) -> NewFeed {
    let what = match &feed.kind {
        FeedKind::Pretix { organizer, slug } => format!("{organizer}\n{slug}"),
        FeedKind::Pretalx { slug, programmes } => format!("{slug}\n{programmes:?}"),
    };
    let upstream = format!("{}\n{}\n{what}", feed.kind.as_str(), feed.url);
    NewFeed {
        id: feed.id.clone(),
        event: feed.event.clone(),
        kind: feed.kind.as_str().to_owned(),
        upstream: evidence::sha256(upstream.as_bytes()),
    }
}

/// Polls a feed. What happened is kept, unless it is a dry run; so is how it failed. What was imported before a fault stays, and the
/// report says what.
pub fn poll(
    polls: &Polls,
    feed: &FeedConfig,
    mode: Mode,
    ending: Ending,
) -> (Report, Result<(), FeedFault>) {
    let begun = (polls.clock)();
    let mut facts = match polls.store.declare_feed(&new_feed(feed)) {
        Ok(facts) => facts,
        Err(error) => return (Report::default(), Err(error.into())),
    };
    let mut jitter = Jitter::new(u64::from_le_bytes(random(&polls.random)));
    let mut report = Report::default();
    let asked = ask(
        polls,
        feed,
        mode,
        (begun, &mut jitter, ending),
        &mut facts,
        &mut report,
    );
    if mode.dry_run || asked == Err(FeedFault::Ended) {
        return (report, asked);
    }
    let now = (polls.clock)();
    facts.tried = Some(begun);
    let not_before = match &asked {
        Ok(()) => {
            facts.succeeded = Some(now);
            facts.failures = 0;
            facts.error = None;
            None
        }
        Err(fault) => {
            facts.failures = facts.failures.saturating_add(1);
            facts.error = Some(shown_fault(fault));
            match fault {
                FeedFault::Later { at, .. } => Some(*at),
                _ => None,
            }
        }
    };
    let lines = report.lines();
    if !lines.is_empty() {
        facts.report = lines;
    }
    let interval_ms = i64::from(feed.interval_s) * 1_000;
    facts.next = Some(rota::next_poll(
        now,
        interval_ms,
        facts.failures,
        not_before,
        &mut jitter,
    ));
    let kept = polls.store.put_feed(&facts, begun).and_then(|()| {
        alarms(
            polls.store.as_ref(),
            &facts,
            report.unmapped.as_deref(),
            now,
        )
    });
    (report, asked.and(kept.map_err(FeedFault::from)))
}

/// A fault on a few lines, as staff see it.
fn shown_fault(fault: &FeedFault) -> String {
    const CHARS_MAX: usize = 2_000;
    fault.to_string().chars().take(CHARS_MAX).collect()
}

fn ask(
    polls: &Polls,
    feed: &FeedConfig,
    mode: Mode,
    (begun, jitter, ending): (UtcMs, &mut Jitter, Ending),
    facts: &mut FeedFacts,
    report: &mut Report,
) -> Result<(), FeedFault> {
    let event = polls.store.event(&feed.event)?;
    let zone = zone_named(&event.zone)
        .map_err(|error| FeedFault::Local(format!("the event's zone: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| FeedFault::Local(format!("no thread can be had: {cause}")))?;
    let deadline = begun.plus_ms(POLL_MS_MAX);
    let seeded = Jitter::new(u64::try_from(jitter.between(0, i64::MAX)).unwrap_or(0));
    // The connections are made within the runtime that drives them.
    let _inside = runtime.enter();
    let mut asking = Asking {
        polls,
        event: &feed.event,
        zone,
        dry_run: mode.dry_run,
        client: Client::new(feed, &polls.clock, seeded, deadline, ending)?,
        runtime: &runtime,
        deadline,
        begun,
    };
    match &feed.kind {
        FeedKind::Pretix { organizer, slug } => {
            let path = format!("api/v1/organizers/{organizer}/events/{slug}/");
            asking.orders(&below(&feed.url, &path)?, mode.whole, facts, report)
        }
        FeedKind::Pretalx { slug, programmes } => {
            let address = below(&feed.url, &format!("api/events/{slug}/"))?;
            asking.agenda(&address, programmes.as_ref(), mode.whole, facts, report)
        }
    }
}

/// A poll under way.
struct Asking<'a> {
    polls: &'a Polls,
    event: &'a EventId,
    zone: Tz,
    dry_run: bool,
    client: Client,
    runtime: &'a Runtime,
    deadline: UtcMs,
    begun: UtcMs,
}

impl Asking<'_> {
    fn desk(&self) -> Desk<'_> {
        self.polls.desk((self.polls.clock)())
    }

    fn source(format: SourceFormat, file: &[u8], rows: usize) -> Source<'static> {
        Source {
            format: format.as_str(),
            file: evidence::sha256(file),
            rows,
        }
    }

    fn orders(
        &mut self,
        address: &Url,
        whole: bool,
        facts: &mut FeedFacts,
        report: &mut Report,
    ) -> Result<(), FeedFault> {
        let is_old = |at: UtcMs| self.begun.0.saturating_sub(at.0) >= WHOLE_MS;
        let whole = whole || facts.whole.is_none_or(is_old);
        let since = facts.cursor.filter(|_| !whole);
        let mut orders = Orders::of(address, since)?;
        let mut refused = BTreeMap::new();
        let mut first_fault = None;
        loop {
            let part = self.runtime.block_on(orders.next(&mut self.client));
            let part = match part {
                Ok(Some(part)) => part,
                Ok(None) => break,
                // What could not be imported is the more telling of the two.
                Err(fault) => return Err(first_fault.unwrap_or(fault)),
            };
            if let Err(fault) = self.part(&part, facts, &mut refused, report) {
                first_fault.get_or_insert(fault);
            }
            if (self.polls.clock)() > self.deadline {
                let what = format!("it takes longer than {} min", POLL_MS_MAX / 60_000);
                return Err(FeedFault::Unreachable { what, tries: 1 });
            }
        }
        if let Some(fault) = first_fault {
            return Err(fault);
        }
        if orders.seen() == 0 {
            report.note = Some(match since {
                Some(_) => "no order changed since the last poll".to_owned(),
                None => "the shop has no orders".to_owned(),
            });
        }
        // Everything up to here is imported: this is where the cursor may move.
        facts.cursor = orders.cursor(self.begun).or(facts.cursor);
        if whole {
            facts.whole = Some(self.begun);
            facts.refused = refused;
        }
        Ok(())
    }

    /// Imports pages together, and each alone where that fails: one bad page keeps out no other.
    fn part(
        &mut self,
        part: &Part,
        facts: &mut FeedFacts,
        refused: &mut BTreeMap<u64, String>,
        report: &mut Report,
    ) -> Result<(), FeedFault> {
        let fault = match self.pages(&part.file(&part.pages), facts, refused, report) {
            Ok(()) => return Ok(()),
            Err(fault) if part.pages.len() == 1 => return Err(fault),
            Err(fault) => fault,
        };
        for page in &part.pages {
            // The fault of all together names this page's.
            let _ = self.pages(&part.file([page]), facts, refused, report);
        }
        Err(fault)
    }

    fn pages(
        &mut self,
        file: &[u8],
        facts: &mut FeedFacts,
        refused: &mut BTreeMap<u64, String>,
        report: &mut Report,
    ) -> Result<(), FeedFault> {
        let read = crate::sources::pretix::read_part(file, self.zone)?;
        let rows = read.import.rows.len();
        let source = Self::source(SourceFormat::Pretix, file, rows);
        let (desk, dry_run) = (self.desk(), self.dry_run);
        let plan = imports::registrations::import_positions(
            desk,
            self.event,
            &read.import,
            source,
            dry_run,
        )?;
        for known in [refused, &mut facts.refused] {
            known.retain(|position, _| !read.import.positions.contains(position));
            for (position, problem) in &read.import.refused {
                if known.len() < REFUSED_MAX {
                    known.insert(*position, shown(&problem.to_string()));
                }
            }
        }
        report.add(rows, plan, &read);
        Ok(())
    }

    fn agenda(
        &mut self,
        address: &Url,
        programmes: Option<&BTreeMap<String, ProgrammeId>>,
        whole: bool,
        facts: &mut FeedFacts,
        report: &mut Report,
    ) -> Result<(), FeedFault> {
        let is_old = |at: UtcMs| self.begun.0.saturating_sub(at.0) >= pretalx::WHOLE_MS;
        let whole_due = whole || facts.whole.is_none_or(is_old);
        let known = Known {
            version: facts.version.as_deref(),
            etag: facts.etag.as_deref().filter(|_| !whole),
        };
        let fetched =
            self.runtime
                .block_on(pretalx::fetch(&mut self.client, address, known, whole_due))?;
        let (version, etag, file) = match fetched {
            Fetched::Same { looked_at } => {
                if looked_at {
                    facts.whole = Some(self.begun);
                }
                report.note = Some("the release is the one that was imported".to_owned());
                return Ok(());
            }
            Fetched::Agenda {
                version,
                etag,
                file,
            } => (version, etag, file),
        };
        let mut read = crate::sources::pretalx::read(&file, self.zone)?;
        for session in &mut read.import.sessions {
            let named = programmes.and_then(|named| named.get(&session.kind));
            session.programme = named.map(ToString::to_string);
        }
        let unnamed = programmes
            .is_none()
            .then_some(imports::agenda::OWN_PROGRAMME);
        let rows = read.import.sessions.len();
        let source = Self::source(SourceFormat::Pretalx, &file, rows);
        let (desk, dry_run) = (self.desk(), self.dry_run);
        let plan = imports::agenda::import_under(
            desk,
            self.event,
            &read.import,
            unnamed,
            source,
            dry_run,
        )?;
        let unmapped: Vec<String> = plan.unmapped.iter().map(ToString::to_string).collect();
        if let Some(names) = named(&unmapped) {
            report.warnings.push(format!(
                "{} sessions are of kinds that `programmes` does not name, so nobody is credited for them: {names}",
                unmapped.len()
            ));
        }
        report.unmapped = Some(unmapped);
        report.add(rows, plan, &read);
        facts.version = Some(version);
        facts.etag = etag;
        facts.whole = Some(self.begun);
        Ok(())
    }
}

/// Some ids, and that there are more; none where there are none.
fn named(ids: &[String]) -> Option<String> {
    let first: Vec<&str> = ids.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = if ids.len() > NAMED_MAX { ", …" } else { "" };
    (!ids.is_empty()).then(|| format!("{}{more}", first.join(", ")))
}

/// Raises and clears what staff should see of a feed. `unmapped` is none where the agenda was not read.
fn alarms(
    store: &dyn Store,
    facts: &FeedFacts,
    unmapped: Option<&[String]>,
    now: UtcMs,
) -> Result<(), StoreError> {
    let failing = (facts.failures >= rota::FAILURES_TO_ALARM).then(|| {
        let error = facts.error.as_deref().unwrap_or_default();
        format!("{} polls in a row failed: {error}", facts.failures)
    });
    set_alarm(store, facts, FAILING, failing, now)?;
    let refused = facts.refused.values().next().map(|first| {
        let count = facts.refused.len();
        format!(
            "{count} rows are refused until they are corrected at their source; the first: {first}"
        )
    });
    set_alarm(store, facts, REFUSED, refused, now)?;
    if let Some(unmapped) = unmapped {
        let unmapped = named(unmapped).map(|names| {
            format!(
                "no programme credits {} sessions: {names}; name their kinds in `programmes`",
                unmapped.len()
            )
        });
        set_alarm(store, facts, UNMAPPED, unmapped, now)?;
    }
    Ok(())
}

fn set_alarm(
    store: &dyn Store,
    facts: &FeedFacts,
    code: &str,
    detail: Option<String>,
    now: UtcMs,
) -> Result<(), StoreError> {
    let open = store
        .alarms(&facts.event)?
        .into_iter()
        .find(|alarm| alarm.cleared.is_none() && alarm.code == code && alarm.subject == facts.id);
    match (detail, open) {
        (Some(detail), Some(open)) if open.detail == detail => Ok(()),
        (Some(detail), _) => store.raise_alarm(&facts.event, &facts.id, code, &detail, now),
        (None, Some(open)) => match store.clear_alarm(&facts.event, open.number, now) {
            // Somebody else cleared it.
            Err(StoreError::NotFound { .. }) => Ok(()),
            other => other,
        },
        (None, None) => Ok(()),
    }
}
