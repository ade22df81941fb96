//! The text exposition format, as far as tests ask.

/// All series of one scrape.
pub(super) struct Scrape {
    series: Vec<Series>,
}

struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// What shows that a reload was tried: its time, its success, the revision in force.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ConfigState {
    pub(super) successful: bool,
    timestamp: f64,
    revisions: Vec<String>,
}

impl Scrape {
    /// Lines that cannot be read are left out.
    pub(super) fn parse(text: &str) -> Self {
        Self { series: text.lines().filter(|line| !line.starts_with('#')).filter_map(Series::parse).collect() }
    }

    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has =
            |series: &Series, (name, value): &(&str, &str)| series.labels.iter().any(|(n, v)| n == name && v == value);
        let matching =
            self.series.iter().filter(|series| series.name == name && labels.iter().all(|label| has(series, label)));
        matching.map(|series| series.value).sum::<f64>() + 0.0
    }

    pub(super) fn config_state(&self) -> ConfigState {
        let info = self.series.iter().filter(|series| series.name == "tollgate_config_info");
        ConfigState {
            successful: self.sum("tollgate_config_last_reload_successful", &[]) > 0.0,
            timestamp: self.sum("tollgate_config_last_reload_timestamp_seconds", &[]),
            revisions: info.flat_map(|series| series.labels.iter().map(|(_, value)| value.clone())).collect(),
        }
    }
}

impl Series {
    fn parse(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}')?)?),
            None => (series, Vec::new()),
        };
        Some(Self { name: name.to_owned(), labels, value: value.parse().ok()? })
    }
}

/// `name="value",…` with `\\`, `\"` and `\n` in values.
fn parse_labels(text: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })?),
                plain => value.push(plain),
            }
        }
        labels.push((name.trim_start_matches(',').to_owned(), value));
        rest = characters.as_str();
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a Help.\n# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"1\",y=\"3\"} 4\na{x=\"2\",y=\"a\\\"b,c\\\\d\\ne\"} 5\n\
        b 1.5\nh_bucket{le=\"+Inf\"} 7\nbroken{x=\"} 1\ntollgate_config_info{revision=\"r1\"} 1\n\
        tollgate_config_last_reload_successful 1\ntollgate_config_last_reload_timestamp_seconds 1700000000.123\n";

    #[test]
    fn series_are_summed_by_the_labels_that_are_given() {
        #[track_caller]
        fn check(name: &str, labels: &[(&str, &str)], expected: f64) {
            let sum = Scrape::parse(TEXT).sum(name, labels);
            assert!((sum - expected).abs() < 1e-9, "{name} {labels:?}: {sum}");
        }
        check("a", &[], 12.0);
        check("a", &[("x", "1")], 7.0);
        check("a", &[("y", "3"), ("x", "1")], 4.0);
        check("a", &[("y", "a\"b,c\\d\ne")], 5.0);
        check("a", &[("x", "9")], 0.0);
        check("a", &[("z", "1")], 0.0);
        check("b", &[], 1.5);
        check("h_bucket", &[("le", "+Inf")], 7.0);
        check("none", &[], 0.0);
    }

    #[test]
    fn the_state_of_the_config_changes_with_each_reload() {
        let state = |text: &str| Scrape::parse(text).config_state();
        let before = state(TEXT);
        assert!(before.successful && before == state(TEXT) && before.revisions == ["r1"]);
        assert_ne!(before, state(&TEXT.replace("r1", "r2")));
        assert_ne!(before, state(&TEXT.replace(".123", ".124")));
        assert!(!state(&TEXT.replace("successful 1", "successful 0")).successful);
    }
}
