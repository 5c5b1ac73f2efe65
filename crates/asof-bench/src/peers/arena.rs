//! The control: a bare hash index over rows that lie one after the other in memory. It checks nothing,
//! takes no lock, and cannot be written to while it is read: what the memory itself takes.

use crate::rows::{self, Key, ROW_BYTES};

const ENTRY: usize = size_of::<Key>() + ROW_BYTES;
const FREE: u32 = u32::MAX;

pub struct Arena {
    /// Half full at most, probed one by one.
    index: Vec<u32>,
    entries: Vec<u8>,
    shift: u32,
}

impl Arena {
    pub fn load(rows: &[(Key, [u8; ROW_BYTES])]) -> Arena {
        let slots = (rows.len() * 2).next_power_of_two();
        let mut arena = Arena {
            index: vec![FREE; slots],
            entries: Vec::with_capacity(rows.len() * ENTRY),
            shift: 64 - slots.trailing_zeros(),
        };
        for (n, (key, row)) in rows.iter().enumerate() {
            arena.entries.extend_from_slice(key);
            arena.entries.extend_from_slice(row);
            let mut slot = arena.slot(key);
            while arena.index[slot] != FREE {
                slot = (slot + 1) & (slots - 1);
            }
            arena.index[slot] = n as u32;
        }
        arena
    }

    fn slot(&self, key: &Key) -> usize {
        let hash = u64::from_le_bytes(*key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> self.shift) as usize
    }

    fn entry(&self, n: u32) -> &[u8] {
        &self.entries[n as usize * ENTRY..][..ENTRY]
    }

    pub fn get(&self, key: &Key) -> f64 {
        self.get_from(self.slot(key), key)
    }

    fn get_from(&self, mut slot: usize, key: &Key) -> f64 {
        loop {
            let entry = self.entry(self.index[slot]);
            if entry[..8] == key[..] {
                return rows::read(&entry[8..]);
            }
            slot = (slot + 1) & (self.index.len() - 1);
        }
    }

    /// Step by step for all, so that what one waits for the others wait for too.
    pub fn batch(&self, keys: &[Key], room: &mut Vec<(usize, u32)>) -> f64 {
        room.clear();
        room.extend(keys.iter().map(|key| {
            let slot = self.slot(key);
            (slot, self.index[slot])
        }));
        let read = |(key, (slot, n)): (&Key, &(usize, u32))| {
            let entry = self.entry(*n);
            if entry[..8] == key[..] {
                return rows::read(&entry[8..]);
            }
            self.get_from(*slot, key)
        };
        keys.iter().zip(room.iter()).map(read).sum()
    }
}
