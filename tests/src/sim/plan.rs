//! What a seed says: a conference, its people, and all that goes wrong. Drawn once; the world then plays it.

use attendance::words::{DoorId, RoomId};

use super::troubles;
use crate::random::Random;

/// When the first day's first session begins: a whole minute, long after the programs were built.
pub const BEGIN_MS: i64 = 1_935_000_000_000;
/// A day.
pub const DAY_MS: i64 = 86_400_000;
/// A second.
pub const SECOND_MS: i64 = 1_000;
/// A minute.
pub const MINUTE_MS: i64 = 60_000;

/// A session.
#[derive(Clone, Debug)]
pub struct SessionPlan {
    /// Its id.
    pub id: String,
    /// Its room.
    pub room: usize,
    /// From when.
    pub start: i64,
    /// Until when.
    pub end: i64,
}

/// A door.
#[derive(Clone, Debug)]
pub struct DoorPlan {
    /// Its id.
    pub id: DoorId,
    /// The rooms it serves, by number.
    pub rooms: Vec<usize>,
    /// Its readers, by [`super::kiosk::READERS`].
    pub readers: Vec<usize>,
}

/// A badge before a reader.
#[derive(Clone, Debug)]
pub struct ScanPlan {
    /// When: a whole second.
    pub at: i64,
    /// At which door.
    pub door: usize,
    /// Before which reader, by [`super::kiosk::READERS`].
    pub reader: usize,
    /// Which badge: an attendee's number, or beyond for strangers.
    pub person: usize,
}

/// Something that goes wrong, or is put right.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The power of a machine goes.
    PowerCut(usize),
    /// The power goes within one of the next commits.
    CutWithin(usize, u64, super::disk::Moment),
    /// The daemon is killed.
    Kill(usize),
    /// The daemon is killed within one of the next commits.
    KillWithin(usize, u64, super::disk::Moment),
    /// The daemon is stopped in order.
    Stop(usize),
    /// The machine is switched on and the daemon started, where they are not.
    On(usize),
    /// The machine is suspended.
    Suspend(usize),
    /// It goes on.
    Resume(usize),
    /// A time source is found.
    TimeFound(usize),
    /// It is lost.
    TimeLost(usize),
    /// Somebody sets the wall clock off by this much.
    Jump(usize, i64),
    /// The disk is full, or no longer.
    Full(usize, bool),
    /// The disk fails at a step, or no longer.
    Failing(usize, Option<(kiosk::journal::Step, kiosk::journal::Fault)>),
    /// The network of a door is cut, or mended.
    Link(usize, bool),
    /// The issuer's process ends.
    IssuerCrash,
    /// The issuer's power goes within the next call.
    IssuerCrashWithin,
    /// It is started again.
    IssuerStart,
    /// A copy of the issuer's database is taken.
    IssuerBackup,
    /// The copy takes the database's place.
    IssuerRestore,
    /// Somebody sets the issuer's clock to be off by this much.
    IssuerClock(i64),
    /// A copy of a card is taken, while the machine runs.
    CopyCard(usize),
    /// The copy takes the card's place.
    RestoreCard(usize),
    /// The copy goes into another machine at the same door, which runs beside the first from now on.
    CloneCard(usize),
    /// A program of another version writes an entry that nobody here knows.
    Foreign(usize),
    /// A reader falls out and is plugged in again.
    Reader(usize),
    /// Staff hold a phone with a time code before a reader; the code is this old, in milliseconds.
    TimeCode(usize, i64),
    /// The agenda moves: a session is lengthened by this many seconds.
    AgendaMoves(usize, i64),
}

/// How bad a network is.
#[derive(Clone, Copy, Debug)]
pub struct NetPlan {
    /// One way takes at least this long, in milliseconds.
    pub least_ms: u64,
    /// And up to this much more.
    pub more_ms: u64,
    /// Of a thousand messages, so many are lost.
    pub lost: u64,
    /// Of a thousand, so many come twice.
    pub twice: u64,
    /// Of a thousand, so many are late by up to a minute.
    pub late: u64,
}

/// All that a seed says.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rooms.
    pub rooms: Vec<RoomId>,
    /// The doors; a kiosk stands at each.
    pub doors: Vec<DoorPlan>,
    /// The sessions, by start.
    pub sessions: Vec<SessionPlan>,
    /// How many attendees.
    pub people: usize,
    /// The attendee whose registration is cancelled.
    pub cancelled: Option<usize>,
    /// What everybody does, by time.
    pub scans: Vec<ScanPlan>,
    /// What goes wrong, by time.
    pub troubles: Vec<(i64, Trouble)>,
    /// The network.
    pub net: NetPlan,
    /// The rule set.
    pub rules: String,
    /// Seconds within which a badge is a repeat.
    pub repeat_s: u32,
    /// How far the issuer's clock is off at first, in milliseconds.
    pub issuer_off_ms: i64,
    /// What it says that its error is, in milliseconds.
    pub issuer_error_ms: u32,
    /// The stretches in which something is on: kiosks are switched on before and sync within.
    pub days: Vec<(i64, i64)>,
    /// When all of that is over.
    pub end: i64,
}

/// A share of a thousand.
pub(super) fn chance(random: &mut Random, of_thousand: u64) -> bool {
    random.below(1_000) < of_thousand
}

/// From one number up to another, inclusive.
pub(super) fn between(random: &mut Random, from: i64, to: i64) -> i64 {
    from + i64::try_from(random.below(u64::try_from(to - from + 1).unwrap())).unwrap()
}

pub(super) fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.index(from.len())]
}

impl Plan {
    /// What this seed says.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::from_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(17));
        let random = &mut random;
        let rooms: Vec<RoomId> = ["hall", "lab"].map(|id| RoomId::new(id).unwrap()).into();
        let doors = doors(random);
        let (sessions, days) = sessions(random);
        let people = usize::try_from(between(random, 3, 7)).unwrap();
        let scans = scans(random, &doors, &sessions, people);
        let end = days.last().expect("there is a day").1;
        let mut plan = Self {
            rooms,
            doors,
            sessions,
            people,
            cancelled: chance(random, 200).then(|| random.index(people)),
            scans,
            troubles: Vec::new(),
            net: net(random),
            rules: rules(random),
            repeat_s: pick(random, &[2, 5, 10]),
            issuer_off_ms: 0,
            issuer_error_ms: pick(random, &[1, 10, 50, 250]),
            days,
            end,
        };
        troubles::draw(random, &mut plan);
        troubles::time_codes(&mut Random::from_seed(random.number()), &mut plan);
        plan.troubles.sort_by_key(|(at, _)| *at);
        plan
    }
}

fn doors(random: &mut Random) -> Vec<DoorPlan> {
    let mut doors = Vec::new();
    let count = pick(random, &[2, 2, 3]);
    for number in 0..count {
        let rooms = match number {
            0 => vec![0],
            1 => pick(random, &[&[0][..], &[1], &[0, 1]]).to_vec(),
            _ => vec![1],
        };
        let readers = pick(random, &[&[0, 1][..], &[2], &[0, 1, 2]]).to_vec();
        doors.push(DoorPlan {
            id: DoorId::new(&format!("door-{number}")).unwrap(),
            rooms,
            readers,
        });
    }
    doors
}

fn sessions(random: &mut Random) -> (Vec<SessionPlan>, Vec<(i64, i64)>) {
    let mut sessions = Vec::new();
    let mut days = Vec::new();
    let mut at = BEGIN_MS;
    for _ in 0..pick(random, &[1, 1, 1, 2, 2, 3]) {
        let first = at;
        let mut last = at;
        for _ in 0..pick(random, &[1, 2]) {
            let length = between(random, 60, 240) * SECOND_MS;
            let mut add = |room, start, end| {
                let id = format!("s{}", sessions.len() + 1);
                sessions.push(SessionPlan {
                    id,
                    room,
                    start,
                    end,
                });
                last = last.max(end);
            };
            add(0, at, at + length);
            if chance(random, 500) {
                let shift = between(random, -30, 30) * SECOND_MS;
                add(1, at + shift.max(0), at + length + shift);
            }
            at = last + pick(random, &[0, 30, 120]) * SECOND_MS;
        }
        days.push((first - 45 * SECOND_MS, last + 30 * SECOND_MS));
        at = first + pick(random, &[1, 1, 2]) * DAY_MS;
    }
    (sessions, days)
}

fn net(random: &mut Random) -> NetPlan {
    let bad = chance(random, 500);
    NetPlan {
        least_ms: pick(random, &[0, 1, 20, 200]),
        more_ms: pick(random, &[1, 30, 300, 3_000]),
        lost: if bad { pick(random, &[10, 50, 250]) } else { 0 },
        twice: if bad { pick(random, &[0, 50, 200]) } else { 0 },
        late: if bad { pick(random, &[0, 20, 100]) } else { 0 },
    }
}

fn rules(random: &mut Random) -> String {
    let threshold = pick(
        random,
        &[
            "{ share = \"0.5\" }",
            "{ share = \"0.8\" }",
            "{ full = true }",
            "{ minutes = \"1.5\" }",
            "",
        ],
    );
    let mut text = String::from("format = \"rollcall-rules/1\"\nname = \"Simulated\"\n");
    let mut set = |key: &str, value: String| {
        text.push_str(&format!("{key} = {value}\n"));
    };
    let word = |words: &[&str], random: &mut Random| format!("{:?}", pick(random, words));
    set("seconds_per_credit", word(&["30", "60", "100"], random));
    set("step", word(&["0.25", "0.5", "1"], random));
    set("rounding", word(&["down", "nearest"], random));
    set("scope", word(&["programme", "session"], random));
    set("first_award_min", word(&["0", "0", "1"], random));
    if !threshold.is_empty() {
        set("threshold", threshold.to_owned());
    }
    set("met_awards", word(&["scheduled", "actual"], random));
    set("below_threshold", word(&["none", "actual"], random));
    set("grace_in_s", pick(random, &[0, 10, 60]).to_string());
    set("grace_out_s", pick(random, &[0, 10, 60]).to_string());
    let missing_out = ["session_end", "last_signal", "none", "review"];
    set("missing_check_out", word(&missing_out, random));
    let missing_in = ["session_start", "first_signal", "none", "review"];
    set("missing_check_in", word(&missing_in, random));
    set("repeated_out", word(&["first", "last"], random));
    set(
        "in_elsewhere",
        word(&["closes_previous", "independent"], random),
    );
    text
}

/// What people do: come at about the start, go at about the end, and get it wrong as people do.
fn scans(
    random: &mut Random,
    doors: &[DoorPlan],
    sessions: &[SessionPlan],
    people: usize,
) -> Vec<ScanPlan> {
    let mut scans = Vec::new();
    for session in sessions {
        for person in 0..people {
            if chance(random, 250) {
                continue;
            }
            let mut at_door = |random: &mut Random, at: i64, inward: bool, room: usize| {
                let serving: Vec<usize> = (0..doors.len())
                    .filter(|door| doors[*door].rooms.contains(&room))
                    .collect();
                let door = match serving.is_empty() || chance(random, 40) {
                    true => random.index(doors.len()),
                    false => pick(random, &serving),
                };
                let readers = &doors[door].readers;
                let wanted = if inward { 0 } else { 1 };
                let reader = match readers.contains(&wanted) && !chance(random, 30) {
                    true => wanted,
                    false => pick(random, readers),
                };
                let mut scan = |at| {
                    scans.push(ScanPlan {
                        at,
                        door,
                        reader,
                        person,
                    });
                };
                scan(at);
                if chance(random, 100) {
                    scan(at + between(random, 1, 12) * SECOND_MS);
                }
            };
            let length = (session.end - session.start) / SECOND_MS;
            let came = session.start + between(random, -40, length / 2) * SECOND_MS;
            let went = session.end + between(random, -length / 3, 40) * SECOND_MS;
            at_door(random, came, true, session.room);
            if chance(random, 200) && came + 20 * SECOND_MS < went {
                let out = came + between(random, 10, (went - came) / SECOND_MS / 2) * SECOND_MS;
                at_door(random, out, false, session.room);
                let back = out + between(random, 5, 60) * SECOND_MS;
                at_door(random, back, true, session.room);
            }
            if !chance(random, 150) && came < went {
                at_door(random, went, false, session.room);
            }
        }
        for _ in 0..random.below(3) {
            let door = random.index(doors.len());
            scans.push(ScanPlan {
                at: between(random, session.start / SECOND_MS, session.end / SECOND_MS) * SECOND_MS,
                door,
                reader: doors[door].readers[0],
                person: people + random.index(3),
            });
        }
    }
    // Nobody holds a badge before two readers in one instant.
    scans.sort_by_key(|scan| (scan.at, scan.person));
    scans.dedup_by_key(|scan| (scan.at, scan.person));
    scans
}
