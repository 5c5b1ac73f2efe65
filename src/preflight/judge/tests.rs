//! Which states are damage and which a crash may leave.

use super::*;
use crate::format::watermark::Extent;
use crate::preflight::log::framed;
use crate::preflight::{note, scan_log, scan_manifest};

const STORE: [u8; 8] = *b"our tag!";

/// A log of batches of one row: sequence number, and what was durable when it was written.
fn log(batches: &[(u64, u64)]) -> Vec<u8> {
    let batch = |(first, durable): &(u64, u64)| {
        let head = [&first.to_le_bytes()[..], &[1, 0, 0, 0, 3, 17]].concat();
        [head, note(*durable, STORE).to_vec(), vec![7; 20]].concat()
    };
    let batches: Vec<Vec<u8>> = batches.iter().map(batch).collect();
    framed(&batches.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// The bytes of one batch above.
const BATCH: usize = 7 + 12 + 19 + 20;

/// Sequence 10 is accounted for, logs from 4 on are needed.
fn manifest() -> Vec<u8> {
    framed(&[&[2, 4, 4, 10]])
}

fn evidence(logs: &[(u64, Vec<u8>)], sequence: u64, length: (u64, u64)) -> Evidence {
    let scanned = logs
        .iter()
        .map(|(number, log)| (*number, scan_log(log, Some(STORE))));
    Evidence {
        manifest: (3, scan_manifest(&manifest())),
        logs: scanned.collect(),
        watermark: Watermark {
            sequence,
            manifest: Extent {
                number: 3,
                bytes: 11,
            },
            log: Extent {
                number: length.0,
                bytes: length.1,
            },
            ..Watermark::default()
        },
        same_boot: true,
    }
}

/// The worst state of any file, now and if power was cut since the watermark was written.
fn health(evidence: Evidence) -> [Health; 2] {
    let worst = |evidence: &Evidence| {
        let found = judge(evidence).findings;
        let has = |health| found.iter().any(|f| f.health == health);
        [Health::Damaged, Health::Torn]
            .into_iter()
            .find(|health| has(*health))
            .unwrap_or(Health::Healthy)
    };
    let running = worst(&evidence);
    let restarted = Evidence {
        same_boot: false,
        ..evidence
    };
    [running, worst(&restarted)]
}

const HEALTHY: [Health; 2] = [Health::Healthy; 2];
const TORN: [Health; 2] = [Health::Torn; 2];
const DAMAGED: [Health; 2] = [Health::Damaged; 2];
/// Only a power cut explains it.
const CUT: [Health; 2] = [Health::Damaged, Health::Torn];

#[test]
fn what_a_killed_process_leaves_is_opened() {
    // Who is hurt: whoever was killed and finds the door closed.
    let rows = log(&[(11, 10), (12, 10), (13, 12)]);
    assert_eq!(health(evidence(&[], 0, (0, 0))), HEALTHY, "never written");
    assert_eq!(
        health(evidence(&[], 10, (3, 900))),
        HEALTHY,
        "all in tables"
    );
    assert_eq!(health(evidence(&[(4, vec![])], 10, (3, 900))), HEALTHY);
    let all = evidence(&[(4, rows.clone())], 13, (4, rows.len() as u64));
    assert_eq!(health(all), HEALTHY);
    for cut in 2 * BATCH + 1..rows.len() {
        let torn = evidence(&[(4, rows[..cut].to_vec())], 12, (4, 2 * BATCH as u64));
        assert_eq!(health(torn), TORN, "cut {cut}");
    }
    let two = [(4, rows.clone()), (6, log(&[(14, 13), (15, 13)]))];
    assert_eq!(health(evidence(&two, 13, (4, rows.len() as u64))), HEALTHY);
    // An error ended a write, and the store went on in the next log.
    let torn = [&rows[..], &[1, 2, 3]].concat();
    let two = [(4, torn), (6, log(&[(14, 13)]))];
    assert_eq!(health(evidence(&two, 14, (6, BATCH as u64))), TORN);
}

#[test]
fn a_synced_row_that_is_gone_is_damage() {
    // Who is hurt: whoever was told that the row is safe.
    let rows = log(&[(11, 10), (12, 10), (13, 12)]);
    let length = rows.len() as u64;
    for cut in 0..rows.len() {
        let cut_off = evidence(&[(4, rows[..cut].to_vec())], 13, (4, length));
        assert_eq!(health(cut_off), DAMAGED, "cut {cut}");
        // The watermark knows no length, only the last row.
        let cut_off = evidence(&[(4, rows[..cut].to_vec())], 13, (3, 900));
        assert_eq!(health(cut_off), DAMAGED, "cut {cut}");
    }
    for bit in 0..rows.len() * 8 {
        let mut hurt = rows.clone();
        hurt[bit / 8] ^= 1 << (bit % 8);
        let flipped = evidence(&[(4, hurt)], 13, (4, length));
        assert_eq!(health(flipped), DAMAGED, "bit {bit}");
    }
    let gone = evidence(&[(6, log(&[(14, 13)]))], 13, (4, length));
    assert_eq!(health(gone), DAMAGED, "the first log is gone");
    assert_eq!(health(evidence(&[], 10, (4, length))), DAMAGED);
}

#[test]
fn a_hole_in_what_nobody_synced_is_damage_unless_power_was_cut() {
    // Who is hurt: whoever wrote buffered and lost power; and whoever did not, and loses rows.
    let rows = log(&[(11, 10), (12, 10), (13, 10)]);
    let mut hurt = rows.clone();
    hurt[BATCH + 30] ^= 1;
    assert_eq!(health(evidence(&[(4, hurt)], 11, (4, BATCH as u64))), CUT);
    let gap = [(4, rows[..BATCH].to_vec()), (6, log(&[(14, 10)]))];
    assert_eq!(health(evidence(&gap, 11, (4, BATCH as u64))), CUT);
    // What lies behind the gap was built on what is gone: it does not come back without it.
    for same_boot in [false, true] {
        let judged = judge(&Evidence {
            same_boot,
            ..evidence(&gap, 11, (4, BATCH as u64))
        });
        assert_eq!((judged.stop, judged.sequence), (Some((6, 0)), 11));
    }
    let mut last = rows.clone();
    last[2 * BATCH + 30] ^= 1;
    assert_eq!(health(evidence(&[(4, last)], 12, (4, 0))), CUT);
}

#[test]
fn a_later_record_is_a_witness_when_the_watermark_is_old() {
    // Who is hurt: whoever lost power, and then a bit in what had been synced long before.
    let mut rows = log(&[(11, 10), (12, 10), (13, 12)]);
    rows[BATCH + 30] ^= 1;
    let judgement = judge(&evidence(&[(4, rows.clone())], 10, (3, 900)));
    assert_eq!(judgement.stop, Some((4, BATCH as u64)));
    assert_eq!(judgement.loss.sequences, Some((12, 13)));
    assert_eq!((judgement.sequence, judgement.loss.batches), (11, 1));
    assert_eq!(judgement.loss.bytes, 2 * BATCH as u64);
    assert_eq!(health(evidence(&[(4, rows)], 10, (3, 900))), DAMAGED);
}

#[test]
fn an_older_or_a_shorter_manifest_is_damage() {
    // Who is hurt: whoever restores one file of a backup.
    let with = |manifest: Vec<u8>, durable: Extent| {
        let mut evidence = evidence(&[], 0, (0, 0));
        evidence.manifest.1 = scan_manifest(&manifest);
        evidence.watermark.manifest = durable;
        health(evidence)
    };
    let whole = Extent {
        number: 3,
        bytes: 11,
    };
    assert_eq!(with(manifest(), whole), HEALTHY);
    assert_eq!(
        with(
            manifest(),
            Extent {
                number: 2,
                bytes: 99
            }
        ),
        HEALTHY
    );
    assert_eq!(
        with(
            manifest(),
            Extent {
                number: 4,
                bytes: 0
            }
        ),
        DAMAGED
    );
    assert_eq!(with(manifest()[..10].to_vec(), whole), DAMAGED);
    let longer = |tail: &[u8]| [&manifest(), tail].concat();
    assert_eq!(
        with(longer(&[9; 5]), whole),
        TORN,
        "an edit that was cut off"
    );
    let mut turned = longer(&framed(&[&[4, 12]]));
    turned[11 + 6] = 5;
    assert_eq!(
        with(turned, whole),
        DAMAGED,
        "RocksDB would read in circles"
    );
}

#[test]
fn a_log_that_stands_there_twice_or_comes_from_another_store_is_damage() {
    // Who is hurt: whoever puts back one log from a copy, and has old rows replayed over new ones.
    let log_of = |rows: &[(u64, u64)]| log(rows);
    let first = log_of(&[(11, 10), (12, 10)]);
    let again = evidence(&[(4, first.clone()), (9, first.clone())], 12, (4, 0));
    assert_eq!(health(again), [Health::Damaged; 2]);
    let goes_on = evidence(&[(4, first.clone()), (9, log_of(&[(13, 12)]))], 12, (4, 0));
    assert_eq!(health(goes_on), [Health::Healthy; 2]);
    let mut foreign = evidence(&[(4, first.clone())], 12, (4, 0));
    let scanned = scan_log(&first, Some(*b"another!"));
    foreign.logs.insert(4, scanned);
    let judgement = judge(&foreign);
    assert_eq!(judgement.stop, Some((4, 0)));
    assert_eq!(health(foreign), [Health::Damaged; 2]);
}

#[test]
fn a_hole_in_edits_that_nobody_synced_is_cut_off_after_a_power_cut() {
    // Who is hurt: whoever lost power while tables were written, and finds the door closed.
    let edits: [&[u8]; 3] = [&[2, 4, 4, 10], &[2, 4, 4, 11], &[2, 4, 4, 12]];
    let with = |bytes: &[u8]| Evidence {
        manifest: (3, scan_manifest(bytes)),
        ..evidence(&[], 0, (0, 0))
    };
    let mut hurt = framed(&edits);
    hurt[11..22].fill(0);
    assert_eq!(health(with(&hurt)), CUT);
    let judged = judge(&with(&hurt));
    assert_eq!((judged.manifest, judged.sequence), (Some((3, 11)), 10));
    // A bit that turned leaves no zeros.
    let mut turned = framed(&edits);
    turned[20] ^= 1;
    assert_eq!(health(with(&turned)), DAMAGED);
    // And what was durable cannot be missing.
    hurt[..11].fill(0);
    assert_eq!(health(with(&hurt)), DAMAGED);
}

#[test]
fn a_last_edit_of_which_a_sector_is_missing_is_cut_off_after_a_power_cut() {
    // Who is hurt: whoever lost power while an edit was written, and whose database will not open:
    // RocksDB takes the checksum of such an edit for damage, and the verdict was only "torn".
    let whole = manifest();
    let mut bytes = framed(&[&[2, 4, 4, 10], &[4; 3_000]]);
    bytes[512..1_024].fill(0);
    let judged = judge(&Evidence {
        manifest: (3, scan_manifest(&bytes)),
        same_boot: false,
        ..evidence(&[], 10, (3, 900))
    });
    assert_eq!(judged.findings[0].health, Health::Torn);
    assert_eq!(judged.manifest, Some((3, whole.len() as u64)));
}

#[test]
fn a_loss_that_leaves_parts_of_batches_in_tables_is_not_to_be_accepted() {
    // Who is hurt: whoever accepts the loss of a few rows, and goes on with latest rows built on
    // versions that are gone, behind a position that says that all is there.
    let rows = log(&[(11, 10), (12, 10), (13, 12)]);
    let mut hurt = rows.clone();
    hurt[BATCH + 20] ^= 1;
    // A table of family 0 whose newest row is of this sequence number; the others still need log 4.
    let ahead_by = |newest: u8| {
        let table = [2, 4, 4, 10, 103, 0, 9, 100, 1, b'a', 1, b'b', 1, newest, 1];
        let bytes = framed(&[&table]);
        let mut evidence = evidence(&[(4, hurt.clone())], 13, (4, rows.len() as u64));
        evidence.watermark.manifest.bytes = bytes.len() as u64;
        evidence.manifest.1 = scan_manifest(&bytes);
        assert_eq!(evidence.manifest.1.tables, u64::from(newest));
        judge(&evidence)
    };
    assert_eq!(ahead_by(11).sequence, 11);
    assert!(
        !ahead_by(11).torn_apart,
        "all of batch 11 is in table or log"
    );
    assert!(ahead_by(12).torn_apart);
    // Where the first row of the log is gone: a family with a table that needs only later logs.
    let first_gone = |needs: u8| {
        let mut hurt = rows.clone();
        hurt[20] ^= 1;
        let table = [103, 0, 9, 100, 1, b'a', 1, b'b', 1, 10, 1];
        let other = [&[200, 1, 1, 2, needs], &table[..]].concat();
        let bytes = framed(&[&[2, 4, 4, 10], &[201, 1, 1, b'x', 200, 1, 1], &other]);
        let mut evidence = evidence(&[(4, hurt)], 13, (4, rows.len() as u64));
        evidence.watermark.manifest.bytes = bytes.len() as u64;
        evidence.manifest.1 = scan_manifest(&bytes);
        judge(&evidence)
    };
    assert!(!first_gone(4).torn_apart);
    assert!(first_gone(6).torn_apart);
    // And a store whose first row is gone does not know any more which one it is.
    let mut hurt = log(&[(1, 0)]);
    hurt[20] ^= 1;
    let mut nothing = evidence(&[(4, hurt)], 1, (4, BATCH as u64));
    nothing.manifest.1 = scan_manifest(&framed(&[&[2, 4]]));
    nothing.watermark.manifest.bytes = 0;
    let judged = judge(&nothing);
    assert!(judged.stop.is_some() && judged.torn_apart);
}
