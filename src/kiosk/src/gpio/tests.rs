#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use attendance::words::{Direction, Verdict};
use proptest::prelude::*;

use super::player::{Level, Player, RELAY_REST_MS};
use super::*;
use crate::config::{self, RELAY_MS_MAX};
use crate::screen::view::{Answer, TimeAnswer};

/// A board in memory: what it is driven to, and by whom.
#[derive(Clone, Default)]
struct Double(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: BTreeMap<u32, Wire>,
    /// Every level that an output was driven to, high or low.
    driven: Vec<(u32, bool)>,
    is_gone: bool,
    hangs: bool,
}

#[derive(Clone, Default)]
struct Wire {
    open: bool,
    high: bool,
    reported: bool,
    changed: Option<Instant>,
}

const DOUBLE_LINES: u32 = 40;

impl Double {
    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
        changed
    }

    fn opener(&self) -> Opener {
        let double = self.clone();
        Box::new(move |lines| contract::Bench::open(&double, lines))
    }

    /// Waits until this holds.
    fn wait(&self, what: &str, holds: impl Fn(&State) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        let mut state = self.0.0.lock().unwrap();
        while !holds(&state) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: {:?}", state.driven);
            state = self.0.1.wait_timeout(state, left).unwrap().0;
        }
    }

    fn set_high(&self, line: u32, high: bool) {
        self.state(|state| {
            let wire = state.lines.entry(line).or_default();
            if wire.high != high {
                wire.high = high;
                wire.changed = Some(Instant::now());
            }
        });
    }
}

struct DoublePins {
    double: Double,
    lines: Vec<Line>,
}

impl DoublePins {
    fn line(&self, number: u32) -> Line {
        let line = self.lines.iter().find(|line| line.number == number);
        line.unwrap().clone()
    }
}

fn gone() -> Fault {
    Fault::new(FaultKind::Failed, "the board is gone")
}

impl Pins for DoublePins {
    fn drive(&mut self, line: u32, active: bool) -> Result<(), Fault> {
        let high = active != self.line(line).active_low;
        let mut state = self.double.0.0.lock().unwrap();
        while state.hangs {
            state = self.double.0.1.wait(state).unwrap();
        }
        if state.is_gone {
            return Err(gone());
        }
        state.lines.get_mut(&line).unwrap().high = high;
        state.driven.push((line, high));
        drop(state);
        self.double.0.1.notify_all();
        Ok(())
    }

    fn is_active(&mut self, line: u32) -> Result<bool, Fault> {
        let active_low = self.line(line).active_low;
        let (high, is_gone) = self.double.state(|s| (s.lines[&line].high, s.is_gone));
        if is_gone {
            Err(gone())
        } else {
            Ok(high != active_low)
        }
    }

    fn changed(&mut self, at_most: Duration) -> Result<Option<Edge>, Fault> {
        let until = Instant::now() + at_most;
        let mut state = self.double.0.0.lock().unwrap();
        loop {
            if state.is_gone {
                return Err(gone());
            }
            let mut next = until;
            for line in &self.lines {
                let Way::In { debounce_ms, .. } = line.way else {
                    continue;
                };
                let wire = state.lines.get_mut(&line.number).unwrap();
                let Some(changed) = wire.changed.filter(|_| wire.high != wire.reported) else {
                    continue;
                };
                let counts = changed + Duration::from_millis(u64::from(debounce_ms));
                if Instant::now() >= counts {
                    wire.reported = wire.high;
                    let active = wire.high != line.active_low;
                    let line = line.number;
                    return Ok(Some(Edge { line, active }));
                }
                next = next.min(counts);
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            let left = next.saturating_duration_since(Instant::now());
            state = self.double.0.1.wait_timeout(state, left).unwrap().0;
        }
    }
}

impl Drop for DoublePins {
    fn drop(&mut self) {
        self.double.state(|state| {
            for line in &self.lines {
                state.lines.get_mut(&line.number).unwrap().open = false;
            }
        });
    }
}

impl contract::Bench for Double {
    fn open(&self, lines: &[Line]) -> Result<Box<dyn Pins>, Fault> {
        self.state(|state| {
            if state.is_gone {
                return Err(Fault::new(FaultKind::NoChip, "no such board"));
            }
            for line in lines {
                if line.number >= DOUBLE_LINES {
                    return Err(Fault::new(FaultKind::NoLine, "no such line"));
                }
                let wire = state.lines.entry(line.number).or_default();
                if wire.open {
                    return Err(Fault::new(FaultKind::Busy, "in use"));
                }
                wire.open = true;
                match line.way {
                    Way::Out { at_rest } => {
                        wire.high = at_rest != line.active_low;
                        state.driven.push((line.number, wire.high));
                    }
                    Way::In { pull, .. } => {
                        // Nothing outside drives it yet.
                        if wire.changed.is_none() {
                            wire.high = pull == Pull::Up;
                        }
                        wire.reported = wire.high;
                    }
                }
            }
            Ok(())
        })?;
        Ok(Box::new(DoublePins {
            double: self.clone(),
            lines: lines.to_vec(),
        }))
    }

    fn is_high(&self, line: u32) -> bool {
        self.state(|state| state.lines[&line].high)
    }

    fn drive(&self, line: u32, high: bool) {
        self.set_high(line, high);
    }

    fn missing_line(&self) -> u32 {
        DOUBLE_LINES
    }
}

fn gpio(text: &str) -> GpioConfig {
    let text = format!("data_dir = \"d\"\n[gpio]\nchip = \"double\"\n{text}");
    config::parse(&text, "kiosk.toml").unwrap().gpio.unwrap()
}

const BLOCK: &str = r#"
[[gpio.light]]
name = "green"
line = 1
show = ["ready", "in", "out"]
[[gpio.light]]
name = "attention"
line = 2
[[gpio.light]]
name = "failure"
line = 3
active_low = true
lit_at_rest = true
[gpio.buzzer]
kind = "active"
line = 4
[[gpio.relay]]
name = "gate"
line = 5
pulse_ms = 1000
[gpio.button]
line = 6
debounce_ms = 1
[[gpio.tamper]]
name = "lid"
line = 7
debounce_ms = 1
"#;

fn result(verdict: Verdict, direction: Direction) -> Face {
    Face::Result(Answer {
        verdict,
        direction,
        since_ms: None,
        name: None,
        provisional: None,
        language: None,
        short_code: None,
    })
}

fn cue(verdict: Verdict) -> Cue {
    Cue::of(&result(verdict, Direction::In))
}

fn ready() -> Cue {
    Cue::of(&Face::Idle {
        direction: None,
        clock_ok: true,
    })
}

#[test]
fn the_double_holds_to_the_contract() {
    contract::run(&Double::default()).unwrap();
}

#[test]
fn a_cue_is_what_the_screen_shows() {
    let check = |face: &Face, lamp: Option<Lamp>, sound: Option<Sound>, passage: Option<Sound>| {
        let cue = Cue::of(face);
        assert_eq!(
            (cue.lamp, cue.sound, cue.passage()),
            (lamp, sound, passage),
            "{face:?}"
        );
        assert_eq!(cue.hold_ms, face.hold_ms());
    };
    use Direction::{In, Out};
    let (is_in, is_out) = (Some(Sound::In), Some(Sound::Out));
    let (again, attention) = (Some(Sound::Repeat), Some(Sound::Attention));
    check(
        &result(Verdict::CheckedIn, In),
        Some(Lamp::In),
        is_in,
        is_in,
    );
    check(
        &result(Verdict::CheckedOut, Out),
        Some(Lamp::Out),
        is_out,
        is_out,
    );
    check(&result(Verdict::Repeat, In), Some(Lamp::In), again, again);
    check(&result(Verdict::Repeat, Out), Some(Lamp::Out), again, again);
    for verdict in [
        Verdict::UnknownBadge,
        Verdict::RevokedBadge,
        Verdict::NotRegistered,
        Verdict::NoSession,
    ] {
        check(&result(verdict, In), Some(Lamp::Attention), attention, None);
    }
    check(&Face::Time(TimeAnswer::Set { at_ms: 0 }), None, again, None);
    check(
        &Face::Time(TimeAnswer::Old),
        Some(Lamp::Attention),
        attention,
        None,
    );
    check(&Face::NotSetUp, None, None, None);
    let failure = Face::Failure { code: "x".into() };
    check(&failure, Some(Lamp::Failure), None, None);
    assert_eq!(ready().lamp, Some(Lamp::Ready));
}

#[test]
fn beeps_and_pitches_are_the_screens() {
    let page = include_str!("../screen/assets/screen.js");
    for (name, sound) in [
        ("entry", Sound::In),
        ("exit", Sound::Out),
        ("neutral", Sound::Repeat),
        ("attention", Sound::Attention),
    ] {
        let mut at_ms = 0;
        let mut beeps = Vec::new();
        for (index, step) in sound.beeps().into_iter().enumerate() {
            if index % 2 == 0 {
                beeps.push(format!("[{at_ms}, {step}, {}]", sound.hertz()));
            }
            at_ms += step;
        }
        let line = format!("    {name}: [{}],", beeps.join(", "));
        assert!(page.contains(&line), "{line}");
    }
}

/// What the outputs of [`BLOCK`] do at each of these times, as letters: lit lights green, attention, failure, then buzzer and relay.
fn picture(player: &mut Player, now_ms: u64) -> String {
    let levels = player.levels(now_ms).into_iter();
    let letters = levels.zip("gafbr".chars());
    letters
        .filter(|(level, _)| *level != Level::Off)
        .map(|(_, letter)| letter)
        .collect()
}

#[test]
fn what_a_door_shows_over_time() {
    let mut player = Player::new(&gpio(BLOCK));
    let mut check = |cues: &[(u64, Cue)], now_ms: u64, expected: &str| {
        for (at_ms, cue) in cues {
            match cue.hold_ms {
                Some(_) => player.cue(*cue, *at_ms),
                None => player.rest_at(*cue, *at_ms),
            }
        }
        assert_eq!(picture(&mut player, now_ms), expected, "at {now_ms}");
    };
    check(&[], 0, "");
    check(&[(10, ready())], 10, "g");
    // One beep, and the gate opens for a second.
    check(&[(1_000, cue(Verdict::CheckedIn))], 1_000, "gbr");
    check(&[], 1_159, "gbr");
    check(&[], 1_160, "gr");
    check(&[], 1_999, "gr");
    check(&[], 2_000, "g");
    // The next one is in too: the light goes dark for a moment, the gate has rested by now.
    check(&[(2_600, cue(Verdict::CheckedIn))], 2_600, "br");
    check(&[], 2_719, "br");
    check(&[], 2_720, "gbr");
    // Attention interrupts at once, twice lit and twice sounding; the gate that was opened stays its time.
    check(&[(2_800, cue(Verdict::UnknownBadge))], 2_800, "abr");
    check(&[], 2_910, "ar");
    check(&[], 2_980, "br");
    check(&[], 3_140, "ar");
    check(&[], 3_320, "r");
    check(&[], 3_600, "");
    check(&[], 4_000, "a");
    check(&[], 7_799, "");
    // After its time the door is ready again; a failure shows at once.
    check(&[], 7_800, "g");
    let failure = Cue::of(&Face::Failure { code: "x".into() });
    check(&[(8_000, failure)], 8_000, "f");
    check(&[], 9_000, "");
    check(&[], 10_000, "f");
    // A repeat is calm: the same light, a short sound, no gate.
    check(&[(12_000, cue(Verdict::Repeat))], 12_000, "gb");
    check(&[], 12_090, "g");
    check(&[], 14_500, "f");
    check(&[(20_000, ready())], 20_000, "g");
}

#[test]
fn a_sound_that_is_broken_off_is_told_from_the_next() {
    let mut player = Player::new(&gpio(BLOCK));
    player.cue(cue(Verdict::CheckedIn), 0);
    assert!(picture(&mut player, 99).contains('b'));
    player.cue(cue(Verdict::CheckedIn), 100);
    assert!(!picture(&mut player, 139).contains('b'));
    assert!(picture(&mut player, 140).contains('b'));
    assert!(picture(&mut player, 299).contains('b'));
    assert!(!picture(&mut player, 300).contains('b'));
}

#[test]
fn a_passive_buzzer_has_a_pitch_for_each() {
    let passive = BLOCK.replace(
        "\"active\"\nline = 4",
        "\"passive\"\nline = 4\nhertz = { in = 1500 }",
    );
    let mut player = Player::new(&gpio(&passive));
    let mut pitch = |verdict, at_ms| {
        player.cue(cue(verdict), at_ms);
        player.levels(at_ms)[3]
    };
    assert_eq!(pitch(Verdict::CheckedIn, 0), Level::Tone(1_500));
    assert_eq!(pitch(Verdict::CheckedOut, 1_000), Level::Tone(659));
    assert_eq!(pitch(Verdict::UnknownBadge, 2_000), Level::Tone(880));
}

fn any_cue() -> impl Strategy<Value = Option<Cue>> {
    prop_oneof![
        4 => Just(Some(cue(Verdict::CheckedIn))),
        2 => Just(Some(Cue::of(&result(Verdict::CheckedOut, Direction::Out)))),
        2 => Just(Some(cue(Verdict::Repeat))),
        2 => Just(Some(cue(Verdict::UnknownBadge))),
        1 => Just(Some(ready())),
        1 => Just(Some(Cue::of(&Face::Failure { code: "x".into() }))),
        1 => Just(Some(Cue::of(&Face::NotSetUp))),
        2 => Just(None),
    ]
}

proptest! {
    /// Whatever comes, whenever the thread looks, clocks that run backwards included.
    #[test]
    fn no_sequence_holds_a_relay_or_a_light(
        pulse_ms in config_pulses(),
        steps in proptest::collection::vec((any_cue(), 0_u64..4_000, any::<bool>()), 1..80),
    ) {
        let block = BLOCK.replace("pulse_ms = 1000", &format!("pulse_ms = {pulse_ms}\npulse_for = [\"in\", \"out\", \"repeat\"]"));
        let mut player = Player::new(&gpio(&block));
        let mut now_ms = 0;
        let mut relay_on: Option<u64> = None;
        let mut relay_off = None;
        let mut lit_ms: Vec<Vec<u64>> = vec![Vec::new(); 3];
        let mut was = vec![Level::Off; 5];
        let mut resting = Cue::DARK;
        let mut look = |player: &mut Player, now_ms: u64| {
            let levels = player.levels(now_ms);
            match (was[4], levels[4]) {
                (Level::Off, Level::On) => {
                    assert!(relay_off.is_none_or(|off_ms| now_ms >= off_ms + RELAY_REST_MS));
                    relay_on = Some(now_ms);
                }
                (Level::On, Level::Off) => {
                    let on_ms = relay_on.take().unwrap();
                    assert!(now_ms - on_ms <= u64::from(RELAY_MS_MAX), "{on_ms} to {now_ms}");
                    relay_off = Some(now_ms);
                }
                _ => {}
            }
            for (light, lit_ms) in lit_ms.iter_mut().enumerate() {
                if was[light] == Level::Off && levels[light] == Level::On {
                    lit_ms.push(now_ms);
                }
            }
            was = levels;
            for lit_ms in &lit_ms {
                for four in lit_ms.windows(4) {
                    assert!(four[3] - four[0] >= 1_000, "{four:?}");
                }
            }
        };
        for (cue, wait_ms, backwards) in &steps {
            if let Some(cue) = cue {
                let at_ms = if *backwards { now_ms / 2 } else { now_ms };
                match cue.hold_ms {
                    Some(_) => player.cue(*cue, at_ms),
                    None => {
                        resting = *cue;
                        player.rest_at(*cue, at_ms);
                    }
                }
                look(&mut player, now_ms);
            }
            let until_ms = now_ms + wait_ms;
            // As the thread does: it looks whenever something is due.
            while let Some(due_ms) = player.due_ms().filter(|due_ms| *due_ms <= until_ms) {
                assert!(due_ms > now_ms);
                now_ms = due_ms;
                look(&mut player, now_ms);
            }
            now_ms = until_ms;
            look(&mut player, now_ms);
        }
        // Everything ends at rest: nothing sounds, no relay is held, and lights show what rests.
        now_ms += 60_000;
        let ended = player.levels(now_ms);
        prop_assert_eq!(&ended[3..], &[Level::Off, Level::Off]);
        let mut fresh = Player::new(&gpio(&block));
        fresh.rest_at(resting, 0);
        let lamps = |player: &mut Player| -> std::collections::BTreeSet<usize> {
            // A pattern is lit at some time of its turn.
            (0..200_u64).flat_map(|step| {
                let levels = player.levels(now_ms + step * 20);
                (0..3).filter(move |light| levels[*light] == Level::On).collect::<Vec<_>>()
            }).collect()
        };
        prop_assert_eq!(lamps(&mut player), lamps(&mut fresh));
    }

    /// People in a row who all get the same answer never make a light flash.
    #[test]
    fn the_same_answer_again_and_again_is_no_flashing(pauses in proptest::collection::vec(1_u64..400, 2..60)) {
        let mut player = Player::new(&gpio(BLOCK));
        let mut now_ms = 0;
        let mut was_lit = false;
        let mut lit_ms = Vec::new();
        for pause_ms in pauses {
            player.cue(cue(Verdict::CheckedIn), now_ms);
            for ms in now_ms..now_ms + pause_ms {
                let is_lit = player.levels(ms)[0] == Level::On;
                if is_lit && !was_lit {
                    lit_ms.push(ms);
                }
                was_lit = is_lit;
            }
            now_ms += pause_ms;
        }
        for four in lit_ms.windows(4) {
            prop_assert!(four[3] - four[0] >= 1_000, "{:?}", four);
        }
    }
}

fn config_pulses() -> impl Strategy<Value = u32> {
    prop_oneof![Just(50_u32), 51_u32..3_000, Just(RELAY_MS_MAX)]
}

#[test]
fn outputs_follow_and_end_at_rest() {
    let double = Double::default();
    let outputs = Outputs::start(&gpio(BLOCK), double.opener())
        .unwrap()
        .unwrap();
    let lights = outputs.lights();
    lights.rest(ready());
    // The failure light is lit at rest, so it goes dark once the daemon has the lines.
    double.wait("ready", |s| {
        s.lines.get(&1).is_some_and(|wire| wire.high) && s.lines[&3].high
    });
    lights.show(cue(Verdict::CheckedIn));
    double.wait("the gate", |s| {
        s.lines[&5].high && s.driven.contains(&(4, true))
    });
    drop(outputs);
    let ended: Vec<bool> = (1..=5)
        .map(|line| contract::Bench::is_high(&double, line))
        .collect();
    assert_eq!(ended, [false; 5], "failure is lit by a low line");
    assert!(double.state(|s| s.lines.values().all(|wire| !wire.open)));
}

#[test]
fn a_passive_buzzer_is_driven_by_turns() {
    let double = Double::default();
    let passive = BLOCK.replace("\"active\"", "\"passive\"");
    let outputs = Outputs::start(&gpio(&passive), double.opener())
        .unwrap()
        .unwrap();
    outputs.lights().show(cue(Verdict::CheckedIn));
    let turns = |state: &State| state.driven.iter().filter(|(line, _)| *line == 4).count();
    double.wait("turns", |state| turns(state) > 20);
    double.wait("silence", |state| {
        !state.lines[&4].high && turns(state) > 20
    });
}

#[test]
fn a_line_that_hangs_holds_nobody_up() {
    let double = Double::default();
    let outputs = Outputs::start(&gpio(BLOCK), double.opener())
        .unwrap()
        .unwrap();
    let lights = outputs.lights();
    double.wait("open", |state| state.lines.contains_key(&5));
    double.state(|state| state.hangs = true);
    let began = Instant::now();
    for _ in 0..1_000 {
        lights.show(cue(Verdict::UnknownBadge));
    }
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    double.state(|state| state.hangs = false);
    double.wait("attention", |state| state.lines[&2].high);
}

#[test]
fn a_board_that_comes_late_or_goes_is_found_again() {
    let double = Double::default();
    double.state(|state| state.is_gone = true);
    let outputs = Outputs::start(&gpio(BLOCK), double.opener())
        .unwrap()
        .unwrap();
    let watch = Watch(vec![outputs.health()]);
    let wait_for = |code: &str| {
        let until = Instant::now() + Duration::from_secs(20);
        while watch.standings()[0].1.code() != code {
            assert!(Instant::now() < until, "{:?}", watch.standings());
            std::thread::yield_now();
        }
    };
    wait_for("no_chip");
    outputs.lights().rest(ready());
    double.state(|state| state.is_gone = false);
    double.wait("ready", |state| {
        state.lines.get(&1).is_some_and(|wire| wire.high)
    });
    wait_for("working");
    double.state(|state| state.is_gone = true);
    outputs.lights().show(cue(Verdict::UnknownBadge));
    wait_for("failed");
    assert!(watch.standings()[0].1.trouble().unwrap().contains("gone"));
}

#[test]
fn presses_and_openings_are_told_in_order() {
    let double = Double::default();
    let (told, events) = std::sync::mpsc::channel();
    let inputs = Inputs::start(&gpio(BLOCK), double.opener(), move |change| {
        told.send(change).map_err(|_| Closed)
    });
    let inputs = inputs.unwrap().unwrap();
    let next = || events.recv_timeout(Duration::from_secs(20)).unwrap();
    let lid = |open| Change::Tamper {
        name: "lid".to_owned(),
        line: 7,
        open,
    };
    // Nothing closes the switch's circuit, so it is open from the beginning.
    assert_eq!(next(), lid(true));
    double.set_high(7, false);
    assert_eq!(next(), lid(false));
    double.set_high(6, false);
    assert_eq!(next(), Change::Pressed);
    double.set_high(6, true);
    double.set_high(7, true);
    assert_eq!(next(), lid(true));
    drop(inputs);
    assert!(events.try_recv().is_err());
}

#[test]
fn a_loose_contact_does_not_fill_the_journal() {
    let mut tamper = Tamper::default();
    let told = |open, changes| Some(Told { open, changes });
    let change = |tamper: &mut Tamper, open, now_ms| {
        tamper.change(open);
        tamper.due(now_ms)
    };
    assert_eq!(change(&mut tamper, false, 0), None);
    for turn in 0..tamper::BURST {
        let open = turn % 2 == 0;
        let now_ms = u64::from(turn);
        assert_eq!(change(&mut tamper, open, now_ms), told(open, 1));
    }
    for turn in 0..1_001 {
        assert_eq!(change(&mut tamper, turn % 2 == 0, 100), None);
    }
    assert_eq!(tamper.due(tamper::EVERY_MS - 1), None);
    let at_last = tamper.due(tamper::EVERY_MS);
    assert_eq!(at_last, told(true, 1_001));
    // What could not be journalled is told again.
    tamper.untell(at_last.unwrap());
    assert_eq!(tamper.due(tamper::EVERY_MS), at_last);
    assert_eq!(tamper.due(tamper::EVERY_MS * 50), None);
    assert_eq!(
        change(&mut tamper, false, tamper::EVERY_MS * 50),
        told(false, 1)
    );
}
