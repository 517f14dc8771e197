//! Keyboard layouts: what a press of a key stands for to a scanner that was set to a country.
//!
//! A scanner that types knows keys, not characters. It strikes the keys that would give the code on the keyboard it was set to, so the same
//! keys are other characters to a reader that thinks of another country: a Czech scanner strikes shift for every digit. The layouts are
//! those of Windows, which is what scanners imitate.
//!
//! Contract: pure and total. A press of a layout has at most one meaning.

use serde::Deserialize;

/// The country a scanner that types is set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyboardLayout {
    /// United States: what scanners leave the factory with.
    #[default]
    Us,
    /// United Kingdom.
    Gb,
    /// Germany and Austria.
    De,
    /// France.
    Fr,
    /// Czechia, with letters as in Germany.
    Cz,
    /// Spain.
    Es,
}

/// Which of the characters of a key is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Plain,
    Shifted,
    /// With the right alt key, or control and alt.
    AltGr,
}

const LEVELS: [Level; 3] = [Level::Plain, Level::Shifted, Level::AltGr];

/// What a press stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Char(char),
    /// An accent that waits for its letter, as a combining mark.
    Dead(char),
}

// Accents that wait for a letter.
const GRAVE: char = '\u{300}';
const ACUTE: char = '\u{301}';
const CIRCUMFLEX: char = '\u{302}';
const TILDE: char = '\u{303}';
const DIAERESIS: char = '\u{308}';
const RING: char = '\u{30a}';
const CARON: char = '\u{30c}';

/// Each accent: how it looks alone, letters, and the same letters with it.
const ACCENTS: &[(char, char, &str, &str)] = &[
    (GRAVE, '`', "aeiouAEIOU", "àèìòùÀÈÌÒÙ"),
    (ACUTE, '´', "aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ"),
    (CIRCUMFLEX, '^', "aeiouAEIOU", "âêîôûÂÊÎÔÛ"),
    (TILDE, '~', "anoANO", "ãñõÃÑÕ"),
    (DIAERESIS, '¨', "aeiouyAEIOU", "äëïöüÿÄËÏÖÜ"),
    (RING, '°', "auAU", "åůÅŮ"),
    (CARON, 'ˇ', "cdenrstzCDENRSTZ", "čďěňřšťžČĎĚŇŘŠŤŽ"),
];

/// No character.
const NONE: char = '\u{0}';

/// The keys of the four rows, from left to right: the one left of 1 to the one before backspace, Q to the one before Enter, A to the one
/// before Enter in the row below, the one right of the left shift to the one before the right shift.
const ROWS: [&[u16]; 4] = [
    &[
        0x35, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2d, 0x2e,
    ],
    &[
        0x14, 0x1a, 0x08, 0x15, 0x17, 0x1c, 0x18, 0x0c, 0x12, 0x13, 0x2f, 0x30,
    ],
    &[
        0x04, 0x16, 0x07, 0x09, 0x0a, 0x0b, 0x0d, 0x0e, 0x0f, 0x33, 0x34, 0x31,
    ],
    &[
        0x64, 0x1d, 0x1b, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36, 0x37, 0x38,
    ],
];
/// The place of backslash on keyboards with a tall Enter key, which some name apart.
const TALL_ENTER_BACKSLASH: u16 = 0x32;
const BACKSLASH: u16 = 0x31;
const SPACE: u16 = 0x2c;
const KEYPAD_DIVIDE: u16 = 0x54;
const KEYPAD: [char; 20] = [
    '/', '*', '-', '+', NONE, '1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '.', NONE, NONE,
    NONE, '=',
];
const KEYPAD_POINT: u16 = 0x63;

/// The characters of the rows of one country: plain, shifted, and those with AltGr by the plain character of their key.
struct Table {
    plain: [&'static str; 4],
    shifted: [&'static str; 4],
    alt_gr: &'static [(u16, char)],
    keypad_point: char,
}

const US: Table = Table {
    plain: [
        "`1234567890-=",
        "qwertyuiop[]",
        "asdfghjkl;'\\",
        "\\zxcvbnm,./",
    ],
    shifted: [
        "~!@#$%^&*()_+",
        "QWERTYUIOP{}",
        "ASDFGHJKL:\"|",
        "|ZXCVBNM<>?",
    ],
    alt_gr: &[],
    keypad_point: '.',
};
const GB: Table = Table {
    plain: [
        "`1234567890-=",
        "qwertyuiop[]",
        "asdfghjkl;'#",
        "\\zxcvbnm,./",
    ],
    shifted: [
        "¬!\"£$%^&*()_+",
        "QWERTYUIOP{}",
        "ASDFGHJKL:@~",
        "|ZXCVBNM<>?",
    ],
    alt_gr: &[(0x35, '¦'), (0x21, '€')],
    keypad_point: '.',
};
const DE: Table = Table {
    plain: [
        "\u{302}1234567890ß\u{301}",
        "qwertzuiopü+",
        "asdfghjklöä#",
        "<yxcvbnm,.-",
    ],
    shifted: [
        "°!\"§$%&/()=?\u{300}",
        "QWERTZUIOPÜ*",
        "ASDFGHJKLÖÄ'",
        ">YXCVBNM;:_",
    ],
    alt_gr: &[
        (0x1f, '²'),
        (0x20, '³'),
        (0x24, '{'),
        (0x25, '['),
        (0x26, ']'),
        (0x27, '}'),
        (0x2d, '\\'),
        (0x14, '@'),
        (0x08, '€'),
        (0x30, '~'),
        (0x64, '|'),
        (0x10, 'µ'),
    ],
    keypad_point: ',',
};
const FR: Table = Table {
    plain: [
        "²&é\"'(-è_çà)=",
        "azertyuiop\u{302}$",
        "qsdfghjklmù*",
        "<wxcvbn,;:!",
    ],
    shifted: [
        "\u{0}1234567890°+",
        "AZERTYUIOP\u{308}£",
        "QSDFGHJKLM%µ",
        ">WXCVBN?./§",
    ],
    alt_gr: &[
        (0x1f, TILDE),
        (0x20, '#'),
        (0x21, '{'),
        (0x22, '['),
        (0x23, '|'),
        (0x24, GRAVE),
        (0x25, '\\'),
        (0x26, '^'),
        (0x27, '@'),
        (0x2d, ']'),
        (0x2e, '}'),
        (0x08, '€'),
        (0x30, '¤'),
    ],
    keypad_point: '.',
};
const CZ: Table = Table {
    plain: [
        ";+ěščřžýáíé=\u{301}",
        "qwertzuiopú)",
        "asdfghjklů§\u{308}",
        "\\yxcvbnm,.-",
    ],
    shifted: [
        "\u{30a}1234567890%\u{30c}",
        "QWERTZUIOP/(",
        "ASDFGHJKL\"!'",
        "|YXCVBNM?:_",
    ],
    alt_gr: &[
        (0x1e, TILDE),
        (0x1f, CARON),
        (0x20, CIRCUMFLEX),
        (0x22, RING),
        (0x24, GRAVE),
        (0x26, ACUTE),
        (0x2d, DIAERESIS),
        (0x14, '\\'),
        (0x1a, '|'),
        (0x08, '€'),
        (0x2f, '÷'),
        (0x30, '×'),
        (0x16, 'đ'),
        (0x07, 'Đ'),
        (0x09, '['),
        (0x0a, ']'),
        (0x0e, 'ł'),
        (0x0f, 'Ł'),
        (0x33, '$'),
        (0x34, 'ß'),
        (0x31, '¤'),
        (0x1b, '#'),
        (0x06, '&'),
        (0x19, '@'),
        (0x05, '{'),
        (0x11, '}'),
        (0x36, '<'),
        (0x37, '>'),
        (0x38, '*'),
    ],
    keypad_point: ',',
};
const ES: Table = Table {
    plain: [
        "º1234567890'¡",
        "qwertyuiop\u{300}+",
        "asdfghjklñ\u{301}ç",
        "<zxcvbnm,.-",
    ],
    shifted: [
        "ª!\"·$%&/()=?¿",
        "QWERTYUIOP\u{302}*",
        "ASDFGHJKLÑ\u{308}Ç",
        ">ZXCVBNM;:_",
    ],
    alt_gr: &[
        (0x35, '\\'),
        (0x1e, '|'),
        (0x1f, '@'),
        (0x20, '#'),
        (0x21, TILDE),
        (0x23, '¬'),
        (0x08, '€'),
        (0x2f, '['),
        (0x30, ']'),
        (0x34, '{'),
        (0x31, '}'),
    ],
    keypad_point: '.',
};

impl KeyboardLayout {
    /// Every layout.
    pub const ALL: [Self; 6] = [Self::Us, Self::Gb, Self::De, Self::Fr, Self::Cz, Self::Es];

    /// The word in configurations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Gb => "gb",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Cz => "cz",
            Self::Es => "es",
        }
    }

    fn table(self) -> &'static Table {
        match self {
            Self::Us => &US,
            Self::Gb => &GB,
            Self::De => &DE,
            Self::Fr => &FR,
            Self::Cz => &CZ,
            Self::Es => &ES,
        }
    }

    /// What a press of a key stands for. Caps lock turns the case of letters and of nothing else; the keypad knows no shift.
    pub(super) fn meaning(self, key: u16, level: Level, caps_lock: bool) -> Option<Meaning> {
        let table = self.table();
        let key = if key == TALL_ENTER_BACKSLASH {
            BACKSLASH
        } else {
            key
        };
        let typed = match level {
            _ if key == SPACE => Some(' '),
            Level::AltGr => table
                .alt_gr
                .iter()
                .find_map(|(at, typed)| (*at == key).then_some(*typed)),
            Level::Plain | Level::Shifted => keypad(key, table.keypad_point).or_else(|| {
                let (row, at) = place(key)?;
                let plain = table.plain[row].chars().nth(at)?;
                let shifted = table.shifted[row].chars().nth(at)?;
                Some(cased(plain, shifted, level == Level::Shifted, caps_lock))
            }),
        };
        let typed = typed.filter(|typed| *typed != NONE)?;
        let is_dead = ACCENTS.iter().any(|(mark, ..)| *mark == typed);
        Some(if is_dead {
            Meaning::Dead(typed)
        } else {
            Meaning::Char(typed)
        })
    }
}

/// The character of a key of which one is plain and one shifted. Where a letter stands beside something else, caps lock turns the letter alone.
fn cased(plain: char, shifted: char, is_shifted: bool, caps_lock: bool) -> char {
    let upper = upper(plain);
    match (upper, caps_lock) {
        (Some(upper), true) if upper == shifted => {
            if is_shifted {
                plain
            } else {
                upper
            }
        }
        (Some(upper), true) if !is_shifted => upper,
        _ if is_shifted => shifted,
        _ => plain,
    }
}

/// A letter's upper case, where that is one letter.
fn upper(letter: char) -> Option<char> {
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) if upper != letter => Some(upper),
        _ => None,
    }
}

fn place(key: u16) -> Option<(usize, usize)> {
    let rows = ROWS.iter().enumerate();
    let mut found = rows.filter_map(|(row, keys)| {
        let at = keys.iter().position(|at| *at == key)?;
        Some((row, at))
    });
    found.next()
}

fn keypad(key: u16, point: char) -> Option<char> {
    if key == KEYPAD_POINT {
        return Some(point);
    }
    let at = key.checked_sub(KEYPAD_DIVIDE)?;
    let typed = KEYPAD.get(usize::from(at)).copied();
    typed.filter(|typed| *typed != NONE)
}

/// What a code that was read by one layout would be by another; `None` where one of its characters has no key.
pub fn reread(text: &str, from: KeyboardLayout, by: KeyboardLayout) -> Option<String> {
    let mut typed = String::with_capacity(text.len());
    let mut accent = None;
    for read in text.chars() {
        let press = LEVELS.iter().find_map(|level| {
            let keys = ROWS.iter().copied().flatten().chain(&[SPACE]);
            let mut keys = keys.copied();
            let key =
                keys.find(|key| from.meaning(*key, *level, false) == Some(Meaning::Char(read)));
            key.map(|key| (key, *level))
        });
        let (key, level) = press?;
        match by.meaning(key, level, false)? {
            Meaning::Dead(mark) => typed.extend(accent.replace(mark).map(alone)),
            Meaning::Char(next) => match accent.take().map(|mark| accented(mark, next)) {
                None => typed.push(next),
                Some((first, second)) => {
                    typed.push(first);
                    typed.extend(second);
                }
            },
        }
    }
    typed.extend(accent.map(alone));
    Some(typed)
}

/// What an accent and the character after it come to: one letter, the accent alone before a blank, or both one after the other.
pub(super) fn accented(mark: char, after: char) -> (char, Option<char>) {
    let accent = ACCENTS.iter().find(|(known, ..)| *known == mark);
    let Some((_, alone, letters, with)) = accent else {
        return (after, None);
    };
    let at = letters.chars().position(|letter| letter == after);
    match at.and_then(|at| with.chars().nth(at)) {
        Some(letter) => (letter, None),
        None if after == ' ' => (*alone, None),
        None => (*alone, Some(after)),
    }
}

/// An accent that no letter followed.
pub(super) fn alone(mark: char) -> char {
    accented(mark, ' ').0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn tables_have_one_character_for_each_key() {
        for layout in KeyboardLayout::ALL {
            let table = layout.table();
            for (row, keys) in ROWS.iter().enumerate() {
                for line in [table.plain[row], table.shifted[row]] {
                    assert_eq!(line.chars().count(), keys.len(), "{layout:?} {line}");
                }
            }
            let known = |key: u16| place(key).is_some();
            assert!(table.alt_gr.iter().all(|(key, _)| known(*key)));
        }
        for (_, _, letters, with) in ACCENTS {
            assert_eq!(letters.chars().count(), with.chars().count());
        }
    }

    #[test]
    fn every_printable_character_of_ascii_has_a_key_in_every_layout() {
        for layout in KeyboardLayout::ALL {
            for wanted in (0x20..=0x7e_u8).map(char::from) {
                let mut found = Vec::new();
                for key in 0..=0x70 {
                    for level in LEVELS {
                        let meaning = layout.meaning(key, level, false);
                        let shown = meaning.map(|meaning| match meaning {
                            Meaning::Char(typed) => typed,
                            Meaning::Dead(mark) => alone(mark),
                        });
                        if shown == Some(wanted) {
                            found.push((key, level));
                        }
                    }
                }
                assert!(!found.is_empty(), "{layout:?} {wanted:?}");
            }
        }
    }

    #[test]
    fn the_same_keys_are_other_characters_elsewhere() {
        use KeyboardLayout::{Cz, De, Es, Fr, Gb, Us};
        use Level::{AltGr, Plain, Shifted};
        for (layout, key, level, caps_lock, expected) in [
            (Us, 0x1c, Plain, false, Some('y')),
            (De, 0x1c, Plain, false, Some('z')),
            (Cz, 0x1c, Plain, false, Some('z')),
            (Fr, 0x14, Plain, false, Some('a')),
            (Fr, 0x33, Plain, false, Some('m')),
            (Us, 0x38, Plain, false, Some('/')),
            (De, 0x38, Plain, false, Some('-')),
            (Us, 0x1f, Plain, false, Some('2')),
            (Cz, 0x1f, Plain, false, Some('ě')),
            (Cz, 0x1f, Shifted, false, Some('2')),
            (Fr, 0x1f, Plain, false, Some('é')),
            (Fr, 0x1f, Shifted, false, Some('2')),
            (De, 0x24, Shifted, false, Some('/')),
            (De, 0x2d, AltGr, false, Some('\\')),
            (De, 0x14, AltGr, false, Some('@')),
            (Gb, 0x1f, Shifted, false, Some('"')),
            (Gb, 0x32, Plain, false, Some('#')),
            (Es, 0x33, Shifted, false, Some('Ñ')),
            (Us, 0x1f, AltGr, false, None),
            (Fr, 0x35, Shifted, false, None),
            // Caps lock.
            (De, 0x2f, Plain, true, Some('Ü')),
            (De, 0x2f, Shifted, true, Some('ü')),
            (De, 0x2d, Plain, true, Some('ß')),
            (De, 0x1e, Plain, true, Some('1')),
            (Cz, 0x1f, Plain, true, Some('Ě')),
            (Cz, 0x1f, Shifted, true, Some('2')),
            (Fr, 0x1f, Shifted, true, Some('2')),
            // The keypad.
            (De, 0x63, Plain, false, Some(',')),
            (Fr, 0x59, Shifted, false, Some('1')),
        ] {
            let meaning = layout.meaning(key, level, caps_lock);
            let expected = expected.map(Meaning::Char);
            assert_eq!(
                meaning, expected,
                "{layout:?} {key:#x} {level:?} {caps_lock}"
            );
        }
        let dead = KeyboardLayout::Es.meaning(0x34, Level::Plain, false);
        assert_eq!(dead, Some(Meaning::Dead(ACUTE)));
    }

    #[test]
    fn a_code_read_by_the_wrong_layout_is_found_by_the_right_one() {
        use KeyboardLayout::{Cz, De, Fr, Us};
        for (read, by, expected) in [
            ("BADGE/@!", Cz, Some("BADGE-21")),
            ("BADGE/@!", De, Some("BADGE-\"!")),
            ("Z1/", De, Some("Y1-")),
            ("QWERTY", Fr, Some("AZERTY")),
            ("a{", Us, Some("a{")),
            ("é", De, None),
        ] {
            assert_eq!(reread(read, Us, by).as_deref(), expected, "{read} {by:?}");
        }
    }

    #[test]
    fn accents_come_over_their_letter_or_before_what_takes_none() {
        assert_eq!(accented(ACUTE, 'e'), ('é', None));
        assert_eq!(accented(CARON, 'Z'), ('Ž', None));
        assert_eq!(accented(CIRCUMFLEX, ' '), ('^', None));
        assert_eq!(accented(CIRCUMFLEX, '1'), ('^', Some('1')));
        assert_eq!(alone(TILDE), '~');
    }
}
