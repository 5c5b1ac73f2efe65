//! The command line as scripts see it: arguments in; stdout, stderr and an exit code out.

mod dump;
mod failures;
mod get;
mod golden;
mod ingest;
mod join;
mod normal;
mod scenes;
mod view;
mod world;
