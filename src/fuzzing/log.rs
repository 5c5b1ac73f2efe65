//! A log is whole, torn or damaged, and no acknowledged row is lost without a word.

use super::choices::Choices;
use crate::format::watermark::{Extent, Watermark};
use crate::preflight::{
    Evidence, Health, Judgement, WalScan, framed, judge, note, scan_log, scan_manifest,
};
use std::collections::BTreeMap;

const LOG: u64 = 8;
const TAG: [u8; 8] = *b"a store!";
/// A record is no shorter than its header; as much, and less, may fill up the end of a block.
const HEADER: u64 = 7;

/// Any bytes are read as a log and as a manifest, and what is called whole is whole by itself. A log
/// that was made is healthy; hurt anywhere, it is told as damaged, or its end as torn, and torn only
/// if every row that was durable is still there.
///
/// The first byte says whether the bytes are a log, what stands in the records of one, or the choices
/// from which one is made and then hurt.
pub fn log_preflight(data: &[u8]) {
    let mut choices = Choices(data);
    match choices.below(3) {
        0 => any_bytes(choices.0),
        1 => any_content(&mut choices),
        _ => made_and_hurt(&mut choices),
    }
}

fn any_bytes(log: &[u8]) {
    let wal = scan_log(log, None);
    assert_eq!(wal.log.bytes, log.len() as u64);
    assert!(wal.log.whole <= wal.log.bytes);
    match wal.log.broken {
        Some(broken) => {
            assert!(wal.log.whole <= broken.at && broken.at <= wal.log.bytes);
            assert!(broken.resumes.is_none_or(|next| next >= broken.at));
        }
        None => assert!(wal.log.bytes - wal.log.whole < HEADER, "{wal:?}"),
    }
    let whole = scan_log(&log[..wal.log.whole as usize], None);
    assert_eq!(whole.log.broken, None, "what is whole is so by itself");
    assert_eq!((whole.rows, whole.log.records), (wal.rows, wal.log.records));

    let manifest = scan_manifest(log);
    let whole = scan_manifest(&log[..manifest.whole() as usize]);
    assert_eq!(whole.log.broken, None, "what is whole is so by itself");
    assert_eq!(whole.log.records, manifest.log.records);
}

/// Few bytes have the right checksum by chance, so what stands in the records is given its framing.
fn any_content(choices: &mut Choices<'_>) {
    let mut records = Vec::new();
    while !choices.0.is_empty() {
        let length = choices.byte();
        records.push(choices.take(usize::from(length)));
    }
    let log = framed(&records);
    any_bytes(&log);
    // Records of no use end the reading where they stand, and not before.
    let wal = scan_log(&log, None);
    let is_no_batch = |record: &&[u8]| record.len() < 12;
    if let Some(broken) = wal.log.broken {
        assert!(wal.log.records < records.len() as u64, "{broken:?}");
    } else {
        assert!(!records.iter().any(is_no_batch));
        assert_eq!(wal.log.records, records.len() as u64);
    }
}

/// A log that a store could have written, and how far it was durable.
struct Made {
    log: Vec<u8>,
    /// Where each record ends, and the last row that it holds.
    ends: Vec<(u64, u64)>,
    watermark: Watermark,
}

impl Made {
    fn draw(choices: &mut Choices<'_>) -> Made {
        // What is made must stay in proportion to what it is made of.
        let mut bytes_left = choices.0.len() * 8;
        let (mut contents, mut ends) = (Vec::new(), Vec::new());
        let (mut durable, mut last) = (0u64, 0u64);
        for _ in 0..1 + choices.below(12) {
            let rows = choices.below(4) as u64;
            // Records may say less than is durable, and never more than was written before them.
            durable = durable.max(last.saturating_sub(choices.below(8) as u64));
            let size = choices.below(256) * if choices.below(4) == 3 { 128 } else { 1 };
            let size = size.min(bytes_left);
            bytes_left -= size;
            let mut content = (last + 1).to_le_bytes().to_vec();
            content.extend((rows.max(1) as u32).to_le_bytes());
            content.extend([3, 17]);
            content.extend(note(durable, TAG));
            // No zeros: those that stand behind a cut would make it whole again.
            content.resize(content.len() + size, choices.byte() | 1);
            contents.push(content);
            last += rows.max(1);
            ends.push((0, last));
        }
        let records: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        for (at, end) in ends.iter_mut().enumerate() {
            end.0 = framed(&records[..=at]).len() as u64;
        }
        let known = choices.below(ends.len() + 1);
        let (bytes, sequence) = known.checked_sub(1).map_or((0, 0), |at| ends[at]);
        let watermark = Watermark {
            sequence,
            log: Extent { number: LOG, bytes },
            ..Watermark::default()
        };
        Made {
            log: framed(&records),
            ends,
            watermark,
        }
    }

    fn judge(&self, log: &[u8], same_boot: bool) -> (WalScan, Judgement) {
        // An edit: rows are in logs from this one on, sequence number 0.
        let manifest = scan_manifest(&framed(&[&[2, LOG as u8, 4, 0, 10, LOG as u8]]));
        let wal = scan_log(log, Some(TAG));
        let evidence = Evidence {
            manifest: (5, manifest),
            logs: BTreeMap::from([(LOG, wal)]),
            watermark: self.watermark,
            same_boot,
        };
        (wal, judge(&evidence))
    }
}

fn is_damaged(judged: &Judgement) -> bool {
    judged.findings.iter().any(|f| f.health == Health::Damaged)
}

fn made_and_hurt(choices: &mut Choices<'_>) {
    let same_boot = choices.flag();
    let made = Made::draw(choices);
    let (wal, judged) = made.judge(&made.log, same_boot);
    let last = made.ends.last().map(|(_, last)| *last);
    assert_eq!((wal.rows.last(), wal.foreign), (last, false));
    assert!(judged.findings.iter().all(|f| f.health == Health::Healthy));
    assert_eq!((Some(judged.sequence), judged.loss.bytes), (last, 0));

    let at = usize::from(u16::from_le_bytes(choices.array())) * 257 % made.log.len();
    let mut hurt = made.log.clone();
    let is_cut = choices.flag();
    if is_cut {
        hurt.truncate(at);
        // A file system may have lengthened it already, where power was cut.
        let ahead = if same_boot { 0 } else { choices.below(40) };
        hurt.resize(at + ahead, 0);
    } else {
        hurt[at] ^= 1 << choices.below(8);
    }
    let (wal, judged) = made.judge(&hurt, same_boot);
    let kept = made.ends.iter().rfind(|(end, _)| *end <= at as u64);
    let kept_last = kept.map_or(0, |(_, last)| *last);
    let place = format!(
        "{} at {at} of {}, same boot {same_boot}: {:?}",
        if is_cut { "cut" } else { "flipped" },
        made.log.len(),
        judged.findings
    );
    if is_cut {
        let is_short = (at as u64) < made.watermark.log.bytes;
        assert_eq!(is_damaged(&judged), is_short, "{place}");
        assert_eq!(judged.sequence, kept_last, "{place}");
        return;
    }
    // Bytes that fill up a block mean nothing; any other bit is missed at once.
    if wal.log.broken.is_none() {
        assert_eq!(wal.rows.last(), last, "{place}");
        return;
    }
    let is_told = judged.findings.iter().any(|f| f.health != Health::Healthy);
    assert!(is_told, "{place}");
    assert!(judged.sequence <= kept_last, "more than was whole: {place}");
    let durable = wal.durable.max(made.watermark.sequence);
    let is_known = judged.sequence < durable || same_boot && wal.behind.batches > 0;
    assert!(
        is_damaged(&judged) || !is_known,
        "durable rows are gone: {place}"
    );
}
