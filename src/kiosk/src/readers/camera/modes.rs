//! Which of a camera's modes to take. No I/O.
//!
//! Promises: what is chosen is one of the modes that were offered, or lies on the grid of one. First counts that it gives
//! [`RATE_MILLIHZ_MIN`], then that it is as large as wanted allows, then that its grey is cheap to take out, then that its rate is near
//! [`RATE_MILLIHZ_WANTED`]. Where every mode is larger than wanted, the smallest is taken.

use vision::{MAX_SIDE_PX, MIN_SIDE_PX, Pixels};

/// Frames a thousand seconds below which a moving badge is in too few of them.
pub(super) const RATE_MILLIHZ_MIN: u64 = 15_000;
/// Frames a thousand seconds beyond which they only cost.
const RATE_MILLIHZ_WANTED: u64 = 30_000;

/// The time between two frames: a fraction of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) numerator: u32,
    pub(super) denominator: u32,
}

impl Interval {
    /// Frames in a thousand seconds; 0 where the fraction is none.
    pub(super) fn rate_millihz(self) -> u64 {
        let (numerator, denominator) = (u64::from(self.numerator), u64::from(self.denominator));
        (denominator * 1_000).checked_div(numerator).unwrap_or(0)
    }
}

/// Frame sizes that a camera offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    /// One.
    One { width: u32, height: u32 },
    /// All on a grid between two. Steps of zero are taken as one.
    Steps { width: Steps, height: Steps },
}

/// From, to, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) step: u32,
}

impl Steps {
    /// The largest on the grid that is at most `limit`; the smallest where all are larger.
    fn at_most(self, limit: u32) -> u32 {
        let limit = limit.min(self.max);
        match limit.checked_sub(self.min) {
            Some(above) => self.min + above - above % self.step.max(1),
            None => self.min,
        }
    }
}

/// A mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) pixels: Pixels,
    pub(super) width: u32,
    pub(super) height: u32,
    /// `None` where the driver says nothing of rates.
    pub(super) interval: Option<Interval>,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}x{}", self.pixels.word(), self.width, self.height)?;
        match self.interval.map(Interval::rate_millihz) {
            Some(rate) if rate.is_multiple_of(1_000) => write!(f, " {}/s", rate / 1_000),
            Some(rate) => write!(f, " {}.{}/s", rate / 1_000, rate % 1_000 / 100),
            None => Ok(()),
        }
    }
}

/// The one size among those offered that comes nearest to what is wanted.
pub(super) fn size(sizes: Sizes, wanted: (u32, u32)) -> (u32, u32) {
    match sizes {
        Sizes::One { width, height } => (width, height),
        Sizes::Steps { width, height } => (width.at_most(wanted.0), height.at_most(wanted.1)),
    }
}

/// The interval among those offered that is taken: the quickest up to the wanted rate, else the slowest beyond.
pub(super) fn interval(offered: &[Interval]) -> Option<Interval> {
    let rated = offered
        .iter()
        .filter(|interval| interval.rate_millihz() > 0);
    rated
        .copied()
        .max_by_key(|interval| rank_of_rate(interval.rate_millihz()))
}

/// Of all intervals from the shortest to the longest, those to choose from: the ends, and the wanted rate's where it lies between.
pub(super) fn between(shortest: Interval, longest: Interval) -> Vec<Interval> {
    let wanted = Interval {
        numerator: 1,
        denominator: 30,
    };
    let rates = longest.rate_millihz()..=shortest.rate_millihz();
    let wanted = rates.contains(&wanted.rate_millihz()).then_some(wanted);
    [shortest, longest].into_iter().chain(wanted).collect()
}

fn rank_of_rate(rate: u64) -> (bool, i64) {
    let is_wanted = rate <= RATE_MILLIHZ_WANTED;
    let rate = i64::try_from(rate).unwrap_or(i64::MAX);
    (is_wanted, if is_wanted { rate } else { -rate })
}

/// The mode that is taken; `None` where none can be read.
pub(super) fn choose(offered: &[Mode], wanted: (u32, u32)) -> Option<Mode> {
    let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
    let is_side = |side: u32| usize::try_from(side).is_ok_and(|side| sides.contains(&side));
    let readable = offered
        .iter()
        .filter(|mode| is_side(mode.width) && is_side(mode.height));
    readable.copied().max_by_key(|mode| {
        let fits = mode.width <= wanted.0 && mode.height <= wanted.1;
        let area = i64::from(mode.width) * i64::from(mode.height);
        let rate = mode.interval.map(Interval::rate_millihz);
        let is_quick = rate.is_none_or(|rate| rate >= RATE_MILLIHZ_MIN);
        let cost = Pixels::ALL.iter().position(|pixels| *pixels == mode.pixels);
        (
            fits,
            is_quick,
            if fits { area } else { -area },
            std::cmp::Reverse(cost),
            rate.map(rank_of_rate),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn mode(pixels: Pixels, width: u32, height: u32, rate: u32) -> Mode {
        let interval = Interval {
            numerator: 1,
            denominator: rate,
        };
        Mode {
            pixels,
            width,
            height,
            interval: (rate > 0).then_some(interval),
        }
    }

    #[test]
    fn the_largest_that_is_quick_enough_is_taken() {
        use Pixels::{Grey, Mjpeg, Nv12, Yuyv};
        let check = |offered: &[Mode], wanted, expected: usize| {
            assert_eq!(
                choose(offered, wanted),
                Some(offered[expected]),
                "{offered:?}"
            );
        };
        let hd = (1_280, 720);
        // What most USB cameras offer: raw pixels are slow at full size.
        let usual = [
            mode(Yuyv, 640, 480, 30),
            mode(Yuyv, 1_280, 720, 10),
            mode(Yuyv, 1_920, 1_080, 5),
            mode(Mjpeg, 640, 480, 30),
            mode(Mjpeg, 1_280, 720, 30),
            mode(Mjpeg, 1_920, 1_080, 30),
        ];
        check(&usual, hd, 4);
        check(&usual, (640, 480), 0);
        check(&usual, (4_000, 3_000), 5);
        check(&usual[..3], hd, 0);
        check(&usual[1..3], hd, 0);
        check(&usual[2..3], hd, 0);
        // Of one size and rate, the cheapest.
        let costs = [
            mode(Mjpeg, 640, 480, 30),
            mode(Yuyv, 640, 480, 30),
            mode(Nv12, 640, 480, 30),
            mode(Grey, 640, 480, 30),
        ];
        for least in 0..costs.len() {
            check(&costs[..=least], hd, least);
        }
        let rates = [
            mode(Grey, 640, 480, 60),
            mode(Grey, 640, 480, 25),
            mode(Grey, 640, 480, 0),
        ];
        check(&rates, hd, 1);
        check(&[rates[0], rates[2]], hd, 0);
        // Larger than wanted, all of them.
        check(&usual[4..], (320, 240), 0);
        assert_eq!(choose(&[], hd), None);
        assert_eq!(
            choose(&[mode(Grey, 4, 4, 30), mode(Grey, 9_000, 20, 30)], hd),
            None
        );
    }

    #[test]
    fn a_grid_gives_its_largest_size_within_what_is_wanted() {
        let grid = |min, max, step| Steps { min, max, step };
        let check = |width, height, expected| {
            assert_eq!(size(Sizes::Steps { width, height }, (1_280, 720)), expected);
        };
        check(grid(48, 8_192, 2), grid(32, 8_192, 2), (1_280, 720));
        check(grid(2, 8_192, 1), grid(1, 8_192, 0), (1_280, 720));
        check(grid(100, 8_192, 50), grid(100, 8_192, 16), (1_250, 708));
        check(grid(16, 640, 16), grid(16, 480, 16), (640, 480));
        check(grid(1_920, 3_840, 2), grid(1_080, 2_160, 2), (1_920, 1_080));
    }

    #[test]
    fn a_rate_of_thirty_is_plenty() {
        let check = |rates: &[(u32, u32)], expected: Option<u64>| {
            let all: Vec<Interval> = rates
                .iter()
                .map(|(numerator, denominator)| Interval {
                    numerator: *numerator,
                    denominator: *denominator,
                })
                .collect();
            assert_eq!(
                interval(&all).map(Interval::rate_millihz),
                expected,
                "{rates:?}"
            );
        };
        check(&[(1, 5), (1, 30), (1, 60)], Some(30_000));
        check(&[(1, 120), (1, 60)], Some(60_000));
        check(&[(1_001, 30_000), (1, 15)], Some(29_970));
        check(&[(0, 30), (1, 0)], None);
        check(&[], None);
        let chosen = |shortest: (u32, u32), longest: (u32, u32)| {
            let interval_of = |(numerator, denominator)| Interval {
                numerator,
                denominator,
            };
            let all = between(interval_of(shortest), interval_of(longest));
            interval(&all).map(Interval::rate_millihz)
        };
        assert_eq!(chosen((1, 1_000), (1_000, 1)), Some(30_000));
        assert_eq!(chosen((1, 20), (1, 5)), Some(20_000));
        assert_eq!(chosen((1, 90), (1, 60)), Some(60_000));
    }

    #[test]
    fn a_mode_reads_as_people_write_it() {
        assert_eq!(
            mode(Pixels::Yuyv, 640, 480, 30).to_string(),
            "yuyv 640x480 30/s"
        );
        assert_eq!(mode(Pixels::Grey, 640, 480, 0).to_string(), "grey 640x480");
        let ntsc = Interval {
            numerator: 1_001,
            denominator: 30_000,
        };
        let ntsc = Mode {
            interval: Some(ntsc),
            ..mode(Pixels::Mjpeg, 640, 480, 0)
        };
        assert_eq!(ntsc.to_string(), "mjpeg 640x480 29.9/s");
    }

    proptest! {
        #[test]
        fn what_is_chosen_was_offered_and_nothing_larger_fits_as_well(
            offered in proptest::collection::vec(
                (0..Pixels::ALL.len(), any::<u16>(), any::<u16>(), 0_u32..100),
                0..20,
            ),
            wanted in (1_u32..5_000, 1_u32..5_000),
        ) {
            let offered: Vec<Mode> = offered
                .into_iter()
                .map(|(which, width, height, rate)| {
                    mode(Pixels::ALL[which], u32::from(width), u32::from(height), rate)
                })
                .collect();
            let Some(chosen) = choose(&offered, wanted) else {
                return Ok(());
            };
            prop_assert!(offered.contains(&chosen));
            let fits = |mode: &Mode| mode.width <= wanted.0 && mode.height <= wanted.1;
            let is_quick = |mode: &Mode| {
                mode.interval.is_none_or(|interval| interval.rate_millihz() >= RATE_MILLIHZ_MIN)
            };
            let is_side = |mode: &Mode| {
                (8..=8_192).contains(&mode.width) && (8..=8_192).contains(&mode.height)
            };
            for other in offered.iter().filter(|mode| is_side(mode) && fits(mode) && is_quick(mode)) {
                prop_assert!(fits(&chosen) && is_quick(&chosen));
                prop_assert!(other.width * other.height <= chosen.width * chosen.height);
            }
        }

        #[test]
        fn a_size_lies_on_its_grid(
            min in any::<u32>(), more in any::<u32>(), step in any::<u32>(), limit in any::<u32>(),
        ) {
            let steps = Steps { min, max: min.saturating_add(more), step };
            let at = steps.at_most(limit);
            prop_assert!(at >= steps.min && at <= steps.max);
            prop_assert_eq!((at - min) % step.max(1), 0);
            prop_assert!(at <= limit || at == min);
        }
    }
}
