//! Signed tickets made by another program: `tests/tickets`, in Go on its own cryptography.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use attendance::UtcMs;
use evidence::SigningKey;
use protocol::ticket::{self, Ticket, TicketError};
use rollcall_tests::skip::skip;
use rollcall_tests::verifier;

#[test]
fn tickets_of_another_program_are_read_as_it_meant_them() {
    let scratch = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tickets/main.go");
    let made = verifier::go(scratch.path())
        .args(["run".as_ref(), source.as_os_str()])
        .args(["6", "300"])
        .output();
    let Ok(made) = made else {
        return skip(
            "tickets_of_another_program_are_read_as_it_meant_them",
            "Go is not installed (Debian: golang-go)",
        );
    };
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    let key = SigningKey::from_seed(&[6; 32]).public_key();
    let other = SigningKey::from_seed(&[7; 32]).public_key();
    let lines = String::from_utf8(made.stdout).unwrap();
    assert_eq!(lines.lines().count(), 300);
    for line in lines.lines() {
        let [text, from, until] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let bound = |seconds: &str| match seconds.parse().unwrap() {
            0 => None,
            seconds => Some(UtcMs(1_000 * seconds)),
        };
        let meant = Ticket {
            valid_from: bound(from),
            valid_until: bound(until),
        };
        assert_eq!(ticket::open(text, &[other, key]), Ok(meant), "{line}");
        assert_eq!(ticket::open(text, &[other]), Err(TicketError::Unsigned));
    }
}
