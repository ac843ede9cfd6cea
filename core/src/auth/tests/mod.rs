//! The rules of contract api.md §8 as tables: who asks for what, and what comes of it.

mod administration;
mod changes;
pub(crate) mod harness;
mod keys;
