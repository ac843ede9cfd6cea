//! What must not outlive the benchmark: its servers and their data. Both are listed here, so that a
//! signal that ends the benchmark ends them too.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{self, Child, Command, ExitStatus},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{LoadError, run::runtime};

/// Exit code of a program that SIGINT has ended, as shells count.
const EXIT_INTERRUPTED: i32 = 130;

static OPEN: Mutex<Open> = Mutex::new(Open {
    children: BTreeMap::new(),
    directories: Vec::new(),
});

struct Open {
    children: BTreeMap<u32, Child>,
    directories: Vec<PathBuf>,
}

/// No process is started while somebody holds this, so none is missed.
fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on SIGINT, SIGTERM and SIGHUP clean up before they end the process.
pub(super) fn clean_up_on_signals() -> Result<(), LoadError> {
    let runtime = runtime()?;
    let signals = {
        let _entered = runtime.enter();
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let signals: Result<Vec<_>, _> = kinds.into_iter().map(signal).collect();
        signals.map_err(LoadError::system("listen for signals"))?
    };
    thread::spawn(move || {
        runtime.block_on(async {
            let any = signals.into_iter().map(|mut signal| {
                Box::pin(async move {
                    signal.recv().await;
                })
            });
            futures_util::future::select_all(any).await;
        });
        // Held to the end: nothing is started any more.
        let mut open = open();
        for child in open.children.values_mut() {
            end(child);
        }
        for directory in &open.directories {
            let _ = fs::remove_dir_all(directory);
        }
        process::exit(EXIT_INTERRUPTED);
    });
    Ok(())
}

/// A process; dropping it kills it.
pub(super) struct Running {
    pub(super) pid: u32,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Result<Self, LoadError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut open = open();
        let child = command
            .spawn()
            .map_err(LoadError::system(format!("start {program}")))?;
        let pid = child.id();
        open.children.insert(pid, child);
        Ok(Self { pid })
    }

    /// How it has ended, if it has.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        open().children.get_mut(&self.pid)?.try_wait().ok()?
    }

    /// Asks it to end in order.
    pub(super) fn terminate(&self) -> Result<(), LoadError> {
        // The shell's own `kill`: the program of that name is not everywhere.
        let kill = format!("kill -TERM {}", self.pid);
        let status = Command::new("sh").arg("-c").arg(kill).status();
        status.map(drop).map_err(LoadError::system("run a shell"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = open().children.remove(&self.pid) {
            end(&mut child);
        }
    }
}

/// It may have ended by itself.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A directory that is removed with all that is in it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn create(path: PathBuf) -> Result<Self, LoadError> {
        let mut open = open();
        fs::create_dir_all(&path).map_err(LoadError::system(format!(
            "create the directory {}",
            path.display()
        )))?;
        open.directories.push(path.clone());
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        open().directories.retain(|directory| *directory != self.0);
    }
}
