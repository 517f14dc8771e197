//! Answers of a REST interface as people save them: one page, a list, or several pages one after another in one file.
//!
//! A page is an object with `results`; whatever else a document holds is handed on as it is. An answer recorded with its
//! request (an object with `status` and `body`, or such a `response`) is its body. Each value keeps a path by
//! which it can be found again: `results[3]`, or `page 2: results[3]` where there are several.
//! Limits: [`MAX_IMPORT_BYTES`](super::MAX_IMPORT_BYTES) a file, [`MAX_DOCUMENTS`] documents, [`MAX_ROWS`](super::MAX_ROWS)
//! values; nesting as deep as `serde_json` goes (128).

use serde_json::Value;

use super::problem::{ImportError, Problem};
use super::{MAX_ROWS, text};

/// Most documents of one file.
const MAX_DOCUMENTS: usize = 10_000;

/// One value of a page or list.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) value: Value,
    /// The number of the page it is on; none where it is on no page.
    pub(super) page: Option<usize>,
}

/// The values of a file, with what its pages say of themselves.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) entries: Vec<Entry>,
    /// Of each page, how many values the whole list has.
    counts: Vec<Option<u64>>,
}

impl Pages {
    /// How many values the list has whose pages `pages` are; none where they do not say.
    pub(super) fn count(&self, pages: impl IntoIterator<Item = usize>) -> Option<u64> {
        let said = pages
            .into_iter()
            .filter_map(|page| self.counts.get(page)?.as_ref());
        said.max().copied()
    }
}

/// Takes a file apart.
///
/// # Errors
/// Not JSON, cut off, too large; `save_again` says what to do then.
pub(super) fn read(bytes: &[u8], save_again: &str) -> Result<Pages, ImportError> {
    let text = text::decode(bytes, save_again)?;
    let mut documents = Vec::new();
    for document in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let document = document.map_err(|error| not_json(&error, documents.len(), save_again))?;
        documents.push(document);
        if documents.len() > MAX_DOCUMENTS {
            let message = format!("the file has more than {MAX_DOCUMENTS} documents; split it");
            return Err(Problem::of_file(message).into());
        }
    }
    if documents.is_empty() {
        return Err(Problem::of_file(format!("the file is empty; {save_again}")).into());
    }
    let several = documents.len() > 1;
    let mut pages = Pages::default();
    for (index, document) in documents.into_iter().enumerate() {
        let prefix = if several {
            format!("page {}: ", index + 1)
        } else {
            String::new()
        };
        match body(document) {
            Value::Array(values) => {
                for (index, value) in values.into_iter().enumerate() {
                    take(&mut pages, &format!("{prefix}[{index}]"), value, save_again)?;
                }
            }
            value => take(&mut pages, &prefix, value, save_again)?,
        }
    }
    Ok(pages)
}

fn not_json(error: &serde_json::Error, before: usize, save_again: &str) -> ImportError {
    let row = u64::try_from(error.line()).unwrap_or(u64::MAX);
    let what = if before == 0 {
        "this is not whole JSON".to_owned()
    } else {
        format!("what follows document {before} is not whole JSON")
    };
    Problem::of_row(row, format!("{what}: {error}; {save_again}")).into()
}

/// What a server answered, where a document records the whole exchange.
fn body(mut document: Value) -> Value {
    if is_exchange(&document["response"]) {
        document["response"]["body"].take()
    } else if is_exchange(&document) {
        document["body"].take()
    } else {
        document
    }
}

/// The same of a document that is only looked at.
pub(super) fn body_of(document: &Value) -> &Value {
    let exchanges = [&document["response"], document];
    let exchange = exchanges.into_iter().find(|e| is_exchange(e));
    exchange.map_or(document, |exchange| &exchange["body"])
}

fn is_exchange(value: &Value) -> bool {
    value["status"].is_u64() && value.get("body").is_some()
}

/// Adds a document, or what is on it if it is a page.
fn take(pages: &mut Pages, path: &str, value: Value, save_again: &str) -> Result<(), ImportError> {
    let mut object = match value {
        Value::Object(object) => object,
        other => {
            let message = format!(
                "is {} where a page or an object should be; {save_again}",
                shape(&other)
            );
            return Err(Problem::at_path(&named(path), "", message).into());
        }
    };
    let detail = object.get("detail").and_then(Value::as_str);
    if let Some(detail) = detail.filter(|_| object.len() <= 2) {
        let message = format!("is no page but a refusal of the server; {save_again}");
        return Err(Problem::at_path(&named(path), detail, message).into());
    }
    let dot = if path.ends_with(']') { "." } else { "" };
    let Some(results) = object.remove("results") else {
        return push(pages, named(path), Value::Object(object), None);
    };
    let Value::Array(results) = results else {
        let message = format!(
            "is {} where a list should be; {save_again}",
            shape(&results)
        );
        return Err(Problem::at_path(&format!("{path}{dot}results"), "", message).into());
    };
    let page = pages.counts.len();
    pages
        .counts
        .push(object.get("count").and_then(Value::as_u64));
    for (index, value) in results.into_iter().enumerate() {
        push(
            pages,
            format!("{path}{dot}results[{index}]"),
            value,
            Some(page),
        )?;
    }
    Ok(())
}

fn push(
    pages: &mut Pages,
    path: String,
    value: Value,
    page: Option<usize>,
) -> Result<(), ImportError> {
    if pages.entries.len() >= MAX_ROWS {
        let message = format!("the file has more than {MAX_ROWS} rows; split it");
        return Err(Problem::at_path(&path, "", message).into());
    }
    pages.entries.push(Entry { path, value, page });
    Ok(())
}

fn named(path: &str) -> String {
    let path = path.trim_end_matches([' ', ':']);
    if path.is_empty() {
        "the document"
    } else {
        path
    }
    .to_owned()
}

/// What sort of value it is, for messages.
pub(super) fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A text that may be missing or null.
///
/// # Errors
/// Where something else stands there.
pub(super) fn optional_text<'a>(value: &'a Value, key: &str) -> Result<Option<&'a str>, String> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(other) => Err(format!("is {} where a text should be", shape(other))),
    }
}

/// A flag; missing or null is no.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A text in several languages (`{"en": …}`) or in one: English, else the first by its tag.
pub(super) fn localised<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    let text = match value.get(key)? {
        Value::String(text) => text.as_str(),
        Value::Object(texts) => {
            let text = |value: &'a Value| value.as_str().filter(|text| !text.trim().is_empty());
            // A map of serde_json is in the order of its keys, so the first is the same every time.
            let english = texts.get("en").and_then(text);
            english.or_else(|| texts.values().find_map(text))?
        }
        _ => return None,
    };
    Some(text.trim()).filter(|text| !text.is_empty())
}
