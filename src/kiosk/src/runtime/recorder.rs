//! Journal and door as one: what is decided is taken by the door and encoded for the journal, and counts once that is durable.

use attendance::UtcMs;
use attendance::time::Stamp;
use attendance::words::Direction;
use protocol::badge::BadgeRef;
use protocol::entry::{Body, Entry, Note, encode};

use super::rebuild::InForce;
use crate::desk::Standing;
use crate::door::{Decided, Door, Read, Staffed, Timed};
use crate::journal::Journal;
use crate::readers::RawScan;

/// A journal and the door that was built from it.
pub(super) struct Recorder {
    pub(super) journal: Journal,
    pub(super) door: Door,
    pub(super) in_force: InForce,
    /// Entries up to and with the newest that does not merely ride along.
    pub(super) urgent_size: u64,
}

impl Recorder {
    /// Decides a scan and takes it, not yet durable.
    pub(super) fn decide(
        &mut self,
        scan: &RawScan,
        direction: Option<Direction>,
    ) -> (Vec<u8>, Decided) {
        let read = Read {
            reader: &scan.reader,
            symbology: scan.symbology.as_deref(),
            text: &scan.text,
            stamp: &scan.stamp,
            direction,
        };
        let mut decided = self.door.decide(read);
        let bytes = encode(&decided.entry).or_else(|_| {
            // Only the provisional decisions can make it too long, and the issuer makes them anew.
            if let Body::Scan(scan) = &mut decided.entry.body {
                scan.provisional.clear();
            }
            encode(&decided.entry)
        });
        let bytes = bytes.expect("a scan of bounded ids and no decisions fits an entry");
        self.door.apply(self.door.next_index(), &decided.entry);
        (bytes, decided)
    }

    /// Takes a note on what was stamped so, not yet durable.
    pub(super) fn take_note(&mut self, stamp: &Stamp, note: Note) -> Option<Vec<u8>> {
        self.take(&Entry {
            stamp: stamp.clone(),
            body: Body::Note(note),
        })
    }

    /// Takes an entry, not yet durable. `None` where it fits no entry, which is said in the log.
    pub(super) fn take(&mut self, entry: &Entry) -> Option<Vec<u8>> {
        match encode(entry) {
            Ok(bytes) => {
                self.door.apply(self.door.next_index(), entry);
                Some(bytes)
            }
            Err(error) => {
                tracing::error!(kind = entry.body.kind(), %error, "not journalled");
                None
            }
        }
    }

    /// Has the traces of many entries kept with the entries that come now, once there are enough.
    pub(super) fn lay_traces_beside(&mut self) {
        if let Some(chunk) = self.door.chunk() {
            self.journal.lay_beside(chunk);
        }
    }

    /// Whether a time code alone says what the time is.
    pub(super) fn is_timed_by_code(&self) -> bool {
        self.door.is_timed() && !self.door.is_anchored()
    }

    /// Takes a time code, or a note of why not, not yet durable. `None` where the text means something else.
    pub(super) fn take_time_code(
        &mut self,
        scan: &RawScan,
        built_at: UtcMs,
    ) -> Option<(Vec<u8>, Timed)> {
        let read = Read {
            reader: &scan.reader,
            symbology: scan.symbology.as_deref(),
            text: &scan.text,
            stamp: &scan.stamp,
            direction: None,
        };
        let floor = self.journal.floor().max(built_at);
        let timed = self.door.time_code(read, floor)?;
        let bytes = self.take(&timed.entry)?;
        Some((bytes, timed))
    }

    /// Takes a staff badge, or the badge whose scan the one before takes back, not yet durable. `None` where the text is an attendee's.
    pub(super) fn take_staffed(
        &mut self,
        scan: &RawScan,
        takes_back: Option<&BadgeRef>,
    ) -> Option<(Vec<u8>, Staffed)> {
        let read = Read {
            reader: &scan.reader,
            symbology: scan.symbology.as_deref(),
            text: &scan.text,
            stamp: &scan.stamp,
            direction: None,
        };
        let staffed = match (self.door.staff_badge(read), takes_back) {
            (Some(staffed), _) => staffed,
            (None, Some(badge)) => self.door.take_back(read, badge),
            (None, None) => return None,
        };
        let bytes = self.take(&staffed.entry)?;
        Some((bytes, staffed))
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            enrolled: true,
            log_size: self.journal.size(),
            urgent_size: self.urgent_size,
            anchored: self.door.is_anchored(),
            awaits: self.journal.awaits_enrolment(),
            sealed_rest: self.sealed_rest(),
            generation: self.generation(),
        }
    }

    pub(super) fn sealed_rest(&self) -> bool {
        let mut sealed = self.journal.sealed().iter();
        sealed.any(|log| log.delivered < log.size)
    }

    /// Two for each sealed log, less one while the newest log waits to be enrolled.
    fn generation(&self) -> u64 {
        let sealed = u64::try_from(self.journal.sealed().len()).unwrap_or(u64::MAX / 2);
        sealed * 2 - u64::from(self.journal.awaits_enrolment())
    }

    /// The wall time of the oldest entry without a receipt.
    pub(super) fn backlog_oldest(&self) -> Option<UtcMs> {
        let bytes = self.journal.entry(self.journal.receipted()).ok()??;
        Some(protocol::entry::parse(&bytes).ok()?.stamp.wall)
    }
}
