//! Scanners that type: keyboard reports into the bytes a US keyboard stands for.
//!
//! A report says which keys are down, not which were struck: a key counts when it is down and was not before. Shift and caps lock are
//! honoured; a key together with control, alt or GUI, and a key without a character, spoil the code. A report of rollover says nothing.
//! Source of the numbers: HID Usage Tables, keyboard page (0x07).

use std::collections::BTreeMap;

use super::descriptor::{Descriptor, Usage};
use crate::readers::framing::{Framer, Refusal};

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
const LEFT_SHIFT: u16 = 0xe1;
const RIGHT_SHIFT: u16 = 0xe5;
const MODIFIERS: std::ops::RangeInclusive<u16> = 0xe0..=0xe7;
/// Most keys down at once that are looked at: one for each code of the page.
const DOWN_MAX: usize = 256;

/// What a struck key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stroke {
    Byte(u8),
    Unknown,
}

/// The state of one keyboard.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// Keys that were down in the last report of each id.
    down: BTreeMap<Option<u8>, Vec<u16>>,
    caps_lock: bool,
}

/// Whether a device has keys.
pub(super) fn types(descriptor: &Descriptor) -> bool {
    descriptor.has_page(KEYS)
}

impl Keyboard {
    /// Takes one report as read from the device, and gives what was typed to the framer.
    pub(super) fn take(
        &mut self,
        descriptor: &Descriptor,
        bytes: &[u8],
        now_ms: u64,
        framer: &mut Framer,
        framed: &mut Vec<crate::readers::framing::Framed>,
    ) {
        for stroke in self.strokes(descriptor, bytes) {
            match stroke {
                Stroke::Byte(byte) => framer.push(&[byte], now_ms, framed),
                Stroke::Unknown => framer.spoil(Refusal::UnknownKey, now_ms),
            }
        }
    }

    fn strokes(&mut self, descriptor: &Descriptor, bytes: &[u8]) -> Vec<Stroke> {
        let Some((report, payload)) = descriptor.report(bytes) else {
            return Vec::new();
        };
        let mut now_down = Vec::new();
        let mut modifiers = Vec::new();
        let controls = report
            .controls(payload)
            .filter(|(usage, _)| usage.page() == KEYS)
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
        let before = self.down.entry(report.id()).or_default();
        let struck: Vec<u16> = now_down
            .iter()
            .copied()
            .filter(|key| !before.contains(key))
            .collect();
        *before = now_down;
        struck
            .into_iter()
            .filter_map(|key| self.stroke(key, &modifiers))
            .collect()
    }

    fn stroke(&mut self, key: u16, modifiers: &[u16]) -> Option<Stroke> {
        let is_shift = |modifier: &u16| matches!(*modifier, LEFT_SHIFT | RIGHT_SHIFT);
        let shift = modifiers.iter().any(is_shift);
        let others = modifiers.iter().any(|modifier| !is_shift(modifier));
        match key {
            CAPS_LOCK => {
                self.caps_lock = !self.caps_lock;
                None
            }
            SCROLL_LOCK | NUM_LOCK => None,
            _ if others => Some(Stroke::Unknown),
            ENTER | KEYPAD_ENTER => Some(Stroke::Byte(b'\r')),
            TAB => Some(Stroke::Byte(b'\t')),
            _ => {
                Some(us_character(key, shift, self.caps_lock).map_or(Stroke::Unknown, Stroke::Byte))
            }
        }
    }
}

fn is_key(usage: &Usage) -> bool {
    usage.page() == KEYS
}

/// The character of a key on a US keyboard. Caps lock turns the case of letters and of nothing else; the keypad knows no shift.
fn us_character(key: u16, shift: bool, caps_lock: bool) -> Option<u8> {
    const FIRST: u16 = 0x04;
    /// Keys from `a` on, without and with shift. The blanks from 0x28 to 0x2B are Enter, Escape, Backspace and Tab.
    const PLAIN: &[u8; 53] = b"abcdefghijklmnopqrstuvwxyz1234567890\0\0\0\0 -=[]\\\\;'`,./";
    const SHIFTED: &[u8; 53] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()\0\0\0\0 _+{}||:\"~<>?";
    const KEYPAD_FIRST: u16 = 0x54;
    const KEYPAD: &[u8; 20] = b"/*-+\x001234567890.\0\0\0=";
    let of = |table: &[u8], first: u16| {
        let index = usize::from(key.checked_sub(first)?);
        table.get(index).copied().filter(|byte| *byte != 0)
    };
    let plain = of(PLAIN, FIRST);
    let upper = shift != (caps_lock && plain.is_some_and(|byte| byte.is_ascii_lowercase()));
    let typed = if upper { of(SHIFTED, FIRST) } else { plain };
    typed.or_else(|| of(KEYPAD, KEYPAD_FIRST))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::samples;
    use super::*;
    use crate::config::Terminator;
    use crate::readers::framing::Framed;

    /// Types reports and tells what came of them.
    fn typed(descriptor: &[u8], reports: &[&[u8]]) -> Vec<Framed> {
        let descriptor = Descriptor::parse(descriptor).unwrap();
        let mut keyboard = Keyboard::default();
        let mut framer = Framer::new(Terminator::Line, None);
        let mut framed = Vec::new();
        for report in reports {
            keyboard.take(&descriptor, report, 0, &mut framer, &mut framed);
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

    #[test]
    fn each_character_has_one_key_and_case_follows_shift_and_caps_lock() {
        for (key, shift, caps_lock, expected) in [
            (0x04, false, false, Some(b'a')),
            (0x04, true, false, Some(b'A')),
            (0x04, false, true, Some(b'A')),
            (0x04, true, true, Some(b'a')),
            (0x1e, false, true, Some(b'1')),
            (0x1e, true, true, Some(b'!')),
            (0x2d, true, false, Some(b'_')),
            (0x38, true, false, Some(b'?')),
            (0x32, false, false, Some(b'\\')),
            (0x54, false, false, Some(b'/')),
            (0x59, true, false, Some(b'1')),
            (0x62, false, false, Some(b'0')),
            (0x63, false, false, Some(b'.')),
            (0x67, false, false, Some(b'=')),
            (0x29, false, false, None),
            (0x2a, false, false, None),
            (0x3a, false, false, None),
            (0x58, false, false, None),
            (0x68, false, false, None),
            (0x00, false, false, None),
            (0xffff, false, false, None),
        ] {
            let typed = us_character(key, shift, caps_lock);
            assert_eq!(typed, expected, "{key:#x} {shift} {caps_lock}");
        }
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
        let control_a: &[u8] = &[1, 0, 4, 0, 0, 0, 0, 0];
        let arrow: &[u8] = &[0, 0, 0x4f, 0, 0, 0, 0, 0];
        for odd in [control_a, arrow] {
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
            for report in &reports {
                keyboard.strokes(&descriptor, report);
            }
            prop_assert!(keyboard.down.len() <= 3);
            prop_assert!(keyboard.down.values().all(|down| down.len() <= DOWN_MAX));
        }
    }
}
