//! What a badge can say: its canonical text, signed badges, staff badges, time codes, tickets, claims.
//!
//! Two rules carry these: a text with a signature that holds is one that was signed, character for character; and a text is one kind of
//! thing at most.

use std::sync::LazyLock;

use ::attendance::UtcMs;
use ::attendance::words::EventId;
use evidence::{PublicKey, SigningKey};
use protocol::badge::{BadgeKey, MAX_BADGE_BYTES, canonical};
use protocol::enrol::{CLAIM_PREFIX, Claim, MAX_CLAIM_BYTES};
use protocol::signed_badge::{self, SERIAL_BYTES, Validity};
use protocol::staff_badge::{self, StaffAct};
use protocol::text::base64;
use protocol::{ticket, time_code};

use super::targets::Answer;

/// 2026-11-23T09:00:00Z.
const NINE: UtcMs = UtcMs(1_795_424_400_000);
const MINUTE_MS: i64 = 60_000;

static EVENT: LazyLock<EventId> = LazyLock::new(|| EventId::new("gp-2026").expect("an id"));
static ISSUER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(&[2; 32]));
static ISSUER_KEY: LazyLock<PublicKey> = LazyLock::new(|| ISSUER.public_key());
static TICKET_SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed(&[4; 32]));
static TICKET_KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let other = SigningKey::from_seed(&[5; 32]).public_key();
    vec![other, TICKET_SIGNER.public_key()]
});

/// What was signed, each with the one text that it has.
struct Signed {
    badges: Vec<String>,
    staff: Vec<String>,
    time_codes: Vec<String>,
    tickets: Vec<String>,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let badge = |validity, serial| {
        signed_badge::make(&EVENT, validity, [serial; SERIAL_BYTES], &ISSUER)
            .expect("it is in time")
    };
    let day = Validity {
        from: Some(NINE),
        until: Some(NINE.plus_ms(600 * MINUTE_MS)),
    };
    let payloads = [
        &b""[..],
        b"\x0a\x09K13ZtB8xa\x10\x92\x08(\xf0\xc8\x8f\xd8\x060\x80\xc6\x91\xd8\x06",
    ];
    Signed {
        badges: vec![badge(Validity::default(), 1), badge(day, 2)],
        staff: [(StaffAct::In, "ada"), (StaffAct::Toggle, "b")]
            .map(|(act, account)| staff_badge::make(&EVENT, act, account, &ISSUER))
            .to_vec(),
        time_codes: vec![time_code::make(NINE, 250, [1, 2, 3], &ISSUER)],
        tickets: payloads.map(signed_ticket).to_vec(),
    }
});

/// A ticket with this payload.
fn signed_ticket(payload: &[u8]) -> String {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let payload = &payload[..usize::from(length)];
    let bytes = [
        &[1],
        length.to_be_bytes().as_slice(),
        &[0, 64],
        payload,
        &TICKET_SIGNER.sign(payload),
    ]
    .concat();
    base64(&bytes).chars().rev().collect()
}

pub(super) fn texts() -> Vec<Vec<u8>> {
    let claim = Claim {
        url: "https://issuer.example:8443".to_owned(),
        secret: "0123456789abcdef".to_owned(),
        issuer_key: *ISSUER_KEY,
        tls_pin: Some("ab".repeat(32)),
    };
    let plain = ["X1", "  K7QX-3MPA-9TZD-WH4E\r\n", "Zo\u{eb} 42"].map(str::to_owned);
    let signed = [
        &SIGNED.badges,
        &SIGNED.staff,
        &SIGNED.time_codes,
        &SIGNED.tickets,
    ];
    plain
        .into_iter()
        .chain(signed.into_iter().flatten().cloned())
        .chain([claim.to_text()])
        .map(String::into_bytes)
        .collect()
}

/// A text as a reader hands it on.
pub(super) fn text(input: &[u8]) -> Answer {
    let Ok(whole) = std::str::from_utf8(input) else {
        return Answer::Refused("no text".to_owned());
    };
    let claimed = Claim::parse(whole);
    if claimed.is_ok() && whole.len() > MAX_CLAIM_BYTES {
        return Answer::Contradicts("a claim is longer than claims are".to_owned());
    }
    let text = match canonical(whole) {
        Err(error) => return Answer::Refused(error.to_string()),
        Ok(text) => text,
    };
    match of_canonical(text, whole) {
        Err(contradiction) => Answer::Contradicts(contradiction),
        Ok(kinds) if kinds.is_empty() => Answer::Taken("opaque".to_owned()),
        Ok(kinds) => {
            let holds = kinds.iter().filter(|kind| kind.why_not.is_none());
            if holds.count() > 1 {
                return Answer::Contradicts(format!("it is {kinds:?} at once"));
            }
            let said = kinds
                .iter()
                .map(|kind| format!("{} {:?} ", kind.name, kind.why_not));
            Answer::Taken(said.collect())
        }
    }
}

/// What a text is, or means to be and is not.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    why_not: Option<String>,
}

/// All that a canonical text means to be.
fn of_canonical(text: &str, whole: &str) -> Result<Vec<Kind>, String> {
    if canonical(text) != Ok(text) {
        return Err(format!("the canonical text of {text:?} is another"));
    }
    if text.len() > MAX_BADGE_BYTES || text.contains(char::is_control) || !whole.contains(text) {
        return Err(format!("{text:?} is no part of what was read, or no badge"));
    }
    let key = BadgeKey::from_bytes([7; 32]);
    if key.digest(text) != key.digest(canonical(whole).unwrap_or_default()) {
        return Err("one badge has two digests".to_owned());
    }
    let mut kinds = Vec::new();
    let mut kind = |name, said: Result<bool, String>| {
        if said == Ok(false) {
            return Err(format!("a {name} holds that nobody made"));
        }
        let why_not = said.err();
        kinds.push(Kind { name, why_not });
        Ok(())
    };
    let is_one = |signed: &[String]| signed.iter().any(|signed| signed == text);
    if signed_badge::is_signed_badge(text) {
        let opened = signed_badge::open(text, &EVENT, &ISSUER_KEY);
        let said = opened.map(|_| is_one(&SIGNED.badges));
        kind("badge", said.map_err(|error| error.to_string()))?;
    }
    if staff_badge::is_staff_badge(text) {
        let opened = staff_badge::open(text, &EVENT, &ISSUER_KEY);
        let said = opened.map(|_| is_one(&SIGNED.staff));
        kind("staff badge", said.map_err(|error| error.to_string()))?;
    }
    if time_code::is_time_code(text) {
        let opened = time_code::open(text, &ISSUER_KEY);
        if opened.is_ok_and(|opened| time_code::read(text) != Some(opened)) {
            return Err("a time code says two things".to_owned());
        }
        let said = opened.map(|_| is_one(&SIGNED.time_codes));
        kind("time code", said.map_err(|error| error.to_string()))?;
    }
    // Any text may be a ticket; that most are none says nothing.
    match ticket::open(text, &TICKET_KEYS) {
        Err(ticket::TicketError::NotOne) => {}
        opened => {
            let said = opened.map(|_| is_one(&SIGNED.tickets));
            kind("ticket", said.map_err(|error| error.to_string()))?;
        }
    }
    if text.starts_with(CLAIM_PREFIX) {
        let said = Claim::parse(text).map(|claim| {
            // A claim is a secret and is not shown.
            Claim::parse(&claim.to_text()).is_ok_and(|again| again == claim)
        });
        kind("claim", said.map_err(|error| error.to_string()))?;
    }
    Ok(kinds)
}

pub(super) fn payloads() -> Vec<Vec<u8>> {
    vec![
        b"\x0a\x02ab\x10\x07\x28\x05\x30\x80\x01".to_vec(),
        b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(),
        b"\x0a\x09K13ZtB8xa\x10\x92\x08(\xf0\xc8\x8f\xd8\x060\x80\xc6\x91\xd8\x06".to_vec(),
    ]
}

/// A payload that is signed, whatever it says.
pub(super) fn payload(input: &[u8]) -> Answer {
    use ticket::TicketError;
    let payload = &input[..input.len().min(400)];
    let text = signed_ticket(payload);
    let opened = ticket::open(&text, &TICKET_KEYS);
    if opened == ticket::open(&text, &TICKET_KEYS[..1]) {
        return Answer::Contradicts("it says the same to who does not know the key".to_owned());
    }
    match opened {
        Err(TicketError::Malformed) => Answer::Refused("malformed".to_owned()),
        Err(error) => Answer::Contradicts(format!("it is signed, and {error}")),
        Ok(says) => {
            let bounds = [says.valid_from, says.valid_until];
            let is_time = |at: &UtcMs| at.0 > 0 && *at <= UtcMs::DISTANT_FUTURE;
            if bounds.iter().flatten().all(is_time) {
                Answer::Taken(format!("{:?}", bounds.map(|bound| bound.is_some())))
            } else {
                Answer::Contradicts(format!("it holds {bounds:?}"))
            }
        }
    }
}

pub(super) fn validities() -> Vec<Vec<u8>> {
    let bounds = |from: i64, until: i64| [from.to_be_bytes(), until.to_be_bytes()].concat();
    vec![
        [bounds(NINE.0, NINE.0 + MINUTE_MS), vec![1, 2, 3]].concat(),
        bounds(0, 257_698_037_700_000),
    ]
}

/// A badge that is made with any bounds says them again in whole minutes, and nothing shorter; and not once a character of it is another.
pub(super) fn validity(input: &[u8]) -> Answer {
    let Some(([from, until], rest)) = bounds_of(input) else {
        return Answer::Refused("no bounds".to_owned());
    };
    let validity = Validity { from, until };
    let mut serial = [0; SERIAL_BYTES];
    serial
        .iter_mut()
        .zip(rest)
        .for_each(|(to, byte)| *to = *byte);
    let Some(text) = signed_badge::make(&EVENT, validity, serial, &ISSUER) else {
        return Answer::Refused("out of time".to_owned());
    };
    if text.len() != signed_badge::BADGE_CHARS || canonical(&text) != Ok(text.as_str()) {
        return Answer::Contradicts(format!("{text} is no badge"));
    }
    let Ok(says) = signed_badge::open(&text, &EVENT, &ISSUER_KEY) else {
        return Answer::Contradicts(format!("{text} does not open"));
    };
    let is_near = |said: Option<UtcMs>, meant: Option<UtcMs>, later: bool| match (said, meant) {
        (None, None) => true,
        (Some(said), Some(meant)) => {
            let by_ms = if later {
                said.0 - meant.0
            } else {
                meant.0 - said.0
            };
            (0..MINUTE_MS).contains(&by_ms)
        }
        _ => false,
    };
    if !is_near(says.from, from, false) || !is_near(says.until, until, true) {
        return Answer::Contradicts(format!("made for {validity:?}, it says {says:?}"));
    }
    let at = rest
        .first()
        .map_or(5, |byte| usize::from(*byte) % text.len());
    let mut other = text.into_bytes();
    other[at] = if other[at] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8_lossy(&other);
    match signed_badge::open(&other, &EVENT, &ISSUER_KEY) {
        Ok(_) => Answer::Contradicts(format!("{other} opens as well")),
        Err(error) => Answer::Taken(error.to_string()),
    }
}

fn bounds_of(input: &[u8]) -> Option<([Option<UtcMs>; 2], &[u8])> {
    let (from, rest) = input.split_first_chunk::<8>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let bound = |bytes| Some(UtcMs(i64::from_be_bytes(bytes))).filter(|at| at.0 != 0);
    Some(([bound(*from), bound(*until)], rest))
}
