//! A bad network and bad speech between kiosk and issuer: what is recorded arrives once and in its order, what is wrong changes nothing, and
//! one entry that nobody understands keeps none of the others.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use evidence::{Checkpoint, SigningKey, leaf_hash, sign_checkpoint};
use protocol::http_signature::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT};
use protocol::ledger::LedgerBody;
use protocol::problem::Code;
use rollcall_tests::http::{Reply, Request, connect, send_bytes};
use rollcall_tests::programs::{PATIENCE, eventually, soon};
use rollcall_tests::proxy::{Fault, every_fault};
use rollcall_tests::random::Random;
use rollcall_tests::speaker::Speaker;
use rollcall_tests::world::{DOOR, Plan, ROOM, World, compare, name, person, verify};

/// Scans of one burst.
const BURST: usize = 8;
/// Bursts at least: in between, the issuer is killed, stopped and started, and the network cut.
const BURSTS: usize = 20;
/// Batches that the bad network sees at least: each fault several times.
const BATCHES: usize = 40;
/// How long a burst waits for the kiosk to call.
const CALL_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a_bad_network_loses_and_doubles_nothing() {
    let random = Random::announced("faults");
    let mut world = World::new("faults", &Plan::one_long_session(100));
    world.start_issuer();
    let kiosk = world.enrolled_kiosk(&[("main-in", "in"), ("main-out", "out")]);
    let daemon = kiosk.run();
    world.proxy.script(every_fault(random));
    let (mut scans, mut newest, mut bursts) = (0, 0, 0);
    let mut sent = [Vec::new(), Vec::new()];
    while world.proxy.batches() < BATCHES || bursts < BURSTS {
        match bursts {
            4 => world.kill_issuer(),
            6 | 14 => world.start_issuer(),
            12 => world.stop_issuer(),
            16 => world.proxy.cut(true),
            18 => world.proxy.cut(false),
            _ => {}
        }
        let before = world.proxy.batches();
        for _ in 0..BURST {
            let reader = scans % 2;
            let code = if scans % 3 == 0 {
                format!("VISITOR-{scans:05}")
            } else {
                person(scans % 100)
            };
            kiosk.scan(reader, &code);
            sent[reader].push(code);
            scans += 1;
        }
        for _ in 0..BURST {
            newest = daemon.answer().entry.unwrap();
        }
        soon(CALL_WITHIN, || world.proxy.batches() > before);
        bursts += 1;
        assert!(bursts < 10 * BATCHES, "the kiosk does not call");
    }
    let dealt = world.proxy.dealt();
    for fault in Fault::ALL {
        assert!(
            dealt.get(&fault).is_some_and(|times| *times >= 2),
            "{fault:?} in {dealt:?}"
        );
    }
    world.proxy.heal();
    world.wait_for_accepted(newest + 1);
    assert_eq!(daemon.stop(), []);
    world.stop_issuer();

    let badges = kiosk.enrolment().badge_key;
    let (own, _) = compare(&world, &kiosk, newest + 1);
    for (reader, sent) in ["main-in", "main-out"].into_iter().zip(sent) {
        let held: Vec<_> = own
            .scans(0)
            .into_iter()
            .filter(|scan| scan.reader == reader)
            .collect();
        let held: Vec<_> = held.into_iter().map(|scan| scan.badge).collect();
        let sent: Vec<_> = sent.iter().map(|code| badges.digest(code)).collect();
        assert!(
            held == sent,
            "{reader}: {} scans held, {} sent",
            held.len(),
            sent.len()
        );
    }
    println!(
        "faults: {scans} scans in {} batches, {dealt:?}",
        world.proxy.batches()
    );
}

/// A world with a server, and a speaker that has delivered two check-ins.
fn spoken_to(test: &str, seed: u8) -> (World, Speaker) {
    let mut world = World::new(test, &Plan::one_long_session(5));
    world.start_issuer();
    let mut speaker = Speaker::enrol(world.issuer_port, &world.claim(DOOR), seed);
    speaker.check_in(&person(0), DOOR, ROOM);
    speaker.check_in(&person(1), DOOR, ROOM);
    speaker.deliver(0);
    (world, speaker)
}

#[test]
fn what_means_nothing_is_put_aside_and_the_rest_goes_on() {
    let (mut world, mut speaker) = spoken_to("poison", 21);
    let unknown_kind = br#"{"v":1,"kind":"telepathy","time":{"wall":"2026-11-23T09:05:00.123Z","boot":"0b1f2c3d-0000-4000-8000-00000000e2e0","raw_ms":61000,"sync":"synced","error_ms":20},"body":{}}"#;
    let poison: [(&[u8], &str); 5] = [
        (unknown_kind, "unknown_kind"),
        (b"no json at all", "malformed"),
        (br#"{"v":9,"kind":"scan"}"#, "unknown_version"),
        (b"", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
    ];
    let first = speaker.entries.len();
    for (bytes, _) in poison {
        speaker.say_bytes(bytes);
        speaker.check_in(&person(2), DOOR, ROOM);
    }
    speaker.check_in(&person(3), DOOR, ROOM);
    speaker.deliver(first);
    speaker.check_in(&person(3), DOOR, ROOM);
    speaker.deliver(speaker.entries.len() - 1);
    assert!(
        world.alarms().iter().any(|(code, _)| code == "quarantine"),
        "{:?}",
        world.alarms()
    );

    // The decisions know whom they met before the poison, beside it and after it, and whom they did not.
    let reason = |number: usize| {
        let row = world
            .report()
            .into_iter()
            .find(|row| row["name"] == name(number).as_str());
        row.map(|row| row["reason"].as_str().unwrap().to_owned())
    };
    let (before, beside, after, never) = (reason(0), reason(2), reason(3), reason(4));
    assert_eq!((&before, &before), (&beside, &after));
    assert_ne!(before, never);

    world.stop_issuer();
    let (path, archive) = world.export();
    let lines = archive.lines(archive.log_of(&speaker.enrolled.origin));
    assert_eq!(
        lines, speaker.entries,
        "the exact bytes are kept, poison too"
    );
    let quarantined: Vec<(u64, String)> = archive
        .ledger_entries()
        .into_iter()
        .filter_map(|entry| match entry {
            LedgerBody::Quarantine(aside) => Some((aside.index, aside.code)),
            _ => None,
        })
        .collect();
    let expected: Vec<(u64, String)> = (0..)
        .zip(poison)
        .map(|(number, (_, code))| (first as u64 + 2 * number, code.to_owned()))
        .collect();
    assert_eq!(quarantined, expected);
    let said = verify(&path);
    assert_eq!(said.code, Some(0), "{said}");
}

/// Checks that a request is refused with one of these codes and that nothing advanced.
#[track_caller]
fn refused(speaker: &mut Speaker, what: &str, codes: &[Code], reply: &Reply, held: u64) {
    let problem = reply.problem();
    let code = problem.code();
    assert!(
        code.is_some_and(|code| codes.contains(&code)),
        "{what}: {}",
        reply.text()
    );
    assert_eq!(speaker.held(), held, "{what} advanced the log");
}

#[test]
fn what_does_not_hold_advances_nothing_and_is_told() {
    let (world, mut speaker) = spoken_to("structure", 22);
    let held = speaker.size();
    let from = speaker.entries.len();
    speaker.check_in(&person(2), DOOR, ROOM);
    speaker.check_in(&person(3), DOOR, ROOM);
    let to = speaker.entries.len();
    let good = speaker.batch(from, to);
    let origin = speaker.enrolled.origin.clone();
    let other = SigningKey::from_seed(&[99; 32]);
    let head = |size: usize, key: &SigningKey| {
        let head = Checkpoint::new(&origin, size as u64, leaf_hash(b"another root")).unwrap();
        sign_checkpoint(&head, key)
    };
    let bad_checkpoint = [Code::BadCheckpoint];
    let misfits = [
        (
            "a root that is not of these entries",
            head(to, &speaker.key),
        ),
        (
            "a size beyond these entries",
            speaker
                .head(to)
                .replacen(&format!("\n{to}\n"), &format!("\n{}\n", to + 1), 1),
        ),
        ("another's signature", head(to, &other)),
        ("no checkpoint", "hello\n".to_owned()),
    ];
    for (what, note) in misfits {
        let reply = speaker.send(&speaker.batch_under(from, to, note));
        refused(&mut speaker, what, &bad_checkpoint, &reply, held);
    }
    let fewer = speaker.batch_under(from, to - 1, speaker.head(to));
    let reply = speaker.send(&fewer);
    refused(
        &mut speaker,
        "fewer entries than signed for",
        &bad_checkpoint,
        &reply,
        held,
    );

    // Requests that this kiosk did not sign, or not so.
    let unsigned = [Code::BadSignature];
    let reply = speaker.send_altered(&good, |mut request| {
        let last = request.body.len() - 2;
        request.body[last] ^= 1;
        request
    });
    refused(
        &mut speaker,
        "a body that was altered",
        &unsigned,
        &reply,
        held,
    );
    for header in [CONTENT_DIGEST, SIGNATURE_INPUT, SIGNATURE] {
        let reply = speaker.send_altered(&good, |mut request| {
            request.headers.retain(|(name, _)| name != header);
            request
        });
        refused(&mut speaker, header, &unsigned, &reply, held);
    }
    let mut thief = Speaker::enrol(world.issuer_port, &world.claim(DOOR), 23);
    let path = speaker.path();
    let reply = thief.send_altered(&good, |request| Request {
        path: path.clone(),
        ..request
    });
    refused(
        &mut speaker,
        "another kiosk's request",
        &unsigned,
        &reply,
        held,
    );
    let reply = speaker.send_altered(&good, |request| Request {
        path: "/v1/kiosks/nobody/entries".to_owned(),
        ..request
    });
    let nobody = [Code::BadSignature, Code::UnknownKiosk];
    refused(&mut speaker, "a kiosk that is none", &nobody, &reply, held);

    // A gap says what is held.
    let reply = speaker.send(&speaker.batch(to - 1, to));
    assert_eq!(reply.problem().size, Some(held));
    refused(&mut speaker, "a gap", &[Code::Gap], &reply, held);
    assert!(
        world
            .alarms()
            .iter()
            .any(|(code, _)| code == "bad_checkpoint"),
        "{:?}",
        world.alarms()
    );
    let structural = ["fork", "quarantine"];
    assert!(
        world
            .alarms()
            .iter()
            .all(|(code, _)| !structural.contains(&code.as_str()))
    );

    // The very same entries under their own head are taken, again and again.
    speaker.deliver(from);
    speaker.deliver(from);
    speaker.deliver(0);
    assert_eq!(speaker.held(), to as u64);
}

#[test]
fn a_fork_is_kept_apart_and_told() {
    let (mut world, mut speaker) = spoken_to("fork", 24);
    let held = speaker.size();
    let honest = speaker.entries.clone();
    let from = honest.len();
    speaker.entries.truncate(honest.len() - 1);
    speaker.check_in(&person(4), DOOR, ROOM);
    speaker.check_in(&person(4), DOOR, ROOM);
    let reply = speaker.send(&speaker.batch(0, speaker.entries.len()));
    refused(
        &mut speaker,
        "a second history",
        &[Code::Fork],
        &reply,
        held,
    );
    assert!(
        world.alarms().iter().any(|(code, _)| code == "fork"),
        "{:?}",
        world.alarms()
    );

    speaker.entries = honest;
    speaker.check_in(&person(3), DOOR, ROOM);
    speaker.deliver(from);
    world.stop_issuer();
    let (path, archive) = world.export();
    let lines = archive.lines(archive.log_of(&speaker.enrolled.origin));
    assert_eq!(lines, speaker.entries, "the first history stands");
    let said = verify(&path);
    assert_eq!(said.code, Some(0), "{said}");
}

/// Sends a body under an encoding's name, signed as it is.
fn encoded(speaker: &mut Speaker, encoding: &str, body: &[u8]) -> Reply {
    speaker.send_altered(body, |request| request.with("content-encoding", encoding))
}

#[test]
fn bodies_that_lie_or_swell_are_refused() {
    let (world, mut speaker) = spoken_to("bodies", 25);
    let held = speaker.size();
    let from = speaker.entries.len();
    speaker.check_in(&person(2), DOOR, ROOM);
    let to = speaker.entries.len();
    let good = speaker.batch(from, to);
    let memory_before = world.issuer_peak_kib();

    let bomb = zstd::bulk::compress(&vec![b'\n'; 400 << 20], 3).unwrap();
    assert!(bomb.len() < 64 << 10);
    let reply = encoded(&mut speaker, "zstd", &bomb);
    refused(&mut speaker, "a zstd bomb", &[Code::TooLarge], &reply, held);
    let plain = [good.clone(), vec![b' '; 5 << 20]].concat();
    let swollen = zstd::bulk::compress(&plain, 3).unwrap();
    let reply = encoded(&mut speaker, "zstd", &swollen);
    refused(
        &mut speaker,
        "a batch that swells",
        &[Code::TooLarge],
        &reply,
        held,
    );
    let reply = speaker.send(&vec![b'x'; 3 << 20]);
    refused(
        &mut speaker,
        "a body beyond all bounds",
        &[Code::TooLarge],
        &reply,
        held,
    );
    let grown_kib = world.issuer_peak_kib() - memory_before;
    assert!(grown_kib < 64 << 10, "the issuer grew by {grown_kib} KiB");

    let malformed = [Code::BadRequest, Code::BadBatch];
    let packed = zstd::bulk::compress(&good, 3).unwrap();
    let reply = encoded(&mut speaker, "zstd", &packed[..packed.len() - 3]);
    refused(&mut speaker, "zstd that was cut", &malformed, &reply, held);
    let reply = encoded(&mut speaker, "zstd", &good);
    refused(&mut speaker, "zstd that is none", &malformed, &reply, held);
    for encoding in ["gzip", "br", "zstd, zstd", "x"] {
        let reply = encoded(&mut speaker, encoding, &good);
        refused(&mut speaker, encoding, &malformed, &reply, held);
    }
    let reply = speaker.send(&packed);
    refused(
        &mut speaker,
        "zstd that is not called so",
        &malformed,
        &reply,
        held,
    );

    let long = [speaker.batch(from, to), vec![b'x'; 5_000], b"\n".to_vec()].concat();
    let many = [good.clone(), b"{}\n".repeat(1_000)].concat();
    let shapes: [(&str, Vec<u8>); 6] = [
        ("nothing", Vec::new()),
        ("no head", b"{}\n".to_vec()),
        ("a cut", good[..good.len() - 1].to_vec()),
        ("no text", vec![0xff; 100]),
        ("a long line", long),
        ("too many lines", many),
    ];
    let out_of_shape = [Code::BadRequest, Code::BadBatch, Code::TooLarge];
    for (what, body) in shapes {
        let reply = speaker.send(&body);
        refused(&mut speaker, what, &out_of_shape, &reply, held);
    }

    lengths_that_lie(&world, &mut speaker, &good);
    assert_eq!(speaker.held(), held);
    let reply = encoded(&mut speaker, "zstd", &packed);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        speaker.held(),
        to as u64,
        "what is packed as it should be is taken"
    );
}

/// More announced than sent, far more than allowed, and nonsense for a length: refused or hung up on, and the issuer goes on.
fn lengths_that_lie(world: &World, speaker: &mut Speaker, good: &[u8]) {
    let request = speaker.request(good.to_vec());
    let length = good.len() as u64;
    let mut short = connect(world.issuer_port).unwrap();
    short
        .write_all(&request.to_bytes(Some(length + 100)))
        .unwrap();
    short.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = short.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.0 2") && !answer.starts_with(b"HTTP/1.1 2"));

    let reply = send_bytes(world.issuer_port, &request.to_bytes(Some(1 << 40))).unwrap();
    assert_eq!(
        reply.problem().code(),
        Some(Code::TooLarge),
        "{}",
        reply.text()
    );
    for nonsense in ["-1", "many", "18446744073709551616"] {
        let text = String::from_utf8(request.to_bytes(None)).unwrap();
        let text = text.replace(
            &format!("content-length: {length}"),
            &format!("content-length: {nonsense}"),
        );
        if let Ok(reply) = send_bytes(world.issuer_port, text.as_bytes()) {
            assert!(
                (400..500).contains(&reply.status),
                "{nonsense}: {}",
                reply.text()
            );
        }
    }
    eventually(PATIENCE, "the issuer", || {
        rollcall_tests::http::get(world.issuer_port, "/verify")
    });
}
