//! The program's own log: what the gateway says about itself, on stderr. What it did with requests is in the access log.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_log::{AsLog, LogTracer};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

/// The environment variable with the filter, in the form of `tracing-subscriber`: `debug`, `warn,tollgate_proxy=trace`.
pub const VARIABLE: &str = "TOLLGATE_LOG";

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    Auto,
    Text,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    #[error("cannot read the log filter `{text}` of {VARIABLE}")]
    Filter { text: String, source: ParseError },
    #[error("the program log has been set up already")]
    Twice,
}

/// Sets up the log of the whole process, for `tracing` and `log` alike (Pingora uses the latter). Once, before the first thread.
/// `default_filter` holds without the variable.
pub fn init(format: Format, default_filter: &str) -> Result<(), LogFault> {
    let text = env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let filter = filter(text.as_deref().unwrap_or(default_filter))?;
    let level = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let json = match format {
        Format::Auto => !io::stderr().is_terminal(),
        Format::Text => false,
        Format::Json => true,
    };
    LogTracer::builder().with_max_level(level.as_log()).init().map_err(|_| LogFault::Twice)?;
    tracing::subscriber::set_global_default(subscriber(filter, json, io::stderr)).map_err(|_| LogFault::Twice)
}

fn filter(text: &str) -> Result<EnvFilter, LogFault> {
    EnvFilter::try_new(text).map_err(|source| LogFault::Filter { text: text.to_owned(), source })
}

fn subscriber<W>(filter: EnvFilter, json: bool, output: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let output = Harmless(output);
    let common = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(output);
    if json { Box::new(common.json().flatten_event(true).finish()) } else { Box::new(common.finish()) }
}

/// Escapes control characters, which `tracing-subscriber` leaves in values that are shown by `Display`. Line feeds within an event
/// stay, indented, so that a value cannot pass for an event of its own.
struct Harmless<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Harmless<W> {
    type Writer = Harmless<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Harmless(self.0.make_writer())
    }
}

impl<W: Write> Write for Harmless<W> {
    /// One call is one event, its final line feed included.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if !text.contains(char::is_control) {
            return self.0.write_all(event).map(|()| event.len());
        }
        let mut clean = String::with_capacity(text.len() + 64);
        for character in text.chars() {
            match character {
                '\n' => clean.push_str("\n    "),
                control if control.is_control() => drop(write!(clean, "\\u{:04x}", u32::from(control))),
                harmless => clean.push(harmless),
            }
        }
        clean.push('\n');
        self.0.write_all(clean.as_bytes()).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::{debug, info, warn};

    const FILTER: &str = "info,loud=warn,loud_proxy=error";

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter_text: &str, json: bool, talk: impl FnOnce()) -> String {
        let memory = Memory::default();
        let output = memory.clone();
        let subscriber = subscriber(filter(filter_text).unwrap(), json, move || output.clone());
        tracing::subscriber::with_default(subscriber, talk);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_are_objects_with_the_facts_as_fields() {
        let text = logged(FILTER, true, || {
            warn!(route = "a\u{1b}[31m\n\u{7f}\u{9b}b", attempts = 2, "config kept");
            debug!("not shown");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"config kept".into()));
        assert_eq!((&line["route"], &line["attempts"]), (&"a\u{1b}[31m\n\u{7f}\u{9b}b".into(), &2.into()));
        assert!(!text.trim_end().contains(char::is_control));
    }

    #[test]
    fn text_lines_have_no_control_characters() {
        let text = logged("info", false, || info!(value = %"a\u{1b}[31m\u{9b}b\nc", "config loaded"));
        assert!(
            text.contains(" INFO ") && text.ends_with("config loaded value=a\\u001b[31m\\u009bb\n    c\n"),
            "{text:?}"
        );
    }

    #[test]
    fn a_filter_tells_targets_apart() {
        let text = logged(FILTER, false, || {
            info!(target: "loud_core::server", "chatter");
            warn!(target: "loud_proxy::requests", "chatter of one request");
            warn!(target: "loud_core::server", "trouble");
            info!(target: "tollgate", "news");
        });
        assert!(!text.contains("chatter") && text.contains("trouble") && text.contains("news"), "{text}");
    }

    #[test]
    fn records_of_the_log_crate_pass_the_same_filter() {
        // The bridge is global; no other test sets it.
        LogTracer::init().unwrap();
        let text = logged(FILTER, true, || {
            log::info!(target: "loud_core", "chatter");
            log::warn!(target: "loud_core", "trouble");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["target"]), (&"trouble".into(), &"loud_core".into()));
    }

    #[test]
    fn a_bad_filter_is_named() {
        let fault = filter("tollgate=loud").unwrap_err();
        assert_eq!(fault.to_string(), "cannot read the log filter `tollgate=loud` of TOLLGATE_LOG");
    }
}
