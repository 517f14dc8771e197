//! A kiosk in a guest: enrolled on this machine, moved into the guest with its journal, and driven there by what is plugged into it.
//!
//! The guest has no network, so the kiosk is offline, as doors are.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::PATIENCE;
use super::vm::{Ground, Vm};
use super::wire::{Acknowledge, Do, Outcome, SHARED};
use crate::archive::Archive;
use crate::programs::{program, run, soon};
use crate::world::{Answer, Kiosk, Plan, World, text};

/// The port of the kiosk's pages in the guest.
const PAGES: u16 = 8650;
/// The name of the kiosk's program in the guest.
const KIOSK: &str = "kiosk";
/// How often the daemon is asked for its status, by the guest's clock.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Signals by number.
const SIGTERM: i32 = 15;

/// A kiosk in a guest.
#[derive(Debug)]
pub struct Stage {
    /// The guest.
    pub vm: Vm,
    /// Where it was enrolled.
    pub world: World,
    kiosk: Kiosk,
    exports: usize,
}

impl Stage {
    /// Enrols a kiosk, starts a guest with these devices and modules, and moves the kiosk there, into the folder `data`. `prepare` may mount
    /// something there before. `readers` are blocks of its configuration.
    ///
    /// # Panics
    /// Where any of it fails.
    pub fn set(
        ground: &Ground,
        name: &str,
        people: usize,
        (devices, modules): (&[&str], &[&str]),
        (data, prepare): (&str, impl FnOnce(&mut Vm)),
        readers: &str,
    ) -> Self {
        let mut world = World::new(name, &Plan::one_long_session(people));
        world.start_issuer();
        let kiosk = world.enrolled_kiosk(&[]);
        world.stop_issuer();
        let mut vm = Vm::boot(ground, devices, modules);
        prepare(&mut vm);
        let configuration = format!(
            "data_dir = {data:?}\nlanguages = [\"en\"]\nfeedback = \"lines\"\nlog = \"info\"\n\n\
             [screen]\nlisten = \"127.0.0.1:{PAGES}\"\n\n[storage]\nmin_free_mb = 1\n\n{readers}"
        );
        std::fs::write(vm.shared("kiosk.toml"), configuration).expect("a file to write");
        vm.run(&["cp", "-a", &text(&kiosk.data()), data]);
        vm.run(&["sync"]);
        Self {
            vm,
            world,
            kiosk,
            exports: 0,
        }
    }

    /// Where the kiosk was enrolled, on this machine.
    pub fn kiosk(&self) -> &Kiosk {
        &self.kiosk
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    #[track_caller]
    pub fn start(&mut self, environment: &[(&str, &str)], acknowledge: Option<Acknowledge>) {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let config = format!("{SHARED}/kiosk.toml");
        self.vm.done(Do::Start {
            name: KIOSK.to_owned(),
            words: vec![
                text(&program("rollcall-kiosk")),
                "run".to_owned(),
                "--config".to_owned(),
                config,
            ],
            environment: environment.iter().map(owned).collect(),
            acknowledge,
        });
        let answers = soon(PATIENCE, || self.status().is_some());
        assert!(answers, "the daemon does not answer\n{}", self.vm.logs());
    }

    /// Sends the daemon a signal.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn signal(&mut self, signal: i32) {
        let name = KIOSK.to_owned();
        self.vm.done(Do::Signal { name, signal });
    }

    /// Asks the daemon to end.
    ///
    /// # Panics
    /// Where it does not end well.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(SIGTERM);
        let ended = self.vm.ask(Do::AwaitEnd(KIOSK.to_owned()));
        let well = matches!(ended, Outcome::Ended { code: Some(0), .. });
        assert!(well, "{ended:?}\n{}", self.vm.logs());
    }

    /// What the daemon says of itself, where it answers.
    pub fn status(&mut self) -> Option<Value> {
        let page = Do::Fetch {
            port: PAGES,
            path: "/status".to_owned(),
        };
        serde_json::from_str(&self.vm.text(page).ok()?).ok()
    }

    /// The state of a reader in the daemon's own words.
    pub fn state(&mut self, reader: &str) -> String {
        let status = self.status().unwrap_or_default();
        let readers = status["readers"].as_array().cloned().unwrap_or_default();
        let found = readers.iter().find(|found| found["name"] == reader);
        let state = found.and_then(|found| found["state"].as_str());
        state.unwrap_or("unknown").to_owned()
    }

    /// Waits until a reader is attached, or is not. Gives how long it took by the guest's clock.
    ///
    /// # Panics
    /// Where it takes too long.
    #[track_caller]
    pub fn wait_attached(&mut self, reader: &str, attached: bool) -> Duration {
        let since = self.vm.clock();
        let came = soon(PATIENCE, || {
            // Asking is work for the daemon, which is to look for its readers meanwhile.
            self.vm.rest(ASK_EVERY);
            (self.state(reader) == "attached") == attached
        });
        let took = self.vm.clock().saturating_sub(since);
        let (state, logs) = (self.state(reader), self.vm.logs());
        assert!(came, "{reader} is {state}\n{logs}");
        took
    }

    /// The daemon's next answer to a scan.
    ///
    /// # Panics
    /// Where none comes in time.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        let line = self.vm.line_within(KIOSK, PATIENCE);
        Answer::read(&line.unwrap_or_else(|| panic!("no answer\n{}", self.vm.logs())))
    }

    /// Reads answers until none comes for this long by the guest's clock.
    pub fn until_quiet(&mut self, quiet: Duration) {
        loop {
            self.vm.rest(quiet);
            let mut is_quiet = true;
            while let Some(line) = self.vm.line_within(KIOSK, Duration::ZERO) {
                Answer::read(&line);
                is_quiet = false;
            }
            if is_quiet {
                return;
            }
        }
    }

    /// The journal as the kiosk's own export has it, in the guest; the auditor's tool reads it too. No daemon may run.
    ///
    /// # Panics
    /// Where that fails.
    #[track_caller]
    pub fn export(&mut self) -> Archive {
        self.exports += 1;
        let name = format!("export-{}", self.exports);
        let kiosk = text(&program("rollcall-kiosk"));
        let (config, out) = (format!("{SHARED}/kiosk.toml"), format!("{SHARED}/{name}"));
        self.vm
            .run(&[&kiosk, "export", "--config", &config, "--out", &out]);
        let out = self.vm.shared(&name);
        let archive = Archive::read(&out);
        let mut inspect = std::process::Command::new(program("rollcall"));
        let inspected = run(inspect.arg("inspect").arg(&out), "").ok();
        let scans = inspected.matches("scan").count();
        assert!(scans >= archive.scans(0).len(), "{inspected}");
        archive
    }
}

/// The words that give the emulator serial lines for scanners, as many as asked for.
pub fn lines(count: usize) -> Vec<String> {
    let line = |number| {
        [
            "-chardev".to_owned(),
            format!("socket,id=line{number},path={{}}/line{number},server=on,wait=off"),
        ]
    };
    (0..count).flat_map(line).collect()
}

/// A USB serial scanner of the emulator, plugged in. Its chip is one of FTDI's.
#[derive(Debug)]
pub struct SerialScanner {
    id: String,
    stream: UnixStream,
}

/// Vendor and product id of a [`SerialScanner`].
pub const SERIAL_IDS: (u16, u16) = (0x0403, 0x6001);
/// Modules that it needs.
pub const SERIAL_MODULES: [&str; 2] = ["xhci_pci", "ftdi_sio"];

impl SerialScanner {
    /// Plugs it in: with the far end of this line, with this serial number, into this port of the controller.
    ///
    /// # Panics
    /// Where the emulator refuses.
    pub fn plug(vm: &mut Vm, line: usize, serial: &str, port: u32) -> Self {
        let id = format!("scanner{line}");
        let properties = serde_json::json!({
            "chardev": format!("line{line}"),
            "serial": serial,
            "port": port.to_string(),
        });
        vm.plug("usb-serial", &id, &properties);
        // The device shows itself once its line has a far end.
        let stream = UnixStream::connect(vm.path(&format!("line{line}")));
        let stream = stream.expect("the emulator listens");
        Self { id, stream }
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// Where the line is gone.
    pub fn send(&self, bytes: &str) {
        let mut stream = &self.stream;
        let sent = stream.write_all(bytes.as_bytes());
        sent.expect("the emulator takes it");
    }

    /// Sends one code with its terminator.
    ///
    /// # Panics
    /// Where the line is gone.
    pub fn scan(&self, code: &str) {
        self.send(&format!("{code}\r"));
    }

    /// Pulls it out.
    ///
    /// # Panics
    /// Where the emulator refuses.
    pub fn pull(self, vm: &mut Vm) {
        vm.pull(&self.id);
        // The emulator takes it apart after its answer; until then its name is taken.
        assert!(
            vm.qmp.event_within("DEVICE_DELETED", PATIENCE),
            "{} was not taken out",
            self.id
        );
    }
}
