//! A JSON object whose values are still text, so that each is read by the type it turns out to have.

use crate::error::{Error, Result, did_you_mean};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// How much is shown of what begins like no object.
const SHOWN_CHARS_MAX: usize = 24;

/// The members of one object, in the order in which they stand. No key stands twice.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// An object without members.
    pub(super) const fn none() -> Self {
        Members(Vec::new())
    }

    /// Reads an object and refuses anything else, naming `what` it should have been.
    pub(super) fn read(what: &str, text: &'a str) -> Result<Self> {
        let members: Members<'a> = serde_json::from_str(text).map_err(|error| {
            let why = why_no_object(text, &error);
            Error::invalid(format!("{what} is not a JSON object: {why}"))
        })?;
        match members.key_that_stands_twice() {
            None => Ok(members),
            Some(key) => Err(Error::invalid(format!(
                "{what} has the key {key:?} twice, so it says two things; keep one"
            ))),
        }
    }

    fn key_that_stands_twice(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
    }

    /// Refuses keys that are none of `known`.
    pub(super) fn only(&self, what: &str, known: &[&str]) -> Result<()> {
        match self.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((key, _)) => Err(Error::invalid(format!(
                "{what} has an unknown field {key:?}{}; it takes {}",
                did_you_mean(key, known.iter().copied()),
                known.join(", ")
            ))),
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, text)| (key.as_ref(), *text))
    }

    /// The text of the value that stands under `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, text)| text)
    }

    /// The text of the value that must stand under `key`.
    pub(super) fn require(&self, what: &str, key: &str) -> Result<&'a str> {
        self.get(key)
            .ok_or_else(|| Error::invalid(format!("{what} has no {key:?}")))
    }
}

/// What is wrong with a text, in the words of whoever wrote it: the reader of JSON says of `not json`
/// that it expected an ident.
fn why_no_object(text: &str, error: &serde_json::Error) -> String {
    let begins = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if begins.is_empty() {
        return "it is empty".into();
    }
    if !begins.starts_with('{') {
        let shown: String = begins.chars().take(SHOWN_CHARS_MAX).collect();
        let more = if shown.len() < begins.len() {
            " …"
        } else {
            ""
        };
        return format!("it begins with {shown:?}{more}, an object with {{");
    }
    // The place is a column: the line is the caller's, who knows the file as well.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let why = error.to_string();
    let why = match why.strip_suffix(&place).unwrap_or(&why) {
        "expected ident" => "a word that is none of true, false and null",
        why => why,
    };
    format!("{why} at column {}", error.column())
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value::<&'de RawValue>()?.get()));
        }
        Ok(Members(members))
    }
}

/// A key, borrowed where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_shown_as_it_begins() {
        // Who is hurt: whoever ingests the wrong file, and is told what a parser expected of it.
        for (text, why) in [
            ("", "it is empty"),
            (" \r", "it is empty"),
            ("not json", r#"it begins with "not json", an object with {"#),
            (" 0", r#"it begins with "0", an object with {"#),
            (
                "user_id,at,trips_7d,rating",
                r#"it begins with "user_id,at,trips_7d,rati" …, an object with {"#,
            ),
            (
                "\u{feff}{}",
                r#"it begins with "\u{feff}{}", an object with {"#,
            ),
            (
                r#"{"a":nul}"#,
                "a word that is none of true, false and null at column 9",
            ),
            ("{", "EOF while parsing an object at column 1"),
            ("{} x", "trailing characters at column 4"),
        ] {
            let error = Members::read("the line", text).unwrap_err().to_string();
            let said = format!("the line is not a JSON object: {why}");
            assert_eq!(error, said, "{text:?}");
        }
    }
}
