//! The sample conference: sessions of seconds, around now, and people with names in several scripts.

use chrono::{DateTime, Duration, SecondsFormat, Utc};

/// The event's id.
pub(crate) const EVENT: &str = "demo-2026";
/// The door the demo's kiosk stands at.
pub(crate) const DOOR: &str = "hall-door";
/// The room behind it.
pub(crate) const ROOM: &str = "hall";
/// The programme the sessions belong to.
pub(crate) const PROGRAMME: &str = "main-track";
/// The event's zone.
pub(crate) const ZONE: &str = "Europe/Berlin";
/// The issuer's name.
pub(crate) const ISSUER: &str = "demo.rollcall.example";

/// One attendee of the sample conference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    /// What the badge's code says.
    pub(crate) badge: &'static str,
    /// The name, as the certificate prints it.
    pub(crate) name: &'static str,
    /// The language of their screen, as a BCP 47 tag.
    pub(crate) language: &'static str,
}

const fn person(badge: &'static str, name: &'static str, language: &'static str) -> Person {
    Person {
        badge,
        name,
        language,
    }
}

/// The attendees.
pub(crate) const PEOPLE: &[Person] = &[
    person("K7QX-2M4P-9TZR", "Ada Lindqvist", "en"),
    person("B3WD-8N6H-5CYV", "Jürgen Groß", "de"),
    person("R9FE-4J2S-7GXK", "Zoë O’Neill", "en"),
    person("T5MA-6P8Q-3LDW", "Łukasz Wiśniewski", "en"),
    person("H2VC-9X7B-4NRF", "Ngozi Okonkwo", "en"),
    person("P8YG-3K5T-6SJE", "Δήμητρα Παπαδοπούλου", "en"),
    person("D4ZN-7L9M-2QHC", "Сергей Иванов", "en"),
    person("X6RB-5W3F-8VPT", "María José Carreño Quiñones", "en"),
    person("J9CK-2H4G-6MYD", "Anneliese Müller-Lüdenscheidt", "de"),
    person("S3TX-8E6R-5BWN", "Fatima al-Fihri", "en"),
    person("V7LQ-4D2P-9KZH", "Þóra Sigurðardóttir", "en"),
    person("M5JF-6Y8C-3GXA", "Tom Baker", "en"),
];

/// When the sessions are.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Id, title, start and end of each session, by start.
    pub(crate) sessions: Vec<(String, &'static str, DateTime<Utc>, DateTime<Utc>)>,
}

const TITLES: [&str; 4] = [
    "Opening: what evidence is",
    "Clocks that lie, and how to live with them",
    "Audits without fear",
    "Closing discussion",
];

impl Plan {
    /// Sessions of one length, one after the other with a break between them.
    pub(crate) fn new(
        first: DateTime<Utc>,
        count: usize,
        length: Duration,
        pause: Duration,
    ) -> Self {
        let mut sessions = Vec::with_capacity(count);
        let mut start = first;
        for (number, title) in TITLES.iter().cycle().take(count).enumerate() {
            sessions.push((format!("s{}", number + 1), *title, start, start + length));
            start = start + length + pause;
        }
        Self { sessions }
    }

    /// The agenda in the issuer's CSV.
    pub(crate) fn agenda_csv(&self) -> String {
        let mut csv =
            "session,title,room,room_title,start,end,programme,kind,credit_value\n".to_owned();
        let instant = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        for (id, title, start, end) in &self.sessions {
            csv.push_str(&format!(
                "{id},\"{title}\",{ROOM},Great Hall,{},{},{PROGRAMME},talk,\n",
                instant(start),
                instant(end)
            ));
        }
        csv
    }
}

/// The registrations in the issuer's CSV.
pub(crate) fn registrations_csv() -> String {
    let mut csv =
        "badge,name,email,organisation,language,valid_from,valid_until,status\n".to_owned();
    for Person {
        badge,
        name,
        language,
    } in PEOPLE
    {
        csv.push_str(&format!("{badge},\"{name}\",,,{language},,,active\n"));
    }
    csv
}

/// The demo's rule set: five seconds a credit, four fifths of each session needed.
pub(crate) const RULES: &str = r#"# The demo's own rules: sessions last seconds here, so a credit takes seconds too.
format = "rollcall-rules/1"
name = "Demo: 5 seconds a credit"
seconds_per_credit = "5"
step = "0.5"
rounding = "down"
scope = "programme"
threshold = { share = "0.8" }
met_awards = "scheduled"
below_threshold = "actual"
grace_in_s = 1
grace_out_s = 1
missing_check_out = "session_end"
missing_check_in = "none"
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_rules_are_a_rule_set() {
        assert_eq!(protocol::rules::parse(RULES).unwrap().credit_unit_ms, 5_000);
    }

    #[test]
    fn badges_are_each_their_own() {
        let badges: std::collections::BTreeSet<_> = PEOPLE.iter().map(|p| p.badge).collect();
        assert_eq!(badges.len(), PEOPLE.len());
    }
}
