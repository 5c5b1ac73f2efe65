//! What must hold of any bytes whatever: the oracles of the fuzz targets in `fuzz/`.
//!
//! Each takes bytes and panics where a promise is broken. They stand here, and not in `fuzz/`, for
//! two reasons: formats and law are private, and an ordinary test run takes every seed in
//! `fuzz/seeds` through its oracle, so that a counterexample stays caught without a fuzzer.
//!
//! | target | promise |
//! |---|---|
//! | `key_order` | bytewise order of keys is version order; no two versions share a key; a seek lands right |
//! | `entity` | bytewise order of entities is the order of their columns; no encoding begins another |
//! | `row_decode` | what is read as a row, written again, is the same bytes |
//! | `catalog` | the same of contracts, floors, fences, markers and what is set aside |
//! | `view_toml` | a view file that is read, written and read again says the same |
//! | `json_line` | the same of events and of the lines with which a dump begins |
//! | `csv_record` | a record and the line that the quarantine keeps of it are one event, or both bad |
//! | `log_preflight` | a log is whole, torn or damaged; torn only if every row that was durable is there |
//! | `watermark` | the newest whole slot counts; a write that is cut off leaves the mark before it |
//! | `fold` | a fold in any order, with repeats, floors and an erase on the way, and the retained set are those of the naive model |

mod catalog;
mod choices;
mod entity;
mod fold;
mod key;
mod log;
mod record;
mod row;
mod text;
mod watermark;

pub use catalog::catalog;
pub use entity::entity;
pub use fold::{Asked, fold, permuted};
pub use key::key_order;
pub use log::log_preflight;
pub use record::csv_record;
pub use row::row_decode;
pub use text::{json_line, view_toml};
pub use watermark::watermark;

/// An oracle: it panics where a promise is broken.
pub type Oracle = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Oracle); 10] = [
    ("key_order", key_order),
    ("entity", entity),
    ("row_decode", row_decode),
    ("catalog", catalog),
    ("view_toml", view_toml),
    ("json_line", json_line),
    ("csv_record", csv_record),
    ("log_preflight", log_preflight),
    ("watermark", watermark),
    ("fold", fold),
];

#[cfg(test)]
mod tests;
