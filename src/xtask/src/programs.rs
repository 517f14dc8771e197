//! Builds the shipped programs and hands over to one of them, with its exit code as ours.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::Stop;
use crate::setup::{self, Purpose};
use crate::workspace::{Workspace, could_not_start, succeeds};

/// The programs that the demo and the bench start, as cargo names them.
const SHIPPED: [&str; 12] = [
    "-p",
    "kiosk",
    "--bin",
    "rollcall-kiosk",
    "-p",
    "issuer",
    "--bin",
    "rollcall-issuer",
    "-p",
    "cli",
    "--bin",
    "rollcall",
];

/// Sets up, builds and becomes `rollcall demo`. The dev profile is the default: it builds in a fraction of the time,
/// and the workspace optimises hashing, signatures and SQLite in it, which is where the demo computes.
///
/// # Errors
/// Where setting up, building or starting fails; once the demo runs, its exit code is the answer.
pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> Result<(), Stop> {
    let (ours, theirs): (Vec<_>, Vec<_>) = arguments
        .iter()
        .cloned()
        .partition(|argument| argument == "--release");
    setup::set_up(workspace, Purpose::Programs)?;
    let (profile, folder) = if ours.is_empty() {
        ("dev", "debug")
    } else {
        ("release", "release")
    };
    build(workspace, &["--profile", profile], &SHIPPED)?;
    let mut command = Command::new(workspace.built(folder, "rollcall"));
    command.arg("demo").args(theirs);
    become_program(command)
}

/// Sets up, builds with the release profile and becomes the bench.
///
/// # Errors
/// As for [`demo`].
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<(), Stop> {
    setup::set_up(workspace, Purpose::Programs)?;
    build(
        workspace,
        &[
            "--profile",
            "release",
            "-p",
            "rollcall-tests",
            "--bin",
            "bench",
        ],
        &SHIPPED,
    )?;
    let mut command = Command::new(workspace.built("release", "bench"));
    command.args(arguments);
    become_program(command)
}

/// Sets up, builds a program of the tests, optimised, and becomes it.
///
/// # Errors
/// As for [`demo`].
pub(crate) fn of_tests(
    workspace: &Workspace,
    program: &str,
    arguments: &[String],
) -> Result<(), Stop> {
    setup::set_up(workspace, Purpose::Programs)?;
    let wanted = [
        "--profile",
        "release",
        "-p",
        "rollcall-tests",
        "--bin",
        program,
    ];
    build(workspace, &wanted, &[])?;
    let mut command = Command::new(workspace.built("release", program));
    command.args(arguments);
    become_program(command)
}

/// Sets up, builds with the dev profile and becomes the simulation; with `--release` it is optimised.
///
/// # Errors
/// As for [`demo`].
pub(crate) fn sim(workspace: &Workspace, arguments: &[String]) -> Result<(), Stop> {
    let (ours, theirs): (Vec<_>, Vec<_>) = arguments
        .iter()
        .cloned()
        .partition(|argument| argument == "--release");
    if !ours.is_empty() {
        return of_tests(workspace, "sim", &theirs);
    }
    setup::set_up(workspace, Purpose::Programs)?;
    let wanted = ["-p", "rollcall-tests", "--bin", "sim"];
    build(workspace, &["--profile", "dev"], &wanted)?;
    let mut command = Command::new(workspace.built("debug", "sim"));
    command.args(arguments);
    become_program(command)
}

fn build(workspace: &Workspace, first: &[&str], targets: &[&str]) -> Result<(), Stop> {
    eprintln!("xtask: building (a first build takes some minutes)");
    let mut command = workspace.cargo(&["build", "--locked", "--offline"]);
    command.args(first).args(targets);
    if succeeds(&mut command)? {
        Ok(())
    } else {
        Err(Stop::Failed(
            "the build failed; cargo says why above.".to_owned(),
        ))
    }
}

/// Replaces this process, so that signals, the terminal and the exit code are the program's own.
fn become_program(mut command: Command) -> Result<(), Stop> {
    let name = command.get_program().to_string_lossy().into_owned();
    Err(could_not_start(&name, &command.exec()))
}
