//! Kernel modules that Debian's kernel package lacks: a camera and GPIO lines that are there without hardware.
//!
//! Debian ships the source of one as a package and leaves the other out of its kernel, so both are compiled here, against the headers of the
//! kernel that the guests boot. Nothing is installed. What cannot be built is said; the tests that want it then skip themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{download, ends_well, only_folder, said};
use crate::workspace::is_on_path;

/// The camera's module and the package that has its source.
const CAMERA: (&str, &str) = ("v4l2loopback.ko", "v4l2loopback-dkms");
/// The module of the GPIO lines, which is a part of the kernel's source.
const GPIO: &str = "gpio-sim.ko";
/// Where the kernel's source has that module, what it includes, and what it needs that the kernel was built without.
const GPIO_SOURCES: [&str; 3] = [
    "drivers/gpio/gpio-sim.c",
    "drivers/gpio/gpiolib.h",
    "kernel/irq/irq_sim.c",
];

/// Builds what is missing into `folder`/`made`. Says what cannot be built, a line each.
pub(super) fn make(folder: &Path, release: &str) -> Vec<String> {
    let made = folder.join("made");
    let wanted = [(CAMERA.0, camera as fn(&Path, &Path) -> Made), (GPIO, gpio)];
    let missing: Vec<_> = wanted
        .into_iter()
        .filter(|(module, _)| !made.join(module).is_file())
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let work = folder.join("modules.part");
    let _ = fs::remove_dir_all(&work);
    let without = match headers(&work, release) {
        Err(why) => vec![format!("the kernel's headers are missing: {why}")],
        Ok(headers) => {
            let tried = missing.iter().filter_map(|(module, build)| {
                let file = build(&work, &headers);
                let kept = file.and_then(|file| keep(&file, &made.join(module)));
                let why = kept.err()?;
                Some(format!("{module} was not built: {why}"))
            });
            tried.collect()
        }
    };
    let _ = fs::remove_dir_all(&work);
    without
}

/// The file of a module, or why there is none.
type Made = Result<PathBuf, String>;

/// Headers and build files for modules of this release, unpacked.
fn headers(work: &Path, release: &str) -> Made {
    for (program, package) in [("make", "make"), ("gcc", "gcc")] {
        if !is_on_path(program) {
            return Err(format!("{program} is missing; apt-get install {package}"));
        }
    }
    eprintln!(
        "setup: downloading the kernel's headers (14 MB), to build two modules for the guests"
    );
    let into = work.join("headers");
    let package = format!("linux-headers-{release}");
    download(&package, work, &into)?;
    for needed in needed_by(&package)? {
        download(&needed, work, &into)?;
    }
    let headers = into.join("usr/src").join(&package);
    // They name each other by where they would be installed.
    for name in ["Makefile", ".kernelvariables"] {
        let path = headers.join(name);
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let here = into.join("usr").display().to_string();
        let text = text.replace("/usr/src", &format!("{here}/src"));
        let text = text.replace("/usr/lib/linux-kbuild", &format!("{here}/lib/linux-kbuild"));
        fs::write(&path, text).map_err(|error| said(&path, &error))?;
    }
    Ok(headers)
}

/// The packages of headers and build files that a package of headers is nothing without.
fn needed_by(package: &str) -> Result<Vec<String>, String> {
    let output = Command::new("apt-cache")
        .args(["depends", package])
        .output();
    let output = output.map_err(|error| said(Path::new("apt-cache"), &error))?;
    Ok(of_headers(&String::from_utf8_lossy(&output.stdout)))
}

fn of_headers(depends: &str) -> Vec<String> {
    let named = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "));
    named
        .filter(|name| name.starts_with("linux-headers-") || name.starts_with("linux-kbuild-"))
        .map(str::to_owned)
        .collect()
}

fn camera(work: &Path, headers: &Path) -> Made {
    let unpacked = work.join("v4l2loopback");
    download(CAMERA.1, work, &unpacked)?;
    let source = only_folder(&unpacked.join("usr/src")).ok_or("the package holds no source")?;
    let objects = "obj-m := v4l2loopback.o\n";
    compile(&source, headers, "Kbuild", objects, CAMERA.0)
}

fn gpio(work: &Path, headers: &Path) -> Made {
    let release = headers.file_name().unwrap_or_default().to_string_lossy();
    let version = minor_version(&release).ok_or("the kernel's version is not understood")?;
    let package = format!("linux-source-{version}");
    eprintln!("setup: downloading {package} (140 MB), for one module that Debian leaves out");
    let unpacked = work.join("source");
    download(&package, work, &unpacked)?;
    let archive = unpacked.join(format!("usr/src/{package}.tar.xz"));
    let source = work.join("gpio-sim");
    fs::create_dir_all(&source).map_err(|error| said(&source, &error))?;
    let names = GPIO_SOURCES.map(|path| format!("{package}/{path}"));
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(&archive).arg("-C").arg(&source);
    // It needs not read on behind the last of them.
    tar.args(["--strip-components=3", "--occurrence=1"])
        .args(&names);
    ends_well(tar.stderr(Stdio::null()))?;
    adapt_irq_sim(&source.join("irq_sim.c"))?;
    // A module cannot be made of a file of its own name and another one.
    let from = source.join("gpio-sim.c");
    fs::rename(&from, source.join("sim.c")).map_err(|error| said(&from, &error))?;
    let objects = "obj-m := gpio-sim.o\ngpio-sim-y := sim.o irq_sim.o\n";
    compile(&source, headers, "Makefile", objects, GPIO)
}

/// Kernels of old call what they do not export to modules; what they export does the same.
fn adapt_irq_sim(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| said(path, &error))?;
    let text = text.replace(
        "handle_simple_irq(irq_to_desc(irqnum))",
        "generic_handle_irq(irqnum)",
    );
    fs::write(path, text).map_err(|error| said(path, &error))
}

/// `6.1` of `linux-headers-6.1.0-57-amd64`.
fn minor_version(release: &str) -> Option<String> {
    let number = release.strip_prefix("linux-headers-")?;
    let mut parts = number.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    (is_number(major) && is_number(minor)).then(|| format!("{major}.{minor}"))
}

fn compile(source: &Path, headers: &Path, file: &str, objects: &str, module: &str) -> Made {
    let description = source.join(file);
    fs::write(&description, objects).map_err(|error| said(&description, &error))?;
    let mut make = Command::new("make");
    make.arg("-s").arg("-C").arg(headers);
    make.arg(format!("M={}", source.display())).arg("modules");
    let log = source.join("make.log");
    let output = make.output().map_err(|error| said(&log, &error))?;
    let built = source.join(module);
    if output.status.success() && built.is_file() {
        return Ok(built);
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let first = errors.lines().find(|line| line.contains("rror"));
    Err(first.unwrap_or("make says nothing").to_owned())
}

/// Moves a module to its place, whole.
fn keep(built: &Path, module: &Path) -> Result<(), String> {
    let folder = module.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| said(folder, &error))?;
    fs::rename(built, module).map_err(|error| said(module, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_with_the_headers_and_tools_they_depend_on() {
        let check = |depends: &str, expected: &[&str]| assert_eq!(of_headers(depends), expected);
        check(
            "linux-headers-6.1.0-57-amd64\n  Depends: linux-headers-6.1.0-57-common\n  Depends: linux-kbuild-6.1\n  Depends: linux-compiler-gcc-12-x86\n",
            &["linux-headers-6.1.0-57-common", "linux-kbuild-6.1"],
        );
        check("", &[]);
    }

    #[test]
    fn the_source_is_that_of_the_kernels_version() {
        let check = |release: &str, expected: Option<&str>| {
            assert_eq!(minor_version(release).as_deref(), expected);
        };
        check("linux-headers-6.1.0-57-amd64", Some("6.1"));
        check("linux-headers-6.12.57+deb13-amd64", Some("6.12"));
        check("linux-headers-next", None);
        check("6.1.0", None);
    }
}
