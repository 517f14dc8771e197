//! GPIO lines without hardware: the kernel's `gpio-sim`, described by configfs, with a far end in sysfs.

use std::time::Duration;

use super::PATIENCE;
use super::vm::Vm;
use super::wire::Do;

/// The module that simulates lines.
pub const LINES_MODULE: &str = "gpio_sim";
/// Where chips are described.
const CHIPS: &str = "/sys/kernel/config/gpio-sim";
/// What the program that watches the far end is called.
const WATCH: &str = "watch";

/// A simulated chip of the guest.
#[derive(Clone, Debug)]
pub struct Chip {
    /// Its device.
    pub device: String,
    /// Its far end.
    pub folder: String,
}

impl Chip {
    /// Makes a chip of this label with so many lines.
    ///
    /// # Panics
    /// Where the guest refuses.
    pub fn make(vm: &mut Vm, label: &str, lines: u32) -> Self {
        vm.load(LINES_MODULE, "");
        vm.done(Do::Mount {
            source: "config".to_owned(),
            at: "/sys/kernel/config".to_owned(),
            kind: "configfs".to_owned(),
        });
        let (chip, bank) = (format!("{CHIPS}/{label}"), format!("{CHIPS}/{label}/bank"));
        vm.done(Do::MakeFolder(bank.clone()));
        for (path, text) in [
            (format!("{bank}/num_lines"), lines.to_string()),
            (format!("{bank}/label"), label.to_owned()),
            (format!("{chip}/live"), "1".to_owned()),
        ] {
            write(vm, &path, &text);
        }
        let read = |vm: &mut Vm, path: &str| vm.run(&["cat", path]).trim().to_owned();
        let device = read(vm, &format!("{chip}/dev_name"));
        let name = read(vm, &format!("{bank}/chip_name"));
        vm.wait_for(&format!("/dev/{name}"), true);
        Self {
            device: format!("/dev/{name}"),
            folder: format!("/sys/devices/platform/{device}/{name}"),
        }
    }

    /// Drives an input from outside.
    ///
    /// # Panics
    /// Where the guest refuses.
    pub fn drive(&self, vm: &mut Vm, line: u32, high: bool) {
        let pull = if high { "pull-up" } else { "pull-down" };
        write(vm, &format!("{}/sim_gpio{line}/pull", self.folder), pull);
    }

    /// Whether a line is high.
    ///
    /// # Panics
    /// Where the guest does not say.
    pub fn is_high(&self, vm: &mut Vm, line: u32) -> bool {
        let value = vm.run(&["cat", &format!("{}/sim_gpio{line}/value", self.folder)]);
        value.trim() == "1"
    }

    /// Starts to watch these lines: [`Chip::await_level`] sees what they do from now on.
    ///
    /// # Panics
    /// Where the guest refuses.
    pub fn watch(&self, vm: &mut Vm, program: &str, lines: &[u32]) {
        let mut words = vec![program.to_owned(), "watch".to_owned(), self.folder.clone()];
        words.extend(lines.iter().map(u32::to_string));
        vm.done(Do::Start {
            name: WATCH.to_owned(),
            words,
            environment: Vec::new(),
            acknowledge: None,
        });
    }

    /// Waits until a line that is watched becomes high, or low. What others do meanwhile is passed over.
    ///
    /// # Panics
    /// Where it does not.
    #[track_caller]
    pub fn await_level(&self, vm: &mut Vm, line: u32, high: bool) {
        let expected = format!("{line} {}", u8::from(high));
        let mut others = Vec::new();
        loop {
            match vm.line_within(WATCH, PATIENCE) {
                Some(seen) if seen == expected => return,
                Some(seen) => others.push(seen),
                None => panic!("{expected} did not come, but {others:?}\n{}", vm.logs()),
            }
        }
    }

    /// Leaves out what was seen so far.
    pub fn forget(&self, vm: &mut Vm) {
        while vm.line_within(WATCH, Duration::ZERO).is_some() {}
    }
}

fn write(vm: &mut Vm, path: &str, text: &str) {
    vm.done(Do::Write {
        path: path.to_owned(),
        hex: hex::encode(text),
    });
}
