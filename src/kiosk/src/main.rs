//! `rollcall-kiosk`: the daemon at a session door, and the commands around it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kiosk::commands::main()
}
