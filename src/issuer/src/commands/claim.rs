//! `claim`: what a kiosk enrols with.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use askama::Template as _;
use protocol::enrol::Claim;
use protocol::text::{base64url, instant};
use zeroize::Zeroizing;

use super::arguments::Claim as Asked;
use super::doors::no_door;
use super::output::{Ended, Exit, Failure, hint, say};
use super::premises::{Premises, now};
use super::tls_pin::tls_pin;
use crate::keys::random;
use crate::qr::drawn;
use crate::store::enrolment::NewClaim;

/// Bytes of a claim's secret.
const SECRET_BYTES: usize = 32;
/// Who may read a claim's page: its owner.
const MODE: u32 = 0o600;
const HOUR_MS: i64 = 60 * 60 * 1_000;

pub(super) fn run(here: &Premises, asked: &Asked) -> Ended {
    here.event(&asked.event)?;
    let doors = here.store.doors(&asked.event)?;
    if !doors.iter().any(|facts| facts.door.id == asked.door) {
        return Err(no_door(&asked.event, &asked.door));
    }
    let tls_pin = tls_pin(here)?;
    // Before the claim is one, so that none is in force that nobody can show.
    let page = asked.out.as_deref().map(Page::create).transpose()?;
    let bytes = Zeroizing::new(random::<SECRET_BYTES>(&here.random));
    let claim = Claim {
        url: here.config.public_url.clone(),
        secret: base64url(bytes.as_slice()),
        issuer_key: here.keys.signing.public_key(),
        tls_pin,
    };
    let expires = now().plus_ms(i64::from(asked.valid_hours) * HOUR_MS);
    // The database holds what the secret hashes to, so that who reads it can enrol nothing.
    here.store.put_claim(&NewClaim {
        secret: evidence::sha256(claim.secret.as_bytes()),
        event: asked.event.clone(),
        door: asked.door.clone(),
        expires,
    })?;
    let text = Zeroizing::new(claim.to_text());
    if let Some(page) = page {
        page.write(asked.door.as_str(), &text, &instant(expires))?;
    }
    say(text.as_str())?;
    hint(format!(
        "For one kiosk at the door {}, until {}. It is a secret until it is used.",
        asked.door,
        instant(expires)
    ));
    if here.config.listen.ip().is_loopback() {
        hint(
            "The issuer listens on this machine only, so the kiosk must run here too; `listen` and `tls` change that.",
        );
    }
    hint(match &asked.out {
        Some(out) => format!(
            "next: hold the code of {} before the kiosk's reader, then delete the file",
            out.display()
        ),
        None => "next: rollcall-kiosk enrol --config kiosk.toml - < FILE; with --out it is a QR code for the kiosk's reader".to_owned(),
    });
    Ok(Exit::Done)
}

#[derive(askama::Template)]
#[template(path = "claim.html")]
struct Shown<'a> {
    door: &'a str,
    expires: &'a str,
    across: usize,
    dark: String,
}

/// The page of a claim, for its owner alone.
struct Page<'a> {
    file: File,
    path: &'a Path,
}

impl<'a> Page<'a> {
    fn create(path: &'a Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(MODE);
        match options.open(path) {
            Ok(file) => Ok(Self { file, path }),
            Err(cause) => Err(Failure::failed(format!(
                "{}: {cause}; name a file that does not exist yet",
                path.display()
            ))),
        }
    }

    fn write(mut self, door: &str, text: &str, expires: &str) -> Result<(), Failure> {
        let code = drawn(text)
            .map_err(|cause| Failure::failed(format!("the claim fits no QR code: {cause}")))?;
        let page = Shown {
            door,
            expires,
            across: code.across,
            dark: code.dark,
        };
        let page = page
            .render()
            .map_err(|cause| Failure::failed(format!("the page cannot be written: {cause}")))?;
        let written = self.file.write_all(page.as_bytes());
        written
            .and_then(|()| self.file.sync_all())
            .map_err(|cause| Failure::failed(format!("{}: {cause}", self.path.display())))
    }
}
