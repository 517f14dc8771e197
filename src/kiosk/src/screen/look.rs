//! Sizes and colours, and the rules they keep.
//!
//! The state's word must be read at two metres: its capitals are at least [`WORD_CAP_MM`] tall (0.7 degrees
//! of sight), all other text at least [`TEXT_CAP_MM`]. The type is Noto Sans, whose capitals are
//! [`CAP_HEIGHT_EM`] of its size. Text has a contrast of at least [`CONTRAST_MIN`] to one. The colours are
//! defined here and nowhere else; the pages get them as CSS custom properties from [`stylesheet`].

use std::fmt::Write as _;

/// Least height of the state word's capitals.
pub const WORD_CAP_MM: f64 = 24.4;
/// Least height of the capitals of all other text.
pub const TEXT_CAP_MM: f64 = 12.8;
/// Height of Noto Sans capitals as a share of the type size.
pub const CAP_HEIGHT_EM: f64 = 0.714;
/// Least contrast of text to its ground (WCAG 2.2, enhanced).
pub const CONTRAST_MIN: f64 = 7.0;
/// A screen narrower than this many word sizes gets short words and no minutes.
const COMPACT_BELOW_EM: f64 = 5.5;
/// How much narrower than high a panel's pixels may be.
const WIDTH_SLACK: f64 = 1.1;

/// The screen at the door: width and height of its lit area in millimetres, as measured when it was put up.
///
/// The page fills the screen, so its pixels need not be known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// Width, millimetres.
    pub width_mm: f64,
    /// Height, millimetres.
    pub height_mm: f64,
}

impl Panel {
    /// The smallest screen that is recommended, 10.1 inches; assumed when nobody measured.
    pub const TEN_INCH: Self = Self {
        width_mm: 216.96,
        height_mm: 135.6,
    };

    /// Whether words are short, names are cut and minutes left out.
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.width_mm < COMPACT_BELOW_EM * WORD_CAP_MM / CAP_HEIGHT_EM
    }
}

impl Default for Panel {
    fn default() -> Self {
        Self::TEN_INCH
    }
}

/// The least type sizes for a screen, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TypeScale {
    /// For the state's word.
    pub word_px: f64,
    /// For everything else.
    pub text_px: f64,
}

/// The least type sizes on a screen of that size in millimetres and pixels (width, height).
///
/// Capitals are measured upwards, so it is the height that counts; on panels whose pixels are not square
/// (the Raspberry Pi's first 7" display) the width would promise 7 % too little.
#[must_use]
pub fn type_scale(screen_mm: (f64, f64), screen_px: (u32, u32)) -> TypeScale {
    let px_per_mm = f64::from(screen_px.1) / screen_mm.1;
    TypeScale {
        word_px: WORD_CAP_MM * px_per_mm / CAP_HEIGHT_EM,
        text_px: TEXT_CAP_MM * px_per_mm / CAP_HEIGHT_EM,
    }
}

/// A colour of the screen, 8 bits a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// `#rrggbb`.
    #[must_use]
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// Relative luminance (WCAG 2.2, "relative luminance").
    fn luminance(self) -> f64 {
        let channel = |value: u8| {
            let v = f64::from(value) / 255.0;
            if v <= 0.040_45 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(self.0) + 0.7152 * channel(self.1) + 0.0722 * channel(self.2)
    }
}

/// Contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
#[must_use]
pub fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (a.luminance(), b.luminance());
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

const WHITE: Colour = Colour(0xff, 0xff, 0xff);
const BLACK: Colour = Colour(0x00, 0x00, 0x00);
const INK: Colour = Colour(0x14, 0x18, 0x1f);

/// The ground and the ink of each state of the attendee's screen. Red is not among them.
pub const TONES: [(&str, Colour, Colour); 6] = [
    ("ready", Colour(0xf5, 0xf1, 0xe8), INK),
    ("in", Colour(0x08, 0x5c, 0x27), WHITE),
    ("out", Colour(0x0b, 0x4a, 0x8f), WHITE),
    ("attention", Colour(0xff, 0xc4, 0x00), BLACK),
    ("failure", Colour(0x22, 0x22, 0x22), WHITE),
    ("setup", Colour(0x4a, 0x2c, 0x6b), WHITE),
];

/// Ground and ink of the status page: the page, its cards, quiet text, and the badges of state.
pub const STAFF: [(&str, Colour, Colour); 8] = [
    ("page", Colour(0xf3, 0xf4, 0xf6), INK),
    ("card", WHITE, INK),
    ("quiet", WHITE, Colour(0x4a, 0x50, 0x5c)),
    ("good", Colour(0x08, 0x5c, 0x27), WHITE),
    ("busy", Colour(0x0b, 0x4a, 0x8f), WHITE),
    ("warn", Colour(0xff, 0xc4, 0x00), BLACK),
    ("bad", Colour(0x9b, 0x0f, 0x1c), WHITE),
    ("stale", Colour(0xd6, 0xd9, 0xde), INK),
];

/// The custom properties both pages stand on: sizes for this panel and every colour.
///
/// Sizes are shares of the window, so that they hold in millimetres when the page fills the panel, and
/// shrink with a window on somebody's desk.
#[must_use]
pub fn stylesheet(panel: &Panel) -> String {
    // Rounded up, so that rounding never takes from the promised height. The share of the width binds only in
    // a window that does not fill the screen.
    let percent = |share: f64| (share * 1e6).ceil() / 1e4;
    let size = |cap_mm: f64| {
        let em_mm = cap_mm / CAP_HEIGHT_EM;
        let of_height = percent(em_mm / panel.height_mm);
        let of_width = percent(em_mm / panel.width_mm * WIDTH_SLACK);
        format!("min({of_height:.4}vh, {of_width:.4}vw)")
    };
    let mut css = format!(
        ":root {{\n  --word-least: {};\n  --text-least: {};\n",
        size(WORD_CAP_MM),
        size(TEXT_CAP_MM)
    );
    for (name, ground, ink) in TONES.iter().chain(&STAFF) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            css,
            "  --{name}: {};\n  --on-{name}: {};",
            ground.css(),
            ink.css()
        );
    }
    css.push_str("}\n");
    css
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn capitals_are_tall_enough() {
        let check = |mm, px: (u32, u32), word: f64, text: f64, compact| {
            let scale = type_scale(mm, px);
            assert_eq!(
                (scale.word_px.round(), scale.text_px.round()),
                (word, text),
                "{px:?}"
            );
            let cap_mm = |size: f64| size * CAP_HEIGHT_EM * mm.1 / f64::from(px.1);
            assert!(cap_mm(scale.word_px.ceil()) >= WORD_CAP_MM);
            assert!(cap_mm(scale.text_px.ceil()) >= TEXT_CAP_MM);
            let (width_mm, height_mm) = mm;
            let panel = Panel {
                width_mm,
                height_mm,
            };
            assert_eq!(panel.is_compact(), compact, "{px:?}");
            // What the page is given comes to the same, in shares of the window.
            let (vh, vw) = least(&panel);
            let (width, height) = (f64::from(px.0) / 100.0, f64::from(px.1) / 100.0);
            let on_page = (vh * height).min(vw * width);
            assert!(
                on_page >= scale.word_px && on_page < scale.word_px + 0.01,
                "{px:?} {on_page}"
            );
        };
        // 7" with square pixels, 154 mm wide.
        check((154.08, 92.448), (800, 480), 177.0, 93.0, true);
        // The Raspberry Pi's own 7" display: as wide, but 85.92 mm high.
        check((154.08, 85.92), (800, 480), 191.0, 100.0, true);
        check((216.96, 135.6), (1280, 800), 202.0, 106.0, false);
        check((344.16, 193.59), (1920, 1080), 191.0, 100.0, false);
        // A 7" of more pixels is still 7".
        check((151.0, 94.4), (1280, 800), 290.0, 152.0, true);
    }

    /// The least size of the word in the style sheet, in hundredths of height and width.
    fn least(panel: &Panel) -> (f64, f64) {
        let css = stylesheet(panel);
        let size = css.split("--word-least: min(").nth(1).unwrap();
        let (vh, rest) = size.split_once("vh, ").unwrap();
        (
            vh.parse().unwrap(),
            rest.split("vw").next().unwrap().parse().unwrap(),
        )
    }

    #[test]
    fn contrast_is_at_least_seven() {
        for (name, ground, ink) in TONES.iter().chain(&STAFF) {
            let ratio = contrast(*ground, *ink);
            assert!(ratio >= CONTRAST_MIN, "{name}: {ratio:.2}");
        }
        // Ratios known from elsewhere, to hold the formula.
        let check = |a, b, expected: f64| assert!((contrast(a, b) - expected).abs() < 0.06);
        check(WHITE, BLACK, 21.0);
        check(WHITE, Colour(0x08, 0x5c, 0x27), 8.2);
        check(WHITE, Colour(0x0b, 0x4a, 0x8f), 8.8);
        check(WHITE, Colour(0x22, 0x22, 0x22), 15.9);
        check(BLACK, Colour(0xff, 0xc4, 0x00), 13.2);
    }

    #[test]
    fn no_attendee_sees_red() {
        for (name, ground, _) in TONES {
            let red = ground.0 > 0x60 && ground.1 < 0x60 && ground.2 < 0x60;
            assert!(!red, "{name}");
        }
    }
}
