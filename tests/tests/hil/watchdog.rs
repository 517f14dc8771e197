//! The machine's watchdog: fed while the daemon lives, and it fires when the daemon no longer moves.
//!
//! The guest's first program does what systemd does: it takes the daemon's messages and feeds the timer. The timer is an Intel 6300ESB, and
//! QEMU says when it fires.

use std::time::Duration;

use rollcall_tests::hil::PATIENCE;
use rollcall_tests::hil::stage::Stage;
use rollcall_tests::hil::vm::Vm;
use rollcall_tests::hil::wire::Do;

use crate::ground;

/// The timer runs out after this time without a word of the daemon.
const TIMER: Duration = Duration::from_secs(10);
/// Within what the daemon is asked to say that it lives, as systemd tells it.
const WITHIN_US: &str = "4000000";
const SOCKET: &str = "/run/notify";
const SIGSTOP: i32 = 19;

#[test]
fn the_watchdog_fires_when_the_daemon_stops() {
    let Some(ground) = ground("watchdog::the_watchdog_fires_when_the_daemon_stops") else {
        return;
    };
    let devices = ["-device", "i6300esb", "-action", "watchdog=pause"];
    let nothing = ("/run/kiosk", |_: &mut Vm| {});
    let mut stage = Stage::set(&ground, "watchdog", 1, (&devices, &[]), nothing, "");
    let heartbeat = format!("heartbeat={}", TIMER.as_secs());
    stage.vm.load("i6300esb", &heartbeat);
    stage.vm.wait_for("/dev/watchdog0", true);
    stage.vm.done(Do::Watchdog {
        device: "/dev/watchdog0".to_owned(),
        socket: SOCKET.to_owned(),
    });
    let environment = [("NOTIFY_SOCKET", SOCKET), ("WATCHDOG_USEC", WITHIN_US)];
    stage.start(&environment, None);

    stage.vm.rest(TIMER * 3 / 2);
    let fired = stage.vm.qmp.event_within("WATCHDOG", Duration::ZERO);
    assert!(!fired, "it fired although the daemon lives");
    stage.signal(SIGSTOP);
    let fired = stage.vm.qmp.event_within("WATCHDOG", PATIENCE);
    assert!(fired, "the daemon is stopped and nothing fired");
}
