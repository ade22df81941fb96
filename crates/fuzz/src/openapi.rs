//! An OpenAPI document of any text: a config that loads, or a word why not.

use config::openapi::{Access, Fault, Options, import};
use config::source::{Files, Memory};
use engine::live::Live;
use engine::rules::Auth;
use std::io;
use std::path::{Component, Path};

/// Begins a line that names the next file.
const FILE: &str = "%%%";
/// Where the document lies.
const FOLDER: &str = "api";

/// The document; a line `%%%NAME` begins another file beside it. Whoever asks for a file outside of their folder is caught in the act.
pub fn openapi_import(data: &[u8]) {
    let files = Fenced(files(data));
    let path = Path::new("api/main.yaml");
    let options = Options { upstream: Some("http://127.0.0.1:9001".to_owned()), ..Options::default() };
    let imported = match import(path, &files, &options) {
        Ok(imported) => imported,
        Err(Fault::Syntax(said)) => {
            assert!(!said.is_empty(), "a mistake without a word");
            return;
        }
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    let said: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
    assert!(said.iter().all(|note| !note.contains('\n')), "a note of several lines");
    let config = load(&imported.config);
    assert_eq!(config.snapshot.routes.len(), imported.routes);
    // A demand on callers is never lost: without a word of it in the document, nothing is asked, and with `apiKey` everything.
    let closed = import(path, &files, &Options { access: Access::ApiKey, ..options }).expect("the same document");
    let closed = load(&closed.config);
    assert!(closed.snapshot.routes.iter().all(|route| matches!(route.rules.auth, Auth::ApiKey)));
    assert!(closed.snapshot.routes.len() >= config.snapshot.routes.len());
}

/// The files, of which only those in the document's folder may be asked for, were it to be told that there is none.
struct Fenced(Memory);

impl Files for Fenced {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        assert!(is_inside(path), "{} is read", path.display());
        self.0.read(path, bytes_max)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        panic!("{} is listed", directory.display());
    }
}

/// Nothing above the folder, not even on the way.
fn is_inside(path: &Path) -> bool {
    let mut steps = path.components();
    if steps.next() != Some(Component::Normal(FOLDER.as_ref())) {
        return false;
    }
    let depth = steps.try_fold(0_usize, |depth, step| match step {
        Component::Normal(_) => Some(depth + 1),
        Component::CurDir => Some(depth),
        Component::ParentDir => depth.checked_sub(1),
        Component::RootDir | Component::Prefix(_) => None,
    });
    depth.is_some()
}

/// What is made has no mistakes.
fn load(text: &str) -> config::Config {
    let files = Memory::default().with("main.yaml", text);
    let loaded = config::load(Path::new("main.yaml"), &files, &|_| None, &Live::new());
    let said = loaded.render(config::Format::Text { colour: false });
    loaded.config.unwrap_or_else(|| panic!("a config with mistakes:\n{said}\n{text}"))
}

fn files(data: &[u8]) -> Memory {
    let mut files = Memory::default();
    let (mut name, mut content) = ("main.yaml".to_owned(), Vec::new());
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(next) = line.strip_prefix(FILE.as_bytes()) {
            files = files.with(Path::new(FOLDER).join(&name), std::mem::take(&mut content));
            name = String::from_utf8_lossy(next).trim().into();
            // It is to lie in the folder.
            name.retain(|letter| letter.is_ascii_alphanumeric() || letter == '.');
        } else {
            content.extend_from_slice(line);
        }
    }
    files.with(Path::new(FOLDER).join(&name), content)
}
