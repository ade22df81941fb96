//! The scripts that the store runs, and what their answers mean. Each works on one key, by the store's own clock, and is all or
//! nothing; keys expire by themselves. Does not know how a script gets to the store.

use limits::keyed::Key;
use limits::lease::{Answer, Unused};
use limits::shared::Limit;
use redis::{Cmd, Script};
use std::time::Duration;

const RATE: &str = include_str!("rate.lua");
const COUNT: &str = concat!(include_str!("calendar.lua"), include_str!("count.lua"));
const NODES: &str = include_str!("nodes.lua");

/// How long a sign of life holds: some heartbeats may be lost.
pub(super) const SIGN_HOLDS: Duration = Duration::from_secs(5);

/// Knows the scripts by their hashes.
pub(super) struct Scripts {
    rate: Known,
    count: Known,
    nodes: Known,
    prefix: Box<str>,
}

struct Known {
    hash: Box<str>,
    text: &'static str,
}

impl Known {
    fn new(text: &'static str) -> Self {
        Self { hash: Script::new(text).get_hash().into(), text }
    }
}

/// One call of one script: by its hash, which is short, or with its text, if the store does not know it yet.
pub(super) struct Call<'s> {
    script: &'s Known,
    arguments: Vec<Box<[u8]>>,
}

impl Call<'_> {
    pub(super) fn by_hash(&self) -> Cmd {
        command("EVALSHA", &self.script.hash, &self.arguments)
    }

    pub(super) fn by_text(&self) -> Cmd {
        command("EVAL", self.script.text, &self.arguments)
    }
}

fn command(name: &str, script: &str, arguments: &[Box<[u8]>]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(1);
    for argument in arguments {
        command.arg(&**argument);
    }
    command
}

impl Scripts {
    /// `prefix` begins the name of every key.
    pub(super) fn new(prefix: &str) -> Self {
        Self { rate: Known::new(RATE), count: Known::new(COUNT), nodes: Known::new(NODES), prefix: prefix.into() }
    }

    /// Takes up to `want` requests.
    pub(super) fn take(&self, counter: Key, limit: Limit, want: u64) -> Call<'_> {
        self.change(counter, limit, &want.to_string(), 0)
    }

    pub(super) fn give_back(&self, counter: Key, limit: Limit, unused: Unused) -> Call<'_> {
        self.change(counter, limit, &format!("-{}", unused.requests), unused.epoch)
    }

    /// A sign of life of this node, or its goodbye.
    pub(super) fn alive(&self, node: &str, holds: Duration) -> Call<'_> {
        let key = format!("{}:{{nodes}}", self.prefix);
        Call { script: &self.nodes, arguments: texts([&key, node, &holds.as_millis().to_string()]) }
    }

    fn change(&self, counter: Key, limit: Limit, want: &str, epoch: u64) -> Call<'_> {
        // In a Redis Cluster what stands in braces says which node of it has the key.
        let key = |kind| format!("{}:{kind}:{{{:032x}}}", self.prefix, counter.to_u128());
        match limit {
            Limit::Rate(rate) => {
                let (milli, burst) = (rate.milli_per_second().to_string(), rate.burst().to_string());
                Call { script: &self.rate, arguments: texts([&key('r'), &milli, &burst, want]) }
            }
            Limit::Count { limit, period } => {
                let (limit, epoch) = (limit.to_string(), epoch.to_string());
                Call { script: &self.count, arguments: texts([&key('q'), &limit, want, period.name(), &epoch]) }
            }
        }
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Box<[u8]>> {
    texts.into_iter().map(|text| Box::from(text.as_bytes())).collect()
}

/// What the answer to [`Scripts::take`] says; none if it is not one.
pub(super) fn answer(numbers: &[i64]) -> Option<Answer> {
    let number = |at: usize| numbers.get(at).and_then(|number| u64::try_from(*number).ok());
    Some(Answer {
        granted: number(0)?,
        remaining: number(1)?,
        retry_after: Duration::from_micros(number(2)?),
        reset_after: Duration::from_micros(number(3)?),
        epoch: if numbers.len() > 4 { number(4)? } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::bucket::Rate;
    use limits::window::Period;

    #[test]
    fn a_call_names_one_key_and_has_a_hash_tag() {
        let scripts = Scripts::new("gate");
        let rate = Limit::Rate(Rate::new(1_500, 7).expect("within bounds"));
        let count = Limit::Count { limit: 9, period: Period::Month };
        let unused = Unused { requests: 3, epoch: 86_400 };
        for (call, key, rest) in [
            (scripts.take(Key::from_u128(1), rate, 5), "gate:r:{00000000000000000000000000000001}", "1500 7 5"),
            (
                scripts.give_back(Key::from_u128(1), rate, unused),
                "gate:r:{00000000000000000000000000000001}",
                "1500 7 -3",
            ),
            (scripts.take(Key::from_u128(255), count, 2), "gate:q:{000000000000000000000000000000ff}", "9 2 month 0"),
            (
                scripts.give_back(Key::from_u128(1), count, unused),
                "gate:q:{00000000000000000000000000000001}",
                "9 -3 month 86400",
            ),
            (scripts.alive("n1", SIGN_HOLDS), "gate:{nodes}", "n1 5000"),
        ] {
            let said: Vec<String> =
                call.arguments.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            assert_eq!(said.join(" "), format!("{key} {rest}"));
        }
    }

    #[test]
    fn an_answer_that_is_none_is_not_taken_for_one() {
        assert_eq!(answer(&[1, 2, 3]), None);
        assert_eq!(answer(&[-1, 2, 3, 4]), None);
        let expected = Answer {
            granted: 1,
            remaining: 2,
            retry_after: Duration::from_micros(3),
            reset_after: Duration::from_micros(4),
            epoch: 5,
        };
        assert_eq!(answer(&[1, 2, 3, 4, 5]), Some(expected));
        assert_eq!(answer(&[1, 2, 3, 4]), Some(Answer { epoch: 0, ..expected }));
    }
}
