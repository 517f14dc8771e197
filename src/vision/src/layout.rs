//! Frames as cameras lay their bytes, taken as grey.
//!
//! Contract: whatever the bytes are, a frame comes out or a [`FrameError`], never a panic. The grey plane of a layout that has one is
//! borrowed; where grey lies between colours it is copied out, and of a JPEG the brightness alone is decoded. Nothing turns into colours.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::frame::{Frame, FrameError, MAX_SIDE_PX, MIN_SIDE_PX};
use crate::jpeg::{Extent, JpegEnd};

/// How a frame's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pixels {
    /// Grey alone.
    Grey,
    /// The grey plane, then one of both colours.
    Nv12,
    /// The grey plane, then two colour planes of a quarter of its size.
    Yuv420,
    /// Grey and colours by turns.
    Yuyv,
    /// One JPEG a frame.
    Mjpeg,
}

impl Pixels {
    /// All of them, those first that cost least to take the grey from.
    pub const ALL: [Self; 5] = [
        Self::Grey,
        Self::Nv12,
        Self::Yuv420,
        Self::Yuyv,
        Self::Mjpeg,
    ];

    /// Its name in configurations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Nv12 => "nv12",
            Self::Yuv420 => "yuv420",
            Self::Yuyv => "yuyv",
            Self::Mjpeg => "mjpeg",
        }
    }

    /// The layout of that name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pixels| pixels.word() == word)
    }

    /// Bytes of a row of that many pixels, without padding, in the plane that holds the grey.
    pub fn row_bytes(self, width: usize) -> usize {
        match self {
            Self::Yuyv => width * 2,
            Self::Grey | Self::Nv12 | Self::Yuv420 | Self::Mjpeg => width,
        }
    }
}

/// A frame's size and how its bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How its bytes lie.
    pub pixels: Pixels,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes from a row's beginning to the next one's, in the plane that holds the grey. Means nothing for JPEGs.
    pub stride: usize,
}

impl Layout {
    /// Bytes of a whole frame; JPEGs end where they say. Frames that no memory holds have the most that can be written.
    pub fn frame_bytes(&self) -> Option<usize> {
        let plane = self.stride.saturating_mul(self.height);
        match self.pixels {
            Pixels::Grey | Pixels::Yuyv => Some(plane),
            // Two planes of a quarter each, or one of half.
            Pixels::Yuv420 | Pixels::Nv12 => {
                let colours = self
                    .stride
                    .div_ceil(2)
                    .saturating_mul(self.height.div_ceil(2));
                Some(plane.saturating_add(colours.saturating_mul(2)))
            }
            Pixels::Mjpeg => None,
        }
    }

    /// Whether its sides and its stride can be those of a frame.
    pub fn is_sound(&self) -> bool {
        let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
        sides.contains(&self.width)
            && sides.contains(&self.height)
            && (self.pixels == Pixels::Mjpeg || self.stride >= self.pixels.row_bytes(self.width))
    }
}

/// Takes the grey out of frames, keeping the memory for it from one to the next.
#[derive(Debug, Default)]
pub struct Grey {
    plane: Vec<u8>,
}

impl Grey {
    /// The grey of a frame that lies so. Bytes beyond the frame's end are left alone: drivers hand out whole buffers.
    ///
    /// # Errors
    /// [`FrameError`] where the bytes are no such frame.
    pub fn of<'a>(&'a mut self, bytes: &'a [u8], layout: &Layout) -> Result<Frame<'a>, FrameError> {
        if !layout.is_sound() {
            return Err(FrameError::Side);
        }
        let Layout {
            pixels,
            width,
            height,
            stride,
        } = *layout;
        match pixels {
            Pixels::Grey | Pixels::Nv12 | Pixels::Yuv420 => {
                Frame::new(bytes, width, height, stride)
            }
            Pixels::Yuyv => {
                let needed = stride
                    .checked_mul(height - 1)
                    .and_then(|rows| rows.checked_add(pixels.row_bytes(width)))
                    .ok_or(FrameError::Short)?;
                let bytes = bytes.get(..needed).ok_or(FrameError::Short)?;
                self.plane.clear();
                for row in bytes.chunks(stride) {
                    let grey = row[..width * 2].chunks_exact(2).map(|pair| pair[0]);
                    self.plane.extend(grey);
                }
                Frame::new(&self.plane, width, height, width)
            }
            Pixels::Mjpeg => {
                // A panic over bytes that nobody would send costs this frame and nothing else.
                let decode = AssertUnwindSafe(|| self.decode(bytes, width, height));
                catch_unwind(decode).unwrap_or(Err(FrameError::Jpeg))?;
                Frame::new(&self.plane, width, height, width)
            }
        }
    }

    fn decode(&mut self, bytes: &[u8], width: usize, height: usize) -> Result<(), FrameError> {
        let Extent::Whole(length) = JpegEnd::default().look(bytes) else {
            return Err(FrameError::Jpeg);
        };
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::Luma)
            .set_max_width(width)
            .set_max_height(height);
        let cursor = ZCursor::new(&bytes[..length]);
        let mut decoder = JpegDecoder::new_with_options(cursor, options);
        decoder.decode_headers().map_err(|_| FrameError::Jpeg)?;
        let info = decoder.info().ok_or(FrameError::Jpeg)?;
        if (usize::from(info.width), usize::from(info.height)) != (width, height) {
            return Err(FrameError::Size);
        }
        if decoder.output_buffer_size() != Some(width * height) {
            return Err(FrameError::Jpeg);
        }
        self.plane.resize(width * height, 0);
        decoder
            .decode_into(&mut self.plane)
            .map_err(|_| FrameError::Jpeg)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::testing::Picture;

    fn layout(pixels: Pixels, width: usize, height: usize, pad: usize) -> Layout {
        Layout {
            pixels,
            width,
            height,
            stride: pixels.row_bytes(width) + pad,
        }
    }

    #[test]
    fn every_layout_gives_the_same_grey() {
        let picture = Picture::clutter(61, 47, 3);
        for pixels in Pixels::ALL {
            for pad in [0, 6] {
                let layout = layout(pixels, 61, 47, pad);
                let bytes = picture.laid(&layout);
                if let Some(length) = layout.frame_bytes() {
                    assert_eq!(bytes.len(), length, "{pixels:?}");
                }
                let mut grey = Grey::default();
                let frame = grey.of(&bytes, &layout).unwrap();
                let off = frame.rows().flatten().zip(&picture.pixels);
                let off = off.map(|(got, meant)| got.abs_diff(*meant)).max().unwrap();
                // Only JPEG loses something, and little of it at this quality.
                let allowed = if pixels == Pixels::Mjpeg { 12 } else { 0 };
                assert!(off <= allowed, "{pixels:?}, pad {pad}: {off} greys off");
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_with_its_reason() {
        let picture = Picture::clutter(64, 48, 3);
        let check = |pixels, bytes: &[u8], expected: FrameError| {
            let of = |layout: &Layout| Grey::default().of(bytes, layout).err();
            assert_eq!(of(&layout(pixels, 64, 48, 0)), Some(expected), "{pixels:?}");
        };
        for pixels in [Pixels::Grey, Pixels::Nv12, Pixels::Yuv420] {
            check(pixels, &[0; 64 * 48 - 1], FrameError::Short);
        }
        check(Pixels::Yuyv, &[0; 128 * 48 - 1], FrameError::Short);
        let jpeg = picture.jpeg();
        check(Pixels::Mjpeg, &jpeg[..jpeg.len() - 2], FrameError::Jpeg);
        check(Pixels::Mjpeg, &jpeg[..jpeg.len() / 2], FrameError::Jpeg);
        check(Pixels::Mjpeg, &jpeg[1..], FrameError::Jpeg);
        check(Pixels::Mjpeg, &[], FrameError::Jpeg);
        let other = Picture::clutter(64, 40, 3).jpeg();
        check(Pixels::Mjpeg, &other, FrameError::Size);
        let larger = Picture::clutter(64, 56, 3).jpeg();
        check(Pixels::Mjpeg, &larger, FrameError::Jpeg);
        // A buffer that is longer than its JPEG still holds what was there before.
        let mut buffer = jpeg.clone();
        buffer.extend(&jpeg[300..]);
        let whole = layout(Pixels::Mjpeg, 64, 48, 0);
        assert!(Grey::default().of(&buffer, &whole).is_ok());
        let unsound = Layout {
            stride: 63,
            ..layout(Pixels::Grey, 64, 48, 0)
        };
        assert!(!unsound.is_sound());
        assert_eq!(
            Grey::default().of(&[0; 9_999], &unsound).err(),
            Some(FrameError::Side)
        );
    }

    #[test]
    fn no_stride_is_too_large_to_be_asked_for() {
        let most = usize::MAX;
        for pixels in Pixels::ALL {
            for stride in [most, most / 2, most / 47, most / 48 + 1] {
                let layout = Layout {
                    stride,
                    ..layout(pixels, 64, 48, 0)
                };
                let error = Grey::default().of(&[0; 9_999], &layout).err();
                let expected = match pixels {
                    Pixels::Mjpeg => FrameError::Jpeg,
                    _ => FrameError::Short,
                };
                assert_eq!(error, Some(expected), "{pixels:?}, stride {stride}");
                let length = layout.frame_bytes();
                assert!(length.is_none_or(|length| length > most / 2), "{pixels:?}");
            }
        }
        let high = Layout {
            height: 2,
            stride: most / 2 + 1,
            ..layout(Pixels::Nv12, 64, 2, 0)
        };
        assert_eq!(high.frame_bytes(), Some(most));
    }

    #[test]
    fn words_name_layouts() {
        for pixels in Pixels::ALL {
            assert_eq!(Pixels::of_word(pixels.word()), Some(pixels));
        }
        assert_eq!(Pixels::of_word("rgb"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..4_000),
            which in 0..Pixels::ALL.len(),
            width in 0_usize..80,
            height in 0_usize..80,
            stride in 0_usize..200,
        ) {
            let layout = Layout { pixels: Pixels::ALL[which], width, height, stride };
            if let Ok(frame) = Grey::default().of(&bytes, &layout) {
                prop_assert_eq!((frame.width(), frame.height()), (width, height));
                prop_assert_eq!(frame.rows().count(), height);
            }
        }

        #[test]
        fn a_spoilt_jpeg_is_a_frame_or_an_error(
            seed in any::<u64>(),
            spoil in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        ) {
            let mut jpeg = Picture::clutter(40, 32, seed).jpeg();
            for (at, byte) in spoil {
                let at = at.index(jpeg.len());
                jpeg[at] = byte;
            }
            if let Ok(frame) = Grey::default().of(&jpeg, &layout(Pixels::Mjpeg, 40, 32, 0)) {
                prop_assert_eq!(frame.rows().flatten().count(), 40 * 32);
            }
        }
    }
}
