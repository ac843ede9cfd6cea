//! Users, roles and permissions: who may do what (contract api.md §8).

mod error;
mod request;

pub use error::AuthError;
pub use request::{AuthRequest, Author, Credential, Permission, PermissionKind};
