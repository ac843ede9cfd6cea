//! The only place that knows time.

use std::time::Duration;

/// Returns after `duration`.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}
