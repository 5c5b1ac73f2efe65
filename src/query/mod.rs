//! What can be asked, and what an answer looks like.

mod explanation;
mod feature;
mod features;
mod question;
mod row;
mod version;

pub use explanation::{Because, ExplainedFeature, ExplainedVersion, Explanation, Outvoted, Rule};
pub use feature::{Typed, TypedFeature};
pub use features::{
    Features, Field, FieldReader, FieldType, FieldWriter, TypedFeatures, field_name,
};
pub use question::{HistoryRange, Question};
pub use row::{Row, Seen};
pub use version::Version;
