//! How much of an archive is unpacked, and which names.

use super::*;

const FEW: Most = Most { entries: 3, one: 10, all: 15 };

/// An archive of files that are not packed.
fn stored(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let at = u32::try_from(bytes.len()).unwrap();
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        // Version, flags, method, time, date.
        let head = [20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
        let mut sum = flate2::Crc::new();
        sum.update(data);
        let sum = sum.sum().to_le_bytes();
        let same: Vec<u8> = [&head[..], &sum, &size, &size, &length, &[0, 0]].concat();
        bytes.extend([&b"PK\x03\x04"[..], &same, name.as_bytes(), data].concat());
        let rest = [&[0; 10][..], &at.to_le_bytes(), name.as_bytes()].concat();
        directory.extend([&b"PK\x01\x02"[..], &[20, 0], &same, &rest].concat());
    }
    let (at, size) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    bytes.extend(directory);
    bytes.extend(
        [
            &b"PK\x05\x06"[..],
            &[0; 4],
            &count,
            &count,
            &size.to_le_bytes(),
            &at.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    bytes
}

/// Which files came out, what was left out, and what was wrong.
fn out(files: &[(&str, &[u8])]) -> (Vec<String>, Vec<String>, Vec<FlawKind>) {
    let folder = tempfile::tempdir().unwrap();
    let unpacked = unpack(&stored(files), folder.path(), FEW).unwrap();
    let there = files.iter().filter(|(name, _)| folder.path().join(name).is_file());
    let mut there: Vec<String> = there.map(|(name, _)| (*name).to_owned()).collect();
    there.dedup();
    let left = unpacked.unread.into_iter().map(|it| it.file).collect();
    (there, left, unpacked.flaws.into_iter().map(|it| it.kind).collect())
}

#[test]
fn each_may_be_so_large_and_all_of_them() {
    let (ten, eleven) = (&[b'x'; 10][..], &[b'x'; 11][..]);
    assert_eq!(out(&[("a", ten)]), (vec!["a".to_owned()], vec![], vec![]));
    assert_eq!(out(&[("a", eleven)]), (vec![], vec!["a".to_owned()], vec![]));
    // What still fits behind it is unpacked.
    let (there, left, _) = out(&[("a", ten), ("b", b"123456"), ("c", b"12345")]);
    assert_eq!((there, left), (vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()]));
    // Once all are full, nothing more is looked at.
    let (there, left, _) = out(&[("a", ten), ("b", b"12345"), ("c", b"")]);
    assert_eq!(there, ["a", "b"]);
    assert_eq!(left, ["and what follows"]);
}

#[test]
fn what_comes_to_nothing_counts() {
    let files: Vec<(&str, &[u8])> = vec![("a", b"123456789"), ("b", b"123456789"), ("c", b"1")];
    let mut packed = stored(&files);
    // Its sum is wrong wherever it is written.
    let mut sum = flate2::Crc::new();
    sum.update(b"123456789");
    let sum = sum.sum().to_le_bytes();
    for at in 0..packed.len() - 4 {
        if packed[at..at + 4] == sum {
            packed[at] ^= 1;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = unpack(&packed, folder.path(), FEW).unwrap();
    assert_eq!(unpacked.flaws.first().map(|it| (it.kind, it.times)), Some((FlawKind::Broken, 1)));
    let left: Vec<&str> = unpacked.unread.iter().map(|it| it.file.as_str()).collect();
    assert_eq!((left, folder.path().join("c").is_file()), (vec!["b"], true));
}

#[test]
fn there_may_be_so_many() {
    let (there, left, _) = out(&[("a", b""), ("b", b""), ("c", b""), ("d", b"")]);
    assert_eq!(there, ["a", "b", "c"]);
    assert_eq!(left, ["and what follows"]);
}

#[test]
fn names_are_short_and_not_deep() {
    let deep = |parts: usize| vec!["d"; parts].join("/");
    let long = |of: usize| vec!["n".repeat(of); 4].join("/");
    for (name, fits) in [
        (deep(64), true),
        (deep(65), false),
        (long(249), true),
        (long(251), false),
        ("n".repeat(255), true),
        ("n".repeat(256), false),
    ] {
        let (there, _, flaws) = out(&[(&name, b"x")]);
        assert_eq!(there.len(), usize::from(fits), "{name}");
        assert_eq!(flaws, if fits { vec![] } else { vec![FlawKind::OddName] }, "{name}");
    }
}
