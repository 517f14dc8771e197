//! What a reader's thread does: open, wait, stamp, decode, hand on; and look for the device again when it is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use attendance::time::Stamp;
use attendance::words::ReaderId;

use super::{
    Clock, Closed, Connection, Decoded, Device, Loss, LossKind, RawScan, ReaderEvent, Refusal,
    Sink, symbology,
};

/// Longest wait for input, in milliseconds, before a thread shows that it lives.
const WAIT_MS: u64 = 250;
/// First and longest pause before a lost device is looked for again. A reader is to be back two seconds after it was plugged in, and the kernel
/// needs some of that to find it.
const REOPEN_MS_MIN: u64 = 250;
const REOPEN_MS_MAX: u64 = 500;
/// How long a connection has to last before the next loss is answered quickly again: a loose plug shall not fill the journal.
const STEADY_MS: u64 = 5_000;
/// Shortest time between two reports of the same kind of rubbish.
const REJECTED_EVERY_MS: u64 = 1_000;

/// What a thread shows to the watch. Times are milliseconds since `epoch`.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) epoch: Instant,
    /// When the thread last came by.
    beat_ms: AtomicU64,
    /// The thread waits for the sink to take an event: whoever empties the sink is slow, not the reader.
    handing_on: AtomicBool,
    /// The device is open.
    pub(super) attached: AtomicBool,
    /// The input is over, or nobody takes events: the thread ends as it should.
    pub(super) over: AtomicBool,
    /// The thread shall end.
    pub(super) stop: AtomicBool,
}

impl Pulse {
    pub(super) fn new(epoch: Instant) -> Self {
        let pulse = Self {
            epoch,
            beat_ms: AtomicU64::new(0),
            handing_on: AtomicBool::new(false),
            attached: AtomicBool::new(false),
            over: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        };
        pulse.beat();
        pulse
    }

    fn now_ms(&self) -> u64 {
        ms(self.epoch.elapsed())
    }

    fn beat(&self) -> u64 {
        let now_ms = self.now_ms();
        self.beat_ms.store(now_ms, Ordering::Relaxed);
        now_ms
    }

    /// How long the thread has not come by, at `now`.
    pub(super) fn silent_ms(&self, now: Instant) -> u64 {
        if self.handing_on.load(Ordering::Relaxed) {
            return 0;
        }
        let now_ms = ms(now.saturating_duration_since(self.epoch));
        now_ms.saturating_sub(self.beat_ms.load(Ordering::Relaxed))
    }
}

fn ms(duration: Duration) -> u64 {
    // 2^64 milliseconds are longer than any machine runs.
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One reader's thread.
pub(super) struct ReaderThread {
    pub(super) reader: ReaderId,
    pub(super) aim: bool,
    pub(super) device: Box<dyn Device>,
    pub(super) clock: Clock,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) pulse: Arc<Pulse>,
}

impl ReaderThread {
    /// Reads until told to stop, until the input is over, or until nobody takes events.
    pub(super) fn run(mut self) {
        // `Closed` is the only way out by error, and means that the runtime is ending.
        let _: Result<(), Closed> = self.read_on();
        self.pulse.attached.store(false, Ordering::Relaxed);
        self.pulse.over.store(true, Ordering::Relaxed);
    }

    fn read_on(&mut self) -> Result<(), Closed> {
        let mut reported: Option<ReaderEvent> = None;
        let mut pause_ms = REOPEN_MS_MIN;
        while !self.stopping() {
            self.pulse.beat();
            let loss = match self.device.open() {
                Ok(connection) => {
                    reported = None;
                    let since_ms = self.pulse.beat();
                    self.attached()?;
                    let Some(loss) = self.read_connection(connection)? else {
                        return Ok(());
                    };
                    if self.pulse.now_ms().saturating_sub(since_ms) >= STEADY_MS {
                        pause_ms = REOPEN_MS_MIN;
                    }
                    loss
                }
                Err(loss) => loss,
            };
            self.pulse.attached.store(false, Ordering::Relaxed);
            let over = loss.kind == LossKind::Ended;
            // Said before it is reported, so that the watch never takes the end for a death.
            self.pulse.over.store(over, Ordering::Relaxed);
            let event = lost(&self.reader, loss);
            if reported.as_ref() != Some(&event) {
                self.put(event.clone())?;
                reported = Some(event);
            }
            if over {
                return Ok(());
            }
            self.pause(pause_ms);
            pause_ms = (pause_ms * 2).min(REOPEN_MS_MAX);
        }
        Ok(())
    }

    fn attached(&self) -> Result<(), Closed> {
        self.pulse.attached.store(true, Ordering::Relaxed);
        self.put(ReaderEvent::Attached {
            reader: self.reader.clone(),
        })
    }

    /// Reads one connection until it is lost; `None` if told to stop.
    fn read_connection(&self, mut connection: Box<dyn Connection>) -> Result<Option<Loss>, Closed> {
        let mut decoded = Vec::new();
        let mut tally = Tally::default();
        let mut last_stamp: Option<Stamp> = None;
        while !self.stopping() {
            let now_ms = self.pulse.beat();
            let wait_ms = connection
                .due_ms()
                .map_or(WAIT_MS, |due_ms| due_ms.saturating_sub(now_ms).min(WAIT_MS));
            match connection.wait(Duration::from_millis(wait_ms)) {
                Ok(true) => {
                    last_stamp = Some((self.clock)());
                    connection.decode(self.pulse.now_ms(), &mut decoded);
                }
                Ok(false) => connection.quiet(self.pulse.now_ms(), &mut decoded),
                Err(loss) => {
                    connection.end(&loss, &mut decoded);
                    self.hand_on(&mut decoded, last_stamp.as_ref(), &mut tally)?;
                    self.report(tally.rest())?;
                    return Ok(Some(loss));
                }
            }
            self.hand_on(&mut decoded, last_stamp.as_ref(), &mut tally)?;
            self.report(tally.due(self.pulse.now_ms()))?;
        }
        Ok(None)
    }

    fn hand_on(
        &self,
        decoded: &mut Vec<Decoded>,
        stamp: Option<&Stamp>,
        tally: &mut Tally,
    ) -> Result<(), Closed> {
        for decoded in decoded.drain(..) {
            match (decoded, stamp) {
                (Decoded::Code { text, symbology }, Some(stamp)) => {
                    match self.scan(text, symbology, stamp) {
                        Ok(scan) => self.put(ReaderEvent::Scan(scan))?,
                        Err(refusal) => tally.add(refusal),
                    }
                }
                (Decoded::Refused(refusal), _) => tally.add(refusal),
                // Without any input there is no code.
                (Decoded::Code { .. }, None) => {}
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        text: String,
        symbology: Option<String>,
        stamp: &Stamp,
    ) -> Result<RawScan, Refusal> {
        let (symbology, text) = apart(text, symbology, self.aim)?;
        Ok(RawScan {
            reader: self.reader.clone(),
            symbology,
            text,
            stamp: stamp.clone(),
        })
    }

    fn report(&self, rubbish: Vec<(Refusal, u32)>) -> Result<(), Closed> {
        for (code, count) in rubbish {
            self.put(ReaderEvent::Rejected {
                reader: self.reader.clone(),
                code,
                count,
            })?;
        }
        Ok(())
    }

    fn put(&self, event: ReaderEvent) -> Result<(), Closed> {
        self.pulse.handing_on.store(true, Ordering::Relaxed);
        let taken = self.sink.put(event);
        self.pulse.beat();
        self.pulse.handing_on.store(false, Ordering::Relaxed);
        taken
    }

    fn stopping(&self) -> bool {
        self.pulse.stop.load(Ordering::Relaxed)
    }

    fn pause(&self, pause_ms: u64) {
        let until = Instant::now() + Duration::from_millis(pause_ms);
        while !self.stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.pulse.beat();
            std::thread::park_timeout(left);
        }
    }
}

/// A code's AIM identifier, where the device told it or, with `aim`, put it in front of the text; and the text without it.
pub(super) fn apart(
    text: String,
    symbology: Option<String>,
    aim: bool,
) -> Result<(Option<String>, String), Refusal> {
    let (symbology, text) = match symbology::split(&text) {
        (Some(identifier), rest) if aim && symbology.is_none() => {
            (Some(identifier.to_owned()), rest.to_owned())
        }
        _ => (symbology, text),
    };
    if text.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    Ok((symbology, text))
}

/// How the end of a connection is told: one that gives nothing is stalled, not lost.
fn lost(reader: &ReaderId, loss: Loss) -> ReaderEvent {
    let reader = reader.clone();
    match loss.kind {
        LossKind::Stalled => ReaderEvent::Stalled { reader },
        LossKind::NotFound
        | LossKind::Denied
        | LossKind::Busy
        | LossKind::Unplugged
        | LossKind::Ended
        | LossKind::Failed => ReaderEvent::Lost { reader, why: loss },
    }
}

/// Rubbish counted by reason, told at intervals.
#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<Refusal, u32>,
    told_ms: BTreeMap<Refusal, u64>,
}

impl Tally {
    fn add(&mut self, refusal: Refusal) {
        let count = self.counts.entry(refusal).or_default();
        *count = count.saturating_add(1);
    }

    /// What may be told at `now_ms`.
    fn due(&mut self, now_ms: u64) -> Vec<(Refusal, u32)> {
        let told_ms = &mut self.told_ms;
        let due = self.counts.extract_if(.., |refusal, _| {
            let told_before_ms = told_ms.get(refusal);
            let is_due = told_before_ms.is_none_or(|told_ms| now_ms >= told_ms + REJECTED_EVERY_MS);
            if is_due {
                told_ms.insert(*refusal, now_ms);
            }
            is_due
        });
        due.collect()
    }

    /// All that was not told yet.
    fn rest(&mut self) -> Vec<(Refusal, u32)> {
        std::mem::take(&mut self.counts).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_told_at_once_and_then_once_a_second() {
        let mut tally = Tally::default();
        tally.add(Refusal::Empty);
        assert_eq!(tally.due(10), [(Refusal::Empty, 1)]);
        assert_eq!(tally.due(20), []);
        tally.add(Refusal::Empty);
        tally.add(Refusal::Empty);
        tally.add(Refusal::TooLong);
        assert_eq!(tally.due(30), [(Refusal::TooLong, 1)]);
        assert_eq!(tally.due(1_009), []);
        assert_eq!(tally.due(1_010), [(Refusal::Empty, 2)]);
        tally.add(Refusal::Empty);
        assert_eq!(tally.rest(), [(Refusal::Empty, 1)]);
        assert_eq!(tally.rest(), []);
    }
}
