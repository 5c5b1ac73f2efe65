//! What a line says of its view and entity, even where the rest of it cannot be read.
//!
//! A line that was cut in the middle still names whom it is about, and whoever erases an entity has
//! to find it.

use super::literal;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The names in a line, as far as it can be read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Glance<'a> {
    pub(crate) namespace: Option<Cow<'a, str>>,
    pub(crate) view: Option<Cow<'a, str>>,
    /// JSON.
    pub(crate) entity: Option<&'a str>,
}

impl<'a> Glance<'a> {
    pub(crate) fn at(line: &'a [u8]) -> Self {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
        };
        let mut glance = Glance::default();
        let mut json = serde_json::Deserializer::from_str(text);
        // What was read before the text goes wrong is all that is asked for.
        let _so_far = Seed(&mut glance).deserialize(&mut json);
        glance
    }
}

struct Seed<'g, 'a>(&'g mut Glance<'a>);

impl<'a> DeserializeSeed<'a> for Seed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Seed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'a, str>>()? {
            let text = map.next_value::<&'a RawValue>()?.get();
            match key.as_ref() {
                "namespace" => self.0.namespace = literal::string(text),
                "view" => self.0.view = literal::string(text),
                "entity" => self.0.entity = Some(text),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_far_as_the_line_goes() {
        let whole =
            br#"{"namespace":"acme","view":"weather","entity":{"origin":"EWR"},"event_time":0}"#;
        let all = Glance {
            namespace: Some("acme".into()),
            view: Some("weather".into()),
            entity: Some(r#"{"origin":"EWR"}"#),
        };
        let after_entity = whole.iter().position(|b| *b == b'}').unwrap() + 1;
        for cut in after_entity..=whole.len() {
            assert_eq!(Glance::at(&whole[..cut]), all, "{cut}");
        }
        let cut = Glance::at(&whole[..after_entity - 1]);
        assert_eq!((cut.view, cut.entity), (all.view.clone(), None));
        let mut bad = whole.to_vec();
        bad[whole.len() - 2] = 0xff;
        assert_eq!(Glance::at(&bad), all);
        for nothing in [&b""[..], b"[1]", b"nonsense", b"\xff"] {
            assert_eq!(Glance::at(nothing), Glance::default());
        }
    }
}
