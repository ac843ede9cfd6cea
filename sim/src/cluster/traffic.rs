//! Raft's messages from and to a member, as records.

use quorate_server::raft::{Message, Traffic};

use crate::recorder::Recorder;

/// Records what one member sends and receives.
pub(super) struct MemberTraffic {
    pub(super) member: u64,
    pub(super) recorder: Recorder,
}

impl Traffic for MemberTraffic {
    fn call(&self, peer: &str) -> u64 {
        let peer = peer
            .strip_prefix('n')
            .and_then(|number| number.parse().ok());
        self.recorder.call(self.member, peer.unwrap_or_default())
    }

    fn sent(&self, message: Message, text: String) {
        let key = (message.call, message.is_answer, message.position);
        self.recorder.sent(key, text);
    }

    fn arrived(&self, message: Message) {
        let key = (message.call, message.is_answer, message.position);
        self.recorder.arrived(key);
    }
}
