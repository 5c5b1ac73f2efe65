//! `--name value` pairs.

use std::collections::BTreeMap;

pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut pairs = BTreeMap::new();
        while let Some(name) = given.next() {
            let Some(name) = name.strip_prefix("--") else {
                return Err(format!("{name:?} is no --name"));
            };
            let value = given
                .next()
                .ok_or_else(|| format!("--{name} has no value"))?;
            pairs.insert(name.to_owned(), value);
        }
        Ok(Arguments(pairs))
    }

    /// All of them as they are given, but for these.
    pub(crate) fn told(&self, but: &[&str]) -> String {
        let pairs = self
            .0
            .iter()
            .filter(|(name, _)| !but.contains(&name.as_str()));
        pairs
            .map(|(name, value)| format!(" --{name} {value}"))
            .collect()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("--{name} takes a number, not {text:?}")),
        }
    }
}
