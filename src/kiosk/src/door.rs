//! The door: what a scan means here and now. No I/O, no clock.
//!
//! Promises: [`Door::decide`] changes nothing; it gives the entry to be journalled and the answer to be shown once that entry is durable.
//! [`Door::apply`] alone changes who is inside, from an entry and its index, whether the entry was just made or is read back at start. So a
//! door that is rebuilt from its journal believes what it believed before, and a door whose entries were not committed is simply rebuilt.
//!
//! What an entry leaves behind is its trace, and a door follows traces only. They are packed into chunks and kept beside the journal
//! ([`Door::chunk`]), so that a start reads a few bytes an entry in place of the entries themselves ([`Door::follow_chunk`]).
//!
//! What is not in the journal is handed in: the bundle in force ([`Door::adopt`]) and what the issuer says of presence ([`Door::tell`]).
//! Both only weigh in decisions; each scan's entry says what it used.
//!
//! In words:
//! - A badge is looked up by its keyed digest; its text opens its own sealed row and goes no further. A signed ticket that the roster does
//!   not list counts by its signature.
//! - A scan within `repeat_s` of the same badge is a repeat, unless it came through a reader bound to the other direction. Time is the raw
//!   clock's within one boot, the wall clock's otherwise.
//! - Direction is the reader's, else what staff set, else the opposite of what the door believes. Belief ends when sessions begin anew in the
//!   door's rooms after a pause: who forgot to check out yesterday is not inside today.
//! - A staff badge sets the direction, or takes back the newest scan of the badge that is scanned after it: the door then believes what it
//!   believed before that scan. The scan stays in the journal and counts; the entry that takes it back says so to whoever decides.
//! - A session counts as on where the scan's interval touches it, widened by the policy's margin: an unset clock refuses nobody.
//!
//! Deliberately absent: credit that counts. The provisional decision is this door's knowledge under the same rule; the issuer decides.

mod belief;
mod board;
mod credit;
mod outlook;
mod people;
mod roster;
mod staff_badges;
mod tickets;
mod time_codes;
mod trace;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use attendance::UtcMs;
use attendance::agenda::Registration;
use attendance::time::{BootId, ClockHistory, Interval, Mark, Quality, Stamp, Sync, TimePolicy};
use attendance::words::{Direction, DirectionSource, ReaderId, Verdict};
use evidence::{PublicKey, Receipt};
use protocol::badge::{BadgeDigest, BadgeKey, BadgeRef, Row, canonical};
use protocol::bundle::Bundle;
use protocol::entry::{Body, Entry, Note, PriorSource, Scan, Staff, mark};
use protocol::presence::PresenceRow;

use crate::screen::view;
use belief::Belief;
use board::Board;
pub use board::UnreadRules;
use credit::Counting;
use people::{LastScan, Passing, People, Who};
use roster::{Listed, Roster};
pub use staff_badges::{Staffed, TakingBack};
use tickets::Signed;
pub use time_codes::Timed;
pub use trace::Chunk;
use trace::{Left, Passed, Told, Trace};

/// Intervals wider than this say nothing of the time of day, and the wall clock is shown instead.
const TELLING_WIDTH_MS: i64 = 10 * 60_000;
/// After how many entries their traces are packed.
pub const CHUNK_ENTRIES: usize = 1_024;
/// Milliseconds in a minute.
const MINUTE_MS: i64 = 60_000;

/// Staff's word for a direction in entries.
const ACTION_IN: &str = "direction_in";
const ACTION_OUT: &str = "direction_out";
const ACTION_TOGGLE: &str = "direction_toggle";
/// Staff's word for a scan that was a mistake.
const ACTION_TAKEN_BACK: &str = "taken_back";

/// Whose door this is: what never changes within one log.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The origin of the journal.
    pub log: Arc<str>,
    /// The journal's key.
    pub log_key: PublicKey,
    /// The issuer's name.
    pub issuer: String,
    /// The issuer's key.
    pub issuer_key: PublicKey,
    /// The event's badge key.
    pub badge_key: BadgeKey,
    /// Seconds within which the same badge is a repeat, where the kiosk's configuration says so.
    pub repeat_s: Option<u32>,
}

/// Something a reader read.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The reader.
    pub reader: &'a ReaderId,
    /// The code's symbology, where it is known.
    pub symbology: Option<&'a str>,
    /// What the code says.
    pub text: &'a str,
    /// What the clocks read.
    pub stamp: &'a Stamp,
    /// The direction the reader is bound to.
    pub direction: Option<Direction>,
}

/// What a scan comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What is journalled.
    pub entry: Entry,
    /// What is journalled right after that, where there is more to say.
    pub note: Option<Note>,
    /// What is shown after that.
    pub shown: view::Answer,
    /// The badge as logs and staff name it.
    pub badge: BadgeDigest,
}

/// The door's state.
#[derive(Clone, Debug)]
pub struct Door {
    owner: Owner,
    key_id: String,
    /// What is in force.
    board: Board,
    roster: Roster,
    clock: ClockHistory,
    people: People,
    staff_direction: Option<Direction>,
    /// The time of the newest time code.
    newest_code: Option<UtcMs>,
    /// The wall clock of the newest scan.
    last_scan: Option<UtcMs>,
    /// The boots in which the wall clock was synchronised at some entry.
    synced: Vec<BootId>,
    /// Entries that said nothing here.
    skipped: u64,
    /// Of the newest entries, those that are not in a chunk yet.
    traces: Vec<Trace>,
    /// The index of the next entry.
    next: u64,
}

impl Door {
    /// A door that has seen nothing.
    pub fn new(owner: Owner) -> Self {
        Self {
            key_id: owner.badge_key.id(),
            owner,
            board: Board::default(),
            roster: Roster::default(),
            clock: ClockHistory::new(TimePolicy::default()),
            people: People::default(),
            staff_direction: None,
            newest_code: None,
            last_scan: None,
            synced: Vec::new(),
            skipped: 0,
            traces: Vec::new(),
            next: 0,
        }
    }

    /// Brings a bundle into force, its signature checked by the caller. A rule set that does not read takes nothing else of the bundle
    /// with it: see [`Door::unread_rules`].
    pub fn adopt(&mut self, bundle: &Bundle) {
        self.board = Board::new(bundle);
        self.roster = Roster::new(bundle);
    }

    /// The programmes of the bundle in force for which this door decides nothing, since it cannot read their rule sets.
    pub fn unread_rules(&self) -> &[UnreadRules] {
        self.board.unread()
    }

    /// Takes the issuer's word for who is inside, in place of its earlier one. `covers` is the size of this log that has a receipt: whoever
    /// is not listed and last came by before that is believed to have left elsewhere.
    pub fn tell(&mut self, rows: Vec<PresenceRow>, covers: u64) {
        self.people.tell(rows, covers);
    }

    /// The index of the next entry.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// Whether the raw clock has an anchor in the segment that runs.
    pub fn is_anchored(&self) -> bool {
        self.clock.is_anchored()
    }

    /// Whether the time of what happens now is known, by an exchange with the issuer or by a time code.
    pub fn is_timed(&self) -> bool {
        self.clock.is_timed()
    }

    /// How many attendees this door believes inside, by its own scans.
    pub fn inside(&self) -> usize {
        self.people.inside()
    }

    /// Who is inside by this door's own scans, as the issuer would tell it: for the door that goes on in a fresh log.
    pub fn insiders(&self) -> Vec<PresenceRow> {
        self.people
            .stays()
            .filter_map(|(attendee, stay)| {
                let stamp = self.people.stamp(stay.stamp);
                let since = self.clock.place(stay.index, &stamp).at;
                let room = self.board.room_at(self.people.rooms(stay.rooms?), since)?;
                Some(PresenceRow {
                    attendee: attendee.clone(),
                    room: room.clone(),
                    since: told_time(since, &stamp),
                })
            })
            .collect()
    }

    /// The door, by the bundle in force.
    pub fn door(&self) -> &attendance::words::DoorId {
        &self.board.door
    }

    /// The direction that staff set for readers without one of their own.
    pub fn staff_direction(&self) -> Option<Direction> {
        self.staff_direction
    }

    /// When something stamped so happened, as well as can be said for people.
    pub fn estimate(&self, index: u64, stamp: &Stamp) -> UtcMs {
        told_time(self.clock.place(index, stamp).at, stamp)
    }

    /// The time now, where something vouches for it: an exchange, a time code, or the kernel's word.
    pub fn vouched(&self, stamp: &Stamp) -> Option<UtcMs> {
        let placed = self.clock.place(self.next, stamp);
        let is_vouched = match placed.quality {
            Quality::Anchored | Quality::Kernel | Quality::TimeCode => true,
            Quality::Bounded | Quality::Contradictory | Quality::Reported => false,
        };
        is_vouched.then(|| told_time(placed.at, stamp))
    }

    /// The entry for a direction that staff set; `None` for toggling.
    pub fn set_direction(
        direction: Option<Direction>,
        stamp: Stamp,
        badge: Option<BadgeRef>,
    ) -> Entry {
        let reason = if badge.is_some() {
            staff_badges::REASON
        } else {
            "door_mode"
        };
        let action = match direction {
            Some(Direction::In) => ACTION_IN,
            Some(Direction::Out) => ACTION_OUT,
            Some(Direction::Seen) | None => ACTION_TOGGLE,
        };
        let body = Body::Staff(Staff {
            action: action.to_owned(),
            reason: reason.to_owned(),
            badge,
            index: None,
        });
        Entry { stamp, body }
    }

    /// Whether a text is a badge of this event, valid or not.
    pub fn knows(&self, text: &str, stamp: &Stamp) -> bool {
        let text = canonical(text).unwrap_or(text);
        let badge = self.owner.badge_key.digest(text);
        let at = self.clock.place(self.next, stamp).at;
        self.roster.find(badge).is_some()
            || self.roster.is_revoked(badge)
            || self.signed(text, at) == Signed::Holds
    }

    /// What a scan comes to. Changes nothing.
    pub fn decide(&self, read: Read<'_>) -> Decided {
        // What is no badge text at all still is a scan: it is known to nobody, and it is recorded.
        let text = canonical(read.text).unwrap_or(read.text);
        let badge = self.owner.badge_key.digest(text);
        let at = self.clock.place(self.next, read.stamp).at;
        let listed = self.roster.find(badge);
        let who = Who {
            badge,
            attendee: listed.as_ref().map(|listed| &listed.attendee),
        };
        let belief = self.belief(who, at);
        let last = self.people.last_scan(badge);
        if let Some(last) = last.filter(|last| self.is_repeat(last, &read)) {
            return self.repeat(read, text, badge, listed.as_ref(), last, belief);
        }
        let signed = match listed {
            Some(_) => Signed::No,
            None => self.signed(text, at),
        };
        let verdict = self.verdict(badge, listed.as_ref(), signed, at);
        let way = match (read.direction, self.staff_direction) {
            (Some(direction), _) => (direction, DirectionSource::Reader),
            (None, Some(direction)) => (direction, DirectionSource::Staff),
            (None, None) if belief.is_inside => (Direction::Out, DirectionSource::Toggled),
            (None, None) => (Direction::In, DirectionSource::Toggled),
        };
        let verdict = match (verdict, way) {
            (Verdict::CheckedIn, (Direction::Out, _)) => Verdict::CheckedOut,
            (verdict, _) => verdict,
        };
        let (provisional, standing) = match (&listed, verdict) {
            (Some(listed), Verdict::CheckedIn | Verdict::CheckedOut) => {
                self.provisional(Counting {
                    who,
                    listed,
                    stamp: read.stamp,
                    at,
                    way,
                    prior: &belief.prior,
                })
            }
            _ => (Vec::new(), None),
        };
        let is_known = listed.is_some() || signed == Signed::Holds;
        let scan = self.scan(read, badge, listed.as_ref(), way, verdict);
        let scan = Scan {
            prior: is_known.then_some(belief.prior),
            provisional,
            ..scan
        };
        let row = self.row(text, listed.as_ref(), verdict);
        let shown = view::Answer {
            verdict,
            direction: way.0,
            since_ms: None,
            name: row.name,
            provisional: standing,
            language: row.language,
            short_code: needs_staff(verdict).then(|| badge.short()),
        };
        let note = (verdict == Verdict::UnknownBadge).then(|| signed.note(self.next));
        Decided {
            note: note.flatten(),
            ..decided(read.stamp, scan, shown, badge)
        }
    }

    fn repeat(
        &self,
        read: Read<'_>,
        text: &str,
        badge: BadgeDigest,
        listed: Option<&Listed>,
        last: &LastScan,
        belief: Belief,
    ) -> Decided {
        let verdict = Verdict::Repeat;
        let way = (last.direction, last.source);
        let scan = Scan {
            prior: Some(belief.prior),
            ..self.scan(read, badge, listed, way, verdict)
        };
        let row = self.row(text, listed, verdict);
        let shown = view::Answer {
            verdict,
            direction: last.direction,
            since_ms: Some(last.since.0),
            name: row.name,
            provisional: None,
            language: row.language,
            short_code: None,
        };
        decided(read.stamp, scan, shown, badge)
    }

    fn scan(
        &self,
        read: Read<'_>,
        badge: BadgeDigest,
        listed: Option<&Listed>,
        (direction, direction_source): (Direction, DirectionSource),
        verdict: Verdict,
    ) -> Scan {
        Scan {
            door: self.board.door.clone(),
            rooms: self.board.rooms.clone(),
            reader: read.reader.clone(),
            symbology: read.symbology.map(str::to_owned),
            badge: BadgeRef {
                digest: badge,
                key: self.key_id.clone(),
            },
            attendee: listed.map(|listed| listed.attendee.clone()),
            direction,
            direction_source,
            verdict,
            prior: None,
            provisional: Vec::new(),
            bundle: self.board.sequence,
        }
    }

    fn is_repeat(&self, last: &LastScan, read: &Read<'_>) -> bool {
        let repeat_ms = u64::from(self.owner.repeat_s.unwrap_or(self.board.repeat_s)) * 1_000;
        let other_way = read.direction.is_some_and(|way| way != last.direction);
        !other_way && elapsed_ms(&last.stamp, read.stamp).is_some_and(|ms| ms < repeat_ms)
    }

    /// What the registration and the agenda say, for somebody coming in.
    fn verdict(
        &self,
        badge: BadgeDigest,
        listed: Option<&Listed>,
        signed: Signed,
        at: Interval,
    ) -> Verdict {
        if self.roster.is_revoked(badge) {
            return Verdict::RevokedBadge;
        }
        let is_registered = match listed {
            Some(listed) => may_hold(&listed.registration, at),
            None if signed == Signed::Holds => true,
            None => return Verdict::UnknownBadge,
        };
        if !is_registered {
            Verdict::NotRegistered
        } else if self.board.is_on(at) {
            Verdict::CheckedIn
        } else {
            Verdict::NoSession
        }
    }

    /// What the row of a badge lets the screen show; nothing of a person where staff are needed.
    fn row(&self, text: &str, listed: Option<&Listed>, verdict: Verdict) -> Row {
        let opened = listed.and_then(|listed| self.owner.badge_key.open_row(text, &listed.sealed));
        let row = opened.unwrap_or_default();
        if needs_staff(verdict) && verdict != Verdict::NoSession {
            Row { name: None, ..row }
        } else {
            row
        }
    }

    /// Takes the next entry of the journal, just committed or read back.
    pub fn apply(&mut self, index: u64, entry: &Entry) {
        let trace = Trace {
            left: self.left_by(index, entry),
            stamp: Some(entry.stamp.clone()),
        };
        self.follow(index, &trace);
        self.traces.push(trace);
    }

    /// Leaves out an entry whose bytes say nothing here: damaged ones, or of a kind that a newer program wrote.
    pub fn skip(&mut self, index: u64) {
        let trace = Trace {
            left: Left::Nothing,
            stamp: None,
        };
        self.follow(index, &trace);
        self.traces.push(trace);
    }

    /// Forgets every entry; what was handed in stays.
    pub fn forget(&mut self) {
        let board = std::mem::take(&mut self.board);
        let roster = std::mem::take(&mut self.roster);
        *self = Self {
            board,
            roster,
            people: self.people.forgotten(),
            ..Self::new(self.owner.clone())
        };
    }

    /// The traces of the newest entries, once there are enough: to be kept in one commit with the last of them.
    pub fn chunk(&mut self) -> Option<Chunk> {
        if self.traces.len() < CHUNK_ENTRIES {
            return None;
        }
        let traces = std::mem::take(&mut self.traces);
        let from = self.next - u64::try_from(traces.len()).unwrap_or(self.next);
        Some(Chunk::pack(from, &traces))
    }

    /// Takes the entries of a chunk that was kept. Whether it could be read and follows what was taken before; where not, nothing changed.
    pub fn follow_chunk(&mut self, chunk: &Chunk) -> bool {
        let traces = match chunk.unpack() {
            Some(traces) if chunk.from == self.next && self.traces.is_empty() => traces,
            Some(_) | None => return false,
        };
        for (index, trace) in (chunk.from..).zip(&traces) {
            self.follow(index, trace);
        }
        true
    }

    /// What an entry leaves behind.
    fn left_by(&self, index: u64, entry: &Entry) -> Left {
        match &entry.body {
            Body::Scan(scan) => self.left_by_scan(index, &entry.stamp, scan),
            Body::Staff(staff) => match staff.action.as_str() {
                ACTION_IN => Left::Direction(Some(Direction::In)),
                ACTION_OUT => Left::Direction(Some(Direction::Out)),
                ACTION_TOGGLE => Left::Direction(None),
                ACTION_TAKEN_BACK => staff.index.map_or(Left::Nothing, Left::TakenBack),
                _ => Left::Nothing,
            },
            _ => {
                let owner = &self.owner;
                let mark = mark(entry, |note| {
                    let receipt = Receipt::open(
                        note,
                        &owner.log,
                        &owner.log_key,
                        &owner.issuer,
                        &owner.issuer_key,
                    );
                    let receipt = receipt.ok()?;
                    Some((receipt.checkpoint.size, receipt.time_s))
                });
                match mark {
                    Mark::Plain => Left::Nothing,
                    mark => Left::Mark(mark),
                }
            }
        }
    }

    fn left_by_scan(&self, index: u64, stamp: &Stamp, scan: &Scan) -> Left {
        match scan.verdict {
            // The pause that makes a new scan starts over, and nothing else changes.
            Verdict::Repeat => Left::Again(scan.badge.digest),
            Verdict::UnknownBadge | Verdict::RevokedBadge | Verdict::NotRegistered => {
                Left::Stranger
            }
            Verdict::CheckedIn | Verdict::CheckedOut | Verdict::NoSession => {
                let at = self.clock.place(index, stamp).at;
                let prior = scan.prior.as_ref();
                Left::Passed(Box::new(Passed {
                    badge: scan.badge.digest,
                    attendee: scan.attendee.clone(),
                    direction: scan.direction,
                    source: scan.direction_source,
                    rooms: scan.rooms.clone(),
                    stays_on: prior.is_some_and(|prior| {
                        prior.source == PriorSource::Door && prior.room.is_some()
                    }),
                    since: told_time(at, stamp),
                    told: Told::of(prior),
                }))
            }
        }
    }

    /// Changes what the door believes by what an entry left behind. The only way to change it.
    fn follow(&mut self, index: u64, trace: &Trace) {
        self.next = index + 1;
        let Some(stamp) = &trace.stamp else {
            self.skipped += 1;
            return;
        };
        if stamp.sync == Sync::Synced && !self.was_synced_in(&stamp.boot) {
            self.synced.push(stamp.boot.clone());
        }
        match &trace.left {
            Left::Nothing => {}
            Left::Stranger => self.last_scan = Some(stamp.wall),
            Left::Again(badge) => {
                self.last_scan = Some(stamp.wall);
                self.people.again(*badge, stamp);
            }
            Left::Passed(passed) => {
                self.last_scan = Some(stamp.wall);
                let way = (passed.direction, passed.source);
                let stays_on = passed.stays_on;
                let who = Who {
                    badge: passed.badge,
                    attendee: passed.attendee.as_ref(),
                };
                let told = passed.told.as_ref().map(Told::prior);
                let passing = Passing {
                    direction: passed.direction,
                    source: passed.source,
                    rooms: &passed.rooms,
                    stays_on,
                    told: told.as_ref(),
                };
                self.people.passed(who, index, stamp, passing);
                self.people
                    .scanned((passed.badge, index), stamp, way, passed.since, stays_on);
            }
            Left::Direction(direction) => self.staff_direction = *direction,
            Left::TakenBack(index) => self.people.take_back(*index),
            Left::Mark(mark) => {
                self.clock.observe(index, stamp, *mark);
                if let Mark::TimeCode { at, .. } = mark {
                    self.newest_code = self.newest_code.max(Some(*at));
                }
            }
        }
    }

    /// Whether the wall clock was synchronised at some entry of this boot.
    pub fn was_synced_in(&self, boot: &BootId) -> bool {
        // The newest boot is the one that is asked about.
        self.synced.iter().rev().any(|synced| synced == boot)
    }

    /// The wall clock of the newest scan.
    pub fn last_scan(&self) -> Option<UtcMs> {
        self.last_scan
    }

    /// Entries that said nothing here, because their bytes are damaged or of another program.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

fn decided(stamp: &Stamp, scan: Scan, shown: view::Answer, badge: BadgeDigest) -> Decided {
    let entry = Entry {
        stamp: stamp.clone(),
        body: Body::Scan(Box::new(scan)),
    };
    Decided {
        entry,
        note: None,
        shown,
        badge,
    }
}

/// Whether the attendee has to be told a code for staff.
fn needs_staff(verdict: Verdict) -> bool {
    match verdict {
        Verdict::CheckedIn | Verdict::CheckedOut | Verdict::Repeat => false,
        Verdict::UnknownBadge | Verdict::RevokedBadge => true,
        Verdict::NotRegistered | Verdict::NoSession => true,
    }
}

/// Milliseconds from one stamp to another. `None` where nothing comparable says so.
fn elapsed_ms(earlier: &Stamp, later: &Stamp) -> Option<u64> {
    if earlier.boot == later.boot {
        // Two readers stamp on threads of their own, so the later in the queue may be stamped a moment earlier.
        return Some(earlier.raw_ms.abs_diff(later.raw_ms));
    }
    u64::try_from(later.wall.0.checked_sub(earlier.wall.0)?).ok()
}

/// Whether a registration may hold within the interval.
fn may_hold(registration: &Registration, at: Interval) -> bool {
    !registration.cancelled
        && registration.valid_from.is_none_or(|from| from <= at.latest)
        && registration
            .valid_until
            .is_none_or(|until| at.earliest < until)
}

/// One instant for people: the middle of a telling interval, else what the wall clock read.
fn told_time(at: Interval, stamp: &Stamp) -> UtcMs {
    if at.width_ms() <= TELLING_WIDTH_MS {
        at.earliest.plus_ms(at.width_ms() / 2)
    } else {
        stamp.wall.clamp(at.earliest, at.latest)
    }
}
