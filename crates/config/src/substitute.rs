//! `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `${file:path}` and `$$` in scalar values, after parsing.
//!
//! What is put in is never parsed as YAML structure and never shown: diagnostics speak of the placeholder. A value that is one
//! plain placeholder and nothing else is typed as if it stood there, so that `port: ${PORT}` is a number.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, quoted};
use crate::scalar;
use crate::source::{Files, Sources, Span};
use crate::tree::{Node, Origin, Style, Value};

/// The largest file that `${file:…}` puts into a value: keys and certificates, not data.
pub(crate) const SECRET_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The longest value after substitution, in bytes.
const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// Where values come from.
pub(crate) struct Surroundings<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// Replaces what the scalars of a tree name. A scalar with a fault keeps its text.
pub(crate) fn run(node: &mut Node, around: &Surroundings<'_>, sources: &Sources, diagnostics: &mut Diagnostics) {
    match &mut node.value {
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) => {}
        Value::List(items) => items.iter_mut().for_each(|item| run(item, around, sources, diagnostics)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| run(&mut entry.node, around, sources, diagnostics)),
        Value::Text(text) => {
            if !text.contains('$') {
                return;
            }
            match replaced(text, node.span, around, sources) {
                Ok(Replaced { text: new, is_whole, origin, shown }) => {
                    if origin == Origin::Substituted {
                        diagnostics.conceal(&new, &shown);
                    }
                    let retype = is_whole && node.style == Style::Plain;
                    node.value = if retype { scalar::typed(&new) } else { Value::Text(new) };
                    node.origin = origin;
                }
                Err(fault) => {
                    node.origin = Origin::Unresolved;
                    diagnostics.push(fault.diagnostic(text, node.span, sources));
                }
            }
        }
    }
}

struct Replaced {
    text: String,
    /// The scalar is one placeholder and nothing else.
    is_whole: bool,
    origin: Origin,
    /// What messages have in its place.
    shown: String,
}

/// One part of a scalar.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Literal(&'t str),
    Variable { name: &'t str, otherwise: Otherwise<'t>, written: &'t str },
    File { path: &'t str, written: &'t str },
}

/// What an unset or empty variable means.
#[derive(Debug, PartialEq, Eq)]
enum Otherwise<'t> {
    Fault,
    Default(&'t str),
    FaultSaying(&'t str),
}

struct Fault {
    /// The placeholder, as far as it was understood.
    written: String,
    message: String,
    help: String,
}

impl Fault {
    fn diagnostic(self, text: &str, span: Span, sources: &Sources) -> Diagnostic {
        let place = placeholder_place(text, &self.written, span, sources);
        Diagnostic::error(Code::Substitution, place, self.message).help(self.help)
    }
}

/// The placeholder's own place, if the scalar's first line shows it; else the scalar's.
fn placeholder_place(text: &str, written: &str, span: Span, sources: &Sources) -> Place {
    let place = sources.place(span);
    let line =
        sources.get(span.file).and_then(|source| source.text.split('\n').nth((span.line as usize).checked_sub(1)?));
    let start = (span.column as usize).saturating_sub(1);
    let scalar: String = line.unwrap_or_default().chars().skip(start).collect();
    let Some(found) = scalar.find(written).filter(|_| text.contains(written)) else { return place };
    let before = scalar.get(..found).map_or(0, |before| before.chars().count());
    let column = span.column.saturating_add(u32::try_from(before).unwrap_or(0));
    Place { column, length: u32::try_from(written.chars().count()).unwrap_or(1), ..place }
}

fn replaced(text: &str, span: Span, around: &Surroundings<'_>, sources: &Sources) -> Result<Replaced, Fault> {
    let pieces = pieces(text)?;
    let is_whole = matches!(pieces.as_slice(), [Piece::Variable { .. } | Piece::File { .. }]);
    let shown = match pieces.as_slice() {
        [Piece::Variable { name, .. }] => format!("${{{name}}}"),
        [Piece::File { written, .. }] => (*written).to_owned(),
        _ => "…".to_owned(),
    };
    let mut replaced = Replaced { text: String::new(), is_whole, origin: Origin::Written, shown };
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => replaced.text.push_str(literal),
            Piece::Variable { name, otherwise, written } => {
                replaced.origin = Origin::Substituted;
                replaced.text.push_str(&variable(name, &otherwise, written, around)?);
            }
            Piece::File { path, written } => {
                replaced.origin = Origin::Substituted;
                replaced.text.push_str(&file(path, written, span, around, sources)?);
            }
        }
        if replaced.text.len() > VALUE_BYTES_MAX {
            let message = format!("the value is longer than {VALUE_BYTES_MAX} bytes after substitution");
            let help = "keep large texts out of the config";
            return Err(Fault { written: text.to_owned(), message, help: help.to_owned() });
        }
    }
    Ok(replaced)
}

fn variable(name: &str, otherwise: &Otherwise<'_>, written: &str, around: &Surroundings<'_>) -> Result<String, Fault> {
    let value = (around.env)(name);
    let fault = |message: String, help: String| Err(Fault { written: written.to_owned(), message, help });
    match (value, otherwise) {
        // As in a shell: with `:-` and `:?`, empty counts as unset.
        (Some(value), Otherwise::Fault) => Ok(value),
        (Some(value), _) if !value.is_empty() => Ok(value),
        (_, Otherwise::Default(default)) => Ok((*default).to_owned()),
        (_, Otherwise::FaultSaying(message)) => {
            let message = format!("the environment variable {} is not set: {}", quoted(name), quoted(message));
            fault(message, format!("set {} before the program starts", quoted(name)))
        }
        (None, Otherwise::Fault) => {
            let message = format!("the environment variable {} is not set", quoted(name));
            fault(message, format!("set it, or give a default: `${{{name}:-…}}`; a literal `${{` is written `$${{`"))
        }
    }
}

fn file(path: &str, written: &str, span: Span, around: &Surroundings<'_>, sources: &Sources) -> Result<String, Fault> {
    let full = sources.beside(span.file, path);
    let fault =
        |message: String, help: &str| Err(Fault { written: written.to_owned(), message, help: help.to_owned() });
    let shown = quoted(&full.display().to_string());
    let bytes = match around.files.read(&full, SECRET_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the file {shown}: {error}");
            return fault(
                message,
                "paths are relative to the config file that names them; check that the program may read it",
            );
        }
    };
    if bytes.len() as u64 > SECRET_FILE_BYTES_MAX {
        let message = format!("the file {shown} is larger than {SECRET_FILE_BYTES_MAX} bytes");
        return fault(message, "`${file:…}` is for secrets; name large files by a key that takes a path");
    }
    let Ok(mut text) = String::from_utf8(bytes) else {
        return fault(format!("the file {shown} is not UTF-8 text"), "store the secret as text, for example in base64");
    };
    // Editors and `echo` end a file with a line end that nobody means.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Takes a scalar apart. A `$` before anything but `{` and `$` is itself, so that regexes need no escapes.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find('$').and_then(|at| rest.split_at_checked(at)) {
        pieces.push(Piece::Literal(before));
        if let Some(after) = from.strip_prefix("$$") {
            pieces.push(Piece::Literal("$"));
            rest = after;
        } else if let Some(inside) = from.strip_prefix("${") {
            let Some((inner, after)) = inside.split_once('}') else {
                let help = "close it with `}`; a literal `${` is written `$${`".to_owned();
                let message = "a `${` is not closed".to_owned();
                return Err(Fault { written: "${".to_owned(), message, help });
            };
            let written = from.get(..inner.len().saturating_add(3)).unwrap_or(from);
            pieces.push(placeholder(inner, written)?);
            rest = after;
        } else {
            pieces.push(Piece::Literal("$"));
            rest = from.strip_prefix('$').unwrap_or_default();
        }
    }
    pieces.push(Piece::Literal(rest));
    pieces.retain(|piece| *piece != Piece::Literal(""));
    Ok(pieces)
}

fn placeholder<'t>(inner: &'t str, written: &'t str) -> Result<Piece<'t>, Fault> {
    let fault = |message: &str, help: &str| {
        Err(Fault { written: written.to_owned(), message: message.to_owned(), help: help.to_owned() })
    };
    if inner.contains("${") {
        return fault("a placeholder stands inside another", "use one variable whose value holds the whole text");
    }
    if let Some(path) = inner.strip_prefix("file:") {
        if path.is_empty() {
            return fault("`${file:}` names no file", "write `${file:/run/secrets/name}`");
        }
        return Ok(Piece::File { path, written });
    }
    let (name, otherwise) = match inner.split_once(':') {
        None => (inner, Otherwise::Fault),
        Some((name, operator)) => match (operator.strip_prefix('-'), operator.strip_prefix('?')) {
            (Some(default), _) => (name, Otherwise::Default(default)),
            (None, Some(message)) => (name, Otherwise::FaultSaying(message)),
            (None, None) => {
                let help = "after the name comes `:-default` or `:?message`; a file is `${file:path}`";
                return fault("the placeholder is not understood", help);
            }
        },
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        let help = "a name has letters, digits and `_` and begins with no digit; a literal `${` is written `$${`";
        return fault("the placeholder names no environment variable", help);
    }
    Ok(Piece::Variable { name, otherwise, written })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Memory;
    use std::path::Path;

    fn run_on(yaml: &str) -> (Node, Diagnostics) {
        let mut sources = Sources::default();
        let mut diagnostics = Diagnostics::default();
        let id = sources.add(Path::new("dir/a.yaml"), yaml.to_owned());
        let mut node = crate::yaml::read(id, &mut sources, &mut diagnostics).unwrap();
        let files = Memory::default().with("dir/key", "from file\r\n").with("dir/raw", [0xff, 0xfe]);
        let env = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "EMPTY" => Some(String::new()),
            "EVIL" => Some("a: {b: [c]} # $$ ${PORT}".to_owned()),
            _ => None,
        };
        run(&mut node, &Surroundings { files: &files, env: &env }, &sources, &mut diagnostics);
        (node, diagnostics)
    }

    #[test]
    fn values_are_put_in_and_typed() {
        let check = |yaml: &str, expected: Value| {
            let (node, diagnostics) = run_on(&format!("k: {yaml}\n"));
            assert!(diagnostics.is_empty(), "{yaml}: {diagnostics:?}");
            assert_eq!(node.get("k").unwrap().node.value, expected, "{yaml}");
        };
        let text = |text: &str| Value::Text(text.to_owned());
        check("${PORT}", Value::Integer(8080));
        check("\"${PORT}\"", text("8080"));
        check("127.0.0.1:${PORT}", text("127.0.0.1:8080"));
        check("${NO:-5}", Value::Integer(5));
        check("${EMPTY:-x}", text("x"));
        check("${EMPTY}", Value::Null);
        check("'${EMPTY}'", text(""));
        check("${PORT:?set it}", Value::Integer(8080));
        check("${file:key}", text("from file"));
        check("a$$b$${PORT}", text("a$b${PORT}"));
        check("\"^/v\\\\d+$\"", text("^/v\\d+$"));
        check("${EVIL}", text("a: {b: [c]} # $$ ${PORT}"));
    }

    #[test]
    fn faults_name_the_placeholder_and_its_column() {
        let check = |yaml: &str, column: u32, length: u32, part: &str| {
            let (_, diagnostics) = run_on(&format!("k: {yaml}\n"));
            let all = diagnostics.sorted();
            let [one] = all.as_slice() else { panic!("{yaml}: {all:?}") };
            let place = one.place.as_ref().unwrap();
            assert_eq!((place.column, place.length), (column, length), "{yaml}");
            assert!(one.message.contains(part), "{yaml}: {}", one.message);
        };
        check("x-${NO}-y", 6, 5, "`NO` is not set");
        check("${NO:?ask ops}", 4, 14, "ask ops");
        check("\"a ${NO\"", 7, 2, "not closed");
        check("${1A}", 4, 5, "names no environment variable");
        check("${A:b}", 4, 6, "not understood");
        check("\"${A:-${B}}\"", 5, 9, "inside another");
        check("${file:nowhere}", 4, 15, "cannot read the file `dir/nowhere`");
        check("${file:raw}", 4, 11, "not UTF-8");
        check("${file:}", 4, 8, "names no file");
    }
}
