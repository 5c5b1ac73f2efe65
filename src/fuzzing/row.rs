//! Rows have one encoding.

use crate::format::key::Stamp;
use crate::format::row::{
    Body, BodyBuilder, HistoryRow, LatestParts, LatestRow, Slot, begin_history,
};
use crate::id::FeatureId;

/// Whatever is read as a version or as a latest row, all of it, is the same bytes when it is written
/// again. Two encodings of one row would be two rows to whoever compares bytes.
pub fn row_decode(data: &[u8]) {
    if let Ok(row) = HistoryRow::parse(data)
        && let Some(mut body) = builder(&row.body)
    {
        let mut again = Vec::new();
        begin_history(row.op, row.schema_version, row.entity, &mut again);
        body.write(&mut again);
        assert_eq!(again, data, "a version");
    }
    if let Ok(row) = LatestRow::parse(data)
        && let Ok(entries) = row.iter().collect::<Result<Vec<_>, _>>()
        && let Some(body) = builder(&row.body())
        && has_distinct_stamps(&row)
    {
        assert_eq!(rewritten(&row, &entries, body), data, "a latest row");
    }
}

/// A writer repeats no stamp. A reader does not look for it, which would cost every read something,
/// and has no need to: a repeated stamp is still the right one.
fn has_distinct_stamps(row: &LatestRow<'_>) -> bool {
    let mut stamps: Vec<Stamp> = row.stamps().collect();
    let count = stamps.len();
    stamps.sort_unstable();
    stamps.dedup();
    stamps.len() == count
}

/// What a body says; none when any of it is damaged.
fn builder(body: &Body<'_>) -> Option<BodyBuilder> {
    let entries = body.iter().collect::<Result<Vec<_>, _>>().ok()?;
    let mut builder = BodyBuilder::default();
    for (id, slot) in entries {
        assert_eq!(
            body.find(id).expect("a walk found it whole"),
            Some(slot),
            "a search and a walk disagree"
        );
        match slot {
            Slot::Null => builder.null(id),
            Slot::Value(bytes) => builder.value(id, |out| out.extend_from_slice(bytes)),
        }
    }
    Some(builder)
}

fn rewritten(
    row: &LatestRow<'_>,
    entries: &[(FeatureId, Stamp, Slot<'_>)],
    mut body: BodyBuilder,
) -> Vec<u8> {
    let stamps: Vec<Stamp> = row.stamps().collect();
    let patches = &stamps[usize::from(row.floor().is_some())..];
    let stamped = stamps.len() > 1;
    let parts = LatestParts {
        schema_version: row.schema_version(),
        entity: row.entity(),
        newest_et: row.newest_et(),
        next_due: row.next_due(),
        floor: row.floor(),
        floor_is_delete: row.floor_is_delete(),
        patches,
    };
    let mut again = Vec::new();
    parts.begin(stamped, &mut again);
    body.write(&mut again);
    if stamped {
        for (_, stamp, _) in entries {
            let at = stamps.iter().position(|known| known == stamp);
            let at = at.expect("a feature has one of the stamps") as u16;
            again.extend(at.to_le_bytes());
        }
    }
    again
}
