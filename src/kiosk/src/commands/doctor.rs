//! `doctor`: everything a kiosk needs, one line each.

mod gpio;

use std::fs::File;
use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use attendance::time::Sync;

use super::{Exit, say, status};
use crate::config::{
    self, CameraSource, Config, DeviceConfig, LinesPlace, ReaderConfig, SerialPlace, UsbMatch,
    VideoCamera,
};
use crate::journal::{Disk, Folder, Journal, JournalError};
use crate::kernel::{self, BUILT_AT, Clocks};
use crate::readers::{self, Attached, AttachedCamera, Offer, Part};

/// Commits that are timed.
const TIMED_COMMITS: usize = 11;
/// A disk that claims to have written faster than this has not: no device with a flash chip is that fast.
const SUSPICIOUS_MS: f64 = 0.1;
/// From here on a queue at the door feels the disk.
const SLOW_MS: f64 = 50.0;
/// How long an issuer may take to answer a connection.
const REACH_WITHIN: Duration = Duration::from_secs(5);
/// The largest frames that cameras are asked for when they are listed.
const CAMERA_SIZE_MAX: (u32, u32) = (1_920, 1_080);
/// The most modes of a camera that are named.
const MODES_NAMED_MAX: usize = 12;

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    Warn,
    Fail,
    Skipped,
}

struct Report {
    failed: usize,
    warned: usize,
    checked: usize,
}

impl Report {
    fn line(&mut self, outcome: Outcome, what: &str, found: &dyn std::fmt::Display) {
        let word = match outcome {
            Outcome::Ok => "ok",
            Outcome::Warn => "warn",
            Outcome::Fail => "fail",
            Outcome::Skipped => "skipped",
        };
        match outcome {
            Outcome::Fail => self.failed += 1,
            Outcome::Warn => self.warned += 1,
            Outcome::Ok | Outcome::Skipped => {}
        }
        self.checked += usize::from(outcome != Outcome::Skipped);
        say(&format!("{word:<8}{what}: {found}"));
    }
}

pub(super) fn doctor(path: &Path) -> Exit {
    let mut report = Report {
        failed: 0,
        warned: 0,
        checked: 0,
    };
    match config::load(path) {
        Ok(config) => {
            report.line(Outcome::Ok, "configuration", &path.display());
            check_all(&config, &mut report);
        }
        Err(error) => report.line(Outcome::Fail, "configuration", &error),
    }
    let Report {
        failed,
        warned,
        checked,
    } = report;
    if failed > 0 {
        say(&format!(
            "{failed} of {checked} checks failed. Do what the lines that begin with fail say, then run this again."
        ));
        Exit::Failed
    } else {
        say(&format!(
            "No failures in {checked} checks, {warned} warnings. Next: rollcall-kiosk run"
        ));
        Exit::Done
    }
}

fn check_all(config: &Config, report: &mut Report) {
    let url = check_journal(config, report);
    check_disk(config, report);
    check_clock(report);
    check_readers(config, report);
    let is_running = status::ask(config.screen.listen).is_ok();
    gpio::check(config, is_running, report);
    check_issuer(url.as_deref(), report);
}

/// Folder, journal and enrolment. Gives the issuer's address.
fn check_journal(config: &Config, report: &mut Report) -> Option<String> {
    if status::ask(config.screen.listen).is_ok() {
        report.line(Outcome::Ok, "daemon", &"running; it holds the journal");
        let stop = "the daemon has it; stop the daemon to have every entry checked";
        report.line(Outcome::Skipped, "journal", &stop);
        report.line(Outcome::Skipped, "enrolment", &"see rollcall-kiosk status");
        return None;
    }
    if !Folder::has_journal(&config.data_dir) {
        let found = format!(
            "nothing in {} yet; run or enrol makes it",
            config.data_dir.display()
        );
        report.line(Outcome::Skipped, "journal", &found);
        let next = "not yet; next: rollcall-kiosk enrol --help";
        report.line(Outcome::Warn, "enrolment", &next);
        return None;
    }
    let journal = Folder::take(&config.data_dir)
        .and_then(|folder| Journal::open(Arc::new(folder), Disk::real(0)));
    let journal = match journal {
        Ok(journal) => journal,
        Err(error @ JournalError::NotWritable { .. }) => {
            report.line(Outcome::Fail, "data folder", &error);
            return None;
        }
        Err(error) => {
            report.line(Outcome::Fail, "journal", &error);
            return None;
        }
    };
    report.line(Outcome::Ok, "data folder", &config.data_dir.display());
    match journal.verify_all() {
        Ok(verified) if verified.damaged == 0 => {
            let found = format!("no errors found in {} entries", verified.size);
            report.line(Outcome::Ok, "journal", &found);
        }
        Ok(verified) => {
            let found = format!(
                "{} of {} entries are damaged, the first at {:?}; export the journal and replace the card",
                verified.damaged,
                verified.size,
                verified.damaged_at.first()
            );
            report.line(Outcome::Fail, "journal", &found);
        }
        Err(error) => report.line(Outcome::Fail, "journal", &error),
    }
    match journal.enrolment() {
        Some(enrolment) => {
            match journal.enrol_anew(None) {
                Some(step) => report.line(Outcome::Warn, "enrolment", &step),
                None => {
                    let found = format!("{} of event {}", enrolment.kiosk, enrolment.event);
                    report.line(Outcome::Ok, "enrolment", &found);
                }
            }
            Some(enrolment.url.clone())
        }
        None => {
            let next = "not yet; next: rollcall-kiosk enrol --help";
            report.line(Outcome::Warn, "enrolment", &next);
            None
        }
    }
}

fn check_disk(config: &Config, report: &mut Report) {
    let existing = config.data_dir.ancestors().find(|path| path.exists());
    let folder = match existing {
        Some(path) if !path.as_os_str().is_empty() => path.to_owned(),
        _ => PathBuf::from("."),
    };
    match kernel::free_bytes(&folder) {
        Ok(free) => {
            let free_mib = free >> 20;
            let needed = u64::from(config.storage.min_free_mb);
            let found = format!("{free_mib} MiB free, {needed} MiB needed");
            if free_mib < needed {
                let found = format!("{found}; free some space");
                report.line(Outcome::Fail, "free space", &found);
            } else {
                report.line(Outcome::Ok, "free space", &found);
            }
        }
        Err(error) => report.line(Outcome::Fail, "free space", &error),
    }
    match commit_ms(&folder) {
        Ok(ms) if ms < SUSPICIOUS_MS => {
            let found = format!(
                "a commit takes {ms:.3} ms: the disk says it has written before it has, or {} lies in memory; such a disk loses scans at a power cut, use another one",
                folder.display()
            );
            report.line(Outcome::Fail, "disk", &found);
        }
        Ok(ms) if ms > SLOW_MS => {
            let found = format!("a commit takes {ms:.1} ms; people will wait, use a faster card");
            report.line(Outcome::Warn, "disk", &found);
        }
        Ok(ms) => report.line(Outcome::Ok, "disk", &format!("a commit takes {ms:.2} ms")),
        Err(error) => {
            let found = format!("{}: {error}; check who owns the folder", folder.display());
            report.line(Outcome::Fail, "disk", &found);
        }
    }
}

/// The median time to have 4 KiB on stable storage, in milliseconds.
fn commit_ms(folder: &Path) -> std::io::Result<f64> {
    let path = folder.join(format!(".rollcall-doctor-{}", std::process::id()));
    let timed = time_commits(&path);
    let removed = std::fs::remove_file(&path);
    let mut times = timed?;
    removed?;
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1_000.0)
}

fn time_commits(path: &Path) -> std::io::Result<[Duration; TIMED_COMMITS]> {
    let mut file = File::create_new(path)?;
    let mut times = [Duration::ZERO; TIMED_COMMITS];
    for time in &mut times {
        let start = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        *time = start.elapsed();
    }
    Ok(times)
}

fn check_clock(report: &mut Report) {
    match Clocks::open(BUILT_AT) {
        Ok(clocks) => {
            let stamp = clocks.stamp();
            match stamp.sync {
                Sync::Synced => report.line(Outcome::Ok, "clock", &"synchronised"),
                Sync::Holdover | Sync::Unset => report.line(
                    Outcome::Warn,
                    "clock",
                    &"not synchronised; scans are recorded and placed in time by the issuer: connect the network, or set up chrony",
                ),
            }
        }
        Err(error) => report.line(Outcome::Fail, "clock", &error),
    }
}

fn check_readers(config: &Config, report: &mut Report) {
    if config.readers.is_empty() {
        let found = "none configured; add a [[reader]] block";
        report.line(Outcome::Warn, "readers", &found);
    }
    let attached = match readers::attached() {
        Ok(attached) => attached,
        Err(loss) => {
            report.line(Outcome::Skipped, "attached", &loss.detail);
            Vec::new()
        }
    };
    let cameras = readers::cameras(CAMERA_SIZE_MAX);
    for reader in &config.readers {
        let what = format!("reader {}", reader.name);
        let path = match &reader.device {
            DeviceConfig::Lines(lines) => match &lines.place {
                LinesPlace::Stdin => {
                    report.line(Outcome::Ok, &what, &"standard input");
                    continue;
                }
                LinesPlace::Path(path) => path,
            },
            DeviceConfig::Serial(serial) => match &serial.place {
                SerialPlace::Path(path) => path,
                SerialPlace::Usb(usb) => {
                    check_usb(reader, usb, &attached, &what, report);
                    continue;
                }
            },
            DeviceConfig::Hid(hid) => {
                check_usb(reader, &hid.usb, &attached, &what, report);
                continue;
            }
            DeviceConfig::Camera(camera) => {
                match &camera.source {
                    CameraSource::Command(program) => {
                        check_program(&program.command[0], &what, report);
                    }
                    CameraSource::Video(video) => check_camera(video, &cameras, &what, report),
                }
                continue;
            }
        };
        match File::options().read(true).custom_open(path) {
            Ok(()) => report.line(Outcome::Ok, &what, &path.display()),
            Err(error) => {
                let found = format!(
                    "{}: {error}; is it plugged in, and may this user read it?",
                    path.display()
                );
                report.line(Outcome::Fail, &what, &found);
            }
        }
    }
    check_attached(config, &attached, report);
    list_cameras(config, &cameras, report);
}

/// What is attached and nobody reads. A scanner without a reader is likely an oversight, a keyboard is not.
fn check_attached(config: &Config, attached: &[Attached], report: &mut Report) {
    for found in readers::survey_attached(&config.readers, attached) {
        let Part::Nobody { is_scanner, .. } = found.part else {
            continue;
        };
        let outcome = if is_scanner {
            Outcome::Warn
        } else {
            Outcome::Ok
        };
        let what = format!("attached {}", found.device);
        report.line(outcome, &what, &found.note());
    }
}

/// Whether the program that writes a camera's frames is there.
fn check_program(program: &str, what: &str, report: &mut Report) {
    // A name without a folder is looked for where the system looks.
    let folders = match program.contains('/') {
        true => vec![std::path::PathBuf::new()],
        false => std::env::var_os("PATH")
            .map(|path| std::env::split_paths(&path).collect())
            .unwrap_or_default(),
    };
    let found = folders
        .iter()
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    match found {
        Some(path) => report.line(Outcome::Ok, what, &path.display()),
        None => {
            let found = format!("there is no program {program}; install it, or mend `command`");
            report.line(Outcome::Fail, what, &found);
        }
    }
}

/// Whether the one camera that a block names is attached and may be read.
fn check_camera(wanted: &VideoCamera, cameras: &[AttachedCamera], what: &str, report: &mut Report) {
    let fitting: Vec<&AttachedCamera> = cameras.iter().filter(|c| c.fits(wanted)).collect();
    let words = wanted.words();
    let (outcome, found) = match fitting.as_slice() {
        [] => (
            Outcome::Fail,
            format!("no camera {words} is attached; plug it in, or correct how it is named"),
        ),
        [camera] => match &camera.modes {
            Ok(modes) if modes.is_empty() => (
                Outcome::Fail,
                format!(
                    "{}: gives no pictures that can be read; name another camera",
                    camera.words()
                ),
            ),
            Ok(_) => (Outcome::Ok, camera.words()),
            Err(loss) => (Outcome::Fail, readers::camera_refused(loss)),
        },
        [_, other, ..] => (
            Outcome::Fail,
            format!(
                "several cameras {words} are attached, one of them {}; name one by `serial`, `port` or `card`",
                other.words()
            ),
        ),
    };
    report.line(outcome, what, &found);
}

/// Cameras that nobody reads, and what each offers. A laptop's own is none that was forgotten.
fn list_cameras(config: &Config, cameras: &[AttachedCamera], report: &mut Report) {
    let is_named = |camera: &AttachedCamera| {
        config.readers.iter().any(|reader| match &reader.device {
            DeviceConfig::Camera(named) => match &named.source {
                CameraSource::Video(video) => camera.fits(video),
                CameraSource::Command(_) => false,
            },
            DeviceConfig::Serial(_) | DeviceConfig::Hid(_) | DeviceConfig::Lines(_) => false,
        })
    };
    for camera in cameras {
        let words = format!("attached {}", camera.words());
        let modes = match &camera.modes {
            Ok(modes) if modes.is_empty() => "no pictures that can be read".to_owned(),
            Ok(modes) => {
                let more = modes.len().saturating_sub(MODES_NAMED_MAX);
                let named = modes[..modes.len() - more].join(", ");
                match more {
                    0 => named,
                    more => format!("{named} and {more} more"),
                }
            }
            Err(loss) => loss.detail.clone(),
        };
        let how = if is_named(camera) {
            String::new()
        } else {
            format!(
                "; no [[reader]] names it; if it is to read badges, add {}",
                camera.block()
            )
        };
        report.line(Outcome::Ok, &words, &format!("{modes}{how}"));
    }
}

/// Opening without waiting for a writer.
trait CustomOpen {
    fn custom_open(&mut self, path: &Path) -> std::io::Result<()>;
}

impl CustomOpen for std::fs::OpenOptions {
    fn custom_open(&mut self, path: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        self.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        self.open(path).map(|_| ())
    }
}

fn check_usb(
    reader: &ReaderConfig,
    usb: &UsbMatch,
    attached: &[Attached],
    what: &str,
    report: &mut Report,
) {
    let mut fitting: Vec<&Attached> = attached.iter().filter(|d| d.fits(reader)).collect();
    // A scanner that offers both ways is read once.
    if fitting.iter().any(|d| d.offer == Offer::PointOfSale) {
        fitting.retain(|d| d.offer == Offer::PointOfSale);
    }
    fitting.dedup_by(|next, kept| next.node == kept.node);
    let [device] = fitting.as_slice() else {
        let wanted = usb.words();
        let found = if let Some(other) = fitting.get(1) {
            format!(
                "several USB devices {wanted} are attached, one of them {}; name one by `vendor`, `product` and `serial` or `port`",
                other.words()
            )
        } else if is_on_the_bus(usb) {
            format!(
                "USB {wanted} is attached and reports neither as a scanner nor as keys nor as a serial port; set the scanner to another mode, or correct `kind` and `layout`"
            )
        } else if let UsbMatch::AnyBut(_) = usb {
            "nothing is attached that no other block names; plug a scanner in".to_owned()
        } else {
            format!("USB {wanted} is not attached; plug it in, or correct vendor and product")
        };
        report.line(Outcome::Fail, what, &found);
        return;
    };
    match device.refused_words() {
        None => report.line(Outcome::Ok, what, &device.words()),
        Some(refused) => report.line(Outcome::Fail, what, &refused),
    }
}

/// Whether the device is plugged in, whatever it offers.
fn is_on_the_bus(usb: &UsbMatch) -> bool {
    let UsbMatch::Named(usb) = usb else {
        return false;
    };
    let devices = std::fs::read_dir("/sys/bus/usb/devices");
    devices.into_iter().flatten().flatten().any(|device| {
        let path = device.path();
        let id = |file: &str| {
            let text = std::fs::read_to_string(path.join(file)).ok()?;
            u16::from_str_radix(text.trim(), 16).ok()
        };
        (id("idVendor"), id("idProduct")) == (Some(usb.vendor), Some(usb.product))
    })
}

/// Only that somebody listens there: who it is, enrolment and sync check by its key.
fn check_issuer(url: Option<&str>, report: &mut Report) {
    let Some(url) = url else {
        report.line(Outcome::Skipped, "issuer", &"no address known here");
        return;
    };
    let Some(address) = host_and_port(url) else {
        report.line(Outcome::Fail, "issuer", &format!("{url} is no address"));
        return;
    };
    let reached = address.to_socket_addrs().and_then(|addresses| {
        let mut last = Err(std::io::ErrorKind::NotFound.into());
        for address in addresses {
            last = TcpStream::connect_timeout(&address, REACH_WITHIN).map(|_| ());
            if last.is_ok() {
                break;
            }
        }
        last
    });
    match reached {
        Ok(()) => report.line(Outcome::Ok, "issuer", &format!("{url} answers")),
        Err(error) => {
            let found = format!(
                "{url}: {error}; scans are recorded all the same, check the network before the event"
            );
            report.line(Outcome::Warn, "issuer", &found);
        }
    }
}

fn host_and_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let port = if scheme == "http" { 80 } else { 443 };
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port {
        authority.to_owned()
    } else {
        format!("{authority}:{port}")
    })
}
