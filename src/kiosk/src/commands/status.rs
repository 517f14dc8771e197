//! `status`: how the kiosk stands.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Exit, complain, say};
use crate::config::Config;
use crate::journal::{Disk, Folder, Journal, JournalError};
use crate::screen::view::Status;

/// How long the daemon may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// The most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub(super) fn status(config: &Config, json: bool) -> Exit {
    match ask(config.screen.listen) {
        Ok(body) => match serde_json::from_str::<Status>(&body) {
            Ok(_) if json => {
                say(&body);
                Exit::Done
            }
            Ok(status) => {
                for line in lines(&status) {
                    say(&line);
                }
                Exit::Done
            }
            Err(_) => {
                complain(&format!(
                    "what answers on {} is no rollcall-kiosk of this version",
                    config.screen.listen
                ));
                Exit::Unchecked
            }
        },
        Err(_) => offline(&config.data_dir, json),
    }
}

/// What the running daemon says, as JSON. Without a library: one request to this very machine.
pub(super) fn ask(listen: SocketAddr) -> io::Result<String> {
    let mut to = listen;
    if to.ip().is_unspecified() {
        to.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let mut stream = TcpStream::connect_timeout(&to, ANSWERS_WITHIN)?;
    stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
    stream.write_all(b"GET /status HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    let status = head.split_ascii_whitespace().nth(1);
    if status == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn lines(status: &Status) -> Vec<String> {
    let mut lines = vec![format!("state      {}", status.standing.state.code())];
    match &status.enrolment {
        Some(enrolment) => lines.push(format!(
            "enrolled   {} at {}, {}",
            enrolment.kiosk_id, enrolment.door, enrolment.event
        )),
        None => lines.push("enrolled   no, or not recording".to_owned()),
    }
    for reader in &status.readers {
        let state = serde_json::to_value(reader.state).unwrap_or_default();
        let state = state.as_str().unwrap_or("unknown").to_owned();
        let last = reader.last_read.as_ref().map_or_else(String::new, |read| {
            let symbology = read.symbology.iter().map(|name| format!(", {name}"));
            let symbology: String = symbology.collect();
            format!(
                "; last code {} ({} characters{symbology})",
                read.kinds, read.characters
            )
        });
        lines.push(format!(
            "reader     {} ({}) {state}{last}",
            reader.name, reader.kind
        ));
    }
    for of_board in status.gpio.iter().flat_map(|gpio| &gpio.lines) {
        lines.push(format!("gpio       {} {}", of_board.lines, of_board.state));
    }
    for tamper in status.gpio.iter().flat_map(|gpio| &gpio.tampers) {
        let state = if tamper.open { "open" } else { "closed" };
        lines.push(format!("tamper     {} {state}", tamper.name));
    }
    lines.push(format!(
        "waiting    {} entries without a receipt",
        status.backlog.value.entries
    ));
    lines.push(format!("clock      {}", status.clock.value.sync));
    lines.push(format!(
        "disk       {} MiB free",
        status.disk.value.free_bytes >> 20
    ));
    for alarm in &status.alarms {
        lines.push(format!("alarm      {}: {}", alarm.code, alarm.next_step));
    }
    lines.push("The daemon is running.".to_owned());
    lines
}

fn offline(data_dir: &Path, json: bool) -> Exit {
    let opened = if Folder::has_journal(data_dir) {
        Folder::take(data_dir).and_then(|folder| Journal::open(Arc::new(folder), Disk::real(0)))
    } else {
        say(&if json {
            "{\"running\":false,\"journal\":false}".to_owned()
        } else {
            format!(
                "The daemon is not running and there is no journal in {}. Next: rollcall-kiosk enrol",
                data_dir.display()
            )
        });
        return Exit::Done;
    };
    match opened {
        Ok(journal) => {
            let kiosk = journal.enrolment().map(|e| e.kiosk.to_string());
            let waiting = journal.size() - journal.receipted();
            if json {
                say(&serde_json::json!({
                    "running": false,
                    "journal": true,
                    "kiosk": kiosk,
                    "entries": journal.size(),
                    "waiting": waiting,
                    "sealed": journal.sealed().len(),
                    "awaits_enrolment": journal.awaits_enrolment(),
                }));
            } else {
                say(&format!(
                    "enrolled   {}",
                    kiosk.unwrap_or_else(|| "no".to_owned())
                ));
                say(&format!("entries    {}", journal.size()));
                say(&format!("waiting    {waiting} entries without a receipt"));
                for log in journal.sealed() {
                    say(&format!(
                        "sealed     {} entries of {} ({}), {} of them at the issuer",
                        log.size, log.kiosk, log.code, log.delivered
                    ));
                }
                if let Some(step) = journal.enrol_anew(None) {
                    say(&format!("alarm      log_sealed: {step}"));
                }
                say(&"The daemon is not running. Next: rollcall-kiosk doctor");
            }
            Exit::Done
        }
        Err(JournalError::Locked(path)) => {
            complain(&format!(
                "{} is in use, and nothing answers at the address of [screen] listen: is the daemon still starting, or is listen another one?",
                path.display()
            ));
            Exit::Unchecked
        }
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}
