//! An OpenAPI document of any text: a config that loads, or a word why not.

use config::openapi::{Access, Fault, Options, import};
use config::source::Memory;
use engine::live::Live;
use engine::rules::Auth;
use std::path::Path;

/// Begins a line that names the next file.
const FILE: &str = "%%%";
/// Stands in a file outside of the document's folder.
const SECRET: &str = "a-secret-outside";

/// The document; a line `%%%NAME` begins another file beside it. In the folder above lies `secret.yaml`.
pub fn openapi_import(data: &[u8]) {
    let files = files(data);
    let path = Path::new("api/main.yaml");
    let options = Options { upstream: Some("http://127.0.0.1:9001".to_owned()), ..Options::default() };
    let imported = match import(path, &files, &options) {
        Ok(imported) => imported,
        Err(Fault::Syntax(said)) => {
            assert!(!said.is_empty() && !said.contains(SECRET), "{said}");
            return;
        }
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    let said: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
    if !data.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
        assert!(!imported.config.contains(SECRET) && !said.iter().any(|note| note.contains(SECRET)));
    }
    assert!(said.iter().all(|note| !note.contains('\n')), "a note of several lines");
    let config = load(&imported.config);
    assert_eq!(config.snapshot.routes.len(), imported.routes);
    // A demand on callers is never lost: without a word of it in the document, nothing is asked, and with `apiKey` everything.
    let closed = import(path, &files, &Options { access: Access::ApiKey, ..options }).expect("the same document");
    let closed = load(&closed.config);
    assert!(closed.snapshot.routes.iter().all(|route| matches!(route.rules.auth, Auth::ApiKey)));
    assert!(closed.snapshot.routes.len() >= config.snapshot.routes.len());
}

/// What is made has no mistakes.
fn load(text: &str) -> config::Config {
    let files = Memory::default().with("main.yaml", text);
    let loaded = config::load(Path::new("main.yaml"), &files, &|_| None, &Live::new());
    let said = loaded.render(config::Format::Text { colour: false });
    loaded.config.unwrap_or_else(|| panic!("a config with mistakes:\n{said}\n{text}"))
}

fn files(data: &[u8]) -> Memory {
    let secret = format!("components: {{ schemas: {{ Secret: {{ const: {SECRET} }} }} }}");
    let mut files = Memory::default().with("secret.yaml", secret);
    let (mut name, mut content) = ("main.yaml".to_owned(), Vec::new());
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(next) = line.strip_prefix(FILE.as_bytes()) {
            files = files.with(Path::new("api").join(&name), std::mem::take(&mut content));
            name = String::from_utf8_lossy(next).trim().into();
            // It is to lie in the folder, and not to replace what lies outside.
            name.retain(|letter| letter.is_ascii_alphanumeric() || letter == '.');
        } else {
            content.extend_from_slice(line);
        }
    }
    files.with(Path::new("api").join(&name), content)
}
