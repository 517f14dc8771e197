//! What the kernel knows: clocks, the state of the wall clock, the boot's id, free space.
//!
//! Promises: everything here reads; nothing can set a clock. This is the only module with `unsafe`, for three calls that no safe wrapper
//! offers; each block says why it is sound. What the kernel's answers mean is decided in pure functions beside the calls.
//!
//! Deliberately absent: any way to pretend another time. Tests that need other days hand stamps to whatever they test.

#![allow(
    unsafe_code,
    reason = "adjtimex, the input grab and a thread's interruption have no safe wrapper; each is a few lines and reviewed here"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::thread::JoinHandleExt as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;

use attendance::time::{BootId, Stamp, Sync, UtcMs};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// When this program was built. A wall clock before it is wrong.
pub const BUILT_AT: UtcMs = UtcMs(built_at_ms(env!("ROLLCALL_BUILT_AT_S")));

/// Where the kernel publishes the id of this boot.
const BOOT_ID_FILE: &str = "/proc/sys/kernel/random/boot_id";
/// Growth of the time spent suspended, in milliseconds, from which on it was a suspend and not two clocks read one after the other.
const SUSPEND_NOTICED_MS: u64 = 100;
/// `EVIOCGRAB` of `linux/input.h`: `_IOW('E', 0x90, int)`.
const EVIOCGRAB: libc::c_ulong = 0x4004_4590;

const fn built_at_ms(text: &str) -> i64 {
    match i64::from_str_radix(text, 10) {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => 0,
    }
}

/// Why the kernel's clocks cannot be used at all. The daemon cannot start without them.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The file with the boot's id is not readable.
    #[error("{BOOT_ID_FILE}: {0}; is /proc mounted for this service?")]
    BootIdUnreadable(#[source] io::Error),
    /// The file with the boot's id holds something else.
    #[error("{BOOT_ID_FILE}: {0}")]
    BootIdMalformed(#[from] attendance::time::BadBootId),
}

/// The clocks of this boot. Shared by every thread that stamps.
#[derive(Debug)]
pub struct Clocks {
    boot: BootId,
    floor_ms: AtomicI64,
    synced_before: AtomicBool,
}

impl Clocks {
    /// Takes hold of this boot's clocks. A wall clock before `floor` counts as unset; give the later of [`BUILT_AT`] and the last time that
    /// the issuer signed.
    ///
    /// # Errors
    /// [`KernelError`] if this boot's id cannot be read.
    pub fn open(floor: UtcMs) -> Result<Self, KernelError> {
        let text = std::fs::read_to_string(BOOT_ID_FILE).map_err(KernelError::BootIdUnreadable)?;
        Ok(Self {
            boot: BootId::new(text.trim())?,
            floor_ms: AtomicI64::new(floor.0),
            synced_before: AtomicBool::new(false),
        })
    }

    /// The id of this boot.
    pub fn boot(&self) -> &BootId {
        &self.boot
    }

    /// The floor in force: a wall clock before it counts as unset.
    pub fn floor(&self) -> UtcMs {
        UtcMs(self.floor_ms.load(Ordering::Relaxed))
    }

    /// Raises the floor: the issuer signed a later time. It never falls.
    pub fn raise_floor(&self, floor: UtcMs) {
        self.floor_ms.fetch_max(floor.0, Ordering::Relaxed);
    }

    /// Remembers that the wall clock was synchronised earlier in this boot: the journal knows so after the daemon was restarted.
    pub fn remember_synced(&self) {
        self.synced_before.store(true, Ordering::Relaxed);
    }

    /// What the clocks read now.
    pub fn stamp(&self) -> Stamp {
        let discipline = read_discipline();
        let raw_ms = clock_ms(ClockId::MonotonicRaw);
        let wall = wall_now();
        let synced_before = self.synced_before.load(Ordering::Relaxed);
        let (sync, error_ms) = judge(discipline, wall, self.floor(), synced_before);
        if sync == Sync::Synced {
            self.remember_synced();
        }
        Stamp {
            wall,
            boot: self.boot.clone(),
            raw_ms,
            sync,
            error_ms,
        }
    }
}

/// `CLOCK_MONOTONIC_RAW` in milliseconds: runs on within a boot, unmoved by any time source.
pub fn raw_now_ms() -> u64 {
    clock_ms(ClockId::MonotonicRaw)
}

/// `CLOCK_BOOTTIME` in milliseconds: counts time spent suspended as well.
pub fn boottime_ms() -> u64 {
    clock_ms(ClockId::Boottime)
}

/// The wall clock.
pub fn wall_now() -> UtcMs {
    let read = clock_gettime(ClockId::Realtime);
    UtcMs(
        read.tv_sec
            .saturating_mul(1000)
            .saturating_add(read.tv_nsec / 1_000_000),
    )
}

/// How long this machine was suspended in this boot so far, in milliseconds. Boot time and monotonic time are slewed alike, so that their
/// difference is the suspended time; the raw clock drifts from both and would not do.
pub fn suspended_ms() -> u64 {
    let awake_ms = clock_ms(ClockId::Monotonic);
    clock_ms(ClockId::Boottime).saturating_sub(awake_ms)
}

/// Whether there was a suspend between two readings of [`suspended_ms`].
pub fn was_suspended(before_ms: u64, after_ms: u64) -> bool {
    after_ms.saturating_sub(before_ms) >= SUSPEND_NOTICED_MS
}

/// Bytes that are free for this service on the disk that holds `path`.
///
/// # Errors
/// What the system says if `path` does not exist or its disk is gone.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Takes an input device (`/dev/input/event*`) away from everything else until it is closed, so that a scanner that types does not type
/// into a login prompt.
///
/// # Errors
/// What the system says; `EBUSY` if somebody else holds it.
pub fn grab_input(device: BorrowedFd<'_>) -> io::Result<()> {
    let grab: libc::c_int = 1;
    // SAFETY: the descriptor is open for as long as the borrow lasts. EVIOCGRAB takes an int by value and touches no memory of ours; on a
    // descriptor that is no input device the kernel answers ENOTTY.
    let answer = unsafe { libc::ioctl(device.as_raw_fd(), EVIOCGRAB as _, grab) };
    if answer == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether the signal that interrupts was given its handler, or the error's number.
static INTERRUPTS: OnceLock<Result<(), i32>> = OnceLock::new();

extern "C" fn on_interrupt(_signal: libc::c_int) {}

/// Interrupts what a thread waits for in the kernel, such as poll(2) without an end: the call returns `EINTR`. A thread that does not wait just
/// then notices nothing, so call it again until it has ended. Code that begins interrupted calls anew, as all of `std` does, waits on.
///
/// The signal is `SIGURG`: nothing else here uses it, and a process that has no handler for it, such as a child, does not hear it.
///
/// # Errors
/// What the system says where it takes no handler.
pub fn interrupt<T>(thread: &JoinHandle<T>) -> io::Result<()> {
    let handled = INTERRUPTS.get_or_init(|| {
        // SAFETY: `sigaction` is a C structure of integers and a pointer, for which all zeroes is a value: no flags, and so no restart of
        // what was interrupted; no signals masked meanwhile.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the pointer is to a live `sigaction`, and the old one is not asked for. The handler does nothing, so it is sound wherever
        // a thread is interrupted.
        match unsafe { libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        }
    });
    handled.map_err(io::Error::from_raw_os_error)?;
    // SAFETY: a thread whose handle is neither joined nor dropped keeps its number, also once it has ended.
    match unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGURG) } {
        // The handle outlives the thread; one that has ended needs no signal.
        0 | libc::ESRCH => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// What the kernel says of how its wall clock is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discipline {
    /// `STA_UNSYNC` is not set and the clock's state is no error.
    pub in_sync: bool,
    /// Largest error, in microseconds: what the time source said, plus 500 ppm since.
    pub maxerror_us: i64,
    /// Estimated error, in microseconds, as the time source said.
    pub esterror_us: i64,
}

#[allow(
    clippy::useless_conversion,
    reason = "a C long has 32 bits on a 32-bit Pi"
)]
fn read_discipline() -> Option<Discipline> {
    // SAFETY: `timex` is a C structure of integers, for which all zeroes is a value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `timex` that only this call uses. `modes` is 0, so that the kernel only reads its clock.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state == -1 {
        return None;
    }
    Some(Discipline {
        in_sync: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        maxerror_us: timex.maxerror.into(),
        esterror_us: timex.esterror.into(),
    })
}

/// What the kernel's answer is worth: the state of the wall clock and its bound in milliseconds. `None` for `discipline` means that it gave
/// none (a filter forbids the call): nothing is known then.
pub fn judge(
    discipline: Option<Discipline>,
    wall: UtcMs,
    floor: UtcMs,
    synced_before: bool,
) -> (Sync, Option<u32>) {
    if wall < floor {
        return (Sync::Unset, None);
    }
    match discipline {
        Some(discipline) if discipline.in_sync => (Sync::Synced, error_ms(discipline)),
        Some(discipline) if synced_before => (Sync::Holdover, error_ms(discipline)),
        None if synced_before => (Sync::Holdover, None),
        Some(_) | None => (Sync::Unset, None),
    }
}

/// The error bound in milliseconds, rounded up. systemd-timesyncd writes 0 for both errors, after which the kernel lets only the largest one
/// grow: an estimate of 0 therefore says that nobody measured, and the bound is worth nothing however large it has become.
fn error_ms(discipline: Discipline) -> Option<u32> {
    if discipline.maxerror_us <= 0 || discipline.esterror_us <= 0 {
        return None;
    }
    let rounded_up = discipline.maxerror_us.saturating_add(999) / 1000;
    Some(u32::try_from(rounded_up).unwrap_or(u32::MAX))
}

fn clock_ms(clock: ClockId) -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    // These clocks count up from a boot, so neither part is negative.
    let seconds = u64::try_from(tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1000)
        .saturating_add(nanoseconds / 1_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::fd::AsFd;

    use super::*;

    const FLOOR: UtcMs = UtcMs(1_000);
    const NOW: UtcMs = UtcMs(2_000);

    fn kept(in_sync: bool, maxerror_us: i64, esterror_us: i64) -> Option<Discipline> {
        Some(Discipline {
            in_sync,
            maxerror_us,
            esterror_us,
        })
    }

    #[test]
    fn the_state_of_the_clock_follows_the_kernel() {
        let unsynced = kept(false, 16_000_000, 16_000_000);
        for (discipline, wall, synced_before, state, error_ms) in [
            (kept(true, 1_500, 3), NOW, false, Sync::Synced, Some(2)),
            (kept(true, 1_500, 3), NOW, true, Sync::Synced, Some(2)),
            (unsynced, NOW, false, Sync::Unset, None),
            (unsynced, NOW, true, Sync::Holdover, Some(16_000)),
            (None, NOW, false, Sync::Unset, None),
            (None, NOW, true, Sync::Holdover, None),
            // Before the floor nothing the kernel says counts.
            (kept(true, 1_500, 3), UtcMs(999), true, Sync::Unset, None),
            (kept(true, 1_500, 3), FLOOR, false, Sync::Synced, Some(2)),
        ] {
            let said = judge(discipline, wall, FLOOR, synced_before);
            assert_eq!(
                said,
                (state, error_ms),
                "{discipline:?} {wall:?} {synced_before}"
            );
        }
    }

    #[test]
    fn a_bound_is_rounded_up_and_one_that_nobody_measured_is_not_believed() {
        for (maxerror_us, esterror_us, expected) in [
            (1, 1, Some(1)),
            (1_000, 1, Some(1)),
            (1_001, 1, Some(2)),
            (0, 0, None),
            (0, 5, None),
            // Seventeen seconds after timesyncd wrote zeroes.
            (8_500, 0, None),
            (-1, 1, None),
            (i64::MAX, 1, Some(u32::MAX)),
        ] {
            let discipline = kept(true, maxerror_us, esterror_us).unwrap();
            assert_eq!(error_ms(discipline), expected, "{discipline:?}");
        }
    }

    #[test]
    fn a_suspend_is_noticed_and_reading_two_clocks_is_none() {
        assert!(!was_suspended(5, 5));
        assert!(!was_suspended(5, 4));
        assert!(!was_suspended(5, 104));
        assert!(was_suspended(5, 105));
    }

    #[test]
    fn stamps_of_one_boot_share_its_id_and_never_run_backwards() {
        let clocks = Clocks::open(BUILT_AT).unwrap();
        let first = clocks.stamp();
        let second = clocks.stamp();
        assert_eq!(first.boot, second.boot);
        assert_eq!(&first.boot, clocks.boot());
        assert!(first.raw_ms <= second.raw_ms);
        assert!(first.raw_ms > 0);
    }

    #[test]
    fn a_clock_before_the_floor_is_unset_and_a_remembered_sync_is_holdover_at_least() {
        let clocks = Clocks::open(UtcMs::DISTANT_FUTURE).unwrap();
        clocks.remember_synced();
        assert_eq!(clocks.stamp().sync, Sync::Unset);
        let clocks = Clocks::open(UtcMs::DISTANT_PAST).unwrap();
        clocks.remember_synced();
        assert_ne!(clocks.stamp().sync, Sync::Unset);
    }

    /// The kernel refuses silently, and a clock that is set would pass for one that is not.
    #[test]
    fn the_shipped_unit_lets_the_clock_be_read() {
        let unit = include_str!("../../../systemd/rollcall-kiosk.service");
        let filters: Vec<&str> = unit
            .lines()
            .filter_map(|line| line.strip_prefix("SystemCallFilter="))
            .collect();
        assert_eq!(filters.last(), Some(&"adjtimex clock_adjtime"));
        assert!(unit.contains("\nProtectClock=no\n"));
        assert!(
            unit.contains("\nProcSubset=all\n"),
            "the boot's id has to be readable"
        );
    }

    #[test]
    fn the_kernel_answers() {
        assert!(read_discipline().is_some());
        assert!(raw_now_ms() > 0);
        assert!(BUILT_AT > UtcMs(0));
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(folder.path()).unwrap() > 0);
        assert!(free_bytes(&folder.path().join("absent")).is_err());
        let file = tempfile::tempfile().unwrap();
        assert!(grab_input(file.as_fd()).is_err());
    }
}
