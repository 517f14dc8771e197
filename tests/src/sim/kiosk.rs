//! A kiosk: a card with a journal, in a machine with clocks, running the real keeper and the real sync core by hand.
//!
//! What the daemon's threads do in turn, one call does here at a moment of the true time: a scan, a tick, a step of the core with all that the
//! desk answers to it. A kiosk ends at any commit or between two; what it had in memory is gone then, and its card holds what its disk holds.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use attendance::time::Stamp;
use attendance::words::{DoorId, ReaderId};
use evidence::{Hash, PublicKey, SigningKey};
use kiosk::config::{self, Config};
use kiosk::desk::{DeskRequest, NewEnrolment, Reply, Standing};
use kiosk::feedback::{Feedback, Sinks, Telling};
use kiosk::journal::{Folder, Journal, JournalError, OwnedLeaf};
use kiosk::readers::{RawScan, ReaderEvent};
use kiosk::runtime::{Keeper, Outlets, Place, REOPEN_MS};
use kiosk::screen::view::Face;
use kiosk::sync::core::{Beginning, Core};
use kiosk::sync::words::{
    Answer, Ask, Call, DeskReply, Effect, Input, MonoMs, Request, SyncStatus,
};
use protocol::badge::BadgeDigest;
use tokio::sync::{oneshot, watch};

use super::broken::Broken;
use super::clock::{BUILT_AT, MachineClock, Now};
use super::disk::{Lies, SimDisk};
use crate::random::Random;

/// The database of a data folder.
const DATABASE: &str = "journal.sqlite";

/// What a reader of a door is called, and which way it is bound.
pub const READERS: [(&str, Option<&str>); 3] = [
    ("way-in", Some("in")),
    ("way-out", Some("out")),
    ("both", None),
];

/// What was told of one scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The entry, where it was recorded.
    pub entry: Option<u64>,
    /// The verdict's or the failure's word.
    pub word: String,
    /// The badge, where it was recorded.
    pub badge: Option<BadgeDigest>,
}

struct Listener(Arc<Mutex<Vec<Told>>>);

impl Feedback for Listener {
    fn tell(&mut self, telling: &Telling<'_>) -> io::Result<()> {
        let word = match telling.face {
            Face::Result(answer) => answer.verdict.as_str(),
            Face::Failure { code } => code,
            Face::NotSetUp => "not_set_up",
            Face::Time(_) => "time",
            Face::Staff(answer) => answer.code(),
            Face::Idle { .. } => "idle",
        };
        self.0.lock().unwrap().push(Told {
            entry: telling.entry,
            word: word.to_owned(),
            badge: telling.badge,
        });
        Ok(())
    }
}

/// What the core wants of the world.
#[derive(Debug)]
pub enum Want {
    /// This call.
    Call(Request),
    /// To be woken at this reading of the raw clock.
    Wake(u64),
    /// To begin again: the kiosk has become another to the issuer.
    Begin,
    /// Nothing: it waits for a call.
    Nothing,
}

/// A daemon that runs.
struct Daemon {
    keeper: Keeper,
    core: Option<Core>,
    sync: watch::Sender<SyncStatus>,
    /// What the core was last told of the log.
    grown: Standing,
    /// Who the kiosk is to the issuer.
    id: String,
    key: Option<SigningKey>,
    generation: u64,
    /// Of the sealed logs that are still delivered.
    sealed: BTreeMap<String, SigningKey>,
    /// Whose call a sealed log's next batch is.
    delivering: Option<String>,
}

/// A kiosk at a door.
pub struct Kiosk {
    /// Its name in traces.
    pub name: String,
    /// The door it stands at.
    pub door: DoorId,
    /// Its readers, by [`READERS`].
    pub readers: Vec<usize>,
    /// The machine's clocks.
    pub clock: MachineClock,
    /// The card's disk.
    pub disk: SimDisk,
    /// The key it enrolled with.
    pub key: SigningKey,
    /// Rises with each start and end of the daemon: what belongs to another is void.
    pub epoch: u64,
    /// Whether the machine is powered.
    pub powered: bool,
    /// Whether the machine is suspended.
    pub suspended: bool,
    folder: PathBuf,
    told: Arc<Mutex<Vec<Told>>>,
    random: Random,
    broken: Broken,
    daemon: Option<Daemon>,
    /// What its journal said of itself when the daemon last ran.
    last_alarms: Vec<&'static str>,
}

impl std::fmt::Debug for Kiosk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

fn ask<T>(keeper: &mut Keeper, request: impl FnOnce(Reply<T>) -> DeskRequest) -> T {
    let (reply, mut answer) = oneshot::channel();
    keeper.serve(request(reply));
    answer.try_recv().expect("the keeper answers at once")
}

impl Kiosk {
    /// A machine with an empty card, switched on now. Its daemon does not run yet.
    pub fn new(
        name: &str,
        door: &DoorId,
        readers: &[usize],
        folder: &Path,
        now: &Now,
        broken: Broken,
        random: &mut Random,
    ) -> Self {
        let lies = match broken {
            Broken::GreenBeforeSync => Lies::Commits,
            Broken::HeadNotPersisted => Lies::AllButScans,
            _ => Lies::None,
        };
        let mut own = Random::from_seed(random.number());
        let mut seed = [0; 32];
        for chunk in seed.chunks_mut(8) {
            chunk.copy_from_slice(&own.number().to_le_bytes());
        }
        Self {
            name: name.to_owned(),
            door: door.clone(),
            readers: readers.to_vec(),
            clock: MachineClock::boot(now, &mut own),
            disk: SimDisk::new(
                &folder.join(DATABASE),
                Random::from_seed(own.number()),
                lies,
            ),
            key: SigningKey::from_seed(&seed),
            epoch: 0,
            powered: true,
            suspended: false,
            folder: folder.to_owned(),
            told: Arc::default(),
            random: own,
            broken,
            daemon: None,
            last_alarms: Vec::new(),
        }
    }

    /// The card's database.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// Whether the daemon runs.
    pub fn runs(&self) -> bool {
        self.daemon.is_some()
    }

    fn config(&self) -> Config {
        let mut text = format!("data_dir = {:?}\n", self.folder);
        for (name, direction) in self.readers.iter().map(|reader| READERS[*reader]) {
            text.push_str(&format!(
                "[[reader]]\nname = \"{name}\"\nkind = \"lines\"\npath = \"/dev/{name}\"\n"
            ));
            if let Some(direction) = direction {
                text.push_str(&format!("direction = \"{direction}\"\n"));
            }
        }
        config::parse(&text, "the simulation").expect("the configuration reads")
    }

    /// Starts the daemon on the card.
    ///
    /// # Errors
    /// Where the journal cannot be opened: the daemon has ended with that.
    pub fn start(&mut self) -> Result<(), JournalError> {
        let folder = Arc::new(Folder::take(&self.folder)?);
        let journal = Journal::open(Arc::clone(&folder), self.disk.disk())?;
        self.clock
            .daemon(journal.floor(), self.broken == Broken::WallClockTrusted);
        self.epoch += 1;
        let (stamping, sleeping, booted) =
            (self.clock.clone(), self.clock.clone(), self.clock.clone());
        let disk = self.disk.clone();
        let (sync, status) = watch::channel(SyncStatus::default());
        let place = Place {
            folder,
            disk: Box::new(move || disk.disk()),
            clock: Arc::new(move || stamping.stamp()),
            clocks: None,
            boottime_ms: Box::new(move || booted.boottime_ms()),
            suspended_ms: Box::new(move || sleeping.suspended_ms()),
            built_at: BUILT_AT,
            reopen_ms: REOPEN_MS,
            sync: status,
            config: self.config(),
        };
        let sinks = Sinks::new(vec![Box::new(Listener(Arc::clone(&self.told)))]);
        let (ready, _) = oneshot::channel();
        let keeper = Keeper::start(place, Outlets::to(sinks), journal, ready);
        self.daemon = Some(Daemon {
            keeper,
            core: None,
            sync,
            grown: Standing::default(),
            id: String::new(),
            key: None,
            generation: 0,
            sealed: BTreeMap::new(),
            delivering: None,
        });
        Ok(())
    }

    /// Keeps an enrolment. Whether it is kept.
    pub fn enrol(&mut self, enrolled: NewEnrolment) -> bool {
        let daemon = self.daemon.as_mut().expect("the daemon runs");
        let enrolled = Box::new(enrolled);
        let kept = ask(&mut daemon.keeper, |reply| DeskRequest::Enrol {
            enrolled,
            reply,
        });
        self.disk.settle();
        kept.is_ok()
    }

    /// The key of the log that is written, where the journal says it.
    pub fn log_key(&mut self) -> Option<SigningKey> {
        let daemon = self.daemon.as_mut()?;
        let state = ask(&mut daemon.keeper, |reply| DeskRequest::State { reply });
        state.ok()?.log_key
    }

    /// What the log is now; nothing where the daemon or the journal is down.
    pub fn standing(&self) -> Option<Standing> {
        self.daemon.as_ref()?.keeper.standing()
    }

    /// How many logs on the card are sealed.
    pub fn sealed_logs(&self) -> u64 {
        let standing = self.standing().unwrap_or_default();
        (standing.generation + u64::from(standing.awaits)) / 2
    }

    /// Who signs a call.
    pub fn signs(&self, request: &Request) -> (String, SigningKey) {
        let daemon = self.daemon.as_ref().expect("a daemon that calls runs");
        let sealed = daemon.delivering.as_ref();
        let sealed = sealed.filter(|_| request.call == Call::Sealed);
        match sealed.and_then(|id| daemon.sealed.get_key_value(id)) {
            Some((id, key)) => (id.clone(), key.clone()),
            None => {
                let key = daemon.key.clone().expect("a kiosk that calls has a key");
                (daemon.id.clone(), key)
            }
        }
    }

    /// Ends the daemon in order.
    pub fn stop(&mut self) {
        self.remember();
        self.daemon = None;
        self.epoch += 1;
        self.disk.settle();
    }

    /// The daemon is gone without a word; the machine goes on.
    pub fn kill(&mut self) {
        let image = self.disk.image_at_kill();
        self.end_with(&image);
    }

    /// The power goes: the card holds what its disk holds.
    pub fn cut_power(&mut self) {
        let image = self.disk.image_at_end();
        self.end_with(&image);
        self.powered = false;
        self.suspended = false;
    }

    fn end_with(&mut self, image: &super::disk::Image) {
        self.remember();
        // Closing writes to the files once more; they are put back as they were left.
        self.daemon = None;
        self.epoch += 1;
        image.restore(&self.database());
    }

    fn remember(&mut self) {
        if let Some(core) = self.daemon.as_ref().and_then(|d| d.core.as_ref()) {
            for alarm in core.status().alarms {
                if !self.last_alarms.contains(&alarm.as_str()) {
                    self.last_alarms.push(alarm.as_str());
                }
            }
        }
    }

    /// Alarms of sync that stand now, and those that stood when a daemon ended.
    pub fn alarms(&self) -> Vec<&'static str> {
        let mut alarms = self.last_alarms.clone();
        if let Some(core) = self.daemon.as_ref().and_then(|d| d.core.as_ref()) {
            alarms.extend(core.status().alarms.iter().map(|alarm| alarm.as_str()));
        }
        alarms.sort_unstable();
        alarms.dedup();
        alarms
    }

    /// Forgets alarms of daemons that have ended: another card is in the machine.
    pub fn forget_alarms(&mut self) {
        self.last_alarms.clear();
    }

    /// Badges are held before readers, in one instant. What was told of each, and with which stamp; nothing where nobody answers.
    pub fn scan(&mut self, scans: &[(usize, String)]) -> (Stamp, Vec<Told>) {
        let stamp = self.clock.stamp();
        self.told.lock().unwrap().clear();
        let Some(daemon) = &mut self.daemon else {
            return (stamp, Vec::new());
        };
        let events = scans.iter().map(|(reader, text)| {
            ReaderEvent::Scan(RawScan {
                reader: ReaderId::new(READERS[*reader].0).unwrap(),
                symbology: None,
                text: text.clone(),
                stamp: stamp.clone(),
            })
        });
        daemon.keeper.record_group(events.collect());
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        if self.disk.has_ended() {
            // What a machine that has ended would have shown, nobody saw.
            return (stamp, Vec::new());
        }
        self.disk.scans_answered();
        (stamp, told)
    }

    /// A reader is plugged in, or falls out.
    pub fn reader_event(&mut self, event: ReaderEvent) {
        if let Some(daemon) = &mut self.daemon {
            daemon.keeper.record_group(vec![event]);
        }
    }

    /// A second has passed. Whether scans could be recorded.
    pub fn tick(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|d| d.keeper.tick())
    }

    /// Whether the core waits, and the log has grown since it was told.
    pub fn has_grown(&self) -> bool {
        self.daemon.as_ref().is_some_and(|daemon| {
            daemon.core.is_some() && daemon.keeper.standing().is_some_and(|s| s != daemon.grown)
        })
    }

    /// Begins to sync, where the journal says how.
    pub fn begin_sync(&mut self) -> Option<Want> {
        let seed = self.random.number();
        let daemon = self.daemon.as_mut()?;
        let state = ask(&mut daemon.keeper, |reply| DeskRequest::State { reply }).ok()?;
        let enrolment = state.enrolment?;
        daemon.grown = state.standing;
        daemon.id = enrolment.kiosk.to_string();
        daemon.key = state.key;
        daemon.generation = state.standing.generation;
        daemon.delivering = None;
        daemon.sealed = state
            .sealed
            .into_iter()
            .map(|(id, key)| (id.to_string(), key))
            .collect();
        daemon.core = Some(Core::new(Beginning {
            kiosk: enrolment.kiosk.clone(),
            issuer_key: enrolment.issuer_key,
            standing: state.standing,
            receipted_size: state.receipted_size,
            bundle_etag: state.bundle_etag,
            seed,
        }));
        Some(self.step(Input::Grew(state.standing)))
    }

    /// Something happened, or time passed: what the core wants then. Everything that it asks at the desk is answered on the way.
    pub fn step(&mut self, input: Input) -> Want {
        let mut input = input;
        let raw = MonoMs(self.clock.raw_ms());
        loop {
            if self.disk.has_ended() {
                return Want::Nothing;
            }
            let Some(daemon) = &mut self.daemon else {
                return Want::Nothing;
            };
            let Some(core) = &mut daemon.core else {
                return Want::Nothing;
            };
            // What grew meanwhile is known before an answer is looked at, as in the driver.
            let standing = daemon.keeper.standing().unwrap_or(daemon.grown);
            if standing.generation != daemon.generation {
                daemon.core = None;
                return Want::Begin;
            }
            if standing != daemon.grown {
                daemon.grown = standing;
                match &input {
                    Input::Tick | Input::Grew(_) => input = Input::Grew(standing),
                    Input::Answer(_) | Input::Failed { .. } | Input::Desk(_) => {
                        core.step(raw, Input::Grew(standing));
                    }
                }
            }
            let effect = core.step(raw, input);
            daemon.sync.send_replace(core.status());
            match effect {
                Some(Effect::Call(request)) => return Want::Call(request),
                Some(Effect::Ask(ask)) => input = Input::Desk(answer(daemon, ask, self.broken)),
                Some(Effect::WaitUntil(at)) => {
                    let standing = daemon.keeper.standing().unwrap_or(daemon.grown);
                    if standing == daemon.grown {
                        return Want::Wake(at.0);
                    }
                    input = Input::Tick;
                }
                None => return Want::Nothing,
            }
        }
    }

    /// The number of the kiosk's next random choice.
    pub fn choose(&mut self) -> u64 {
        self.random.number()
    }

    /// How far sync is: the log as it stands, and what of it the issuer has said it holds. `None` where nobody says.
    pub fn progress(&self) -> Option<(Standing, u64)> {
        let daemon = self.daemon.as_ref()?;
        let status = daemon.core.as_ref()?.status();
        Some((daemon.keeper.standing()?, status.issuer_size))
    }

    /// Reads the card while no daemon has it: every log on it, those that are sealed first.
    pub fn read_card(&mut self) -> Vec<CardLog> {
        assert!(!self.runs(), "the daemon has the card");
        let folder = Arc::new(Folder::take(&self.folder).expect("nobody else has it"));
        let disk = SimDisk::new(&self.database(), Random::from_seed(0), Lies::None);
        let journal = Journal::open(folder, disk.disk())
            .unwrap_or_else(|e| panic!("{}: the journal does not open: {e}", self.name));
        journal
            .verify_all()
            .unwrap_or_else(|e| panic!("{}: the journal does not verify: {e}", self.name));
        let mut entries = Vec::new();
        journal
            .for_each(0, |_, leaf, bytes| {
                entries.push(match bytes {
                    Some(bytes) => OwnedLeaf::Entry(bytes.to_vec()),
                    None => OwnedLeaf::Damaged(leaf),
                });
                Ok::<(), JournalError>(())
            })
            .expect("it reads");
        let enrolment = journal.enrolment().expect("it is enrolled");
        let current = CardLog {
            entries,
            origin: enrolment.origin.clone(),
            kiosk: enrolment.kiosk.to_string(),
            key: journal.key().public_key(),
            awaits: journal.awaits_enrolment(),
        };
        let sealed: Vec<_> = journal.sealed().to_vec();
        drop(journal);
        let mut logs: Vec<CardLog> = sealed
            .iter()
            .map(|log| CardLog {
                entries: self.sealed_entries(log.number),
                origin: log.origin.clone(),
                kiosk: log.kiosk.to_string(),
                key: log.key.public_key(),
                awaits: false,
            })
            .collect();
        logs.push(current);
        logs
    }

    /// What lies in a sealed log, read past the journal.
    fn sealed_entries(&self, number: u64) -> Vec<OwnedLeaf> {
        let db = rusqlite::Connection::open(self.database()).expect("the card opens");
        let query = format!("SELECT leaf, bytes FROM entries_{number} ORDER BY idx");
        let mut entries = db.prepare(&query).expect("a sealed log is kept");
        let rows = entries
            .query_map([], |row| Ok((Hash(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))
            .expect("it reads");
        rows.map(|row| {
            let (leaf, bytes) = row.expect("it reads");
            if evidence::leaf_hash(&bytes) == leaf {
                OwnedLeaf::Entry(bytes)
            } else {
                OwnedLeaf::Damaged(leaf)
            }
        })
        .collect()
    }

    /// Appends bytes to the log that a program of another version might have written. No daemon may run.
    pub fn append_foreign(&mut self, bytes: &[u8]) {
        assert!(!self.runs(), "the daemon has the card");
        let folder = Arc::new(Folder::take(&self.folder).expect("nobody else has it"));
        let mut journal = Journal::open(folder, self.disk.disk()).expect("it opens");
        journal.append(&[bytes.to_vec()]).expect("it appends");
    }
}

/// A log as a card holds it.
#[derive(Debug)]
pub struct CardLog {
    /// Its entries.
    pub entries: Vec<OwnedLeaf>,
    /// Its origin.
    pub origin: String,
    /// The kiosk's id that it is, or was last, enrolled under.
    pub kiosk: String,
    /// Its key.
    pub key: PublicKey,
    /// Whether nobody has enrolled it yet.
    pub awaits: bool,
}

fn answer(daemon: &mut Daemon, asked: Ask, broken: Broken) -> DeskReply {
    let keeper = &mut daemon.keeper;
    match asked {
        Ask::Batch {
            from,
            max_entries,
            max_bytes,
        } => DeskReply::Batch(ask(keeper, |reply| DeskRequest::Batch {
            from,
            max_entries,
            max_bytes,
            reply,
        })),
        Ask::Accepted { sent, .. } if broken == Broken::ReceiptNotJournalled => {
            DeskReply::Accepted(Ok(kiosk::desk::Taken {
                receipted_size: sent,
                ledger: Ok(0),
            }))
        }
        Ask::Accepted { sent, answer } => {
            DeskReply::Accepted(ask(keeper, |reply| DeskRequest::Accepted {
                sent,
                answer,
                reply,
            }))
        }
        Ask::Time(clock) => {
            DeskReply::Time(ask(keeper, |reply| DeskRequest::Time { clock, reply }))
        }
        Ask::Bundle { signed, etag } => {
            DeskReply::Bundle(ask(keeper, |reply| DeskRequest::Bundle {
                signed,
                etag,
                reply,
            }))
        }
        Ask::Presence(rows) => {
            DeskReply::Presence(ask(keeper, |reply| DeskRequest::Presence { rows, reply }))
        }
        Ask::Status => DeskReply::Status(ask(keeper, |reply| DeskRequest::Status { reply })),
        Ask::Fork { checkpoint } => {
            DeskReply::Fork(ask(keeper, |reply| DeskRequest::Fork { checkpoint, reply }))
        }
        Ask::Sealed => {
            let batch = ask(keeper, |reply| DeskRequest::Sealed { reply });
            daemon.delivering = match &batch {
                Ok(Some(batch)) => Some(batch.kiosk.to_string()),
                Ok(None) | Err(_) => None,
            };
            DeskReply::Sealed(batch)
        }
        Ask::Delivered { number, size } => {
            DeskReply::Delivered(ask(keeper, |reply| DeskRequest::Delivered {
                number,
                size,
                reply,
            }))
        }
    }
}

/// An answer that belongs to no call.
pub fn stray(answer: &Answer) -> Input {
    Input::Answer(answer.clone())
}
