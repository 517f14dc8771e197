//! What may be done to a day's archive: blindly, to its files, or by somebody who holds a key, with all hashes right.

use audit::files::Memory;
use audit::testing::{MINUTE_MS, World};
use evidence::SigningKey;
use protocol::archive::ARCHIVE_PATH;
use protocol::decision::{DecisionDoc, object_bytes};
use protocol::ledger::LedgerBody;
use rollcall_tests::random::Random;
use serde_json::Value;

use super::days::day;

// ---- blind ----

/// Some one thing done to the files of an archive; what it was.
pub(crate) fn blindly(files: &mut Memory, random: &mut Random) -> String {
    loop {
        let before = files.clone();
        let story = spoil(files, random);
        // Nothing signs these two, and some changes change nothing.
        if comparable(&before) != comparable(files) {
            return story;
        }
        *files = before;
    }
}

fn comparable(files: &Memory) -> Memory {
    let mut files = files.clone();
    let Some(description) = files.get_mut(ARCHIVE_PATH) else {
        return files;
    };
    if let Ok(mut value) = serde_json::from_slice::<Value>(description)
        && let Some(keys) = value.as_object_mut()
    {
        let plain = |v: Option<Value>| v.is_some_and(|v| v.is_string());
        // An instant in another form is refused; any other changes nothing.
        let made = keys.remove("made");
        let reads = made
            .as_ref()
            .and_then(Value::as_str)
            .is_some_and(|m| protocol::text::parse_instant(m).is_ok());
        if plain(keys.remove("software")) && reads {
            *description = value.to_string().into_bytes();
        }
    }
    files
}

fn spoil(files: &mut Memory, random: &mut Random) -> String {
    let paths: Vec<String> = files.keys().cloned().collect();
    let path = paths[random.index(paths.len())].clone();
    let logs: Vec<String> = paths
        .iter()
        .filter(|p| p.ends_with(".ndjson"))
        .cloned()
        .collect();
    let log = logs[random.index(logs.len())].clone();
    let entries = lines(&files[&log]);
    let at = random.index(entries.len());
    match random.below(12) {
        0..=2 => {
            let bytes = files.get_mut(&path).unwrap();
            let byte = random.index(bytes.len());
            let bit = random.below(8);
            bytes[byte] ^= 1 << bit;
            format!("{path}: byte {byte}, bit {bit}")
        }
        3 => edit(files, &log, &format!("dropped {at}"), |entries| {
            entries.remove(at);
        }),
        4 => edit(files, &log, &format!("doubled {at}"), |entries| {
            entries.insert(at, entries[at].clone());
        }),
        5 => edit(files, &log, &format!("moved {at}"), |entries| {
            let moved = entries.remove(at);
            entries.push(moved);
        }),
        6 => edit(files, &log, &format!("cut to {at}"), |entries| {
            entries.truncate(at);
        }),
        7 => {
            files.remove(&path);
            format!("{path} removed")
        }
        8 => {
            let other = paths[random.index(paths.len())].clone();
            let bytes = files[&other].clone();
            files.insert(path.clone(), bytes);
            format!("{path} is {other}")
        }
        9 => {
            let bytes = files.get_mut(&path).unwrap();
            let byte = random.index(bytes.len());
            bytes.truncate(byte);
            format!("{path} cut to {byte} bytes")
        }
        10 => {
            let bytes = files.get_mut(&path).unwrap();
            bytes.push(b'\n');
            bytes.extend_from_slice(b"{}");
            format!("{path} goes on")
        }
        _ => describe(files, random),
    }
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    body.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

fn edit(
    files: &mut Memory,
    log: &str,
    story: &str,
    change: impl FnOnce(&mut Vec<Vec<u8>>),
) -> String {
    let mut entries = lines(&files[log]);
    change(&mut entries);
    let joined = entries.into_iter().flat_map(|mut line| {
        line.push(b'\n');
        line
    });
    let bytes = joined.collect();
    files.insert(log.to_owned(), bytes);
    format!("{log}: {story}")
}

/// Something else in the description, in its own JSON.
fn describe(files: &mut Memory, random: &mut Random) -> String {
    let mut value: Value = serde_json::from_slice(&files[ARCHIVE_PATH]).unwrap();
    let logs = value["logs"].as_array().unwrap().len();
    let (one, other) = (random.index(logs), random.index(logs));
    let stranger = SigningKey::from_seed(&[77; 32]).public_key().to_base64();
    let story = match random.below(9) {
        0 => {
            value["issuer_key"] = stranger.into();
            "a foreign issuer's key"
        }
        1 => {
            value["logs"][one]["key"] = stranger.into();
            "a foreign log's key"
        }
        2 => {
            let key = ["kiosk", "door", "origin", "key"][random.index(4)];
            // The ledger has neither kiosk nor door; to write so is no change.
            let theirs = value["logs"][other][key].clone();
            if !theirs.is_null() {
                value["logs"][one][key] = theirs;
            }
            "two logs mixed up"
        }
        3 => {
            value["logs"].as_array_mut().unwrap().remove(one);
            "a log not described"
        }
        4 => {
            let again = value["logs"][one].clone();
            value["logs"].as_array_mut().unwrap().push(again);
            "a log described twice"
        }
        5 => {
            value["logs"].as_array_mut().unwrap().swap(one, other);
            "two logs exchanged"
        }
        6 => {
            value["event"] = "another".into();
            "another event"
        }
        7 => {
            value["issuer"] = "Another Issuer".into();
            "another issuer"
        }
        _ => {
            value["more"] = true.into();
            "an unknown key"
        }
    };
    files.insert(ARCHIVE_PATH.into(), value.to_string().into_bytes());
    format!("{ARCHIVE_PATH}: {story}")
}

// ---- by the holder of a key ----

/// A kiosk's journal written again from its entries, each as `change` has it, under the kiosk's own key.
pub(crate) fn rewrite_journal(
    world: &mut World,
    kiosk: usize,
    change: impl Fn(usize, String) -> Option<String>,
) {
    let entries = std::mem::take(&mut world.kiosks[kiosk].log).entries;
    for (index, bytes) in entries.into_iter().enumerate() {
        match String::from_utf8(bytes) {
            Ok(text) => {
                if let Some(text) = change(index, text) {
                    world.journal_bytes(kiosk, text.into_bytes());
                }
            }
            Err(error) => {
                world.journal_bytes(kiosk, error.into_bytes());
            }
        }
    }
}

/// The ledger written again, under the issuer's key.
pub(crate) fn rewrite_ledger(world: &mut World, change: impl Fn(usize, String) -> Option<String>) {
    let entries = std::mem::take(&mut world.ledger).entries;
    for (index, bytes) in entries.into_iter().enumerate() {
        if let Some(text) = change(index, String::from_utf8(bytes).unwrap()) {
            world.ledger_bytes(text.into_bytes());
        }
    }
}

/// A day whose kiosk or issuer lied with its own key; what it did.
pub(crate) fn with_a_key(seed: u64, random: &mut Random) -> (World, String) {
    loop {
        let mut world = day(seed);
        let before = world.archive();
        let story = lie(&mut world, random);
        if world.archive() != before {
            return (world, story);
        }
    }
}

fn lie(world: &mut World, random: &mut Random) -> String {
    // Whoever holds a key may lie of what nobody else has signed for, and no verifier will know: these lies are of the rest.
    let kiosks = (0..world.kiosks.len()).filter(|k| world.accepted(*k) > 0);
    let kiosks: Vec<usize> = kiosks.collect();
    let kiosk = kiosks[random.index(kiosks.len())];
    let at = usize::try_from(random.below(world.accepted(kiosk))).unwrap();
    let noted = world.ledger.entries.len();
    let entry = 1 + random.index(noted - 1);
    let only = |index: usize, text: String, from: &str, to: &str| {
        Some(if index == at {
            text.replacen(from, to, 1)
        } else {
            text
        })
    };
    match random.below(8) {
        0 => {
            rewrite_journal(world, kiosk, |i, text| {
                only(i, text, "\"direction\":\"in\"", "\"direction\":\"out\"")
            });
            format!("journal {kiosk}: direction of {at}")
        }
        1 => {
            // Back-dated: the hour on the wall and the raw clock both.
            rewrite_journal(world, kiosk, |i, text| {
                only(i, text, "\"raw_ms\":", "\"raw_ms\":9")
            });
            format!("journal {kiosk}: raw clock of {at}")
        }
        2 => {
            rewrite_journal(world, kiosk, |i, text| (i != at).then_some(text));
            format!("journal {kiosk}: without {at}")
        }
        3 => {
            rewrite_ledger(world, |i, text| (i != entry).then_some(text));
            format!("ledger: without {entry}")
        }
        4 => {
            rewrite_ledger(world, |i, text| {
                let to = if i == entry {
                    "2026-11-23T08"
                } else {
                    "2026-11-23T09"
                };
                Some(text.replacen("2026-11-23T09", to, 1))
            });
            format!("ledger: time of {entry}")
        }
        5 => alter_decision(world, random),
        6 => {
            let log = std::mem::take(&mut world.kiosks[kiosk].log);
            for bytes in &log.entries[..at] {
                world.journal_bytes(kiosk, bytes.clone());
            }
            format!("journal {kiosk}: cut to {at}")
        }
        _ => {
            rewrite_journal(world, kiosk, |i, text| {
                only(i, text, "\"digest\":\"", "\"digest\":\"0")
            });
            format!("journal {kiosk}: digest of {at}")
        }
    }
}

/// Some decision of the ledger says something else, its object and its hash with it.
fn alter_decision(world: &mut World, random: &mut Random) -> String {
    let decisions: Vec<u64> = (0..world.ledger.size())
        .filter(|i| matches!(world.ledger_body(*i), LedgerBody::Decision(_)))
        .collect();
    let chosen = decisions[random.index(decisions.len())];
    let LedgerBody::Decision(body) = world.ledger_body(chosen) else {
        return String::new();
    };
    let bytes = world.objects[&body.decision].clone();
    let mut document: DecisionDoc = serde_json::from_slice(&bytes).unwrap();
    let story = match random.below(4) {
        0 if !document.parts.is_empty() => {
            document.parts[0].least_ms += MINUTE_MS;
            "a minute more"
        }
        1 => {
            document.evidence.pop();
            document.complete = !document.complete;
            "evidence less"
        }
        2 => {
            document.explanation.push(' ');
            "another sentence"
        }
        _ => {
            document.full_credits = "9".parse().unwrap();
            "other credits"
        }
    };
    let (old, new) = (body.decision, world.keep(object_bytes(&document)));
    rewrite_ledger(world, |_, text| {
        Some(text.replace(&old.to_hex(), &new.to_hex()))
    });
    format!("ledger: decision {chosen} has {story}")
}
