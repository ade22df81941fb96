//! How things look to people: harmless on a terminal, in columns, in units that are read at a glance. Prints nothing.

/// Of one value.
const CHARACTERS_MAX: usize = 400;

/// Without what could act on a terminal or turn the line around, and not without end.
pub(crate) fn harmless(text: &str) -> String {
    harmless_to(text, CHARACTERS_MAX)
}

/// The same, with a bound of its own.
pub(crate) fn harmless_to(text: &str, characters_max: usize) -> String {
    let acts = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == characters_max {
            shown.push('…');
            break;
        }
        if acts(letter) { shown.extend(letter.escape_unicode()) } else { shown.push(letter) }
    }
    shown
}

/// In its two largest units.
pub(crate) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in UNITS {
        let count = rest.checked_div(length).unwrap_or(0);
        if count > 0 || !parts.is_empty() || unit == "s" {
            parts.push(format!("{count} {unit}"));
        }
        rest = rest.checked_rem(length).unwrap_or(0);
    }
    parts.truncate(2);
    parts.join(" ")
}

/// A table whose columns are as wide as what has stood in them so far; the last one has no end.
pub(crate) struct Columns<const N: usize> {
    widths: [usize; N],
    is_new: bool,
}

impl<const N: usize> Columns<N> {
    pub(crate) const fn new() -> Self {
        Self::at_least([0; N])
    }

    /// For rows that come one after the other.
    pub(crate) const fn at_least(widths: [usize; N]) -> Self {
        Self { widths, is_new: true }
    }

    /// Nothing has stood in them.
    pub(crate) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// These rows, one a line.
    pub(crate) fn lines(&mut self, rows: &[[String; N]]) -> String {
        self.is_new = false;
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in rows {
            let cells = row.iter().zip(self.widths);
            let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, harmless, span};

    #[test]
    fn spans_have_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_723, "1 h 2 min"),
            (90_000, "1 d 1 h"),
            (864_000, "10 d 0 h"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn what_is_shown_does_nothing_to_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2J\u{202e}b\u{9b}"), "a\\u{1b}[2J\\u{202e}b\\u{9b}");
        assert_eq!(harmless(&"ä".repeat(500)).chars().count(), 401);
    }

    #[test]
    fn columns_grow_and_do_not_shrink() {
        let mut columns = Columns::new();
        let row = |cells: [&str; 2]| cells.map(str::to_owned);
        assert_eq!(columns.lines(&[row(["a", "b"]), row(["äö", ""])]), "a   b\näö\n");
        assert_eq!(columns.lines(&[row(["c", "d"])]), "c   d\n");
    }
}
