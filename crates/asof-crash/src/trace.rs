//! What a child did to its files, in order, as the shim wrote it down.

/// One call that changed something, or said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Create(String),
    Write {
        path: String,
        offset: u64,
        data: Vec<u8>,
    },
    /// To this length.
    Truncate(String, u64),
    Sync(String),
    Rename(String, String),
    Unlink(String),
    MakeDirectory(String),
    Link(String, String),
    RemoveDirectory(String),
    /// A line of the ledger.
    Acknowledge(Vec<u8>),
}

/// Reads a record. One that is cut short was written by a child that was killed: its end is left out.
pub(crate) fn parse(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((event, rest)) = one(bytes) {
        events.push(event);
        bytes = rest;
    }
    events
}

fn one(bytes: &[u8]) -> Option<(Event, &[u8])> {
    let (head, rest) = bytes.split_at_checked(21)?;
    let op = head[0];
    let path_len = u32::from_ne_bytes(head[1..5].try_into().ok()?) as usize;
    let offset = u64::from_ne_bytes(head[5..13].try_into().ok()?);
    let data_len = u64::from_ne_bytes(head[13..21].try_into().ok()?) as usize;
    let (path, rest) = rest.split_at_checked(path_len)?;
    let (data, rest) = rest.split_at_checked(data_len)?;
    let path = String::from_utf8_lossy(path).into_owned();
    let other = || String::from_utf8_lossy(data).into_owned();
    let event = match op {
        1 => Event::Create(path),
        2 => Event::Write {
            path,
            offset,
            data: data.to_vec(),
        },
        3 => Event::Truncate(path, offset),
        4 => Event::Sync(path),
        5 => Event::Rename(path, other()),
        6 => Event::Unlink(path),
        7 => Event::MakeDirectory(path),
        8 => Event::Link(path, other()),
        9 => Event::RemoveDirectory(path),
        10 => Event::Acknowledge(data.to_vec()),
        other => panic!("the shim wrote an op {other} that this program does not know"),
    };
    Some((event, rest))
}
