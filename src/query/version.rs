//! A version as it was written.

use crate::error::Result;
use crate::format::digest;
use crate::format::key::Stamp;
use crate::format::row::{Body, HistoryRow, Slot, not_a};
use crate::format::{ContentDigest, SetDigest, value};
use crate::op::Op;
use crate::schema::{Contract, Feature};
use crate::time::Timestamp;
use crate::value::ValueRef;
use std::sync::Arc;

/// One immutable fact about one entity, as it was written.
#[derive(Debug, Clone)]
pub struct Version {
    contract: Arc<Contract>,
    pub(crate) stamp: Stamp,
    op: Op,
    schema_version: u32,
    is_base: bool,
    /// A history row without its checksum.
    bytes: Vec<u8>,
}

impl Version {
    pub(crate) fn of(
        contract: &Arc<Contract>,
        stamp: Stamp,
        row: &HistoryRow<'_>,
        bytes: &[u8],
        is_base: bool,
    ) -> Self {
        Version {
            contract: contract.clone(),
            stamp,
            op: row.op,
            schema_version: row.schema_version,
            is_base,
            bytes: bytes.to_vec(),
        }
    }

    fn row(&self) -> HistoryRow<'_> {
        HistoryRow::parse(&self.bytes).expect("the row was parsed when the version was made")
    }

    /// When the fact was true.
    pub fn event_time(&self) -> Timestamp {
        self.stamp.et
    }

    /// When the producer learned it.
    pub fn recorded_at(&self) -> Timestamp {
        self.stamp.rec
    }

    /// What the version does.
    pub fn op(&self) -> Op {
        self.op
    }

    /// The schema version it was written under.
    pub fn schema_version(&self) -> u32 {
        self.schema_version
    }

    /// Whether it stands at or before the view's floor: one of the rows on which history begins.
    pub fn is_base(&self) -> bool {
        self.is_base
    }

    /// The entity it is about, encoded.
    pub fn entity_bytes(&self) -> &[u8] {
        self.row().entity
    }

    /// The digest of what it says.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it cannot be read under its contract.
    pub fn digest(&self) -> Result<ContentDigest> {
        digest::content(&self.contract, &self.row().body)
    }

    pub(crate) fn body(&self) -> Body<'_> {
        self.row().body
    }

    /// Adds it to the digest of a set.
    ///
    /// # Errors
    /// As [`digest`](Self::digest).
    pub fn add_to(&self, set: &mut SetDigest) -> Result<()> {
        set.add(
            &self.contract,
            self.row().entity,
            &self.stamp,
            self.op,
            self.digest()?,
        );
        Ok(())
    }

    /// The features it speaks about, in the order of the contract; none is null.
    pub fn features(&self) -> impl Iterator<Item = Result<(&Feature, Option<ValueRef<'_>>)>> {
        self.contract.features().iter().filter_map(|feature| {
            let slot = self.row().body.find(feature.id()).transpose()?;
            Some(slot.and_then(|slot| {
                match slot {
                    Slot::Null => Ok((feature, None)),
                    Slot::Value(bytes) => value::decode(feature.ty(), bytes)
                        .map(|value| (feature, Some(value)))
                        .ok_or_else(|| not_a(feature, bytes)),
                }
            }))
        })
    }
}
