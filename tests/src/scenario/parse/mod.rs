//! A scenario's text, as what it has its executor do.

mod auth;
mod kv;
mod server;
mod txn;
mod watch;
mod words;

use std::time::Duration;

use super::executor::{Request, Settings, WatchRequest};
use words::{Parsed, Words};

/// What is wrong with a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// A scenario, read.
pub(super) struct Scenario {
    pub(super) settings: Settings,
    pub(super) blocks: Vec<Block>,
}

/// Consecutive lines of a scenario.
pub(super) struct Block {
    /// The number of the first line, from 1.
    pub(super) line: usize,
    /// As they stand in the file, with line ends; without a recorded answer.
    pub(super) text: String,
    pub(super) content: Content,
    /// The recorded answer, with line ends.
    pub(super) recorded: String,
}

/// What the lines of a block are.
pub(super) enum Content {
    /// A comment, or an empty line.
    Prose,
    /// Nothing is answered.
    Directive(Directive),
    /// Run in this order; what is answered to the last of them is recorded.
    Commands(Vec<Command>),
}

/// Something that goes on around the calls.
pub(super) enum Directive {
    /// The flags, which are in [`Scenario::settings`].
    Server,
    /// Who asks from now on.
    As(Option<String>),
    /// Stop and start.
    Restart,
    /// Time passes.
    After(Duration),
    /// The next answer is not etcd's own; the line says why.
    Differs,
}

/// Something that is answered.
pub(super) enum Command {
    Call(Request),
    Watch {
        stream: String,
        request: WatchRequest,
    },
    Receive {
        stream: String,
    },
}

/// A line with its number, from 1.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// Ends a command; the answer follows, up to an empty line.
const ANSWER: &str = "----";

/// Reads a scenario.
pub(super) fn parse(text: &str) -> Result<Scenario, Fault> {
    let numbered = text.lines().zip(1..);
    let mut lines = numbered
        .map(|(text, number)| Line { number, text })
        .peekable();
    let mut scenario = Scenario {
        settings: Settings::default(),
        blocks: Vec::new(),
    };
    let mut has_begun = false;
    while let Some(first) = lines.next() {
        let mut text = format!("{}\n", first.text);
        let mut recorded = String::new();
        let content = if first.text.is_empty() || first.text.starts_with('#') {
            Content::Prose
        } else {
            let mut under = Vec::new();
            while let Some(line) = lines.next_if(|line| !matches!(line.text, "" | ANSWER)) {
                text += &format!("{}\n", line.text);
                under.push(line);
            }
            let is_answered = lines.next_if(|line| line.text == ANSWER).is_some();
            while let Some(line) = lines.next_if(|line| !line.text.is_empty()) {
                recorded += &format!("{}\n", line.text);
            }
            let content = block(first, &under, &mut scenario.settings)?;
            match content {
                Content::Directive(_) if is_answered => {
                    return Err(fault(first, "is not answered: leave out the ----"));
                }
                Content::Directive(Directive::Server) if has_begun => {
                    return Err(fault(first, "comes first of all"));
                }
                _ => has_begun = true,
            }
            content
        };
        scenario.blocks.push(Block {
            line: first.number,
            text,
            content,
            recorded,
        });
    }
    Ok(scenario)
}

fn block(first: Line<'_>, under: &[Line<'_>], settings: &mut Settings) -> Result<Content, Fault> {
    let words = Words::split(first.text);
    if words.clone().take("txn") {
        return Ok(Content::Commands(vec![Command::Call(Request::Txn(
            txn::txn(under)?,
        ))]));
    }
    if let Some(line) = under.first() {
        return Err(fault(*line, "only a txn has lines under it"));
    }
    let directive = directive(words.clone(), settings).map_err(|message| fault(first, message))?;
    if let Some(directive) = directive {
        return Ok(Content::Directive(directive));
    }
    let commands = words.repeated().and_then(|repeated| {
        let commands = repeated.iter().map(|text| command(Words::split(text)));
        commands.collect()
    });
    let commands = commands.map_err(|message| fault(first, message))?;
    Ok(Content::Commands(commands))
}

fn directive(mut words: Words<'_>, settings: &mut Settings) -> Parsed<Option<Directive>> {
    let directive = match words.next() {
        "server" => {
            server::flags(words, settings)?;
            return Ok(Some(Directive::Server));
        }
        "as" => match words.word("as USER")? {
            "nobody" => Directive::As(None),
            name => Directive::As(Some(name.to_owned())),
        },
        "restart" => Directive::Restart,
        "after" => Directive::After(words::duration(words.word("after TIME")?)?),
        "differs" => {
            words.word("differs WHY")?;
            return Ok(Some(Directive::Differs));
        }
        _ => return Ok(None),
    };
    words.end()?;
    Ok(Some(directive))
}

fn command(mut words: Words<'_>) -> Parsed<Command> {
    let request = match words.next() {
        "put" => Request::Put(kv::put(&mut words)?),
        "get" => {
            let serializable = words.flag("serializable");
            let request = kv::range(&mut words)?;
            Request::Range {
                request,
                serializable,
            }
        }
        "del" => Request::DeleteRange(kv::delete_range(&mut words)?),
        "compact" => Request::Compact {
            physical: words.flag("physical"),
            revision: words.number("compact REVISION")?,
        },
        "hashkv" => Request::HashKv {
            revision: words.option_number("revision")?,
        },
        "lease" => kv::lease(&mut words)?,
        "alarm" => server::alarm(&mut words)?,
        "auth" => auth::auth(&mut words)?,
        "user" => auth::user(&mut words)?,
        "role" => auth::role(&mut words)?,
        "login" => Request::Authenticate {
            name: words.word("login USER PASSWORD")?.to_owned(),
            password: words.text("login USER PASSWORD")?,
        },
        "watch" => {
            let command = watch::watch(&mut words)?;
            words.end()?;
            return Ok(command);
        }
        word => return Err(format!("{word:?} is no command")),
    };
    words.end()?;
    Ok(Command::Call(request))
}

fn fault(line: Line<'_>, message: impl Into<String>) -> Fault {
    Fault {
        line: line.number,
        message: format!("{:?}: {}", line.text.trim(), message.into()),
    }
}
