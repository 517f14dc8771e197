//! Setting the stage: an event, its agenda, its people and its rules at an issuer, and a kiosk enrolled at the door.

use std::path::PathBuf;
use std::time::Duration;

use super::conference::{
    DOOR, EVENT, ISSUER, PEOPLE, PROGRAMME, Plan, ROOM, RULES, ZONE, registrations_csv,
};
use super::programs::{DemoError, Running, Stage, What as _, free_port, get};
use super::scanner::Scanner;
use super::sheet;

/// The reader at the entrance.
const ENTRANCE: &str = "entrance";
/// The reader at the exit.
const EXIT: &str = "exit";
/// How many serial scanners that happen to be attached are read too.
const ATTACHED_MAX: usize = 4;

/// The administrator's account.
pub(crate) const ADMINISTRATOR: &str = "admin";

/// The stage, set.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Programs and folder.
    pub(crate) stage: Stage,
    /// The issuer's port.
    pub(crate) issuer_port: u16,
    /// The screen's port.
    pub(crate) screen_port: u16,
    /// The administrator's password, made for this demo.
    pub(crate) password: String,
    /// The scanner at the entrance.
    pub(crate) entrance: Scanner,
    /// The scanner at the exit.
    pub(crate) exit: Scanner,
    /// The name of the camera that reads badges, where one does.
    pub(crate) camera: Option<String>,
    /// The sheet of badges.
    pub(crate) sheet: PathBuf,
    issuer_config: String,
    kiosk_config: String,
}

impl Scene {
    /// Sets the stage; `plan` says when the sessions are, asked when everything before them is done; `camera` is the name of one.
    ///
    /// # Errors
    /// Where a command fails.
    pub(crate) fn set(
        folder: PathBuf,
        plan: &Plan,
        camera: Option<String>,
    ) -> Result<Self, DemoError> {
        if folder
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            let folder = folder.display();
            return Err(DemoError::Broken(format!(
                "{folder} is not empty; name a folder that is empty or does not exist"
            )));
        }
        let stage = Stage::new(folder)?;
        let (issuer_port, screen_port) = (free_port()?, free_port()?);
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random)
            .map_err(|e| DemoError::Broken(format!("no random bytes: {e}")))?;
        let scene = Self {
            issuer_config: text(&stage.write("issuer.toml", &issuer_toml(&stage, issuer_port))?),
            kiosk_config: String::new(),
            issuer_port,
            screen_port,
            password: hex::encode(random),
            entrance: Scanner::new().what(|| "making a pseudo-terminal".to_owned())?,
            exit: Scanner::new().what(|| "making a pseudo-terminal".to_owned())?,
            camera,
            sheet: stage.path("badges.html"),
            stage,
        };
        let kiosk_config = scene.stage.write("kiosk.toml", &scene.kiosk_toml())?;
        let scene = Self {
            kiosk_config: text(&kiosk_config),
            ..scene
        };
        scene.set_up_event(plan)?;
        Ok(scene)
    }

    fn set_up_event(&self, plan: &Plan) -> Result<(), DemoError> {
        let agenda = text(&self.stage.write("agenda.csv", &plan.agenda_csv())?);
        let people = text(
            &self
                .stage
                .write("registrations.csv", &registrations_csv())?,
        );
        let rules = text(&self.stage.write("rules.toml", RULES)?);
        let page = sheet::page("Rollcall demo: badges", PEOPLE)
            .map_err(|e| DemoError::Broken(format!("a badge does not fit a QR code: {e}")))?;
        self.stage.write("badges.html", &page)?;
        self.issuer(&["migrate"])?;
        self.issuer(&[
            "event",
            "create",
            "--id",
            EVENT,
            "--title",
            "Rollcall Demo Conference",
            "--zone",
            ZONE,
            "--languages",
            "en,de",
            "--names",
            "first",
            "--repeat-s",
            "2",
        ])?;
        self.issuer(&["import", "agenda", "--event", EVENT, "--file", &agenda])?;
        self.issuer(&[
            "door",
            "add",
            "--event",
            EVENT,
            "--door",
            DOOR,
            "--title",
            "Great Hall",
            "--room",
            ROOM,
        ])?;
        self.issuer(&[
            "import",
            "registrations",
            "--event",
            EVENT,
            "--file",
            &people,
        ])?;
        self.issuer(&[
            "rules",
            "adopt",
            "--event",
            EVENT,
            "--programme",
            PROGRAMME,
            "--file",
            &rules,
        ])?;
        let user = [
            "user",
            "add",
            "--id",
            ADMINISTRATOR,
            "--role",
            "administrator",
        ];
        self.issuer_with_input(&user, &self.password)?;
        Ok(())
    }

    /// Runs a command of the issuer.
    ///
    /// # Errors
    /// Where it fails.
    pub(crate) fn issuer(&self, args: &[&str]) -> Result<String, DemoError> {
        self.issuer_with_input(args, "")
    }

    fn issuer_with_input(&self, args: &[&str], input: &str) -> Result<String, DemoError> {
        let all = [&["--config", &self.issuer_config], args].concat();
        self.stage.run_with_input("rollcall-issuer", &all, input)
    }

    /// Starts the issuer's server and waits until it answers.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn start_issuer(&self) -> Result<Running, DemoError> {
        let args = ["--config", &self.issuer_config, "serve"];
        let mut server = self.stage.start("rollcall-issuer", &args, "issuer.log")?;
        server.wait_until("the issuer", || get(self.issuer_port, "/verify").is_some())?;
        Ok(server)
    }

    /// Makes a claim and enrols the kiosk with it.
    ///
    /// # Errors
    /// Where either fails.
    pub(crate) fn enrol(&self) -> Result<(), DemoError> {
        let claim = self.issuer(&["claim", "--event", EVENT, "--door", DOOR])?;
        let args = ["enrol", "--config", &self.kiosk_config, "-"];
        self.stage.run_with_input("rollcall-kiosk", &args, &claim)?;
        Ok(())
    }

    /// Starts the kiosk's daemon and waits until its readers are attached and its bundle is in force.
    ///
    /// # Errors
    /// Where that does not happen.
    pub(crate) fn start_kiosk(&self) -> Result<Running, DemoError> {
        self.entrance.release();
        self.exit.release();
        let args = ["run", "--config", &self.kiosk_config];
        let mut daemon = self.stage.start("rollcall-kiosk", &args, "kiosk.log")?;
        daemon.wait_until("the kiosk", || {
            let status = self.kiosk_status().unwrap_or_default();
            let readers = status["readers"].as_array().cloned().unwrap_or_default();
            // Scanners that happen to be attached may be busy elsewhere; the demo's own two must answer.
            [ENTRANCE, EXIT].iter().all(|name| {
                readers
                    .iter()
                    .any(|r| r["name"] == *name && r["state"] == "attached")
            })
        })?;
        Ok(daemon)
    }

    /// The kiosk's own status, where it answers.
    pub(crate) fn kiosk_status(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&get(self.screen_port, "/status")?).ok()
    }

    /// The attendance report.
    ///
    /// # Errors
    /// Where the command fails or its answer is no JSON.
    pub(crate) fn report(&self) -> Result<Vec<serde_json::Value>, DemoError> {
        let text = self.issuer(&["report", "attendance", "--event", EVENT, "--format", "json"])?;
        let report: serde_json::Value = serde_json::from_str(&text)
            .map_err(|e| DemoError::Broken(format!("the report is no JSON: {e}")))?;
        Ok(report["rows"].as_array().cloned().unwrap_or_default())
    }

    /// The address of a page of the issuer.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.issuer_port)
    }

    /// The address of a page of the kiosk.
    pub(crate) fn screen(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.screen_port)
    }

    fn kiosk_toml(&self) -> String {
        let mut toml = format!(
            "data_dir = {:?}\nlanguages = [\"en\", \"de\"]\nfeedback = \"lines\"\nlog = \"info\"\n\n[screen]\n\
             listen = \"127.0.0.1:{}\"\n\n[storage]\nmin_free_mb = 16\n",
            text(&self.stage.path("kiosk")),
            self.screen_port
        );
        for (name, direction, scanner) in
            [(ENTRANCE, "in", &self.entrance), (EXIT, "out", &self.exit)]
        {
            toml.push_str(&format!(
                "\n[[reader]]\nname = {name:?}\nkind = \"serial\"\ndirection = {direction:?}\npath = {:?}\nidle_ms = 0\n",
                text(scanner.path())
            ));
        }
        let attached = std::fs::read_dir("/dev/serial/by-id").into_iter().flatten();
        for (number, port) in attached
            .filter_map(Result::ok)
            .take(ATTACHED_MAX)
            .enumerate()
        {
            toml.push_str(&format!(
                "\n[[reader]]\nname = \"attached-{}\"\nkind = \"serial\"\npath = {:?}\n",
                number + 1,
                text(&port.path())
            ));
        }
        if let Some(card) = &self.camera {
            toml.push_str(&format!(
                "\n[[reader]]\nname = \"camera\"\nkind = \"camera\"\ncard = {}\n",
                toml_text(card)
            ));
        }
        toml
    }
}

/// A text from outside as TOML writes it: its escapes are those of JSON.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn issuer_toml(stage: &Stage, port: u16) -> String {
    format!(
        "issuer = {ISSUER:?}\ndata_dir = {:?}\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n",
        text(&stage.path("issuer"))
    )
}

/// A path as text; the demo's own paths are ASCII unless the user's folder is not UTF-8.
fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

/// How long a scan may take to be answered.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
