//! TOML written by people, read into a typed value.
//!
//! Promises: an error says what is wrong, in which line and column (from 1), under which key, and which known word is nearest to a mistyped
//! one. The values of strings never appear in an error: somebody may have pasted a secret into the wrong place. Types read through this
//! module deny unknown fields, since only then is a mistyped key an error at all.

use std::fmt;

use serde::de::DeserializeOwned;

/// How unlike a mistyped word and the suggestion may be, as a share of the longer word's letters.
const NEAREST_DISTANCE_MAX: f64 = 0.5;

/// A text that does not read as what it should be. Somebody has to edit the text; reading it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlError {
    /// What the text is, as given to [`parse`]: a file's name or "the rule set".
    pub what: String,
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in the line, in characters, from 1.
    pub column: usize,
    /// The key that is wrong or missing, with the tables around it where they are known (`reader.path`). Empty for a fault of syntax before any key.
    pub key: String,
    /// What is wrong, for people, without a final stop.
    pub message: String,
    /// The known word most like the mistyped one, if any is alike.
    pub nearest: Option<String>,
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, line {}, column {}: {}",
            self.what, self.line, self.column, self.message
        )?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TomlError {}

/// Reads `text` as a `T`; `what` names the text in errors ("kiosk.toml").
///
/// # Errors
/// [`TomlError`] for the first fault found.
pub fn parse<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, TomlError> {
    toml::from_str(text).map_err(|error| explain(&error, text, what))
}

fn explain(error: &toml::de::Error, text: &str, what: &str) -> TomlError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let (line, column) = position(text, start);
    let raw = error.message();
    let (key, message, nearest) = match Complaint::read(raw) {
        Complaint::UnknownKey { key, known } => {
            let nearest = nearest(key, known.iter().copied());
            let message = format!("unknown key `{key}`");
            (key_path(text, start, Some(key)), message, nearest)
        }
        Complaint::UnknownWord { word, known } => {
            let nearest = nearest(word, known.iter().copied());
            let key = key_path(text, start, None);
            let message = format!(
                "`{}` has to be {}",
                last_part(&key),
                one_of(known.iter().copied())
            );
            (key, message, nearest)
        }
        Complaint::NoSuchWord { word, known } => {
            let nearest = nearest(word, known.iter().copied());
            let key = key_path(text, start, None);
            let known = one_of(known.iter().copied());
            let message = format!("`{}` has to be {known}", last_part(&key));
            (key, message, nearest)
        }
        Complaint::MissingKey { key } => (
            key_path(text, start, Some(key)),
            format!("the key `{key}` is missing"),
            None,
        ),
        Complaint::Other => {
            let key = key_path(text, start, None);
            let plain = without_values(raw);
            let message = match last_part(&key) {
                "" => plain,
                name => format!("`{name}`: {plain}"),
            };
            (key, message, None)
        }
    };
    TomlError {
        what: what.to_owned(),
        line,
        column,
        key,
        message,
        nearest,
    }
}

/// What serde's fixed wordings say. They are part of serde's public behaviour (`serde::de::Error`), and the tests below hold them.
enum Complaint<'a> {
    UnknownKey {
        key: &'a str,
        known: Vec<&'a str>,
    },
    UnknownWord {
        word: &'a str,
        known: Vec<&'a str>,
    },
    MissingKey {
        key: &'a str,
    },
    /// Of `attendance`'s words, whose message is `"x" is not a y: it is one of a, b`.
    NoSuchWord {
        word: &'a str,
        known: Vec<&'a str>,
    },
    Other,
}

impl<'a> Complaint<'a> {
    fn read(message: &'a str) -> Self {
        let mut quoted = message.split('`').skip(1).step_by(2);
        if message.starts_with("unknown field `") {
            let key = quoted.next().unwrap_or_default();
            return Self::UnknownKey {
                key,
                known: quoted.collect(),
            };
        }
        if message.starts_with("unknown variant `") {
            let word = quoted.next().unwrap_or_default();
            return Self::UnknownWord {
                word,
                known: quoted.collect(),
            };
        }
        if message.starts_with("missing field `") {
            return Self::MissingKey {
                key: quoted.next().unwrap_or_default(),
            };
        }
        if let Some((said, known)) = message.split_once(": it is one of ")
            && let Some((word, _)) = said.split_once(" is not a ")
        {
            return Self::NoSuchWord {
                word: word.trim_matches('"'),
                known: known.trim().split(", ").collect(),
            };
        }
        Self::Other
    }
}

/// The known word most like `word`, if one is alike enough to be what was meant. For checks that a type cannot express.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| {
            let likeness = strsim::normalized_damerau_levenshtein(&word.to_lowercase(), candidate);
            (candidate, likeness)
        })
        .filter(|(_, likeness)| *likeness >= 1.0 - NEAREST_DISTANCE_MAX)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(candidate, _)| candidate.to_owned())
}

/// The line, from 1, that states a key; a key within a table is written `table.key`. None where none does.
pub fn line_of(text: &str, key: &str) -> Option<usize> {
    let (of, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table = "";
    let mut inline = None;
    for (line, number) in text.lines().zip(1..) {
        if let Some(name) = table_name(line) {
            table = name;
            if name == key {
                return Some(number);
            }
        } else if line_key(line).is_some_and(|stated| {
            (table == of && stated == name) || (table.is_empty() && stated == key)
        }) {
            return Some(number);
        } else if line_key(line).is_some_and(|stated| !of.is_empty() && stated == of) {
            // A table on one line.
            inline.get_or_insert(number);
        }
    }
    inline
}

fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = known.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// Line and column of a byte offset, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = floor_slice(text, offset);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The text before `offset`, cut at a character's boundary.
fn floor_slice(text: &str, offset: usize) -> &str {
    &text[..text.floor_char_boundary(offset)]
}

/// The key at `offset`, after the names of the table it stands in. `key` where the error names it, otherwise what the line is about.
fn key_path(text: &str, offset: usize, key: Option<&str>) -> String {
    let before = floor_slice(text, offset);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let table = before[..line_start].lines().rev().find_map(table_name);
    let table = table_name(line).or(table);
    let named = key.or_else(|| line_key(line));
    [table, named]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(".")
}

fn table_name(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix('[')?;
    let inner = inner.strip_prefix('[').unwrap_or(inner);
    let (name, _) = inner.split_once(']')?;
    Some(name.trim())
}

fn line_key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && !key.starts_with(['#', '['])).then_some(key)
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or_default()
}

/// Serde's "invalid type: string "…", expected …" without the string.
fn without_values(message: &str) -> String {
    match (message.find("string \""), message.rfind("\", expected ")) {
        (Some(start), Some(end)) if start < end => {
            format!(
                "{}string{}",
                &message[..start],
                &message[end + '"'.len_utf8()..]
            )
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code, reason = "read only to be parsed")]
        data_dir: String,
        #[serde(default)]
        #[allow(dead_code, reason = "read only to be parsed")]
        level: Level,
        #[serde(default)]
        #[allow(dead_code, reason = "read only to be parsed")]
        reader: Vec<Part>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        #[default]
        Info,
        Debug,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[allow(dead_code, reason = "read only to be parsed")]
        name: String,
        #[allow(dead_code, reason = "read only to be parsed")]
        baud: Option<u32>,
    }

    fn check(text: &str, line: usize, column: usize, key: &str, nearest: Option<&str>) -> String {
        let error = parse::<Sample>(text, "sample.toml").unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{error}");
        assert_eq!(error.key, key, "{error}");
        assert_eq!(error.nearest.as_deref(), nearest, "{error}");
        error.to_string()
    }

    #[test]
    fn a_good_text_is_read() {
        let text =
            "data_dir = \"here\"\nlevel = \"debug\"\n[[reader]]\nname = \"door\"\nbaud = 9600\n";
        assert!(parse::<Sample>(text, "sample.toml").is_ok());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
        let text = "# first\ndata_dri = \"here\"\n";
        assert_eq!(
            check(text, 2, 1, "data_dri", Some("data_dir")),
            "sample.toml, line 2, column 1: unknown key `data_dri`; did you mean `data_dir`?"
        );
        let text =
            "data_dir = \"here\"\n[[reader]]\nname = \"a\"\n[[reader]]\nname = \"b\"\n  buad = 1\n";
        check(text, 6, 3, "reader.buad", Some("baud"));
        check(
            "data_dir = \"x\"\nzzzzzzzzzz = 1\n",
            2,
            1,
            "zzzzzzzzzz",
            None,
        );
    }

    #[test]
    fn a_key_of_another_case_is_recognised() {
        check("Data_Dir = \"here\"\n", 1, 1, "Data_Dir", Some("data_dir"));
    }

    #[test]
    fn an_unknown_word_lists_the_known_ones() {
        let text = "data_dir = \"here\"\nlevel = \"debgu\"\n";
        let said = check(text, 2, 9, "level", Some("debug"));
        assert!(said.contains("`info` or `debug`"), "{said}");
    }

    #[test]
    fn a_missing_key_is_named() {
        let said = check("level = \"info\"\n", 1, 1, "data_dir", None);
        assert!(said.contains("`data_dir` is missing"), "{said}");
        let text = "data_dir = \"x\"\n\n[[reader]]\nbaud = 1\n";
        check(text, 3, 1, "reader.name", None);
    }

    #[test]
    fn a_wrong_type_names_the_key_and_keeps_the_value_to_itself() {
        let text =
            "data_dir = \"x\"\n[[reader]]\nname = \"a\"\nbaud = \"hunter2, \\\"secret\\\"\"\n";
        let said = check(text, 4, 8, "reader.baud", None);
        assert!(said.contains("`baud`"), "{said}");
        assert!(
            !said.contains("hunter2") && !said.contains("secret"),
            "{said}"
        );
    }

    #[test]
    fn a_fault_of_syntax_has_a_place() {
        check("data_dir = \n", 1, 12, "data_dir", None);
        check(
            "data_dir = \"x\"\ndata_dir = \"y\"\n",
            2,
            1,
            "data_dir",
            None,
        );
        parse::<Sample>("é = é", "x").unwrap_err();
        parse::<Sample>("[[[[", "x").unwrap_err();
        parse::<Sample>("", "x").unwrap_err();
    }

    #[test]
    fn a_line_has_a_key_where_a_value_is_given_to_one() {
        for (line, key) in [
            ("baud = 9600", Some("baud")),
            ("  reader.baud=9600", Some("reader.baud")),
            ("baud = \"a=b\"", Some("baud")),
            ("= 9600", None),
            ("# baud = 9600", None),
            ("[reader] # x = y", None),
            ("baud", None),
            ("", None),
        ] {
            assert_eq!(line_key(line), key, "{line}");
        }
    }

    #[test]
    fn what_is_quoted_as_a_string_is_left_out_up_to_its_end() {
        for (said, kept) in [
            (
                "invalid type: string \"x\", expected u32",
                "invalid type: string, expected u32",
            ),
            (
                "string \"a\", expected b\", expected u32",
                "string, expected u32",
            ),
            ("string \"\", expected u32", "string, expected u32"),
            ("\", expected string \"x", "\", expected string \"x"),
            ("string \"x\"", "string \"x\""),
            ("integer `3`, expected u32", "integer `3`, expected u32"),
        ] {
            assert_eq!(without_values(said), kept, "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = parse::<Sample>(&text, "x");
        }

        #[test]
        fn nearly_right_texts_never_panic(junk in "[\\[\\]=\"'a-z\u{e9}\n. #]{0,60}") {
            let _ = parse::<Sample>(&format!("data_dir = \"x\"\n{junk}"), "x");
        }
    }
}
