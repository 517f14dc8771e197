//! Virtual hardware: QEMU and a stock Debian kernel, brought here once, and the tests that use them.
//!
//! The kernel is downloaded as a package and unpacked into the build folder; nothing of it is installed. What cannot be had is said and left:
//! the tests then skip themselves. Everything that is made here is made beside its place and moved there whole, so that a run that was
//! interrupted leaves nothing that looks finished.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Stop;
use crate::setup::{self, Purpose};
use crate::workspace::{Workspace, is_on_path, succeeds};

mod modules;

/// The emulator, and the package that has it.
const QEMU: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");
/// The package that depends on the newest kernel.
const NEWEST_KERNEL: &str = "linux-image-amd64";
/// What makes a full run of the tests; the test command's is shorter.
const FULL: (&str, &str) = ("ROLLCALL_HIL", "full");

/// Sets up and runs the tests on virtual hardware at full length, by name where names are given.
///
/// # Errors
/// Where something is missing, or a test failed.
pub(crate) fn hil(workspace: &Workspace, names: &[String]) -> Result<(), Stop> {
    if let Some(unknown) = names.iter().find(|name| name.starts_with('-')) {
        return Err(Stop::Usage(format!(
            "hil does not know the argument `{unknown}`"
        )));
    }
    setup::set_up(workspace, Purpose::Programs)?;
    if let Some(missing) = bring(workspace) {
        return Err(Stop::Failed(missing));
    }
    let build = ["build", "--locked", "--offline", "--bins"];
    let programs = ["-p", "kiosk", "-p", "issuer", "-p", "cli"];
    if !succeeds(workspace.cargo(&build).args(programs))? {
        return Err(Stop::Failed(
            "the build failed; cargo says why above.".to_owned(),
        ));
    }
    let mut test = workspace.cargo(&[
        "test",
        "--locked",
        "--offline",
        "-p",
        "rollcall-tests",
        "--test",
        "hil",
        "--",
        // What each test saw and how long it took is worth reading, and one guest at a time is as much as there is to run.
        "--nocapture",
        "--test-threads=1",
    ]);
    test.args(names).env(FULL.0, FULL.1);
    if succeeds(&mut test)? {
        Ok(())
    } else {
        Err(Stop::Failed(
            "not every test on virtual hardware passed; what failed is named above.".to_owned(),
        ))
    }
}

/// Brings emulator and kernel, where they are missing and can be had. Says what cannot.
pub(crate) fn bring(workspace: &Workspace) -> Option<String> {
    emulator()
        .and_then(|()| kernel(&workspace.target.join("hil")))
        .map(|without| {
            for why in without {
                eprintln!("setup: {why}; the tests that want it skip themselves");
            }
        })
        .err()
        .map(|missing| format!("no tests on virtual hardware: {missing}"))
}

fn emulator() -> Result<(), String> {
    let (program, package) = QEMU;
    if is_on_path(program) {
        return Ok(());
    }
    let line = setup::apt_line(&[package]);
    if !is_on_path("apt-get") || !setup::is_root() {
        return Err(format!("{program} is missing. Type: {line}"));
    }
    eprintln!("setup: installing {package}, which emulates the tests' hardware");
    let mut update = setup::apt_get(&["update"]);
    let mut install = setup::apt_get(&["install", "-y", "--no-install-recommends", package]);
    // Lists that are here may do where none can be had.
    let _ = succeeds(&mut update);
    match succeeds(&mut install) {
        Ok(true) if is_on_path(program) => Ok(()),
        _ => Err(format!("apt-get did not install {package}. Type: {line}")),
    }
}

/// Downloads and unpacks a kernel into this folder and builds what it lacks, unless it is there. Gives what could not be built.
fn kernel(folder: &Path) -> Result<Vec<String>, String> {
    let unpacked = folder.join("kernel");
    if !unpacked.is_dir() {
        for program in ["apt-get", "apt-cache", "dpkg-deb"] {
            if !is_on_path(program) {
                return Err(format!(
                    "{program} is missing, which brings Debian's kernel"
                ));
            }
        }
        let package = newest_kernel()?;
        eprintln!("setup: downloading {package} (70 MB), to boot it in QEMU; it is not installed");
        let part = folder.join("kernel.part");
        // What an earlier run left half done.
        let _ = fs::remove_dir_all(&part);
        download(&package, folder, &part)?;
        fs::rename(&part, &unpacked).map_err(|error| said(&unpacked, &error))?;
    }
    let image = folder.join("vmlinux");
    if !image.is_file() {
        // Booted as it is the kernel unpacks itself, which an emulated processor takes long for. Only that is lost without xz.
        if let Err(why) = uncompress(&unpacked.join("boot"), &image) {
            eprintln!("setup: the kernel stays compressed ({why}); guests start more slowly");
        }
    }
    let release = only_folder(&unpacked.join("lib/modules"));
    let release = release.ok_or("the package holds no modules")?;
    let release = release.file_name().unwrap_or_default().to_string_lossy();
    Ok(modules::make(folder, &release))
}

/// Downloads a package, by way of a folder in `beside`, and unpacks it into `into`. Nothing is installed.
fn download(package: &str, beside: &Path, into: &Path) -> Result<(), String> {
    let folder = beside.join("download");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| said(&folder, &error))?;
    let mut get = setup::apt_get(&["-qq", "-o", "APT::Sandbox::User=root", "download"]);
    get.arg(package).current_dir(&folder);
    ends_well(&mut get)?;
    let file = only_file(&folder).ok_or("apt-get downloaded nothing")?;
    ends_well(Command::new("dpkg-deb").arg("-x").arg(file).arg(into))?;
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

/// The package of the newest kernel, by what the package that stands for it depends on.
fn newest_kernel() -> Result<String, String> {
    let ask = || {
        let output = Command::new("apt-cache")
            .args(["depends", NEWEST_KERNEL])
            .output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.ok().as_deref().and_then(depended_on)
    };
    ask()
        .or_else(|| {
            let _ = succeeds(&mut setup::apt_get(&["update"]));
            ask()
        })
        .ok_or_else(|| format!("apt-cache does not know {NEWEST_KERNEL}, so there is no kernel"))
}

/// The first kernel that `apt-cache depends` names.
fn depended_on(said: &str) -> Option<String> {
    said.lines().find_map(|line| {
        let package = line.trim().strip_prefix("Depends: ")?;
        package
            .starts_with("linux-image-")
            .then(|| package.to_owned())
    })
}

/// Takes the kernel proper out of a `bzImage`: where it lies and how long it is stand in the header that boot loaders read, its
/// compression is xz's, and its last four bytes tell the size that comes out.
fn uncompress(boot: &Path, image: &Path) -> Result<(), String> {
    let compressed = fs::read_dir(boot)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("vmlinuz-")
        })
        .ok_or("there is no vmlinuz")?;
    let bytes = fs::read(&compressed).map_err(|error| said(&compressed, &error))?;
    let payload = payload(&bytes).ok_or("it has no header that says where it lies")?;
    let (packed, part) = (image.with_extension("xz"), image.with_extension("part"));
    fs::write(&packed, payload).map_err(|error| said(&packed, &error))?;
    let out = fs::File::create(&part).map_err(|error| said(&part, &error))?;
    let mut xz = Command::new("xz");
    xz.args(["--decompress", "--stdout", "--single-stream"])
        .arg(&packed)
        .stdout(Stdio::from(out));
    let status = xz.status().map_err(|error| said(Path::new("xz"), &error))?;
    let _ = fs::remove_file(&packed);
    if !status.success() {
        return Err("xz does not unpack it".to_owned());
    }
    fs::rename(&part, image).map_err(|error| said(image, &error))
}

/// The compressed part of a `bzImage`, by the boot protocol's `setup_sects`, `payload_offset` and `payload_length`.
fn payload(image: &[u8]) -> Option<&[u8]> {
    const SECTOR_BYTES: usize = 512;
    const SETUP_SECTORS: usize = 0x1f1;
    const OFFSET: usize = 0x248;
    const LENGTH: usize = 0x24c;
    let number = |at: usize| {
        let four = image.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*four)).ok()
    };
    let after_setup = (usize::from(*image.get(SETUP_SECTORS)?) + 1) * SECTOR_BYTES;
    let from = after_setup.checked_add(number(OFFSET)?)?;
    image.get(from..from.checked_add(number(LENGTH)?)?)
}

fn only_folder(parent: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(parent).ok()?.flatten();
    folders.map(|entry| entry.path()).find(|path| path.is_dir())
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.flatten();
    files.next().map(|entry| entry.path())
}

fn ends_well(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match succeeds(command) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{name} failed and says why above")),
        Err(Stop::Usage(text) | Stop::Failed(text)) => Err(text),
    }
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_is_the_first_that_is_depended_on() {
        let check = |said: &str, package: Option<&str>| {
            assert_eq!(depended_on(said).as_deref(), package);
        };
        check(
            "linux-image-amd64\n  Depends: linux-image-6.1.0-57-amd64\n  Suggests: linux-doc\n",
            Some("linux-image-6.1.0-57-amd64"),
        );
        check("linux-image-amd64\n  Depends: <none>\n", None);
        check("", None);
    }

    #[test]
    fn the_compressed_kernel_lies_where_the_header_says() {
        let mut image = vec![0; 2048];
        image[0x1f1] = 1;
        image[0x248] = 5;
        image[0x24c] = 3;
        image[1024 + 5..1024 + 8].copy_from_slice(b"xyz");
        assert_eq!(payload(&image), Some(&b"xyz"[..]));
        image[0x24d] = 0xff;
        assert_eq!(payload(&image), None, "longer than the file");
        assert_eq!(payload(&[0; 16]), None);
    }
}
