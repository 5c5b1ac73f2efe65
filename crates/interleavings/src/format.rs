//! Of the formats, the name of an entity is all that the checked code asks for.

pub(crate) mod key {
    pub(crate) const PREFIX_BYTES: usize = 20;
    pub(crate) type Prefix = [u8; PREFIX_BYTES];
}
