//! `rollcall-issuer`: the service that takes what kiosks record and issues certificates, and the commands around it.

use std::process::ExitCode;

fn main() -> ExitCode {
    issuer::commands::main()
}
