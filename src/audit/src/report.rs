//! What was checked, how often, and where it first failed.

use serde::{Deserialize, Serialize};

/// The version of the report's JSON.
pub const VERSION: u32 = 1;
/// How many notes a report holds at most.
pub const MAX_NOTES: usize = 200;

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything it looked at holds.
    Ok,
    /// Something does not.
    Failed,
    /// Some or all of it could not be checked.
    NotChecked,
}

/// Where something does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The log's origin, where it is in one.
    pub log: Option<String>,
    /// The entry's index there.
    pub index: Option<u64>,
    /// The file.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, one of [`Name`].
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How many things it looked at.
    pub count: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many could not be checked.
    pub not_checked: u64,
    /// What it says, in one line.
    pub detail: String,
    /// Where it first failed.
    pub first_failure: Option<Place>,
}

/// What a report comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything verifies.
    Verified,
    /// Something does not.
    Failed,
    /// Nothing failed, and not everything could be checked.
    Partly,
    /// This is no archive.
    Malformed,
}

impl Verdict {
    /// The exit code that goes with it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Failed => 1,
            Self::Partly => 3,
            Self::Malformed => 4,
        }
    }
}

/// A receipt beside a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BracketLine {
    /// The issuer's time, an instant.
    pub time: String,
    /// How many entries it covers.
    pub covers: u64,
    /// The index at which the kiosk journalled it; absent where only the archive's checkpoint has it.
    pub journalled_at: Option<u64>,
}

/// A scan with what bounds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanLine {
    /// The log's origin.
    pub log: String,
    /// The entry's index.
    pub index: u64,
    /// Not before, an instant.
    pub earliest: String,
    /// Not after, an instant.
    pub latest: String,
    /// How that is known.
    pub quality: String,
    /// The receipt that proves not-before.
    pub not_before: Option<BracketLine>,
    /// The receipt that proves not-after.
    pub not_after: Option<BracketLine>,
}

/// Which keys everything was checked under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The issuer's name.
    pub issuer: String,
    /// The issuer's key in base64.
    pub issuer_key: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Whether the key was given from outside; otherwise it is the archive's own word.
    pub given: bool,
}

/// All that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub v: u32,
    /// What it comes to.
    pub verdict: Verdict,
    /// How many entries were read, over all logs.
    pub entries: u64,
    /// Under which keys.
    pub trust: Trust,
    /// The checks, in the order in which they are made.
    pub checks: Vec<Check>,
    /// The first place at which the first failed check failed.
    pub broken_at: Option<Place>,
    /// What a person should know beside the checks.
    pub notes: Vec<String>,
    /// The scans with their brackets, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scans: Vec<ScanLine>,
}

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = ($text:literal, $says:literal)),+ $(,)?) => {
        /// The checks there are, in the order in which they are reported.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Name { $($(#[$doc])* $variant),+ }

        impl Name {
            /// Every check.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The name as it stands in reports.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),+ } }
            /// What holds where it is ok.
            pub const fn says(self) -> &'static str { match self { $(Self::$variant => $says),+ } }
        }
    };
}

names! {
    /// The description.
    Archive = ("archive", "the description reads, and names this issuer's keys"),
    /// Entries against checkpoints.
    Logs = ("logs", "each log's entries hash to its checkpoint, signed by the log's key"),
    /// Other signatures on checkpoints.
    Cosignatures = ("cosignatures", "each further signature on a checkpoint is of a known key and verifies"),
    /// The ledger's entries.
    Ledger = ("ledger", "each ledger entry reads, and entry 0 is the event"),
    /// Journals' keys.
    Enrolment = ("enrolment", "each journal is of a kiosk that the ledger enrolled, under that key"),
    /// Batches the ledger took note of.
    KioskHeads = ("kiosk_heads", "each batch that the ledger accepted is a prefix of its journal"),
    /// Receipts in journals.
    Receipts = ("receipts", "each journalled receipt is signed by both and covers a true prefix"),
    /// Time exchanges in journals.
    Clocks = ("clocks", "each time answer is signed by the issuer"),
    /// Ledger heads in journals.
    LedgerHeads = ("ledger_heads", "each ledger head that a kiosk witnessed is a prefix of this ledger"),
    /// Entries without meaning.
    Quarantine = ("quarantine", "exactly the entries that do not read are quarantined"),
    /// Doors that scans name.
    Doors = ("doors", "each scan names the door at which its kiosk was enrolled"),
    /// Admitted branches.
    Branches = ("branches", "each branch contradicts its journal from its base on, is signed by the journal's key, and was admitted"),
    /// What reviewers closed.
    Cases = ("cases", "each case names a branch or late entries that are there, and each lost head is not in the ledger"),
    /// Objects and their names.
    Objects = ("objects", "each object hashes to its name"),
    /// Imports and rules.
    Sources = ("sources", "each import and rule set of the ledger is there and reads"),
    /// Decisions made again.
    Decisions = ("decisions", "each decision, made again from its basis, has the same bytes"),
    /// Certificates against decisions.
    Certificates = ("certificates", "each certificate says what its decision says"),
    /// Certificates' proofs.
    Proofs = ("proofs", "each certificate's proof leads to a head of this ledger, witnessed as it says"),
    /// Revocations.
    Revocations = ("revocations", "each revocation and retirement points at what is there"),
}

/// Collects what checks find.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    rows: std::collections::BTreeMap<Name, Row>,
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Default)]
struct Row {
    count: u64,
    failed: u64,
    not_checked: u64,
    first_failure: Option<Place>,
    first_gap: Option<String>,
}

impl Findings {
    /// One thing looked at holds.
    pub(crate) fn ok(&mut self, name: Name) {
        self.rows.entry(name).or_default().count += 1;
    }

    /// One thing looked at does not hold.
    pub(crate) fn fail(&mut self, name: Name, place: Place) {
        let row = self.rows.entry(name).or_default();
        row.count += 1;
        row.failed += 1;
        row.first_failure.get_or_insert(place);
    }

    /// One thing could not be checked.
    pub(crate) fn gap(&mut self, name: Name, reason: impl Into<String>) {
        let row = self.rows.entry(name).or_default();
        row.not_checked += 1;
        if row.first_gap.is_none() {
            row.first_gap = Some(reason.into());
        }
    }

    /// A result as one or the other.
    pub(crate) fn take(&mut self, name: Name, place: Place, result: Result<(), String>) {
        match result {
            Ok(()) => self.ok(name),
            Err(reason) => self.fail(name, Place { reason, ..place }),
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(text);
        }
    }

    pub(crate) fn report(self, entries: u64, trust: Trust, scans: Vec<ScanLine>) -> Report {
        let mut rows = self.rows;
        let checks: Vec<Check> = Name::ALL
            .iter()
            .map(|name| check(*name, rows.remove(name).unwrap_or_default()))
            .collect();
        let has = |outcome| checks.iter().any(|c| c.outcome == outcome);
        let verdict = if has(Outcome::Failed) {
            Verdict::Failed
        } else if has(Outcome::NotChecked) {
            Verdict::Partly
        } else {
            Verdict::Verified
        };
        Report {
            v: VERSION,
            verdict,
            entries,
            trust,
            broken_at: checks.iter().find_map(|c| c.first_failure.clone()),
            checks,
            notes: self.notes,
            scans,
        }
    }
}

fn check(name: Name, row: Row) -> Check {
    let outcome = if row.failed > 0 {
        Outcome::Failed
    } else if row.not_checked > 0 {
        Outcome::NotChecked
    } else {
        Outcome::Ok
    };
    let detail = match (&row.first_failure, &row.first_gap) {
        (Some(place), _) => place.reason.clone(),
        (None, Some(gap)) => gap.clone(),
        (None, None) if row.count == 0 => "nothing of the kind is in the archive".to_owned(),
        (None, None) => name.says().to_owned(),
    };
    Check {
        name: name.as_str().to_owned(),
        outcome,
        count: row.count,
        failed: row.failed,
        not_checked: row.not_checked,
        detail,
        first_failure: row.first_failure,
    }
}

/// The report on what is no archive.
pub fn malformed(path: &str, reason: String) -> Report {
    let mut findings = Findings::default();
    let place = Place {
        path: path.to_owned(),
        reason,
        ..Place::default()
    };
    findings.fail(Name::Archive, place);
    for name in Name::ALL.iter().filter(|n| **n != Name::Archive) {
        findings.gap(*name, "the archive does not read");
    }
    let mut report = findings.report(0, Trust::default(), Vec::new());
    report.verdict = Verdict::Malformed;
    report
}

/// The report on what could not be opened at all.
pub fn unread(path: &str, reason: &str) -> Report {
    let mut findings = Findings::default();
    for name in Name::ALL {
        findings.gap(*name, format!("{path}: {reason}"));
    }
    findings.report(0, Trust::default(), Vec::new())
}
