//! The laid-out pages become PDF: marks on the page, and the tree that says what each of them is.

use std::num::NonZeroU16;

use chrono::{DateTime, Datelike, Timelike, Utc};
use krilla::SerializeSettings;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::document::Document;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime as PdfDate, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::{Page as PdfPage, PageSettings};
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup,
    TagTree,
};
use qrcode::{Color as Module, EcLevel, QrCode};

use super::layout::{
    Bar, Block, Colour, FRAME, GOLD, NAVY, PAGE_HEIGHT, PAGE_WIDTH, Page, Placed, QR_SIDE,
};
use super::words::Words;
use super::{CertificateView, PdfError};

/// Light modules around a QR code, as ISO/IEC 18004 asks. To the right the margin gives them, so that the code ends where
/// the text does.
const QUIET_MODULES: u16 = 4;

/// Writes the document.
///
/// # Errors
/// [`PdfError::TooLong`] for an address that no QR code holds; [`PdfError::Refused`].
pub(super) fn draw(
    view: &CertificateView,
    words: &Words,
    pages: &[Page],
) -> Result<Vec<u8>, PdfError> {
    let refused = |error: &dyn std::fmt::Debug| PdfError::Refused(format!("{error:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| refused(&error))?;
    let settings = SerializeSettings {
        configuration,
        ..SerializeSettings::default()
    };
    let qr = QrCode::with_error_correction_level(view.verify_url.as_bytes(), EcLevel::M).map_err(
        |_| PdfError::TooLong {
            what: "the verification address",
        },
    )?;
    let mut document = Document::new_with(settings);
    let mut tree = Tree::new(words.language);
    for page in pages {
        let size = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT)
            .ok_or_else(|| PdfError::Refused("the page has no size".to_owned()))?;
        let mut pdf_page = document.start_page_with(size);
        draw_page(view, words, page, &qr, &mut pdf_page, &mut tree);
        pdf_page.finish();
    }
    document.set_metadata(metadata(view, words));
    document.set_outline(outline(pages));
    document.set_tag_tree(tree.finish());
    document.finish().map_err(|error| refused(&error))
}

fn metadata(view: &CertificateView, words: &Words) -> Metadata {
    let metadata = Metadata::new()
        .title(format!("{}: {}", words.title, view.attendee))
        .description(format!("{}. {}", view.programme, view.event))
        .authors(vec![view.issuer.clone()])
        .creator("Rollcall".to_owned())
        .language(words.language.to_owned())
        .document_id(view.certificate_id.clone());
    match pdf_date(view.issued_utc_ms) {
        Some(date) => metadata.creation_date(date),
        None => metadata.creation_date(PdfDate::new(1970)),
    }
}

fn pdf_date(utc_ms: i64) -> Option<PdfDate> {
    let time: DateTime<Utc> = DateTime::from_timestamp_millis(utc_ms)?;
    let part = |value: u32| u8::try_from(value).ok();
    let date = PdfDate::new(u16::try_from(time.year()).ok()?)
        .month(part(time.month())?)
        .day(part(time.day())?);
    Some(
        date.hour(part(time.hour())?)
            .minute(part(time.minute())?)
            .second(part(time.second())?)
            .utc_offset_hour(0),
    )
}

/// The headings, for navigation.
fn outline(pages: &[Page]) -> Outline {
    let mut outline = Outline::new();
    for (index, page) in pages.iter().enumerate() {
        for block in &page.blocks {
            if let Block::Heading(_, text, lines) = block {
                let top = lines.first().map_or(0.0, |line| line.y - line.size);
                let to = XyzDestination::new(index, Point::from_xy(0.0, top));
                outline.push_child(OutlineNode::new(text.clone(), to));
            }
        }
    }
    outline
}

fn draw_page(
    view: &CertificateView,
    words: &Words,
    page: &Page,
    qr: &QrCode,
    pdf_page: &mut PdfPage<'_>,
    tree: &mut Tree,
) {
    let mut link = None;
    let mut surface = pdf_page.surface();
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
        ArtifactType::Layout,
    )));
    frame(&mut surface);
    for bar in &page.bars {
        fill_bar(&mut surface, bar);
    }
    surface.end_tagged();
    for block in &page.blocks {
        let mut leaves = |lines: &[Placed]| draw_lines(&mut surface, lines);
        match block {
            Block::Heading(level, text, lines) => {
                let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
                tree.push(TagGroup::with_children(
                    Tag::Hn(level, Some(text.clone())),
                    leaves(lines),
                ));
            }
            Block::Paragraph(lines) => tree.push(TagGroup::with_children(Tag::P, leaves(lines))),
            Block::TableHead(cells) => {
                let cells = cells.iter().map(|cell| {
                    Node::Group(TagGroup::with_children(
                        Tag::TH(TableHeaderScope::Column),
                        leaves(cell),
                    ))
                });
                let cells = cells.collect();
                tree.table_head(cells);
            }
            Block::TableRow(cells) => {
                let cells = cells
                    .iter()
                    .map(|cell| Node::Group(TagGroup::with_children(Tag::TD, leaves(cell))));
                let cells = cells.collect();
                tree.table_row(cells);
            }
            Block::QrCode(x, y) => {
                let id = surface.start_tagged(ContentTag::Other);
                draw_qr(&mut surface, qr, *x, *y);
                surface.end_tagged();
                let alt = format!("{} {}", words.qr, view.verify_url);
                tree.push(TagGroup::with_children(
                    Tag::Figure(Some(alt)),
                    vec![Node::Leaf(id)],
                ));
            }
            Block::Link(lines) => {
                link = link.or_else(|| Some((bounds(lines)?, leaves(lines), tree.reserve())));
            }
        }
    }
    if !page.running.is_empty() {
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(
            ArtifactType::PaginationOther,
        )));
        for placed in &page.running {
            draw_line(&mut surface, placed);
        }
        surface.end_tagged();
    }
    surface.finish();
    if let Some((rect, mut children, place)) = link {
        let target = Target::Action(Action::Link(LinkAction::new(view.verify_url.clone())));
        let annotation = Annotation::new_link(
            LinkAnnotation::new(rect, target),
            Some(view.verify_url.clone()),
        );
        children.push(Node::Leaf(pdf_page.add_tagged_annotation(annotation)));
        let link = TagGroup::with_children(Tag::Link, children);
        tree.fill(
            place,
            TagGroup::with_children(Tag::P, vec![Node::Group(link)]),
        );
    }
}

/// The tag tree while it grows: the table's rows come from several pages, the link's annotation after its page's marks.
struct Tree {
    language: &'static str,
    nodes: Vec<Option<TagGroup>>,
    table: Option<usize>,
    head: Vec<Node>,
    rows: Vec<Node>,
}

impl Tree {
    fn new(language: &'static str) -> Self {
        Self {
            language,
            nodes: Vec::new(),
            table: None,
            head: Vec::new(),
            rows: Vec::new(),
        }
    }

    fn push(&mut self, group: TagGroup) {
        self.nodes.push(Some(group));
    }

    /// Keeps a place in the reading order for [`Tree::fill`].
    fn reserve(&mut self) -> usize {
        self.nodes.push(None);
        self.nodes.len() - 1
    }

    fn fill(&mut self, place: usize, group: TagGroup) {
        if let Some(node) = self.nodes.get_mut(place) {
            *node = Some(group);
        }
    }

    fn table_head(&mut self, cells: Vec<Node>) {
        self.table = Some(self.reserve());
        self.head
            .push(Node::Group(TagGroup::with_children(Tag::TR, cells)));
    }

    fn table_row(&mut self, cells: Vec<Node>) {
        self.rows
            .push(Node::Group(TagGroup::with_children(Tag::TR, cells)));
    }

    fn finish(mut self) -> TagTree {
        if let Some(place) = self.table {
            let head = TagGroup::with_children(Tag::THead, std::mem::take(&mut self.head));
            let body = TagGroup::with_children(Tag::TBody, std::mem::take(&mut self.rows));
            self.fill(
                place,
                TagGroup::with_children(Tag::Table, vec![Node::Group(head), Node::Group(body)]),
            );
        }
        let nodes: Vec<Node> = self.nodes.into_iter().flatten().map(Node::Group).collect();
        TagTree::from(nodes).with_lang(Some(self.language.to_owned()))
    }
}

/// Draws lines as one piece of content each.
fn draw_lines(surface: &mut Surface<'_>, lines: &[Placed]) -> Vec<Node> {
    let draw = |placed: &Placed| {
        let id: Identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
        draw_line(surface, placed);
        surface.end_tagged();
        Node::Leaf(id)
    };
    lines.iter().map(draw).collect()
}

fn draw_line(surface: &mut Surface<'_>, placed: &Placed) {
    surface.set_fill(Some(fill(placed.colour)));
    surface.set_stroke(None);
    let mut x = placed.x;
    for segment in &placed.line.segments {
        let start = Point::from_xy(x, placed.y);
        surface.draw_glyphs(
            start,
            &segment.glyphs,
            segment.font.clone(),
            &segment.text,
            placed.size,
            false,
        );
        x += segment.width_em * placed.size;
    }
}

fn bounds(lines: &[Placed]) -> Option<Rect> {
    let left = lines.iter().map(|l| l.x).reduce(f32::min)?;
    let right = lines
        .iter()
        .map(|l| l.x + l.line.width_em * l.size)
        .reduce(f32::max)?;
    let top = lines.iter().map(|l| l.y - l.size).reduce(f32::min)?;
    let bottom = lines.iter().map(|l| l.y + 0.3 * l.size).reduce(f32::max)?;
    Rect::from_ltrb(left, top, right, bottom)
}

/// A double rule around the page, with a gold line between.
fn frame(surface: &mut Surface<'_>) {
    for (inset, width, colour) in [(FRAME, 1.4, NAVY), (FRAME + 4.0, 0.5, GOLD)] {
        let rect = Rect::from_ltrb(inset, inset, PAGE_WIDTH - inset, PAGE_HEIGHT - inset);
        let mut path = PathBuilder::new();
        if let Some(rect) = rect {
            path.push_rect(rect);
        }
        if let Some(path) = path.finish() {
            surface.set_fill(None);
            let paint = rgb::Color::new(colour.0, colour.1, colour.2).into();
            surface.set_stroke(Some(Stroke {
                paint,
                width,
                ..Stroke::default()
            }));
            surface.draw_path(&path);
        }
    }
}

fn fill_bar(surface: &mut Surface<'_>, bar: &Bar) {
    let mut path = PathBuilder::new();
    if let Some(rect) = Rect::from_xywh(bar.x, bar.y, bar.width, bar.height) {
        path.push_rect(rect);
    }
    if let Some(path) = path.finish() {
        surface.set_stroke(None);
        surface.set_fill(Some(fill(bar.colour)));
        surface.draw_path(&path);
    }
}

fn fill(colour: Colour) -> Fill {
    let paint = rgb::Color::new(colour.0, colour.1, colour.2).into();
    Fill {
        paint,
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}

/// Dark modules as one path; neighbours in a row are one rectangle, so that no seam shows between them.
fn draw_qr(surface: &mut Surface<'_>, qr: &QrCode, left: f32, top: f32) {
    let modules = qr.to_colors();
    let side = qr.width();
    let as_points = |count: usize| f32::from(u16::try_from(count).unwrap_or(u16::MAX));
    let module = QR_SIDE / (as_points(side) + f32::from(2 * QUIET_MODULES));
    let inset = f32::from(QUIET_MODULES) * module;
    let mut path = PathBuilder::new();
    for (row, modules) in modules.chunks(side).enumerate() {
        let mut column = 0;
        while column < modules.len() {
            let dark = modules[column..]
                .iter()
                .take_while(|module| **module == Module::Dark)
                .count();
            if dark > 0 {
                let x = left + 2.0 * inset + as_points(column) * module;
                let y = top + inset + as_points(row) * module;
                if let Some(rect) = Rect::from_xywh(x, y, as_points(dark) * module, module) {
                    path.push_rect(rect);
                }
            }
            column += dark.max(1);
        }
    }
    if let Some(path) = path.finish() {
        surface.set_stroke(None);
        surface.set_fill(Some(fill(Colour(0, 0, 0))));
        surface.draw_path(&path);
    }
}
