//! What a cell's value is as text: numbers, dates, and which formats of numbers are dates.

use chrono::{DateTime, NaiveDate, TimeDelta};

/// Days from the first day of a workbook's calendar to 1970-01-01.
const DAYS_1900: f64 = 25_569.0;
const DAYS_1904: f64 = 24_107.0;
/// Largest whole number that a spreadsheet keeps to the digit: it has 15 of them.
const MAX_WHOLE: f64 = 999_999_999_999_999.0;
const DAY_MS: f64 = 86_400_000.0;
/// The days that are converted; 2199 is the last year that a date may have.
const MAX_DAYS: f64 = 200_000.0;

/// What a format shows of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shows {
    pub(super) date: bool,
    pub(super) time: bool,
}

/// What a format that every program knows by its number shows.
pub(super) fn builtin(format: u32) -> Shows {
    let (date, time) = match format {
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => (true, false),
        18..=21 | 32..=35 | 45..=47 | 55 | 56 => (false, true),
        22 => (true, true),
        _ => (false, false),
    };
    Shows { date, time }
}

/// What a format's code shows: letters of dates and times outside of quotes, brackets and escapes.
pub(super) fn of_code(code: &str) -> Shows {
    let mut shows = Shows::default();
    let (mut chars, mut minutes) = (code.chars(), false);
    while let Some(letter) = chars.next() {
        match letter.to_ascii_lowercase() {
            '"' => drop(chars.by_ref().find(|c| *c == '"')),
            '[' => drop(chars.by_ref().find(|c| *c == ']')),
            '\\' | '_' | '*' => drop(chars.next()),
            'y' | 'd' => shows.date = true,
            'h' | 's' => shows.time = true,
            // Months, or minutes where hours or seconds stand beside.
            'm' => minutes = true,
            ';' => break,
            _ => {}
        }
    }
    if minutes && !shows.time {
        shows.date = true;
    }
    if code.eq_ignore_ascii_case("general") || code.eq_ignore_ascii_case("standard") {
        return Shows::default();
    }
    shows
}

/// A number as its value says it, or as a date where its format shows one.
///
/// # Errors
/// What is wrong with it and what to do.
pub(super) fn number(text: &str, shows: Shows, is_1904: bool) -> Result<String, String> {
    let text = text.trim();
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    let Some(value) = value else {
        return Err("is no number, though the sheet says so; type it again".to_owned());
    };
    if shows.date || shows.time {
        return date(value, shows, is_1904);
    }
    if value.abs() > MAX_WHOLE {
        return Err(
            "is a number of more than the 15 digits that a spreadsheet keeps; format the column as text and type it again"
                .to_owned(),
        );
    }
    Ok(format!("{value}"))
}

/// Days since the first day of the workbook's calendar as a date.
fn date(days: f64, shows: Shows, is_1904: bool) -> Result<String, String> {
    if (0.0..1.0).contains(&days) && !shows.date {
        return Err("is a time of day without a date; write both into the cell".to_owned());
    }
    let epoch = if is_1904 { DAYS_1904 } else { DAYS_1900 };
    let since_1970 = days - epoch;
    if !(0.0..MAX_DAYS).contains(&since_1970) {
        return Err("is a date that cannot be meant; type it again".to_owned());
    }
    // The bound above keeps it far within what 64 bits hold.
    #[allow(clippy::cast_possible_truncation)]
    let ms = (since_1970 * DAY_MS).round() as i64;
    let at = TimeDelta::try_milliseconds(ms)
        .and_then(|since| DateTime::UNIX_EPOCH.naive_utc().checked_add_signed(since))
        .ok_or("is a date that cannot be meant; type it again")?;
    let is_day = at.time() == chrono::NaiveTime::MIN && !shows.time;
    let shape = if is_day {
        "%Y-%m-%d"
    } else {
        "%Y-%m-%dT%H:%M:%S%.f"
    };
    Ok(at.format(shape).to_string())
}

/// A date as `.ods` and the newer `.xlsx` write it.
pub(super) fn iso_date(text: &str) -> Result<String, String> {
    let day = text.get(..10).and_then(|day| day.parse::<NaiveDate>().ok());
    if day.is_none() {
        return Err("is no date, though the sheet says so; type it again".to_owned());
    }
    super::short(text.trim())
}
