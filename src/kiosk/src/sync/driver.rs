//! The driver: does what the core says, one thing at a time. The only place of sync that reads a clock or opens a connection.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use evidence::SigningKey;
use tokio::sync::watch;

use super::core::{Beginning, Core};
use super::transport::Transport;
use super::words::{
    Alarm, Answer, Ask, Call, DeskReply, Effect, Failure, Input, MonoMs, Outcome, Request,
    SyncStatus,
};
use crate::desk::{Desk, DeskError};
use crate::kernel::raw_now_ms;

/// How long a beginning that failed is left alone.
const BEGIN_AGAIN: Duration = Duration::from_secs(5);
/// How long nothing at all may be under way; the core never leaves it at that.
const NOTHING_UNDER_WAY: Duration = Duration::from_secs(1);

enum Begin {
    /// Wait until the log says that it is enrolled.
    NotEnrolled,
    /// Try again in a while.
    Later(Alarm),
    /// The thread with the journal has ended.
    Over,
}

/// What a run goes with.
struct Run {
    core: Core,
    generation: u64,
    transport: Transport,
    kiosk: String,
    key: SigningKey,
    /// Of the sealed logs that are still delivered.
    sealed: BTreeMap<String, SigningKey>,
    /// Whose call a sealed log's next batch is.
    delivering: Option<String>,
}

/// Syncs until the desk's thread ends: waits for the enrolment, then sends and fetches, whatever becomes of the network. `status` always
/// holds how it stands. Dropping the future ends it at any point without harm.
pub async fn run(desk: Desk, status: watch::Sender<SyncStatus>) {
    let mut standing = desk.standing();
    loop {
        match begin(&desk).await {
            Ok(run) => {
                if follow(run, &desk, &status).await.is_break() {
                    return;
                }
            }
            Err(Begin::NotEnrolled) => {
                if standing
                    .wait_for(|standing| standing.enrolled)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(Begin::Later(alarm)) => {
                status.send_modify(|status| status.alarms = vec![alarm]);
                tokio::time::sleep(BEGIN_AGAIN).await;
            }
            Err(Begin::Over) => return,
        }
    }
}

async fn begin(desk: &Desk) -> Result<Run, Begin> {
    let state = desk.state().await.map_err(|error| match error {
        DeskError::Closed => Begin::Over,
        DeskError::NotEnrolled => Begin::NotEnrolled,
        _ => Begin::Later(Alarm::JournalFailed),
    })?;
    let (Some(enrolment), Some(key)) = (state.enrolment, state.key) else {
        return Err(Begin::NotEnrolled);
    };
    let transport = match Transport::new(&enrolment.url, &state.pins, raw_now_ms) {
        Ok(transport) => transport,
        Err(fault) => {
            tracing::error!(%fault, "sync cannot begin");
            return Err(Begin::Later(Alarm::AddressUnusable));
        }
    };
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|_| Begin::Later(Alarm::JournalFailed))?;
    let generation = state.standing.generation;
    let core = Core::new(Beginning {
        kiosk: enrolment.kiosk.clone(),
        issuer_key: enrolment.issuer_key,
        standing: state.standing,
        receipted_size: state.receipted_size,
        bundle_etag: state.bundle_etag,
        seed: u64::from_le_bytes(seed),
    });
    Ok(Run {
        core,
        generation,
        transport,
        kiosk: enrolment.kiosk.as_str().to_owned(),
        key,
        sealed: state
            .sealed
            .into_iter()
            .map(|(kiosk, key)| (kiosk.as_str().to_owned(), key))
            .collect(),
        delivering: None,
    })
}

/// Goes on until the desk's thread ends, or until the kiosk has become another to the issuer and everything begins again.
async fn follow(mut run: Run, desk: &Desk, status: &watch::Sender<SyncStatus>) -> ControlFlow<()> {
    let mut standing = desk.standing();
    let mut input = Input::Grew(*standing.borrow_and_update());
    loop {
        if standing.borrow().generation != run.generation {
            return ControlFlow::Continue(());
        }
        let effect = run.core.step(MonoMs(raw_now_ms()), input);
        publish(&run.core, status);
        input = match effect {
            Some(Effect::Call(request)) => match run.send(&request).await {
                Ok(answer) => Input::Answer(answer),
                Err(failure) => Input::Failed {
                    id: request.id,
                    failure,
                },
            },
            Some(Effect::Ask(ask)) => {
                let reply = run.ask(desk, ask).await;
                if is_closed(&reply) {
                    return ControlFlow::Break(());
                }
                Input::Desk(reply)
            }
            Some(Effect::WaitUntil(until)) => {
                let wait_ms = until.since_ms(MonoMs(raw_now_ms())).max(1);
                tokio::select! {
                    changed = standing.changed() => {
                        if changed.is_err() {
                            return ControlFlow::Break(());
                        }
                        Input::Grew(*standing.borrow_and_update())
                    }
                    () = tokio::time::sleep(Duration::from_millis(wait_ms)) => Input::Tick,
                }
            }
            None => {
                tokio::time::sleep(NOTHING_UNDER_WAY).await;
                Input::Tick
            }
        };
        // What grew meanwhile is known before the answer is looked at; with something under way this has no effect of its own.
        if let Ok(true) = standing.has_changed()
            && matches!(
                input,
                Input::Answer(_) | Input::Failed { .. } | Input::Desk(_)
            )
        {
            let grown = *standing.borrow_and_update();
            run.core.step(MonoMs(raw_now_ms()), Input::Grew(grown));
        }
    }
}

impl Run {
    /// Makes a call as the kiosk that it is of: a sealed log's delivery is signed by that log's key.
    async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let delivering = self
            .delivering
            .as_ref()
            .filter(|_| request.call == Call::Sealed);
        let (kiosk, key) = match delivering.and_then(|id| self.sealed.get_key_value(id)) {
            Some((kiosk, key)) => (kiosk, key),
            None => (&self.kiosk, &self.key),
        };
        self.transport.send(request, kiosk, key).await
    }

    async fn ask(&mut self, desk: &Desk, ask: Ask) -> DeskReply {
        match ask {
            Ask::Batch {
                from,
                max_entries,
                max_bytes,
            } => DeskReply::Batch(desk.batch(from, max_entries, max_bytes).await),
            Ask::Accepted { sent, answer } => {
                DeskReply::Accepted(desk.accepted(sent, answer).await)
            }
            Ask::Fork { checkpoint } => DeskReply::Fork(desk.fork(checkpoint).await),
            Ask::Sealed => {
                let batch = desk.sealed().await;
                self.delivering = match &batch {
                    Ok(Some(batch)) => Some(batch.kiosk.as_str().to_owned()),
                    Ok(None) | Err(_) => None,
                };
                DeskReply::Sealed(batch)
            }
            Ask::Delivered { number, size } => {
                DeskReply::Delivered(desk.delivered(number, size).await)
            }
            Ask::Time(clock) => {
                self.transport.trust(&clock);
                DeskReply::Time(desk.time(clock).await)
            }
            Ask::Bundle { signed, etag } => {
                let adopted = desk.bundle(signed, etag).await;
                if let Ok(in_force) = &adopted
                    && let Err(fault) = self.transport.set_pins(&in_force.pins)
                {
                    tracing::warn!(%fault, "the bundle's pins were not taken");
                }
                DeskReply::Bundle(adopted)
            }
            Ask::Presence(rows) => DeskReply::Presence(desk.presence(rows).await),
            Ask::Status => DeskReply::Status(desk.status().await),
        }
    }
}

fn is_closed(reply: &DeskReply) -> bool {
    use crate::desk::{AcceptedError, AdoptError, ForkError};
    let closed = DeskError::Closed;
    match reply {
        DeskReply::Batch(Err(error))
        | DeskReply::Fork(Err(ForkError::Desk(error)))
        | DeskReply::Sealed(Err(error))
        | DeskReply::Delivered(Err(error))
        | DeskReply::Accepted(Err(AcceptedError::Desk(error)))
        | DeskReply::Time(Err(error))
        | DeskReply::Bundle(Err(AdoptError::Desk(error)))
        | DeskReply::Presence(Err(error))
        | DeskReply::Status(Err(error)) => *error == closed,
        _ => false,
    }
}

fn publish(core: &Core, status: &watch::Sender<SyncStatus>) {
    let new = core.status();
    status.send_if_modified(|old| {
        if *old == new {
            return false;
        }
        if old.last != new.last {
            note(old, &new);
        }
        *old = new;
        true
    });
}

/// One line where the outcome is another than before; each attempt only for whoever wants to know.
fn note(old: &SyncStatus, new: &SyncStatus) {
    let Some(last) = new.last else {
        return;
    };
    let call = last.call.as_str();
    let outcome = last.outcome.as_str();
    let code = last.code.unwrap_or("-");
    let same = old
        .last
        .is_some_and(|old| (old.outcome, old.code) == (last.outcome, last.code));
    if same {
        tracing::debug!(call, outcome, code, "sync");
    } else if last.outcome == Outcome::Ok {
        tracing::info!(call, outcome, "sync");
    } else {
        tracing::warn!(call, outcome, code, "sync");
    }
}
