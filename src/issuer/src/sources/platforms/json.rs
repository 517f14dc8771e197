//! Pages and messages as JSON: which platform's they are, and their values.

use attendance::time::Interval;
use serde_json::Value;

use super::AttendanceFormat;
use super::when::Clock;
use crate::sources::json_pages::{self, shape};

/// Most documents of a file that are looked at.
const MAX_LOOKED_AT: usize = 20;

/// Whose pages or messages they are; none where they show nothing of it.
pub(super) fn detect(text: &str) -> Option<AttendanceFormat> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    documents
        .take(MAX_LOOKED_AT)
        .map_while(Result::ok)
        .find_map(|document| {
            let body = json_pages::body_of(&document);
            of_document(body)
        })
}

fn of_document(body: &Value) -> Option<AttendanceFormat> {
    let holds = |value: &Value, keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    let first = |key: &str| {
        body.get(key)
            .and_then(Value::as_array)
            .and_then(|list| list.first())
    };
    if holds(body, &["participants"]) || holds(body, &["event", "payload"]) {
        return Some(AttendanceFormat::Zoom);
    }
    if first("questions").is_some_and(|q| holds(q, &["question_details"])) {
        return Some(AttendanceFormat::Zoom);
    }
    if holds(body, &["eventName", "registrantKey"]) {
        return Some(AttendanceFormat::GoToWebinar);
    }
    if first("value").is_some_and(|record| holds(record, &["attendanceIntervals"])) {
        return Some(AttendanceFormat::Teams);
    }
    if first("items").is_some_and(|item| holds(item, &["devices"]) || holds(item, &["joinedTime"]))
    {
        return Some(AttendanceFormat::Webex);
    }
    let sample = body
        .as_array()
        .and_then(|list| list.first())
        .unwrap_or(body);
    if holds(sample, &["registrantKey"]) {
        return Some(AttendanceFormat::GoToWebinar);
    }
    if holds(sample, &["attendanceIntervals"]) {
        return Some(AttendanceFormat::Teams);
    }
    if holds(sample, &["data"]) && sample["data"].get("attributes").is_some() {
        return Some(AttendanceFormat::BigBlueButton);
    }
    let checkin = first("results").unwrap_or(sample);
    let is_checkin = holds(checkin, &["datetime", "list", "type"]);
    is_checkin.then_some(AttendanceFormat::Pretix)
}

/// A text that may be missing, null or empty; a number is taken as its digits, since ids come as either.
///
/// # Errors
/// Something else stands there.
pub(super) fn text(value: &Value, key: &str) -> Result<Option<String>, String> {
    let text = match value.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => return Err(format!("{key} is {} where a text should be", shape(other))),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A list.
///
/// # Errors
/// It is missing, or something else stands there.
pub(super) fn list<'v>(value: &'v Value, key: &str) -> Result<&'v [Value], String> {
    match value.get(key) {
        Some(Value::Array(list)) => Ok(list),
        Some(other) => Err(format!("{key} is {} where a list should be", shape(other))),
        None => Err(format!("{key} is missing")),
    }
}

/// A time that may be missing. 1970 stands for one that is not there yet.
///
/// # Errors
/// What is wrong with it, beginning with the key.
pub(super) fn time(value: &Value, key: &str, clock: Clock) -> Result<Option<Interval>, String> {
    let named = |wrong: String| format!("{key} {wrong}");
    if let Some(ms) = value.get(key).and_then(Value::as_i64) {
        return clock.epoch_ms(ms).map(Some).map_err(named);
    }
    let Some(text) = text(value, key)? else {
        return Ok(None);
    };
    if text.starts_with("1970-01-01T00:00:00") {
        return Ok(None);
    }
    clock.read(&text).map(Some).map_err(named)
}

/// The path of what stands under a key of a document.
pub(super) fn inside(path: &str, key: &str) -> String {
    match path {
        "" | "the document" => key.to_owned(),
        page if page.starts_with("page ") && !page.contains(':') => format!("{page}: {key}"),
        path => format!("{path}.{key}"),
    }
}
