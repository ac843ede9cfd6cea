//! What is left to do where an operator asks to give space back: nothing in memory, but on disk a
//! new checkpoint takes the place of much of the log.

use std::time::Duration;

use super::{Node, NodeError};
use crate::clock;

/// How often a checkpoint that is waited for is looked at.
const POLL: Duration = Duration::from_millis(10);

impl Node {
    /// Waits until a checkpoint that has everything applied before the call is on disk, writing one
    /// if there is none. The log before the checkpoint before it goes soon after. Reads and writes
    /// go on meanwhile; so does the checkpoint if nobody waits for it any more.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn defragment(&self) -> Result<(), NodeError> {
        let growth = self.replica().log_growth();
        let index = self.replica().applied_index.get();
        let mut began = false;
        while growth.written_index() < index {
            if self.is_stopping() {
                return Err(NodeError::Stopped);
            }
            // A peer that is being sent the last one goes on from there when it has it. Where one
            // is being written already this has no effect, and the next turn asks again.
            if !self.consensus().is_sending_checkpoint() {
                if !began {
                    growth.restart(self.replica().applied_index.get());
                    began = true;
                }
                self.consensus().checkpoint().await;
            }
            clock::sleep(POLL).await;
        }
        Ok(())
    }
}
