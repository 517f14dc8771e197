//! The keeper: the one thread that owns door, journal and feedback.
//!
//! Promises: scans that wait together share one commit, and are answered after it, in their order. Where a commit fails, each of them is
//! answered with the failure, the door's state is thrown away, and nothing is answered green until the journal was opened anew and an
//! append went through. A commit that failed is never tried again on the same handle. Before enrolment nothing is recorded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use attendance::UtcMs;
use attendance::time::{Stamp, Sync};
use attendance::words::{Direction, ReaderId};
use protocol::enrol::CLAIM_PREFIX;
use protocol::entry::{Body, Boot, BootCause, Entry, Note};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::config::{Config, Language};
use crate::desk::{DeskRequest, Standing};
use crate::door::{Decided, TakingBack};
use crate::feedback::{Sinks, Telling};
use crate::gpio::{Change, Watch};
use crate::journal::{Disk, Folder, Journal, JournalError};
use crate::kernel::{self, Clocks};
use crate::readers::{Clock, ReaderEvent};
use crate::screen::messages::{Locale, Messages};
use crate::screen::server::EventInfo;
use crate::screen::view::{
    Face, RECENT_SCANS_MAX, ScanRow, StaffAnswer, Standing as ShownStanding, Status, TimeAnswer,
};

use crate::sync::words::SyncStatus;

use super::SOFTWARE;
use super::board::BoardFacts;
use super::overview::{Trend, unknown};
use super::reader_facts::{ReaderFacts, turns_reader};
use super::rebuild::{InForce, rebuild};
use super::recorder::Recorder;

/// The most scans of one commit.
const GROUP_MAX: usize = 64;
/// How long, on the raw clock, the keeper waits before it opens a failed journal again.
pub const REOPEN_MS: u64 = 1_000;

/// What the keeper is told.
#[derive(Debug)]
pub(super) enum Input {
    /// Of a reader.
    Reader(ReaderEvent),
    /// Of the board's lines.
    Pin(Change),
    /// By sync or enrolment.
    Desk(DeskRequest),
    /// A second has passed; answers whether scans could be recorded.
    Tick(oneshot::Sender<bool>),
    /// Record and answer what came before this, and end.
    Stop,
}

/// What the keeper is given for life. It reads no clock but these.
pub struct Place {
    /// The data folder.
    pub folder: Arc<Folder>,
    /// The disk's side of each journal that is opened.
    pub disk: Box<dyn Fn() -> Disk + Send>,
    /// Stamps.
    pub clock: Clock,
    /// The same clocks, to be told what the journal knows of them.
    pub clocks: Option<Arc<Clocks>>,
    /// Milliseconds since boot, time suspended included.
    pub boottime_ms: Box<dyn Fn() -> u64 + Send>,
    /// Milliseconds that the machine was suspended in this boot.
    pub suspended_ms: Box<dyn Fn() -> u64 + Send>,
    /// When the program was built: no time before it is believed.
    pub built_at: UtcMs,
    /// How long a failed journal is left alone, in milliseconds: [`REOPEN_MS`] but in tests.
    pub reopen_ms: u64,
    /// How sync stands, for the pages.
    pub sync: watch::Receiver<SyncStatus>,
    /// What a person configured.
    pub config: Config,
}

/// A claim that was scanned and not taken.
#[derive(Clone, Debug)]
pub(super) struct ClaimTrouble {
    pub(super) since_ms: i64,
    /// Why, for people; nothing of the claim.
    pub(super) why: String,
}

/// Where the keeper publishes.
pub struct Outlets {
    pub(super) sinks: Sinks,
    /// Whether the words that go to the sinks may name people.
    pub(super) names: bool,
    /// Why the claim that was scanned last was not taken.
    pub(super) claim_trouble: watch::Receiver<Option<ClaimTrouble>>,
    pub(super) resting: watch::Sender<Face>,
    pub(super) status: watch::Sender<Status>,
    pub(super) info: watch::Sender<EventInfo>,
    pub(super) standing: watch::Sender<Standing>,
    /// Claims that were scanned; one at a time.
    pub(super) claims: mpsc::Sender<Zeroizing<String>>,
    /// The board's lines, to be asked how they stand.
    pub(super) board: Option<Watch>,
}

impl Outlets {
    /// Feedback goes to these sinks and nothing else goes anywhere: for a keeper without pages.
    pub fn to(sinks: Sinks) -> Self {
        Self {
            sinks,
            names: false,
            claim_trouble: watch::Sender::new(None).subscribe(),
            resting: watch::Sender::new(Face::NotSetUp),
            status: watch::Sender::new(unknown()),
            info: watch::Sender::new(EventInfo::default()),
            standing: watch::Sender::new(Standing::default()),
            claims: mpsc::channel(1).0,
            board: None,
        }
    }
}

/// What the keeper can do now.
pub(super) enum State {
    /// The kiosk belongs to nobody: nothing is recorded.
    NotSetUp(Box<Journal>),
    /// Scans are recorded.
    Recording(Box<Recorder>),
    /// The journal failed.
    Down {
        /// Why, as a code.
        code: &'static str,
        /// When to try again, on the raw clock.
        again_raw_ms: u64,
    },
}

/// The owner of door, journal and feedback. [`Keeper::run`] gives it a thread; whoever has time in their own hands calls
/// [`Keeper::record_group`], [`Keeper::serve`] and [`Keeper::tick`] instead.
pub struct Keeper {
    pub(super) place: Place,
    pub(super) outlets: Outlets,
    pub(super) state: State,
    pub(super) readers: BTreeMap<ReaderId, ReaderFacts>,
    pub(super) recent: VecDeque<ScanRow>,
    pub(super) last_scan: Option<UtcMs>,
    pub(super) shown: ShownStanding,
    pub(super) trend: Trend,
    pub(super) board: BoardFacts,
    pub(super) started_raw_ms: u64,
    /// Scans that were answered with a failure since the journal failed.
    unrecorded: u64,
    suspended_ms: u64,
    /// A suspend was noticed, or may have passed before this daemon started, and the journal does not say so yet.
    suspend_unsaid: bool,
    /// What the raw clock read when a suspend was last noticed: it stood still some time before.
    pub(super) suspend_raw_ms: Option<u64>,
    /// A reader at which the next badge takes its scan back.
    taking_back: Option<TakingBack>,
    messages: Messages,
    languages: Vec<Language>,
    ready: Option<oneshot::Sender<()>>,
}

/// A scan between its decision and its answer.
enum Pending {
    Scan(ReaderId, Box<Decided>),
    Time(ReaderId, TimeAnswer),
    /// A staff badge, or the badge after one.
    Staff(ReaderId, StaffAnswer),
    Event,
}

impl Keeper {
    /// A keeper over an open journal. Says `ready` when scans are recorded, or would be if the kiosk were enrolled.
    pub fn start(
        place: Place,
        outlets: Outlets,
        journal: Journal,
        ready: oneshot::Sender<()>,
    ) -> Self {
        let started = (place.clock)();
        let readers = ReaderFacts::of_config(&place.config.readers, started.wall);
        let mut keeper = Self {
            started_raw_ms: started.raw_ms,
            suspended_ms: (place.suspended_ms)(),
            // Nobody knows whether the machine slept before or after the last entry of this boot.
            suspend_unsaid: kernel::was_suspended(0, (place.suspended_ms)()),
            suspend_raw_ms: None,
            languages: place.config.languages.clone(),
            shown: ShownStanding {
                state: crate::screen::view::State::NotRecording,
                since_ms: started.wall.0,
            },
            state: State::Down {
                code: "starting",
                again_raw_ms: 0,
            },
            place,
            outlets,
            readers,
            recent: VecDeque::new(),
            trend: Trend::default(),
            board: BoardFacts::default(),
            last_scan: None,
            unrecorded: 0,
            messages: Messages::load(),
            ready: Some(ready),
            taking_back: None,
        };
        keeper.begin(journal);
        keeper
    }

    /// Goes on until told to stop, or until nobody can tell anything any more.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Input>) {
        let mut next = queue.blocking_recv();
        while let Some(input) = next.take() {
            match input {
                Input::Reader(event) => next = self.take_group(event, &mut queue),
                Input::Desk(request) => self.serve(request),
                Input::Pin(change) => self.take_change(change),
                Input::Tick(reply) => {
                    // Whoever asked may have given up.
                    let _ = reply.send(self.tick());
                }
                Input::Stop => break,
            }
            if next.is_none() {
                next = queue.blocking_recv();
            }
        }
    }

    /// Records and answers what waits together. Returns the first input that is none of a reader's.
    fn take_group(
        &mut self,
        first: ReaderEvent,
        queue: &mut mpsc::Receiver<Input>,
    ) -> Option<Input> {
        let mut group = vec![first];
        let mut other = None;
        while group.len() < GROUP_MAX && other.is_none() {
            match queue.try_recv() {
                Ok(Input::Reader(event)) => group.push(event),
                Ok(input) => other = Some(input),
                Err(_) => break,
            }
        }
        self.record_group(group);
        other
    }

    /// Whether a claim that is scanned is one to be used: while nobody, or nobody new, has enrolled this log.
    pub(super) fn takes_claims(&self) -> bool {
        match &self.state {
            State::NotSetUp(_) => true,
            State::Recording(recorder) => recorder.journal.awaits_enrolment(),
            State::Down { .. } => false,
        }
    }

    /// Takes out the claims of a group and passes them on; their secrets are not for the journal.
    fn take_claims(&mut self, group: Vec<ReaderEvent>) -> Vec<ReaderEvent> {
        if !matches!(self.state, State::Recording(_)) || !self.takes_claims() {
            return group;
        }
        let (claims, others): (Vec<_>, Vec<_>) = group.into_iter().partition(is_claim);
        for event in claims {
            if let ReaderEvent::Scan(scan) = event {
                // While one claim is being used, another one has to be scanned again.
                let _ = self.outlets.claims.try_send(Zeroizing::new(scan.text));
            }
        }
        others
    }

    /// Decides each, commits once, answers each.
    pub fn record_group(&mut self, group: Vec<ReaderEvent>) {
        let turns_reader = group.iter().any(turns_reader);
        self.record(group);
        if turns_reader {
            // Whoever looks at the pages while they plug a scanner in sees it at once.
            self.publish_status();
        }
    }

    fn record(&mut self, group: Vec<ReaderEvent>) {
        let group = self.take_claims(group);
        let stamp = (self.place.clock)();
        let events: Vec<(ReaderEvent, Option<Body>)> = group
            .into_iter()
            .map(|event| {
                let body = self.note_reader(&event, stamp.wall);
                (event, body)
            })
            .collect();
        self.notice_suspend();
        let State::Recording(recorder) = &mut self.state else {
            self.untell_all(&events);
            self.refuse(&events);
            return;
        };
        // What time codes prove rises in one commit with them; nothing of it counts before.
        let mut floor = recorder.journal.floor();
        let mut bytes = Vec::with_capacity(events.len());
        let mut pending = Vec::with_capacity(events.len());
        for (event, body) in &events {
            match (event, body) {
                (ReaderEvent::Scan(scan), _) => {
                    if let Some((encoded, timed)) =
                        recorder.take_time_code(scan, self.place.built_at)
                    {
                        floor = floor.max(timed.floor.unwrap_or(floor));
                        bytes.push(encoded);
                        pending.push(Pending::Time(scan.reader.clone(), timed.shown));
                        continue;
                    }
                    let taking = self.taking_back.take_if(|it| it.is_at(&scan.reader));
                    let badge = taking.as_ref().and_then(|it| it.badge(&scan.stamp));
                    if let Some((encoded, staffed)) = recorder.take_staffed(scan, badge) {
                        if let Some(badge) = staffed.takes_back {
                            let begun = TakingBack::begin(&scan.reader, &scan.stamp, badge);
                            self.taking_back = Some(begun);
                        }
                        bytes.push(encoded);
                        pending.push(Pending::Staff(scan.reader.clone(), staffed.shown));
                        continue;
                    }
                    let direction = self.readers.get(&scan.reader).and_then(|r| r.direction);
                    let (encoded, decided) = recorder.decide(scan, direction);
                    if let Some(facts) = self.readers.get_mut(&scan.reader) {
                        facts.answered(scan, decided.shown.verdict, &recorder.door);
                    }
                    let note = decided.note.clone();
                    bytes.push(encoded);
                    pending.push(Pending::Scan(scan.reader.clone(), Box::new(decided)));
                    let note = note.and_then(|note| recorder.take_note(&scan.stamp, note));
                    if let Some(encoded) = note {
                        bytes.push(encoded);
                        pending.push(Pending::Event);
                    }
                }
                (_, Some(body)) => {
                    let entry = Entry {
                        stamp: stamp.clone(),
                        body: body.clone(),
                    };
                    if let Some(encoded) = recorder.take(&entry) {
                        bytes.push(encoded);
                        pending.push(Pending::Event);
                    }
                }
                (_, None) => {}
            }
        }
        if bytes.is_empty() {
            return;
        }
        recorder.lay_traces_beside();
        match recorder.journal.append_signed_time(&bytes, floor) {
            Ok(range) => {
                recorder.urgent_size = range.end;
                let mut is_staffed = false;
                for (index, pending) in range.zip(pending) {
                    match pending {
                        Pending::Scan(reader, decided) => {
                            self.tell_recorded(index, &reader, *decided);
                        }
                        Pending::Time(reader, answer) => {
                            self.tell(&reader, Some(index), None, &Face::Time(answer), None);
                        }
                        Pending::Staff(reader, answer) => {
                            self.tell(&reader, Some(index), None, &Face::Staff(answer), None);
                            is_staffed = true;
                        }
                        Pending::Event => {}
                    }
                }
                if is_staffed {
                    // The door may be for another direction now.
                    self.set_resting();
                }
                self.follow_floor();
                // This wakes sync, which can wait; whoever stands at the door cannot.
                self.publish_standing();
            }
            Err(error) => {
                self.fail(&error);
                self.untell_all(&events);
                self.refuse(&events);
            }
        }
    }

    fn tell_recorded(&mut self, index: u64, reader: &ReaderId, decided: Decided) {
        let at_ms = decided.entry.stamp.wall.0;
        let row = ScanRow {
            at_ms,
            reader: reader.to_string(),
            verdict: decided.shown.verdict,
            entry: index,
            short_code: decided.shown.short_code.clone(),
        };
        self.recent.push_front(row);
        self.recent.truncate(RECENT_SCANS_MAX);
        self.last_scan = Some(decided.entry.stamp.wall);
        let provisional = match &decided.entry.body {
            Body::Scan(scan) => scan.provisional.first(),
            _ => None,
        };
        let face = Face::Result(decided.shown);
        self.tell(reader, Some(index), Some(decided.badge), &face, provisional);
        tracing::debug!(entry = index, %reader, "scan");
    }

    /// Answers scans that are not recorded.
    fn refuse(&mut self, events: &[(ReaderEvent, Option<Body>)]) {
        let face = match &self.state {
            State::Down { code, .. } => Face::Failure {
                code: (*code).to_owned(),
            },
            State::NotSetUp(_) | State::Recording(_) => Face::NotSetUp,
        };
        for (event, _) in events {
            if let ReaderEvent::Scan(scan) = event {
                if matches!(self.state, State::NotSetUp(_))
                    && scan.text.trim_start().starts_with(CLAIM_PREFIX)
                {
                    // While one claim is being used, another one has to be scanned again.
                    let _ = self
                        .outlets
                        .claims
                        .try_send(Zeroizing::new(scan.text.clone()));
                }
                if matches!(self.state, State::Down { .. }) {
                    self.unrecorded = self.unrecorded.saturating_add(1);
                }
                self.tell(&scan.reader, None, None, &face, None);
            }
        }
    }

    fn tell(
        &mut self,
        reader: &ReaderId,
        entry: Option<u64>,
        badge: Option<protocol::badge::BadgeDigest>,
        face: &Face,
        provisional: Option<&protocol::entry::Provisional>,
    ) {
        let wanted = match face {
            Face::Result(answer) => answer.language.as_deref(),
            Face::NotSetUp | Face::Idle { .. } | Face::Failure { .. } => None,
            Face::Time(_) | Face::Staff(_) => None,
        };
        let info = self.outlets.info.borrow().clone();
        let locale = Locale {
            language: Language::choose(wanted, &self.languages),
            time_zone: info.time_zone,
        };
        let text = if self.outlets.names {
            self.messages.line(locale, face, &info.kiosk)
        } else {
            self.messages
                .line(locale, &face.without_name(), &info.kiosk)
        };
        self.outlets.sinks.tell(&Telling {
            reader,
            entry,
            badge,
            face,
            text: &text,
            provisional,
        });
    }

    /// Appends one entry of the keeper's own. Its failure is the journal's.
    pub(super) fn append_own(&mut self, body: Body) -> Result<(), JournalError> {
        let stamp = (self.place.clock)();
        let State::Recording(recorder) = &mut self.state else {
            return Err(JournalError::Spent);
        };
        let Some(bytes) = recorder.take(&Entry { stamp, body }) else {
            return Ok(());
        };
        recorder.lay_traces_beside();
        let appended = recorder.journal.append(&[bytes]);
        match appended {
            Ok(range) => {
                recorder.urgent_size = range.end;
                self.publish_standing();
                Ok(())
            }
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
        }
    }

    pub(super) fn raw_now_ms(&self) -> u64 {
        (self.place.clock)().raw_ms
    }

    /// The machine was suspended: the raw clock stood still, and what comes now lies in a new segment.
    pub(super) fn notice_suspend(&mut self) {
        let suspended_ms = (self.place.suspended_ms)();
        if kernel::was_suspended(self.suspended_ms, suspended_ms) {
            self.suspended_ms = suspended_ms;
            self.suspend_unsaid = true;
            self.suspend_raw_ms = Some(self.raw_now_ms());
        }
        // A failure has been dealt with where it happened.
        let _ = self.say_suspend();
    }

    /// Journals a suspend that the journal does not know of. A journal that is down is told once it records again.
    fn say_suspend(&mut self) -> Result<(), JournalError> {
        if self.suspend_unsaid && matches!(self.state, State::Recording(_)) {
            let boot = self.boot(BootCause::Suspend);
            self.append_own(boot)?;
            self.suspend_unsaid = false;
        }
        Ok(())
    }

    /// Holds the wall clock to what the issuer has signed by now.
    pub(super) fn follow_floor(&self) {
        if let (State::Recording(recorder), Some(clocks)) = (&self.state, &self.place.clocks) {
            clocks.raise_floor(recorder.journal.floor());
        }
    }

    fn boot(&self, cause: BootCause) -> Body {
        let floor = match &self.state {
            State::Recording(recorder) => recorder.journal.floor(),
            State::NotSetUp(_) | State::Down { .. } => UtcMs::DISTANT_PAST,
        };
        Body::Boot(Boot {
            cause,
            boottime_ms: (self.place.boottime_ms)(),
            software: SOFTWARE.to_owned(),
            floor: floor.max(self.place.built_at),
        })
    }

    /// Takes up an open journal: builds the door, and shows by a first entry that it can be written.
    pub(super) fn begin(&mut self, journal: Journal) {
        if journal.enrolment().is_none() {
            match journal.ready() {
                Ok(()) => {
                    self.state = State::NotSetUp(Box::new(journal));
                    self.publish_standing();
                    self.say_ready();
                }
                Err(error) => self.fail(&error),
            }
            self.set_resting();
            return;
        }
        let repeat_s = self.place.config.repeat_s;
        let boot = (self.place.clock)().boot;
        match rebuild(journal, repeat_s, &boot) {
            Ok(rebuilt) => {
                if rebuilt.synced_in_this_boot
                    && let Some(clocks) = &self.place.clocks
                {
                    clocks.remember_synced();
                }
                self.last_scan = rebuilt.last_scan;
                self.enter(rebuilt.recorder);
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Records from now on. The first entry is the proof that it can.
    fn enter(&mut self, recorder: Recorder) {
        self.publish_info(&recorder.in_force);
        self.state = State::Recording(Box::new(recorder));
        if self.say_suspend().is_err() {
            return;
        }
        let first = if self.unrecorded > 0 || self.ready.is_none() {
            let unrecorded = i64::try_from(self.unrecorded).unwrap_or(i64::MAX);
            Body::Note(Note {
                code: "recovered".to_owned(),
                numbers: [("unrecorded".to_owned(), unrecorded)].into(),
            })
        } else {
            self.boot(BootCause::Start)
        };
        if self.append_own(first).is_ok() {
            self.unrecorded = 0;
            self.say_tampers();
            self.say_ready();
            self.set_resting();
            tracing::info!("recording");
        }
    }

    /// Goes on in the fresh log that a seal has begun. The first entries say when it began and under which bundle; if they do not become
    /// durable the kiosk recovers as from any failure.
    pub(super) fn begin_fresh(&mut self, recorder: Recorder, adopt: Option<Body>, sealed: Note) {
        self.state = State::Recording(Box::new(recorder));
        let boot = self.boot(BootCause::Start);
        let entries = [Some(boot), adopt, Some(Body::Note(sealed))];
        for body in entries.into_iter().flatten() {
            if self.append_own(body).is_err() {
                return;
            }
        }
        self.publish_standing();
        self.set_resting();
    }

    /// Begins to record for the issuer that enrolled this kiosk just now.
    pub(super) fn begin_enrolled(&mut self, recorder: Recorder, adopt: Body) {
        self.publish_info(&recorder.in_force);
        self.state = State::Recording(Box::new(recorder));
        let boot = self.boot(BootCause::Start);
        if self.append_own(boot).is_ok() && self.append_own(adopt).is_ok() {
            self.set_resting();
            tracing::info!("enrolled");
        }
    }

    fn say_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            // Nobody waits for it any more if the daemon is ending.
            let _ = ready.send(());
        }
    }

    /// Throws the door's state away: the journal alone knows what is durable.
    pub(super) fn fail(&mut self, error: &JournalError) {
        tracing::error!(code = error.code(), %error, "not recording");
        self.taking_back = None;
        self.state = State::Down {
            code: error.code(),
            again_raw_ms: self.raw_now_ms().saturating_add(self.place.reopen_ms),
        };
        self.set_resting();
        self.publish_standing();
    }

    /// Opens the journal again once there is room and its time has come.
    fn recover(&mut self) {
        let State::Down { again_raw_ms, .. } = self.state else {
            return;
        };
        if self.raw_now_ms() < again_raw_ms {
            return;
        }
        let disk = (self.place.disk)();
        let opened = disk
            .check_free(self.place.folder.path())
            .and_then(|()| Journal::open(Arc::clone(&self.place.folder), disk));
        match opened {
            Ok(journal) => self.begin(journal),
            Err(error) => {
                self.state = State::Down {
                    code: error.code(),
                    again_raw_ms: self.raw_now_ms().saturating_add(self.place.reopen_ms),
                };
            }
        }
    }

    /// A second has passed. Whether scans could be recorded now.
    pub fn tick(&mut self) -> bool {
        self.notice_suspend();
        self.recover();
        self.say_tampers();
        self.say_readers();
        let ready = match &mut self.state {
            State::NotSetUp(journal) => journal.ready(),
            State::Recording(recorder) => match recorder.journal.ready() {
                Ok(()) => recorder.journal.tidy(),
                Err(error) => Err(error),
            },
            State::Down { .. } => Err(JournalError::Spent),
        };
        if let Err(error) = &ready
            && !matches!(self.state, State::Down { .. })
        {
            self.fail(error);
        }
        self.publish_status();
        ready.is_ok()
    }

    /// The face between scans.
    pub(super) fn set_resting(&mut self) {
        let face = match &self.state {
            State::NotSetUp(_) => Face::NotSetUp,
            State::Down { code, .. } => Face::Failure {
                code: (*code).to_owned(),
            },
            State::Recording(recorder) => {
                let mut bound = self.readers.values().map(|reader| reader.direction);
                let first = bound.next().flatten();
                let alike = bound.all(|direction| direction == first);
                let of_readers: Option<Direction> = first.filter(|_| alike);
                Face::Idle {
                    direction: of_readers.or(recorder.door.staff_direction()),
                    clock_ok: (self.place.clock)().sync != Sync::Unset,
                }
            }
        };
        if *self.outlets.resting.borrow() != face {
            self.outlets.resting.send_replace(face);
        }
    }

    /// What the log has grown to; `None` where the journal cannot say.
    pub fn standing(&self) -> Option<Standing> {
        match &self.state {
            State::NotSetUp(_) => Some(Standing::default()),
            State::Recording(recorder) => Some(recorder.standing()),
            State::Down { .. } => None,
        }
    }

    pub(super) fn publish_standing(&self) {
        if let Some(standing) = self.standing() {
            self.outlets.standing.send_replace(standing);
        }
    }

    fn publish_info(&mut self, in_force: &InForce) {
        self.languages = Language::of_event(&in_force.languages);
        let info = EventInfo {
            kiosk: in_force.door_title.clone(),
            languages: in_force.languages.clone(),
            time_zone: in_force.zone.parse().unwrap_or(chrono_tz::Tz::UTC),
        };
        self.outlets.info.send_replace(info);
    }

    pub(super) fn refresh_info(&mut self) {
        if let State::Recording(recorder) = &self.state {
            let in_force = recorder.in_force.clone();
            self.publish_info(&in_force);
        }
        self.set_resting();
    }
}

fn is_claim(event: &ReaderEvent) -> bool {
    matches!(event, ReaderEvent::Scan(scan) if scan.text.trim_start().starts_with(CLAIM_PREFIX))
}

/// A stamp's clock state as statuses name it.
pub(super) fn clock_word(stamp: &Stamp) -> &'static str {
    stamp.sync.as_str()
}
