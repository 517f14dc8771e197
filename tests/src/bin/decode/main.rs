//! Holds the cascade beside rqrr alone and zxing-cpp alone, over a folder of labelled photographs: `cargo xtask bench decode --images DIR`.
//!
//! Contract: DIR holds `manifest.jsonl`, one JSON object a line: `file` (a JPEG, or a binary PGM of 8 bits), `format` (`QR`, `CODE128`, `CODE39`, `PDF417`,
//! `DATAMATRIX`, `AZTEC`, or `NONE`), `set`, and `expected`, a list of texts. Reading any of these is a hit; any other is another text. On a
//! photograph without a code that is a false decode. On one with a code it need not be: a label may list fewer codes than the photograph
//! shows, and a reader that reads more of them gives more texts. `--unread` names these photographs with their texts, for a person to look at.
//! Texts are compared with line ends made one and without blanks at their ends. Each photograph is shown to a fresh cascade as five identical
//! frames, 66 ms apart: a hit is a reading within the five, and its time is the mean a frame. The controls read one frame. Photographs larger
//! than 1280 by 720 are shrunk to that, those smaller than any frame are set on white. Times are of the thread's own CPU clock, decoding of the JPEG left out.
//!
//! Photographs are read for their own format; those without a code for QR codes, and once more for all formats, which only counts false decodes.
//!
//! Exit codes: 0 goals met, 1 one missed, 2 usage or an unreadable folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::json;
use vision::{Cascade, Format, Formats, Frame, MIN_SIDE_PX, Settings};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const HELP: &str = "\
Hold the decoder cascade beside rqrr alone and zxing-cpp alone, over a folder of labelled photographs.

Usage: cargo xtask bench decode --images DIR [--json] [--unread]

Options:
  --images DIR  A folder with a manifest.jsonl: file, format, set, expected
  --json        One JSON object a set, one a line
  --unread      Name the photographs that were not read or gave another text, on standard error
  -h, --help    Print this
";

/// Frames of each photograph.
const FRAMES: u64 = 5;
/// Milliseconds between two frames.
const FRAME_MS: u64 = 66;
/// What photographs are shrunk to.
const WIDTH_MAX: usize = 1_280;
const HEIGHT_MAX: usize = 720;
/// Photographs between two lines of progress.
const TELL_EVERY: usize = 100;
/// The goals.
const HIT_SHARE_MIN: f64 = 0.96;
const MEAN_MS_MAX: f64 = 8.0;

#[derive(Deserialize)]
struct Photograph {
    file: String,
    format: String,
    set: String,
    #[serde(default)]
    expected: Vec<String>,
}

struct Asked {
    images: PathBuf,
    json: bool,
    unread: bool,
}

/// What was counted over a set of photographs.
#[derive(Default)]
struct Tally {
    photographs: usize,
    hits: usize,
    hits_first: usize,
    hits_rqrr: usize,
    hits_zxing: usize,
    /// Texts that are not on the photograph's list, by who read them.
    wrong: usize,
    wrong_rqrr: usize,
    wrong_zxing: usize,
    panics: u32,
    panics_rqrr: usize,
    frame_ms: Vec<f64>,
    first_ms: Vec<f64>,
    rqrr_ms: Vec<f64>,
    zxing_ms: Vec<f64>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.photographs += other.photographs;
        self.hits += other.hits;
        self.hits_first += other.hits_first;
        self.hits_rqrr += other.hits_rqrr;
        self.hits_zxing += other.hits_zxing;
        self.wrong += other.wrong;
        self.wrong_rqrr += other.wrong_rqrr;
        self.wrong_zxing += other.wrong_zxing;
        self.panics += other.panics;
        self.panics_rqrr += other.panics_rqrr;
        self.frame_ms.extend(&other.frame_ms);
        self.first_ms.extend(&other.first_ms);
        self.rqrr_ms.extend(&other.rqrr_ms);
        self.zxing_ms.extend(&other.zxing_ms);
    }
}

fn main() -> ExitCode {
    let asked = match asked() {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(text) => return usage(&text),
    };
    // Panics are counted; what they say would only hide the table.
    std::panic::set_hook(Box::new(|_| {}));
    match measure(&asked) {
        Ok(tallies) => conclude(&asked, &tallies),
        Err(text) => usage(&text),
    }
}

fn usage(text: &str) -> ExitCode {
    eprintln!("bench decode: {text}\nTry `cargo xtask bench decode --help`.");
    ExitCode::from(2)
}

fn asked() -> Result<Option<Asked>, String> {
    let (mut images, mut json, mut unread) = (None, false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-h" | "--help" => return Ok(None),
            "--json" => json = true,
            "--unread" => unread = true,
            "--images" => images = Some(arguments.next().ok_or("--images wants a folder")?.into()),
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    let images = images.ok_or("--images is missing")?;
    Ok(Some(Asked {
        images,
        json,
        unread,
    }))
}

/// The tallies by format and set.
type Tallies = BTreeMap<(String, String), Tally>;

fn measure(asked: &Asked) -> Result<Tallies, String> {
    let manifest = asked.images.join("manifest.jsonl");
    let lines = std::fs::read_to_string(&manifest)
        .map_err(|error| format!("{}: {error}", manifest.display()))?;
    let mut tallies = Tallies::new();
    let count = lines.lines().count();
    for (number, line) in lines.lines().enumerate() {
        if number > 0 && number % TELL_EVERY == 0 {
            eprintln!("bench decode: {number} of {count} photographs");
        }
        let photograph: Photograph = serde_json::from_str(line)
            .map_err(|error| format!("{}: line {}: {error}", manifest.display(), number + 1))?;
        let picture = Picture::read(&asked.images.join(&photograph.file))?;
        let tally = of_photograph(asked, &photograph, &picture)?;
        if asked.unread && tally.hits == 0 && photograph.format != "NONE" {
            eprintln!("unread: {} ({})", photograph.file, photograph.set);
        }
        tallies
            .entry((photograph.format, photograph.set))
            .or_default()
            .add(&tally);
    }
    Ok(tallies)
}

fn of_photograph(
    asked: &Asked,
    photograph: &Photograph,
    picture: &Picture,
) -> Result<Tally, String> {
    let formats = match photograph.format.as_str() {
        "NONE" => Formats::default(),
        word => Formats::of([Format::of_word(&word.to_lowercase())
            .ok_or_else(|| format!("{}: unknown format {word}", photograph.file))?]),
    };
    let expected: Vec<String> = photograph.expected.iter().map(|text| plain(text)).collect();
    let mut tally = Tally {
        photographs: 1,
        ..Tally::default()
    };
    let is_hit = |texts: &[String]| texts.iter().any(|text| expected.contains(text));
    let wrong = |texts: &[String]| texts.iter().filter(|text| !expected.contains(text)).count();
    let tell_wrong = |texts: &[String]| {
        for text in texts
            .iter()
            .filter(|text| asked.unread && !expected.contains(text))
        {
            eprintln!(
                "another text: {} ({}): {text:?}",
                photograph.file, photograph.set
            );
        }
    };

    let shown = show(picture, formats.clone())?;
    tally.hits = usize::from(is_hit(&shown.texts));
    tally.hits_first = usize::from(is_hit(&shown.texts[..shown.first]));
    tally.wrong = wrong(&shown.texts);
    tell_wrong(&shown.texts);
    tally.panics = shown.panics;
    tally.first_ms.push(shown.frame_ms[0]);
    tally.frame_ms = shown.frame_ms;
    if photograph.format == "NONE" {
        let shown = show(picture, Formats::of(Format::ALL))?;
        tally.wrong += shown.texts.len();
        tell_wrong(&shown.texts);
        tally.panics += shown.panics;
    }

    let before = cpu();
    let texts = zxing_alone(picture, &formats);
    tally.zxing_ms.push(ms(cpu() - before));
    tally.hits_zxing = usize::from(is_hit(&texts));
    tally.wrong_zxing = wrong(&texts);

    if formats.has(Format::Qr) {
        let before = cpu();
        let texts = rqrr_alone(picture);
        tally.rqrr_ms.push(ms(cpu() - before));
        tally.panics_rqrr = usize::from(texts.is_none());
        let texts = texts.unwrap_or_default();
        tally.hits_rqrr = usize::from(is_hit(&texts));
        tally.wrong_rqrr = wrong(&texts);
    }
    Ok(tally)
}

struct Shown {
    /// All texts, and how many of them the first frame gave.
    texts: Vec<String>,
    first: usize,
    frame_ms: Vec<f64>,
    panics: u32,
}

fn show(picture: &Picture, formats: Formats) -> Result<Shown, String> {
    let mut cascade = Cascade::new(&Settings {
        formats,
        ..Settings::default()
    });
    let mut shown = Shown {
        texts: Vec::new(),
        first: 0,
        frame_ms: Vec::new(),
        panics: 0,
    };
    for at in 0..FRAMES {
        let frame = Frame::new(
            &picture.pixels,
            picture.width,
            picture.height,
            picture.width,
        )
        .map_err(|error| error.to_string())?;
        let before = cpu();
        let look = cascade.look(&frame, at * FRAME_MS, &mut cpu);
        shown.frame_ms.push(ms(cpu() - before));
        shown.panics += look.panics;
        shown
            .texts
            .extend(look.fresh.iter().map(|code| plain(&code.text)));
        if at == 0 {
            shown.first = shown.texts.len();
        }
    }
    Ok(shown)
}

/// What zxing-cpp reads of one frame, as it comes.
fn zxing_alone(picture: &Picture, formats: &Formats) -> Vec<String> {
    let allowed: Vec<zxingcpp::BarcodeFormat> = Format::ALL
        .into_iter()
        .filter(|format| formats.has(*format))
        .map(|format| match format {
            Format::Qr => zxingcpp::BarcodeFormat::QRCode,
            Format::Code128 => zxingcpp::BarcodeFormat::Code128,
            Format::Code39 => zxingcpp::BarcodeFormat::Code39,
            Format::Pdf417 => zxingcpp::BarcodeFormat::PDF417,
            Format::DataMatrix => zxingcpp::BarcodeFormat::DataMatrix,
            Format::Aztec => zxingcpp::BarcodeFormat::Aztec,
        })
        .collect();
    let reader = zxingcpp::read()
        .formats(allowed)
        .text_mode(zxingcpp::TextMode::Plain);
    zxingcpp::ImageView::from_slice(
        &picture.pixels,
        picture.width,
        picture.height,
        zxingcpp::ImageFormat::Lum,
    )
    .and_then(|view| reader.from(view))
    .unwrap_or_default()
    .iter()
    .map(|code| plain(&code.text()))
    .collect()
}

/// What rqrr reads of one frame; nothing where it panics.
fn rqrr_alone(picture: &Picture) -> Option<Vec<String>> {
    std::panic::catch_unwind(|| {
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(picture.width, picture.height, |x, y| {
                picture.pixels[y * picture.width + x]
            });
        let grids = image.detect_grids();
        let texts = grids.iter().filter_map(|grid| grid.decode().ok());
        texts.map(|(_, text)| plain(&text)).collect()
    })
    .ok()
}

/// A text with one kind of line end and no blanks around it.
fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.trim().to_owned()
}

/// A grey picture.
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    fn read(path: &Path) -> Result<Self, String> {
        let at = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let bytes = std::fs::read(path).map_err(|error| at(&error))?;
        if let Some(picture) = Self::of_pgm(&bytes) {
            return Ok(picture.fitted().set());
        }
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
        let pixels = decoder.decode().map_err(|error| at(&error))?;
        let (width, height) = decoder.dimensions().ok_or_else(|| at(&"it has no size"))?;
        Ok(Self {
            width,
            height,
            pixels,
        }
        .fitted()
        .set())
    }

    /// A binary PGM of 8 bits, without comments.
    fn of_pgm(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"P5")?;
        let mut words = rest.splitn(5, u8::is_ascii_whitespace).skip(1);
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
        let (width, height, most): (usize, usize, usize) = (number()?, number()?, number()?);
        let pixels = words.next()?.to_vec();
        let is_whole = most == 255 && width > 0 && width.checked_mul(height) == Some(pixels.len());
        is_whole.then_some(Self {
            width,
            height,
            pixels,
        })
    }

    /// Set on white where it is smaller than any frame.
    fn set(self) -> Self {
        let (width, height) = (self.width.max(MIN_SIDE_PX), self.height.max(MIN_SIDE_PX));
        let mut pixels = vec![u8::MAX; width * height];
        let rows = self.pixels.chunks_exact(self.width);
        for (row, from) in pixels.chunks_exact_mut(width).zip(rows) {
            row[..self.width].copy_from_slice(from);
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Shrunk to the size that cameras are set to, by means over whole pixels of the result.
    fn fitted(self) -> Self {
        if self.width <= WIDTH_MAX && self.height <= HEIGHT_MAX {
            return self;
        }
        let by_width = (WIDTH_MAX, self.height * WIDTH_MAX / self.width);
        let by_height = (self.width * HEIGHT_MAX / self.height, HEIGHT_MAX);
        let (width, height) = if by_width.1 <= HEIGHT_MAX {
            by_width
        } else {
            by_height
        };
        let span =
            |at: usize, from: usize, to: usize| at * from / to..((at + 1) * from).div_ceil(to);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let rows = span(y, self.height, height);
                let columns = span(x, self.width, width);
                let count = rows.len() * columns.len();
                let sum: usize = rows
                    .flat_map(|row| &self.pixels[row * self.width..][columns.clone()])
                    .map(|pixel| usize::from(*pixel))
                    .sum();
                pixels.push(u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }
}

fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn conclude(asked: &Asked, tallies: &Tallies) -> ExitCode {
    let mut by_format: BTreeMap<&str, Tally> = BTreeMap::new();
    for ((format, _), tally) in tallies {
        by_format.entry(format).or_default().add(tally);
    }
    if !asked.json {
        println!("{}", heading());
    }
    for ((format, set), tally) in tallies {
        print_row(asked, format, set, tally);
    }
    for (format, tally) in &by_format {
        print_row(asked, format, "all", tally);
    }
    let none = by_format.get("NONE");
    let qr = by_format.get("QR");
    let goals = [
        (
            "QR codes read within five frames, at least 96 %",
            qr.map(|tally| share(tally.hits, tally.photographs) >= HIT_SHARE_MIN),
        ),
        (
            "QR photographs, at most 8 ms a frame on average",
            qr.map(|tally| mean(&tally.frame_ms) <= MEAN_MS_MAX),
        ),
        (
            "frames without a code, at most 8 ms on average",
            none.map(|tally| mean(&tally.frame_ms) <= MEAN_MS_MAX),
        ),
        (
            "no false decode on photographs without a code",
            none.map(|tally| tally.wrong == 0),
        ),
        (
            "no panic",
            Some(tallies.values().all(|tally| tally.panics == 0)),
        ),
    ];
    let mut good = true;
    for (goal, met) in goals {
        let word = match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not judged: no such photographs",
        };
        good &= met != Some(false);
        if !asked.json {
            println!("{goal}: {word}");
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn heading() -> String {
    format!(
        "{:<10} {:<20} {:>5} {:>14} {:>14} {:>14} {:>14} {:>9}  {:<20} {:<20} {:<20}",
        "format",
        "set",
        "n",
        "five frames",
        "one frame",
        "rqrr",
        "zxing-cpp",
        "another",
        "ms: mean/median/p99",
        "rqrr",
        "zxing-cpp"
    )
}

fn print_row(asked: &Asked, format: &str, set: &str, tally: &Tally) {
    if asked.json {
        println!("{}", row_json(format, set, tally));
        return;
    }
    let of = |hits: usize| {
        let percent = 100.0 * share(hits, tally.photographs);
        format!("{hits:>4} {percent:>6.2} %")
    };
    println!(
        "{format:<10} {set:<20} {:>5} {:>14} {:>14} {:>14} {:>14} {:>9}  {:<20} {:<20} {:<20}",
        tally.photographs,
        of(tally.hits),
        of(tally.hits_first),
        of(tally.hits_rqrr),
        of(tally.hits_zxing),
        format!("{}/{}/{}", tally.wrong, tally.wrong_rqrr, tally.wrong_zxing),
        times(&tally.frame_ms),
        times(&tally.rqrr_ms),
        times(&tally.zxing_ms),
    );
}

fn row_json(format: &str, set: &str, tally: &Tally) -> serde_json::Value {
    let times = |values: &[f64]| {
        json!({
            "mean_ms": mean(values),
            "median_ms": quantile(values, 50),
            "p99_ms": quantile(values, 99),
        })
    };
    json!({
        "format": format,
        "set": set,
        "photographs": tally.photographs,
        "cascade": {
            "hits_five_frames": tally.hits,
            "hits_one_frame": tally.hits_first,
            "another_text": tally.wrong,
            "panics": tally.panics,
            "frame": times(&tally.frame_ms),
            "first_frame": times(&tally.first_ms),
        },
        "rqrr": {
            "hits": tally.hits_rqrr,
            "another_text": tally.wrong_rqrr,
            "panics": tally.panics_rqrr,
            "frame": times(&tally.rqrr_ms),
        },
        "zxing_cpp": {
            "hits": tally.hits_zxing,
            "another_text": tally.wrong_zxing,
            "frame": times(&tally.zxing_ms),
        },
    })
}

fn times(values: &[f64]) -> String {
    format!(
        "{:.2}/{:.2}/{:.1}",
        mean(values),
        quantile(values, 50),
        quantile(values, 99)
    )
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of photographs are exact in a float"
)]
fn share(part: usize, of: usize) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts of frames are exact in a float"
)]
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value below which this many percent of them lie.
fn quantile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
