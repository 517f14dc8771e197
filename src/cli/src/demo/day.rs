//! A conference day in a minute: three sessions of seconds, people who come late, leave early and forget to check out, an
//! issuer that is killed, a kiosk that is killed, and the check that every promise was kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration as Wait, Instant};

use chrono::{DateTime, Duration, Utc};

use super::conference::{EVENT, PEOPLE, Plan};
use super::programs::{DemoError, Running, get};
use super::stage::{ANSWER_WITHIN, Scene};

/// How long a session lasts.
const SESSION_MS: i64 = 12_000;
/// How long a break lasts.
const BREAK_MS: i64 = 3_000;
/// How long setting up may take before the first session begins.
const LEAD_MS: i64 = 9_000;
/// How long the issuer may take to have everything decided after the last session.
const DECIDED_WITHIN: Wait = Wait::from_secs(90);

/// What happens, in milliseconds after the first session's start.
#[derive(Clone, Copy, Debug)]
enum Act {
    In(usize),
    Out(usize),
    Unknown,
    KillIssuer,
    StartIssuer,
    KillKiosk,
    StartKiosk,
    Say(&'static str),
}

/// The day. Sessions run from 0 to 12, 15 to 27 and 30 to 42 seconds.
fn script() -> Vec<(i64, Act)> {
    use Act::{In, KillIssuer, KillKiosk, Out, Say, StartIssuer, StartKiosk, Unknown};
    vec![
        (0, Say("Session 1 begins.")),
        (200, In(0)),
        (300, In(1)),
        (500, In(2)),
        (900, In(2)),
        (1_000, In(4)),
        (1_200, In(8)),
        (2_500, Unknown),
        (4_000, In(3)),
        (4_400, Out(8)),
        (8_000, Out(6)),
        (11_500, Out(1)),
        (11_700, Out(3)),
        (15_000, Say("Session 2 begins.")),
        (15_200, In(1)),
        (15_400, In(7)),
        (15_600, In(9)),
        (17_000, KillIssuer),
        (18_500, In(11)),
        (21_000, KillKiosk),
        (22_000, StartKiosk),
        (26_300, Out(2)),
        (26_500, Out(7)),
        (26_700, Out(1)),
        (30_000, Say("Session 3 begins; the issuer is still away.")),
        (30_200, In(1)),
        (30_400, In(5)),
        (32_000, StartIssuer),
        (42_300, Out(0)),
        (42_500, Out(1)),
        (42_700, Out(5)),
        (42_900, Out(9)),
        (43_100, Out(11)),
    ]
}

/// What each attendee must come to, by the script and the rules: outcome and credits.
fn expected() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    // Three sessions of 12 s at 5 s a credit are 7.2, which is 7 on the grid of a half.
    BTreeMap::from([
        (PEOPLE[0].name, ("full", "7")),
        (PEOPLE[1].name, ("full", "7")),
        (PEOPLE[2].name, ("partial", "4.5")),
        (PEOPLE[3].name, ("partial", "1.5")),
        (PEOPLE[4].name, ("partial", "2")),
        (PEOPLE[5].name, ("partial", "2")),
        (PEOPLE[6].name, ("none", "0")),
        (PEOPLE[7].name, ("partial", "2")),
        (PEOPLE[8].name, ("partial", "0.5")),
        (PEOPLE[9].name, ("partial", "4.5")),
        (PEOPLE[10].name, ("none", "0")),
        (PEOPLE[11].name, ("partial", "4")),
    ])
}

/// What the day has come to so far.
struct Day {
    scene: Scene,
    issuer: Option<Running>,
    kiosk: Option<Running>,
    green: usize,
    amber: usize,
    repeats: usize,
    newest_entry: Option<u64>,
}

/// Plays the day.
///
/// # Errors
/// Where anything is not as promised.
pub(crate) fn play(folder: PathBuf) -> Result<(), DemoError> {
    say("Setting up an issuer, an event, and a kiosk at its door.");
    let plan = Plan::new(
        super::now() + Duration::milliseconds(LEAD_MS),
        3,
        Duration::milliseconds(SESSION_MS),
        Duration::milliseconds(BREAK_MS),
    );
    // Sessions begin on whole seconds, as agendas say.
    let first = plan.sessions[0].2.timestamp();
    let scene = Scene::set(folder, &plan, None)?;
    let issuer = scene.start_issuer()?;
    scene.enrol()?;
    let kiosk = scene.start_kiosk()?;
    say(&format!(
        "Pages: {}  screen: {}",
        scene.page("/staff"),
        scene.screen("/")
    ));
    let mut day = Day {
        scene,
        issuer: Some(issuer),
        kiosk: Some(kiosk),
        green: 0,
        amber: 0,
        repeats: 0,
        newest_entry: None,
    };
    let start = DateTime::<Utc>::from_timestamp(first, 0).unwrap_or_default();
    if super::now() > start {
        say("Setting up took longer than planned; the first session has begun already.");
    }
    for (at_ms, act) in script() {
        let at = start + Duration::milliseconds(at_ms);
        if let Ok(wait) = (at - super::now()).to_std() {
            std::thread::sleep(wait);
        }
        day.act(act)?;
    }
    say(
        "The last session is over; waiting for the door's last entries to arrive and for every decision to be final.",
    );
    day.wait_for_decisions()?;
    let certificates = day.issue()?;
    day.check_outcomes()?;
    day.verify_and_revoke(&certificates)?;
    day.finish(certificates.len())
}

fn say(text: &str) {
    println!("{text}");
}

impl Day {
    fn act(&mut self, act: Act) -> Result<(), DemoError> {
        match act {
            Act::Say(text) => say(text),
            Act::In(person) => self.scan(PEOPLE[person].badge, true, PEOPLE[person].name)?,
            Act::Out(person) => self.scan(PEOPLE[person].badge, false, PEOPLE[person].name)?,
            Act::Unknown => self.scan(
                "NOT-A-BADGE-1234",
                true,
                "somebody with a badge of another event",
            )?,
            Act::KillIssuer => {
                say("The issuer is killed. The door goes on.");
                if let Some(issuer) = self.issuer.take() {
                    issuer.kill()?;
                }
            }
            Act::StartIssuer => {
                self.issuer = Some(self.scene.start_issuer()?);
                say("The issuer is back; what the door recorded meanwhile follows.");
            }
            Act::KillKiosk => {
                say("The kiosk is killed in the middle of a session.");
                if let Some(kiosk) = self.kiosk.take() {
                    kiosk.kill()?;
                }
            }
            Act::StartKiosk => {
                self.kiosk = Some(self.scene.start_kiosk()?);
                say("The kiosk is back, with everything it had shown green.");
            }
        }
        Ok(())
    }

    /// Scans a badge at the entrance or the exit and waits for the door's answer.
    fn scan(&mut self, badge: &str, is_in: bool, who: &str) -> Result<(), DemoError> {
        let scanner = if is_in {
            &mut self.scene.entrance
        } else {
            &mut self.scene.exit
        };
        scanner
            .scan(badge)
            .map_err(|e| DemoError::Broken(format!("the scanner is gone: {e}")))?;
        let kiosk = self
            .kiosk
            .as_ref()
            .ok_or_else(|| DemoError::Broken("no kiosk runs".to_owned()))?;
        let line = kiosk.next_line("the answer to a scan", ANSWER_WITHIN)?;
        let answer: serde_json::Value = serde_json::from_str(&line)
            .map_err(|e| DemoError::Broken(format!("the door's answer is no JSON: {e}")))?;
        let verdict = answer["verdict"].as_str().unwrap_or_default();
        let entry = answer["entry"].as_u64();
        match verdict {
            "checked_in" | "checked_out" | "no_session" => self.green += 1,
            "repeat" => self.repeats += 1,
            "unknown_badge" => self.amber += 1,
            other => {
                return Err(DemoError::Broken(format!(
                    "the door answered {other:?} to {who}: {line}"
                )));
            }
        }
        if entry.is_none() || entry <= self.newest_entry {
            return Err(DemoError::Broken(format!(
                "entry numbers do not rise: {line}"
            )));
        }
        self.newest_entry = entry;
        say(&format!(
            "  {:<4} {who:<32} {verdict:<14} entry {:<4} {}",
            if is_in { "in" } else { "out" },
            entry.unwrap_or_default(),
            answer["text"].as_str().unwrap_or_default(),
        ));
        Ok(())
    }

    fn wait_for_decisions(&mut self) -> Result<(), DemoError> {
        let deadline = Instant::now() + DECIDED_WITHIN;
        loop {
            let rows = self.scene.report()?;
            let is_final = |row: &serde_json::Value| row["standing"] == "final";
            if rows.len() == PEOPLE.len() && rows.iter().all(is_final) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let open = rows.iter().filter(|row| !is_final(row)).count();
                return Err(DemoError::Broken(format!(
                    "{open} of {} decisions are not final after {} s; see {}",
                    rows.len(),
                    DECIDED_WITHIN.as_secs(),
                    self.scene.stage.path("issuer.log").display()
                )));
            }
            std::thread::sleep(Wait::from_millis(500));
        }
    }

    /// Issues certificates, waiting for the kiosk to have cosigned the ledger they rest on. A quiet door syncs once a minute;
    /// a test card at the reader makes it sync at once.
    fn issue(&mut self) -> Result<Vec<(String, String)>, DemoError> {
        let earning = expected()
            .values()
            .filter(|(outcome, _)| *outcome != "none")
            .count();
        let deadline = Instant::now() + DECIDED_WITHIN;
        loop {
            self.scan(
                "STAFF-TEST-CARD",
                true,
                "a test card, to have the door sync",
            )?;
            std::thread::sleep(Wait::from_millis(1_000));
            self.scene.issuer(&["issue", "--event", EVENT])?;
            let rows = self.scene.report()?;
            let issued: Vec<(String, String)> = rows
                .iter()
                .filter_map(|row| {
                    Some((
                        row["certificate"].as_str()?.to_owned(),
                        row["name"].as_str()?.to_owned(),
                    ))
                })
                .filter(|(code, _)| !code.is_empty())
                .collect();
            if issued.len() == earning {
                say(&format!("{earning} certificates are issued."));
                return Ok(issued);
            }
            if Instant::now() > deadline {
                return Err(DemoError::Broken(format!(
                    "{} certificates were issued, {earning} are due",
                    issued.len()
                )));
            }
        }
    }

    fn check_outcomes(&self) -> Result<(), DemoError> {
        say("\nWhat the day came to:");
        let mut wrong = Vec::new();
        let expected = expected();
        for row in self.scene.report()? {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let (name, outcome, credits) = (text("name"), text("outcome"), text("credits"));
            say(&format!(
                "  {name:<32} {outcome:<8} {credits:>4}  {}",
                text("explanation")
            ));
            match expected.get(name.as_str()) {
                Some((o, c)) if *o == outcome && *c == credits => {}
                Some((o, c)) => {
                    wrong.push(format!("{name}: {outcome} {credits}, expected {o} {c}"));
                }
                None => wrong.push(format!("{name} was not registered")),
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(DemoError::Broken(wrong.join("; ")))
        }
    }

    /// One certificate is looked at as anybody would; one is revoked.
    fn verify_and_revoke(&self, certificates: &[(String, String)]) -> Result<(), DemoError> {
        let [(shown, holder), (revoked, other), ..] = certificates else {
            return Err(DemoError::Broken("too few certificates to show".to_owned()));
        };
        let page =
            |code: &str| get(self.scene.issuer_port, &format!("/c/{code}")).unwrap_or_default();
        let says =
            |code: &str, state: &str| page(code).contains(&format!("data-state=\"{state}\""));
        if !says(shown, "valid") {
            return Err(DemoError::Broken(format!(
                "{} does not say valid",
                self.scene.page(&format!("/c/{shown}"))
            )));
        }
        say(&format!(
            "\n{holder}'s certificate is valid:  {}",
            self.scene.page(&format!("/c/{shown}"))
        ));
        self.scene.issuer(&[
            "revoke",
            revoked,
            "--reason",
            "issued_in_error",
            "--operator",
            super::stage::ADMINISTRATOR,
        ])?;
        if !says(revoked, "revoked") || says(revoked, "valid") {
            return Err(DemoError::Broken(format!(
                "{} does not say revoked",
                self.scene.page(&format!("/c/{revoked}"))
            )));
        }
        say(&format!(
            "{other}'s certificate was revoked: {}",
            self.scene.page(&format!("/c/{revoked}"))
        ));
        Ok(())
    }

    /// Exports the evidence, verifies it offline, and ends.
    fn finish(mut self, certificates: usize) -> Result<(), DemoError> {
        if let Some(kiosk) = self.kiosk.take() {
            kiosk.stop()?;
        }
        if let Some(issuer) = self.issuer.take() {
            issuer.stop()?;
        }
        let bundle = self.scene.stage.path("evidence.tar");
        let path = bundle.to_string_lossy().into_owned();
        self.scene
            .issuer(&["export", "--event", EVENT, "--out", &path])?;
        let verdict = self.scene.stage.run("rollcall", &["verify", &path])?;
        say(&format!(
            "\nVerified offline, with both programs stopped:\n{verdict}"
        ));
        say(&format!(
            "{} scans answered green, {} repeats, {} unknown badges, {certificates} certificates, 1 revoked. One issuer and one kiosk killed, nothing lost.",
            self.green, self.repeats, self.amber
        ));
        let why = self.scene.stage.path("evidence.tar");
        say(&format!(
            "Everything lies in {}. Look at it with: rollcall inspect {path}",
            self.scene.stage.folder.display()
        ));
        say(&why.display().to_string());
        Ok(())
    }
}
