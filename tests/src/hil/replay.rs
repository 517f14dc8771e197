//! What a disk may hold after a power cut, from the log of everything that was written to it.
//!
//! Contract: the log is the one of QEMU's `blklogwrites`, in the format of the kernel's `dm-log-writes`. A cut keeps all writes before the last
//! flush and all that were forced past the cache; of the others each is lost or kept by chance, and one that is kept may be torn between
//! any two sectors. Which, says a seed. No I/O but the reading of the log.

use std::path::Path;

use super::wire::ACKNOWLEDGED;
use crate::random::Random;

/// "logwrite", as the log's first eight bytes have it.
const MAGIC: u64 = 0x006a_7366_7773_6872;
/// The unit in which a disk writes whole.
const SECTOR_BYTES: usize = 512;
/// Flags of an entry.
const FLUSH: u64 = 1;
const FORCED: u64 = 2;
const DISCARD: u64 = 4;
/// The most entries of a log; beyond, something else went wrong.
const ENTRIES_MAX: usize = 1_000_000;

/// One thing that was done to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where, in bytes.
    at: usize,
    flags: u64,
    /// What was written; for a discard, zeros.
    bytes: Vec<u8>,
}

/// Everything that was done to a disk, in order.
#[derive(Debug)]
pub struct DiskLog(Vec<Entry>);

impl DiskLog {
    /// Reads a log.
    ///
    /// # Panics
    /// Where it is none.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the emulator wrote a log");
        Self::parse(&bytes).expect("the emulator wrote a log")
    }

    /// Reads a log's bytes, as far as they are whole: the emulator is killed while it writes.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let eight = bytes.get(at..)?.first_chunk::<8>()?;
            Some(u64::from_le_bytes(*eight))
        };
        let size = |at: usize| usize::try_from(number(at)?).ok();
        if number(0)? != MAGIC {
            return None;
        }
        // Sectors of the log may be of another size than the disk's.
        let sector = usize::try_from(number(24)? & u64::from(u32::MAX)).ok()?;
        let mut entries = Vec::new();
        let mut at = sector;
        while let (Some(first), Some(count), Some(flags)) =
            (size(at), size(at + 8), number(at + 16))
        {
            at += sector;
            let is_unwritten = first == 0 && count == 0 && flags == 0;
            if is_unwritten || entries.len() >= ENTRIES_MAX {
                break;
            }
            let length = count.checked_mul(sector)?;
            let content = if flags & DISCARD != 0 {
                vec![0; length]
            } else {
                let Some(content) = bytes.get(at..at + length) else {
                    break;
                };
                at += length;
                content.to_vec()
            };
            entries.push(Entry {
                at: first.checked_mul(sector)?,
                flags,
                bytes: content,
            });
        }
        Some(Self(entries))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often the disk was told to flush.
    pub fn flushes(&self) -> usize {
        let flushes = self.0.iter().filter(|entry| entry.flags & FLUSH != 0);
        flushes.count()
    }

    /// The entries that acknowledge something at this place, each with the number that it acknowledges.
    pub fn acknowledged(&self, offset: u64) -> Vec<(usize, usize)> {
        let entries = self.0.iter().enumerate();
        let at_offset = entries.filter(|(_, entry)| entry.at as u64 == offset);
        at_offset
            .filter_map(|(index, entry)| {
                let text = entry.bytes.strip_prefix(ACKNOWLEDGED)?;
                let digits = text.split(|byte| *byte == 0).next()?;
                Some((index, std::str::from_utf8(digits).ok()?.parse().ok()?))
            })
            .collect()
    }

    /// A replay from a disk as it was before the first entry.
    pub fn replay(&self, disk: Vec<u8>) -> Replay<'_> {
        Replay {
            log: self,
            disk,
            applied: 0,
        }
    }
}

/// A disk on which a log is replayed.
#[derive(Debug)]
pub struct Replay<'a> {
    log: &'a DiskLog,
    /// The disk with what is certainly on it.
    disk: Vec<u8>,
    /// How many entries are certainly on it.
    applied: usize,
}

impl Replay<'_> {
    /// The disk after a cut just after entry `last`, which may not be before that of an earlier call.
    pub fn cut_after(&mut self, last: usize, random: &mut Random) -> Vec<u8> {
        let entries = &self.log.0[..=last];
        // A flush covers what was complete when it began, so the entry that carries it is not covered by itself.
        let flushed = entries.iter().rposition(|entry| entry.flags & FLUSH != 0);
        let flushed = flushed.unwrap_or(0);
        while self.applied < flushed {
            let entry = &entries[self.applied];
            self.disk[entry.at..entry.at + entry.bytes.len()].copy_from_slice(&entry.bytes);
            self.applied += 1;
        }
        let mut disk = self.disk.clone();
        for entry in &entries[self.applied..] {
            let is_forced = entry.flags & FORCED != 0;
            if !is_forced && random.below(2) == 0 {
                continue;
            }
            let is_torn = !is_forced && random.below(2) == 0;
            for (number, sector) in entry.bytes.chunks(SECTOR_BYTES).enumerate() {
                if is_torn && random.below(3) == 0 {
                    continue;
                }
                let at = entry.at + number * SECTOR_BYTES;
                disk[at..at + sector.len()].copy_from_slice(sector);
            }
        }
        disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of writes to sectors: which, how many, flags and the byte that fills them.
    fn log(entries: &[(u64, u64, u64, u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [MAGIC, 1, entries.len() as u64, 512] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(512, 0);
        for (sector, count, flags, fill) in entries {
            let end = bytes.len() + 512;
            for number in [sector, count, flags, &0] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.resize(end, 0);
            if flags & DISCARD == 0 {
                bytes.resize(end + usize::try_from(count * 512).expect("small"), *fill);
            }
        }
        bytes
    }

    /// What the first bytes of four sectors can be after a cut behind entry `last`, over many seeds: sorted, each once.
    fn outcomes(entries: &[(u64, u64, u64, u8)], last: usize) -> Vec<[u8; 4]> {
        let log = DiskLog::parse(&log(entries)).expect("it is a log");
        let mut seen: Vec<[u8; 4]> = (0..400)
            .map(|seed| {
                let mut random = Random::from_seed(seed);
                let disk = log.replay(vec![0; 2048]).cut_after(last, &mut random);
                [disk[0], disk[512], disk[1024], disk[1536]]
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    #[test]
    fn a_cut_keeps_what_was_flushed_or_forced_and_any_of_the_rest() {
        let check = |entries: &[(u64, u64, u64, u8)], expected: &[[u8; 4]]| {
            assert_eq!(
                outcomes(entries, entries.len() - 1),
                expected,
                "{entries:?}"
            );
        };
        check(&[(0, 1, 0, 7)], &[[0; 4], [7, 0, 0, 0]]);
        check(&[(0, 1, FORCED, 7)], &[[7, 0, 0, 0]]);
        check(&[(0, 1, 0, 7), (0, 0, FLUSH, 0)], &[[7, 0, 0, 0]]);
        // A write that flushes what came before is not flushed itself.
        check(
            &[(0, 1, 0, 7), (1, 1, FLUSH, 8)],
            &[[7, 0, 0, 0], [7, 8, 0, 0]],
        );
        check(&[(0, 1, 0, 7), (1, 1, FLUSH | FORCED, 8)], &[[7, 8, 0, 0]]);
        // Two sectors: lost, torn on either side, or whole.
        check(
            &[(0, 2, 0, 7)],
            &[[0; 4], [0, 7, 0, 0], [7, 0, 0, 0], [7, 7, 0, 0]],
        );
        check(
            &[(0, 1, 0, 7), (0, 0, FLUSH, 0), (0, 1, DISCARD | FORCED, 0)],
            &[[0; 4]],
        );
    }

    #[test]
    fn a_log_ends_where_it_is_no_longer_whole() {
        let whole = log(&[(0, 1, 0, 7), (1, 1, 0, 8)]);
        let check = |bytes: &[u8], entries: Option<usize>| {
            assert_eq!(DiskLog::parse(bytes).map(|log| log.len()), entries);
        };
        check(&whole, Some(2));
        check(&whole[..whole.len() - 1], Some(1));
        check(&whole[..512], Some(0));
        check(b"no log", None);
        let mut zeros = whole.clone();
        zeros.resize(whole.len() + 4096, 0);
        check(&zeros, Some(2));
    }

    #[test]
    fn what_was_acknowledged_is_found_in_order() {
        let mut entries = DiskLog(Vec::new());
        for (at, text) in [
            (0, "ACKNOWLEDGED 1\0"),
            (512, "x"),
            (0, "ACKNOWLEDGED 12\0"),
        ] {
            entries.0.push(Entry {
                at,
                flags: 0,
                bytes: text.as_bytes().to_vec(),
            });
        }
        assert_eq!(entries.acknowledged(0), [(0, 1), (2, 12)]);
        assert_eq!(entries.acknowledged(512), []);
    }
}
