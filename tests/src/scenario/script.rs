//! A scenario as a list of steps, for those who make one and do not read it from a file.

use super::{
    executor::{Request, WatchRequest},
    parse::{Block, Command, Content, Directive, Fault, parse},
    write,
};

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Who asks from now on. A user must have logged in.
    As(Option<String>),
    /// A call.
    Call(Request),
    /// A request on a watch stream.
    Watch {
        /// The stream.
        stream: String,
        /// The request.
        request: WatchRequest,
    },
    /// All that has come on a stream is read.
    Receive {
        /// The stream.
        stream: String,
    },
}

/// The text of a scenario with these steps, without answers.
pub fn write_script(steps: &[Step]) -> String {
    write::steps(steps)
}

/// The steps of a scenario that has no other directives than `as`.
///
/// # Errors
///
/// A line that is no scenario's, or no script's.
pub fn read_script(text: &str) -> Result<Vec<Step>, Fault> {
    let scenario = parse(text)?;
    let blocks = scenario.blocks.into_iter().map(block);
    Ok(blocks.collect::<Result<Vec<_>, _>>()?.concat())
}

fn block(block: Block) -> Result<Vec<Step>, Fault> {
    match block.content {
        Content::Prose => Ok(Vec::new()),
        Content::Directive(Directive::As(user)) => Ok(vec![Step::As(user)]),
        Content::Directive(_) => Err(Fault {
            line: block.line,
            message: "is no step of a script".to_owned(),
        }),
        Content::Commands(commands) => Ok(commands.into_iter().map(step).collect()),
    }
}

fn step(command: Command) -> Step {
    match command {
        Command::Call(request) => Step::Call(request),
        Command::Watch { stream, request } => Step::Watch { stream, request },
        Command::Receive { stream } => Step::Receive { stream },
    }
}
