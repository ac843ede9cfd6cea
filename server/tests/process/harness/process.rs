//! A process that a test has started, and that does not outlive it.

use std::{
    cell::RefCell,
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use super::eventually;

/// A running process. Dropping it kills it.
pub(crate) struct Process {
    child: RefCell<Child>,
}

impl Process {
    /// Starts `command` without input; what it writes is appended to `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let stderr = log.try_clone().expect("a second handle");
        Self::start(command.stdin(Stdio::null()).stdout(log).stderr(stderr))
    }

    /// Starts `command` as it is.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            child: child.into(),
        }
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// `kill -9`, without a wait.
    pub(crate) fn begin_to_kill(&self) {
        self.child
            .borrow_mut()
            .kill()
            .expect("it is a child of this process");
    }

    /// Sends a signal by its name without "SIG".
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.borrow().id();
        // The shell's own `kill`: the program of that name is not everywhere.
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {id}"))
            .status();
        assert!(status.expect("a shell").success(), "kill -{name} {id}");
    }

    /// The memory that it takes, bytes, as Linux counts it.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.borrow().id());
        let status = fs::read_to_string(path).expect("it is running, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("the kernel says so") * 1024
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.child
            .borrow_mut()
            .try_wait()
            .expect("it is a child of this process")
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&self, limit: Duration) -> ExitStatus {
        eventually("the process ends", limit, async || self.ended()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}
