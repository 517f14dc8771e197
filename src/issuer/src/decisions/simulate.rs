//! What another rule set would change, before anybody adopts it.
//!
//! Contract: reads and writes nothing else. Each registered attendee is decided twice at the same moment on the same evidence, on the
//! road that real decisions take: under what is in force, and under the candidate. So what differs, differs by the rules alone.

use attendance::rules::RuleSet;
use attendance::words::{AttendeeId, EventId, ProgrammeId};
use attendance::{Decision, UtcMs};

use super::{DecideError, Decider};

/// One attendee under both rule sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub attendee: AttendeeId,
    /// Under the rules in force.
    pub before: Decision,
    /// Under the candidate.
    pub after: Decision,
}

impl Change {
    /// Whether outcome or credits differ. A reason or sentence that only names other numbers is no change.
    pub fn matters(&self) -> bool {
        let said = |decision: &Decision| (decision.outcome, decision.credits, decision.range);
        said(&self.before) != said(&self.after)
    }
}

impl Decider {
    /// Decides everybody of a programme twice. `None` where no rules are in force, or there are no registrations yet.
    ///
    /// # Errors
    /// As decisions themselves.
    pub fn simulate(
        &self,
        event: &EventId,
        programme: &ProgrammeId,
        candidate: RuleSet,
        now: UtcMs,
    ) -> Result<Option<Vec<Change>>, DecideError> {
        let Some(current) = self.open(event, programme, None, now)? else {
            return Ok(None);
        };
        let Some(other) = self.open(event, programme, Some(candidate), now)? else {
            return Ok(None);
        };
        let attendees = current.question.roll().attendees();
        let changes = attendees.map(|attendee| {
            let signals = self.signals(&current, event, attendee)?;
            Ok(Change {
                before: current.question.answer(attendee, &signals).decision,
                after: other.question.answer(attendee, &signals).decision,
                attendee: attendee.clone(),
            })
        });
        changes.collect::<Result<Vec<_>, DecideError>>().map(Some)
    }
}
