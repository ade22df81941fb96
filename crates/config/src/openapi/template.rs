//! A path template of OpenAPI as a path of the config.

use engine::route::path::{PathPattern, PathPatternFault};

use super::names;
use super::tree::{Map, Yaml};
use crate::text::percent_encoded;

/// The path, and what its parameters are called there.
pub(super) struct Template {
    /// The path, or a map with a regex.
    pub(super) path: Yaml,
    /// The document's name and ours.
    names: Vec<(String, String)>,
}

impl Template {
    /// In words why it is no path.
    pub(super) fn of(base: &str, text: &str) -> Result<Self, String> {
        let whole = format!("{base}{text}");
        if !text.starts_with('/') {
            return Err("it does not begin with `/`".to_owned());
        }
        if whole.split('/').any(is_composed) {
            return Self::composed(&whole);
        }
        let mut names: Vec<(String, String)> = Vec::new();
        let mut taken = names::Taken::default();
        let mut path = String::new();
        for segment in whole.split('/').skip(1) {
            path.push('/');
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                path.push_str(&percent_encoded(segment));
                continue;
            };
            let known = taken.unlike(&names::word(name).replace('.', "_"));
            path.extend(["{", &known, "}"]);
            names.push((name.to_owned(), known));
        }
        let path = match PathPattern::parse(&path) {
            Err(PathPatternFault::NotNormal { normal }) => PathPattern::parse(&normal).map(|_| normal.into()),
            Err(fault) => Err(fault),
            Ok(pattern) => Ok(pattern.as_str().to_owned()),
        };
        let path = path.map_err(|fault| fault.to_string())?;
        Ok(Self { path: path.into(), names })
    }

    /// A segment with more in it than one parameter: a regex, and no parameters.
    fn composed(whole: &str) -> Result<Self, String> {
        let mut regex = String::new();
        let mut rest = whole;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((_, after)) = after.split_once('}') else { return Err("a brace is not closed".to_owned()) };
            regex.push_str(&escaped(before));
            regex.push_str("[^/]+");
            rest = after;
        }
        regex.push_str(&escaped(rest));
        PathPattern::regex(&regex).map_err(|fault| fault.to_string())?;
        Ok(Self { path: Map::default().with("regex", regex).into(), names: Vec::new() })
    }

    pub(super) fn is_regex(&self) -> bool {
        self.path.as_map().is_some()
    }

    /// What a parameter of the document is called in the path.
    pub(super) fn name(&self, name: &str) -> Option<&str> {
        self.names.iter().find(|(theirs, _)| theirs == name).map(|(_, ours)| ours.as_str())
    }
}

/// Braces that are not all of the segment, or a star, which means more to us than to them.
fn is_composed(segment: &str) -> bool {
    if segment.contains('*') {
        return true;
    }
    let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(segment);
    inner.contains(['{', '}'])
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in percent_encoded(text).chars() {
        if "\\.+*?()|[]{}^$#&-~".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::Template;
    use crate::openapi::tree::Yaml;

    #[test]
    fn templates_are_paths() {
        let check = |base: &str, text: &str, expected: &str| {
            let shown = match Template::of(base, text) {
                Ok(Template { path: Yaml::Text(path), .. }) => path,
                Ok(template) => template.path.to_json()["regex"].as_str().unwrap_or_default().to_owned(),
                Err(why) => why,
            };
            assert_eq!(shown, expected, "{base} {text}");
        };
        check("/v1", "/pets/{petId}", "/v1/pets/{petId}");
        check("", "/pets/{pet id}/{pet-id}", "/pets/{pet-id}/{pet-id-2}");
        check("", "/a.b/{x.y}/", "/a.b/{x_y}/");
        check("", "//a/../b", "/b");
        check("", "/a*", "/a\\*");
        check("", "/files/{name}.{ext}", "/files/[^/]+\\.[^/]+");
        check("", "/{a}-{b}", "/[^/]+\\-[^/]+");
        check("", "/ü/{id}", "/%C3%BC/{id}");
        check("", "/ü x/{id}.json", "/%C3%BC%20x/[^/]+\\.json");
        check("", "pets", "it does not begin with `/`");
        check("", "/a?b=c", "the path contains '?', which has to be percent-encoded");
        check("", "/{a", "a brace is not closed");
    }

    #[test]
    fn renamed_parameters_are_found() {
        let template = Template::of("", "/{pet id}").unwrap();
        assert_eq!((template.name("pet id"), template.name("pet")), (Some("pet-id"), None));
        assert!(Template::of("", "/{a}.{b}").unwrap().is_regex());
    }
}
