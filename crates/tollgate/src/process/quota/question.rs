//! A question about counters and the lines of its answer, as they go over the control socket.

use limits::clock::Now;
use limits::counts::Row;
use limits::keyed::Key;
use serde::{Deserialize, Serialize};

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

impl Selection {
    pub(super) fn is(&self, row: &Row, now: Now) -> bool {
        let name = row.name.as_deref();
        (self.ended || now.unix_seconds() < row.window.end_unix_s)
            && self.id.as_ref().is_none_or(|id| identifier(row.key).starts_with(id.as_str()))
            && self.policy.as_ref().is_none_or(|policy| name.is_some_and(|name| *name.policy == **policy))
            && self.consumer.as_ref().is_none_or(|id| name.is_some_and(|name| name.consumer.as_deref() == Some(id)))
    }

    /// Why a reset of that many counters is not what somebody can have meant.
    pub(super) fn refuses(&self, found: usize) -> Option<String> {
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
