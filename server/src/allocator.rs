//! The memory allocator.
//!
//! Most blocks are allocated by one thread and freed by another: a request's by the one that
//! applies it, an answer's by the one that sends it. The system's allocator locks for that, and
//! puts off the freed small blocks of a compaction until it has to deal with a million at once.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
