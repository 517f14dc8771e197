//! The roster, packed: some 20,000 badges in a few megabytes.

use attendance::UtcMs;
use attendance::agenda::Registration;
use attendance::words::AttendeeId;
use evidence::PublicKey;
use protocol::badge::BadgeDigest;
use protocol::bundle::{Bundle, RosterRow};

/// Stands for "no bound" among packed instants.
const NO_BOUND: i64 = i64::MIN;

/// The badges of a bundle, sorted by digest, and one run of bytes for their attendees and sealed rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    digests: Vec<BadgeDigest>,
    rows: Vec<Packed>,
    bytes: Vec<u8>,
    revoked: Vec<BadgeDigest>,
    tickets: Vec<PublicKey>,
}

#[derive(Clone, Copy, Debug)]
struct Packed {
    start: u32,
    attendee_bytes: u16,
    sealed_bytes: u16,
    valid_from: i64,
    valid_until: i64,
    cancelled: bool,
}

/// One badge of the roster.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) attendee: AttendeeId,
    pub(super) registration: Registration,
    pub(super) sealed: Vec<u8>,
}

impl Roster {
    pub(super) fn new(bundle: &Bundle) -> Self {
        let mut sorted: Vec<&RosterRow> = bundle.roster.iter().collect();
        sorted.sort_by_key(|row| row.badge);
        let bytes = sorted
            .iter()
            .map(|row| row.attendee.as_str().len() + row.row.len())
            .sum();
        let mut roster = Self {
            digests: Vec::with_capacity(sorted.len()),
            rows: Vec::with_capacity(sorted.len()),
            bytes: Vec::with_capacity(bytes),
            revoked: bundle.revoked.clone(),
            tickets: bundle.tickets.clone(),
        };
        roster.revoked.sort_unstable();
        roster.revoked.shrink_to_fit();
        for row in sorted {
            roster.push(row);
        }
        roster
    }

    fn push(&mut self, row: &RosterRow) {
        let attendee = row.attendee.as_str().as_bytes();
        // A row that no bundle of the size allowed can hold opens nothing and still names its attendee.
        let sealed = if u16::try_from(row.row.len()).is_ok() {
            row.row.as_slice()
        } else {
            &[]
        };
        let Ok(start) = u32::try_from(self.bytes.len()) else {
            return;
        };
        self.digests.push(row.badge);
        self.rows.push(Packed {
            start,
            attendee_bytes: u16::try_from(attendee.len()).unwrap_or(0),
            sealed_bytes: u16::try_from(sealed.len()).unwrap_or(0),
            valid_from: row.valid_from.map_or(NO_BOUND, |at| at.0),
            valid_until: row.valid_until.map_or(NO_BOUND, |at| at.0),
            cancelled: row.cancelled,
        });
        self.bytes.extend_from_slice(attendee);
        self.bytes.extend_from_slice(sealed);
    }

    /// The keys by which the event's tickets are signed.
    pub(super) fn ticket_keys(&self) -> &[PublicKey] {
        &self.tickets
    }

    pub(super) fn is_revoked(&self, badge: BadgeDigest) -> bool {
        self.revoked.binary_search(&badge).is_ok()
    }

    pub(super) fn find(&self, badge: BadgeDigest) -> Option<Listed> {
        let row = self.rows[self.digests.binary_search(&badge).ok()?];
        let start = usize::try_from(row.start).ok()?;
        let middle = start + usize::from(row.attendee_bytes);
        let attendee = std::str::from_utf8(self.bytes.get(start..middle)?).ok()?;
        let sealed = self
            .bytes
            .get(middle..middle + usize::from(row.sealed_bytes))?;
        let attendee = AttendeeId::new(attendee).ok()?;
        let bound = |ms: i64| (ms != NO_BOUND).then_some(UtcMs(ms));
        Some(Listed {
            registration: Registration {
                valid_from: bound(row.valid_from),
                valid_until: bound(row.valid_until),
                cancelled: row.cancelled,
                ..Registration::always(attendee.clone())
            },
            attendee,
            sealed: sealed.to_vec(),
        })
    }
}
