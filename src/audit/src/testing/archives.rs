//! The archives of the world, as an issuer and as a kiosk export them.

use protocol::archive::{self, Archive, LogKind};
use protocol::decision::object_bytes;

use super::{ISSUER, Kiosk, Log, MINUTE_MS, World, nine_and};
use crate::files::Memory;

impl World {
    /// The archive of it all.
    pub fn archive(&self) -> Memory {
        let mut files = Memory::new();
        let mut logs = vec![archive::Log {
            kind: LogKind::Ledger,
            origin: self.ledger_origin(),
            key: self.issuer.public_key(),
            kiosk: None,
            door: None,
            size: self.ledger.size(),
            base: None,
        }];
        put_log(
            &mut files,
            0,
            &self.ledger,
            self.ledger.checkpoint(&self.ledger_origin(), &self.issuer),
        );
        for (number, kiosk) in self.kiosks.iter().enumerate() {
            logs.push(archive::Log {
                kind: LogKind::Journal,
                origin: kiosk.origin.clone(),
                key: kiosk.key.public_key(),
                kiosk: Some(kiosk.id.clone()),
                door: Some(kiosk.door.clone()),
                size: kiosk.log.size(),
                base: None,
            });
            put_log(
                &mut files,
                number + 1,
                &kiosk.log,
                kiosk.log.checkpoint(&kiosk.origin, &kiosk.key),
            );
        }
        for branch in &self.branches {
            let kiosk = &self.kiosks[branch.kiosk];
            let number = logs.len();
            logs.push(archive::Log {
                kind: LogKind::Branch,
                origin: kiosk.origin.clone(),
                key: kiosk.key.public_key(),
                kiosk: Some(kiosk.id.clone()),
                door: Some(kiosk.door.clone()),
                size: branch.log.size(),
                base: Some(branch.base),
            });
            let checkpoint = branch.log.checkpoint(&kiosk.origin, &kiosk.key);
            put_log(&mut files, number, &branch.log, checkpoint);
            let own = branch
                .log
                .entries
                .iter()
                .skip(usize::try_from(branch.base).unwrap());
            files.insert(archive::entries_path(number), lines(own));
        }
        for (hash, bytes) in &self.objects {
            files.insert(archive::object_path(*hash), bytes.clone());
        }
        self.describe(&mut files, logs);
        files
    }

    /// One kiosk's own export: its journal and nothing else.
    pub fn export(&self, kiosk: usize) -> Memory {
        let mut files = Memory::new();
        let Kiosk {
            log,
            origin,
            key,
            id,
            door,
            ..
        } = &self.kiosks[kiosk];
        put_log(&mut files, 0, log, log.checkpoint(origin, key));
        let described = archive::Log {
            kind: LogKind::Journal,
            origin: origin.clone(),
            key: key.public_key(),
            kiosk: Some(id.clone()),
            door: Some(door.clone()),
            size: log.size(),
            base: None,
        };
        self.describe(&mut files, vec![described]);
        files
    }

    fn describe(&self, files: &mut Memory, logs: Vec<archive::Log>) {
        let description = Archive {
            format: archive::FORMAT.into(),
            made: nine_and(120 * MINUTE_MS),
            software: "rollcall-issuer 0.1.0".into(),
            event: self.event.clone(),
            issuer: ISSUER.into(),
            issuer_key: self.issuer.public_key(),
            logs,
        };
        files.insert(archive::ARCHIVE_PATH.into(), object_bytes(&description));
    }
}

fn put_log(files: &mut Memory, number: usize, log: &Log, checkpoint: String) {
    files.insert(archive::entries_path(number), lines(log.entries.iter()));
    files.insert(archive::checkpoint_path(number), checkpoint.into_bytes());
}

fn lines<'a>(entries: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    entries
        .flat_map(|bytes| bytes.iter().copied().chain([b'\n']))
        .collect()
}
