//! What a receipt counts, however many rows of one entity a batch has.

use crate::weather::{World, at, put, weather};
use asof::*;

#[test]
fn a_batch_tells_its_own_repeats_and_conflicts_among_few_rows_and_among_many() {
    // Who is hurt: a producer that counts what it sent twice, or two sources that contradict each
    // other, and hears of it only while an entity has few rows in a batch.
    for stored in [false, true] {
        for n in [1, 7, 8, 9, 10, 40] {
            let world = World::with(weather());
            if stored {
                world.write(put("EWR", at(11), 0.0));
            }
            let mut batch = WriteBatch::new();
            // Each row, each again, and each once more with another value.
            for temp in [1.0, 1.0, 2.0] {
                for row in (0..n).rev() {
                    let et = at(10).saturating_add(Span::micros(row));
                    put("EWR", et, temp).add(&mut batch, &world.view());
                }
            }
            let receipt = world.store.write(batch, WriteOptions::buffered()).unwrap();
            let counts = (receipt.applied, receipt.duplicate, receipt.conflict);
            let n = n as u64;
            assert_eq!(counts, (2 * n, n, n), "{n} rows, one stored: {stored}");
            let report = world.store.verify(&mut |_| {}).unwrap();
            assert_eq!((report.conflicts, report.is_clean()), (n, true));
        }
    }
}
