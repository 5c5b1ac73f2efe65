//! The command line as scripts see it: arguments in; stdout, stderr and an exit code out.

mod doctor;
mod dump;
mod failures;
mod get;
mod ingest;
mod join;
mod view;
mod world;
