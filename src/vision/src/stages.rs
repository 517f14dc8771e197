//! The turns of the cascade: a view of the picture, and the decoder that gets it.
//!
//! The first is cheap and sees every frame that changed. The others are ordered by how many photographs each read that those before it had
//! not, for a millisecond of CPU time; together they cost what five frames have. Each answers to one way in which light spoils a code, and
//! none to a particular picture: a code brighter or darker than everything around it, print too fine or blurred for its size, light across
//! the code, specks in its fields, white on black.

use crate::decoders::{self, Finding, Look};
use crate::formats::{Format, Formats};
use crate::plane::Plane;

/// The most pixels that rqrr gets: its time grows with the square of what it takes for corners of codes.
const RQRR_PIXELS_MAX: usize = 640 * 400;

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
    /// Sharpened, cut at the mean around each pixel, and closed.
    Sharpened,
    /// Dark specks wiped out.
    Opened,
    /// Bright specks filled.
    Closed,
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
    /// What it costs in tenths of what the first one costs, until it was measured.
    pub(crate) cost_tenths: u32,
}

const fn stage(view: View, by: By, cost_tenths: u32) -> Stage {
    Stage {
        view,
        by,
        cost_tenths,
    }
}

const fn local(shrink: usize, radius: usize, percent: u32, clean: Clean) -> View {
    View::Local {
        shrink,
        radius,
        percent,
        clean,
    }
}

const GREY: By = By::Zxing(Look::Grey);
const BINARY: By = By::Zxing(Look::Binary);

/// All turns; the first is that of every frame.
pub(crate) const STAGES: &[Stage] = &[
    stage(View::AsIs, GREY, 10),
    stage(View::Level(75), BINARY, 10),
    stage(local(3, 40, 100, Clean::Nothing), BINARY, 6),
    stage(View::AsIs, By::Zxing(Look::Deep), 16),
    stage(local(2, 10, 100, Clean::Close), BINARY, 12),
    stage(View::Level(35), BINARY, 10),
    stage(local(1, 10, 106, Clean::Nothing), BINARY, 24),
    stage(View::Shrunk(4), GREY, 4),
    stage(View::Level(15), BINARY, 10),
    stage(local(2, 20, 100, Clean::Close), BINARY, 12),
    stage(View::Opened, GREY, 12),
    stage(View::Closed, GREY, 12),
    stage(local(1, 80, 106, Clean::Nothing), BINARY, 26),
    stage(View::Shrunk(3), By::Zxing(Look::Global), 6),
    stage(View::Level(55), BINARY, 10),
    stage(View::Sharpened, BINARY, 34),
    stage(local(1, 10, 100, Clean::Close), BINARY, 26),
    stage(View::Level(90), BINARY, 10),
    stage(View::AsIs, By::Rqrr, 40),
];

impl Stage {
    /// Whether it can read any of these formats.
    pub(crate) fn serves(&self, formats: &Formats) -> bool {
        match self.by {
            By::Zxing(_) => !formats.is_empty(),
            By::Rqrr => formats.has(Format::Qr),
        }
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
            Self::Sharpened => plane.sharpened(2, 2).cut_locally(20, 100).closed(),
            Self::Opened => plane.opened(),
            Self::Closed => plane.closed(),
        }
    }
}
