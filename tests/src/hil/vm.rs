//! A guest that runs: QEMU, its control socket, and the guest program in it.
//!
//! Promises: nothing outlives its handle; one guest at a time, since each wants a processor; every wait has a deadline and says what it waited
//! for. Where the guest is emulated its time is counted in its instructions, so a busy machine makes it slow and never late: what is held to a
//! time is held to the guest's clock. The guest sees this machine's files, read-only, under their own paths, and one folder that both write: [`SHARED`](super::wire::SHARED).

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::PATIENCE;
use super::kernel::{Archive, Kernel};
use super::qmp::Qmp;
use super::wire::{Do, Outcome, Request, Said};
use crate::programs::{eventually, run, tail};

/// The guest's memory, in MiB.
const MEMORY_MB: &str = "512";
/// How long a device may be held once a module is to go, by the guest's clock.
const UNLOAD_WITHIN_MS: u64 = 30_000;
/// The time between two keys.
const KEY_EVERY: Duration = Duration::from_millis(30);
/// How long a virtualised guest may take to come up where the processor is said to help; emulation takes over after.
const PROBE: Duration = Duration::from_secs(12);
/// What the guest needs to reach this machine's files and to talk to it.
const FIRST_MODULES: [&str; 5] = [
    "virtio_pci",
    "virtio_console",
    "9p",
    "9pnet_virtio",
    "netfs",
];
/// What the kernel is told: no noise, an end instead of a hang, no calibration against clocks that an emulator hasn't got.
const COMMAND_LINE: &str = "console=ttyS0 quiet loglevel=4 panic=-1 tsc=reliable no_timer_check rcupdate.rcu_expedited=1 mitigations=off random.trust_cpu=on";

/// What a guest is started from.
#[derive(Debug)]
pub struct Ground {
    kernel: Kernel,
    guest_program: PathBuf,
    /// Where it is noted how guests are run on this machine.
    accelerator: PathBuf,
}

impl Ground {
    /// Looks for QEMU and a kernel. The error says what is missing and how to get it.
    ///
    /// # Errors
    /// Where no guest can be started here.
    pub fn find(guest_program: &str) -> Result<Self, String> {
        let starts = Command::new(QEMU)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if !starts.is_ok_and(|status| status.success()) {
            return Err(format!(
                "{QEMU} is missing; apt-get install qemu-system-x86"
            ));
        }
        let guest_program = PathBuf::from(guest_program);
        let profile = guest_program.parent().and_then(Path::parent);
        let folder = profile.unwrap_or(Path::new("target")).join("hil");
        let kernel = Kernel::find(&folder)
            .map_err(|missing| format!("{missing}; `cargo xtask setup` brings a kernel"))?;
        Ok(Self {
            kernel,
            guest_program,
            accelerator: folder.join("accelerator"),
        })
    }

    /// Why a test that needs this module cannot run, if it cannot.
    pub fn lacks(&self, module: &str) -> Option<String> {
        (!self.kernel.has(module)).then(|| {
            format!("the kernel module {module} is not built; `cargo xtask setup` says why")
        })
    }

    /// The archive that the guest starts from: its program, the libraries of that, and the first modules.
    fn archive(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        for folder in ["dev", "proc", "sys", "host"] {
            archive.folder(folder);
        }
        let read = |path: &Path| {
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        archive.program("/init", &read(&self.guest_program));
        for library in libraries(&self.guest_program) {
            archive.program(&library, &read(Path::new(&library)));
        }
        let modules = self.kernel.closure(&FIRST_MODULES);
        for (number, module) in modules.iter().enumerate() {
            archive.program(&format!("/modules/{number:03}.ko"), &read(module));
        }
        archive.finish()
    }

    /// How guests are run here: by the processor where that works, else by emulation. Tried once a boot of this machine.
    fn accelerator(&self) -> &'static str {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let noted = std::fs::read_to_string(&self.accelerator).unwrap_or_default();
        let noted = noted.strip_prefix(&boot).map(str::to_owned);
        let works = noted.map_or_else(
            || {
                let works = Path::new("/dev/kvm").exists() && self.comes_up("kvm");
                // Where it cannot be noted it is tried again.
                let _ = std::fs::write(&self.accelerator, format!("{boot}{works}"));
                works
            },
            |noted| noted == "true",
        );
        if works { "kvm" } else { "tcg" }
    }

    fn comes_up(&self, accelerator: &str) -> bool {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut launched = self.launch(accelerator, folder.path(), &[]);
        let came = launched.agent.said.recv_timeout(PROBE).is_ok();
        let _ = launched.qemu.kill();
        let _ = launched.qemu.wait();
        came
    }

    fn launch(&self, accelerator: &str, folder: &Path, devices: &[String]) -> Launched {
        let path = |name: &str| folder.join(name).display().to_string();
        std::fs::write(folder.join("archive"), self.archive()).expect("the disk takes it");
        std::fs::create_dir_all(folder.join("shared")).expect("a folder to make");
        let log = File::create(folder.join("qemu.log")).expect("a file to make");
        let mut qemu = Command::new(QEMU);
        match accelerator {
            "kvm" => qemu.args(["-accel", "kvm", "-cpu", "host"]),
            _ => qemu.args(["-accel", "tcg", "-cpu", "max", "-icount", "shift=3"]),
        };
        qemu.args(["-M", "q35"])
            .args(["-m", MEMORY_MB, "-display", "none", "-nodefaults"])
            .args(["-no-user-config", "-no-reboot"])
            .arg("-kernel")
            .arg(&self.kernel.image)
            .args(["-initrd", &path("archive"), "-append", COMMAND_LINE])
            .args(["-serial", &format!("file:{}", path("console.log"))])
            .args(["-qmp", &format!("unix:{},server=on,wait=off", path("qmp"))])
            .args(share("root", "/", true))
            .args(share("shared", &path("shared"), false))
            .args(["-device", "virtio-serial-pci", "-chardev"])
            .arg(format!(
                "socket,id=agent,path={},server=on,wait=off",
                path("agent")
            ))
            .args(["-device", "virtserialport,chardev=agent,name=agent"])
            .args(["-device", "qemu-xhci,id=xhci"])
            .args(devices)
            .stdin(Stdio::null())
            .stdout(Stdio::from(
                log.try_clone().expect("a handle can be doubled"),
            ))
            .stderr(Stdio::from(log));
        let qemu = qemu.spawn().expect("QEMU starts");
        let agent = Agent::connect(&folder.join("agent"));
        Launched { qemu, agent }
    }
}

struct Launched {
    qemu: Child,
    agent: Agent,
}

/// The emulator.
const QEMU: &str = "qemu-system-x86_64";

fn share(tag: &str, path: &str, read_only: bool) -> [String; 4] {
    let read_only = if read_only { "on" } else { "off" };
    [
        "-fsdev".to_owned(),
        format!(
            "local,id={tag},path={path},security_model=none,readonly={read_only},multidevs=remap"
        ),
        "-device".to_owned(),
        format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    ]
}

/// The files of the libraries that a program loads, as the system's loader finds them.
fn libraries(program: &Path) -> Vec<String> {
    let said = run(Command::new("ldd").arg(program), "").ok();
    let words = said.split_ascii_whitespace();
    let mut files: Vec<String> = words
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect();
    files.dedup();
    files
}

/// The line to the guest program.
#[derive(Debug)]
struct Agent {
    to: UnixStream,
    said: Receiver<Said>,
}

impl Agent {
    fn connect(path: &Path) -> Self {
        let to = eventually(PATIENCE, "QEMU's line to the guest", || {
            UnixStream::connect(path).ok()
        });
        let from = to.try_clone().expect("a socket can be doubled");
        let (send, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines() {
                // A guest that is cut off in the middle of a line has said nothing by it.
                let Some(said) = line.ok().and_then(|line| serde_json::from_str(&line).ok()) else {
                    break;
                };
                if send.send(said).is_err() {
                    break;
                }
            }
        });
        Self { to, said }
    }
}

/// One guest at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A guest that runs. It ends with this handle, as by a power cut.
#[derive(Debug)]
pub struct Vm {
    /// QEMU's control socket.
    pub qmp: Qmp,
    qemu: Child,
    agent: Agent,
    asked: u64,
    lines: BTreeMap<String, VecDeque<String>>,
    folder: tempfile::TempDir,
    kernel: Kernel,
    // Given back last, when QEMU has ended.
    _one: MutexGuard<'static, ()>,
}

impl Vm {
    /// Starts a guest with these devices, words for QEMU, and loads these modules. `{}` in a word stands for the guest's own folder.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn boot(ground: &Ground, devices: &[&str], modules: &[&str]) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new()
            .prefix("rollcall-hil-")
            .tempdir()
            .expect("a temporary folder");
        let own = folder.path().display().to_string();
        let devices: Vec<String> = devices
            .iter()
            .map(|word| word.replace("{}", &own))
            .collect();
        let started = Instant::now();
        let accelerator = ground.accelerator();
        let Launched { qemu, agent } = ground.launch(accelerator, folder.path(), &devices);
        let qmp = Qmp::connect(&folder.path().join("qmp"));
        let mut vm = Self {
            qmp,
            qemu,
            agent,
            asked: 0,
            lines: BTreeMap::new(),
            folder,
            kernel: ground.kernel.clone(),
            _one: one,
        };
        match vm.next(PATIENCE) {
            Some(Said::Ready) => {}
            other => panic!("the guest did not come up: {other:?}\n{}", vm.logs()),
        }
        println!("guest up after {:.1?} by {accelerator}", started.elapsed());
        for module in modules {
            vm.load(module, "");
        }
        vm
    }

    /// Loads a module with its parameters, after those that it needs.
    ///
    /// # Panics
    /// Where the kernel has none of this name or refuses it.
    #[track_caller]
    pub fn load(&mut self, module: &str, parameters: &str) {
        let mut files: Vec<(String, String)> = self
            .kernel
            .closure(&[module])
            .iter()
            .map(|file| (file.display().to_string(), String::new()))
            .collect();
        // What the kernel has built in needs no file.
        if let Some((_, last)) = files.last_mut() {
            parameters.clone_into(last);
        }
        self.done(Do::Load(files));
    }

    /// Takes a module out of the kernel, and with it every device of its own. Gives how long its devices were held meanwhile.
    ///
    /// # Panics
    /// Where somebody goes on holding one of them.
    #[track_caller]
    pub fn unload(&mut self, module: &str) -> Duration {
        let since = self.clock();
        self.done(Do::Unload {
            module: module.to_owned(),
            within_ms: UNLOAD_WITHIN_MS,
        });
        self.clock().saturating_sub(since)
    }

    /// The folder of the guest's disks, logs and sockets, on this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder that both write, as this machine has it.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.folder.path().join("shared").join(name)
    }

    /// Asks the guest to do something and gives what came of it.
    ///
    /// # Panics
    /// Where no answer comes in time.
    #[track_caller]
    pub fn ask(&mut self, what: Do) -> Outcome {
        self.asked += 1;
        let request = Request {
            number: self.asked,
            what,
        };
        let mut line = serde_json::to_string(&request).expect("requests are JSON");
        line.push('\n');
        let sent = self.agent.to.write_all(line.as_bytes());
        sent.unwrap_or_else(|error| panic!("the guest is gone: {error}\n{}", self.logs()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left) {
                Some(Said::Answer { number, outcome }) if number == self.asked => return outcome,
                // The answer to what nobody waited for any more.
                Some(Said::Answer { .. } | Said::Ready) => {}
                Some(Said::Line { program, line }) => self.keep(program, line),
                None => panic!("no answer to {:?}\n{}", request.what, self.logs()),
            }
        }
    }

    /// Asks the guest to do something that it can do.
    ///
    /// # Panics
    /// Where it could not.
    #[track_caller]
    pub fn done(&mut self, what: Do) {
        let shown = format!("{what:?}");
        match self.ask(what) {
            Outcome::Done => {}
            other => panic!("{shown}: {other:?}\n{}", self.logs()),
        }
    }

    /// Asks the guest for a text; the error is what it says instead.
    ///
    /// # Errors
    /// Where the guest could not do it.
    #[track_caller]
    pub fn text(&mut self, what: Do) -> Result<String, String> {
        match self.ask(what) {
            Outcome::Text(text) => Ok(text),
            other => Err(format!("{other:?}")),
        }
    }

    /// Runs a program in the guest to its end, and gives what it printed.
    ///
    /// # Panics
    /// Where it ended with anything but 0.
    #[track_caller]
    pub fn run(&mut self, words: &[&str]) -> String {
        let owned = words.iter().map(|word| (*word).to_owned()).collect();
        match self.ask(Do::Run(owned)) {
            Outcome::Ended {
                code: Some(0), out, ..
            } => out,
            other => panic!("{words:?}: {other:?}\n{}", self.logs()),
        }
    }

    /// Waits until a path is there, or is not.
    ///
    /// # Panics
    /// Where that takes too long.
    #[track_caller]
    pub fn wait_for(&mut self, path: &str, there: bool) {
        let within_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        self.done(Do::Await {
            path: path.to_owned(),
            there,
            within_ms,
        });
    }

    /// The next line that a program of the guest printed, where one comes within this time.
    pub fn line_within(&mut self, program: &str, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(line) = self.lines.get_mut(program).and_then(VecDeque::pop_front) {
                return Some(line);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left) {
                Some(Said::Line { program, line }) => self.keep(program, line),
                Some(Said::Answer { .. } | Said::Ready) => {}
                None => return None,
            }
        }
    }

    fn keep(&mut self, program: String, line: String) {
        self.lines.entry(program).or_default().push_back(line);
    }

    fn next(&mut self, within: Duration) -> Option<Said> {
        self.agent.said.recv_timeout(within).ok()
    }

    /// The guest's clock: how long it has been up.
    ///
    /// # Panics
    /// Where the guest does not say.
    #[track_caller]
    pub fn clock(&mut self) -> Duration {
        let up_ms = self.text(Do::Clock).ok().and_then(|up| up.parse().ok());
        Duration::from_millis(up_ms.expect("the guest has a clock"))
    }

    /// Lets time pass, by the guest's clock.
    #[track_caller]
    pub fn rest(&mut self, rest: Duration) {
        let rest_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
        self.done(Do::Rest(rest_ms));
    }

    /// Types on the guest's keyboard, no faster than it is polled.
    #[track_caller]
    pub fn type_keys(&mut self, text: &str) {
        for character in text.chars() {
            self.qmp.press(character);
            self.rest(KEY_EVERY);
        }
    }

    /// Plugs a device into a port of the guest's USB controller. Properties as QEMU names them.
    ///
    /// # Panics
    /// Where QEMU refuses.
    #[track_caller]
    pub fn plug(&mut self, driver: &str, id: &str, properties: &Value) {
        let mut arguments = json!({ "driver": driver, "id": id, "bus": "xhci.0" });
        let merged = arguments.as_object_mut().expect("it is an object");
        for (key, value) in properties.as_object().into_iter().flatten() {
            merged.insert(key.clone(), value.clone());
        }
        self.qmp.command("device_add", &arguments);
    }

    /// Pulls a device out, with no word to the guest before.
    ///
    /// # Panics
    /// Where QEMU refuses.
    #[track_caller]
    pub fn pull(&mut self, id: &str) {
        self.qmp.command("device_del", &json!({ "id": id }));
    }

    /// The ends of all logs.
    pub fn logs(&self) -> String {
        let shared = self.folder.path().join("shared");
        let folders = [self.folder.path(), &shared];
        let files = folders
            .iter()
            .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        let logs = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.map(|log| tail(&log)).collect::<Vec<_>>().join("\n")
    }

    /// Cuts its power.
    pub fn cut_power(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        self.cut_power();
    }
}
