//! The folder with the file of counts: who may write there, how a new file comes to be, and what happens to a damaged one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use engine::calendar::Rfc3339;
use limits::clock::Now;
use redb::{Database, DatabaseError};

use super::fault::{OpenFault, SetAside};
use super::rows;

/// The file of counts within `server.stateDir`.
const FILE: &str = "quota.redb";
/// Where a new file is put together: one that has its name is whole.
const NEW: &str = "quota.redb.new";
/// Held locked by the one process that writes. Stays when it ends.
const LOCK: &str = "quota.lock";
/// Pages of the file that are kept in memory, in bytes. The counts themselves are in memory anyway.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// How a file is opened: tests put a disk of their own in between.
pub(super) type Opener = Box<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send>;

/// On the file system. Every page's checksum is verified, so that damage is found here and not read as counts.
pub(super) fn on_disk() -> Opener {
    Box::new(|path| {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path)
    })
}

pub(super) struct Place {
    folder: PathBuf,
    opener: Opener,
    /// One writer: locked until this is dropped, or the process ends in whatever way.
    _lock: File,
}

/// An open file, and which one of the file system it is.
pub(super) struct OpenFile {
    pub(super) database: Database,
    /// Just made: it holds nothing.
    pub(super) is_new: bool,
    inode: Option<u64>,
}

impl Place {
    /// Makes the folder if need be and takes its lock.
    pub(super) fn take(folder: &Path, opener: Opener) -> Result<Self, OpenFault> {
        let failed = |source| OpenFault::Folder { path: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let path = folder.join(LOCK);
        let lock = options().create(true).truncate(false).open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), opener, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenFault::InUse { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The file, made if there is none; a damaged one is set aside and a new one made. Sound is what `accept` has read through.
    pub(super) fn open(
        &self,
        now: Now,
        mut accept: impl FnMut(&Database) -> Result<(), redb::Error>,
    ) -> Result<(OpenFile, Option<SetAside>), OpenFault> {
        let path = self.path();
        let damage = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((self.create()?, None)),
            Err(error) => return Err(OpenFault::Read { path, source: Box::new(error) }),
            // An empty file would pass for a new one.
            Ok(found) if found.len() == 0 => "it is empty".to_owned(),
            Ok(_) => match self.read(&path, &mut accept)? {
                Ok(file) => return Ok((file, None)),
                Err(damage) => damage,
            },
        };
        let to = self.set_aside(now)?;
        Ok((self.create()?, Some(SetAside { to, because: damage })))
    }

    /// The inner error is damage.
    fn read(
        &self,
        path: &Path,
        accept: &mut impl FnMut(&Database) -> Result<(), redb::Error>,
    ) -> Result<Result<OpenFile, String>, OpenFault> {
        let newer = || OpenFault::Newer { path: path.to_owned() };
        if container_is_newer(path) {
            return Err(newer());
        }
        // The format's own reader promises errors for damage; whoever finds a case where it panics shall not find us dead.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let database = (self.opener)(path)?;
            match rows::format(&database)? {
                Some(rows::FORMAT) => accept(&database).map(|()| Found::Counts(database)),
                Some(format) if format > rows::FORMAT => Ok(Found::Newer),
                Some(_) | None => Ok(Found::SomethingElse),
            }
        }));
        match read {
            Ok(Ok(Found::Counts(database))) => Ok(Ok(OpenFile { database, is_new: false, inode: inode(path) })),
            Ok(Ok(Found::Newer)) => Err(newer()),
            Ok(Ok(Found::SomethingElse)) => Ok(Err("it holds something else than counts".to_owned())),
            Ok(Err(redb::Error::DatabaseAlreadyOpen)) => Err(OpenFault::InUse { path: path.to_owned() }),
            Ok(Err(error)) => match damage(&error) {
                Some(damage) => Ok(Err(damage)),
                None => Err(OpenFault::Read { path: path.to_owned(), source: Box::new(error) }),
            },
            Err(_panic) => Ok(Err("reading it failed in a way that nobody has foreseen".to_owned())),
        }
    }

    /// Under another name until it is whole: a crash leaves either no file or one that can be read.
    fn create(&self) -> Result<OpenFile, OpenFault> {
        let (new, path) = (self.folder.join(NEW), self.path());
        let made = (|| {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
            options().create_new(true).open(&new)?;
            let database = (self.opener)(&new)?;
            rows::initialise(&database)?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()?;
            Ok::<_, redb::Error>(OpenFile { database, is_new: true, inode: inode(&path) })
        })();
        made.map_err(|error| OpenFault::Create { path, source: Box::new(error) })
    }

    fn set_aside(&self, now: Now) -> Result<PathBuf, OpenFault> {
        let path = self.path();
        let time = Rfc3339::from_unix_seconds(now.unix_seconds()).as_str().replace(['-', ':'], "");
        // Two in one second would be one too many to keep count of; a name that is taken is never written over.
        let mut names = (0..100_u8).map(|number| match number {
            0 => self.folder.join(format!("{FILE}.damaged-{time}")),
            number => self.folder.join(format!("{FILE}.damaged-{time}-{number}")),
        });
        let free = names.find(|name| fs::symlink_metadata(name).is_err());
        let to = free.ok_or_else(|| io::Error::new(io::ErrorKind::AlreadyExists, "no name is free"));
        to.and_then(|to| fs::rename(&path, &to).map(|()| to)).map_err(|source| OpenFault::SetAside { path, source })
    }
}

impl OpenFile {
    /// Whether the file still has its name. Somebody who clears the folder would otherwise have us write into nothing.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        inode(path).is_some_and(|inode| Some(inode) == self.inode)
    }
}

enum Found {
    Counts(Database),
    Newer,
    SomethingElse,
}

/// Only the owner may read who calls how much.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|found| found.ino())
}

/// Whether a later version of redb has written it. This one's reader would take that for damage. The file begins with redb's mark;
/// at bytes 64 and 192 is the version of each of its two commit slots.
fn container_is_newer(path: &Path) -> bool {
    const MARK: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
    const KNOWN_MAX: u8 = 3;
    let mut head = [0; 193];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let versions = [head.get(64), head.get(192)];
    read.is_ok() && head.starts_with(MARK) && versions.into_iter().flatten().all(|version| *version > KNOWN_MAX)
}

/// What is wrong with the content; none if it is the disk that cannot be read.
fn damage(error: &redb::Error) -> Option<String> {
    let redb::Error::Io(io) = error else { return Some(error.to_string()) };
    matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof).then(|| io.to_string())
}
