//! The status page as HTML, written on the server so that it works without JavaScript.
//!
//! It shows nothing of any attendee. Every figure says as of when; past its limit it is marked stale. The
//! page's script only keeps the ages moving and swaps the fragment.

use attendance::time::Sync;
use chrono::{TimeZone as _, Utc};
use chrono_tz::Tz;
use protocol::entry::ReaderState;

use super::view::{
    Alarm, Backlog, ClockStatus, Dated, DeviceRow, DeviceStanding, DiskStatus, GpioStatus,
    LastRead, RECENT_SCANS_MAX, ReaderStatus, SILENT_AFTER_MS, STALE_AFTER_MS, ScanRow, State,
    Status, SyncAttempt, SyncOutcome,
};

/// Text for HTML, in elements and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// HTML in the making. Only text from this program's source goes in unescaped.
struct Html {
    out: String,
    time_zone: Tz,
    now_ms: i64,
}

impl Html {
    fn raw(&mut self, html: &'static str) -> &mut Self {
        self.out.push_str(html);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.out.push_str(&escape(text));
        self
    }

    /// A sentence in a table, which may take several lines.
    fn say(&mut self, text: &str) -> &mut Self {
        self.raw("<span class=\"say\">").text(text).raw("</span>")
    }

    /// "4 min ago (10:02:11)": the fact first. The script keeps the age moving.
    fn ago(&mut self, at_ms: i64) -> &mut Self {
        let age = age(self.now_ms.saturating_sub(at_ms));
        self.raw("<span class=\"age\" data-at=\"")
            .text(&at_ms.to_string())
            .raw("\">")
            .text(&age)
            .raw("</span> <span class=\"at\">(")
            .time(at_ms)
            .raw(")</span>")
    }

    /// "since 10:02:11 (4 min ago)".
    fn since(&mut self, at_ms: i64) -> &mut Self {
        let age = age(self.now_ms.saturating_sub(at_ms));
        self.raw("since ")
            .time(at_ms)
            .raw(" (<span class=\"age\" data-at=\"")
            .text(&at_ms.to_string())
            .raw("\">")
            .text(&age)
            .raw("</span>)")
    }

    /// The time of day in the event's zone, with the date when it is not within half a day.
    fn time(&mut self, at_ms: i64) -> &mut Self {
        let shown = self.time_zone.timestamp_millis_opt(at_ms).single();
        let exact = Utc.timestamp_millis_opt(at_ms).single();
        let (Some(shown), Some(exact)) = (shown, exact) else {
            return self.text("no time");
        };
        let near = self.now_ms.abs_diff(at_ms) < 12 * 3_600_000;
        let format = if near { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
        self.raw("<time datetime=\"")
            .text(&exact.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
            .raw("\">")
            .text(&shown.format(format).to_string())
            .raw("</time>")
    }

    /// Attributes of something that goes stale, and its class.
    fn dated(&mut self, class: &'static str, at_ms: i64) -> &mut Self {
        let stale = self.now_ms.saturating_sub(at_ms) > STALE_AFTER_MS;
        self.raw(" class=\"").raw(class);
        if stale {
            self.raw(" stale");
        }
        self.raw("\" data-stale-at=\"")
            .text(&at_ms.saturating_add(STALE_AFTER_MS).to_string())
            .raw("\"")
    }

    fn as_of(&mut self, at_ms: i64) -> &mut Self {
        self.raw("<p class=\"asof\"><span class=\"stale-word\">stale: </span>as of ")
            .ago(at_ms)
            .raw("</p>")
    }

    fn row(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.raw("<dt>")
            .raw(name)
            .raw("</dt><dd>")
            .text(value)
            .raw("</dd>")
    }

    fn badge(&mut self, tone: &'static str, word: &'static str) -> &mut Self {
        self.raw("<span class=\"badge ")
            .raw(tone)
            .raw("\">")
            .raw(word)
            .raw("</span>")
    }
}

/// The whole page around a fragment; `fragment` is HTML from [`fragment`].
#[must_use]
pub fn page(fragment: &str, beat_ms: u64, now_ms: i64) -> String {
    include_str!("assets/staff.html")
        .replace("{beat_ms}", &beat_ms.to_string())
        .replace("{now_ms}", &now_ms.to_string())
        .replace("{main}", fragment)
}

/// What changes: the contents of the page's `main`. `devices` is what is attached, where somebody could look.
#[must_use]
pub fn fragment(
    status: &Status,
    devices: Option<&Dated<Vec<DeviceRow>>>,
    time_zone: Tz,
    now_ms: i64,
) -> String {
    let mut html = Html {
        out: String::with_capacity(16 * 1024),
        time_zone,
        now_ms,
    };
    standing(&mut html, status);
    alarms(&mut html, &status.alarms);
    html.raw("<div class=\"cards\">");
    queue(&mut html, &status.backlog);
    issuer(&mut html, status);
    clock(&mut html, &status.clock);
    disk(&mut html, &status.disk);
    versions(&mut html, status);
    html.raw("</div>");
    readers(&mut html, status.as_of_ms, &status.readers);
    if let Some(devices) = devices {
        attached(&mut html, devices);
    }
    if let Some(board) = &status.gpio {
        gpio(&mut html, status.as_of_ms, board);
    }
    scans(&mut html, status);
    html.out
}

/// A state's colour, word and the next step for staff.
fn words(state: State, enrolled: bool) -> (&'static str, &'static str, &'static str) {
    match state {
        State::NotRecording if !enrolled => (
            "bad",
            "Not set up",
            "Scan the set-up code from the organiser at this door. Until then nothing is recorded.",
        ),
        State::NotRecording => (
            "bad",
            "Not recording",
            "Send people to another door now, then follow the alarm below.",
        ),
        State::ClockUnset => (
            "bad",
            "Clock unset",
            "Connect the kiosk to its network, or scan a time code from an organiser's phone.",
        ),
        State::QueueGrowing => (
            "warn",
            "Queue growing",
            "Entries are safe here but leave too slowly. Check the network at this door.",
        ),
        State::Silent => (
            "warn",
            "Silent",
            "The issuer does not answer. Scans are recorded and wait here. Check the network.",
        ),
        State::Draining => (
            "busy",
            "Draining",
            "Nothing to do. The queue is on its way out.",
        ),
        State::Recording => ("good", "Recording", "Nothing to do."),
    }
}

fn standing(html: &mut Html, status: &Status) {
    let (tone, word, next_step) = words(status.standing.state, status.enrolment.is_some());
    html.raw("<section aria-labelledby=\"state\"")
        .dated("standing", status.as_of_ms)
        .raw(" data-tone=\"")
        .raw(tone)
        .raw("\"><div><h1 id=\"state\">")
        .raw(word)
        .raw("</h1><p>")
        .since(status.standing.since_ms)
        .raw("</p></div><div class=\"step\"><p><strong>Next step:</strong> ")
        .raw(next_step)
        .raw("</p>")
        .as_of(status.as_of_ms)
        .raw("</div></section>");
}

fn alarms(html: &mut Html, alarms: &[Alarm]) {
    if alarms.is_empty() {
        return;
    }
    html.raw(
        "<section class=\"alarms\" aria-labelledby=\"alarms\"><h2 id=\"alarms\">Alarms</h2><ul>",
    );
    for alarm in alarms {
        html.raw("<li><strong class=\"badge bad\">")
            .text(&alarm.code)
            .raw("</strong> <span>")
            .since(alarm.since_ms)
            .raw("</span> <span class=\"do\">")
            .text(&alarm.next_step)
            .raw("</span></li>");
    }
    html.raw("</ul></section>");
}

fn card(html: &mut Html, title: &'static str, as_of_ms: i64) {
    html.raw("<section")
        .dated("card", as_of_ms)
        .raw("><h2>")
        .raw(title)
        .raw("</h2>");
}

fn queue(html: &mut Html, backlog: &Dated<Backlog>) {
    let value = &backlog.value;
    card(html, "Waiting to be sent", backlog.as_of_ms);
    html.raw("<p class=\"fact\">")
        .text(&grouped(value.entries))
        .raw(" waiting</p><dl>");
    let oldest = value
        .oldest_age_ms
        .map_or("none".to_owned(), |ms| span(ms / 1000));
    html.row("Oldest", &oldest);
    let trend = match value.trend_5min {
        0 => "steady".to_owned(),
        more @ 1.. => format!("{} more", grouped(more.unsigned_abs())),
        fewer => format!("{} fewer", grouped(fewer.unsigned_abs())),
    };
    html.row("Last 5 minutes", &trend);
    let drain = match value.drain_s {
        _ if value.entries == 0 => "empty".to_owned(),
        Some(seconds) => format!("about {}", span(seconds)),
        None => "cannot be said".to_owned(),
    };
    html.row("Empty in", &drain)
        .raw("</dl>")
        .as_of(backlog.as_of_ms)
        .raw("</section>");
}

fn issuer(html: &mut Html, status: &Status) {
    card(html, "Issuer", status.as_of_ms);
    html.raw("<p class=\"fact\">");
    match status.last_heard_ms {
        Some(at) => {
            html.raw("heard ").ago(at);
            if html.now_ms.saturating_sub(at) > SILENT_AFTER_MS {
                html.raw(" ").badge("warn", "silent");
            }
        }
        None => {
            html.raw("never heard");
        }
    }
    html.raw("</p><dl><dt>Last attempt</dt><dd>");
    match &status.last_sync {
        Some(attempt) => attempted(html, attempt),
        None => {
            html.raw("none yet");
        }
    }
    html.raw("</dd><dt>Last receipt</dt><dd>");
    match &status.last_receipt {
        Some(receipt) => html
            .ago(receipt.at_ms)
            .raw(", up to ")
            .text(&grouped(receipt.size))
            .raw(" entries"),
        None => html.raw("none yet"),
    };
    html.raw("</dd></dl>")
        .as_of(status.as_of_ms)
        .raw("</section>");
}

fn attempted(html: &mut Html, attempt: &SyncAttempt) {
    let (tone, word) = match attempt.outcome {
        SyncOutcome::Ok => ("good", "answered"),
        SyncOutcome::Unreachable => ("warn", "unreachable"),
        SyncOutcome::NotOurIssuer => ("bad", "not our issuer"),
        SyncOutcome::Refused => ("bad", "refused"),
    };
    html.ago(attempt.at_ms).raw(" ").badge(tone, word);
    if let Some(code) = &attempt.code {
        html.raw(" <code>").text(code).raw("</code>");
    }
}

fn clock(html: &mut Html, clock: &Dated<ClockStatus>) {
    let value = &clock.value;
    card(html, "Clock", clock.as_of_ms);
    let (tone, word) = match value.sync {
        Sync::Synced => ("good", "synced"),
        Sync::Holdover => ("warn", "holdover"),
        Sync::Unset => ("bad", "unset"),
    };
    html.raw("<p class=\"fact\">")
        .badge(tone, word)
        .raw("</p><dl>");
    let error = value.error_ms.map_or("unknown".to_owned(), |ms| {
        format!("at most {} ms", grouped(ms))
    });
    html.row("Error", &error);
    html.row(
        "Tied to the issuer",
        match (value.anchored, value.by_time_code) {
            (true, _) => "yes",
            (false, true) => "by a time code",
            (false, false) => "not in this boot",
        },
    );
    let offset = value.offset_ms.map_or("unknown".to_owned(), |ms| {
        let sign = if ms < 0 { "\u{2212}" } else { "+" };
        format!("{sign}{} ms", grouped(ms.unsigned_abs()))
    });
    html.row("Issuer minus kiosk", &offset)
        .raw("</dl>")
        .as_of(clock.as_of_ms)
        .raw("</section>");
}

fn disk(html: &mut Html, disk: &Dated<DiskStatus>) {
    card(html, "Disk", disk.as_of_ms);
    html.raw("<p class=\"fact\">")
        .text(&bytes(disk.value.free_bytes))
        .raw(" free</p><dl>")
        .row("Journal", &bytes(disk.value.journal_bytes))
        .raw("</dl>")
        .as_of(disk.as_of_ms)
        .raw("</section>");
}

fn versions(html: &mut Html, status: &Status) {
    let versions = &status.versions.value;
    card(html, "This kiosk", status.versions.as_of_ms);
    match &status.enrolment {
        Some(enrolment) => html
            .raw("<p class=\"fact\">")
            .text(&enrolment.door)
            .raw("</p><dl>")
            .row("Event", &enrolment.event)
            .row("Kiosk", &enrolment.kiosk_id),
        None => html.raw("<p class=\"fact\">not enrolled</p><dl>"),
    };
    html.row("Software", &versions.software);
    match (versions.bundle_sequence, versions.bundle_issued_ms) {
        (Some(sequence), Some(issued)) => {
            html.raw("<dt>Bundle</dt><dd>no. ")
                .text(&grouped(sequence))
                .raw(", ")
                .ago(issued)
                .raw("</dd>");
        }
        _ => {
            html.row("Bundle", "none");
        }
    }
    if let Some(expires) = versions.bundle_expires_ms {
        html.raw("<dt>Expires</dt><dd>").ago(expires).raw("</dd>");
    }
    html.raw("</dl>")
        .as_of(status.versions.as_of_ms)
        .raw("</section>");
}

fn readers(html: &mut Html, as_of_ms: i64, readers: &[ReaderStatus]) {
    html.raw("<section")
        .dated("card wide", as_of_ms)
        .raw("><h2>Readers</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Readers\"><table><thead><tr>")
        .raw("<th scope=\"col\">Reader</th><th scope=\"col\">Kind</th><th scope=\"col\">State</th>")
        .raw("<th scope=\"col\">Last event</th>")
        .raw("<th scope=\"col\">Last code</th><th scope=\"col\">Refused</th></tr></thead><tbody>");
    let mut worst_first: Vec<_> = readers
        .iter()
        .map(|reader| (marked(reader), reader))
        .collect();
    worst_first.sort_by_key(|((rank, ..), _)| *rank);
    for ((_, tone, word), reader) in worst_first {
        html.raw("<tr><th scope=\"row\">")
            .text(&reader.name)
            .raw("</th><td>")
            .text(&reader.kind)
            .raw("</td><td>")
            .badge(tone, word)
            .raw(" ")
            .since(reader.since_ms);
        if let Some(why) = &reader.why {
            html.say(why);
        }
        html.raw("</td><td>");
        match reader.last_event_ms {
            Some(at) => html.ago(at),
            None => html.raw("none yet"),
        };
        html.raw("</td><td>");
        last_read(html, reader.last_read.as_ref());
        html.raw("</td><td>").text(&refused(reader));
        if let Some(advice) = &reader.advice {
            html.say(advice);
        }
        html.raw("</td></tr>");
    }
    if readers.is_empty() {
        html.raw("<tr><td colspan=\"6\">No reader is configured.</td></tr>");
    }
    html.raw("</tbody></table></div><p class=\"note\">Codes are shown by the kinds of their characters: ")
        .raw("<code>A</code> a large letter, <code>a</code> a small one, <code>9</code> a digit, <code>#</code> a sign, ")
        .raw("<code>Ä</code> any other letter. To see characters, stop the kiosk and run ")
        .raw("<code>rollcall-kiosk doctor --try</code>.</p>")
        .as_of(as_of_ms)
        .raw("</section>");
}

fn last_read(html: &mut Html, read: Option<&LastRead>) {
    let Some(read) = read else {
        html.raw("none yet");
        return;
    };
    html.raw("<code>")
        .text(&read.kinds)
        .raw("</code><br>")
        .text(&match read.characters {
            1 => "1 character".to_owned(),
            count => format!("{count} characters"),
        });
    if let Some(symbology) = &read.symbology {
        html.raw(", ").text(symbology);
    }
    html.raw("<br>").ago(read.at_ms);
}

fn attached(html: &mut Html, devices: &Dated<Vec<DeviceRow>>) {
    html.raw("<section")
        .dated("card wide", devices.as_of_ms)
        .raw("><h2>Attached</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Attached\"><table><thead><tr>")
        .raw("<th scope=\"col\">Device</th><th scope=\"col\">Used</th><th scope=\"col\">As</th></tr></thead><tbody>");
    let mut worst_first: Vec<_> = devices.value.iter().collect();
    worst_first.sort_by_key(|row| row.standing);
    for row in worst_first {
        html.raw("<tr><th scope=\"row\">")
            .say(&row.device)
            .raw("</th><td>");
        match row.standing {
            DeviceStanding::Blocked => html.badge("bad", "cannot be"),
            DeviceStanding::Unread => html.badge("warn", "not used"),
            DeviceStanding::Read => html.badge("good", "used"),
            DeviceStanding::Other => html.raw("not used"),
        };
        html.raw("</td><td>").say(&row.note).raw("</td></tr>");
    }
    if devices.value.is_empty() {
        html.raw("<tr><td colspan=\"3\">Nothing that could be a reader is attached.</td></tr>");
    }
    html.raw("</tbody></table></div>")
        .as_of(devices.as_of_ms)
        .raw("</section>");
}

fn gpio(html: &mut Html, as_of_ms: i64, board: &GpioStatus) {
    card(html, "Lights and switches", as_of_ms);
    html.raw("<dl>");
    for lines in &board.lines {
        let name = if lines.lines == "outputs" {
            "Lights, buzzer, relays"
        } else {
            "Button, tamper switches"
        };
        html.raw("<dt>").raw(name).raw("</dt><dd>");
        match (&lines.trouble, lines.state.as_str()) {
            (None, "working") => html.badge("good", "working"),
            (None, _) => html.badge("warn", "starting"),
            (Some(trouble), _) => html.badge("bad", "not working").raw(" ").text(trouble),
        };
        html.raw("</dd>");
    }
    for tamper in &board.tampers {
        html.raw("<dt>Tamper switch ")
            .text(&tamper.name)
            .raw("</dt><dd>");
        if tamper.open {
            html.badge("bad", "open");
        } else {
            html.badge("good", "closed");
        }
        html.raw(" ").since(tamper.since_ms).raw("</dd>");
    }
    html.raw("</dl>").as_of(as_of_ms).raw("</section>");
}

/// A reader's rank, worst first, its colour and its word.
fn marked(reader: &ReaderStatus) -> (u8, &'static str, &'static str) {
    match reader.state {
        ReaderState::Lost => (0, "bad", "lost"),
        ReaderState::Stalled => (1, "bad", "stalled"),
        ReaderState::Flooding => (2, "warn", "flooding"),
        ReaderState::Attached => (3, "good", "ready"),
    }
}

fn refused(reader: &ReaderStatus) -> String {
    let counted = reader.rejected.iter().filter(|(_, count)| **count > 0);
    let parts: Vec<String> = counted
        .map(|(reason, count)| format!("{} {reason}", grouped(*count)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

fn scans(html: &mut Html, status: &Status) {
    html.raw("<section")
        .dated("card wide", status.as_of_ms)
        .raw("><h2>Last scans</h2><p>Last scan ");
    match status.last_scan_ms {
        Some(at) => html.ago(at),
        None => html.raw("none yet"),
    };
    html.raw("</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Last scans\"><table><thead><tr>")
        .raw("<th scope=\"col\">Time</th><th scope=\"col\">Reader</th><th scope=\"col\">Verdict</th>")
        .raw("<th scope=\"col\">Entry</th><th scope=\"col\">Code</th></tr></thead><tbody>");
    for scan in status.scans.iter().take(RECENT_SCANS_MAX) {
        scan_row(html, scan);
    }
    if status.scans.is_empty() {
        html.raw("<tr><td colspan=\"5\">No scan yet.</td></tr>");
    }
    html.raw("</tbody></table></div>")
        .as_of(status.as_of_ms)
        .raw("</section>");
}

fn scan_row(html: &mut Html, scan: &ScanRow) {
    html.raw("<tr><td>")
        .time(scan.at_ms)
        .raw("</td><td>")
        .text(&scan.reader)
        .raw("</td><td>")
        .text(&scan.verdict.as_str().replace('_', " "))
        .raw("</td><td>")
        .text(&scan.entry.to_string())
        .raw("</td><td>");
    match &scan.short_code {
        Some(code) => html.raw("<code>").text(code).raw("</code>"),
        None => html.raw("<span aria-label=\"none\">\u{2013}</span>"),
    };
    html.raw("</td></tr>");
}

/// "4 min ago", or "in 4 min" for what is to come. The script of the page says the same.
fn age(ms: i64) -> String {
    let text = span(ms.unsigned_abs() / 1000);
    if ms >= 0 {
        format!("{text} ago")
    } else {
        format!("in {text}")
    }
}

/// "42 s", "4 min", "2 h 5 min", "3 days".
fn span(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..172_800 if minutes % 60 == 0 => format!("{hours} h"),
        3600..172_800 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} days", hours / 24),
    }
}

/// 12408 is "12,408".
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "12.4 GB", decimal units as on a card's label.
fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    for (size, unit) in UNITS {
        if count >= size {
            // Rounded down: free space is never overstated.
            return format!("{}.{} {unit}", count / size, count % size / (size / 10));
        }
    }
    format!("{count} bytes")
}

#[cfg(test)]
#[path = "staff_tests.rs"]
mod tests;
