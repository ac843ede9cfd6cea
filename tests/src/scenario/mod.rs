//! Scenarios: text files of commands with recorded answers, `tests/scenarios/*.txt`. Their README
//! says how they are written. What runs them is an [`Executor`]; the text is the same for all.
//!
//! ```text
//! text ── parse ──▶ requests ── Executor ──▶ answers ── render ──▶ the same text, with answers
//! ```

mod cases;
mod core;
mod corpus;
mod errors;
mod executor;
mod member;
mod model;
mod parse;
mod render;
mod replay;
mod script;
mod state;
mod wire_size;
mod write;

pub use self::{
    cases::check_cases,
    core::CoreExecutor,
    corpus::{Recorded, corpus},
    errors::{Code, Failure},
    executor::{Answer, Executor, Request, Settings, TokenKind, WatchRequest},
    member::Member,
    model::ModelExecutor,
    parse::Fault,
    replay::replay,
    script::{Step, read_script, write_script},
};
