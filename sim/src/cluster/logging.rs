//! What members log, as records: what an operator would see of them at `--log-level=warn`, and the
//! simulator's oracle looks at.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
    sync::{Mutex, OnceLock},
};

use madsim::task::NodeId;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::FilterFn,
    layer::{Context, SubscriberExt as _},
    registry,
};

use crate::{
    history::{Severity, Told, What},
    recorder::Recorder,
};

/// The environment variable that has members' lines printed, too.
const PRINT: &str = "RUST_LOG";

/// Which member is which node of the simulation. Lines of other nodes are not recorded.
static MEMBERS: Mutex<BTreeMap<NodeId, u64>> = Mutex::new(BTreeMap::new());

/// Where lines go: a process carries out one run.
static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// Records what members log from now on; `RUST_LOG=info` prints it, too.
pub fn start(recorder: &Recorder) {
    if RECORDER.set(recorder.clone()).is_err() {
        return;
    }
    let lines = Lines.with_filter(FilterFn::new(is_recorded));
    let lines = lines.with_filter(LevelFilter::WARN);
    let print = std::env::var_os(PRINT)
        .map(|_| tracing_subscriber::fmt::layer().with_filter(EnvFilter::from_default_env()));
    let subscriber = registry().with(lines).with(print);
    // Where somebody listens already, a test for example, lines are not recorded.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Says which node a member is.
pub(super) fn name(node: NodeId, member: u64) {
    let mut members = MEMBERS.lock().expect("nobody panics with this lock held");
    members.insert(node, member);
}

/// As the product filters: its raft library warns of every attempt to reach a member that is down,
/// which the product says once. What the simulation says of itself is no member's.
fn is_recorded(metadata: &Metadata<'_>) -> bool {
    let is_noise = metadata
        .target()
        .starts_with(quorate_server::raft::LOG_TARGET)
        && *metadata.level() > Level::ERROR;
    metadata.is_event()
        && *metadata.level() <= Level::WARN
        && !is_noise
        && !metadata.target().starts_with("madsim")
}

struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // What is dropped on the way out of a panic runs on no node.
        if std::thread::panicking() {
            return;
        }
        let member = {
            let members = MEMBERS.lock().expect("nobody panics with this lock held");
            members.get(&madsim::plugin::node()).copied()
        };
        let (Some(member), Some(recorder)) = (member, RECORDER.get()) else {
            return;
        };
        let mut text = Text::default();
        event.record(&mut text);
        let severity = match *event.metadata().level() {
            Level::ERROR => Severity::Error,
            _ => Severity::Warning,
        };
        recorder.push(What::Told {
            member,
            told: Told::Logs {
                severity,
                target: event.metadata().target().to_owned(),
                text: text.message + &text.fields,
            },
        });
    }
}

/// The message, and the other fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
