//! Drives one load: threads of clients, and whoever conducts them.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Load, LoadError, Recorder, Timeline, Usage,
    channel::Channel,
    client::{Client, Shared},
    timeline::Phase,
    usage::Meter,
};

/// How long answers are waited for once the load is over.
const ANSWERS_LIMIT: Duration = Duration::from_secs(5);

/// How often a thread looks whether the load is over.
const TICK: Duration = Duration::from_millis(20);

/// A timer is late by as much as this of its own; what is later was kept waiting.
const TIMER_SLACK: Duration = Duration::from_millis(2);

/// The servers that are asked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port of each; connections go to them in turn.
    pub endpoints: Vec<String>,
    /// Their processes, to be watched for what they use; none if unknown.
    pub pids: Vec<u32>,
}

/// What came of a load.
#[derive(Default)]
pub struct Outcome {
    /// The operations of the measured time, up to the first disturbance.
    pub quiet: Recorder,
    /// Those that ran while the server was disturbed.
    pub disturbed: Recorder,
    /// What was used in the measured time.
    pub usage: Usage,
}

impl Outcome {
    /// Operations a second; what was quiet only.
    pub fn operations_per_s(&self) -> f64 {
        self.quiet.operations() as f64 / self.usage.seconds
    }

    /// CPU time of the servers for one operation, microseconds.
    pub fn cpu_us_per_operation(&self) -> f64 {
        self.usage.server_cpu_s * 1e6 / self.quiet.operations().max(1) as f64
    }
}

/// Drives a load for its time, or until all is written.
///
/// # Errors
/// No connection, or a lease that a client needs is not granted. What fails later is counted.
pub fn run(target: &Target, load: &Load) -> Result<Outcome, LoadError> {
    run_while(target, load, |_| {
        thread::sleep(Duration::from_secs_f64(load.seconds));
        Ok(())
    })
}

/// Drives a load, and measures for as long as `conduct` takes. It says on the timeline when it
/// disturbs the server. A load that ends by itself takes its own time and is not conducted.
///
/// # Errors
/// As [`run`], and those of `conduct`.
pub fn run_while(
    target: &Target,
    load: &Load,
    conduct: impl FnOnce(&Timeline) -> Result<(), LoadError>,
) -> Result<Outcome, LoadError> {
    let shared = Arc::new(Shared::new(load.clone()));
    let timeline = Arc::new(Timeline::new());
    let (ready, connected) = mpsc::channel();
    let threads: Vec<_> = (0..load.threads())
        .map(|index| {
            let crew = Crew {
                shared: shared.clone(),
                timeline: timeline.clone(),
                endpoints: target.endpoints.clone(),
                index,
            };
            let ready = ready.clone();
            thread::spawn(move || crew.work(&ready))
        })
        .collect();
    drop(ready);
    let mut outcome = Outcome::default();
    if load.ends_by_itself() {
        timeline.begin_to_measure();
    }
    let mut meter = Meter::new(&target.pids);
    let conducted = all_connected(&connected, threads.len()).and_then(|()| {
        if load.ends_by_itself() {
            return Ok(());
        }
        thread::sleep(Duration::from_secs_f64(load.warmup));
        meter = Meter::new(&target.pids);
        timeline.begin_to_measure();
        let conducted = conduct(&timeline);
        timeline.end_measuring();
        outcome.usage = meter.read();
        conducted
    });
    if conducted.is_err() || !load.ends_by_itself() {
        timeline.finish();
    }
    for thread in threads {
        let [quiet, disturbed] = thread.join().map_err(|_| LoadError::Panic)?;
        outcome.quiet.merge(quiet);
        outcome.disturbed.merge(disturbed);
    }
    if load.ends_by_itself() {
        outcome.usage = meter.read();
    }
    conducted.map(|()| outcome)
}

fn all_connected(
    connected: &mpsc::Receiver<Result<(), LoadError>>,
    threads: usize,
) -> Result<(), LoadError> {
    (0..threads).try_for_each(|_| connected.recv().unwrap_or(Err(LoadError::Panic)))
}

/// A runtime for one thread.
pub(crate) fn runtime() -> Result<Runtime, LoadError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(LoadError::system("start a runtime"))
}

/// The clients of one thread.
struct Crew {
    shared: Arc<Shared>,
    timeline: Arc<Timeline>,
    endpoints: Vec<String>,
    index: usize,
}

/// What is quiet, and what is disturbed.
type Recorders = [Recorder; 2];

impl Crew {
    fn work(&self, ready: &mpsc::Sender<Result<(), LoadError>>) -> Recorders {
        let recorders = Arc::new(Mutex::new(Recorders::default()));
        let worked = runtime().and_then(|runtime| {
            runtime.block_on(async {
                let clients = self.clients().await?;
                // Whoever conducts may have given up.
                let _ = ready.send(Ok(()));
                self.drive(clients, &recorders).await;
                Ok(())
            })
        });
        if let Err(error) = worked {
            let _ = ready.send(Err(error));
        }
        let mut recorders = recorders.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *recorders)
    }

    async fn clients(&self) -> Result<Vec<Client>, LoadError> {
        let load = &self.shared.load;
        let mut channels = Vec::new();
        for number in (self.index..load.connections()).step_by(load.threads()) {
            let endpoint = &self.endpoints[number % self.endpoints.len()];
            channels.push(Channel::connect(endpoint).await?);
        }
        let ids = (self.index..load.clients).step_by(load.threads());
        let clients = ids.zip(channels.iter().cycle());
        let clients =
            clients.map(|(id, channel)| Client::new(self.shared.clone(), channel, id as u64));
        join_all(clients).await.into_iter().collect()
    }

    /// Until all is done; once the load is over, what is not answered in time is dropped with the
    /// runtime.
    async fn drive(&self, clients: Vec<Client>, recorders: &Arc<Mutex<Recorders>>) {
        let start = Instant::now();
        let interval = self.shared.load.interval();
        let total = self.shared.load.clients as u32;
        let tasks = clients.into_iter().enumerate().map(|(index, client)| {
            let schedule = Schedule {
                due: start + interval.unwrap_or_default() * index as u32 / total,
                interval,
            };
            let (timeline, recorders) = (self.timeline.clone(), recorders.clone());
            tokio::spawn(ask(client, schedule, timeline, recorders))
        });
        let mut all = join_all(tasks);
        let mut over_since = None;
        while tokio::time::timeout(TICK, &mut all).await.is_err() {
            if self.timeline.is_over() {
                let since: &mut Instant = over_since.get_or_insert_with(Instant::now);
                if since.elapsed() > ANSWERS_LIMIT {
                    return;
                }
            }
        }
    }
}

/// When a client's next operation is due.
struct Schedule {
    due: Instant,
    interval: Option<Duration>,
}

impl Schedule {
    /// Waits for it; the time from which its latency counts.
    async fn next(&mut self) -> Instant {
        let Some(interval) = self.interval else {
            return Instant::now();
        };
        tokio::time::sleep_until(self.due.into()).await;
        let now = Instant::now();
        let from = match now - self.due > TIMER_SLACK {
            true => self.due,
            false => now,
        };
        self.due += interval;
        from
    }
}

async fn ask(
    mut client: Client,
    mut schedule: Schedule,
    timeline: Arc<Timeline>,
    recorders: Arc<Mutex<Recorders>>,
) {
    loop {
        let due = schedule.next().await;
        if timeline.is_over() {
            return;
        }
        let answer = client.operation().await;
        let ended = Instant::now();
        let phase = timeline.phase(due, ended);
        let mut recorders = recorders.lock().unwrap_or_else(PoisonError::into_inner);
        let recorder = match phase {
            Phase::None => None,
            Phase::Quiet => Some(&mut recorders[0]),
            Phase::Disturbed => Some(&mut recorders[1]),
        };
        match (answer, recorder) {
            (Ok(None), _) => return,
            (Ok(Some(items)), Some(recorder)) => recorder.succeeded(ended - due, items),
            (Err(error), Some(recorder)) => recorder.failed(error),
            (_, None) => {}
        }
    }
}
