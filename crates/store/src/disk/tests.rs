//! The file of counts, on disks that work, fill up, lie and break.

mod damage;
mod faulty;
mod keeper;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use limits::clock::Now;
use limits::counts::{Charge, CounterName, Counts};
use limits::keyed::Key;
use limits::window::Period;

use super::*;

const NOON: u64 = 1_800_000_000 / 86_400 * 86_400 + 43_200;

fn at(seconds: u64) -> Now {
    Now::at_unix_seconds(NOON + seconds)
}

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-store-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("quota.redb")
    }

    /// Names of what lies in it, without the lock.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name != "quota.lock")
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One process: its counts in memory, and the disk behind them.
struct Process {
    counts: Arc<Counts>,
    disk: Disk,
    opened: Opened,
}

impl Process {
    fn start(folder: &Folder, now: Now) -> Self {
        Self::try_start(&folder.0, now).expect("it opens")
    }

    fn try_start(folder: &Path, now: Now) -> Result<Self, OpenFault> {
        let counts = Arc::new(Counts::journaled(1_000));
        let (disk, opened) = Disk::open(folder, Arc::clone(&counts), now)?;
        Ok(Self { counts, disk, opened })
    }

    fn charge(&self, number: u128, now: Now) {
        let granted = self.counts.charge(Key::from_u128(number), Period::Day.window(now), 1_000_000, now);
        assert!(matches!(granted, Charge::Granted { .. }), "{granted:?}");
    }

    fn flush(&mut self, now: Now) -> Flushed {
        self.disk.flush(now).expect("it is written")
    }

    fn table(&self) -> BTreeMap<u128, u64> {
        table(&self.counts)
    }
}

fn table(counts: &Counts) -> BTreeMap<u128, u64> {
    counts.rows(0, |_| true).expect("one part").into_iter().map(|row| (row.key.to_u128(), row.used)).collect()
}

fn name(value: &str) -> CounterName {
    CounterName {
        policy: "plans.free.quota".into(),
        period: Period::Day,
        by: "header:x-tenant".into(),
        value: value.into(),
        consumer: Some("acme".into()),
    }
}

#[test]
fn counts_go_on_in_the_next_process() {
    let folder = Folder::new();
    let mut first = Process::start(&folder, at(0));
    assert_eq!(first.opened.counts, 0);
    for number in [1, 1, 1, 2, 3] {
        first.charge(number, at(0));
    }
    first.counts.name(Key::from_u128(1), || name("eins"));
    assert_eq!(first.flush(at(1)).rows, 3);
    first.counts.refund(Key::from_u128(2), Period::Day.window(at(0)));
    first.counts.reset(Key::from_u128(3));
    assert_eq!(first.flush(at(2)).rows, 2);
    assert_eq!(first.flush(at(3)).rows, 0, "nothing has changed");
    let rows = first.counts.rows(0, |_| true);
    drop(first);

    let second = Process::start(&folder, at(4));
    assert_eq!((second.opened.counts, second.opened.set_aside.is_none()), (1, true));
    assert_eq!(second.counts.rows(0, |_| true), rows, "window, count and name");
    second.charge(1, at(5));
    assert_eq!(second.table(), BTreeMap::from([(1, 4)]));
    assert_eq!(folder.names(), ["quota.redb"]);
}

/// What was counted after the last flush is what a killed process loses, and nothing else.
#[test]
fn what_was_not_flushed_is_what_is_lost() {
    let folder = Folder::new();
    let mut first = Process::start(&folder, at(0));
    first.charge(1, at(0));
    first.flush(at(1));
    first.charge(1, at(1));
    drop(first);
    assert_eq!(Process::start(&folder, at(2)).table(), BTreeMap::from([(1, 1)]));
}

#[test]
fn a_period_that_is_over_leaves_the_file_a_day_later() {
    const DAY: u64 = 86_400;
    let folder = Folder::new();
    let mut first = Process::start(&folder, at(0));
    first.charge(1, at(0));
    first.charge(2, at(DAY));
    first.flush(at(DAY));
    drop(first);
    // Half a day after the end of the first counter's day both are still known, then the older goes.
    let mut second = Process::start(&folder, at(DAY));
    assert_eq!(second.opened.counts, 2);
    second.flush(at(2 * DAY));
    drop(second);
    let third = Process::start(&folder, at(2 * DAY));
    assert_eq!(third.table(), BTreeMap::from([(2, 1)]));
}

/// More rows than the table may hold: what has ended goes without its day of grace, so that the file stays bounded.
#[test]
fn a_crowded_file_keeps_nothing_that_is_over() {
    const DAY: u64 = 86_400;
    let folder = Folder::new();
    let counts = Arc::new(Counts::journaled(10));
    let (mut disk, _) = Disk::open(&folder.0, Arc::clone(&counts), at(0)).expect("it opens");
    let charge = |number: u128, now| {
        let granted = counts.charge(Key::from_u128(number), Period::Day.window(now), 9, now);
        assert_eq!(granted, Charge::Granted { used: 1 });
    };
    (0..10).for_each(|number| charge(number, at(0)));
    disk.flush(at(0)).expect("written");
    (10..20).for_each(|number| charge(number, at(DAY)));
    disk.flush(at(DAY)).expect("written");
    disk.flush(at(DAY + 60)).expect("searched");
    drop(disk);
    let left = Process::start(&folder, at(DAY + 61)).table();
    assert_eq!(left.into_keys().collect::<Vec<_>>(), (10..20).collect::<Vec<_>>());
}

#[test]
fn there_is_one_writer() {
    let folder = Folder::new();
    let first = Process::start(&folder, at(0));
    let refused = Process::try_start(&folder.0, at(0)).err().expect("refused");
    assert!(matches!(refused, OpenFault::InUse { .. }), "{refused}");
    drop(first);
    Process::start(&folder, at(1));
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = Folder::new();
    let file = folder.0.join("file");
    fs::write(&file, "").expect("written");
    let refused = Process::try_start(&file.join("state"), at(0)).err().expect("refused");
    assert!(matches!(refused, OpenFault::Folder { .. }), "{refused}");
    // A folder where the file should be.
    fs::create_dir(folder.file()).expect("made");
    let refused = Process::try_start(&folder.0, at(0)).err().expect("refused");
    assert!(matches!(refused, OpenFault::Read { .. }), "{refused}");
}

#[test]
fn a_file_that_is_removed_is_written_anew() {
    let folder = Folder::new();
    let mut process = Process::start(&folder, at(0));
    process.charge(1, at(0));
    process.charge(2, at(0));
    process.flush(at(0));
    fs::remove_file(folder.file()).expect("removed");
    process.charge(1, at(1));
    let flushed = process.flush(at(1));
    assert_eq!((flushed.was_gone, flushed.rows), (true, 2));
    drop(process);
    assert_eq!(Process::start(&folder, at(2)).table(), BTreeMap::from([(1, 2), (2, 1)]));
}

/// Whatever an attempt has seen of a folder that was cleared, the one that succeeds writes everything.
#[test]
fn a_file_that_cannot_be_made_at_once_is_written_whole_later() {
    let folder = Folder::new();
    let mut process = Process::start(&folder, at(0));
    process.charge(1, at(0));
    process.charge(2, at(0));
    process.flush(at(0));
    fs::remove_dir_all(&folder.0).expect("removed");
    process.charge(1, at(1));
    for second in 1..4 {
        process.disk.flush(at(second)).expect_err("there is no folder");
    }
    fs::create_dir(&folder.0).expect("made");
    let flushed = process.flush(at(4));
    assert_eq!((flushed.was_gone, flushed.rows), (true, 2));
    assert!(!process.flush(at(5)).was_gone, "told once");
    drop(process);
    assert_eq!(Process::start(&folder, at(6)).table(), BTreeMap::from([(1, 2), (2, 1)]));
}

/// The same when somebody puts another file into its place, which cannot be read at first.
#[test]
fn a_file_that_took_the_place_of_ours_is_written_whole_later() {
    let folder = Folder::new();
    let mut process = Process::start(&folder, at(0));
    process.charge(1, at(0));
    process.flush(at(0));
    let other = Folder::new();
    Process::start(&other, at(0)).flush(at(0));
    fs::remove_file(folder.file()).expect("removed");
    fs::create_dir(folder.file()).expect("made");
    process.disk.flush(at(1)).expect_err("a folder is no file");
    fs::remove_dir(folder.file()).expect("removed");
    fs::copy(other.file(), folder.file()).expect("copied");
    assert_eq!(process.flush(at(2)).rows, 1);
    drop(process);
    assert_eq!(Process::start(&folder, at(3)).table(), BTreeMap::from([(1, 1)]));
}
