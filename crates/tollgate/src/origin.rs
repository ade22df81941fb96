//! Where a config comes from: files and variables of the machine, or what the demo brings along.

use crate::failure::Failure;
use crate::output;
use config::Loaded;
use config::source::{Disk, Files};
use engine::live::Live;
use std::path::{Path, PathBuf};

type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

pub(crate) struct Origin {
    pub(crate) path: PathBuf,
    files: Box<dyn Files + Send + Sync>,
    variables: Variables,
}

impl Origin {
    /// A file of this machine, with the process's environment.
    pub(crate) fn disk(path: &Path) -> Self {
        let variables = Box::new(|name: &str| std::env::var(name).ok());
        Self { path: path.to_owned(), files: Box::new(Disk), variables }
    }

    pub(crate) fn new(path: &Path, files: impl Files + Send + Sync + 'static, variables: Variables) -> Self {
        Self { path: path.to_owned(), files: Box::new(files), variables }
    }

    pub(crate) fn load(&self, live: &Live) -> Loaded {
        config::load(&self.path, &*self.files, &*self.variables, live)
    }

    /// A config that is to be used: its mistakes go to stderr, and only one without any comes back.
    pub(crate) fn load_or_tell(&self, live: &Live) -> Result<config::Config, Failure> {
        let loaded = self.load(live);
        output::notes(loaded.render(config::Format::Text { colour: output::colour_on_stderr() }));
        loaded.config.ok_or(Failure::Config)
    }

    /// Where its gateway keeps the control socket.
    pub(crate) fn state_dir(&self) -> PathBuf {
        config::state_dir(&self.path, &*self.files, &*self.variables)
    }
}
