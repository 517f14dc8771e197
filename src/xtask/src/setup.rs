//! Makes a Debian machine ready, and is the only part that uses the network.
//!
//! Packages are looked for with `dpkg-query` and, where that finds none or there is no dpkg, by the program they
//! bring, so a machine that has them from elsewhere is left alone. As root what is missing is installed, otherwise the
//! line to type is printed. Crates and cargo-deny are fetched only where absent. With everything there it takes well
//! under a second, and it keeps no stamp that could be wrong.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Stop;
use crate::hil;
use crate::workspace::{Workspace, is_on_path, succeeds};

/// The cargo-deny that reads `deny.toml`.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// What the machine is to be ready for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Building and running the programs.
    Programs,
    /// Building and running every test and check.
    Tests,
}

/// A Debian package that something here cannot do without.
struct Package {
    name: &'static str,
    /// What shows that the machine has it from elsewhere: a program on the PATH, a path, or the library of any version.
    brings: Brings,
    reason: &'static str,
    purpose: Purpose,
}

enum Brings {
    Program(&'static str),
    File(&'static str),
    Libclang,
}

const PACKAGES: [Package; 16] = [
    Package {
        name: "gcc",
        brings: Brings::Program("cc"),
        reason: "links programs; compiles SQLite, zstd and ring",
        purpose: Purpose::Programs,
    },
    Package {
        name: "libc6-dev",
        brings: Brings::File("/usr/include/stdio.h"),
        reason: "the C headers and start files that gcc needs",
        purpose: Purpose::Programs,
    },
    Package {
        name: "g++",
        brings: Brings::Program("c++"),
        reason: "compiles zxing-cpp, which reads the camera's codes",
        purpose: Purpose::Programs,
    },
    Package {
        name: "cmake",
        brings: Brings::Program("cmake"),
        reason: "drives that compilation",
        purpose: Purpose::Programs,
    },
    Package {
        name: "make",
        brings: Brings::Program("make"),
        reason: "does that compilation",
        purpose: Purpose::Programs,
    },
    Package {
        name: "xz-utils",
        brings: Brings::Program("xz"),
        reason: "unpacks the kernel that the kiosk is tested on",
        purpose: Purpose::Tests,
    },
    Package {
        name: "e2fsprogs",
        brings: Brings::File("/usr/sbin/mkfs.ext4"),
        reason: "makes and repairs the disk whose power is cut",
        purpose: Purpose::Tests,
    },
    Package {
        // Without a version, which is the distribution's choice.
        name: "libclang1",
        brings: Brings::Libclang,
        reason: "reads the kernel's headers for the bindings to cameras",
        purpose: Purpose::Programs,
    },
    Package {
        name: "linux-libc-dev",
        brings: Brings::File("/usr/include/linux/videodev2.h"),
        reason: "those headers",
        purpose: Purpose::Programs,
    },
    Package {
        name: "strace",
        brings: Brings::Program("strace"),
        reason: "shows that the disk had synced before a door said green",
        purpose: Purpose::Tests,
    },
    Package {
        name: "golang-go",
        brings: Brings::Program("go"),
        reason: "runs the independent verifier of logs and receipts",
        purpose: Purpose::Tests,
    },
    Package {
        name: "golang-golang-x-mod-dev",
        brings: Brings::File("/usr/share/gocode/src/golang.org/x/mod/sumdb/note/note.go"),
        reason: "signed notes and Merkle proofs for that verifier",
        purpose: Purpose::Tests,
    },
    Package {
        name: "chromium",
        brings: Brings::Program("chromium"),
        reason: "opens the screens and pages",
        purpose: Purpose::Tests,
    },
    Package {
        name: "chromium-driver",
        brings: Brings::Program("chromedriver"),
        reason: "drives that browser",
        purpose: Purpose::Tests,
    },
    Package {
        name: "zbar-tools",
        brings: Brings::Program("zbarimg"),
        reason: "reads the time code off the browser's screen",
        purpose: Purpose::Tests,
    },
    Package {
        name: "fonts-noto-core",
        brings: Brings::File("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
        reason: "without a font the browser draws no text to measure",
        purpose: Purpose::Tests,
    },
];

/// Makes the machine ready for `purpose`, doing only what is missing.
///
/// # Errors
/// Where something is missing that cannot be installed here; the text says what to type or to change.
pub(crate) fn set_up(workspace: &Workspace, purpose: Purpose) -> Result<(), Stop> {
    let needed: Vec<&Package> = PACKAGES
        .iter()
        .filter(|package| package.purpose == Purpose::Programs || purpose == Purpose::Tests)
        .collect();
    install_packages(&needed)?;
    fetch_crates(workspace)?;
    if purpose == Purpose::Tests {
        check_components(workspace)?;
        if let Some(missing) = hil::bring(workspace) {
            eprintln!("setup: {missing}; they skip themselves");
        }
    }
    Ok(())
}

fn install_packages(needed: &[&Package]) -> Result<(), Stop> {
    let missing = missing_packages(needed);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("setup: these Debian packages are missing:");
    for package in &missing {
        eprintln!("setup:   {:<24} {}", package.name, package.reason);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !is_on_path("apt-get") {
        return Err(Stop::Failed(format!(
            "there is no apt-get here. Install what Debian calls {} by this system's own means.",
            names.join(" ")
        )));
    }
    if !is_root() {
        return Err(Stop::Failed(format!(
            "not root. Type this, then try again:\n\n    {}\n",
            apt_line(&names)
        )));
    }
    eprintln!("setup: installing them with apt-get");
    if !succeeds(&mut apt_get(&["update"]))? {
        eprintln!("setup: `apt-get update` failed; trying with the package lists that are here");
    }
    let mut install = apt_get(&["install", "-y", "--no-install-recommends"]);
    if succeeds(install.args(&names))? && missing_packages(&missing).is_empty() {
        Ok(())
    } else {
        Err(Stop::Failed(format!(
            "apt-get did not install them; it says why above. Check the network and /etc/apt, then type\n\n    {}\n",
            apt_line(&names)
        )))
    }
}

fn missing_packages<'a>(needed: &[&'a Package]) -> Vec<&'a Package> {
    let listing = installed_listing(needed);
    needed
        .iter()
        .filter(|package| !is_listed_installed(&listing, package.name) && !is_here(&package.brings))
        .copied()
        .collect()
}

/// What dpkg knows of the packages, one `status name` a line; empty where there is no dpkg. It exits 1 when it knows
/// one of them not at all, so its exit code says nothing.
fn installed_listing(needed: &[&Package]) -> String {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status} ${Package}\\n"]);
    query.args(needed.iter().map(|package| package.name));
    query
        .stderr(Stdio::null())
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

fn is_listed_installed(listing: &str, name: &str) -> bool {
    listing
        .lines()
        .any(|line| line.split_once(' ') == Some(("installed", name)))
}

fn is_here(brings: &Brings) -> bool {
    match brings {
        Brings::Program(name) => is_on_path(name),
        Brings::File(path) => Path::new(path).exists(),
        Brings::Libclang => env::var_os("LIBCLANG_PATH").is_some() || has_libclang(),
    }
}

/// Whether libclang of any version lies where its users look for it: among the libraries, or with the rest of its compiler.
fn has_libclang() -> bool {
    let files = |folder: &Path| -> Vec<PathBuf> {
        let listed = std::fs::read_dir(folder).into_iter().flatten().flatten();
        listed.map(|file| file.path()).collect()
    };
    let beside = files(Path::new("/usr/lib"));
    let within = beside.iter().map(|folder| folder.join("lib"));
    let mut folders = beside.iter().cloned().chain(within);
    folders.any(|folder| files(&folder).iter().any(|file| is_libclang(file)))
}

/// `libclang.so`, `libclang-14.so.1` and the like, and neither its C++ interface nor its parts.
fn is_libclang(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    let Some((stem, _)) = name.and_then(|name| name.split_once(".so")) else {
        return false;
    };
    let version = stem
        .strip_prefix("libclang")
        .map(|v| v.trim_start_matches('-'));
    version.is_some_and(|v| v.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// The line that a person types to install packages.
pub(crate) fn apt_line(names: &[&str]) -> String {
    format!(
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
        names.join(" ")
    )
}

/// A call of `apt-get` that asks no questions.
pub(crate) fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether this may install packages.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Brings the crates of the lock file to this machine. Everything after builds with `--offline`.
fn fetch_crates(workspace: &Workspace) -> Result<(), Stop> {
    let all_here = workspace
        .cargo(&["fetch", "--locked", "--offline", "--quiet"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if all_here {
        return Ok(());
    }
    eprintln!("setup: downloading the crates that Cargo.lock names");
    if succeeds(&mut workspace.cargo(&["fetch", "--locked"]))? {
        Ok(())
    } else {
        Err(Stop::Failed(
            "could not fetch the crates; cargo says why above. If a network is missing, set up once with one: \
             everything after works without. If Cargo.lock does not fit the manifests, run `cargo check` and commit it."
                .to_owned(),
        ))
    }
}

fn check_components(workspace: &Workspace) -> Result<(), Stop> {
    for component in ["fmt", "clippy"] {
        let there = workspace
            .cargo(&[component, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !there {
            return Err(Stop::Failed(format!(
                "`cargo {component}` is missing. With rustup: rustup component add rustfmt clippy"
            )));
        }
    }
    Ok(())
}

/// Builds cargo-deny into the build folder unless the right one is there. It is run, not shipped, so it is compiled
/// for a short build rather than for speed.
///
/// # Errors
/// Where it cannot be installed; the text says what to do.
pub(crate) fn install_cargo_deny(workspace: &Workspace) -> Result<(), Stop> {
    let program = cargo_deny(workspace);
    let right_one = Command::new(&program)
        .arg("--version")
        .output()
        .is_ok_and(|output| is_cargo_deny_version(&output.stdout));
    if right_one {
        return Ok(());
    }
    eprintln!("setup: building cargo-deny {CARGO_DENY_VERSION}, once; this takes some minutes");
    let tools = workspace.tools();
    let scratch = tools.join("build");
    let mut install = workspace.cargo(&[
        "install",
        "--locked",
        "cargo-deny",
        "--version",
        CARGO_DENY_VERSION,
    ]);
    install
        .arg("--force")
        .arg("--root")
        .arg(&tools)
        .arg("--target-dir")
        .arg(&scratch);
    install.env("CARGO_PROFILE_RELEASE_LTO", "off");
    install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    if !succeeds(&mut install)? {
        return Err(Stop::Failed(format!(
            "could not install cargo-deny {CARGO_DENY_VERSION} into {}; cargo says why above. It comes from crates.io, \
             so it needs a network, once. Until then `cargo xtask test --quick` runs all but the dependency check.",
            tools.display()
        )));
    }
    // Half a gigabyte of objects nobody needs again; a leftover costs disk, not correctness.
    if let Err(error) = std::fs::remove_dir_all(&scratch) {
        eprintln!("setup: could not remove {}: {error}", scratch.display());
    }
    Ok(())
}

/// The path of the installed cargo-deny.
pub(crate) fn cargo_deny(workspace: &Workspace) -> std::path::PathBuf {
    workspace
        .tools()
        .join("bin")
        .join(format!("cargo-deny{}", env::consts::EXE_SUFFIX))
}

fn is_cargo_deny_version(output: &[u8]) -> bool {
    String::from_utf8_lossy(output).trim() == format!("cargo-deny {CARGO_DENY_VERSION}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_package_that_dpkg_calls_installed_counts() {
        let listing =
            "installed gcc\nconfig-files strace\nnot-installed chromium\ninstalled golang-go\n";
        let installed = |name| is_listed_installed(listing, name);
        assert!(installed("gcc") && installed("golang-go"));
        assert!(!installed("strace"), "removed, its configuration left");
        assert!(!installed("chromium") && !installed("chromium-driver") && !installed("go"));
        assert!(!is_listed_installed("", "gcc"), "no dpkg at all");
    }

    #[test]
    fn libclang_is_known_by_its_file_whatever_its_version() {
        let check =
            |name: &str, expected| assert_eq!(is_libclang(Path::new(name)), expected, "{name}");
        for name in [
            "libclang.so",
            "libclang.so.1",
            "libclang-14.so.14.0.6",
            "libclang-19.so.1",
        ] {
            check(name, true);
        }
        for name in [
            "libclang-cpp.so.14",
            "libclang_rt.so",
            "libclangAST.so",
            "libclang-14.a",
        ] {
            check(name, false);
        }
    }

    #[test]
    fn the_line_to_type_names_every_package() {
        assert_eq!(
            apt_line(&["gcc", "strace"]),
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends gcc strace"
        );
    }

    #[test]
    fn another_cargo_deny_is_not_the_right_one() {
        assert!(is_cargo_deny_version(b"cargo-deny 0.20.2\n"));
        assert!(!is_cargo_deny_version(b"cargo-deny 0.20.20\n"));
        assert!(!is_cargo_deny_version(b""));
    }

    #[test]
    fn every_package_has_its_own_reason() {
        let mut reasons: Vec<_> = PACKAGES.iter().map(|package| package.reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), PACKAGES.len());
    }
}
