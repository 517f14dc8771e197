//! A kiosk that is set up and told what to do by codes that are held before its reader: the claim's page, and staff badges from the sheet that the issuer writes, through a door, to the case that a reviewer finds.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use rollcall_tests::programs::soon;
use rollcall_tests::world::{DOOR, Daemon, EVENT, Kiosk, Plan, World, person, text};
use vision::{Cascade, Frame, Settings};

const READER: usize = 0;
const PATIENCE: Duration = Duration::from_secs(60);
/// Pixels of a module where a sheet's code is drawn.
const MODULE_PX: usize = 4;

/// The codes of a sheet, as a camera reads them off the page, in their order.
fn read_off(page: &Path) -> Vec<String> {
    let page = std::fs::read_to_string(page).unwrap();
    let codes = page.split("<svg viewBox=\"0 0 ").skip(1);
    codes.map(|svg| read(&drawn(svg))).collect()
}

/// A code as its path draws it: grey, and pixels across.
fn drawn(svg: &str) -> (Vec<u8>, usize) {
    let across: usize = svg.split(' ').next().unwrap().parse().unwrap();
    let path = svg.split("path d=\"M").nth(1).unwrap();
    let path = path.split('"').next().unwrap();
    let side = across * MODULE_PX;
    let mut grey = vec![255; side * side];
    for run in path.split('M') {
        let (at, rest) = run.split_once('h').unwrap();
        let (x, y) = at.split_once(' ').unwrap();
        let length = rest.split('v').next().unwrap();
        let [x, y, length] = [x, y, length].map(|number| number.parse::<usize>().unwrap());
        for row in y * MODULE_PX..(y + 1) * MODULE_PX {
            let from = row * side + x * MODULE_PX;
            grey[from..from + length * MODULE_PX].fill(0);
        }
    }
    (grey, side)
}

fn read((grey, side): &(Vec<u8>, usize)) -> String {
    let mut cascade = Cascade::new(&Settings::default());
    let frame = Frame::new(grey, *side, *side, *side).unwrap();
    let look = cascade.look(&frame, 0, &mut || Duration::ZERO);
    let mut fresh = look.fresh.into_iter();
    fresh.next().expect("the code reads").text
}

fn check(kiosk: &Kiosk, daemon: &Daemon, code: &str, verdict: &str) {
    kiosk.scan(READER, code);
    assert_eq!(daemon.answer().verdict, verdict);
}

/// Scans the claim off its page: a new kiosk needs no keyboard.
fn enrol_by_the_page(world: &World, kiosk: &Kiosk, daemon: &Daemon) {
    let page = text(&world.path("claim.html"));
    let claim = ["claim", "--event", EVENT, "--door", DOOR, "--out", &page];
    let said = world.issuer(&claim).ok();
    let [code] = read_off(Path::new(&page)).try_into().unwrap();
    assert!(said.contains(&code));
    check(kiosk, daemon, &code, "not_set_up");
    let enrolled = soon(PATIENCE, || {
        kiosk
            .status()
            .is_some_and(|status| status["enrolment"]["door"].is_string())
    });
    assert!(enrolled, "{:?}", kiosk.status());
}

#[test]
fn a_printed_staff_badge_turns_a_door_and_takes_a_scan_back() {
    let mut world = World::new("staff-badges", &Plan::one_long_session(4));
    let add = ["user", "add", "--id", "ada", "--role", "door"];
    world.issuer_told(&add, "a long password of ada\n").ok();
    let sheet = world.path("ada.html");
    let out = text(&sheet);
    let make = ["badge", "staff", "--event", EVENT, "--id", "ada", "--out"];
    let make = [&make[..], &[out.as_str()]].concat();
    world.issuer(&make).ok();
    let [_in, out, toggle, take_back] = read_off(&sheet).try_into().unwrap();

    world.start_issuer();
    let kiosk = world.kiosk("kiosk", &[("door", "")]);
    let mut daemon = kiosk.start();
    kiosk.wait_until_attached(&mut daemon);
    enrol_by_the_page(&world, &kiosk, &daemon);
    check(&kiosk, &daemon, &person(0), "checked_in");
    check(&kiosk, &daemon, &out, "staff_out");
    check(&kiosk, &daemon, &person(1), "checked_out");
    check(&kiosk, &daemon, &toggle, "staff_either");
    // The second one had just come in.
    check(&kiosk, &daemon, &take_back, "staff_scan_badge");
    check(&kiosk, &daemon, &person(1), "staff_taken_back");
    check(&kiosk, &daemon, &person(1), "checked_in");
    let listed = || world.issuer(&["review", "list", "--event", EVENT]).ok();
    let is_case = soon(PATIENCE, || listed().contains("took back a scan of"));
    assert!(is_case, "{}", listed());

    world.issuer(&["user", "disable", "--id", "ada"]).ok();
    // The door learns it with its next bundle.
    let refused = soon(PATIENCE, || {
        kiosk.scan(READER, &out);
        daemon.answer().verdict == "staff_refused"
    });
    assert!(refused);
    check(&kiosk, &daemon, "RCS1AAAA", "staff_refused");
    daemon.stop();
}
