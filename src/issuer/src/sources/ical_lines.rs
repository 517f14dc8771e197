//! iCalendar's content lines and components (RFC 5545, sections 3.1 to 3.6), each with the line of the file it begins on.
//!
//! Lines are unfolded as bytes, since writers that fold by octets cut letters in two. Components keep their properties in
//! order; which of them mean something is not decided here. Limits: [`MAX_DEPTH`] components within each other,
//! [`MAX_PROPERTIES`] properties of one file.

use super::problem::{ImportError, Problem};
use super::text;

/// Most components within each other; an alarm of an event of a calendar has three.
const MAX_DEPTH: usize = 8;
/// Most properties of a file.
const MAX_PROPERTIES: usize = 1_000_000;
pub(super) const EXPORT_AGAIN: &str =
    "export the calendar (.ics) again and import that file unchanged";

/// One content line: `DTSTART;TZID=Europe/Vienna:20261031T090000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    /// The line of the file it begins on.
    pub(super) line: u64,
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals; values without their quotes.
    parameters: Vec<(String, String)>,
    /// As it stands there, escapes included.
    pub(super) value: String,
}

impl Property {
    /// The first value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(n, _)| n == name)?;
        Some(value.as_str())
    }

    /// The value as a text for people: escapes resolved, line breaks as spaces.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut letters = self.value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some('n' | 'N') => text.push(' '),
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                '\t' => text.push(' '),
                letter => text.push(letter),
            }
        }
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }
}

/// `BEGIN:x` to `END:x`.
#[derive(Debug, Default)]
pub(super) struct Component {
    pub(super) line: u64,
    /// In capitals.
    pub(super) name: String,
    pub(super) properties: Vec<Property>,
    pub(super) parts: Vec<Component>,
}

impl Component {
    /// The first property of a name.
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|p| p.name == name)
    }

    /// The components of a name within this one.
    pub(super) fn parts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Component> {
        self.parts.iter().filter(move |part| part.name == name)
    }
}

/// The components of a file, calendars as a rule.
///
/// # Errors
/// Not iCalendar, or cut off.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Component>, ImportError> {
    text::bounded(bytes)?;
    let decoded;
    let bytes = if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        decoded = text::decode(bytes, EXPORT_AGAIN)?;
        decoded.as_bytes()
    } else {
        bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes)
    };
    let mut open: Vec<Component> = Vec::new();
    let mut whole = Vec::new();
    let mut properties = 0_usize;
    for (line, bytes) in unfolded(bytes) {
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Problem::of_row(line, format!("a letter here is not UTF-8; {EXPORT_AGAIN}"))
        })?;
        if text.trim().is_empty() {
            continue;
        }
        let property = property(line, text)
            .ok_or_else(|| not_a_line(line, whole.is_empty() && open.is_empty()))?;
        properties += 1;
        if properties > MAX_PROPERTIES {
            let message = format!("the file has more than {MAX_PROPERTIES} lines; split it");
            return Err(Problem::of_row(line, message).into());
        }
        let name = property.value.trim().to_ascii_uppercase();
        match property.name.as_str() {
            "BEGIN" if open.len() >= MAX_DEPTH => {
                let message = format!(
                    "components lie more than {MAX_DEPTH} deep within each other; {EXPORT_AGAIN}"
                );
                return Err(Problem::of_row(line, message).into());
            }
            "BEGIN" => open.push(Component {
                line,
                name,
                ..Component::default()
            }),
            "END" => {
                let Some(component) = open.pop().filter(|c| c.name == name) else {
                    let message = format!(
                        "END:{} closes nothing that is open here; {EXPORT_AGAIN}",
                        shown(&name)
                    );
                    return Err(Problem::of_row(line, message).into());
                };
                open.last_mut()
                    .map_or(&mut whole, |outer| &mut outer.parts)
                    .push(component);
            }
            _ => match open.last_mut() {
                Some(component) => component.properties.push(property),
                None => return Err(not_a_line(line, whole.is_empty())),
            },
        }
    }
    if let Some(component) = open.last() {
        let message = format!(
            "{} begins here and never ends: the file was cut off; {EXPORT_AGAIN}",
            shown(&component.name)
        );
        return Err(Problem::of_row(component.line, message).into());
    }
    Ok(whole)
}

fn not_a_line(line: u64, at_the_start: bool) -> ImportError {
    let message = if at_the_start {
        format!("this is no calendar: it would begin with BEGIN:VCALENDAR; {EXPORT_AGAIN}")
    } else {
        format!("this is no line of a calendar (NAME:value); {EXPORT_AGAIN}")
    };
    Problem::of_row(line, message).into()
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(20).collect()
}

/// Lines with those that continue them, and the line each begins on.
fn unfolded(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut lines: Vec<(u64, Vec<u8>)> = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line, lines.last_mut()) {
            ([b' ' | b'\t', rest @ ..], Some((_, before))) => before.extend_from_slice(rest),
            _ => lines.push((number, line.to_vec())),
        }
    }
    lines
}

/// One content line.
fn property(line: u64, text: &str) -> Option<Property> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let end = text.find([';', ':'])?;
    let name = text[..end].trim().to_ascii_uppercase();
    if !is_name(&name) {
        return None;
    }
    let mut parameters = Vec::new();
    let mut rest = &text[end..];
    while let Some(parameter) = rest.strip_prefix(';') {
        let (name, value) = parameter.split_once('=')?;
        let name = name.trim().to_ascii_uppercase();
        if !is_name(&name) {
            return None;
        }
        let (first, after) = first_value(value)?;
        parameters.push((name, first.to_owned()));
        rest = after;
    }
    let value = rest.strip_prefix(':')?;
    Some(Property {
        line,
        name,
        parameters,
        value: value.to_owned(),
    })
}

/// The first of a parameter's values, and what stands behind the last of them.
fn first_value(text: &str) -> Option<(&str, &str)> {
    let mut first = None;
    let mut rest = text;
    loop {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find([',', ';', ':'])?),
        };
        first = first.or(Some(value));
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((first?, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Name, parameters, value.
    type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

    fn check(text: &str, expected: Option<Line<'_>>) {
        let got = property(1, text);
        let got = got.as_ref().map(|p| {
            let parameters: Vec<_> = p
                .parameters
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            (p.name.as_str(), parameters, p.value.as_str())
        });
        let expected = expected.map(|(name, parameters, value)| (name, parameters.to_vec(), value));
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn content_lines() {
        check(
            "SUMMARY:Trust: and evidence",
            Some(("SUMMARY", &[], "Trust: and evidence")),
        );
        check(
            "dtstart;tzid=\"Europe/Vienna\";value=DATE-TIME:2026",
            Some((
                "DTSTART",
                &[("TZID", "Europe/Vienna"), ("VALUE", "DATE-TIME")],
                "2026",
            )),
        );
        check(
            "ATTENDEE;MEMBER=\"mailto:a;b\",\"c:d\";CN=X:mailto:e",
            Some((
                "ATTENDEE",
                &[("MEMBER", "mailto:a;b"), ("CN", "X")],
                "mailto:e",
            )),
        );
        check("X-A;B=:", Some(("X-A", &[("B", "")], "")));
        for text in [
            "",
            "SUMMARY",
            ":x",
            "A B:x",
            "A;B:x",
            "A;B=\"x:y",
            "A;=x:y",
            "A;B=x",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn folded_letters_and_escapes_become_text() {
        let mut bytes = b"BEGIN:VCALENDAR\r\nSUMMARY:Zo\xC3\r\n \xAB\\, tr\\;ust\\nand\r\n\t \\\\ evidence\\\r\nEND:VCALENDAR".to_vec();
        let calendars = read(&bytes).unwrap();
        let summary = calendars[0].property("SUMMARY").unwrap();
        assert_eq!(
            (summary.line, summary.text().as_str()),
            (2, "Zoë, tr;ust and \\ evidence")
        );
        assert_eq!(calendars[0].properties.len(), 1);
        bytes.truncate(60);
        assert!(read(&bytes).is_err());
    }

    #[test]
    fn components_close_what_they_open() {
        let refused = |text: &str, expected: &str| {
            let shown = read(text.as_bytes()).unwrap_err().to_string();
            assert!(shown.contains(expected), "{shown}");
        };
        refused("hello", "row 1: this is no calendar");
        refused("SUMMARY:x", "row 1: this is no calendar");
        refused(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n",
            "row 3: END:VCALENDAR closes nothing",
        );
        refused(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\n",
            "row 2: VEVENT begins here and never ends",
        );
        refused(
            "BEGIN:VCALENDAR\nhello\nEND:VCALENDAR",
            "row 2: this is no line of a calendar",
        );
        refused(
            "BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR",
            "row 3: END:VCALENDAR closes nothing",
        );
        refused(
            &"BEGIN:A\n".repeat(9),
            "row 9: components lie more than 8 deep",
        );
        refused("BEGIN:VCALENDAR\nSUMMARY:Zo\u{1}", "never ends");
        assert!(read(b"").unwrap().is_empty());
    }
}
