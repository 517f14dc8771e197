//! The two decoders behind one call each, on one thread, with what goes wrong in them contained.
//!
//! They fail on different photographs, which is why there are two. Each is called inside `catch_unwind`: a panic there costs this reading
//! and nothing else. Neither can be stopped half-way, so each gets pictures of bounded size only.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zxingcpp::{Barcode, BarcodeReader, Binarizer, ImageFormat, ImageView, TextMode};

use crate::formats::{Format, Formats};
use crate::plane::{Outline, Plane};

/// Which decoder read a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decoder {
    /// zxing-cpp, compiled from C++: all formats.
    Zxing,
    /// rqrr: QR codes.
    Rqrr,
}

impl Decoder {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Zxing => "zxing-cpp",
            Self::Rqrr => "rqrr",
        }
    }
}

/// One code in a plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) text: String,
    pub(crate) format: Format,
    pub(crate) aim: String,
    pub(crate) outline: Outline,
    pub(crate) decoder: Decoder,
}

/// What a decoder made of a plane.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    pub(crate) readings: Vec<Reading>,
    /// Where codes were found that could not be read.
    pub(crate) near_misses: Vec<Outline>,
    /// The decoder panicked.
    pub(crate) panicked: bool,
}

/// How zxing-cpp looks at a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Finds its own thresholds in a grey plane.
    Grey,
    /// The same, also for white codes on black and for large codes in the plane shrunk.
    Deep,
    /// The plane is black and white already.
    Binary,
}

/// Reads what is allowed in `plane`.
pub(crate) fn zxing(plane: &Plane, formats: &Formats, look: Look) -> Finding {
    if formats.is_empty() {
        return Finding::default();
    }
    contained(|| {
        let binarizer = match look {
            Look::Grey | Look::Deep => Binarizer::LocalAverage,
            Look::Binary => Binarizer::BoolCast,
        };
        let deep = look == Look::Deep;
        let reader: BarcodeReader = zxingcpp::read()
            .formats(formats.zxing())
            .binarizer(binarizer)
            .text_mode(TextMode::Plain)
            .try_harder(true)
            .try_rotate(true)
            .try_invert(deep)
            .try_downscale(deep)
            .return_errors(true);
        let mut finding = Finding::default();
        // Both refuse only pictures that cannot be; then there is nothing to read.
        let Ok(view) =
            ImageView::from_slice(&plane.pixels, plane.width, plane.height, ImageFormat::Lum)
        else {
            return finding;
        };
        for code in reader.from(view).unwrap_or_default() {
            match reading(&code, plane, formats) {
                Some(reading) => finding.readings.push(reading),
                None => finding.near_misses.push(outline(&code, plane)),
            }
        }
        finding
    })
}

fn reading(code: &Barcode, plane: &Plane, formats: &Formats) -> Option<Reading> {
    if !code.is_valid() {
        return None;
    }
    let aim = code.symbology_identifier();
    let format = Format::of_aim(&aim).filter(|format| formats.has(*format))?;
    Some(Reading {
        text: code.text(),
        format,
        aim,
        outline: outline(code, plane),
        decoder: Decoder::Zxing,
    })
}

fn outline(code: &Barcode, plane: &Plane) -> Outline {
    let at = code.position();
    [at.top_left, at.top_right, at.bottom_right, at.bottom_left]
        .map(|point| plane.place(point.x, point.y))
}

/// Reads QR codes in `plane`.
pub(crate) fn rqrr(plane: &Plane) -> Finding {
    contained(|| {
        let mut finding = Finding::default();
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(plane.width, plane.height, |x, y| {
                plane.pixels[y * plane.width + x]
            });
        for grid in image.detect_grids() {
            let outline = grid.bounds.map(|point| plane.place(point.x, point.y));
            match grid.decode() {
                Ok((_, text)) => finding.readings.push(Reading {
                    text,
                    format: Format::Qr,
                    aim: "]Q1".to_owned(),
                    outline,
                    decoder: Decoder::Rqrr,
                }),
                Err(_) => finding.near_misses.push(outline),
            }
        }
        finding
    })
}

/// Runs a decoder; where it panics, it has found nothing. What it was working on is its own and is dropped with it.
fn contained(decode: impl FnOnce() -> Finding) -> Finding {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Finding {
        panicked: true,
        ..Finding::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        reason = "tests: a panic is how they fail, and what one of them contains"
    )]

    use super::*;
    use crate::testing::Picture;

    #[test]
    fn what_a_decoder_gives_unasked_is_not_taken() {
        let picture = Picture::code(Format::DataMatrix, "UNASKED", 4).unwrap();
        let plane = Plane::of_frame(&picture.frame().unwrap(), usize::MAX);
        let view =
            ImageView::from_slice(&plane.pixels, plane.width, plane.height, ImageFormat::Lum);
        let codes = zxingcpp::read().from(view.unwrap()).unwrap();
        let taken =
            |formats: &Formats| codes.iter().find_map(|code| reading(code, &plane, formats));
        assert_eq!(
            taken(&Formats::of([Format::DataMatrix])).unwrap().text,
            "UNASKED"
        );
        assert_eq!(taken(&Formats::default()), None);
    }

    #[test]
    fn a_panic_is_a_finding_of_nothing() {
        let finding = contained(|| panic!("a fault in a decoder"));
        assert!(finding.panicked && finding.readings.is_empty());
    }
}
