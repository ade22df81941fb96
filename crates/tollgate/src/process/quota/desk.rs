//! What can be asked about counters over the control socket, and the answers: one JSON object a line, the last of which says that
//! the list is whole.

use super::QuotaStore;
use super::shared::{Shared, not_reset, shared};
use engine::calendar::Rfc3339;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use limits::counts::Row;
use limits::keyed::Key;
use proxy::Handle;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Counters of one question that a reset by ID may fall on: its beginning has to name one.
const NAMED_BY_ID: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Act {
    List,
    Reset,
}

/// Which counters are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Selection {
    /// The beginning of an ID.
    pub(crate) id: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) consumer: Option<String>,
    /// Also those whose period is over.
    pub(crate) ended: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QuotaQuestion {
    pub(crate) act: Act,
    pub(crate) which: Selection,
}

/// One counter. In a reset, as it was before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Counter {
    /// The counter's name in the store: 32 hexadecimal digits.
    pub(crate) id: String,
    /// The quota that it belongs to; "-" before it is named, which takes a moment.
    pub(crate) policy: String,
    pub(crate) per: String,
    /// What the quota counts by.
    pub(crate) by: String,
    pub(crate) value: String,
    pub(crate) consumer: Option<String>,
    pub(crate) used: u64,
    /// What the config in force allows; none if it has no such quota any more.
    pub(crate) limit: Option<u64>,
    /// RFC 3339.
    pub(crate) starts: String,
    pub(crate) ends: String,
    /// Counted in the store, for all nodes together; what they hold of it counts as used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) shared: bool,
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Line {
    Counter(Box<Counter>),
    /// Nothing was done.
    Refused(String),
    /// What the list has not got.
    Note(String),
    End {
        counters: usize,
        /// Whether all of it is on the disk.
        written: bool,
    },
}

/// Answers one question, a part of the table at a time.
pub(crate) async fn answer(
    question: &QuotaQuestion,
    store: &Arc<QuotaStore>,
    handle: &Handle,
    now: Now,
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let snapshot = &*handle.snapshot();
    let limits = Limits::of(snapshot);
    let which = &question.which;
    match question.act {
        Act::List => {
            let mut counters = 0_usize;
            let parts = (0..).map_while(|part| store.counters.counts().rows(part, |row| which.is(row, now)));
            for row in parts.flatten() {
                counters = counters.saturating_add(1);
                say(write, &Line::Counter(Box::new(limits.counter(&row)))).await?;
            }
            let Shared { counters: of_all, notes } = shared(handle, which, now).await;
            for counter in of_all {
                counters = counters.saturating_add(1);
                say(write, &Line::Counter(Box::new(counter))).await?;
            }
            for note in notes {
                say(write, &Line::Note(note)).await?;
            }
            say(write, &Line::End { counters, written: true }).await
        }
        Act::Reset => {
            let rows: Vec<Row> = (0..)
                .map_while(|part| store.counters.counts().rows(part, |row| which.is(row, now)))
                .flatten()
                .collect();
            if let Some(refusal) = which.refuses(rows.len()) {
                return say(write, &Line::Refused(refusal)).await;
            }
            let before: Vec<Row> = rows.iter().filter_map(|row| reset(store, row.key, row)).collect();
            let written = {
                let store = Arc::clone(store);
                // Waits for the disk.
                tokio::task::spawn_blocking(move || store.flush()).await.unwrap_or(false)
            };
            for row in &before {
                let counter = limits.counter(row);
                tracing::info!(
                    id = counter.id,
                    policy = counter.policy,
                    value = counter.value,
                    used = counter.used,
                    "quota reset"
                );
                say(write, &Line::Counter(Box::new(counter))).await?;
            }
            for note in not_reset(snapshot, which) {
                say(write, &Line::Note(note)).await?;
            }
            say(write, &Line::End { counters: before.len(), written }).await
        }
    }
}

fn reset(store: &QuotaStore, key: Key, seen: &Row) -> Option<Row> {
    let row = store.counters.counts().reset(key)?;
    Some(Row { name: row.name.or_else(|| seen.name.clone()), ..row })
}

async fn say(write: &mut (impl AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    write.write_all(&text).await
}

impl Selection {
    fn is(&self, row: &Row, now: Now) -> bool {
        let name = row.name.as_deref();
        (self.ended || now.unix_seconds() < row.window.end_unix_s)
            && self.id.as_ref().is_none_or(|id| identifier(row.key).starts_with(id.as_str()))
            && self.policy.as_ref().is_none_or(|policy| name.is_some_and(|name| *name.policy == **policy))
            && self.consumer.as_ref().is_none_or(|id| name.is_some_and(|name| name.consumer.as_deref() == Some(id)))
    }

    /// Why a reset of that many counters is not what somebody can have meant.
    fn refuses(&self, found: usize) -> Option<String> {
        match &self.id {
            Some(id) if found > NAMED_BY_ID => {
                Some(format!("{found} counters have an id that begins with {id}: give more digits"))
            }
            None if self.policy.is_none() && self.consumer.is_none() => {
                Some("nothing says which counters are meant".to_owned())
            }
            Some(_) | None => None,
        }
    }
}

pub(super) fn identifier(key: Key) -> String {
    format!("{:032x}", key.to_u128())
}

/// What the config in force allows, by the quota's name and period.
struct Limits<'a>(HashMap<(&'a str, &'static str), u64>);

impl<'a> Limits<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self(snapshot.quotas().map(|quota| ((&*quota.name, quota.period.name()), quota.limit)).collect())
    }

    fn counter(&self, row: &Row) -> Counter {
        let time = |seconds| Rfc3339::from_unix_seconds(seconds).as_str().to_owned();
        let name = row.name.as_deref();
        let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let limit = name.and_then(|name| self.0.get(&(&*name.policy, name.period.name())).copied());
        Counter {
            id: identifier(row.key),
            policy: text(name.map(|name| &*name.policy)),
            per: text(name.map(|name| name.period.name())),
            by: text(name.map(|name| &*name.by)),
            value: text(name.map(|name| &*name.value)),
            consumer: name.and_then(|name| name.consumer.as_deref()).map(str::to_owned),
            used: row.used,
            limit,
            starts: time(row.window.start_unix_s),
            ends: time(row.window.end_unix_s),
            shared: false,
        }
    }
}
