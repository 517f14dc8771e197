//! The service: one server, its background work, and an end in order.
//!
//! Promises: it answers once it says that it is ready. A signal to end lets requests under way finish, for
//! [`GRACE`] at the most, and background work finish its step; nothing is lost by `kill -9` either, since all that counts is
//! in committed transactions. systemd's watchdog is fed only while the database answers.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::api::Clock;
use crate::feeds::client::Ending;
use crate::store::Store;

/// How long requests under way may take once the end was asked for.
pub const GRACE: Duration = Duration::from_secs(3);
/// How long background work waits between two steps.
pub const STEP: Duration = Duration::from_millis(500);
/// How long a connection may wait before its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(30);
/// Threads for what blocks. The database takes one unit at a time, so more would only wait.
const BLOCKING_THREADS: usize = 16;

/// One step of work that goes on beside the server: it says what went wrong, and is asked again. A step that takes long ends early
/// when it is told that the program ends.
pub type Work = Box<dyn FnMut(attendance::UtcMs, &Ending) -> Result<(), String> + Send>;

/// What is served.
pub struct Service {
    /// Where.
    pub listen: SocketAddr,
    /// With which TLS; none on this machine itself.
    pub tls: Option<Arc<ServerConfig>>,
    /// All routes.
    pub app: Router,
    /// What goes on beside it, by name.
    pub works: Vec<(&'static str, Work)>,
    /// The clock that work is given.
    pub clock: Clock,
    /// The database, to see whether it answers.
    pub store: Arc<dyn Store>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {listen}: {cause}; another program may use it: set another `listen`")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The server failed.
    #[error("the server failed: {0}")]
    Failed(#[from] io::Error),
}

/// Serves until a signal to end comes.
///
/// # Errors
/// Where the address cannot be had or the server fails.
pub fn run(service: Service) -> Result<(), ServeError> {
    let Service {
        listen,
        tls,
        app,
        works,
        clock,
        store,
    } = service;
    let listener = TcpListener::bind(listen)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|cause| ServeError::Listen { listen, cause })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let background = Background::start(works, &clock);
    let served = runtime.block_on(async {
        let handle = Handle::new();
        tokio::spawn(end_on_signal(handle.clone())?);
        tokio::spawn(feed_watchdog(store));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tracing::info!(%listen, tls = tls.is_some(), "ready");
        notify(&[NotifyState::Ready]);
        match tls {
            Some(config) => {
                let config = RustlsConfig::from_config(config);
                axum_server::from_tcp_rustls(listener, config)?
                    .handle(handle)
                    .first_request_timeout(FIRST_REQUEST)
                    .serve(app)
                    .await
            }
            None => {
                axum_server::from_tcp(listener)?
                    .handle(handle)
                    .first_request_timeout(FIRST_REQUEST)
                    .serve(app)
                    .await
            }
        }
    });
    notify(&[NotifyState::Stopping]);
    // A unit under way on a thread finishes or is rolled back; waiting for it would only delay the end.
    runtime.shutdown_timeout(GRACE);
    background.end();
    tracing::info!("ended");
    Ok(served?)
}

/// Asks the server to end when a signal asks the program to.
fn end_on_signal(
    handle: Handle<SocketAddr>,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end");
        handle.graceful_shutdown(Some(GRACE));
    })
}

async fn feed_watchdog(store: Arc<dyn Store>) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval(limit / 3);
    loop {
        ticks.tick().await;
        let store = Arc::clone(&store);
        let answer = tokio::task::spawn_blocking(move || store.events().map(|_| ())).await;
        match answer {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => tracing::error!(cause = %error, "the database does not answer"),
            Err(error) => tracing::error!(cause = %error, "the database's thread failed"),
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(cause = %error, "systemd was not told");
    }
}

/// Work beside the server, each on a thread of its own: none waits for another.
struct Background {
    ending: watch::Sender<bool>,
    threads: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Background {
    fn start(works: Vec<(&'static str, Work)>, clock: &Clock) -> Self {
        let (ending, ended) = watch::channel(false);
        let start = |(name, mut work): (&'static str, Work)| {
            let (stop, stopped) = mpsc::channel();
            let (clock, ended) = (Arc::clone(clock), ended.clone());
            let thread = std::thread::spawn(move || {
                loop {
                    if let Err(cause) = work(clock(), &ended) {
                        tracing::error!(work = name, cause, "background work failed");
                    }
                    match stopped.recv_timeout(STEP) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            });
            (stop, thread)
        };
        let threads = works.into_iter().map(start).collect();
        Self { ending, threads }
    }

    fn end(self) {
        self.ending.send_replace(true);
        for (stop, _) in &self.threads {
            // A thread that is gone already needs no word.
            let _ = stop.send(());
        }
        for (_, thread) in self.threads {
            if thread.join().is_err() {
                tracing::error!("background work ended in a panic");
            }
        }
    }
}
