//! Where everything goes: lines with positions, in points from the top left, page by page, in reading order.

use super::fonts::Weight;
use super::shaping::{Line, Shaper};
use super::words::Words;
use super::{CertificateView, PdfError};

pub(super) const PAGE_WIDTH: f32 = 595.28;
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// Distance of the outer frame from the edge: inside what home printers reach.
pub(super) const FRAME: f32 = 26.0;
const LEFT: f32 = 62.0;
const WIDTH: f32 = PAGE_WIDTH - 2.0 * LEFT;
const RIGHT: f32 = LEFT + WIDTH;
/// Side of the QR code with its quiet zone.
pub(super) const QR_SIDE: f32 = 96.0;
const FOOTER_TOP: f32 = PAGE_HEIGHT - FRAME - 22.0 - QR_SIDE;
/// Where the table must end on the first page and on the others.
const FIRST_TABLE_BOTTOM: f32 = FOOTER_TOP - 18.0;
const OTHER_TABLE_BOTTOM: f32 = PAGE_HEIGHT - FRAME - 30.0;
const PAGE_NUMBER_BASELINE: f32 = PAGE_HEIGHT - FRAME - 10.0;
const WHEN_WIDTH: f32 = 168.0;
const MINUTES_WIDTH: f32 = 62.0;
const COLUMN_GAP: f32 = 12.0;
const ROW_SIZE: f32 = 9.5;
const ROW_LEADING: f32 = 12.5;
const ROW_PADDING: f32 = 4.5;
const HASH_CHARS: usize = 16;

pub(super) const INK: Colour = Colour(26, 32, 38);
pub(super) const NAVY: Colour = Colour(18, 50, 82);
pub(super) const GOLD: Colour = Colour(176, 141, 60);
pub(super) const GREY: Colour = Colour(84, 93, 102);
pub(super) const HAIRLINE: Colour = Colour(200, 206, 212);
pub(super) const PANEL: Colour = Colour(241, 245, 249);

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

/// A line where it is drawn: `x` at its left, `y` at its baseline.
pub(super) struct Placed {
    pub(super) line: Line,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

/// A decoration.
pub(super) struct Bar {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) colour: Colour,
}

/// What a block is to a reader that cannot see it.
pub(super) enum Block {
    /// A heading of a level from 1, with its text.
    Heading(u16, String, Vec<Placed>),
    Paragraph(Vec<Placed>),
    /// Cells of the table's head; repeated ones on later pages are decoration.
    TableHead(Vec<Vec<Placed>>),
    TableRow(Vec<Vec<Placed>>),
    /// The QR code, by its top left corner.
    QrCode(f32, f32),
    /// The verification address.
    Link(Vec<Placed>),
}

/// One page.
#[derive(Default)]
pub(super) struct Page {
    pub(super) bars: Vec<Bar>,
    pub(super) blocks: Vec<Block>,
    /// Page numbers and repeated heads.
    pub(super) running: Vec<Placed>,
}

/// Lays out the whole certificate.
///
/// # Errors
/// [`PdfError::TooFull`].
pub(super) fn pages(
    view: &CertificateView,
    words: &Words,
    shaper: &mut Shaper<'_>,
) -> Result<Vec<Page>, PdfError> {
    let mut first = Page::default();
    let table_top = head(view, words, shaper, &mut first);
    if table_top > FIRST_TABLE_BOTTOM {
        return Err(PdfError::TooFull);
    }
    let mut pages = vec![first];
    table(view, words, shaper, table_top, &mut pages);
    if let Some(first) = pages.first_mut() {
        footer(view, words, shaper, first);
    }
    let count = pages.len();
    if count > 1 {
        for (index, page) in pages.iter_mut().enumerate() {
            let text = format!("{} {} {} {count}", words.page, index + 1, words.of);
            let line = shaper.line(&text, Weight::Regular);
            let x = (PAGE_WIDTH - line.width_em * 7.5) / 2.0;
            page.running.push(Placed {
                line,
                x,
                y: PAGE_NUMBER_BASELINE,
                size: 7.5,
                colour: GREY,
            });
        }
    }
    Ok(pages)
}

/// Everything above the table. Answers how far down it reaches.
fn head(view: &CertificateView, words: &Words, shaper: &mut Shaper<'_>, page: &mut Page) -> f32 {
    let mut y = 62.0;
    let (size, lines) = shaper.fit(&view.issuer, Weight::Bold, &[12.0, 10.0], WIDTH, 2);
    page.blocks
        .push(Block::Paragraph(centred(lines, size, NAVY, &mut y)));
    y += 16.0;
    let (size, lines) = shaper.fit(words.title, Weight::Bold, &[33.0, 28.0], WIDTH, 1);
    page.blocks.push(Block::Heading(
        1,
        words.title.to_owned(),
        centred(lines, size, NAVY, &mut y),
    ));
    y += 10.0;
    page.bars.push(Bar {
        x: PAGE_WIDTH / 2.0 - 36.0,
        y,
        width: 72.0,
        height: 1.6,
        colour: GOLD,
    });
    y += 20.0;
    y = sentence(view, words, shaper, page, y);
    y += 20.0;
    credits_panel(view, shaper, page, &mut y);
    y += 14.0;
    let (size, lines) = shaper.fit(&view.reason, Weight::Regular, &[10.0, 9.0], WIDTH - 40.0, 3);
    page.blocks
        .push(Block::Paragraph(centred(lines, size, GREY, &mut y)));
    y + 20.0
}

/// Who completed what, where.
fn sentence(
    view: &CertificateView,
    words: &Words,
    shaper: &mut Shaper<'_>,
    page: &mut Page,
    mut y: f32,
) -> f32 {
    let small = |text: &str, shaper: &mut Shaper<'_>, page: &mut Page, y: &mut f32| {
        let lines = vec![shaper.line(text, Weight::Regular)];
        page.blocks
            .push(Block::Paragraph(centred(lines, 10.5, GREY, y)));
    };
    small(words.certifies, shaper, page, &mut y);
    y += 8.0;
    let sizes = [30.0, 27.0, 24.0, 21.0, 18.0];
    let (size, lines) = match shaper.fit(&view.attendee, Weight::Bold, &sizes, WIDTH, 1) {
        (_, lines) if lines.len() > 1 => shaper.fit(
            &view.attendee,
            Weight::Bold,
            &[22.0, 18.0, 14.0, 11.0],
            WIDTH,
            2,
        ),
        one_line => one_line,
    };
    page.blocks
        .push(Block::Paragraph(centred(lines, size, INK, &mut y)));
    y += 9.0;
    small(words.attended, shaper, page, &mut y);
    y += 7.0;
    let (size, lines) = shaper.fit(
        &view.programme,
        Weight::Bold,
        &[18.0, 16.0, 14.0, 12.0, 9.0],
        WIDTH,
        2,
    );
    page.blocks
        .push(Block::Paragraph(centred(lines, size, NAVY, &mut y)));
    y += 6.0;
    let (size, lines) = shaper.fit(&view.event, Weight::Regular, &[12.5, 11.0, 9.0], WIDTH, 2);
    page.blocks
        .push(Block::Paragraph(centred(lines, size, INK, &mut y)));
    if !view.event_dates.is_empty() {
        y += 2.0;
        let (size, lines) = shaper.fit(&view.event_dates, Weight::Regular, &[10.5, 9.0], WIDTH, 2);
        page.blocks
            .push(Block::Paragraph(centred(lines, size, GREY, &mut y)));
    }
    y
}

/// The number that people look for, with its unit behind it.
fn credits_panel(view: &CertificateView, shaper: &mut Shaper<'_>, page: &mut Page, y: &mut f32) {
    const HEIGHT: f32 = 46.0;
    const NUMBER: f32 = 26.0;
    const UNIT: f32 = 13.0;
    const GAP: f32 = 8.0;
    let number = shaper.line(&view.credits, Weight::Bold);
    let (unit_size, mut unit) = shaper.fit(
        &view.credit_unit,
        Weight::Regular,
        &[UNIT, 10.0, 7.0],
        WIDTH / 2.0,
        1,
    );
    let unit_em = unit.first().map_or(0.0, |line| line.width_em);
    let content = number.width_em * NUMBER + GAP + unit_em * unit_size;
    let width = (content + 56.0).clamp(170.0, WIDTH);
    page.bars.push(Bar {
        x: (PAGE_WIDTH - width) / 2.0,
        y: *y,
        width,
        height: HEIGHT,
        colour: PANEL,
    });
    page.bars.push(Bar {
        x: (PAGE_WIDTH - width) / 2.0,
        y: *y,
        width: 3.0,
        height: HEIGHT,
        colour: GOLD,
    });
    let x = (PAGE_WIDTH - content) / 2.0;
    let baseline = *y + HEIGHT / 2.0 + NUMBER * 0.357;
    let unit_x = x + number.width_em * NUMBER + GAP;
    let mut placed = vec![Placed {
        line: number,
        x,
        y: baseline,
        size: NUMBER,
        colour: NAVY,
    }];
    for line in unit.drain(..) {
        placed.push(Placed {
            line,
            x: unit_x,
            y: baseline,
            size: unit_size,
            colour: NAVY,
        });
    }
    page.blocks.push(Block::Paragraph(placed));
    *y += HEIGHT;
}

/// Lines one below the other about the middle; `y` moves from their top to their bottom.
fn centred(lines: Vec<Line>, size: f32, colour: Colour, y: &mut f32) -> Vec<Placed> {
    let leading = size * 1.25;
    let place = |line: Line| {
        *y += leading;
        let x = (PAGE_WIDTH - line.width_em * size) / 2.0;
        Placed {
            line,
            x,
            y: *y - leading * 0.24,
            size,
            colour,
        }
    };
    lines.into_iter().map(place).collect()
}

/// Lines one below the other from `x`, or ending there where `to_right`.
fn column(
    lines: Vec<Line>,
    x: f32,
    to_right: bool,
    top: f32,
    weight_colour: (f32, Colour),
) -> Vec<Placed> {
    let (size, colour) = weight_colour;
    let mut y = top;
    let place = |line: Line| {
        y += ROW_LEADING;
        let x = if to_right {
            x - line.width_em * size
        } else {
            x
        };
        Placed {
            line,
            x,
            y: y - 3.2,
            size,
            colour,
        }
    };
    lines.into_iter().map(place).collect()
}

/// The sessions, over as many pages as they need.
fn table(
    view: &CertificateView,
    words: &Words,
    shaper: &mut Shaper<'_>,
    top: f32,
    pages: &mut Vec<Page>,
) {
    if view.sessions.is_empty() {
        return;
    }
    let mut y = top;
    let mut bottom = FIRST_TABLE_BOTTOM;
    let mut headed = false;
    let when_x = RIGHT - MINUTES_WIDTH - WHEN_WIDTH;
    for session in &view.sessions {
        let title_width = when_x - COLUMN_GAP - LEFT;
        let title = shaper.wrap(&session.title, Weight::Regular, title_width / ROW_SIZE);
        let when = shaper.wrap(
            &session.when,
            Weight::Regular,
            (WHEN_WIDTH - COLUMN_GAP) / ROW_SIZE,
        );
        let minutes = shaper.wrap(&session.minutes, Weight::Regular, MINUTES_WIDTH / ROW_SIZE);
        let lines = title.len().max(when.len()).max(minutes.len());
        let height = height_of(lines) + 2.0 * ROW_PADDING;
        // A head stands over at least one row; a row is never cut, since none is taller than a page.
        let head_height = if headed { 0.0 } else { 64.0 };
        if y + head_height + height > bottom {
            let mut page = Page::default();
            y = continued(view, words, shaper, &mut page);
            if headed {
                for cell in table_head(view, words, shaper, &mut page, &mut y) {
                    page.running.extend(cell);
                }
            }
            pages.push(page);
            bottom = OTHER_TABLE_BOTTOM;
        }
        let Some(page) = pages.last_mut() else { return };
        if !headed {
            let mut heading_y = y;
            let heading = shaper.line(words.sessions, Weight::Bold);
            heading_y += 14.0;
            let placed = Placed {
                line: heading,
                x: LEFT,
                y: heading_y - 3.0,
                size: 11.0,
                colour: NAVY,
            };
            page.blocks
                .push(Block::Heading(2, words.sessions.to_owned(), vec![placed]));
            y = heading_y + 4.0;
            let cells = table_head(view, words, shaper, page, &mut y);
            page.blocks.push(Block::TableHead(cells));
            headed = true;
        }
        let style = (ROW_SIZE, INK);
        page.blocks.push(Block::TableRow(vec![
            column(title, LEFT, false, y + ROW_PADDING, style),
            column(when, when_x, false, y + ROW_PADDING, style),
            column(minutes, RIGHT, true, y + ROW_PADDING, style),
        ]));
        y += height;
        page.bars.push(Bar {
            x: LEFT,
            y,
            width: WIDTH,
            height: 0.5,
            colour: HAIRLINE,
        });
    }
}

fn height_of(lines: usize) -> f32 {
    f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * ROW_LEADING
}

/// The head's cells; `y` moves below it.
fn table_head(
    view: &CertificateView,
    words: &Words,
    shaper: &mut Shaper<'_>,
    page: &mut Page,
    y: &mut f32,
) -> Vec<Vec<Placed>> {
    const SIZE: f32 = 8.0;
    let when = format!("{} ({})", words.when, view.zone);
    let style = (SIZE, GREY);
    let when_x = RIGHT - MINUTES_WIDTH - WHEN_WIDTH;
    let when = shaper.wrap(&when, Weight::Bold, (WHEN_WIDTH - COLUMN_GAP) / SIZE);
    let height = height_of(when.len());
    let cells = vec![
        column(
            vec![shaper.line(words.session, Weight::Bold)],
            LEFT,
            false,
            *y,
            style,
        ),
        column(when, when_x, false, *y, style),
        column(
            vec![shaper.line(words.minutes, Weight::Bold)],
            RIGHT,
            true,
            *y,
            style,
        ),
    ];
    *y += height + 2.0;
    page.bars.push(Bar {
        x: LEFT,
        y: *y,
        width: WIDTH,
        height: 1.0,
        colour: NAVY,
    });
    *y += 1.0;
    cells
}

/// The head of a further page: whose certificate it belongs to.
fn continued(
    view: &CertificateView,
    words: &Words,
    shaper: &mut Shaper<'_>,
    page: &mut Page,
) -> f32 {
    let mut y = 48.0;
    for (text, weight, colour) in [
        (
            format!("{} · {}", words.title, view.attendee),
            Weight::Bold,
            NAVY,
        ),
        (
            format!("{} {}", words.certificate, view.certificate_id),
            Weight::Regular,
            GREY,
        ),
    ] {
        let (size, lines) = shaper.fit(&text, weight, &[10.0, 8.0], WIDTH, 1);
        let placed = column(lines, LEFT, false, y, (size, colour));
        y = placed.last().map_or(y, |last| last.y + 3.2);
        page.running.extend(placed);
    }
    y + 14.0
}

/// How to check it, and by what it was decided.
fn footer(view: &CertificateView, words: &Words, shaper: &mut Shaper<'_>, page: &mut Page) {
    page.bars.push(Bar {
        x: LEFT,
        y: FOOTER_TOP - 8.0,
        width: WIDTH,
        height: 0.8,
        colour: GOLD,
    });
    let qr_x = RIGHT - QR_SIDE;
    let text_width = WIDTH - QR_SIDE - 20.0;
    let mut y = FOOTER_TOP + 4.0;
    let heading = vec![shaper.line(words.verify, Weight::Bold)];
    let heading = column(heading, LEFT, false, y, (10.5, NAVY));
    page.blocks
        .push(Block::Heading(2, words.verify.to_owned(), heading));
    y += ROW_LEADING + 1.0;
    let (size, lines) = shaper.fit(
        &view.verify_url,
        Weight::Regular,
        &[9.0, 8.0, 7.0, 5.5],
        text_width,
        2,
    );
    y += height_of(lines.len());
    page.blocks.push(Block::Link(column(
        lines,
        LEFT,
        false,
        FOOTER_TOP + 5.0 + ROW_LEADING,
        (size, NAVY),
    )));
    y += 5.0;
    let hash: String = view.rules_hash.chars().take(HASH_CHARS).collect();
    let rules = if hash.is_empty() {
        view.rules.clone()
    } else {
        format!("{} ({hash}…)", view.rules)
    };
    for (label, value) in [
        (words.certificate, view.certificate_id.as_str()),
        (words.issued, view.issued_on.as_str()),
        (words.rules, rules.as_str()),
    ] {
        let label_line = shaper.line(label, Weight::Regular);
        let (size, values) = shaper.fit(
            value,
            Weight::Regular,
            &[9.0, 8.0, 7.0, 5.5, 4.0],
            text_width - 72.0,
            1,
        );
        let mut placed = column(vec![label_line], LEFT, false, y, (8.5, GREY));
        placed.extend(column(values, LEFT + 72.0, false, y, (size, INK)));
        y += ROW_LEADING + 1.0;
        page.blocks.push(Block::Paragraph(placed));
    }
    page.blocks.push(Block::QrCode(qr_x, FOOTER_TOP));
}
