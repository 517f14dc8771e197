//! A connection to an issuer that stays open between requests, as a kiosk's does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use protocol::batch::MEDIA_TYPE;
use protocol::http_signature::{CONTENT_DIGEST, NONCE, SIGNATURE, SIGNATURE_INPUT, sign};
use rollcall_tests::http::connect;
use rollcall_tests::speaker::Speaker;

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The connection, and the nonce for the next request.
#[derive(Debug)]
pub(crate) struct Voice {
    stream: BufReader<TcpStream>,
    nonce: String,
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    nonce: Option<String>,
    body: Vec<u8>,
}

impl Voice {
    /// Connects to a port of loopback.
    pub(crate) fn new(port: u16) -> Self {
        Self {
            stream: BufReader::new(connect(port).expect("the issuer listens")),
            nonce: "none-yet".to_owned(),
        }
    }

    /// Sends a batch and waits for its receipt, signed and in memory before the clock starts. How long that took.
    pub(crate) fn deliver(&mut self, speaker: &Speaker, body: &[u8]) -> Duration {
        for _ in 0..2 {
            let request = self.request(speaker, body);
            let start = Instant::now();
            self.stream
                .get_mut()
                .write_all(&request)
                .expect("the issuer takes requests");
            let reply = self.reply();
            let took = start.elapsed();
            if let Some(nonce) = reply.nonce {
                self.nonce = nonce;
            }
            match reply.status {
                200 => return took,
                // The first request has no nonce that holds.
                401 => {}
                status => panic!("{status}: {}", String::from_utf8_lossy(&reply.body)),
            }
        }
        panic!("the issuer refuses the nonce that it has just given");
    }

    fn request(&self, speaker: &Speaker, body: &[u8]) -> Vec<u8> {
        let (path, kiosk) = (speaker.path(), speaker.enrolled.kiosk.to_string());
        let signed = sign("POST", &path, body, &kiosk, &self.nonce, &speaker.key);
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {MEDIA_TYPE}\r\n{CONTENT_DIGEST}: {}\r\n\
             {SIGNATURE_INPUT}: {}\r\n{SIGNATURE}: {}\r\ncontent-length: {}\r\n\r\n",
            signed.content_digest,
            signed.signature_input,
            signed.signature,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn reply(&mut self) -> Reply {
        let mut line = self.line();
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut reply = Reply {
            status: status.expect("an answer in HTTP"),
            nonce: None,
            body: Vec::new(),
        };
        let mut length = 0;
        loop {
            line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().expect("a length"),
                NONCE => reply.nonce = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        assert!(length <= MAX_ANSWER_BYTES, "an answer of {length} bytes");
        reply.body.resize(length, 0);
        self.stream
            .read_exact(&mut reply.body)
            .expect("a whole answer");
        reply
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .expect("the issuer answers");
        line.trim_end().to_owned()
    }
}
