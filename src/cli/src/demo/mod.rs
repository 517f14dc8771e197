//! `rollcall demo`: a conference with a door, on this machine, by the real programs.
//!
//! Contract: everything happens in one folder and on loopback; nothing is left running. Interactive, it reads badges from the
//! terminal, a pseudo-terminal and, where asked to, a camera until told to stop. With `--headless` it plays a whole day of sessions that last seconds,
//! with an issuer that goes away and a kiosk that is killed, and ends with success only if every promise it can see was kept.

mod camera;
mod conference;
mod day;
mod live;
mod programs;
mod scanner;
mod sheet;
mod stage;

use std::path::PathBuf;

use clap::Args;

pub(crate) use programs::DemoError;

/// Play a conference on this machine: issuer, kiosk, badges, certificates.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rollcall demo                       a door to play with\n  rollcall demo --camera              the same, and badges held before this machine's camera\n  rollcall demo --headless            a whole day in about a minute\n  rollcall demo --folder /tmp/mine    keep everything there"
)]
pub(crate) struct DemoArgs {
    /// Play a day by itself, check what came of it, and leave the evidence bundle: its path is the last line printed.
    #[arg(long)]
    headless: bool,
    /// Read badges with a camera too: the only one that is attached, or the one of this name. No picture is kept.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "headless")]
    camera: Option<String>,
    /// Keep everything in this folder, which must be empty or not exist yet. Default: a new folder for temporary files.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// Where something was not as promised, or the machine refuses; the error says where to look.
pub(crate) fn run(args: &DemoArgs) -> Result<(), DemoError> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("rollcall-demo-{}", std::process::id())),
    };
    if args.headless {
        day::play(folder)
    } else {
        let wanted = args.camera.as_deref();
        let camera = wanted.map(|wanted| camera::choose(&camera::attached(), wanted));
        live::play(folder, camera.transpose()?)
    }
}

/// The machine's clock.
fn now() -> chrono::DateTime<chrono::Utc> {
    std::time::SystemTime::now().into()
}
