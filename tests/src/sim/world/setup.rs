//! The conference before it begins: agenda, people, doors, and kiosks that are enrolled.

use issuer::sources::{AgendaImport, RegistrationRow, RegistrationsImport, RoomRow, SessionRow};

use super::super::kiosk::Kiosk;
use super::super::office::PROGRAMME;
use super::super::plan::MINUTE_MS;
use super::{DECIDE_MS, Event, Fate, World};
use crate::random::Random;
use crate::world::person;

impl World {
    pub(super) fn set_up(&mut self, random: &mut Random) {
        self.office.create_event(self.plan.repeat_s, 600);
        self.office.import_agenda(&self.agenda());
        for door in &self.plan.doors {
            self.office.put_door(&protocol::agenda::Door {
                id: door.id.clone(),
                title: format!("Door {}", door.id),
                rooms: door
                    .rooms
                    .iter()
                    .map(|r| self.plan.rooms[*r].clone())
                    .collect(),
            });
        }
        self.office.import_people(&self.registrations());
        self.office.adopt_rules(&self.plan.rules.clone());
        self.badge_key = Some(self.office.badge_key());
        for (number, door) in self.plan.doors.clone().into_iter().enumerate() {
            let at = self.folder.path().join(format!("kiosk-{number}"));
            let name = format!("kiosk {number}");
            let mut kiosk = Kiosk::new(
                &name,
                &door.id,
                &door.readers,
                &at,
                &self.now,
                self.broken,
                random,
            );
            kiosk.start().expect("an empty card opens");
            let enrolled = self.office.enrol(&door.id, &kiosk.key);
            self.keep_bundle(&enrolled.bundle);
            assert!(kiosk.enrol(enrolled), "an empty kiosk enrols");
            kiosk.stop();
            kiosk.powered = false;
            self.kiosks.push(kiosk);
            self.fates.push(Fate {
                linked: true,
                ..Fate::default()
            });
        }
        for number in 0..self.plan.scans.len() {
            let at = self.plan.scans[number].at;
            self.at(at, Event::Scan(number));
        }
        for number in 0..self.plan.troubles.len() {
            let at = self.plan.troubles[number].0;
            self.at(at, Event::Trouble(number));
        }
        for (from, to) in self.plan.days.clone() {
            let mut at = from;
            while at < to + 5 * MINUTE_MS {
                self.at(at, Event::Decide);
                at += DECIDE_MS;
            }
        }
    }

    pub(super) fn agenda(&self) -> AgendaImport {
        AgendaImport {
            version_label: None,
            zone: None,
            rooms: self
                .plan
                .rooms
                .iter()
                .map(|room| RoomRow {
                    id: room.to_string(),
                    title: room.to_string(),
                })
                .collect(),
            sessions: self
                .plan
                .sessions
                .iter()
                .map(|session| SessionRow {
                    id: session.id.clone(),
                    title: format!("Session {}", session.id),
                    room: self.plan.rooms[session.room].to_string(),
                    start_utc_ms: session.start,
                    end_utc_ms: session.end,
                    programme: Some(PROGRAMME.to_owned()),
                    kind: "talk".to_owned(),
                    credit_value: None,
                    language: None,
                })
                .collect(),
        }
    }

    fn registrations(&self) -> RegistrationsImport {
        let rows = (0..self.plan.people).map(|number| RegistrationRow {
            line: u64::try_from(number).unwrap() + 2,
            badge: person(number),
            name: format!("Person {number}"),
            email: None,
            organisation: None,
            language: None,
            valid_from_utc_ms: None,
            valid_until_utc_ms: None,
            cancelled: self.plan.cancelled == Some(number),
        });
        RegistrationsImport {
            rows: rows.collect(),
        }
    }
}
