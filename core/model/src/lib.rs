//! A reference for Quorate's state machine, and random runs that compare the two.
//!
//! * [`model`]: the reference. As naive as possible; of the core it uses only plain requests,
//!   responses, events and errors.
//! * [`system`]: the system under test: two replicas that go through one run at their own pace of
//!   physical compaction, and a watch hub.
//! * [`transitions`]: what a random run consists of.
//! * [`assertions`]: what must be equal after each step and at the end.
//! * [`fuzz`]: what holds whatever bytes come in.

pub mod assertions;
pub mod fuzz;
pub mod model;
pub mod system;
pub mod transitions;

pub use model::Model;
