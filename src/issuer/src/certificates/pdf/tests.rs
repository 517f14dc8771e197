#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use proptest::prelude::*;

use super::layout::{Block, FRAME, PAGE_HEIGHT, PAGE_WIDTH, Page, Placed};
use super::*;

fn view() -> CertificateView {
    let session = |title: &str, when: &str, minutes: &str| SessionLine {
        title: title.to_owned(),
        when: when.to_owned(),
        minutes: minutes.to_owned(),
    };
    CertificateView {
        language: "en".to_owned(),
        certificate_id: "K7QX3MPA9TZDWH4ER2VN8CYB4J".to_owned(),
        issuer: "Example Institute of Internal Auditors".to_owned(),
        event: "Audit Days 2026, New York".to_owned(),
        event_dates: "31 October to 1 November 2026".to_owned(),
        attendee: "Zoë Łukasik".to_owned(),
        programme: "Trust, Risk and Evidence in Assurance".to_owned(),
        sessions: vec![
            session(
                "Opening keynote: trust & évidence",
                "31 Oct 2026, 09:00 to 10:00",
                "60",
            ),
            session(
                "Sampling in practice, and what an auditor may conclude from one that failed",
                "31 Oct 2026, 10:30 to 12:00",
                "88 of 90",
            ),
            session(
                "Hands on: reading a transparency log",
                "31 Oct 2026, 13:30 to 15:00",
                "90",
            ),
            session("Closing panel", "1 Nov 2026, 16:00 to 17:00", "57 of 60"),
        ],
        zone: "America/New_York".to_owned(),
        credits: "5.8".to_owned(),
        credit_unit: "CPE credits".to_owned(),
        reason:
            "Present for 295 of 300 scheduled minutes, more than the 90 % that the rules ask for."
                .to_owned(),
        issued_on: "2 November 2026".to_owned(),
        issued_utc_ms: 1_793_620_800_000,
        rules: "Example group-live rules".to_owned(),
        rules_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        verify_url: "https://certificates.example.org/c/K7QX3MPA9TZDWH4ER2VN8CYB4J".to_owned(),
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn pages(view: &CertificateView) -> Vec<Page> {
    let fonts = Fonts::embedded();
    let mut shaper = shaping::Shaper::new(&fonts, &view.language);
    let pages = layout::pages(
        view,
        words::Words::for_language(&view.language),
        &mut shaper,
    )
    .unwrap();
    shaper.finish().unwrap();
    pages
}

fn lines_of(block: &Block) -> Vec<&Placed> {
    match block {
        Block::Heading(_, _, lines) | Block::Paragraph(lines) | Block::Link(lines) => {
            lines.iter().collect()
        }
        Block::TableHead(cells) | Block::TableRow(cells) => cells.iter().flatten().collect(),
        Block::QrCode(..) => Vec::new(),
    }
}

/// Everything lies inside the frame, and what is read later does not lie on what was read before.
fn check_page(page: &Page) {
    for placed in page.blocks.iter().flat_map(lines_of).chain(&page.running) {
        let right = placed.x + placed.line.width_em * placed.size;
        assert!(
            placed.x > FRAME && right < PAGE_WIDTH - FRAME,
            "{} to {right}",
            placed.x
        );
        assert!(
            placed.y - placed.size > FRAME && placed.y < PAGE_HEIGHT - FRAME,
            "baseline at {}",
            placed.y
        );
    }
    let extent = |block: &Block| {
        let lines = lines_of(block);
        let top = lines.iter().map(|l| l.y - 0.75 * l.size).reduce(f32::min)?;
        let bottom = lines.iter().map(|l| l.y).reduce(f32::max)?;
        Some((top, bottom))
    };
    let extents: Vec<(f32, f32)> = page.blocks.iter().filter_map(extent).collect();
    for pair in extents.windows(2) {
        assert!(pair[1].0 >= pair[0].1 - 0.1, "{pair:?}");
    }
}

#[test]
fn the_longest_numbers_and_titles_stay_on_their_page() {
    let mut widest = CertificateView {
        credits: "8".repeat(MAX_NUMBER_BYTES),
        ..view()
    };
    for session in &mut widest.sessions {
        session.title = "m".repeat(MAX_TEXT_BYTES);
        session.when = "m".repeat(MAX_WHEN_BYTES);
        session.minutes = "m".repeat(MAX_NUMBER_BYTES);
    }
    pages(&widest).iter().for_each(check_page);
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let fonts = Fonts::embedded();
    let first = render(&view(), &fonts).unwrap();
    assert_eq!(first, render(&view(), &Fonts::embedded()).unwrap());
    let other = CertificateView {
        issued_utc_ms: view().issued_utc_ms + 1_000,
        ..view()
    };
    assert_ne!(first, render(&other, &fonts).unwrap());
}

#[test]
fn it_is_an_archival_accessible_pdf() {
    let bytes = render(&view(), &Fonts::embedded()).unwrap();
    assert!(bytes.starts_with(b"%PDF-1."));
    assert!(bytes.trim_ascii_end().ends_with(b"%%EOF"));
    for mark in [
        "/Outlines",
        "/StructTreeRoot",
        "/MarkInfo",
        "/OutputIntents",
        "<pdfaid:part>3",
        "<pdfaid:conformance>A",
        "<pdfuaid:part>1",
    ] {
        assert!(holds(&bytes, mark), "{mark}");
    }
}

#[test]
fn a_session_more_than_fits_starts_a_page() {
    let mut long = view();
    let row = long.sessions[1].clone();
    for count in [0, 1, 4, 30, 200] {
        long.sessions = vec![row.clone(); count];
        let pages = pages(&long);
        pages.iter().for_each(check_page);
        let rows = pages
            .iter()
            .flat_map(|p| &p.blocks)
            .filter(|b| matches!(b, Block::TableRow(_)))
            .count();
        assert_eq!(
            (rows, pages.len() > 1),
            (count, count > 4),
            "{count} sessions"
        );
    }
    assert!(render(&long, &Fonts::embedded()).is_ok());
    long.sessions = vec![row; MAX_SESSIONS + 1];
    assert!(matches!(
        render(&long, &Fonts::embedded()),
        Err(PdfError::TooLong {
            what: "the list of sessions"
        })
    ));
}

#[test]
fn a_long_name_shrinks_and_then_wraps() {
    let size_and_lines = |name: &str| {
        let pages = pages(&CertificateView {
            attendee: name.to_owned(),
            ..view()
        });
        check_page(&pages[0]);
        let lines = lines_of(&pages[0].blocks[3]);
        (lines[0].size, lines.len())
    };
    assert_eq!(size_and_lines("Zoë Łukasik"), (30.0, 1));
    assert_eq!(
        size_and_lines("María-José Featherstonehaugh-Wolff"),
        (24.0, 1)
    );
    let (size, lines) = size_and_lines(
        "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Maria Theresia von Hohenlohe",
    );
    assert!(size < 24.0 && lines == 2, "{size} {lines}");
}

#[test]
fn letters_that_no_font_has_are_named_with_their_package() {
    let check = |name: &str, expected: &[&'static str], letter: char| match render(
        &CertificateView {
            attendee: name.to_owned(),
            ..view()
        },
        &Fonts::embedded(),
    ) {
        Err(PdfError::MissingGlyphs {
            characters,
            packages,
        }) => {
            assert_eq!((characters[0], packages.as_slice()), (letter, expected));
        }
        other => panic!("{name}: {other:?}"),
    };
    check("محمد", &["fonts-noto-core"], 'ح');
    check("山", &["fonts-noto-cjk"], '山');
    check("क山", &["fonts-noto-cjk", "fonts-noto-core"], 'क');
    check("Ann 👩\u{200D}🔬", &[], '👩');
    check("Ann \u{E000}", &[], '\u{E000}');
    let error = render(
        &CertificateView {
            attendee: "山".to_owned(),
            ..view()
        },
        &Fonts::embedded(),
    )
    .unwrap_err();
    assert!(
        error.to_string().starts_with(
            "no font has a glyph for 山 (U+5C71); run: apt-get install fonts-noto-cjk"
        ),
        "{error}"
    );
}

#[test]
fn what_is_too_long_is_named() {
    let check = |view: &CertificateView, expected: &str| {
        assert_eq!(
            render(view, &Fonts::embedded()).unwrap_err().to_string(),
            expected
        );
    };
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    check(
        &CertificateView {
            attendee: long.clone(),
            ..view()
        },
        "the attendee's name is too long for a certificate; shorten it",
    );
    let mut session = view();
    session.sessions[2].title = long;
    check(
        &session,
        "a session's title is too long for a certificate; shorten it",
    );
    let credits = CertificateView {
        credits: "1".repeat(MAX_NUMBER_BYTES + 1),
        ..view()
    };
    check(
        &credits,
        "the number of credits is too long for a certificate; shorten it",
    );
    let words = "mmmmmmm ".repeat(MAX_TEXT_BYTES / 8);
    let full = CertificateView {
        issuer: words.clone(),
        attendee: words.clone(),
        programme: words.clone(),
        event: words.clone(),
        reason: words,
        ..view()
    };
    check(
        &full,
        "the names and titles together are too long for one page; shorten the title of event or programme",
    );
}

/// Needs Debian's `fonts-noto-core`, whose files it copies; without them there is nothing to look at.
#[test]
fn fonts_of_a_folder_shape_other_scripts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("NotoSansBroken-Regular.ttf"), b"no font").unwrap();
    let fonts = Fonts::embedded()
        .with_folder(folder.path())
        .with_folder(Path::new("/nonexistent"));
    let arabic = CertificateView {
        attendee: "محمد".to_owned(),
        ..view()
    };
    assert!(matches!(
        render(&arabic, &fonts),
        Err(PdfError::MissingGlyphs { .. })
    ));

    let system = Path::new(SYSTEM_FOLDER).join("truetype/noto/NotoSansArabic-Regular.ttf");
    let copy = folder.path().join("NotoSansArabic-Regular.ttf");
    if std::fs::copy(&system, &copy).is_err() {
        eprintln!("skipped: {} is not installed", system.display());
        return;
    }
    let fonts = Fonts::embedded().with_folder(folder.path());
    let mut shaper = shaping::Shaper::new(&fonts, "ar");
    let mut glyphs = |text: &str| -> Vec<u32> {
        let line = shaper.line(text, fonts::Weight::Regular);
        line.segments
            .iter()
            .flat_map(|s| &s.glyphs)
            .map(|glyph| glyph.glyph_id.to_u32())
            .collect()
    };
    let (joined, apart) = (glyphs("مم"), glyphs("م م"));
    assert_ne!(
        joined.last(),
        apart.last(),
        "a letter that joins the next has another shape"
    );
    let mixed = shaper.line("محمد (Ann) 12", fonts::Weight::Regular);
    let order: Vec<&str> = mixed
        .segments
        .iter()
        .map(|segment| segment.text.trim())
        .collect();
    // A line from right to left is read from its last segment to its first; digits and Latin keep their own order.
    assert_eq!(order, ["12", ")", "Ann", "(", "محمد"]);
    shaper.finish().unwrap();
    let bytes = render(&arabic, &fonts).unwrap();
    assert_eq!(bytes, render(&arabic, &fonts).unwrap());

    let fonts = Fonts::embedded().with_folder(folder.path());
    assert!(fonts.family_with('م', "").is_some());
    std::fs::remove_file(&copy).unwrap();
    assert!(
        matches!(render(&arabic, &fonts), Err(PdfError::FontUnreadable { path }) if path == copy)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn any_text_is_laid_out_inside_the_frame_or_refused(
        texts in proptest::collection::vec("[A-Za-zäñŁЖΩ0-9 ,.:/-]{0,60}|[a-z]{0,150}|([A-Za-z]{1,12} ){0,40}", 10),
        count in 0_usize..5,
    ) {
        let mut view = view();
        for (field, text) in [&mut view.issuer, &mut view.event, &mut view.event_dates, &mut view.attendee, &mut view.programme, &mut view.reason, &mut view.credit_unit, &mut view.rules].into_iter().zip(&texts) {
            field.clone_from(text);
        }
        view.sessions.truncate(1);
        view.sessions[0].title.clone_from(&texts[8]);
        view.sessions[0].when.clone_from(&texts[9]);
        view.sessions = vec![view.sessions[0].clone(); count];
        let fonts = Fonts::embedded();
        let mut shaper = shaping::Shaper::new(&fonts, &view.language);
        match layout::pages(&view, words::Words::for_language("en"), &mut shaper) {
            Ok(pages) => pages.iter().for_each(check_page),
            Err(error) => prop_assert!(matches!(error, PdfError::TooFull)),
        }
        prop_assert!(shaper.finish().is_ok());
    }
}
