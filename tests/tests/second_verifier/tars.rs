//! Archives as tar files, and what may be wrong with those.

use audit::files::Memory;
use audit::testing::World;
use protocol::archive::ARCHIVE_PATH;
use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// One member, with any path and any kind.
fn member(tar: &mut Vec<u8>, kind: EntryType, path: &str, bytes: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(u64::try_from(bytes.len()).unwrap());
    // Past the library's own care for names.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
}

fn under(files: &Memory, folder: &str) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, bytes) in files {
        member(
            &mut tar,
            EntryType::Regular,
            &format!("{folder}{path}"),
            bytes,
        );
    }
    tar
}

/// A tar file of an archive.
pub(crate) fn packed(files: &Memory) -> Vec<u8> {
    let mut tar = under(files, "");
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

/// Tar files, each with the verdict it deserves.
pub(crate) fn tars() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const GOOD: &str = "verified";
    const BAD: &str = "malformed";
    let files = World::finished().archive();
    let good = packed(&files);
    let open = under(&files, "");
    let with = |kind, path: &str, bytes: &[u8]| {
        let mut tar = Vec::new();
        member(&mut tar, kind, path, bytes);
        tar.extend_from_slice(&good);
        tar
    };
    let spoilt = |at: usize, byte: u8, sum: bool| {
        let mut tar = good.clone();
        tar[at] = byte;
        if sum {
            let mut header = Header::new_ustar();
            header.as_mut_bytes().copy_from_slice(&tar[..BLOCK]);
            header.set_cksum();
            tar[..BLOCK].copy_from_slice(header.as_bytes());
        }
        tar
    };
    let file = EntryType::Regular;
    let end = open.len();
    let mut prefixed = good.clone();
    prefixed[345..351].copy_from_slice(b"folder");
    let mut without: Memory = files.clone();
    without.remove(ARCHIVE_PATH);
    let two = [under(&files, "a/"), under(&files, "b/")].concat();
    let half = [under(&files, "a/"), under(&without, "b/")].concat();
    vec![
        ("a tar file", good.clone(), GOOD),
        ("without its last blocks", open.clone(), GOOD),
        (
            "with one of its last blocks",
            good[..end + BLOCK].to_vec(),
            GOOD,
        ),
        (
            "with more behind its end",
            [good.as_slice(), b"anything"].concat(),
            GOOD,
        ),
        ("cut within a header", good[..end + 100].to_vec(), BAD),
        ("cut within a file", good[..end - BLOCK].to_vec(), BAD),
        ("cut to nothing", Vec::new(), BAD),
        ("empty", vec![0; 2 * BLOCK], BAD),
        ("no tar file", b"anything but a tar file".repeat(40), BAD),
        ("in a folder", under(&files, "export/"), GOOD),
        (
            "in a folder, by way of here",
            under(&files, "./export//"),
            GOOD,
        ),
        ("two archives in one", two, BAD),
        ("a folder beside the archive's", half, GOOD),
        ("without its description", packed(&without), BAD),
        (
            "with a folder",
            with(EntryType::Directory, "logs/", b""),
            GOOD,
        ),
        (
            "with a global header",
            with(EntryType::XGlobalHeader, "pax", b"anything"),
            GOOD,
        ),
        (
            "with a header that would rename a file",
            with(EntryType::XHeader, "pax", b"21 path=elsewhere.js\n"),
            GOOD,
        ),
        (
            "with a long name of GNU's",
            with(EntryType::GNULongName, "x", b"name"),
            BAD,
        ),
        (
            "with a link",
            with(EntryType::Symlink, "objects/x", b""),
            BAD,
        ),
        (
            "with a hard link",
            with(EntryType::Link, "objects/x", b""),
            BAD,
        ),
        (
            "with a device",
            with(EntryType::Char, "objects/x", b""),
            BAD,
        ),
        (
            "with a file of another kind",
            with(EntryType::Continuous, "notes", b"x"),
            BAD,
        ),
        (
            "with a sparse file",
            with(EntryType::GNUSparse, "notes", b"x"),
            BAD,
        ),
        ("with a path that climbs", with(file, "../notes", b"x"), BAD),
        (
            "with a path that climbs within",
            with(file, "objects/../notes", b"x"),
            BAD,
        ),
        ("with a path from the root", with(file, "/notes", b"x"), BAD),
        ("with a path of nothing", with(file, "./.", b"x"), BAD),
        ("with a file twice", with(file, ARCHIVE_PATH, b"{}"), BAD),
        (
            "with a file twice, alike",
            with(file, ARCHIVE_PATH, &files[ARCHIVE_PATH]),
            BAD,
        ),
        (
            "with a file twice, spelled otherwise",
            with(file, "./archive.json", b"{}"),
            BAD,
        ),
        (
            "with a file that nothing speaks of",
            with(file, "notes", b"x"),
            GOOD,
        ),
        ("with another checksum", spoilt(10, b'x', false), BAD),
        ("with a path that is no text", spoilt(0, 0xff, true), BAD),
        ("with a size that is none", spoilt(130, b'9', true), BAD),
        ("with a size beyond all", spoilt(124, 0xff, true), BAD),
        (
            "with a prefix in the header, and another checksum",
            prefixed,
            BAD,
        ),
        ("of the oldest kind", spoilt(156, 0, true), GOOD),
    ]
}
