//! Pages of long lists.

/// How many entries a page has by default.
pub(crate) const DEFAULT_LIMIT: u32 = 20;

/// The schema of a page with entries of a type.
macro_rules! page {
    ($name:ident of $entry:ty) => {
        /// A page of results.
        #[derive(poem_openapi::Object, serde::Serialize)]
        pub(crate) struct $name {
            /// The results.
            data: Vec<$entry>,
            /// The ids of results that are damaged in the database and can't be shown; `kayan doctor` says more.
            #[oai(default, skip_serializing_if_is_empty)]
            #[serde(skip_serializing_if = "Vec::is_empty")]
            damaged: Vec<String>,
            /// The number of results on all pages.
            total: u64,
            /// The maximum number of results on this page.
            limit: u32,
            /// The number of results that were skipped.
            offset: u64,
        }

        impl $name {
            /// The page that was requested with this limit and offset.
            pub(crate) fn new<T: Into<$entry>>(page: kayan_ports::Page<T>, limit: u32, offset: u64) -> Self {
                let kayan_ports::Page { rows, damaged, total } = page;
                Self { data: rows.into_iter().map(Into::into).collect(), damaged, total, limit, offset }
            }
        }
    };
}
pub(crate) use page;
