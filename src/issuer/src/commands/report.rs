//! `report attendance`.

use attendance::words::EventId;

use super::arguments::{Report, ReportFormat};
use super::output::{Ended, Exit, Failure, counted, hint, print};
use super::premises::{Premises, now};
use crate::reports::attendance::{Document, csv, rows};
use crate::store::accounts::View;

/// Who looked, where it was no account but whoever may run commands here.
pub(super) const COMMAND_LINE: &str = "command-line";

pub(super) fn run(here: &Premises, what: Report) -> Ended {
    let Report::Attendance { event, format } = what;
    here.event(&event)?;
    if here.settle()? > 0 {
        hint("Some decisions could not be made; `rollcall-issuer issue` says which and why.");
    }
    here.record_view(&event, "attendees", "report_attendance")?;
    let rows = rows(&here.store, &here.keys, &event)?;
    let text = match format {
        ReportFormat::Csv => csv(&rows).map_err(Failure::failed)?,
        ReportFormat::Json => {
            let document = Document::new(&event, now(), &rows);
            let text = serde_json::to_string_pretty(&document).map_err(Failure::failed)?;
            format!("{text}\n")
        }
    };
    print(&text)?;
    hint(format!(
        "{}. It holds names: pass it on with care.",
        counted(rows.len(), "row")
    ));
    Ok(Exit::Done)
}

impl Premises {
    /// Records a look at private evidence; it comes before the answer.
    pub(super) fn record_view(
        &self,
        event: &EventId,
        subject: &str,
        what: &str,
    ) -> Result<(), Failure> {
        let view = View {
            at: now(),
            account: COMMAND_LINE.to_owned(),
            event: event.to_string(),
            subject: subject.to_owned(),
            what: what.to_owned(),
        };
        Ok(self.store.record_view(&view)?)
    }
}
