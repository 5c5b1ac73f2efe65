//! What the framing says of logs that were hurt in known ways.

use super::*;

fn read(log: &[u8]) -> (Scan, Vec<Vec<u8>>, usize) {
    let (mut before, mut behind) = (Vec::new(), 0);
    let scan = scan(log, |record| {
        if record.behind_damage {
            behind += 1;
        } else {
            before.push(record.content.to_vec());
        }
        true
    });
    (scan, before, behind)
}

/// Small records, one that ends a block with room for a header only, one of three blocks.
fn records() -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = (0..20).map(|n| vec![n; 40 + usize::from(n)]).collect();
    let used: usize = records.iter().map(|record| record.len() + HEADER).sum();
    records.push(vec![21; BLOCK - used - HEADER - HEADER]);
    records.push(vec![22; BLOCK + 100]);
    records.push(b"last".to_vec());
    records
}

fn log() -> Vec<u8> {
    let records = records();
    framed(&records.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Two records, the seam of two blocks, and the end.
fn edges(length: usize) -> impl Iterator<Item = usize> {
    (0..30)
        .chain(BLOCK - 8..BLOCK + 8)
        .chain(length - 13..length)
}

#[test]
fn what_was_framed_is_read() {
    let (scan, read, behind) = read(&log());
    assert!(scan.broken.is_none());
    assert_eq!((read, behind), (records(), 0));
    assert_eq!((scan.whole, scan.records), (scan.bytes, 23));
    assert_eq!(self::read(b"").0.whole, 0);
}

#[test]
fn every_flipped_bit_is_noticed_and_all_before_it_is_kept() {
    // Who is hurt: whoever wrote the rows behind it, which RocksDB would drop without a word.
    let (log, all) = (log(), records());
    for at in edges(log.len()) {
        for bit in 0..8 {
            let mut hurt = log.clone();
            hurt[at] ^= 1 << bit;
            let (scan, before, _) = read(&hurt);
            let broken = scan.broken.unwrap_or_else(|| panic!("byte {at} bit {bit}"));
            assert!(all.starts_with(&before), "byte {at} bit {bit}");
            assert!(broken.at <= at as u64 && scan.whole <= broken.at);
            let in_the_last = at >= log.len() - HEADER - 4;
            assert_eq!(broken.resumes.is_none(), in_the_last, "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_cut_ends_in_a_torn_tail_and_never_in_damage() {
    // Who is hurt: whoever was killed while writing and cannot open the store any more.
    let (log, all) = (log(), records());
    for cut in edges(log.len()) {
        let (scan, before, behind) = read(&log[..cut]);
        assert!(all.starts_with(&before) && behind == 0, "cut {cut}");
        match scan.broken {
            None => assert!(cut as u64 - scan.whole < HEADER as u64, "cut {cut}"),
            Some(broken) => assert_eq!(broken.resumes, None, "cut {cut}"),
        }
        // What is left can be written on: zeros were made ready, or noise was on the disk.
        for tail in [vec![0; 500], vec![0xa5; 500]] {
            let (scan, before, behind) = read(&[&log[..cut], &tail].concat());
            let broken = scan.broken.expect("a tail is no record");
            assert!(all.starts_with(&before) && behind == 0, "cut {cut}");
            assert_eq!(broken.resumes, None, "cut {cut}");
        }
    }
}

#[test]
fn what_looks_like_long_records_hides_no_short_one_behind_it() {
    // Who is hurt: whoever is told that less can be read than can, because of what chance put into a value.
    let mut noise = Vec::new();
    for length in (4..16).rev().map(|bits| (1u16 << bits) - HEADER as u16) {
        for _ in 0..2 {
            noise.extend([0; 4]);
            noise.extend(length.to_le_bytes());
            noise.push(FULL);
        }
    }
    let behind = [7; 200];
    let mut log = framed(&[&noise, &behind, &behind]);
    log[0] ^= 1;
    let (scan, _, read_behind) = read(&log);
    assert!(scan.broken.is_some());
    assert_eq!(read_behind, 2);
}

#[test]
fn what_no_store_writes_is_called_by_its_name() {
    let of = |kind: u8| {
        let mut log = framed(&[b"one", b"two", b"three"]);
        log[16] = kind;
        let sum = masked(crc32c(&log[16..20]));
        log[10..14].copy_from_slice(&sum.to_le_bytes());
        read(&log).0.broken.map(|broken| broken.why)
    };
    assert_eq!(of(FULL), None);
    for kind in [5, 6, 7, 8, 11, 131] {
        assert_eq!(of(kind), Some(Why::Recycled(kind)));
    }
    for kind in [0, 9, 10, 12, 127, 128, 130, 255] {
        assert_eq!(of(kind), Some(Why::UnknownType(kind)));
    }
    for kind in [MIDDLE, LAST] {
        assert_eq!(of(kind), Some(Why::Order));
    }
    assert_eq!(of(FIRST), Some(Why::Order), "the next begins inside it");
}

#[test]
fn a_log_of_noise_is_read_in_time_that_grows_with_it() {
    // Who is hurt: whoever opens a store whose disk went mad, and waits.
    for pattern in [1u8, 4, 0x7f] {
        let log = vec![pattern; 128 << 10];
        assert_eq!(read(&log).0.records, 0);
    }
}
