//! A grey frame as a camera gives it.

use std::fmt;

/// The shortest side of a frame, in pixels.
pub const MIN_SIDE_PX: usize = 8;
/// The longest side of a frame, in pixels.
pub const MAX_SIDE_PX: usize = 8_192;

/// A borrowed grey frame: one byte a pixel, 0 is black, rows from the top.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A side is shorter than [`MIN_SIDE_PX`] or longer than [`MAX_SIDE_PX`].
    Side,
    /// The stride is shorter than a row.
    Stride,
    /// There are fewer bytes than rows and stride ask for.
    Short,
    /// No whole JPEG, or one that cannot be decoded.
    Jpeg,
    /// A JPEG of another size than the camera was set to.
    Size,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Side => write!(
                f,
                "a frame's sides are {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels"
            ),
            Self::Stride => write!(f, "the stride is shorter than a row"),
            Self::Short => write!(f, "the frame ends before its last row"),
            Self::Jpeg => write!(f, "the frame is no whole JPEG"),
            Self::Size => write!(f, "the frame is a JPEG of another size"),
        }
    }
}

impl std::error::Error for FrameError {}

impl<'a> Frame<'a> {
    /// A frame of `width` by `height` pixels, whose rows begin `stride` bytes apart. The last row may end with its last pixel.
    ///
    /// # Errors
    /// [`FrameError`] where these cannot be.
    pub fn new(
        bytes: &'a [u8],
        width: usize,
        height: usize,
        stride: usize,
    ) -> Result<Self, FrameError> {
        let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(FrameError::Side);
        }
        if stride < width {
            return Err(FrameError::Stride);
        }
        let needed = stride
            .checked_mul(height - 1)
            .and_then(|rows| rows.checked_add(width))
            .ok_or(FrameError::Short)?;
        if bytes.len() < needed {
            return Err(FrameError::Short);
        }
        Ok(Self {
            bytes,
            width,
            height,
            stride,
        })
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The rows from the top, each `width` bytes.
    pub fn rows(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let width = self.width;
        self.bytes
            .chunks(self.stride)
            .take(self.height)
            .map(move |row| &row[..width])
    }
}

impl fmt::Debug for Frame<'_> {
    /// Leaves the picture out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} x {})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_frame_is_as_long_as_its_rows_and_stride_ask_for() {
        let bytes = vec![0; 40 * 32];
        let check = |width, height, stride, length: usize, expected: Option<FrameError>| {
            let frame = Frame::new(&bytes[..length], width, height, stride);
            assert_eq!(frame.err(), expected, "{width} {height} {stride} {length}");
        };
        check(32, 32, 32, 1_024, None);
        check(32, 32, 40, 40 * 31 + 32, None);
        check(32, 32, 40, 40 * 31 + 31, Some(FrameError::Short));
        check(32, 32, 31, 1_024, Some(FrameError::Stride));
        check(MIN_SIDE_PX - 1, 32, 32, 1_024, Some(FrameError::Side));
        check(32, MAX_SIDE_PX + 1, 32, 1_024, Some(FrameError::Side));
        check(32, 32, usize::MAX, 1_024, Some(FrameError::Short));
        check(0, 0, 0, 0, Some(FrameError::Side));
    }

    #[test]
    fn rows_leave_the_padding_out() {
        let bytes: Vec<u8> = (0..40 * 32).map(|at| u8::from(at % 40 >= 32)).collect();
        let frame = Frame::new(&bytes, 32, 32, 40).unwrap();
        assert_eq!(frame.rows().count(), 32);
        assert!(frame.rows().flatten().all(|pixel| *pixel == 0));
    }
}
