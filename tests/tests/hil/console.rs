//! A scanner that types is the kiosk's alone: its keys reach the daemon, and the console of the machine stays untouched.

use std::time::Duration;

use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::stage::Stage;
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::Do;
use rollcall_tests::programs::soon;
use rollcall_tests::world::person;
use serde_json::json;

use crate::ground;

/// QEMU's own keyboard.
const READER: &str = r#"
[[reader]]
name = "wedge"
kind = "hid"
direction = "in"
vendor = 0x0627
product = 0x0001
layout = "keyboard"
idle_ms = 0
"#;

/// How long the console is watched where nothing is to come.
const QUIET: Duration = Duration::from_millis(500);

/// What the console has got since it was last looked at.
fn console(vm: &mut Vm) -> String {
    vm.text(Do::Console).unwrap()
}

/// Types a line and waits until the console has got it.
#[track_caller]
fn check_console_hears(vm: &mut Vm, line: &str) {
    console(vm);
    vm.type_keys(&format!("{line}\n"));
    let mut heard = String::new();
    let all = soon(PATIENCE, || {
        heard.push_str(&console(vm));
        heard.ends_with('\r')
    });
    assert!(all && heard == format!("{line}\r"), "{heard:?}");
}

#[test]
fn keys_reach_the_daemon_and_no_console() {
    let Some(ground) = ground("console::keys_reach_the_daemon_and_no_console") else {
        return;
    };
    let modules = ["xhci_pci", "usbhid", "hid_generic", "evdev"];
    let nothing = ("/run/kiosk", |_: &mut Vm| {});
    let mut stage = Stage::set(&ground, "console", 10, (&[], &modules), nothing, READER);
    stage.vm.plug("usb-kbd", "keyboard", &json!({}));
    stage.vm.wait_for("/dev/hidraw0", true);
    stage.vm.wait_for("/dev/input/event0", true);
    // The control: without a daemon the console gets everything, so the silence below means something.
    check_console_hears(&mut stage.vm, "before-1");

    stage.start(&[], None);
    stage.wait_attached("wedge", true);
    for number in 0..3 {
        stage.vm.type_keys(&format!("{}\n", person(number)));
        let answer = stage.answer();
        assert!(answer.is_green(), "{answer:?}");
    }
    stage.vm.rest(QUIET);
    assert_eq!(
        console(&mut stage.vm),
        "",
        "keys of a badge reached the console"
    );
    let badges = stage.kiosk().enrolment().badge_key;
    stage.stop();
    let scans = stage.export().scans(0);
    let seen: Vec<_> = scans.iter().map(|scan| scan.badge).collect();
    assert_eq!(seen, [0, 1, 2].map(|number| badges.digest(&person(number))));

    // The daemon lets go of it at its end.
    check_console_hears(&mut stage.vm, "after-2");
}
