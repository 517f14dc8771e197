//! Registrations as pretix keeps them: saved pages of `orders` or `orderpositions`, of its REST interface.
//!
//! One page, a list, or several pages one after another in one file; with `orders`, whose state decides, or positions alone.
//! Pages of `items` in the same file say which items admit nobody. A position is a person: its `secret` is the badge, its
//! `id` stays when badge, order or name change. Add-ons are part of the position they belong to, and left out.
//!
//! A position counts where its order is paid (or pending and valid so) and neither order nor position is cancelled, expired,
//! blocked or waiting for approval; else it is cancelled, which keeps what it attended. pretix hides cancelled positions
//! unless asked for them (`include_canceled_positions=true`), so a position that is missing from an order of the file is
//! cancelled too. An order that is not in the file stays as it is, always: a file of `modified_since` names only who changed.
//!
//! Attendees type their names themselves, so one bad name refuses that position and no other. A file that is damaged as a
//! whole, or holds two events, is refused whole.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde_json::Value;

use super::badge_strength;
use super::json_pages::{self, Pages, flag, optional_text, shape};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::{RegistrationRow, field, local_time};

const SAVE_AGAIN: &str = "save /api/v1/organizers/…/events/…/orders/?include_canceled_positions=true again, each page whole, and \
                          import that file unchanged";

/// Positions of a ticket shop, and which orders the file tells whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PretixImport {
    /// By position, without those that were refused or left out.
    pub rows: Vec<PretixRow>,
    /// The numbers of all positions of the file, refused ones too.
    pub positions: BTreeSet<u64>,
    /// The orders of the file. Whoever was of one of them and is not among its positions has left it.
    pub orders: BTreeSet<String>,
    /// The positions that were refused, each with its reason.
    pub refused: BTreeMap<u64, Problem>,
}

/// One position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PretixRow {
    /// Its number in pretix, which stays.
    pub position: u64,
    /// The code of the order it is in.
    pub order: String,
    /// Its number within the order, from 1; none where the file does not say it.
    pub number: Option<u64>,
    /// The person and badge; `line` is the position's place in the file, from 1.
    pub registration: RegistrationRow,
}

/// Whether a file looks like this format.
pub(super) fn looks_so(value: &Value) -> bool {
    let is_order = value.get("code").is_some() && value.get("positions").is_some();
    is_order || (value.get("positionid").is_some() && value.get("secret").is_some())
}

/// What an order says of its positions.
#[derive(Clone, Copy, Default)]
struct Standing<'a> {
    /// `p`, `n`, `e` or `c`; none where only the position is known.
    status: Option<&'a str>,
    valid_if_pending: bool,
    needs_approval: bool,
    test: bool,
    locale: Option<&'a str>,
    modified: Option<&'a str>,
}

/// One position as it stands in the file.
struct Found<'a> {
    path: String,
    value: &'a Value,
    standing: Standing<'a>,
}

/// Reads saved pages. Times without an offset are in `zone`, the event's.
///
/// # Errors
/// [`ImportError`] where nothing of the file can be trusted; a position that is wrong by itself is refused in the report.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<PretixImport>, ImportError> {
    read_told(bytes, zone, Told::Whole)
}

/// Reads some of the pages of a list that is known to go on, so that it is no news.
///
/// # Errors
/// As [`read`].
pub fn read_part(bytes: &[u8], zone: Tz) -> Result<ImportReport<PretixImport>, ImportError> {
    read_told(bytes, zone, Told::InPart)
}

/// Whether a file should hold all that its pages count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Whole,
    InPart,
}

fn read_told(
    bytes: &[u8],
    zone: Tz,
    told: Told,
) -> Result<ImportReport<PretixImport>, ImportError> {
    let pages = json_pages::read(bytes, SAVE_AGAIN)?;
    let mut findings = Findings::default();
    let mut file = File::default();
    for entry in &pages.entries {
        file.take(&entry.path, &entry.value, entry.page, &mut findings);
    }
    if file.found.is_empty() && !findings.has_problems() {
        let message = format!("the file holds neither orders nor positions; {SAVE_AGAIN}");
        findings.problem(Problem::of_file(message));
    }
    file.check_whole(&pages, told, &mut findings);
    let positions = file.newest(&mut findings);
    let ids = positions.iter().filter_map(Found::id).collect();
    let mut rows = Vec::new();
    let mut refused = BTreeMap::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for (line, found) in (1..).zip(&positions) {
        if let Some(reason) = left_out(found, &file.no_admission) {
            findings.leave_out(reason, &found.code());
            continue;
        }
        let row = match row(found, line, zone, &mut findings) {
            Ok(row) => row,
            Err(problem) => {
                refused.extend(found.id().map(|id| (id, problem.clone())));
                findings.refuse(problem);
                continue;
            }
        };
        let badge = row.registration.badge.clone();
        if let Some(other) = owners.insert(badge, found.code()) {
            let message = format!("has the same secret as {other}; one badge is one person");
            findings.problem(found.problem("secret", "", message));
        }
        rows.push(row);
    }
    let registrations: Vec<&RegistrationRow> = rows.iter().map(|row| &row.registration).collect();
    badge_strength::warn(&registrations, "position", &mut findings);
    let orders = std::mem::take(&mut file.orders);
    findings.finish(PretixImport {
        rows,
        positions: ids,
        orders,
        refused,
    })
}

/// What the file holds, sorted by sort.
#[derive(Default)]
struct File<'a> {
    found: Vec<Found<'a>>,
    orders: BTreeSet<String>,
    events: BTreeSet<&'a str>,
    /// Items that are no tickets.
    no_admission: BTreeSet<u64>,
    order_pages: BTreeSet<usize>,
    position_pages: BTreeSet<usize>,
    /// How many positions stand within an order.
    in_orders: usize,
}

impl<'a> File<'a> {
    fn take(&mut self, path: &str, value: &'a Value, page: Option<usize>, findings: &mut Findings) {
        self.events
            .extend(value.get("event").and_then(Value::as_str));
        if let (Some(code), Some(positions)) = (
            value.get("code").and_then(Value::as_str),
            value.get("positions"),
        ) {
            let Value::Array(positions) = positions else {
                let message = format!(
                    "is {} where a list should be; {SAVE_AGAIN}",
                    shape(positions)
                );
                findings.problem(Problem::at_path(&format!("{path}.positions"), "", message));
                return;
            };
            self.orders.insert(code.to_owned());
            self.order_pages.extend(page);
            let standing = Standing::of_order(value);
            if standing
                .status
                .is_none_or(|s| !["p", "n", "e", "c"].contains(&s))
            {
                let shown = standing.status.unwrap_or_default();
                let message = format!("is no state of an order (p, n, e or c); {SAVE_AGAIN}");
                findings.problem(Problem::at_path(&format!("{path}.status"), shown, message));
            }
            self.in_orders += positions.len();
            for (index, value) in positions.iter().enumerate() {
                let path = format!("{path}.positions[{index}]");
                self.found.push(Found {
                    path,
                    value,
                    standing,
                });
            }
        } else if value.get("positionid").is_some() {
            self.position_pages.extend(page);
            let (path, standing) = (path.to_owned(), Standing::of_position(value));
            self.found.push(Found {
                path,
                value,
                standing,
            });
        } else if let Some(admission) = value.get("admission").and_then(Value::as_bool) {
            let item = value.get("id").and_then(Value::as_u64);
            self.no_admission.extend(item.filter(|_| !admission));
        } else {
            let message = format!("is neither an order nor a position nor an item; {SAVE_AGAIN}");
            findings.problem(Problem::at_path(path, "", message));
        }
    }

    /// Warns of what the file does not tell, and refuses what it mixes.
    fn check_whole(&self, pages: &Pages, told: Told, findings: &mut Findings) {
        if self.events.len() > 1 {
            let events: Vec<&str> = self.events.iter().copied().take(5).collect();
            let message = format!(
                "the file holds orders of several pretix events ({}); save those of one",
                events.join(", ")
            );
            findings.problem(Problem::of_file(message));
        }
        let positions_alone = self.found.iter().filter(|f| f.standing.status.is_none());
        let (orders, alone) = (self.orders.len(), positions_alone.count());
        let positions = self.found.len() - self.in_orders;
        for (what, held, said) in [
            (
                "orders",
                orders,
                pages.count(self.order_pages.iter().copied()),
            ),
            (
                "positions",
                positions,
                pages.count(self.position_pages.iter().copied()),
            ),
        ] {
            let held = u64::try_from(held).unwrap_or(u64::MAX);
            if let Some(said) = said.filter(|said| told == Told::Whole && *said > held) {
                let message = format!(
                    "the file holds {held} of {said} {what}: pretix gives at most 50 a page; save and import the other pages \
                     too. Whoever is on none of them stays as they are"
                );
                findings.warn(Problem::of_file(message));
            }
        }
        if alone > 0 {
            let message = format!(
                "{alone} positions do not say whether their order is paid, so they count unless they are cancelled; save \
                 /orders/ instead to have that checked"
            );
            findings.warn(Problem::of_file(message));
        }
        let dates: BTreeSet<u64> = self
            .found
            .iter()
            .filter_map(|f| f.value.get("subevent").and_then(Value::as_u64))
            .collect();
        if dates.len() > 1 {
            let message = format!(
                "the positions are of {} dates of an event series, and all are taken for this event; save those of one date \
                 (?subevent=…) if that is not meant",
                dates.len()
            );
            findings.warn(Problem::of_file(message));
        }
    }

    /// Each position once, as it was changed last: pages move on while they are saved.
    fn newest(&mut self, findings: &mut Findings) -> Vec<Found<'a>> {
        let mut newest: BTreeMap<u64, Found<'a>> = BTreeMap::new();
        for found in std::mem::take(&mut self.found) {
            let Some(id) = found.id() else {
                let message = format!("the position has no id; {SAVE_AGAIN}");
                findings.problem(Problem::at_path(&format!("{}.id", found.path), "", message));
                continue;
            };
            match newest.get(&id) {
                Some(held) if held.rank() > found.rank() => {}
                _ => {
                    newest.insert(id, found);
                }
            }
        }
        newest.into_values().collect()
    }
}

impl<'a> Standing<'a> {
    fn of_order(order: &'a Value) -> Self {
        let text = |key| order.get(key).and_then(Value::as_str);
        Self {
            status: text("status"),
            valid_if_pending: flag(order, "valid_if_pending"),
            needs_approval: flag(order, "require_approval"),
            test: flag(order, "testmode"),
            locale: text("locale"),
            modified: text("last_modified"),
        }
    }

    /// Positions of a check-in list say a little of their order.
    fn of_position(position: &'a Value) -> Self {
        let text = |key| position.get(key).and_then(Value::as_str);
        Self {
            status: text("order__status"),
            valid_if_pending: flag(position, "order__valid_if_pending"),
            needs_approval: flag(position, "order__require_approval"),
            test: false,
            locale: text("order__locale"),
            modified: None,
        }
    }

    fn counts(&self) -> bool {
        match self.status {
            None | Some("p") => true,
            Some("n") => self.valid_if_pending && !self.needs_approval,
            Some(_) => false,
        }
    }
}

impl Found<'_> {
    fn id(&self) -> Option<u64> {
        self.value.get("id").and_then(Value::as_u64)
    }

    fn number(&self) -> Option<u64> {
        self.value.get("positionid").and_then(Value::as_u64)
    }

    /// As staff find it in pretix: `B00001-2`; the path where it has no such name.
    fn code(&self) -> String {
        let order = self.value.get("order").and_then(Value::as_str);
        match (order.filter(|o| field::is_code(o)), self.number()) {
            (Some(order), Some(number)) => format!("{order}-{number}"),
            _ => self.path.clone(),
        }
    }

    fn problem(&self, key: &str, value: &str, message: impl Into<String>) -> Problem {
        Problem::at_path(&format!("{}.{key}", self.code()), value, message)
    }

    /// What was changed last wins, then what says most, then what comes last in the file.
    fn rank(&self) -> (Option<i64>, bool) {
        let modified = self.standing.modified;
        let modified = modified.and_then(|at| local_time::instant(at, Tz::UTC).ok());
        (modified.map(|at| at.utc_ms), self.standing.status.is_some())
    }
}

/// Why a position is no registration by its nature.
fn left_out(found: &Found<'_>, no_admission: &BTreeSet<u64>) -> Option<&'static str> {
    let item = found.value.get("item").and_then(Value::as_u64);
    if found.standing.test {
        Some("positions of orders in test mode")
    } else if found.value.get("addon_to").is_some_and(|a| !a.is_null()) {
        Some("add-ons, which go with the badge of the position they were added to")
    } else if item.is_some_and(|item| no_admission.contains(&item)) {
        Some("positions of items that admit nobody")
    } else {
        None
    }
}

/// One position, or why it is refused: what must be right is wrong.
fn row(
    found: &Found<'_>,
    line: u64,
    zone: Tz,
    findings: &mut Findings,
) -> Result<PretixRow, Problem> {
    let wrong = |key: &str, message: String| Some(found.problem(key, "", message));
    let mut refused = None;
    let mut text = |key: &str| match optional_text(found.value, key) {
        Ok(text) => text,
        Err(message) => {
            refused = wrong(key, message);
            None
        }
    };
    let (order, secret, name) = (text("order"), text("secret"), text("attendee_name"));
    let (email, company) = (text("attendee_email"), text("company"));
    let (from, until) = (text("valid_from"), text("valid_until"));
    let mut bound = |key: &str, at: Option<&str>| {
        let read = local_time::instant(at?, zone);
        read.map_err(|message| refused = wrong(key, message))
            .ok()
            .map(|at| at.utc_ms)
    };
    let (valid_from_utc_ms, valid_until_utc_ms) =
        (bound("valid_from", from), bound("valid_until", until));
    let order_problem = match order {
        Some(order) if field::is_code(order) => None,
        _ => Some("is no code of an order".to_owned()),
    };
    let badge_problem = match secret {
        None => Some("is missing, and it is the badge".to_owned()),
        Some(secret) => field::badge_problem(secret),
    };
    let name_problem = match name {
        None => Some("is empty, and a certificate needs a name; fill it in in pretix, and have it ask for names".to_owned()),
        Some(name) => field::text_problem(name),
    };
    let validity_problem = match (valid_from_utc_ms, valid_until_utc_ms) {
        (Some(from), Some(until)) if until <= from => {
            Some("is when or before valid_from".to_owned())
        }
        _ => None,
    };
    for (key, problem) in [
        ("order", order_problem),
        ("secret", badge_problem),
        ("attendee_name", name_problem),
        ("valid_until", validity_problem),
    ] {
        if let Some(message) = problem {
            refused = refused.or_else(|| wrong(key, message));
        }
    }
    let (None, Some(position), Some(order), Some(badge), Some(name)) =
        (&refused, found.id(), order, secret, name)
    else {
        return Err(refused.unwrap_or_else(|| found.problem("id", "", "is no position's number")));
    };
    let mut kept = |key: &str, value: Option<&str>, check: fn(&str) -> Option<String>| {
        let value = value?;
        if let Some(message) = check(value) {
            findings.warn(found.problem(key, "", format!("{message}; it was left out")));
            return None;
        }
        Some(value.to_owned())
    };
    let canceled = flag(found.value, "canceled") || is_blocked(found.value);
    let registration = RegistrationRow {
        line,
        badge: badge.to_owned(),
        name: name.to_owned(),
        email: kept("attendee_email", email, field::email_problem),
        organisation: kept("company", company, field::text_problem),
        language: language(found.standing.locale),
        valid_from_utc_ms,
        valid_until_utc_ms,
        cancelled: canceled || !found.standing.counts(),
    };
    Ok(PretixRow {
        position,
        order: order.to_owned(),
        number: found.number(),
        registration,
    })
}

/// A blocked ticket opens no door in pretix, until it is unblocked.
fn is_blocked(position: &Value) -> bool {
    match position.get("blocked") {
        Some(Value::Array(reasons)) => !reasons.is_empty(),
        Some(Value::Bool(blocked)) => *blocked,
        _ => false,
    }
}

/// pretix has tones of voice among its locales (`de-informal`), which are no languages.
fn language(locale: Option<&str>) -> Option<String> {
    let locale = locale?.trim();
    let plain = locale
        .strip_suffix("-informal")
        .or_else(|| locale.strip_suffix("-formal"))
        .unwrap_or(locale);
    (!plain.is_empty() && field::language_problem(plain).is_none()).then(|| plain.to_owned())
}

#[cfg(test)]
#[path = "pretix_tests.rs"]
mod tests;
