//! A disk that does what disks do: fills up, fails, and loses what was not synced when the power goes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use limits::counts::Counts;
use proptest::prelude::*;
use redb::{Database, DatabaseError, StorageBackend};

use super::super::place::Opener;
use super::*;

/// What a test does to the disk, shared by all files that are opened on it.
#[derive(Clone, Debug, Default)]
struct Weather(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The file cannot grow past this.
    bytes_max: u64,
    /// So many writes until nothing works any more; the last of them is torn.
    writes_left: u64,
    /// Written since the last sync: position, and what was there before.
    unsynced: Vec<(u64, Vec<u8>)>,
}

impl Default for State {
    fn default() -> Self {
        Self { bytes_max: u64::MAX, writes_left: u64::MAX, unsynced: Vec::new() }
    }
}

impl Weather {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    fn opener(&self) -> Opener {
        let weather = self.clone();
        Box::new(move |path: &Path| -> std::result::Result<Database, DatabaseError> {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            let mut builder = Database::builder();
            builder.set_check_integrity_on_open(true);
            builder.create_with_backend(FaultyFile { file, weather: weather.clone() })
        })
    }

    fn start(&self, folder: &Folder, now: Now) -> std::result::Result<Process, OpenFault> {
        let counts = Arc::new(Counts::journaled(1_000));
        let place = Place::take(&folder.0, self.opener())?;
        let (disk, opened) = Disk::open_in(place, Arc::clone(&counts), now)?;
        Ok(Process { counts, disk, opened })
    }

    /// The power goes: of what was not synced, the writes at these places never happened.
    fn lose(&self, path: &Path, chosen: &[bool]) {
        let file = OpenOptions::new().write(true).open(path).expect("the file");
        let unsynced = std::mem::take(&mut self.lock().unsynced);
        let lost = unsynced.iter().zip(chosen.iter().cycle()).filter(|(_, lost)| **lost);
        let lost: Vec<_> = lost.map(|(write, _)| write).collect();
        for (offset, before) in lost.into_iter().rev() {
            file.write_all_at(before, *offset).expect("taken back");
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: File,
    weather: Weather,
}

impl StorageBackend for FaultyFile {
    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let state = self.weather.lock();
        if state.writes_left == 0 {
            return Err(Error::other("the power is gone"));
        }
        if len > state.bytes_max {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.weather.lock();
        if state.writes_left == 0 {
            return Err(Error::other("the power is gone"));
        }
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.weather.lock();
        if state.writes_left == 0 {
            return Err(Error::other("the power is gone"));
        }
        if offset.saturating_add(data.len() as u64) > state.bytes_max {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        state.writes_left -= 1;
        let data = if state.writes_left == 0 { &data[..data.len() / 2] } else { data };
        let mut before = vec![0; data.len()];
        let there = usize::try_from(self.len()?.saturating_sub(offset)).unwrap_or(usize::MAX).min(before.len());
        self.file.read_exact_at(&mut before[..there], offset)?;
        state.unsynced.push((offset, before));
        self.file.write_all_at(data, offset)
    }
}

/// Counting goes on, and when there is room again everything is written.
#[test]
fn a_full_disk_loses_nothing_while_the_process_lives() {
    let (folder, weather) = (Folder::new(), Weather::default());
    let mut process = weather.start(&folder, at(0)).expect("it opens");
    process.charge(1, at(0));
    process.flush(at(0));
    weather.lock().bytes_max = 0;
    process.charge(1, at(1));
    process.charge(2, at(1));
    for second in 1..4 {
        let fault = process.disk.flush(at(second)).expect_err("full");
        let text = format!("{fault:?}");
        assert!(text.contains("StorageFull"), "{text}");
        process.charge(1, at(second));
    }
    process.counts.reset(Key::from_u128(2));
    assert_eq!(process.table(), BTreeMap::from([(1, 5)]));
    weather.lock().bytes_max = u64::MAX;
    process.flush(at(5));
    drop(process);
    let next = weather.start(&folder, at(6)).expect("it opens");
    assert_eq!((next.table(), next.opened.set_aside.is_none()), (BTreeMap::from([(1, 5)]), true));
}

#[test]
fn a_disk_that_is_full_at_the_first_start_is_an_error_and_leaves_no_half_file() {
    let (folder, weather) = (Folder::new(), Weather::default());
    weather.lock().bytes_max = 0;
    let fault = weather.start(&folder, at(0)).err().expect("full");
    assert!(matches!(fault, OpenFault::Create { .. }), "{fault}");
    weather.lock().bytes_max = u64::MAX;
    assert_eq!(weather.start(&folder, at(1)).expect("it opens").opened.counts, 0);
    assert_eq!(folder.names(), ["quota.redb"]);
}

/// A file that turns out damaged while it is opened again, after a fault of the disk, is set aside; its counts are in memory.
#[test]
fn damage_that_is_found_while_running_costs_no_count() {
    let (folder, weather) = (Folder::new(), Weather::default());
    let mut process = weather.start(&folder, at(0)).expect("it opens");
    for number in 0..50 {
        process.charge(number, at(0));
    }
    process.flush(at(0));
    process.charge(1, at(1));
    weather.lock().writes_left = 0;
    process.disk.flush(at(1)).expect_err("broken");
    weather.lock().writes_left = u64::MAX;
    OpenOptions::new().write(true).open(folder.file()).expect("the file").set_len(5_000).expect("cut");
    let flushed = process.flush(at(2));
    let set_aside = flushed.set_aside.expect("set aside");
    assert!(set_aside.to.is_file() && flushed.rows == 50, "{set_aside:?}");
    let counted = process.table();
    drop(process);
    assert_eq!(weather.start(&folder, at(3)).expect("it opens").table(), counted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whenever the power goes, in the middle of a write too, and whichever of the unsynced writes are lost with it: the file opens,
    /// and has the counts of the last flush that ended or of the one under way. Nothing starts again, nothing is invented.
    #[test]
    fn survives_power_cuts(
        cuts in prop::collection::vec((1_u64..60, prop::collection::vec(any::<bool>(), 1..20)), 1..6),
        numbers in prop::collection::vec(0_u128..40, 20..60),
    ) {
        let (folder, weather) = (Folder::new(), Weather::default());
        let mut now = 0;
        drop(weather.start(&folder, at(now)).expect("it opens"));
        let mut written = BTreeMap::new();
        for (writes, lost) in cuts {
            let mut process = weather.start(&folder, at(now)).expect("it opens");
            prop_assert!(process.opened.set_aside.is_none());
            prop_assert_eq!(process.table(), written.clone());
            weather.lock().writes_left = writes;
            let under_way = loop {
                now += 1;
                for number in numbers.iter().skip(usize::try_from(now % 7).unwrap_or(0)).step_by(3) {
                    process.charge(*number, at(now));
                }
                let counted = process.table();
                match process.disk.flush(at(now)) {
                    Ok(_) => written = counted,
                    Err(_) => break counted,
                }
            };
            drop(process);
            weather.lose(&folder.file(), &lost);
            weather.lock().writes_left = u64::MAX;
            let found = weather.start(&folder, at(now)).expect("it opens").table();
            prop_assert!(found == written || found == under_way, "{found:?} is neither {written:?} nor {under_way:?}");
            written = found;
        }
    }
}
