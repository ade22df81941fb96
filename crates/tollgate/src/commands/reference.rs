//! `tollgate reference FOLDER`: the generated reference pages. A test holds the committed ones against them.

use super::{Failure, Outcome, output};
use engine::reason::Kind;
use engine::template::Template;
use std::fmt::Write as _;
use std::path::Path;

pub(crate) fn run(folder: &Path) -> Result<Outcome, Failure> {
    for (name, text) in pages() {
        let path = folder.join(name);
        let failed = |source| Failure::Write { path: path.display().to_string(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        std::fs::write(&path, text).map_err(failed)?;
        output::result_line(path.display());
    }
    Ok(Outcome::Yes)
}

/// File name and text of each page.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("reasons.md", reasons()),
        ("metrics.md", metrics()),
        ("log-fields.md", log_fields()),
        ("template-variables.md", variables()),
        ("config.md", crate::commands::reference::config_page::page()),
        ("diagnostics.md", diagnostics()),
        ("commands.md", commands()),
        ("../../conf/tollgate.schema.json", format!("{:#}\n", config::schema())),
    ]
}

mod config_page;

const GENERATED: &str = "<!-- Made by `tollgate reference`; a test compares. Do not edit. -->\n\n";

fn reasons() -> String {
    let mut text = format!("# Kinds and reasons\n\n{GENERATED}");
    text.push_str("A kind is what templates, metrics and help pages are named by; a reason is the exact cause.\n\n");
    text.push_str("| kind | status | who acts | reason | meaning |\n| --- | --- | --- | --- | --- |\n");
    for kind in Kind::ALL {
        for reason in kind.reasons() {
            let _ = writeln!(
                text,
                "| [{kind}](../runbooks/{kind}.md) | {} | {} | {} | {} |",
                kind.status(),
                kind.fault().code(),
                reason.code(),
                reason.doc().trim(),
                kind = kind.code(),
            );
        }
    }
    text
}

fn metrics() -> String {
    let mut text = format!("# Metrics\n\n{GENERATED}");
    text.push_str("Served as Prometheus text at `/metrics` on the telemetry address.\n\n");
    text.push_str("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for metric in telemetry::metrics::reference() {
        let labels = if metric.labels.is_empty() { "none".to_owned() } else { metric.labels.join(", ") };
        let _ = writeln!(text, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind, metric.help.trim());
    }
    text
}

fn log_fields() -> String {
    let mut text = format!("# Access log fields\n\n{GENERATED}");
    text.push_str("One JSON object a line, in this order. A field without a value is left out.\n\n| field | meaning |\n| --- | --- |\n");
    for (name, doc) in telemetry::access_log::fields() {
        let _ = writeln!(text, "| `{name}` | {doc} |");
    }
    text
}

fn variables() -> String {
    let mut text = format!("# Variables of error templates\n\n{GENERATED}");
    text.push_str("Written `{{name}}`. Values are escaped for the template's content type.\n\n| variable | value |\n| --- | --- |\n");
    for (name, doc) in Template::variables() {
        let _ = writeln!(text, "| `{name}` | {doc} |");
    }
    text.push_str("\n## What was wrong with a body or a parameter\n\n");
    text.push_str("`{{errors}}` in a JSON template is an array of objects with `in`, `pointer` and `detail`. ");
    text.push_str("`{{#errors}} … {{/errors}}`, or `{{#errors separator=\", \"}} … {{/errors}}`, is repeated for each in any format, with:\n\n");
    text.push_str("| variable | value |\n| --- | --- |\n");
    for (name, doc) in Template::variables_of_an_error() {
        let _ = writeln!(text, "| `{name}` | {doc} |");
    }
    text.push_str("\n## Parts\n\n`{{> NAME}}` stands for the text of that name in `errors.parts`.\n");
    text.push_str("\n# Variables of transformations\n\nIn `request` and `response` of a route. A value is whole or absent; `absent` says what is done then.\n\n");
    text.push_str("| variable | value |\n| --- | --- |\n");
    for (name, doc) in engine::transform::variables() {
        let _ = writeln!(text, "| `{name}` | {doc} |");
    }
    text
}

fn diagnostics() -> String {
    let mut text = format!("# Diagnostics of `tollgate check`\n\n{GENERATED}| code | meaning |\n| --- | --- |\n");
    for code in config::diagnostic::Code::ALL {
        let _ = writeln!(text, "| `{}` | {} |", code.name(), code.doc().trim());
    }
    text
}

fn commands() -> String {
    use clap::CommandFactory as _;
    let mut text = format!("# Commands\n\n{GENERATED}");
    text.push_str("Exit codes: 0 yes, 1 no, 2 could not.\n");
    let mut program = crate::cli::Arguments::command().term_width(100);
    program.build();
    for command in
        program.get_subcommands_mut().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let _ = writeln!(text, "\n## {}\n\n```text\n{}\n```", command.get_name(), lines.join("\n").trim_end());
    }
    text
}
