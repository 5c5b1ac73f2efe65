//! An entity: one value of a view's key.

use super::state::ViewState;
use super::view::View;
use crate::error::Result;
use crate::format::entity;
use crate::format::key::Prefix;
use crate::value::Value;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An entity, checked against its view's key and hashed once.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).build()?)?;
/// let weather = store.view("weather")?;
/// let newark = weather.entity(["EWR"])?;
/// assert_eq!(newark.to_values(), [Value::from("EWR")]);
/// assert!(weather.entity([7i64]).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Entity {
    view: Arc<ViewState>,
    prefix: Prefix,
    bytes: Vec<u8>,
}

impl Entity {
    pub(super) fn new<V: Borrow<Value>>(
        view: &View,
        columns: impl IntoIterator<Item = V>,
    ) -> Result<Self> {
        let mut bytes = Vec::new();
        entity::encode(view.contract(), columns, &mut bytes)?;
        Ok(Entity {
            view: view.state.clone(),
            prefix: view.state.hash_key.prefix(view.state.id, &bytes),
            bytes,
        })
    }

    /// Becomes another entity; stays what it is where that is none of the view.
    pub(super) fn replace<V: Borrow<Value>>(
        &mut self,
        view: &View,
        columns: impl IntoIterator<Item = V>,
    ) -> Result<()> {
        let old = self.bytes.len();
        if let Err(error) = entity::encode(view.contract(), columns, &mut self.bytes) {
            self.bytes.truncate(old);
            return Err(error);
        }
        // Where the next read looks depends on the hash, so that it comes first.
        self.prefix = view
            .state
            .hash_key
            .prefix(view.state.id, &self.bytes[old..]);
        self.bytes.copy_within(old.., 0);
        self.bytes.truncate(self.bytes.len() - old);
        // Counting who holds the view would be a write that all threads share.
        if !Arc::ptr_eq(&self.view, &view.state) {
            self.view = view.state.clone();
        }
        Ok(())
    }

    /// From bytes that were encoded by this view before.
    pub(crate) fn of_bytes(view: &Arc<ViewState>, bytes: &[u8]) -> Self {
        let prefix = view.hash_key.prefix(view.id, bytes);
        Entity {
            view: view.clone(),
            prefix,
            bytes: bytes.into(),
        }
    }

    #[inline]
    pub(crate) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    #[inline]
    pub(crate) fn view(&self) -> &Arc<ViewState> {
        &self.view
    }

    /// Its columns as bytes. Bytewise order of these is the order of the columns' values.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its columns, in the order of the key.
    pub fn to_values(&self) -> Vec<Value> {
        entity::decode(&self.view.contract(), &self.bytes)
            .expect("an entity was encoded by its view")
    }
}

impl PartialEq for Entity {
    fn eq(&self, other: &Self) -> bool {
        self.prefix == other.prefix && self.bytes == other.bytes
    }
}

impl Eq for Entity {}

impl Hash for Entity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.prefix.hash(state);
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entity").field(&self.to_values()).finish()
    }
}
