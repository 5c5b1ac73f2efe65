//! Of two slots the newest whole one counts, and no other is ever taken for one.

use super::choices::Choices;
use crate::format::checksum;
use crate::format::watermark::{Extent, FILE_BYTES, SLOT_APART, SLOT_BYTES, Watermark};

/// Whatever is read as a slot is the same bytes when it is written again; the newest whole slot wins;
/// a write that is cut off anywhere leaves the mark before it or the one after it, and never a third.
///
/// The first byte says whether the bytes are the two slots, the same with the checksums put under them,
/// or the choices from which a file is made and then written to.
pub fn watermark(data: &[u8]) {
    let mut choices = Choices(data);
    match choices.below(3) {
        0 => any_file(choices.0),
        1 => any_slots(&mut choices),
        _ => written_over(&mut choices),
    }
}

fn slot(file: &[u8], at: usize) -> Option<Watermark> {
    let slot = file.get(at..at + SLOT_BYTES)?;
    let mark = Watermark::decode(slot).ok()?;
    assert_eq!(mark.encode(), slot, "a slot has one encoding");
    Some(mark)
}

fn any_file(file: &[u8]) {
    let slots = [slot(file, 0), slot(file, SLOT_APART)];
    let largest = slots.iter().flatten().map(|mark| mark.generation).max();
    match Watermark::newest(file) {
        Ok(newest) => {
            assert!(slots.contains(&Some(newest)), "it stands in a slot");
            assert_eq!(Some(newest.generation), largest);
        }
        Err(_) => assert_eq!(largest, None),
    }
}

/// Few bytes have the right checksum by chance, so it is put under them.
fn any_slots(choices: &mut Choices<'_>) {
    let mut file = vec![0; FILE_BYTES];
    for at in [0, SLOT_APART] {
        let is_sealed = choices.below(4) > 0;
        let begins_right = choices.below(4) > 0;
        let mut content = choices.take(SLOT_BYTES - 4).to_vec();
        content.resize(SLOT_BYTES - 4, 0);
        if begins_right {
            content[..8].copy_from_slice(b"asof wm\x01");
        }
        if is_sealed {
            checksum::seal(b"", &mut content, 0);
        }
        file[at..at + content.len()].copy_from_slice(&content);
    }
    any_file(&file);
    let cut = usize::from(u16::from_le_bytes(choices.array())) % (FILE_BYTES + 1);
    any_file(&file[..cut]);
}

fn drawn(choices: &mut Choices<'_>, generation: u64) -> Watermark {
    let mut number = || u64::from_le_bytes(choices.array()) >> (choices.byte() & 63);
    Watermark {
        generation,
        sequence: number(),
        manifest: Extent {
            number: number(),
            bytes: number(),
        },
        log: Extent {
            number: number(),
            bytes: number(),
        },
        boot: choices.array(),
        store: choices.array(),
    }
}

fn written_over(choices: &mut Choices<'_>) {
    let generation = u64::from(choices.byte());
    let mut file = drawn(choices, generation).file();
    let mut before = Watermark::newest(&file).expect("it was just made");
    assert_eq!(before.generation, generation + 2);
    let mut older = slot(&file, other(&before)).expect("it was just made");
    // Each is written over the older of the two; where the write is cut off, the newer one is left.
    while !choices.0.is_empty() {
        let next = drawn(choices, before.generation + 1);
        let bytes = next.encode();
        let cut = choices.below(SLOT_BYTES + 8).min(SLOT_BYTES);
        file[next.offset()..][..cut].copy_from_slice(&bytes[..cut]);
        let found = Watermark::newest(&file).expect("the newer slot was not written to");
        if found == next {
            (older, before) = (before, next);
            continue;
        }
        assert_eq!(found, before, "{cut} bytes of {next:?} were written");
        // A slot that was cut off is noise: it is written to again, by the next open.
        file[older.offset()..][..SLOT_BYTES].copy_from_slice(&older.encode());
    }
    let bit = usize::from(choices.byte()) % (SLOT_BYTES * 8);
    file[before.offset() + bit / 8] ^= 1 << (bit % 8);
    assert_eq!(Watermark::newest(&file).expect("one is whole"), older);
    file[older.offset() + bit / 8] ^= 1 << (bit % 8);
    assert!(Watermark::newest(&file).is_err(), "none is whole");
}

fn other(mark: &Watermark) -> usize {
    SLOT_APART - mark.offset()
}
