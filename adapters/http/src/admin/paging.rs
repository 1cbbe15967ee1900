//! Parts of long lists.

use kayan_ports::Page;
use poem_openapi::{
    Object,
    types::{ParseFromJSON, ToJSON},
};
use serde::Serialize;

/// How many are shown when nobody says.
pub(crate) const DEFAULT_LIMIT: u32 = 20;

/// Part of a list.
#[derive(Debug, Object, Serialize)]
pub(crate) struct List<T: ParseFromJSON + ToJSON + Serialize> {
    /// The entries.
    data: Vec<T>,
    /// How many there are in all.
    total: u64,
    /// At most so many were asked for.
    limit: u32,
    /// After so many.
    offset: u64,
}

impl<T: ParseFromJSON + ToJSON + Serialize> List<T> {
    /// The page that was asked for with this limit and offset.
    pub(crate) fn new<U: Into<T>>(page: Page<U>, limit: u32, offset: u64) -> Self {
        Self { data: page.rows.into_iter().map(Into::into).collect(), total: page.total, limit, offset }
    }
}
