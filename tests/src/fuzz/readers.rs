//! What scanners send: report descriptors and reports, keys struck in every layout, serial bytes in any portions.
//!
//! An input is cut into parts at [`CUT`], so that changes of it move, double and drop whole reports. The first part chooses how the reader
//! is configured.

use kiosk::config::{HidConfig, HidLayout, Terminator, UsbMatch};
use kiosk::readers::framing::{Framed, Framer};
use kiosk::readers::fuzzing::{DESCRIPTORS, HidStream, Read};
use kiosk::readers::{KeyboardLayout, MAX_SCAN_BYTES, Refusal, reread};

use super::targets::Answer;

/// Between two parts.
const CUT: &[u8] = b"\xfd\n";
/// Silence after which every code is given up.
const LONG_MS: u64 = 60_000;
/// The most that a HID reader may hold: a code twice over, and 256 keys for each of 256 reports.
const HELD_BYTES_MAX: usize = 4 * MAX_SCAN_BYTES + 256 * 256 * 2;
/// The most that a framer may hold.
const FRAMED_BYTES_MAX: usize = 2 * MAX_SCAN_BYTES;

fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let whole = rest?;
        let at = whole.windows(CUT.len()).position(|two| two == CUT);
        let (part, after) = match at {
            Some(at) => (&whole[..at], Some(&whole[at + CUT.len()..])),
            None => (whole, None),
        };
        rest = after;
        Some(part)
    })
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(CUT)
}

fn terminator(choice: u8) -> Terminator {
    match choice % 3 {
        0 => Terminator::Line,
        1 => Terminator::Tab,
        _ => Terminator::Etx,
    }
}

fn config(choices: &[u8]) -> HidConfig {
    let choice = |at: usize| choices.get(at).copied().unwrap_or_default();
    let layouts = [HidLayout::Auto, HidLayout::Keyboard, HidLayout::Pos];
    let idle_ms = u32::from(choice(3));
    HidConfig {
        usb: UsbMatch::AnyBut(Vec::new()),
        layout: layouts[usize::from(choice(0)) % layouts.len()],
        keyboard: KeyboardLayout::ALL[usize::from(choice(1)) % KeyboardLayout::ALL.len()],
        terminator: terminator(choice(2)),
        idle_ms: (idle_ms > 0).then_some(idle_ms),
    }
}

/// What is wrong with what a reader handed on, if something is.
fn wrong(read: &[Read]) -> Option<String> {
    read.iter().find_map(|read| {
        let (symbology, text) = read.as_ref().ok()?;
        let is_aim = |aim: &String| aim.len() == 3 && aim.starts_with(']');
        let fault = match () {
            () if text.trim().is_empty() => "a code is empty",
            () if text.len() > MAX_SCAN_BYTES => "a code is too long",
            () if text.contains(char::is_control) => "a code holds a control character",
            () if !symbology.iter().all(is_aim) => "an AIM identifier is none",
            () => return None,
        };
        Some(format!("{fault}: {text:?}"))
    })
}

fn text_bytes(read: &[Read]) -> usize {
    let texts = read.iter().filter_map(|read| read.as_ref().ok());
    texts.map(|(_, text)| text.len()).sum()
}

/// Which of the outcomes there were, each once.
fn outcomes(read: &[Read]) -> String {
    let mut words: Vec<&str> = read
        .iter()
        .map(|read| match read {
            Ok((None, _)) => "code",
            Ok((Some(_), _)) => "aim",
            Err(refusal) => refusal.code(),
        })
        .collect();
    words.dedup();
    words.truncate(8);
    words.join(" ")
}

fn told(read: &[Read]) -> Answer {
    if read.iter().any(Result::is_ok) {
        Answer::Taken(outcomes(read))
    } else {
        Answer::Refused(outcomes(read))
    }
}

/// Reports of the common devices: a key and its release, Enter, a code in one report and in two.
pub(super) fn devices() -> Vec<Vec<u8>> {
    let pos = |data: &[u8], more: u8| {
        let count = u8::try_from(data.len()).expect("a short code");
        let mut report = vec![0, 2, count, b']', b'Q', b'3'];
        report.extend(data);
        report.resize(6 + 56, 0);
        report.push(more);
        report
    };
    let flat = |data: &[u8], more: u8| {
        let mut report = vec![0, more];
        report.extend(data);
        report.resize(2 + 16, 0);
        report.extend(b"]C0");
        report
    };
    let keys = |report: &[u8]| [&[0], report].concat();
    DESCRIPTORS
        .iter()
        .map(|(name, descriptor)| {
            let reports = match *name {
                "common point of sale" => vec![pos(b"BADGE-", 1), pos(b"1\r", 0), pos(b"X", 0)],
                "other point of sale" => vec![flat(b"BADGE-", 1), flat(b"1", 0)],
                "bitmap keyboard" => vec![
                    keys(&[7, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                    keys(&[7, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0]),
                ],
                "composite" => vec![
                    keys(&[4, 0xee, 5, b'B', b'A', b'D', b'G', b'E', 0, 0, 0]),
                    keys(&[1, 0, 4, 0, 0]),
                    keys(&[1, 0, 0x28, 0, 0]),
                    keys(&[2, 0xe9, 0]),
                ],
                _ => vec![
                    keys(&[2, 0, 4, 0, 0, 0, 0, 0]),
                    keys(&[0; 8]),
                    keys(&[0, 0, 5, 4, 0, 0, 0, 0]),
                    keys(&[0, 0, 0x28, 0, 0, 0, 0, 0]),
                ],
            };
            let mut all: Vec<&[u8]> = vec![&[0, 0, 0, 50], descriptor];
            all.extend(reports.iter().map(Vec::as_slice));
            joined(&all)
        })
        .collect()
}

/// A descriptor, then reports against it, each after as many times four milliseconds as its first byte says.
pub(super) fn device(input: &[u8]) -> Answer {
    let mut parts = parts(input);
    let choices = parts.next().unwrap_or_default();
    let descriptor = parts.next().unwrap_or_default();
    let aim = choices.get(4).is_some_and(|choice| choice % 2 == 1);
    let mut stream = match HidStream::open(descriptor, &config(choices), aim) {
        Err(error) => return Answer::Refused(error),
        Ok(None) => return Answer::Refused("it offers nothing".to_owned()),
        Ok(Some(stream)) => stream,
    };
    let (mut read, mut now_ms, mut bytes) = (Vec::new(), 0, 0);
    for part in parts {
        let (pause, report) = part.split_first().unwrap_or((&0, &[]));
        now_ms += u64::from(*pause) * 4;
        bytes += report.len();
        let before = read.len();
        stream.quiet(now_ms, &mut read);
        if read.len() > before + 1 {
            return Answer::Contradicts("quiet ended more than one code".to_owned());
        }
        let before = read.len();
        stream.take(report, now_ms, &mut read);
        // A key is a bit at least, and a key let go may type as well.
        if read.len() - before > 8 * report.len() + 1 {
            return Answer::Contradicts("a report ended more codes than it has bits".to_owned());
        }
        if stream.held_bytes() > HELD_BYTES_MAX {
            return Answer::Contradicts(format!("{} bytes are held", stream.held_bytes()));
        }
    }
    stream.quiet(now_ms + LONG_MS, &mut read);
    if stream
        .due_ms()
        .is_some_and(|due_ms| due_ms <= now_ms + LONG_MS)
    {
        return Answer::Contradicts("a code is due that was given up".to_owned());
    }
    stream.cut(&mut read);
    let before = read.len();
    stream.cut(&mut read);
    if read.len() > before {
        return Answer::Contradicts("what was cut off is cut off again".to_owned());
    }
    // A press types two letters of two bytes at most: an accent that has no letter, and what followed it.
    if text_bytes(&read) > bytes * 8 * 4 {
        return Answer::Contradicts("there is more text than was sent".to_owned());
    }
    match wrong(&read) {
        Some(wrong) => Answer::Contradicts(wrong),
        None => told(&read),
    }
}

// Modifiers and keys as a boot keyboard reports them.
const SHIFT: u8 = 0x02;
const SHIFTS: u8 = 0x22;
const CONTROL: u8 = 0x01;
const KEY_C: u8 = 0x06;
const KEY_D: u8 = 0x07;
const ENTER: u8 = 0x28;
const TAB: u8 = 0x2b;

/// A word in every layout, ended by Enter; accents; a character by its number; each with its pauses.
pub(super) fn strokes() -> Vec<Vec<u8>> {
    let words: [&[u8]; 4] = [
        &[
            0, 0, 0x05, 0, SHIFT, 0x04, 0, 0, 0x07, 0, 0, 0x1f, 0, 0, ENTER,
        ],
        &[
            0, 0, 0x2f, 0, 0, 0x08, 0, 0, 0x34, 0, SHIFT, 0x04, 0, 0, ENTER,
        ],
        &[
            0, 0, 0x39, 0, 4, 0x5e, 0, 4, 0x5d, 0, 0, 0, 0, 0, 0x04, 0, 0, ENTER,
        ],
        &[
            0, 0, 0x04, 0, 0x40, 0x14, 0, 0, 0x2e, 60, 0, 0x04, 60, 0, ENTER,
        ],
    ];
    (0..KeyboardLayout::ALL.len())
        .flat_map(|layout| {
            let layout = u8::try_from(layout).expect("a few layouts");
            words.map(|word| joined(&[&[1, layout, 0, 20], word]))
        })
        .collect()
}

/// Strokes in threes: how long before it in times four milliseconds, modifiers, key. Every key is let go before the next one.
pub(super) fn typed(input: &[u8]) -> Answer {
    let mut parts = parts(input);
    let config = config(parts.next().unwrap_or_default());
    let strokes = parts.next().unwrap_or_default();
    let Some(mut keyboard) = BootKeyboard::open(&config) else {
        return Answer::Contradicts("a boot keyboard is none".to_owned());
    };
    for stroke in strokes.chunks_exact(3) {
        keyboard.strike(u64::from(stroke[0]) * 4, stroke[1], stroke[2]);
    }
    let count = strokes.len() / 3;
    if keyboard.read.len() > 2 * count || text_bytes(&keyboard.read) > 4 * count {
        return Answer::Contradicts("more was read than was typed".to_owned());
    }
    if let Some(contradiction) = keyboard.goes_on(&config).or_else(|| wrong(&keyboard.read)) {
        return Answer::Contradicts(contradiction);
    }
    if let Some(contradiction) = reread_as_typed(&config, strokes) {
        return Answer::Contradicts(contradiction);
    }
    told(&keyboard.read)
}

struct BootKeyboard {
    stream: HidStream,
    now_ms: u64,
    read: Vec<Read>,
}

impl BootKeyboard {
    fn open(config: &HidConfig) -> Option<Self> {
        let config = HidConfig {
            layout: HidLayout::Keyboard,
            ..config.clone()
        };
        let (_, descriptor) = DESCRIPTORS
            .iter()
            .find(|(name, _)| *name == "boot keyboard")?;
        let stream = HidStream::open(descriptor, &config, false).ok()??;
        Some(Self {
            stream,
            now_ms: 0,
            read: Vec::new(),
        })
    }

    fn strike(&mut self, pause_ms: u64, modifiers: u8, key: u8) {
        self.now_ms += pause_ms;
        self.stream.quiet(self.now_ms, &mut self.read);
        let down = [modifiers, 0, key, 0, 0, 0, 0, 0];
        self.stream.take(&down, self.now_ms, &mut self.read);
        self.stream.take(&[0; 8], self.now_ms, &mut self.read);
    }

    /// Whatever was typed, after silence and a terminator the next code is read as it is.
    fn goes_on(&mut self, config: &HidConfig) -> Option<String> {
        let (modifiers, end) = match config.terminator {
            Terminator::Line => (0, ENTER),
            Terminator::Tab => (0, TAB),
            Terminator::Etx => (CONTROL, KEY_C),
        };
        self.stream.quiet(self.now_ms + LONG_MS, &mut self.read);
        self.now_ms += LONG_MS;
        let silent = self.read.len();
        if config.idle_ms.is_none() {
            self.strike(0, modifiers, end);
        }
        self.strike(0, 0, KEY_D);
        self.strike(0, modifiers, end);
        // The letter lies at the same place in every layout; whether caps lock is on, a scanner does not say.
        let last = self.read.last();
        let is_read = |text: &str| last == Some(&Ok((None, text.to_owned())));
        if is_read("d") || is_read("D") {
            return None;
        }
        Some(format!(
            "`d` was typed after silence, and {:?} was read",
            self.read.get(silent..)
        ))
    }
}

/// What the keys of the rows are by one layout is what is read of them by another one and reread.
fn reread_as_typed(config: &HidConfig, strokes: &[u8]) -> Option<String> {
    let of_rows = strokes
        .chunks_exact(3)
        .filter(|stroke| matches!(stroke[2], 0x04..=0x27 | 0x2d..=0x31 | 0x33..=0x38))
        .take(64);
    let typed_by = |layout| {
        let config = HidConfig {
            keyboard: layout,
            terminator: Terminator::Line,
            idle_ms: None,
            ..config.clone()
        };
        let mut keyboard = BootKeyboard::open(&config)?;
        for stroke in of_rows.clone() {
            keyboard.strike(0, stroke[1] & SHIFTS, stroke[2]);
        }
        keyboard.strike(0, 0, ENTER);
        match keyboard.read.as_slice() {
            [Ok((None, text))] => Some(text.clone()),
            _ => None,
        }
    };
    let (us, own) = (typed_by(KeyboardLayout::Us)?, typed_by(config.keyboard)?);
    let again = reread(&us, KeyboardLayout::Us, config.keyboard);
    let same = reread(&us, KeyboardLayout::Us, KeyboardLayout::Us);
    if same.as_ref() != Some(&us) {
        return Some(format!("{us:?} by its own layout is {same:?}"));
    }
    (again.as_ref() != Some(&own)).then(|| {
        format!(
            "{us:?} is {own:?} by {:?}, and reread it is {again:?}",
            config.keyboard
        )
    })
}

/// Codes with each terminator, in one portion and in several, with silence between and within.
pub(super) fn portions() -> Vec<Vec<u8>> {
    vec![
        joined(&[&[0, 50], b"\0BADGE-1\r\nBADGE-2\n", b"\x0aBADGE-3\r"]),
        joined(&[&[0, 50], b"\0BAD", b"\x02GE-1", b"\x40BADGE-2"]),
        joined(&[&[0, 20], b"\0BADGE-1\rBA", b"\xffDGE-2\r"]),
        joined(&[&[1, 0], b"\0BADGE-1\t", b"\xff\xc3\xa9\t"]),
        joined(&[&[2, 9], b"\0\x02BADGE-1\x03\x02", b"\x03BADGE-2\x03"]),
        joined(&[&[0, 50, 1], b"\0]Q3BADGE-1\r", b"\0]C0\r", b"\x09]E0X\r"]),
    ]
}

/// Portions of bytes, each after as many times ten milliseconds as its first byte says, looked at as a reader's thread looks.
pub(super) fn serial(input: &[u8]) -> Answer {
    let mut parts = parts(input);
    let choices = parts.next().unwrap_or_default();
    let choice = |at: usize| choices.get(at).copied().unwrap_or_default();
    let idle_ms = u32::from(choice(1));
    let idle_ms = (idle_ms > 0).then_some(idle_ms);
    let mut framer = Framer::new(terminator(choice(0)), idle_ms);
    let (mut framed, mut now_ms, mut bytes, mut ended) = (Vec::new(), 0, 0, false);
    let mut all: Vec<u8> = Vec::new();
    let mut is_quick = true;
    for part in parts {
        let (pause, portion) = part.split_first().unwrap_or((&0, &[]));
        now_ms += u64::from(*pause) * 10;
        let due_ms = framer.due_ms();
        let before = framed.len();
        framer.quiet(now_ms, &mut framed);
        let is_due = due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        is_quick &= !is_due;
        if framed.len() - before != usize::from(is_due) {
            return Answer::Contradicts("quiet ends what is due and nothing else".to_owned());
        }
        // Half a code must not pass for a whole one where codes have had ends.
        if ended && framed[before..].iter().any(Result::is_ok) {
            return Answer::Contradicts("a code without its end was taken".to_owned());
        }
        let before = framed.len();
        framer.push(portion, now_ms, &mut framed);
        ended |= framed.len() > before;
        if framed.len() - before > portion.len() {
            return Answer::Contradicts("more codes than bytes".to_owned());
        }
        if framer.held_bytes() > FRAMED_BYTES_MAX {
            return Answer::Contradicts(format!("{} bytes are held", framer.held_bytes()));
        }
        bytes += portion.len();
        all.extend_from_slice(portion);
    }
    if is_quick && framed != at_once(choice(0), &all) {
        return Answer::Contradicts("portions that came in time are other codes".to_owned());
    }
    framer.cut(&mut framed);
    if framer.due_ms().is_some() {
        return Answer::Contradicts("a code is due that was cut off".to_owned());
    }
    let aim = choice(2) % 2 == 1;
    let read: Vec<Read> = framed
        .into_iter()
        .map(|framed| framed.and_then(|text| apart(text, aim)))
        .collect();
    if text_bytes(&read) > bytes {
        return Answer::Contradicts("there is more text than was sent".to_owned());
    }
    match wrong(&read) {
        Some(wrong) => Answer::Contradicts(wrong),
        None => told(&read),
    }
}

fn at_once(choice: u8, bytes: &[u8]) -> Vec<Framed> {
    let (mut framer, mut framed) = (Framer::new(terminator(choice), None), Vec::new());
    framer.push(bytes, 0, &mut framed);
    framed
}

fn apart(text: String, aim: bool) -> Result<(Option<String>, String), Refusal> {
    kiosk::readers::fuzzing::apart(text, None, aim)
}
