//! Point-of-sale scanners: reports of the bar code scanner page (0x8C) into codes.
//!
//! Where data, length, symbology and the flag for more lie is taken from the report descriptor. A code longer than a report is spread over
//! several, each but the last saying that more follows; if more never comes, what came is refused.
//! Source of the numbers: HID Point of Sale Usage Tables 1.02; the byte count is of the generic desktop page.

use super::descriptor::{Descriptor, Usage};
use crate::readers::framing::{MAX_SCAN_BYTES, Refusal, admit};
use crate::readers::{Decoded, symbology};

const SCANNER: u16 = 0x8c;
/// The three characters of an AIM identifier.
const SYMBOLOGY: [Usage; 3] = [
    Usage::new(SCANNER, 0xfb),
    Usage::new(SCANNER, 0xfc),
    Usage::new(SCANNER, 0xfd),
];
const DATA: Usage = Usage::new(SCANNER, 0xfe);
const CONTINUED: Usage = Usage::new(SCANNER, 0xff);
const BYTE_COUNT: Usage = Usage::new(0x01, 0x3b);
/// How long, in milliseconds, the rest of a code is waited for.
const CONTINUED_MS: u64 = 1_000;

/// Whether a device reports scanned data.
pub(super) fn scans(descriptor: &Descriptor) -> bool {
    descriptor.has(DATA)
}

/// One report's part of a code.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    data: Vec<u8>,
    symbology: Option<String>,
    continued: bool,
    /// It says it holds more bytes than it does.
    malformed: bool,
}

/// The state of one scanner.
#[derive(Debug, Default)]
pub(super) struct PosScanner {
    /// The code of which more is to come, and when its last part came.
    begun: Option<(Code, u64)>,
}

#[derive(Debug, Default)]
struct Code {
    data: Vec<u8>,
    symbology: Option<String>,
    spoilt: Option<Refusal>,
}

impl PosScanner {
    /// Takes one report as read from the device at `now_ms`. Reports about other things change nothing.
    pub(super) fn take(
        &mut self,
        descriptor: &Descriptor,
        bytes: &[u8],
        now_ms: u64,
        decoded: &mut Vec<Decoded>,
    ) {
        let Some(part) = part(descriptor, bytes) else {
            return;
        };
        let (mut code, _) = self.begun.take().unwrap_or_default();
        let continued = part.continued;
        code.add(part);
        if continued {
            self.begun = Some((code, now_ms));
        } else {
            decoded.push(code.close());
        }
    }

    /// Nothing came up to `now_ms`.
    pub(super) fn quiet(&mut self, now_ms: u64, decoded: &mut Vec<Decoded>) {
        if self.due_ms().is_some_and(|due_ms| now_ms >= due_ms) {
            self.cut(decoded);
        }
    }

    /// When [`PosScanner::quiet`] gives up a code.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let (_, last_ms) = self.begun.as_ref()?;
        Some(last_ms.saturating_add(CONTINUED_MS))
    }

    /// Bytes that are held between two reports.
    #[cfg(feature = "testing")]
    pub(super) fn held_bytes(&self) -> usize {
        self.begun
            .as_ref()
            .map_or(0, |(code, _)| code.data.capacity())
    }

    /// No more comes: what was begun is half a code.
    pub(super) fn cut(&mut self, decoded: &mut Vec<Decoded>) {
        if self.begun.take().is_some() {
            decoded.push(Decoded::Refused(Refusal::Unterminated));
        }
    }
}

impl Code {
    fn add(&mut self, part: Part) {
        if part.malformed {
            self.spoilt = self.spoilt.or(Some(Refusal::MalformedReport));
        } else if self.data.len() + part.data.len() > MAX_SCAN_BYTES {
            self.spoilt = self.spoilt.or(Some(Refusal::TooLong));
        } else {
            self.data.extend(part.data);
        }
        self.symbology = self.symbology.take().or(part.symbology);
    }

    fn close(self) -> Decoded {
        if let Some(refusal) = self.spoilt {
            return Decoded::Refused(refusal);
        }
        // Scanners may be set to add a terminator here too, where none is needed.
        let data = self.data.as_slice();
        let data = data.strip_suffix(b"\n").unwrap_or(data);
        let data = data.strip_suffix(b"\r").unwrap_or(data);
        match admit(data) {
            Ok(text) => Decoded::Code {
                text,
                symbology: self.symbology,
            },
            Err(refusal) => Decoded::Refused(refusal),
        }
    }
}

/// What a report holds of a code; `None` if it is about something else.
fn part(descriptor: &Descriptor, bytes: &[u8]) -> Option<Part> {
    let (report, payload) = descriptor.report(bytes)?;
    let mut is_data_report = false;
    let mut part = Part::default();
    let mut byte_count = None;
    let mut identifier = [0; 3];
    for (usage, value) in report.controls(payload) {
        let byte = (value & 0xff) as u8;
        if usage == DATA {
            is_data_report = true;
            part.data.push(byte);
        } else if usage == CONTINUED {
            part.continued |= value != 0;
        } else if usage == BYTE_COUNT {
            byte_count = usize::try_from(value).ok();
        } else if let Some(at) = SYMBOLOGY.iter().position(|of| *of == usage) {
            identifier[at] = byte;
        }
    }
    if !is_data_report {
        return None;
    }
    match byte_count {
        Some(byte_count) => {
            part.malformed = byte_count > part.data.len();
            part.data.truncate(byte_count);
        }
        // Without a count, blanks at the end are filling.
        None => {
            let filled = part.data.iter().rposition(|byte| *byte != 0);
            part.data.truncate(filled.map_or(0, |last| last + 1));
        }
    }
    part.symbology = std::str::from_utf8(&identifier)
        .ok()
        .filter(|text| symbology::is_identifier(text))
        .map(str::to_owned);
    Some(part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::samples;
    use super::*;

    /// A report in the common layout, with this count instead of the data's own if given.
    fn common(data: &[u8], identifier: &[u8; 3], more: bool) -> Vec<u8> {
        let mut report = vec![2, u8::try_from(data.len()).unwrap()];
        report.extend(identifier);
        report.extend(data);
        report.resize(2 + 3 + 56, 0);
        report.push(more.into());
        report
    }

    fn other(data: &[u8], identifier: &[u8; 3], more: bool) -> Vec<u8> {
        let mut report = vec![more.into()];
        report.extend(data);
        report.resize(1 + 16, 0);
        report.extend(identifier);
        report
    }

    fn scanned(descriptor: &[u8], reports: &[Vec<u8>]) -> Vec<Decoded> {
        let descriptor = Descriptor::parse(descriptor).unwrap();
        let mut scanner = PosScanner::default();
        let mut decoded = Vec::new();
        for report in reports {
            scanner.take(&descriptor, report, 0, &mut decoded);
        }
        decoded
    }

    fn code(text: &str, symbology: Option<&str>) -> Decoded {
        Decoded::Code {
            text: text.to_owned(),
            symbology: symbology.map(str::to_owned),
        }
    }

    #[test]
    fn the_common_layout_is_read() {
        let reports = [
            common(b"BADGE-1", b"]Q3", false),
            common(b"BADGE-2", b"\0\0\0", false),
        ];
        assert_eq!(
            scanned(samples::POS_COMMON, &reports),
            [code("BADGE-1", Some("]Q3")), code("BADGE-2", None)]
        );
    }

    #[test]
    fn any_other_layout_is_read_by_its_descriptor() {
        let reports = [other(b"BADGE-1", b"]C0", false)];
        assert_eq!(
            scanned(samples::POS_OTHER, &reports),
            [code("BADGE-1", Some("]C0"))]
        );
        let reports = [
            vec![4, 0xee, 5, b'B', b'A', b'D', b'G', b'E', 0xff, 0xff, 0xff],
            vec![1, 0, 4, 0, 0],
            vec![2, 0xe9, 0],
        ];
        assert_eq!(scanned(samples::COMPOSITE, &reports), [code("BADGE", None)]);
    }

    #[test]
    fn a_code_longer_than_a_report_is_put_together() {
        let text = "0123456789".repeat(13);
        for (descriptor, report, size) in [
            (
                samples::POS_COMMON,
                common as fn(&[u8], &[u8; 3], bool) -> Vec<u8>,
                56,
            ),
            (samples::POS_OTHER, other, 16),
        ] {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let last = chunks.len() - 1;
            let reports: Vec<Vec<u8>> = chunks
                .iter()
                .enumerate()
                .map(|(index, chunk)| report(chunk, b"]Q1", index != last))
                .collect();
            assert_eq!(scanned(descriptor, &reports), [code(&text, Some("]Q1"))]);
        }
    }

    #[test]
    fn a_code_whose_rest_never_comes_is_refused_and_the_next_is_read() {
        let descriptor = Descriptor::parse(samples::POS_COMMON).unwrap();
        let mut scanner = PosScanner::default();
        let mut decoded = Vec::new();
        scanner.take(
            &descriptor,
            &common(b"HALF", b"]Q1", true),
            500,
            &mut decoded,
        );
        assert_eq!(scanner.due_ms(), Some(500 + CONTINUED_MS));
        scanner.quiet(500 + CONTINUED_MS - 1, &mut decoded);
        assert_eq!(decoded, []);
        scanner.quiet(500 + CONTINUED_MS, &mut decoded);
        scanner.take(
            &descriptor,
            &common(b"WHOLE", b"]Q1", false),
            9_000,
            &mut decoded,
        );
        let expected = [
            Decoded::Refused(Refusal::Unterminated),
            code("WHOLE", Some("]Q1")),
        ];
        assert_eq!(decoded, expected);
    }

    #[test]
    fn rubbish_is_refused_by_reason() {
        let mut lying = common(b"BADGE", b"]Q1", false);
        lying[1] = 57;
        let short = vec![2, 9, b']', b'Q', b'1', b'B', b'A'];
        for (report, refusal) in [
            (lying, Refusal::MalformedReport),
            (short, Refusal::MalformedReport),
            (common(b"", b"]Q1", false), Refusal::Empty),
            (common(b"A\x00B", b"]Q1", false), Refusal::ControlCharacter),
            (common(b"\xff\xfe", b"]Q1", false), Refusal::NotUtf8),
        ] {
            assert_eq!(
                scanned(samples::POS_COMMON, std::slice::from_ref(&report)),
                [Decoded::Refused(refusal)],
                "{report:02x?}"
            );
        }
    }

    #[test]
    fn a_code_without_end_is_refused_and_never_held_whole() {
        let descriptor = Descriptor::parse(samples::POS_COMMON).unwrap();
        let mut scanner = PosScanner::default();
        let mut decoded = Vec::new();
        for _ in 0..100 {
            let more = common(&[b'x'; 56], b"]Q1", true);
            scanner.take(&descriptor, &more, 0, &mut decoded);
            let (code, _) = scanner.begun.as_ref().unwrap();
            assert!(code.data.len() <= MAX_SCAN_BYTES);
        }
        let last = common(b"x", b"]Q1", false);
        scanner.take(&descriptor, &last, 0, &mut decoded);
        assert_eq!(decoded, [Decoded::Refused(Refusal::TooLong)]);
    }

    #[test]
    fn a_terminator_in_the_data_is_taken_off() {
        for end in ["\r", "\n", "\r\n"] {
            let reports = [common(format!("BADGE{end}").as_bytes(), b"]Q1", false)];
            assert_eq!(
                scanned(samples::POS_COMMON, &reports),
                [code("BADGE", Some("]Q1"))]
            );
        }
    }

    #[test]
    fn a_device_is_known_by_what_it_reports() {
        for (descriptor, scans_codes) in [
            (samples::POS_COMMON, true),
            (samples::POS_OTHER, true),
            (samples::COMPOSITE, true),
            (samples::BOOT_KEYBOARD, false),
        ] {
            let descriptor = Descriptor::parse(descriptor).unwrap();
            assert_eq!(scans(&descriptor), scans_codes);
        }
    }

    proptest! {
        #[test]
        fn no_reports_make_it_panic_or_grow(
            which in any::<prop::sample::Index>(),
            reports in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70), 0..60),
        ) {
            let (_, descriptor) = which.get(&samples::ALL);
            let descriptor = Descriptor::parse(descriptor).unwrap();
            let mut scanner = PosScanner::default();
            let mut decoded = Vec::new();
            for report in &reports {
                scanner.take(&descriptor, report, 0, &mut decoded);
                let held = scanner.begun.as_ref().map_or(0, |(code, _)| code.data.len());
                prop_assert!(held <= MAX_SCAN_BYTES);
            }
            prop_assert!(decoded.len() <= reports.len());
        }
    }
}
