//! `schedule.xml` as frab, pretalx and their kin export it: the same schedule as [`super::frab`], as XML.
//!
//! What is read: `schedule/version`, `schedule/conference/time_zone_name`, and of each `day/room/event` the attributes `guid`
//! (else `id`), the elements `title`, `date`, `duration`, `type`, `language`, and the `name` of the room it is in. Everything
//! else, speakers above all, is left alone. Ids are those of the JSON: either export continues the other.
//!
//! No document type is read, so there are no entities to blow up or to fetch. Limits: [`MAX_NODES`] nodes, and those of
//! [`super::xml_shape`].

use chrono_tz::Tz;
use roxmltree::{Document, Error, Node, ParsingOptions};

use super::agenda_checks::Place;
use super::agenda_draft::{self, Draft};
use super::problem::{Findings, ImportError, ImportReport, Problem};
use super::xml_shape::{self, Lines};
use super::{AgendaImport, frab, text};

/// Most nodes of a file; an event has some 60, so 16,000 events fit.
const MAX_NODES: u32 = 1_000_000;
const EXPORT_AGAIN: &str =
    "export schedule.xml again (in pretalx: Schedule, Export) and import that file unchanged";

/// Reads a schedule. `zone` is the event's; a file that names another is imported all the same, with a warning.
///
/// # Errors
/// [`ImportError`]; nothing is to be imported then. Faults are named by the line of their event.
pub fn read(bytes: &[u8], zone: Tz) -> Result<ImportReport<AgendaImport>, ImportError> {
    let text = text::decode(bytes, EXPORT_AGAIN)?;
    let web_page =
        || format!("this is a web page, perhaps one that asks to sign in; {EXPORT_AGAIN}");
    let start = text.trim_start().get(..14).unwrap_or_default();
    if start.eq_ignore_ascii_case("<!doctype html") {
        return Err(Problem::of_row(1, web_page()).into());
    }
    let lines = Lines::new(&text);
    xml_shape::check(&text, &lines, EXPORT_AGAIN)?;
    let line = |node: Node<'_, '_>| lines.of(node.range().start);
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&text, options).map_err(|error| not_xml(&error))?;
    let root = document.root_element();
    if root.tag_name().name() != "schedule" {
        let name = root.tag_name().name();
        let message = if name.eq_ignore_ascii_case("html") {
            web_page()
        } else {
            format!(
                "the file is XML, but its first element is {name}, not schedule; {EXPORT_AGAIN}"
            )
        };
        return Err(Problem::of_row(line(root), message).into());
    }
    let mut findings = Findings::default();
    let zone_name = child(root, "conference").and_then(|c| child_text(c, "time_zone_name"));
    let path = "schedule.conference.time_zone_name";
    let file_zone = agenda_draft::file_zone(zone_name.as_deref(), path, zone, &mut findings);
    let mut draft = Draft::new(frab::NAMES);
    for room in children(root, "day").flat_map(|day| children(day, "room")) {
        let name = room.attribute("name").unwrap_or_default().trim();
        if let Some(wrong) = draft.room(name) {
            findings.problem(Place::Row(line(room)).problem("room name", name, wrong));
        }
        for event in children(room, "event") {
            let place = Place::Row(line(event));
            let fields = Fields::of(event);
            let field = |key: &str| fields.get(key);
            let number = event.attribute("id").map(str::to_owned);
            let id = frab::event_id(event.attribute("guid"), number);
            let session = frab::session(&field, id, name, &place, file_zone, &mut findings);
            if let Some(session) = session {
                draft.push(session, place, &mut findings)?;
            }
        }
    }
    let named = zone_name.is_some().then(|| file_zone.name().to_owned());
    draft.finish(child_text(root, "version").as_deref(), named, findings)
}

/// What is read of an event, by element.
struct Fields([(&'static str, Option<String>); 5]);

impl Fields {
    fn of(event: Node<'_, '_>) -> Self {
        let keys = ["title", "date", "duration", "type", "language"];
        Self(keys.map(|key| (key, child_text(event, key))))
    }

    fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| *name == key)?;
        value.as_deref()
    }
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// The text of a child, whether comments or CDATA cut it into parts or not.
fn child_text(node: Node<'_, '_>, name: &'static str) -> Option<String> {
    let texts = child(node, name)?.children().filter(Node::is_text);
    let text: String = texts.filter_map(|text| text.text()).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn not_xml(error: &Error) -> ImportError {
    let message = match error {
        Error::DtdDetected => {
            format!("the file has a document type (<!DOCTYPE), which is not read; {EXPORT_AGAIN}")
        }
        Error::NodesLimitReached => {
            format!("the file has more than {MAX_NODES} nodes; {EXPORT_AGAIN}")
        }
        other => format!("this is not whole XML: {other}; {EXPORT_AGAIN}"),
    };
    Problem::of_row(u64::from(error.pos().row), message).into()
}

#[cfg(test)]
#[path = "frab_xml_tests.rs"]
mod tests;
