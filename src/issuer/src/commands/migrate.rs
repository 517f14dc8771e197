//! `migrate`: folder, database, keys.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use super::output::{Ended, Exit, Failure, hint, say};
use super::premises::Premises;
use crate::config::Config;

/// Personal data lies here, so it is for its owner alone.
const FOLDER_MODE: u32 = 0o700;

pub(super) fn migrate(config: &Config, config_path: &Path) -> Ended {
    let folder = &config.data_dir;
    let no_folder = |cause: std::io::Error| {
        Failure::failed(format!(
            "{}: {cause}; name a folder in `data_dir` that the user who runs rollcall-issuer can write",
            folder.display()
        ))
    };
    let is_new = !config.database().exists();
    if !folder.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(no_folder)?;
    }
    if fs::metadata(folder).map_err(no_folder)?.mode() & 0o077 != 0 {
        hint(format!(
            "warning: others can look into {0}; run `chmod 700 {0}`",
            folder.display()
        ));
    }
    let made = Premises::make(config.clone(), config_path)?;
    let accounts = made.store.accounts()?;
    say(format!("issuer       {}", config.issuer))?;
    say(format!(
        "issuer key   {}",
        made.keys.signing.public_key().to_base64()
    ))?;
    say(format!("database     {}", config.database().display()))?;
    say(format!(
        "master key   {} (back it up, apart from the database)",
        config.master_key.display()
    ))?;
    let next = if accounts.is_empty() {
        "user add --id YOU --role administrator"
    } else if made.store.events()?.is_empty() {
        "event create --id ID --title TITLE --zone ZONE"
    } else {
        "serve"
    };
    say(if is_new {
        "The database was made."
    } else {
        "The database is up to date."
    })?;
    say(made.next(next))?;
    Ok(Exit::Done)
}
