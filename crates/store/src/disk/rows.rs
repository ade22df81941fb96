//! How counts lie in the file: one table of rows by key, and one number that says how to read it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use limits::counts::{CounterName, Row};
use limits::keyed::Key;
use limits::window::{Period, Window};
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
};

/// Start, end, used; then the name: policy, period, what it counts by, value, consumer. Nameless if the policy is empty.
type Value<'a> = (u64, u64, u64, &'a str, &'a str, &'a str, &'a str, Option<&'a str>);

const COUNTS: TableDefinition<'_, u128, Value<'_>> = TableDefinition::new("counts");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
const FORMAT_NAME: &str = "format";
/// Goes up when an older program would read the file wrongly. The names of counters (`engine::naming::durable`) are part of it.
pub(super) const FORMAT: u64 = 1;

/// Makes an empty file one of ours.
pub(super) fn initialise(file: &Database) -> Result<(), redb::Error> {
    let transaction = file.begin_write()?;
    transaction.open_table(ABOUT)?.insert(FORMAT_NAME, FORMAT)?;
    transaction.open_table(COUNTS)?;
    transaction.commit()?;
    Ok(())
}

/// The format of the file; none if it is not one of ours.
pub(super) fn format(file: &Database) -> Result<Option<u64>, redb::Error> {
    let transaction = file.begin_read()?;
    match transaction.open_table(ABOUT) {
        Ok(about) => Ok(about.get(FORMAT_NAME)?.map(|format| format.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tells every row to `each`.
pub(super) fn read(file: &Database, mut each: impl FnMut(Row)) -> Result<(), redb::Error> {
    let mut shared = Shared::default();
    let transaction = file.begin_read()?;
    for entry in transaction.open_table(COUNTS)?.iter()? {
        let (key, value) = entry?;
        each(shared.row(key.value(), value.value()));
    }
    Ok(())
}

/// Writes these rows, removes those with nothing used and those `ended`, and comes back when all of it is on the disk. How many
/// rows there are then.
pub(super) fn write(file: &Database, rows: &[Row], ended: &[u128]) -> Result<u64, redb::Error> {
    let mut transaction = file.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let left = {
        let mut counts = transaction.open_table(COUNTS)?;
        for key in ended {
            counts.remove(key)?;
        }
        for row in rows {
            let key = row.key.to_u128();
            if row.used == 0 {
                counts.remove(key)?;
            } else {
                counts.insert(key, value(row))?;
            }
        }
        counts.len()?
    };
    transaction.commit()?;
    Ok(left)
}

/// A stretch of the table, looked through for what is over.
pub(super) struct Looked {
    /// Keys whose window ended before the given second.
    pub(super) ended: Vec<u128>,
    /// Where the next look goes on; none at the end of the table.
    pub(super) next: Option<u128>,
}

/// Looks at `most` rows after `from`.
pub(super) fn look(file: &Database, from: Option<u128>, most: usize, before_s: u64) -> Result<Looked, redb::Error> {
    let transaction = file.begin_read()?;
    let counts = transaction.open_table(COUNTS)?;
    let mut looked = Looked { ended: Vec::new(), next: None };
    let after = from.map_or(Bound::Unbounded, Bound::Excluded);
    let mut seen = 0_usize;
    for entry in counts.range::<u128>((after, Bound::Unbounded))? {
        let (key, value) = entry?;
        if value.value().1 < before_s {
            looked.ended.push(key.value());
        }
        seen = seen.saturating_add(1);
        if seen >= most {
            looked.next = Some(key.value());
            break;
        }
    }
    Ok(looked)
}

fn value(row: &Row) -> Value<'_> {
    let Window { start_unix_s, end_unix_s } = row.window;
    let (policy, period, by, value, consumer) = match row.name.as_deref() {
        None => ("", "", "", "", None),
        Some(CounterName { policy, period, by, value, consumer }) => {
            (&**policy, period.name(), &**by, &**value, consumer.as_deref())
        }
    };
    (start_unix_s, end_unix_s, row.used, policy, period, by, value, consumer)
}

/// Texts that many rows have in common, held once.
#[derive(Default)]
struct Shared(HashSet<Arc<str>>);

/// Of the operator's words, which are few. Values are as many as callers.
const SHARED_MAX: usize = 10_000;

impl Shared {
    fn row(&mut self, key: u128, value: Value<'_>) -> Row {
        let (start_unix_s, end_unix_s, used, policy, period, by, value, consumer) = value;
        let name = Period::named(period).filter(|_| !policy.is_empty()).map(|period| {
            let value: Arc<str> = value.into();
            let consumer = consumer.map(|id| if *id == *value { Arc::clone(&value) } else { id.into() });
            Arc::new(CounterName { policy: self.text(policy), period, by: word(by), value, consumer })
        });
        Row { key: Key::from_u128(key), window: Window { start_unix_s, end_unix_s }, used, name }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        if self.0.len() < SHARED_MAX {
            self.0.insert(Arc::clone(&text));
        }
        text
    }
}

fn word(by: &str) -> Cow<'static, str> {
    const WORDS: [&str; 5] = ["consumerId", "apiKey", "ip", "token", "route"];
    WORDS.into_iter().find(|word| *word == by).map_or_else(|| Cow::Owned(by.to_owned()), Cow::Borrowed)
}
