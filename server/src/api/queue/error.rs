//! Why locking and electing fail. Clients of etcd get a text without a code.

use quorate_core::Error;
use tonic::Status;

use crate::{api::errors::ApiError, node::NodeError};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Failure {
    /// What it is made of fails.
    Api(ApiError),
    /// The system gives no random numbers.
    NoLeaseId,
    /// The key was gone when its turn came: with its lease, or by somebody's delete.
    SessionExpired,
    /// Somebody else leads by now, or nobody.
    NotLeader,
    /// Nobody leads.
    NoLeader,
    /// The request says not who leads.
    LeaderMissing,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Api(error.into())
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let text = match failure {
            // Says, as everywhere, that another member is to be asked.
            Failure::Api(error @ ApiError::Node(NodeError::Stopped)) => return error.into(),
            Failure::Api(error) => return Self::unknown(Self::from(error).message()),
            Failure::NoLeaseId => "no random lease id",
            Failure::SessionExpired => "mutex: session is expired",
            Failure::NotLeader => "election: not leader",
            Failure::NoLeader => "election: no leader",
            Failure::LeaderMissing => r#""leader" field must be provided"#,
        };
        Self::unknown(text)
    }
}
