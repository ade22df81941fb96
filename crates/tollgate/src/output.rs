//! Results to stdout, everything else to stderr. The only place that prints.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Prints a result. A reader that has gone away is no failure of ours.
pub(crate) fn result(text: impl Display) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

pub(crate) fn result_line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

pub(crate) fn notes(text: impl Display) {
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// An error with everything that caused it.
pub(crate) fn failure(error: &(dyn std::error::Error + 'static)) {
    note(format_args!("tollgate: {}", crate::failure::chain(error)));
}

/// Colour on a terminal only, and not against <https://no-color.org>.
pub(crate) fn colour_on_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
