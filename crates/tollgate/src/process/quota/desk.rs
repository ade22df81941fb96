//! What can be asked about counters over the control socket, and the answers: one JSON object a line, the last of which says that
//! the list is whole.

use super::QuotaStore;
use super::question::{Act, Counter, Line, QuotaQuestion, identifier};
use super::shared::{Shared, not_reset, shared};
use engine::calendar::Rfc3339;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use limits::counts::Row;
use limits::keyed::Key;
use proxy::Handle;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

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
