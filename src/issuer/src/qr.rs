//! QR codes as the data of an SVG path.

use std::fmt::Write as _;

use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code, as ISO/IEC 18004 asks.
const QUIET_MODULES: usize = 4;

/// A code that is drawn in modules, the light ones around it included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Modules across.
    pub across: usize,
    /// The dark ones as runs: `M<x> <y>h<length>v1h-<length>z`.
    pub dark: String,
}

/// Draws a text.
///
/// # Errors
/// Where it fits no QR code.
pub fn drawn(text: &str) -> Result<Drawn, QrError> {
    let qr = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let (width, colours) = (qr.width(), qr.to_colors());
    let mut dark = String::new();
    for (y, row) in colours.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|c| **c == Color::Dark).count();
            if run > 0 {
                let (left, top) = (x + QUIET_MODULES, y + QUIET_MODULES);
                // Writing to a text cannot fail.
                let _ = write!(dark, "M{left} {top}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    Ok(Drawn {
        across: width + 2 * QUIET_MODULES,
        dark,
    })
}
