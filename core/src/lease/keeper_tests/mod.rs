//! Tests of the lease keeper: scenarios, and leaders that die at any point.

mod leaders;
mod scenarios;
