//! A real Chromium without a window, for one test: it loads one page, from a server of the page's own, and the page says what it has
//! seen by sending it back to that server. Nothing is driven and nothing is scraped, so there is nothing to wait for but that one
//! request. Ends with the handle.

#![expect(clippy::panic, reason = "a broken expectation ends the test")]

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// Debian's name, and what others call it.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// What keeps it from doing anything but loading the page.
const OPTIONS: [&str; 10] = [
    "--headless=new",
    // Tests run as root in containers, where there is no sandbox to be had; the page is ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
];

/// A running browser.
pub struct Browser {
    child: Child,
    directory: PathBuf,
}

impl Browser {
    /// Opens the page. It is loaded when the page's server has been asked for it.
    ///
    /// # Panics
    /// If there is no Chromium, or it does not start.
    #[must_use]
    pub fn open(url: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("tollgate-browser-{}-{number}", std::process::id()));
        let made = std::fs::create_dir_all(&directory);
        assert!(made.is_ok(), "cannot make a profile for the browser: {made:?}");
        for program in PROGRAMS {
            match start(program, &directory, url) {
                Ok(child) => return Self { child, directory },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("cannot start {program}: {error}"),
            }
        }
        panic!("this test needs chromium on the PATH: ./test.sh installs it, or: apt-get install chromium")
    }

    /// What it has said so far, for a test that has waited in vain.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.directory.join("said")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end with it.
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn start(program: &str, directory: &std::path::Path, url: &str) -> io::Result<Child> {
    let said = File::create(directory.join("said"))?;
    Command::new(program)
        .args(OPTIONS)
        .arg(format!("--user-data-dir={}", directory.join("profile").display()))
        .arg(url)
        .env("HOME", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
}
