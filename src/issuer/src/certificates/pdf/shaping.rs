//! Text becomes lines of glyphs: direction by the Unicode algorithm, a font for each run that has its letters, shaping by
//! rustybuzz. Widths are in ems, so a line is shaped once and measured at any size.
//!
//! A letter that no font has is collected, never drawn as a box: [`Shaper::finish`] refuses the document.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, GlyphBuffer, ShapePlan, UnicodeBuffer, script};
use unicode_bidi::{BidiInfo, Level};

use super::PdfError;
use super::fonts::{Fonts, Weight};

/// Most different missing characters that are named.
const MAX_NAMED: usize = 20;
/// Halvings that bring lines to within one sixty-fourth of a page of equal.
const BALANCING_STEPS: usize = 5;
/// No letter below is written from right to left, nor does one call for it.
const FIRST_RTL: char = '\u{590}';
const CJK_PACKAGE: &str = "fonts-noto-cjk";
const CORE_PACKAGE: &str = "fonts-noto-core";

/// Glyphs of one font, left to right as drawn.
pub(super) struct Segment {
    pub(super) font: Font,
    pub(super) text: String,
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width_em: f32,
}

/// One line, its segments left to right as drawn.
pub(super) struct Line {
    pub(super) segments: Vec<Segment>,
    pub(super) width_em: f32,
}

/// Shapes texts and remembers what could not be.
pub(super) struct Shaper<'f> {
    fonts: &'f Fonts,
    language: &'f str,
    missing: BTreeSet<char>,
    unreadable: Option<PathBuf>,
    /// Parsed faces and plans: making them costs far more than shaping a word.
    faces: Vec<ParsedFace<'f>>,
    /// Widths of pieces already shaped, in ems: a text is tried at several sizes.
    widths_em: HashMap<(String, Weight), f32>,
}

struct ParsedFace<'f> {
    family: usize,
    weight: Weight,
    font: Font,
    face: rustybuzz::Face<'f>,
    plans: Vec<(rustybuzz::Script, Direction, ShapePlan)>,
}

/// What stays together when a run is cut up: one font and one script.
struct Item {
    family: usize,
    script: rustybuzz::Script,
    range: Range<usize>,
}

impl<'f> Shaper<'f> {
    pub(super) fn new(fonts: &'f Fonts, language: &'f str) -> Self {
        Self {
            fonts,
            language,
            missing: BTreeSet::new(),
            unreadable: None,
            faces: Vec::new(),
            widths_em: HashMap::new(),
        }
    }

    /// Whether everything shaped so far can be drawn.
    ///
    /// # Errors
    /// [`PdfError::MissingGlyphs`] or [`PdfError::FontUnreadable`].
    pub(super) fn finish(self) -> Result<(), PdfError> {
        if let Some(path) = self.unreadable {
            return Err(PdfError::FontUnreadable { path });
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        let packages: BTreeSet<&'static str> = self
            .missing
            .iter()
            .filter_map(|letter| package_of(*letter))
            .collect();
        Err(PdfError::MissingGlyphs {
            characters: self.missing.into_iter().take(MAX_NAMED).collect(),
            packages: packages.into_iter().collect(),
        })
    }

    /// One line of the whole text.
    pub(super) fn line(&mut self, text: &str, weight: Weight) -> Line {
        self.line_in(&clean(text), weight, None)
    }

    /// As many lines as the width needs, broken at spaces, hyphens and between CJK letters, else anywhere.
    /// `width_em` is the width over the font's size.
    pub(super) fn wrap(&mut self, text: &str, weight: Weight, width_em: f32) -> Vec<Line> {
        let text = clean(text);
        let base = BidiInfo::new(&text, None)
            .paragraphs
            .first()
            .map(|paragraph| paragraph.level);
        let mut lines = Vec::new();
        let mut start = 0;
        let mut end = 0;
        let mut used_em = 0.0;
        for piece in self.pieces(&text, weight, width_em) {
            let piece_em = self.width_em(text[piece.clone()].trim_end(), weight);
            let whole_em = self.width_em(&text[piece.clone()], weight);
            if end > start && used_em + piece_em > width_em {
                lines.push(self.line_in(text[start..end].trim(), weight, base));
                start = piece.start;
                used_em = 0.0;
            }
            end = piece.end;
            used_em += whole_em;
        }
        if end > start || lines.is_empty() {
            lines.push(self.line_in(text[start..].trim(), weight, base));
        }
        lines
    }

    /// The largest size from `sizes` (largest first) at which the text takes at most `max_lines`, or the smallest if none
    /// does; several lines come out about equally long.
    pub(super) fn fit(
        &mut self,
        text: &str,
        weight: Weight,
        sizes: &[f32],
        width: f32,
        max_lines: usize,
    ) -> (f32, Vec<Line>) {
        let mut best = (1.0, Vec::new());
        for size in sizes {
            best = (*size, self.wrap(text, weight, width / size));
            if best.1.len() <= max_lines {
                break;
            }
        }
        let (size, lines) = best;
        (size, self.balanced(text, weight, width / size, lines))
    }

    /// The same text in as many lines at the narrowest width that takes no more, found by halving.
    fn balanced(
        &mut self,
        text: &str,
        weight: Weight,
        width_em: f32,
        mut lines: Vec<Line>,
    ) -> Vec<Line> {
        if lines.len() < 2 {
            return lines;
        }
        let (mut too_narrow, mut wide) = (width_em / 2.0, width_em);
        for _ in 0..BALANCING_STEPS {
            let middle = f32::midpoint(too_narrow, wide);
            let tried = self.wrap(text, weight, middle);
            if tried.len() > lines.len() {
                too_narrow = middle;
            } else {
                lines = tried;
                wide = middle;
            }
        }
        lines
    }

    /// Ranges of the text that a line can end after, none wider than a line.
    fn pieces(&mut self, text: &str, weight: Weight, width_em: f32) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        for piece in breakable(text) {
            if self.width_em(text[piece.clone()].trim_end(), weight) <= width_em {
                pieces.push(piece);
                continue;
            }
            let mut start = piece.start;
            let ends: Vec<usize> = text[piece.clone()]
                .char_indices()
                .map(|(at, c)| piece.start + at + c.len_utf8())
                .collect();
            let mut next = 0;
            while let Some(first_end) = ends.get(next) {
                // At least one letter a piece, however narrow the line.
                let more = ends[next + 1..]
                    .partition_point(|end| self.width_em(&text[start..*end], weight) <= width_em);
                let end = ends.get(next + more).unwrap_or(first_end);
                next += more + 1;
                if next < ends.len() {
                    pieces.push(start..*end);
                    start = *end;
                }
            }
            pieces.push(start..piece.end);
        }
        pieces
    }

    fn width_em(&mut self, text: &str, weight: Weight) -> f32 {
        let key = (text.to_owned(), weight);
        if let Some(width_em) = self.widths_em.get(&key) {
            return *width_em;
        }
        let width_em = self.line_in(text, weight, None).width_em;
        self.widths_em.insert(key, width_em);
        width_em
    }

    fn line_in(&mut self, text: &str, weight: Weight, base: Option<Level>) -> Line {
        let mut segments = Vec::new();
        if text.chars().all(|letter| letter < FIRST_RTL) && base.is_none_or(|level| level.is_ltr())
        {
            segments.extend(self.run(text, 0..text.len(), weight, false));
            let width_em = segments.iter().map(|segment| segment.width_em).sum();
            return Line { segments, width_em };
        }
        let bidi = BidiInfo::new(text, base);
        for paragraph in &bidi.paragraphs {
            let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for run in runs {
                let rtl = levels.get(run.start).is_some_and(Level::is_rtl);
                segments.extend(self.run(text, run, weight, rtl));
            }
        }
        let width_em = segments.iter().map(|segment| segment.width_em).sum();
        Line { segments, width_em }
    }

    /// One run in one direction, its segments left to right.
    fn run(&mut self, text: &str, run: Range<usize>, weight: Weight, rtl: bool) -> Vec<Segment> {
        let items = self.items(text, run);
        let mut shaped: Vec<Segment> = items
            .into_iter()
            .filter_map(|item| self.shape(text, &item, weight, rtl))
            .collect();
        if rtl {
            shaped.reverse();
        }
        shaped
    }

    /// Cuts a run where font or script change. Spaces, digits and marks stay with what is before them where they can.
    fn items(&mut self, text: &str, run: Range<usize>) -> Vec<Item> {
        let region = region(self.language, text);
        let mut items: Vec<Item> = Vec::new();
        for (at, letter) in text[run.clone()].char_indices() {
            let range = run.start + at..run.start + at + letter.len_utf8();
            let script = script_of(letter);
            let neutral = is_neutral(script);
            let last = items.last_mut();
            if let Some(item) = last
                && (needs_no_glyph(letter)
                    || self.fonts.family_has(item.family, letter)
                        && (neutral || is_neutral(item.script) || item.script == script))
            {
                item.range.end = range.end;
                if is_neutral(item.script) {
                    item.script = script;
                }
                continue;
            }
            if needs_no_glyph(letter) {
                continue;
            }
            match self
                .fonts
                .family_with(letter, region)
                .filter(|_| !is_private(letter))
            {
                Some(family) => items.push(Item {
                    family,
                    script,
                    range,
                }),
                None => {
                    self.missing.insert(letter);
                }
            }
        }
        items
    }

    fn shape(&mut self, text: &str, item: &Item, weight: Weight, rtl: bool) -> Option<Segment> {
        let text = &text[item.range.clone()];
        let direction = if rtl {
            Direction::RightToLeft
        } else {
            Direction::LeftToRight
        };
        let parsed = self.parsed(item.family, weight)?;
        let segment = parsed.shape(text, item.script, direction);
        for glyph in segment
            .glyphs
            .iter()
            .filter(|glyph| glyph.glyph_id.to_u32() == 0)
        {
            let letters = text[glyph.text_range.clone()].chars();
            self.missing
                .extend(letters.filter(|letter| !needs_no_glyph(*letter)));
        }
        Some(segment)
    }

    fn parsed(&mut self, family: usize, weight: Weight) -> Option<&mut ParsedFace<'f>> {
        let known = self
            .faces
            .iter()
            .position(|parsed| parsed.family == family && parsed.weight == weight);
        let at = match known {
            Some(at) => at,
            None => {
                let loaded = self
                    .fonts
                    .face(family, weight)
                    .map_err(|path| self.unreadable = Some(path))
                    .ok()?;
                let face = rustybuzz::Face::from_slice(loaded.data.as_ref(), loaded.index)?;
                self.faces.push(ParsedFace {
                    family,
                    weight,
                    font: loaded.font.clone(),
                    face,
                    plans: Vec::new(),
                });
                self.faces.len() - 1
            }
        };
        self.faces.get_mut(at)
    }
}

impl ParsedFace<'_> {
    fn shape(&mut self, text: &str, script: rustybuzz::Script, direction: Direction) -> Segment {
        let known = self
            .plans
            .iter()
            .position(|(s, d, _)| (*s, *d) == (script, direction));
        let at = known.unwrap_or_else(|| {
            self.plans.push((
                script,
                direction,
                ShapePlan::new(&self.face, direction, Some(script), None, &[]),
            ));
            self.plans.len() - 1
        });
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_script(script);
        buffer.set_direction(direction);
        let shaped = rustybuzz::shape_with_plan(&self.face, &self.plans[at].2, buffer);
        segment(&shaped, text, &self.font)
    }
}

fn segment(shaped: &GlyphBuffer, text: &str, font: &Font) -> Segment {
    let mut starts: Vec<usize> = shaped
        .glyph_infos()
        .iter()
        .map(|info| info.cluster as usize)
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let em = |units: i32| f32::from(i16::try_from(units).unwrap_or(i16::MAX)) / font.units_per_em();
    let mut width_em = 0.0;
    let mut glyphs = Vec::with_capacity(shaped.len());
    for (info, position) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
        let start = info.cluster as usize;
        let after = starts.partition_point(|other| *other <= start);
        let end = starts.get(after).copied().unwrap_or(text.len());
        width_em += em(position.x_advance);
        glyphs.push(KrillaGlyph::new(
            GlyphId::new(info.glyph_id),
            em(position.x_advance),
            em(position.x_offset),
            em(position.y_offset),
            em(position.y_advance),
            start..end,
            None,
        ));
    }
    Segment {
        font: font.clone(),
        text: text.to_owned(),
        glyphs,
        width_em,
    }
}

/// Line breaks and other control characters become spaces; byte order marks and soft hyphens go.
fn clean(text: &str) -> String {
    let kept = text.chars().filter(|c| !matches!(c, '\u{FEFF}' | '\u{AD}'));
    kept.map(|c| {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            c
        }
    })
    .collect()
}

/// Ranges that end where a line may: after spaces, after hyphens between letters, around CJK letters.
fn breakable(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let Some(&(next_at, next)) = letters.peek() else {
            break;
        };
        let after_space = letter == ' ' && next != ' ';
        let after_hyphen =
            matches!(letter, '-' | '/' | '\u{200B}') && next.is_alphanumeric() && at > start;
        let among_ideographs = (is_ideograph(letter) && !is_closing(next))
            || (is_ideograph(next) && letter.is_alphanumeric());
        if after_space || after_hyphen || among_ideographs {
            pieces.push(start..next_at);
            start = next_at;
        }
    }
    if start < text.len() {
        pieces.push(start..text.len());
    }
    pieces
}

fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// What must not begin a line after an ideograph: spaces, marks, small kana, closing punctuation.
fn is_closing(letter: char) -> bool {
    letter == ' '
        || matches!(
            letter,
            'ー' | '々' | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ッ' | 'ャ' | 'ュ' | 'ョ'
        )
        || (!letter.is_alphanumeric() && !"（「『【(".contains(letter))
}

/// Characters that steer shaping and have no shape of their own.
fn needs_no_glyph(letter: char) -> bool {
    matches!(
        letter,
        '\u{034F}' | '\u{061C}' | '\u{180B}'..='\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}'
    )
}

/// Private use: only one font knows what is meant, so an archive cannot hold it.
fn is_private(letter: char) -> bool {
    matches!(letter, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}')
}

fn script_of(letter: char) -> rustybuzz::Script {
    if letter.is_ascii() {
        return if letter.is_ascii_alphabetic() {
            script::LATIN
        } else {
            script::COMMON
        };
    }
    let mut buffer = UnicodeBuffer::new();
    buffer.add(letter, 0);
    buffer.guess_segment_properties();
    buffer.script()
}

fn is_neutral(of: rustybuzz::Script) -> bool {
    of == script::COMMON || of == script::INHERITED || of == script::UNKNOWN
}

/// Whose way of drawing Chinese characters is meant: by the language, else by letters that only one region uses.
fn region(language: &str, text: &str) -> &'static str {
    let language = language.to_ascii_lowercase();
    let mut parts = language.split('-');
    match parts.next().unwrap_or_default() {
        "ja" => return "JP",
        "ko" => return "KR",
        "zh" => {
            return parts
                .find_map(|part| match part {
                    "hk" | "mo" => Some("HK"),
                    "tw" | "hant" => Some("TC"),
                    _ => None,
                })
                .unwrap_or("SC");
        }
        _ => {}
    }
    let any = |range: std::ops::RangeInclusive<char>| text.chars().any(|c| range.contains(&c));
    if any('\u{3040}'..='\u{30FF}') {
        "JP"
    } else if any('\u{AC00}'..='\u{D7A3}') {
        "KR"
    } else {
        "SC"
    }
}

/// The Debian package with a font for a letter; none where no package has one fit for print.
fn package_of(letter: char) -> Option<&'static str> {
    match letter {
        '\u{1F000}'..='\u{1FAFF}' => None,
        _ if is_private(letter) => None,
        '\u{1100}'..='\u{11FF}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FFEF}'
        | '\u{20000}'..='\u{3FFFF}' => Some(CJK_PACKAGE),
        _ => Some(CORE_PACKAGE),
    }
}
