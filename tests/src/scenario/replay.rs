//! A scenario, run and written down with what came out.

use std::mem;

use super::{
    errors::Failure,
    executor::{Answer, Executor, Request, Settings},
    parse::{Block, Command, Content, Directive, Fault, parse},
    render,
};

/// Replays a scenario on what `start` starts: the same text, with the answers that come out now.
///
/// # Errors
///
/// A line that is no scenario's.
pub fn replay<E: Executor>(
    scenario: &str,
    start: impl FnOnce(&Settings) -> E,
) -> Result<String, Fault> {
    let scenario = parse(scenario)?;
    let mut run = Run {
        executor: start(&scenario.settings),
        user: None,
        logged_in: Vec::new(),
        differs: false,
    };
    let mut replayed = String::new();
    for block in &scenario.blocks {
        replayed += &block.text;
        match &block.content {
            Content::Prose => {}
            Content::Directive(directive) => run.direct(block, directive)?,
            Content::Commands(commands) => {
                replayed += "----\n";
                let shown = run.commands(commands);
                replayed += &run.expected(shown, &block.recorded);
            }
        }
    }
    Ok(replayed)
}

struct Run<E> {
    executor: E,
    /// Who asks.
    user: Option<String>,
    /// Who has a token, since the last start.
    logged_in: Vec<String>,
    /// Whether etcd itself answers the next command otherwise.
    differs: bool,
}

impl<E: Executor> Run<E> {
    fn direct(&mut self, block: &Block, directive: &Directive) -> Result<(), Fault> {
        match directive {
            Directive::Server => {}
            Directive::As(Some(name)) if !self.logged_in.contains(name) => {
                return Err(Fault {
                    line: block.line,
                    message: format!("{name} has not logged in since the server was started"),
                });
            }
            Directive::As(user) => self.user.clone_from(user),
            Directive::Restart => {
                self.executor.restart();
                self.logged_in.clear();
                self.user = None;
            }
            Directive::After(time) => self.executor.wait(*time),
            Directive::Differs => self.differs = true,
        }
        Ok(())
    }

    /// What stands for an answer: the answer, or what is recorded if that is known to differ from
    /// what etcd says and does.
    fn expected(&mut self, shown: String, recorded: &str) -> String {
        if !mem::take(&mut self.differs) || !self.executor.is_reference() {
            shown
        } else if shown == recorded {
            format!("does not differ: {shown}")
        } else {
            recorded.to_owned()
        }
    }

    /// What the last one answers, or the first that fails.
    fn commands(&mut self, commands: &[Command]) -> String {
        let mut shown = String::new();
        for command in commands {
            match command {
                Command::Call(request) => {
                    let answer = self.call(request);
                    shown = render::answer(&answer);
                    if answer.is_err() {
                        break;
                    }
                }
                Command::Watch { stream, request } => {
                    let user = self.user.as_deref();
                    self.executor.watch(user, stream, request.clone());
                    shown = render::received(self.executor.receive(stream));
                }
                Command::Receive { stream } => {
                    shown = render::received(self.executor.receive(stream));
                }
            }
        }
        shown
    }

    fn call(&mut self, request: &Request) -> Result<Answer, Failure> {
        let answer = self.executor.call(self.user.as_deref(), request.clone())?;
        if let Request::Authenticate { name, .. } = request {
            self.logged_in.push(name.clone());
        }
        Ok(answer)
    }
}
