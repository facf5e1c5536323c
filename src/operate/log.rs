//! Logs on standard error, for people or as JSON. Secrets have types that cannot be printed
//! (`auth::secret`), so no line can hold one.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat, LogLevel};

/// Sends all events of this process to standard error as `config` says.
///
/// # Errors
/// If that was already decided in this process.
pub fn start(config: &Log) -> Result<(), tracing::dispatcher::SetGlobalDefaultError> {
    // The journal stamps lines itself; a terminal likes colours.
    let to_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let colours = std::io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(
        config,
        !to_journal,
        colours,
        std::io::stderr,
    ))
}

fn subscriber<W>(
    config: &Log,
    timestamps: bool,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_max_level(level(config.level))
        .with_writer(writer)
        .with_ansi(colours);
    match (config.format, timestamps) {
        (LogFormat::Text, true) => Box::new(builder.finish()),
        (LogFormat::Text, false) => Box::new(builder.without_time().finish()),
        (LogFormat::Json, _) => Box::new(builder.json().flatten_event(true).finish()),
    }
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(config: Log) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(&config, false, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(user = "alice\u{1b}[2J", call_id = 7, "call is up");
            tracing::debug!("a detail");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_is_one_line_at_the_level_asked_for_and_cannot_steer_a_terminal() {
        let text = logged(Log {
            level: LogLevel::Info,
            format: LogFormat::Text,
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains("call is up") && text.contains("call_id=7"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = logged(Log {
            level: LogLevel::Debug,
            format: LogFormat::Json,
        });
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "call is up");
        assert_eq!(lines[0]["call_id"], 7);
        assert_eq!(lines[1]["level"], "DEBUG");
    }
}
