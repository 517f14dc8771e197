//! What goes wrong, and is put right.

use attendance::words::ReaderId;
use kiosk::readers::ReaderEvent;

use super::super::disk::{Image, Moment};
use super::super::kiosk::{Kiosk, READERS};
use super::super::plan::{SECOND_MS, Trouble};
use super::{Copied, Event, Fate, World};
use crate::random::Random;

impl World {
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.say(|| format!("{trouble:?}"));
        match trouble {
            Trouble::PowerCut(kiosk) if self.kiosks[kiosk].powered => {
                self.tally.fault("power cut");
                self.kiosks[kiosk].cut_power();
            }
            Trouble::PowerCut(_) => {}
            Trouble::CutWithin(kiosk, commits, moment) if self.kiosks[kiosk].runs() => {
                self.tally.fault(match moment {
                    Moment::Before => "power cut before a commit",
                    Moment::During => "power cut within a commit, torn",
                    Moment::After => "power cut after a commit, unanswered",
                });
                self.fates[kiosk].only_daemon = false;
                self.kiosks[kiosk].disk.plan_end(commits, moment);
            }
            Trouble::KillWithin(kiosk, commits, moment) if self.kiosks[kiosk].runs() => {
                self.tally.fault("daemon killed within a commit");
                self.fates[kiosk].only_daemon = true;
                self.kiosks[kiosk].disk.plan_end(commits, moment);
            }
            Trouble::Kill(kiosk) if self.kiosks[kiosk].runs() => {
                self.tally.fault("daemon killed");
                self.kiosks[kiosk].kill();
            }
            Trouble::Stop(kiosk) if self.kiosks[kiosk].runs() => {
                self.kiosks[kiosk].stop();
            }
            Trouble::CutWithin(..)
            | Trouble::KillWithin(..)
            | Trouble::Kill(_)
            | Trouble::Stop(_) => {}
            Trouble::On(kiosk) => self.start(kiosk),
            Trouble::Suspend(kiosk) => {
                if self.kiosks[kiosk].powered && !self.kiosks[kiosk].suspended {
                    self.tally.fault("machine suspended");
                    self.kiosks[kiosk].suspended = true;
                    self.kiosks[kiosk].clock.suspend();
                }
            }
            Trouble::Resume(kiosk) => self.resume(kiosk),
            Trouble::TimeFound(kiosk) => {
                let mut random = Random::from_seed(self.random.number());
                self.kiosks[kiosk].clock.found(&mut random);
                self.tally.fault("wall clock set and slewed at 500 ppm");
            }
            Trouble::TimeLost(kiosk) => {
                let mut random = Random::from_seed(self.random.number());
                self.kiosks[kiosk].clock.lost(&mut random);
                self.tally.fault("time source lost");
            }
            Trouble::Jump(kiosk, ms) => {
                self.kiosks[kiosk].clock.jump(ms);
                self.tally.fault("wall clock jumps");
            }
            Trouble::Full(kiosk, full) => {
                self.kiosks[kiosk].disk.set_full(full);
                if full {
                    self.tally.fault("disk full");
                }
            }
            Trouble::Failing(kiosk, failing) => {
                self.kiosks[kiosk].disk.set_failing(failing);
                if failing.is_some() {
                    self.tally.fault("disk fails");
                }
            }
            Trouble::Link(kiosk, up) => {
                if self.fates[kiosk].linked && !up {
                    self.tally.fault("network cut");
                }
                self.fates[kiosk].linked = up;
            }
            Trouble::Foreign(kiosk) => self.foreign(kiosk),
            Trouble::Reader(kiosk) => self.reader(kiosk),
            Trouble::CopyCard(kiosk) => self.copy_card(kiosk),
            Trouble::RestoreCard(kiosk) => self.restore_card(kiosk),
            Trouble::CloneCard(kiosk) => self.clone_card(kiosk),
            Trouble::TimeCode(kiosk, age_ms) => self.time_code(kiosk, age_ms),
            Trouble::AgendaMoves(session, by_s) => self.agenda_moves(session, by_s),
            of_issuer => self.issuer_trouble(&of_issuer),
        }
    }

    fn issuer_trouble(&mut self, trouble: &Trouble) {
        match trouble {
            Trouble::IssuerCrash => {
                self.tally.fault("issuer killed");
                self.office.crash();
            }
            Trouble::IssuerCrashWithin => self.crash_within = true,
            Trouble::IssuerStart => {
                self.crash_within = false;
                self.office.start();
            }
            Trouble::IssuerBackup => self.office.back_up(),
            Trouble::IssuerRestore => {
                if self.office.restore() {
                    self.tally.fault("issuer restored from a copy");
                    self.truth.issuer_restored = true;
                }
            }
            Trouble::IssuerClock(off_ms) => {
                self.tally.fault("issuer's clock stepped");
                self.office.clock.set_off(*off_ms);
                self.truth.issuer_offs_ms.push(*off_ms);
            }
            other => panic!("{other:?} is no trouble of the issuer's"),
        }
    }

    fn resume(&mut self, kiosk: usize) {
        if !self.kiosks[kiosk].suspended {
            return;
        }
        self.kiosks[kiosk].suspended = false;
        self.kiosks[kiosk].clock.resume();
        // What came in meanwhile, and the clock's tick, in whatever order.
        while let Some(number) = self.fates[kiosk].parked.pop_front() {
            if let Some(event) = self.parked.remove(&number) {
                let soon = self.below_ms(400);
                self.after(soon, event);
            }
        }
        let epoch = self.kiosks[kiosk].epoch;
        let soon = self.now.ms() + self.below_ms(1_000);
        self.fates[kiosk].wake = Some(soon);
        self.at(soon, Event::Wake { kiosk, epoch });
    }

    fn foreign(&mut self, kiosk: usize) {
        if self.kiosks[kiosk].runs()
            || self.kiosks[kiosk].disk.faults() > 0 && !self.kiosks[kiosk].powered
        {
            return;
        }
        self.tally.fault("entry of an unknown kind");
        let bytes = br#"{"kind":"of another program","v":99}"#;
        self.kiosks[kiosk].append_foreign(bytes);
        *self.truth.foreign.entry(kiosk).or_default() += 1;
    }

    fn reader(&mut self, kiosk: usize) {
        if !self.kiosks[kiosk].runs() || self.kiosks[kiosk].suspended {
            return;
        }
        self.tally.fault("reader attached anew");
        let reader = READERS[self.kiosks[kiosk].readers[0]].0;
        let reader = ReaderId::new(reader).unwrap();
        self.kiosks[kiosk].reader_event(ReaderEvent::Attached { reader });
        self.look_after(kiosk);
        self.grown(kiosk);
    }

    fn time_code(&mut self, kiosk: usize, age_ms: i64) {
        let machine = &self.kiosks[kiosk];
        if !machine.runs() || machine.suspended || !self.office.runs() {
            return;
        }
        let made = self.office.clock.read().plus_ms(-age_ms);
        let nonce = [1, 2, 3];
        let error_ms = self.plan.issuer_error_ms;
        let code = protocol::time_code::make(made, error_ms, nonce, &self.office.signing());
        let reader = self.kiosks[kiosk].readers[0];
        let (_, told) = self.kiosks[kiosk].scan(&[(reader, code)]);
        let word = told
            .first()
            .map_or("dark", |told| told.word.as_str())
            .to_owned();
        self.say(|| format!("a time code at kiosk {kiosk}: {word}"));
        self.tally.count("time codes scanned", 1);
        self.look_after(kiosk);
        self.grown(kiosk);
    }

    fn copy_card(&mut self, kiosk: usize) {
        let machine = &self.kiosks[kiosk];
        // Of a card that was copied before, nobody makes another copy.
        if let Some(standing) = machine.standing()
            && standing.generation == 0
        {
            let image = Image::of(&machine.database());
            self.fates[kiosk].copy = Some((image, standing.log_size));
        }
    }

    fn restore_card(&mut self, kiosk: usize) {
        let Some((image, size)) = self.fates[kiosk].copy.take() else {
            return;
        };
        self.tally.fault("card restored from a copy");
        if self.kiosks[kiosk].powered {
            self.kiosks[kiosk].cut_power();
        }
        image.restore(&self.kiosks[kiosk].database());
        self.kiosks[kiosk].disk.settle();
        self.fates[kiosk].card += 1;
        let card = self.fates[kiosk].card;
        self.truth.restored.insert((kiosk, card), Copied { size });
        let again = 1_000 + self.below_ms(20_000);
        self.after(again, Event::Start(kiosk));
    }

    fn clone_card(&mut self, kiosk: usize) {
        let Some((image, size)) = self.fates[kiosk].copy.take() else {
            return;
        };
        self.tally.fault("card cloned");
        let number = self.kiosks.len();
        let at = self.folder.path().join(format!("kiosk-{number}"));
        std::fs::create_dir_all(&at).unwrap();
        let name = format!("kiosk {number}, a clone of {kiosk}");
        let mut random = Random::from_seed(self.random.number());
        let (door, readers) = (
            self.kiosks[kiosk].door.clone(),
            self.kiosks[kiosk].readers.clone(),
        );
        let mut clone = Kiosk::new(
            &name,
            &door,
            &readers,
            &at,
            &self.now,
            self.broken,
            &mut random,
        );
        clone.key = self.kiosks[kiosk].key.clone();
        image.restore(&clone.database());
        clone.disk.settle();
        self.kiosks.push(clone);
        let fate = Fate {
            linked: true,
            ..Fate::default()
        };
        self.fates.push(fate);
        self.truth.clones.insert(number, (kiosk, size));
        self.start(number);
    }

    fn agenda_moves(&mut self, session: usize, by_s: i64) {
        if !self.office.runs() || self.office.is_lost() {
            return;
        }
        self.tally.fault("agenda moves");
        self.plan.sessions[session].end += by_s * SECOND_MS;
        self.office.import_agenda(&self.agenda());
    }
}
