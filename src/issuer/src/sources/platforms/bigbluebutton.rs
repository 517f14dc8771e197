//! BigBlueButton: its messages, a form whose field `event` holds a list as JSON.
//!
//! `user-joined` and `user-left` count; the person is the user id that was given when they were sent into the meeting
//! (`external`), the device what BigBlueButton calls the participation. Several bodies may stand in one file, a line each,
//! and so may the bare lists.
//!
//! Whether a body is BigBlueButton's, its checksum says: the hash over the address that was registered, the form's fields as
//! JSON and the shared secret; of newer versions, over the body as it is sent in their place. Versions between those hash an empty object
//! in its place, so that only the address is proven: see [`Proves`].

use attendance::words::Source;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use super::draft::{Draft, Person, Stay};
use super::json::{text, time};
use super::when::Clock;
use super::{Attendance, Reading};
use crate::sources::MAX_ROWS;
use crate::sources::json_pages;
use crate::sources::observed::Where;
use crate::sources::problem::{ImportError, ImportReport, Problem};
use crate::sources::text as text_of_file;

/// The system of what is read here.
pub const SYSTEM: &str = "bigbluebutton";
/// The ids that the organiser's own system gave people at the join.
pub const EXTERNAL: &str = "external";
const SEND_AGAIN: &str = "import the bodies of BigBlueButton's webhooks as they came, one a line";
/// Most fields of a form.
const MAX_FIELDS: usize = 16;

/// Whether a text is such a form.
pub(super) fn looks_so(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first
        .split('&')
        .any(|field| field.starts_with("event=%5B") || field.starts_with("event=["))
}

/// Reads bodies of messages.
///
/// # Errors
/// See [`super::AttendanceFormat::read`].
pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<ImportReport<Attendance>, ImportError> {
    let mut draft = Draft::new(SYSTEM, Source::Platform, reading);
    let clock = Clock::new(reading);
    let decoded = text_of_file::decode(bytes, SEND_AGAIN)?;
    if decoded.trim_start().starts_with(['{', '[']) {
        events(decoded.as_bytes(), "", clock, &mut draft)?;
    } else {
        for (line, body) in (1_u64..)
            .zip(decoded.lines())
            .filter(|(_, body)| !body.trim().is_empty())
        {
            if line > MAX_ROWS as u64 {
                return Err(Problem::of_row(
                    line,
                    format!("more than {MAX_ROWS} messages; split the file"),
                )
                .into());
            }
            let fields = form(body.as_bytes())
                .map_err(|wrong| Problem::of_row(line, format!("{wrong}; {SEND_AGAIN}")))?;
            let Some((_, event)) = fields.iter().find(|(name, _)| name == "event") else {
                return Err(Problem::of_row(
                    line,
                    format!("the form has no field event; {SEND_AGAIN}"),
                )
                .into());
            };
            events(
                event.as_bytes(),
                &format!("row {line}: "),
                clock,
                &mut draft,
            )?;
        }
    }
    draft.finish()
}

fn events(
    json: &[u8],
    prefix: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    for entry in &json_pages::read(json, SEND_AGAIN)?.entries {
        event(
            &entry.value,
            &format!("{prefix}{}", entry.path),
            clock,
            draft,
        )?;
    }
    Ok(())
}

fn event(
    value: &Value,
    path: &str,
    clock: Clock,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let at = Where::path(path);
    let none = Value::Null;
    let part = |value: &'_ Value, key: &str| value.get(key).cloned().unwrap_or(Value::Null);
    let data = value.get("data").unwrap_or(&none);
    let id = text(data, "id").unwrap_or_default().unwrap_or_default();
    let is_join = match id.as_str() {
        "user-joined" => true,
        "user-left" => false,
        _ => {
            draft
                .findings
                .leave_out("messages that say nothing of attendance", &id);
            return Ok(());
        }
    };
    let attributes = part(data, "attributes");
    let (user, meeting) = (part(&attributes, "user"), part(&attributes, "meeting"));
    let read = || {
        let name = text(&user, "name")?.unwrap_or_default();
        let person =
            Person::named(&name).account(EXTERNAL, text(&user, "external-user-id")?.as_deref());
        let moment = time(&part(data, "event"), "ts", clock)?.ok_or("event.ts is missing")?;
        let device = text(&user, "internal-user-id")?.ok_or("internal-user-id is missing")?;
        Ok::<_, String>((
            person,
            text(&meeting, "external-meeting-id")?,
            device,
            moment,
        ))
    };
    let (person, meeting, device, moment) = match read() {
        Ok(read) => read,
        Err(wrong) => {
            draft.refuse(&at, wrong);
            return Ok(());
        }
    };
    let place = draft
        .place(meeting.as_deref())
        .map_err(|wrong| Problem::at_path(path, "", wrong))?;
    let Some(place) = place else { return Ok(()) };
    draft.stay(Stay {
        person,
        place,
        joined: is_join.then_some(moment),
        left: (!is_join).then_some(moment),
        device: Some(device),
        at,
    })
}

/// The fields of a form in their order, decoded.
fn form(body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut fields = Vec::new();
    for field in body
        .split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
    {
        if fields.len() >= MAX_FIELDS {
            return Err(format!("the form has more than {MAX_FIELDS} fields"));
        }
        let at = field
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or("the form has a field without a value")?;
        let (name, value) = field.split_at(at);
        fields.push((
            unescaped(name)?,
            unescaped(value.get(1..).unwrap_or_default())?,
        ));
    }
    Ok(fields)
}

fn unescaped(text: &[u8]) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(), digit());
                let (Some(high), Some(low)) = (high, low) else {
                    return Err("the form has a % without its two digits".to_owned());
                };
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "the form is not UTF-8".to_owned())
}

/// What a checksum that holds proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proves {
    /// That these very fields were sent by who knows the secret.
    Body,
    /// Only that the sender was once given the address with its checksum: anybody who saw it can send anything.
    Address,
}

/// What the checksum of a message proves, by the hash that its length tells: SHA-1, SHA-256, SHA-384 or SHA-512, as the server
/// is set. None where it does not hold.
pub fn check_sum(secret: &str, address: &str, body: &[u8], checksum: &str) -> Option<Proves> {
    let given = hex::decode(checksum).ok()?;
    let fields = form(body).ok()?;
    let is_of = |json: &str| {
        let text = [address, json, secret].concat();
        let sum: Vec<u8> = match given.len() {
            20 => Sha1::digest(&text).to_vec(),
            32 => Sha256::digest(&text).to_vec(),
            48 => Sha384::digest(&text).to_vec(),
            64 => Sha512::digest(&text).to_vec(),
            _ => return false,
        };
        bool::from(sum.ct_eq(&given))
    };
    // A timestamp is a number there and a text here.
    let json = |numbers: bool| {
        let fields = fields.iter().map(|(name, value)| {
            let is_number =
                numbers && name == "timestamp" && value.bytes().all(|b| b.is_ascii_digit());
            let value = if is_number {
                value.clone()
            } else {
                Value::from(value.as_str()).to_string()
            };
            format!("{}:{value}", Value::from(name.as_str()))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    // A form that was decoded above is text.
    let whole = std::str::from_utf8(body).unwrap_or_default();
    if is_of(whole) || is_of(&json(true)) || is_of(&json(false)) {
        Some(Proves::Body)
    } else if is_of("{}") {
        Some(Proves::Address)
    } else {
        None
    }
}

/// Whether a bearer token is the shared secret, compared in constant time whatever their lengths.
pub fn is_bearer(secret: &str, token: &str) -> bool {
    let keyed = |text: &str| {
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    bool::from(keyed(secret).ct_eq(&keyed(token)))
}
