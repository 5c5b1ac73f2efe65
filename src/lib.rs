//! asof
mod error;
mod id;
mod schema;
mod time;
mod value;
pub use error::{Error, ErrorKind, Result};
pub use id::*;
pub use schema::*;
pub use time::*;
pub use value::*;
