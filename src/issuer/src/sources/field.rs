//! What a single value must be, whichever file it came from. Each check answers with a sentence that completes
//! "row 7, column start: …".

use super::MAX_FIELD_BYTES;
use super::ids;

/// Longest code of an order or a submission.
const MAX_CODE_CHARS: usize = 40;
/// Longest whole part of a credit value, in digits.
const MAX_CREDIT_WHOLE_DIGITS: usize = 4;
/// Most decimal places of a credit value.
const MAX_CREDIT_PLACES: usize = 4;

/// What is wrong with a text for people, or with any cell at all; none if nothing is.
pub(super) fn text_problem(text: &str) -> Option<String> {
    if text.len() > MAX_FIELD_BYTES {
        return Some(format!(
            "is {} bytes long, more than {MAX_FIELD_BYTES}; is a closing quote missing?",
            text.len()
        ));
    }
    text.chars().find_map(|c| match c {
        '\n' | '\r' => {
            Some("holds a line break; remove it, and check that every quote is closed".to_owned())
        }
        '\u{FFFD}' => Some(
            "holds a � where a letter was lost when the file was saved; correct the letter"
                .to_owned(),
        ),
        '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => {
            Some("holds a stray byte order mark; retype the value".to_owned())
        }
        // These reorder what follows them, so that a page can show something else than is stored.
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            Some("holds an invisible character that reorders text; retype the value".to_owned())
        }
        // No font has a glyph for these, and a certificate never shows a box.
        '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}' => Some(
            "holds a character for private use, which only some fonts show; replace it".to_owned(),
        ),
        c if c.is_control() => {
            Some("holds an invisible control character; retype the value".to_owned())
        }
        _ => None,
    })
}

/// What is wrong with a badge code. The code is a secret and not in the sentence.
pub(super) fn badge_problem(text: &str) -> Option<String> {
    if let Err(bad) = protocol::badge::canonical(text) {
        return Some(format!("{bad}; print and import another code"));
    }
    protocol::time_code::is_time_code(text).then(|| {
        "begins as time codes do, so doors would take it for one; print and import another code"
            .to_owned()
    })
}

/// Whether a text is a short code of letters, digits and hyphens, as shops and calls for papers number things by.
pub(super) fn is_code(text: &str) -> bool {
    (1..=MAX_CODE_CHARS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// What is wrong with an id.
pub(super) fn id_problem(text: &str) -> Option<String> {
    if ids::is_id(text) {
        return None;
    }
    let mut message = format!(
        "is no id: use small letters a to z, digits and hyphens, at most {}",
        ids::MAX_ID_CHARS
    );
    let slug = ids::slug(text);
    if !slug.is_empty() {
        message.push_str(&format!(", such as {slug}"));
    }
    Some(message)
}

/// A credit value as a plain decimal: `1.50`, `1,5` and `01.5` all become `1.5`.
///
/// # Errors
/// What to write.
pub(super) fn credit_value(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "is no credit value: write a number such as 1.5, without sign or unit, at most {MAX_CREDIT_PLACES} decimal places"
        )
    };
    let (whole, places) = text
        .split_once(['.', ','])
        .map_or((text, None), |(whole, places)| (whole, Some(places)));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !places.is_none_or(all_digits) {
        return Err(wrong());
    }
    let whole = whole.trim_start_matches('0');
    let places = places.unwrap_or_default().trim_end_matches('0');
    if whole.len() > MAX_CREDIT_WHOLE_DIGITS || places.len() > MAX_CREDIT_PLACES {
        return Err(wrong());
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(if places.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{places}")
    })
}

/// What is wrong with a language tag (the shape of BCP 47, not its registry).
pub(super) fn language_problem(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let first_good =
        (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    let rest_good =
        parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    (!(first_good && rest_good && text.len() <= 35))
        .then(|| "is no language tag: write for example en, de or pt-BR".to_owned())
}

/// What is wrong with an e-mail address. Only what certainly is no address; whether mail arrives shows when it is sent.
pub(super) fn email_problem(text: &str) -> Option<String> {
    let good = text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !local.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    (!good || text.chars().any(char::is_whitespace) || text.len() > 254).then(|| {
        "is no e-mail address: write one address such as name@example.org, or leave it empty"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_values_have_one_spelling() {
        for (text, expected) in [
            ("1.5", Some("1.5")),
            ("1,50", Some("1.5")),
            ("007", Some("7")),
            ("0", Some("0")),
            ("0.0", Some("0")),
            ("0.0001", Some("0.0001")),
            ("9999", Some("9999")),
            ("10000", None),
            ("0.00001", None),
            (".5", None),
            ("1.", None),
            ("-1", None),
            ("1 CPE", None),
            ("1.000,5", None),
            ("", None),
        ] {
            assert_eq!(credit_value(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn texts_that_would_mislead_are_refused() {
        for text in [
            "a\u{202E}b",
            "a\u{7}b",
            "a\nb",
            "caf\u{FFFD}",
            "\u{E000}",
            "a\u{FEFF}",
        ] {
            assert!(text_problem(text).is_some(), "{text:?}");
        }
        for text in [
            "",
            "Zoë Łukasik",
            "محمد\u{200F}",
            "क्\u{200D}ष",
            "山田 太郎",
            "👩‍🔬",
        ] {
            assert_eq!(text_problem(text), None, "{text:?}");
        }
        assert_eq!(text_problem(&"x".repeat(MAX_FIELD_BYTES)), None);
        assert!(text_problem(&"x".repeat(MAX_FIELD_BYTES + 1)).is_some());
    }

    #[test]
    fn tags_and_addresses() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "gsw"] {
            assert_eq!(language_problem(good), None, "{good}");
        }
        for wrong in ["", "english", "e", "en_GB", "en-", "12"] {
            assert!(language_problem(wrong).is_some(), "{wrong}");
        }
        for good in ["a@b", "zoe.l+x@example.org", "用户@例子.广告"] {
            assert_eq!(email_problem(good), None, "{good}");
        }
        for wrong in ["a", "@b", "a@", "a b@c", "a@b@c", "a@.org"] {
            assert!(email_problem(wrong).is_some(), "{wrong}");
        }
    }
}
