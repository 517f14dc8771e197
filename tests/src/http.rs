//! HTTP by hand, so that a test can send what no library would.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use protocol::problem::{self, Problem};

/// How long a peer on this machine may take to take or to give bytes.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The path, as sent.
    pub path: String,
    /// Headers besides `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers of its own.
    pub fn new(method: &'static str, path: &str, body: Vec<u8>) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its bytes, with the length of its body or one that is claimed instead.
    pub fn to_bytes(&self, claimed_length: Option<u64>) -> Vec<u8> {
        let length = claimed_length.unwrap_or(self.body.len() as u64);
        let mut bytes = format!(
            "{} {} HTTP/1.0\r\nhost: localhost\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str(&format!("content-length: {length}\r\n\r\n"));
        [bytes.as_bytes(), &self.body].concat()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The problem document that it must be, under the status it names.
    ///
    /// # Panics
    /// Where it is none.
    #[track_caller]
    pub fn problem(&self) -> Problem {
        let shown = format!("{} {:?} {}", self.status, self.headers, self.text());
        let media = self.header("content-type").unwrap_or_default();
        assert!(
            media.starts_with(problem::MEDIA_TYPE),
            "no problem document: {shown}"
        );
        let read: Problem = serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no problem document ({error}): {shown}"));
        assert_eq!(read.status, self.status, "{shown}");
        assert!(!read.title.is_empty() && !read.detail.is_empty(), "{shown}");
        read
    }
}

/// Sends a request to a port of loopback.
///
/// # Errors
/// Where nobody answers, or not in HTTP.
pub fn send(port: u16, request: &Request) -> io::Result<Reply> {
    send_bytes(port, &request.to_bytes(None))
}

/// Sends bytes to a port of loopback and reads an answer.
///
/// # Errors
/// Where nobody answers, or not in HTTP.
pub fn send_bytes(port: u16, bytes: &[u8]) -> io::Result<Reply> {
    let mut stream = connect(port)?;
    // Whoever refuses a large body may answer and close before all of it was taken.
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let read = stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer);
    match parse(&answer) {
        Some(reply) => Ok(reply),
        None => Err(sent
            .and(read.map(|_| ()))
            .err()
            .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
    }
}

/// A connection to a port of loopback.
///
/// # Errors
/// Where nobody listens.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect_timeout(&address, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What `GET` of a path answers with 200.
pub fn get(port: u16, path: &str) -> Option<String> {
    let reply = send(port, &Request::new("GET", path, Vec::new())).ok()?;
    (reply.status == 200).then(|| reply.text())
}

/// Reads an answer that ended with its connection.
pub(crate) fn parse(answer: &[u8]) -> Option<Reply> {
    let end = find(answer, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = answer[end + 4..].to_vec();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    if length.is_some_and(|(_, length)| length.parse() != Ok(body.len())) {
        return None;
    }
    Some(Reply {
        status,
        headers,
        body,
    })
}

/// Where bytes first hold others.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
