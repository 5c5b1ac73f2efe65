use super::*;
use proptest::prelude::*;
use std::sync::Arc;

fn sample() -> QuarantineEntry {
    let origin = Origin {
        source: "log".into(),
        partition: "0".into(),
        offset: 7,
    };
    entry(b"{\"view\":\"weather\"}", Form::default(), Some(origin))
}

fn entry(raw: &[u8], form: Form, origin: Option<Origin>) -> QuarantineEntry {
    let raw = Raw {
        bytes: raw.to_vec(),
        form,
    };
    let about = About {
        namespace: None,
        view: Some("weather".into()),
        entity: Some(b"EWR".to_vec()),
    };
    QuarantineEntry::new("found string", Timestamp::from_secs(1), raw, origin, about)
}

fn record(header: &[&str]) -> Form {
    Form::Record(Arc::new(RecordForm {
        namespace: "default".into(),
        view: "weather".into(),
        header: header.iter().map(ToString::to_string).collect(),
        event_time: "at".into(),
        recorded_at: None,
        op: Some("op".into()),
        null: Some("NA".into()),
    }))
}

#[test]
fn an_entry_survives_and_every_cut_of_it_is_refused() {
    let supplied = Form::Line {
        namespace: Some("acme".into()),
        view: None,
    };
    let version = Form::Version {
        event_time: Timestamp::from_secs(5),
        recorded_at: Some(Timestamp::from_secs(6)),
    };
    for entry in [
        sample(),
        entry(b"a,\xff", record(&["origin", "at"]), None),
        entry(b"{}", supplied, None),
        entry(b"\0", version, None),
    ] {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        assert_eq!(QuarantineEntry::decode(entry.id, &bytes).unwrap(), entry);
        assert!(entry.fits_its_key());
        for cut in 0..bytes.len() {
            let decoded = QuarantineEntry::decode(entry.id, &bytes[..cut]);
            assert!(decoded.is_err(), "cut {cut}");
        }
    }
}

#[test]
fn identity_is_the_place_in_the_log_or_else_the_row_itself() {
    let of = |raw: &[u8], form: &Form, origin: Option<&Origin>| QuarantineId::of(raw, form, origin);
    let (line, origin) = (Form::default(), sample().origin);
    assert_eq!(
        of(b"a", &line, origin.as_ref()),
        of(b"b", &line, origin.as_ref())
    );
    let raw = of(b"a", &line, None);
    assert_ne!(raw, of(b"a", &line, origin.as_ref()));
    assert_ne!(raw, of(b"b", &line, None));
    // The same cells under another header, and the same line read for another view.
    let here = record(&["origin", "at"]);
    assert_eq!(of(b"a", &here, None), of(b"a", &here.clone(), None));
    assert_ne!(
        of(b"a", &here, None),
        of(b"a", &record(&["at", "origin"]), None)
    );
    assert_ne!(of(b"a", &here, None), raw);
    let supplied = Form::Line {
        namespace: None,
        view: Some("weather".into()),
    };
    assert_ne!(of(b"a", &supplied, None), raw);
}

#[test]
fn what_is_too_long_is_cut_and_keeps_its_identity() {
    // Who is hurt: whoever sets aside two long rows that begin alike, and finds one.
    let long = |last: u8| {
        let mut raw = vec![b'x'; RAW_BYTES_MAX];
        raw.push(last);
        entry(&raw, Form::default(), None)
    };
    let (a, b) = (long(b'a'), long(b'b'));
    assert_eq!((a.raw.len(), &a.raw), (RAW_BYTES_MAX, &b.raw));
    assert!(a.is_cut() && a.fits_its_key());
    assert_ne!(a.id, b.id);
    let whole = entry(&vec![b'x'; RAW_BYTES_MAX], Form::default(), None);
    assert!(!whole.is_cut());
    let reason = "é".repeat(REASON_BYTES_MAX);
    let entry = whole.again(&reason, About::default());
    assert!(entry.reason.len() <= REASON_BYTES_MAX && entry.reason.ends_with('…'));
    assert_eq!(entry.view.as_deref(), Some("weather"));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), form in 0u8..5) {
        let id = sample().id;
        let _ = QuarantineEntry::decode(id, &bytes);
        // The same behind a head that is whole.
        let mut head = Vec::new();
        sample().encode(&mut head);
        head.truncate(head.len() - 3);
        head.push(form);
        head.extend(&bytes);
        let _ = QuarantineEntry::decode(id, &head);
        let _ = Totals::decode(&bytes);
    }
}
