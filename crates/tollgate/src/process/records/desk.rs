//! What can be asked about records over the control socket, and the answers: one JSON object a line. A list ends with a line that says
//! so; whoever follows is told of what comes until one of the two goes away.

use super::Record;
use config::closest;
use limits::retries::Habit;
use proxy::Handle;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::recent::Numbered;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two looks at what has come. Also how long a record may take from its number to its place.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Whoever follows is told that there is nothing to tell, every so often.
const QUIET_INTERVAL: Duration = Duration::from_secs(15);
/// For a follower to take what it is told.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Who may follow at once.
static FOLLOWERS: Semaphore = Semaphore::const_new(8);
/// Of one storm a follower is told so often.
const STORM_EVERY_MS: u64 = 10_000;
/// Storms that a follower is told of in that way; beyond them, each call.
const STORMS_MAX: usize = 1_024;

/// Which records are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Selection {
    /// A reason or a kind, of a refusal or of a policy in dry run.
    pub(crate) reason: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) consumer: Option<String>,
    pub(crate) client: Option<IpAddr>,
    /// A request's ID or its end.
    pub(crate) id: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RecordsQuestion {
    pub(crate) which: Selection,
    /// The newest so many of them.
    pub(crate) limit: usize,
    /// Of a storm, its newest call only.
    pub(crate) fold: bool,
    pub(crate) follow: bool,
}

/// One line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Line {
    Record(Box<Record>),
    /// Nothing of that kind can be.
    Refused(String),
    /// So many have come and gone before they could be told.
    Lost(u64),
    /// There is nothing to tell, and the gateway is still there.
    Quiet,
    /// That was all.
    End {
        /// Records that fit, told or not.
        fitting: usize,
        kept: usize,
        /// Since the process began, kept or not.
        noted: u64,
    },
}

type Found = Arc<Numbered<proxy::Record>>;

/// Answers with the newest records that fit, oldest first.
pub(crate) async fn list(
    question: &RecordsQuestion,
    handle: &Handle,
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<u64> {
    let noted = handle.records_last();
    let kept = handle.records(0, noted);
    if let Some(why) = question.which.refused(handle, &kept) {
        say(write, &Line::Refused(why)).await?;
        return Ok(noted);
    }
    let mut folder = Folder::new(question.fold);
    let newest_first = kept.iter().rev().filter(|record| question.which.is(&record.what));
    let mut told: Vec<&Found> = newest_first.filter(|record| folder.is_first(&record.what)).collect();
    let fitting = told.len();
    told.truncate(question.limit);
    // Records are numbered as requests end, and shown with when they began.
    told.sort_by_key(|record| (record.what.unix_ms, record.number));
    for record in told {
        say(write, &Line::Record(Box::new(Record::of(&record.what)))).await?;
    }
    say(write, &Line::End { fitting, kept: kept.len(), noted }).await?;
    Ok(noted)
}

/// Goes on from there, until the asker is gone.
pub(crate) async fn follow(
    question: &RecordsQuestion,
    handle: &Handle,
    read: &mut (impl AsyncRead + Unpin),
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let Ok(_place) = FOLLOWERS.try_acquire() else {
        return say(write, &Line::Refused("as many follow already as may".to_owned())).await;
    };
    let mut told_to = within(list(question, handle, write)).await?;
    within(write.flush()).await?;
    let mut folder = Folder::new(question.fold);
    let (mut looks, mut quiet) = (interval(LOOK_INTERVAL), interval(QUIET_INTERVAL));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    quiet.reset();
    let mut numbered_before = told_to;
    let mut unasked = [0];
    loop {
        tokio::select! {
            _ = looks.tick() => {
                // As of the last look: all that had a number by then is in its place now.
                let to = std::mem::replace(&mut numbered_before, handle.records_last());
                if to > told_to {
                    within(tell(question, &mut folder, handle.records(told_to, to), to - told_to, write)).await?;
                    told_to = to;
                    quiet.reset();
                }
            }
            _ = quiet.tick() => within(async { say(write, &Line::Quiet).await?; write.flush().await }).await?,
            // Nothing more is asked on this connection: it is the end, or nonsense.
            _ = read.read(&mut unasked) => return Ok(()),
        }
    }
}

async fn tell(
    question: &RecordsQuestion,
    folder: &mut Folder,
    found: Vec<Found>,
    numbers: u64,
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let lost = numbers.saturating_sub(u64::try_from(found.len()).unwrap_or(u64::MAX));
    if lost > 0 {
        say(write, &Line::Lost(lost)).await?;
    }
    for record in found.iter().filter(|record| question.which.is(&record.what)) {
        if folder.is_due(&record.what) {
            say(write, &Line::Record(Box::new(Record::of(&record.what)))).await?;
        }
    }
    write.flush().await
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(WRITE_TIMEOUT, work).await.unwrap_or_else(|_elapsed| Err(io::ErrorKind::BrokenPipe.into()))
}

async fn say(write: &mut (impl AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    write.write_all(&text).await
}

impl Selection {
    fn is(&self, record: &proxy::Record) -> bool {
        let Self { reason, route, consumer, client, id } = self;
        let named = |wanted: &Option<String>, name: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| name.is_some_and(|name| *name == **wanted))
        };
        let reasons = || {
            let denied = record.denied.iter().map(|denied| denied.reason);
            denied.chain(record.would_deny.iter().map(|(reason, _)| *reason))
        };
        let is_it = |wanted: &String| {
            reasons().any(|reason| reason.code() == wanted.as_str() || reason.kind().code() == wanted.as_str())
        };
        reason.as_ref().is_none_or(is_it)
            && named(route, record.route.as_deref())
            && named(consumer, record.consumer.as_deref())
            && client
                .is_none_or(|client| record.client.is_some_and(|known| known.to_canonical() == client.to_canonical()))
            && id.as_ref().is_none_or(|id| record.request_id.as_str().ends_with(id.as_str()))
    }

    /// Why nothing can fit. A route that a reload took away may still have records.
    fn refused(&self, handle: &Handle, kept: &[Found]) -> Option<String> {
        let route = self.route.as_deref()?;
        let snapshot = handle.snapshot();
        let is_known = snapshot.routes.iter().any(|known| *known.name == *route)
            || kept.iter().any(|record| record.what.route.as_deref() == Some(route));
        let guess = || match closest(route, snapshot.routes.iter().map(|known| &*known.name)) {
            Some(name) => format!("the gateway has no route {route}; did you mean {name}?"),
            None => format!("the gateway has no route {route}"),
        };
        (!is_known).then(guess)
    }
}

/// Makes one record of the many that a storm is.
struct Folder {
    /// None lets all pass. Else when each storm was told of last.
    storms: Option<HashMap<Storm, u64>>,
}

/// The same caller with the same request.
#[derive(PartialEq, Eq, Hash)]
struct Storm {
    consumer: Option<Arc<str>>,
    client: Option<IpAddr>,
    route: Option<Arc<str>>,
    method: Box<str>,
    path: Box<str>,
}

impl Folder {
    fn new(folds: bool) -> Self {
        Self { storms: folds.then(HashMap::new) }
    }

    /// The first one that is seen of its storm, or none of any.
    fn is_first(&mut self, record: &proxy::Record) -> bool {
        let (Some(storms), Some(storm)) = (&mut self.storms, Storm::of(record)) else { return true };
        storms.insert(storm, record.unix_ms).is_none()
    }

    /// The first one of its storm for a while.
    fn is_due(&mut self, record: &proxy::Record) -> bool {
        let (Some(storms), Some(storm)) = (&mut self.storms, Storm::of(record)) else { return true };
        if storms.len() >= STORMS_MAX {
            storms.retain(|_, told_ms| record.unix_ms.saturating_sub(*told_ms) < STORM_EVERY_MS);
        }
        let told_ms = storms.get(&storm).copied();
        let is_due = told_ms.is_none_or(|told_ms| record.unix_ms.saturating_sub(told_ms) >= STORM_EVERY_MS);
        if is_due && (told_ms.is_some() || storms.len() < STORMS_MAX) {
            storms.insert(storm, record.unix_ms);
        }
        is_due
    }
}

impl Storm {
    fn of(record: &proxy::Record) -> Option<Self> {
        record.retry.filter(|retry| retry.habit == Habit::Looping)?;
        Some(Self {
            consumer: record.consumer.clone(),
            client: record.client.filter(|_| record.consumer.is_none()),
            route: record.route.clone(),
            method: record.method.clone(),
            path: record.path.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::names::Name;
    use proxy::Retried;
    use telemetry::request_id::RequestId;

    fn record(unix_ms: u64, consumer: &str, habit: Habit) -> proxy::Record {
        proxy::Record {
            unix_ms,
            request_id: RequestId::new(unix_ms, 0),
            client: None,
            method: "GET".into(),
            host: "a.example".into(),
            path: "/".into(),
            route: None,
            consumer: Some(Name::from(consumer)),
            plan: None,
            status: 429,
            denied: None,
            would_deny: Box::default(),
            without_store: false,
            retry: Some(Retried { habit, tries: 9, lasting: Duration::ZERO }),
            upstream: None,
            endpoint: None,
            attempts: 0,
            upstream_status: None,
            duration: Duration::ZERO,
            revision: Name::from("r"),
        }
    }

    #[test]
    fn a_storm_is_told_again_after_a_while_and_others_at_once() {
        let mut folder = Folder::new(true);
        let mut is_due = |unix_ms, consumer, habit| folder.is_due(&record(unix_ms, consumer, habit));
        assert!(is_due(0, "acme", Habit::Looping));
        assert!(is_due(1, "globex", Habit::Looping));
        assert!(is_due(2, "acme", Habit::BackingOff));
        assert!(!is_due(STORM_EVERY_MS - 1, "acme", Habit::Looping));
        assert!(is_due(STORM_EVERY_MS, "acme", Habit::Looping));
        assert!(!is_due(STORM_EVERY_MS + 1, "acme", Habit::Looping));
        let mut all = Folder::new(false);
        assert!((0..3).all(|unix_ms| all.is_due(&record(unix_ms, "acme", Habit::Looping))));
    }

    #[test]
    fn storms_without_number_take_no_room_without_end() {
        let mut folder = Folder::new(true);
        for number in 0..2 * STORMS_MAX {
            assert!(folder.is_due(&record(0, &number.to_string(), Habit::Looping)));
        }
        assert_eq!(folder.storms.as_ref().map(HashMap::len), Some(STORMS_MAX));
        assert!(folder.is_due(&record(STORM_EVERY_MS, "last", Habit::Looping)));
        assert_eq!(folder.storms.as_ref().map(HashMap::len), Some(1), "those of before may be told again");
    }

    #[tokio::test]
    async fn what_was_pushed_out_before_it_was_told_is_counted() {
        let which = Selection::default();
        let question = RecordsQuestion { which, limit: 0, fold: true, follow: true };
        let found = vec![Arc::new(Numbered { number: 7, what: record(0, "acme", Habit::BackingOff) })];
        let mut said = Vec::new();
        tell(&question, &mut Folder::new(true), found, 5, &mut said).await.expect("memory");
        let lines: Vec<Line> = said
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a line"))
            .collect();
        assert!(
            matches!(&lines[..], [Line::Lost(4), Line::Record(record)] if record.consumer.as_deref() == Some("acme"))
        );
    }
}
