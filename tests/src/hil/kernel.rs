//! The guest's kernel: a Debian package, unpacked, and what is made of it to boot.
//!
//! Contract: nothing is installed and nothing downloaded here; `cargo xtask setup` does that. Modules are found by name, and what a module
//! needs is read out of the module itself, so no index has to be made. The archive that the kernel starts from is in cpio's `newc` format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The mode of a folder and of a file that may be run.
const FOLDER_MODE: u32 = 0o040_755;
const PROGRAM_MODE: u32 = 0o100_755;

/// An unpacked kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What QEMU boots.
    pub image: PathBuf,
    /// Module files by name, `-` as `_`.
    modules: BTreeMap<String, PathBuf>,
    /// The names of what the kernel has without a module.
    built_in: Vec<String>,
}

impl Kernel {
    /// The kernel in the folder that `cargo xtask setup` fills. The error says what is missing.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn find(folder: &Path) -> Result<Self, String> {
        let unpacked = folder.join("kernel");
        let of_release = only_folder(&unpacked.join("lib/modules"))
            .ok_or_else(|| format!("{} holds no kernel", unpacked.display()))?;
        let release = of_release.file_name().unwrap_or_default();
        let release = release.to_string_lossy().into_owned();
        let uncompressed = folder.join("vmlinux");
        let image = if uncompressed.is_file() {
            uncompressed
        } else {
            unpacked.join(format!("boot/vmlinuz-{release}"))
        };
        if !image.is_file() {
            return Err(format!("{} is missing", image.display()));
        }
        let mut modules = BTreeMap::new();
        collect(&of_release, &mut modules);
        collect(&folder.join("made"), &mut modules);
        let listed = std::fs::read_to_string(of_release.join("modules.builtin"));
        let built_in = listed.unwrap_or_default();
        let built_in = built_in.lines().map(|line| name_of(Path::new(line)));
        Ok(Self {
            image,
            modules,
            built_in: built_in.collect(),
        })
    }

    /// Whether there is such a module. Those that Debian's package lacks are built by `cargo xtask setup`, where they can be.
    pub fn has(&self, name: &str) -> bool {
        self.modules.contains_key(&name.replace('-', "_"))
    }

    /// The files of these modules and of all that they need, in an order in which they can be loaded, each once.
    ///
    /// # Panics
    /// Where the kernel has no such module, or it cannot be read.
    pub fn closure(&self, names: &[&str]) -> Vec<PathBuf> {
        let mut order = Vec::new();
        for name in names {
            self.add(name, &mut order);
        }
        order
    }

    fn add(&self, name: &str, order: &mut Vec<PathBuf>) {
        let name = name.replace('-', "_");
        let Some(path) = self.modules.get(&name) else {
            assert!(
                self.built_in.contains(&name),
                "the kernel has no module {name}"
            );
            return;
        };
        if order.contains(path) {
            return;
        }
        let bytes = std::fs::read(path).expect("a module can be read");
        for needed in needs(&bytes) {
            self.add(&needed, order);
        }
        order.push(path.clone());
    }
}

fn only_folder(parent: &Path) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(parent)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders.pop()
}

fn collect(folder: &Path, modules: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, modules);
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            modules.insert(name_of(&path), path);
        }
    }
}

fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.replace('-', "_")
}

/// The modules that a module says it needs: its `depends` entry, a list with commas.
fn needs(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let rest = &module[at + KEY.len()..];
    let list = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    let list = String::from_utf8_lossy(list);
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// An archive for the kernel to start from.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: Vec<String>,
}

impl Archive {
    /// Adds a program at an absolute path, with the folders above it.
    ///
    /// # Panics
    /// Where it is over 4 GiB.
    pub fn program(&mut self, path: &str, bytes: &[u8]) {
        let path = path.trim_start_matches('/');
        let mut above = String::new();
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            if !above.is_empty() {
                above.push('/');
            }
            above.push_str(part);
            self.folder(&above);
        }
        self.entry(path, PROGRAM_MODE, bytes);
    }

    /// Adds a folder.
    pub fn folder(&mut self, path: &str) {
        if !self.folders.iter().any(|known| known == path) {
            self.folders.push(path.to_owned());
            self.entry(path, FOLDER_MODE, &[]);
        }
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = if mode == FOLDER_MODE { 2 } else { 1 };
        let size = u32::try_from(content.len()).expect("archives of guests are small");
        let name_size = u32::try_from(name.len() + 1).expect("paths are short");
        // inode, mode, user, group, links, time, size, device, device, of a node, of a node, name, checksum
        let fields = [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            size,
            0,
            0,
            0,
            0,
            name_size,
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// The archive's bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_needs_is_read_out_of_it() {
        let check = |module: &[u8], expected: &[&str]| assert_eq!(needs(module), expected);
        check(
            b"\x7fELF\0license=GPL\0depends=usbcore,hid\0name=usbhid\0",
            &["usbcore", "hid"],
        );
        check(b"license=GPL\0depends=\0name=usbcore\0", &[]);
        check(b"no module", &[]);
        check(b"\0softdepends=a\0depends=b", &["b"]);
    }

    #[test]
    fn an_archive_is_as_cpio_reads_it() {
        let mut archive = Archive::default();
        archive.program("/lib/x/init", b"hello");
        let text = String::from_utf8(archive.finish()).expect("it is ASCII");
        let names: Vec<usize> = ["lib\0", "lib/x\0", "lib/x/init\0", "TRAILER!!!\0"]
            .iter()
            .map(|name| text.find(name).expect("it is there"))
            .collect();
        assert!(names.is_sorted());
        assert!(text.starts_with("07070100000001000041ed"));
        assert!(
            text.contains("lib/x/init\0\0\0\0hello\0\0\x00070701"),
            "{text:?}"
        );
        assert_eq!(text.len() % 4, 0);
    }
}
