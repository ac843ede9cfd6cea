//! Who calls: what its metadata say of it, before anybody has looked whether that is true.

use tonic::metadata::MetadataMap;

/// The credentials that came with a call. [`Context::author`](super::context::Context::author)
/// says whose they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {}

impl Caller {
    pub(super) fn of(_metadata: &MetadataMap) -> Self {
        Self {}
    }
}
