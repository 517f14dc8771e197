//! The control for the durability test: commits to a write-ahead log and says so, as a kiosk does, under a `synchronous` of choice.
//!
//! `commits <database> <FULL|NORMAL> <how many>`. Under `NORMAL` it says so too early, and the test must see that.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a control of the tests, not a program that is shipped"
)]

use std::io::Write as _;

use rusqlite::Connection;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, database, synchronous, count] = arguments.as_slice() else {
        panic!("commits <database> <FULL|NORMAL> <how many>");
    };
    let db = Connection::open(database).unwrap();
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .unwrap();
    db.pragma_update(None, "synchronous", synchronous).unwrap();
    db.execute_batch("CREATE TABLE entries (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        .unwrap();
    let mut out = std::io::stdout();
    for index in 0..count.parse::<u32>().unwrap() {
        let badge = format!("{:08x}", index.wrapping_mul(0x9e37_79b9));
        let entry = format!("{{\"digest\":\"{badge}\"}}");
        db.execute("INSERT INTO entries VALUES (?1, ?2)", (index, entry))
            .unwrap();
        writeln!(
            out,
            "{{\"verdict\":\"checked_in\",\"entry\":{index},\"reader\":\"control\",\"badge\":\"{badge}\",\"text\":\"In\",\"provisional\":null}}"
        )
        .unwrap();
        out.flush().unwrap();
    }
}
