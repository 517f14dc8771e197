//! The one stylesheet and the two scripts. Their addresses carry a piece of their hash, so browsers may keep them.

use std::sync::OnceLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("../../assets/web/web.css");
const SCRIPT: &str = include_str!("../../assets/web/web.js");

const REVIEW: &str = include_str!("../../assets/web/review.js");

pub(super) const STYLE_PATH: &str = "/assets/web.css";
pub(super) const SCRIPT_PATH: &str = "/assets/web.js";
pub(super) const REVIEW_PATH: &str = "/assets/review.js";

/// Changes whenever one of them does.
pub(super) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let hash = evidence::sha256([STYLE, SCRIPT, REVIEW].concat().as_bytes()).to_hex();
        hash.chars().take(12).collect()
    })
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn review() -> Response {
    asset("text/javascript; charset=utf-8", REVIEW)
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    (
        [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, "public, max-age=86400"),
        ],
        text,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::STYLE;

    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let v = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if v <= 0.040_45 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn colour(name: &str) -> &'static str {
        let start = STYLE
            .find(&format!("--{name}: #"))
            .unwrap_or_else(|| panic!("no colour {name}"))
            + name.len()
            + 4;
        &STYLE[start..start + 7]
    }

    #[test]
    fn words_of_state_have_a_contrast_of_seven() {
        for (ground, ink) in [
            ("page", "ink"),
            ("card", "ink"),
            ("card", "quiet"),
            ("page", "quiet"),
            ("card", "link"),
            ("good", "on-good"),
            ("busy", "on-busy"),
            ("warn", "on-warn"),
            ("bad", "on-bad"),
            ("silent", "on-silent"),
            ("stale", "on-stale"),
            ("stale-stripe", "on-stale"),
        ] {
            let (a, b) = (luminance(colour(ground)), luminance(colour(ink)));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 7.0, "{ink} on {ground} has {contrast:.1}");
        }
    }
}
