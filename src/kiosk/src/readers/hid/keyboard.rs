//! Scanners that type: keyboard reports into presses of keys, and presses into what they stand for.
//!
//! A report says which keys are down, not which were struck: a key counts when it is down and was not before. A report of rollover says
//! nothing. Shift, caps lock and AltGr are honoured by the layout; an accent waits for its letter; control with a letter is the control
//! character that a terminator may be. Left alt with digits of the keypad is a character by its number, which is how scanners type what
//! no layout garbles. Any other key together with control, alt or GUI, and a key without a character, spoil the code.
//! Source of the numbers: HID Usage Tables, keyboard page (0x07).

use std::collections::BTreeMap;

use super::descriptor::{Descriptor, Usage};
use super::layouts::{KeyboardLayout, Level, Meaning, accented, alone};
use crate::readers::framing::{Framed, Framer, Refusal};

/// The usage page of keys.
const KEYS: u16 = 0x07;
/// Codes below the first key: no key, rollover, self-test failed, undefined error.
const ROLLOVER: std::ops::RangeInclusive<u16> = 0x01..=0x03;
const ENTER: u16 = 0x28;
const KEYPAD_ENTER: u16 = 0x58;
const TAB: u16 = 0x2b;
const CAPS_LOCK: u16 = 0x39;
const SCROLL_LOCK: u16 = 0x47;
const NUM_LOCK: u16 = 0x53;
const KEYPAD_1: u16 = 0x59;
const KEYPAD_0: u16 = 0x62;
const LEFT_CONTROL: u16 = 0xe0;
const LEFT_SHIFT: u16 = 0xe1;
const LEFT_ALT: u16 = 0xe2;
const RIGHT_CONTROL: u16 = 0xe4;
const RIGHT_SHIFT: u16 = 0xe5;
const RIGHT_ALT: u16 = 0xe6;
const MODIFIERS: std::ops::RangeInclusive<u16> = 0xe0..=0xe7;
/// Most keys down at once that are looked at: one for each code of the page.
const DOWN_MAX: usize = 256;
/// Most digits of a character by its number.
const NUMBER_DIGITS_MAX: usize = 4;

/// Keys held beside another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    shift: bool,
    control: bool,
    left_alt: bool,
    right_alt: bool,
    gui: bool,
}

impl Held {
    fn of(modifiers: &[u16]) -> Self {
        let is_down = |keys: &[u16]| modifiers.iter().any(|key| keys.contains(key));
        Self {
            shift: is_down(&[LEFT_SHIFT, RIGHT_SHIFT]),
            control: is_down(&[LEFT_CONTROL, RIGHT_CONTROL]),
            left_alt: is_down(&[LEFT_ALT]),
            right_alt: is_down(&[RIGHT_ALT]),
            gui: is_down(&[0xe3, 0xe7]),
        }
    }

    /// Which character of a key is meant, where one is.
    fn level(self) -> Option<Level> {
        let is_alt_gr = self.right_alt || self.left_alt && self.control;
        match self {
            Self { gui: true, .. } => None,
            _ if is_alt_gr => Some(Level::AltGr),
            Self { control: true, .. } | Self { left_alt: true, .. } => None,
            Self { shift: true, .. } => Some(Level::Shifted),
            _ => Some(Level::Plain),
        }
    }
}

/// What happened on a keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    /// A key went down while these were held.
    Key(u16, Held),
    /// Left alt was let go.
    AltUp,
}

/// Which keys are down.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// Keys that were down in the last report of each id.
    down: BTreeMap<Option<u8>, Vec<u16>>,
    was_alt: bool,
}

/// Whether a device has keys.
pub(super) fn types(descriptor: &Descriptor) -> bool {
    descriptor.has_page(KEYS)
}

impl Keyboard {
    /// Takes one report as read from the device.
    pub(super) fn take(&mut self, descriptor: &Descriptor, bytes: &[u8]) -> Vec<Press> {
        let Some((report, payload)) = descriptor.report(bytes) else {
            return Vec::new();
        };
        let mut now_down = Vec::new();
        let mut modifiers = Vec::new();
        let mut is_of_keys = false;
        let controls = report
            .controls(payload)
            .filter(|(usage, _)| usage.page() == KEYS)
            .inspect(|_| is_of_keys = true)
            .filter_map(|(usage, value)| (value != 0).then_some(usage));
        for usage in controls.chain(report.named(payload).filter(is_key)) {
            let key = usage.id();
            let list = if MODIFIERS.contains(&key) {
                &mut modifiers
            } else {
                &mut now_down
            };
            if key != 0 && list.len() < DOWN_MAX && !list.contains(&key) {
                list.push(key);
            }
        }
        // With too many keys down the keyboard does not know which they are.
        if now_down.iter().any(|key| ROLLOVER.contains(key)) {
            return Vec::new();
        }
        let held = Held::of(&modifiers);
        let before = self.down.entry(report.id()).or_default();
        let struck = now_down.iter().filter(|key| !before.contains(key));
        let mut presses = Vec::new();
        if is_of_keys {
            if self.was_alt && !held.left_alt {
                presses.push(Press::AltUp);
            }
            self.was_alt = held.left_alt;
        }
        presses.extend(struck.map(|key| Press::Key(*key, held)));
        *before = now_down;
        presses
    }

    /// Bytes that are held between two reports.
    #[cfg(feature = "testing")]
    pub(super) fn held_bytes(&self) -> usize {
        self.down.values().map(|down| down.capacity() * 2).sum()
    }
}

fn is_key(usage: &Usage) -> bool {
    usage.page() == KEYS
}

/// Presses into text, by one layout.
#[derive(Debug)]
pub(super) struct Typist {
    layout: KeyboardLayout,
    caps_lock: bool,
    /// An accent that waits for its letter.
    accent: Option<char>,
    /// Digits of a character by its number.
    number: String,
    /// When the last of these two came.
    held_ms: u64,
}

impl Typist {
    pub(super) fn new(layout: KeyboardLayout) -> Self {
        Self {
            layout,
            caps_lock: false,
            accent: None,
            number: String::new(),
            held_ms: 0,
        }
    }

    /// Gives what was typed at `now_ms` to the framer.
    pub(super) fn take(
        &mut self,
        press: Press,
        now_ms: u64,
        framer: &mut Framer,
        framed: &mut Vec<Framed>,
    ) {
        framer.stir(now_ms);
        let mut type_char = |typed: char| push(framer, typed, now_ms, framed);
        match self.typed(press) {
            Typed::Nothing => {
                if !self.number.is_empty() {
                    self.hold(now_ms, framer);
                }
            }
            Typed::Char(typed) => match self.accent.take().map(|mark| accented(mark, typed)) {
                None => type_char(typed),
                Some((first, second)) => {
                    type_char(first);
                    second.into_iter().for_each(type_char);
                }
            },
            Typed::Dead(mark) => {
                if let Some(before) = self.accent.replace(mark) {
                    type_char(alone(before));
                }
                self.hold(now_ms, framer);
            }
            Typed::Control(byte) => {
                if let Some(before) = self.accent.take() {
                    type_char(alone(before));
                }
                framer.push(&[byte], now_ms, framed);
            }
            Typed::Unknown => {
                self.accent = None;
                framer.spoil(Refusal::UnknownKey, now_ms);
            }
        }
    }

    fn hold(&mut self, now_ms: u64, framer: &mut Framer) {
        self.held_ms = now_ms;
        framer.hold(now_ms);
    }

    /// The code at hand ends by quiet: an accent that has no letter stands alone, and a number that was not ended is no character.
    pub(super) fn settle(&mut self, framer: &mut Framer, framed: &mut Vec<Framed>) {
        if let Some(mark) = self.accent.take() {
            push(framer, alone(mark), self.held_ms, framed);
        }
        if !self.number.is_empty() {
            self.number.clear();
            framer.spoil(Refusal::UnknownKey, self.held_ms);
        }
    }

    fn typed(&mut self, press: Press) -> Typed {
        let (key, held) = match press {
            Press::Key(key, held) => (key, held),
            Press::AltUp => return self.numbered(),
        };
        let plain = |key| {
            let meaning = self.layout.meaning(key, Level::Plain, false);
            meaning.and_then(|meaning| match meaning {
                Meaning::Char(typed) => Some(typed),
                Meaning::Dead(_) => None,
            })
        };
        match (key, held.level()) {
            (CAPS_LOCK, _) => {
                self.caps_lock = !self.caps_lock;
                Typed::Nothing
            }
            (SCROLL_LOCK | NUM_LOCK, _) => Typed::Nothing,
            (ENTER | KEYPAD_ENTER, Some(Level::Plain | Level::Shifted)) => Typed::Control(b'\r'),
            (TAB, Some(Level::Plain | Level::Shifted)) => Typed::Control(b'\t'),
            (KEYPAD_1..=KEYPAD_0, None) if held.left_alt && !held.control && !held.gui => {
                if self.number.len() == NUMBER_DIGITS_MAX {
                    self.number.clear();
                    return Typed::Unknown;
                }
                self.number.extend(plain(key));
                Typed::Nothing
            }
            (key, Some(level)) => match self.layout.meaning(key, level, self.caps_lock) {
                Some(Meaning::Char(typed)) => Typed::Char(typed),
                Some(Meaning::Dead(mark)) => Typed::Dead(mark),
                None => Typed::Unknown,
            },
            (key, None) if held.control && !held.left_alt && !held.gui => match plain(key) {
                // What control makes of a letter: the lowest five bits.
                Some(letter @ ('a'..='z' | '[' | '\\' | ']')) => {
                    Typed::Control(letter as u8 & 0x1f)
                }
                _ => Typed::Unknown,
            },
            (_, None) => Typed::Unknown,
        }
    }

    /// Bytes that are held between two presses.
    #[cfg(feature = "testing")]
    pub(super) fn held_bytes(&self) -> usize {
        self.number.capacity()
    }

    /// The character whose number was typed while left alt was held: of ASCII, and with a zero in front of Latin-1.
    fn numbered(&mut self) -> Typed {
        let digits = std::mem::take(&mut self.number);
        let Ok(number) = digits.parse::<u32>() else {
            // Alt alone types nothing.
            return Typed::Nothing;
        };
        match number {
            1..=31 => u8::try_from(number).map_or(Typed::Unknown, Typed::Control),
            32..=126 => char::from_u32(number).map_or(Typed::Unknown, Typed::Char),
            160..=255 if digits.starts_with('0') => {
                char::from_u32(number).map_or(Typed::Unknown, Typed::Char)
            }
            _ => Typed::Unknown,
        }
    }
}

fn push(framer: &mut Framer, typed: char, now_ms: u64, framed: &mut Vec<Framed>) {
    let mut bytes = [0; 4];
    framer.push(typed.encode_utf8(&mut bytes).as_bytes(), now_ms, framed);
}

/// What a press comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
    Char(char),
    Dead(char),
    Control(u8),
    Unknown,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::samples;
    use super::*;
    use crate::config::Terminator;

    /// Types reports on a US keyboard and tells what came of them.
    fn typed(descriptor: &[u8], reports: &[&[u8]]) -> Vec<Framed> {
        typed_on(KeyboardLayout::Us, descriptor, reports)
    }

    fn typed_on(layout: KeyboardLayout, descriptor: &[u8], reports: &[&[u8]]) -> Vec<Framed> {
        let descriptor = Descriptor::parse(descriptor).unwrap();
        let mut keyboard = Keyboard::default();
        let mut typist = Typist::new(layout);
        let mut framer = Framer::new(Terminator::Line, None);
        let mut framed = Vec::new();
        for report in reports {
            for press in keyboard.take(&descriptor, report) {
                typist.take(press, 0, &mut framer, &mut framed);
            }
        }
        framer.finish(&mut framed);
        framed
    }

    fn check(descriptor: &[u8], reports: &[&[u8]], expected: Result<&str, Refusal>) {
        assert_eq!(
            typed(descriptor, reports),
            [expected.map(str::to_owned)],
            "{reports:02x?}"
        );
    }

    const UP: &[u8] = &[0; 8];
    const RETURN: &[u8] = &[0, 0, 0x28, 0, 0, 0, 0, 0];

    /// The strokes of a US typist, as a boot keyboard reports them. Written apart from the table under test, by the keys' places.
    fn strokes_for(text: &str) -> Vec<[u8; 8]> {
        let rows = [
            (
                "abcdefghijklmnopqrstuvwxyz",
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                0x04,
            ),
            ("1234567890", "!@#$%^&*()", 0x1e),
            (" -=[]\\", " _+{}|", 0x2c),
            (";'`,./", ":\"~<>?", 0x33),
        ];
        let mut reports = Vec::new();
        for character in text.chars() {
            let (shift, key) = rows
                .iter()
                .find_map(|(plain, shifted, first)| {
                    let at = |row: &str| {
                        row.find(character)
                            .map(|at| u8::try_from(at).unwrap() + first)
                    };
                    at(plain)
                        .map(|key| (0, key))
                        .or_else(|| at(shifted).map(|key| (2, key)))
                })
                .unwrap();
            reports.push([shift, 0, key, 0, 0, 0, 0, 0]);
            reports.push([0; 8]);
        }
        reports
    }

    #[test]
    fn every_printable_character_of_ascii_can_be_typed() {
        let all: String = (0x21..=0x7e_u8).map(char::from).collect();
        let all = format!("{all} .");
        let reports = strokes_for(&all);
        let reports: Vec<&[u8]> = reports.iter().map(<[u8; 8]>::as_slice).collect();
        check(samples::BOOT_KEYBOARD, &reports, Ok(&all));
    }

    /// Presses on a boot keyboard: modifiers and a key, let go after each.
    fn pressed(layout: KeyboardLayout, presses: &[(u8, u8)], expected: Result<&str, Refusal>) {
        let mut reports = Vec::new();
        for (modifiers, key) in presses {
            reports.push([*modifiers, 0, *key, 0, 0, 0, 0, 0]);
            reports.push([*modifiers, 0, 0, 0, 0, 0, 0, 0]);
        }
        reports.push([0; 8]);
        let reports: Vec<&[u8]> = reports.iter().map(<[u8; 8]>::as_slice).collect();
        assert_eq!(
            typed_on(layout, samples::BOOT_KEYBOARD, &reports),
            [expected.map(str::to_owned)],
            "{layout:?} {presses:02x?}"
        );
    }

    const SHIFT: u8 = 0x02;
    const CONTROL: u8 = 0x01;
    const ALT: u8 = 0x04;
    const ALT_GR: u8 = 0x40;
    const LINE_END: (u8, u8) = (0, 0x28);

    #[test]
    fn a_scanner_is_read_by_the_layout_it_was_set_to() {
        use KeyboardLayout::{Cz, De, Fr, Us};
        // The keys of "BADGE-21" of a Czech scanner, and what a US reader would make of them.
        let czech = [
            (SHIFT, 0x05),
            (SHIFT, 0x04),
            (SHIFT, 0x07),
            (SHIFT, 0x0a),
            (SHIFT, 0x08),
            (0, 0x38),
            (SHIFT, 0x1f),
            (SHIFT, 0x1e),
            LINE_END,
        ];
        pressed(Cz, &czech, Ok("BADGE-21"));
        pressed(Us, &czech, Ok("BADGE/@!"));
        pressed(De, &[(0, 0x1c), (SHIFT, 0x24), LINE_END], Ok("z/"));
        pressed(De, &[(ALT_GR, 0x14), (0, 0x2d), LINE_END], Ok("@ß"));
        pressed(De, &[(CONTROL | ALT, 0x14), LINE_END], Ok("@"));
        pressed(Fr, &[(0, 0x14), (SHIFT, 0x1e), LINE_END], Ok("a1"));
    }

    #[test]
    fn an_accent_waits_for_its_letter() {
        use KeyboardLayout::{De, Es};
        pressed(Es, &[(0, 0x34), (0, 0x08), LINE_END], Ok("é"));
        pressed(De, &[(0, 0x35), (0, 0x2c), (0, 0x04), LINE_END], Ok("^a"));
        pressed(De, &[(0, 0x35), (0, 0x1e), LINE_END], Ok("^1"));
        pressed(De, &[(0, 0x35), (0, 0x35), (0, 0x1e), LINE_END], Ok("^^1"));
        pressed(De, &[(0, 0x04), (0, 0x35), LINE_END], Ok("a^"));
    }

    #[test]
    fn a_character_may_come_by_its_number() {
        use KeyboardLayout::{Cz, Us};
        // Keypad digits while left alt is held: 66, 049, 0233.
        let by_number = |number: &str| -> Vec<(u8, u8)> {
            let digit = |d: u8| if d == b'0' { 0x62 } else { 0x58 + (d - b'0') };
            let mut presses: Vec<_> = number.bytes().map(|d| (ALT, digit(d))).collect();
            presses.push((0, 0));
            presses
        };
        let code = [by_number("66"), by_number("049"), by_number("0233")].concat();
        for layout in [Us, Cz] {
            pressed(layout, &[&code[..], &[LINE_END]].concat(), Ok("B1é"));
            let far = [&by_number("300")[..], &[LINE_END]].concat();
            pressed(layout, &far, Err(Refusal::UnknownKey));
            let long = [&by_number("00066")[..], &[LINE_END]].concat();
            pressed(layout, &long, Err(Refusal::UnknownKey));
        }
        let ended = [&by_number("65")[..], &by_number("13")].concat();
        pressed(Us, &ended, Ok("A"));
        // Alt alone types nothing.
        pressed(Us, &[(0, 0x04), (ALT, 0), (0, 0x05), LINE_END], Ok("ab"));
    }

    #[test]
    fn control_types_the_characters_that_end_a_code() {
        let us = KeyboardLayout::Us;
        pressed(us, &[(0, 0x04), (CONTROL, 0x10)], Ok("a"));
        pressed(us, &[(0, 0x04), (CONTROL, 0x0d)], Ok("a"));
        // A group separator belongs into no badge code.
        let odd = [(0, 0x04), (CONTROL, 0x30), LINE_END];
        pressed(us, &odd, Err(Refusal::ControlCharacter));
    }

    #[test]
    fn a_key_held_is_typed_once_and_released_twice() {
        let a: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0];
        check(samples::BOOT_KEYBOARD, &[a, a, a, RETURN], Ok("a"));
        check(samples::BOOT_KEYBOARD, &[a, UP, a, UP, RETURN], Ok("aa"));
    }

    #[test]
    fn rolling_over_keys_keeps_their_order() {
        let reports: &[&[u8]] = &[
            &[0, 0, 4, 0, 0, 0, 0, 0],
            &[0, 0, 4, 5, 0, 0, 0, 0],
            &[0, 0, 5, 6, 0, 0, 0, 0],
            &[0, 0, 6, 0, 0, 0, 0, 0],
            RETURN,
        ];
        check(samples::BOOT_KEYBOARD, reports, Ok("abc"));
    }

    #[test]
    fn a_report_of_rollover_changes_nothing() {
        let a: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0];
        let rollover: &[u8] = &[0, 0, 1, 1, 1, 1, 1, 1];
        check(samples::BOOT_KEYBOARD, &[a, rollover, a, RETURN], Ok("a"));
    }

    #[test]
    fn caps_lock_holds_until_struck_again() {
        let caps: &[u8] = &[0, 0, 0x39, 0, 0, 0, 0, 0];
        let a: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0];
        let b: &[u8] = &[2, 0, 5, 0, 0, 0, 0, 0];
        check(
            samples::BOOT_KEYBOARD,
            &[caps, UP, a, UP, b, UP, caps, UP, a, RETURN],
            Ok("Aba"),
        );
    }

    #[test]
    fn what_is_no_character_spoils_the_code_and_not_the_next() {
        let a: &[u8] = &[0, 0, 4, 0, 0, 0, 0, 0];
        let gui_a: &[u8] = &[8, 0, 4, 0, 0, 0, 0, 0];
        let arrow: &[u8] = &[0, 0, 0x4f, 0, 0, 0, 0, 0];
        for odd in [gui_a, arrow] {
            let framed = typed(
                samples::BOOT_KEYBOARD,
                &[a, UP, odd, UP, RETURN, UP, a, UP, RETURN],
            );
            assert_eq!(framed, [Err(Refusal::UnknownKey), Ok("a".to_owned())]);
        }
        // The Tab key is a control character unless it is the terminator.
        let tab: &[u8] = &[0, 0, 0x2b, 0, 0, 0, 0, 0];
        check(
            samples::BOOT_KEYBOARD,
            &[a, tab, RETURN],
            Err(Refusal::ControlCharacter),
        );
    }

    #[test]
    fn a_bitmap_of_keys_is_read_by_its_descriptor() {
        let mut a = [0; 15];
        a[0] = 7;
        let released = a;
        a[1] = 0x20; // Right shift.
        a[2] = 0x01; // Key 4.
        let mut enter = released;
        enter[2 + (0x28 - 4) / 8] = 1 << ((0x28 - 4) % 8);
        check(samples::BITMAP_KEYBOARD, &[&a, &released, &enter], Ok("A"));
    }

    #[test]
    fn reports_about_other_things_do_not_lift_keys() {
        let a: &[u8] = &[1, 0, 4, 0, 0];
        let volume: &[u8] = &[2, 0xe9, 0];
        let scanned: &[u8] = &[4, 0, 1, b'x', 0, 0, 0, 0, 0, 0, 0];
        let unknown: &[u8] = &[9, 4, 4, 4];
        let enter: &[u8] = &[1, 0, 0x28, 0, 0];
        check(
            samples::COMPOSITE,
            &[a, volume, a, scanned, a, unknown, a, &[], enter],
            Ok("a"),
        );
    }

    #[test]
    fn a_keyboard_without_modifiers_releases_its_keys_too() {
        // Two keys of one byte, array, with 1 as the first value: 0 names nothing.
        let descriptor = [
            0x05, 0x07, 0x15, 1, 0x25, 0x65, 0x19, 1, 0x29, 0x65, 0x75, 8, 0x95, 2, 0x81, 0,
        ];
        check(
            &descriptor,
            &[&[4, 0], &[0, 0], &[4, 0], &[0x28, 0]],
            Ok("aa"),
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_through(text in "[ -~]{0,80}[!-~]") {
            let mut reports = strokes_for(&text);
            reports.push([0, 0, 0x28, 0, 0, 0, 0, 0]);
            let reports: Vec<&[u8]> = reports.iter().map(<[u8; 8]>::as_slice).collect();
            prop_assert_eq!(typed(samples::BOOT_KEYBOARD, &reports), [Ok(text)]);
        }

        #[test]
        fn no_reports_make_it_panic_or_grow(
            which in any::<prop::sample::Index>(),
            reports in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..60),
        ) {
            let (_, descriptor) = which.get(&samples::ALL);
            let descriptor = Descriptor::parse(descriptor).unwrap();
            let mut keyboard = Keyboard::default();
            let mut typist = Typist::new(KeyboardLayout::Cz);
            let mut framer = Framer::new(Terminator::Line, Some(50));
            let mut framed = Vec::new();
            for report in &reports {
                for press in keyboard.take(&descriptor, report) {
                    typist.take(press, 0, &mut framer, &mut framed);
                }
                prop_assert!(typist.number.len() <= NUMBER_DIGITS_MAX);
            }
            prop_assert!(keyboard.down.len() <= 3);
            prop_assert!(keyboard.down.values().all(|down| down.len() <= DOWN_MAX));
        }
    }
}
