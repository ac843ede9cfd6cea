//! A session with the real `etcdctl`, and what it printed, with all that may differ between two
//! runs taken out.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{Process, eventually};

/// Longest time for one command; its own timeouts are shorter.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// See the module.
pub(crate) struct Etcdctl {
    program: PathBuf,
    endpoint: String,
    /// Holds each command's input and output.
    directory: PathBuf,
    /// What was drawn at random, and the name that it gets.
    named: Vec<(String, &'static str)>,
    transcript: Vec<String>,
}

/// A `watch` in the background.
pub(crate) struct Watching {
    title: String,
    process: Process,
    stdout: PathBuf,
}

impl Watching {
    /// Waits until it has printed this.
    pub(crate) async fn prints(&self, text: &str) {
        let what = format!("{} prints {text:?}", self.title.trim());
        let printed = async || read(&self.stdout).contains(text).then_some(());
        eventually(&what, COMMAND_LIMIT, printed).await;
    }
}

impl Etcdctl {
    pub(crate) fn new(program: &Path, endpoint: String, directory: &Path) -> Self {
        Self {
            program: program.to_owned(),
            endpoint,
            directory: directory.to_owned(),
            named: Vec::new(),
            transcript: Vec::new(),
        }
    }

    /// What was asked and answered so far, a text for each command.
    pub(crate) fn into_transcript(self) -> Vec<String> {
        self.transcript
    }

    /// Runs a command that is written as in a shell, with blanks between arguments and no quotes.
    pub(crate) async fn run(&mut self, line: &str) -> String {
        self.run_with_input(line, "").await
    }

    /// The same, with something to read.
    pub(crate) async fn run_with_input(&mut self, line: &str, input: &str) -> String {
        let (stdin, stdout) = (self.directory.join("stdin"), self.directory.join("stdout"));
        let stderr = self.directory.join("stderr");
        fs::write(&stdin, input).expect("writable");
        let create = |path| File::create(path).expect("writable");
        let process = Process::start(
            self.command(line)
                .stdin(File::open(&stdin).expect("it was just written"))
                .stdout(create(&stdout))
                .stderr(create(&stderr)),
        );
        let status = process.end(COMMAND_LIMIT).await;
        let (stdout, stderr) = (read(&stdout), read(&stderr));
        // The rest of it is the client library's own log.
        let errors = stderr.lines().filter(|line| line.starts_with("Error: "));
        let mut text = format!("$ etcdctl {line}\n{stdout}");
        for error in errors {
            text += &format!("{error}\n");
        }
        if !status.success() {
            text += &format!("{status}\n");
        }
        self.record(text);
        stdout
    }

    /// The same, for output whose lines come in any order.
    pub(crate) async fn run_sorted(&mut self, line: &str) {
        self.run(line).await;
        let text = self.transcript.pop().expect("it was just recorded");
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        self.transcript.push(lines.join("\n"));
    }

    /// Grants a lease, which is called `name` from now on; its id as `etcdctl` wants it.
    pub(crate) async fn grant(&mut self, ttl_s: u32, name: &'static str) -> String {
        let said = self.run(&format!("lease grant {ttl_s}")).await;
        let id = said
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let number = i64::from_str_radix(&id, 16).unwrap_or_else(|_| panic!("no lease: {said}"));
        self.named.push((id.clone(), name));
        self.named.push((number.to_string(), name));
        // The id was not known when this was recorded.
        let granted = self.transcript.pop().expect("it was just recorded");
        self.record(granted);
        id
    }

    /// Starts a watch.
    pub(crate) fn watch(&self, line: &str) -> Watching {
        let stdout = self.directory.join("watch");
        let mut command = self.command(line);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(File::create(&stdout).expect("writable"));
        let title = format!("$ etcdctl {line}\n");
        Watching {
            title,
            process: Process::start(&mut command),
            stdout,
        }
    }

    /// Ends a watch.
    pub(crate) fn end_watch(&mut self, watching: Watching) {
        watching.process.kill();
        self.record(watching.title + &read(&watching.stdout));
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .arg(format!("--endpoints={}", self.endpoint));
        command.args(line.split_whitespace());
        command
    }

    fn record(&mut self, mut text: String) {
        for (random, name) in &self.named {
            text = text.replace(random, name);
        }
        self.transcript.push(without_what_differs(&text));
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// What stands before a number or a duration that differs from run to run: times, terms, indices,
/// sizes, and which member leads.
const DIFFERENT_AFTER: &[&str] = &[
    "took = ",
    "remaining(",
    "\"raft_term\":",
    "\"raftTerm\":",
    "\"raftIndex\":",
    "\"raftAppliedIndex\":",
    "\"dbSize\":",
    "\"dbSizeInUse\":",
    "\"leader\":",
    "\"RaftTerm\" : ",
    "\"RaftIndex\" : ",
    "\"RaftAppliedIndex\" : ",
    "\"DBSize\" : ",
    "\"Leader\" : ",
];

/// The columns of a table in which rows may differ.
const DIFFERENT_COLUMNS: &[&str] = &[
    "DB SIZE",
    "IS LEADER",
    "RAFT TERM",
    "RAFT INDEX",
    "RAFT APPLIED INDEX",
];

/// What `endpoint status` prints of each member.
const STATUS_COLUMNS: &[&str] = &[
    "ENDPOINT",
    "ID",
    "VERSION",
    "DB SIZE",
    "IS LEADER",
    "IS LEARNER",
    "RAFT TERM",
    "RAFT INDEX",
    "RAFT APPLIED INDEX",
    "ERRORS",
];

fn without_what_differs(text: &str) -> String {
    let mut text = text.to_owned();
    for before in DIFFERENT_AFTER {
        text = with_blank_after(&text, before);
    }
    let mut columns = Vec::new();
    let lines = text.lines().map(|line| without_columns(line, &mut columns));
    lines.collect::<Vec<_>>().join("\n")
}

/// Replaces each number, with its unit if it has one, that follows `before`.
fn with_blank_after(text: &str, before: &str) -> String {
    let mut pieces = text.split(before);
    let mut blanked = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_value = |c: char| c.is_alphanumeric() || c == '.';
        blanked += &format!("{before}…{}", piece.trim_start_matches(is_value));
    }
    blanked
}

/// A row of a table with its changing cells blanked and without padding, of which the width of a
/// column depends on all its cells. `columns` is filled by the table's head. Other lines are left
/// alone, unless they are rows of `endpoint status` without a table around them.
fn without_columns(line: &str, columns: &mut Vec<String>) -> String {
    if line.starts_with(['┌', '├', '└', '+']) {
        return "─".to_owned();
    }
    if let Some(row) = line.trim_end().strip_prefix(['│', '|']) {
        let row = row.trim_end_matches(['│', '|']);
        let cells = row.split(['│', '|']).map(str::trim).collect::<Vec<_>>();
        if columns.is_empty() {
            columns.extend(cells.iter().map(|&cell| cell.to_owned()));
            return cells.join(" | ");
        }
        return blanked(columns.iter().map(String::as_str), &cells).join(" | ");
    }
    let cells = line.split(", ").collect::<Vec<_>>();
    if cells.len() == STATUS_COLUMNS.len() && line.starts_with("http://") {
        return blanked(STATUS_COLUMNS.iter().copied(), &cells).join(", ");
    }
    line.to_owned()
}

fn blanked<'a>(columns: impl Iterator<Item = &'a str>, cells: &[&'a str]) -> Vec<&'a str> {
    let blank = |(column, cell)| {
        if DIFFERENT_COLUMNS.contains(&column) {
            "…"
        } else {
            cell
        }
    };
    columns.zip(cells.iter().copied()).map(blank).collect()
}

#[test]
fn only_what_may_differ_is_taken_out() {
    let table = "\
        ┌──────┬─────────┬────┐\n\
        │  ID  │ DB SIZE │ A  │\n\
        ├──────┼─────────┼────┤\n\
        │ 8e9e │   20 kB │ x  │\n\
        └──────┴─────────┴────┘\n";
    let expected = "─\nID | DB SIZE | A\n─\n8e9e | … | x\n─";
    assert_eq!(without_what_differs(table), expected);
    let other = table.replace("   20 kB", "15232 B").replace("8e9e", "8e9f");
    assert_eq!(
        without_what_differs(&other),
        expected.replace("8e9e", "8e9f")
    );

    let line = "http://127.0.0.1:1, 8e9e, 3.5.30, 20 kB, false, true, 2, 8, 8, no space";
    let expected = "http://127.0.0.1:1, 8e9e, 3.5.30, …, …, true, …, …, …, no space";
    assert_eq!(without_what_differs(line), expected);

    let line = r#"{"revision":7,"raft_term":12} remaining(49s), took = 2.915µs"#;
    let expected = r#"{"revision":7,"raft_term":…} remaining(…), took = …"#;
    assert_eq!(without_what_differs(line), expected);
}
