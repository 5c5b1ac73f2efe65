//! A record of a table and the bytes that the quarantine keeps of it say the same.

use super::choices::Choices;
use super::text::{assert_same, contract, made};
use crate::interchange::{Event, RecordOptions, RecordReader};
use crate::schema::Contract;
use crate::value::Value;

const CELLS_END: u8 = 0x1f;
const NULL: &str = "\\N";

/// A record that is read is the event of its raw bytes; one that is bad has raw bytes that are bad
/// too, so that no replay makes a fact of what was refused. The first byte says whether the rest is
/// cells, or the choices from which a record is made.
pub fn csv_record(data: &[u8]) {
    let mut choices = Choices(data);
    let contract = contract();
    let mut header = vec!["s", "n", "at", "known", "op"];
    header.extend(contract.features().iter().map(|feature| feature.name()));
    let (plain, null) = (choices.flag(), choices.flag());
    let options = RecordOptions {
        event_time: "at".into(),
        recorded_at: Some("known".into()),
        op: Some("op".into()),
        null: (null || !plain).then(|| NULL.into()),
    };
    let reader = RecordReader::new(&contract, &header, &options).expect("it has every column");
    let mut raw = Vec::new();
    if plain {
        let mut cells: Vec<&[u8]> = choices.0.split(|byte| *byte == CELLS_END).collect();
        let is_whole = cells.len() == header.len();
        if !is_whole && choices.0.len() % 2 == 0 {
            cells.resize(header.len(), b"");
        }
        match (reader.read(&cells, &mut raw), reader.read_raw(&raw)) {
            (Ok(event), again) => {
                assert_same(
                    &contract,
                    &again.expect("the bytes of a good record"),
                    &event,
                );
            }
            (Err(bad), Ok(_)) => panic!(
                "{} is read, though the record was refused: {bad}",
                String::from_utf8_lossy(&raw)
            ),
            (Err(_), Err(_)) => {}
        }
        return;
    }
    let made = made(&contract, &mut choices);
    let cells = cells(&contract, &made);
    let cells: Vec<&[u8]> = cells.iter().map(String::as_bytes).collect();
    if let Ok(event) = reader.read(&cells, &mut raw) {
        let whole = with_every_feature(&contract, made);
        assert_same(&contract, &event, &whole);
    } else {
        // Only a text that is the sign for null, or a Delete with features, is lost on the way.
        let says_null = cells[0] == NULL.as_bytes();
        assert!(says_null, "{}", String::from_utf8_lossy(&raw));
    }
}

fn cells(contract: &Contract, event: &Event) -> Vec<String> {
    let cell = |value: &Value| {
        let mut out = String::new();
        match value {
            Value::Null => out.push_str(NULL),
            value => value.write_cell(&mut out),
        }
        out
    };
    let mut cells: Vec<String> = event.entity.iter().map(|(_, value)| cell(value)).collect();
    cells.push(event.event_time.to_string());
    let recorded_at = event.recorded_at.map(|t| t.to_string());
    cells.push(recorded_at.unwrap_or_else(|| NULL.into()));
    cells.push(event.op.name().into());
    for feature in contract.features() {
        let said = event
            .features
            .iter()
            .find(|(name, _)| name == feature.name());
        cells.push(said.map_or_else(|| NULL.into(), |(_, value)| cell(value)));
    }
    cells
}

/// A table cannot leave a cell out: what an event does not name, its record says is null. What is
/// null, or the sign for it, is nothing in a Delete.
fn with_every_feature(contract: &Contract, mut event: Event) -> Event {
    for feature in contract.features() {
        if !event
            .features
            .iter()
            .any(|(name, _)| name == feature.name())
        {
            event
                .features
                .push((feature.name().to_owned(), Value::Null));
        }
    }
    for (_, value) in &mut event.features {
        if *value == Value::String(NULL.into()) {
            *value = Value::Null;
        }
    }
    if event.op == crate::op::Op::Delete {
        let is_empty = |value: &Value| {
            let mut cell = String::new();
            value.write_cell(&mut cell);
            cell.is_empty()
        };
        event.features.retain(|(_, value)| !is_empty(value));
    }
    event
}
