//! Users, roles and permissions: who may do what (contract api.md §8).
//!
//! `table.rs` holds them, `change.rs` changes them, `authorize.rs` decides by them. Every question
//! about keys, whoever asks it, ends in one function there: `Rights::reach`.

pub(crate) mod authorize;
mod change;
mod error;
mod intervals;
pub(crate) mod needs;
mod request;
pub(crate) mod role;
pub(crate) mod table;

pub use error::AuthError;
pub use request::{AuthRequest, Author, Credential, Permission, PermissionKind};
pub use table::UserInfo;

#[cfg(test)]
pub(crate) mod tests;
