//! Between the wire's messages and the core's types, one file per direction.
//!
//! Requests keep slices of the buffer they came in. That is safe for memory because nothing keeps
//! a request: a command is encoded when it is proposed and decoded into allocations of its own
//! when it is applied, and the watch hub copies what it keeps.

mod from_wire;
mod to_wire;

pub(super) use from_wire::{create, delete_range, is_serializable, put, range, txn};
pub(super) use to_wire::{
    delete_range_response, key_value, member, put_response, range_response, txn_response,
    watch_response,
};

#[cfg(test)]
mod tests;
