//! The network between kiosks and issuer: what is asked and answered, and what happens to it on the way.

use std::rc::Rc;

use evidence::PublicKey;
use kiosk::sync::clock::{Exchange, request as time_request};
use kiosk::sync::transport::{self, Raw, Wire};
use kiosk::sync::words::{Call, Failure, Input, Request};
use protocol::batch::Accepted;
use protocol::time::TimeAnswer;

use super::super::broken::Broken;
use super::super::office::{Called, EVENT, ISSUER};
use super::{Event, Flight, SignedHead, World};
use crate::random::Random;

impl World {
    pub(super) fn call(&mut self, kiosk: usize, request: Request) {
        let machine = &mut self.kiosks[kiosk];
        let (wire, exchange) = if request.call == Call::Time {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&machine.choose().to_le_bytes());
            bytes[8..].copy_from_slice(&machine.choose().to_le_bytes());
            let asked = time_request(bytes);
            let wire = Wire {
                method: "POST",
                path: protocol::time::PATH.to_owned(),
                headers: vec![("content-type", "application/json".to_owned())],
                body: serde_json::to_vec(&asked).unwrap(),
            };
            (wire, Some((asked.nonce, machine.clock.raw_ms())))
        } else {
            let (id, key) = machine.signs(&request);
            if request.call == Call::Entries {
                let body = request.body.clone().unwrap_or_default();
                self.note_head(kiosk, &body, &id, &key.public_key());
            }
            (transport::wire(&request, &id, &key), None)
        };
        self.tally.count("calls", 1);
        let flight = Rc::new(Flight {
            kiosk,
            epoch: self.kiosks[kiosk].epoch,
            request,
            wire,
            exchange,
        });
        if !self.fates[kiosk].linked {
            let soon = self.below_ms(3_000);
            let failure = Failure::Unreachable;
            return self.after(soon, Event::Fail { flight, failure });
        }
        let failure = Failure::Timeout;
        let gone = Event::Fail {
            flight: Rc::clone(&flight),
            failure,
        };
        self.after(30_000, gone);
        if self.unlucky(self.net.lost) {
            return self.tally.fault("request lost");
        }
        let way = self.way_ms();
        if self.unlucky(self.net.twice) {
            self.tally.fault("request twice");
            let later = way + self.below_ms(45_000);
            let again = Event::Deliver {
                flight: Rc::clone(&flight),
                again: true,
            };
            self.after(later, again);
        }
        let again = false;
        self.after(way, Event::Deliver { flight, again });
    }

    fn unlucky(&mut self, of_thousand: u64) -> bool {
        of_thousand > 0 && self.random.below(1_000) < of_thousand
    }

    fn way_ms(&mut self) -> i64 {
        let ms = i64::try_from(self.net.least_ms).unwrap() + self.below_ms(self.net.more_ms);
        if self.unlucky(self.net.late) {
            self.tally.fault("message late");
            return ms + self.below_ms(60_000);
        }
        ms
    }

    fn note_head(&mut self, kiosk: usize, body: &[u8], id: &str, key: &PublicKey) {
        let batch = protocol::batch::read(body).expect("a kiosk sends batches");
        let origin = evidence::kiosk_origin(ISSUER, id, key).unwrap();
        let head = evidence::open_checkpoint(&batch.head.checkpoint, &origin, key).unwrap();
        let (size, root) = (head.size, head.root);
        let start = batch.head.start;
        self.say(|| format!("kiosk {kiosk} sends {start} to {size}"));
        let heads = self.truth.kiosk_heads.entry((kiosk, origin)).or_default();
        heads.push(SignedHead { size, root });
    }

    pub(super) fn deliver(&mut self, flight: &Rc<Flight>, again: bool) {
        if !self.fates[flight.kiosk].linked {
            return self.tally.fault("message lost in a cut");
        }
        if self.crash_within && self.office.runs() {
            self.crash_within = false;
            self.tally.fault("issuer's power cut within a call");
            self.say(|| "the issuer loses power within a call".to_owned());
            let mut random = Random::from_seed(self.random.number());
            return self.office.crash_within(&flight.wire, &mut random);
        }
        let raw = match self.office.call(&flight.wire) {
            Called::Down if again => return,
            Called::Down => {
                let flight = Rc::clone(flight);
                let failure = Failure::Unreachable;
                return self.after(10, Event::Fail { flight, failure });
            }
            Called::Answered(raw) => raw,
        };
        self.overhear(flight, &raw);
        if self.unlucky(self.net.lost) {
            return self.tally.fault("answer lost");
        }
        let way = self.way_ms();
        let flight = Rc::clone(flight);
        let raw = Rc::new(raw);
        self.after(way, Event::Answer { flight, raw });
    }

    /// What the issuer signs is remembered, whether it arrives or not.
    fn overhear(&mut self, flight: &Flight, raw: &Raw) {
        let (kiosk, status) = (flight.kiosk, raw.status);
        let call = flight.request.call;
        match (call, status) {
            (Call::Entries, 200) => {
                let accepted: Accepted = serde_json::from_slice(&raw.body).unwrap();
                let origin = evidence::ledger_origin(ISSUER, EVENT).unwrap();
                let head = evidence::open_checkpoint(&accepted.ledger, &origin, &self.office.key());
                let head = head.expect("the issuer signs its ledger's head");
                let (size, root) = (head.size, head.root);
                self.truth.ledger_heads.push(SignedHead { size, root });
                if self.broken == Broken::NotIdempotent {
                    let body = flight.request.body.as_deref().unwrap_or_default();
                    let lines = body.split(|b| *b == b'\n').skip(1);
                    let lines = lines.filter(|line| !line.is_empty());
                    self.truth.naive.extend(lines.map(<[u8]>::to_vec));
                }
                let held = accepted.size;
                self.say(|| format!("the issuer holds {held} of kiosk {kiosk}"));
                self.tally.count("batches taken", 1);
            }
            (Call::Bundle, 200) => self.keep_bundle(&raw.body),
            (Call::Time, 200) => {
                if let Some((nonce, _)) = &flight.exchange {
                    // A request that was doubled on its way is answered twice, the clock set in between.
                    let answer: TimeAnswer = serde_json::from_slice(&raw.body).unwrap();
                    let off = self.office.clock.off_ms();
                    let answered = (nonce.clone(), answer.received);
                    self.truth.exchanges.insert(answered, off);
                }
            }
            (_, 400..) => {
                let why = String::from_utf8_lossy(&raw.body).into_owned();
                self.say(|| {
                    format!(
                        "{} of kiosk {kiosk} is refused: {status} {why}",
                        call.as_str()
                    )
                });
                self.tally.count("calls refused", 1);
            }
            _ => {}
        }
    }

    pub(super) fn answer(&mut self, flight: &Rc<Flight>, raw: &Rc<Raw>) {
        let kiosk = flight.kiosk;
        let arriving = |flight| Event::Answer {
            flight,
            raw: Rc::clone(raw),
        };
        if !self.is_awaited(flight, arriving) {
            return;
        }
        let exchange = flight
            .exchange
            .clone()
            .map(|(nonce, sent_raw_ms)| Exchange {
                nonce,
                sent_raw_ms,
                received_raw_ms: self.kiosks[kiosk].clock.raw_ms(),
            });
        let answer = transport::answer(flight.request.id, raw.as_ref().clone(), exchange);
        self.step(kiosk, Input::Answer(answer));
    }

    pub(super) fn fail(&mut self, flight: &Rc<Flight>, failure: Failure) {
        let arriving = |flight| Event::Fail { flight, failure };
        if self.is_awaited(flight, arriving) {
            let id = flight.request.id;
            self.step(flight.kiosk, Input::Failed { id, failure });
        }
    }

    /// Whether the daemon that asked is there to hear; where its machine sleeps, what arrives waits for it.
    fn is_awaited(
        &mut self,
        flight: &Rc<Flight>,
        arriving: impl FnOnce(Rc<Flight>) -> Event,
    ) -> bool {
        let kiosk = flight.kiosk;
        if self.kiosks[kiosk].epoch != flight.epoch || !self.kiosks[kiosk].runs() {
            return false;
        }
        if self.kiosks[kiosk].suspended {
            self.park(kiosk, arriving(Rc::clone(flight)));
            return false;
        }
        true
    }

    fn park(&mut self, kiosk: usize, event: Event) {
        self.sequence += 1;
        let number = usize::try_from(self.sequence).unwrap();
        self.parked.insert(number, event);
        self.fates[kiosk].parked.push_back(number);
    }
}
