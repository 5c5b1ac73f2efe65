//! What the catalog and the quarantine hold has one encoding.

use super::choices::Choices;
use crate::format::catalog::{
    decode_contract, decode_fence, decode_floor, encode_contract, encode_fence, encode_floor,
    parse_key,
};
use crate::format::checksum;
use crate::format::marker::{Marker, STORE_FORMAT};
use crate::format::quarantine::{Form, QuarantineEntry, QuarantineId};

/// Whatever is read as a contract, a floor, a fence, a marker or an entry of the quarantine is the
/// same bytes when it is written again.
pub fn catalog(data: &[u8]) {
    let mut choices = Choices(data);
    let kind = choices.below(5);
    let stored = choices.0;
    let mut again = Vec::new();
    match kind {
        0 => match decode_contract(stored) {
            Ok(contract) => encode_contract(&contract, &mut again),
            Err(_) => return,
        },
        1 => match decode_floor(stored) {
            Ok((floor, horizon)) => encode_floor(floor, horizon, &mut again),
            Err(_) => return,
        },
        2 => match decode_fence(stored) {
            Ok(fence) => encode_fence(&fence, &mut again),
            Err(_) => return,
        },
        3 => {
            let id = QuarantineId::of(stored, &Form::default(), None);
            match QuarantineEntry::decode(id, stored) {
                Ok(entry) => {
                    entry.encode(&mut again);
                    let twin = QuarantineEntry::decode(id, &again).expect("it was just made");
                    assert_eq!(twin.fits_its_key(), entry.fits_its_key());
                }
                Err(_) => return,
            }
        }
        _ => return marker(stored),
    }
    assert_eq!(again, stored, "kind {kind}");
    // A key is known or not; it is never a reason to stop.
    let _known = parse_key(stored);
}

/// Few bytes have the right checksum by chance, so it is put under them.
fn marker(stored: &[u8]) {
    let mut sealed = stored.to_vec();
    checksum::seal(b"", &mut sealed, 0);
    let Ok(marker) = Marker::decode(&sealed) else {
        return;
    };
    // A newer build may have written a store that this one reads; that much may differ.
    if sealed[16..20] == STORE_FORMAT.to_le_bytes() {
        assert_eq!(marker.encode(), sealed);
    }
}
