//! Issuer keys: the keys of a tenant that sign JWTs and biscuits, and how they are replaced.

pub(crate) mod biscuit;
pub(crate) mod list;
mod make;
pub(crate) mod publish;
pub(crate) mod replace_due;
pub(crate) mod retire;
pub(crate) mod rotate;
pub(crate) mod sign;
#[cfg(test)]
mod tests;
