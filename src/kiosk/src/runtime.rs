//! The daemon: threads, channels, signals. Everything that decides lies elsewhere.
//!
//! One thread a reader puts what it read into one bounded queue. One thread, the [`keeper`], owns door, journal and feedback and empties
//! that queue. The rest is one asynchronous runtime on the main thread: sync, pages, signals, the watch over readers, systemd.
//!
//! Promises: ready is said when the journal was opened, could be written and the readers' threads run. The watchdog is fed only while the
//! keeper answers and every reader's thread moves. On SIGTERM and SIGINT what was read is recorded and answered, then the program ends
//! with 0.

mod board;
mod keeper;
mod overview;
mod reader_facts;
mod rebuild;
mod recorder;
mod requests;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use crate::config::{Config, DeviceConfig, Feedback as FeedbackConfig, ReaderConfig};
use crate::desk::{Desk, DeskError};
use crate::feedback::{Apart, Console, Feedback, Lines, OnScreen, Sinks, names_on_stdout};
use crate::gpio::{Board, Cue, Lights};
use crate::journal::{Disk, Folder, Journal, JournalError};
use crate::kernel::{self, BUILT_AT, Clocks, KernelError};
use crate::readers::{Answers, Closed, LiveView, ReaderEvent, Readers};
use crate::screen::devices::Look;
use crate::screen::server::{EventInfo, Handle, Settings, router};
use crate::screen::view::{Face, Status};
use crate::sync::words::SyncStatus;
use keeper::{ClaimTrouble, Input};
pub use keeper::{Keeper, Outlets, Place, REOPEN_MS};

/// The name and version of this program, in entries and requests.
pub const SOFTWARE: &str = concat!("rollcall-kiosk ", env!("CARGO_PKG_VERSION"));
/// What may wait for the keeper. Beyond, readers wait, and badges wait in the scanners.
const QUEUE_MAX: usize = 256;
/// How often readers are looked at and the keeper is asked whether it lives.
const TICK: Duration = Duration::from_secs(1);
/// How long the keeper may take to say that it lives; taking over a large bundle on a small board needs seconds.
const KEEPER_ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// How long the keeper may take to end.
const KEEPER_ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long pages may take to end.
const PAGES_END_WITHIN: Duration = Duration::from_millis(500);

/// Why the daemon does not run, or runs no more.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The kernel's clocks cannot be used.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The pages' address cannot be had.
    #[error(
        "{listen}: {cause}; is another program on this port? Choose another one under [screen] listen"
    )]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The system gives no more threads, signals or the like.
    #[error("the system refuses what the daemon needs: {0}")]
    System(#[from] std::io::Error),
    /// The keeper ended by itself: a fault of this program.
    #[error(
        "the thread that records scans has ended unexpectedly; what was accepted is safe, start the daemon again"
    )]
    KeeperEnded,
}

/// Runs until told to end by a signal.
///
/// # Errors
/// [`RunError`]: why it could not begin, or had to end.
pub fn run(config: &Config) -> Result<(), RunError> {
    let folder = Arc::new(Folder::take(&config.data_dir)?);
    let min_free_bytes = u64::from(config.storage.min_free_mb) << 20;
    let journal = Journal::open(Arc::clone(&folder), Disk::real(min_free_bytes))?;
    let clocks = Arc::new(Clocks::open(BUILT_AT.max(journal.floor()))?);

    let (inputs, queue) = mpsc::channel(QUEUE_MAX);
    let board = board(config, &inputs)?;
    let answers = Answers::of(&config.readers);
    let (outlets, watches, claims) = outlets(config, board.as_ref(), &answers)?;
    let stamping = Arc::clone(&clocks);
    let place = Place {
        folder,
        disk: Box::new(move || Disk::real(min_free_bytes)),
        clock: Arc::new(move || stamping.stamp()),
        clocks: Some(clocks),
        boottime_ms: Box::new(kernel::boottime_ms),
        suspended_ms: Box::new(kernel::suspended_ms),
        built_at: BUILT_AT,
        reopen_ms: REOPEN_MS,
        sync: watches.sync.clone(),
        config: config.clone(),
    };
    let (ready, is_ready) = oneshot::channel();
    let clock = Arc::clone(&place.clock);
    let keeper = std::thread::Builder::new()
        .name("keeper".to_owned())
        .spawn(move || Keeper::start(place, outlets, journal, ready).run(queue))?;
    let to_keeper = inputs.clone();
    let live = live_view(config);
    let sink = move |event: ReaderEvent| {
        let sent = to_keeper.blocking_send(Input::Reader(event));
        sent.map_err(|_| Closed)
    };
    let readers = Readers::start(&config.readers, &answers, live.clone(), clock, sink)?;

    let tasks = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let daemon = Daemon {
        inputs,
        readers,
        keeper,
        live,
        board,
        unsent: VecDeque::new(),
    };
    let ended = tasks.block_on(daemon.serve(config, watches, claims, is_ready));
    // What still runs there only waits for others.
    tasks.shutdown_background();
    ended
}

/// What the keeper publishes, as its readers hold it.
struct Watches {
    face: watch::Receiver<Face>,
    status: watch::Receiver<Status>,
    info: watch::Receiver<EventInfo>,
    standing: watch::Receiver<crate::desk::Standing>,
    faces: watch::Sender<Face>,
    resting: watch::Receiver<Face>,
    sync: watch::Receiver<SyncStatus>,
    syncs: watch::Sender<SyncStatus>,
    claim_troubles: watch::Sender<Option<ClaimTrouble>>,
}

fn look(config: &Config) -> Look {
    let readers = config.readers.clone();
    Look::new(move || overview::device_rows(&readers))
}

/// Starts what the configuration has on the board's lines.
fn board(config: &Config, inputs: &mpsc::Sender<Input>) -> std::io::Result<Option<Board>> {
    let Some(gpio) = &config.gpio else {
        return Ok(None);
    };
    let to_keeper = inputs.clone();
    let board = Board::start(gpio, move |change| {
        let sent = to_keeper.blocking_send(Input::Pin(change));
        sent.map_err(|_| Closed)
    });
    board.map(Some)
}

fn outlets(
    config: &Config,
    board: Option<&Board>,
    answers: &Answers,
) -> std::io::Result<(Outlets, Watches, mpsc::Receiver<Zeroizing<String>>)> {
    let (faces, face) = watch::channel(Face::NotSetUp);
    let (rests, resting) = watch::channel(Face::NotSetUp);
    let (statuses, status) = watch::channel(overview::unknown());
    let (infos, info) = watch::channel(EventInfo::default());
    let (standings, standing) = watch::channel(crate::desk::Standing::default());
    let (syncs, sync) = watch::channel(SyncStatus::default());
    let (claims, scanned) = mpsc::channel(1);
    let (claim_troubles, claim_trouble) = watch::channel(None);
    let stdout = Apart::start(std::io::stdout())?;
    let words: Box<dyn Feedback> = match config.feedback {
        FeedbackConfig::Console => Box::new(Console(stdout)),
        FeedbackConfig::Lines => Box::new(Lines(stdout)),
    };
    let mut sinks: Vec<Box<dyn Feedback>> = vec![
        Box::new(OnScreen(faces.clone())),
        Box::new(answers.clone()),
        words,
    ];
    let lights = board.and_then(Board::lights);
    sinks.extend(lights.map(|lights| Box::new(lights) as Box<dyn Feedback>));
    let sinks = Sinks::new(sinks);
    let outlets = Outlets {
        sinks,
        claim_trouble,
        names: names_on_stdout(config.feedback == FeedbackConfig::Lines),
        resting: rests,
        status: statuses,
        info: infos,
        standing: standings,
        claims,
        board: board.map(Board::watch),
    };
    let watches = Watches {
        face,
        status,
        info,
        standing,
        faces,
        resting,
        sync,
        syncs,
        claim_troubles,
    };
    Ok((outlets, watches, scanned))
}

struct Daemon {
    inputs: mpsc::Sender<Input>,
    readers: Readers,
    keeper: std::thread::JoinHandle<()>,
    live: Option<LiveView>,
    board: Option<Board>,
    /// What was seen of readers from outside and is not said yet.
    unsent: VecDeque<ReaderEvent>,
}

impl Daemon {
    async fn serve(
        mut self,
        config: &Config,
        watches: Watches,
        claims: mpsc::Receiver<Zeroizing<String>>,
        is_ready: oneshot::Receiver<()>,
    ) -> Result<(), RunError> {
        let listen = config.screen.listen;
        let no_listen = |cause| RunError::Listen { listen, cause };
        let listener = TcpListener::bind(listen).await.map_err(no_listen)?;
        let address = listener.local_addr().map_err(no_listen)?;
        tracing::info!(%address, "pages");
        let (end, ended) = watch::channel(false);
        let handle = Handle {
            face: watches.face,
            status: watches.status,
            info: watches.info,
            live: self.live.take(),
            look: look(config),
            settings: settings(config),
            wall_ms: || kernel::wall_now().0,
        };
        let pages = tokio::spawn(serve_pages(listener, handle, ended));
        if let Some(lights) = self.board.as_ref().and_then(Board::lights) {
            tokio::spawn(rest_lights(lights, watches.resting.clone()));
        }
        tokio::spawn(rest(watches.faces, watches.resting));
        let desk = desk(self.inputs.clone(), watches.standing);
        tokio::spawn(crate::sync::run(desk.clone(), watches.syncs));
        let data_dir = config.data_dir.clone();
        tokio::spawn(enrol_by_scan(
            claims,
            data_dir,
            desk,
            watches.claim_troubles,
        ));

        let outcome = self.watch_over(is_ready).await;
        notify(&[sd_notify::NotifyState::Stopping]);
        // A keeper that has gone already cannot be told to.
        let _ = self.inputs.send(Input::Stop).await;
        drop(self.inputs);
        let stopped = wait_for_end(&self.keeper).await;
        self.readers.stop();
        // Puts the lines to rest.
        drop(self.board);
        // Pages that do not close in time are left behind with the process.
        let _ = end.send(true);
        let _ = tokio::time::timeout(PAGES_END_WITHIN, pages).await;
        outcome.and(stopped)
    }

    /// Looks after everything until a signal comes, or the keeper ends.
    async fn watch_over(&mut self, mut is_ready: oneshot::Receiver<()>) -> Result<(), RunError> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let watchdog = sd_notify::watchdog_enabled();
        let mut fed = Instant::now();
        let mut ready = false;
        loop {
            tokio::select! {
                _ = term.recv() => return Ok(()),
                _ = int.recv() => return Ok(()),
                answered = &mut is_ready, if !ready => {
                    if answered.is_err() {
                        return Err(RunError::KeeperEnded);
                    }
                    ready = true;
                    tracing::info!("ready");
                    notify(&[sd_notify::NotifyState::Ready]);
                }
                _ = ticks.tick() => {
                    if self.keeper.is_finished() {
                        return Err(RunError::KeeperEnded);
                    }
                    let keeps = self.tick().await;
                    if let Some(every) = watchdog
                        && keeps
                        && fed.elapsed() >= every / 4
                    {
                        fed = Instant::now();
                        notify(&[sd_notify::NotifyState::Watchdog]);
                    }
                }
            }
        }
    }

    /// Whether scans could be recorded now: the keeper answers so, and every reader's thread moves.
    async fn tick(&mut self) -> bool {
        self.unsent.extend(self.readers.watch(Instant::now()));
        while let Some(event) = self.unsent.pop_front() {
            // What a full queue does not take is said at the next tick; no reader turns oftener than that.
            if let Err(full) = self.inputs.try_send(Input::Reader(event)) {
                let (mpsc::error::TrySendError::Full(input)
                | mpsc::error::TrySendError::Closed(input)) = full;
                if let Input::Reader(event) = input {
                    self.unsent.push_front(event);
                }
                break;
            }
        }
        self.unsent.truncate(QUEUE_MAX);
        let (reply, answer) = oneshot::channel();
        if self.inputs.try_send(Input::Tick(reply)).is_err() {
            return false;
        }
        let recording = tokio::time::timeout(KEEPER_ANSWERS_WITHIN, answer).await;
        matches!(recording, Ok(Ok(true))) && self.readers.all_live()
    }
}

/// A view for the screen, where there is a camera to see with.
fn live_view(config: &Config) -> Option<LiveView> {
    let is_camera = |reader: &ReaderConfig| matches!(reader.device, DeviceConfig::Camera(_));
    config.readers.iter().any(is_camera).then(LiveView::default)
}

fn settings(config: &Config) -> Settings {
    let mut settings = Settings::default();
    if let Some((width_mm, height_mm)) = config.screen.size_mm {
        settings.panel.width_mm = f64::from(width_mm);
        settings.panel.height_mm = f64::from(height_mm);
    }
    settings.hosts.clone_from(&config.screen.hosts);
    let own = config.screen.listen.ip();
    if !own.is_unspecified() {
        settings.hosts.push(own.to_string());
    }
    settings
}

async fn serve_pages(listener: TcpListener, handle: Handle, mut ended: watch::Receiver<bool>) {
    let until = async move {
        // Its sender going away is an end as well.
        let _ = ended.wait_for(|ended| *ended).await;
    };
    let pages = router(handle).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, pages).with_graceful_shutdown(until);
    if let Err(error) = served.await {
        tracing::error!(%error, "pages have ended");
    }
}

/// Puts the resting face back after each answer's time.
async fn rest(faces: watch::Sender<Face>, mut resting: watch::Receiver<Face>) {
    let mut face = faces.subscribe();
    loop {
        let hold_ms = face.borrow_and_update().hold_ms();
        tokio::select! {
            // An answer that came while the timer ran out is shown first.
            biased;
            changed = face.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(Duration::from_millis(hold_ms.unwrap_or(0))), if hold_ms.is_some() => {
                let rest = resting.borrow_and_update().clone();
                faces.send_replace(rest);
            }
            changed = resting.changed(), if hold_ms.is_none() => {
                if changed.is_err() {
                    return;
                }
                let rest = resting.borrow_and_update().clone();
                faces.send_replace(rest);
            }
        }
    }
}

/// Has the lights show what the screen shows between answers.
async fn rest_lights(lights: Lights, mut resting: watch::Receiver<Face>) {
    loop {
        lights.rest(Cue::of(&resting.borrow_and_update()));
        if resting.changed().await.is_err() {
            return;
        }
    }
}

/// The desk in front of the keeper's queue.
fn desk(inputs: mpsc::Sender<Input>, standing: watch::Receiver<crate::desk::Standing>) -> Desk {
    let send = move |request| {
        inputs
            .try_send(Input::Desk(request))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => DeskError::Busy,
                mpsc::error::TrySendError::Closed(_) => DeskError::Closed,
            })
    };
    Desk::new(send, standing)
}

/// Enrols by the claims that are scanned, one after the other.
async fn enrol_by_scan(
    mut claims: mpsc::Receiver<Zeroizing<String>>,
    data_dir: PathBuf,
    desk: Desk,
    troubles: watch::Sender<Option<ClaimTrouble>>,
) {
    while let Some(claim) = claims.recv().await {
        let trouble = match crate::enrol::enrol_at(&claim, &data_dir, &desk).await {
            Ok(enrolment) => {
                tracing::info!(kiosk = %enrolment.kiosk, "enrolled by a scanned claim");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the scanned claim was not taken");
                Some(ClaimTrouble {
                    since_ms: kernel::wall_now().0,
                    why: error.to_string(),
                })
            }
        };
        troubles.send_replace(trouble);
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// Waits for the keeper to record and answer what was read before it was told to stop.
async fn wait_for_end(keeper: &std::thread::JoinHandle<()>) -> Result<(), RunError> {
    let until = Instant::now() + KEEPER_ENDS_WITHIN;
    while !keeper.is_finished() {
        if Instant::now() >= until {
            return Err(RunError::KeeperEnded);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
