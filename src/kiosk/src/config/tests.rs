#![allow(clippy::unwrap_used)]

use super::*;

const SAMPLE: &str = include_str!("../../../../config/kiosk.toml");

fn refused(text: &str) -> String {
    parse(text, "kiosk.toml").unwrap_err().to_string()
}

/// Checks that a file with these `[[reader]]` lines is refused with each of the words.
fn check_refused(blocks: &[&str], words: &[&str]) {
    let mut text = "data_dir = \"d\"\n".to_owned();
    for block in blocks {
        text.push_str("[[reader]]\n");
        text.push_str(block);
        text.push('\n');
    }
    let said = refused(&text);
    for word in words {
        assert!(said.contains(word), "{said:?} lacks {word:?}");
    }
}

#[test]
fn the_shipped_sample_is_a_configuration() {
    let config = parse(SAMPLE, "config/kiosk.toml").unwrap();
    assert_eq!(config.screen.listen, SCREEN_LISTEN_DEFAULT.parse().unwrap());
    assert_eq!(config.readers.len(), 1);
}

#[test]
fn every_key_the_sample_shows_commented_out_is_known() {
    // A line that starts with "#: " is a setting that is switched off.
    let switched_on: String = SAMPLE
        .lines()
        .map(|line| match line.strip_prefix("#: ") {
            Some(setting) => format!("{setting}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let config = parse(&switched_on, "config/kiosk.toml, all switched on").unwrap();
    assert_eq!(config.readers.len(), 7);
    assert!(config.screen.size_mm.is_some());
    assert_eq!(config.gpio.map(|gpio| gpio.uses().len()), Some(7));
    assert!(config.repeat_s.is_some());
}

#[test]
fn little_is_needed() {
    let config = parse("data_dir = \"d\"\n", "kiosk.toml").unwrap();
    assert_eq!(config.languages, [Language::English]);
    assert_eq!(config.feedback, Feedback::Console);
    assert_eq!(config.storage.min_free_mb, MIN_FREE_MB_DEFAULT);
    assert!(config.screen.listen.ip().is_loopback());
    assert!(config.readers.is_empty());
}

#[test]
fn pages_have_names() {
    let hosts = |written: &str| {
        let text = format!("data_dir = \"d\"\n[screen]\nhosts = {written}\n");
        parse(&text, "kiosk.toml").map(|config| config.screen.hosts)
    };
    let known = hosts("[\"kiosk-3.local\", \"192.0.2.7\", \"[2001:db8::7]\"]").unwrap();
    assert_eq!(known, ["kiosk-3.local", "192.0.2.7", "[2001:db8::7]"]);
    for wrong in ["[\"\"]", "[\"http://kiosk/\"]", "[\"a b\"]"] {
        let error = hosts(wrong).unwrap_err().to_string();
        assert!(error.contains("screen.hosts: "), "{error}");
    }
}

#[test]
fn a_serial_reader_has_working_defaults() {
    let text = "data_dir = \"d\"\n[[reader]]\nname = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"\n";
    let config = parse(text, "kiosk.toml").unwrap();
    let DeviceConfig::Serial(serial) = &config.readers[0].device else {
        unreachable!("kind = serial")
    };
    assert_eq!(serial.baud, 9600);
    assert_eq!(serial.terminator, Terminator::Line);
    assert_eq!(serial.idle_ms, Some(200));
    let text = format!("{text}idle_ms = 0\n");
    let config = parse(&text, "kiosk.toml").unwrap();
    let DeviceConfig::Serial(serial) = &config.readers[0].device else {
        unreachable!("kind = serial")
    };
    assert_eq!(serial.idle_ms, None);
}

#[test]
fn a_mistyped_key_is_named_with_its_nearest() {
    let said = refused("data_dir = \"d\"\n[screen]\nlissten = \"127.0.0.1:1\"\n");
    assert!(said.contains("line 3"), "{said}");
    assert!(
        said.contains("`lissten`") && said.contains("`listen`"),
        "{said}"
    );
    let said = refused("data_dir = \"d\"\n[[raeder]]\n");
    assert!(said.contains("did you mean `reader`?"), "{said}");
}

#[test]
fn an_address_that_is_none_is_shown() {
    let said = refused("data_dir = \"d\"\n[screen]\nlisten = \"door.example:http\"\n");
    assert!(
        said.contains("door.example:http") && said.contains("127.0.0.1:8650"),
        "{said}"
    );
}

#[test]
fn readers_are_refused_by_name() {
    let a = "name = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"";
    let same_name = "name = \"a\"\nkind = \"serial\"\npath = \"/dev/y\"";
    check_refused(&[a, same_name], &["reader \"a\"", "two readers"]);
    let same_path = "name = \"b\"\nkind = \"lines\"\npath = \"/dev/x\"";
    check_refused(
        &[a, same_path],
        &["reader \"b\"", "reader \"a\"", "same device"],
    );
    let stdin = "kind = \"lines\"\npath = \"-\"";
    let (s1, s2) = (
        format!("name = \"s1\"\n{stdin}"),
        format!("name = \"s2\"\n{stdin}"),
    );
    check_refused(&[&s1, &s2], &["reader \"s2\"", "same device"]);
}

#[test]
fn two_usb_readers_need_something_that_tells_them_apart() {
    let hid = |name: &str, more: &str| {
        format!("name = \"{name}\"\nkind = \"hid\"\nvendor = 0x05e0\nproduct = 0x1300\n{more}")
    };
    check_refused(
        &[&hid("a", ""), &hid("b", "")],
        &["reader \"b\"", "`serial`"],
    );
    check_refused(
        &[&hid("a", "serial = \"1\""), &hid("b", "")],
        &["same device"],
    );
    let text = format!(
        "data_dir = \"d\"\n[[reader]]\n{}\n[[reader]]\n{}\n",
        hid("a", "serial = \"1\""),
        hid("b", "serial = \"2\"")
    );
    assert!(parse(&text, "kiosk.toml").is_ok());
}

#[test]
fn a_wildcard_takes_what_no_other_block_names() {
    let text = format!(
        "data_dir = \"d\"\n[[reader]]\nname = \"rest\"\nkind = \"hid\"\nany = true\n[[reader]]\n{}\n",
        "name = \"a\"\nkind = \"hid\"\nvendor = 1\nproduct = 2\nserial = \"1\""
    );
    let config = parse(&text, "kiosk.toml").unwrap();
    let named = UsbIdentity {
        vendor: 1,
        product: 2,
        serial: Some("1".to_owned()),
        port: None,
    };
    let found_by = |index: usize| config.readers[index].device.usb().cloned();
    assert_eq!(found_by(1), Some(UsbMatch::Named(named.clone())));
    assert_eq!(found_by(0), Some(UsbMatch::AnyBut(vec![named])));
}

#[test]
fn blocks_that_make_no_sense_are_refused() {
    check_refused(
        &["name = \"Main In\"\nkind = \"lines\"\npath = \"-\""],
        &["lower-case"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"serail\""],
        &["line 4", "did you mean `serial`?"],
    );
    check_refused(&["name = \"a\"\nkind = \"serial\""], &["needs `path`"]);
    check_refused(
        &["name = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"\nvendor = 1\nproduct = 2"],
        &["by `path` and by USB"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nvendor = 1"],
        &["`product`"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nserial = \"1\""],
        &["`vendor`"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nany = true\nvendor = 1\nproduct = 2"],
        &["has `any` and names a device"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nany = true\nkeyboard = \"ch\""],
        &["line 6", "`us`", "`cz`"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nany = true\nlayout = \"pos\"\nkeyboard = \"de\""],
        &["`keyboard` means nothing"],
    );
    check_refused(
        &[
            "name = \"a\"\nkind = \"hid\"\nany = true",
            "name = \"b\"\nkind = \"hid\"\nany = true",
        ],
        &["reader \"b\"", "same device"],
    );
    check_refused(
        &[
            "name = \"a\"\nkind = \"serial\"\nany = true",
            "name = \"b\"\nkind = \"serial\"\npath = \"/dev/x\"",
        ],
        &["reader \"b\"", "same device"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"lines\"\npath = \"-\"\nbaud = 9600"],
        &["`baud` means nothing", "lines"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"\nidle_ms = 999999"],
        &["`idle_ms`"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"\nbaud = 0"],
        &["`baud`"],
    );
    check_refused(&["kind = \"lines\"\npath = \"-\""], &["`name` is missing"]);
}

#[test]
fn a_camera_reads_qr_codes_off_grey_planes_unless_told_otherwise() {
    let text = "data_dir = \"d\"\n[[reader]]\nname = \"a\"\nkind = \"camera\"\n\
        command = [\"frames\", \"-v\"]\nwidth = 641\nheight = 481\n";
    let config = parse(text, "kiosk.toml").unwrap();
    let DeviceConfig::Camera(camera) = &config.readers[0].device else {
        unreachable!("it says camera");
    };
    assert_eq!(camera.formats, [vision::Format::Qr]);
    let CameraSource::Command(program) = &camera.source else {
        unreachable!("it names a program");
    };
    let layout = program.layout;
    assert_eq!(
        (layout.stride, layout.pixels),
        (641, vision::Pixels::Yuv420)
    );
    assert_eq!(layout.frame_bytes(), Some(641 * 481 + 2 * 321 * 241));
}

#[test]
fn a_camera_of_the_kernel_is_named_like_other_readers_or_by_its_card() {
    let check = |keys: &str, usb: bool, card: Option<&str>, size_max: (u32, u32)| {
        let text = format!("data_dir = \"d\"\n[[reader]]\nname = \"a\"\nkind = \"camera\"\n{keys}");
        let config = parse(&text, "kiosk.toml").unwrap();
        let device = &config.readers[0].device;
        let DeviceConfig::Camera(CameraConfig {
            source: CameraSource::Video(video),
            ..
        }) = device
        else {
            unreachable!("it names no program");
        };
        assert_eq!(device.usb().is_some(), usb, "{keys}");
        assert_eq!(video.card.as_deref(), card, "{keys}");
        assert_eq!(video.size_max, size_max, "{keys}");
    };
    check("any = true", true, None, (1_280, 720));
    check(
        "vendor = 1\nproduct = 2\nserial = \"S\"",
        true,
        None,
        (1_280, 720),
    );
    check("card = \"Loop\"", false, Some("Loop"), (1_280, 720));
    check(
        "card = \"Loop\"\nvendor = 1\nproduct = 2\nwidth = 640\nheight = 480",
        true,
        Some("Loop"),
        (640, 480),
    );
    check_refused(
        &[
            "name = \"a\"\nkind = \"camera\"\ncard = \"Loop\"",
            "name = \"b\"\nkind = \"camera\"\nvendor = 1\nproduct = 2",
        ],
        &["reader \"b\"", "same device"],
    );
}

#[test]
fn a_camera_that_cannot_be_is_refused() {
    let camera = |keys: &str| format!("name = \"a\"\nkind = \"camera\"\n{keys}");
    let size = "command = [\"x\"]\nwidth = 640\nheight = 480";
    for (keys, words) in [
        ("width = 640\nheight = 480", &["`command`", "`card`"][..]),
        (
            "command = [\"x\"]\nany = true",
            &["`command`", "choose one"],
        ),
        ("card = \"\"", &["`card`", "1 to 32"]),
        ("any = true\nwidth = 640", &["go together"]),
        ("any = true\nwidth = 7\nheight = 480", &["8 to 8192"]),
        ("any = true\npixels = \"yuyv\"", &["`pixels` means nothing"]),
        (
            &format!("{size}\npixels = \"mjpeg\"\nstride = 640"),
            &["`stride`", "JPEG"],
        ),
        (&format!("{size}\npixels = \"rgb\""), &["`rgb`", "mjpeg"]),
        ("command = []\nwidth = 640\nheight = 480", &["`command`"]),
        ("command = [\"x\"]", &["`width` and `height`"]),
        ("command = [\"x\"]\nwidth = 7\nheight = 480", &["8 to 8192"]),
        (
            "command = [\"x\"]\nwidth = 8192\nheight = 8192",
            &["12000000"],
        ),
        (&format!("{size}\nstride = 639"), &["`stride`", "640"]),
        (&format!("{size}\nstride = 9999"), &["`stride`"]),
        (
            &format!("{size}\npixels = \"yuyv\"\nstride = 1281"),
            &["`stride`", "1280"],
        ),
        (&format!("{size}\nformats = []"), &["`formats`"]),
        (
            &format!("{size}\nformats = [\"QR\"]"),
            &["`QR`", "datamatrix"],
        ),
        (
            &format!("{size}\nbaud = 9600"),
            &["`baud` means nothing", "camera"],
        ),
    ] {
        check_refused(&[&camera(keys)], words);
    }
    check_refused(
        &["name = \"a\"\nkind = \"lines\"\npath = \"-\"\nwidth = 1"],
        &["`width` means nothing", "lines"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nany = true\ncard = \"Loop\""],
        &["`card` means nothing", "hid"],
    );
}

#[test]
fn other_settings_that_make_no_sense_are_refused() {
    for (text, word) in [
        ("data_dir = \"\"", "data_dir"),
        ("data_dir = \"d\"\nrepeat_s = 90000", "repeat_s"),
        ("data_dir = \"d\"\nlanguages = []", "languages"),
        ("data_dir = \"d\"\nlanguages = [\"en\", \"en\"]", "twice"),
        ("data_dir = \"d\"\nlanguages = [\"pt\"]", "`fr` or `es`"),
        (
            "data_dir = \"d\"\nfeedback = \"line\"",
            "did you mean `lines`?",
        ),
        ("data_dir = \"d\"\n[screen]\nwidth_mm = 200", "height_mm"),
        (
            "data_dir = \"d\"\n[screen]\nwidth_mm = 0\nheight_mm = 1",
            "0 mm",
        ),
        ("", "`data_dir` is missing"),
    ] {
        let said = refused(text);
        assert!(said.contains(word), "{text:?}: {said:?} lacks {word:?}");
    }
}

#[test]
fn a_missing_file_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiosk.toml");
    let said = load(&path).unwrap_err().to_string();
    assert!(
        said.contains(&path.display().to_string()) && said.contains("--config"),
        "{said}"
    );
    std::fs::write(&path, "data_dir = \"d\"\n").unwrap();
    assert!(load(&path).is_ok());
}

/// Refuses the block, with each of the words.
fn check_gpio_refused(block: &str, words: &[&str]) {
    let said = refused(&format!("data_dir = \"d\"\n[gpio]\n{block}"));
    for word in words {
        assert!(said.contains(word), "{block}\n{said:?} lacks {word:?}");
    }
}

#[test]
fn lines_have_working_defaults() {
    let text = "data_dir = \"d\"\n\
        [[gpio.light]]\nname = \"in\"\nline = 17\n\
        [gpio.buzzer]\nkind = \"active\"\nline = 18\n\
        [[gpio.relay]]\nname = \"gate\"\nline = 27\n\
        [gpio.button]\nline = 23\n\
        [[gpio.tamper]]\nname = \"lid\"\nline = 22\n";
    let gpio = parse(text, "kiosk.toml").unwrap().gpio.unwrap();
    assert_eq!(gpio.chip, None);
    assert_eq!(gpio.lights[0].shows, [(Lamp::In, Vec::new())].into());
    let buzzer = gpio.buzzer.unwrap();
    assert_eq!(buzzer.sounds[&Sound::Attention], [110, 70, 110]);
    assert_eq!(buzzer.hertz, None);
    let relay = &gpio.relays[0];
    assert_eq!((relay.pulse_ms, relay.active_low), (1_000, false));
    assert_eq!(relay.pulse_for, [Sound::In, Sound::Out]);
    let button = gpio.button.unwrap();
    assert!(button.active_low && button.pull == Pull::Up);
    let tamper = &gpio.tampers[0];
    assert!(!tamper.active_low && tamper.pull == Pull::Up);
    assert_eq!(tamper.debounce_ms, 50);
}

#[test]
fn lines_that_cannot_be_are_refused_by_name() {
    let light = |more: &str| format!("[[gpio.light]]\nname = \"in\"\nline = 17\n{more}");
    let relay = "[[gpio.relay]]\nname = \"gate\"\nline = 17\n";
    check_gpio_refused(
        &format!("{}{relay}", light("")),
        &["light \"in\" and relay \"gate\" both use line 17"],
    );
    check_gpio_refused(
        &format!("{}{}", light(""), light("").replace("17", "27")),
        &["two of light \"in\""],
    );
    check_gpio_refused(
        &light("").replace("17", "40"),
        &["line 40", "0 to 27", "`chip`"],
    );
    let on_chip = format!(
        "data_dir = \"d\"\n[gpio]\nchip = \"gpiochip1\"\n{}",
        light("").replace("17", "40")
    );
    assert!(parse(&on_chip, "kiosk.toml").is_ok());
    check_gpio_refused("chip = \"\"", &["gpio.chip"]);
    check_gpio_refused(
        "[[gpio.light]]\nname = \"green\"\nline = 1",
        &["`show`", "attention"],
    );
    check_gpio_refused(
        "[[gpio.light]]\nname = \"Green\"\nline = 1",
        &["lower-case"],
    );
    check_gpio_refused(&light("lit = true"), &["`lit`"]);
    check_gpio_refused(&light("show = [\"inn\"]"), &["did you mean `in`?"]);
    for (pattern, words) in [
        ("in = [200]", &["ends lit"][..]),
        ("in = [100, 100]", &["three times a second", "334"]),
        ("in = [500, 10]", &["20 to 10000 ms"]),
        ("out = [500, 500]", &["does not show"]),
    ] {
        check_gpio_refused(&light(&format!("patterns = {{ {pattern} }}")), words);
    }
    let buzzer = |more: &str| format!("[gpio.buzzer]\nkind = \"passive\"\nline = 18\n{more}");
    check_gpio_refused(
        &buzzer("patterns = { in = [301] }"),
        &["longer than 300 ms"],
    );
    check_gpio_refused(&buzzer("hertz = { in = 4000 }"), &["500 to 2000 hertz"]);
    check_gpio_refused(
        &buzzer("hertz = { in = 800 }").replace("passive", "active"),
        &["pitch of its own"],
    );
    for pulse_ms in [49, 10_001] {
        check_gpio_refused(
            &format!("{relay}pulse_ms = {pulse_ms}"),
            &["relay \"gate\"", "50 to 10000"],
        );
    }
    check_gpio_refused(
        &format!("{relay}pulse_for = [\"attention\"]"),
        &["nobody passes on attention"],
    );
    check_gpio_refused(
        "[gpio.button]\nline = 3\ndebounce_ms = 3000",
        &["at most 2000"],
    );
    check_gpio_refused(
        "[gpio.button]\nline = 3\n[[reader]]\nname = \"a\"\nkind = \"lines\"\npath = \"-\"\ndirection = \"in\"",
        &["gpio.button", "`direction`"],
    );
    let tampers: String = (0..5)
        .map(|line| format!("[[gpio.tamper]]\nname = \"t{line}\"\nline = {line}\n"))
        .collect();
    check_gpio_refused(&tampers, &["at most 4"]);
}

#[test]
fn what_a_scanner_is_sent_is_bytes() {
    let text = "data_dir = \"d\"\n[[reader]]\nname = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"\n\
        acknowledge = \"\\u0006\"\nrefuse = \"\\u0005\\u00E6\\u0000\"\n";
    let config = parse(text, "kiosk.toml").unwrap();
    let DeviceConfig::Serial(serial) = &config.readers[0].device else {
        unreachable!("kind = serial")
    };
    assert_eq!(serial.acknowledge, [0x06]);
    assert_eq!(serial.refuse, [0x05, 0xe6, 0x00]);
    let serial = "name = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"";
    check_refused(
        &[&format!("{serial}\nacknowledge = \"\\u0100\"")],
        &["`acknowledge`", "U+00FF"],
    );
    let long = "x".repeat(65);
    check_refused(
        &[&format!("{serial}\nrefuse = \"{long}\"")],
        &["`refuse`", "64"],
    );
    check_refused(
        &["name = \"a\"\nkind = \"hid\"\nany = true\nacknowledge = \"x\""],
        &["`acknowledge` means nothing", "hid"],
    );
}
