//! The kinds of codes that may be read, and their AIM identifiers.

use zxingcpp::BarcodeFormat;

/// A kind of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// QR code, model 2. Model 1 and Micro QR are not read: nobody prints them on badges, and their weaker checks let noise through.
    Qr,
    /// Code 128.
    Code128,
    /// Code 39.
    Code39,
    /// PDF417.
    Pdf417,
    /// Data Matrix ECC 200.
    DataMatrix,
    /// Aztec.
    Aztec,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Qr,
        Self::Code128,
        Self::Code39,
        Self::Pdf417,
        Self::DataMatrix,
        Self::Aztec,
    ];

    /// Its name in configurations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Code128 => "code128",
            Self::Code39 => "code39",
            Self::Pdf417 => "pdf417",
            Self::DataMatrix => "datamatrix",
            Self::Aztec => "aztec",
        }
    }

    /// The format of that name.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }

    /// Whether a reading corrects errors and so vouches for itself. The others have a check character at best.
    pub(crate) fn corrects_errors(self) -> bool {
        !matches!(self, Self::Code128 | Self::Code39)
    }

    /// The letter of its AIM identifier (ISO/IEC 15424).
    fn aim_letter(self) -> u8 {
        match self {
            Self::Qr => b'Q',
            Self::Code128 => b'C',
            Self::Code39 => b'A',
            Self::Pdf417 => b'L',
            Self::DataMatrix => b'd',
            Self::Aztec => b'z',
        }
    }

    /// The format that an AIM identifier (`]Q1`) names.
    pub(crate) fn of_aim(aim: &str) -> Option<Self> {
        let [b']', letter, _] = aim.as_bytes() else {
            return None;
        };
        Self::ALL
            .into_iter()
            .find(|format| format.aim_letter() == *letter)
    }

    fn zxing(self) -> BarcodeFormat {
        match self {
            Self::Qr => BarcodeFormat::QRCodeModel2,
            Self::Code128 => BarcodeFormat::Code128,
            Self::Code39 => BarcodeFormat::Code39,
            Self::Pdf417 => BarcodeFormat::PDF417,
            Self::DataMatrix => BarcodeFormat::DataMatrix,
            Self::Aztec => BarcodeFormat::Aztec,
        }
    }
}

/// The kinds of codes that are read; all others are as if they were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats {
    formats: Vec<Format>,
}

impl Default for Formats {
    /// QR codes alone.
    fn default() -> Self {
        Self::of([Format::Qr])
    }
}

impl Formats {
    /// These formats, each once. With none of them, nothing is read.
    pub fn of(formats: impl IntoIterator<Item = Format>) -> Self {
        let mut formats: Vec<Format> = formats.into_iter().collect();
        formats.sort_unstable();
        formats.dedup();
        Self { formats }
    }

    /// Whether this format is read.
    pub fn has(&self, format: Format) -> bool {
        self.formats.contains(&format)
    }

    /// Whether nothing is read.
    pub fn is_empty(&self) -> bool {
        self.formats.is_empty()
    }

    pub(crate) fn zxing(&self) -> Vec<BarcodeFormat> {
        self.formats.iter().map(|format| format.zxing()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_identifiers_name_one_format_each() {
        for format in Format::ALL {
            assert_eq!(Format::of_word(format.word()), Some(format));
            let aim = format!("]{}0", char::from(format.aim_letter()));
            assert_eq!(Format::of_aim(&aim), Some(format));
        }
        assert_eq!(Format::of_word("QR"), None);
        for aim in ["", "]", "Q1", "]E0", "]Q12", "[Q1"] {
            assert_eq!(Format::of_aim(aim), None, "{aim:?}");
        }
    }

    #[test]
    fn a_format_counts_once() {
        let formats = Formats::of([Format::Aztec, Format::Qr, Format::Aztec]);
        assert_eq!(formats.zxing().len(), 2);
        assert!(formats.has(Format::Qr) && !formats.has(Format::Code39));
        assert!(Formats::of([]).is_empty() && !Formats::default().is_empty());
    }
}
