//! The turns of the cascade: a view of the picture, and the decoder that gets it.
//!
//! The first is cheap and sees all that changed. The others are ordered by what they cost for what they read that those before them had not.
//! Each answers to one way in which light, lens or sensor spoils a code, and none to a particular picture: a code brighter or darker than
//! everything around it, print too fine or blurred for its size, light across the code, specks in its fields, white on black, out of focus,
//! noise as strong as the code, fields as small as pixels.

use crate::decoders::{self, Finding, Look};
use crate::formats::{Format, Formats};
use crate::plane::Plane;

/// The most pixels that rqrr gets: its time grows with the square of what it takes for corners of codes.
const RQRR_PIXELS_MAX: usize = 640 * 400;

/// The most pixels that are doubled: a part of a frame, or a small frame.
const DOUBLED_PIXELS_MAX: u32 = 640 * 400;

/// What becomes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// Nothing.
    AsIs,
    /// Shrunk by that factor.
    Shrunk(usize),
    /// Cut between its darkest and brightest parts, at so many parts of a hundred of the way.
    Level(u8),
    /// Cut at a share of the mean around each pixel, after shrinking.
    Local {
        shrink: usize,
        radius: usize,
        percent: u32,
        clean: Clean,
    },
    /// Sharpened.
    Sharpened,
    /// Freed of noise, and cut at the mean around each pixel.
    Smoothed,
    /// Freed of noise, sharpened, and cut at the mean around each pixel.
    Refined,
    /// Twice as large, sharpened, and cut at the mean around each pixel.
    Doubled,
}

/// What is done about specks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clean {
    Nothing,
    Close,
}

/// What reads the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Zxing(Look),
    Rqrr,
}

/// One turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    view: View,
    by: By,
    /// What it costs in tenths of what the first one costs on as many pixels, until it was measured.
    pub(crate) cost_tenths: u32,
}

const fn stage(view: View, by: By, cost_tenths: u32) -> Stage {
    Stage {
        view,
        by,
        cost_tenths,
    }
}

const fn local(shrink: usize, radius: usize, clean: Clean) -> View {
    View::Local {
        shrink,
        radius,
        percent: if matches!(clean, Clean::Nothing) {
            106
        } else {
            100
        },
        clean,
    }
}

const GREY: By = By::Zxing(Look::Grey);
const BINARY: By = By::Zxing(Look::Binary);

/// All turns; the first is that of every frame.
pub(crate) const STAGES: &[Stage] = &[
    stage(View::AsIs, GREY, 10),
    stage(View::Shrunk(4), GREY, 3),
    stage(View::Level(75), BINARY, 8),
    stage(local(2, 10, Clean::Close), BINARY, 7),
    stage(View::Level(35), BINARY, 8),
    stage(View::AsIs, By::Zxing(Look::Deep), 17),
    stage(View::Level(15), BINARY, 8),
    stage(View::Sharpened, GREY, 17),
    stage(View::Level(90), BINARY, 8),
    stage(View::Smoothed, BINARY, 14),
    stage(View::Level(55), BINARY, 8),
    stage(View::Refined, BINARY, 20),
    stage(local(1, 10, Clean::Close), BINARY, 11),
    stage(View::Doubled, BINARY, 70),
    stage(local(1, 80, Clean::Nothing), BINARY, 10),
    stage(View::AsIs, By::Rqrr, 50),
];

impl Stage {
    /// Whether it can read any of these formats, off so many pixels.
    pub(crate) fn serves(&self, formats: &Formats, pixels: u32) -> bool {
        let is_small = pixels <= DOUBLED_PIXELS_MAX;
        match self.by {
            By::Zxing(_) => !formats.is_empty() && (is_small || self.view != View::Doubled),
            By::Rqrr => formats.has(Format::Qr),
        }
    }

    /// What it does, for people.
    pub(crate) fn word(&self) -> String {
        let view = match self.view {
            View::AsIs => "as it is".to_owned(),
            View::Shrunk(factor) => format!("shrunk by {factor}"),
            View::Level(percent) => format!("cut at {percent} %"),
            View::Local {
                shrink,
                radius,
                percent,
                clean,
            } => {
                let clean = if clean == Clean::Close {
                    ", closed"
                } else {
                    ""
                };
                format!("shrunk by {shrink}, cut at {percent} % of {radius} px{clean}")
            }
            View::Sharpened => "sharpened".to_owned(),
            View::Smoothed => "smoothed, cut".to_owned(),
            View::Refined => "smoothed, sharpened, cut".to_owned(),
            View::Doubled => "doubled, sharpened, cut".to_owned(),
        };
        let by = match self.by {
            By::Rqrr => ": rqrr",
            By::Zxing(Look::Deep) => ": deep",
            By::Zxing(_) => "",
        };
        view + by
    }

    /// Looks at a picture.
    pub(crate) fn read(&self, plane: &Plane, formats: &Formats) -> Finding {
        let made;
        let view = match self.view {
            View::AsIs => plane,
            view => {
                made = view.of(plane);
                &made
            }
        };
        match self.by {
            By::Zxing(look) => decoders::zxing(view, formats, look),
            By::Rqrr => {
                let mut factor = 1;
                while (view.width / factor) * (view.height / factor) > RQRR_PIXELS_MAX {
                    factor += 1;
                }
                decoders::rqrr(&view.shrunk(factor))
            }
        }
    }
}

impl View {
    fn of(self, plane: &Plane) -> Plane {
        match self {
            Self::AsIs => plane.clone(),
            Self::Shrunk(factor) => plane.shrunk(factor),
            Self::Level(percent) => plane.cut_at(plane.level(percent)),
            Self::Local {
                shrink,
                radius,
                percent,
                clean,
            } => {
                let cut = if shrink == 1 {
                    plane.cut_locally(radius, percent)
                } else {
                    plane.shrunk(shrink).cut_locally(radius, percent)
                };
                match clean {
                    Clean::Nothing => cut,
                    Clean::Close => cut.closed(),
                }
            }
            Self::Sharpened => plane.sharpened(3, 4),
            Self::Smoothed => plane.smoothed().cut_locally(8, 100),
            Self::Refined => plane.smoothed().sharpened(3, 4).cut_locally(20, 100),
            Self::Doubled => plane.doubled().sharpened(3, 3).cut_locally(40, 100),
        }
    }
}
