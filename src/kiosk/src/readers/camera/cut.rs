//! A stream of bytes cut into frames. No I/O and no clock.
//!
//! Promises: how the bytes are chunked never changes the frames; at most a frame of the layout, or [`JPEG_BYTES_MAX`], and one chunk are held.
//! Bytes between JPEGs are passed over; a JPEG that cannot be one is told once as spoilt, and the next one is looked for behind it.

use vision::{Extent, JpegEnd, Layout};

/// The most bytes of a JPEG: some times what a camera's frames take.
pub(super) const JPEG_BYTES_MAX: usize = 4 << 20;
/// What a JPEG begins with: the marker of its start, and of another.
const JPEG_START: [u8; 3] = [0xff, 0xd8, 0xff];

/// What there is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::readers) enum Cut {
    /// A whole frame.
    Whole,
    /// Too little for one.
    More,
    /// Something that began as a frame and is none.
    Spoilt,
}

/// Cuts a stream.
#[derive(Debug)]
pub(in crate::readers) struct Cutter {
    /// Bytes of every frame; JPEGs say it themselves.
    fixed: Option<usize>,
    bytes: Vec<u8>,
    /// How long the frame is with which the bytes begin; 0 while there is none.
    whole: usize,
    jpeg: JpegEnd,
}

impl Cutter {
    pub(in crate::readers) fn new(layout: &Layout) -> Self {
        Self {
            fixed: layout.frame_bytes(),
            bytes: Vec::new(),
            whole: 0,
            jpeg: JpegEnd::default(),
        }
    }

    /// Takes what was read. Call [`Cutter::next`] until it wants more.
    pub(in crate::readers) fn push(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    /// Drops the frame that was there and cuts the next one.
    pub(in crate::readers) fn next(&mut self) -> Cut {
        self.drop_front(self.whole);
        match self.fixed {
            Some(length) if self.bytes.len() >= length => {
                self.whole = length;
                Cut::Whole
            }
            Some(_) => Cut::More,
            None => self.next_jpeg(),
        }
    }

    fn next_jpeg(&mut self) -> Cut {
        if !self.bytes.starts_with(&JPEG_START) {
            self.drop_front(start(&self.bytes));
            if self.bytes.len() < JPEG_START.len() {
                return Cut::More;
            }
        }
        match self.jpeg.look(&self.bytes) {
            Extent::Whole(length) => {
                self.whole = length;
                Cut::Whole
            }
            Extent::More if self.bytes.len() <= JPEG_BYTES_MAX => Cut::More,
            Extent::More | Extent::Not => {
                // Past its start, so that the next one is looked for.
                self.drop_front(1);
                Cut::Spoilt
            }
        }
    }

    /// Bytes that are held, and room for more.
    #[cfg(feature = "testing")]
    pub(in crate::readers) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The whole frame that was cut last.
    pub(in crate::readers) fn frame(&self) -> &[u8] {
        &self.bytes[..self.whole]
    }

    fn drop_front(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.whole = 0;
        if count > 0 {
            self.jpeg = JpegEnd::default();
        }
    }
}

/// Where a JPEG may begin: at the first start, or where one is cut off at the end.
fn start(bytes: &[u8]) -> usize {
    let fits = |at: &usize| {
        let rest = &bytes[*at..];
        rest.starts_with(&JPEG_START) || JPEG_START.starts_with(rest)
    };
    (0..bytes.len()).find(fits).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use vision::Pixels;
    use vision::testing::Picture;

    use super::*;

    fn layout(pixels: Pixels) -> Layout {
        Layout {
            pixels,
            width: 16,
            height: 8,
            stride: pixels.row_bytes(16),
        }
    }

    /// Every frame and every spoilt one (as nothing), in order.
    fn cut(pixels: Pixels, bytes: &[u8], chunk: usize) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(&layout(pixels));
        let mut frames = Vec::new();
        for read in bytes.chunks(chunk) {
            cutter.push(read);
            loop {
                match cutter.next() {
                    Cut::Whole => frames.push(cutter.frame().to_vec()),
                    Cut::Spoilt => frames.push(Vec::new()),
                    Cut::More => break,
                }
            }
        }
        frames
    }

    #[test]
    fn frames_of_one_size_are_cut_by_it() {
        let bytes: Vec<u8> = (0..300_u16)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        for chunk in [1, 7, 128, 300] {
            let frames = cut(Pixels::Grey, &bytes, chunk);
            assert_eq!(frames, [&bytes[..128], &bytes[128..256]], "{chunk}");
        }
    }

    #[test]
    fn jpegs_are_cut_where_they_end_and_rubbish_is_passed_over() {
        let (one, two) = (
            Picture::clutter(16, 8, 1).jpeg(),
            Picture::clutter(16, 8, 2).jpeg(),
        );
        let stream = [b"rubbish\xff", &one[..], &[0, 0xff], &two[..]].concat();
        for chunk in [1, 5, 1_000, stream.len()] {
            assert_eq!(
                cut(Pixels::Mjpeg, &stream, chunk),
                [&one[..], &two[..]],
                "{chunk}"
            );
        }
        // The end of one is lost: its data runs into the next one's start.
        let torn = [&one[..one.len() - 2], &two[..], &one[..]].concat();
        assert_eq!(cut(Pixels::Mjpeg, &torn, 64), [&[][..], &two[..], &one[..]]);
    }

    #[test]
    fn a_jpeg_without_end_is_given_up() {
        let endless = [
            &[0xff, 0xd8, 0xff, 0xda, 0, 2][..],
            &vec![7; JPEG_BYTES_MAX],
        ]
        .concat();
        // Though no other begins behind it.
        assert_eq!(cut(Pixels::Mjpeg, &endless, 1 << 16), [Vec::<u8>::new()]);
        let one = Picture::clutter(16, 8, 1).jpeg();
        let frames = cut(Pixels::Mjpeg, &[&endless[..], &one[..]].concat(), 1 << 16);
        assert_eq!(frames, [&[][..], &one[..]]);
    }

    proptest! {
        #[test]
        fn chunks_change_nothing(
            bytes in proptest::collection::vec(prop_oneof![Just(0xff), Just(0xd8), any::<u8>()], 0..900),
            chunk in 1_usize..900,
            seed in any::<u64>(),
        ) {
            let stream = [&bytes[..], &Picture::clutter(16, 8, seed).jpeg()[..]].concat();
            prop_assert_eq!(cut(Pixels::Mjpeg, &stream, chunk), cut(Pixels::Mjpeg, &stream, 10_000));
        }
    }
}
