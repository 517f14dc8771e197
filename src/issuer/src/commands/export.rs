//! `export`: an evidence bundle.

use std::path::Path;

use attendance::words::EventId;

use super::SOFTWARE;
use super::output::{Ended, Exit, counted, hint, say};
use super::premises::{Premises, now};
use crate::export::{Origin, export};

pub(super) fn run(here: &Premises, event: &EventId, out: &Path) -> Ended {
    here.event(event)?;
    here.record_view(event, "attendees", "export")?;
    let origin = Origin {
        store: here.store.as_ref(),
        objects: here.objects.as_ref(),
        keys: &here.keys,
        issuer: &here.config.issuer,
        software: SOFTWARE,
    };
    let exported = export(origin, event, out, now())?;
    if exported.erased > 0 {
        hint(format!(
            "{} of people whose data was erased are left out.",
            counted(exported.erased, "file")
        ));
    }
    if exported.cosignatures == 0 {
        hint(
            "No kiosk has cosigned the ledger's newest head yet; the one in the bundle is the issuer's alone.",
        );
    }
    say(format!(
        "{} entries of the ledger and {}, and {} in {}.",
        exported.entries,
        counted(exported.journals, "journal"),
        counted(exported.objects, "object"),
        out.display()
    ))?;
    say(format!("next: rollcall verify {}", out.display()))?;
    Ok(Exit::Done)
}
