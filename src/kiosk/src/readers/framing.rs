//! A stream of bytes cut into codes. No I/O and no clock.
//!
//! Promises: how the bytes are chunked never changes the codes; whatever comes, at most [`MAX_SCAN_BYTES`] bytes are held; everything that
//! is no code is refused with its reason, once for each piece, and the next code is read as if nothing had been.
//!
//! A code ends at its terminator. A reader that never sent one may end its codes by falling quiet. One that has sent terminators before and
//! now falls quiet in mid-code has lost something: what is left over is refused, since half a code must not pass for a whole one.

use crate::config::Terminator;

/// Longest code in bytes. What is longer is refused whole.
pub const MAX_SCAN_BYTES: usize = 512;
/// Quiet, in milliseconds, after which a code that lost its terminator is given up.
const UNTERMINATED_MS: u64 = 2_000;
/// Start of text: what scanners put in front where they end codes with ETX.
const STX: u8 = 0x02;

/// Why something a reader sent is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Longer than [`MAX_SCAN_BYTES`].
    TooLong,
    /// Holds a control character.
    ControlCharacter,
    /// Is no UTF-8.
    NotUtf8,
    /// Holds nothing but blanks.
    Empty,
    /// Its end never came.
    Unterminated,
    /// Keys that stand for no character of the keyboard that was configured.
    UnknownKey,
    /// A report that its own descriptor does not describe.
    MalformedReport,
    /// A camera's frame that is cut off, of the wrong size or no picture.
    MalformedFrame,
}

impl Refusal {
    /// Every reason, in order.
    pub const ALL: [Self; 8] = [
        Self::TooLong,
        Self::ControlCharacter,
        Self::NotUtf8,
        Self::Empty,
        Self::Unterminated,
        Self::UnknownKey,
        Self::MalformedReport,
        Self::MalformedFrame,
    ];

    /// The reason as a code for logs and pages.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::NotUtf8 => "not_utf8",
            Self::Empty => "empty",
            Self::Unterminated => "unterminated",
            Self::UnknownKey => "unknown_key",
            Self::MalformedReport => "malformed_report",
            Self::MalformedFrame => "malformed_frame",
        }
    }

    /// What it means and what to do about it, for people.
    pub fn advice(self) -> &'static str {
        match self {
            Self::TooLong => "longer than any badge; does the scanner end its codes?",
            Self::ControlCharacter => {
                "a control character in the code; turn off prefixes and separators in the scanner, or write its `terminator`"
            }
            Self::NotUtf8 => "bytes that are no text; is the baud rate right?",
            Self::Empty => "nothing but blanks",
            Self::Unterminated => "half a code: its end never came; is the cable loose?",
            Self::UnknownKey => {
                "a key that stands for no character; is `keyboard` the country that the scanner is set to?"
            }
            Self::MalformedReport => "a report that its descriptor does not describe",
            Self::MalformedFrame => {
                "a picture that is cut off or none; is the camera's cable firm?"
            }
        }
    }
}

/// What came of a piece of input: a code, or why it is none.
pub type Framed = Result<String, Refusal>;

/// Takes bytes that make up one code as its text.
///
/// # Errors
/// The [`Refusal`] if they are none.
pub fn admit(bytes: &[u8]) -> Framed {
    if bytes.len() > MAX_SCAN_BYTES {
        return Err(Refusal::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(Refusal::ControlCharacter);
    }
    if text.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    Ok(text.to_owned())
}

/// Cuts one reader's bytes into codes.
#[derive(Debug)]
pub struct Framer {
    terminator: Terminator,
    idle_ms: Option<u32>,
    pending: Vec<u8>,
    /// Why the code at hand is none already, whatever follows up to its end.
    spoilt: Option<Refusal>,
    /// Something of the code at hand came that is no byte yet.
    holds: bool,
    /// The line terminator that was last, if nothing came since: its partner belongs to it.
    line_end: Option<u8>,
    /// This reader ends its codes.
    terminates: bool,
    last_ms: u64,
}

impl Framer {
    /// A framer for codes that end with `terminator`, or after `idle_ms` of quiet; `None` never ends a code by time.
    pub fn new(terminator: Terminator, idle_ms: Option<u32>) -> Self {
        Self {
            terminator,
            idle_ms,
            pending: Vec::with_capacity(MAX_SCAN_BYTES),
            spoilt: None,
            holds: false,
            line_end: None,
            terminates: false,
            last_ms: 0,
        }
    }

    /// Takes bytes that came at `now_ms` (any clock that does not run backwards) and adds what they complete to `framed`, at most one for
    /// each byte.
    pub fn push(&mut self, bytes: &[u8], now_ms: u64, framed: &mut Vec<Framed>) {
        if !bytes.is_empty() {
            self.last_ms = now_ms;
            self.holds = false;
        }
        for &byte in bytes {
            if self.is_end(byte) {
                self.end(byte, framed);
            } else if self.pending.len() == MAX_SCAN_BYTES {
                self.spoilt = self.spoilt.or(Some(Refusal::TooLong));
            } else {
                self.line_end = None;
                self.pending.push(byte);
            }
        }
    }

    /// Says that at `now_ms` something came that no code can hold: the code at hand is refused for `reason` when it ends.
    pub fn spoil(&mut self, reason: Refusal, now_ms: u64) {
        self.last_ms = now_ms;
        self.line_end = None;
        self.spoilt = self.spoilt.or(Some(reason));
        self.holds = false;
    }

    /// Says that at `now_ms` something came that changes no code: it is no quiet.
    pub fn stir(&mut self, now_ms: u64) {
        self.last_ms = now_ms;
    }

    /// Says that at `now_ms` something came that belongs to the code at hand, or begins one, and will be bytes when more has come.
    pub fn hold(&mut self, now_ms: u64) {
        self.last_ms = now_ms;
        self.line_end = None;
        self.holds = true;
    }

    /// Says that nothing has come up to `now_ms`. Call it only after looking: bytes that wait to be read are no quiet.
    pub fn quiet(&mut self, now_ms: u64, framed: &mut Vec<Framed>) {
        if self.due_ms().is_none_or(|due_ms| now_ms < due_ms) {
            return;
        }
        let lost_its_end = self.terminates && self.spoilt.is_none();
        let last = self.take();
        framed.push(if lost_its_end {
            Err(Refusal::Unterminated)
        } else {
            last
        });
    }

    /// When [`Framer::quiet`] would end the code at hand; `None` if there is none, or time ends none.
    pub fn due_ms(&self) -> Option<u64> {
        let idle_ms = u64::from(self.idle_ms?);
        let wait_ms = if self.terminates {
            idle_ms.max(UNTERMINATED_MS)
        } else {
            idle_ms
        };
        self.has_code()
            .then(|| self.last_ms.saturating_add(wait_ms))
    }

    /// The input ended in good order, as a file does: what is left is a code.
    pub fn finish(&mut self, framed: &mut Vec<Framed>) {
        if self.has_code() {
            framed.push(self.take());
        }
    }

    /// The input broke off: what is left is half a code.
    pub fn cut(&mut self, framed: &mut Vec<Framed>) {
        if self.has_code() {
            let _ = self.take();
            framed.push(Err(Refusal::Unterminated));
        }
    }

    /// Bytes that are held: a code that has not ended, and room for more.
    #[cfg(any(test, feature = "testing"))]
    pub fn held_bytes(&self) -> usize {
        self.pending.capacity()
    }

    fn has_code(&self) -> bool {
        !self.pending.is_empty() || self.spoilt.is_some() || self.holds
    }

    fn is_end(&self, byte: u8) -> bool {
        match self.terminator {
            Terminator::Line => matches!(byte, b'\r' | b'\n'),
            Terminator::Tab => byte == b'\t',
            Terminator::Etx => byte == 0x03,
        }
    }

    fn end(&mut self, byte: u8, framed: &mut Vec<Framed>) {
        if self.line_end.is_some_and(|before| before != byte) {
            // The second half of CR LF.
            self.line_end = None;
            return;
        }
        self.terminates = true;
        self.line_end = Some(byte);
        framed.push(self.take());
    }

    /// The code at hand, after which there is none.
    fn take(&mut self) -> Framed {
        let bytes = match self.terminator {
            Terminator::Etx => self.pending.strip_prefix(&[STX]).unwrap_or(&self.pending),
            Terminator::Line | Terminator::Tab => &self.pending,
        };
        let framed = match self.spoilt.take() {
            Some(refusal) => Err(refusal),
            None => admit(bytes),
        };
        self.pending.clear();
        self.holds = false;
        framed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn frames(terminator: Terminator, bytes: &[u8]) -> Vec<Framed> {
        let mut framer = Framer::new(terminator, None);
        let mut framed = Vec::new();
        framer.push(bytes, 0, &mut framed);
        framed
    }

    fn check(terminator: Terminator, bytes: &[u8], expected: &[Result<&str, Refusal>]) {
        let expected: Vec<Framed> = expected
            .iter()
            .map(|frame| frame.map(str::to_owned))
            .collect();
        assert_eq!(frames(terminator, bytes), expected, "{bytes:?}");
    }

    #[test]
    fn a_line_ends_with_cr_lf_or_both() {
        use Terminator::Line;
        check(Line, b"A\r", &[Ok("A")]);
        check(Line, b"A\n", &[Ok("A")]);
        check(Line, b"A\r\nB\r\n", &[Ok("A"), Ok("B")]);
        check(Line, b"A\n\rB\n\r", &[Ok("A"), Ok("B")]);
        check(Line, b"A\nB\rC\r\nD", &[Ok("A"), Ok("B"), Ok("C")]);
        check(Line, b"A\r\n\r\n", &[Ok("A"), Err(Refusal::Empty)]);
        check(Line, b"A\r\r", &[Ok("A"), Err(Refusal::Empty)]);
        check(
            Line,
            "J\u{e9}r\u{f4}me 1\r".as_bytes(),
            &[Ok("J\u{e9}r\u{f4}me 1")],
        );
    }

    #[test]
    fn other_terminators_can_be_chosen() {
        check(
            Terminator::Tab,
            b"A\tB\t\t",
            &[Ok("A"), Ok("B"), Err(Refusal::Empty)],
        );
        check(Terminator::Tab, b"A\r\t", &[Err(Refusal::ControlCharacter)]);
        check(Terminator::Etx, b"\x02A\x03B\x03", &[Ok("A"), Ok("B")]);
        check(
            Terminator::Etx,
            b"\x02\x02A\x03",
            &[Err(Refusal::ControlCharacter)],
        );
        check(Terminator::Etx, b"\x02\x03", &[Err(Refusal::Empty)]);
    }

    #[test]
    fn rubbish_is_refused_by_reason_and_the_next_code_is_read() {
        use Terminator::Line;
        check(Line, b"\xff\xfe\rA\r", &[Err(Refusal::NotUtf8), Ok("A")]);
        check(
            Line,
            b"a\x00b\rA\r",
            &[Err(Refusal::ControlCharacter), Ok("A")],
        );
        check(
            Line,
            "a\u{85}b\rA\r".as_bytes(),
            &[Err(Refusal::ControlCharacter), Ok("A")],
        );
        check(
            Line,
            b"\x7f\rA\r",
            &[Err(Refusal::ControlCharacter), Ok("A")],
        );
        check(Line, b"  \rA\r", &[Err(Refusal::Empty), Ok("A")]);
    }

    #[test]
    fn the_bound_is_on_the_code_and_the_terminator_is_not_part_of_it() {
        let longest = "x".repeat(MAX_SCAN_BYTES);
        check(
            Terminator::Line,
            format!("{longest}\r").as_bytes(),
            &[Ok(&longest)],
        );
        let longer = format!("{longest}y\rA\r");
        check(
            Terminator::Line,
            longer.as_bytes(),
            &[Err(Refusal::TooLong), Ok("A")],
        );
    }

    #[test]
    fn quiet_ends_a_code_of_a_reader_that_sends_no_terminators() {
        let mut framer = Framer::new(Terminator::Line, Some(50));
        let mut framed = Vec::new();
        framer.push(b"AB", 100, &mut framed);
        framer.push(b"C", 140, &mut framed);
        assert_eq!(framer.due_ms(), Some(190));
        framer.quiet(189, &mut framed);
        assert_eq!(framed, []);
        framer.quiet(190, &mut framed);
        assert_eq!(framed, [Ok("ABC".to_owned())]);
        assert_eq!(framer.due_ms(), None);
        framer.quiet(1_000, &mut framed);
        assert_eq!(framed.len(), 1);
    }

    #[test]
    fn quiet_gives_up_half_a_code_of_a_reader_that_sends_terminators() {
        let mut framer = Framer::new(Terminator::Line, Some(50));
        let mut framed = Vec::new();
        framer.push(b"A\rBC", 100, &mut framed);
        framer.quiet(100 + 50, &mut framed);
        assert_eq!(framed, [Ok("A".to_owned())]);
        framer.quiet(100 + UNTERMINATED_MS, &mut framed);
        framer.push(b"D\r", 9_000, &mut framed);
        let expected = [
            Ok("A".to_owned()),
            Err(Refusal::Unterminated),
            Ok("D".to_owned()),
        ];
        assert_eq!(framed, expected);
    }

    #[test]
    fn quiet_ends_an_overlong_piece_too() {
        let mut framer = Framer::new(Terminator::Line, Some(50));
        let mut framed = Vec::new();
        framer.push(&[b'x'; MAX_SCAN_BYTES + 9], 0, &mut framed);
        framer.quiet(50, &mut framed);
        framer.push(b"A", 60, &mut framed);
        framer.quiet(110, &mut framed);
        assert_eq!(framed, [Err(Refusal::TooLong), Ok("A".to_owned())]);
    }

    #[test]
    fn a_spoilt_code_is_refused_at_its_end_and_the_next_is_read() {
        let mut framer = Framer::new(Terminator::Line, Some(50));
        let mut framed = Vec::new();
        framer.push(b"A", 0, &mut framed);
        framer.spoil(Refusal::UnknownKey, 1);
        framer.push(b"B\rC\r", 2, &mut framed);
        assert_eq!(framed, [Err(Refusal::UnknownKey), Ok("C".to_owned())]);
        framed.clear();
        framer.spoil(Refusal::UnknownKey, 3);
        framer.quiet(3 + UNTERMINATED_MS, &mut framed);
        assert_eq!(framed, [Err(Refusal::UnknownKey)]);
    }

    #[test]
    fn an_ended_input_is_whole_and_a_broken_one_is_not() {
        let mut framer = Framer::new(Terminator::Line, None);
        let mut framed = Vec::new();
        framer.finish(&mut framed);
        framer.cut(&mut framed);
        assert_eq!(framed, []);
        framer.push(b"A", 0, &mut framed);
        framer.finish(&mut framed);
        framer.push(b"B", 0, &mut framed);
        framer.cut(&mut framed);
        assert_eq!(framed, [Ok("A".to_owned()), Err(Refusal::Unterminated)]);
    }

    /// Bytes in which terminators, rubbish and over-long pieces are all likely.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[A-Z0-9]{1,12}".prop_map(String::into_bytes),
            4 => prop_oneof![Just(b"\r".to_vec()), Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"\t".to_vec()), Just(vec![3])],
            2 => prop::collection::vec(any::<u8>(), 0..20),
            1 => Just(vec![b'x'; 300]),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    fn terminators() -> impl Strategy<Value = Terminator> {
        prop_oneof![
            Just(Terminator::Line),
            Just(Terminator::Tab),
            Just(Terminator::Etx)
        ]
    }

    proptest! {
        #[test]
        fn chunks_never_change_the_codes(
            bytes in stream(),
            cuts in prop::collection::vec(1_usize..40, 0..200),
            terminator in terminators(),
        ) {
            let whole = frames(terminator, &bytes);
            let mut framer = Framer::new(terminator, None);
            let mut framed = Vec::new();
            let mut rest = bytes.as_slice();
            let mut cuts = cuts.into_iter();
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                framer.push(chunk, 0, &mut framed);
                prop_assert!(framer.pending.len() <= MAX_SCAN_BYTES);
                prop_assert!(framer.pending.capacity() <= 2 * MAX_SCAN_BYTES);
                rest = after;
            }
            prop_assert_eq!(framed, whole);
        }

        #[test]
        fn a_code_after_any_rubbish_is_read(bytes in stream(), terminator in terminators()) {
            let end: &[u8] = match terminator {
                Terminator::Line => b"\r",
                Terminator::Tab => b"\t",
                Terminator::Etx => b"\x03",
            };
            let text = [&bytes, end, b"BADGE", end].concat();
            let framed = frames(terminator, &text);
            prop_assert_eq!(framed.last(), Some(&Ok("BADGE".to_owned())));
        }

        #[test]
        fn what_is_admitted_is_text_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(text) = admit(&bytes) {
                prop_assert_eq!(text.as_bytes(), &bytes);
                prop_assert!(text.len() <= MAX_SCAN_BYTES && !text.contains(char::is_control));
            }
        }
    }
}
