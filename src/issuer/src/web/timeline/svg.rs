//! A day as SVG: whole tenths of a pixel, patterns rather than colours, words for those who do not see it.

use std::fmt::Write as _;

use attendance::UtcMs;

use super::{Day, Edge, Ink, Mark, Piece, Stay, Stream, Window, pieces};

/// Tenths of a pixel.
type Tenths = i64;

const WIDTH: Tenths = 9_600;
const LEFT: Tenths = 100;
const RIGHT: Tenths = 100;
const AXIS: Tenths = 340;
const ROOM_LABEL: Tenths = 220;
const SESSION_ROW: Tenths = 320;
const PRESENCE_ROW: Tenths = 240;
const MARK_ROW: Tenths = 140;
/// A stream's label, its bar where it has stays, its marks, and what parts it from the next.
const STREAM_LABEL: Tenths = 170;
const STREAM_BAR: Tenths = 110;
const STREAM_SPACE: Tenths = 60;
const SPACE: Tenths = 160;
/// The steps of the axis in seconds; the first that gives no more than this many lines is taken.
const STEPS_S: &[i64] = &[
    5, 10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400,
];
const MAX_LINES: i64 = 13;

/// Words the picture needs.
pub(in crate::web) struct Labels<'a> {
    /// What the picture is, for those who do not see it.
    pub(in crate::web) title: &'a str,
    /// What it shows.
    pub(in crate::web) desc: &'a str,
    /// Makes ids in the page unlike all others.
    pub(in crate::web) number: usize,
    /// How a time on the axis is written.
    pub(in crate::web) clock: &'a dyn Fn(UtcMs) -> String,
}

struct Scale {
    from: UtcMs,
    until: UtcMs,
}

impl Scale {
    fn x(&self, at: UtcMs) -> Tenths {
        let at = at.clamp(self.from, self.until);
        let length = (self.until.0 - self.from.0).max(1);
        LEFT + (at.0 - self.from.0) * (WIDTH - LEFT - RIGHT) / length
    }
}

/// A number of tenths as SVG writes it.
struct Px(Tenths);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, tenth) = (self.0.abs() / 10, self.0.abs() % 10);
        if tenth == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{tenth}")
        }
    }
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// The picture. Texts are escaped here. Empty for a day without anything.
pub(in crate::web) fn draw(day: &Day, now: UtcMs, labels: &Labels<'_>) -> String {
    let Some((from, until)) = day.extent(now) else {
        return String::new();
    };
    let scale = Scale { from, until };
    let rooms = day.rooms();
    let room_height = |room: &str| {
        let (streams, more) = day.streams_of(room);
        let rows: Tenths = streams.iter().map(|stream| stream_height(stream)).sum();
        let more = if more > 0 { STREAM_LABEL } else { 0 };
        ROOM_LABEL + SESSION_ROW + PRESENCE_ROW + MARK_ROW + rows + more + SPACE
    };
    let height = AXIS + rooms.iter().map(|room| room_height(room)).sum::<Tenths>();
    let n = labels.number;
    let mut out = format!(
        "<svg class=\"timeline\" role=\"img\" aria-labelledby=\"tl-t{n} tl-d{n}\" viewBox=\"0 0 {} {}\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title id=\"tl-t{n}\">{}</title><desc id=\"tl-d{n}\">{}</desc>",
        Px(WIDTH),
        Px(height),
        escape(labels.title),
        escape(labels.desc),
    );
    patterns(&mut out, n);
    axis(&mut out, &scale, height, labels.clock);
    if from < now && now < until {
        let x = Px(scale.x(now));
        let _ = write!(
            out,
            "<line class=\"tl-now\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>",
            Px(AXIS - 60),
            Px(height)
        );
    }
    let mut top = AXIS;
    for room in &rooms {
        let _ = write!(
            out,
            "<text class=\"tl-room\" x=\"{}\" y=\"{}\">{}</text>",
            Px(LEFT),
            Px(top + ROOM_LABEL - 70),
            escape(room)
        );
        for window in day.windows.iter().filter(|w| w.room == **room) {
            session(&mut out, &scale, window, top + ROOM_LABEL, n);
        }
        let row = top + ROOM_LABEL + SESSION_ROW + 20;
        for piece in day.lane(room, now) {
            presence(&mut out, &scale, piece, row, n);
        }
        for stay in day.stays.iter().filter(|s| s.room == **room) {
            ends(&mut out, &scale, stay, row);
        }
        for mark in day.marks.iter().filter(|m| m.room == **room) {
            scan(&mut out, &scale, mark, row + PRESENCE_ROW);
        }
        let (streams, more) = day.streams_of(room);
        let mut row = row + PRESENCE_ROW + MARK_ROW;
        for seen in streams {
            stream(&mut out, &scale, seen, (row, now, n));
            row += stream_height(seen);
        }
        if more > 0 {
            label(&mut out, row, &format!("and {more} more, in the table"));
        }
        top += room_height(room);
    }
    out.push_str("</svg>");
    out
}

fn label(out: &mut String, top: Tenths, text: &str) {
    let _ = write!(
        out,
        "<text class=\"tl-stream\" x=\"{}\" y=\"{}\">{}</text>",
        Px(LEFT),
        Px(top + STREAM_LABEL - 50),
        escape(text)
    );
}

fn bar_height(seen: &Stream) -> Tenths {
    if seen.stays.is_empty() { 0 } else { STREAM_BAR }
}

fn stream_height(seen: &Stream) -> Tenths {
    STREAM_LABEL + bar_height(seen) + MARK_ROW + STREAM_SPACE
}

/// What one other source saw: its name, a thin bar for each of its stays, and its marks.
fn stream(out: &mut String, scale: &Scale, seen: &Stream, (top, now, n): (Tenths, UtcMs, usize)) {
    label(out, top, &seen.label);
    let row = top + STREAM_LABEL;
    for piece in seen.stays.iter().flat_map(|stay| pieces(stay, now)) {
        bar(out, scale, piece, (row, STREAM_BAR), n);
    }
    for mark in &seen.marks {
        scan(out, scale, mark, row + bar_height(seen));
    }
}

/// Both ends of a stay: a bar where it was seen, a ring where a policy put it.
fn ends(out: &mut String, scale: &Scale, stay: &Stay, top: Tenths) {
    let middle = |edge: &Edge| {
        let at = super::bounded(edge.at);
        scale.x(UtcMs(at.earliest.0 + (at.latest.0 - at.earliest.0) / 2))
    };
    let is_known = |edge: &&Edge| super::bounded(edge.at) == edge.at;
    for edge in stay.start.iter().chain(&stay.end).filter(is_known) {
        let x = Px(middle(edge));
        let _ = match edge.policy {
            None => write!(
                out,
                "<line class=\"tl-end\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>",
                Px(top - 20),
                Px(top + PRESENCE_ROW)
            ),
            Some(_) => write!(
                out,
                "<circle class=\"tl-guess\" cx=\"{x}\" cy=\"{}\" r=\"5\"/>",
                Px(top + (PRESENCE_ROW - 20) / 2)
            ),
        };
    }
}

fn patterns(out: &mut String, n: usize) {
    let _ = write!(
        out,
        "<defs><pattern id=\"tl-h{n}\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" fill=\"#fff\"/><rect width=\"3\" height=\"7\" \
         fill=\"#333\"/></pattern><pattern id=\"tl-o{n}\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
         <rect width=\"5\" height=\"5\" fill=\"#fff\"/><circle cx=\"2\" cy=\"2\" r=\"1.3\" fill=\"#333\"/></pattern>\
         <pattern id=\"tl-x{n}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><rect width=\"8\" height=\"8\" fill=\"#fff\"/>\
         <path d=\"M0 0L8 8M8 0L0 8\" stroke=\"#5a6270\" stroke-width=\"1\"/></pattern></defs>"
    );
}

fn axis(out: &mut String, scale: &Scale, height: Tenths, clock: &dyn Fn(UtcMs) -> String) {
    let length_s = (scale.until.0 - scale.from.0) / 1_000;
    let step_s = STEPS_S
        .iter()
        .copied()
        .find(|s| length_s / s <= MAX_LINES)
        .unwrap_or(86_400);
    let step = step_s * 1_000;
    let mut at = UtcMs((scale.from.0 / step + 1) * step);
    let mut lines = 0;
    while at < scale.until && lines <= MAX_LINES {
        let x = Px(scale.x(at));
        let _ = write!(
            out,
            "<line class=\"tl-grid\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>\
             <text class=\"tl-time\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            Px(AXIS - 100),
            Px(height),
            Px(AXIS - 140),
            escape(&clock(at))
        );
        at = at.plus_ms(step);
        lines += 1;
    }
}

fn session(out: &mut String, scale: &Scale, window: &Window, top: Tenths, n: usize) {
    let (x1, x2) = (scale.x(window.start), scale.x(window.end));
    let width = (x2 - x1).max(10);
    // The inner picture cuts a title that is longer than its session.
    let _ = write!(
        out,
        "<rect class=\"tl-session\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\
         <svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><text class=\"tl-title\" x=\"6\" y=\"20\">{}</text></svg>",
        Px(x1),
        Px(top),
        Px(width),
        Px(SESSION_ROW - 20),
        Px(x1),
        Px(top),
        Px(width),
        Px(SESSION_ROW - 20),
        escape(&window.title)
    );
    for (from, until) in &window.uncounted {
        let (x1, x2) = (scale.x(*from), scale.x(*until));
        let _ = write!(
            out,
            "<rect class=\"tl-uncounted\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"url(#tl-x{n})\"/>",
            Px(x1),
            Px(top),
            Px((x2 - x1).max(10)),
            Px(SESSION_ROW - 20)
        );
    }
}

fn presence(out: &mut String, scale: &Scale, piece: Piece, top: Tenths, n: usize) {
    bar(out, scale, piece, (top, PRESENCE_ROW - 20), n);
}

/// A piece of a lane at a height of its own.
fn bar(out: &mut String, scale: &Scale, piece: Piece, (top, height): (Tenths, Tenths), n: usize) {
    let (x1, x2) = (scale.x(piece.from), scale.x(piece.until));
    let width = x2 - x1;
    if width < 4 && matches!(piece.ink, Ink::Doubt) {
        return;
    }
    let fill = match piece.ink {
        Ink::Shown => "#1f3a5f".to_owned(),
        Ink::Doubt => format!("url(#tl-o{n})"),
        Ink::Inferred | Ink::Open => format!("url(#tl-h{n})"),
        Ink::Graced => "none".to_owned(),
        Ink::Gap => {
            let y = Px(top + height / 2);
            let _ = write!(
                out,
                "<line class=\"tl-gap\" x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>",
                Px(x1),
                Px(x2)
            );
            return;
        }
    };
    let class = match piece.ink {
        Ink::Shown | Ink::Gap => "tl-shown",
        Ink::Doubt => "tl-doubt",
        Ink::Inferred => "tl-inferred",
        Ink::Open => "tl-open",
        Ink::Graced => "tl-graced",
    };
    let _ = write!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>",
        Px(x1),
        Px(top),
        Px(width.max(10)),
        Px(height)
    );
}

/// A scan as a small triangle below its lane: upwards into the room, downwards out of it; an answer to a poll as a rhomb, anything
/// else as a square.
fn scan(out: &mut String, scale: &Scale, mark: &Mark, top: Tenths) {
    let at = super::bounded(mark.at);
    let x = scale.x(UtcMs(at.earliest.0 + (at.latest.0 - at.earliest.0) / 2));
    let (high, low) = (Px(top + 10), Px(top + 110));
    if mark.label == "beat" {
        let _ = write!(
            out,
            "<line class=\"tl-beat\" x1=\"{0}\" x2=\"{0}\" y1=\"{high}\" y2=\"{1}\"/>",
            Px(x),
            Px(top + 50)
        );
        return;
    }
    let (left, middle, right) = (Px(x - 50), Px(x), Px(x + 50));
    let points = match mark.label.as_str() {
        "in" => format!("{left},{low} {right},{low} {middle},{high}"),
        "out" => format!("{left},{high} {right},{high} {middle},{low}"),
        "poll" => {
            let waist = Px(top + 60);
            format!("{left},{waist} {middle},{high} {right},{waist} {middle},{low}")
        }
        _ => format!("{left},{high} {right},{high} {right},{low} {left},{low}"),
    };
    let _ = write!(out, "<polygon class=\"tl-mark\" points=\"{points}\"/>");
}

#[cfg(test)]
mod tests {
    use super::super::MAX_STREAMS;
    use super::*;
    use attendance::time::Interval;

    const BASE: UtcMs = UtcMs(1_795_421_100_000);

    fn day(title: &str) -> Day {
        let edge = |ms: i64, policy: Option<&str>| {
            Some(Edge {
                at: Interval::exactly(BASE.plus_ms(ms)),
                policy: policy.map(str::to_owned),
            })
        };
        Day {
            windows: vec![Window {
                title: title.into(),
                room: "hall".into(),
                start: BASE,
                end: BASE.plus_ms(3_600_000),
                uncounted: vec![(BASE.plus_ms(1_800_000), BASE.plus_ms(2_400_000))],
                grace_ms: (0, 0),
            }],
            streams: (0..=MAX_STREAMS)
                .map(|number| Stream {
                    room: "hall".into(),
                    label: format!("platform <{number}>"),
                    stays: Vec::new(),
                    marks: vec![Mark {
                        room: "hall".into(),
                        at: Interval::exactly(BASE.plus_ms(700_000)),
                        label: "poll".into(),
                    }],
                })
                .collect(),
            stays: vec![Stay {
                room: "hall".into(),
                is_scanned: true,
                start: edge(600_000, None),
                end: edge(3_600_000, Some("session_end")),
            }],
            marks: vec![Mark {
                room: "hall".into(),
                at: Interval::exactly(BASE.plus_ms(600_000)),
                label: "in".into(),
            }],
        }
    }

    fn drawn(day: &Day) -> String {
        let clock = |at: UtcMs| at.0.to_string();
        let labels = Labels {
            title: "A < B",
            desc: "one stay",
            number: 0,
            clock: &clock,
        };
        draw(day, BASE.plus_ms(7_200_000), &labels)
    }

    #[test]
    fn it_is_an_image_with_words_and_escapes_them() {
        let svg = drawn(&day("<script>alert(1)</script> & \"more\""));
        assert!(svg.contains("role=\"img\""));
        assert!(svg.contains("<title id=\"tl-t0\">A &lt; B</title>"));
        assert!(svg.contains("<desc id=\"tl-d0\">one stay</desc>"));
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"));
        assert!(!svg.contains("style="), "the page's policy forbids it");
    }

    #[test]
    fn inferred_parts_are_hatched_and_gaps_are_drawn() {
        let svg = drawn(&day("S"));
        assert!(svg.contains("class=\"tl-inferred\""));
        assert!(svg.contains("fill=\"url(#tl-h0)\""));
        assert!(svg.contains("class=\"tl-gap\""));
        assert!(!svg.contains("class=\"tl-shown\""));
        // One end was seen, the other was not.
        assert_eq!(svg.matches("class=\"tl-end\"").count(), 1);
        assert_eq!(svg.matches("class=\"tl-guess\"").count(), 1);
        assert_eq!(svg.matches("class=\"tl-uncounted\"").count(), 1);
    }

    #[test]
    fn each_device_has_a_lane_up_to_a_bound() {
        let svg = drawn(&day("S"));
        let lanes = svg.matches("platform &lt;").count();
        assert_eq!(lanes, MAX_STREAMS);
        assert!(svg.contains("and 1 more, in the table"));
        assert!(!svg.contains("platform <"));
    }

    #[test]
    fn everything_lies_within_the_picture() {
        let scale = Scale {
            from: BASE,
            until: BASE.plus_ms(1_000),
        };
        for (ms, x) in [
            (-5, LEFT),
            (0, LEFT),
            (500, 4_800),
            (1_000, WIDTH - RIGHT),
            (9_999, WIDTH - RIGHT),
        ] {
            assert_eq!(scale.x(BASE.plus_ms(ms)), x, "{ms}");
        }
        assert_eq!(Px(-5).to_string(), "-0.5");
        assert_eq!(Px(120).to_string(), "12");
        assert_eq!(
            draw(
                &Day::default(),
                BASE,
                &Labels {
                    title: "",
                    desc: "",
                    number: 0,
                    clock: &|_| String::new()
                }
            ),
            ""
        );
    }
}
