//! Warns of secrets that stand in the config itself, where backups, repositories and screens show them.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::mask;
use crate::source::Sources;
use crate::spans::{deeper, spoken};
use crate::tree::{Node, Origin, Value};

/// Where secrets belong, `*` being any name or index, and what to do about a literal one.
const SECRETS: &[(&[&str], &str)] = &[
    (
        &["consumers", "*", "apiKeys", "*", "value"],
        "write its hash as `sha256`, or a placeholder: `value: \"${ACME_KEY}\"` or `value: \"${file:/run/secrets/acme}\"`",
    ),
    (
        &["store", "redis", "password"],
        "write a placeholder: `password: \"${REDIS_PASSWORD}\"` or `password: \"${file:/run/secrets/redis}\"`",
    ),
    (
        &["jwtProviders", "*", "keys", "*", "secret"],
        "write a placeholder: `secret: \"${JWT_SECRET}\"` or `secret: \"${file:/run/secrets/jwt}\"`",
    ),
];

pub(crate) fn check(root: &Node, sources: &Sources, diagnostics: &mut Diagnostics) {
    visit(root, &["store", "redis", "url"], "", &mut |node, pointer| {
        if node.origin == Origin::Written && node.as_text().is_some_and(mask::has_login) {
            let message = format!("`{}` holds a password in plain text", spoken(pointer));
            let warning = Diagnostic::warning(Code::LiteralSecret, sources.place(node.span), message);
            diagnostics.push(
                warning.help("write `password: \"${file:/run/secrets/redis}\"` beside it, or a placeholder in the URL"),
            );
        }
    });
    for (path, help) in SECRETS {
        visit(root, path, "", &mut |node, pointer| {
            if node.origin == Origin::Written && node.as_text().is_some_and(|text| !text.is_empty()) {
                let message = format!("`{}` holds a secret in plain text", spoken(pointer));
                let warning = Diagnostic::warning(Code::LiteralSecret, sources.place(node.span), message);
                diagnostics.push(warning.help(*help));
            }
        });
    }
}

fn visit(node: &Node, path: &[&str], pointer: &str, check: &mut impl FnMut(&Node, &str)) {
    let Some((step, rest)) = path.split_first() else { return check(node, pointer) };
    match &node.value {
        Value::List(items) if *step == "*" => {
            for (index, item) in items.iter().enumerate() {
                visit(item, rest, &format!("{pointer}/{index}"), check);
            }
        }
        Value::Map(entries) => {
            for entry in entries.iter().filter(|entry| *step == "*" || entry.key == *step) {
                visit(&entry.node, rest, &deeper(pointer, &entry.key), check);
            }
        }
        Value::List(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Large(_)
        | Value::Float(_)
        | Value::Text(_) => {}
    }
}
