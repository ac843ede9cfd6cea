//! The memory allocator's settings.

/// Makes each block of memory be freed for good when it is freed. To be called first.
///
/// glibc only notes small freed blocks, and deals with all of them once a large one is freed.
/// After a compaction that is a million at once: 0.2 s in which the state is locked.
pub(crate) fn configure() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: sets one number of the allocator, while there is no other thread.
    unsafe {
        libc::mallopt(libc::M_MXFAST, 0);
    }
}
