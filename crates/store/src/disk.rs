//! Counts on disk: written behind the ones in memory, read once at the start. The request path never comes here.
//!
//! Memory is the truth while the process runs, the file what is left of it afterwards. So a file that cannot be written costs
//! nothing but safety, and one that is found damaged or gone while the process runs is written anew from memory.
//!
//! Does not know when to write: that is [`keeper`]'s.

mod fault;
mod keeper;
mod place;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limits::clock::Now;
use limits::counts::{Counts, Row};
use place::{OpenFile, Place};

pub use fault::{FlushFault, OpenFault, SetAside};
pub use keeper::{Event, FLUSH_INTERVAL, Keeper};

/// A count is kept so long after its period has ended: for whoever asks what yesterday's was, and for clocks that jump.
const KEPT_AFTER_S: u64 = 24 * 60 * 60;
/// From one search for counts to be removed to the next.
const SEARCH_INTERVAL_S: u64 = 10 * 60;
/// The same when the file holds more rows than the table may: then what has ended goes at once.
const CROWDED_INTERVAL_S: u64 = 10;
/// Rows that one flush looks at in that search.
const SEARCH_ROWS: usize = 10_000;

/// The file of counts, open for writing.
pub struct Disk {
    place: Place,
    counts: Arc<Counts>,
    /// Closed after a fault, until it can be opened again.
    file: Option<OpenFile>,
    /// What lies in the place of our file, if anything, has not got our counts: until one has been written whole.
    is_lost: bool,
    /// Taken from the table, not on the disk yet. Grows no further while the disk fails.
    unwritten: Vec<Row>,
    search: Search,
}

/// The search for rows whose period is over, a stretch at a time.
#[derive(Debug)]
struct Search {
    /// Rows that the file should hold at most.
    rows_max: u64,
    rows: u64,
    begun_s: u64,
    /// The last key that was looked at; none between two searches.
    at: Option<u128>,
}

impl Search {
    /// Keys of rows that are to be removed now.
    fn ended(&mut self, file: &OpenFile, now: Now) -> Result<Vec<u128>, redb::Error> {
        let crowded = self.rows > self.rows_max;
        let (interval_s, kept_s) = if crowded { (CROWDED_INTERVAL_S, 0) } else { (SEARCH_INTERVAL_S, KEPT_AFTER_S) };
        let now_s = now.unix_seconds();
        if self.at.is_none() {
            // A clock that was set back is no reason to wait for it.
            let since = now_s.abs_diff(self.begun_s);
            if since < interval_s {
                return Ok(Vec::new());
            }
            self.begun_s = now_s;
        }
        let looked = rows::look(&file.database, self.at, SEARCH_ROWS, now_s.saturating_sub(kept_s))?;
        self.at = looked.next;
        Ok(looked.ended)
    }
}

/// What was found at the start.
#[derive(Debug)]
pub struct Opened {
    /// Counts that go on from where they were.
    pub counts: usize,
    pub set_aside: Option<SetAside>,
}

/// What a flush came to.
#[derive(Debug, Default)]
pub struct Flushed {
    pub rows: usize,
    /// A damaged file, found while opening it again. Its place has been taken by one with all counts.
    pub set_aside: Option<SetAside>,
    /// The file had been removed or replaced under us; there is a new one with all counts.
    pub was_gone: bool,
}

impl Disk {
    /// Opens the file in `folder` and puts into `counts` what it holds; makes folder and file where there are none.
    pub fn open(folder: &Path, counts: Arc<Counts>, now: Now) -> Result<(Self, Opened), OpenFault> {
        Self::open_in(Place::take(folder, place::on_disk())?, counts, now)
    }

    fn open_in(place: Place, counts: Arc<Counts>, now: Now) -> Result<(Self, Opened), OpenFault> {
        let kept_from = now.unix_seconds().saturating_sub(KEPT_AFTER_S);
        let mut found = Vec::new();
        let (file, set_aside) = place.open(now, |database| {
            found.clear();
            rows::read(database, |row| {
                if row.window.end_unix_s >= kept_from {
                    found.push(row);
                }
            })
        })?;
        // Of a file that was set aside half read, nothing is believed.
        if set_aside.is_some() {
            found.clear();
        }
        let opened = Opened { counts: found.len(), set_aside };
        for row in found {
            counts.restore(row);
        }
        let rows_max = u64::try_from(counts.keys_max()).unwrap_or(u64::MAX);
        let search = Search { rows_max, rows: 0, begun_s: now.unix_seconds(), at: None };
        let disk = Self { place, counts, file: Some(file), is_lost: false, unwritten: Vec::new(), search };
        Ok((disk, opened))
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.place.path()
    }

    /// Writes down what has changed. What a failed flush could not write, the next one tries again.
    pub fn flush(&mut self, now: Now) -> Result<Flushed, FlushFault> {
        let mut flushed = Flushed::default();
        let path = self.place.path();
        if self.file.as_ref().is_some_and(|file| !file.is_at(&path)) {
            self.is_lost = true;
            self.file = None;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open_again(now, &mut flushed)?,
        };
        match self.write_all(&file, now) {
            Ok(rows) => {
                flushed.rows = rows;
                flushed.was_gone = std::mem::take(&mut self.is_lost) && flushed.set_aside.is_none();
                self.file = Some(file);
                Ok(flushed)
            }
            // Without its file: redb has to open it anew after a fault.
            Err(error) => Err(FlushFault::Write { path, source: Box::new(error) }),
        }
    }

    /// What an earlier flush left behind is older than what the table has: first that, then the news.
    fn write_all(&mut self, file: &OpenFile, now: Now) -> Result<usize, redb::Error> {
        let left_behind = if self.unwritten.is_empty() { 0 } else { self.write(file, now)? };
        let unwritten = &mut self.unwritten;
        self.counts.take_changes(|row| unwritten.push(row));
        Ok(self.write(file, now)?.saturating_add(left_behind))
    }

    /// Its content is in memory, and newer there: only a file that is not the one we had is written anew. That may take several
    /// attempts, of which none knows what the ones before it have seen: a file that had to be made is always a new one.
    fn open_again(&mut self, now: Now, flushed: &mut Flushed) -> Result<OpenFile, OpenFault> {
        let (file, set_aside) = self.place.open(now, |_| Ok(()))?;
        self.is_lost |= set_aside.is_some() || file.is_new;
        if self.is_lost {
            self.unwritten.clear();
            self.counts.change_all();
        }
        flushed.set_aside = set_aside;
        Ok(file)
    }

    fn write(&mut self, file: &OpenFile, now: Now) -> Result<usize, redb::Error> {
        let ended = self.search.ended(file, now)?;
        if self.unwritten.is_empty() && ended.is_empty() {
            return Ok(0);
        }
        self.search.rows = rows::write(&file.database, &self.unwritten, &ended)?;
        let rows = self.unwritten.len();
        self.unwritten.clear();
        // A burst of new callers shall not keep its memory for ever.
        self.unwritten.shrink_to(SEARCH_ROWS);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests;
