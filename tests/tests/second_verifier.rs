//! Two verifiers, one verdict: `rollcall verify`, and `tests/verifier`, written in Go from FORMAT.md.
//!
//! Both are given the same archives: conference days from a printed seed, the same days spoilt blindly or by somebody who
//! holds a key, and one archive for every single thing that a verifier must refuse. On each they must come to the same
//! verdict, by the same checks, and place every scan in the same interval between the same receipts; and the Go verifier
//! counts every decision's minutes again.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::files::Memory;
use rollcall_tests::programs::program;
use rollcall_tests::random::{Random, how_many};
use rollcall_tests::skip::skip;
use rollcall_tests::verifier;
use serde::Deserialize;
use serde_json::Value;

#[path = "second_verifier/cases.rs"]
mod cases;
#[path = "second_verifier/days.rs"]
mod days;
#[path = "second_verifier/observed.rs"]
mod observed;
#[path = "second_verifier/questions.rs"]
mod questions;
#[path = "second_verifier/tampers.rs"]
mod tampers;
#[path = "second_verifier/tars.rs"]
mod tars;

/// How many days are made; each is spoilt once.
const DAYS: usize = 100;

/// How many questions are put to both engines.
const QUESTIONS: usize = 3_000;
/// How many differences a failure shows.
const SHOWN: usize = 5;

/// What came of an archive, as both tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    verdict: String,
    failed: BTreeSet<String>,
    not_checked: BTreeSet<String>,
    scans: Vec<Value>,
}

#[derive(Deserialize)]
struct Finding {
    check: String,
    state: String,
    #[serde(rename = "where")]
    place: String,
    what: String,
}

#[derive(Deserialize)]
struct Recount {
    agrees: bool,
}

/// A line of the Go verifier.
#[derive(Deserialize)]
struct Theirs {
    file: String,
    verdict: String,
    findings: Vec<Finding>,
    findings_left_out: u64,
    recount: Vec<Recount>,
    #[serde(default)]
    scans: Vec<Value>,
}

impl Theirs {
    fn told(&self) -> Told {
        assert_eq!(self.findings_left_out, 0, "{}", self.file);
        let of = |state: &str| {
            let these = self.findings.iter().filter(|f| f.state == state);
            these.map(|f| f.check.clone()).collect::<BTreeSet<_>>()
        };
        let failed = of("failed");
        Told {
            verdict: self.verdict.clone(),
            // Of what does not read at all, nothing is checked.
            not_checked: if self.verdict == "malformed" {
                BTreeSet::new()
            } else {
                of("not_checked").difference(&failed).cloned().collect()
            },
            failed,
            scans: self.scans.clone(),
        }
    }

    fn says(&self) -> String {
        let lines = self.findings.iter();
        lines
            .map(|f| format!("\n  {} {} at {}: {}", f.check, f.state, f.place, f.what))
            .collect()
    }
}

/// What `rollcall verify` says, with its exit code.
fn ours(archive: &Path) -> (Told, i32) {
    let output = Command::new(program("rollcall"))
        .args(["verify", "--json", "--scans"])
        .arg(archive)
        .output()
        .unwrap();
    let report: audit::report::Report = serde_json::from_slice(&output.stdout).unwrap();
    let of = |outcome| {
        let these = report.checks.iter().filter(|c| c.outcome == outcome);
        these.map(|c| c.name.clone()).collect()
    };
    let mut told = Told {
        verdict: serde_json::to_value(report.verdict)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned(),
        failed: of(audit::report::Outcome::Failed),
        not_checked: of(audit::report::Outcome::NotChecked),
        scans: report
            .scans
            .iter()
            .map(|s| serde_json::to_value(s).unwrap())
            .collect(),
    };
    if told.verdict == "malformed" {
        told.not_checked.clear();
    }
    (told, output.status.code().unwrap())
}

/// Archives on disk, and what was done to each.
struct Pile {
    folder: tempfile::TempDir,
    stories: Vec<(PathBuf, String)>,
}

impl Pile {
    fn new() -> Pile {
        Pile {
            folder: tempfile::tempdir().unwrap(),
            stories: Vec::new(),
        }
    }

    fn add(&mut self, story: String, files: &Memory) {
        self.add_bytes(story, &tars::packed(files));
    }

    fn add_bytes(&mut self, story: String, tar: &[u8]) {
        let name = format!("{}.tar", self.stories.len());
        let path = self.folder.path().join(name);
        std::fs::write(&path, tar).unwrap();
        self.stories.push((path, story));
    }

    /// The folder that an archive unpacks to, with something done to it.
    fn add_folder(&mut self, story: &str, files: &Memory, spoil: impl FnOnce(&Path)) {
        let path = self.folder.path().join(self.stories.len().to_string());
        for (name, bytes) in files {
            let file = path.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        spoil(&path);
        self.stories.push((path, story.to_owned()));
    }

    /// Runs both on everything; they must agree. Gives the verdicts in order.
    fn judge(&self, program: &Path) -> Vec<Told> {
        let output = Command::new(program)
            .arg("-scans")
            .args(self.stories.iter().map(|(path, _)| path))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.is_empty(), "{errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        let theirs: Vec<Theirs> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(theirs.len(), self.stories.len(), "one line an archive");
        let mut worst = 0;
        let mut wrong = Vec::new();
        let mut verdicts = Vec::new();
        for ((path, story), theirs) in self.stories.iter().zip(&theirs) {
            let (ours, code) = ours(path);
            worst = [0, 3, 1, 4]
                .into_iter()
                .rev()
                .find(|c| [worst, code].contains(c))
                .unwrap();
            let told = theirs.told();
            if told != ours {
                wrong.push(difference(story, &ours, &told, &theirs.says()));
            }
            if told.verdict == "verified" {
                assert!(theirs.recount.iter().all(|r| r.agrees), "{story}");
            }
            verdicts.push(told);
        }
        assert!(
            wrong.is_empty(),
            "{} of {} disagree:\n{}",
            wrong.len(),
            self.stories.len(),
            wrong.join("\n")
        );
        assert_eq!(output.status.code(), Some(worst), "the worst exit code");
        verdicts
    }
}

fn difference(story: &str, ours: &Told, theirs: &Told, says: &str) -> String {
    let mut text = format!("{story}\n");
    if (&ours.verdict, &ours.failed, &ours.not_checked)
        != (&theirs.verdict, &theirs.failed, &theirs.not_checked)
    {
        text.push_str(&format!(
            "  rollcall: {} {:?} {:?}\n  Go: {} {:?} {:?}{says}\n",
            ours.verdict,
            ours.failed,
            ours.not_checked,
            theirs.verdict,
            theirs.failed,
            theirs.not_checked
        ));
    }
    for (one, other) in ours.scans.iter().zip(&theirs.scans) {
        if one != other {
            text.push_str(&format!("  rollcall: {one}\n  Go: {other}\n"));
            break;
        }
    }
    text
}

fn go_verifier(test: &str) -> Option<PathBuf> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    match verifier::build(scratch, test) {
        Ok(program) => Some(program),
        Err(why) => {
            skip(test, &why);
            None
        }
    }
}

#[test]
fn both_verifiers_agree_on_days_true_and_spoilt() {
    let Some(program) = go_verifier("both_verifiers_agree_on_days_true_and_spoilt") else {
        return;
    };
    let mut random = Random::announced("both_verifiers_agree_on_days_true_and_spoilt");
    let mut pile = Pile::new();
    let days = how_many("ROLLCALL_DAYS", DAYS);
    for number in 0..days {
        let seed = random.number();
        let world = days::day(seed);
        pile.add(format!("{number}: day {seed}"), &world.archive());
        if number % 2 == 0 {
            let mut files = world.archive();
            let story = tampers::blindly(&mut files, &mut random);
            pile.add(format!("{number}: day {seed}, {story}"), &files);
        } else {
            let (world, story) = tampers::with_a_key(seed, &mut random);
            pile.add(format!("{number}: day {seed}, {story}"), &world.archive());
        }
    }
    let told = pile.judge(&program);
    let mut verdicts: BTreeMap<(bool, &str), u64> = BTreeMap::new();
    for (number, told) in told.iter().enumerate() {
        let is_true = number % 2 == 0;
        let story = &pile.stories[number].1;
        let (verdict, failed) = (&told.verdict, &told.failed);
        assert_eq!(
            verdict == "verified",
            is_true,
            "{story}: {verdict} {failed:?}"
        );
        *verdicts.entry((is_true, &told.verdict)).or_default() += 1;
    }
    let scans: usize = told.iter().map(|t| t.scans.len()).sum();
    println!("true or spoilt, verdict: {verdicts:?}; {scans} scans placed alike");
}

#[test]
fn both_verifiers_refuse_each_single_fault_by_the_same_check() {
    let Some(program) = go_verifier("both_verifiers_refuse_each_single_fault_by_the_same_check")
    else {
        return;
    };
    let cases = cases::cases();
    let mut pile = Pile::new();
    for case in &cases {
        pile.add(case.name.to_owned(), &case.files);
    }
    let told = pile.judge(&program);
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|n| (*n).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let wrong: Vec<String> = cases
        .iter()
        .zip(&told)
        .filter(|(case, told)| {
            (&told.failed, &told.not_checked) != (&set(case.failed), &set(case.not_checked))
        })
        .map(|(case, told)| format!("{}: {:?}, {:?}", case.name, told.failed, told.not_checked))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} cases", cases.len());
}

/// What is wrong with a tar file itself: headers, kinds, paths, its end.
#[test]
fn both_verifiers_read_tar_files_alike() {
    let Some(program) = go_verifier("both_verifiers_read_tar_files_alike") else {
        return;
    };
    let mut pile = Pile::new();
    let mut verdicts = Vec::new();
    for (name, tar, verdict) in tars::tars() {
        pile.add_bytes(name.to_owned(), &tar);
        verdicts.push(verdict);
    }
    let files = audit::testing::World::finished().archive();
    pile.add_folder("a folder", &files, |_| {});
    pile.add_folder("a folder with a link", &files, |folder| {
        std::os::unix::fs::symlink("archive.json", folder.join("other.json")).unwrap();
    });
    pile.add_folder("a folder too deep", &files, |folder| {
        std::fs::create_dir_all(folder.join("a/b/c/d/e")).unwrap();
    });
    verdicts.extend(["verified", "malformed", "malformed"]);
    let told = pile.judge(&program);
    for ((told, verdict), (_, story)) in told.iter().zip(verdicts).zip(&pile.stories) {
        assert_eq!(told.verdict, verdict, "{story}");
    }
}

/// Beyond what archives of days hold: questions of every kind to the engine alone, each decision the same to the byte.
#[test]
fn both_engines_decide_alike() {
    let Some(program) = go_verifier("both_engines_decide_alike") else {
        return;
    };
    let mut random = Random::announced("both_engines_decide_alike");
    let seeds: Vec<u64> = (0..how_many("ROLLCALL_QUESTIONS", QUESTIONS))
        .map(|_| random.number())
        .collect();
    let asked: Vec<questions::Asked> = seeds.iter().map(|s| questions::question(*s)).collect();
    let mut input = tempfile::tempfile().unwrap();
    for question in &asked {
        writeln!(input, "{}", question.line).unwrap();
    }
    input.rewind().unwrap();
    let output = Command::new(program)
        .arg("-questions")
        .stdin(input)
        .output()
        .unwrap();
    let theirs = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = theirs.lines().collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(theirs.len(), asked.len(), "one line a question: {errors}");
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for ((seed, question), theirs) in seeds.iter().zip(&asked).zip(theirs) {
        let same = match &question.answer {
            Ok(ours) => ours == theirs,
            Err(_) => theirs.starts_with("refused: "),
        };
        if !same {
            wrong.push(format!(
                "seed {seed}: {}\n  here: {:?}\n  Go: {theirs}",
                question.line, question.answer
            ));
        }
        let reason = question.answer.as_ref().map_or("refused".into(), |ours| {
            let decision: Value = serde_json::from_str(ours).unwrap();
            format!("{} {}", decision["outcome"], decision["reason"])
        });
        *reasons.entry(reason).or_default() += 1;
    }
    let shown = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        asked.len(),
        shown.join("\n")
    );
    println!("{} questions: {reasons:?}", asked.len());
}

#[test]
fn the_second_verifier_is_formatted_and_vetted() {
    let test = "the_second_verifier_is_formatted_and_vetted";
    if go_verifier(test).is_none() {
        return;
    }
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let vetted = verifier::go(scratch).args(["vet", "."]).output().unwrap();
    assert!(
        vetted.status.success(),
        "{}",
        String::from_utf8_lossy(&vetted.stderr)
    );
    let Ok(formatted) = Command::new("gofmt")
        .arg("-l")
        .arg(verifier::sources())
        .output()
    else {
        return skip(test, "gofmt is not installed (Debian: golang-go)");
    };
    let others = String::from_utf8_lossy(&formatted.stdout);
    assert!(formatted.status.success() && others.is_empty(), "{others}");
}
