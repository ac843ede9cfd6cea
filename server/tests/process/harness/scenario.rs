//! One test: a directory of its own, a runtime, and a time limit.

use std::{
    fmt::Write as _,
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Longest time for a scenario, many times what the longest takes on an idle machine.
const SCENARIO_LIMIT: Duration = Duration::from_secs(180);

/// Pause between two looks at something that is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Lines of each log that a failed test shows; the whole is kept in its directory.
const LOG_LINES_SHOWN: usize = 25;

/// Runs a scenario on a directory of its own. The directory is removed if the scenario succeeds;
/// else it is kept, and its path and the ends of the logs in it are printed.
pub(crate) fn run<F: Future<Output = ()>>(scenario: impl FnOnce(PathBuf) -> F) {
    let scratch = Scratch::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let scenario = scenario(scratch.path.clone());
    runtime.expect("a runtime").block_on(async {
        if tokio::time::timeout(SCENARIO_LIMIT, scenario)
            .await
            .is_err()
        {
            panic!("not done within {SCENARIO_LIMIT:?}");
        }
    });
}

/// Looks again and again until `check` gives something.
///
/// # Panics
/// It gives nothing within `limit`.
pub(crate) async fn eventually<T>(
    what: &str,
    limit: Duration,
    check: impl AsyncFn() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Runs a test on a directory of its own, likewise, without a runtime and a limit.
pub(crate) fn in_directory(test: impl FnOnce(&Path)) {
    let scratch = Scratch::new();
    test(&scratch.path);
}

struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("process-{}-{number}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("cargo's directory for tests is writable");
        Self { path }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() {
            let logs = ends_of_logs(&self.path).unwrap_or_else(|error| error.to_string());
            eprintln!("kept: {}\n{logs}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

fn ends_of_logs(directory: &Path) -> io::Result<String> {
    let mut text = String::new();
    let mut paths = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    for path in paths {
        let log = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let lines: Vec<_> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        let _ = writeln!(text, "--- {}\n{}", path.display(), shown.join("\n"));
    }
    Ok(text)
}
