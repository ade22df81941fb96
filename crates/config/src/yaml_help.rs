//! What to do about a line that is not YAML. Guesses from the line's looks; says something useful for every line.

/// The advice for a line on which the parser stopped, with what the parser said.
pub(crate) fn for_line(line: &str, said: &str) -> &'static str {
    let indent = line.split(|c: char| c != ' ' && c != '\t').next().unwrap_or_default();
    let value = line.split_once(": ").map_or(line, |(_, value)| value).trim_start().trim_start_matches("- ");
    if indent.contains('\t') || said.contains("tab") {
        "indent with spaces: YAML does not allow tabs there"
    } else if line
        .match_indices("${")
        .any(|(at, _)| line.get(..at).is_some_and(|before| before.trim_end().ends_with([':', ',', '['])))
        && line.contains(['{', '['])
        && said.contains("flow")
    {
        "quote a placeholder that stands inside braces or brackets: `\"${NAME}\"`; for a number write the map without braces, one key a line"
    } else if value.starts_with(['@', '`', '%']) {
        "quote a value that begins with `@`, `%` or a backtick"
    } else if value.starts_with('*') || said.contains("anchor") {
        "quote a value that begins with `*` or `&`: YAML takes it for a reference, as in `\"*.example.com\"`"
    } else if value.starts_with("{{") {
        "quote a value that begins with `{{`: YAML takes a brace for the begin of a map"
    } else if value.contains(": ") || said.contains("mapping values") {
        "check the indentation, and quote a value that contains a colon and a space"
    } else if value.contains(['{', '[', ']', '}']) || said.contains("flow") {
        "check that every bracket and brace is closed, with commas between the items"
    } else if value.contains(['"', '\'']) || said.contains("quoted") {
        "check that every quote is closed; in double quotes a backslash is written `\\\\`"
    } else if !line.contains(':') {
        "a key needs a colon and a space after it, as in `key: value`"
    } else {
        "check the indentation: keys of one map start in the same column"
    }
}
