//! How an input is made from others.

use super::MAX_INPUT_BYTES;
use crate::random::Random;

/// Numbers at which things break.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "127",
    "255",
    "256",
    "65535",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e309",
];

/// Texts at which things break.
const TEXTS: [&str; 24] = [
    "\0",
    "\r\n",
    "\n\n",
    "\r",
    "\u{feff}",
    "\u{202e}",
    "\u{1f468}\u{200d}\u{1f469}",
    "é",
    "\"",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "''",
    "\"\"",
    ";",
    "— ",
    "\t",
];

/// The most changes of one input.
const MAX_CHANGES: u64 = 6;
/// The most repetitions of a part.
const MAX_REPEATS: u64 = 2_000;
/// The longest word that is taken from well-formed inputs.
const MAX_WORD: usize = 96;
/// The most of these.
const MAX_WORDS: usize = 4_096;

/// Ways to change an input, with words of the well-formed ones.
#[derive(Debug)]
pub struct Changes {
    words: Vec<Vec<u8>>,
}

impl Changes {
    /// With the words of these inputs.
    pub fn new(seeds: &[Vec<u8>]) -> Self {
        let mut words: Vec<Vec<u8>> = seeds
            .iter()
            .flat_map(|seed| {
                seed.split(|byte| !byte.is_ascii_alphanumeric() && !b"_-./+=".contains(byte))
            })
            .filter(|word| (1..=MAX_WORD).contains(&word.len()))
            .map(<[u8]>::to_vec)
            .collect();
        words.sort();
        words.dedup();
        words.truncate(MAX_WORDS);
        if words.is_empty() {
            words.push(b"a".to_vec());
        }
        Self { words }
    }

    /// One input more, at most [`MAX_INPUT_BYTES`] long.
    pub fn make(&self, kept: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = kept[random.index(kept.len())].clone();
        // One change alone gets past the outer checks more often than many.
        let changes = match random.below(2) {
            0 => 1,
            _ => 1 + random.below(MAX_CHANGES),
        };
        for _ in 0..changes {
            self.change(&mut input, kept, random);
            input.truncate(MAX_INPUT_BYTES);
        }
        input
    }

    fn change(&self, input: &mut Vec<u8>, kept: &[Vec<u8>], random: &mut Random) {
        if input.is_empty() {
            input.extend_from_slice(&kept[random.index(kept.len())]);
            return;
        }
        let at = random.index(input.len());
        let end = at + random.index((input.len() - at).min(64)) + 1;
        match random.below(12) {
            0 => input[at] ^= 1 << random.below(8),
            1 => input[at] = u8::try_from(random.below(256)).expect("below 256"),
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let part = input[at..end].to_vec();
                let times = match random.below(8) {
                    0 => random.below(MAX_REPEATS),
                    _ => random.below(4),
                };
                let times = usize::try_from(times).expect("a small number");
                let room = MAX_INPUT_BYTES.saturating_sub(input.len()) / part.len();
                put(input, at..at, &part.repeat(times.min(room)));
            }
            5 => put(input, at..at, TEXTS[random.index(TEXTS.len())].as_bytes()),
            6 => put(
                input,
                at..end,
                self.words[random.index(self.words.len())].as_slice(),
            ),
            7 => {
                // A whole word for another: what a field holds, or its name.
                let word = word_at(input, at);
                put(
                    input,
                    word,
                    self.words[random.index(self.words.len())].as_slice(),
                );
            }
            8 => {
                let word = number_at(input, at);
                put(input, word, NUMBERS[random.index(NUMBERS.len())].as_bytes());
            }
            9 => {
                let other = &kept[random.index(kept.len())];
                let from = random.index(other.len().max(1)).min(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            10 => {
                // Two lines change places.
                let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
                let (a, b) = (random.index(lines.len()), random.index(lines.len()));
                lines.swap(a, b);
                *input = lines.join(&b'\n');
            }
            _ => {
                let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
                let line = random.index(lines.len());
                if random.below(2) == 0 {
                    lines.remove(line);
                } else {
                    lines.insert(line, lines[line]);
                }
                *input = lines.join(&b'\n');
            }
        }
    }
}

fn put(input: &mut Vec<u8>, at: std::ops::Range<usize>, what: &[u8]) {
    drop(input.splice(at, what.iter().copied()));
}

fn around(input: &[u8], at: usize, is_part: impl Fn(u8) -> bool) -> std::ops::Range<usize> {
    let start = input[..at]
        .iter()
        .rposition(|byte| !is_part(*byte))
        .map_or(0, |before| before + 1);
    let end = input[at..]
        .iter()
        .position(|byte| !is_part(*byte))
        .map_or(input.len(), |after| at + after);
    start..end.max(start)
}

fn word_at(input: &[u8], at: usize) -> std::ops::Range<usize> {
    around(input, at, |byte| {
        byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
    })
}

/// The next number from here on, or nothing of length where there is none.
fn number_at(input: &[u8], at: usize) -> std::ops::Range<usize> {
    match input[at..].iter().position(u8::is_ascii_digit) {
        Some(digit) => around(input, at + digit, |byte| byte.is_ascii_digit()),
        None => at..at,
    }
}
