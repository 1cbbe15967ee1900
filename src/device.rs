//! Devices: the browsers that a user has logged in from, each known by a token that it keeps.

pub(crate) mod forget;
pub(crate) mod list;
pub(crate) mod recognise;

#[cfg(test)]
mod tests;
