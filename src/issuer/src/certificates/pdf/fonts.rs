//! The fonts a certificate may use: Noto Sans inside the program, and whatever Noto fonts a folder adds for other scripts.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use krilla::Data;
use krilla::text::Font;
use rustybuzz::ttf_parser;

static REGULAR: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Bold.ttf");

/// Where Debian puts fonts: give it to [`Fonts::with_folder`].
pub const SYSTEM_FOLDER: &str = "/usr/share/fonts";
/// Deepest nesting of a font folder that is looked at.
const MAX_FOLDER_DEPTH: usize = 4;
/// Most font files of a folder that are looked at.
const MAX_FILES: usize = 2_000;
/// Largest font file that is read; Noto Sans CJK has some 20 MiB.
const MAX_FONT_BYTES: u64 = 64 * 1024 * 1024;

/// [`rank`] of the fonts that come one a region.
const CJK_RANK: u8 = 2;

/// How heavy the letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Fonts by preference. Cheap to clone. A folder is first looked into when a text has a letter that Noto Sans lacks.
#[derive(Clone)]
pub struct Fonts {
    shared: Arc<Shared>,
}

struct Shared {
    embedded: Family,
    folders: Vec<PathBuf>,
    found: OnceLock<Vec<Family>>,
}

/// One family: what its regular face covers, and its faces.
struct Family {
    /// Shared by the regions of one collection.
    coverage: Arc<OnceLock<Coverage>>,
    /// `JP`, `KR`, `SC`, `TC`, `HK` where letters are drawn the way of one region; empty otherwise.
    region: &'static str,
    regular: Face,
    bold: Option<Face>,
}

struct Face {
    source: Source,
    loaded: OnceLock<Option<Loaded>>,
}

enum Source {
    Embedded(&'static [u8]),
    File { path: PathBuf, index: u32 },
}

/// A face ready to shape and draw with.
pub(super) struct Loaded {
    pub(super) data: Data,
    pub(super) index: u32,
    pub(super) font: Font,
}

impl fmt::Debug for Fonts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Fonts")
            .field("folders", &self.shared.folders)
            .finish_non_exhaustive()
    }
}

impl Default for Fonts {
    fn default() -> Self {
        Self::embedded()
    }
}

impl Fonts {
    /// Noto Sans alone: Latin, Greek, Cyrillic and their extensions.
    pub fn embedded() -> Self {
        Self::with_folders(Vec::new())
    }

    /// Adds the Noto fonts in `folder` and below, sans before serif; a folder that is not there adds nothing.
    #[must_use]
    pub fn with_folder(self, folder: &Path) -> Self {
        let mut folders = self.shared.folders.clone();
        folders.push(folder.to_owned());
        Self::with_folders(folders)
    }

    fn with_folders(folders: Vec<PathBuf>) -> Self {
        let embedded = Family {
            coverage: Arc::default(),
            region: "",
            regular: Face::new(Source::Embedded(REGULAR)),
            bold: Some(Face::new(Source::Embedded(BOLD))),
        };
        Self {
            shared: Arc::new(Shared {
                embedded,
                folders,
                found: OnceLock::new(),
            }),
        }
    }

    /// The position of the first family that has `letter`; of those that differ by region, `region`'s first.
    pub(super) fn family_with(&self, letter: char, region: &str) -> Option<usize> {
        if self.shared.embedded.has(letter) {
            return Some(0);
        }
        let of_region = |family: &Family| family.region.is_empty() || family.region == region;
        let found = self.shared.found();
        let wanted = found
            .iter()
            .position(|family| of_region(family) && family.has(letter));
        wanted
            .or_else(|| found.iter().position(|family| family.has(letter)))
            .map(|at| at + 1)
    }

    /// Whether a family has `letter`.
    pub(super) fn family_has(&self, family: usize, letter: char) -> bool {
        self.shared
            .family(family)
            .is_some_and(|family| family.has(letter))
    }

    /// A face of a family, regular where it has no bold one.
    ///
    /// # Errors
    /// The file that cannot be read any more.
    pub(super) fn face(&self, family: usize, weight: Weight) -> Result<&Loaded, PathBuf> {
        let family = self.shared.family(family).ok_or_else(PathBuf::new)?;
        let face = match (weight, &family.bold) {
            (Weight::Bold, Some(bold)) => bold,
            _ => &family.regular,
        };
        face.loaded().ok_or_else(|| match &face.source {
            Source::Embedded(_) => PathBuf::new(),
            Source::File { path, .. } => path.clone(),
        })
    }
}

impl Shared {
    fn family(&self, position: usize) -> Option<&Family> {
        match position.checked_sub(1) {
            None => Some(&self.embedded),
            Some(at) => self.found().get(at),
        }
    }

    fn found(&self) -> &[Family] {
        self.found.get_or_init(|| {
            let mut files = Vec::new();
            for folder in &self.folders {
                collect(folder, MAX_FOLDER_DEPTH, &mut files);
            }
            files.sort_by_key(|path| (rank(path), path.clone()));
            files.iter().flat_map(|path| families_of(path)).collect()
        })
    }
}

impl Family {
    fn has(&self, letter: char) -> bool {
        self.coverage
            .get_or_init(|| self.regular.coverage())
            .has(letter)
    }
}

impl Face {
    fn new(source: Source) -> Self {
        Self {
            source,
            loaded: OnceLock::new(),
        }
    }

    fn coverage(&self) -> Coverage {
        match &self.source {
            Source::Embedded(bytes) => Coverage::of(bytes, 0),
            Source::File { path, index } => Coverage::of(&read(path).unwrap_or_default(), *index),
        }
    }

    fn loaded(&self) -> Option<&Loaded> {
        self.loaded
            .get_or_init(|| {
                let (data, index) = match &self.source {
                    Source::Embedded(bytes) => (Data::from(*bytes), 0),
                    Source::File { path, index } => (Data::from(read(path)?), *index),
                };
                let font = Font::new(data.clone(), index)?;
                Some(Loaded { data, index, font })
            })
            .as_ref()
    }
}

/// Code points that a face has a glyph for, as sorted ranges.
struct Coverage(Vec<(u32, u32)>);

impl Coverage {
    fn of(bytes: &[u8], index: u32) -> Self {
        let mut points = Vec::new();
        if let Ok(face) = ttf_parser::Face::parse(bytes, index)
            && let Some(cmap) = face.tables().cmap
        {
            for table in cmap
                .subtables
                .into_iter()
                .filter(ttf_parser::cmap::Subtable::is_unicode)
            {
                table.codepoints(|point| {
                    if table.glyph_index(point).is_some_and(|glyph| glyph.0 != 0) {
                        points.push(point);
                    }
                });
            }
        }
        points.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for point in points {
            match ranges.last_mut() {
                Some((_, last)) if point <= last.saturating_add(1) => *last = point,
                _ => ranges.push((point, point)),
            }
        }
        Self(ranges)
    }

    fn has(&self, letter: char) -> bool {
        let point = u32::from(letter);
        let after = self.0.partition_point(|(first, _)| *first <= point);
        after
            .checked_sub(1)
            .and_then(|at| self.0.get(at))
            .is_some_and(|(_, last)| point <= *last)
    }
}

/// Regular Noto faces below a folder. Links are followed as fonts' folders use them; depth bounds a loop.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if files.len() >= MAX_FILES {
            return;
        }
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, files);
            }
        } else if rank(&path) < u8::MAX {
            files.push(path);
        }
    }
}

/// Preference by file name: `NotoSans-`, then sans of scripts, then sans CJK, then any other Noto; `u8::MAX` for no.
fn rank(path: &Path) -> u8 {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some((stem, "ttf" | "otf" | "ttc")) = name.rsplit_once('.') else {
        return u8::MAX;
    };
    let Some(family) = stem
        .strip_suffix("-Regular")
        .and_then(|stem| stem.strip_prefix("Noto"))
    else {
        return u8::MAX;
    };
    // Interface and display cuts, and pictures in colour, are not for print.
    if family.contains("Mono")
        || family.contains("Color")
        || family.ends_with("UI")
        || family.contains("Display")
    {
        return u8::MAX;
    }
    match family.strip_prefix("Sans") {
        Some("") => 0,
        Some(script) if script.starts_with("CJK") => CJK_RANK,
        Some(_) => 1,
        None => 3,
    }
}

/// The families of one file: one, or one a region in a collection.
fn families_of(path: &Path) -> Vec<Family> {
    let bold = bold_beside(path);
    let coverage: Arc<OnceLock<Coverage>> = Arc::default();
    // The regions of a Noto collection have the same letters and draw some of them differently.
    let family = |index: u32, region| Family {
        coverage: Arc::clone(&coverage),
        region,
        regular: Face::new(Source::File {
            path: path.to_owned(),
            index,
        }),
        bold: bold
            .clone()
            .map(|path| Face::new(Source::File { path, index })),
    };
    if rank(path) != CJK_RANK {
        return vec![family(0, "")];
    }
    let Some(bytes) = read(path) else {
        return Vec::new();
    };
    let count = ttf_parser::fonts_in_collection(&bytes).unwrap_or(1);
    (0..count)
        .filter_map(|index| Some(family(index, region_of(&bytes, index)?)))
        .collect()
}

/// The region in a family's name, such as `Noto Sans CJK JP`; none for a monospaced one.
fn region_of(bytes: &[u8], index: u32) -> Option<&'static str> {
    let face = ttf_parser::Face::parse(bytes, index).ok()?;
    let name = face
        .names()
        .into_iter()
        .find(|name| name.name_id == ttf_parser::name_id::FAMILY && name.is_unicode())?;
    let name = name.to_string()?;
    if name.contains("Mono") {
        return None;
    }
    ["JP", "KR", "SC", "TC", "HK"]
        .into_iter()
        .find(|region| name.ends_with(region))
}

fn bold_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.replace("-Regular.", "-Bold.");
    Some(path.with_file_name(name)).filter(|bold| bold.is_file())
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let length = fs::metadata(path).ok()?.len();
    (length <= MAX_FONT_BYTES)
        .then(|| fs::read(path).ok())
        .flatten()
}
