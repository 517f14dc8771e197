//! `user add`, `user password`, `user disable`, `user enable`, `user list`.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use protocol::text::instant;
use zeroize::Zeroizing;

use super::arguments::User;
use super::output::{Ended, Exit, Failure, counted, hint, say, table};
use super::premises::{Premises, now};
use crate::access::password::{self, MAX_PASSWORD_BYTES};
use crate::sources::is_id;
use crate::store::StoreError;
use crate::store::accounts::{Account, Role};

pub(super) fn run(here: &Premises, what: User) -> Ended {
    match what {
        User::Add {
            id,
            role,
            password_file,
        } => add(here, &id, role, password_file.as_deref()),
        User::Password { id, password_file } => set_password(here, &id, password_file.as_deref()),
        User::Disable { id } => set_disabled(here, &id, true),
        User::Enable { id } => set_disabled(here, &id, false),
        User::List => list(here),
    }
}

fn add(here: &Premises, id: &str, role: Role, file: Option<&Path>) -> Ended {
    if !is_id(id) {
        return Err(Failure::usage(format!(
            "--id {id:?}: write 1 to 64 small letters, digits and hyphens"
        )));
    }
    if here.store.account(id)?.is_some() {
        return Err(exists(id));
    }
    let account = Account {
        id: id.to_owned(),
        role,
        password: hashed(file)?,
        created: now(),
        disabled: false,
    };
    match here.store.create_account(&account) {
        Err(StoreError::Exists { .. }) => return Err(exists(id)),
        other => other?,
    }
    say(format!(
        "{id} may sign in at {}/staff as {role}.",
        here.config.public_url
    ))?;
    Ok(Exit::Done)
}

fn exists(id: &str) -> Failure {
    Failure::failed(format!(
        "there is an account {id:?} already; `rollcall-issuer user password --id {id}` sets its password"
    ))
}

fn set_password(here: &Premises, id: &str, file: Option<&Path>) -> Ended {
    if here.store.account(id)?.is_none() {
        return Err(Failure::failed(format!(
            "there is no account {id:?}; `rollcall-issuer user list` shows them"
        )));
    }
    here.store.set_password(id, &hashed(file)?)?;
    say(format!(
        "The password of {id} was set; whoever was signed in with the old one is signed out."
    ))?;
    Ok(Exit::Done)
}

fn set_disabled(here: &Premises, id: &str, disabled: bool) -> Ended {
    match here.store.set_disabled(id, disabled) {
        Err(StoreError::NotFound { .. }) => {
            return Err(Failure::failed(format!(
                "there is no account {id:?}; `rollcall-issuer user list` shows them"
            )));
        }
        other => other?,
    }
    if disabled {
        say(format!(
            "{id} may no longer sign in, and doors refuse their staff badges from their next bundle on."
        ))?;
    } else {
        say(format!("{id} may sign in again."))?;
    }
    Ok(Exit::Done)
}

fn list(here: &Premises) -> Ended {
    let rows: Vec<[String; 4]> = here
        .store
        .accounts()?
        .into_iter()
        .map(|account| {
            let state = if account.disabled { "disabled" } else { "" };
            [
                account.id,
                account.role.to_string(),
                instant(account.created),
                state.to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        say("Nobody may sign in. Add somebody with `rollcall-issuer user add`.")?;
        return Ok(Exit::Done);
    }
    table(["ID", "ROLE", "SINCE", ""], &rows)?;
    say(counted(rows.len(), "account"))?;
    Ok(Exit::Done)
}

/// What is kept of the password that a person gives.
fn hashed(file: Option<&Path>) -> Result<String, Failure> {
    let given = match file {
        Some(file) => {
            let opened = std::fs::File::open(file);
            let opened = opened.map_err(|cause| {
                Failure::failed(format!(
                    "{}: {cause}; check --password-file",
                    file.display()
                ))
            })?;
            first_line(&mut std::io::BufReader::new(opened))
        }
        None if std::io::stdin().is_terminal() => asked(),
        None => first_line(&mut std::io::stdin().lock()),
    };
    let given =
        given.map_err(|cause| Failure::failed(format!("the password cannot be read: {cause}")))?;
    password::hash(&given).map_err(Failure::failed)
}

/// The first line, without its end. A password is never trimmed otherwise.
fn first_line(from: &mut dyn std::io::BufRead) -> std::io::Result<Zeroizing<String>> {
    // One beyond the longest and its line's end, so that a longer one is refused and not cut.
    let bound = u64::try_from(MAX_PASSWORD_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(3);
    let mut line = Zeroizing::new(String::new());
    from.take(bound).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// Asks at the terminal, with its echo off.
fn asked() -> std::io::Result<Zeroizing<String>> {
    hint("Password (it is not shown):");
    let _quiet = Quiet::begin();
    let first = first_line(&mut std::io::stdin().lock())?;
    hint("The same again:");
    let second = first_line(&mut std::io::stdin().lock())?;
    if *first == *second {
        Ok(first)
    } else {
        Err(std::io::Error::other("the two are not the same"))
    }
}

/// The terminal without echo, as long as this lives. Where `stty` is missing, the password is shown while it is typed.
struct Quiet;

impl Quiet {
    fn begin() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(setting: &str) {
    // It works on its own standard input, which is ours.
    let ended = Command::new("stty")
        .arg(setting)
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .status();
    if !ended.is_ok_and(|status| status.success()) {
        hint("(this terminal cannot hide what is typed)");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_is_the_first_line_and_no_more() {
        for (text, password) in [("a b \n", "a b "), ("x\r\ny\n", "x"), ("x", "x"), ("", "")] {
            assert_eq!(*first_line(&mut text.as_bytes()).unwrap(), password);
        }
        let long = "x".repeat(MAX_PASSWORD_BYTES + 50);
        assert!(first_line(&mut long.as_bytes()).unwrap().len() > MAX_PASSWORD_BYTES);
    }
}
