//! Where a JPEG ends, by its markers alone (ITU-T T.81, annex B). No decoding.

/// Start of an image, end of an image, start of a scan.
const SOI: [u8; 2] = [0xff, 0xd8];
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

/// What bytes that should begin with a JPEG are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A JPEG of that many bytes, and perhaps more.
    Whole(usize),
    /// The beginning of one.
    More,
    /// None.
    Not,
}

/// Looks for the end of a JPEG whose bytes come piece by piece, and looks at each byte about once.
#[derive(Clone, Debug, Default)]
pub struct JpegEnd {
    /// Everything before was looked at.
    at: usize,
    /// Within a scan, whose data has no length of its own.
    in_scan: bool,
}

impl JpegEnd {
    /// Looks at the bytes from the JPEG's beginning on: all that there were before, and those that came since.
    pub fn look(&mut self, bytes: &[u8]) -> Extent {
        if self.at == 0 {
            match bytes.get(..2) {
                None if SOI.starts_with(bytes) => return Extent::More,
                Some(start) if start == SOI => self.at = 2,
                _ => return Extent::Not,
            }
        }
        loop {
            let step = if self.in_scan {
                self.pass_scan(bytes)
            } else {
                self.pass_segment(bytes)
            };
            if let Some(extent) = step {
                return extent;
            }
        }
    }

    /// Over data up to the marker that ends it: any but a restart, or a byte 0xFF that was stuffed.
    fn pass_scan(&mut self, bytes: &[u8]) -> Option<Extent> {
        let rest = bytes.get(self.at..).unwrap_or_default();
        let Some(found) = rest.iter().position(|byte| *byte == 0xff) else {
            self.at = self.at.max(bytes.len());
            return Some(Extent::More);
        };
        self.at += found;
        match bytes.get(self.at + 1) {
            None => return Some(Extent::More),
            Some(0x00 | 0xd0..=0xd7) => self.at += 2,
            Some(0xff) => self.at += 1,
            Some(_) => self.in_scan = false,
        }
        None
    }

    /// Over one marker and what belongs to it.
    fn pass_segment(&mut self, bytes: &[u8]) -> Option<Extent> {
        let Some(rest @ [first, ..]) = bytes.get(self.at..) else {
            return Some(Extent::More);
        };
        match (first, &rest[1..]) {
            (0xff, []) => return Some(Extent::More),
            // Markers may be filled up in front.
            (0xff, [0xff, ..]) => self.at += 1,
            (0xff, [EOI, ..]) => return Some(Extent::Whole(self.at + 2)),
            (0xff, [0x01 | 0xd0..=0xd7, ..]) => self.at += 2,
            (0xff, [marker, high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if length < 2 || *marker == 0x00 || *marker == SOI[1] {
                    return Some(Extent::Not);
                }
                self.in_scan = *marker == SOS;
                self.at += 2 + length;
            }
            (0xff, _) => return Some(Extent::More),
            _ => return Some(Extent::Not),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::testing::Picture;

    #[test]
    fn a_jpeg_ends_at_the_marker_that_ends_it() {
        let check = |bytes: &[u8], expected: Extent| {
            assert_eq!(JpegEnd::default().look(bytes), expected, "{bytes:x?}");
        };
        check(&[], Extent::More);
        check(&[0xff], Extent::More);
        check(&[0xff, 0xd9], Extent::Not);
        check(&[1, 0xff, 0xd8], Extent::Not);
        check(&[0xff, 0xd8], Extent::More);
        check(&[0xff, 0xd8, 0xff, 0xd9], Extent::Whole(4));
        check(&[0xff, 0xd8, 0xff, 0xff, 0xd9, 7], Extent::Whole(5));
        check(&[0xff, 0xd8, 7], Extent::Not);
        // A comment may hold what looks like an end.
        check(
            &[0xff, 0xd8, 0xff, 0xfe, 0, 4, 0xff, 0xd9, 0xff, 0xd9],
            Extent::Whole(10),
        );
        check(&[0xff, 0xd8, 0xff, 0xfe, 0, 1], Extent::Not);
        check(&[0xff, 0xd8, 0xff, 0xfe, 0, 9, 1], Extent::More);
        // What belongs in data only, and another beginning.
        check(&[0xff, 0xd8, 0xff, 0x00, 0, 9], Extent::Not);
        check(&[0xff, 0xd8, 0xff, 0xd8, 0, 9], Extent::Not);
        // A scan holds stuffed bytes and restarts; another segment and another scan may follow.
        let scan = [0xff, 0xda, 0, 2, 9, 0xff, 0, 0xff, 0xd3, 9];
        let two = [&[0xff, 0xd8], &scan[..], &scan[..], &[0xff, 0xd9]].concat();
        check(&two, Extent::Whole(24));
        check(&two[..23], Extent::More);
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
            let jpeg = Picture::clutter(24, 16, seed).jpeg();
            let mut end = JpegEnd::default();
            let cut = cut.index(jpeg.len());
            prop_assert_eq!(end.look(&jpeg[..cut]), Extent::More);
            prop_assert_eq!(end.look(&jpeg), Extent::Whole(jpeg.len()));
        }

        #[test]
        fn an_end_lies_within_the_bytes(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
            let bytes = [&SOI[..], &tail].concat();
            if let Extent::Whole(length) = JpegEnd::default().look(&bytes) {
                prop_assert!(length <= bytes.len());
                prop_assert_eq!(bytes[length - 1], EOI);
            }
        }
    }
}
