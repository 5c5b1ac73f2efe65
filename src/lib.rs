//! asof
mod error;
mod format;
mod id;
mod interchange;
mod law;
mod op;
mod schema;
mod time;
mod value;
#[cfg(test)]
extern crate self as asof;
pub use error::{Error, ErrorKind, Result};
pub use format::{ContentDigest, SetDigest, Origin, QuarantineEntry};
pub use id::*;
pub use interchange::*;
pub use op::Op;
pub use law::{Answer, Status, Verdict};
pub use schema::*;
pub use time::*;
pub use value::*;
