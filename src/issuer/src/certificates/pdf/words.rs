//! The fixed words of a certificate.

/// One language's words.
#[derive(Debug)]
pub(super) struct Words {
    /// The tag that goes with them; parts of the page in other words carry the view's.
    pub(super) language: &'static str,
    pub(super) title: &'static str,
    pub(super) certifies: &'static str,
    pub(super) attended: &'static str,
    pub(super) sessions: &'static str,
    pub(super) session: &'static str,
    pub(super) when: &'static str,
    pub(super) minutes: &'static str,
    pub(super) verify: &'static str,
    pub(super) certificate: &'static str,
    pub(super) issued: &'static str,
    pub(super) rules: &'static str,
    pub(super) page: &'static str,
    pub(super) of: &'static str,
    pub(super) qr: &'static str,
}

static ENGLISH: Words = Words {
    language: "en",
    title: "Certificate of Attendance",
    certifies: "This is to certify that",
    attended: "took part in",
    sessions: "Sessions attended",
    session: "Session",
    when: "Date and time",
    minutes: "Minutes",
    verify: "Verify this certificate",
    certificate: "Certificate",
    issued: "Issued",
    rules: "Rules",
    page: "Page",
    of: "of",
    qr: "QR code leading to",
};

static GERMAN: Words = Words {
    language: "de",
    title: "Teilnahmebescheinigung",
    certifies: "Hiermit wird bescheinigt, dass",
    attended: "teilgenommen hat an",
    sessions: "Besuchte Veranstaltungen",
    session: "Veranstaltung",
    when: "Datum und Uhrzeit",
    minutes: "Minuten",
    verify: "Bescheinigung prüfen",
    certificate: "Bescheinigung",
    issued: "Ausgestellt",
    rules: "Regelwerk",
    page: "Seite",
    of: "von",
    qr: "QR-Code, führt zu",
};

impl Words {
    /// The words for a language tag; English where there are no others.
    pub(super) fn for_language(tag: &str) -> &'static Self {
        let language = tag.split('-').next().unwrap_or_default();
        if language.eq_ignore_ascii_case("de") {
            &GERMAN
        } else {
            &ENGLISH
        }
    }
}
