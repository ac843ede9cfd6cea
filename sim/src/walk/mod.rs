//! Walking through a recorded run.
