//! `issue`, `revoke`.

use std::collections::BTreeMap;
use std::sync::Arc;

use attendance::words::{CertificateId, EventId, ProgrammeId};
use protocol::text::instant;

use super::output::{Ended, Exit, Failure, hint, reason_code, say};
use super::premises::{Premises, now};
use crate::certificates::issue::{Certifier, Outcomes};
use crate::certificates::pdf::Fonts;
use crate::decisions::Decider;
use crate::decisions::completeness::{door_watermarks, incomplete_doors};
use crate::imports::agenda;
use crate::store::decisions::DecisionFacts;

/// The alarm that a decision raises which cannot be made.
const CANNOT_DECIDE: &str = "cannot_decide";

impl Premises {
    /// Decides whatever is due. Gives how many decisions could not be made.
    pub(super) fn settle(&self) -> Result<usize, Failure> {
        Ok(self.decider().settle(now())?.put_off)
    }

    /// Whoever decides here.
    pub(super) fn decider(&self) -> Decider {
        Decider::new(
            Arc::clone(&self.store),
            Arc::clone(&self.objects),
            &self.config.issuer,
            self.keys.signing.public_key(),
        )
        .sharing(Arc::clone(&self.documents))
    }

    fn certifier(&self) -> Certifier {
        Certifier {
            store: Arc::clone(&self.store),
            objects: Arc::clone(&self.objects),
            keys: Arc::clone(&self.keys),
            issuer: self.config.issuer.clone(),
            public_url: self.config.public_url.clone(),
            fonts: Fonts::embedded().with_folder(&self.config.fonts),
            random: Arc::clone(&self.random),
        }
    }
}

pub(super) fn issue(here: &Premises, event: &EventId) -> Ended {
    here.event(event)?;
    let put_off = here.settle()?;
    if put_off > 0 {
        let alarms = here.store.alarms(event)?;
        for alarm in alarms
            .iter()
            .filter(|a| a.code == CANNOT_DECIDE && a.cleared.is_none())
        {
            hint(format!(
                "cannot be decided: programme {}: {}",
                alarm.subject, alarm.detail
            ));
        }
    }
    let waits = waits(here, event)?;
    let decisions: BTreeMap<_, _> = here
        .store
        .decisions(event)?
        .into_iter()
        .map(|d| ((d.attendee.clone(), d.programme.clone()), d))
        .collect();
    let mut tally = Tally::default();
    for (attendee, programme, outcome) in here.certifier().issue_event(event, now())? {
        let decision = decisions.get(&(attendee.clone(), programme.clone()));
        let line = tally.line(&outcome, decision, waits.contains_key(&programme));
        say(format!("{attendee}  {programme}  {line}"))?;
    }
    say(tally.summary())?;
    for (programme, why) in &waits {
        say(format!("The programme {programme} waits for:"))?;
        for one in why {
            say(format!("  {one}"))?;
        }
    }
    if tally.for_a_kiosk > 0 {
        say(here.next(&format!("issue --event {event}, when a kiosk has synced")))?;
    } else if tally.issued + tally.held > 0 {
        say(here.next(&format!("export --event {event} --out {event}.tar")))?;
    }
    Ok(if tally.failed > 0 || put_off > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// What each programme that is not complete waits for, for people.
fn waits(here: &Premises, event: &EventId) -> Result<BTreeMap<ProgrammeId, Vec<String>>, Failure> {
    let Some(agenda) = agenda::current(here.desk(), event)? else {
        hint(format!(
            "The event {event} has no agenda yet, so there is nothing to decide."
        ));
        return Ok(BTreeMap::new());
    };
    let now = now();
    let watermarks = door_watermarks(&here.store.kiosks(event)?, &here.store.watermarks(event)?);
    let lost: Vec<_> = here
        .store
        .doors(event)?
        .into_iter()
        .filter(|d| d.lost)
        .map(|d| d.door.id)
        .collect();
    let mut waits = BTreeMap::new();
    for programme in &agenda.programmes {
        let mut why = Vec::new();
        if programme.rules.is_none() {
            why.push(format!(
                "a rule set (`rollcall-issuer rules adopt --event {event} --programme {}`)",
                programme.id
            ));
        }
        let sessions = agenda
            .sessions
            .iter()
            .filter(|s| s.programme.as_ref() == Some(&programme.id));
        let end = sessions.map(|s| s.actual_end.unwrap_or(s.end)).max();
        if let Some(end) = end.filter(|end| now < *end) {
            why.push(format!("its last session, which ends at {}", instant(end)));
        }
        for door in incomplete_doors(&agenda, &programme.id, &watermarks, &lost) {
            let held = match watermarks.get(&door) {
                Some(at) => format!("its entries are held up to {}", instant(*at)),
                None => "nothing is known yet of how far its entries are held".to_owned(),
            };
            why.push(format!(
                "the door {door}: {held} (`rollcall-issuer door lost` gives up what is missing)"
            ));
        }
        if !why.is_empty() {
            waits.insert(programme.id.clone(), why);
        }
    }
    Ok(waits)
}

#[derive(Default)]
struct Tally {
    issued: usize,
    held: usize,
    outdated: usize,
    for_a_kiosk: usize,
    for_evidence: usize,
    review: usize,
    nothing: usize,
    failed: usize,
}

impl Tally {
    fn line(
        &mut self,
        outcome: &Outcomes,
        decision: Option<&DecisionFacts>,
        is_waiting: bool,
    ) -> String {
        match outcome {
            Outcomes::Issued(code) => {
                self.issued += 1;
                format!("issued    {code}")
            }
            Outcomes::Held(code) => {
                self.held += 1;
                format!("has       {code}")
            }
            Outcomes::Outdated(code) => {
                self.outdated += 1;
                format!("outdated  {code}: its decision has changed since; revoke it")
            }
            Outcomes::Waiting => {
                self.for_a_kiosk += 1;
                "waits     for a kiosk to witness its decision".to_owned()
            }
            Outcomes::Failed(why) => {
                self.failed += 1;
                format!("failed    {why}")
            }
            Outcomes::Erased => {
                self.nothing += 1;
                "none      their data was erased".to_owned()
            }
            Outcomes::None => self.without(decision, is_waiting),
        }
    }

    fn without(&mut self, decision: Option<&DecisionFacts>, is_waiting: bool) -> String {
        match decision {
            Some(decision)
                if decision.complete && decision.outcome == attendance::Outcome::Review =>
            {
                self.review += 1;
                format!("review    {}", decision.explanation)
            }
            Some(decision) if decision.complete => {
                self.nothing += 1;
                format!("none      {}", decision.explanation)
            }
            Some(_) | None => {
                self.for_evidence += 1;
                let why = if is_waiting {
                    "for what its programme waits for"
                } else {
                    "to be decided"
                };
                format!("waits     {why}")
            }
        }
    }

    fn summary(&self) -> String {
        let parts = [
            (self.issued, "issued"),
            (self.held, "issued before"),
            (self.outdated, "outdated"),
            (self.for_a_kiosk, "waiting for a kiosk's witness"),
            (self.for_evidence, "waiting for their programme"),
            (self.review, "to review"),
            (self.nothing, "without a certificate"),
            (self.failed, "failed"),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if said.is_empty() {
            "Nobody is decided yet.".to_owned()
        } else {
            format!("{}.", said.join(", "))
        }
    }
}

pub(super) fn revoke(
    here: &Premises,
    certificate: &CertificateId,
    reason: &str,
    operator: &str,
) -> Ended {
    reason_code(reason)?;
    here.operator(operator)?;
    let versions = here.store.certificate(certificate)?;
    if let Some(held) = versions
        .last()
        .and_then(|newest| newest.revocation.as_ref())
    {
        return Err(Failure::failed(format!(
            "the certificate {certificate} was revoked at {} by {} ({})",
            instant(held.at),
            held.operator,
            held.reason
        )));
    }
    let index = here
        .certifier()
        .revoke(certificate, reason, operator, now())?;
    say(format!(
        "The certificate {certificate} is revoked: ledger entry {index}."
    ))?;
    say(format!(
        "Its page says so: {}/c/{certificate}",
        here.config.public_url
    ))?;
    Ok(Exit::Done)
}
