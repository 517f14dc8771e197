//! What every store must do: one suite over a factory of empty stores.
#![allow(clippy::unwrap_used, clippy::panic)]

mod batches;
mod events;
mod people;
mod signals;
mod signs;
mod sources;

use super::Store;

/// Makes a store without anything in it.
pub(crate) type Factory<'a> = &'a dyn Fn() -> Box<dyn Store>;

/// Runs the whole suite.
pub(crate) fn run(factory: Factory<'_>) {
    events::run(factory);
    batches::run(factory);
    people::run(factory);
    sources::run(factory);
    signals::run(factory);
    signs::run(factory);
}

#[test]
fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    run(&|| {
        next.set(next.get() + 1);
        let path = folder.path().join(format!("{}.db", next.get()));
        Box::new(super::SqliteStore::open(&path).unwrap())
    });
}
