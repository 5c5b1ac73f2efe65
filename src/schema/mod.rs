//! What a view promises: the contract between those who write rows and those who read them.
//!
//! A [`ViewDefinition`] is what somebody declares, by a builder or in TOML. A [`Contract`] is what
//! the store made of it: numbered, versioned, never forgetting a name.

mod contract;
mod definition;
mod evolution;
#[cfg(feature = "text")]
mod toml;

pub use contract::{Contract, Feature};
pub use definition::{
    FeatureDefinition, KeyColumn, MaxSkew, OnExpiry, Retention, TimePolicy, ViewBuilder,
    ViewDefinition,
};
pub use evolution::Change;
