//! The log on standard error: lines for people, or JSON objects with etcd's keys for machines.

use std::{
    fmt::{self, Write as _},
    io::{IsTerminal as _, stderr},
};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer as _, Registry,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, MakeWriter,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
};

use crate::raft;

/// The least severe level that is logged, by etcd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// What a developer wants to see.
    Debug,
    /// What an operator wants to see.
    Info,
    /// What may need attention.
    Warn,
    /// What went wrong.
    Error,
    /// As `error`: there is nothing more severe.
    #[value(alias = "dpanic", hide = true)]
    Panic,
    /// As `error`, likewise.
    #[value(hide = true)]
    Fatal,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error | Self::Panic | Self::Fatal => LevelFilter::ERROR,
        }
    }
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line that people read, coloured on a terminal.
    Console,
    /// One JSON object a line.
    Json,
}

/// Starts logging for the whole process. To be called once, before anything logs.
pub fn init(level: LogLevel, format: LogFormat) {
    let colours = stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(level, format, colours, stderr))
        .expect("logging is started once, by main");
}

fn subscriber<W>(
    level: LogLevel,
    format: LogFormat,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer::<Registry>().with_writer(writer);
    let lines = match format {
        LogFormat::Console => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.with_ansi(false).event_format(EtcdJson).boxed(),
    };
    Box::new(tracing_subscriber::registry().with(lines.with_filter(targets(level))))
}

/// Libraries log for their own developers: they get one level less than Quorate. The raft library warns at
/// every attempt to reach a member that is down, which the wire says once: it gets two.
fn targets(level: LogLevel) -> Targets {
    let own = level.filter();
    let (libraries, consensus) = match own {
        LevelFilter::DEBUG => (LevelFilter::INFO, LevelFilter::WARN),
        LevelFilter::INFO => (LevelFilter::WARN, LevelFilter::ERROR),
        _ => (LevelFilter::ERROR, LevelFilter::ERROR),
    };
    Targets::new()
        .with_default(libraries)
        .with_target(raft::LOG_TARGET, consensus)
        .with_target("quorate", own)
}

/// `{"level":"info","ts":"…","caller":"file:line","msg":"…",…}`: what etcd writes, so that what
/// reads etcd's log reads this one. Spans are not written.
struct EtcdJson;

impl<S, N> FormatEvent<S, N> for EtcdJson
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> tracing_subscriber::fmt::FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields::default();
        event.record(&mut fields);

        write!(
            writer,
            r#"{{"level":"{}","ts":"{time}""#,
            level_name(*metadata.level())
        )?;
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            write!(
                writer,
                r#","caller":{}"#,
                Value::from(format!("{file}:{line}"))
            )?;
        }
        write!(writer, r#","msg":{}"#, Value::from(fields.message))?;
        for (name, value) in fields.others {
            write!(writer, ",{}:{value}", Value::from(name))?;
        }
        writeln!(writer, "}}")
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG | Level::TRACE => "debug",
    }
}

/// The message of an event, and its other fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.others.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // The arguments of the message: writing them to a String does not fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.add(field, format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.add(field, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex, PoisonError},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(level: LogLevel, format: LogFormat, colours: bool, act: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(level, format, colours, move || writer.clone());
        tracing::subscriber::with_default(subscriber, act);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_has_etcds_keys() {
        let text = log(LogLevel::Info, LogFormat::Json, true, || {
            tracing::warn!(count = 3, ok = true, path = "a\"b", "slow {}\n", "disk");
        });
        let line: Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "warn");
        assert_eq!(line["msg"], "slow disk\n");
        assert_eq!(
            (&line["count"], &line["ok"]),
            (&Value::from(3), &Value::from(true))
        );
        assert_eq!(line["path"], "a\"b");
        assert!(line["caller"].as_str().unwrap().contains("logging.rs:"));
        let time = line["ts"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == "2026-01-02T03:04:05.000006Z".len());
        assert!(text.starts_with(r#"{"level":"warn","ts":""#) && text.ends_with("}\n"));
    }

    #[test]
    fn the_console_is_coloured_only_on_a_terminal() {
        let line = |colours| {
            log(LogLevel::Info, LogFormat::Console, colours, || {
                tracing::info!(port = 1, "up")
            })
        };
        assert!(line(true).contains('\u{1b}'));
        assert!(!line(false).contains('\u{1b}'));
        assert!(line(false).contains("INFO") && line(false).ends_with("up port=1\n"));
    }

    #[test]
    fn the_level_is_the_least_that_is_written() {
        let lines = |level| {
            log(level, LogFormat::Console, false, || {
                tracing::debug!("d");
                tracing::info!("i");
                tracing::warn!("w");
                tracing::error!("e");
            })
            .lines()
            .count()
        };
        let all = [
            LogLevel::Debug,
            LogLevel::Info,
            LogLevel::Warn,
            LogLevel::Error,
        ];
        assert_eq!(all.map(lines), [4, 3, 2, 1]);
        assert_eq!([LogLevel::Panic, LogLevel::Fatal].map(lines), [1, 1]);
    }

    #[test]
    fn libraries_are_quieter() {
        let text = log(LogLevel::Info, LogFormat::Console, false, || {
            tracing::info!(target: "h2", "frame");
            tracing::warn!(target: "h2", "reset");
        });
        assert!(!text.contains("frame") && text.contains("reset"));
    }
}
