//! The store, written once as portable SQL over a small driver.
//!
//! Every statement stands where it is run, whole, and its first line is its signature, so that it can be found from
//! the database's own statistics. `?` is a parameter; there are no `?` in comments or strings, so that a driver whose
//! database numbers them can do so without parsing. Guards are row counts: a statement that must match one row and
//! doesn't rolls its list back.

pub mod backup;
mod changes;
mod checked;
mod damaged;
mod driver;
pub mod examine;
pub mod migrate;
mod store;
mod value;
mod waiting;

pub use driver::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, Expect, MigrationLock, PIECE, Query, READ_ONLY, Reading,
    Statement, TakeRows, signature,
};
pub use store::SqlStore;
pub use value::{Row, Value};
pub use waiting::{OneWaiting, Waiting};
