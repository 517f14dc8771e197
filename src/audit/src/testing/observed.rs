//! Signals of other sources, in a world.

use attendance::words::{SessionId, Source};
use protocol::agenda::{Channel, Registration};
use protocol::decision::object_bytes;
use protocol::ledger::{self, LedgerBody};
use protocol::signals::{Row, RowKind, Signals, VERSION};
use protocol::subject::SubjectDigest;

use super::{UtcMs, World, id};

/// The system of the world's platform.
pub(super) const PLATFORM: &str = "zoom";

impl World {
    /// The digest of an account of the world's platform.
    pub fn account(&self, text: &str) -> SubjectDigest {
        SubjectDigest::of(&self.badge_key, PLATFORM, text).unwrap()
    }

    /// Lets a registration list an account.
    pub fn list_account(&mut self, attendee: &str, account: &str) {
        let account = self.account(account);
        let held = self.registration(attendee);
        held.accounts.push(account);
        held.accounts.sort();
    }

    /// A registration, to change it.
    pub fn registration(&mut self, attendee: &str) -> &mut Registration {
        let mut rows = self.registrations.registrations.iter_mut();
        rows.find(|row| row.attendee.as_str() == attendee).unwrap()
    }

    /// Adds a channel that holds a room.
    pub fn add_channel(&mut self, channel: &str, room: &str) {
        self.agenda.channels.push(Channel {
            id: channel.into(),
            title: channel.to_uppercase(),
            rooms: vec![id(room)],
        });
    }

    /// What the platform says of an account in a channel at an instant.
    pub fn seen(&self, account: &str, channel: &str, kind: RowKind, at: UtcMs) -> Row {
        Row {
            subjects: vec![self.account(account)],
            attendee: None,
            kind,
            channel: Some(channel.into()),
            room: None,
            session: None,
            device: None,
            poll: None,
            earliest: at,
            latest: at.plus_ms(999),
            reason: None,
        }
    }

    /// What a person says of an attendee and a session.
    pub fn word(&self, attendee: &str, session: &str, kind: RowKind, at: UtcMs) -> Row {
        Row {
            subjects: Vec::new(),
            attendee: Some(id(attendee)),
            channel: None,
            session: Some(id::<SessionId>(session)),
            latest: at,
            reason: Some("moderator".into()),
            ..self.seen("nobody", "none", kind, at)
        }
    }

    /// Accepts signals; gives their ledger index.
    pub fn take_signals(&mut self, at: UtcMs, rows: Vec<Row>) -> u64 {
        let is_person = rows.iter().any(|row| row.attendee.is_some());
        let (source, system) = if is_person {
            (Source::Person, "manual")
        } else {
            (Source::Platform, PLATFORM)
        };
        let signals = Signals {
            v: VERSION,
            source,
            system: system.into(),
            rows,
        };
        let bytes = object_bytes(&signals);
        let object = self.keep(bytes);
        let body = ledger::Signals {
            source: system.into(),
            object,
            file: object,
            rows: u64::try_from(signals.rows.len()).unwrap(),
            operator: is_person.then(|| "op-1".into()),
            reason: None,
        };
        let index = self.note(at, LedgerBody::Signals(body));
        self.observations.add(index, signals);
        self.observed_size = index + 1;
        index
    }

    /// Takes signals back; gives the ledger index.
    pub fn retract(&mut self, at: UtcMs, entry: u64, row: Option<u32>) -> u64 {
        let body = ledger::Retraction {
            entry,
            row,
            reason: "wrong_person".into(),
            operator: "op-1".into(),
        };
        let index = self.note(at, LedgerBody::Retraction(body.clone()));
        self.observations.retract(index, &body);
        self.observed_size = index + 1;
        index
    }
}
