//! The control socket in `server.stateDir`: made, listened to, and taken away by the gateway whose it is. Another gateway's stays.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

/// Its name within the folder.
pub(crate) const SOCKET: &str = "control.sock";
/// Between two attempts to accept: without a free descriptor each fails at once.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Socket {
    path: PathBuf,
    /// Its folder was made for it, and goes with it.
    has_own_folder: bool,
    /// Device and inode of the one that this process has made.
    made: OnceLock<(u64, u64)>,
}

impl Socket {
    pub(crate) fn in_state_dir(folder: &Path) -> Self {
        Self { path: folder.join(SOCKET), has_own_folder: false, made: OnceLock::new() }
    }

    pub(crate) fn in_its_own(folder: &Path) -> Self {
        Self { has_own_folder: true, ..Self::in_state_dir(folder) }
    }

    /// Only the owner may ask. A gateway without a control socket still serves and still takes SIGHUP.
    pub(super) fn listen(&self) -> Option<UnixListener> {
        match self.make() {
            Ok(listener) => Some(listener),
            Err(error) => {
                let path = self.path.display();
                warn!(%path, %error, "no control socket: `tollgate reload` will not work, SIGHUP does");
                None
            }
        }
    }

    fn make(&self) -> io::Result<UnixListener> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if std::os::unix::net::UnixStream::connect(&self.path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another gateway answers there"));
        }
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&self.path)?;
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o600))?;
        let _ = self.made.set(identity(&self.path)?);
        Ok(listener)
    }

    /// Best effort: one that is left behind is replaced by the next start.
    pub(crate) fn remove(&self) {
        if let Some(folder) = self.path.parent().filter(|_| self.has_own_folder) {
            let _ = std::fs::remove_dir_all(folder);
            return;
        }
        let is_ours = self.made.get().is_some_and(|made| identity(&self.path).is_ok_and(|there| there == *made));
        if is_ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The next to ask. Never ends where there is no socket, and goes on where one could not be taken.
pub(super) async fn accept(listener: Option<&UnixListener>) -> UnixStream {
    match listener {
        None => std::future::pending().await,
        Some(listener) => persist(ACCEPT_PAUSE, async || listener.accept().await.map(|(stream, _)| stream)).await,
    }
}

/// One line in the log for a row of failures.
async fn persist<T>(pause: Duration, mut accept: impl AsyncFnMut() -> io::Result<T>) -> T {
    let mut has_failed = false;
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) if !has_failed => warn!(%error, "control socket: cannot accept, and tries again"),
            Err(_) => {}
        }
        has_failed = true;
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Socket, persist};
    use std::cell::Cell;
    use std::io;
    use std::path::PathBuf;
    use std::time::Duration;

    /// A directory of one test's own; gone with the handle.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tollgate-socket-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    #[tokio::test]
    async fn a_second_gateway_leaves_the_firsts_socket_alone() {
        let folder = Folder::new("second");
        let (first, second) = (Socket::in_state_dir(&folder.0), Socket::in_state_dir(&folder.0));
        let listener = first.listen();
        assert!(listener.is_some() && second.listen().is_none());
        second.remove();
        assert!(first.path.exists());
        first.remove();
        assert!(!first.path.exists());
    }

    #[tokio::test]
    async fn what_has_taken_its_place_is_left_alone() {
        let folder = Folder::new("place");
        let (first, second) = (Socket::in_state_dir(&folder.0), Socket::in_state_dir(&folder.0));
        drop(first.listen());
        let listener = second.listen();
        assert!(listener.is_some(), "a socket that nobody answers is replaced");
        if first.made.get() != second.made.get() {
            first.remove();
            assert!(second.path.exists());
        }
        second.remove();
        assert!(!second.path.exists());
    }

    #[tokio::test]
    async fn a_folder_of_its_own_goes_with_it() {
        let folder = Folder::new("own");
        let socket = Socket::in_its_own(&folder.0);
        assert!(socket.listen().is_some());
        socket.remove();
        assert!(!folder.0.exists());
    }

    #[tokio::test]
    async fn a_failed_accept_is_not_the_last() {
        let calls = Cell::new(0);
        let accepted = persist(Duration::ZERO, async || {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { Err(io::Error::other("no descriptors")) } else { Ok(calls.get()) }
        });
        assert_eq!(accepted.await, 3);
    }
}
