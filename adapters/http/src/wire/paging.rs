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
    /// The ids of entries that belong here and are damaged so that they can't be shown; `kayan doctor` tells more.
    #[oai(default, skip_serializing_if_is_empty)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<String>,
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
        let Page { rows, damaged, total } = page;
        Self { data: rows.into_iter().map(Into::into).collect(), damaged, total, limit, offset }
    }
}
