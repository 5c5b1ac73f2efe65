//! The answer for one entity, as `get` and `scan` print it.

use crate::exit::Failure;
use crate::explained;
use crate::key;
use crate::output::Table;
use crate::session::{full_name, push_namespace};
use asof::{Entity, Explanation, Feature, Row, Status, TimeText, View};
use std::fmt::Write;

/// Everything that is printed of an answer.
pub(crate) struct Answered<'a> {
    pub view: &'a View,
    pub entity: &'a Entity,
    pub row: &'a Row,
    pub features: &'a [&'a Feature],
    pub explained: Option<&'a Explanation>,
}

impl Answered<'_> {
    /// Appends one JSON object.
    pub(crate) fn write_json(&self, out: &mut String) -> Result<(), Failure> {
        out.push('{');
        push_namespace(out, self.view.namespace());
        let _ = write!(out, "\"view\":\"{}\",\"entity\":", self.view.name());
        key::push_json(out, self.view.contract(), &self.entity.to_values());
        out.push_str(",\"as_of\":");
        TimeText::Rfc3339.write_json(out, self.row.as_of());
        let _ = write!(
            out,
            ",\"verdict\":\"{}\",\"features\":{{",
            self.row.verdict().name()
        );
        for (at, feature) in self.features.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _ = write!(out, "{comma}\"{}\":", feature.name());
            self.write_feature(out, feature)?;
        }
        out.push('}');
        if let Some(explained) = self.explained {
            explained::write_json(out, explained, self.features);
        }
        out.push('}');
        Ok(())
    }

    fn write_feature(&self, out: &mut String, feature: &Feature) -> Result<(), Failure> {
        let answer = self.row.answer(feature)?;
        let _ = write!(out, "{{\"status\":\"{}\"", answer.status.name());
        if let Some(value) = answer.value {
            out.push_str(",\"value\":");
            value.write_json(out, TimeText::Rfc3339);
        } else if answer.status == Status::Null {
            out.push_str(",\"value\":null");
        }
        if let Some(event_time) = answer.event_time {
            out.push_str(",\"event_time\":");
            TimeText::Rfc3339.write_json(out, event_time);
        }
        out.push('}');
        Ok(())
    }

    /// A heading, a table of features, and what explains it.
    pub(crate) fn render(&self) -> Result<String, Failure> {
        let contract = self.view.contract();
        let mut out = format!(
            "{} {} as of {}: {}\n",
            full_name(self.view),
            key::describe(contract, &self.entity.to_values()),
            self.row.as_of(),
            self.row.verdict().name()
        );
        let mut table = Table::new(["feature", "status", "value", "event_time"]);
        for feature in self.features {
            let answer = self.row.answer(feature)?;
            let mut value = String::new();
            if let Some(present) = answer.value {
                present.write_cell(&mut value);
            }
            let event_time = answer.event_time.map(|t| t.to_string()).unwrap_or_default();
            table.push([feature.name(), answer.status.name(), &value, &event_time]);
        }
        out.push_str(&table.render());
        if let Some(explained) = self.explained {
            explained::render(&mut out, explained, self.features);
        }
        Ok(out)
    }
}
