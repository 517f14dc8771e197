//! A bad network: a proxy on loopback between kiosks and their issuer.
//!
//! Each request meets one [`Fault`], chosen by whoever scripts it. The proxy reads HTTP/1.1 requests with a length, one a connection, forwards
//! each over a connection of its own and, where the fault lets it, gives the answer back. It remembers what the issuer said it holds, whether or not
//! that answer was let through.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::batch::Accepted;

use crate::http::{connect, find, parse};
use crate::random::Random;

/// How long a delayed request is delayed.
const DELAY: Duration = Duration::from_millis(300);
/// How many other requests overtake one that is held.
const OVERTAKEN_BY: usize = 3;
/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing: it is forwarded and answered.
    None,
    /// It never arrives.
    DropRequest,
    /// It arrives and is handled; its answer is lost.
    DropAnswer,
    /// It arrives and is handled; its answer breaks off in the middle.
    CutAnswer,
    /// It arrives late.
    Delay,
    /// It arrives and is answered, arrives again at once, and once more after later ones.
    Duplicate,
    /// Its sender believes it lost; it arrives after later ones.
    Hold,
}

impl Fault {
    /// All that can go wrong.
    pub const ALL: [Self; 6] = [
        Self::DropRequest,
        Self::DropAnswer,
        Self::CutAnswer,
        Self::Delay,
        Self::Duplicate,
        Self::Hold,
    ];
}

/// Chooses what becomes of a request by its path.
pub type Script = Box<dyn FnMut(&str) -> Fault + Send>;

/// A script that deals every fault, and as many requests without one, in random order, again and again; batches only, the rest passes.
pub fn every_fault(mut random: Random) -> Script {
    let mut deck = Vec::new();
    Box::new(move |path| {
        if !path.ends_with("/entries") {
            return Fault::None;
        }
        if deck.is_empty() {
            deck.extend(Fault::ALL);
            deck.extend([Fault::None; Fault::ALL.len()]);
            random.shuffle(&mut deck);
        }
        deck.pop().expect("it was just filled")
    })
}

struct State {
    upstream: u16,
    script: Script,
    is_cut: bool,
    ended: bool,
    /// Requests that arrive after this many others.
    held: Vec<(usize, Vec<u8>)>,
    dealt: BTreeMap<Fault, usize>,
    batches: usize,
    /// What the issuer says it holds, by path.
    accepted: BTreeMap<String, u64>,
}

/// The proxy. It ends with this handle.
pub struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A proxy in front of a port of loopback, without faults.
    ///
    /// # Panics
    /// Where there is no free port.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State {
            upstream,
            script: Box::new(|_| Fault::None),
            is_cut: false,
            ended: false,
            held: Vec::new(),
            dealt: BTreeMap::new(),
            batches: 0,
            accepted: BTreeMap::new(),
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if lock(&shared).ended {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A connection that fails ends: that is what networks do.
                std::thread::spawn(move || serve(client, &shared));
            }
        });
        Self { port, state }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Puts another script in force.
    pub fn script(&self, script: Script) {
        lock(&self.state).script = script;
    }

    /// Cuts the network, or mends it.
    pub fn cut(&self, is_cut: bool) {
        lock(&self.state).is_cut = is_cut;
    }

    /// No more faults; what is held arrives now.
    pub fn heal(&self) {
        let (upstream, held) = {
            let mut state = lock(&self.state);
            state.script = Box::new(|_| Fault::None);
            state.is_cut = false;
            (state.upstream, std::mem::take(&mut state.held))
        };
        for (_, bytes) in held {
            let _ = exchange(upstream, &bytes);
        }
    }

    /// How often each fault was dealt.
    pub fn dealt(&self) -> BTreeMap<Fault, usize> {
        lock(&self.state).dealt.clone()
    }

    /// How many batches it has seen.
    pub fn batches(&self) -> usize {
        lock(&self.state).batches
    }

    /// How many entries the issuer says it holds of the one log whose batches came this way; 0 before the first.
    pub fn accepted(&self) -> u64 {
        lock(&self.state)
            .accepted
            .values()
            .copied()
            .max()
            .unwrap_or(0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        lock(&self.state).ended = true;
        // Whoever waits for a connection gets one, and sees that it is over.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Serves the one request of a connection: every answer says that its connection ends.
fn serve(mut client: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let Some((path, request)) = read_request(&mut client)? else {
        return Ok(());
    };
    let (upstream, fault) = {
        let mut state = lock(state);
        if state.is_cut || state.ended {
            return Ok(());
        }
        state.batches += usize::from(path.ends_with("/entries"));
        let fault = (state.script)(&path);
        *state.dealt.entry(fault).or_default() += 1;
        (state.upstream, fault)
    };
    match fault {
        Fault::DropRequest => return Ok(()),
        Fault::Hold => {
            lock(state).held.push((OVERTAKEN_BY, request));
            return Ok(());
        }
        Fault::Delay => std::thread::sleep(DELAY),
        Fault::None | Fault::DropAnswer | Fault::CutAnswer | Fault::Duplicate => {}
    }
    let answer = forward(upstream, &path, &request, state)?;
    match fault {
        Fault::DropAnswer => {}
        Fault::CutAnswer => client.write_all(&answer[..answer.len() / 2])?,
        _ => client.write_all(&answer)?,
    }
    drop(client);
    if fault == Fault::Duplicate {
        forward(upstream, &path, &request, state)?;
        lock(state).held.push((OVERTAKEN_BY, request));
    }
    release(upstream, state);
    Ok(())
}

/// Forwards what has been overtaken often enough.
fn release(upstream: u16, state: &Mutex<State>) {
    let due = {
        let mut state = lock(state);
        for (overtaken_by, _) in &mut state.held {
            *overtaken_by = overtaken_by.saturating_sub(1);
        }
        let (due, held) = std::mem::take(&mut state.held)
            .into_iter()
            .partition(|(left, _)| *left == 0);
        state.held = held;
        let due: Vec<(usize, Vec<u8>)> = due;
        due
    };
    for (_, bytes) in due {
        // Nobody waits for this answer.
        let _ = exchange(upstream, &bytes);
    }
}

fn forward(upstream: u16, path: &str, request: &[u8], state: &Mutex<State>) -> io::Result<Vec<u8>> {
    let answer = exchange(upstream, request)?;
    if path.ends_with("/entries")
        && let Some(reply) = parse(&answer).filter(|reply| reply.status == 200)
        && let Ok(accepted) = serde_json::from_slice::<Accepted>(&reply.body)
    {
        let mut state = lock(state);
        let held = state.accepted.entry(path.to_owned()).or_default();
        *held = accepted.size.max(*held);
    }
    Ok(answer)
}

fn exchange(upstream: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(upstream)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if parse(&answer).is_none() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

/// One request: its path, and its bytes as they are forwarded; `None` where the client is done.
fn read_request(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 16 * 1024];
    let end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(malformed());
        }
        match client.read(&mut chunk)? {
            0 => return Ok(None),
            filled => bytes.extend_from_slice(&chunk[..filled]),
        }
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| malformed())?;
    let path = head.split(' ').nth(1).ok_or_else(malformed)?.to_owned();
    let mut forwarded = String::new();
    let mut length = 0;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| malformed())?;
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(malformed());
        }
        if !name.eq_ignore_ascii_case("connection") {
            forwarded.push_str(line);
            forwarded.push_str("\r\n");
        }
    }
    forwarded.push_str("connection: close\r\n\r\n");
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        match client.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            filled => body.extend_from_slice(&chunk[..filled]),
        }
    }
    Ok(Some((path, [forwarded.as_bytes(), &body].concat())))
}
