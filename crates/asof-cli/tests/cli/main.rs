//! The command line as scripts see it: arguments in; stdout, stderr and an exit code out.

mod bounds;
mod demo;
mod doctor;
mod dump;
mod erase;
mod failures;
mod forbidden;
mod freshness;
mod frozen;
mod get;
mod golden;
mod ingest;
mod join;
#[path = "../../../../tests/killed/mod.rs"]
mod killed;
mod normal;
mod quarantine;
mod scenes;
mod view;
mod world;
