//! Why storage cannot go on: what is wrong, where, and what the operator can do.

use std::io;

/// An error of the log, the checkpoints or the data directory. None of them can be retried; the
/// process has to end. The text is one line and ends with a remedy.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The system refused an operation. Nothing is known about what is durable.
    #[error("{action} {file}: {source}; {}", remedy_of(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file, or the directory.
        file: String,
        /// What the system said.
        source: io::Error,
    },

    /// Bytes that were durable have changed or are gone.
    #[error("{file}: corrupt at offset {offset}: {cause}; {CORRUPT_REMEDY}")]
    Corrupt {
        /// The damaged file.
        file: String,
        /// Where the damage was noticed, bytes from the start of the file.
        offset: u64,
        /// What is wrong there.
        cause: String,
    },

    /// A file of the log is missing.
    #[error(
        "{file}: missing, and its entries are still needed; put the file back, or: {CORRUPT_REMEDY}"
    )]
    SegmentMissing {
        /// The file that ought to be there.
        file: String,
    },

    /// The log begins behind the newest readable checkpoint.
    #[error(
        "the log begins behind index {purged_index}, but the newest readable checkpoint is \
         {checkpoint}; {CORRUPT_REMEDY}"
    )]
    Gap {
        /// Index of the last entry that is no longer in the log.
        purged_index: u64,
        /// The checkpoint's name, or "none".
        checkpoint: String,
    },

    /// A later version wrote the file.
    #[error(
        "{file}: written in format {found}, this version reads up to {known}; start the version that wrote it, or a later one"
    )]
    NewerFormat {
        /// The file.
        file: String,
        /// Its format version.
        found: u32,
        /// The newest one known here.
        known: u32,
    },

    /// The data directory belongs to another member of this cluster.
    #[error(
        "data directory belongs to member {found:016x} (\"{found_name}\") of this cluster, not to {expected:016x}; give this member's own --data-dir"
    )]
    OtherMember {
        /// Whose directory it is.
        found: u64,
        /// That member's name when it was made.
        found_name: String,
        /// Who was started.
        expected: u64,
    },

    /// The data directory belongs to a member of another cluster.
    #[error(
        "data directory belongs to cluster {found:016x}, not to {expected:016x}; check --initial-cluster and --initial-cluster-token, or give another --data-dir"
    )]
    OtherCluster {
        /// Whose directory it is.
        found: u64,
        /// The cluster that was asked for.
        expected: u64,
    },

    /// The data directory was written by etcd itself.
    #[error(
        "data directory holds the data of an etcd member ({0}); it has to be imported first, or give another --data-dir"
    )]
    EtcdDirectory(String),

    /// There is data, but nothing says whose.
    #[error(
        "{file}: missing, though {data} is there; put the identity file back, or: {CORRUPT_REMEDY}"
    )]
    IdentityMissing {
        /// The identity file.
        file: String,
        /// A file that proves that the directory has been used.
        data: String,
    },
}

impl StorageError {
    /// Whether only space is lacking: it may be there later.
    pub(crate) fn is_out_of_space(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_out_of_space(source))
    }
}

impl From<StorageError> for io::Error {
    /// Keeps the kind, where the system has given one.
    fn from(error: StorageError) -> Self {
        let kind = match &error {
            StorageError::Io { source, .. } => source.kind(),
            StorageError::Corrupt { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Whether an error of the system says that there is no space, or none left for this user.
pub(crate) fn is_out_of_space(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

const CORRUPT_REMEDY: &str = "remove the member from the cluster, empty its data directory and add it again, or restore a backup";

fn remedy_of(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_out_of_space(error) => "make room on the file system; nothing acknowledged is lost",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give this user write permission and start again"
        }
        _ => "check the disk and the system's log, then start again; nothing acknowledged is lost",
    }
}

/// Names the operation in an error from the disk.
pub(super) trait Context<T> {
    fn context(self, action: &'static str, file: &str) -> Result<T, StorageError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, file: &str) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Io {
            action,
            file: file.to_owned(),
            source,
        })
    }
}
