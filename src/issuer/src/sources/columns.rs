//! The columns of our CSV files, as data: readers, templates, `--help` and the documentation all stand on these tables.

/// What a CSV file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// Sessions and rooms.
    Agenda,
    /// People and their badges.
    Registrations,
}

/// One column of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name in the header; letter case and outer spaces do not matter, nor does the order of columns.
    pub name: &'static str,
    /// Whether the column must be there and filled in every row.
    pub required: bool,
    /// What goes in, in one or two sentences.
    pub meaning: &'static str,
    /// An example value.
    pub example: &'static str,
}

pub(super) const fn required(
    name: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Column {
    Column {
        name,
        required: true,
        meaning,
        example,
    }
}

pub(super) const fn optional(
    name: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Column {
    Column {
        name,
        required: false,
        meaning,
        example,
    }
}

/// Columns of an agenda, one session a row.
pub const AGENDA_COLUMNS: &[Column] = &[
    required(
        "session",
        "keynote-1",
        "Short id of the session: small letters a to z, digits and hyphens, at most 64. Keep it when the session moves; \
         a new id is a new session.",
    ),
    required(
        "title",
        "Trust and evidence",
        "Title as it appears on certificates.",
    ),
    required(
        "room",
        "main-hall",
        "Short id of the room, spelled as the doors know it: small letters, digits, hyphens.",
    ),
    optional(
        "room_title",
        "Main Hall",
        "The room's name for people; one row per room is enough. Default: the room's id.",
    ),
    required(
        "start",
        "2026-10-31T09:00",
        "Start in the event's time zone, or with an offset (2026-10-31T09:00-04:00, 2026-10-31T13:00Z).",
    ),
    required(
        "end",
        "2026-10-31T10:00",
        "End, written like the start and later than it.",
    ),
    optional(
        "programme",
        "main",
        "Id of the programme that credits the session. Default: the event's own programme.",
    ),
    optional(
        "kind",
        "talk",
        "Sort of session, an id that rules can refer to: talk, workshop, break. Default: talk.",
    ),
    optional(
        "credit_value",
        "1.5",
        "Credits stated for the session, a decimal number. Leave empty to have them computed from the minutes.",
    ),
    optional(
        "language",
        "en",
        "Language of the session, a tag such as en, de or pt-BR.",
    ),
];

/// Columns of a list of registrations, one badge a row.
pub const REGISTRATIONS_COLUMNS: &[Column] = &[
    required(
        "badge",
        "K7QX-3MPA-9TZD-WH4E",
        "The code in the badge's QR or barcode. It should be random and long (16 letters and digits or more): who can \
         guess it can open the attendee's row on a stolen door.",
    ),
    required(
        "name",
        "Zoë Łukasik",
        "Full name in any script, as it is to stand on the certificate.",
    ),
    optional(
        "email",
        "zoe@example.org",
        "E-mail address. Kept private: it is never sent to a door or printed.",
    ),
    optional(
        "organisation",
        "Example Audit Ltd",
        "Employer or association.",
    ),
    optional(
        "language",
        "en",
        "Language the attendee reads, a tag such as en, de or pt-BR.",
    ),
    optional(
        "valid_from",
        "2026-10-31",
        "The registration counts from here: a day, or a time written like a session's start. Default: always.",
    ),
    optional(
        "valid_until",
        "2026-11-02",
        "The registration counts until here: a day (which still counts whole), or a time. Default: always.",
    ),
    optional("status", "active", "active or cancelled. Default: active."),
];

const AGENDA_TEMPLATE: &str = "\
session,title,room,room_title,start,end,programme,kind,credit_value,language
keynote-1,\"Trust, risk and evidence\",main-hall,Main Hall,2026-10-31T09:00,2026-10-31T10:00,,talk,,en
workshop-1,Sampling in practice,room-2,Room 2,2026-10-31T10:30,2026-10-31T12:00,,workshop,1.5,de
";

const REGISTRATIONS_TEMPLATE: &str = "\
badge,name,email,organisation,language,valid_from,valid_until,status
K7QX-3MPA-9TZD-WH4E,Zoë Łukasik,zoe@example.org,Example Audit Ltd,en,,,active
R2VN-8CYB-4JFS-XK6T,María-José García,mj@example.org,\"García, Ruiz y Cía\",es,2026-10-31,2026-10-31,active
";

/// A file to start from: header and two example rows, read back by the same readers without a problem or a warning.
pub fn template(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Agenda => AGENDA_TEMPLATE,
        ImportKind::Registrations => REGISTRATIONS_TEMPLATE,
    }
}

/// The columns of a kind, in the order of its template.
pub fn columns(kind: ImportKind) -> &'static [Column] {
    match kind {
        ImportKind::Agenda => AGENDA_COLUMNS,
        ImportKind::Registrations => REGISTRATIONS_COLUMNS,
    }
}

/// The columns of a kind as text for `--help`, one paragraph a column.
pub fn describe(kind: ImportKind) -> String {
    describe_columns(columns(kind))
}

/// Columns as text for `--help`, one paragraph a column.
pub fn describe_columns(columns: &[Column]) -> String {
    let mut text = String::new();
    for column in columns {
        let need = if column.required {
            "required"
        } else {
            "optional"
        };
        text.push_str(&format!(
            "{} ({need}, e.g. {})\n    {}\n",
            column.name, column.example, column.meaning
        ));
    }
    text
}
