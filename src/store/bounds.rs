//! What a view no longer takes in: its fences, and how those of a dump are taken over with its floor.

use super::Store;
use crate::catalog::{Entity, View, ViewState};
use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::{Fence, encode_fence, encode_floor, fence_key, floor_key};
use crate::format::key::{Prefix, Stamp, split_history};
use crate::kv::{Family, Walk};
use crate::law::is_fenced;
use crate::schema::Retention;
use crate::time::Timestamp;
use crate::value::Value;
use crate::write::entries_behind;
use std::collections::BTreeMap;

impl Store {
    /// The erase fences of a view, in the order of entities: entity, recorded-at bound, floor then.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a view of another store.
    pub fn fences(&self, view: &View) -> Result<Vec<(Entity, Timestamp, Option<Timestamp>)>> {
        view.belongs_to(self.catalog().opened)?;
        let fences = view.state.fences().into_iter();
        let told = |fence: Fence| {
            let entity = Entity::of_bytes(&view.state, &fence.entity);
            (entity, fence.recorded, fence.floor)
        };
        Ok(fences.map(told).collect())
    }

    /// Takes over the floor and the fences that a dump carries: each joins what is there by maximum.
    /// Durable when this returns.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a floor of a view that keeps everything, and
    /// for a view of another store;
    /// [`ContractViolation`](ErrorKind::ContractViolation) for an entity that is none of the view's;
    /// [`Incompatible`](ErrorKind::Incompatible) when rows behind a fence are stored already, or were
    /// set aside.
    pub fn restore_bounds(
        &self,
        view: &View,
        floor: Option<Timestamp>,
        fences: &[(Vec<Value>, Timestamp, Option<Timestamp>)],
    ) -> Result<()> {
        let writer = &self.0.writer;
        view.belongs_to(self.catalog().opened)?;
        writer.owner.check()?;
        let _administration = self.0.administration.lock();
        let _floors = self.catalog().floors.lock();
        writer.check_alive()?;
        let contract = view.state.contract();
        if floor.is_some() && contract.time().history == Retention::Forever {
            return Err(Error::invalid(format!(
                "view {:?} keeps its history for ever and can have no floor; load the dump into \
                 a store whose view keeps a window",
                view.name()
            )));
        }
        let floor = floor.filter(|floor| Some(*floor) > view.state.floor());
        let entities = fences
            .iter()
            .map(|(columns, ..)| view.entity(columns.iter().cloned()));
        let entities = entities.collect::<Result<Vec<_>>>()?;
        // Nobody writes behind a fence while it is being put up.
        let _held = writer.stripes.lock(entities.iter().map(Entity::prefix));
        let bounds = fences
            .iter()
            .map(|(_, recorded, floor)| (*recorded, *floor));
        let joined = join(&view.state, entities.iter().zip(bounds));
        self.check_nothing_behind(view, &joined)?;
        let mut batch = self.kv().batch();
        if let Some(floor) = floor {
            batch.put(Family::Catalog, &floor_key(view.state.id), |out| {
                encode_floor(floor, contract.horizon(Some(floor)), out);
            });
        }
        for (prefix, fence) in &joined {
            batch.put(Family::Catalog, &fence_key(prefix), |out| {
                encode_fence(fence, out);
            });
        }
        let written = batch.commit().and_then(|()| self.kv().sync());
        written.inspect_err(|error| writer.fail(error))?;
        // Durable: from here on it may be used.
        if let Some(floor) = floor {
            view.state.raise_floor(floor);
        }
        for (prefix, fence) in joined {
            view.state.raise_fence(prefix, fence);
        }
        Ok(())
    }

    /// Refuses fences that would hide what is there instead of keeping it out.
    fn check_nothing_behind(&self, view: &View, fences: &BTreeMap<Prefix, Fence>) -> Result<()> {
        if fences.is_empty() {
            return Ok(());
        }
        let refused = |fence: &Fence, what: &str| {
            Error::new(
                ErrorKind::Incompatible,
                format!(
                    "view {:?}: {what} of {:?} that this fence puts out of reach; erase them here \
                     first, or load the dump into a store without them",
                    view.name(),
                    Entity::of_bytes(&view.state, &fence.entity).to_values()
                ),
            )
        };
        for (prefix, fence) in fences {
            let stamps = self.stamps_stored(prefix)?;
            if stamps.iter().any(|stamp| is_fenced(fence, stamp)) {
                return Err(refused(fence, "the store holds rows"));
            }
        }
        let behind = entries_behind(self.kv(), self.catalog(), |prefix| fences.get(prefix))?;
        match behind.first().and_then(|(prefix, _)| fences.get(prefix)) {
            Some(fence) => Err(refused(fence, "there are rows that were set aside")),
            None => Ok(()),
        }
    }

    /// The stamps of all stored versions of an entity.
    pub(super) fn stamps_stored(&self, prefix: &Prefix) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        let mut cursor = self.kv().cursor(Family::History, Walk::Entity, None);
        cursor.seek(prefix)?;
        while let Some((key, _)) = cursor.item_in(prefix) {
            stamps.push(split_history(key)?.1);
            cursor.next()?;
        }
        Ok(stamps)
    }
}

/// What comes of fences where some are up already. One entity may be named more than once.
fn join<'e>(
    view: &ViewState,
    fences: impl Iterator<Item = (&'e Entity, (Timestamp, Option<Timestamp>))>,
) -> BTreeMap<Prefix, Fence> {
    let mut joined: BTreeMap<Prefix, Fence> = BTreeMap::new();
    for (entity, (recorded, floor)) in fences {
        let known = joined.entry(*entity.prefix()).or_insert_with(|| {
            let up = view.fence(entity.prefix());
            up.unwrap_or_else(|| Fence {
                recorded,
                floor,
                entity: entity.bytes().to_vec(),
            })
        });
        known.join(recorded, floor);
    }
    joined
}
