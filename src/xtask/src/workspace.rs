//! Where the checkout and its build folder are, and how cargo is called in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Stop;

/// The checkout that this program was started in.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`, absolute.
    pub(crate) root: PathBuf,
    /// The folder cargo builds into, absolute.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which also knows of `CARGO_TARGET_DIR` and configuration files.
    ///
    /// # Errors
    /// Where cargo cannot be run or the current folder is in no workspace.
    pub(crate) fn find() -> Result<Self, Stop> {
        let mut command = Command::new(cargo_program());
        command.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| could_not_start("cargo", &error))?;
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_default();
        let folder = |key: &str| metadata[key].as_str().map(PathBuf::from);
        match (folder("workspace_root"), folder("target_directory")) {
            (Some(root), Some(target)) => Ok(Self { root, target }),
            _ => Err(Stop::Failed(
                "`cargo metadata` did not describe a workspace. Start this inside a checkout of Rollcall.".to_owned(),
            )),
        }
    }

    /// A cargo command at the root of the checkout.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_program());
        command.args(arguments).current_dir(&self.root);
        forget_outer_cargo(&mut command);
        command
    }

    /// A program that a build left in the folder of `profile`.
    pub(crate) fn built(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// Where cargo-deny is installed: beside the builds, so nothing outside the checkout changes.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }
}

fn cargo_program() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// `cargo run` describes this package to us in the environment. Passed on, it would make build scripts that watch
/// these variables run again each time someone changes between `cargo build` and `cargo xtask`.
fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let about_this_package = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || matches!(
                text,
                "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR"
            );
        if about_this_package {
            command.env_remove(name);
        }
    }
}

/// Runs a command to its end with its standard output on our standard error, so ours carries results alone.
/// `Ok(false)` if it ran and failed.
///
/// # Errors
/// Where the program cannot be started.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool, Stop> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdout(std::io::stderr())
        .status()
        .map(|status| status.success())
        .map_err(|error| could_not_start(&name, &error))
}

/// The error of a program that could not be started.
pub(crate) fn could_not_start(name: &str, error: &std::io::Error) -> Stop {
    Stop::Failed(format!(
        "could not start {name}: {error}. Is it installed and on the PATH?"
    ))
}

/// Whether the PATH has an executable file of this name.
pub(crate) fn is_on_path(name: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| is_file(&folder.join(name))))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
